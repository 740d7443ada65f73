"""Drop-copy sessions as one machine: frames, times and a log in, bytes for links out.

It is the host of its sessions. Reports go out as a session's link has room; between them
TestRequests ask whether they were read, and the answer moves the session's mark. Whatever is not
confirmed when a line ends is sent again on the next, marked as a possible resend.
"""

from __future__ import annotations

from typing import Final

from tidegate.feeds.delivery import Delivery
from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.owners import Reach
from tidegate.feeds.dropcopy.reports import ReportLog
from tidegate.feeds.dropcopy.seat import CopySeat
from tidegate.feeds.dropcopy.state import CopyState, StateFile
from tidegate.feeds.lines import END, LOGON, Line, LineDesk
from tidegate.journal import JournalError
from tidegate.model.limits import RESENDS_PENDING_MAX
from tidegate.model.settings import DUPLICATE_DISPLACE, SessionSettings
from tidegate.session.machine import LOGOUT_WAIT_NS, Session
from tidegate.session.reasons import DISPLACED
from tidegate.session.resend import gap_fill
from tidegate.session.states import ACTIVE, DISCONNECTED, LOGOUT_SENT
from tidegate.wire import tags
from tidegate.wire.dictionary import DROP_COPY
from tidegate.wire.message import Message
from tidegate.wire.validation import INVALID_MSG_TYPE, Fault

MESSAGES_PER_TURN: Final = 200  # of one session, before others get theirs
MESSAGES_PER_STEP: Final = 1_000  # of all, before the process does something else
HELD_MAX: Final = 1_000  # messages behind a resend

TOO_MANY_RESENDS: Final = b"Too many resend requests"
UNREADABLE: Final = b"Reports can not be read"
NO_BUSINESS: Final = b"A drop copy takes session messages alone"

_REFUSALS: Final = (b"3", b"j")


class CopyLine(Line):
    """The link of a session, which has logged on by `api_key`. Where `parting` says why, the
    session is to go, once it was told of the log before `last_position`; it is not waited for
    beyond `parts_at_ns` unless it reads."""

    def __init__(self, number: int, api_key: str) -> None:
        super().__init__(number)
        self.api_key = api_key
        self.parting = b""
        self.last_position = 0
        self.parts_at_ns = 0


