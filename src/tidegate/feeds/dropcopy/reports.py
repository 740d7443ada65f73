"""The ExecutionReports of accounts, read out of the log from any place on.

Each stands there once, as the frame that the session of its order sent or would have sent; so a
reader needs no venue, and its place in the log is all it has to remember.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tidegate.journal import Batch, LogFollower, Storage
from tidegate.model.settings import VenueSettings
from tidegate.oes.directory import Directory
from tidegate.venue import records
from tidegate.venue.records import Record, read_records

READ_BYTES: Final = 128 * 1024  # of the log at once, or one turn that is longer

_REPORT: Final = b"\x0135=8\x01"
_SENDING_TIME: Final = b"\x0152="
_ALLOC_ACCOUNT: Final = b"\x0179="
_TRAILER_BYTES: Final = 7
_REPORT_AT_MOST: Final = 32  # MsgType (35) is the third field


class Mark(msgspec.Struct, frozen=True):
    """A place in the log: the turn at `position`, whose first record has sequence `sequence`;
    records below `next` are behind it."""

    position: int
    sequence: int
    next: int


class Report(NamedTuple):
    """`mark` is the place before it, `place` its record's in the turn; `body` is what stands behind
    the header."""

    mark: Mark
    place: int
    body: bytes


class Reach:
    """Which reports: those of `account` and its sub-accounts, or where that is empty those of all
    accounts of `firm`. Accounts and firms are those of `directory`, now."""

    def __init__(self, directory: Directory, firm: str, account: str) -> None:
        self.directory = directory
        self._firm = firm
        self._account = account

    def wants(self, owner: str, frame: bytes) -> bool:
        """Whether it takes the report in `frame`, of a session of the account `owner`. (A broker's
        orders for a sub-account come over its own session, and name it.)"""
        known = self.directory.account_by_name.get(owner.encode())
        if known is None:
            return False
        if not self._account:
            return known.settings.firm == self._firm
        if self._account in (owner, known.settings.parent):
            return True
        own = self.directory.account_by_name.get(self._account.encode())
        if own is None or own.settings.parent != owner:
            return False
        return b"%s%s\x01" % (_ALLOC_ACCOUNT, self._account.encode()) in frame


class ReportReader:
    """Reads on from a mark. `reports` are those that were read and not taken yet: take them from
    the left. `owners` are the accounts of sessions by index, as of the mark, as far as they are
    known; where they are not, they are as they are now."""

    def __init__(
        self, directory: Path, storage: Storage, reach: Reach, mark: Mark, owners: list[str]
    ) -> None:
        self.reports: deque[Report] = deque()
        self._reach = reach
        self._skip_below = mark.next
        self._changes: list[tuple[int, list[str]]] = [(mark.next, owners)]
        self._log = LogFollower(
            directory, storage=storage, position=mark.position, sequence=mark.sequence
        )

    def fill(self, end_position: int) -> bool:
        """Read the next stretch of the log; False where there is none before that position. Raises
        `JournalError`."""
        batches = self._log.read(READ_BYTES, end_position)
        for batch in batches:
            self._take(batch)
        return bool(batches)

    @property
    def mark(self) -> Mark:
        """Behind the last report that was taken."""
        if self.reports:
            return self.reports[0].mark
        return Mark(self._log.position, self._log.sequence, self._log.sequence)

    def owners_at(self, sequence: int) -> list[str]:
        """The accounts of sessions as of a record that was read."""
        owners = self._changes[0][1]
        for since, changed in self._changes:
            if since <= sequence:
                owners = changed
        return owners

    def close(self) -> None:
        self._log.close()

    def _take(self, batch: Batch) -> None:
        for index, record in enumerate(read_records(batch.payload)):
            sequence = batch.first_sequence + index
            if record.kind == records.CONFIGURE:
                self._configured(sequence, record.data)
            elif record.kind == records.SENT and sequence >= self._skip_below:
                self._sent(batch, index, sequence, record)

    def _sent(self, batch: Batch, index: int, sequence: int, record: Record) -> None:
        frame = record.data
        if frame.find(_REPORT, 0, _REPORT_AT_MOST) < 0:
            return
        if self._reach.wants(self._owner(record.session), frame):
            mark = Mark(batch.position, batch.first_sequence, sequence)
            self.reports.append(Report(mark, index, report_body(frame)))

    def _owner(self, session: int) -> str:
        owners = self._changes[-1][1]
        if session < len(owners) and owners[session]:
            return owners[session]
        return self._reach.directory.sessions[session].account

    def _configured(self, sequence: int, data: bytes) -> None:
        """A file may have given a session to another account: what it sent before stays with the
        former."""
        directory = self._reach.directory
        try:
            settings = VenueSettings.decode(data)
        except ValueError:
            return  # of another version: nothing to be learnt from it
        owners = list(self._changes[-1][1])
        owners += [""] * (len(directory.sessions) - len(owners))
        for session in settings.sessions:
            comp_ids = session.sender_comp_id.encode(), session.target_comp_id.encode()
            owners[directory.session_index(*comp_ids)] = session.account
        self._changes.append((sequence, owners))


def report_body(frame: bytes) -> bytes:
    """What stands between header and trailer of a report of this venue."""
    start = frame.index(b"\x01", frame.index(_SENDING_TIME) + 1) + 1
    return frame[start:-_TRAILER_BYTES]


def body_at(batch: Batch, index: int) -> bytes:
    """The body of the report that is record `index` of a turn."""
    return report_body(read_records(batch.payload)[index].data)
