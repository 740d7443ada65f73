"""What an operator and trading set of a pair while the venue runs: one object, known to order entry
and to the engine."""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.rejects import (
    MARKET_CANCEL_ONLY,
    MARKET_LIMIT_ONLY,
    MARKET_MAINTENANCE,
    MARKET_POST_ONLY,
    MARKET_REDUCE_ONLY,
    VENUE_HALTED,
    Rule,
)

# Market status
ONLINE: Final = 0
CANCEL_ONLY: Final = 1
POST_ONLY: Final = 2
LIMIT_ONLY: Final = 3
REDUCE_ONLY: Final = 4
MAINTENANCE: Final = 5  # from here on nothing but a cancel can happen
HIDDEN: Final = 6
DELISTED: Final = 7

STATUS_NAMES: Final = {
    ONLINE: "online",
    CANCEL_ONLY: "cancel_only",
    POST_ONLY: "post_only",
    LIMIT_ONLY: "limit_only",
    REDUCE_ONLY: "reduce_only",
    MAINTENANCE: "maintenance",
    HIDDEN: "hidden",
    DELISTED: "delisted",
}

BAND_OF_INSTRUMENT: Final = -1  # no operator has set another
BAND_MAX: Final = 10_000_000  # ten times the reference


class MarketState:
    """Prices are in the instrument's price units, 0 where there is none yet. `band` is in
    millionths of the reference, 0 for none, or `BAND_OF_INSTRUMENT`. `halted` is the venue's, on
    every pair."""

    def __init__(self) -> None:
        self.status = ONLINE
        self.halted = False
        self.band = BAND_OF_INSTRUMENT
        self.index_price = 0
        self.last_price = 0

    @property
    def trades(self) -> bool:
        """Whether anything but a cancel can happen."""
        return not self.halted and self.status != CANCEL_ONLY and self.status < MAINTENANCE

    @property
    def mark_price(self) -> int:
        """The last trade, or the index where there was none; 0 without either."""
        return self.last_price if self.last_price else self.index_price

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.status)
        encoder.flag(value=self.halted)
        encoder.sint(self.band)
        encoder.uint(self.index_price)
        encoder.uint(self.last_price)

    def load(self, decoder: Decoder) -> None:
        self.status = decoder.uint()
        self.halted = decoder.flag()
        self.band = decoder.sint()
        self.index_price = decoder.uint()
        self.last_price = decoder.uint()


def status_rule(
    state: MarketState, *, limit: bool, post_only: bool, reduce_only: bool
) -> Rule | None:
    """Why the pair's status does not take an order that comes, is amended or released; `None`
    where it does. `limit` is true of plain limit orders (OrdType 2) alone, `post_only` and
    `reduce_only` of those that say so."""
    if state.halted:
        return VENUE_HALTED
    status = state.status
    if status == ONLINE:
        return None
    if status >= MAINTENANCE:
        return MARKET_MAINTENANCE
    if status == CANCEL_ONLY:
        return MARKET_CANCEL_ONLY
    if status == POST_ONLY:
        return None if limit and post_only else MARKET_POST_ONLY
    if status == LIMIT_ONLY:
        return None if limit else MARKET_LIMIT_ONLY
    return None if reduce_only else MARKET_REDUCE_ONLY
