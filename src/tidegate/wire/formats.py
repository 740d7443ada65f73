"""The text forms of FIX's data types: is this value one of its type?

As everywhere in this room there are two bodies: loops over the bytes (`..._bytes`) for the compiled
core, methods of `bytes` (`..._searching`) for the interpreted one. Tests hold them equal.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from tidegate.model.limits import NUMBER_DIGITS_MAX
from tidegate.model.time import parse_utc_timestamp
from tidegate.wire.message import MINUS, POINT, ZERO

DECIMAL_BYTES_MAX: Final = 40  # of a price, quantity or amount; more is no honest number

_NINE: Final = 57
_SPACE: Final = 32
_TILDE: Final = 126
_DELETE: Final = 127
_DASH: Final = 45
_COLON: Final = 58

_PRINTABLE: Final[bytes] = bytes(range(_SPACE, _TILDE + 1))
_CONTROL: Final[bytes] = bytes([*range(_SPACE), _DELETE])
_DIGITS: Final[bytes] = b"0123456789"


def string_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A String: printable ASCII."""
    position = start
    while position < end:
        code: i64 = data[position]
        if code < _SPACE or code > _TILDE:
            return False
        position += 1
    return True


def string_searching(text: bytes) -> bool:
    return not text.translate(None, _PRINTABLE)


def text_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A String meant for people (Text, 58): any encoding, but no control characters."""
    position = start
    while position < end:
        code: i64 = data[position]
        if code < _SPACE or code == _DELETE:
            return False
        position += 1
    return True


def text_searching(text: bytes) -> bool:
    return len(text) == len(text.translate(None, _CONTROL))


def unsigned_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A SeqNum, Length or NumInGroup: one to eighteen digits."""
    if end - start > NUMBER_DIGITS_MAX or end == start:
        return False
    position = start
    while position < end:
        code: i64 = data[position]
        if code < ZERO or code > _NINE:
            return False
        position += 1
    return True


def unsigned_searching(text: bytes) -> bool:
    return len(text) <= NUMBER_DIGITS_MAX and text.isdigit()


def decimal_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A Price, Qty or Amt: an optional minus, digits, at most one point; no plus, no exponent.
    Sign, size and precision are judged elsewhere."""
    if end - start > DECIMAL_BYTES_MAX:
        return False
    position = start
    if position < end and data[position] == MINUS:
        position += 1
    digits_seen = False
    point_seen = False
    while position < end:
        code: i64 = data[position]
        position += 1
        if ZERO <= code <= _NINE:
            digits_seen = True
        elif code == POINT and not point_seen:
            point_seen = True
        else:
            return False
    return digits_seen


def decimal_searching(text: bytes) -> bool:
    if len(text) > DECIMAL_BYTES_MAX:
        return False
    body = text[1:] if text[:1] == b"-" else text
    whole, _, rest = body.partition(b".")
    return (whole + rest).isdigit()


def int_bytes(data: bytes, start: i64, end: i64) -> bool:
    """An int: an optional minus and one to eighteen digits."""
    if start < end and data[start] == MINUS:
        return unsigned_bytes(data, start + 1, end)
    return unsigned_bytes(data, start, end)


def int_searching(text: bytes) -> bool:
    return unsigned_searching(text[1:] if text[:1] == b"-" else text)


def _two_digits(data: bytes, position: i64) -> i64:
    """The number in two digits, -1 where they are none."""
    high: i64 = data[position]
    low: i64 = data[position + 1]
    if high < ZERO or high > _NINE or low < ZERO or low > _NINE:
        return -1
    return (high - ZERO) * 10 + (low - ZERO)


def _days_in_month(century: i64, year: i64, month: i64) -> i64:
    if month == 2:
        leap = year % 4 == 0 if year != 0 else century % 4 == 0
        return 29 if leap else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


def timestamp_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A UTCTimestamp that `model.time.parse_utc_timestamp` reads: none to nine decimals of a
    second, a day that exists, not before 1970 (time is counted from there)."""
    size = end - start
    if size < 17 or size == 18 or size > 27:
        return False
    if data[start + 8] != _DASH or data[start + 11] != _COLON or data[start + 14] != _COLON:
        return False
    century = _two_digits(data, start)
    year = _two_digits(data, start + 2)
    month = _two_digits(data, start + 4)
    day = _two_digits(data, start + 6)
    hour = _two_digits(data, start + 9)
    minute = _two_digits(data, start + 12)
    second = _two_digits(data, start + 15)
    if century < 19 or year < 0 or (century == 19 and year < 70):
        return False
    if hour < 0 or minute < 0 or second < 0:
        return False
    if month < 1 or month > 12 or day < 1 or day > _days_in_month(century, year, month):
        return False
    if hour > 23 or minute > 59 or second > 60:
        return False
    if size == 17:
        return True
    if data[start + 17] != POINT:
        return False
    position = start + 18
    while position < end:
        code: i64 = data[position]
        if code < ZERO or code > _NINE:
            return False
        position += 1
    return True


def timestamp_searching(text: bytes) -> bool:
    return parse_utc_timestamp(text) >= 0


def time_only_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A UTCTimeOnly: `HH:MM:SS`, and up to nine decimals of the second."""
    size = end - start
    if size < 8 or size == 9 or size > 18:
        return False
    if data[start + 2] != _COLON or data[start + 5] != _COLON:
        return False
    hour = _two_digits(data, start)
    minute = _two_digits(data, start + 3)
    second = _two_digits(data, start + 6)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return False
    if size == 8:
        return True
    return data[start + 8] == POINT and unsigned_bytes(data, start + 9, end)


def time_only_searching(text: bytes) -> bool:
    return parse_utc_timestamp(b"19700101-" + text) >= 0


def multiple_bytes(data: bytes, start: i64, end: i64) -> bool:
    """A MultipleValueString of the dialect: single characters, one space between each two."""
    if (end - start) & 1 == 0:
        return False
    position = start
    while position < end:
        code: i64 = data[position]
        if code <= _SPACE or code > _TILDE:
            return False
        if position + 1 < end and data[position + 1] != _SPACE:
            return False
        position += 2
    return True


def multiple_searching(text: bytes) -> bool:
    parts = text.split(b" ")
    return string_searching(text) and max([len(part) for part in parts]) == 1 and b"" not in parts
