"""What comes in, as values: frozen, with the names of FIX.

Prices and quantities are `decimal.Decimal`, texts are as on the wire. A message that lacks a field
still becomes an event: a client that drops a fill over a missing tag is worse than one with a
`None` in it. The whole frame is always there in `frame`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from tidegate.client.market_data_messages import MarketDataMessage
from tidegate.wire import tags
from tidegate.wire.message import Message


class ExecType(StrEnum):
    """ExecType (150)."""

    NEW = "0"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_NEW = "A"
    EXPIRED = "C"
    RESTATED = "D"
    TRADE = "F"
    ORDER_STATUS = "I"


class OrdStatus(StrEnum):
    """OrdStatus (39)."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_NEW = "A"
    EXPIRED = "C"
    PENDING_REPLACE = "E"


_OVER = (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED)


@dataclass(frozen=True, slots=True)
class LoggedOn:
    """The session is up. `msg_seq_num` is our next number, `replay_from` the first number asked
    for again, 0 where nothing was missed."""

    msg_seq_num: int
    replay_from: int


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session ended by Logout, ours or the venue's; `text` is the venue's reason, if it gave
    one. The answer to a refused Logon comes as this too, with `was_logged_on` False."""

    text: str
    was_logged_on: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The line is gone without a Logout exchange."""

    reason: str


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """ExecutionReport (35=8). `misc_fee_amt` is as the venue counts it: on Spot the running total
    of the order, unless it was entered with `s` in ExecInst (18). `trigger_price` is the reference
    that fired an order. `poss_dup` marks a replay: compare `exec_id` with those already booked."""

    cl_ord_id: str
    orig_cl_ord_id: str
    order_id: str
    exec_id: str
    exec_type: str
    ord_status: str
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    order_qty: Decimal | None
    price: Decimal | None
    stop_px: Decimal | None
    trigger_price: Decimal | None
    display_qty: Decimal | None
    cum_qty: Decimal | None
    leaves_qty: Decimal | None
    avg_px: Decimal | None
    last_px: Decimal | None
    last_qty: Decimal | None
    net_money: Decimal | None
    misc_fee_amt: Decimal | None
    misc_fee_curr: str
    liquidity_ind: str
    trade_id: str
    alloc_account: str
    transact_time: str
    text: str
    msg_seq_num: int
    poss_dup: bool
    frame: bytes

    @property
    def is_trade(self) -> bool:
        return self.exec_type == ExecType.TRADE

    @property
    def is_over(self) -> bool:
        """Whether the order is at its end: filled, canceled or expired."""
        return self.ord_status in _OVER


@dataclass(frozen=True, slots=True)
class BusinessReject:
    """BusinessMessageReject (35=j): order entry or the engine refused a request."""

    ref_seq_num: int
    ref_msg_type: str
    business_reject_ref_id: str
    business_reject_reason: int
    text: str
    msg_seq_num: int
    poss_dup: bool
    frame: bytes


@dataclass(frozen=True, slots=True)
class SessionReject:
    """Reject (35=3): the gateway refused a message. `cl_ord_id` is that of the request which had
    the refused number, empty where there is none."""

    ref_seq_num: int
    ref_tag_id: int
    ref_msg_type: str
    session_reject_reason: int
    text: str
    cl_ord_id: str
    msg_seq_num: int
    poss_dup: bool
    frame: bytes


@dataclass(frozen=True, slots=True)
class GapFilled:
    """The venue had not received our messages `begin` to `end` and asked for them again; they were
    gap-filled, never resent. `cl_ord_ids` are the requests among them that have no answer: the
    venue did not take them when they were sent, and nobody will send them for you."""

    begin: int
    end: int
    cl_ord_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswersLost:
    """Numbers began anew while these requests had no answer: nothing of before can be replayed, so
    none will come. They are not pending any more; the venue may or may not have acted on them. What
    became of them is seen from their orders (`StatusRequest`, fills, a mass cancel)."""

    cl_ord_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """We refused a message of the venue (35=3 is sent). An ExecutionReport or a reject among them
    follows as its event all the same, as far as it can be read."""

    text: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """An application message of a type that has no event of its own."""

    msg_type: str
    msg_seq_num: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class MessagesMissed:
    """Messages of a market-data session never came. The venue was asked for them and will fill the
    gap, but market data is not sent again."""


