"""One drop-copy session: its numbers, what it is known to have been read of, and its resends."""

from __future__ import annotations

from array import array
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

from tidegate.feeds.dropcopy.reports import Mark, Reach, Report, ReportReader, body_at
from tidegate.feeds.dropcopy.state import CopyState, StateFile
from tidegate.journal import Batch, Storage, oldest_batch, read_batch
from tidegate.model.time import utc_timestamp
from tidegate.session.machine import Session
from tidegate.wire.render import frame_of

UNSAVED_BYTES_MAX: Final = 1024 * 1024  # of the log, read without a report for this session
NUMBERS_RESERVED: Final = 10_000  # at once: so often the file is written for that

_NOT_A_REPORT: Final = -1


class LogAccess(NamedTuple):
    """Where the log is."""

    directory: Path
    storage: Storage

    def batch(self, position: int) -> Batch | None:
        return read_batch(self.storage, self.directory, position)

    def oldest(self, end: Mark) -> Mark:
        """The first place that is still there; `end` where nothing is."""
        batch = oldest_batch(self.storage, self.directory)
        if batch is None:
            return end
        return Mark(batch.position, batch.first_sequence, batch.first_sequence)

    def holds(self, mark: Mark, end: Mark) -> bool:
        """Whether the log has that place, and did not become another one since."""
        if mark.position >= end.position:
            return mark.position == end.position and mark.sequence == end.sequence
        batch = self.batch(mark.position)
        return batch is not None and batch.first_sequence == mark.sequence


class Probe(NamedTuple):
    """A question whose answer proves that everything before it was read."""

    test_req_id: bytes
    mark: Mark
    owners: list[str]
    report_count: int


class Sent:
    """What numbers were used for since they began anew: 24 bytes each. A report is found again in
    the log; what was anything else is not kept."""

    def __init__(self) -> None:
        self.first_number = 1
        self._positions = array("q")
        self._places = array("q")  # of the record in its turn, twice, plus PossResend
        self._times_ns = array("q")

    def clear(self, first_number: int) -> None:
        self.first_number = first_number
        for column in (self._positions, self._places, self._times_ns):
            del column[:]

    def add(self, report: Report | None, time_ns: int, *, poss_resend: bool) -> None:
        self._positions.append(report.mark.position if report is not None else 0)
        place = _NOT_A_REPORT if report is None else 2 * report.place + poss_resend
        self._places.append(place)
        self._times_ns.append(time_ns)

    def first_report(self, number: int) -> tuple[int, int] | None:
        """Turn position and record index of the first report from a number on; None where there
        is none."""
        for at in range(max(0, number - self.first_number), len(self._places)):
            if self._places[at] != _NOT_A_REPORT:
                return self._positions[at], self._places[at] // 2
        return None

    def find(self, number: int) -> tuple[int, int, bool, int] | None:
        """Turn position, record index, PossResend and time of a report; None for another message,
        or one of before a restart."""
        at = number - self.first_number
        if not 0 <= at < len(self._places) or self._places[at] == _NOT_A_REPORT:
            return None
        place = self._places[at]
        return self._positions[at], place // 2, place % 2 == 1, self._times_ns[at]


class Resend:
    """The rest of an answer to a ResendRequest."""

    def __init__(self, begin: int, end: int) -> None:
        self.next_number = begin
        self.end = end
        self.gap_start = 0  # of the run that is going to be gap-filled; 0 = none


