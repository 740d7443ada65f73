"""The internal market maker as configured: profiles, the main pairs, and a market's numbers.

A market's table says what differs from its profile; `market_making` puts both together in the units
of the instrument. The same is done with what an operator sets while the venue runs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from msgspec import Struct

from tidegate.config import convert
from tidegate.config.schema import LiquidityMarketTable
from tidegate.model.instruments import Instrument
from tidegate.model.scaled import LOT_DECIMALS, ceil_div, to_text

LIQUIDITY_FIRM: Final = "LIQUIDITY"
MAKER: Final = "LIQUIDITY-MAKER"  # SenderCompID and account
TAKER: Final = "LIQUIDITY-TAKER"
TAPE_FIRM: Final = "TAPE"
TAPE: Final = "TAPE"
TAPE_TAKER: Final = "TAPE-TAKER"

_BALANCE: Final = "1000000000000"  # of each asset and account: a market does not run dry
_PPM: Final = 1_000_000
_WALK_BOUND: Final = 2  # a walk stays between half and double its price
_MS_PER_MINUTE: Final = 60_000

# What only matters where there are quotes or trades
_OF_QUOTES: Final = ("levels", "size", "spread_percent", "trades_per_minute")

MARKETS_MAX: Final = 64  # all of them go to the maker's process, and come from it, in one line

# Pairs that live without being told, with the price their walk begins at and the size at a level
MAIN_PAIRS: Final = {
    "BTC/USD": ("84000", "0.25"),
    "ETH/USD": ("2800", "6"),
    "SOL/USD": ("130", "120"),
    "BTC/USDT": ("84000", "0.25"),
    "ETH/BTC": ("0.03333", "6"),
}


class Profile(NamedTuple):
    """What a market is like that says nothing else. Distances are in millionths of the price: the
    whole spread, from level to level, and a usual step of the walk."""

    levels: int
    spread_ppm: int
    gap_ppm: int
    step_ppm: int
    interval_ms: int
    trades_per_minute: int
    size_spread_percent: int  # how far a level's size may be from the configured one


PROFILES: Final = {
    "empty": Profile(0, 500, 200, 50, 1_000, 0, 0),
    "thin": Profile(5, 500, 200, 50, 1_000, 6, 50),
    "deep": Profile(25, 100, 50, 20, 1_000, 30, 50),
    "one-sided": Profile(10, 500, 200, 50, 1_000, 6, 50),
    "volatile": Profile(8, 1_000, 300, 600, 250, 60, 90),
}


class MarketMaking(Struct, frozen=True, kw_only=True):
    """One market's part. Prices are in units of the instrument's last decimal, quantities in lots.

    `gap_units` lies between two levels, a whole number of ticks; `spread_units` between the best
    bid and the best ask at least. `side` is `buy` or `sell` where the profile is one-sided, else
    empty. `lots_min` is the smallest order that the market takes anywhere the walk can get to.
    """

    symbol: str
    profile: str
    price_decimals: int
    tick_units: int
    lots_min: int
    price: int
    walks: bool
    step_ppm: int
    interval_ms: int
    levels: int
    gap_units: int
    spread_units: int
    lots: int
    size_spread_percent: int
    side: str
    trades_per_minute: int
    paused: bool = False


class LiquiditySettings(Struct, frozen=True, kw_only=True):
    """All markets and what they share: the seed of everything that is drawn, and how many messages
    a second the maker sends at most. With another `epoch` every market begins anew."""

    seed: int
    messages_per_second: int
    markets: tuple[MarketMaking, ...]
    epoch: int = 0


def main_table(symbol: str) -> LiquidityMarketTable:
    """The table of a main pair."""
    price, size = MAIN_PAIRS[symbol]
    return LiquidityMarketTable(symbol=symbol, price=price, size=size)


def refuse_idle_options(table: LiquidityMarketTable) -> None:
    """Raises `ValueError`, whose text is `KEY RULE`, for an option that does nothing with the
    profile."""
    if table.side is not None and table.profile != "one-sided":
        raise ValueError('side goes with profile = "one-sided" alone')
    if table.profile == "empty":
        for name in _OF_QUOTES:
            if getattr(table, name) is not None:
                raise ValueError(f'{name} does nothing with profile = "empty"')


def market_making(table: LiquidityMarketTable, instrument: Instrument) -> MarketMaking:
    """Raises `ValueError`, whose text is `KEY RULE`, for a number that does not fit. Of a table
    that `refuse_idle_options` has passed, or with the size that the market had before."""
    profile = PROFILES[table.profile]
    price = _tick_price(table.price, instrument)
    lots_min = smallest_lots(instrument, max(price // _WALK_BOUND, 1))
    lots = lots_min * 100 if table.size is None else _read("size", table.size, convert.lots)
    spread_ppm = _ppm("spread_percent", table.spread_percent, profile.spread_ppm)
    spread_percent = profile.size_spread_percent
    if lots * (100 - spread_percent) < lots_min * 100:
        least = to_text(ceil_div(lots_min * 100, 100 - spread_percent), LOT_DECIMALS)
        raise ValueError(
            f"size must be at least {least}, so that the smallest order of the profile "
            f"{table.profile} meets the instrument's minimums, not {table.size}"
        )
    tick = instrument.tick_units
    interval_ms = _said(table.interval_ms, profile.interval_ms)
    return MarketMaking(
        symbol=instrument.symbol,
        profile=table.profile,
        price_decimals=instrument.price_decimals,
        tick_units=tick,
        lots_min=lots_min,
        price=price,
        walks=table.walk == "random",
        step_ppm=_ppm("step_percent", table.step_percent, profile.step_ppm),
        interval_ms=interval_ms,
        levels=_said(table.levels, profile.levels),
        gap_units=max(price * profile.gap_ppm // _PPM // tick, 1) * tick,
        spread_units=max(price * spread_ppm // _PPM // tick, 1) * tick,
        lots=lots,
        size_spread_percent=spread_percent,
        side=(table.side or "buy") if table.profile == "one-sided" else "",
        trades_per_minute=_trades_per_minute(table, interval_ms),
    )


def smallest_lots(instrument: Instrument, price: int) -> int:
    """The smallest quantity that meets both minimums of the instrument at that price."""
    unit = price * instrument.money_factor
    for_cost = ceil_div(instrument.cost_min_money * instrument.money_divisor, unit)
    return max(instrument.qty_min_lots, for_cost, 1)


def liquidity_firms(assets: set[str], *, uat: bool) -> list[dict[str, Any]]:
    """The firm of the maker and the taker, as a parsed file has it, and in the uat profile one for
    tapes. Two accounts each, so that self-trade prevention keeps them from nothing."""
    firms = [_firm(LIQUIDITY_FIRM, (MAKER, TAKER), assets)]
    if uat:
        firms.append(_firm(TAPE_FIRM, (TAPE, TAPE_TAKER), assets))
    return firms


def _firm(name: str, members: tuple[str, str], assets: set[str]) -> dict[str, Any]:
    balances = dict.fromkeys(sorted(assets), _BALANCE)
    return {
        "name": name,
        "account": [
            {
                "id": member,
                "balances": dict(balances),
                "rate_tier": "none",
                "maker_percent": "0",
                "taker_percent": "0",
            }
            for member in members
        ],
        "session": [
            {
                "sender_comp_id": member,
                "account": member,
                "networks": ["127.0.0.0/8", "::1/128"],
                "errors_per_second_max": 1_000_000,
            }
            for member in members
        ],
    }


def _tick_price(text: str | None, instrument: Instrument) -> int:
    if text is None:
        raise ValueError(f"price is missing, and {instrument.symbol} is none of the main pairs")
    price: int = _read(
        "price", text, lambda value: convert.decimal(value, instrument.price_decimals)
    )
    if price == 0:
        raise ValueError("price must be above 0")
    if price % instrument.tick_units:
        tick = to_text(instrument.tick_units, instrument.price_decimals)
        raise ValueError(f"price must be a multiple of {instrument.symbol}'s tick {tick}")
    return price


def _ppm(name: str, text: str | None, otherwise: int) -> int:
    """A percentage in millionths of the price, above 0."""
    if text is None:
        return otherwise
    ppm: int = _read(name, text, convert.rate)
    if not 0 < ppm <= _PPM // 2:
        raise ValueError(f"{name} must be above 0 and at most 50 percent, not {text}")
    return ppm


def _read(name: str, text: str, reader: Any) -> Any:
    try:
        return reader(text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _trades_per_minute(table: LiquidityMarketTable, interval_ms: int) -> int:
    """The taker has one order a step at most. A profile has what it can of its own number."""
    most = _MS_PER_MINUTE // interval_ms
    if table.trades_per_minute is None:
        return min(PROFILES[table.profile].trades_per_minute, most)
    if table.trades_per_minute > most:
        raise ValueError(
            f"trades_per_minute must be at most 60000 / interval_ms, which is {most}, not "
            f"{table.trades_per_minute}"
        )
    return table.trades_per_minute


def _said(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def price_text(market: MarketMaking, price: int) -> str:
    """A price of the market as a plain decimal."""
    return to_text(price, market.price_decimals)


def lots_text(lots: int) -> str:
    """A quantity as a plain decimal."""
    return to_text(lots, LOT_DECIMALS)
