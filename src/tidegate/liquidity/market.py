"""A market being made: where its walk is, when it goes on, what the venue does not take of it."""

from __future__ import annotations

from typing import Final

import structlog

from tidegate.client import Side
from tidegate.config.liquidity import MarketMaking
from tidegate.liquidity.plan import Band, Reference, advanced, first_reference, within
from tidegate.model.rejects import PRICE_BAND
from tidegate.model.time import NS_PER_MS, NS_PER_S

REFUSED_S: Final = 5.0  # of the steps' clock, that a side which was refused is left alone

_log = structlog.get_logger("tidegate.liquidity")


class Market:
    """A market being made: its settings, and where its walk is. A side that the venue does not take
    (no money, no status for it) is left alone for a while, so that neither the journal nor the line
    fills with refusals."""

    def __init__(self, settings: MarketMaking, now_ns: int) -> None:
        self.settings = settings
        self.reference: Reference = first_reference(settings)
        self.around = self.reference  # which quotes stand, where the band keeps them from the other
        self.asks_band = True  # before the next step
        self.due_ns = now_ns
        self.refused = ""  # why, until the venue takes a quote again
        self.taker_refused = ""
        self._rests_until_ns: dict[Side, int] = {}

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time for a step."""
        return self.due_ns <= now_ns and not self.settings.paused

    def advance(self, seed: int, now_ns: int) -> None:
        """Make a step of the walk. Steps that were missed, because the clock was moved say, are not
        made up for."""
        self.reference = advanced(self.settings, seed, self.reference)
        self.due_ns = now_ns + self.settings.interval_ms * NS_PER_MS

    def hold(self, band: Band | None) -> None:
        """Quote as near to the reference as the band lets. While it holds the market back each step
        looks at it again: trades take it along. None is no band, or one that is far away."""
        self.around = (
            self.reference if band is None else within(self.settings, self.reference, band)
        )
        self.asks_band = self.around != self.reference

    def refuse(self, side: Side, reason: str, now_ns: int) -> None:
        """The venue does not take that side: it rests. Each reason is told once."""
        self._rests_until_ns[side] = now_ns + int(REFUSED_S * NS_PER_S)
        self._hear(reason)
        if reason != self.refused:
            self.refused = reason
            symbol = self.settings.symbol
            _log.warning("quote_refused", symbol=symbol, side=side.name.lower(), reason=reason)

    def answer_taker(self, reason: str) -> None:
        """Why the venue has refused the taker's order; empty where it has not."""
        self.taker_refused = reason
        self._hear(reason)

    def accept(self, side: Side) -> None:
        """The venue takes quotes of that side."""
        self._rests_until_ns.pop(side, None)
        if not self._rests_until_ns:
            self.refused = ""

    def rests(self, side: Side, now_ns: int) -> bool:
        """Whether nothing is to be sent for that side now."""
        return now_ns < self._rests_until_ns.get(side, 0)

    def try_again(self) -> None:
        """An operator has changed something: leave nothing alone."""
        self._rests_until_ns.clear()
        self.refused = ""
        self.asks_band = True

    def _hear(self, reason: str) -> None:
        if reason == PRICE_BAND.text.decode():
            self.asks_band = True
