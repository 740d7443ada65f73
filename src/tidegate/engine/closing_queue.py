"""Who closes a position first: the line in which an account's resting margin orders of one side and
pair would trade.

Before the last lot of an order may trade, so much of the others may have:

- at a better price all of it;
- at its own price what those show that stand before it; an iceberg goes to the back of its price
  each time it shows again, so all that stands there may trade before its last lot;
- of anything else nothing.

More can never have traded before it, in whatever way a larger order goes through them: others may
be canceled on that way, none can be overtaken. (A fill by the house asks for no place; it comes
alone, and there is the whole position for it to close then.)
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from tidegate.engine.order import Order
from tidegate.model.orders import BUY

BACK: Final = 10**18  # a place behind every order that rests


@mypyc_attr(acyclic=True)
class Queued:
    """An order as it rests, or would rest, with `lots` open at a price. `before_lots` is what
    `count_before` finds."""

    def __init__(self, order: Order, price: int, lots: int, place: int) -> None:
        self.order = order
        self.price = price
        self.lots = lots
        self.place = place
        self.shown_lots = lots - order.hidden_lots
        self.before_lots = 0

    def opening_lots(self, position_lots: int) -> int:
        """What of it opens where there are so many lots to close."""
        if self.order.reduce_only:
            return 0
        return max(0, self.lots - max(0, position_lots - self.before_lots))


class Gone:
    """Who leaves a line while it is gone through, first to last."""

    def __init__(self) -> None:
        self._price = 0
        self._better_lots = 0
        self._price_lots = 0  # at the price of the latest
        self._shown_lots = 0

    def add(self, one: Queued) -> None:
        """It has left."""
        if one.price != self._price:
            self._price = one.price
            self._better_lots += self._price_lots
            self._price_lots = 0
            self._shown_lots = 0
        self._price_lots += one.lots
        self._shown_lots += one.shown_lots

    def take_off(self, one: Queued) -> None:
        """Those that have left are not before it any more."""
        lots = self._price_lots
        if one.price == self._price and not one.order.display_lots:
            lots = self._shown_lots
        one.before_lots -= self._better_lots + lots


def queued(order: Order) -> Queued:
    """An order that rests."""
    return Queued(order, order.price, order.leaves_lots, order.place)


def count_before(queue: list[Queued]) -> None:
    """Sorts orders of one account, pair and side into the line in which they trade and finds what
    may trade before each of them."""
    queue.sort(key=_rank)
    better_lots = 0
    start = 0
    while start < len(queue):
        price = queue[start].price
        end = start
        price_lots = 0
        while end < len(queue) and queue[end].price == price:
            price_lots += queue[end].lots
            end += 1
        shown_lots = 0
        for place in range(start, end):
            one = queue[place]
            if one.order.display_lots:
                one.before_lots = better_lots + price_lots - one.lots
            else:
                one.before_lots = better_lots + shown_lots
            shown_lots += one.shown_lots
        better_lots += price_lots
        start = end


def _rank(one: Queued) -> tuple[int, int]:
    """Rises towards the end of the line."""
    return (-one.price if one.order.side == BUY else one.price, one.place)
