"""A venue that goes where another process' journal goes: for whoever wants to know what happens
there without being in its way.

It starts from a snapshot and replays the turns behind it, which compares every byte of output on
the way, so that what it shows is what the venue has done.
"""

from __future__ import annotations

from pathlib import Path

from tidegate.journal import (
    FIRST_SEQUENCE,
    LOG_END,
    Batch,
    LogFollower,
    OsStorage,
    Storage,
    load_snapshot_before,
)
from tidegate.recovery import JOURNAL_DIRECTORY, SNAPSHOT_DIRECTORY, load_snapshot
from tidegate.venue.machine import ReplayMismatch, Venue


class ReplicaRefused(Exception):
    """Snapshot or journal are not what this version makes of them; the text says what is wrong.
    Trying again does not help."""


class Replica:
    """`venue` is as of `position`, the log position behind the last turn that was replayed;
    `sequence` is that of the next record.

    Raises `ReplicaRefused`, and `JournalError` for a journal that can not be read.
    """

    def __init__(
        self, data_directory: Path, at_most: int = LOG_END, storage: Storage | None = None
    ) -> None:
        """Begin with the newest snapshot at or before a log position, or with an empty venue."""
        storage = storage or OsStorage()
        self.venue = Venue()
        self.position = 0
        self.sequence = FIRST_SEQUENCE
        self.batch_position = 0
        snapshot = load_snapshot_before(
            data_directory / SNAPSHOT_DIRECTORY, at_most, storage=storage
        )
        if snapshot is not None:
            self.position, self.sequence = snapshot.log_position, snapshot.next_sequence
            try:
                load_snapshot(self.venue, snapshot.body)
            except ValueError as error:
                raise ReplicaRefused(
                    f"the snapshot at log position {self.position} is of another version ({error})"
                    f": start the venue once with this version"
                ) from error
        self.follower = LogFollower(
            data_directory / JOURNAL_DIRECTORY,
            storage=storage,
            position=self.position,
            sequence=self.sequence,
        )

    def replay(self, batch: Batch) -> None:
        """Apply the next turn, one that `follower` has read."""
        try:
            self.venue.replay(batch.payload, batch.payload_position)
        except ValueError as error:
            raise ReplicaRefused(
                f"the turn at log position {batch.payload_position} was written by another version "
                f"of this program: {error}"
            ) from error
        except ReplayMismatch as error:
            raise ReplicaRefused(
                f"{error}: the journal was written by another version of this program, or altered"
            ) from error
        self.batch_position = batch.position
        self.position = batch.payload_position + len(batch.payload)
        self.sequence = batch.first_sequence + batch.record_count

    def close(self) -> None:
        """Give the journal's file back."""
        self.follower.close()
