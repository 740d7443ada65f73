"""Snapshots: whole or fallen back from, never wrong, never ahead of the log, no more than
wanted."""

from __future__ import annotations

import errno
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tidegate.journal import (
    JournalFailed,
    JournalForeign,
    JournalFormatUnknown,
    OsStorage,
    Snapshot,
    Storage,
    load_latest_snapshot,
    write_snapshot,
)
from tidegate.lab.sim.storage import Crashed, FaultyStorage

SNAPSHOTS = Path("/data/snapshots")


def write(
    storage: Storage, position: int, *, directory: Path = SNAPSHOTS, keep_count: int = 2
) -> Path:
    return write_snapshot(
        directory,
        storage=storage,
        log_position=position,
        next_sequence=position + 1,
        durable_position=position,
        body=b"state %d" % position,
        keep_count=keep_count,
    )


def snapshot_of(position: int) -> Snapshot:
    return Snapshot(position, position + 1, b"state %d" % position)


def names(storage: FaultyStorage) -> list[str]:
    return sorted(Path(path).name for path in storage.contents())


def name_of(position: int, suffix: str = "") -> str:
    return f"{position:020d}.snap{suffix}"


def test_no_snapshot() -> None:
    loaded = load_latest_snapshot(SNAPSHOTS, storage=FaultyStorage())
    assert (loaded.snapshot, loaded.damaged, loaded.leftovers_removed) == (None, (), ())


@pytest.mark.parametrize("write_bytes_max", [None, 1, 7])
def test_the_newest_comes_back_and_old_ones_go(write_bytes_max: int | None) -> None:
    storage = FaultyStorage()
    storage.write_bytes_max = write_bytes_max
    storage.read_bytes_max = write_bytes_max
    for position in (0, 7, 100, 5000):
        assert write(storage, position) == SNAPSHOTS / name_of(position)
    assert names(storage) == [name_of(100), name_of(5000)]
    loaded = load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert loaded.snapshot == snapshot_of(5000)
    assert (loaded.damaged, loaded.leftovers_removed) == ((), ())
    assert storage.open_files == 0


def test_more_may_be_kept() -> None:
    storage = FaultyStorage()
    for position in range(6):
        write(storage, position, keep_count=4)
    assert names(storage) == [name_of(p) for p in (2, 3, 4, 5)]


def test_an_empty_body_and_the_same_position_again() -> None:
    storage = FaultyStorage()
    for body in (b"first", b""):
        write_snapshot(
            SNAPSHOTS,
            storage=storage,
            log_position=9,
            next_sequence=3,
            durable_position=9,
            body=body,
        )
    assert load_latest_snapshot(SNAPSHOTS, storage=storage).snapshot == Snapshot(9, 3, b"")


def test_a_snapshot_ahead_of_the_durable_log_is_a_broken_invariant() -> None:
    storage = FaultyStorage()
    with pytest.raises(AssertionError, match="ahead of the durable log"):
        write_snapshot(
            SNAPSHOTS,
            storage=storage,
            log_position=11,
            next_sequence=1,
            durable_position=10,
            body=b"",
        )
    assert storage.calls == []


def test_every_flipped_byte_and_every_length_falls_back() -> None:
    whole = FaultyStorage()
    write(whole, 5)
    write(whole, 10)
    content = whole.contents()[str(SNAPSHOTS / name_of(10))]
    damaged_contents = [content[:length] for length in range(len(content))]
    damaged_contents += [content + b"\0", bytes(len(content))]
    for offset in range(len(content)):
        flipped = bytearray(content)
        flipped[offset] ^= 0x10
        damaged_contents.append(bytes(flipped))
    for damaged in damaged_contents:
        storage = whole.restarted()
        storage.put(SNAPSHOTS / name_of(10), damaged)
        loaded = load_latest_snapshot(SNAPSHOTS, storage=storage)
        assert loaded.snapshot == snapshot_of(5)
        assert [d.path.name for d in loaded.damaged] == [name_of(10, ".damaged")]
        assert storage.contents()[str(loaded.damaged[0].path)] == damaged
        again = load_latest_snapshot(SNAPSHOTS, storage=storage)
        assert (again.snapshot, again.damaged) == (snapshot_of(5), ())


def test_a_damaged_snapshot_does_not_count_among_those_kept() -> None:
    storage = FaultyStorage()
    write(storage, 5)
    write(storage, 10)
    storage.put(SNAPSHOTS / name_of(10), b"damaged")
    load_latest_snapshot(SNAPSHOTS, storage=storage)
    write(storage, 20)
    assert names(storage) == [name_of(5), name_of(10, ".damaged"), name_of(20)]


def test_all_damaged_means_none() -> None:
    storage = FaultyStorage()
    for position in (5, 10):
        write(storage, position)
        storage.put(SNAPSHOTS / name_of(position), b"damaged")
    loaded = load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert loaded.snapshot is None
    assert [d.path.name for d in loaded.damaged] == [name_of(p, ".damaged") for p in (10, 5)]


def test_a_renamed_snapshot_is_damaged() -> None:
    storage = FaultyStorage()
    path = write(storage, 5)
    storage.rename(path, SNAPSHOTS / name_of(6))
    loaded = load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert loaded.snapshot is None
    assert "renamed" in loaded.damaged[0].reason


