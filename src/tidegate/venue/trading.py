"""The way of one application message: order entry, then engine, then reports.

Joins rooms that do not know each other. What is here is order and translation; the rules are in
`oes` and `engine`, the texts in `model.rejects`.
"""

from __future__ import annotations

from librt.strings import BytesWriter

from tidegate.engine.events import Event, status_event
from tidegate.engine.fee_volumes import FeeVolumes
from tidegate.engine.order import Order, Trigger
from tidegate.engine.spot import SpotEngine
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.orders import (
    EXEC_NEW,
    EXEC_TRADE,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
    order_number,
)
from tidegate.model.rejects import (
    AMEND_MISMATCH,
    AMEND_QUOTE_QTY,
    CANCELED_BY_MASS,
    CANCELED_BY_USER,
    CANCELED_BY_VENUE,
    CL_ORD_ID_IN_USE,
    FIELD_MISSING,
    INJECTED_BY_ENGINE,
    LAYER_ENGINE,
    LAYER_GATEWAY,
    LAYER_ORDER_ENTRY,
    MESSAGE_TYPE,
    ORDER_TOO_OLD,
    UNKNOWN_ORDER,
    UNKNOWN_ORDER_AMEND,
    UNKNOWN_SYMBOL,
    Refusal,
    Rule,
    refuse,
)
from tidegate.oes.directory import Directory
from tidegate.oes.order_entry import OrderEntry
from tidegate.oes.requests import AmendTarget, NewOrder
from tidegate.session.machine import MessageTools, Session
from tidegate.venue.cancels import Cancels
from tidegate.venue.effects import RefusalNote
from tidegate.venue.injected import InjectedRefusals
from tidegate.venue.observing import VenueObserver
from tidegate.venue.reports import descriptor, write_business_reject, write_report
from tidegate.wire import tags
from tidegate.wire.message import Message
from tidegate.wire.validation import Fault

_SYMBOL_ORDERS = 49  # MassCancelRequestType 1: this session's orders of one symbol
_SESSION_ORDERS = 54  # 6: all of this session's orders
_COMP_ID_ORDERS = 55  # 7: all of the SenderCompID's orders, earlier sessions included


