"""What a tape tells, as values."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from tidegate.client import Side

ADD: Final = "A"  # a limit order that rests
CANCEL: Final = "C"  # it is taken away, all that is left
MODIFY: Final = "M"  # it has another price, or another size left to trade
FILL: Final = "F"  # what a trade did to it: an outcome, so it is not played
TRADE: Final = "T"  # an aggressive order traded; the side is its own
PRINT: Final = "P"  # a trade of a tape that knows no orders: both sides of it are played


class TapeError(Exception):
    """A tape that can not be read or played; the text names file, line, column and rule."""


class TapeEvent(NamedTuple):
    """`time_ns` counts from 1970, or from wherever the tape begins. Price and quantity are those to
    enter, scaled. `order` names an order within the tape; `display` is what an iceberg shows."""

    time_ns: int
    action: str
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    order: str
    display: Decimal | None
    line: int


def at(path: Path, line: int, column: str, rule: str) -> TapeError:
    """An error with its place."""
    where = f", column {column}" if column else ""
    return TapeError(f"{path}: line {line}{where}: {rule}")
