"""Which column of a tape is what.

Names of columns that are known need no mapping; others are said, `time_ns=exchange_time`.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from tidegate.tapes.events import TapeError

# Each field of a tape with the names that columns are known by
KNOWN_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time_ns": ("time_ns", "ts_event_ns", "ts_event"),
    "time_us": ("time_us", "timestamp_us"),
    "time_ms": ("time_ms", "timestamp_ms"),
    "time_s": ("time_s", "time", "timestamp"),
    "action": ("action",),
    "side": ("side",),
    "price": ("price",),
    "size": ("size", "volume", "qty", "quantity", "amount"),
    "order_id": ("order_id",),
    "symbol": ("symbol",),
    "display_size": ("display_size",),
}
TIMES: Final = {"time_ns": 0, "time_us": 3, "time_ms": 6, "time_s": 9}  # and their powers of ten


class TapeMapping(Struct, frozen=True, kw_only=True):
    """How a tape is to be read. `columns` are fields by name with the column that has them;
    `symbol` is the pair that all rows are played as, or empty for what the column `symbol` says;
    `only` leaves out rows of other symbols."""

    columns: dict[str, str] = {}
    symbol: str = ""
    only: str = ""
    scale_price: Decimal = Decimal(1)
    scale_qty: Decimal = Decimal(1)


def places_of(path: Path, columns: list[str], mapping: TapeMapping) -> dict[str, int]:
    """The index of each field's column. Raises `TapeError` for what is missing."""
    for field, column in mapping.columns.items():
        if field not in KNOWN_NAMES:
            raise TapeError(f"no field {field!r} to map; there are {', '.join(KNOWN_NAMES)}")
        if column not in columns:
            raise TapeError(f"{path}: no column {column!r} for {field}; {_has(columns)}")
    places: dict[str, int] = {}
    for field, names in KNOWN_NAMES.items():
        said = mapping.columns.get(field)
        name = said or next((name for name in names if name in columns), None)
        if name is not None:
            if columns.count(name) > 1:
                raise TapeError(f"{path}: there are {columns.count(name)} columns {name}")
            places[field] = columns.index(name)
    wanted = ["side", "price", "size"] + (["order_id"] if "action" in places else [])
    missing = [field for field in wanted if field not in places]
    if not any(field in places for field in TIMES):
        missing.insert(0, "time_ns (or time_us, time_ms, time_s)")
    if mapping.only and "symbol" not in places:
        missing.append("symbol")
    if missing:
        raise TapeError(
            f"{path}: no column for {', '.join(missing)}; {_has(columns)}. "
            f"--column FIELD=NAME says which one it is"
        )
    return places


def time_field_of(places: dict[str, int], mapping: TapeMapping) -> str:
    """Which time is the tape's: the one that is mapped, else the finest there is. Raises
    `TapeError` where two are mapped."""
    mapped = [field for field in TIMES if field in mapping.columns]
    if len(mapped) > 1:
        raise TapeError(f"a tape has one time: map one of {', '.join(mapped)}")
    return mapped[0] if mapped else next(field for field in TIMES if field in places)


def _has(columns: list[str]) -> str:
    return f"the file has {', '.join(columns)[:400]}"
