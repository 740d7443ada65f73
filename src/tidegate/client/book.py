"""A venue's book as one subscription sees it: snapshots and updates go in, strictly in order.

    book = level_or_order_book("BTC/USD", level=2, depth=10)
    book.precision = (1, 8)            PricePrecision (2349) and QtyPrecision (5010)
    book.apply(message)                a `MarketDataSnapshot` or `MarketDataIncrement`
    book.bids, book.asks               price levels, best first

After each message the book is compared with its checksum (5041), where that covers what the
subscription sees. A message that does not fit raises a `BookFault` and leaves the book empty: from
there on only a new snapshot helps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from decimal import Decimal
from typing import Final, NamedTuple

from tidegate.client.market_data_messages import (
    Entry,
    MarketDataIncrement,
    MarketDataSnapshot,
    MDEntryType,
    MDUpdateAction,
)
from tidegate.wire.book_checksum import CHECKSUM_LEVELS, book_checksum

LEVELS_MAX: Final = 1_000  # of a Level 2 book whose depth is 0


class BookFault(Exception):
    """The book is not the venue's: the text says what shows it."""


class EntryDoesNotFit(BookFault):
    """An entry that the book before it has no place for."""


class ChecksumMismatch(BookFault):
    """All entries fitted, and yet the venue's book (5041) is another one."""


class Level(NamedTuple):
    """All there is at one price. `orders` is their number, 0 where the book is one of levels."""

    price: Decimal
    size: Decimal
    orders: int


class Order(NamedTuple):
    """One resting order of a Level 3 book. `queued_at` (5273) is its rank at its price."""

    order_id: str
    price: Decimal
    size: Decimal
    queued_at: str


