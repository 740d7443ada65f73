"""The venue as one machine: records in, effects out, nothing else.

Every public method under *inputs* writes its record into the current turn and applies it; what
comes out of it is written behind it. `take_turn` hands the turn's bytes to the journal; `commit`,
called once they are durable (or, on recovery, read), gives what may now leave the process. Nothing
here reads a clock, a file or a random source: the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib

from librt.strings import BytesWriter, write_i64_le

from tidegate.engine.spot import SpotEngine
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.market_state import MarketState
from tidegate.model.rejects import LAYER_GATEWAY
from tidegate.model.settings import DUPLICATE_DISPLACE, VenueSettings
from tidegate.oes.directory import Directory
from tidegate.oes.order_entry import EnginePort, OrderEntry
from tidegate.session.history import History
from tidegate.session.host import SessionHost
from tidegate.session.logon import ALREADY_ACTIVE, LogonRequest, refusal_frame
from tidegate.session.machine import MessageTools, Session
from tidegate.session.reasons import DISPLACED
from tidegate.session.states import DISCONNECTED
from tidegate.venue import records
from tidegate.venue.controls import read_control
from tidegate.venue.directory_controls import cancel_of_disabled
from tidegate.venue.disconnects import Disconnects
from tidegate.venue.dispatching import Outbox
from tidegate.venue.effects import Dispatch, RefusalNote, SessionNote
from tidegate.venue.observing import VenueObserver
from tidegate.venue.operated import Operated
from tidegate.venue.records import Record, read_records, write_record
from tidegate.venue.rollover import Rollover
from tidegate.venue.saving import load_venue, save_venue
from tidegate.venue.trading import Trading
from tidegate.wire import tags
from tidegate.wire.message import Message


class SettingsRefused(ValueError):
    """New settings contradict what the venue holds; the text names the setting and the rule."""


class ReplayMismatch(Exception):
    """Applying a turn's inputs again gave other bytes than the journal holds."""


class _Engine(EnginePort):
    """Order entry's questions to the engine."""

    def __init__(self, engine: SpotEngine) -> None:
        self.engine = engine

    def is_open(self, account: int, cl_ord_id: bytes) -> bool:
        return self.engine.order_by_cl_ord_id(account, cl_ord_id) is not None

    def open_count(self, session: int) -> int:
        return self.engine.session_order_count(session)

    def open_count_of_all(self) -> int:
        return self.engine.open_order_count

    def pair_count(self, account: int, symbol: str) -> int:
        return self.engine.pair_order_count(account, symbol)

    def scheduled_count(self, account: int) -> int:
        return self.engine.scheduled_order_count(account)

    def aged_ns(self, account: int, cl_ord_id: bytes) -> int:
        order = self.engine.order_by_cl_ord_id(account, cl_ord_id)
        return -1 if order is None else order.aged_ns

    def market_state(self, symbol: str) -> MarketState:
        return self.engine.market_state(symbol)