class CopySeat:
    """See the module. `file` keeps `state`."""

    def __init__(
        self,
        session: Session,
        reach: Reach,
        log: LogAccess,
        state: CopyState,
        file: StateFile,
    ) -> None:
        self.session = session
        self.state = state
        self.file = file
        self.reader: ReportReader | None = None
        self.sent = Sent()
        self.sent.clear(state.reserved)
        self.resends: deque[Resend] = deque()
        self.held: list[bytes] = []  # behind a resend
        self.probe: Probe | None = None
        self.report_count = 0  # sent on this line
        self.confirmed_count = 0
        self.dirty = False  # `state` is not saved
        self.sending: Report | None = None
        self.knows_incoming = False  # what the client's next number is
        self._reach = reach
        self._log = log
        self._batch: Batch | None = None  # the last one that was looked at for a resend

    def open(self, end: Mark) -> str:
        """Begin to read where the client is known to be; why not there, empty if so. `end` is how
        far the log goes."""
        state = self.state
        reason = ""
        if state.mark is None:
            state.mark = self._log.oldest(end)
        elif not self._log.holds(state.mark, end):
            reason = f"the log does not hold position {state.mark.position} any more"
            state.mark = self._log.oldest(end)
            state.owners = []
        self.reader = ReportReader(
            self._log.directory, self._log.storage, self._reach, state.mark, state.owners
        )
        self.probe = None
        self.report_count = self.confirmed_count = 0
        return reason

    def close(self) -> None:
        """The line is gone."""
        if self.reader is not None:
            if self.report_count == self.confirmed_count:
                self._move(self.reader.mark)
            self.reader.close()
            self.reader = None
        self.probe = None
        self.resends.clear()
        self.state.is_up = False
        self.dirty = True

    def save(self) -> None:
        self.dirty = False
        self.file.save(*self.file.content(self.state))

    def number_used(self, number: int, time_ns: int, *, poss_resend: bool) -> None:
        """Note what became of an outgoing number. A process that is killed must not give one out
        again, so they are reserved ahead."""
        if number >= self.state.reserved:
            self.state.reserved = number + NUMBERS_RESERVED
            self.save()
        self.sent.add(self.sending, time_ns, poss_resend=poss_resend)

    # --- what was read ----------------------------------------------------------------------------

    def ask(self, test_req_id: bytes) -> None:
        """A question goes out behind everything that was sent."""
        assert self.reader is not None
        mark = self.reader.mark
        self.probe = Probe(test_req_id, mark, self.reader.owners_at(mark.next), self.report_count)

    def confirm(self, probe: Probe) -> None:
        """The question was answered."""
        self.probe = None
        self.state.mark = probe.mark
        self.state.owners = probe.owners
        self.confirmed_count = probe.report_count
        self.dirty = True

    def advance(self) -> None:
        """All reports are confirmed: what else was read needs not be read again."""
        assert self.reader is not None
        assert self.state.mark is not None
        mark = self.reader.mark
        if mark.position - self.state.mark.position > UNSAVED_BYTES_MAX:
            self._move(mark)

    def _move(self, mark: Mark) -> None:
        assert self.reader is not None
        self.state.mark = mark
        self.state.owners = self.reader.owners_at(mark.next)
        self.dirty = True

    def lacks(self, begin: int, end: int) -> None:
        """The client asks for numbers again: what it may lack is not confirmed any more, whatever
        it has answered before."""
        self.resends.append(Resend(begin, end))
        self.probe = None
        found = self.sent.first_report(begin)
        if found is None or self.reader is None:
            return
        position, index = found
        batch = self._batch_at(position)
        if batch is None:
            return
        mark = Mark(position, batch.first_sequence, batch.first_sequence + index)
        before = self.state.mark
        if before is None or mark.next < before.next:
            self._move(mark)
            self.confirmed_count = -1

    # --- resends ----------------------------------------------------------------------------------

    def resent(self, number: int, time_ns: int) -> bytes | None:
        """The frame of a report as it is sent again; None where the number is to be gap-filled."""
        found = self.sent.find(number)
        if found is None:
            return None
        position, index, poss_resend, sent_ns = found
        batch = self._batch_at(position)
        if batch is None:
            return None
        return frame_of(
            b"35=8\x0134=%d\x01%s52=%s\x0143=Y\x01122=%s\x01%s%s"
            % (
                number,
                self.session.comp_ids,
                utc_timestamp(time_ns),
                utc_timestamp(sent_ns),
                b"97=Y\x01" if poss_resend else b"",
                body_at(batch, index),
            )
        )

    def _batch_at(self, position: int) -> Batch | None:
        if self._batch is None or self._batch.position != position:
            self._batch = self._log.batch(position)
        return self._batch
