"""A venue from its data directory: the latest snapshot, then the tail of the journal.

There is no second way to start: a first start is the recovery of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tidegate.journal import (
    FIRST_SEQUENCE,
    SEGMENT_BYTES_MAX,
    Batch,
    DamagedSnapshot,
    Durability,
    Journal,
    JournalDamaged,
    JournalError,
    OsStorage,
    Repair,
    Storage,
    load_latest_snapshot,
    read_snapshots,
    write_snapshot,
)
from tidegate.model.codec import Decoder, Encoder
from tidegate.venue.machine import Venue
from tidegate.venue.records import HEADER_BYTES, sent_length
from tidegate.wire.framing import TRAILER_BYTES, byte_sum

JOURNAL_DIRECTORY: Final = "journal"
SNAPSHOT_DIRECTORY: Final = "snapshots"


class StateFormatUnknown(JournalError):
    """A snapshot or a turn is whole, but another version of this program wrote what is in it.
    Nothing was changed."""


class Snapshots:
    """Snapshots of one data directory: the state, and where the outgoing messages lie."""

    def __init__(self, data_directory: Path, storage: Storage | None = None) -> None:
        self.directory = data_directory / SNAPSHOT_DIRECTORY
        self._storage = storage or OsStorage()

    def write(self, journal: Journal, body: bytes, log_position: int, next_sequence: int) -> None:
        """Write a snapshot of the state at `log_position`; any thread."""
        write_snapshot(
            self.directory,
            storage=self._storage,
            log_position=log_position,
            next_sequence=next_sequence,
            durable_position=journal.sync(),
            body=body,
        )


def snapshot_body(venue: Venue) -> bytes:
    """What a snapshot holds. Between turns, with every turn published: a message that is not yet in
    the histories could never be resent."""
    assert venue.histories_complete(), "a snapshot between append and publish"
    encoder = Encoder()
    encoder.blob(venue.save())
    encoder.blob(venue.save_histories())
    return encoder.value()


def load_snapshot(venue: Venue, body: bytes) -> None:
    """Raises `ValueError` for a body that this version can not take."""
    decoder = Decoder(body)
    venue.load(decoder.blob())
    venue.load_histories(decoder.blob())
    if not venue.histories_complete():
        raise ValueError("the positions of outgoing messages do not fit the state")


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
    storage: Storage | None = None,
) -> Recovered:
    """Open the journal of a data directory and bring a venue to its end. Each turn's outputs are
    compared with what the journal says was sent. `storage` is the operating system's unless given.

    Raises `JournalError` for a journal that can not be read, with the position.
    """
    storage = storage or OsStorage()
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
    try:
        _check_what_may_be_resent(journal, venue, position)
        for batch in journal.batches(position):
            _replay(venue, batch)
            replayed += batch.record_count
    except BaseException:
        journal.close()
        raise
    return Recovered(venue, journal, journal.repair, loaded.damaged, position, replayed)


def _check_what_may_be_resent(journal: Journal, venue: Venue, snapshot_position: int) -> None:
    """Read every batch before the snapshot that a client may still ask for, for its checksum: a
    damaged journal is to be found now, and not by the client. Raises `JournalDamaged`."""
    if snapshot_position == 0:
        return  # all of it is about to be replayed
    first_position = min(
        (history.position(1) for history in venue.histories if history.last_number > 0),
        default=snapshot_position,
    )
    for batch in journal.batches(journal.segment_position(first_position)):
        if batch.position >= snapshot_position:
            break


def _replay(venue: Venue, batch: Batch) -> None:
    try:
        venue.replay(batch.payload, batch.payload_position)
    except ValueError as error:
        raise StateFormatUnknown(
            f"the turn at log position {batch.payload_position} has a format this version does not "
            f"read: {error}"
        ) from error


def read_outgoing(journal: Journal, position: int) -> bytes:
    """The frame of the outgoing message whose record starts at a log position.

    Raises `JournalDamaged` where there is none, or its CheckSum (10) is not its own: a resend gets
    a new one, which must not make altered bytes look right.
    """
    header = journal.read(position, HEADER_BYTES)
    try:
        frame = journal.read(position + HEADER_BYTES, sent_length(header))
    except ValueError as error:
        raise JournalDamaged(journal.directory, position, str(error)) from error
    total = byte_sum(frame, 0, len(frame) - TRAILER_BYTES)
    if frame[-TRAILER_BYTES:] != b"10=%03d\x01" % total:
        raise JournalDamaged(journal.directory, position, "an outgoing message was altered")
    return frame


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `snapshots_equal` are the log positions of snapshots whose state is the
    replay's; `snapshots_unequal` those that are not, or that lie behind the end of the log."""

    batches: int
    records: int
    tail_position: int
    digest: str
    repair: Repair | None
    snapshots_equal: tuple[int, ...]
    snapshots_unequal: tuple[int, ...]
    damaged_snapshots: tuple[DamagedSnapshot, ...]


def verify(data_directory: Path, storage: Storage | None = None) -> Verification:
    """Apply the whole journal from its first record to a new venue and compare every output byte,
    and the state with every snapshot on the way.

    Raises `JournalError`, or `ReplayMismatch` with the position of the first turn that differs.
    """
    storage = storage or OsStorage()
    snapshots, damaged = read_snapshots(data_directory / SNAPSHOT_DIRECTORY, storage=storage)
    bodies = {snapshot.log_position: snapshot.body for snapshot in snapshots}
    # With the newest snapshot as its start, a log that ends before it is refused, not repaired.
    newest = snapshots[-1] if snapshots else None
    journal = Journal.open(
        data_directory / JOURNAL_DIRECTORY,
        storage=storage,
        segment_bytes_max=SEGMENT_BYTES_MAX,
        start_position=newest.log_position if newest else 0,
        start_sequence=newest.next_sequence if newest else FIRST_SEQUENCE,
    )
    try:
        found = _replay_all(journal, bodies)
    finally:
        journal.close()
    return replace(found, damaged_snapshots=tuple(damaged), repair=journal.repair)


def _replay_all(journal: Journal, bodies: dict[int, bytes]) -> Verification:
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
        if end in bodies:
            (equal if bodies[end] == snapshot_body(venue) else unequal).append(end)
    unequal.extend(position for position in bodies if position not in equal + unequal)
    return Verification(
        batches=batches,
        records=records,
        tail_position=end,
        digest=venue.digest(),
        repair=None,
        snapshots_equal=tuple(equal),
        snapshots_unequal=tuple(unequal),
        damaged_snapshots=(),
    )
