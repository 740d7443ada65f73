"""An answer as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Final, TextIO

from tidegate.history import schema
from tidegate.history.queries import Answer

DECIMAL_DIGITS: Final = 38  # of a Parquet decimal: 28 before the point, 10 behind it
DECIMAL_SCALE: Final = 10


class OutputRefused(Exception):
    """The answer can not be written so; the text says what to do."""


def write_csv(answer: Answer, file: TextIO) -> None:
    """A line of names, then a line a row; nothing where there is no value. Decimals are exact."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(answer.names)
    writer.writerows(answer.rows)


def write_json(answer: Answer, file: TextIO) -> None:
    """A list of objects. Decimals are texts, so that no reader rounds them."""
    names = answer.names
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    json.dump(rows, file, indent=2)
    file.write("\n")


def write_parquet(answer: Answer, path: Path) -> None:
    """Decimals of 38 digits with 10 behind the point, times as UTC nanoseconds. Raises
    `OutputRefused` without pyarrow, and for a number with more digits; `OSError`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise OutputRefused(
            "--format parquet needs pyarrow: pip install 'tidegate[parquet]'"
        ) from error
    types: dict[str, Any] = {
        schema.INTEGER: pyarrow.int64(),
        schema.TEXT: pyarrow.string(),
        schema.DECIMAL: pyarrow.decimal128(DECIMAL_DIGITS, DECIMAL_SCALE),
        schema.FLAG: pyarrow.bool_(),
        schema.TIME: pyarrow.timestamp("ns", tz="UTC"),
    }
    fields = [pyarrow.field(name, types[kind]) for name, kind in answer.columns]
    columns: list[Any] = []
    for index, (name, kind) in enumerate(answer.columns):
        values = [row[index] for row in answer.rows]
        try:
            columns.append(_column(pyarrow, values, kind, types[kind]))
        except pyarrow.ArrowInvalid as error:
            raise OutputRefused(
                f"column {name} does not fit Parquet ({error}); csv and json take it"
            ) from error
    table = pyarrow.Table.from_arrays(columns, schema=pyarrow.schema(fields))
    pyarrow.parquet.write_table(table, path)


def _column(pyarrow: Any, values: list[object], kind: str, arrow_type: Any) -> Any:
    """One column; decimals and times are parsed from their texts, without a float on the way."""
    if kind in (schema.DECIMAL, schema.TIME):
        return pyarrow.array(values, pyarrow.string()).cast(arrow_type)
    if kind == schema.FLAG:
        return pyarrow.array([bool(value) for value in values], arrow_type)
    return pyarrow.array(values, arrow_type)
