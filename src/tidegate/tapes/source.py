"""Rows of a tape's file as texts, one after the other: a tape may be larger than memory.

A row's line counts from 1 with the line of names; a Parquet file has none: its rows count from 1.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tidegate.tapes.events import TapeError, at

BATCH_ROWS: Final = 10_000  # of a Parquet file at once

Row = tuple[int, Sequence[str]]
"""A line's number, and its fields in the order of the columns."""


class Source:
    """An open tape. `columns` are its names; `position` of `size` tells how far reading is.
    `times_at` are the indexes of columns that are times by themselves, in nanoseconds since 1970,
    whatever their names say."""

    def __init__(
        self,
        columns: list[str],
        rows: Iterator[Row],
        size: int,
        position: Callable[[], int],
        close: Callable[[], None],
        times_at: frozenset[int] = frozenset(),
    ) -> None:
        self.times_at = times_at
        self.columns = columns
        self.rows = rows
        self.size = size
        self.position = position
        self.close = close


def open_source(path: Path) -> Source:
    """By the name's end: `.parquet`, else CSV, `.gz` of it. Raises `TapeError`, here and while rows
    are read."""
    try:
        if not path.exists():
            raise TapeError(f"{path}: no such file")
        if not path.is_file():
            raise TapeError(f"{path}: not a plain file")
        if path.suffix == ".parquet":
            return _parquet(path)
        return _csv(path)
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror or error}") from None


def _csv(path: Path) -> Source:
    raw = path.open("rb")
    binary: Any = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
    text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")

    def close() -> None:
        text.close()
        raw.close()

    lines = _lines(path, csv.reader(text))
    try:
        first = next(lines, None)
        if first is None:
            raise TapeError(f"{path}: the file is empty; its first line must name the columns")
    except TapeError:
        close()
        raise
    columns = [name.strip() for name in first[1]]
    return Source(columns, _even(path, lines, len(columns)), path.stat().st_size, raw.tell, close)


def _lines(path: Path, reader: Any) -> Iterator[Row]:
    while True:
        try:
            fields = next(reader, None)
        except EOFError:
            raise at(path, reader.line_num + 1, "", "the gzip file is cut off here") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise at(path, reader.line_num + 1, "", f"no gzip: {error}") from None
        except UnicodeDecodeError:
            raise at(path, reader.line_num + 1, "", "no UTF-8 text") from None
        except csv.Error as error:
            raise at(path, reader.line_num, "", f"no CSV: {error}") from None
        if fields is None:
            return
        if fields:
            yield reader.line_num, fields


def _even(path: Path, lines: Iterator[Row], count: int) -> Iterator[Row]:
    for line, fields in lines:
        if len(fields) != count:
            raise at(path, line, "", f"{len(fields)} fields, but the first line names {count}")
        yield line, fields


def _parquet(path: Path) -> Source:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise TapeError(f"{path}: Parquet needs pyarrow: pip install 'tidegate[parquet]'") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise TapeError(f"{path}: no Parquet file, or one that is cut off: {error}") from None
    done = 0

    def rows() -> Iterator[Row]:
        nonlocal done
        try:
            for batch in file.iter_batches(BATCH_ROWS):
                columns = [_texts(pyarrow, column) for column in batch.columns]
                for fields in zip(*columns, strict=True):
                    done += 1
                    yield done, fields
        except (pyarrow.ArrowException, OSError) as error:
            raise at(path, done + 1, "", f"can not be read: {error}") from None

    schema = file.schema_arrow
    times_at = frozenset(
        n for n, kind in enumerate(schema.types) if pyarrow.types.is_timestamp(kind)
    )
    size = file.metadata.num_rows
    return Source(list(schema.names), rows(), size, lambda: done, file.close, times_at)


def _texts(pyarrow: Any, column: Any) -> list[str]:
    """A column as texts; a time as nanoseconds since 1970."""
    if pyarrow.types.is_timestamp(column.type):
        column = column.cast(pyarrow.timestamp("ns", tz=column.type.tz)).cast(pyarrow.int64())
    return ["" if value is None else str(value) for value in column.to_pylist()]
