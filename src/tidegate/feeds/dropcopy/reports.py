"""The ExecutionReports of the log, read out of it from any place on.

Each stands there once, as the frame that the session of its order sent or would have sent; so no
venue is needed. What is read is read once for all who are there: those who keep up find it in
memory, sorted by the sessions that reports were made for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.owners import Change, Seen
from tidegate.journal import Batch, LogFollower, Storage, oldest_batch, read_batch
from tidegate.model.codec import Decoder
from tidegate.model.settings import AccountSettings, SessionSettings, VenueSettings
from tidegate.oes.directory import Directory
from tidegate.venue import controls, records
from tidegate.venue.records import Record, read_records
from tidegate.wire.framing import byte_sum
from tidegate.wire.shared import SharedMessage

READ_BYTES: Final = 128 * 1024  # of the log at once, or one turn that is longer
PIECES_KEPT: Final = 16

_REPORT: Final = b"\x0135=8\x01"
_SENDING_TIME: Final = b"\x0152="
_TRAILER_BYTES: Final = 7
_ADDITIONS: Final = (controls.ADD_ACCOUNT, controls.ADD_SESSION)
_REPORT_AT_MOST: Final = 32  # MsgType (35) is the third field


class Report:
    """A report, the record `place` of the turn at `position`, whose first record has sequence
    `first_sequence`; its own is `sequence`. `session` is the one it was made for, `body` what
    stands behind the header."""

    def __init__(
        self,
        position: int,
        first_sequence: int,
        place: int,
        session: int,
        body: bytes,
    ) -> None:
        self.position = position
        self.first_sequence = first_sequence
        self.place = place
        self.sequence = first_sequence + place
        self.session = session
        self.body = body
        self._message: SharedMessage | None = None
        self._sending_time = b""

    @property
    def mark(self) -> Mark:
        """The place before it."""
        return Mark(self.position, self.first_sequence, self.sequence)

    def message(self, sending_time: bytes) -> SharedMessage:
        """It as it is sent at that time: encoded once for all who get it then."""
        message = self._message
        if message is None or self._sending_time != sending_time:
            body = self.body
            message = SharedMessage(b"8", sending_time, body, byte_sum(body, 0, len(body)))
            self._message = message
            self._sending_time = sending_time
        return message


class Piece:
    """What a piece of the log has: `reports` in its order, and the same by session; `changes` of
    whose they are within it. It begins with the record `sequence`."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.reports: list[Report] = []
        self.by_session: dict[int, list[Report]] = {}
        self.changes: list[Change] = []
        self.end_position = 0  # of the log, and the sequence of the record there
        self.end_sequence = 0

    def add(self, report: Report) -> None:
        self.reports.append(report)
        own = self.by_session.get(report.session)
        if own is None:
            self.by_session[report.session] = [report]
        else:
            own.append(report)