class Book:
    """What both kinds of books have. `depth` is the number of price levels of a side that the
    venue keeps us informed of, 0 for the most there is. `is_live` tells whether there was a
    snapshot and no fault since; `is_verified` what the last message's checksum showed: None where
    there was nothing to compare (no checksum, unknown precision, a depth below ten)."""

    level = 2

    def __init__(self, symbol: str, depth: int) -> None:
        self.symbol = symbol
        self.depth = depth
        self.precision: tuple[int, int] | None = None
        self.is_live = False
        self.is_verified: bool | None = None
        # Prices of bids are kept negated: so the best of each side comes first.
        self._prices: dict[str, list[Decimal]] = {MDEntryType.BID: [], MDEntryType.OFFER: []}

    # --- reading --------------------------------------------------------------------------------

    @property
    def bids(self) -> list[Level]:
        """Best first."""
        return self.best(MDEntryType.BID)

    @property
    def asks(self) -> list[Level]:
        """Best first."""
        return self.best(MDEntryType.OFFER)

    def best(self, side: str, count: int | None = None) -> list[Level]:
        """The `count` best levels of a side (`MDEntryType`), all where none is given."""
        return [self._level(side, abs(price)) for price in self._prices[side][:count]]

    def checksum(self) -> int | None:
        """That of the ten best levels; None where the book does not reach so far or the precision
        of the instrument is not known."""
        if self.precision is None or 0 < self.depth < CHECKSUM_LEVELS:
            return None
        asks, bids = (self._texts(side) for side in (MDEntryType.OFFER, MDEntryType.BID))
        return book_checksum(asks, bids, *self.precision)

    # --- applying -------------------------------------------------------------------------------

    def apply(self, message: MarketDataSnapshot | MarketDataIncrement) -> None:
        """Bring the book up to a message. Trades in it are none of the book's business. Raises
        `BookFault`; the book is empty and not live then."""
        try:
            if message.symbol != self.symbol:
                raise EntryDoesNotFit(f"a book of {self.symbol} got entries of {message.symbol}")
            stated = None
            if isinstance(message, MarketDataSnapshot):
                self.clear()
            else:
                stated = message.checksum
                if not self.is_live:
                    raise EntryDoesNotFit("an update came before a snapshot")
            for entry in message.entries:
                if entry.entry_type != MDEntryType.TRADE:
                    self._apply_entry(entry)
            self._check_depth()
            self._verify(stated)
        except BookFault:
            self.clear()
            raise
        self.is_live = True

    def clear(self) -> None:
        """Forget everything, until a snapshot comes."""
        self.is_live = False
        self.is_verified = None
        for prices in self._prices.values():
            prices.clear()
        self._forget()

    def _apply_entry(self, entry: Entry) -> None:
        if entry.action != MDUpdateAction.DELETE and entry.size == 0:
            raise EntryDoesNotFit(f"{_shown(entry)} has no size")
        if entry.action == MDUpdateAction.NEW:
            self._add(entry)
        elif entry.action == MDUpdateAction.CHANGE:
            self._change(entry)
        else:
            self._remove(entry)

    def _check_depth(self) -> None:
        most = self._levels_max()
        for prices in self._prices.values():
            if most and len(prices) > most:
                raise EntryDoesNotFit(f"{len(prices)} levels on a side, and {most} were subscribed")

    def _verify(self, stated: int | None) -> None:
        own = None if stated is None else self.checksum()
        self.is_verified = None if own is None else own == stated
        if self.is_verified is False:
            raise ChecksumMismatch(f"checksum (5041) is {stated}, the book's is {own}")

    def _add_price(self, side: str, price: Decimal) -> None:
        insort(self._prices[side], -price if side == MDEntryType.BID else price)

    def _remove_price(self, side: str, price: Decimal) -> None:
        prices = self._prices[side]
        del prices[bisect_left(prices, -price if side == MDEntryType.BID else price)]

    # --- what differs ---------------------------------------------------------------------------

    def _level(self, side: str, price: Decimal) -> Level:
        raise NotImplementedError

    def _texts(self, side: str) -> list[tuple[bytes, bytes]]:
        """Price and size of each entry of the levels that the checksum covers."""
        raise NotImplementedError

    def _levels_max(self) -> int:
        """Of a side; 0 for any number."""
        raise NotImplementedError

    def _forget(self) -> None:
        raise NotImplementedError

    def _add(self, entry: Entry) -> None:
        raise NotImplementedError

    def _change(self, entry: Entry) -> None:
        raise NotImplementedError

    def _remove(self, entry: Entry) -> None:
        raise NotImplementedError


class LevelBook(Book):
    """Level 2: a size for each price."""

    def __init__(self, symbol: str, depth: int) -> None:
        super().__init__(symbol, depth)
        self._sizes: dict[str, dict[Decimal, Decimal]] = {
            MDEntryType.BID: {},
            MDEntryType.OFFER: {},
        }

    def _level(self, side: str, price: Decimal) -> Level:
        return Level(price, self._sizes[side][price], 0)

    def _texts(self, side: str) -> list[tuple[bytes, bytes]]:
        return [_text_pair(price, size) for price, size, _ in self.best(side, CHECKSUM_LEVELS)]

    def _levels_max(self) -> int:
        return self.depth or LEVELS_MAX

    def _forget(self) -> None:
        for sizes in self._sizes.values():
            sizes.clear()

    def _add(self, entry: Entry) -> None:
        sizes = self._sizes[entry.entry_type]
        if entry.price in sizes:
            raise EntryDoesNotFit(f"{_shown(entry)} is new, and the level is there already")
        sizes[entry.price] = entry.size
        self._add_price(entry.entry_type, entry.price)

    def _change(self, entry: Entry) -> None:
        sizes = self._sizes[entry.entry_type]
        if entry.price not in sizes:
            raise EntryDoesNotFit(f"{_shown(entry)} changes a level that is not there")
        sizes[entry.price] = entry.size

    def _remove(self, entry: Entry) -> None:
        if self._sizes[entry.entry_type].pop(entry.price, None) is None:
            raise EntryDoesNotFit(f"{_shown(entry)} removes a level that is not there")
        self._remove_price(entry.entry_type, entry.price)


