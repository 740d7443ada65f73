"""Controls of one order. The session whose order it is may be named, or left open by `NO_SESSION`:
the venue knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.model.codec import Decoder, Encoder
from tidegate.venue.control import Control, ControlRefused, check_range, checked_order

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue


class CancelOrder(Control):
    """An open order is cancelled, and its owner told so, though nobody asked for it."""

    def __init__(self, order_id: bytes) -> None:
        self.order_id = order_id

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.blob(self.order_id)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return CancelOrder(decoder.blob())

    def check(self, venue: Venue, session_index: int) -> None:
        checked_order(venue, session_index, self.order_id)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        order = checked_order(venue, session_index, self.order_id)
        venue.trading.cancel_by_venue(venue.sessions, order, time_ns)


class FillOrder(Control):
    """An order that rests is filled at its price, whatever else rests there. The other side is the
    house (`engine.ledger.HOUSE`), which is given exactly what it pays: per asset everything still
    adds up to the deposits. `qty_lots` is in 1e-8 of the first asset."""

    def __init__(self, order_id: bytes, qty_lots: int) -> None:
        self.order_id = order_id
        self.qty_lots = qty_lots

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.blob(self.order_id)
        encoder.uint(self.qty_lots)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        order_id = decoder.blob()
        return FillOrder(order_id, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        order = checked_order(venue, session_index, self.order_id)
        if not order.resting:
            raise ControlRefused("order_id must be that of an order in the book: this one waits")
        check_range("qty_lots", self.qty_lots, 1, order.leaves_lots)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        order = checked_order(venue, session_index, self.order_id)
        venue.trading.fill_by_house(venue.sessions, order, self.qty_lots, time_ns)
