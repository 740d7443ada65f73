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
from tidegate.model.rejects import (
    CANCELED_BY_DISCONNECT,
    CANCELED_BY_LOGOUT,
    CANCELED_BY_ROLLOVER,
    LAYER_GATEWAY,
)
from tidegate.model.settings import DUPLICATE_DISPLACE, VenueSettings
from tidegate.model.time import NS_PER_S, S_PER_DAY
from tidegate.oes.directory import Directory
from tidegate.oes.order_entry import OpenOrdersPort, OrderEntry
from tidegate.session.history import History
from tidegate.session.host import SessionHost
from tidegate.session.logon import ALREADY_ACTIVE, LogonRequest, refusal_frame
from tidegate.session.machine import LOGOUT_WAIT_NS, MessageTools, Session
from tidegate.session.states import DISCONNECTED
from tidegate.venue import records
from tidegate.venue.dispatching import Outbox
from tidegate.venue.effects import Dispatch, RefusalNote, SessionNote
from tidegate.venue.records import Record, read_records, write_record
from tidegate.venue.trading import Trading
from tidegate.wire import tags
from tidegate.wire.message import Message

_SAVED_FORMAT = 1
_DISPLACED = b"Session displaced by a newer logon"
_ROLLOVER = b"Session rollover"


class SettingsRefused(ValueError):
    """New settings contradict what the venue holds; the text names the setting and the rule."""


class ReplayMismatch(Exception):
    """Applying a turn's inputs again gave other bytes than the journal holds."""


class _Orders(OpenOrdersPort):
    """Order entry's questions to the engine."""

    def __init__(self, engine: SpotEngine) -> None:
        self.engine = engine

    def is_open(self, account: int, cl_ord_id: bytes) -> bool:
        return self.engine.order_by_cl_ord_id(account, cl_ord_id) is not None

    def open_count(self, session: int) -> int:
        return self.engine.session_order_count(session)

    def open_count_of_all(self) -> int:
        return self.engine.open_order_count


class SessionLife:
    """What the venue keeps of a session beside the session machine's own state."""

    def __init__(self) -> None:
        self.established = False
        self.cancel_on_disconnect = False


