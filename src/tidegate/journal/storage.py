"""The system calls the journal makes, as a port, so that a test can fail or crash each of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """What the journal asks of a file system. Every method may raise OSError.

    Files are small integers, as the operating system hands them out. Offsets and lengths are bytes.
    `write` and `pread` may do less than asked, as the system calls may; the callers go on.
    """

    def make_directory(self, directory: Path) -> None:
        """Create `directory` and its parents; it may exist already."""

    def list_directory(self, directory: Path) -> list[str]:
        """Return the names in `directory`, in any order."""

    def create(self, path: Path) -> int:
        """Create a file that must not exist and open it for writing."""

    def open(self, path: Path, *, writable: bool) -> int:
        """Open a file that must exist."""

    def size(self, file: int) -> int:
        """Return the length of the file in bytes."""

    def write(self, file: int, offset: int, data: bytes) -> int:
        """Write at `offset`; return the number of bytes written, maybe fewer than asked."""

    def pread(self, file: int, offset: int, length: int) -> bytes:
        """Read at most `length` bytes at `offset`; no bytes at all mean the end of the file."""

    def truncate(self, file: int, size: int) -> None:
        """Cut the file to `size` bytes."""

    def fdatasync(self, file: int) -> None:
        """Return when the content and length of the file are on the disk."""

    def fsync_directory(self, directory: Path) -> None:
        """Return when the names in `directory` are on the disk."""

    def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target` in one step, replacing what was there."""

    def unlink(self, path: Path) -> None:
        """Remove the name."""

    def close(self, file: int) -> None:
        """Give the file back."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes that nobody can guess."""


class OsStorage:
    """`Storage` over the operating system."""

    def make_directory(self, directory: Path) -> None:
        """See `Storage.make_directory`."""
        directory.mkdir(parents=True, exist_ok=True)

    def list_directory(self, directory: Path) -> list[str]:
        """See `Storage.list_directory`."""
        return os.listdir(directory)

    def create(self, path: Path) -> int:
        """See `Storage.create`."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)

    def open(self, path: Path, *, writable: bool) -> int:
        """See `Storage.open`."""
        return os.open(path, os.O_RDWR if writable else os.O_RDONLY)

    def size(self, file: int) -> int:
        """See `Storage.size`."""
        return os.fstat(file).st_size

    def write(self, file: int, offset: int, data: bytes) -> int:
        """See `Storage.write`."""
        return os.pwrite(file, data, offset)

    def pread(self, file: int, offset: int, length: int) -> bytes:
        """See `Storage.pread`."""
        return os.pread(file, length, offset)

    def truncate(self, file: int, size: int) -> None:
        """See `Storage.truncate`."""
        os.ftruncate(file, size)

    def fdatasync(self, file: int) -> None:
        """See `Storage.fdatasync`."""
        os.fdatasync(file)

    def fsync_directory(self, directory: Path) -> None:
        """See `Storage.fsync_directory`."""
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, source: Path, target: Path) -> None:
        """See `Storage.rename`."""
        os.rename(source, target)

    def unlink(self, path: Path) -> None:
        """See `Storage.unlink`."""
        os.unlink(path)

    def close(self, file: int) -> None:
        """See `Storage.close`."""
        os.close(file)

    def random_bytes(self, count: int) -> bytes:
        """See `Storage.random_bytes`."""
        return os.urandom(count)


def write_fully(storage: Storage, file: int, offset: int, data: bytes) -> None:
    """Write all of `data` at `offset`, going on after short writes.

    Raises OSError as the storage does, and when a write makes no progress.
    """
    written = storage.write(file, offset, data)
    while written < len(data):
        more = storage.write(file, offset + written, data[written:])
        if more <= 0:
            raise OSError(errno.EIO, f"no byte of {len(data) - written} was written")
        written += more


def read_fully(storage: Storage, file: int, offset: int, length: int) -> bytes:
    """Read `length` bytes at `offset`, going on after short reads; fewer only at the end."""
    data = storage.pread(file, offset, length)
    if len(data) == length or not data:
        return data
    parts = [data]
    offset += len(data)
    missing_bytes = length - len(data)
    while missing_bytes > 0:
        data = storage.pread(file, offset, missing_bytes)
        if not data:
            break
        parts.append(data)
        offset += len(data)
        missing_bytes -= len(data)
    return b"".join(parts)
