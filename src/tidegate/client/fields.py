"""Values as they go to the wire, checked before: an error names the field and the rule.

Fields are given by their tag as it stands there, `b"44="`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from tidegate.model.time import utc_timestamp
from tidegate.wire.dictionary import field_name

Number = Decimal | int | str

_TIME_NS_MAX: Final = (1 << 63) - 1
_NUMBER: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_FIELDS: Final = re.compile(rb"(?:[0-9]+=[^\x01]*\x01)*")


def text(tag: bytes, value: str) -> bytes:
    """Raises `TypeError` for what is no text, `ValueError` for one that can not be sent."""
    if not isinstance(value, str):
        raise TypeError(f"{name_of(tag)} is of type {type(value).__name__}; give text")
    if "\x01" in value:
        raise ValueError(f"{name_of(tag)} is {value!r}: SOH ends a field and can not be in it")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name_of(tag)} is {value!r}: half a character can not be sent") from None


def number(tag: bytes, value: Number) -> bytes:
    """Digit by digit as it is given. Raises `TypeError` for other types, a `float` above all, and
    `ValueError` for a text or a Decimal that is no decimal number."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        kind = type(value).__name__
        raise TypeError(f"{name_of(tag)} is of type {kind}; give a Decimal, an int or text")
    digits = format(value, "f") if isinstance(value, Decimal) else str(value)
    if _NUMBER.fullmatch(digits) is None:
        raise ValueError(f"{name_of(tag)} is {digits!r}; give digits, with a point at most")
    return digits.encode()


def time(tag: bytes, time_ns: int) -> bytes:
    """Nanoseconds since 1970 UTC. Raises `TypeError` for another type than `int`, and
    `ValueError` for what 64 bits do not hold."""
    if isinstance(time_ns, bool) or not isinstance(time_ns, int):
        kind = type(time_ns).__name__
        raise TypeError(f"{name_of(tag)} is of type {kind}; give nanoseconds since 1970, an int")
    if not 0 <= time_ns <= _TIME_NS_MAX:
        raise ValueError(f"{name_of(tag)} is {time_ns}; give nanoseconds since 1970")
    return utc_timestamp(time_ns)


def ready(name: str, fields: bytes) -> bytes:
    """Fields that are ready, and the parameter they came by. Raises `TypeError` or `ValueError` for
    what would spoil the frame around them."""
    if not isinstance(fields, bytes):
        raise TypeError(f"{name} is of type {type(fields).__name__}; give bytes")
    if _FIELDS.fullmatch(fields) is None:
        raise ValueError(f"{name} is {fields!r}; give fields as tag=value, each ended by SOH")
    return fields


def name_of(tag: bytes) -> str:
    """As errors name a field: `Price (44)`."""
    return f"{field_name(int(tag[:-1]))} ({tag[:-1].decode()})"
