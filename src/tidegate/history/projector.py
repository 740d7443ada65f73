"""Follows a journal and writes its history: replays the turns with a venue of its own.

It starts from the newest snapshot at or before where the history stands, replays silently up to
there, and from there on with an observer. Rows and position go into one transaction, so that each
turn is in the history once, whoever dies when.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Final

from tidegate.history.projection import Projection
from tidegate.history.store import (
    REBUILD,
    HistoryMoved,
    HistoryRefused,
    Progress,
    Rows,
    Store,
)
from tidegate.history.words import time_text
from tidegate.journal import (
    Batch,
    JournalPositionUnknown,
    LogFollower,
    OsStorage,
    Storage,
    batch_mark,
    log_end,
)
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.replica import Replica, ReplicaRefused

READ_BYTES_MAX: Final = 1024 * 1024  # of the journal at once: bounds a transaction
ROWS_MAX: Final = 20_000  # of a transaction, or those of one batch
QUIET_S: Final = 1.0  # how old the written position may get where no rows come


class Projector:
    """One writer of one history.

    Raises, from every method: `HistoryError` as the store does, and `HistoryRefused` where store
    and journal do not fit; `JournalError` for a journal that can not be read.
    """

    def __init__(
        self,
        data_directory: Path,
        store: Store,
        *,
        sync: bool,
        storage: Storage | None = None,
    ) -> None:
        """`sync` has the journal on the disk before its rows are written: for `disk` durability,
        where what is written may still be taken back by a power loss."""
        self._directory = data_directory
        self._journal = data_directory / JOURNAL_DIRECTORY
        self._store = store
        self._sync = sync
        self._storage: Storage = storage or OsStorage()
        self._written = store.progress()
        self._pending: tuple[Rows, Progress] | None = None
        self._unreplayed: deque[Batch] = deque()
        self._written_at_s = time.monotonic()
        self._check_continuity()
        self._replica = self._positioned()
        next_seq = self._written.next_seq if self._written else 1
        self._projection = Projection(self._replica.venue, next_seq)
        self._projection.observe()

    @property
    def position(self) -> int:
        """The log position up to which everything is written."""
        return 0 if self._written is None else self._written.log_position

    def step(self) -> bool:
        """Project what has come since, up to a bound; whether there is more at once. After
        `HistoryUnavailable` the same rows are tried again: call `use` and go on."""
        self._write_pending()
        replica = self._replica
        start = replica.position
        batches = self._read(replica.follower, READ_BYTES_MAX)
        if batches and self._sync:
            replica.follower.sync()
        self._unreplayed += batches
        while self._unreplayed:
            batch = self._unreplayed.popleft()
            self._projection.log_position = batch.position
            self._replay(replica, batch)
            if self._projection.row_count >= ROWS_MAX:
                self.write()
        if self._projection.row_count > 0 or time.monotonic() - self._written_at_s >= QUIET_S:
            self.write()
        return replica.position - start >= READ_BYTES_MAX

    def catch_up(self) -> None:
        """Project everything that is there now."""
        while self.step():
            pass
        self.write()

    def write(self) -> None:
        """Write what was replayed and is not written yet."""
        self._write_pending()
        replica = self._replica
        if replica.position == self.position:
            return
        mark = batch_mark(self._storage, self._journal, replica.batch_position)
        if mark is None:
            raise HistoryRefused(
                f"the journal's batch at log position {replica.batch_position} is gone since it "
                f"was read: put its segment back"
            )
        after = Progress(
            log_position=replica.position,
            log_sequence=replica.sequence,
            batch_position=replica.batch_position,
            batch_mark=mark,
            next_seq=self._projection.next_seq,
            time=time_text(replica.venue.now_ns),
        )
        self._pending = (self._projection.take(), after)
        self._write_pending()

    def use(self, store: Store) -> None:
        """Go on with another connection to the same history. Raises `HistoryMoved` where somebody
        else has written it meanwhile."""
        self._store = store
        progress = store.progress()
        if self._pending is not None and progress == self._pending[1]:
            self._written = progress  # the transaction was done, only nobody told so
            self._pending = None
        if progress != self._written:
            raise HistoryMoved("the history was written by another process meanwhile")

    def _write_pending(self) -> None:
        if self._pending is None:
            return
        rows, after = self._pending
        self._store.write(self._written, rows, after)
        self._written = after
        self._pending = None
        self._written_at_s = time.monotonic()

    def close(self) -> None:
        """Give the journal's file back."""
        self._replica.close()

    # --- where to start ---------------------------------------------------------------------------

    def _check_continuity(self) -> None:
        """The batch that the history ends with must be in this journal."""
        written = self._written
        if written is None:
            return
        end = log_end(self._storage, self._journal)
        if end < written.log_position:
            raise HistoryRefused(
                f"the history ends at log position {written.log_position}, the journal at {end}: "
                f"it is of another journal, or this one has lost its tail: {REBUILD}"
            )
        mark = batch_mark(self._storage, self._journal, written.batch_position)
        if mark != written.batch_mark:
            raise HistoryRefused(
                f"the journal does not hold the batch at log position {written.batch_position} "
                f"that the history ends with: it is of another journal, or that part of this one "
                f"is gone: {REBUILD}"
            )

    def _positioned(self) -> Replica:
        """A venue that is where the history stands."""
        position = self.position
        try:
            replica = Replica(self._directory, position, self._storage)
        except ReplicaRefused as error:
            raise HistoryRefused(f"{error}, then: {REBUILD}") from error
        while replica.position < position:
            batches = self._read(replica.follower, 1)
            if not batches:
                raise HistoryRefused(
                    f"the journal ends at log position {replica.position}, before the history's "
                    f"{position}: {REBUILD}"
                )
            for batch in batches:
                self._replay(replica, batch)
        if self._written is not None:
            replica.batch_position = self._written.batch_position
            replica.sequence = self._written.log_sequence
        return replica

    def _read(self, follower: LogFollower, bytes_max: int) -> list[Batch]:
        try:
            return follower.read(bytes_max)
        except JournalPositionUnknown as error:
            raise HistoryRefused(
                f"{error}; no snapshot at or before the history's log position {self.position} is "
                f"left. Put the journal's older segments back, then: {REBUILD}"
            ) from error

    def _replay(self, replica: Replica, batch: Batch) -> None:
        try:
            replica.replay(batch)
        except ReplicaRefused as error:
            raise HistoryRefused(str(error)) from error
