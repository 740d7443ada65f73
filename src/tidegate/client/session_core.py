"""One client session as a pure machine: bytes and times in, bytes and events out.

    core.connect(now)                  a line is there: the Logon waits in `take_output`
    core.receive(data, now)            bytes of the venue
    core.tick(now)                     at `deadline_ns`: heartbeats, timeouts
    core.link_lost(now)                the line broke
    core.take_output(), take_events()  after each of them
    core.is_cut                        close the line once the output is written

It owns no socket and reads no clock. All times are nanoseconds since 1970 UTC. What a session is
for is a subclass's matter: orders (`client.core`), market data (`client.market_data_core`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import (
    ClientEvent,
    Disconnected,
    GapFilled,
    LoggedOn,
    LoggedOut,
    MessageRefused,
    Received,
)
from tidegate.model.limits import FRAME_BYTES_MAX
from tidegate.model.settings import CL_ORD_ID_INCREASING, DUPLICATE_REJECT, SessionSettings
from tidegate.model.time import NS_PER_MS, NS_PER_S, S_PER_DAY
from tidegate.session.host import SessionHost
from tidegate.session.machine import MessageTools, Session
from tidegate.session.reasons import LINK_LOST, LOGOUT_TIMEOUT
from tidegate.session.resend import gap_fill
from tidegate.session.states import ACTIVE, DISCONNECTED, LOGON_SENT
from tidegate.wire import tags
from tidegate.wire.framing import Framer
from tidegate.wire.message import Message

_LOGON_TIMEOUT = b"Logon not answered"
_ROLLOVER_TEXT = "Session rollover"


class NotLoggedOn(Exception):
    """There is no session to send on; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What must survive a restart of the client, to be kept by whoever wants continued numbers.

    Attributes:
        next_outgoing, next_incoming: sequence numbers of the next message each way.
        nonce_ms: the newest Nonce (5025) used.
        cl_ord_id: the newest ClOrdID (11) made.
        logged_on_ns: time of the newest logon; 0 for never. It tells whether the venue's numbers
            have restarted since, which they do for sessions that are up then as well.
    """

    next_outgoing: int = 1
    next_incoming: int = 1
    nonce_ms: int = 0
    cl_ord_id: int = 0
    logged_on_ns: int = 0


class SessionCore(SessionHost):
    """See the module."""

    def __init__(
        self,
        credentials: Credentials,
        options: LogonOptions | None = None,
        numbers: Numbers | None = None,
        *,
        trace: Callable[[bool, bytes], None] | None = None,
        frame_bytes_max: int = FRAME_BYTES_MAX,
    ) -> None:
        """`trace` is called with (is it ours, frame) for every message, both ways. Longer frames
        than `frame_bytes_max` are thrown away as garbled."""
        self.credentials = credentials
        self.options = options or LogonOptions()
        numbers = numbers or Numbers()
        self.is_cut = False
        self._trace = trace
        self._frame_bytes_max = frame_bytes_max
        self._tools = MessageTools()
        self._framer = Framer(frame_bytes_max)
        self._session = Session(
            self,
            self._tools,
            0,
            _settings(credentials, self.options),
            initiator=True,
        )
        self._session.next_outgoing = numbers.next_outgoing
        self._session.next_incoming = numbers.next_incoming
        self._nonce_ms = numbers.nonce_ms
        self._logged_on_ns = numbers.logged_on_ns
        self._reset_wanted = self.options.reset_seq_num or self.options.reset_each_logon
        self._links = 0
        self._logon_number = 0
        self._logon_deadline_ns = 0
        self._was_established = False
        self._barriers: set[bytes] = set()
        self._barriers_passed: list[str] = []
        self._output: list[bytes] = []
        self._events: list[ClientEvent] = []

    # --- what it is like ------------------------------------------------------------------------

    @property
    def is_logged_on(self) -> bool:
        return self._session.state == ACTIVE

    @property
    def is_connected(self) -> bool:
        """Whether a line is in use: from `connect` to the event that ends it."""
        return self._session.state != DISCONNECTED

    @property
    def is_in_sequence(self) -> bool:
        """Whether nothing that the venue sent is known to be missing: a replay is over."""
        return self._session.gap.until == 0

    @property
    def numbers(self) -> Numbers:
        """For the next start of the client; take it when the session has ended."""
        return Numbers(
            next_outgoing=self._session.next_outgoing,
            next_incoming=self._session.next_incoming,
            nonce_ms=self._nonce_ms,
            logged_on_ns=self._logged_on_ns,
        )

    def take_output(self) -> bytes:
        """What is to be written to the line now."""
        data = b"".join(self._output)
        self._output.clear()
        return data

    def take_events(self) -> list[ClientEvent]:
        events = self._events
        self._events = []
        return events

    def take_barriers(self) -> list[str]:
        """The barriers (see `barrier`) that were passed since the last call."""
        passed = self._barriers_passed
        self._barriers_passed = []
        return passed

    # --- the line -------------------------------------------------------------------------------

    def connect(self, time_ns: int) -> None:
        """A line is there: send the Logon. Numbers go on from before, unless a reset was asked for
        or the day rolled over since."""
        session = self._session
        assert session.state == DISCONNECTED, "one line at a time"
        reset = self._reset_wanted
        if reset or self._rolled_over(time_ns):
            session.reset()
        self._nonce_ms = max(self._nonce_ms + 1, time_ns // NS_PER_MS)
        number = session.next_outgoing
        fields = self.options.fields(reset=reset) + self.credentials.fields(number, self._nonce_ms)
        self._framer = Framer(self._frame_bytes_max)
        self._output.clear()
        self._barriers.clear()
        self.is_cut = False
        self._was_established = False
        self._links += 1
        self._logon_number = number
        self._logon_deadline_ns = time_ns + self.options.logon_timeout_s * NS_PER_S
        session.connect(self._links, fields, self.options.heart_bt_int_s, time_ns)

    def receive(self, data: bytes, time_ns: int) -> None:
        """Bytes of the venue, cut as they came."""
        for frame in self._framer.feed(data):
            if self._session.state == DISCONNECTED:
                return
            if self._trace is not None:
                self._trace(False, frame)
            self._session.receive(frame, time_ns)

    def link_lost(self, time_ns: int) -> None:
        """The line broke, or was closed by the venue."""
        self._session.link_lost(time_ns)

    def logout(self, time_ns: int, text: str = "") -> None:
        """Ask for an orderly end; it is over with `LoggedOut`. Not while disconnected."""
        self._session.logout(text.encode(), time_ns, orderly=True)

    def deadline_ns(self) -> int:
        """When `tick` has something to do, if nothing happens before."""
        session = self._session
        if session.state == LOGON_SENT:
            return self._logon_deadline_ns
        if session.state != ACTIVE:
            return session.deadline_ns()
        return min(session.deadline_ns(), session.last_sent_ns + self._heartbeat_ns())

    def tick(self, time_ns: int) -> None:
        """Time has passed: heartbeat, test request, giving a silent venue up."""
        session = self._session
        if session.state == LOGON_SENT:
            if time_ns >= self._logon_deadline_ns:
                session.expel(_LOGON_TIMEOUT, time_ns)
            return
        session.tick(time_ns)
        if session.state == ACTIVE and time_ns - session.last_sent_ns >= self._heartbeat_ns():
            session.begin(b"0", time_ns)
            session.finish(time_ns)

    def _heartbeat_ns(self) -> int:
        return self._session.heart_bt_int_s * NS_PER_S // 2

    def _rolled_over(self, time_ns: int) -> bool:
        """Whether the venue's numbers restarted since the newest logon."""
        rollover_s = self.options.rollover_s
        if rollover_s < 0 or self._logged_on_ns == 0:
            return False
        offset_ns = rollover_s * NS_PER_S
        day_ns = S_PER_DAY * NS_PER_S
        return (time_ns - offset_ns) // day_ns > (self._logged_on_ns - offset_ns) // day_ns

    # --- sending --------------------------------------------------------------------------------

    def send_raw(self, msg_type: bytes, fields: bytes, time_ns: int) -> int:
        """Send any body, each field ending in SOH, and return its MsgSeqNum (34). It is not
        pending; a SessionReject finds it by `ref_seq_num`. Raises `NotLoggedOn`."""
        if self._session.state != ACTIVE:
            raise NotLoggedOn("no session to send on")
        number = self._session.next_outgoing
        self._session.begin(msg_type, time_ns).raw(fields)
        self._session.finish(time_ns)
        return number

    def barrier(self, time_ns: int) -> str:
        """Ask the venue to echo a name, by TestRequest (35=1). When `take_barriers` gives it, what
        a venue that answers in sequence had to say to everything before has arrived. Raises
        `NotLoggedOn`."""
        name = b"BARRIER-%d-%d" % (self._session.epoch, self._session.next_outgoing)
        self._barriers.add(name)
        try:
            self.send_raw(b"1", b"112=%s\x01" % name, time_ns)
        except NotLoggedOn:
            self._barriers.discard(name)
            raise
        return name.decode()

    # --- what the session asks of its host ------------------------------------------------------

    def send(self, session: Session, number: int, frame: bytes) -> None:
        if session.link == 0:
            return
        if self._trace is not None:
            self._trace(True, frame)
        self._output.append(frame)

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        # A gap of before this line is filled up to what this line sent after its Logon: that is on
        # its way, and a fill over it would make the venue throw it away.
        if begin <= self._logon_number:
            end = min(end, self._logon_number)
        sending_time = self._tools.timestamps.text(time_ns)
        frame = gap_fill(session.comp_ids, begin, end + 1, sending_time)
        self.send(session, begin, frame)
        self._events.append(GapFilled(begin, end, self._requests_between(begin, end)))

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        msg_type = message.get(tags.MSG_TYPE)
        if msg_type == b"0":
            self._pass_barrier(message.get(tags.TEST_REQ_ID))
        elif not self._take(message, msg_type, time_ns):
            number = message.integer(tags.MSG_SEQ_NUM)
            self._events.append(Received(msg_type.decode(), number, message.data))

    def rejected(self, session: Session, rule: bytes, text: bytes) -> None:
        message = self._tools.message
        self._events.append(MessageRefused(text.decode("utf-8", "replace"), message.data))
        # What it says of an order is true whatever the dictionary thinks of it.
        self._take(message, message.get(tags.MSG_TYPE), session.last_received_ns)

    def established(self, session: Session, time_ns: int) -> None:
        self._was_established = True
        self._logged_on_ns = time_ns
        self._reset_wanted = self.options.reset_each_logon
        number = self._tools.message.integer(tags.MSG_SEQ_NUM)
        replay_from = session.next_incoming if number > session.next_incoming else 0
        self._events.append(LoggedOn(session.next_outgoing, replay_from))

    def was_reset(self, session: Session) -> None:
        """Nothing of before is kept here."""

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        self.is_cut = True
        self._barriers.clear()
        if not orderly or reason in (LINK_LOST, LOGOUT_TIMEOUT):
            self._events.append(Disconnected(reason.decode("utf-8", "replace")))
            return
        text = self._tools.message.get(tags.TEXT).decode("utf-8", "replace")
        self._events.append(LoggedOut(text, self._was_established))
        if self._was_established and _ROLLOVER_TEXT in text:
            session.reset()

    # --- what a session is for ------------------------------------------------------------------

    def _take(self, message: Message, msg_type: bytes, time_ns: int) -> bool:
        """A message that came, readable during the call only; False where it is none of these
        sessions' own, so that it is told as `Received`."""
        return False

    def _requests_between(self, begin: int, end: int) -> tuple[str, ...]:
        """The ClOrdIDs of unanswered requests among our messages `begin` to `end`."""
        return ()

    def _pass_barrier(self, name: bytes) -> None:
        if name in self._barriers:
            self._barriers.discard(name)
            self._barriers_passed.append(name.decode())


def _settings(credentials: Credentials, options: LogonOptions) -> SessionSettings:
    """What the session machine wants to know; the rules of a venue are switched off."""
    return SessionSettings(
        sender_comp_id=credentials.sender_comp_id,
        target_comp_id=credentials.target_comp_id,
        account="",
        broker=False,
        enabled=True,
        heartbeat_min_s=0,
        heartbeat_max_s=0,
        sending_time_tolerance_s=options.sending_time_tolerance_s,
        cancel_on_disconnect=False,
        cancel_on_logout=False,
        cancel_on_rollover=False,
        duplicate_logon=DUPLICATE_REJECT,
        errors_per_second_max=0,
        token_bucket_points=0,
        token_bucket_refill_per_s=0,
        cl_ord_id_policy=CL_ORD_ID_INCREASING,
        cancel_scope_comp_id=False,
        mass_cancel_account=False,
        stp_group="",
    )