ClientEvent = (
    LoggedOn
    | LoggedOut
    | Disconnected
    | ExecutionReport
    | BusinessReject
    | SessionReject
    | GapFilled
    | AnswersLost
    | MessageRefused
    | Received
    | MarketDataMessage
    | MessagesMissed
)


def _text(message: Message, tag: int) -> str:
    return message.get(tag).decode("utf-8", "replace")


def _decimal(message: Message, tag: int) -> Decimal | None:
    value = message.get(tag)
    if not value:
        return None
    try:
        number = Decimal(value.decode("ascii", "replace"))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def execution_report(message: Message) -> ExecutionReport:
    """The event of a scanned 35=8."""
    return ExecutionReport(
        cl_ord_id=_text(message, tags.CL_ORD_ID),
        orig_cl_ord_id=_text(message, tags.ORIG_CL_ORD_ID),
        order_id=_text(message, tags.ORDER_ID),
        exec_id=_text(message, tags.EXEC_ID),
        exec_type=_text(message, tags.EXEC_TYPE),
        ord_status=_text(message, tags.ORD_STATUS),
        symbol=_text(message, tags.SYMBOL),
        side=_text(message, tags.SIDE),
        ord_type=_text(message, tags.ORD_TYPE),
        time_in_force=_text(message, tags.TIME_IN_FORCE),
        order_qty=_decimal(message, tags.ORDER_QTY),
        price=_decimal(message, tags.PRICE),
        stop_px=_decimal(message, tags.STOP_PX),
        trigger_price=_decimal(message, tags.TRIGGER_PRICE),
        display_qty=_decimal(message, tags.DISPLAY_QTY),
        cum_qty=_decimal(message, tags.CUM_QTY),
        leaves_qty=_decimal(message, tags.LEAVES_QTY),
        avg_px=_decimal(message, tags.AVG_PX),
        last_px=_decimal(message, tags.LAST_PX),
        last_qty=_decimal(message, tags.LAST_QTY),
        net_money=_decimal(message, tags.NET_MONEY),
        misc_fee_amt=_decimal(message, tags.MISC_FEE_AMT),
        misc_fee_curr=_text(message, tags.MISC_FEE_CURR),
        liquidity_ind=_text(message, tags.LIQUIDITY_IND),
        trade_id=_text(message, tags.TRADE_ID),
        alloc_account=_text(message, tags.ALLOC_ACCOUNT),
        transact_time=_text(message, tags.TRANSACT_TIME),
        text=_text(message, tags.TEXT),
        msg_seq_num=message.integer(tags.MSG_SEQ_NUM),
        poss_dup=message.flag(tags.POSS_DUP_FLAG),
        frame=message.data,
    )


def business_reject(message: Message) -> BusinessReject:
    """The event of a scanned 35=j."""
    return BusinessReject(
        ref_seq_num=message.integer(tags.REF_SEQ_NUM),
        ref_msg_type=_text(message, tags.REF_MSG_TYPE),
        business_reject_ref_id=_text(message, tags.BUSINESS_REJECT_REF_ID),
        business_reject_reason=message.integer(tags.BUSINESS_REJECT_REASON),
        text=_text(message, tags.TEXT),
        msg_seq_num=message.integer(tags.MSG_SEQ_NUM),
        poss_dup=message.flag(tags.POSS_DUP_FLAG),
        frame=message.data,
    )


def session_reject(message: Message, cl_ord_id: str) -> SessionReject:
    """The event of a scanned 35=3."""
    return SessionReject(
        ref_seq_num=message.integer(tags.REF_SEQ_NUM),
        ref_tag_id=max(message.integer(tags.REF_TAG_ID), 0),
        ref_msg_type=_text(message, tags.REF_MSG_TYPE),
        session_reject_reason=message.integer(tags.SESSION_REJECT_REASON),
        text=_text(message, tags.TEXT),
        cl_ord_id=cl_ord_id,
        msg_seq_num=message.integer(tags.MSG_SEQ_NUM),
        poss_dup=message.flag(tags.POSS_DUP_FLAG),
        frame=message.data,
    )
