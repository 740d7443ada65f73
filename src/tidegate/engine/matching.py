"""Matching: price-time priority, trades at the resting price, self-trade prevention.

What a match does to orders and books stands here: it closes what is filled and tells each step as
an event. Its money is in `settlement`; acceptance, amends and cancels are in `spot`.
"""

from __future__ import annotations

from typing import Final

from tidegate.engine.book import OrderBook
from tidegate.engine.events import Event, canceled_event, trade_event
from tidegate.engine.holds import fee_asset, fee_is_on_top, fee_money, held_asset
from tidegate.engine.ledger import Ledger
from tidegate.engine.margin import Margin, Walk
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order
from tidegate.engine.settlement import Settlement, SideMoney
from tidegate.model.instruments import Instrument
from tidegate.model.market_state import MarketState
from tidegate.model.orders import (
    BUY,
    MAKER,
    MARKET,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
    TAKER,
)
from tidegate.model.rejects import CANCELED_POSITION_CLOSED, CANCELED_SELF_TRADE

COST_LIMIT: Final = 10**60  # above every cost: for a walk that is about lots alone
PRICE_LIMIT: Final = 10**18  # above every price: they have at most 18 digits


class Market:
    """One instrument, its book, its state, and the count of its trades so far."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book = OrderBook()
        self.state = MarketState()
        self.trade_count = 0


class Reach:
    """What an order would do on arrival: how many lots it would fill, and what they would cost a
    buyer, with the fee if it is on top, in 1e-10 of the quote asset."""

    def __init__(self, filled_lots: int, cost_money: int) -> None:
        self.filled_lots = filled_lots
        self.cost_money = cost_money


def price_limit(order: Order) -> int:
    """The worst price at which the order trades: its own, or none for market orders."""
    if order.ord_type != MARKET:
        return order.price
    return PRICE_LIMIT if order.side == BUY else 0


def reach(market: Market, order: Order, cost_max: int, walk: Walk, limit: int, wanted: int) -> Reach:
    """Walks the book as `Matcher.match` would, to the lot and to the last unit of money, and
    changes nothing. It goes no further once the cost is above `cost_max`: whoever can not pay
    does not make the venue look through a whole book."""
    opposite = market.book.opposite(order.side)
    leaves = wanted
    rate = order.taker_rate if fee_is_on_top(order) else 0
    cost = 0
    for level in opposite:
        if not opposite.within(level.price, limit):
            break
        for maker in level:
            if maker.stp_group == order.stp_group:
                if order.stp_mode == STP_CANCEL_OLDEST:
                    continue
                return Reach(leaves - wanted, cost)
            lots = min(wanted, maker.leaves_lots)
            if maker.margin or order.margin:
                lots = walk.lots(order, maker, lots)
                if lots == 0:
                    continue
            money = market.instrument.money(level.price, lots)
            cost += money + fee_money(money, rate)
            wanted -= lots
            if maker.margin or order.margin:
                walk.trade(order, maker, lots, money)
            if wanted == 0 or cost > cost_max:
                return Reach(leaves - wanted, cost)
    return Reach(leaves - wanted, cost)


class Matcher:
    """Matches orders against books. `events` collects what happened until it is taken."""

    def __init__(self, ledger: Ledger, open_orders: OpenOrders, margin: Margin) -> None:
        self._ledger = ledger
        self.margin = margin
        self._settlement = Settlement(ledger, margin)
        self._open_orders = open_orders
        self.events: list[Event] = []
        self.next_trade_number = 1

    def match(self, market: Market, order: Order, now_ns: int) -> bool:
        """Trades an order that does not rest against the book. True where a remainder lives on;
        the caller lets it rest or closes it. False where the order is filled or, by self-trade
        prevention, canceled; then nothing is left to do.

        The incoming order's mode decides about orders of the same group: cancel the newest (its
        own remainder), the oldest (the resting one), or both, the resting one first. Fills against
        others before that stand.
        """
        book = market.book
        limit = price_limit(order)
        while order.leaves_lots > 0:
            maker = book.first_match(order.side, limit)
            if maker is None:
                return True
            if maker.stp_group == order.stp_group:
                if order.stp_mode != STP_CANCEL_NEWEST:
                    self.close(market, maker, now_ns, CANCELED_SELF_TRADE)
                if order.stp_mode != STP_CANCEL_OLDEST:
                    self.close(market, order, now_ns, CANCELED_SELF_TRADE)
                    return False
                continue
            if order.reduce_only and self.margin.closable(order) == 0:
                self.close(market, order, now_ns, CANCELED_POSITION_CLOSED)
                return False
            if maker.reduce_only and self.margin.closable(maker) == 0:
                self.close(market, maker, now_ns, CANCELED_POSITION_CLOSED)
                continue
            self._trade(market, order, maker, now_ns)
        if self._open_orders.get(order.number) is not None:  # an amended order
            self._open_orders.remove(order)
        return False

    def close(self, market: Market, order: Order, now_ns: int, text: bytes) -> None:
        """Ends an order, resting or not: frees its hold and tells it is canceled. What is filled
        stays filled."""
        if order.resting:
            market.book.remove(order)
        if self._open_orders.get(order.number) is not None:
            self._open_orders.remove(order)
        if order.margin:
            self.margin.release(order)
        elif order.held_money != 0:
            self._ledger.release(order.account, held_asset(order), order.held_money)
            order.held_money = 0
        self.events.append(canceled_event(order, now_ns, text))

    def cut(self, market: Market, order: Order, lots: int) -> None:
        """Makes a resting order smaller by so much, which is less than its leaves."""
        market.book.reduce(order, lots)
        order.qty_lots -= lots

    def fill_by_house(self, market: Market, maker: Order, lots: int, now_ns: int) -> None:
        """A fill of a resting order at its price, whatever its place in the book. The other side is
        the house."""
        number = self._count_trade(market)
        money = market.instrument.money(maker.price, lots)
        self._settlement.by_house(number, maker, lots, money)
        self._fill_maker(market, maker, maker.price, lots, money, now_ns)

    def _trade(self, market: Market, taker: Order, maker: Order, now_ns: int) -> None:
        """One match: the maker's side first, then the taker's."""
        lots = min(taker.leaves_lots, maker.leaves_lots)
        if maker.reduce_only:
            lots = min(lots, self.margin.closable(maker))
        if taker.reduce_only:
            lots = min(lots, self.margin.closable(taker))
        price = maker.price
        number = self._count_trade(market)
        market.state.last_price = price
        money = market.instrument.money(price, lots)
        self._settlement.trade(number, maker, taker, lots, money)
        self._fill_maker(market, maker, price, lots, money, now_ns)
        self._fill(market, taker, self._settlement.taker, TAKER, price, lots, money, now_ns)

    def _count_trade(self, market: Market) -> int:
        """The number of the next trade."""
        number = self.next_trade_number
        self.next_trade_number = number + 1
        market.trade_count += 1
        return number

    def _fill_maker(
        self, market: Market, maker: Order, price: int, lots: int, money: int, now_ns: int
    ) -> None:
        """The resting side of a match: the fill, and what is left of the order in the book."""
        market.book.reduce(maker, lots)
        self._fill(market, maker, self._settlement.maker, MAKER, price, lots, money, now_ns)
        if maker.leaves_lots == 0:
            market.book.remove(maker)
            self._open_orders.remove(maker)

    def _fill(
        self,
        market: Market,
        order: Order,
        side: SideMoney,
        liquidity: int,
        price: int,
        lots: int,
        money: int,
        now_ns: int,
    ) -> None:
        """Tells one side of the trade that was counted last, and settled as `side`."""
        order.cum_lots += lots
        order.value += price * lots
        order.amended = False  # a fill takes OrdStatus (39) from 5 back to 1 or 2
        event = trade_event(order, now_ns)
        event.last_price = price
        event.last_lots = lots
        event.last_money = money
        event.last_fee_money = side.fee
        event.fee_asset = fee_asset(order)
        event.liquidity = liquidity
        event.trade_number = self.next_trade_number - 1
        event.pair_trade_number = market.trade_count
        self.events.append(event)
