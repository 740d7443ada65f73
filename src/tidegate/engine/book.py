"""The book of one instrument: resting orders by price and time. Nothing else: no money, no events.

Adding, reducing and removing an order cost the same however many orders rest; only the first order
at a price and the last one to leave it touch the sorted ladder.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.engine.ladder import PriceLadder
from tidegate.engine.order import Order
from tidegate.model.orders import BUY


class PriceLevel:
    """The orders at one price, first come first, linked through `Order.previous` and `.next`."""

    def __init__(self, price: int) -> None:
        self.price = price
        self.total_lots = 0  # of what the orders show
        self.count = 0
        self.first: Order | None = None
        self.last: Order | None = None

    def __iter__(self) -> Iterator[Order]:
        """Orders in time priority. The level must not change meanwhile."""
        order = self.first
        while order is not None:
            yield order
            order = order.next

    def append(self, order: Order) -> None:
        last = self.last
        order.previous = last
        order.next = None
        if last is None:
            self.first = order
        else:
            last.next = order
        self.last = order
        self.total_lots += order.leaves_lots - order.hidden_lots
        self.count += 1

    def unlink(self, order: Order) -> None:
        before = order.previous
        after = order.next
        if before is None:
            self.first = after
        else:
            before.next = after
        if after is None:
            self.last = before
        else:
            after.previous = before
        order.previous = None
        order.next = None
        self.total_lots -= order.leaves_lots - order.hidden_lots
        self.count -= 1


class BookSide:
    """All bids or all asks. `best` is the level that trades first."""

    def __init__(self, *, bids: bool) -> None:
        self._bids = bids
        self._ladder = PriceLadder(descending=bids)
        self._levels: dict[int, PriceLevel] = {}
        self.best: PriceLevel | None = None
        self.total_lots = 0  # of all orders, hidden or not: tells at once what can not fill

    def __len__(self) -> int:
        """The number of prices at which orders rest."""
        return len(self._levels)

    def __iter__(self) -> Iterator[PriceLevel]:
        """Levels from the best outward. The side must not change meanwhile."""
        for price in self._ladder:
            yield self._levels[price]

    def level(self, price: int) -> PriceLevel | None:
        return self._levels.get(price)

    def within(self, price: int, limit: int) -> bool:
        """Whether an order of the other side with this price limit takes what rests at `price`."""
        return price >= limit if self._bids else price <= limit

    def add(self, order: Order) -> None:
        price = order.price
        level = self._levels.get(price)
        if level is None:
            level = PriceLevel(price)
            self._levels[price] = level
            self._ladder.insert(price)
            best = self.best
            if best is None or self.within(price, best.price):
                self.best = level
        level.append(order)
        self.total_lots += order.leaves_lots

    def remove(self, order: Order) -> None:
        level = self._levels[order.price]
        self.total_lots -= order.leaves_lots
        level.unlink(order)
        if level.count == 0:
            del self._levels[level.price]
            self._ladder.remove(level.price)
            if level is self.best:
                self.best = self._levels[self._ladder.best()] if self._levels else None

    def take(self, order: Order, lots: int) -> None:
        self._levels[order.price].total_lots -= lots
        self.total_lots -= lots

    def reduce(self, order: Order, lots: int) -> None:
        of_hidden = min(lots, order.hidden_lots)
        order.hidden_lots -= of_hidden
        self._levels[order.price].total_lots -= lots - of_hidden
        self.total_lots -= lots

    def hide(self, order: Order, lots: int) -> None:
        order.hidden_lots += lots
        self._levels[order.price].total_lots -= lots


class OrderBook:
    """Both sides of one instrument. The caller never adds an order that would match."""

    def __init__(self) -> None:
        self.bids = BookSide(bids=True)
        self.asks = BookSide(bids=False)
        self._last_place = 0

    def side(self, side: int) -> BookSide:
        """The side on which orders of `side` (54) rest."""
        return self.bids if side == BUY else self.asks

    def opposite(self, side: int) -> BookSide:
        """The side that orders of `side` (54) trade with."""
        return self.asks if side == BUY else self.bids

    def add(self, order: Order, now_ns: int) -> None:
        """Puts an order at the back of its price; an iceberg shows its display quantity."""
        order.queued_ns = now_ns
        if order.display_lots:
            order.hidden_lots = max(0, order.leaves_lots - order.display_lots)
        self.restore(order)

    def restore(self, order: Order) -> None:
        """Puts an order at the back of its price with what it shows and hides already."""
        assert not order.resting
        self._last_place += 1
        order.place = self._last_place
        self.side(order.side).add(order)
        order.resting = True

    def remove(self, order: Order) -> None:
        """Takes out a resting order, whose price and leaves are still those it rests with."""
        assert order.resting
        self.side(order.side).remove(order)
        order.resting = False

    def take(self, order: Order, lots: int) -> None:
        """A fill of what a resting order shows. The caller lowers its leaves by `lots`."""
        assert order.resting
        self.side(order.side).take(order, lots)

    def reduce(self, order: Order, lots: int) -> None:
        """Makes a resting order smaller in its place; an iceberg gives of its hidden part first.
        The caller lowers its leaves by `lots`."""
        assert order.resting
        self.side(order.side).reduce(order, lots)

    def uncover(self, order: Order, lots: int) -> None:
        """Shows `lots` of what a resting iceberg hides. It keeps its place."""
        assert order.resting
        self.side(order.side).hide(order, -lots)

    def set_display(self, order: Order, display_lots: int) -> None:
        """Gives a resting iceberg another display quantity. It keeps its place: it shows less at
        once, and more when it shows again."""
        assert order.resting
        order.display_lots = display_lots
        shown = order.leaves_lots - order.hidden_lots
        if shown > display_lots:
            self.side(order.side).hide(order, shown - display_lots)

    def first_match(self, side: int, limit: int) -> Order | None:
        """The resting order that an order of `side` with price `limit` trades with first."""
        opposite = self.opposite(side)
        best = opposite.best
        if best is None or not opposite.within(best.price, limit):
            return None
        return best.first
