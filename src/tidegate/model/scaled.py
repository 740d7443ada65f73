"""Scaled integers: prices, quantities and money without floats.

A price is counted in units of its instrument's last price decimal, a quantity in lots (1e-8 of the
base asset on every pair), money in 1e-10 of the asset. Products are exact; every division names
its rounding.
"""

from __future__ import annotations

from typing import Final

LOT_DECIMALS: Final = 8
MONEY_DECIMALS: Final = 10
LOT_MONEY: Final = 10 ** (MONEY_DECIMALS - LOT_DECIMALS)  # money units in a lot of the base asset
RATE_UNIT: Final = 1_000_000  # fee rates are counted in millionths: 0.25 % is 2,500

POWERS_OF_TEN: Final[list[int]] = [10**n for n in range(40)]


def ceil_div(numerator: int, denominator: int) -> int:
    """Division rounded up; the numerator is not negative."""
    return -(-numerator // denominator)


def to_text(value: int, decimals: int) -> str:
    """A scaled integer as a plain decimal without trailing zeros: `to_text(8400050, 2)` is
    `84000.5`."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), POWERS_OF_TEN[decimals])
    if rest == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:0{decimals}d}".rstrip("0")


def from_text(text: str, decimals: int) -> int:
    """A plain decimal as a scaled integer. Raises `ValueError` for anything else, for more
    decimals than there are, and for signs and exponents: configuration has no use for them."""
    whole, point, rest = text.partition(".")
    if not (whole.isascii() and whole.isdigit()):
        raise ValueError(f"{text!r} is not a plain decimal number")
    if point and not (rest.isascii() and rest.isdigit()):
        raise ValueError(f"{text!r} is not a plain decimal number")
    rest = rest.rstrip("0")
    if len(rest) > decimals:
        raise ValueError(f"{text!r} has more than {decimals} decimals")
    return int(whole) * POWERS_OF_TEN[decimals] + int(rest.ljust(decimals, "0") or "0")