class ReportLog:
    """The log of `directory`. `accounts` are the venue's own, as of the end of what is read or
    later; now as of the end of the turn before the record `sequence`."""

    def __init__(
        self, directory: Path, storage: Storage, accounts: Directory, sequence: int
    ) -> None:
        self.seen = Seen(accounts, sequence)
        self._accounts = accounts
        self._directory = directory
        self._storage = storage
        self._follower = LogFollower(directory, storage=storage)
        self._pieces: dict[int, Piece] = {}  # by position, the newest last
        self._batch: Batch | None = None  # the last one that a single report was asked of
        self._records: list[Record] = []  # its

    def piece(self, position: int, sequence: int, end_position: int) -> Piece | None:
        """What stands from a position on, which is that of a turn with that first record; None
        where nothing does before `end_position`. Raises `JournalError`."""
        if position >= end_position:
            return None
        piece = self._pieces.get(position)
        if piece is None:
            piece = self._read(position, sequence, end_position)
            if piece is None:
                return None
            if len(self._pieces) >= PIECES_KEPT:
                del self._pieces[next(iter(self._pieces))]
            self._pieces[position] = piece
        return piece

    def body(self, position: int, place: int) -> bytes | None:
        """The body of the report that is record `place` of the turn at a position; None where the
        log does not hold that any more. Raises `JournalError`."""
        batch = self._batch
        if batch is None or batch.position != position:
            batch = read_batch(self._storage, self._directory, position)
            if batch is None:
                return None
            self._batch = batch
            self._records = read_records(batch.payload)
        return report_body(self._records[place].data)

    def mark_of(self, position: int, place: int) -> Mark | None:
        """The place before that record; None where the log does not hold it any more. Raises
        `JournalError`."""
        batch = read_batch(self._storage, self._directory, position)
        if batch is None:
            return None
        return Mark(position, batch.first_sequence, batch.first_sequence + place)

    def oldest(self, end: Mark) -> Mark:
        """The first place that is still there; `end` where nothing is. Raises `JournalError`."""
        batch = oldest_batch(self._storage, self._directory)
        if batch is None:
            return end
        return Mark(batch.position, batch.first_sequence, batch.first_sequence)

    def holds(self, mark: Mark, end: Mark) -> bool:
        """Whether the log has that place, and did not become another one since. Raises
        `JournalError`."""
        if mark.position >= end.position:
            return mark.position == end.position and mark.sequence == end.sequence
        batch = read_batch(self._storage, self._directory, mark.position)
        return batch is not None and batch.first_sequence == mark.sequence

    def _read(self, position: int, sequence: int, end_position: int) -> Piece | None:
        follower = self._follower
        if follower.position != position or follower.sequence != sequence:
            follower.close()
            follower = LogFollower(
                self._directory, storage=self._storage, position=position, sequence=sequence
            )
            self._follower = follower
        batches = follower.read(READ_BYTES, end_position)
        if not batches:
            return None
        piece = Piece(sequence)
        for batch in batches:
            self._take(piece, batch)
        piece.end_position = follower.position
        piece.end_sequence = follower.sequence
        return piece

    def _take(self, piece: Piece, batch: Batch) -> None:
        first = batch.first_sequence
        if first == self.seen.sequence:
            piece.changes.append(self.seen.origin)
        for place, record in enumerate(read_records(batch.payload)):
            kind = record.kind
            if kind == records.SENT:
                frame = record.data
                if frame.find(_REPORT, 0, _REPORT_AT_MOST) >= 0:
                    body = report_body(frame)
                    piece.add(Report(batch.position, first, place, record.session, body))
            elif kind == records.CONFIGURE or (
                kind == records.CONTROL and record.number in _ADDITIONS
            ):
                piece.changes.append(self._change(first + place, record))

    def _change(self, sequence: int, record: Record) -> Change:
        """A file says whose everything is that it names, operators add a session or an account."""
        sessions: list[SessionSettings] = []
        accounts: list[AccountSettings] = []
        try:
            if record.kind == records.CONFIGURE:
                settings = VenueSettings.decode(record.data)
                sessions, accounts = settings.sessions, settings.accounts
            elif record.number == controls.ADD_SESSION:
                sessions = [SessionSettings.load(Decoder(record.data))]
            else:
                accounts = [AccountSettings.load(Decoder(record.data))]
        except ValueError:  # of another version
            return Change(sequence, [], [], forgets=True)
        change = Change(sequence, [], [])
        for session in sessions:
            index = self._accounts.session_index(
                session.sender_comp_id.encode(), session.target_comp_id.encode()
            )
            if index >= 0:
                change.sessions.append((index, session.account))
        for account in accounts:
            change.accounts.append((account.account, account.firm, account.parent))
        return change


def report_body(frame: bytes) -> bytes:
    """What stands between header and trailer of a report of this venue."""
    start = frame.index(b"\x01", frame.index(_SENDING_TIME) + 1) + 1
    return frame[start:-_TRAILER_BYTES]
