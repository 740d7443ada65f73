"""Assets and instruments, and the Spot pairs that every venue starts with.

Sizes and minimums of the built-in pairs are those of the venue whose dialect this is, as recorded
in the autumn of 2026. A configuration may add pairs and change minimums.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.fees import CRYPTO, FX
from tidegate.model.scaled import (
    LOT_DECIMALS,
    MONEY_DECIMALS,
    POWERS_OF_TEN,
    from_text,
)

SPOT: Final = "spot"  # a market
CASH: Final = b"CASH"  # SecurityType (167) of its pairs


class PublicInstrument:
    """What market data says of something that is traded, in whatever market. Prices are counted in
    `10**-price_decimals`, quantities in lots of `10**-qty_decimals`, `cost_min_money`, the least
    that an order must be worth, in 1e-10 of what it is paid in; 0 is no such bound. `security_type`
    is SecurityType (167). Symbols are those of one market alone."""

    def __init__(
        self,
        *,
        symbol: str,
        market: str,
        security_type: bytes,
        price_decimals: int,
        qty_decimals: int,
        tick_units: int,
        qty_min_lots: int,
        cost_min_money: int,
    ) -> None:
        self.symbol = symbol
        self.symbol_text: bytes = symbol.encode()
        self.market = market
        self.security_type = security_type
        self.price_decimals = price_decimals
        self.qty_decimals = qty_decimals
        self.tick_units = tick_units
        self.qty_min_lots = qty_min_lots
        self.cost_min_money = cost_min_money


class Instrument(PublicInstrument):
    """A Spot pair. Prices are counted in `10**-price_decimals` of the quote asset, quantities in
    lots of 1e-8 of the base asset, `cost_min_money` in 1e-10 of the quote asset. `band` is how far
    a price may be from the reference, in millionths of it, 0 for no bound. `leverage_max` 0 allows
    no margin; the two position limits are 0 for no bound."""

    def __init__(
        self,
        *,
        symbol: str,
        base: str,
        quote: str,
        price_decimals: int,
        tick_units: int,
        qty_min_lots: int,
        cost_min_money: int,
        fee_schedule: str = "",
        band: int = 0,
        leverage_max: int = 0,
        long_max_lots: int = 0,
        short_max_lots: int = 0,
    ) -> None:
        super().__init__(
            symbol=symbol,
            market=SPOT,
            security_type=CASH,
            price_decimals=price_decimals,
            qty_decimals=LOT_DECIMALS,
            tick_units=tick_units,
            qty_min_lots=qty_min_lots,
            cost_min_money=cost_min_money,
        )
        self.base = base
        self.quote = quote
        self.fee_schedule = fee_schedule
        self.band = band
        self.leverage_max = leverage_max
        self.long_max_lots = long_max_lots
        self.short_max_lots = short_max_lots
        # price units x lots -> money: divide by this (DOGE/USD has more decimals than money) ...
        shift = price_decimals + LOT_DECIMALS - MONEY_DECIMALS
        self.money_divisor = POWERS_OF_TEN[shift] if shift > 0 else 1
        # ... or multiply by this (BTC/USD has fewer). One of the two is 1.
        self.money_factor = POWERS_OF_TEN[-shift] if shift < 0 else 1

    def money(self, price: int, lots: int) -> int:
        """The quote money of `lots` at `price`, rounded down to 1e-10."""
        # In this order the products of ordinary sizes stay unboxed integers.
        product = price * self.money_factor * lots
        return product if self.money_divisor == 1 else product // self.money_divisor

    def lots_for(self, price: int, money: int) -> int:
        """The most lots at `price` (above 0) for which `self.money` asks no more than `money`; none
        where one lot, not rounded, costs more. What is left after them does not buy another."""
        unit = price * self.money_factor
        if unit > money * self.money_divisor:
            return 0
        return ((money + 1) * self.money_divisor - 1) // unit

    def save(self, encoder: Encoder) -> None:
        encoder.text(self.symbol)
        encoder.text(self.base)
        encoder.text(self.quote)
        encoder.uint(self.price_decimals)
        encoder.uint(self.tick_units)
        encoder.uint(self.qty_min_lots)
        encoder.uint(self.cost_min_money)
        encoder.text(self.fee_schedule)
        encoder.uint(self.band)
        encoder.uint(self.leverage_max)
        encoder.uint(self.long_max_lots)
        encoder.uint(self.short_max_lots)

    @staticmethod
    def load(decoder: Decoder) -> Instrument:
        return Instrument(
            symbol=decoder.text(),
            base=decoder.text(),
            quote=decoder.text(),
            price_decimals=decoder.uint(),
            tick_units=decoder.uint(),
            qty_min_lots=decoder.uint(),
            cost_min_money=decoder.uint(),
            fee_schedule=decoder.text(),
            band=decoder.uint(),
            leverage_max=decoder.uint(),
            long_max_lots=decoder.uint(),
            short_max_lots=decoder.uint(),
        )


# symbol, price decimals, tick, minimum quantity, minimum cost
BUILT_IN: Final = [
    ("BTC/USD", 1, "0.1", "0.00005", "0.5"),
    ("ETH/USD", 2, "0.01", "0.001", "0.5"),
    ("SOL/USD", 2, "0.01", "0.06", "0.5"),
    ("DOGE/USD", 7, "0.0000001", "50", "0.5"),
    ("ETH/BTC", 6, "0.000001", "0.001", "0.00002"),
    ("BTC/USDT", 1, "0.1", "0.00005", "0.5"),
    ("ETH/USDT", 2, "0.01", "0.001", "0.5"),
    ("BTC/EUR", 1, "0.1", "0.00005", "0.45"),
    ("ETH/EUR", 2, "0.01", "0.001", "0.45"),
    ("EUR/USD", 5, "0.00001", "0.5", "0.5"),
    ("USDT/USD", 5, "0.00001", "5", "0.5"),
    ("USDC/USD", 4, "0.0001", "5", "0.5"),
    ("XRP/USD", 5, "0.00001", "2", "0.5"),
    ("ADA/USD", 6, "0.000001", "6", "0.5"),
    ("LTC/USD", 2, "0.01", "0.05", "0.5"),
]

# Of pairs that may be traded on margin: the highest leverage, and the largest long and short
# position of an account in the base asset.
BUILT_IN_MARGIN: Final = {
    "BTC/USD": (10, "350", "250"),
    "SOL/USD": (10, "37000", "24000"),
    "DOGE/USD": (10, "30000000", "30000000"),
    "ETH/BTC": (5, "1000", "800"),
}

# Base assets whose pairs go by the fee schedule for currencies.
CURRENCIES: Final = ("EUR", "USDT", "USDC")

# Older spellings that orders may use; reports echo what the order was entered with.
ASSET_ALIASES: Final = {"XBT": "BTC", "XDG": "DOGE"}


def symbol_aliases(instrument: Instrument) -> list[str]:
    """Other spellings of an instrument's symbol: `XBT/USD` for `BTC/USD`."""
    names = [instrument.symbol]
    for alias, asset in ASSET_ALIASES.items():
        base = alias if instrument.base == asset else instrument.base
        quote = alias if instrument.quote == asset else instrument.quote
        name = f"{base}/{quote}"
        if name not in names:
            names.append(name)
    return names[1:]


