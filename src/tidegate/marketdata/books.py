"""The public book and the trades of one symbol, and the messages that follow from their changes."""

from __future__ import annotations

from tidegate.marketdata.checksum import level_checksum, order_checksum
from tidegate.marketdata.entries import Entries
from tidegate.marketdata.levels import PublicOrder, PublicSide
from tidegate.marketdata.shapes import LEVEL_3, Shape, Update
from tidegate.marketdata.windows import Window
from tidegate.model.instruments import PublicInstrument
from tidegate.model.orders import BUY, SELL
from tidegate.wire.framing import byte_sum


class PublicBook:
    """See `MarketData`, which has one for each symbol."""

    def __init__(self, instrument: PublicInstrument, *, l3_timestamps: bool) -> None:
        self.asks = PublicSide(SELL)
        self.bids = PublicSide(BUY)
        self.dirty = False  # something was told since the last flush
        self._entries = Entries(instrument, l3_timestamps=l3_timestamps)
        self._orders: dict[int, PublicOrder] = {}  # by the order's number
        self._trades: list[bytes] = []
        self._windows: dict[Shape, Window] = {}
        self._trade_watchers = 0
        self._trade_shape: Shape | None = None
        self._snapshots: dict[Shape, tuple[bytes, int]] = {}

    # --- what the engine tells -------------------------------------------------------------------

    def show(
        self,
        number: int,
        order_id: bytes,
        side: int,
        price: int,
        lots: int,
        queued_ns: int,
        place: int,
    ) -> None:
        assert lots > 0
        own = self.bids if side == BUY else self.asks
        order = self._orders.get(number)
        if order is not None:
            assert order.level.bid == own.bid
            if order.place == place and order.level.price == price:
                if order.lots != lots:
                    own.resize(order, lots)
                return
            own.remove(order)
        self._orders[number] = own.add(order_id, price, lots, queued_ns, place)

    def hide(self, number: int) -> None:
        order = self._orders.pop(number, None)
        if order is not None:
            (self.bids if order.level.bid else self.asks).remove(order)

    def trade(
        self,
        trade_id: bytes,
        price: int,
        lots: int,
        taker_side: int,
        taker_ord_type: int,
        time_ns: int,
    ) -> None:
        if self._trade_watchers:
            self._trades.append(
                self._entries.trade(trade_id, price, lots, taker_side, taker_ord_type, time_ns)
            )

    # --- what subscribers get --------------------------------------------------------------------

    def watch(self, shape: Shape) -> None:
        assert not self.dirty
        if not shape.book:
            self._trade_watchers += 1
            self._trade_shape = shape
            return
        window = self._windows.get(shape)
        if window is None:
            window = Window(shape, self.asks, self.bids)
            self._windows[shape] = window
        window.watchers += 1

    def unwatch(self, shape: Shape) -> None:
        if not shape.book:
            self._trade_watchers -= 1
            return
        window = self._windows[shape]
        window.watchers -= 1
        if window.watchers == 0:
            del self._windows[shape]

    def flush(self, time_ns: int, updates: list[Update]) -> None:
        self.dirty = False
        trade_shape = self._trade_shape
        if self._trades and trade_shape is not None:
            updates.append(_update(trade_shape, self._trades, b""))
            self._trades = []
        asks = self.asks
        bids = self.bids
        if not asks.touched_levels and not bids.touched_levels:
            return
        asks.stamp(time_ns)
        bids.stamp(time_ns)
        self._snapshots.clear()
        of_levels = b""  # the checksums, where somebody gets them
        of_orders = b""
        for window in self._windows.values():
            found = window.entries(asks, bids, self._entries)
            if not found:
                continue
            if window.shape.level == LEVEL_3:
                of_orders = of_orders or b"5041=%d\x01" % order_checksum(asks, bids)
                updates.append(_update(window.shape, found, of_orders))
            else:
                of_levels = of_levels or b"5041=%d\x01" % level_checksum(asks, bids)
                updates.append(_update(window.shape, found, of_levels))
        asks.settle()
        bids.settle()

    def settle(self) -> None:
        """See `MarketData.settle`."""
        self.dirty = False
        self._trades = []
        self._snapshots.clear()
        for side in (self.asks, self.bids):
            side.stamp(0)
            for level in side.touched_levels:
                for order in level.orders.values():
                    order.changed_ns = order.queued_ns
                    level.changed_ns = max(level.changed_ns, order.queued_ns)
            side.settle()

    def snapshot(self, shape: Shape) -> tuple[bytes, int]:
        assert not self.dirty
        ready = self._snapshots.get(shape)
        if ready is None:
            tail = self._snapshot_tail(shape)
            ready = (tail, byte_sum(tail, 0, len(tail)))
            self._snapshots[shape] = ready
        return ready

    def _snapshot_tail(self, shape: Shape) -> bytes:
        pieces: list[bytes] = []
        if shape.book:
            for side in (self.asks, self.bids):
                for level in side.best(shape.depth):
                    if shape.level == LEVEL_3:
                        pieces += [self._entries.order(order) for order in level.orders.values()]
                    else:
                        pieces.append(self._entries.level(level))
        return b"268=%d\x01%s" % (len(pieces), b"".join(pieces))


def _update(shape: Shape, entries: list[bytes], checksum: bytes) -> Update:
    tail = b"268=%d\x01%s%s" % (len(entries), b"".join(entries), checksum)
    return Update(shape, tail, byte_sum(tail, 0, len(tail)))
