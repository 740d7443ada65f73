"""Orders that wait for a time or a price, as an independent reader of requests and reports knows
them: nothing may fire before its time, twice, or be forgotten.

Prices are in 1e-10 of the quote asset, times in nanoseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.lab.sim.violation import require
from tidegate.model.time import parse_utc_timestamp

SCHEDULED, UNTRIGGERED, LIVE = "scheduled", "untriggered", "live"
TRIGGER_TYPES = (b"3", b"4", b"R", b"T", b"U", b"V")
TRAILING_TYPES = (b"U", b"V")
TAKE_PROFIT_TYPES = (b"R", b"T")
SELL = b"2"
MONEY_DECIMALS = 10


def units_of(text: bytes, decimals: int) -> int:
    """A plain decimal in units of its last decimal."""
    whole, _, part = text.partition(b".")
    return int(whole + part.ljust(decimals, b"0"))


def amount_of(text: bytes) -> int:
    """A price or an amount of money in 1e-10."""
    return units_of(text, MONEY_DECIMALS)


def _time_of(fields: dict[bytes, bytes], tag: bytes) -> int:
    return parse_utc_timestamp(fields[tag]) if tag in fields else 0


@dataclass(slots=True)
class Wait:
    """What an order waits for. `stop` is StopPx (99); `best` the best reference that a trailing
    order has seen, 0 before the first; `reached` whether its price has come."""

    ord_type: bytes
    sells: bool
    by_index: bool
    effective_ns: int
    expire_ns: int
    stop: int
    stage: str = LIVE
    best: int = 0
    reached: bool = False

    @staticmethod
    def of(request: dict[bytes, bytes]) -> Wait:
        """Of the fields of a NewOrderSingle."""
        return Wait(
            ord_type=request.get(b"40", b""),
            sells=request.get(b"54") == SELL,
            by_index=request.get(b"388") == b"1",
            effective_ns=_time_of(request, b"168"),
            expire_ns=_time_of(request, b"126"),
            stop=amount_of(request[b"99"]) if b"99" in request else 0,
        )

    @property
    def rises(self) -> bool:
        """Whether it fires when the reference has risen far enough."""
        return self.sells == (self.ord_type in TAKE_PROFIT_TYPES)

    def is_past(self, price: int) -> bool:
        """Whether a reference fires it."""
        stop = self.stop
        if self.ord_type in TRAILING_TYPES:
            stop = self.best - self.stop if self.sells else self.best + self.stop
        return price >= stop if self.rises else price <= stop

    def see(self, price: int) -> None:
        """A reference price."""
        if self.stage != UNTRIGGERED or self.reached:
            return
        trailing = self.ord_type in TRAILING_TYPES
        if trailing and self.best == 0:
            self.best = price
        elif self.is_past(price):
            self.reached = True
        elif trailing:
            self.best = max(self.best, price) if self.sells else min(self.best, price)

    def start(self, price: int) -> None:
        """It has become active; `price` is its reference, 0 where there is none."""
        self.stage = UNTRIGGERED if self.ord_type in TRIGGER_TYPES else LIVE
        if price and self.stage == UNTRIGGERED:
            self.see(price)

    def fire(self, price: int, said: str) -> None:
        """A report says that a reference fired it."""
        require(self.stage == UNTRIGGERED, "fired_twice", f"{said}: it is {self.stage}")
        require(self.is_past(price), "fired_early", f"{said}: at {price}, best {self.best}")
        self.stage = LIVE


def check_times(waits: Iterable[tuple[str, Wait, bool]], time_ns: int) -> None:
    """Nothing that was due by `time_ns` is still open; each with its name and whether its market
    trades, without which what is scheduled goes on waiting."""
    for said, wait, trades in waits:
        if wait.expire_ns:
            require(wait.expire_ns > time_ns, "forgotten", f"{said}: it should have expired")
        if wait.stage == SCHEDULED and trades:
            require(wait.effective_ns > time_ns, "forgotten", f"{said}: it should be active")
        if trades:
            require(not wait.reached or wait.stage == LIVE, "forgotten", f"{said}: it is triggered")
