"""What a change of the book is to those who see its best levels only.

A window of a side is everything from its *edge* upward (`PublicSide.edge`). What lies between the
edge before a change and the edge after it has come into the window or left it: found by two
searches, so the work is that of the change and of the levels that crossed the edge.

The entries of one message are removals, then changes, then what is new: whoever applies them in
order never holds more than the window.
"""

from __future__ import annotations

from tidegate.marketdata.entries import CHANGE, DELETE, NEW, Entries
from tidegate.marketdata.levels import PublicLevel, PublicOrder, PublicSide
from tidegate.marketdata.shapes import LEVEL_3, Shape


class Window:
    """A book shape that somebody watches. `watchers` counts them; the edges are those that the
    watchers know."""

    def __init__(self, shape: Shape, asks: PublicSide, bids: PublicSide) -> None:
        self.shape = shape
        self.watchers = 0
        self._asks_edge = asks.edge(shape.depth)
        self._bids_edge = bids.edge(shape.depth)
        self._removed: list[bytes] = []
        self._changed: list[bytes] = []
        self._added: list[bytes] = []

    def entries(self, asks: PublicSide, bids: PublicSide, entries: Entries) -> list[bytes]:
        """The entries that bring the watchers from the last flush to this one, MDUpdateAction
        included; none where the change is beyond the window."""
        asks_edge = asks.edge(self.shape.depth)
        bids_edge = bids.edge(self.shape.depth)
        if self.shape.level == LEVEL_3:
            self._order_entries(asks, self._asks_edge, asks_edge, entries)
            self._order_entries(bids, self._bids_edge, bids_edge, entries)
        else:
            self._level_entries(asks, self._asks_edge, asks_edge, entries)
            self._level_entries(bids, self._bids_edge, bids_edge, entries)
        self._asks_edge = asks_edge
        self._bids_edge = bids_edge
        found = self._removed + self._changed + self._added
        self._removed = []
        self._changed = []
        self._added = []
        return found

    def _level_entries(self, side: PublicSide, before: int, after: int, entries: Entries) -> None:
        for level in side.touched_levels:
            was_in = level.told_lots != 0 and level.key >= before
            is_in = level.lots != 0 and level.key >= after
            if was_in and is_in:
                if level.lots != level.told_lots:
                    self._changed.append(CHANGE + entries.level(level))
            elif was_in:
                self._removed.append(DELETE + entries.level(level))
            elif is_in:
                self._added.append(NEW + entries.level(level))
        for level in side.span(before, after):
            if not level.touched:
                self._removed.append(DELETE + entries.level(level))
        for level in side.span(after, before):
            if not level.touched:
                self._added.append(NEW + entries.level(level))

    def _order_entries(self, side: PublicSide, before: int, after: int, entries: Entries) -> None:
        arrived: list[PublicOrder] = []  # at levels that were seen and still are
        for order in side.touched_orders:
            level = order.level
            if level.key < before:
                continue
            if order.told_lots != 0 and order.lots == 0:
                self._removed.append(DELETE + entries.order(order))
            elif level.key < after or level.told_lots == 0:
                continue  # the level as a whole goes or comes
            elif order.told_lots == 0 and order.lots != 0:
                arrived.append(order)
            elif order.lots != order.told_lots:
                self._changed.append(CHANGE + entries.order(order))
        for level in side.span(before, after):
            for order in level.orders.values():
                if order.told_lots != 0:
                    self._removed.append(DELETE + entries.order(order))
        if len(arrived) > 1:
            arrived.sort(key=_place)
        for order in arrived:
            self._added.append(NEW + entries.order(order))
        for level in side.touched_levels:
            if level.told_lots == 0 and level.lots != 0 and level.key >= after:
                self._add_level(level, entries)
        for level in side.span(after, before):
            if level.told_lots != 0:
                self._add_level(level, entries)

    def _add_level(self, level: PublicLevel, entries: Entries) -> None:
        for order in level.orders.values():
            self._added.append(NEW + entries.order(order))


def _place(order: PublicOrder) -> int:
    return order.place
