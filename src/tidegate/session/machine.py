"""One FIX session: sequence numbers both ways, gaps, heartbeats, logon and logout.

The machine is pure: frames, link changes and times go in, calls on a `SessionHost` come out. It is
the same for both roles; an initiator starts with `connect`, an acceptor with `logon`. States and
steps are in `session.states`; what is answered inside a state is here, in the order in which FIX
4.4 has it checked: framing, BeginString, MsgSeqNum, CompIDs, SendingTime, sequence, fields.

One component numbers everything a session sends, administrative and application messages alike:
`begin` and `finish`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import TEST_REQUEST_BYTES_MAX
from tidegate.model.settings import SessionSettings
from tidegate.model.time import NEVER_NS, NS_PER_S, TimestampCache
from tidegate.session.gap import DONE, Gap
from tidegate.session.header_times import duplicate_fault, sending_time_wrong
from tidegate.session.host import REPORTS, SessionHost
from tidegate.session.logon import logon_contradiction, msg_seq_num_fault
from tidegate.session.reasons import (
    HEARTBEAT_TIMEOUT,
    LINK_LOST,
    LOGGED_OUT,
    LOGON_EXPECTED,
    LOGOUT_TIMEOUT,
    RESEND_UNANSWERED,
    SENDING_TIME_PROBLEM,
    TOO_LOW,
    TOO_MANY_ERRORS,
    WRONG_BEGIN_STRING,
    WRONG_COMP_ID,
)
from tidegate.session.resend import range_fault
from tidegate.session.resend_budget import REFUSAL, ResendBudget
from tidegate.session.states import (
    ACTIVE,
    CONNECT,
    DISCONNECTED,
    END,
    LOGON,
    LOGON_SENT,
    LOGOUT,
    LOGOUT_SENT,
    next_state,
)
from tidegate.wire import tags
from tidegate.wire.dictionary import TRADING
from tidegate.wire.message import SCANNED, TOO_MANY_FIELDS, Message
from tidegate.wire.render import FrameWriter
from tidegate.wire.validation import Fault, check, fields_fault, scan_fault

BEGIN_STRING: Final = b"FIX.4.4"

# Inbound silence, in tenths of HeartBtInt, after which the peer is asked, and after as much again
# given up. It has that time after the question even where the clock jumped or the process stood
# still: what it sent meanwhile may not have been read yet.
TEST_REQUEST_TENTHS: Final = 12
DEAD_PEER_TENTHS: Final = 24
LOGOUT_WAIT_NS: Final = 2 * NS_PER_S


class MessageTools:
    """What the sessions of one host share: they run one after the other, never inside another."""

    def __init__(self) -> None:
        self.message = Message()
        self.writer = FrameWriter()
        self.timestamps = TimestampCache()


class Session:
    """See the module. `next_outgoing` and `next_incoming` are the numbers of the next message each
    way; `epoch` counts the lives of the session, from reset to reset; `link` is 0 without one."""

    def __init__(
        self,
        host: SessionHost,
        tools: MessageTools,
        index: int,
        settings: SessionSettings,
        *,
        initiator: bool,
    ) -> None:
        self.host = host
        self.tools = tools
        self.index = index
        self.initiator = initiator
        self.application = TRADING  # or another of the dictionary: which messages it judges
        self.hears_answers = initiator  # Heartbeats and Rejects are its host's, too
        self.state = DISCONNECTED
        self.epoch = 1
        self.link = 0
        self.next_outgoing = 1
        self.next_incoming = 1
        self.heart_bt_int_s = 0
        self.last_sent_ns = 0
        self.last_received_ns = 0
        self.test_request_ns = 0  # when the peer was asked, 0 where nothing is unanswered
        self.muted = False  # says nothing of its own accord and answers no TestRequest
        self.logout_deadline_ns = 0
        self.logout_orderly = False
        self.gap = Gap()
        self.resend_budget = ResendBudget()
        self.error_times_ns: deque[int] = deque()  # of the last second before the newest
        self.adopt(settings)

    def adopt(self, settings: SessionSettings) -> None:
        """Take new settings; numbers and state stay."""
        self.settings = settings
        own = settings.sender_comp_id if self.initiator else settings.target_comp_id
        peer = settings.target_comp_id if self.initiator else settings.sender_comp_id
        self.own_comp_id: bytes = own.encode()
        self.peer_comp_id: bytes = peer.encode()
        self.comp_ids: bytes = b"49=%s\x0156=%s\x01" % (self.own_comp_id, self.peer_comp_id)

    # --- sending ---------------------------------------------------------------------------------

    def begin(self, msg_type: bytes, time_ns: int) -> FrameWriter:
        """Start the next outgoing message; put its fields into the writer, then call `finish`."""
        tools = self.tools
        sending_time = tools.timestamps.text(time_ns)
        tools.writer.begin(msg_type, self.next_outgoing, self.comp_ids, sending_time)
        return tools.writer

    def finish(self, time_ns: int) -> None:
        """Number and send what `begin` started. Without a link it is kept for a resend."""
        self.host.send(self, self.take_number(time_ns), self.tools.writer.finish())

    def take_number(self, time_ns: int) -> int:
        """The number of a message that is sent now: for a host that encodes it by itself."""
        number = self.next_outgoing
        self.next_outgoing = number + 1
        self.last_sent_ns = time_ns
        return number

    def use_up_number(self, time_ns: int) -> bytes:
        """Number a Heartbeat that is not going to be transmitted, and give it to be kept: the peer
        will miss it, and its ResendRequest gets a gap fill."""
        self.begin(b"0", time_ns)
        self.next_outgoing += 1
        return self.tools.writer.finish()

    def _send_plain(self, msg_type: bytes, fields: bytes, time_ns: int) -> None:
        self.begin(msg_type, time_ns).raw(fields)
        self.finish(time_ns)

    def reject(
        self, ref_seq_num: int, ref_msg_type: bytes, fault: Fault, rule: bytes, time_ns: int
    ) -> None:
        """Refuse a message at this layer: 35=3."""
        writer = self.begin(b"3", time_ns)
        writer.uint(b"45=", ref_seq_num)
        if fault.ref_tag:
            writer.uint(b"371=", fault.ref_tag)
        if ref_msg_type:
            writer.text(b"372=", ref_msg_type)
        writer.uint(b"373=", fault.reason)
        if fault.text:
            writer.text(b"58=", fault.text)
        self.finish(time_ns)
        self.host.rejected(self, rule, fault.text)

    def count_error(self, time_ns: int) -> None:
        """A message of the peer was refused, at any layer. Too many within a second end the
        session; this counts as a loss of the line, so cancel-on-disconnect applies."""
        limit = self.settings.errors_per_second_max
        if limit == 0 or self.state == DISCONNECTED:
            return
        times = self.error_times_ns
        while times and time_ns - times[0] >= NS_PER_S:
            times.popleft()
        times.append(time_ns)
        if len(times) >= limit:
            self.expel(TOO_MANY_ERRORS, time_ns)

    # --- logon -----------------------------------------------------------------------------------

    def connect(self, link: int, fields: bytes, heart_bt_int_s: int, time_ns: int) -> None:
        """Initiator: send the Logon. `fields` are those behind the header."""
        assert self.initiator
        self.state = next_state(self.state, CONNECT)
        self._take_link(link, heart_bt_int_s, time_ns)
        self._send_plain(b"A", fields, time_ns)

    def logon(self, link: int, frame: bytes, time_ns: int) -> bool:
        """Acceptor: a Logon whose sender, source and signature the gateway has verified. False
        where the session ended at once, with the reason already sent."""
        assert not self.initiator
        assert self.state == DISCONNECTED
        message = self.tools.message
        scanned = message.scan(frame)
        fault = fields_fault(message, scanned, b"A", self.application)
        number = message.integer(tags.MSG_SEQ_NUM)
        self.state = next_state(self.state, LOGON)
        self._take_link(link, max(message.integer(tags.HEART_BT_INT), 1), time_ns)
        refusal = logon_contradiction(message, number) if fault is None else fault.text
        if refusal:
            self.expel(refusal, time_ns)
            return False
        if sending_time_wrong(message, self.settings.sending_time_tolerance_s, time_ns):
            wrong = Fault(10, tags.SENDING_TIME, SENDING_TIME_PROBLEM)
            self.reject(number, b"A", wrong, b"sending_time", time_ns)
            if number == self.next_incoming:
                self.next_incoming += 1
            self.expel(SENDING_TIME_PROBLEM, time_ns)
            return False
        if message.flag(tags.RESET_SEQ_NUM_FLAG):
            self.reset()
        if number < self.next_incoming:
            self.expel(TOO_LOW % (self.next_incoming, number), time_ns)
            return False
        reset_echo = message.get(tags.RESET_SEQ_NUM_FLAG)
        writer = self.begin(b"A", time_ns)
        writer.uint(b"98=", 0)
        writer.uint(b"108=", self.heart_bt_int_s)
        if reset_echo:
            writer.text(b"141=", reset_echo)
        self.finish(time_ns)
        self.host.established(self, time_ns)
        self._after_logon(number, time_ns)
        return True

    def _take_link(self, link: int, heart_bt_int_s: int, time_ns: int) -> None:
        assert link > 0
        self.link = link
        self.heart_bt_int_s = heart_bt_int_s
        self.last_sent_ns = time_ns
        self.last_received_ns = time_ns
        self.test_request_ns = 0
        self.error_times_ns.clear()
        self.gap.clear()

    def _after_logon(self, number: int, time_ns: int) -> None:
        if number == self.next_incoming:
            self.next_incoming += 1
            return
        self.gap.see(number)
        self.gap.hold(number, DONE)
        self._ask_resend(time_ns)

    def reset(self) -> None:
        """Both directions start at 1: a new life of the session."""
        self.next_outgoing = 1
        self.next_incoming = 1
        self.gap.clear()
        self.epoch += 1
        self.host.was_reset(self)

    # --- the end ---------------------------------------------------------------------------------

    def logout(self, text: bytes, time_ns: int, *, orderly: bool) -> None:
        """Send a Logout and wait for the peer's. `orderly` says how the end will count."""
        if self.state != ACTIVE and self.state != LOGON_SENT:
            return
        self.state = next_state(self.state, LOGOUT)
        self.logout_deadline_ns = time_ns + LOGOUT_WAIT_NS
        self.logout_orderly = orderly
        self._send_plain(b"5", b"58=%s\x01" % text if text else b"", time_ns)

    def expel(self, text: bytes, time_ns: int) -> None:
        """Send a Logout with the reason and end at once: the peer broke a rule. (The error limit
        may have ended the session over the same message.)"""
        if self.state == DISCONNECTED:
            return
        if self.state == ACTIVE or self.state == LOGON_SENT:
            self.state = next_state(self.state, LOGOUT)
            self._send_plain(b"5", b"58=%s\x01" % text, time_ns)
        self._end(text, time_ns, orderly=False)

    def link_lost(self, time_ns: int, reason: bytes = LINK_LOST) -> None:
        """The link broke. After a Logout of ours the end counts as that Logout meant it: a client
        that hangs up at the rollover without confirming has lost nothing."""
        if self.state != DISCONNECTED:
            orderly = self.state == LOGOUT_SENT and self.logout_orderly
            self._end(reason, time_ns, orderly=orderly)

    def _end(self, reason: bytes, time_ns: int, *, orderly: bool) -> None:
        self.state = next_state(self.state, END)
        link = self.link
        self.link = 0
        self.gap.clear()
        self.test_request_ns = 0
        self.host.ended(self, link, reason, time_ns, orderly=orderly)

    # --- time ------------------------------------------------------------------------------------

    def deadline_ns(self) -> int:
        """When `tick` has something to do, if nothing happens before."""
        if self.state == DISCONNECTED:
            return NEVER_NS
        if self.state == LOGOUT_SENT:
            return self.logout_deadline_ns
        interval_ns = self.heart_bt_int_s * NS_PER_S
        if self.state == LOGON_SENT:
            return self.last_received_ns + interval_ns * DEAD_PEER_TENTHS // 10
        asks_nobody = self.muted and not self.test_request_ns
        tenths = DEAD_PEER_TENTHS if asks_nobody else TEST_REQUEST_TENTHS
        peer_ns = (self.test_request_ns or self.last_received_ns) + interval_ns * tenths // 10
        if self.gap.until:
            peer_ns = min(peer_ns, self.gap.since_ns + interval_ns * DEAD_PEER_TENTHS // 10)
        return peer_ns if self.muted else min(peer_ns, self.last_sent_ns + interval_ns)

    def tick(self, time_ns: int) -> None:
        """Do what is due: a heartbeat, a test request, giving a silent peer up."""
        if self.state == DISCONNECTED:
            return
        if self.state == LOGOUT_SENT:
            if time_ns >= self.logout_deadline_ns:
                self._end(LOGOUT_TIMEOUT, time_ns, orderly=self.logout_orderly)
            return
        interval_ns = self.heart_bt_int_s * NS_PER_S
        silence_ns = interval_ns * TEST_REQUEST_TENTHS // 10
        if self.state == LOGON_SENT:
            if time_ns - self.last_received_ns >= interval_ns * DEAD_PEER_TENTHS // 10:
                self._end(HEARTBEAT_TIMEOUT, time_ns, orderly=False)
            return
        if self.test_request_ns and time_ns - self.test_request_ns >= silence_ns:
            self._end(HEARTBEAT_TIMEOUT, time_ns, orderly=False)
            return
        if self.gap.until and time_ns - self.gap.since_ns >= interval_ns * DEAD_PEER_TENTHS // 10:
            self.expel(RESEND_UNANSWERED, time_ns)  # alive, but nothing it sends can be acted upon
            return
        if self.muted:
            if time_ns - self.last_received_ns >= interval_ns * DEAD_PEER_TENTHS // 10:
                self._end(HEARTBEAT_TIMEOUT, time_ns, orderly=False)
        elif not self.test_request_ns and time_ns - self.last_received_ns >= silence_ns:
            self.test_request_ns = time_ns
            self._send_plain(b"1", b"112=TEST-%d\x01" % self.next_outgoing, time_ns)
        elif time_ns - self.last_sent_ns >= interval_ns:
            self._send_plain(b"0", b"", time_ns)

    # --- receiving -------------------------------------------------------------------------------

    def receive(self, frame: bytes, time_ns: int) -> None:
        """One framed message of the peer. Frames of a session that has ended are ignored."""
        if self.state == DISCONNECTED:
            return
        self.last_received_ns = time_ns
        self.test_request_ns = 0
        gap = self.gap
        expected = self.next_incoming
        self._take(frame, time_ns, held=False)
        while self.state != DISCONNECTED:
            held = gap.take(self.next_incoming)
            if held is None:
                break
            if held == DONE:
                self.next_incoming += 1
            else:
                self._take(held, time_ns, held=True)
        if gap.until and self.next_incoming != expected:
            gap.since_ns = time_ns
            if gap.close_if_passed(self.next_incoming) and self.state != DISCONNECTED:
                self._ask_resend(time_ns)

    def _take(self, frame: bytes, time_ns: int, *, held: bool) -> None:
        message = self.tools.message
        scanned = message.scan(frame)
        if message.count < 3 or message.tags[2] != tags.MSG_TYPE:
            return  # garbled: FIX 4.4 has it ignored, its number is not used up
        if not message.says(tags.BEGIN_STRING, BEGIN_STRING):
            self.expel(WRONG_BEGIN_STRING, time_ns)
            return
        number = message.integer(tags.MSG_SEQ_NUM)
        if number < 1 and scanned != SCANNED:
            return  # unreadable before its number: garbled
        msg_type = message.get(tags.MSG_TYPE)
        if self.state == LOGON_SENT and msg_type != b"A":
            if msg_type == b"5":
                # A refusal uses up no number on the other side, so ours stays as well.
                self._logout_received(time_ns)
            else:
                self.expel(LOGON_EXPECTED, time_ns)
            return
        if number < 1:
            self.expel(msg_seq_num_fault(message), time_ns)
            return
        if not held and not self._header_fits(message, number, msg_type, time_ns):
            return
        if self.state == LOGON_SENT:
            self._logon_answered(message, number, time_ns)
        elif msg_type == b"4" and not message.flag(tags.GAP_FILL_FLAG):
            self._sequence_reset(message, number, scanned, time_ns)
        elif number == self.next_incoming:
            self._in_order(message, number, msg_type, scanned, time_ns)
        elif number > self.next_incoming:
            self._ahead(message, number, msg_type, frame, time_ns)
        else:
            self._behind(message, number, msg_type, time_ns)

    def _header_fits(self, message: Message, number: int, msg_type: bytes, time_ns: int) -> bool:
        """CompIDs and SendingTime: what breaks them is refused and ends the session."""
        wrong_tag = 0
        # An absent CompID is an ordinary field fault.
        if not message.says(tags.SENDER_COMP_ID, self.peer_comp_id):
            wrong_tag = tags.SENDER_COMP_ID if message.has(tags.SENDER_COMP_ID) else 0
        if wrong_tag == 0 and not message.says(tags.TARGET_COMP_ID, self.own_comp_id):
            wrong_tag = tags.TARGET_COMP_ID if message.has(tags.TARGET_COMP_ID) else 0
        if wrong_tag:
            fault = Fault(9, wrong_tag, WRONG_COMP_ID)
            rule = b"comp_id"
        elif message.has(tags.SENDING_TIME) and sending_time_wrong(
            message, self.settings.sending_time_tolerance_s, time_ns
        ):
            fault = Fault(10, tags.SENDING_TIME, SENDING_TIME_PROBLEM)
            rule = b"sending_time"
        else:
            return True
        if number == self.next_incoming:
            self.next_incoming += 1
        self.reject(number, msg_type, fault, rule, time_ns)
        self.expel(fault.text, time_ns)
        return False

    def _logon_answered(self, message: Message, number: int, time_ns: int) -> None:
        if message.flag(tags.RESET_SEQ_NUM_FLAG):
            self.next_incoming = 1
        if number < self.next_incoming:
            self.expel(TOO_LOW % (self.next_incoming, number), time_ns)
            return
        self.state = next_state(self.state, LOGON)
        self.host.established(self, time_ns)
        self._after_logon(number, time_ns)

    def _in_order(
        self, message: Message, number: int, msg_type: bytes, scanned: int, time_ns: int
    ) -> None:
        """The message that is expected: whatever becomes of it, its number is used up."""
        self.next_incoming = number + 1
        # What a venue reports is true whatever the dictionary thinks of it, and however long.
        lenient = self.initiator and msg_type in REPORTS
        if scanned != SCANNED and not (lenient and scanned == TOO_MANY_FIELDS):
            self._refuse(number, msg_type, scan_fault(message, scanned), time_ns)
            return
        fault = None if lenient else check(message, msg_type, self.application)
        if fault is None and message.flag(tags.POSS_DUP_FLAG):
            fault = duplicate_fault(message)
        if fault is not None:
            self._refuse(number, msg_type, fault, time_ns)
            return
        self._act(message, number, msg_type, time_ns)

    def _act(self, message: Message, number: int, msg_type: bytes, time_ns: int) -> None:
        """Types that are not of the session layer are the host's, those it does not offer too."""
        if len(msg_type) > 1:
            self.host.deliver(self, message, time_ns)
            return
        code = msg_type[0]
        if code == 48 or code == 51:  # Heartbeat, Reject: answers
            if self.hears_answers:
                self.host.deliver(self, message, time_ns)
        elif code == 49:  # TestRequest
            if self.muted:
                return
            echo = message.get(tags.TEST_REQ_ID)[:TEST_REQUEST_BYTES_MAX]
            self._send_plain(b"0", b"112=%s\x01" % echo, time_ns)
        elif code == 50:  # ResendRequest
            self._resend_request(message, number, time_ns)
        elif code == 52:  # SequenceReset-GapFill; the reset mode never comes here
            self._gap_fill(message, number, time_ns)
        elif code == 53:  # Logout
            self._logout_received(time_ns)
        elif code == 65:  # Logon inside a session
            self._logon_again(message, number, time_ns)
        else:
            self.host.deliver(self, message, time_ns)

    def _refuse(self, number: int, msg_type: bytes, fault: Fault, time_ns: int) -> None:
        self.reject(number, msg_type, fault, b"field", time_ns)
        self.count_error(time_ns)
        if fault.reason == 10:
            self.expel(SENDING_TIME_PROBLEM, time_ns)

    def _ahead(
        self, message: Message, number: int, msg_type: bytes, frame: bytes, time_ns: int
    ) -> None:
        """A message beyond the next expected one: hold it and ask, once, for what is missing."""
        if msg_type == b"5":
            self._logout_received(time_ns)
            return
        gap = self.gap
        gap.see(number)
        is_held = gap.hold(number, frame)
        if is_held and msg_type == b"2" and check(message, b"2", self.application) is None:
            # Answered at once: were both sides to wait for the other's, neither would come.
            gap.held[number] = DONE
            self._resend_request(message, number, time_ns)
        if gap.until == 0 and self.state != DISCONNECTED:
            self._ask_resend(time_ns)

    def _ask_resend(self, time_ns: int) -> None:
        """Ask for everything from the next expected number on (EndSeqNo 0). The gap counts as
        open until the highest number seen by now has been passed."""
        self.gap.asked(time_ns)
        self._send_plain(b"2", b"7=%d\x0116=0\x01" % self.next_incoming, time_ns)

    def _behind(self, message: Message, number: int, msg_type: bytes, time_ns: int) -> None:
        """A number that was already used: a marked duplicate is ignored, anything else means that
        the two sides disagree on what was sent."""
        if not message.flag(tags.POSS_DUP_FLAG):
            self.expel(TOO_LOW % (self.next_incoming, number), time_ns)
            return
        fault = duplicate_fault(message)
        if fault is not None:
            self._refuse(number, msg_type, fault, time_ns)

    def _resend_request(self, message: Message, number: int, time_ns: int) -> None:
        begin = message.integer(tags.BEGIN_SEQ_NO)
        end = message.integer(tags.END_SEQ_NO)
        last = self.next_outgoing - 1
        fault = range_fault(begin, end, last)
        if fault is not None:
            self._refuse(number, b"2", fault, time_ns)
            return
        end = last if end == 0 or end > last else end
        wait_s = self.resend_budget.wait_s(end - begin + 1, last, time_ns)
        if wait_s > 0 and not self.initiator:  # which answers by one gap fill, whatever is asked
            self._refuse(number, b"2", Fault(99, 0, REFUSAL % wait_s), time_ns)
            return
        self.host.resend(self, begin, end, time_ns)

    def _gap_fill(self, message: Message, number: int, time_ns: int) -> None:
        new_number = message.integer(tags.NEW_SEQ_NO)
        if new_number <= number:
            text = b"NewSeqNo (36) of a gap fill must be above its MsgSeqNum (34)"
            self._refuse(number, b"4", Fault(5, tags.NEW_SEQ_NO, text), time_ns)
            return
        self.next_incoming = new_number
        self.gap.forget_below(self.next_incoming)

    def _sequence_reset(self, message: Message, number: int, scanned: int, time_ns: int) -> None:
        """SequenceReset without GapFillFlag: the peer states its next number, 1 or more and maybe a
        lower one (the dialect's rule: an order that comes twice is caught by its ClOrdID)."""
        fault = fields_fault(message, scanned, b"4", self.application)
        if fault is None and message.integer(tags.NEW_SEQ_NO) < 1:
            fault = Fault(5, tags.NEW_SEQ_NO, b"NewSeqNo (36) must be 1 or more")
        if fault is not None:
            self._refuse(number, b"4", fault, time_ns)
            return
        self.next_incoming = message.integer(tags.NEW_SEQ_NO)
        self.gap.clear()

    def _logon_again(self, message: Message, number: int, time_ns: int) -> None:
        """A Logon inside a session is no way to start it anew: that takes a new link. (An initiator
        that has logged out before its Logon was answered lets the answer pass.)"""
        if self.initiator and self.state == LOGOUT_SENT:
            return
        text = b"Logon (35=A) on a session that is logged on"
        self._refuse(number, b"A", Fault(99, 0, text), time_ns)

    def _logout_received(self, time_ns: int) -> None:
        if self.state == ACTIVE:
            self.state = next_state(self.state, LOGOUT)
            self._send_plain(b"5", b"", time_ns)
            self._end(LOGGED_OUT, time_ns, orderly=True)
        elif self.state == LOGOUT_SENT:
            self._end(LOGGED_OUT, time_ns, orderly=self.logout_orderly)
        else:  # LOGON_SENT: the peer refused our Logon
            text = self.tools.message.get(tags.TEXT)
            self._end(text or LOGGED_OUT, time_ns, orderly=True)

    # --- snapshots -------------------------------------------------------------------------------

    def save(self, encoder: Encoder) -> None:
        for number in (
            self.state, self.epoch, self.link, self.next_outgoing, self.next_incoming,
            self.heart_bt_int_s, self.last_sent_ns, self.last_received_ns,
            self.test_request_ns, self.logout_deadline_ns,
        ):  # fmt: skip
            encoder.uint(number)
        encoder.flag(value=self.muted)
        encoder.flag(value=self.logout_orderly)
        self.gap.save(encoder)
        self.resend_budget.save(encoder)
        encoder.uint(len(self.error_times_ns))
        for time_ns in self.error_times_ns:
            encoder.uint(time_ns)

    def load(self, decoder: Decoder) -> None:
        self.state = decoder.uint()
        self.epoch = decoder.uint()
        self.link = decoder.uint()
        self.next_outgoing = decoder.uint()
        self.next_incoming = decoder.uint()
        self.heart_bt_int_s = decoder.uint()
        self.last_sent_ns = decoder.uint()
        self.last_received_ns = decoder.uint()
        self.test_request_ns = decoder.uint()
        self.logout_deadline_ns = decoder.uint()
        self.muted = decoder.flag()
        self.logout_orderly = decoder.flag()
        self.gap.load(decoder)
        self.resend_budget.load(decoder)
        for _ in range(decoder.uint()):
            self.error_times_ns.append(decoder.uint())