class CopyDesk(LineDesk[CopyLine]):
    """See the module. `seats` are by the index of their sessions. `end` is how far the log may be
    told of, `is_settled` whether what was decided there is done there: many orders are cancelled
    bit by bit."""

    def __init__(self) -> None:
        super().__init__()
        self.seats: list[CopySeat] = []
        self.end = Mark(0, 0, 0)
        self.is_settled = True
        self._next_seat = 0  # who is first in the next step

    def add_session(
        self,
        settings: SessionSettings,
        reach: Reach,
        log: ReportLog,
        state: CopyState,
        file: StateFile,
    ) -> int:
        """The index of a new session that goes on where `state`, which is `file`'s, says."""
        session = self._new_session(settings, DROP_COPY)
        session.hears_answers = True
        session.next_outgoing = state.reserved
        self.seats.append(CopySeat(session, reach, log, state, file))
        return session.index

    # --- inputs ----------------------------------------------------------------------------------

    def logon(self, index: int, frame: bytes, api_key: str, nonce: int, time_ns: int) -> int:
        """A Logon that the gateway has let in by a key and a nonce, which is on the disk before it
        lets anybody in; gives the number of its link. Raises `OSError`, and a line that is up
        stays up then."""
        seat = self.seats[index]
        session = seat.session
        self.last_link += 1
        link = self.last_link
        line = CopyLine(link, api_key)
        is_second = session.state != DISCONNECTED
        if is_second and session.settings.duplicate_logon != DUPLICATE_DISPLACE:
            seat.nonce_used(api_key, nonce)
            self._refuse_logon(line, session, frame, time_ns)
            return link
        seat.begin_line(api_key, nonce)
        if is_second:
            session.expel(DISPLACED, time_ns)
            seat.state.is_up = True  # the line before is over, this one is not
        if not seat.knows_incoming:
            self._adopt_number(seat, frame)
        self._lines[link] = line
        session.logon(link, frame, time_ns)
        return link

    def frames(self, index: int, link: int, frames: list[bytes], time_ns: int) -> None:
        """Framed messages of a link, in order; those of a link that is not the session's (any more)
        count for nothing."""
        seat = self.seats[index]
        session = seat.session
        for frame in frames:
            if session.link != link:
                return
            lacked_some = session.gap.until != 0
            session.receive(frame, time_ns)
            if len(seat.held) > HELD_MAX:
                session.expel(TOO_MANY_RESENDS, time_ns)
            if lacked_some and session.gap.until == 0:
                seat.probe = None  # its answer may be among what was gap-filled: ask anew

    def api_key(self, index: int) -> str:
        """By which the session's link has logged on; empty where nobody is up."""
        line = self._lines.get(self.sessions[index].link)
        return line.api_key if line is not None else ""

    def ask_all(self, time_ns: int) -> None:
        """Ask whoever got reports since the last question whether they were read."""
        for seat in self.seats:
            session = seat.session
            if session.state != ACTIVE or seat.reader is None:
                continue
            if seat.probe is not None or seat.resends:
                continue
            line = self._lines[session.link]
            if seat.report_count == seat.confirmed_count:
                seat.advance()
            elif not line.full and not line.parting:
                session.begin(b"1", time_ns).text(b"112=", seat.ask())
                session.finish(time_ns)

    def expel(self, index: int, text: bytes, time_ns: int) -> None:
        """End a session. It is still told what became of orders by the same cause, as long as it
        reads: `step` ends it behind that."""
        session = self.sessions[index]
        if session.state != ACTIVE:
            session.expel(text, time_ns)
            return
        line = self._lines[session.link]
        if not line.parting:
            line.parting = text
            line.last_position = self.end.position
            line.parts_at_ns = time_ns + LOGOUT_WAIT_NS

    def full(self, link: int) -> None:
        """The link's transport takes no more."""
        line = self._lines.get(link)
        if line is not None:
            line.full = True

    def drained(self, link: int) -> None:
        """It has room again."""
        line = self._lines.get(link)
        if line is not None:
            line.full = False

    # --- reports ---------------------------------------------------------------------------------

    def step(self, time_ns: int) -> bool:
        """Send what links have room for, up to a bound; whether to be called again at once."""
        seats = self.seats
        more = False
        left = MESSAGES_PER_STEP
        for count in range(len(seats)):
            place = (self._next_seat + count) % len(seats)
            if left <= 0:
                self._next_seat = place
                return True
            done = self._give_turn(seats[place], time_ns)
            left -= done
            more = more or done > 0
        return more

    def _give_turn(self, seat: CopySeat, time_ns: int) -> int:
        """How many messages of one session were sent, or 1 where it was only read for."""
        session = seat.session
        # A Logout of ours stands behind what was asked for before it.
        is_owed = session.state == LOGOUT_SENT and len(seat.resends) > 0
        if session.state != ACTIVE and not is_owed:
            return 0
        line = self._lines[session.link]
        done = 0 if line.full else self._serve_guarded(seat, time_ns)
        if line.parting:
            if done:
                line.parts_at_ns = time_ns + LOGOUT_WAIT_NS
            if time_ns >= line.parts_at_ns or self._is_told(seat, line):
                session.expel(line.parting, time_ns)
        return done

    def _is_told(self, seat: CopySeat, line: CopyLine) -> bool:
        """Whether who is to go has everything of before."""
        if not self.is_settled:
            line.last_position = self.end.position  # there is more to come
            return False
        reader = seat.reader
        if reader is None:
            return True
        is_there = reader.mark.position >= line.last_position
        return is_there and not reader.reports and not seat.resends

    def _serve_guarded(self, seat: CopySeat, time_ns: int) -> int:
        """As `_serve`. What the log does not give ends this session, and no other."""
        done = 0
        try:
            done = self._serve(seat, time_ns)
        except JournalError as error:
            seat.unreadable = str(error)
        if seat.unreadable:
            session = seat.session
            self._note(session, session.link, "unreadable", seat.unreadable)
            session.expel(UNREADABLE, time_ns)
        return done

    def _serve(self, seat: CopySeat, time_ns: int) -> int:
        """How many messages were sent, or 1 where something was read and none was for it. Raises
        `JournalError`."""
        if seat.resends:
            return self._resend_some(seat, time_ns)
        reader = seat.reader
        if reader is None:
            return 0
        if not reader.reports and not reader.fill(self.end.position):
            return 0
        return 1 + self._report_some(seat, time_ns)

    def _report_some(self, seat: CopySeat, time_ns: int) -> int:
        session = seat.session
        reader = seat.reader
        assert reader is not None
        reports = reader.reports
        output = self._lines[session.link].writer
        sending_time = self.tools.timestamps.text(time_ns)
        state = seat.state
        sent_before: int = state.sent
        count = 0
        while reports and count < MESSAGES_PER_TURN:
            report = reports.popleft()
            count += 1
            again = report.sequence < sent_before
            number = session.take_number(time_ns)
            seat.number_used(number, report, time_ns, poss_resend=again)
            own = seat.own_again if again else seat.own
            report.message(sending_time).put(output, number, own)
            sent_before = max(sent_before, report.sequence + 1)
        if count:
            state.sent = sent_before
            seat.report_count += count
            self._touch(self._lines[session.link])
        return count

    def _resend_some(self, seat: CopySeat, time_ns: int) -> int:
        line = self._lines[seat.session.link]
        resend = seat.resends[0]
        count = 0
        while count < MESSAGES_PER_TURN:
            count += 1
            number = resend.next_number
            if number > resend.end:
                self._close_gap(seat, line, number, time_ns)
                seat.resends.popleft()
                break
            resend.next_number += 1
            frame = seat.resent(number, time_ns)
            if frame is None:
                resend.gap_start = resend.gap_start or number
            else:
                self._close_gap(seat, line, number, time_ns)
                self._write(line, frame)
        if not seat.resends:
            self._release(seat, line)
        return count

    def _close_gap(self, seat: CopySeat, line: CopyLine, number: int, time_ns: int) -> None:
        resend = seat.resends[0]
        if resend.gap_start:
            sending_time = self.tools.timestamps.text(time_ns)
            comp_ids = seat.session.comp_ids
            self._write(line, gap_fill(comp_ids, resend.gap_start, number, sending_time))
            resend.gap_start = 0

    def _release(self, seat: CopySeat, line: CopyLine) -> None:
        for frame in seat.held:
            self._write(line, frame)
        seat.held.clear()

    # --- outputs ---------------------------------------------------------------------------------

    def take(self) -> list[Delivery]:
        """What is to be written now."""
        touched = self._touched
        self._touched = []
        deliveries: list[Delivery] = []
        for line in touched:
            line.touched = False
            data = line.writer.getvalue()
            line.writer.truncate(0)
            deliveries.append(Delivery(line.number, data, cut=line.cut, answer=line.answered))
            if line.cut:
                self._lines.pop(line.number, None)
        return deliveries

    # --- what sessions ask of their host ----------------------------------------------------------

    def send(self, session: Session, number: int, frame: bytes) -> None:
        seat = self.seats[session.index]
        seat.number_used(number, None, session.last_sent_ns, poss_resend=False)
        line = self._lines.get(session.link)
        if line is None:
            return
        if not seat.resends:
            self._write(line, frame)
        else:
            seat.held.append(frame)

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        seat = self.seats[session.index]
        if len(seat.resends) >= RESENDS_PENDING_MAX:
            session.expel(TOO_MANY_RESENDS, time_ns)
            return
        try:
            seat.lacks(begin, end)
        except JournalError as error:
            seat.unreadable = str(error)
        if self._lines[session.link].parting:
            seat.resends.pop()  # whoever is to go gets it on the next line

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        """An answer to a question, or what is refused by 35=3: a drop copy has no business
        messages, 35=j neither. What refuses something of ours is never answered, lest two sides
        refuse each other's for ever."""
        msg_type = message.get(tags.MSG_TYPE)
        if msg_type == b"0":
            seat = self.seats[session.index]
            probe = seat.probe
            if probe is not None and message.says(tags.TEST_REQ_ID, probe.test_req_id):
                seat.confirm(probe)
            return
        if msg_type in _REFUSALS:
            return
        fault = Fault(INVALID_MSG_TYPE, tags.MSG_TYPE, NO_BUSINESS)
        number = message.integer(tags.MSG_SEQ_NUM)
        session.reject(number, msg_type, fault, b"message_type", time_ns)
        session.count_error(time_ns)

    def established(self, session: Session, time_ns: int) -> None:
        seat = self.seats[session.index]
        reason = seat.open(self.end)
        if reason:
            self._note(session, session.link, "begins_anew", reason)
        self._note(session, session.link, LOGON, "")

    def was_reset(self, session: Session) -> None:
        self.seats[session.index].numbers_reset()

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        seat = self.seats[session.index]
        seat.close()
        line = self._lines.get(link)
        if line is not None:
            self._release(seat, line)
            line.cut = True
            self._touch(line)
        seat.held.clear()
        self._note(session, link, END, reason.decode("latin-1"))

    # --- inner works -----------------------------------------------------------------------------

    def _adopt_number(self, seat: CopySeat, frame: bytes) -> None:
        """Numbers of the client are not kept over a restart: it says itself where it is."""
        message = Message()
        message.scan(frame)
        seat.knows_incoming = True
        seat.session.next_incoming = max(1, message.integer(tags.MSG_SEQ_NUM))
