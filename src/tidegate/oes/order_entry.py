"""Layer 2: from a well-formed message to a command for the engine, or a refusal.

The order of the checks is that of the catalogue (`model.rejects`); the first rule that fires is the
answer. Nothing here touches a balance or a book.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import OPEN_ORDERS_MAX
from tidegate.model.market_state import MarketState, status_rule
from tidegate.model.orders import FOK, IOC, LIMIT, MARKET
from tidegate.model.rejects import (
    ACCOUNT_DISABLED,
    ALLOCATION_FOREIGN,
    ALLOCATION_MISSING,
    AMEND_DISPLAY,
    CL_ORD_ID_FORM,
    CL_ORD_ID_IN_USE,
    EXEC_INST,
    ORDERS_LIMIT,
    POST_ONLY_COMBINATION,
    RATE_LIMIT,
    SCHEDULED_ORDERS_LIMIT,
    TRIGGER_COMBINATION,
    UNKNOWN_SYMBOL,
    Refusal,
    Rule,
    refuse,
)
from tidegate.model.settings import SessionSettings
from tidegate.model.time import parse_utc_timestamp
from tidegate.oes.cl_ord_id import ClOrdIds, has_form
from tidegate.oes.directory import Account, Directory
from tidegate.oes.instructions import (
    EXEC_INST_FAULT,
    HAS_DISPLAY_QTY,
    HAS_STOP_PX,
    HAS_VALID_UNTIL_TIME,
    POST_ONLY,
    REDUCE_ONLY,
    exec_inst_bits,
    fill_instructions,
    missing_field,
    rare_fields,
)
from tidegate.oes.rates import Rates
from tidegate.oes.requests import Amend, AmendTarget, NewOrder
from tidegate.oes.sizes import deadline_rule, fill_amend_sizes, fill_sizes, fill_times
from tidegate.oes.token_bucket import COSTS, TokenBucket
from tidegate.wire import tags
from tidegate.wire.message import Message


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
        self._too_many: Rule | None = None  # of the request at hand: told at its place, later

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
            self._too_many = self._charge(session, account, message, msg_type, time_ns)
        if msg_type == b"H":  # its ClOrdID is the order's own, so only its form is looked at
            return None if has_form(message.get(tags.CL_ORD_ID)) else refuse(CL_ORD_ID_FORM)
        rule = book.cl_ord_ids.check(message.get(tags.CL_ORD_ID), session.cl_ord_id_policy, time_ns)
        return None if rule is None else refuse(rule)

    def _charge(
        self,
        session: SessionSettings,
        own: Account,
        message: Message,
        msg_type: bytes,
        time_ns: int,
    ) -> Rule | None:
        """Charge a new order or an amend on receipt, whatever becomes of it; or the rule by which
        it is too many. One whose account or pair there is not is charged to nothing."""
        if msg_type != b"D" and msg_type != b"G":
            return None
        instrument = self.directory.instrument_by_symbol.get(message.get(tags.SYMBOL))
        if instrument is None:
            return None
        if msg_type == b"D":
            account = self._account(session, own, message)
            if account is None:
                return None
            return self.rates.receive(account.index, instrument, time_ns)
        orig_cl_ord_id = message.get(tags.ORIG_CL_ORD_ID)
        for account in self.directory.trading_accounts(session):
            aged_ns = self.engine.aged_ns(account.index, orig_cl_ord_id)
            if aged_ns >= 0 or not session.broker:
                return self.rates.receive(
                    account.index, instrument, time_ns, amends=True, aged_ns=aged_ns
                )
        return None

    def new_order(self, session_index: int, message: Message, time_ns: int) -> NewOrder | Refusal:
        """35=D after `admit`."""
        session = self.directory.sessions[session_index]
        rare = rare_fields(message)
        ord_type = message.char(tags.ORD_TYPE)
        refusal = missing_field(message, ord_type, message.char(tags.TIME_IN_FORCE), rare)
        if refusal is not None:
            return refusal
        exec_inst = exec_inst_bits(message.get(tags.EXEC_INST))
        if exec_inst == EXEC_INST_FAULT:
            return refuse(EXEC_INST)
        own = self.directory.session_account(session)
        account = self._account(session, own, message)
        cl_ord_id = message.get(tags.CL_ORD_ID)
        if account is not None and self.engine.is_open(account.index, cl_ord_id):
            return refuse(CL_ORD_ID_IN_USE)
        instrument = self.directory.instrument_by_symbol.get(message.get(tags.SYMBOL))
        if instrument is None:
            return refuse(UNKNOWN_SYMBOL)
        rule = status_rule(
            self.engine.market_state(instrument.symbol),
            limit=ord_type == LIMIT,
            post_only=exec_inst & POST_ONLY != 0,
            reduce_only=exec_inst & REDUCE_ONLY != 0,
        )
        if rule is not None:
            return refuse(rule)
        order = NewOrder(message, own if account is None else account, instrument)
        rule = fill_instructions(order, message, rare, exec_inst)
        if rule is None:
            rule = fill_sizes(order, message, rare, exec_inst)
        if rule is None and rare:
            rule = fill_times(order, message, rare, time_ns)
        if rule is None:
            rule = self._too_many
        if rule is None:
            rule = self._count_rule(session_index, order)
        if rule is None and account is None:
            rule = self._allocation_rule(session, message)
        if rule is None and not order.account.settings.enabled:
            rule = ACCOUNT_DISABLED
        return order if rule is None else refuse(rule)

    def _count_rule(self, session_index: int, order: NewOrder) -> Rule | None:
        """How many open orders there may be: of the session, of the venue, of the account in a
        pair, and scheduled ones of the account."""
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

    def _account(self, session: SessionSettings, own: Account, message: Message) -> Account | None:
        """The account an order is for: the session's own, or a broker's sub-account by 78/79;
        `None` where `_allocation_rule` says why there is none."""
        alloc_account = message.get(tags.ALLOC_ACCOUNT)
        if not session.broker:
            return None if alloc_account else own
        account = self.directory.account_by_name.get(alloc_account)
        if account is None or account.settings.parent != own.settings.account:
            return None
        return account

    def _allocation_rule(self, session: SessionSettings, message: Message) -> Rule:
        """A sub-account that there is not is told like one of another broker."""
        if session.broker and not message.has(tags.ALLOC_ACCOUNT):
            return ALLOCATION_MISSING
        return ALLOCATION_FOREIGN

    def amend(self, message: Message, target: AmendTarget) -> Amend | Refusal:
        """The changes that 35=G asks of an open order, after `admit`."""
        rare = rare_fields(message)
        ord_type = target.ord_type
        refusal = missing_field(message, ord_type, 0, rare)
        if refusal is not None:
            return refusal
        exec_inst = exec_inst_bits(message.get(tags.EXEC_INST))
        if exec_inst != 0 and exec_inst != POST_ONLY:
            return refuse(EXEC_INST)
        rule = status_rule(
            self.engine.market_state(target.instrument.symbol),
            limit=ord_type == LIMIT,
            post_only=exec_inst != 0,
            reduce_only=target.reduce_only,
        )
        if rule is None:
            rule = _amend_combination(target, rare, exec_inst)
        change = Amend(0, 0, post_only=exec_inst != 0)
        if rule is None:
            rule = fill_amend_sizes(change, target, message, rare)
        if rule is None and rare & HAS_VALID_UNTIL_TIME:
            change.valid_until_ns = parse_utc_timestamp(message.get(tags.VALID_UNTIL_TIME))
            rule = deadline_rule(change.valid_until_ns, message)
        if rule is None:
            rule = self._too_many
        return change if rule is None else refuse(rule)


def _amend_combination(target: AmendTarget, rare: int, exec_inst: int) -> Rule | None:
    """What an amend may not ask of an order of the target's kind."""
    ord_type = target.ord_type
    tif = target.time_in_force
    if exec_inst and (ord_type != LIMIT or tif == IOC or tif == FOK):
        return POST_ONLY_COMBINATION
    if rare & HAS_DISPLAY_QTY and target.display_lots == 0:
        return AMEND_DISPLAY
    if rare & HAS_STOP_PX and (ord_type == LIMIT or ord_type == MARKET):
        return TRIGGER_COMBINATION
    return None
