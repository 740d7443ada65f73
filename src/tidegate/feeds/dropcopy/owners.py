"""Whose reports are: of which account a session is, and of which firm an account, at each place of
the log. Files and operators change that, and a report stays with whom it was of when it was made.

What is not known is nobody's.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from tidegate.feeds.dropcopy.holdings import Holdings
from tidegate.journal import FIRST_SEQUENCE
from tidegate.oes.directory import Directory

# What a reach takes of a session's reports
NONE: Final = 0
ALL: Final = 1
ALLOCATED: Final = 2  # those that name its account


class Change:
    """From the record `sequence` on `sessions`, by index, are of those accounts, and `accounts`, by
    name, of those firms and parents. One that `forgets` says that nothing of before still holds."""

    def __init__(
        self,
        sequence: int,
        sessions: list[tuple[int, str]],
        accounts: list[tuple[str, str, str]],
        *,
        forgets: bool = False,
    ) -> None:
        self.sequence = sequence
        self.sessions = sessions
        self.accounts = accounts
        self.forgets = forgets

    def says(self, other: Change) -> bool:
        """Whether both say the same."""
        return (
            self.sequence == other.sequence
            and self.sessions == other.sessions
            and self.accounts == other.accounts
            and self.forgets == other.forgets
        )


class Reach:
    """Which reports: those of `account` and its sub-accounts while it is an account of `firm`, or
    where that is empty those of all accounts of `firm`."""

    def __init__(self, firm: str, account: str) -> None:
        self.firm = firm
        self.account = account

    def nothing(self) -> Holdings:
        """Where nothing is known."""
        return Holdings(self.firm, self.account)

    def knows(self, holdings: Holdings) -> bool:
        """Whether they are its own, and not another one's."""
        return (holdings.firm, holdings.account) == (self.firm, self.account)

    def of(self, holdings: Holdings, session: int) -> int:
        """What it takes of the reports of a session. (A broker's orders for a sub-account come over
        its own session, and name it.)"""
        owner = holdings.sessions[session] if session < len(holdings.sessions) else ""
        if owner in holdings.accounts:
            return ALL
        return ALLOCATED if owner and owner == holdings.parent else NONE

    def changed(self, before: Holdings, change: Change) -> Holdings:
        """What holds behind a change."""
        if change.forgets:
            before = self.nothing()
        sessions = list(before.sessions)
        accounts = set(before.accounts)
        parent = before.parent
        for index, account in change.sessions:
            sessions += [""] * (index + 1 - len(sessions))
            sessions[index] = account
        for name, firm, above in change.accounts:
            is_own = firm == self.firm
            if is_own and (not self.account or self.account in (name, above)):
                accounts.add(name)
            else:
                accounts.discard(name)
            if name == self.account:
                parent = above if is_own else ""
        return Holdings(self.firm, self.account, sessions, accounts, parent)


class Owners:
    """Holdings of one reach by places of the log, from where somebody began to read on."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._since = -1  # nothing is known before that record
        self._first = reach.nothing()
        self._changes: list[Change] = []
        self._sequences: list[int] = []  # theirs
        self._applied = 0  # how many of them `_held` has in it
        self._held = self._first

    def begin(self, sequence: int, holdings: Holdings) -> None:
        """So it is from that record on. What is known already, and from earlier on, stays."""
        if self._since < 0 or sequence < self._since:
            self._since = sequence
            self._first = self._held = holdings
            self._changes.clear()
            self._sequences.clear()
            self._applied = 0

    def change(self, change: Change) -> None:
        """As the log says; it may say so again to who reads again. Of one record there may be
        several: what it says itself, and what was seen behind it."""
        changes = self._changes
        place = len(changes)
        while place and changes[place - 1].sequence == change.sequence:
            place -= 1
            if changes[place].says(change):
                return
        last = self._sequences[-1] if changes else self._since
        if change.sequence >= last:
            changes.append(change)
            self._sequences.append(change.sequence)

    def at(self, sequence: int) -> Holdings:
        """As of that record; before the first that is known, as of that one."""
        count = bisect_right(self._sequences, sequence)
        if count < self._applied:
            self._applied = 0
            self._held = self._first
        for change in self._changes[self._applied : count]:
            self._held = self._reach.changed(self._held, change)
        self._applied = count
        return self._held


class Seen:
    """What the directory of a venue has shown at ends of turns since somebody looks. `origin` says
    all there was at the first look, which was behind all records below `sequence`."""

    def __init__(self, directory: Directory, sequence: int) -> None:
        self._directory = directory
        self._sessions: dict[int, str] = {}
        self._accounts: dict[str, tuple[str, str]] = {}
        self._changes: list[Change] = []
        self.origin = self._news(sequence)
        self.sequence = sequence

    def look(self, sequence: int) -> None:
        """Something may have changed in the turn that ends before that record."""
        change = self._news(sequence)
        if change.sessions or change.accounts:
            self._changes.append(change)

    def holdings(self, sequence: int, reach: Reach) -> Holdings | None:
        """As of the end of a turn, the record behind which has that sequence; None where that was
        before the first look."""
        if sequence == FIRST_SEQUENCE:
            return reach.nothing()
        if sequence < self.sequence:
            return None
        found = reach.changed(reach.nothing(), self.origin)
        for change in self._changes:
            if change.sequence < sequence:
                found = reach.changed(found, change)
        return found

    def _news(self, sequence: int) -> Change:
        """It is from the last record of the turn on: what the next one says comes behind it."""
        change = Change(sequence - 1, [], [])
        for index, session in enumerate(self._directory.sessions):
            if self._sessions.get(index) != session.account:
                self._sessions[index] = session.account
                change.sessions.append((index, session.account))
        for account in self._directory.accounts:
            settings = account.settings
            of = (settings.firm, settings.parent)
            if self._accounts.get(settings.account) != of:
                self._accounts[settings.account] = of
                change.accounts.append((settings.account, settings.firm, settings.parent))
        return change
