"""Reading the reports of an account or a firm, from a mark on."""

from __future__ import annotations

from collections import deque
from typing import Final

from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.owners import ALL, ALLOCATED, NONE, Change, Owners, Reach
from tidegate.feeds.dropcopy.reports import Piece, Report, ReportLog

_ALLOC_ACCOUNT: Final = b"\x0179="


class ReportReader:
    """`reports` are those that were read and not taken yet: take them from the left. `owners` has
    to be known from the mark on, and learns from what is read."""

    def __init__(self, log: ReportLog, reach: Reach, mark: Mark, owners: Owners) -> None:
        self.reports: deque[Report] = deque()
        self._log = log
        self._reach = reach
        self._owners = owners
        self._position = mark.position
        self._sequence = mark.sequence
        self._skip_below = mark.next
        self._allocation: bytes = b"%s%s\x01" % (_ALLOC_ACCOUNT, reach.account.encode())
        self._holdings = owners.at(mark.next)  # as of the place that is read
        self._wanted: dict[int, int] = {}  # by session, as of there

    def fill(self, end_position: int) -> bool:
        """Read the next piece of the log; False where there is none before that position. Raises
        `JournalError`."""
        piece = self._log.piece(self._position, self._sequence, end_position)
        if piece is None:
            return False
        if piece.changes or piece.sequence < self._skip_below:
            self._take_each(piece)
        else:
            self._take(piece)
        self._position = piece.end_position
        self._sequence = piece.end_sequence
        return True

    @property
    def mark(self) -> Mark:
        """Behind the last report that was taken."""
        if self.reports:
            return self.reports[0].mark
        return Mark(self._position, self._sequence, max(self._sequence, self._skip_below))

    def _take(self, piece: Piece) -> None:
        """The usual case: look at who is there, not at every report."""
        found = 0
        only: list[Report] = []
        for session, reports in piece.by_session.items():
            wanted = self._wants(session)
            if wanted != NONE:
                found += 1
                only = reports
        if found > 1:
            only = piece.reports  # in the order of the log, over all sessions
        if found:
            for report in only:
                self._offer(report)

    def _take_each(self, piece: Piece) -> None:
        changes = deque(piece.changes)
        for report in piece.reports:
            while changes and changes[0].sequence <= report.sequence:
                self._change(changes.popleft())
            if report.sequence >= self._skip_below:
                self._offer(report)
        for change in changes:
            self._change(change)

    def _change(self, change: Change) -> None:
        self._owners.change(change)
        self._holdings = self._owners.at(change.sequence)
        self._wanted.clear()

    def _offer(self, report: Report) -> None:
        wanted = self._wants(report.session)
        if wanted == ALL or (wanted == ALLOCATED and self._allocation in report.body):
            self.reports.append(report)

    def _wants(self, session: int) -> int:
        wanted = self._wanted.get(session)
        if wanted is None:
            wanted = self._reach.of(self._holdings, session)
            self._wanted[session] = wanted
        return wanted
