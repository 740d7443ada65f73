"""How far the venue's price bands let a market go: asked of the venue, as an operator would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tidegate.config.liquidity import MarketMaking
from tidegate.control.client import VenueUnreachable, ask
from tidegate.control.protocol import ControlError
from tidegate.liquidity.plan import Band

ANSWER_S: Final = 1.0

BandOf = Callable[[MarketMaking], Awaitable[Band | None]]


def bands_of(data: Path) -> BandOf:
    """What asks the venue of that data directory. It knows of no band where it gets no answer."""

    async def band_of(market: MarketMaking) -> Band | None:
        try:
            rows = await asyncio.to_thread(ask, data, "markets", None, ANSWER_S)
        except (VenueUnreachable, ControlError, TimeoutError):
            return None
        return band_in(rows, market)

    return band_of


def band_in(rows: list[dict[str, Any]], market: MarketMaking) -> Band | None:
    """The market's band in the answer of the command `markets`; None where it has none."""
    (row,) = [one for one in rows if one["symbol"] == market.symbol]
    reference = row["last_price"] or row["index_price"]
    if row["band_percent"] is None or reference is None:
        return None
    price = int(Decimal(reference).scaleb(market.price_decimals))
    distance = int(price * Decimal(row["band_percent"]) / 100)
    return Band(price - distance, price + distance)