class OrderBook(Book):
    """Level 3: every visible order, ranked at its price by the time at which it joined the queue;
    of equal times by the order of arrival."""

    level = 3

    def __init__(self, symbol: str, depth: int) -> None:
        super().__init__(symbol, depth)
        self._orders: dict[str, tuple[str, Order]] = {}  # with their sides
        self._queues: dict[str, dict[Decimal, list[Order]]] = {
            MDEntryType.BID: {},
            MDEntryType.OFFER: {},
        }

    def queue(self, side: str, price: Decimal) -> tuple[Order, ...]:
        """The orders at one price of a side (`MDEntryType`), first to trade first."""
        return tuple(self._queues[side].get(price, ()))

    def _level(self, side: str, price: Decimal) -> Level:
        queue = self._queues[side][price]
        return Level(price, sum((order.size for order in queue), Decimal()), len(queue))

    def _texts(self, side: str) -> list[tuple[bytes, bytes]]:
        return [
            _text_pair(order.price, order.size)
            for price in self._prices[side][:CHECKSUM_LEVELS]
            for order in self._queues[side][abs(price)]
        ]

    def _levels_max(self) -> int:
        return self.depth

    def _forget(self) -> None:
        self._orders.clear()
        for queues in self._queues.values():
            queues.clear()

    def _add(self, entry: Entry) -> None:
        if entry.entry_id in self._orders:
            raise EntryDoesNotFit(f"{_shown(entry)} is new, and the order is there already")
        if not entry.entry_id:
            raise EntryDoesNotFit(f"{_shown(entry)} has no OrderID (278)")
        order = Order(entry.entry_id, entry.price, entry.size, entry.queued_at)
        self._orders[order.order_id] = entry.entry_type, order
        queues = self._queues[entry.entry_type]
        queue = queues.get(entry.price)
        if queue is None:
            queues[entry.price] = [order]
            self._add_price(entry.entry_type, entry.price)
        else:
            queue.insert(bisect_right(queue, order.queued_at, key=_queued_at), order)

    def _change(self, entry: Entry) -> None:
        before = self._known(entry)
        queue = self._queues[entry.entry_type][before.price]
        after = before._replace(size=entry.size, queued_at=entry.queued_at or before.queued_at)
        if after.queued_at == before.queued_at:
            queue[queue.index(before)] = after
        else:
            queue.remove(before)
            queue.insert(bisect_right(queue, after.queued_at, key=_queued_at), after)
        self._orders[after.order_id] = entry.entry_type, after

    def _remove(self, entry: Entry) -> None:
        order = self._known(entry)
        del self._orders[order.order_id]
        queues = self._queues[entry.entry_type]
        queues[order.price].remove(order)
        if not queues[order.price]:
            del queues[order.price]
            self._remove_price(entry.entry_type, order.price)

    def _known(self, entry: Entry) -> Order:
        side, order = self._orders.get(entry.entry_id, ("", None))
        if order is None or side != entry.entry_type or order.price != entry.price:
            raise EntryDoesNotFit(f"{_shown(entry)} is of an order that is not there")
        return order


def level_or_order_book(symbol: str, level: int, depth: int) -> Book:
    """The book of a subscription at Level 2 or 3."""
    return OrderBook(symbol, depth) if level == 3 else LevelBook(symbol, depth)


def _queued_at(order: Order) -> str:
    return order.queued_at


def _text_pair(price: Decimal, size: Decimal) -> tuple[bytes, bytes]:
    return f"{price:f}".encode(), f"{size:f}".encode()


def _shown(entry: Entry) -> str:
    side = "bid" if entry.entry_type == MDEntryType.BID else "offer"
    return f"{side} {entry.entry_id or entry.price} at {entry.price}"
