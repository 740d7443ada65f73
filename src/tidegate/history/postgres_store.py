"""The history in PostgreSQL: schema `tidegate` of the database that a URL names."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

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

try:
    import psycopg
except ImportError as error:  # pragma: no cover - the extra is part of the development setup
    raise HistoryUnavailable(
        "a history in PostgreSQL needs psycopg: pip install 'tidegate[postgresql]'"
    ) from error

SCHEMA: Final = "tidegate"
REBUILD_SCHEMA: Final = "tidegate_rebuild"
CONNECT_S: Final = 5
STATEMENT_MS: Final = 60_000  # a server that hangs is given up, and tried again

# Texts sort by their bytes, as in SQLite: times, and ids, whatever the database's language is.
_TYPES: Final = {
    schema.INTEGER: "BIGINT",
    schema.TEXT: 'TEXT COLLATE "C"',
    schema.DECIMAL: "NUMERIC",
    schema.FLAG: "SMALLINT",
    schema.TIME: 'TEXT COLLATE "C"',
}
_PROGRESS: Final = (
    "SELECT log_position, log_sequence, batch_position, batch_mark, next_seq, time FROM progress"
)


class PostgresStore:
    """`Store` in a database, which holds the history of one venue."""

    def __init__(self, url: str, *, schema_name: str = SCHEMA) -> None:
        """Connect, and create what is missing. Raises `HistoryUnavailable`, `HistoryRefused`."""
        self._schema = schema_name
        try:
            self._connection: psycopg.Connection[Any] = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                application_name="tidegate history",
                options=f"-c search_path={schema_name} -c statement_timeout={STATEMENT_MS}",
            )
        except (psycopg.Error, UnicodeError) as error:
            raise HistoryUnavailable(f"PostgreSQL: {_in_words(error, url)}") from None
        try:
            self._prepare()
        except psycopg.Error as error:
            self._connection.close()
            raise _told(error) from error
        except BaseException:
            self._connection.close()
            raise

    def progress(self) -> Progress | None:
        """See `Store.progress`."""
        try:
            return self._progress()
        except psycopg.Error as error:
            raise _told(error) from error

    def write(self, before: Progress | None, rows: Rows, after: Progress) -> None:
        """See `Store.write`."""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                # Writers take turns: the table's lock is theirs, readers do not mind it.
                cursor.execute("LOCK TABLE progress IN SHARE ROW EXCLUSIVE MODE")
                if self._progress() != before:
                    raise HistoryMoved("PostgreSQL: written by another process meanwhile")
                for table, table_rows in rows.items():
                    cursor.executemany(_adapted(schema.write_statement(table)), table_rows)
                cursor.execute(
                    _adapted(schema.write_statement(schema.PROGRESS)), progress_row(after)
                )
        except psycopg.Error as error:
            raise _told(error) from error

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """See `Store.query`."""
        try:
            rows = self._connection.execute(_adapted(sql), tuple(parameters)).fetchall()
        except psycopg.Error as error:
            raise _told(error) from error
        return [tuple(_shown(value) for value in row) for row in rows]

    def close(self) -> None:
        """See `Store.close`."""
        self._connection.close()

    def _prepare(self) -> None:
        connection = self._connection
        with connection.transaction():
            # Two processes may find the schema missing at once.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (0x54444748,))
            found = connection.execute(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = %s", (self._schema,)
            ).fetchall()
            if not found:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
                for statement in schema.ddl(_TYPES):
                    connection.execute(statement)
                connection.execute(
                    f"COMMENT ON SCHEMA {self._schema} IS 'tidegate history, "
                    f"schema version {schema.SCHEMA_VERSION}'"
                )
                return
        comment = connection.execute(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s",
            (self._schema,),
        ).fetchall()
        expected = f"tidegate history, schema version {schema.SCHEMA_VERSION}"
        if not comment or comment[0][0] != expected:
            raise HistoryRefused(
                f"PostgreSQL: schema {self._schema} is not a history of schema version "
                f"{schema.SCHEMA_VERSION} ({comment[0][0] if comment else 'no comment'}): {REBUILD}"
            )

    def _progress(self) -> Progress | None:
        rows = self._connection.execute(_PROGRESS).fetchall()
        return progress_of(rows[0]) if rows else None


def drop_rebuild(url: str) -> None:
    """Remove what a rebuild that was cut short has left. Raises `HistoryUnavailable`."""
    _execute(url, f"DROP SCHEMA IF EXISTS {REBUILD_SCHEMA} CASCADE")


def swap_in_rebuild(url: str) -> None:
    """Put what was rebuilt in the place of the history, in one step. Raises `HistoryUnavailable`,
    `HistoryRefused`."""
    _execute(
        url,
        f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
        f"ALTER SCHEMA {REBUILD_SCHEMA} RENAME TO {SCHEMA}",
    )


def _execute(url: str, *statements: str) -> None:
    """All of the statements in one transaction, or none."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_S) as connection:
            for statement in statements:
                connection.execute(statement)
    except (psycopg.Error, UnicodeError) as error:
        raise HistoryUnavailable(f"PostgreSQL: {_in_words(error, url)}") from None


def _adapted(sql: str) -> Any:
    """The same statement with this driver's placeholders. None of ours has a literal `?` or `%`."""
    return sql.replace("?", "%s")


def _shown(value: object) -> object:
    return format(value, "f") if isinstance(value, Decimal) else value


def _told(error: psycopg.Error) -> HistoryRefused | HistoryUnavailable:
    """What passes by itself (connections, locks, space) is told apart from what does not."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return HistoryUnavailable(f"PostgreSQL: {_in_words(error)}")
    return HistoryRefused(f"PostgreSQL: {_in_words(error)}")


def _in_words(error: Exception, url: str = "") -> str:
    """One line, without the password: the driver names host and user, and repeats a URL that it can
    not read."""
    text = " ".join(str(error).split())
    return text.replace(url, "the URL of [venue] history") if url else text
