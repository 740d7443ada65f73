"""Texts of a configuration file as values. Each function raises `ValueError` whose message goes
behind the name of the field: `must be a time of day ...`."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Final

from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, from_text

PERCENT_DECIMALS: Final = 4  # 1e-4 percent is one millionth, the unit of the core's rates
PERCENT_UNITS_MAX: Final = 1_000_000  # 100 %
WHOLE_DIGITS_MAX: Final = 18  # of any decimal; far above all the money there is

_DECIMAL: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])", re.ASCII)
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*",
    re.ASCII,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def decimal(text: str, decimals: int) -> int:
    """A plain decimal in units of `10**-decimals`."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f'must be a plain decimal number such as "0.5", not "{text}"')
    if len(match[1].lstrip("0")) > WHOLE_DIGITS_MAX:
        raise ValueError(f"must have at most {WHOLE_DIGITS_MAX} digits before the point")
    if match[2] and len(match[2].rstrip("0")) > decimals:
        raise ValueError(f"must have at most {decimals} decimals, and {text} has more")
    return from_text(text, decimals)


def money(text: str) -> int:
    """An amount in 1e-10 of its asset."""
    return decimal(text, MONEY_DECIMALS)


def lots(text: str) -> int:
    """A quantity in 1e-8 of its asset."""
    return decimal(text, LOT_DECIMALS)


def centi(text: str) -> int:
    """A number in hundredths."""
    return decimal(text, 2)


def rate(text: str) -> int:
    """A percentage in millionths."""
    units = decimal(text, PERCENT_DECIMALS)
    if units > PERCENT_UNITS_MAX:
        raise ValueError(f"must be from 0 to 100 percent, not {text}")
    return units


def second_of_day(text: str) -> int:
    """A UTC time of day in whole seconds since midnight."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f'must be a time of day in UTC such as "22:00:00", not "{text}"')
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])


def network(text: str) -> Network:
    """An address block in CIDR form; a plain address is a block of one."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        wide = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f'must be an address block such as "10.0.0.0/8" or "2001:db8::/32", not "{text}"'
        ) from None
    raise ValueError(f'names an address inside a block; the block of "{text}" is "{wide}"')


def secret(text: str) -> bytes:
    """The bytes of a base64 API secret. Messages never repeat it."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64, with padding") from None
    if not value:
        raise ValueError("must not be empty; leave it out to have one generated")
    return value


def host(text: str) -> str:
    """An IP address or a host name, unchanged."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # A name whose last part is a number is an address with a mistake in it.
        numeric = text.rpartition(".")[2].isdigit()
        if numeric or _HOST_NAME.fullmatch(text) is None:
            raise ValueError(f'must be an IP address or a host name, not "{text}"') from None
    return text


def is_loopback(host_text: str) -> bool:
    """Whether only this machine can reach a listener on `host_text`."""
    if host_text == "localhost":
        return True
    try:
        return ipaddress.ip_address(host_text).is_loopback
    except ValueError:
        return False
