"""The exclusive lock on a data directory: two processes on one log would destroy it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from tidegate.journal.errors import DirectoryInUse

LOCK_NAME: Final = "lock"
"""Name of the lock file in the data directory."""

_PID_BYTES_MAX: Final = 32


class DirectoryLock:
    """An exclusive lock (flock) on a data directory, held until `release` or the end of the
    process.

    The operating system gives the lock back when the holder dies, whatever way, so there are no
    stale locks. The process id in the file serves the error message only. The file is never
    removed: if it were, one process could lock the removed file and another a new one of the same
    name.
    """

    def __init__(self, directory: Path, file: int) -> None:
        self._directory = directory
        self._file: int | None = file

    @classmethod
    def acquire(cls, directory: Path) -> DirectoryLock:
        """Lock `directory`, which is created when missing.

        Raises:
            DirectoryInUse: another holder has it; carries the holder's process id.
            OSError: the directory or the file cannot be made.
        """
        directory.mkdir(parents=True, exist_ok=True)
        file = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o640)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = os.pread(file, _PID_BYTES_MAX, 0).strip()
                pid = int(text) if text.isdigit() else None
                raise DirectoryInUse(directory, pid=pid) from None
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(file)
            raise
        return cls(directory, file)

    @property
    def directory(self) -> Path:
        """The locked data directory."""
        return self._directory

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> DirectoryLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
