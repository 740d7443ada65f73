"""Errors of the journal: all derive from `JournalError` and name the file, position and rule."""

from __future__ import annotations

from pathlib import Path


class JournalError(Exception):
    """Base of everything the journal raises on purpose."""


class JournalFailed(JournalError):
    """A system call failed, so what is on disk is unknown.

    The journal never tries again: after a failed sync the kernel may have dropped the pages and a
    second sync would report a success that means nothing. Every later call raises this error too.
    The process must stop; the next start recovers.
    """


class JournalClosed(JournalError):
    """The journal was closed and is used again."""


class JournalDamaged(JournalError):
    """Bytes that were promised to be kept are broken or missing. Nothing on disk was changed.

    Attributes:
        path: the file (or, when a whole file is missing, the directory) that is damaged.
        position: log position of the first byte that cannot be trusted.
        reason: the rule that is broken, in words.
    """

    def __init__(self, path: Path, position: int, reason: str) -> None:
        super().__init__(f"{path}: damaged at log position {position}: {reason}")
        self.path = path
        self.position = position
        self.reason = reason


class JournalFormatUnknown(JournalError):
    """A file is whole, but of a format version this program does not read. Nothing was changed.

    Attributes:
        path: the file.
        version: the format version it names.
    """

    def __init__(self, path: Path, version: int, *, known_version: int) -> None:
        super().__init__(
            f"{path}: format version {version} is unknown; this program reads {known_version}"
        )
        self.path = path
        self.version = version


class JournalForeign(JournalError):
    """A directory of the journal holds something that is not the journal's. Nothing was changed.

    Attributes:
        path: the foreign entry.
    """

    def __init__(self, path: Path, *, expected: str) -> None:
        super().__init__(f"{path}: not a file of this journal; only {expected} may stand here")
        self.path = path


class JournalPositionUnknown(JournalError):
    """A position was asked for that the log does not hold: archived away, or beyond the tail.

    Attributes:
        position: the log position asked for.
    """

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"log position {position}: {reason}")
        self.position = position


class JournalLimitExceeded(JournalError):
    """A batch is outside the limits. Nothing was written; the journal stays usable."""


class DirectoryInUse(JournalError):
    """Another process holds the data directory.

    Attributes:
        directory: the data directory.
        pid: process id of the holder, or None when it has not written it yet.
    """

    def __init__(self, directory: Path, *, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{directory}: in use by {holder}; one directory serves one process")
        self.directory = directory
        self.pid = pid
