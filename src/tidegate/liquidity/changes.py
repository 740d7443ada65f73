"""From the orders that are open to the quotes that are wanted, in few messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.client import Side
from tidegate.liquidity.plan import Quote

TOLERANCE_PERCENT: Final = 25  # by which what is left of an order may differ from what is wanted


@dataclass(frozen=True, slots=True)
class OpenQuote:
    """An order of the maker in the book. `cum_lots` of it are filled, `leaves_lots` are left."""

    order_id: str
    cl_ord_id: str
    side: Side
    price: int
    cum_lots: int
    leaves_lots: int


@dataclass(frozen=True, slots=True)
class Change:
    """Have `wanted` in the place of `order`: a new order where there is none, a cancel where
    nothing is wanted, an amend of both."""

    order: OpenQuote | None
    wanted: Quote | None


def changes(wanted: Sequence[Quote], open_quotes: Sequence[OpenQuote], first: Side) -> list[Change]:
    """What to send, side `first` first: the one that the reference moves away from, so that the
    maker's own bids and asks do not meet on the way.

    A quote keeps its order while price and, roughly, size are right; then it keeps its place in the
    queue as well. What rests at a price nobody wants is amended to one that is missing.
    """
    found: list[Change] = []
    second = Side.BUY if first == Side.SELL else Side.SELL
    for side in (first, second):
        missing = {quote.price: quote for quote in wanted if quote.side == side}
        spare: list[OpenQuote] = []
        resized: list[Change] = []
        for order in (one for one in open_quotes if one.side == side):
            quote = missing.pop(order.price, None)
            if quote is None:
                spare.append(order)
            elif not _is_near(order.leaves_lots, quote.lots):
                resized.append(Change(order, quote))
        found += _moves(spare, list(missing.values()), side)
        found += resized
    return found


def _moves(spare: list[OpenQuote], missing: list[Quote], side: Side) -> list[Change]:
    """The worst prices are amended to the missing ones; what is over on either hand is cancelled or
    entered. Cancels come first: they free the money for the rest."""
    spare.sort(key=lambda order: order.price, reverse=side == Side.SELL)
    pairs = min(len(spare), len(missing))
    return [
        *(Change(order, None) for order in spare[pairs:]),
        *(Change(order, quote) for order, quote in zip(spare, missing, strict=False)),
        *(Change(None, quote) for quote in missing[pairs:]),
    ]


def _is_near(leaves_lots: int, lots: int) -> bool:
    return abs(leaves_lots - lots) * 100 <= lots * TOLERANCE_PERCENT
