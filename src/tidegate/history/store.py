"""Where the history is kept: a port, and what can go wrong behind it.

A store takes the rows of some batches and the position behind them in one transaction, and only
where its position is still the one that the writer started from. So whoever writes, and however
often it dies, each batch's rows are there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidegate.history.schema import SCHEMA_VERSION, Table

Row = tuple[object, ...]
"""Values in the order of a table's columns: int, str or None."""

REBUILD = "tidegate history rebuild"


class HistoryError(Exception):
    """Base of everything that keeps the history from being written or read."""


class HistoryUnavailable(HistoryError):
    """The store can not be used now: locked, full, not reachable. Trying again later may help."""


class HistoryRefused(HistoryError):
    """The store does not fit the journal, or this version. The text names what to do."""


class HistoryMoved(HistoryError):
    """Somebody else has written the history meanwhile. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a history has got. Positions are log positions of the journal; `batch_mark` is the
    header of the batch at `batch_position`, the last one read, empty before the first."""

    log_position: int
    log_sequence: int
    batch_position: int
    batch_mark: bytes
    next_seq: int
    time: str


Rows = dict[Table, Sequence[Row]]
"""What a transaction adds, by table."""


class Store(Protocol):
    """One history. Every method raises `HistoryUnavailable`, and `HistoryRefused` for a database
    that is no history or of another version."""

    def progress(self) -> Progress | None:
        """How far it has got, None where nothing was written yet."""

    def write(self, before: Progress | None, rows: Rows, after: Progress) -> None:
        """Add rows and move on, in one transaction. Raises `HistoryMoved`."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Rows of a query that changes nothing; `?` for parameters. Decimals come as texts."""

    def close(self) -> None:
        """Give the connection back."""


def progress_row(progress: Progress) -> Row:
    """The row of `progress`."""
    return (
        1,
        SCHEMA_VERSION,
        progress.log_position,
        progress.log_sequence,
        progress.batch_position,
        progress.batch_mark.hex(),
        progress.next_seq,
        progress.time,
    )


def progress_of(row: Sequence[object]) -> Progress:
    """The progress in a row, without its id and version."""
    position, sequence, batch_position, mark, next_seq, time = row
    assert isinstance(position, int)
    assert isinstance(sequence, int)
    assert isinstance(batch_position, int)
    assert isinstance(next_seq, int)
    return Progress(
        position, sequence, batch_position, bytes.fromhex(str(mark)), next_seq, str(time)
    )
