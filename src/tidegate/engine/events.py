"""What the engine tells: one event for each thing that happened to one order.

An event copies what changes, so that it still says the truth when the order has moved on by the
time the report is written.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.engine.order import Order
from tidegate.model.orders import (
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_PENDING_NEW,
    EXEC_REPLACED,
    EXEC_RESTATED,
    EXEC_STATUS,
    EXEC_TRADE,
    SCHEDULED,
    STATUS_CANCELED,
    STATUS_EXPIRED,
    STATUS_FILLED,
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
    STATUS_PENDING_NEW,
    STATUS_PENDING_REPLACE,
    STATUS_REPLACED,
)


@mypyc_attr(acyclic=True)
class Event:
    """`exec_type` and `ord_status` are FIX's characters as codes. The `last_`, `fee_`, `trade_`
    fields are 0 and empty except on trades; `leaves_lots` is 0 on cancels."""

    def __init__(
        self,
        order: Order,
        exec_type: int,
        ord_status: int,
        leaves_lots: int,
        time_ns: int,
        text: bytes,
    ) -> None:
        self.order = order
        self.exec_type = exec_type
        self.ord_status = ord_status
        self.leaves_lots = leaves_lots
        self.time_ns = time_ns
        self.text = text
        self.cl_ord_id = order.cl_ord_id
        self.orig_cl_ord_id = order.orig_cl_ord_id
        trigger = order.trigger
        self.ord_type = order.ord_type  # 1 or 2 once a trigger has fired
        self.price = order.price
        if trigger is not None and trigger.limit_distance and not trigger.fired_price:
            self.price = trigger.limit_distance  # as entered: the limit is not known yet
        self.stop_price = 0 if trigger is None else trigger.distance or trigger.stop_price
        self.trigger_price = 0 if trigger is None else trigger.fired_price
        self.display_lots = order.display_lots
        self.qty_lots = order.qty_lots
        self.cum_lots = order.cum_lots
        self.value = order.value
        self.gross_money = order.gross_money
        self.fee_money = order.fee_money  # running total of the order, this trade included
        self.last_price = 0
        self.last_lots = 0
        self.last_money = 0
        self.last_fee_money = 0
        self.fee_asset = ""
        self.liquidity = 0  # MAKER or TAKER
        self.trade_number = 0  # unique on the venue; both sides of a trade share it
        self.pair_trade_number = 0  # counts the instrument's trades


def current_status(order: Order) -> int:
    """OrdStatus (39) of an open order."""
    if order.stage == SCHEDULED:
        return STATUS_PENDING_REPLACE if order.amended else STATUS_PENDING_NEW
    if order.amended:
        return STATUS_REPLACED
    return STATUS_PARTIALLY_FILLED if order.cum_lots > 0 else STATUS_NEW


def new_event(order: Order, time_ns: int, text: bytes) -> Event:
    return Event(order, EXEC_NEW, STATUS_NEW, order.leaves_lots, time_ns, text)


def pending_new_event(order: Order, time_ns: int, text: bytes) -> Event:
    return Event(order, EXEC_PENDING_NEW, STATUS_PENDING_NEW, order.leaves_lots, time_ns, text)


def restated_event(order: Order, time_ns: int) -> Event:
    """A trigger has fired; the order has the type and the price that it has from now on."""
    status = STATUS_PARTIALLY_FILLED if order.cum_lots > 0 else STATUS_NEW
    return Event(order, EXEC_RESTATED, status, order.leaves_lots, time_ns, b"")


def expired_event(order: Order, time_ns: int, text: bytes) -> Event:
    return Event(order, EXEC_EXPIRED, STATUS_EXPIRED, 0, time_ns, text)


def trade_event(order: Order, time_ns: int) -> Event:
    """A fill; the caller sets the fields of the trade."""
    leaves = order.leaves_lots
    status = STATUS_FILLED if leaves == 0 else STATUS_PARTIALLY_FILLED
    return Event(order, EXEC_TRADE, status, leaves, time_ns, b"")


def canceled_event(order: Order, time_ns: int, text: bytes) -> Event:
    return Event(order, EXEC_CANCELED, STATUS_CANCELED, 0, time_ns, text)


def replaced_event(order: Order, time_ns: int) -> Event:
    status = STATUS_PENDING_REPLACE if order.stage == SCHEDULED else STATUS_REPLACED
    return Event(order, EXEC_REPLACED, status, order.leaves_lots, time_ns, b"")


def status_event(order: Order, time_ns: int) -> Event:
    return Event(order, EXEC_STATUS, current_status(order), order.leaves_lots, time_ns, b"")
