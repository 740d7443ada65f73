"""Reading the reports of an account or a firm, from a mark on."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Final

from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.reports import Change, Piece, Report, ReportLog
from tidegate.oes.directory import Directory

_ALLOC_ACCOUNT: Final = b"\x0179="

# What a reach takes of a session's reports
_NONE: Final = 0
_ALL: Final = 1
_ALLOCATED: Final = 2  # those that name its account


class Reach:
    """Which reports: those of `account` and its sub-accounts, or where that is empty those of all
    accounts of `firm`. Accounts and firms are those of `directory`, where a running venue adds some
    and changes none."""

    def __init__(self, directory: Directory, firm: str, account: str) -> None:
        self.directory = directory
        self.firm = firm
        self.account = account
        self._allocation: bytes = b"%s%s\x01" % (_ALLOC_ACCOUNT, account.encode())

    def of(self, owner: str) -> int:
        """What it takes of the reports of a session of the account `owner`. (A broker's orders for
        a sub-account come over its own session, and name it.)"""
        known = self.directory.account_by_name.get(owner.encode())
        if known is None:
            return _NONE
        if not self.account:
            return _ALL if known.settings.firm == self.firm else _NONE
        if self.account in (owner, known.settings.parent):
            return _ALL
        own = self.directory.account_by_name.get(self.account.encode())
        return _ALLOCATED if own is not None and own.settings.parent == owner else _NONE

    def allocates(self, report: Report) -> bool:
        """Whether the report names its account in AllocAccount (79)."""
        return self._allocation in report.body


class Owners:
    """The accounts of sessions by index, as they were at places of the log: from where somebody
    began to read on. A session that is missing, or has no name, is of the account it has now."""

    def __init__(self) -> None:
        self._since: list[int] = []
        self._owners: list[list[str]] = []

    def begin(self, sequence: int, owners: list[str]) -> None:
        """So they are from that record on. What is known already, and from earlier on, stays."""
        if not self._since or sequence < self._since[0]:
            self._since = [sequence]
            self._owners = [owners]

    def change(self, change: Change) -> None:
        """As the log says; it may say so again to who reads again."""
        if change.sequence < self._since[-1]:
            return
        owners = list(self._owners[-1])
        for index, account in change.given:
            owners += [""] * (index + 1 - len(owners))
            owners[index] = account
        if change.sequence == self._since[-1]:
            self._owners[-1] = owners
        elif owners != self._owners[-1]:
            self._since.append(change.sequence)
            self._owners.append(owners)

    def at(self, sequence: int) -> list[str]:
        """As of that record; before the first that is known, as of that one."""
        return self._owners[max(0, bisect_right(self._since, sequence) - 1)]


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
        self._wanted: dict[int, int] = {}  # by session, as of the place that is read

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
            wanted = self._wants(session, piece.sequence)
            if wanted != _NONE:
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
        self._wanted.clear()

    def _offer(self, report: Report) -> None:
        wanted = self._wants(report.session, report.sequence)
        if wanted == _ALL or (wanted == _ALLOCATED and self._reach.allocates(report)):
            self.reports.append(report)

    def _wants(self, session: int, sequence: int) -> int:
        wanted = self._wanted.get(session)
        if wanted is None:
            owners = self._owners.at(sequence)
            owner = owners[session] if session < len(owners) else ""
            wanted = self._reach.of(owner or self._reach.directory.sessions[session].account)
            self._wanted[session] = wanted
        return wanted
