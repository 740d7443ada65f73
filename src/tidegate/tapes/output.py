"""Writing a tape: CSV, CSV in gzip, or Parquet, by the name's end."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

from tidegate.tapes.events import TapeError
from tidegate.tapes.recorder import COLUMNS, TapeRow

GROUP_ROWS: Final = 10_000  # of a Parquet file, written at once
ENDINGS: Final = (".csv", ".csv.gz", ".parquet")


class TapeFile(Protocol):
    """Where rows go."""

    def write(self, rows: Iterable[TapeRow]) -> None:
        """Raises `OSError`."""

    def close(self) -> None:
        """What was written is whole. Raises `OSError`."""


def create_tape(path: Path) -> TapeFile:
    """A new file; one that is there is not replaced. Raises `TapeError`, also for a name that ends
    in another way."""
    if not path.name.endswith(ENDINGS):
        raise TapeError(f"{path}: a tape's name must end in one of {', '.join(ENDINGS)}")
    try:
        with path.open("xb"):
            pass
    except FileExistsError:
        raise TapeError(f"{path} is there already; name another file") from None
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror}") from None
    return _ParquetFile(path) if path.suffix == ".parquet" else _CsvFile(path)


class _CsvFile:
    def __init__(self, path: Path) -> None:
        binary: Any = gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb")  # noqa: SIM115
        self._text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, rows: Iterable[TapeRow]) -> None:
        self._writer.writerows(rows)
        self._text.flush()

    def close(self) -> None:
        self._text.close()


class _ParquetFile:
    """The time is an integer; prices and sizes are texts, exact to their last decimal. Rows are
    kept until they are enough for a group of the file: many small ones would be slow to read."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            path.unlink()
            raise TapeError(
                f"{path}: Parquet needs pyarrow: pip install 'tidegate[parquet]'"
            ) from None
        self._pyarrow: Any = pyarrow
        fields = [(name, pyarrow.string()) for name in COLUMNS[1:]]
        self._schema = pyarrow.schema([(COLUMNS[0], pyarrow.int64()), *fields])
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)
        self._rows: list[TapeRow] = []

    def write(self, rows: Iterable[TapeRow]) -> None:
        self._rows.extend(rows)
        if len(self._rows) >= GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        try:
            if self._rows:
                self._write_group()
        finally:
            self._writer.close()

    def _write_group(self) -> None:
        columns = [list(column) for column in zip(*self._rows, strict=True)]
        self._rows.clear()
        self._writer.write_table(self._pyarrow.table(columns, schema=self._schema))
