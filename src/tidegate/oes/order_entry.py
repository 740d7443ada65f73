"""Layer 2: from a well-formed message to a command for the engine, or a refusal.

The order of the checks is account, permission, ClOrdID, instrument, instructions, precision,
limits; the first rule that fires is the answer. Nothing here touches a balance or a book.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.limits import OPEN_ORDERS_MAX
from tidegate.model.market_state import MarketState
from tidegate.model.orders import (
    BUY,
    FOK,
    GTC,
    IOC,
    LAST_TRADE,
    LIMIT,
    MARKET,
    STP_CANCEL_NEWEST,
)
from tidegate.model.rejects import (
    ACCOUNT_DISABLED,
    ALLOCATION_FOREIGN,
    ALLOCATION_MISSING,
    CL_ORD_ID_FORM,
    CL_ORD_ID_IN_USE,
    COST_MINIMUM,
    EXEC_INST,
    FIELD_MISSING,
    MARGIN,
    OPTION_FIELD,
    ORD_TYPE,
    ORDER_MINIMUM,
    ORDERS_LIMIT,
    POST_ONLY_COMBINATION,
    PRICE_INVALID,
    QTY_INVALID,
    RATE_LIMIT,
    SCHEDULED_ORDERS_LIMIT,
    TICK_SIZE,
    TIME_IN_FORCE,
    UNKNOWN_SYMBOL,
    Refusal,
    Rule,
    refuse,
)
from tidegate.model.scaled import LOT_DECIMALS
from tidegate.model.settings import SessionSettings
from tidegate.oes.cl_ord_id import ClOrdIds, has_form
from tidegate.oes.directory import Account, Directory
from tidegate.oes.rates import Rates
from tidegate.oes.token_bucket import COSTS, TokenBucket
from tidegate.wire import tags
from tidegate.wire.message import NUMBER_TOO_PRECISE, Message

# Fields of order types and instructions that this venue does not trade.
_UNSUPPORTED_OPTIONS: Final = [
    (tags.STOP_PX, b"StopPx (99)"),
    (tags.DISPLAY_QTY, b"DisplayQty (1138)"),
    (tags.EXPIRE_TIME, b"ExpireTime (126)"),
    (tags.EFFECTIVE_TIME, b"EffectiveTime (168)"),
    (tags.VALID_UNTIL_TIME, b"ValidUntilTime (62)"),
    (tags.DISCRETION_INST, b"DiscretionInst (388)"),
]


@mypyc_attr(allow_interpreted_subclasses=True)
class EnginePort:
    """What order entry may ask of the engine: a port, because the rooms do not know each other."""

    def is_open(self, account: int, cl_ord_id: bytes) -> bool:
        """Whether an open order of the account has this ClOrdID."""
        raise NotImplementedError

    def open_count(self, session: int) -> int:
        """How many open orders were entered on the session."""
        raise NotImplementedError

    def open_count_of_all(self) -> int:
        """How many open orders there are."""
        raise NotImplementedError

    def pair_count(self, account: int, symbol: str) -> int:
        """How many open orders the account has in one instrument."""
        raise NotImplementedError

    def scheduled_count(self, account: int) -> int:
        """How many of the account's open orders wait for their EffectiveTime (168)."""
        raise NotImplementedError

    def aged_ns(self, account: int, cl_ord_id: bytes) -> int:
        """From when the age of the account's open order of this ClOrdID counts, -1 for none."""
        raise NotImplementedError

    def market_state(self, symbol: str) -> MarketState:
        """Status and prices of an instrument."""
        raise NotImplementedError


@mypyc_attr(acyclic=True)
class NewOrder:
    """A NewOrderSingle that passed layer 2. Units as in `engine.order.Order`."""

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
        self.price = 0
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


class SessionBook:
    """Order entry's own state of one session."""

    def __init__(self) -> None:
        self.cl_ord_ids = ClOrdIds()
        self.bucket = TokenBucket()

    def save(self, encoder: Encoder) -> None:
        self.cl_ord_ids.save(encoder)
        self.bucket.save(encoder)

    def load(self, decoder: Decoder) -> None:
        self.cl_ord_ids.load(decoder)
        self.bucket.load(decoder)