class Venue(SessionHost):
    """See the module. Times are nanoseconds since 1970 UTC; a time before the newest one seen is
    taken as that one, so a clock that jumps back does not turn the venue's time."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.last_link = 0
        self.next_deadline_ns = 0  # `tick` is due then, at the latest
        self.last_nonces: dict[bytes, int] = {}
        self.settings_bytes: bytes = b""
        self.settings = VenueSettings(
            rollover_s=0, rollover_length_s=0, instruments=[], accounts=[], sessions=[]
        )
        self.operated = Operated()
        self.directory = Directory()
        # By symbol, those included that the settings no longer name: orders in them may be open.
        self.instruments: dict[str, Instrument] = {}
        self.engine = SpotEngine()
        self.order_entry = OrderEntry(self.directory, _Engine(self.engine))
        self.tools = MessageTools()
        self.sessions: list[Session] = []
        self.histories: list[History] = []  # by session
        self.trading = Trading(self.directory, self.order_entry, self.engine, self.tools)
        self.disconnects = Disconnects(self.sessions, self.trading)
        self.rollover = Rollover(self.sessions, self.disconnects, self.trading)
        self.refusals: list[RefusalNote] = self.trading.refusals
        self.session_notes: list[SessionNote] = []
        self.observer: VenueObserver | None = None
        self._logon_cancel_on_disconnect = False
        self._logon_api_key: bytes = b""
        self._turn = BytesWriter()
        self._turn_records = 0
        self._outbox = Outbox()

    # --- inputs ----------------------------------------------------------------------------------

    def configure(self, settings_bytes: bytes, time_ns: int) -> None:
        """Take settings. Raises `SettingsRefused`, and changes nothing, where they contradict what
        the venue holds. Accounts that are new are opened with their deposits."""
        self.check_settings(settings_bytes)
        settings = VenueSettings.decode(settings_bytes)
        self._record(records.CONFIGURE, time_ns, 0, 0, 0, settings_bytes)
        opened = len(self.directory.accounts)
        self.adopt(settings_bytes, settings)
        self.note_markets()
        for account in self.directory.accounts[opened:]:
            for deposit in account.settings.deposits:
                self.engine.ledger.deposit(account.index, deposit.asset, deposit.amount)
        self.rollover.plan(self.now_ns)
        self.next_deadline_ns = 0

    def start(self, time_ns: int) -> None:
        """A process started: whatever links were up are gone, what its settings disable has no
        open orders any more, and a rollover that fell into the time without a process is made up
        for. What that cancels is not done as due after all: its owner was without a line when its
        time came."""
        self._record(records.START, time_ns, 0, 0, 0, b"")
        for session in self.sessions:
            session.link_lost(self.now_ns)
        self.disconnects.tick(self.now_ns)
        cancel_of_disabled(self, self.now_ns)
        if self.rollover.is_due(self.now_ns):
            self.rollover.begin(self.now_ns)
            self.rollover.finish(self.now_ns)
        self._run_due_unless_cancelling()
        self.next_deadline_ns = 0

    def logon(
        self, session_index: int, link: int, api_key: bytes, nonce: int, frame: bytes, time_ns: int
    ) -> None:
        """A Logon that the gateway has verified, without its credentials. `link` is above every
        link before; an older link of the session can not speak any more from here on."""
        assert link > self.last_link, "link numbers rise"
        data = bytes((len(api_key),)) + api_key + frame
        self._input(records.LOGON, time_ns, session_index, link, nonce, data)
        self.last_link = link
        # What is due comes first, though no tick has said so yet.
        if self.rollover.is_over(self.now_ns):
            self.rollover.finish(self.now_ns)
        if nonce > 0:
            self.last_nonces[api_key] = nonce
        session = self.sessions[session_index]
        self.disconnects.end_grace_if_due(session, self.now_ns)
        if session.state != DISCONNECTED:
            if session.settings.duplicate_logon != DUPLICATE_DISPLACE:
                self._answer(session, link, frame)
                return
            session.expel(DISPLACED, self.now_ns)
        self._logon_api_key = api_key
        request = Message()
        request.scan(frame)
        choice = request.char(tags.CANCEL_ORDERS_ON_DISCONNECT)
        self._logon_cancel_on_disconnect = (
            choice == 48 if choice else session.settings.cancel_on_disconnect
        )
        if session.logon(link, frame, self.now_ns) and request.flag(tags.FORCE_RESET_CL_ORD_ID):
            self.order_entry.books[session_index].cl_ord_ids.watermark = 0
        self.next_deadline_ns = 0

    def frames(self, session_index: int, link: int, frames: list[bytes], time_ns: int) -> None:
        """Framed messages of a link, in order of arrival. Frames of a link that is not the
        session's (any more) are not even recorded: that is the fence."""
        session = self.sessions[session_index]
        for frame in frames:
            if session.link != link:
                return
            self._input(records.FRAME, time_ns, session_index, link, 0, frame)
            session.receive(frame, self.now_ns)

    def link_down(self, session_index: int, link: int, time_ns: int) -> None:
        """A link broke, or was closed by the peer."""
        session = self.sessions[session_index]
        if session.link != link:
            return
        self._record(records.LINK_DOWN, time_ns, session_index, link, 0, b"")
        session.link_lost(self.now_ns)

    def tick(self, time_ns: int) -> None:
        """Time has passed. Recorded only when something is due, so calling it often is cheap."""
        if not self.settings_bytes:
            return
        due_ns = min(self.next_deadline_ns, self.engine.due_ns)
        if time_ns >= due_ns or self.has_more_to_do:
            due_ns = self.deadline_ns()
        if time_ns < due_ns:
            self.next_deadline_ns = due_ns
            return
        self._record(records.TICK, time_ns, 0, 0, 0, b"")
        self.trading.go_on_cancelling(self.sessions, self.now_ns)
        self._run_due_unless_cancelling()
        for session in self.sessions:
            session.tick(self.now_ns)
        self.disconnects.tick(self.now_ns)
        if self.rollover.is_over(self.now_ns):
            self.rollover.finish(self.now_ns)
        if self.rollover.is_due(self.now_ns):
            self.rollover.begin(self.now_ns)
        self.next_deadline_ns = 0

    def check_control(self, kind: int, session_index: int, data: bytes) -> None:
        """Raises `ControlRefused` where `control` would."""
        read_control(kind, data).check(self, session_index)

    def log_out_all(self, text: bytes, time_ns: int) -> None:
        """Ask every session to log out, as an orderly end: the process is about to stop."""
        self._input(records.LOGOUT_ALL, time_ns, 0, 0, 0, text)
        for session in self.sessions:
            session.logout(text, self.now_ns, orderly=True)
        self.next_deadline_ns = 0

    def control(self, kind: int, session_index: int, data: bytes, time_ns: int) -> None:
        """Do what an operator or a test asks for (`venue.controls`). Raises `ControlRefused`, and
        changes nothing, where it can not be done."""
        if self.engine.due_ns <= max(time_ns, self.now_ns):
            self.tick(time_ns)  # what is due comes first, also before the check
        read_control(kind, data).check(self, session_index)
        self._control(kind, session_index, data, time_ns)

    @property
    def has_more_to_do(self) -> bool:
        """Whether `tick` should be called again at once: cancels, or orders that are due, that did
        not fit their record."""
        return self.trading.cancels.pending or self.engine.due_ns <= self.now_ns

    # --- outputs ---------------------------------------------------------------------------------

    @property
    def turn_bytes(self) -> int:
        """Size of the current turn."""
        return len(self._turn)

    @property
    def turn_records(self) -> int:
        """Records in the current turn, inputs and outputs; 0 means that nothing happened."""
        return self._turn_records

    def take_turn(self) -> bytes:
        """The current turn's bytes, for the journal. The next input starts a new turn."""
        payload = self._turn.getvalue()
        self._turn.truncate(0)
        self._turn_records = 0
        self._outbox.close_turn()
        return payload

    def commit(self, payload_position: int) -> list[Dispatch]:
        """The oldest turn taken is durable and starts at that log position: index its outgoing
        messages and give what is to be transmitted."""
        return self._outbox.commit(payload_position, self.histories)

    # --- replay and snapshots --------------------------------------------------------------------

    def observe(self, observer: VenueObserver | None) -> None:
        """Have an observer told of what the turns that are replayed from now on do, or nobody."""
        self.observer = observer
        self.trading.observer = observer

    def replay(self, payload: bytes, payload_position: int) -> None:
        """Apply the inputs of a turn read from the journal and compare the outputs, byte by byte.
        Raises `ReplayMismatch` where they differ."""
        for record in read_records(payload):
            if record.kind < records.FIRST_OUTPUT:
                self._apply(record)
                if self.observer is not None:
                    self.observer.applied()
        count = self._turn_records
        again = self.take_turn()
        if again != payload:
            raise ReplayMismatch(
                f"turn at log position {payload_position}: {count} records of {len(again)} bytes "
                f"came out, the journal holds {len(payload)} bytes"
            )
        self.commit(payload_position)
        self.refusals.clear()
        self.session_notes.clear()

    def _apply(self, record: Record) -> None:
        kind = record.kind
        if kind == records.FRAME:
            self.frames(record.session, record.link, [record.data], record.time_ns)
        elif kind == records.TICK:
            self.next_deadline_ns = 0
            self.tick(record.time_ns)
        elif kind == records.LOGON:
            key_end = 1 + record.data[0]
            self.logon(
                record.session,
                record.link,
                record.data[1:key_end],
                record.number,
                record.data[key_end:],
                record.time_ns,
            )
        elif kind == records.LINK_DOWN:
            self.link_down(record.session, record.link, record.time_ns)
        elif kind == records.START:
            self.start(record.time_ns)
        elif kind == records.CONFIGURE:
            self.configure(record.data, record.time_ns)
        elif kind == records.LOGOUT_ALL:
            self.log_out_all(record.data, record.time_ns)
        elif kind == records.CONTROL:
            self._control(record.number, record.session, record.data, record.time_ns)
        else:
            raise ValueError(f"record kind {kind} is not known to this version")

    def save(self) -> bytes:
        """The whole state, canonically: equal states give equal bytes. Only between turns."""
        assert self._turn_records == 0
        return save_venue(self)

    def load(self, saved: bytes) -> None:
        """Take a saved state; only into a new venue. Raises `ValueError` for bytes that this
        version does not read."""
        assert self.now_ns == 0
        load_venue(self, saved)

    def save_histories(self) -> bytes:
        """Where each session's outgoing messages lie in the log. Derived from the log, so it is
        kept beside a snapshot and is no part of the state or its digest."""
        encoder = Encoder()
        encoder.uint(len(self.histories))
        for history in self.histories:
            history.save(encoder)
        return encoder.value()

    def load_histories(self, saved: bytes) -> None:
        decoder = Decoder(saved)
        for index in range(decoder.uint()):
            self.histories[index].load(decoder)

    def histories_complete(self) -> bool:
        """Whether every outgoing message of every session is indexed: no turn waits to be
        committed."""
        return all(
            self.histories[index].last_number + 1 == session.next_outgoing
            for index, session in enumerate(self.sessions)
        )

    def digest(self) -> str:
        """SHA-256 of the state, in hexadecimal."""
        return hashlib.sha256(self.save()).hexdigest()

    # --- questions that change nothing -----------------------------------------------------------

    def refused_logon(
        self, session_index: int, request: LogonRequest, text: bytes, sending_time: bytes
    ) -> bytes:
        """The Logout that answers a Logon which the gateway refuses. `session_index` is -1 where
        its CompIDs name no session."""
        known = 0 <= session_index < len(self.sessions)
        number = self.sessions[session_index].next_outgoing if known else 1
        return refusal_frame(request, number, sending_time, text)

    def logons_refused(self, time_ns: int) -> bool:
        """Whether the rollover is going on: logons are then closed without a word."""
        return self.rollover.is_on and not self.rollover.is_over(time_ns)

    @property
    def rollover_at_ns(self) -> int:
        """When the next rollover begins; it moves on when one does."""
        return self.rollover.at_ns

    def check_settings(self, settings_bytes: bytes) -> None:
        """Raises `SettingsRefused` where settings contradict what the venue holds."""
        settings = VenueSettings.decode(settings_bytes)
        for instrument in settings.instruments:
            known = self.engine.instrument(instrument.symbol)
            if known is None:
                continue
            if known.price_decimals != instrument.price_decimals:
                raise SettingsRefused(
                    f"instrument {instrument.symbol}: price_decimals is {known.price_decimals} in "
                    f"this venue and can not become {instrument.price_decimals}"
                )
            if known.base != instrument.base or known.quote != instrument.quote:
                raise SettingsRefused(
                    f"instrument {instrument.symbol}: its assets are {known.base} and "
                    f"{known.quote} in this venue and can not change"
                )
        accounts = [account.account for account in settings.accounts]
        for session in settings.sessions:
            if session.account not in accounts:
                raise SettingsRefused(
                    f"session {session.sender_comp_id}: there is no account {session.account!r}"
                )

    # --- what sessions ask of their host ----------------------------------------------------------

    def send(self, session: Session, number: int, frame: bytes) -> None:
        offset = len(self._turn)
        self._output(records.SENT, session.index, session.link, number, frame)
        self._outbox.sent(session.index, session.link, number, offset, frame)

    def withhold(self, session: Session, number: int, frame: bytes) -> None:
        """Keep a message as sent that is not to be transmitted."""
        offset = len(self._turn)
        self._output(records.SENT, session.index, 0, number, frame)
        self._outbox.withheld(session.index, session.link, number, offset)

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        writer = BytesWriter()
        write_i64_le(writer, end)
        self._output(records.RESEND, session.index, session.link, begin, writer.getvalue())
        self._outbox.sweep(session.index, session.link, begin, end)

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        self.trading.deliver(self.sessions, session, message, time_ns)

    def rejected(self, session: Session, rule: bytes, text: bytes) -> None:
        message = self.tools.message
        note = RefusalNote(
            session.index,
            LAYER_GATEWAY,
            rule,
            text,
            message.get(tags.MSG_TYPE),
            message.integer(tags.MSG_SEQ_NUM),
            message.get(tags.CL_ORD_ID),
        )
        self.refusals.append(note)
        if self.observer is not None:
            self.observer.refused(note, message)

    def established(self, session: Session, time_ns: int) -> None:
        self.disconnects.established(
            session,
            cancel_on_disconnect=self._logon_cancel_on_disconnect,
            api_key=self._logon_api_key,
        )
        self._note(SessionNote(session.index, session.link, b"logon", b""))

    def was_reset(self, session: Session) -> None:
        self._output(records.RESET, session.index, 0, session.epoch, b"")
        self._outbox.reset(session.index)
        self.trading.session_was_reset(session.index)

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        self._output(records.CLOSE, session.index, link, 1 if orderly else 0, reason)
        self._outbox.cut(session.index, link, reason)
        self._note(SessionNote(session.index, link, b"end", reason))
        self.disconnects.ended(session, time_ns, orderly=orderly, rolling_over=self.rollover.is_on)

    # --- inner works -----------------------------------------------------------------------------

    def _input(
        self, kind: int, time_ns: int, session: int, link: int, number: int, data: bytes
    ) -> None:
        """Record an input. What is due at its time happens before anything else does."""
        self._record(kind, time_ns, session, link, number, data)
        if self.engine.due_ns <= self.now_ns:
            self.trading.run_due(self.sessions, self.now_ns)

    def _run_due_unless_cancelling(self) -> None:
        """Where orders are still to be cancelled, what is due may be theirs: it waits for the tick
        that comes at once."""
        if self.engine.due_ns <= self.now_ns and not self.trading.cancels.pending:
            self.trading.run_due(self.sessions, self.now_ns)

    def _record(
        self, kind: int, time_ns: int, session: int, link: int, number: int, data: bytes
    ) -> None:
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        self.trading.cancels.begin_record()
        write_record(self._turn, kind, self.now_ns, session, link, number, data)
        self._turn_records += 1

    def _control(self, kind: int, session_index: int, data: bytes, time_ns: int) -> None:
        """A control that has been checked against the venue as it is. Orders that are due wait
        for the next record: a control may name one of them."""
        self._record(records.CONTROL, time_ns, session_index, 0, kind, data)
        read_control(kind, data).apply(self, session_index, self.now_ns)
        self.next_deadline_ns = 0

    def _output(self, kind: int, session: int, link: int, number: int, data: bytes) -> None:
        write_record(self._turn, kind, self.now_ns, session, link, number, data)
        self._turn_records += 1

    def _answer(self, session: Session, link: int, frame: bytes) -> None:
        """Refuse a logon because the session is in use; the session itself is not touched."""
        message = Message()
        message.scan(frame)
        answer = refusal_frame(
            LogonRequest(message),
            session.next_outgoing,
            self.tools.timestamps.text(self.now_ns),
            ALREADY_ACTIVE,
        )
        self._output(records.REPLY, session.index, link, 0, answer)
        self._outbox.answer(session.index, link, answer)
        self._note(SessionNote(session.index, link, b"refused", ALREADY_ACTIVE))

    def _note(self, note: SessionNote) -> None:
        self.session_notes.append(note)
        if self.observer is not None:
            self.observer.session_noted(note)

    def deadline_ns(self) -> int:
        """When something is due next, by a look at every session: done once a tick, not a message.
        Messages only move a session's deadlines away, so the result stays a lower bound."""
        if self.has_more_to_do:
            return 0
        due_ns = min(self.rollover.deadline_ns(), self.disconnects.deadline_ns())
        due_ns = min(due_ns, self.engine.due_ns)
        for session in self.sessions:
            due_ns = min(due_ns, session.deadline_ns())
        return due_ns

    def adopt(self, settings_bytes: bytes, settings: VenueSettings) -> None:
        """Make settings the ones in force, with what operators have changed: a step of `configure`
        and of loading a snapshot."""
        self.operated.amend(settings)
        self.settings_bytes = settings_bytes
        self.settings = settings
        self.directory.adopt(settings)
        for instrument in settings.instruments:
            self.engine.add_instrument(instrument)
            self.instruments[instrument.symbol] = instrument
        accounts = [account.settings for account in self.directory.accounts]
        self.engine.margin.adopt(accounts, settings.margin_pools)
        self.rollover.adopt(settings)
        self.adopt_sessions()
        self.trading.fee_volumes.adopt(settings)
        self.order_entry.rates.adopt(self.directory, settings.rates, self.now_ns)
        if self.observer is not None:
            self.observer.sessions_changed()

    def note_markets(self) -> None:
        """Instruments, or the status of their markets, are others now."""
        if self.observer is not None:
            self.observer.markets_changed()

    def adopt_again(self) -> None:
        """Put in force what an operator has changed."""
        settings = VenueSettings.decode(self.settings_bytes)
        settings.instruments = self.settings.instruments  # the same objects: nothing to do for them
        self.adopt(self.settings_bytes, settings)

    def adopt_sessions(self) -> None:
        """Make room for the sessions that the directory has learnt of, and give each its settings;
        a step of `adopt` and of loading a snapshot."""
        for index, session_settings in enumerate(self.directory.sessions):
            if index < len(self.sessions):
                self.sessions[index].adopt(session_settings)
                continue
            self.sessions.append(
                Session(self, self.tools, index, session_settings, initiator=False)
            )
            self.disconnects.add_session()
            self.histories.append(History())
        self.order_entry.add_sessions()
        self.trading.add_sessions()
