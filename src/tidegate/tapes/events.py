"""What a tape tells, as values."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from tidegate.client import Side

ADD: Final = "A"  # a limit order that rests
CANCEL: Final = "C"  # it is taken away, all that is left: price and quantity say nothing
MODIFY: Final = "M"  # it has another price, or another size left to trade
FILL: Final = "F"  # what a trade did to it: an outcome, so it is not played
TRADE: Final = "T"  # an aggressive order traded; the side is its own
PRINT: Final = "P"  # a trade of a tape that knows no orders: both sides of it are played

NAMELESS: Final = ("", "0")  # what tapes say of trades whose order they do not know


class TapeError(Exception):
    """A tape that can not be read or played; the text names file, line, column and rule."""


class TapeEvent(NamedTuple):
    """`time_ns` counts from 1970, or from wherever the tape begins. Price and quantity are those to
    enter, scaled; 0 of a cancel. `order` names an order within the tape; `display` is what an
    iceberg shows."""

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


def joined(events: Iterator[TapeEvent | None]) -> Iterator[TapeEvent | None]:
    """Trades of one order that stand together, one for each price that it reached, as one event up
    to the last of these prices: that is how it came. Orders without a name stay apart; a None, of
    rows that are left out, parts nothing. Raises as `events` does, behind all that came before."""
    held: TapeEvent | None = None
    try:
        for event in events:
            if event is None:
                yield None
                continue
            if held is not None:
                if _is_of(held, event):
                    held = held._replace(price=event.price, qty=held.qty + event.qty)
                    continue
                yield held
                held = None
            if event.action == TRADE and event.order not in NAMELESS:
                held = event
            else:
                yield event
    except TapeError as error:
        if held is not None:
            yield held
        raise error from None
    if held is not None:
        yield held


def _is_of(held: TapeEvent, event: TapeEvent) -> bool:
    return (held.action, held.order, held.symbol, held.side, held.time_ns) == (
        event.action,
        event.order,
        event.symbol,
        event.side,
        event.time_ns,
    )
