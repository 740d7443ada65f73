"""One instrument's market, and how far its orders may reach in price."""

from __future__ import annotations

from typing import Final

from tidegate.engine.book import OrderBook
from tidegate.engine.order import Order, Trigger
from tidegate.engine.positions import Positions
from tidegate.engine.triggers import Triggers
from tidegate.model.instruments import Instrument
from tidegate.model.market_state import BAND_OF_INSTRUMENT, MarketState
from tidegate.model.orders import BUY, INDEX_PRICE, MARKET, UNTRIGGERED
from tidegate.model.scaled import RATE_UNIT, ceil_div

PRICE_LIMIT: Final = 10**18  # above every price: they have at most 18 digits


class Market:
    """One instrument, its book, its state, the orders that wait for a price, and the count of its
    trades so far. `parked` are scheduled orders whose time has come while nothing could trade;
    `positions` are those of all markets."""

    def __init__(self, instrument: Instrument, positions: Positions) -> None:
        self.positions = positions
        self.instrument = instrument
        self.book = OrderBook()
        self.state = MarketState()
        self.by_trade = Triggers()  # of the last trade
        self.by_index = Triggers()
        self.parked: dict[int, Order] = {}
        self.trade_count = 0


def triggers_of(market: Market, trigger: Trigger) -> Triggers:
    """Where orders with that reference wait."""
    return market.by_index if trigger.reference == INDEX_PRICE else market.by_trade


def stop_waiting(market: Market, order: Order) -> None:
    """An order that is not live is about to end: nothing waits for it any more."""
    trigger = order.trigger
    if order.stage == UNTRIGGERED and trigger is not None:
        triggers_of(market, trigger).remove(order)
    market.parked.pop(order.number, None)


def band_limit(market: Market, side: int) -> int:
    """The worst price at which an order of `side` may trade now: the reference, which is the last
    trade or else the index, plus the price band for a buy and minus it for a sell. Without a band
    or a reference every price is as good."""
    band = market.state.band
    if band == BAND_OF_INSTRUMENT:
        band = market.instrument.band
    reference = 0 if band == 0 else market.state.mark_price
    if reference == 0:
        return PRICE_LIMIT if side == BUY else 0
    if side == BUY:
        return reference * (RATE_UNIT + band) // RATE_UNIT
    return 0 if band >= RATE_UNIT else ceil_div(reference * (RATE_UNIT - band), RATE_UNIT)


def outside_band(market: Market, side: int, price: int) -> bool:
    """Whether a limit price is further than the band on the side on which it would take."""
    limit = band_limit(market, side)
    return price > limit if side == BUY else price < limit


def price_limit(market: Market, order: Order) -> int:
    """The worst price at which the order trades: its own, or for market orders the band's."""
    if order.ord_type != MARKET:
        return order.price
    return band_limit(market, order.side)
