"""The journal on a good disk and on a failing one: round trips, reads, limits, poison, threads."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.journal import (
    PAYLOAD_BYTES_MAX,
    Batch,
    Journal,
    JournalClosed,
    JournalDamaged,
    JournalFailed,
    JournalLimitExceeded,
    JournalPositionUnknown,
    OsStorage,
    Repair,
    Storage,
)
from tidegate.journal.log import READ_FILES_MAX
from tidegate.lab.sim.storage import FaultyStorage

LOG = Path("/data/journal")
HEADER_BYTES = 48


def open_journal(
    storage: Storage, directory: Path = LOG, *, segment_bytes_max: int = 300
) -> Journal:
    return Journal.open(directory, storage=storage, segment_bytes_max=segment_bytes_max)


def test_an_empty_log_begins_at_zero_with_sequence_one() -> None:
    journal = open_journal(FaultyStorage())
    assert journal.directory == LOG
    assert (journal.tail_position, journal.next_sequence, journal.repair) == (0, 1, None)
    assert (journal.oldest_position, journal.durable_position) == (0, 0)
    assert list(journal.batches(0)) == []
    assert journal.sync() == 0


def test_batches_come_back_with_positions_and_sequences_across_segments() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage, segment_bytes_max=300)
    positions = [journal.append(bytes([65 + i]) * 60, i + 1) for i in range(4)]
    # Two batches of 48 + 60 bytes fit into 300 bytes behind a header of 48 bytes, a third does not.
    assert positions == [96, 204, 264 + 96, 264 + 204]
    expected = [
        Batch(48, 96, 1, 1, b"A" * 60),
        Batch(156, 204, 2, 2, b"B" * 60),
        Batch(312, 360, 4, 3, b"C" * 60),
        Batch(420, 468, 7, 4, b"D" * 60),
    ]
    assert list(journal.batches(0)) == expected
    journal.close()
    again = open_journal(storage.restarted())
    assert list(again.batches(0)) == expected
    assert (again.tail_position, again.next_sequence, again.repair) == (528, 11, None)
    assert list(again.batches(156)) == expected[1:]
    assert list(again.batches(264)) == expected[2:]
    assert list(again.batches(528)) == []


@settings(deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=400), max_size=20),
    segment_bytes_max=st.integers(97, 900),
    write_bytes_max=st.integers(1, 200),
    read_bytes_max=st.integers(1, 200),
    rolls=st.sets(st.integers(0, 20)),
)
def test_what_is_appended_is_read_back(
    payloads: list[bytes],
    segment_bytes_max: int,
    write_bytes_max: int,
    read_bytes_max: int,
    rolls: set[int],
) -> None:
    """Any sizes, any segments, every write and read short."""
    storage = FaultyStorage()
    storage.write_bytes_max = write_bytes_max
    storage.read_bytes_max = read_bytes_max
    journal = open_journal(storage, segment_bytes_max=segment_bytes_max)
    positions = []
    for number, payload in enumerate(payloads):
        if number in rolls:
            journal.roll()
        positions.append(journal.append(payload, 1))
    journal.sync()
    disk = storage.restarted()
    disk.read_bytes_max = read_bytes_max
    for reader in (journal, open_journal(disk, segment_bytes_max=segment_bytes_max)):
        assert [b.payload for b in reader.batches(0)] == payloads
        assert [b.payload_position for b in reader.batches(0)] == positions
        for position, payload in zip(positions, payloads, strict=True):
            assert reader.read(position, len(payload)) == payload
        assert reader.next_sequence == 1 + len(payloads)
        raw = b"".join(content for _, content in sorted(disk.contents().items()))
        assert reader.read(0, reader.tail_position) == raw
    for path, content in disk.contents().items():
        batches_inside = sum(path.endswith(f"{p:020d}.log") for p in positions)
        assert len(content) <= segment_bytes_max or batches_inside <= 1 or len(content) == 0


def test_a_batch_longer_than_a_segment_gets_a_segment_of_its_own() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage, segment_bytes_max=200)
    for size in (10, 500, 10):
        journal.append(bytes(size), 1)
    assert sorted(len(c) for c in storage.contents().values()) == [106, 106, 596]


def test_a_roll_without_a_batch_before_it_makes_no_empty_segment() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    journal.roll()
    journal.roll()
    assert storage.contents() == {}
    journal.append(b"a", 1)
    journal.roll()
    journal.append(b"b", 1)
    assert len(storage.contents()) == 2


def test_buffers_are_accepted_as_payload() -> None:
    journal = open_journal(FaultyStorage())
    journal.append(bytearray(b"one"), 1)
    journal.append(memoryview(b"two"), 1)
    assert [b.payload for b in journal.batches(0)] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("payload", "record_count"),
    [(b"", 1), (b"x", 0), (b"x", -1), (b"x", 2**32), (bytes(PAYLOAD_BYTES_MAX + 1), 1)],
    ids=["empty", "no records", "negative records", "too many records", "too long"],
)
def test_a_batch_outside_the_limits_is_refused_and_leaves_the_journal_usable(
    payload: bytes, record_count: int
) -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    with pytest.raises(JournalLimitExceeded):
        journal.append(payload, record_count)
    assert storage.contents() == {}
    journal.append(b"fine", 1)
    assert [b.payload for b in journal.batches(0)] == [b"fine"]


def test_a_segment_length_that_holds_no_batch_is_refused() -> None:
    with pytest.raises(JournalLimitExceeded):
        open_journal(FaultyStorage(), segment_bytes_max=96)


@pytest.mark.parametrize(("position", "length"), [(0, 1000), (-1, 1), (106, 1), (0, -1)])
def test_a_read_outside_the_log_is_refused(position: int, length: int) -> None:
    journal = open_journal(FaultyStorage())
    journal.append(b"0123456789", 1)
    with pytest.raises(JournalPositionUnknown):
        journal.read(position, length)
    assert journal.read(96, 10) == b"0123456789"
    assert journal.read(106, 0) == b""


def test_reads_keep_a_bounded_number_of_files_open() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    positions = []
    payloads = [b"%02d" % number for number in range(READ_FILES_MAX + 4)]
    for payload in payloads:
        journal.roll()
        positions.append(journal.append(payload, 1))
    journal.sync()
    walking = journal.batches(0)
    first = next(walking)
    for position, payload in reversed(list(zip(positions, payloads, strict=True))):
        assert journal.read(position, 2) == payload
        assert storage.open_files <= READ_FILES_MAX + 1  # and the one that is written
    assert [first.payload, *(b.payload for b in walking)] == payloads
    journal.close()
    assert storage.open_files == 0


def test_walking_goes_to_the_tail_as_it_was() -> None:
    journal = open_journal(FaultyStorage())
    journal.append(b"one", 1)
    walking = journal.batches(0)
    journal.append(b"two", 1)
    assert [b.payload for b in walking] == [b"one"]


def test_a_start_in_the_middle_reads_nothing_before_it() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage, segment_bytes_max=120)
    for number in range(5):
        journal.append(b"%d" % number * 20, 1)
    start_position, start_sequence = journal.tail_position, journal.next_sequence
    journal.append(b"tail", 2)
    journal.sync()
    disk = storage.restarted()
    again = Journal.open(
        LOG,
        storage=disk,
        segment_bytes_max=120,
        start_position=start_position,
        start_sequence=start_sequence,
    )
    payload_reads = [c for c in disk.calls if c.startswith("pread") and not c.endswith(" 0+48")]
    assert len(payload_reads) == 1
    assert [b.payload for b in again.batches(start_position)] == [b"tail"]
    assert again.next_sequence == 8


def test_old_segments_may_be_archived_away() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    journal.append(b"old", 1)
    journal.roll()
    position = journal.tail_position
    journal.append(b"new", 1)
    journal.sync()
    disk = storage.restarted()
    disk.unlink(LOG / f"{0:020d}.log")
    again = Journal.open(
        LOG, storage=disk, segment_bytes_max=300, start_position=position, start_sequence=2
    )
    assert again.oldest_position == position
    assert [b.payload for b in again.batches(position)] == [b"new"]
    with pytest.raises(JournalPositionUnknown, match="older than the oldest segment"):
        again.read(0, 10)


# Failing calls.


def calls_of(storage: FaultyStorage, kind: str) -> list[int]:
    return [number for number, call in enumerate(storage.calls) if call.startswith(kind)]


def assert_poisoned(journal: Journal, storage: FaultyStorage) -> None:
    """Every later call raises, and none of them reaches the disk."""
    calls = list(storage.calls)
    later: list[Callable[[], object]] = [
        lambda: journal.append(b"again", 1),
        journal.sync,
        journal.roll,
        lambda: journal.read(0, 1),
        lambda: journal.batches(0),
    ]
    for call in later * 2:
        with pytest.raises(JournalFailed):
            call()
    journal.close()
    with pytest.raises(JournalFailed):
        journal.append(b"again", 1)
    assert storage.calls == calls
    assert storage.open_files == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("kind", ["write", "create", "fdatasync", "fsync_directory"])
def test_a_failed_call_poisons_the_journal(kind: str, code: int) -> None:
    def play(journal: Journal) -> None:
        for number in range(9):
            journal.append(b"%d" % number * 100, 1)
            journal.sync()

    whole = FaultyStorage()
    journal = open_journal(whole)
    opening_calls = len(whole.calls)
    play(journal)
    numbers = [n for n in calls_of(whole, kind) if n >= opening_calls]
    assert numbers
    for number in numbers:
        storage = FaultyStorage()
        journal = open_journal(storage)
        storage.errors = {number: code}
        with pytest.raises(JournalFailed, match=r"/data/journal: .* failed: .*must stop"):
            play(journal)
        assert_poisoned(journal, storage)


def test_a_failed_sync_promises_nothing_more() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    journal.append(b"one", 1)
    durable_position = journal.sync()
    journal.append(b"two", 1)
    storage.errors = {len(storage.calls): errno.EIO}
    with pytest.raises(JournalFailed):
        journal.sync()
    assert journal.durable_position == durable_position
    assert_poisoned(journal, storage)


def test_a_full_disk_stops_the_journal_and_the_next_start_goes_on() -> None:
    for free_bytes in range(0, 160, 7):
        storage = FaultyStorage()
        journal = open_journal(storage)
        journal.append(b"kept", 1)
        tail_position = journal.tail_position
        storage.free_bytes = free_bytes
        for _ in range(free_bytes // (HEADER_BYTES + 40)):
            journal.append(b"x" * 40, 1)
            tail_position = journal.tail_position
        with pytest.raises(JournalFailed, match="no space left"):
            journal.append(b"x" * 40, 1)
        assert_poisoned(journal, storage)
        # Recovery needs no space, so it works on the full disk; appending works once there is
        # space.
        disk = storage.restarted()
        disk.free_bytes = 0
        assert open_journal(disk).tail_position == tail_position
        again = open_journal(disk.restarted())
        again.append(b"after", 1)
        payloads = [b.payload for b in again.batches(0)]
        assert (payloads[0], payloads[-1]) == (b"kept", b"after")


def test_a_write_without_progress_fails_instead_of_going_on_for_ever() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    storage.write_bytes_max = 0
    with pytest.raises(JournalFailed, match="no byte"):
        journal.append(b"x", 1)
    assert_poisoned(journal, storage)


def test_an_interrupt_inside_a_write_poisons_too() -> None:
    """Ctrl-C in the middle of an append leaves it unknown what was written."""

    class Interrupted(FaultyStorage):
        def write(self, file: int, offset: int, data: bytes) -> int:
            super().write(file, offset, data)
            raise KeyboardInterrupt

    storage = Interrupted()
    journal = open_journal(storage)
    with pytest.raises(KeyboardInterrupt):
        journal.append(b"x", 1)
    assert_poisoned(journal, storage)


@pytest.mark.parametrize("kind", ["open", "pread"])
def test_a_failed_read_poisons_too(kind: str) -> None:
    """A disk that cannot read back what was just written is not one to go on with."""

    def by_position(journal: Journal) -> object:
        return journal.read(96, 3)

    def by_walking(journal: Journal) -> object:
        return list(journal.batches(0))

    for read in (by_position, by_walking):
        storage = FaultyStorage()
        journal = open_journal(storage)
        journal.append(b"abc", 1)
        storage.errors = {len(storage.calls) + (kind == "pread"): errno.EIO}
        with pytest.raises(JournalFailed, match="read failed"):
            read(journal)
        assert_poisoned(journal, storage)


def test_a_walk_under_way_ends_when_the_journal_is_poisoned() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    journal.append(b"one", 1)
    journal.append(b"two", 1)
    walking = journal.batches(0)
    next(walking)
    storage.errors = {len(storage.calls): errno.EIO}
    with pytest.raises(JournalFailed):
        journal.sync()
    with pytest.raises(JournalFailed):
        next(walking)


def test_every_failed_call_of_the_start_is_reported() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    for number in range(4):
        journal.append(b"%d" % number * 100, 1)
    disk = storage.restarted()
    open_journal(disk.restarted())
    whole = disk.restarted()
    open_journal(whole)
    for number in range(len(whole.calls)):
        failing = disk.restarted()
        failing.errors = {number: errno.EIO}
        with pytest.raises(JournalFailed, match="opening failed"):
            open_journal(failing)


def test_a_closed_journal_is_durable_and_refuses_everything() -> None:
    storage = FaultyStorage()
    journal = open_journal(storage)
    journal.append(b"last", 1)
    journal.close()
    journal.close()
    assert storage.open_files == 0
    for call in (lambda: journal.append(b"x", 1), journal.sync, lambda: journal.read(0, 1)):
        with pytest.raises(JournalClosed):
            call()
    content = next(iter(storage.directories[str(LOG)].durable.values()))
    assert content.durable.endswith(b"last")


# Two threads.


class HookedStorage(FaultyStorage):
    """Runs `hook` inside the next data sync: what a loop thread does meanwhile, without a
    thread."""

    hook: Callable[[], object] | None = None

    def fdatasync(self, file: int) -> None:
        hook, self.hook = self.hook, None
        super().fdatasync(file)
        if hook is not None:
            hook()


def test_what_is_appended_during_a_sync_is_not_promised_by_it() -> None:
    storage = HookedStorage()
    journal = open_journal(storage, segment_bytes_max=200)
    journal.append(b"a" * 80, 1)
    tail_position = journal.tail_position

    def append_and_roll() -> None:
        for _ in range(3):
            journal.append(b"b" * 80, 1)

    storage.hook = append_and_roll
    assert journal.sync() == tail_position
    assert journal.durable_position == tail_position
    assert len(storage.contents()) == 4
    storage.calls.clear()
    assert journal.sync() == journal.tail_position
    # All files are synced, the one which was current during the first sync included, then the
    # names.
    assert [c.split()[0] for c in storage.calls] == ["fdatasync"] * 4 + ["fsync_directory"]
    storage.calls.clear()
    assert journal.sync() == journal.tail_position
    assert storage.calls == []


def test_a_sync_promises_nothing_when_an_append_fails_meanwhile() -> None:
    storage = HookedStorage()
    journal = open_journal(storage)
    journal.append(b"a", 1)

    def fail_to_append() -> None:
        storage.errors = {len(storage.calls): errno.ENOSPC}
        with pytest.raises(JournalFailed):
            journal.append(b"b", 1)

    storage.hook = fail_to_append
    with pytest.raises(JournalFailed):
        journal.sync()
    assert journal.durable_position == 0


def test_a_writer_thread_syncs_while_the_loop_appends(tmp_path: Path) -> None:
    journal = open_journal(OsStorage(), tmp_path / "journal", segment_bytes_max=4096)
    is_done = threading.Event()
    promised: list[int] = []

    def sync_until_done() -> None:
        while not is_done.is_set():
            promised.append(journal.sync())

    writer = threading.Thread(target=sync_until_done)
    writer.start()
    try:
        for number in range(2000):
            journal.append(b"%d" % number * 10, 1)
    finally:
        is_done.set()
        writer.join()
    assert promised == sorted(promised)
    assert journal.sync() == journal.tail_position
    assert [b.payload for b in journal.batches(0)] == [b"%d" % n * 10 for n in range(2000)]
    journal.close()


# A real file system.


def test_a_torn_tail_on_a_real_file_system(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    journal = open_journal(OsStorage(), directory)
    for number in range(5):
        journal.append(b"%d" % number * 50, 1)
    journal.close()
    path = max(directory.iterdir())
    data = path.read_bytes()
    path.write_bytes(data[:-7] + bytes(4096))
    again = open_journal(OsStorage(), directory)
    batch_bytes = HEADER_BYTES + 50
    position = journal.tail_position - batch_bytes
    assert again.repair == Repair(position, batch_bytes - 7 + 4096, 0)
    assert [b.payload for b in again.batches(0)] == [b"%d" % n * 50 for n in range(4)]
    assert path.stat().st_size == len(data) - batch_bytes
    again.close()


def test_a_file_that_shrinks_while_open_is_damage(tmp_path: Path) -> None:
    journal = open_journal(OsStorage(), tmp_path)
    position = journal.append(b"0123456789", 1)
    (tmp_path / f"{0:020d}.log").write_bytes(b"")
    with pytest.raises(JournalDamaged, match="became shorter"):
        journal.read(position, 10)
    with pytest.raises(JournalDamaged, match="ends inside"):
        list(journal.batches(0))
    journal.close()
