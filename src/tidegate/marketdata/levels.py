"""One side of a public book: what each order shows, by price level and queue.

Orders and levels remember what was told of them last (`told_lots`), so that a flush knows the
difference without a copy of the book. What ends stays reachable through the side's list of what was
touched until the flush is over.

A level's *key* rises with how good its price is, on both sides: the price itself for bids, its
negative for offers. `keys` is sorted, so the best level is at its end, where most changes are.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

from tidegate.model.orders import BUY

EVERYTHING: Final = -2 * 10**18  # below every key: prices have at most 18 digits
NONE_LATE: Final = -1  # places are above it


class PublicOrder:
    """What the public sees of a resting order in one place of one queue. An order that goes to the
    back of a queue is another PublicOrder. Of one that has left its place `lots` are 0."""

    def __init__(
        self, level: PublicLevel, order_id: bytes, lots: int, queued_ns: int, place: int
    ) -> None:
        self.level = level
        self.order_id = order_id
        self.lots = lots
        self.queued_ns = queued_ns
        self.place = place  # rises from order to order as they queue
        self.told_lots = 0
        self.changed_ns = 0
        self.touched = False
        self.entry: bytes = b""  # rendered, empty where it has to be rendered anew
        self.digits: bytes = b""  # of the checksum, likewise


class PublicLevel:
    """The orders that show at one price, by place: in the order of their queue, but for those that
    were told out of turn since the last `sort`. `lots` is the sum of what they show, 0 where there
    is none left."""

    def __init__(self, price: int, key: int, *, bid: bool) -> None:
        self.price = price
        self.key = key
        self.bid = bid
        self.lots = 0
        self.orders: dict[int, PublicOrder] = {}
        self.last_place = 0
        self.late_place = NONE_LATE  # the first of those that were told out of turn
        self.told_lots = 0
        self.changed_ns = 0
        self.touched = False
        self.head: bytes = b""  # rendered: the fields that never change
        self.entry: bytes = b""  # rendered as a price level, empty where it has to be rendered anew
        self.digits: bytes = b""  # of the checksum of price levels, likewise
        self.order_digits: bytes = b""  # of the checksum of orders, likewise

    def queue(self, order: PublicOrder) -> None:
        """An order comes, in turn or not."""
        place = order.place
        if not self.orders:
            self.last_place = place
            self.late_place = NONE_LATE
        elif place > self.last_place:
            self.last_place = place
        elif self.late_place == NONE_LATE or place < self.late_place:
            self.late_place = place
        self.orders[place] = order

    def sort(self) -> None:
        """Bring what was told out of turn to its place. Nothing in front of it is looked at."""
        late_place = self.late_place
        if late_place == NONE_LATE:
            return
        self.late_place = NONE_LATE
        orders = self.orders
        behind: list[int] = []
        for place in reversed(orders):
            if place < late_place:
                break
            behind.append(place)
        behind.sort()
        for place in behind:
            orders[place] = orders.pop(place)


class PublicSide:
    """All bids or all offers."""

    def __init__(self, side: int) -> None:
        self.bid = side == BUY
        self.keys: list[int] = []
        self.levels: dict[int, PublicLevel] = {}
        self.touched_levels: list[PublicLevel] = []
        self.touched_orders: list[PublicOrder] = []
        self._emptied: dict[int, PublicLevel] = {}  # since the last flush

    def add(
        self, order_id: bytes, price: int, lots: int, queued_ns: int, place: int
    ) -> PublicOrder:
        """An order comes to its place in the queue of a price."""
        key = price if self.bid else -price
        level = self.levels.get(key)
        if level is None:
            level = self._emptied.pop(key, None) or PublicLevel(price, key, bid=self.bid)
            self.levels[key] = level
            insort(self.keys, key)
        order = PublicOrder(level, order_id, lots, queued_ns, place)
        level.queue(order)
        self._change(order, lots)
        return order

    def resize(self, order: PublicOrder, lots: int) -> None:
        """The order shows more or less in its place."""
        more = lots - order.lots
        order.lots = lots
        self._change(order, more)

    def remove(self, order: PublicOrder) -> None:
        """The order leaves its place."""
        level = order.level
        less = order.lots
        order.lots = 0
        del level.orders[order.place]
        self._change(order, -less)
        if level.lots == 0:
            del self.levels[level.key]
            del self.keys[bisect_left(self.keys, level.key)]
            self._emptied[level.key] = level

    def _change(self, order: PublicOrder, more: int) -> None:
        level = order.level
        level.lots += more
        if not order.touched:
            order.touched = True
            self.touched_orders.append(order)
        if not level.touched:
            level.touched = True
            self.touched_levels.append(level)

    def edge(self, depth: int) -> int:
        """The lowest key in a window of that many levels; `EVERYTHING` where it shows all."""
        keys = self.keys
        count = len(keys)
        return EVERYTHING if depth == 0 or count < depth else keys[count - depth]

    def span(self, low: int, high: int) -> list[PublicLevel]:
        """The levels with keys from `low` to below `high`, best first."""
        keys = self.keys
        first = bisect_left(keys, low)
        place = bisect_left(keys, high)
        found: list[PublicLevel] = []
        while place > first:
            place -= 1
            found.append(self.levels[keys[place]])
        return found

    def best(self, depth: int) -> list[PublicLevel]:
        """The best levels, at most `depth` of them (0: all), best first."""
        keys = self.keys
        place = len(keys)
        first = 0 if depth == 0 else max(0, place - depth)
        found: list[PublicLevel] = []
        while place > first:
            place -= 1
            found.append(self.levels[keys[place]])
        return found

    def stamp(self, time_ns: int) -> None:
        """What was touched is as of `time_ns`: before a flush looks at it. Levels come into the
        order of their keys, best first, orders into that of their queues."""
        for order in self.touched_orders:
            if order.lots != order.told_lots:
                order.changed_ns = time_ns
                order.entry = b""
                order.digits = b""
                order.level.order_digits = b""
        for level in self.touched_levels:
            level.sort()
            level.order_digits = b""
            if level.lots != level.told_lots:
                level.changed_ns = time_ns
                level.entry = b""
                level.digits = b""
        if len(self.touched_levels) > 1:
            self.touched_levels.sort(key=_falling_key)

    def settle(self) -> None:
        """What was touched is told."""
        for order in self.touched_orders:
            order.touched = False
            order.told_lots = order.lots
        for level in self.touched_levels:
            level.touched = False
            level.told_lots = level.lots
        self.touched_orders = []
        self.touched_levels = []
        self._emptied.clear()


def _falling_key(level: PublicLevel) -> int:
    return -level.key
