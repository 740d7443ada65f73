"""The entries of market data messages as bytes, each rendered once however many messages hold it.

Texts are the dialect's: prices and sizes with all of their decimals, zero as `0.0`, MDEntryTime
(273) as a time of day. An entry here lacks MDUpdateAction (279), which stands before it in 35=X.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter

from tidegate.marketdata.levels import PublicLevel, PublicOrder
from tidegate.model.orders import MARKET
from tidegate.model.scaled import LOT_DECIMALS
from tidegate.model.time import iso_timestamp, utc_time_only
from tidegate.wire.render import put_fixed

NEW: Final = b"279=0\x01"
CHANGE: Final = b"279=1\x01"
DELETE: Final = b"279=2\x01"


class Entries:
    """Renders the entries of one symbol. The text of the millisecond asked for last is kept: what
    changes together shares it."""

    def __init__(self, price_decimals: int) -> None:
        self.price_decimals = price_decimals
        self._writer = BytesWriter()
        self._millisecond = -1
        self._time_text: bytes = b""

    def level(self, level: PublicLevel) -> bytes:
        """A price level with its size now."""
        if not level.entry:
            if not level.head:
                level.head = self._level_head(level)
            writer = self._writer
            writer.truncate(0)
            writer.write(level.head)
            put_fixed(writer, level.lots, LOT_DECIMALS)
            writer.write(b"\x01273=")
            writer.write(self._time(level.changed_ns))
            writer.append(1)
            level.entry = writer.getvalue()
        return level.entry

    def order(self, order: PublicOrder) -> bytes:
        """An order with its size now."""
        if not order.entry:
            writer = self._writer
            writer.truncate(0)
            writer.write(b"269=0\x01278=" if order.level.bid else b"269=1\x01278=")
            writer.write(order.order_id)
            writer.write(b"\x01270=")
            put_fixed(writer, order.level.price, self.price_decimals)
            writer.write(b"\x01271=")
            put_fixed(writer, order.lots, LOT_DECIMALS)
            writer.write(b"\x01273=")
            writer.write(self._time(order.changed_ns))
            writer.write(b"\x015060=")
            writer.write(iso_timestamp(order.changed_ns))
            writer.write(b"\x015273=")
            writer.write(iso_timestamp(order.queued_ns))
            writer.append(1)
            order.entry = writer.getvalue()
        return order.entry

    def trade(
        self,
        trade_id: bytes,
        price: int,
        lots: int,
        taker_side: int,
        taker_ord_type: int,
        time_ns: int,
    ) -> bytes:
        """A trade, MDUpdateAction included. OrdType (40) is market or limit: what a trigger order
        has become."""
        writer = self._writer
        writer.truncate(0)
        writer.write(b"279=0\x01269=2\x01278=")
        writer.write(trade_id)
        writer.write(b"\x01270=")
        put_fixed(writer, price, self.price_decimals)
        writer.write(b"\x01271=")
        put_fixed(writer, lots, LOT_DECIMALS)
        writer.write(b"\x01273=")
        writer.write(self._time(time_ns))
        writer.write(b"\x0140=1\x012446=" if taker_ord_type == MARKET else b"\x0140=2\x012446=")
        writer.append(taker_side)
        writer.append(1)
        return writer.getvalue()

    def _level_head(self, level: PublicLevel) -> bytes:
        writer = self._writer
        writer.truncate(0)
        put_fixed(writer, level.price, self.price_decimals)
        price = writer.getvalue()
        if level.bid:
            return b"269=0\x01278=B%s\x01270=%s\x01271=" % (price, price)
        return b"269=1\x01278=O%s\x01270=%s\x01271=" % (price, price)

    def _time(self, time_ns: int) -> bytes:
        millisecond = time_ns // 1_000_000
        if millisecond != self._millisecond:
            self._time_text = utc_time_only(time_ns)
            self._millisecond = millisecond
        return self._time_text