def make_instrument(
    symbol: str,
    price_decimals: int,
    tick: str,
    qty_min: str,
    cost_min: str,
    *,
    fee_schedule: str = "",
    band: int = 0,
    leverage_max: int = 0,
    long_max: str = "0",
    short_max: str = "0",
) -> Instrument:
    """An instrument from plain decimal texts. Raises `ValueError` naming the text at fault."""
    base, _, quote = symbol.partition("/")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        price_decimals=price_decimals,
        tick_units=from_text(tick, price_decimals),
        qty_min_lots=from_text(qty_min, LOT_DECIMALS),
        cost_min_money=from_text(cost_min, MONEY_DECIMALS),
        fee_schedule=fee_schedule,
        band=band,
        leverage_max=leverage_max,
        long_max_lots=from_text(long_max, LOT_DECIMALS),
        short_max_lots=from_text(short_max, LOT_DECIMALS),
    )


def built_in_fee_schedule(symbol: str) -> str:
    """The fee schedule of a pair where nothing else is said: by its base asset."""
    return FX if symbol.partition("/")[0] in CURRENCIES else CRYPTO


def built_in_instruments() -> list[Instrument]:
    instruments: list[Instrument] = []
    for row in BUILT_IN:
        leverage_max, long_max, short_max = BUILT_IN_MARGIN.get(row[0], (0, "0", "0"))
        instruments.append(
            make_instrument(
                *row,
                fee_schedule=built_in_fee_schedule(row[0]),
                leverage_max=leverage_max,
                long_max=long_max,
                short_max=short_max,
            )
        )
    return instruments
