"""The history of a data directory, for who wants it now: who follows the journal, catching up,
rebuilding."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.history import sqlite_store
from tidegate.history.projector import Projector
from tidegate.history.store import HistoryUnavailable, Progress, Store
from tidegate.history.target import SQLITE, open_store
from tidegate.journal import OsStorage, log_end
from tidegate.recovery import JOURNAL_DIRECTORY

FOLLOWER_LOCK: Final = "history.lock"
REBUILD_LOCK: Final = "history.rebuild.lock"
WAIT_S: Final = 10.0  # for whoever follows the journal, to have caught up
_POLL_S: Final = 0.05


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold a lock file, if nobody else does: whether it is held. It ends with the process. Locks
    spare work here; what keeps rows from being written twice is the store's own transaction."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(file)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a history stands. Positions and lengths are bytes of the journal."""

    progress: Progress | None
    journal_end: int
    is_followed: bool

    @property
    def behind_bytes(self) -> int:
        return self.journal_end - (0 if self.progress is None else self.progress.log_position)


def status(data_directory: Path, store: Store) -> Status:
    """Where the history stands. Raises `HistoryError`, `JournalError`."""
    progress = store.progress()
    with try_lock(data_directory / FOLLOWER_LOCK) as is_free:
        end = log_end(OsStorage(), data_directory / JOURNAL_DIRECTORY)
        return Status(progress, end, not is_free)


def catch_up(data_directory: Path, store: Store, tell: Callable[[str], None]) -> None:
    """Have the history hold what the journal holds now: by waiting for the process that follows it,
    or, where there is none, by doing its work. What is missing after `WAIT_S` is told.

    Raises `HistoryError`, `JournalError`.
    """
    wanted = log_end(OsStorage(), data_directory / JOURNAL_DIRECTORY)
    deadline = time.monotonic() + WAIT_S
    while True:
        with try_lock(data_directory / FOLLOWER_LOCK) as is_free:
            if is_free:
                with closing(Projector(data_directory, store, sync=True)) as projector:
                    projector.catch_up()
                return
        progress = store.progress()
        behind = wanted - (0 if progress is None else progress.log_position)
        if behind <= 0:
            return
        if time.monotonic() > deadline:
            tell(f"the history is {behind} bytes behind the journal; its log says why")
            return
        time.sleep(_POLL_S)


def rebuild(data_directory: Path, target: str) -> Progress | None:
    """Make the history anew from the first record of the journal, beside the old one, and then put
    it in its place in one step. The venue may run meanwhile.

    Raises `HistoryError`, `JournalError`.
    """
    with try_lock(data_directory / REBUILD_LOCK) as is_held:
        if not is_held:
            raise HistoryUnavailable(f"{data_directory}: a rebuild is going on")
        if target == SQLITE:
            return _rebuild_sqlite(data_directory)
        return _rebuild_postgres(data_directory, target)


def _rebuild_sqlite(data_directory: Path) -> Progress | None:
    aside = data_directory / sqlite_store.REBUILD_NAME
    sqlite_store.remove(aside)  # of a rebuild that was cut short
    with closing(sqlite_store.SqliteStore(aside)) as store:
        progress = _project_all(data_directory, store)
    sqlite_store.swap_in(data_directory / sqlite_store.FILE_NAME, aside)
    return progress


def _rebuild_postgres(data_directory: Path, url: str) -> Progress | None:
    from tidegate.history import postgres_store

    postgres_store.drop_rebuild(url)
    with closing(
        postgres_store.PostgresStore(url, schema_name=postgres_store.REBUILD_SCHEMA)
    ) as store:
        progress = _project_all(data_directory, store)
    postgres_store.swap_in_rebuild(url)
    return progress


def _project_all(data_directory: Path, store: Store) -> Progress | None:
    with closing(Projector(data_directory, store, sync=True)) as projector:
        projector.catch_up()
    return store.progress()


__all__ = ["FOLLOWER_LOCK", "Status", "catch_up", "open_store", "rebuild", "status", "try_lock"]
