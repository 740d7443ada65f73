"""A day's real order flow as orders of BTC/USD.

The tape holds events of an index future: adds, cancels and modifies of resting orders, fills (F) of
resting orders and trades (T) of aggressive ones. Here:

    A    a limit order that rests, good till canceled
    C    a cancel of it
    M    an amend: the size is what is left to trade, so the new total is that and the fills
    T    an immediate-or-cancel order of the aggressor, at that price and size
    F    what a trade did to a resting order: an outcome, so it is not played

Prices are ten times the future's (4800.25 becomes 48002.5, a multiple of the tick of 0.1), one
contract is 0.001 BTC.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tidegate.client import Side

SYMBOL = "BTC/USD"
QTY_UNIT = Decimal("0.001")

_SNAPSHOT_FLAGS = "40"
_NEAR = (Decimal(4790), Decimal(4812))  # around the touch, in the future's prices


class TapeEvent(NamedTuple):
    """`action` is A, C, M or T; price in USD, quantity in BTC."""

    action: str
    side: Side
    price: Decimal
    qty: Decimal
    order: int


def tape_path() -> Path:
    """Where the recorded day lies, beside the repository; it may be absent."""
    root = Path(__file__).resolve().parent.parent.parent
    return root.parent / "shared" / "data" / "es-mbo-20231225.csv.gz"


def read_tape(path: Path, *, thinned: bool) -> Iterator[TapeEvent]:
    """The events to play, in order. `thinned` leaves out those orders of the opening book that are
    far from the touch, so that a short run reaches the trading."""
    known: set[int] = set()
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            action = row["action"]
            if action == "F" or row["side"] == "N":
                continue
            order = int(row["order_id"])
            price = Decimal(row["price"])
            if action == "A":
                is_far = not _NEAR[0] <= price <= _NEAR[1]
                if thinned and row["flags"] == _SNAPSHOT_FLAGS and is_far:
                    continue
                known.add(order)
            elif action in ("C", "M") and order not in known:
                continue
            # The side of a trade is the aggressor's.
            side = Side.BUY if row["side"] == "B" else Side.SELL
            yield TapeEvent(action, side, price * 10, int(row["size"]) * QTY_UNIT, order)
