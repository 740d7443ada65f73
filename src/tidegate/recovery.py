"""A venue from its data directory: the latest snapshot, then the tail of the journal.

There is no second way to start: a first start is the recovery of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.journal import (
    FIRST_SEQUENCE,
    SEGMENT_BYTES_MAX,
    Batch,
    DamagedSnapshot,
    Durability,
    Journal,
    JournalError,
    OsStorage,
    Repair,
    load_latest_snapshot,
    write_snapshot,
)
from tidegate.model.codec import Decoder, Encoder
from tidegate.venue.machine import Venue
from tidegate.venue.records import HEADER_BYTES, sent_length

JOURNAL_DIRECTORY: Final = "journal"
SNAPSHOT_DIRECTORY: Final = "snapshots"


class StateFormatUnknown(JournalError):
    """A snapshot or a turn is whole, but another version of this program wrote what is in it.
    Nothing was changed."""


class Snapshots:
    """Snapshots of one data directory: the state, and where the outgoing messages lie."""

    def __init__(self, data_directory: Path) -> None:
        self.directory = data_directory / SNAPSHOT_DIRECTORY

    def body(self, venue: Venue) -> bytes:
        """What a snapshot holds. Between turns, with every turn committed."""
        encoder = Encoder()
        encoder.blob(venue.save())
        encoder.blob(venue.save_histories())
        return encoder.value()

    def write(self, journal: Journal, body: bytes, log_position: int, next_sequence: int) -> None:
        """Write a snapshot of the state at `log_position`; any thread."""
        write_snapshot(
            self.directory,
            storage=OsStorage(),
            log_position=log_position,
            next_sequence=next_sequence,
            durable_position=journal.sync(),
            body=body,
        )


def load_snapshot(venue: Venue, body: bytes) -> None:
    decoder = Decoder(body)
    venue.load(decoder.blob())
    venue.load_histories(decoder.blob())


@dataclass(frozen=True, slots=True)
class Recovered:
    """A venue as it was, and what was found on the way. `records_replayed` counts those after the
    snapshot."""

    venue: Venue
    journal: Journal
    repair: Repair | None
    damaged_snapshots: tuple[DamagedSnapshot, ...]
    snapshot_position: int
    records_replayed: int


def recover(
    data_directory: Path,
    *,
    durability: Durability,
    segment_bytes_max: int = SEGMENT_BYTES_MAX,
) -> Recovered:
    """Open the journal of a data directory and bring a venue to its end. Each turn's outputs are
    compared with what the journal says was sent.

    Raises `JournalError` for a journal that can not be read, with the position.
    """
    storage = OsStorage()
    venue = Venue()
    loaded = load_latest_snapshot(data_directory / SNAPSHOT_DIRECTORY, storage=storage)
    position = 0
    sequence = FIRST_SEQUENCE
    if loaded.snapshot is not None:
        try:
            load_snapshot(venue, loaded.snapshot.body)
        except ValueError as error:
            raise StateFormatUnknown(
                f"{data_directory / SNAPSHOT_DIRECTORY}: the snapshot at log position "
                f"{loaded.snapshot.log_position} has a format this version does not read: {error}"
            ) from error
        position = loaded.snapshot.log_position
        sequence = loaded.snapshot.next_sequence
    journal = Journal.open(
        data_directory / JOURNAL_DIRECTORY,
        storage=storage,
        segment_bytes_max=segment_bytes_max,
        durability=durability,
        start_position=position,
        start_sequence=sequence,
    )
    replayed = 0
    for batch in journal.batches(position):
        _replay(venue, batch)
        replayed += batch.record_count
    return Recovered(venue, journal, journal.repair, loaded.damaged, position, replayed)


def _replay(venue: Venue, batch: Batch) -> None:
    try:
        venue.replay(batch.payload, batch.payload_position)
    except ValueError as error:
        raise StateFormatUnknown(
            f"the turn at log position {batch.payload_position} has a format this version does not "
            f"read: {error}"
        ) from error


def read_outgoing(journal: Journal, position: int) -> bytes:
    """The frame of the outgoing message whose record starts at a log position."""
    header = journal.read(position, HEADER_BYTES)
    return journal.read(position + HEADER_BYTES, sent_length(header))


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `snapshots_equal` are the log positions of snapshots whose state is the
    replay's; `snapshots_unequal` those that are not."""

    batches: int
    records: int
    tail_position: int
    digest: str
    repair: Repair | None
    snapshots_equal: tuple[int, ...]
    snapshots_unequal: tuple[int, ...]


def verify(data_directory: Path) -> Verification:
    """Apply the whole journal from its first record to a new venue and compare every output byte,
    and the state with every snapshot on the way.

    Raises `JournalError`, or `ReplayMismatch` with the position of the first turn that differs.
    """
    snapshots = _snapshot_states(data_directory / SNAPSHOT_DIRECTORY)
    storage = OsStorage()
    journal = Journal.open(
        data_directory / JOURNAL_DIRECTORY, storage=storage, segment_bytes_max=SEGMENT_BYTES_MAX
    )
    venue = Venue()
    equal: list[int] = []
    unequal: list[int] = []
    batches = 0
    records = 0
    end = 0
    for batch in journal.batches(0):
        _replay(venue, batch)
        batches += 1
        records += batch.record_count
        end = batch.payload_position + len(batch.payload)
        if end in snapshots:
            same = snapshots[end] == Snapshots(data_directory).body(venue)
            (equal if same else unequal).append(end)
    result = Verification(
        batches, records, end, venue.digest(), journal.repair, tuple(equal), tuple(unequal)
    )
    journal.close()
    return result


def _snapshot_states(directory: Path) -> dict[int, bytes]:
    """Snapshot bodies by log position; damaged ones are left to `recover`, which tells of them."""
    states: dict[int, bytes] = {}
    loaded = load_latest_snapshot(directory, storage=OsStorage())
    if loaded.snapshot is not None:
        states[loaded.snapshot.log_position] = loaded.snapshot.body
    return states


__all__ = ["JournalError", "Recovered", "Snapshots", "Verification", "recover", "verify"]
