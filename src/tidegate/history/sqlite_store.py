"""The history in SQLite: `history.db` in the data directory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from tidegate.history import schema
from tidegate.history.store import (
    REBUILD,
    HistoryMoved,
    HistoryRefused,
    HistoryUnavailable,
    Progress,
    Row,
    Rows,
    progress_of,
    progress_row,
)

FILE_NAME: Final = "history.db"
REBUILD_NAME: Final = "history.rebuild.db"  # what a rebuild writes until it is complete
APPLICATION_ID: Final = 0x54444748  # "TDGH" in the file's header: what `file` shows
BUSY_MS: Final = 1_000  # how long a lock of somebody else is waited for
RESERVE_BYTES: Final = 256 * 1024 * 1024  # left free on the disk: the journal comes first
SWAP_WAIT_S: Final = 60  # for who holds the history when a rebuilt one takes its place

_TYPES: Final = {
    schema.INTEGER: "INTEGER",
    schema.TEXT: "TEXT",
    schema.DECIMAL: "TEXT",
    schema.FLAG: "INTEGER",
    schema.TIME: "TEXT",
}
_PROGRESS: Final = (
    "SELECT log_position, log_sequence, batch_position, batch_mark, next_seq, time FROM progress"
)


class SqliteStore:
    """`Store` in a file. Readers see a history that is being written as it was when they began
    (write-ahead log), and do not hold it up."""

    def __init__(self, path: Path, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Open or create. Raises `HistoryUnavailable`, `HistoryRefused`."""
        self.path = path
        self._reserve_bytes = reserve_bytes
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o640))
            self._connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise HistoryUnavailable(f"{path}: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise in_words(path, error) from error
        except BaseException:
            self._connection.close()
            raise

    def progress(self) -> Progress | None:
        """See `Store.progress`."""
        try:
            return self._progress()
        except sqlite3.Error as error:
            raise in_words(self.path, error) from error

    def write(self, before: Progress | None, rows: Rows, after: Progress) -> None:
        """See `Store.write`. Leaves `reserve_bytes` of the disk to others."""
        self._require_room()
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._progress() != before:
                    raise HistoryMoved(f"{self.path}: written by another process meanwhile")
                for table, table_rows in rows.items():
                    connection.executemany(schema.write_statement(table), table_rows)
                connection.execute(schema.write_statement(schema.PROGRESS), progress_row(after))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise in_words(self.path, error) from error

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """See `Store.query`."""
        try:
            return self._connection.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.Error as error:
            raise in_words(self.path, error) from error

    def close(self) -> None:
        """See `Store.close`."""
        self._connection.close()

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("BEGIN")  # one look: somebody else may be making the tables
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            is_empty = not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if not is_empty and application != APPLICATION_ID:
            raise HistoryRefused(
                f"{self.path} is not a history of this program; move it away, then: {REBUILD}"
            )
        if not is_empty and version != schema.SCHEMA_VERSION:
            raise HistoryRefused(
                f"{self.path} has schema version {version}, this program writes "
                f"{schema.SCHEMA_VERSION}: {REBUILD}"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # whole after a power loss, maybe older
        if is_empty:
            self._create()

    def _create(self) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Somebody else may have made the tables since it was looked for them.
            if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
                for statement in schema.ddl(_TYPES):
                    connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _progress(self) -> Progress | None:
        row = self._connection.execute(_PROGRESS).fetchone()
        return None if row is None else progress_of(row)

    def _require_room(self) -> None:
        try:
            disk = os.statvfs(self.path)
        except OSError as error:
            raise HistoryUnavailable(f"{self.path}: {error}") from error
        if disk.f_bavail * disk.f_frsize < self._reserve_bytes:
            raise HistoryUnavailable(
                f"{self.path}: less than {self._reserve_bytes >> 20} MiB are left on the disk, "
                "which are the journal's"
            )


def swap_in(path: Path, rebuilt: Path) -> None:
    """Give the history at `path` the whole content of another one in one transaction: readers see
    the old one or the new one. A file is never renamed over one that somebody may have open, since
    SQLite would mix up their logs. Raises `HistoryUnavailable`, `HistoryRefused`."""
    try:
        with (
            closing(sqlite3.connect(rebuilt)) as source,
            closing(sqlite3.connect(path, timeout=SWAP_WAIT_S)) as target,
        ):
            application = target.execute("PRAGMA application_id").fetchone()[0]
            is_empty = not target.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            if not is_empty and application != APPLICATION_ID:
                raise HistoryRefused(f"{path} is not a history of this program; move it away")
            source.backup(target)
    except sqlite3.Error as error:
        raise in_words(path, error) from error
    remove(rebuilt)


def remove(path: Path) -> None:
    """Remove a history that nobody has open, with the files beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def in_words(path: Path, error: sqlite3.Error) -> HistoryRefused | HistoryUnavailable:
    """Damage is told apart from what passes: locks, a full disk, a disk that is read-only."""
    if isinstance(error, sqlite3.OperationalError):
        return HistoryUnavailable(f"{path}: {error}")
    return HistoryRefused(
        f"{path}: {error}; move it away (with its -wal and -shm), then: {REBUILD}"
    )
