"""One drop-copy session: its numbers, what it is known to have been read of, and its resends."""

from __future__ import annotations

from collections import deque
from typing import Final

from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.owners import Owners, Reach
from tidegate.feeds.dropcopy.reader import ReportReader
from tidegate.feeds.dropcopy.reports import Report, ReportLog
from tidegate.feeds.dropcopy.sent import Sent
from tidegate.feeds.dropcopy.state import CopyState, StateFile
from tidegate.journal import JournalError
from tidegate.model.time import utc_timestamp
from tidegate.session.machine import Session
from tidegate.wire.render import frame_of
from tidegate.wire.shared import OwnFields

UNSAVED_BYTES_MAX: Final = 1024 * 1024  # of the log, read without a report for this session
NUMBERS_RESERVED: Final = 10_000  # at once: so often the file is written for that

WHOSE_UNKNOWN: Final = (
    "segments that say whose reports are behind position %d were taken away: reports are left out "
    "until the log says it again"
)

_POSS_RESEND: Final = b"97=Y\x01"


class Probe:
    """A question whose answer proves that everything before it was read."""

    def __init__(self, test_req_id: bytes, mark: Mark, report_count: int) -> None:
        self.test_req_id = test_req_id
        self.mark = mark
        self.report_count = report_count


class Resend:
    """The rest of an answer to a ResendRequest. Numbers below `first_known`, which may be many,
    are passed over at once."""

    def __init__(self, begin: int, end: int, first_known: int) -> None:
        self.next_number = max(begin, min(first_known, end + 1))
        self.end = end
        # Of the run that is going to be gap-filled; 0 = none
        self.gap_start = begin if begin < self.next_number else 0


