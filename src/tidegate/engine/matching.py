"""Matching: price-time priority, trades at the resting price, self-trade prevention.

What a match does to orders and books stands here: it closes what is filled and tells each step as
an event. Its money is in `settlement`; acceptance, amends and cancels are in `spot`.
"""

from __future__ import annotations

from tidegate.engine.events import Event, canceled_event, expired_event, replaced_event, trade_event
from tidegate.engine.holds import fee_asset, held_asset
from tidegate.engine.ledger import Ledger
from tidegate.engine.margin import Margin
from tidegate.engine.market import Market, price_limit
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order
from tidegate.engine.settlement import Settlement, SideMoney
from tidegate.model.orders import (
    MAKER,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
    TAKER,
)
from tidegate.model.rejects import CANCELED_POSITION_CLOSED, CANCELED_SELF_TRADE


class Matcher:
    """Matches orders against books. `events` collects what happened until it is taken, `fired` the
    orders that trades have triggered until they are released."""

    def __init__(self, ledger: Ledger, open_orders: OpenOrders, margin: Margin) -> None:
        self._ledger = ledger
        self._margin = margin
        self._settlement = Settlement(ledger, margin)
        self._open_orders = open_orders
        self.events: list[Event] = []
        self.fired: list[Order] = []
        self.next_trade_number = 1

    def match(self, market: Market, order: Order, now_ns: int) -> bool:
        """Trades an order that does not rest against the book. True where a remainder lives on;
        the caller lets it rest or closes it. False where the order is filled or, by self-trade
        prevention, canceled; then nothing is left to do.

        The incoming order's mode decides about orders of the same group: cancel the newest (its
        own remainder), the oldest (the resting one), or both, the resting one first. Fills against
        others before that stand.

        A reduce-only order trades no more than there was to close when it came: what it closes with
        an order of its own account, that one opens again.
        """
        book = market.book
        limit = price_limit(market, order)
        beyond = 0  # lots that it must not trade
        if order.reduce_only:
            beyond = max(0, order.leaves_lots - self._margin.closable(order))
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
            if order.leaves_lots == beyond:
                self.close(market, order, now_ns, CANCELED_POSITION_CLOSED)
                return False
            if maker.reduce_only and self._margin.closable(maker) == 0:
                self.close(market, maker, now_ns, CANCELED_POSITION_CLOSED)
                continue
            self._trade(market, order, maker, order.leaves_lots - beyond, now_ns)
        if order.is_open:  # it was amended, or has waited
            self._open_orders.remove(order)
        return False

    def close(self, market: Market, order: Order, now_ns: int, text: bytes) -> None:
        """Ends an order, resting or not: frees its hold and tells it is canceled. What is filled
        stays filled."""
        self._end(market, order)
        self.events.append(canceled_event(order, now_ns, text))

    def expire(self, market: Market, order: Order, now_ns: int, text: bytes) -> None:
        """Ends an order as `close` does, because its time is over."""
        self._end(market, order)
        self.events.append(expired_event(order, now_ns, text))

    def _end(self, market: Market, order: Order) -> None:
        if order.margin:
            self._margin.release(order)  # while it rests: that tells whether others stand behind it
        elif order.held_money != 0:
            self._ledger.release(order.account, held_asset(order), order.held_money)
            order.held_money = 0
        if order.resting:
            market.book.remove(order)
        if order.is_open:
            self._open_orders.remove(order)

    def cut(self, market: Market, order: Order, lots: int, now_ns: int) -> None:
        """Makes a resting order smaller by so much, which is less than its leaves. Event:
        Replaced."""
        market.book.reduce(order, lots)
        order.qty_lots -= lots
        order.amended = True
        self.events.append(replaced_event(order, now_ns))

    def fill_by_house(self, market: Market, maker: Order, lots: int, now_ns: int) -> None:
        """A fill of a resting order at its price, whatever its place in the book. The other side is
        the house. Of an iceberg it takes what is shown, then of what is hidden."""
        shown = maker.leaves_lots - maker.hidden_lots
        if lots > shown:
            market.book.uncover(maker, lots - shown)
        number = self._count_trade(market)
        money = market.instrument.money(maker.price, lots)
        self._settlement.by_house(number, maker, lots, money)
        self._fill_maker(market, maker, maker.price, lots, money, now_ns)

    def _trade(self, market: Market, taker: Order, maker: Order, wanted: int, now_ns: int) -> None:
        """One match, of `wanted` lots at most: the maker's side first, then the taker's."""
        lots = min(wanted, maker.leaves_lots - maker.hidden_lots)
        if maker.reduce_only:
            lots = min(lots, self._margin.closable(maker))
        price = maker.price
        number = self._count_trade(market)
        market.state.last_price = price
        money = market.instrument.money(price, lots)
        self._settlement.trade(number, maker, taker, lots, money)
        self._fill_maker(market, maker, price, lots, money, now_ns)
        self._fill(market, taker, self._settlement.taker, TAKER, price, lots, money, now_ns)
        if market.by_trade.count:
            market.by_trade.see(price, self.fired)

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
        market.book.take(maker, lots)
        self._fill(market, maker, self._settlement.maker, MAKER, price, lots, money, now_ns)
        if maker.leaves_lots == maker.hidden_lots:  # nothing that it showed is left
            market.book.remove(maker)
            if maker.hidden_lots == 0:
                self._open_orders.remove(maker)
            else:
                market.book.add(maker, now_ns)

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
