"""Numbers in columns: every digit there is room for, and no more."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

_SUFFIXES = ("", "k", "M", "G", "T")


def fitted(value: Decimal, width: int, decimals: int = 8) -> str:
    """The number with up to `decimals` decimals in at most `width` characters. Decimals that do not
    fit are cut off; a whole number that does not is shown in thousands, millions and so on."""
    for places in range(decimals, -1, -1):
        text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_DOWN):f}"
        if len(text) <= width:
            return text
    for power, suffix in enumerate(_SUFFIXES[1:], 1):
        shortened = int(value) // 1000**power
        if shortened and len(f"{shortened}{suffix}") <= width:
            return f"{shortened}{suffix}"
    return "#" * width
