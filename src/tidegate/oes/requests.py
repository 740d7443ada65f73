"""What order entry hands to the engine: requests that passed layer 2, in the engine's units."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.model.instruments import Instrument
from tidegate.model.orders import BUY, LAST_TRADE, STP_CANCEL_NEWEST
from tidegate.oes.directory import Account
from tidegate.wire import tags
from tidegate.wire.message import Message


@mypyc_attr(acyclic=True)
class NewOrder:
    """A NewOrderSingle that passed layer 2. Units as in `engine.order.Order`. With 18=v
    `quote_money` is the amount to spend and `qty_lots` is 0."""

    def __init__(self, message: Message, account: Account, instrument: Instrument) -> None:
        self.account = account
        self.instrument = instrument
        self.cl_ord_id = message.get(tags.CL_ORD_ID)
        self.symbol = message.get(tags.SYMBOL)
        self.side = message.char(tags.SIDE)
        self.ord_type = message.char(tags.ORD_TYPE)
        self.time_in_force = message.char(tags.TIME_IN_FORCE)
        self.exec_inst = message.get(tags.EXEC_INST)
        self.alloc_account = message.get(tags.ALLOC_ACCOUNT)
        self.sender_sub_id = message.get(tags.SENDER_SUB_ID)
        self.post_only = False
        self.stp_mode = STP_CANCEL_NEWEST
        self.price = 0  # of a trailing-stop-limit: the distance from the trigger price
        self.qty_lots = 0
        self.stop_price = 0  # of trailing orders: the distance
        self.reference = LAST_TRADE
        self.display_lots = 0
        self.quote_money = 0
        self.fee_in_base = self.side != BUY
        self.single_fee = False
        self.margin = False
        self.reduce_only = False
        self.effective_ns = 0
        self.expire_ns = 0
        self.valid_until_ns = 0


class AmendTarget:
    """What order entry must know of the open order that an OrderCancelReplaceRequest names.
    `ord_type` is the type it has now (of a triggered order 1 or 2)."""

    def __init__(
        self,
        *,
        instrument: Instrument,
        ord_type: int,
        time_in_force: int,
        cum_lots: int,
        display_lots: int,
        reduce_only: bool,
    ) -> None:
        self.instrument = instrument
        self.ord_type = ord_type
        self.time_in_force = time_in_force
        self.cum_lots = cum_lots
        self.display_lots = display_lots
        self.reduce_only = reduce_only


class Amend:
    """What an OrderCancelReplaceRequest that passed layer 2 asks for. `stop_price` and
    `display_lots` are 0 where they stay as they are; of trailing orders `stop_price` and `price`
    are distances."""

    def __init__(self, price: int, qty_lots: int, *, post_only: bool) -> None:
        self.price = price
        self.qty_lots = qty_lots
        self.post_only = post_only
        self.stop_price = 0
        self.display_lots = 0
        self.valid_until_ns = 0
