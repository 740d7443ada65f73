"""The truth that the folds are held against: a list of orders, looked through every time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tidegate.marketdata.fold import MarketData
from tidegate.model.instruments import make_instrument
from tidegate.model.orders import BUY, SELL

SYMBOL = b"ABC/USD"
START_NS = 1_793_697_301_000_000_000  # 2026-11-03 09:15:01
DECIMALS = 2
INSTRUMENT = make_instrument("ABC/USD", DECIMALS, "0.01", "0.00000001", "0")

Row = tuple[str, ...]


class ModelOrder:
    def __init__(self, number: int, side: int, price: int, lots: int, now_ns: int, place: int):
        self.number = number
        self.side = side
        self.price = price
        self.lots = lots
        self.queued_ns = now_ns
        self.changed_ns = now_ns
        self.place = place


class ModelBook:
    """Tells a `MarketData` what it does, and keeps it in the plainest way."""

    def __init__(self) -> None:
        self.market_data = MarketData()
        self.market_data.add_instrument(INSTRUMENT)
        self.orders: dict[int, ModelOrder] = {}
        self.level_times: dict[tuple[int, int], int] = {}
        self._sizes: dict[tuple[int, int], int] = {}
        self._next = 1
        self._place = 0
        self.now_ns = START_NS
        self._levels: dict[int, list[Row]] = {BUY: [], SELL: []}
        self._queues: dict[int, list[list[Row]]] = {BUY: [], SELL: []}

    def _show(self, order: ModelOrder) -> None:
        self.market_data.show(
            SYMBOL, order.number, b"N%d" % order.number, order.side, order.price, order.lots,
            order.queued_ns, order.place,
        )  # fmt: skip

    def _next_place(self) -> int:
        self._place += 1
        return self._place

    def add(self, side: int, price: int, lots: int) -> int:
        number = self._next
        self._next += 1
        order = ModelOrder(number, side, price, lots, self.now_ns, self._next_place())
        self.orders[number] = order
        self._show(order)
        return number

    def resize(self, number: int, lots: int) -> None:
        order = self.orders[number]
        if order.lots != lots:
            order.lots = lots
            order.changed_ns = self.now_ns
        self._show(order)

    def requeue(self, number: int, price: int, lots: int) -> None:
        order = self.orders[number]
        self.orders[number] = ModelOrder(
            number, order.side, price, lots, self.now_ns, self._next_place()
        )
        self._show(self.orders[number])

    def remove(self, number: int) -> None:
        del self.orders[number]
        self.market_data.hide(SYMBOL, number)

    def told(self) -> None:
        """A record is over: levels whose size is another one have changed now, and the rows that
        clients must hold are made anew."""
        queues: dict[tuple[int, int], list[ModelOrder]] = {}
        for order in sorted(self.orders.values(), key=lambda order: order.place):
            queues.setdefault((order.side, order.price), []).append(order)
        sizes = {key: sum(order.lots for order in queue) for key, queue in queues.items()}
        for key, size in sizes.items():
            if self._sizes.get(key) != size:
                self.level_times[key] = self.now_ns
        self._sizes = sizes
        for side in (BUY, SELL):
            self._levels[side] = []
            self._queues[side] = []
            for price in self.prices(side):
                text = price_text(price)
                name = ("B" if side == BUY else "O") + text
                changed = clock(self.level_times[side, price])
                self._levels[side].append((name, text, size_text(sizes[side, price]), changed))
                self._queues[side].append([order_row(order) for order in queues[side, price]])

    def prices(self, side: int) -> list[int]:
        """Best first."""
        found = {order.price for order in self.orders.values() if order.side == side}
        return sorted(found, reverse=side == BUY)

    def levels(self, side: int, depth: int) -> list[Row]:
        """What an L2 client must hold: id, price, size, time."""
        return self._levels[side][:depth]

    def queue(self, side: int, depth: int) -> list[Row]:
        """What an L3 client must hold: id, price, size, time, event time, queue time."""
        return [row for queue in self._queues[side][: depth or None] for row in queue]


def order_row(order: ModelOrder) -> Row:
    times = (clock(order.changed_ns), iso(order.changed_ns), iso(order.queued_ns))
    return (f"N{order.number}", price_text(order.price), size_text(order.lots), *times)


def price_text(price: int) -> str:
    return f"{Decimal(price).scaleb(-DECIMALS):.{DECIMALS}f}"


def size_text(lots: int) -> str:
    return f"{Decimal(lots).scaleb(-8):.8f}"


def clock(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{moment:%H:%M:%S}.{time_ns // 10**6 % 1000:03d}"


def iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}Z"


def fix_side(side: str) -> int:
    """MDEntryType (269) as Side (54)."""
    return BUY if side == "0" else SELL