class CopySeat:
    """See the module. `file` keeps `state`."""

    def __init__(
        self,
        session: Session,
        reach: Reach,
        log: ReportLog,
        state: CopyState,
        file: StateFile,
    ) -> None:
        self.session = session
        self.reach = reach
        self.state = state
        self.file = file
        self.reader: ReportReader | None = None  # while a line is up
        self.unreadable = ""  # why there is none though a line is up
        self.sent = Sent(state.reserved)
        self.resends: deque[Resend] = deque()
        self.held: list[bytes] = []  # behind a resend
        self.probe: Probe | None = None
        self.report_count = 0  # sent on this line
        self.confirmed_count = 0
        self.dirty = False  # `state` is not saved
        self.knows_incoming = False  # what the client's next number is
        self.own = OwnFields(session.comp_ids, b"")  # of a report's message
        self.own_again = OwnFields(session.comp_ids, _POSS_RESEND)
        self._log = log
        self._owners = Owners(reach)

    @property
    def cursor(self) -> Mark | None:
        """Everything before it is confirmed, or no report for this session; None before the first
        logon."""
        if self.reader is not None and self.report_count == self.confirmed_count:
            return self.reader.mark
        return self.state.mark

    # --- lines ------------------------------------------------------------------------------------

    def begin_line(self, api_key: str, nonce: int) -> None:
        """A Logon is let in. What must not be forgotten over it is on the disk behind this, and
        numbers enough for all that it is answered by. Raises `OSError`, and nothing but the nonce
        has changed then."""
        self.nonce_used(api_key, nonce)
        state = self.state
        lines = state.lines + 1
        reserved = max(state.reserved, self.session.next_outgoing + NUMBERS_RESERVED)
        self._put(state.with_values(lines=lines, is_up=True, reserved=reserved))
        state.lines, state.is_up, state.reserved = lines, True, reserved

    def nonce_used(self, api_key: str, nonce: int) -> None:
        """Of a Logon. Where nobody is let in by it, it may wait for the next save."""
        self.state.nonces[api_key] = nonce
        self.dirty = True

    def open(self, end: Mark) -> str:
        """Begin to read where the client is known to be; why not there, empty if so. `end` is how
        far the log goes."""
        state = self.state
        self.probe = None
        self.report_count = self.confirmed_count = 0
        self.unreadable = ""
        reasons: list[str] = []
        try:
            if state.mark is not None and not self.reach.knows(state.holdings):
                reasons.append("it was a drop copy of another account or firm before")
                state.mark = None
            if state.mark is not None and not self._log.holds(state.mark, end):
                reasons.append(f"the log does not hold position {state.mark.position} any more")
                state.mark = None
            if state.mark is None:
                oldest = self._log.oldest(end)
                if not self._begin_at(oldest):
                    reasons.append(WHOSE_UNKNOWN % oldest.position)
        except JournalError as error:
            self.unreadable = str(error)
            return ""
        assert state.mark is not None
        self._owners.begin(state.mark.next, state.holdings)
        self.reader = ReportReader(self._log, self.reach, state.mark, self._owners)
        return "; ".join(reasons)

    def _begin_at(self, mark: Mark) -> bool:
        """Nothing is known of before; whether it is known whose reports are from there on."""
        holdings = self._log.seen.holdings(mark.next, self.reach)
        self.state.mark = mark
        self.state.holdings = holdings or self.reach.nothing()
        self._owners = Owners(self.reach)
        return holdings is not None

    def close(self) -> None:
        """The line is gone."""
        if self.reader is not None:
            if self.report_count == self.confirmed_count:
                self._move(self.reader.mark)
            self.reader = None
        self.unreadable = ""
        self.probe = None
        self.resends.clear()
        self.state.is_up = False
        self.dirty = True

    # --- numbers ----------------------------------------------------------------------------------

    def number_used(
        self, number: int, report: Report | None, time_ns: int, *, poss_resend: bool
    ) -> None:
        """Note what became of an outgoing number. A process that is killed must not give one out
        again, so they are reserved ahead. Raises `OSError`, and it must not go out then; what it
        was used for is noted all the same."""
        self.sent.add(report, time_ns, poss_resend=poss_resend)
        if number >= self.state.reserved:
            # They count as reserved once the file says so.
            reserved = number + NUMBERS_RESERVED
            self._put(self.state.with_values(reserved=reserved))
            self.state.reserved = reserved

    def numbers_reset(self) -> None:
        """They begin at 1."""
        self.sent.clear(1)
        self.resends.clear()
        self.knows_incoming = True
        self.state.reserved = min(self.state.reserved, NUMBERS_RESERVED)
        self.dirty = True

    def settle(self) -> None:
        """The process ends in good order: what is known now is what the next begins with. Raises
        `OSError`."""
        if self.state.lines and self.state.reserved != self.session.next_outgoing:
            self.state.reserved = self.session.next_outgoing
            self.dirty = True
        if self.dirty:
            self.save()

    def save(self) -> None:
        """Raises `OSError`."""
        self._put(self.state)

    def _put(self, state: CopyState) -> None:
        self.file.save(*self.file.content(state))
        self.dirty = False

    # --- what was read ----------------------------------------------------------------------------

    def ask(self) -> bytes:
        """A question goes out behind everything that was sent; what its answer has to repeat."""
        assert self.reader is not None
        # Of no other line, or a late answer would be taken for one to this.
        test_req_id = b"READ-%d-%d" % (self.state.lines, self.session.next_outgoing)
        self.probe = Probe(test_req_id, self.reader.mark, self.report_count)
        return test_req_id

    def confirm(self, probe: Probe) -> None:
        """The question was answered."""
        self.probe = None
        self.confirmed_count = probe.report_count
        self._move(probe.mark)

    def advance(self) -> None:
        """All reports are confirmed: what else was read needs not be read again."""
        assert self.reader is not None
        assert self.state.mark is not None
        mark = self.reader.mark
        if mark.position - self.state.mark.position > UNSAVED_BYTES_MAX:
            self._move(mark)

    def _move(self, mark: Mark) -> None:
        if mark != self.state.mark:
            self.state.mark = mark
            self.state.holdings = self._owners.at(mark.next)
            self.dirty = True

    def lacks(self, begin: int, end: int) -> None:
        """The client asks for numbers again: what it may lack is not confirmed any more, whatever
        it has answered before. Raises `JournalError`."""
        self.resends.append(Resend(begin, end, self.sent.first_number))
        self.probe = None
        found = self.sent.first_report(begin)
        if found is None or self.reader is None:
            return
        mark = self._log.mark_of(found.position, found.place)
        if mark is None:
            return
        before = self.state.mark
        self.confirmed_count = -1  # whatever was sent on this line has to be asked about
        if before is None or mark.next < before.next:
            self._move(mark)

    def resent(self, number: int, time_ns: int) -> bytes | None:
        """The frame of a report as it is sent again; None where the number is to be gap-filled.
        Raises `JournalError`."""
        found = self.sent.report(number)
        if found is None:
            return None
        body = self._log.body(found.position, found.place)
        if body is None:
            return None
        return frame_of(
            b"35=8\x0134=%d\x01%s52=%s\x0143=Y\x01122=%s\x01%s%s"
            % (
                number,
                self.session.comp_ids,
                utc_timestamp(time_ns),
                utc_timestamp(found.time_ns),
                _POSS_RESEND if found.poss_resend else b"",
                body,
            )
        )
