"""What goes out: requests as values, and their bodies as FIX.

Quantities are in the base asset, prices in the quote asset. They are given as `Decimal`, `int` or
text and go to the wire digit by digit; a `float` raises `TypeError`, because `0.1 + 0.2` is no
price. What can not be sent is refused with the field and the rule (`client.fields`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidegate.client import fields
from tidegate.client.fields import Number
from tidegate.model.time import utc_timestamp
from tidegate.wire.render import FrameWriter


class Side(StrEnum):
    """Side (54)."""

    BUY = "1"
    SELL = "2"


class OrdType(StrEnum):
    """OrdType (40). Which of them a venue trades is the venue's matter."""

    MARKET = "1"
    LIMIT = "2"
    STOP_LOSS = "3"
    STOP_LOSS_LIMIT = "4"
    TAKE_PROFIT = "R"
    TAKE_PROFIT_LIMIT = "T"
    TRAILING_STOP = "U"
    TRAILING_STOP_LIMIT = "V"


class TimeInForce(StrEnum):
    """TimeInForce (59)."""

    GTC = "1"
    IOC = "3"
    FOK = "4"
    GTD = "6"


class DiscretionInst(StrEnum):
    """DiscretionInst (388): the reference price of a trigger."""

    INDEX = "1"
    LAST_TRADE = "5"  # where none is given


class MassCancelType(StrEnum):
    """MassCancelRequestType (530)."""

    SYMBOL = "1"  # this session's orders of one symbol
    SESSION = "6"
    COMP_ID = "7"  # every order of the SenderCompID, earlier sessions included


