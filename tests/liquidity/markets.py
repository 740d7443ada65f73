"""A market to plan for."""

from __future__ import annotations

from typing import Any

from tidegate.config.liquidity import MarketMaking, market_making
from tidegate.config.schema import LiquidityMarketTable
from tidegate.model.instruments import built_in_instruments

# The head of a file whose markets follow.
MAKER_ALONE = """
[liquidity]
enabled = true
main_pairs = false
"""
BTC = next(one for one in built_in_instruments() if one.symbol == "BTC/USD")


def market(profile: Any = "thin", **more: Any) -> MarketMaking:
    """BTC/USD around 84000 with 0.25 at a level."""
    given: dict[str, Any] = {"symbol": "BTC/USD", "price": "84000", "size": "0.25", **more}
    return market_making(LiquidityMarketTable(profile=profile, **given), BTC)