def test_a_body_of_another_length_than_said_is_damaged() -> None:
    """Whole by its digest, so only a program at fault can have written it; still never loaded."""
    storage = FaultyStorage()
    path = write(storage, 5)
    content = storage.contents()[str(path)]
    fields, body = content[:28] + (99).to_bytes(8, "big"), content[68:]
    storage.put(path, fields + sha256(fields + body).digest() + body)
    loaded = load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert loaded.snapshot is None
    assert "the header says 99" in loaded.damaged[0].reason


def test_leftovers_are_removed() -> None:
    storage = FaultyStorage()
    write(storage, 5)
    storage.put(SNAPSHOTS / name_of(10, ".tmp"), b"unfinished")
    loaded = load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert loaded.snapshot == snapshot_of(5)
    assert loaded.leftovers_removed == (name_of(10, ".tmp"),)
    assert names(storage) == [name_of(5)]


def test_a_leftover_of_the_same_name_does_not_hinder_writing() -> None:
    storage = FaultyStorage()
    storage.put(
        SNAPSHOTS / name_of(10, ".tmp"), b"unfinished, and longer than what replaces it" * 9
    )
    write(storage, 10)
    assert load_latest_snapshot(SNAPSHOTS, storage=storage).snapshot == snapshot_of(10)


@pytest.mark.parametrize("name", ["notes.txt", "5.snap", f"{5:020d}.log", f"{5:020d}.snap.old"])
def test_foreign_files_are_refused(name: str) -> None:
    storage = FaultyStorage()
    storage.put(SNAPSHOTS / name, b"mine")
    storage.put(SNAPSHOTS / name_of(10, ".tmp"), b"unfinished")
    before = storage.contents()
    with pytest.raises(JournalForeign) as caught:
        load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert caught.value.path == SNAPSHOTS / name
    assert storage.contents() == before


def test_an_unknown_version_is_refused_and_not_fallen_back_from() -> None:
    storage = FaultyStorage()
    write(storage, 5)
    write(storage, 10)
    path = SNAPSHOTS / name_of(10)
    content = storage.contents()[str(path)]
    fields, body = content[:8] + (2).to_bytes(4, "big") + content[12:36], content[68:]
    storage.put(path, fields + sha256(fields + body).digest() + body)
    before = storage.contents()
    with pytest.raises(JournalFormatUnknown, match="version 2 is unknown"):
        load_latest_snapshot(SNAPSHOTS, storage=storage)
    assert storage.contents() == before


def test_every_failed_call_is_reported_and_loses_no_snapshot() -> None:
    prepared = FaultyStorage()
    write(prepared, 5)
    write(prepared, 10)
    whole = prepared.restarted()
    write(whole, 20)
    for number in range(len(whole.calls)):
        for code in (errno.ENOSPC, errno.EIO):
            storage = prepared.restarted()
            storage.errors = {number: code}
            with pytest.raises(JournalFailed, match="writing the snapshot failed"):
                write(storage, 20)
            assert storage.open_files == 0
            loaded = load_latest_snapshot(SNAPSHOTS, storage=storage.restarted())
            assert loaded.snapshot in (snapshot_of(10), snapshot_of(20))
            assert loaded.damaged == ()
    whole = prepared.restarted()
    load_latest_snapshot(SNAPSHOTS, storage=whole)
    for number in range(len(whole.calls)):
        storage = prepared.restarted()
        storage.errors = {number: errno.EIO}
        with pytest.raises(JournalFailed, match="loading a snapshot failed"):
            load_latest_snapshot(SNAPSHOTS, storage=storage)


def test_a_snapshot_has_its_name_only_when_it_is_whole_and_synced() -> None:
    """At every crash the final name is missing or stands for everything."""
    whole = FaultyStorage()
    write(whole, 5)
    for number in range(len(whole.calls)):
        for portion in (0.0, 0.5, 1.0):
            storage = FaultyStorage()
            storage.crash_at, storage.crash_portion = number, portion
            with pytest.raises(Crashed):
                write(storage, 5)
            for names_of_directory in storage.directories.values():
                for state in (names_of_directory.seen, *names_of_directory.pending):
                    if name_of(5) in state:
                        assert state[name_of(5)].durable.endswith(b"state 5")


def test_a_snapshot_that_was_written_survives_a_power_loss() -> None:
    storage = FaultyStorage()
    for position in (5, 10):
        write(storage, position)
        lost = storage.after_power_loss("all", keep_names=False, random=Random(0))
        loaded = load_latest_snapshot(SNAPSHOTS, storage=lost)
        assert (loaded.snapshot, loaded.damaged) == (snapshot_of(position), ())


def test_a_real_file_system(tmp_path: Path) -> None:
    directory = tmp_path / "snapshots"
    for position in (5, 10, 20):
        write(OsStorage(), position, directory=directory)
    assert sorted(p.name for p in directory.iterdir()) == [name_of(10), name_of(20)]
    assert load_latest_snapshot(directory, storage=OsStorage()).snapshot == snapshot_of(20)
