"""The entries of market data messages as bytes, each rendered once however many messages hold it.

Texts are the dialect's: prices and sizes with all of their decimals, zero as `0.0`, MDEntryTime
(273) as a time of day, or that of single orders as date and time where the venue says so. An entry
here lacks MDUpdateAction (279), which stands before it in 35=X.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter

from tidegate.marketdata.levels import PublicLevel, PublicOrder
from tidegate.model.instruments import PublicInstrument
from tidegate.model.orders import MARKET
from tidegate.model.time import (
    NS_PER_MS,
    NS_PER_S,
    iso_timestamp,
    utc_time_only,
    utc_timestamp_us,
)
from tidegate.wire.render import put_fixed, put_padded

NEW: Final = b"279=0\x01"
CHANGE: Final = b"279=1\x01"
DELETE: Final = b"279=2\x01"

_ISO_SECOND_BYTES: Final = 20  # `2026-11-03T09:15:01.`
_ZULU: Final = 90  # Z


class Entries:
    """Renders the entries of one symbol. The texts of the millisecond and the second asked for last
    are kept: what changes together shares them. `l3_timestamps` gives orders a time with a date."""

    def __init__(self, instrument: PublicInstrument, *, l3_timestamps: bool) -> None:
        self._price_decimals = instrument.price_decimals
        self._qty_decimals = instrument.qty_decimals
        self._l3_timestamps = l3_timestamps
        self._writer = BytesWriter()
        self._millisecond = -1
        self._time_text: bytes = b""
        self._second = -1
        self._second_text: bytes = b""

    def level(self, level: PublicLevel) -> bytes:
        """A price level with its size now."""
        if not level.entry:
            if not level.head:
                level.head = self._level_head(level)
            writer = self._writer
            writer.truncate(0)
            writer.write(level.head)
            put_fixed(writer, level.lots, self._qty_decimals)
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
            put_fixed(writer, order.level.price, self._price_decimals)
            writer.write(b"\x01271=")
            put_fixed(writer, order.lots, self._qty_decimals)
            writer.write(b"\x01273=")
            changed_ns = order.changed_ns
            writer.write(
                utc_timestamp_us(changed_ns) if self._l3_timestamps else self._time(changed_ns)
            )
            writer.write(b"\x015060=")
            self._put_iso(order.changed_ns)
            writer.write(b"\x015273=")
            self._put_iso(order.queued_ns)
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
        put_fixed(writer, price, self._price_decimals)
        writer.write(b"\x01271=")
        put_fixed(writer, lots, self._qty_decimals)
        writer.write(b"\x01273=")
        writer.write(self._time(time_ns))
        writer.write(b"\x0140=1\x012446=" if taker_ord_type == MARKET else b"\x0140=2\x012446=")
        writer.append(taker_side)
        writer.append(1)
        return writer.getvalue()

    def _level_head(self, level: PublicLevel) -> bytes:
        writer = self._writer
        writer.truncate(0)
        put_fixed(writer, level.price, self._price_decimals)
        price = writer.getvalue()
        if level.bid:
            return b"269=0\x01278=B%s\x01270=%s\x01271=" % (price, price)
        return b"269=1\x01278=O%s\x01270=%s\x01271=" % (price, price)

    def _time(self, time_ns: int) -> bytes:
        millisecond = time_ns // NS_PER_MS
        if millisecond != self._millisecond:
            self._time_text = utc_time_only(time_ns)
            self._millisecond = millisecond
        return self._time_text

    def _put_iso(self, time_ns: int) -> None:
        second = time_ns // NS_PER_S
        if second != self._second:
            self._second_text = iso_timestamp(time_ns)[:_ISO_SECOND_BYTES]
            self._second = second
        writer = self._writer
        writer.write(self._second_text)
        put_padded(writer, time_ns - second * NS_PER_S, 9)
        writer.append(_ZULU)