class Venue(SessionHost):
    """See the module. Times are nanoseconds since 1970 UTC; a time before the newest one seen is
    taken as that one, so a clock that jumps back does not turn the venue's time."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.last_link = 0
        self.next_deadline_ns = 0  # `tick` is due then, at the latest
        self.rollover_at_ns = 0
        self.logons_refused_until_ns = 0
        self.last_nonces: dict[bytes, int] = {}
        self.settings_bytes: bytes = b""
        self.settings = VenueSettings(
            rollover_s=0, rollover_length_s=0, instruments=[], accounts=[], sessions=[]
        )
        self.directory = Directory()
        # By symbol, those included that the settings no longer name: orders in them may be open.
        self.instruments: dict[str, Instrument] = {}
        self.engine = SpotEngine()
        self.order_entry = OrderEntry(self.directory, _Orders(self.engine))
        self.tools = MessageTools()
        self.sessions: list[Session] = []
        self.lives: list[SessionLife] = []
        self.histories: list[History] = []  # by session
        self.trading = Trading(self.directory, self.order_entry, self.engine, self.tools)
        self.refusals: list[RefusalNote] = self.trading.refusals
        self.session_notes: list[SessionNote] = []
        self._logon_cancel_on_disconnect = False
        self._turn = BytesWriter()
        self._turn_records = 0
        self._outbox = Outbox()

    # --- inputs ----------------------------------------------------------------------------------

    def configure(self, settings_bytes: bytes, time_ns: int) -> None:
        """Take settings. Raises `SettingsRefused`, and changes nothing, where they contradict what
        the venue holds. Accounts that are new are opened with their deposits."""
        self.check_settings(settings_bytes)
        settings = VenueSettings.decode(settings_bytes)
        self._input(records.CONFIGURE, time_ns, 0, 0, 0, settings_bytes)
        opened = len(self.directory.accounts)
        self._adopt(settings_bytes, settings)
        for account in self.directory.accounts[opened:]:
            for deposit in account.settings.deposits:
                self.engine.ledger.deposit(account.index, deposit.asset, deposit.amount)
        if self.rollover_at_ns == 0 or self.rollover_at_ns > self.now_ns:
            self.rollover_at_ns = self._next_rollover(self.now_ns)  # one that is due stays due
        self.next_deadline_ns = 0

    def start(self, time_ns: int) -> None:
        """A process started: whatever links were up are gone, and a rollover that fell into the
        time without a process is made up for."""
        self._input(records.START, time_ns, 0, 0, 0, b"")
        for session in self.sessions:
            session.link_lost(self.now_ns)
        if self.rollover_at_ns and self.now_ns >= self.rollover_at_ns:
            self._roll_over(self.now_ns)
            self._fresh_numbers()
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
        if self.logons_refused_until_ns and self.now_ns >= self.logons_refused_until_ns:
            self._fresh_numbers()  # the rollover is over, only no tick has said so yet
        if nonce > 0:
            self.last_nonces[api_key] = nonce
        session = self.sessions[session_index]
        if session.state != DISCONNECTED:
            if session.settings.duplicate_logon != DUPLICATE_DISPLACE:
                self._answer(session, link, frame)
                return
            session.expel(_DISPLACED, self.now_ns)
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
        self._input(records.LINK_DOWN, time_ns, session_index, link, 0, b"")
        session.link_lost(self.now_ns)

    def tick(self, time_ns: int) -> None:
        """Time has passed. Recorded only when something is due, so calling it often is cheap."""
        if self.rollover_at_ns == 0:  # not configured yet
            return
        due_ns = self.next_deadline_ns
        if time_ns >= due_ns or self.has_more_to_do:
            due_ns = self.deadline_ns()
        if time_ns < due_ns:
            self.next_deadline_ns = due_ns
            return
        self._input(records.TICK, time_ns, 0, 0, 0, b"")
        for session in self.sessions:
            session.tick(self.now_ns)
        if self.logons_refused_until_ns and self.now_ns >= self.logons_refused_until_ns:
            self._fresh_numbers()
        if self.rollover_at_ns and self.now_ns >= self.rollover_at_ns:
            self._roll_over(self.now_ns)
        self.trading.go_on_cancelling(self.sessions, self.now_ns)
        self.next_deadline_ns = 0

    def log_out_all(self, text: bytes, time_ns: int) -> None:
        """Ask every session to log out, as an orderly end: the process is about to stop."""
        self._input(records.LOGOUT_ALL, time_ns, 0, 0, 0, text)
        for session in self.sessions:
            session.logout(text, self.now_ns, orderly=True)
        self.next_deadline_ns = 0

    @property
    def has_more_to_do(self) -> bool:
        """Whether `tick` should be called again at once: cancels that did not fit their record."""
        return self.trading.cancels.pending

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

    def replay(self, payload: bytes, payload_position: int) -> None:
        """Apply the inputs of a turn read from the journal and compare the outputs, byte by byte.
        Raises `ReplayMismatch` where they differ."""
        for record in read_records(payload):
            if record.kind < records.FIRST_OUTPUT:
                self._apply(record)
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
        else:
            raise ValueError(f"record kind {kind} is not known to this version")

    def save(self) -> bytes:
        """The whole state, canonically: equal states give equal bytes. Only between turns."""
        assert self._turn_records == 0
        encoder = Encoder()
        encoder.uint(_SAVED_FORMAT)
        encoder.blob(self.settings_bytes)
        encoder.uint(self.now_ns)
        encoder.uint(self.last_link)
        encoder.uint(self.rollover_at_ns)
        encoder.uint(self.logons_refused_until_ns)
        encoder.uint(len(self.last_nonces))
        for api_key, nonce in self.last_nonces.items():
            encoder.blob(api_key)
            encoder.uint(nonce)
        encoder.uint(len(self.instruments))
        for instrument in self.instruments.values():
            instrument.save(encoder)
        encoder.uint(len(self.directory.accounts))
        for account in self.directory.accounts:
            account.settings.save(encoder)
        encoder.uint(len(self.sessions))
        for index, session in enumerate(self.sessions):
            session.settings.save(encoder)
            session.save(encoder)
            self.order_entry.books[index].save(encoder)
            encoder.flag(value=self.lives[index].established)
            encoder.flag(value=self.lives[index].cancel_on_disconnect)
        self.trading.save(encoder)
        self.engine.save(encoder)
        return encoder.value()

    def load(self, saved: bytes) -> None:
        """Take a saved state; only into a new venue."""
        assert self.now_ns == 0
        decoder = Decoder(saved)
        if decoder.uint() != _SAVED_FORMAT:
            raise ValueError("the snapshot was written by another version")
        self.settings_bytes = decoder.blob()
        self.now_ns = decoder.uint()
        self.last_link = decoder.uint()
        self.rollover_at_ns = decoder.uint()
        self.logons_refused_until_ns = decoder.uint()
        for _ in range(decoder.uint()):
            api_key = decoder.blob()
            self.last_nonces[api_key] = decoder.uint()
        for _ in range(decoder.uint()):
            instrument = Instrument.load(decoder)
            self.instruments[instrument.symbol] = instrument
            self.engine.add_instrument(instrument)
        self.directory.load_accounts(decoder)
        # Sessions that the settings no longer name come first into their places, by their order.
        saved_sessions = decoder.uint()
        for index in range(saved_sessions):
            self.directory.load_session(decoder)
            self._adopt_sessions()
            self.sessions[index].load(decoder)
            self.order_entry.books[index].load(decoder)
            self.lives[index].established = decoder.flag()
            self.lives[index].cancel_on_disconnect = decoder.flag()
        self._adopt(self.settings_bytes, VenueSettings.decode(self.settings_bytes))
        self.trading.load(decoder)
        self.engine.load(decoder)
        if not decoder.at_end():
            raise ValueError("the snapshot holds more than this version reads")

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
        return bool(self.logons_refused_until_ns) and time_ns < self.logons_refused_until_ns

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

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        writer = BytesWriter()
        write_i64_le(writer, end)
        self._output(records.RESEND, session.index, session.link, begin, writer.getvalue())
        self._outbox.sweep(session.index, session.link, begin, end)

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        self.trading.deliver(self.sessions, session, message, time_ns)

    def rejected(self, session: Session, rule: bytes, text: bytes) -> None:
        message = self.tools.message
        self.refusals.append(
            RefusalNote(
                session.index,
                LAYER_GATEWAY,
                rule,
                text,
                message.get(tags.MSG_TYPE),
                message.integer(tags.MSG_SEQ_NUM),
                message.get(tags.CL_ORD_ID),
            )
        )

    def established(self, session: Session, time_ns: int) -> None:
        life = self.lives[session.index]
        life.established = True
        life.cancel_on_disconnect = self._logon_cancel_on_disconnect
        self.session_notes.append(SessionNote(session.index, session.link, b"logon", b""))

    def was_reset(self, session: Session) -> None:
        self._output(records.RESET, session.index, 0, session.epoch, b"")
        self._outbox.reset(session.index)
        self.trading.session_was_reset(session.index)

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        self._output(records.CLOSE, session.index, link, 1 if orderly else 0, reason)
        self._outbox.cut(session.index, link, reason)
        self.session_notes.append(SessionNote(session.index, link, b"end", reason))
        life = self.lives[session.index]
        if not life.established:
            return  # a logon that failed: the orders of the session were never in its hands
        life.established = False
        rolling_over = self.logons_refused_until_ns > 0  # has a rule of its own
        if orderly and session.settings.cancel_on_logout and not rolling_over:
            self.trading.cancel_session(self.sessions, session, CANCELED_BY_LOGOUT, time_ns)
        elif not orderly and life.cancel_on_disconnect:
            self.trading.cancel_session(self.sessions, session, CANCELED_BY_DISCONNECT, time_ns)

    # --- the rollover ----------------------------------------------------------------------------

    def _roll_over(self, time_ns: int) -> None:
        """Log everybody out and refuse logons for a while; numbers start anew when it is over."""
        for session in self.sessions:
            if session.settings.cancel_on_rollover:
                self.trading.cancel_session(self.sessions, session, CANCELED_BY_ROLLOVER, time_ns)
            session.logout(_ROLLOVER, time_ns, orderly=True)
        started_ns = self.rollover_at_ns
        self.rollover_at_ns = self._next_rollover(time_ns)
        self.logons_refused_until_ns = max(
            started_ns + self.settings.rollover_length_s * NS_PER_S, time_ns + LOGOUT_WAIT_NS
        )

    def _fresh_numbers(self) -> None:
        for session in self.sessions:
            session.link_lost(self.now_ns)  # whoever has not answered the Logout by now
            if session.settings.cancel_on_rollover:  # orders that came while it was awaited
                self.trading.cancel_session(
                    self.sessions, session, CANCELED_BY_ROLLOVER, self.now_ns
                )
            session.reset()
            self.order_entry.books[session.index].cl_ord_ids.watermark = 0
        self.logons_refused_until_ns = 0

    def _next_rollover(self, time_ns: int) -> int:
        day_ns = S_PER_DAY * NS_PER_S
        today_ns = time_ns // day_ns * day_ns + self.settings.rollover_s * NS_PER_S
        return today_ns if today_ns > time_ns else today_ns + day_ns

    # --- inner works -----------------------------------------------------------------------------

    def _input(
        self, kind: int, time_ns: int, session: int, link: int, number: int, data: bytes
    ) -> None:
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        self.trading.cancels.begin_record()
        write_record(self._turn, kind, self.now_ns, session, link, number, data)
        self._turn_records += 1

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
        self.session_notes.append(SessionNote(session.index, link, b"refused", ALREADY_ACTIVE))

    def deadline_ns(self) -> int:
        """When something is due next, by a look at every session: done once a tick, not a message.
        Messages only move a session's deadlines away, so the result stays a lower bound."""
        if self.has_more_to_do:
            return 0
        due_ns = self.rollover_at_ns
        if self.logons_refused_until_ns:
            due_ns = min(due_ns, self.logons_refused_until_ns)
        for session in self.sessions:
            due_ns = min(due_ns, session.deadline_ns())
        return due_ns

    def _adopt(self, settings_bytes: bytes, settings: VenueSettings) -> None:
        self.settings_bytes = settings_bytes
        self.settings = settings
        self.directory.adopt(settings)
        for instrument in settings.instruments:
            self.engine.add_instrument(instrument)
            self.instruments[instrument.symbol] = instrument
        self._adopt_sessions()

    def _adopt_sessions(self) -> None:
        for index, session_settings in enumerate(self.directory.sessions):
            if index < len(self.sessions):
                self.sessions[index].adopt(session_settings)
                continue
            self.sessions.append(
                Session(self, self.tools, index, session_settings, initiator=False)
            )
            self.lives.append(SessionLife())
            self.histories.append(History())
        self.order_entry.add_sessions()
        self.trading.add_sessions()
