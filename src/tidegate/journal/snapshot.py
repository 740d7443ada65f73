"""Snapshots: the state of the venue at a log position, so that a start need not apply the whole
log.

A snapshot is a shortcut and never the only copy: the log tells everything. It is written under a
name aside, synced, renamed, and the directory synced, so under its final name it is whole or
damaged by something other than a crash. That is why a damaged one is reported, set aside and the
one before taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Final

from tidegate.journal.errors import JournalFailed, JournalForeign, JournalFormatUnknown
from tidegate.journal.storage import Storage, read_fully, write_fully

SNAPSHOT_VERSION: Final = 1
"""Format version of snapshots written by this program, and the only one it reads."""

SNAPSHOTS_KEPT: Final = 2
"""Snapshots kept by default: the newest, and one to fall back to."""

_MAGIC: Final = b"TDGTSNP\n"
_FIELDS: Final = Struct(">8sIQQQ")
_DIGEST_BYTES: Final = 32
_HEADER_BYTES: Final = _FIELDS.size + _DIGEST_BYTES
_NAME: Final = re.compile(r"([0-9]{20})\.snap", re.ASCII)
_ASIDE: Final = ".tmp"
_DAMAGED: Final = ".damaged"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole snapshot.

    Attributes:
        log_position: everything in the log before this position is reflected; start recovery here.
        next_sequence: sequence number of the first record at that position.
        body: the state, opaque to the journal.
    """

    log_position: int
    next_sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class DamagedSnapshot:
    """A snapshot that could not be used; `path` is where it now stands, set aside for a person."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotLoad:
    """What `load_latest_snapshot` found.

    Attributes:
        snapshot: the newest whole snapshot, None when there is none: start from the whole log.
        damaged: newer snapshots that are damaged, newest first.
        leftovers_removed: names of unfinished snapshots that were removed.
    """

    snapshot: Snapshot | None
    damaged: tuple[DamagedSnapshot, ...]
    leftovers_removed: tuple[str, ...]


def snapshot_name(log_position: int) -> str:
    """Return the file name of the snapshot at `log_position`."""
    return f"{log_position:020d}.snap"


def write_snapshot(
    directory: Path,
    *,
    storage: Storage,
    log_position: int,
    next_sequence: int,
    durable_position: int,
    body: bytes,
    keep_count: int = SNAPSHOTS_KEPT,
) -> Path:
    """Write a snapshot, then remove all but the newest `keep_count`. May run in a writer thread.

    Args:
        directory: holds the snapshots and nothing else; created when missing.
        storage: the system calls.
        log_position: log position the state reflects, a tail of the log.
        next_sequence: sequence number of the first record at that position.
        durable_position: what `Journal.sync` returned. A snapshot ahead of the log would, after a
            power loss, make the venue remember what its journal never heard of; so this is
            asserted.
        body: the state.
        keep_count: snapshots to keep, at least 1.

    Returns:
        The path of the snapshot, which is durable.

    Raises:
        AssertionError: the snapshot would be ahead of the durable log.
        JournalFailed: a system call failed; the process must stop.
    """
    assert log_position <= durable_position, (
        f"snapshot at {log_position} is ahead of the durable log, which ends at {durable_position}"
    )
    assert keep_count >= 1, f"keep_count is {keep_count}"
    path = directory / snapshot_name(log_position)
    aside_path = directory / (path.name + _ASIDE)
    fields = _FIELDS.pack(_MAGIC, SNAPSHOT_VERSION, log_position, next_sequence, len(body))
    digest = sha256(fields)
    digest.update(body)
    header = fields + digest.digest()
    try:
        storage.make_directory(directory)
        storage.fsync_directory(directory.parent)
        if aside_path.name in storage.list_directory(directory):
            storage.unlink(aside_path)
        _write_synced(storage, aside_path, header, body)
        storage.rename(aside_path, path)
        storage.fsync_directory(directory)
        # Only now, with the new name durable, may old ones go.
        names = sorted(n for n in storage.list_directory(directory) if _NAME.fullmatch(n))
        for name in names[:-keep_count]:
            storage.unlink(directory / name)
    except OSError as error:
        raise JournalFailed(f"{path}: writing the snapshot failed: {error}") from error
    return path


def load_latest_snapshot(directory: Path, *, storage: Storage) -> SnapshotLoad:
    """Return the newest whole snapshot; remove unfinished ones, set damaged newer ones aside.

    A damaged snapshot is renamed to end in `.damaged`: it is kept for a person to look at, and it
    no longer takes the place of a whole one among those `write_snapshot` keeps.

    Raises:
        JournalForeign: something in the directory is not a snapshot. Nothing was changed.
        JournalFormatUnknown: the newest snapshot is whole, but of another version.
        JournalFailed: a system call failed.
    """
    try:
        storage.make_directory(directory)
        names = sorted(storage.list_directory(directory), reverse=True)
        _refuse_foreign(directory, names)
        leftovers = tuple(name for name in names if name.endswith(_ASIDE))
        for name in leftovers:
            storage.unlink(directory / name)
        damaged: list[DamagedSnapshot] = []
        for name in names:
            if not _NAME.fullmatch(name):
                continue
            found = _read_snapshot(storage, directory / name)
            if isinstance(found, Snapshot):
                return SnapshotLoad(found, tuple(damaged), leftovers)
            aside_path = directory / (name + _DAMAGED)
            storage.rename(directory / name, aside_path)
            damaged.append(DamagedSnapshot(aside_path, found))
    except OSError as error:
        raise JournalFailed(f"{directory}: loading a snapshot failed: {error}") from error
    return SnapshotLoad(None, tuple(damaged), leftovers)


def load_snapshot_before(
    directory: Path, log_position: int, *, storage: Storage
) -> Snapshot | None:
    """Return the newest whole snapshot at or before a log position, None where there is none. For
    a reader beside the venue: changes nothing, and passes over one that is removed meanwhile.

    Raises:
        JournalFormatUnknown: the snapshot is whole, but of another version.
        JournalFailed: a system call failed.
    """
    try:
        try:
            names = sorted(storage.list_directory(directory), reverse=True)
        except FileNotFoundError:
            return None
        for name in names:
            match = _NAME.fullmatch(name)
            if match is None or int(match[1]) > log_position:
                continue
            try:
                found = _read_snapshot(storage, directory / name)
            except FileNotFoundError:
                continue
            if isinstance(found, Snapshot):
                return found
    except OSError as error:
        raise JournalFailed(f"{directory}: reading a snapshot failed: {error}") from error
    return None


def _write_synced(storage: Storage, path: Path, header: bytes, body: bytes) -> None:
    file = storage.create(path)
    try:
        write_fully(storage, file, 0, header)
        write_fully(storage, file, len(header), body)
        storage.fdatasync(file)
    finally:
        storage.close(file)


def read_snapshots(
    directory: Path, *, storage: Storage
) -> tuple[list[Snapshot], list[DamagedSnapshot]]:
    """Return every whole snapshot, oldest first, and every damaged one, those that were set aside
    earlier included. Changes nothing.

    Raises:
        JournalFormatUnknown: a snapshot is whole, but of another version.
        JournalFailed: a system call failed.
    """
    whole: list[Snapshot] = []
    damaged: list[DamagedSnapshot] = []
    try:
        try:
            names = sorted(storage.list_directory(directory))
        except FileNotFoundError:
            return whole, damaged
        for name in names:
            path = directory / name
            if name.endswith(_DAMAGED):
                damaged.append(DamagedSnapshot(path, "set aside by an earlier start"))
            elif _NAME.fullmatch(name):
                found = _read_snapshot(storage, path)
                if isinstance(found, Snapshot):
                    whole.append(found)
                else:
                    damaged.append(DamagedSnapshot(path, found))
    except OSError as error:
        raise JournalFailed(f"{directory}: reading snapshots failed: {error}") from error
    return whole, damaged


def _refuse_foreign(directory: Path, names: list[str]) -> None:
    for name in names:
        stem = name.removesuffix(_ASIDE).removesuffix(_DAMAGED)
        if not _NAME.fullmatch(stem):
            raise JournalForeign(
                directory / name, expected="snapshots named by 20 digits and .snap"
            )


def _read_snapshot(storage: Storage, path: Path) -> Snapshot | str:
    """Return the snapshot in `path`, or in words why it cannot be used."""
    file = storage.open(path, writable=False)
    try:
        data = read_fully(storage, file, 0, storage.size(file))
    finally:
        storage.close(file)
    if len(data) < _HEADER_BYTES:
        return f"{len(data)} bytes are less than a header"
    magic, version, log_position, next_sequence, body_bytes = _FIELDS.unpack_from(data)
    view = memoryview(data)
    digest = sha256(view[: _FIELDS.size])
    digest.update(view[_HEADER_BYTES:])
    if digest.digest() != data[_FIELDS.size : _HEADER_BYTES] or magic != _MAGIC:
        return "the content does not have the digest its header names"
    if version != SNAPSHOT_VERSION:
        # Whole, so this is no damage: falling back would silently throw a good snapshot away.
        raise JournalFormatUnknown(path, version, known_version=SNAPSHOT_VERSION)
    if body_bytes != len(data) - _HEADER_BYTES:
        return f"the body has {len(data) - _HEADER_BYTES} bytes, the header says {body_bytes}"
    if path.name != snapshot_name(log_position):
        return f"the snapshot is of log position {log_position}; the file was renamed"
    return Snapshot(log_position, next_sequence, data[_HEADER_BYTES:])
