"""A day's real order flow as orders of BTC/USD.

The tape holds events of an index future: adds, cancels and modifies of resting orders, fills (F) of
resting orders and trades (T) of aggressive ones. What becomes of each is the product's own mapping
(`tidegate.tapes`). Prices are ten times the future's (4800.25 becomes 48002.5, a multiple of the
tick of 0.1), one contract is 0.001 BTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from tidegate.tapes.columns import TapeMapping
from tidegate.tapes.events import ADD, TRADE, TapeEvent
from tidegate.tapes.rows import Tape, TapeInstrument
from tidegate.tapes.source import open_source

SYMBOL = "BTC/USD"
QTY_UNIT = Decimal("0.001")

_NEAR = (Decimal(47900), Decimal(48120))  # around the touch


def tape_path() -> Path:
    """Where the recorded day lies, beside the repository; it may be absent."""
    root = Path(__file__).resolve().parent.parent.parent
    return root.parent / "shared" / "data" / "es-mbo-20231225.csv.gz"


def read_tape(path: Path, *, thinned: bool) -> Iterator[TapeEvent]:
    """The events to play, in order, without those of orders from before the tape. `thinned` leaves
    out those orders of the opening book, all of one moment, that are far from the touch, so that a
    short run reaches the trading."""
    mapping = TapeMapping(symbol=SYMBOL, scale_price=Decimal(10), scale_qty=QTY_UNIT)
    instruments = {SYMBOL: TapeInstrument(symbol=SYMBOL, tick=Decimal("0.1"), price_decimals=1)}
    added: set[str] = set()
    opening_ns = -1
    with closing(open_source(path)) as source:
        for event in Tape(path, source, mapping, instruments).events():
            if event is None:
                continue
            opening_ns = event.time_ns if opening_ns < 0 else opening_ns
            is_far = not _NEAR[0] <= event.price <= _NEAR[1]
            if event.action == ADD and not (thinned and event.time_ns == opening_ns and is_far):
                added.add(event.order)
            if event.action == TRADE or event.order in added:
                yield event