class OrderEntry:
    """Checks requests of all sessions against the directory."""

    def __init__(self, directory: Directory, engine: EnginePort) -> None:
        self.directory = directory
        self.engine = engine
        self.books: list[SessionBook] = []  # by session index
        self.rates = Rates()
        self._too_many: Rule | None = None  # of the request at hand: told behind its other faults

    def add_sessions(self) -> None:
        """Make room for sessions that the directory has learnt of."""
        while len(self.books) < len(self.directory.sessions):
            self.books.append(SessionBook())

    def admit(
        self, session_index: int, message: Message, msg_type: bytes, time_ns: int
    ) -> Refusal | None:
        """The checks that every request passes: account, rate limit, ClOrdID."""
        session = self.directory.sessions[session_index]
        book = self.books[session_index]
        account = self.directory.session_account(session)
        if not account.settings.enabled or not session.enabled:
            return refuse(ACCOUNT_DISABLED)
        if session.token_bucket_points > 0:
            cost = COSTS.get(msg_type, 0)
            if cost and not book.bucket.take(
                cost,
                capacity=session.token_bucket_points,
                refill_per_s=session.token_bucket_refill_per_s,
                time_ns=time_ns,
            ):
                return refuse(RATE_LIMIT)
        self._too_many = None
        if self.rates.active:
            self._too_many = self._charge(session, message, msg_type, time_ns)
        if msg_type == b"H":  # its ClOrdID is the order's own, so only its form is looked at
            return None if has_form(message.get(tags.CL_ORD_ID)) else refuse(CL_ORD_ID_FORM)
        rule = book.cl_ord_ids.check(message.get(tags.CL_ORD_ID), session.cl_ord_id_policy, time_ns)
        return None if rule is None else refuse(rule)

    def _charge(
        self, session: SessionSettings, message: Message, msg_type: bytes, time_ns: int
    ) -> Rule | None:
        """Charge a new order or an amend on receipt, whatever becomes of it; or the rule that it
        is too many by. One whose account or pair there is not is charged to nothing."""
        instrument = self.directory.instrument_by_symbol.get(message.get(tags.SYMBOL))
        if instrument is None:
            return None
        if msg_type == b"D":
            named = self._account(session, message)
            if isinstance(named, Rule):
                return None
            return self.rates.receive(named.index, instrument, time_ns)
        if msg_type != b"G":
            return None
        orig_cl_ord_id = message.get(tags.ORIG_CL_ORD_ID)
        for account in self.directory.trading_accounts(session):
            aged_ns = self.engine.aged_ns(account.index, orig_cl_ord_id)
            if aged_ns >= 0 or not session.broker:
                return self.rates.receive(
                    account.index, instrument, time_ns, amends=True, aged_ns=aged_ns
                )
        return None

    def new_order(self, session_index: int, message: Message) -> NewOrder | Refusal:
        """35=D after `admit`."""
        session = self.directory.sessions[session_index]
        account = self._account(session, message)
        if isinstance(account, Rule):
            return refuse(account)
        cl_ord_id = message.get(tags.CL_ORD_ID)
        if self.engine.is_open(account.index, cl_ord_id):
            return refuse(CL_ORD_ID_IN_USE)
        instrument = self.directory.instrument_by_symbol.get(message.get(tags.SYMBOL))
        if instrument is None:
            return refuse(UNKNOWN_SYMBOL)
        order = NewOrder(message, account, instrument)
        refusal = self._instructions(order, message)
        if refusal is not None:
            return refusal
        refusal = self._sizes(order, message)
        if refusal is not None:
            return refusal
        rule = self._too_many or self._count_rule(session_index, order)
        return order if rule is None else refuse(rule)

    def _count_rule(self, session_index: int, order: NewOrder) -> Rule | None:
        """How many open orders there may be: of the session, the venue, the account in a pair, and
        scheduled ones of the account."""
        engine = self.engine
        if (
            engine.open_count(session_index)
            >= self.directory.sessions[session_index].open_orders_max
            or engine.open_count_of_all() >= OPEN_ORDERS_MAX
        ):
            return ORDERS_LIMIT
        account = order.account
        if self.rates.active:
            most = self.rates.open_orders_max(account.index)
            if most and engine.pair_count(account.index, order.instrument.symbol) >= most:
                return ORDERS_LIMIT
        if order.effective_ns:
            if engine.scheduled_count(account.index) >= account.settings.scheduled_orders_max:
                return SCHEDULED_ORDERS_LIMIT
        return None

    def _account(self, session: SessionSettings, message: Message) -> Account | Rule:
        """The account an order is for: the session's, or a broker's sub-account by 78/79."""
        own = self.directory.session_account(session)
        alloc_account = message.get(tags.ALLOC_ACCOUNT)
        if not session.broker:
            return ALLOCATION_FOREIGN if alloc_account else own
        if not alloc_account:
            return ALLOCATION_MISSING
        account = self.directory.account_by_name.get(alloc_account)
        if account is None or account.settings.parent != own.settings.account:
            return ALLOCATION_FOREIGN
        return account if account.settings.enabled else ACCOUNT_DISABLED

    def _instructions(self, order: NewOrder, message: Message) -> Refusal | None:
        """Order type, time in force, ExecInst and what may stand together."""
        if order.ord_type != MARKET and order.ord_type != LIMIT:
            return refuse(ORD_TYPE)
        tif = order.time_in_force
        if tif != GTC and tif != IOC and tif != FOK:
            return refuse(TIME_IN_FORCE)
        if order.exec_inst:
            if order.exec_inst != b"P":
                return refuse(EXEC_INST)
            if order.ord_type == MARKET or tif != GTC:
                return refuse(POST_ONLY_COMBINATION)
            order.post_only = True
        if message.has(tags.LEVERAGE) and message.get(tags.LEVERAGE) != b"0":
            return refuse(MARGIN)
        refusal = unsupported_option(message)
        if refusal is not None:
            return refusal
        if message.has(tags.SELF_TRADE_PREVENTION):
            order.stp_mode = message.integer(tags.SELF_TRADE_PREVENTION)
        return None

    def _sizes(self, order: NewOrder, message: Message) -> Refusal | None:
        """Precision and minimums."""
        instrument = order.instrument
        order.qty_lots = message.scaled(tags.ORDER_QTY, LOT_DECIMALS)
        if order.qty_lots <= 0:
            return refuse(QTY_INVALID)
        if order.ord_type == LIMIT:
            price = limit_price(message, instrument)
            if isinstance(price, Refusal):
                return price
            order.price = price
        if order.qty_lots < instrument.qty_min_lots:
            return refuse(ORDER_MINIMUM)
        if order.ord_type == LIMIT:
            if instrument.money(order.price, order.qty_lots) < instrument.cost_min_money:
                return refuse(COST_MINIMUM)
        return None

    def amend(
        self, message: Message, instrument: Instrument, ord_type: int, cum_lots: int
    ) -> Amend | Refusal:
        """The changes that 35=G asks of an open order of that instrument and type. A quantity that
        is already executed ends the order, so no minimum holds for it."""
        exec_inst = message.get(tags.EXEC_INST)
        if exec_inst and exec_inst != b"P":
            return refuse(EXEC_INST)
        refusal = unsupported_option(message)
        if refusal is not None:
            return refusal
        qty_lots = message.scaled(tags.ORDER_QTY, LOT_DECIMALS)
        if qty_lots <= 0:
            return refuse(QTY_INVALID)
        price = 0
        if ord_type == LIMIT:
            stated = limit_price(message, instrument)
            if isinstance(stated, Refusal):
                return stated
            price = stated
        if qty_lots <= cum_lots:
            change = Amend(price, qty_lots, post_only=False)
            return change if self._too_many is None else refuse(self._too_many)
        if qty_lots < instrument.qty_min_lots:
            return refuse(ORDER_MINIMUM)
        if price and instrument.money(price, qty_lots) < instrument.cost_min_money:
            return refuse(COST_MINIMUM)
        if self._too_many is not None:
            return refuse(self._too_many)
        return Amend(price, qty_lots, post_only=exec_inst == b"P")


def unsupported_option(message: Message) -> Refusal | None:
    for tag, name in _UNSUPPORTED_OPTIONS:
        if message.has(tag):
            return Refusal(OPTION_FIELD, b"EGeneral:Invalid arguments:" + name + b" not supported")
    return None


def limit_price(message: Message, instrument: Instrument) -> int | Refusal:
    """Price (44) in the instrument's units: there, positive, on the tick, of sane size."""
    if not message.has(tags.PRICE):
        return Refusal(FIELD_MISSING, b"Conditionally required field missing: Price (44)")
    price = message.scaled(tags.PRICE, instrument.price_decimals)
    if price == NUMBER_TOO_PRECISE:
        return refuse(TICK_SIZE)
    if price <= 0:
        return refuse(PRICE_INVALID)
    if price % instrument.tick_units != 0:
        return refuse(TICK_SIZE)
    return price