class Trading:
    """Takes well-formed application messages, in sequence."""

    def __init__(
        self,
        directory: Directory,
        order_entry: OrderEntry,
        engine: SpotEngine,
        tools: MessageTools,
    ) -> None:
        self.directory = directory
        self.order_entry = order_entry
        self.rates = order_entry.rates
        self.fee_volumes = FeeVolumes(engine)
        self.engine = engine
        self.tools = tools
        self.next_exec_number = 1
        self.first_order_numbers: list[int] = []  # by session: the first of its current life
        self.cancels = Cancels(engine)
        self.injected = InjectedRefusals()
        self.refusals: list[RefusalNote] = []
        self.observer: VenueObserver | None = None
        self._scratch = BytesWriter()

    def add_sessions(self) -> None:
        """Make room for sessions that the directory has learnt of."""
        while len(self.first_order_numbers) < len(self.directory.sessions):
            self.first_order_numbers.append(self.engine.next_order_number)
            self.injected.add_session()

    def session_was_reset(self, session_index: int) -> None:
        """What is entered from now on belongs to a new life of the session."""
        self.first_order_numbers[session_index] = self.engine.next_order_number
        self.order_entry.books[session_index].cl_ord_ids.forget_uuids()

    def new_day(self, session_index: int) -> None:
        """The rollover is over, and ClOrdIDs may start anew."""
        self.order_entry.books[session_index].cl_ord_ids.watermark = 0

    def deliver(
        self, sessions: list[Session], session: Session, message: Message, time_ns: int
    ) -> None:
        msg_type = message.get(tags.MSG_TYPE)
        number = message.integer(tags.MSG_SEQ_NUM)
        cl_ord_id = message.get(tags.CL_ORD_ID)
        if msg_type == b"j":
            return  # never answered, lest two sides refuse each other's refusals for ever
        refusal: Refusal | None = None
        if msg_type not in (b"D", b"F", b"G", b"H", b"q"):
            refusal = refuse(MESSAGE_TYPE)
        elif message.flag(tags.POSS_RESEND) and self._was_processed(session, cl_ord_id, msg_type):
            return  # PossResend (97): the request was acted upon the first time
        elif self.injected.pending and msg_type == b"D":
            refusal = self.injected.refusal(session.index, LAYER_GATEWAY)
        if refusal is None:
            refusal = self.order_entry.admit(session.index, message, msg_type, time_ns)
        if refusal is None:
            refusal = self._act(session, message, msg_type, time_ns)
        if refusal is not None:
            self._refuse(session, refusal, message, number, msg_type, cl_ord_id, time_ns)
        self._report(sessions, time_ns)

    def _was_processed(self, session: Session, cl_ord_id: bytes, msg_type: bytes) -> bool:
        return msg_type != b"H" and self.order_entry.books[session.index].cl_ord_ids.was_used(
            cl_ord_id
        )

    def _act(
        self, session: Session, message: Message, msg_type: bytes, time_ns: int
    ) -> Refusal | None:
        if msg_type == b"D":
            return self._new_order(session, message, time_ns)
        if msg_type == b"F":
            return self._cancel(session, message, time_ns)
        if msg_type == b"G":
            return self._amend(session, message, time_ns)
        if msg_type == b"q":
            return self._mass_cancel(session, message, time_ns)
        return self._status(session, message, time_ns)

    # --- requests --------------------------------------------------------------------------------

    def _new_order(self, session: Session, message: Message, time_ns: int) -> Refusal | None:
        request = self.order_entry.new_order(session.index, message, time_ns)
        if isinstance(request, Refusal):
            return request
        injected: Rule | None = None
        if self.injected.pending:
            refusal = self.injected.refusal(session.index, LAYER_ORDER_ENTRY)
            if refusal is not None:
                return refusal
            injected = self.injected.rule(session.index, LAYER_ENGINE)
        order = self._order(session, request, time_ns)
        text = descriptor(self._scratch, order, order.qty_lots)
        rule = self.engine.submit(order, time_ns, text, injected)
        if rule is None:
            return None
        if rule is INJECTED_BY_ENGINE:
            self.injected.use_up(session.index, LAYER_ENGINE)
        return refuse(rule)

    def _order(self, session: Session, request: NewOrder, time_ns: int) -> Order:
        account = request.account
        group = request.sender_sub_id or session.settings.stp_group.encode()
        maker_rate, taker_rate = account.settings.maker_rate, account.settings.taker_rate
        if account.settings.fees_by_volume:
            tier = self.fee_volumes.tier(account.index, request.instrument, time_ns)
            if tier is not None:
                maker_rate, taker_rate = tier.maker_rate, tier.taker_rate
        return Order(
            number=self.engine.next_order_number,
            account=account.index,
            session=session.index,
            epoch=session.epoch,
            instrument=request.instrument,
            side=request.side,
            ord_type=request.ord_type,
            time_in_force=request.time_in_force,
            price=0 if request.ord_type == TRAILING_STOP_LIMIT else request.price,
            qty_lots=request.qty_lots or 1,  # 18=v: the book will say how many
            post_only=request.post_only,
            stp_mode=request.stp_mode,
            stp_group=account.name + b"\x01" + group if group else account.name,
            cl_ord_id=request.cl_ord_id,
            symbol=request.symbol,
            exec_inst=request.exec_inst,
            alloc_account=request.alloc_account,
            maker_rate=maker_rate,
            taker_rate=taker_rate,
            entered_ns=time_ns,
            trigger=None if request.stop_price == 0 else _trigger(request),
            display_lots=request.display_lots,
            quote_money=request.quote_money,
            fee_in_base=request.fee_in_base,
            single_fee=request.single_fee,
            margin=request.margin,
            reduce_only=request.reduce_only,
            effective_ns=request.effective_ns,
            expire_ns=request.expire_ns,
            valid_until_ns=request.valid_until_ns,
        )

    def _cancel(self, session: Session, message: Message, time_ns: int) -> Refusal | None:
        order_id = message.get(tags.ORDER_ID)
        orig_cl_ord_id = message.get(tags.ORIG_CL_ORD_ID)
        if order_id:
            order = self._order_by_id(session, order_id)
        elif orig_cl_ord_id:
            order = self._order_by_cl_ord_id(session, orig_cl_ord_id)
        else:
            return Refusal(
                FIELD_MISSING,
                b"Conditionally required field missing: OrderID (37) or OrigClOrdID (41)",
            )
        if order is None:
            return refuse(ORDER_TOO_OLD if self._is_too_old(session, order_id) else UNKNOWN_ORDER)
        cl_ord_id = message.get(tags.CL_ORD_ID)
        if self._is_in_use(order, cl_ord_id):
            return refuse(CL_ORD_ID_IN_USE)
        self.engine.cancel(order, time_ns, CANCELED_BY_USER, cl_ord_id)
        self._charge_cancel(order, time_ns)
        return None

    def _amend(self, session: Session, message: Message, time_ns: int) -> Refusal | None:
        order = self._order_by_cl_ord_id(session, message.get(tags.ORIG_CL_ORD_ID))
        if order is None or order.order_id != message.get(tags.ORDER_ID):
            return refuse(UNKNOWN_ORDER_AMEND)
        if (
            message.char(tags.SIDE) != order.side
            or message.char(tags.ORD_TYPE) != order.ord_type
            or message.char(tags.TIME_IN_FORCE) != order.time_in_force
            or self.directory.instrument_by_symbol.get(message.get(tags.SYMBOL))
            is not order.instrument
        ):
            return refuse(AMEND_MISMATCH)
        if order.quote_money:
            return refuse(AMEND_QUOTE_QTY)
        cl_ord_id = message.get(tags.CL_ORD_ID)
        if self._is_in_use(order, cl_ord_id):
            return refuse(CL_ORD_ID_IN_USE)
        change = self.order_entry.amend(message, _amend_target(order))
        if isinstance(change, Refusal):
            return change
        aged_ns = order.aged_ns
        ended = change.qty_lots <= order.cum_lots
        rule = self.engine.amend(
            order,
            cl_ord_id=cl_ord_id,
            qty_lots=change.qty_lots,
            price=change.price,
            post_only=change.post_only,
            stop_price=change.stop_price,
            display_lots=change.display_lots,
            valid_until_ns=change.valid_until_ns,
            now_ns=time_ns,
        )
        if rule is not None:
            return refuse(rule)
        if self.rates.active:
            self.rates.amended(order.account, order.instrument, aged_ns, time_ns, ended=ended)
        return None

    def _mass_cancel(self, session: Session, message: Message, time_ns: int) -> Refusal | None:
        reach = message.char(tags.MASS_CANCEL_REQUEST_TYPE)
        symbol = message.get(tags.SYMBOL)
        instrument = self.directory.instrument_by_symbol.get(symbol)
        if reach == _SYMBOL_ORDERS:
            if not symbol:
                return Refusal(FIELD_MISSING, b"Conditionally required field missing: Symbol (55)")
            if instrument is None:
                return refuse(UNKNOWN_SYMBOL)
        orders = self._reached(session, reach, instrument)
        if self.rates.active:
            for order in orders:
                self._charge_cancel(order, time_ns)
        self.cancels.cancel(orders, CANCELED_BY_MASS, time_ns)
        return None

    def _charge_cancel(self, order: Order, time_ns: int) -> None:
        """What an owner pays who cancels an order; cancels by the venue cost nothing."""
        if self.rates.active:
            self.rates.canceled(order.account, order.instrument, order.aged_ns, time_ns)

    def _reached(self, session: Session, reach: int, instrument: Instrument | None) -> list[Order]:
        """The open orders that a mass cancel means."""
        if reach == _COMP_ID_ORDERS and session.settings.mass_cancel_account:
            orders: list[Order] = []
            for account in self.directory.trading_accounts(session.settings):
                orders.extend(self.engine.account_orders(account.index))
            return orders
        orders = self.engine.session_orders(session.index)
        if reach == _COMP_ID_ORDERS:
            return orders
        orders = [order for order in orders if order.epoch == session.epoch]
        if reach == _SYMBOL_ORDERS:
            orders = [order for order in orders if order.instrument is instrument]
        return orders

    def _status(self, session: Session, message: Message, time_ns: int) -> Refusal | None:
        order = self.engine.order(order_number(message.get(tags.ORDER_ID)))
        if order is None or order.session != session.index:
            return refuse(UNKNOWN_ORDER)
        self._report_event(session, status_event(order, time_ns), time_ns)
        return None

    def cancel_session(
        self, sessions: list[Session], session: Session, text: bytes, time_ns: int
    ) -> None:
        """Cancel every open order of the session's current life."""
        orders = self._reached(session, _SESSION_ORDERS, None)
        self.cancels.cancel(orders, text, time_ns)
        self._report(sessions, time_ns)

    def cancel_by_venue(self, sessions: list[Session], order: Order, time_ns: int) -> None:
        """Cancel an open order that its owner wants to keep."""
        self.engine.cancel(order, time_ns, CANCELED_BY_VENUE)
        self._report(sessions, time_ns)

    def fill_by_house(self, sessions: list[Session], order: Order, lots: int, time_ns: int) -> None:
        """Fill an open order that nobody has traded with."""
        self.engine.fill_by_house(order, lots, time_ns)
        self._report(sessions, time_ns)

    def cancel_orders(
        self, sessions: list[Session], orders: list[Order], text: bytes, time_ns: int
    ) -> None:
        """Cancel open orders, whosoever they are: as many as this record may, the rest later."""
        self.cancels.cancel(orders, text, time_ns)
        self._report(sessions, time_ns)

    def report_events(self, sessions: list[Session], time_ns: int) -> None:
        """Tell what a control has done to the engine."""
        self._report(sessions, time_ns)

    def go_on_cancelling(self, sessions: list[Session], time_ns: int) -> None:
        """The next share of cancels that did not fit their record."""
        self.cancels.go_on(time_ns)
        self._report(sessions, time_ns)

    def run_due(self, sessions: list[Session], time_ns: int) -> None:
        """Do what is due by the venue's time, as much as one record may. The engine does not know
        the text of a New report. An order's prices are still those it was entered with, or amended
        to; its quantity need not be, if it is reduce-only."""
        self.engine.run_due(time_ns)
        for event in self.engine.take_events():
            if event.exec_type == EXEC_NEW:
                event.text = descriptor(self._scratch, event.order, event.qty_lots)
            self._report_event(sessions[event.order.session], event, time_ns)

    # --- which orders a session reaches ----------------------------------------------------------

    def _reaches(self, session: Session, order: Order | None) -> Order | None:
        """35=F and 35=G reach orders of the same session: those entered since its numbers were
        reset, or with `cancel_scope_comp_id` all of its CompID's."""
        if order is None or order.session != session.index:
            return None
        if order.epoch != session.epoch and not session.settings.cancel_scope_comp_id:
            return None
        return order

    def _order_by_id(self, session: Session, order_id: bytes) -> Order | None:
        return self._reaches(session, self.engine.order(order_number(order_id)))

    def _order_by_cl_ord_id(self, session: Session, cl_ord_id: bytes) -> Order | None:
        for account in self.directory.trading_accounts(session.settings):
            order = self.engine.order_by_cl_ord_id(account.index, cl_ord_id)
            reached = self._reaches(session, order)
            if reached is not None:
                return reached
        return None

    def _is_in_use(self, order: Order, cl_ord_id: bytes) -> bool:
        """Whether an open order of the same account has the ClOrdID that `order` would take over:
        it may have come by another session, or before the watermark was lowered."""
        return self.engine.order_by_cl_ord_id(order.account, cl_ord_id) is not None

    def _is_too_old(self, session: Session, order_id: bytes) -> bool:
        """Whether an OrderID was given before the session's current life, to an order that is
        closed. An older order that is still open is merely out of reach, hence unknown."""
        number = order_number(order_id)
        if number == 0 or self.engine.order(number) is not None:
            return False
        return number < self.first_order_numbers[session.index]

    # --- answers ---------------------------------------------------------------------------------

    def _report(self, sessions: list[Session], time_ns: int) -> None:
        """One ExecutionReport for each event, on the session of the event's order."""
        for event in self.engine.take_events():
            self._report_event(sessions[event.order.session], event, time_ns)

    def _report_event(self, session: Session, event: Event, time_ns: int) -> None:
        if event.exec_type == EXEC_TRADE:
            self.fee_volumes.traded(event)
        writer = session.begin(b"8", time_ns)
        transact_time = self.tools.timestamps.text(event.time_ns)
        write_report(writer, event, self.next_exec_number, transact_time)
        if self.observer is not None:
            self.observer.reported(event, self.next_exec_number)
        self.next_exec_number += 1
        session.finish(time_ns)

    def _refuse(
        self,
        session: Session,
        refusal: Refusal,
        message: Message,
        msg_seq_num: int,
        msg_type: bytes,
        cl_ord_id: bytes,
        time_ns: int,
    ) -> None:
        rule = refusal.rule
        name = rule.name.encode()
        if rule.layer == LAYER_GATEWAY:
            fault = Fault(rule.code, rule.ref_tag, refusal.text)
            session.reject(msg_seq_num, msg_type, fault, name, time_ns)
        else:
            writer = session.begin(b"j", time_ns)
            write_business_reject(writer, refusal, msg_seq_num, msg_type, cl_ord_id)
            session.finish(time_ns)
            note = RefusalNote(
                session.index, rule.layer, name, refusal.text, msg_type, msg_seq_num, cl_ord_id
            )
            self.refusals.append(note)
            if self.observer is not None:
                self.observer.refused(note, message)
        session.count_error(time_ns)

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.next_exec_number)
        for number in self.first_order_numbers:
            encoder.uint(number)
        self.fee_volumes.save(encoder)
        self.cancels.save(encoder)
        self.injected.save(encoder)

    def load(self, decoder: Decoder) -> None:
        self.next_exec_number = decoder.uint()
        for index in range(len(self.first_order_numbers)):
            self.first_order_numbers[index] = decoder.uint()
        self.fee_volumes.load(decoder)
        self.cancels.load(decoder)
        self.injected.load(decoder)


def _trigger(request: NewOrder) -> Trigger:
    """What an order with StopPx (99) waits for. A trailing order's StopPx and Price are distances:
    where it is triggered follows from the reference."""
    if request.ord_type in (TRAILING_STOP, TRAILING_STOP_LIMIT):
        return Trigger(
            kind=request.ord_type,
            stop_price=0,
            reference=request.reference,
            distance=request.stop_price,
            limit_distance=request.price,
        )
    return Trigger(
        kind=request.ord_type, stop_price=request.stop_price, reference=request.reference
    )


def _amend_target(order: Order) -> AmendTarget:
    return AmendTarget(
        instrument=order.instrument,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        cum_lots=order.cum_lots,
        display_lots=order.display_lots,
        reduce_only=order.reduce_only,
    )