class ClOrdIDs:
    """Makes ClOrdIDs (11): strictly rising numbers, the time in microseconds where that rises."""

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def make(self, time_ns: int) -> str:
        self.last = max(self.last + 1, time_ns // 1_000)
        return str(self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """NewOrderSingle (35=D). `exec_inst` is ExecInst (18), `P` for post-only, several with spaces
    between. Times are nanoseconds since 1970 UTC. `discretion_inst` is what a trigger goes by,
    `leverage` whether the order is one on margin, `sender_sub_id` its self-trade prevention group.
    `extra` are further fields, ready, each `tag=value` with SOH."""

    symbol: str
    side: str
    order_qty: Number
    price: Number | None = None
    ord_type: str = OrdType.LIMIT
    time_in_force: str = TimeInForce.GTC
    stop_px: Number | None = None
    exec_inst: str = ""
    display_qty: Number | None = None
    discretion_inst: DiscretionInst | None = None
    effective_time_ns: int | None = None
    expire_time_ns: int | None = None
    valid_until_time_ns: int | None = None
    leverage: bool = False
    self_trade_prevention: int | None = None
    sender_sub_id: str = ""
    alloc_account: str = ""
    extra: bytes = b""

    msg_type = b"D"

    def write(self, writer: FrameWriter, cl_ord_id: str, transact_time: bytes) -> None:
        _put(writer, b"50=", self.sender_sub_id)  # of the header, so before the rest
        _put(writer, b"11=", cl_ord_id)
        _put(writer, b"18=", self.exec_inst)
        _put_number(writer, b"38=", self.order_qty)
        _put(writer, b"40=", self.ord_type)
        _put_number(writer, b"44=", self.price)
        _put(writer, b"54=", self.side)
        _put(writer, b"55=", self.symbol)
        _put(writer, b"59=", self.time_in_force)
        writer.text(b"60=", transact_time)
        _put_time(writer, b"62=", self.valid_until_time_ns)
        if self.alloc_account:
            writer.raw(b"78=1\x01")
            _put(writer, b"79=", self.alloc_account)
        _put_number(writer, b"99=", self.stop_px)
        _put_time(writer, b"126=", self.expire_time_ns)
        _put_time(writer, b"168=", self.effective_time_ns)
        _put(writer, b"388=", self.discretion_inst or "")
        _put_number(writer, b"1138=", self.display_qty)
        if self.leverage:
            writer.raw(b"5001=1\x01")
        _put_number(writer, b"7928=", self.self_trade_prevention)
        writer.raw(fields.ready("extra", self.extra))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """OrderCancelRequest (35=F) of the order `order_id` or, where that is not known yet, of the one
    whose latest ClOrdID is `orig_cl_ord_id`. At least one of them."""

    symbol: str
    side: str
    order_id: str = ""
    orig_cl_ord_id: str = ""

    msg_type = b"F"

    def __post_init__(self) -> None:
        if not self.order_id and not self.orig_cl_ord_id:
            raise ValueError("a cancel names its order by order_id or orig_cl_ord_id")

    def write(self, writer: FrameWriter, cl_ord_id: str, transact_time: bytes) -> None:
        _put(writer, b"11=", cl_ord_id)
        _put(writer, b"37=", self.order_id)
        _put(writer, b"41=", self.orig_cl_ord_id)
        _put(writer, b"54=", self.side)
        _put(writer, b"55=", self.symbol)
        writer.text(b"60=", transact_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amend:
    """OrderCancelReplaceRequest (35=G): `order_qty` is the new total, fills included. Price,
    stop price and display quantity may change too; the rest must equal the order's."""

    symbol: str
    side: str
    order_id: str
    orig_cl_ord_id: str
    order_qty: Number
    price: Number | None = None
    ord_type: str = OrdType.LIMIT
    time_in_force: str = TimeInForce.GTC
    stop_px: Number | None = None
    display_qty: Number | None = None
    exec_inst: str = ""
    valid_until_time_ns: int | None = None
    extra: bytes = b""

    msg_type = b"G"

    def write(self, writer: FrameWriter, cl_ord_id: str, transact_time: bytes) -> None:
        _put(writer, b"11=", cl_ord_id)
        _put(writer, b"18=", self.exec_inst)
        _put(writer, b"37=", self.order_id)
        _put_number(writer, b"38=", self.order_qty)
        _put(writer, b"40=", self.ord_type)
        _put(writer, b"41=", self.orig_cl_ord_id)
        _put_number(writer, b"44=", self.price)
        _put(writer, b"54=", self.side)
        _put(writer, b"55=", self.symbol)
        _put(writer, b"59=", self.time_in_force)
        writer.text(b"60=", transact_time)
        _put_time(writer, b"62=", self.valid_until_time_ns)
        _put_number(writer, b"99=", self.stop_px)
        _put_number(writer, b"1138=", self.display_qty)
        writer.raw(fields.ready("extra", self.extra))


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancel:
    """OrderMassCancelRequest (35=q). `symbol` goes with `MassCancelType.SYMBOL` alone."""

    mass_cancel_request_type: str = MassCancelType.SESSION
    symbol: str = ""

    msg_type = b"q"

    def write(self, writer: FrameWriter, cl_ord_id: str, transact_time: bytes) -> None:
        _put(writer, b"11=", cl_ord_id)
        _put(writer, b"55=", self.symbol)
        writer.text(b"60=", transact_time)
        _put(writer, b"530=", self.mass_cancel_request_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """OrderStatusRequest (35=H). Its ClOrdID (11) is the order's own, not a new one."""

    symbol: str
    order_id: str

    msg_type = b"H"

    def write(self, writer: FrameWriter, cl_ord_id: str, transact_time: bytes) -> None:
        _put(writer, b"11=", cl_ord_id)
        _put(writer, b"37=", self.order_id)
        _put(writer, b"55=", self.symbol)


Request = NewOrder | Cancel | Amend | MassCancel | StatusRequest


def write_request(writer: FrameWriter, request: Request, cl_ord_id: str, time_ns: int) -> None:
    """The body of a request, behind the header. Raises `TypeError` or `ValueError` for a value that
    can not be sent, before anything was."""
    request.write(writer, cl_ord_id, utc_timestamp(time_ns))


def _put(writer: FrameWriter, tag: bytes, value: str) -> None:
    if value != "":
        writer.text(tag, fields.text(tag, value))


def _put_time(writer: FrameWriter, tag: bytes, time_ns: int | None) -> None:
    if time_ns is not None:
        writer.text(tag, fields.time(tag, time_ns))


def _put_number(writer: FrameWriter, tag: bytes, value: Number | None) -> None:
    if value is not None:
        writer.text(tag, fields.number(tag, value))
