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


def changes(wanted: Sequence[Quote], open_quotes: Sequence[OpenQuote]) -> list[Change]:
    """What to send, asks first where the new bids would meet the old asks, else bids first: so the
    maker's own orders never meet on the way, however far the reference has gone since.

    A quote keeps its order while price and, roughly, size are right; then it keeps its place in the
    queue as well. What rests at a price nobody wants is amended to one that is missing.
    """
    found: list[Change] = []
    bids = (quote.price for quote in wanted if quote.side == Side.BUY)
    asks = (order.price for order in open_quotes if order.side == Side.SELL)
    highest_bid = max(bids, default=-1)
    is_up = highest_bid >= min(asks, default=highest_bid + 1)
    for side in (Side.SELL, Side.BUY) if is_up else (Side.BUY, Side.SELL):
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
