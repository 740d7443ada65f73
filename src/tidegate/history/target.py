"""Which store a venue's history is kept in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tidegate.history.sqlite_store import FILE_NAME, SqliteStore
from tidegate.history.store import Store

SQLITE: Final = "sqlite"
OFF: Final = "off"


def open_store(data_directory: Path, target: str) -> Store:
    """The store that `[venue] history` names: "sqlite", or the URL of a PostgreSQL database.
    Raises `HistoryUnavailable`, `HistoryRefused`."""
    if target == SQLITE:
        return SqliteStore(data_directory / FILE_NAME)
    from tidegate.history.postgres_store import PostgresStore  # psycopg is an extra

    return PostgresStore(target)
