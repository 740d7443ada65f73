"""The Spot engine: layer 3 of the checks, and the state of all trading.

An operation returns a `Rule` where it is refused, and then nothing has changed; otherwise it
returns and its events wait in `take_events`. Times come with each call, in nanoseconds; prices are
in the instrument's price units, quantities in lots, money in 1e-10 of its asset.
"""

from __future__ import annotations

from tidegate.engine.arrival import plan_arrival
from tidegate.engine.book import BookSide, OrderBook
from tidegate.engine.events import Event, new_event, replaced_event
from tidegate.engine.holds import held_asset, order_hold
from tidegate.engine.ledger import Ledger
from tidegate.engine.market import Market, outside_band
from tidegate.engine.matching import Matcher
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order
from tidegate.model.codec import CodecError, Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.market_state import MarketState
from tidegate.model.orders import FOK, GTC, LIMIT, MARKET
from tidegate.model.rejects import (
    AMEND_QUOTE_QTY,
    CANCELED_BY_AMEND,
    CANCELED_FOK,
    CANCELED_IOC,
    CANCELED_NO_LIQUIDITY,
    CL_ORD_ID_IN_USE,
    INSUFFICIENT_FUNDS,
    POST_ONLY,
    PRICE_BAND,
    Rule,
)


class SpotEngine:
    """All Spot markets, their open orders and the ledger.

    The checks of layer 3 run in this order: balance, price band, post-only, self-trade (while
    matching). The caller has done layer 2: instrument, precision, minimums. One rule of layer 2 is
    asked here too, because only the engine sees the account's orders of every session: no two open
    orders of an account share a ClOrdID (11).
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.next_order_number = 1  # of the order that is accepted next
        self._markets: dict[str, Market] = {}
        self._open_orders = OpenOrders()
        self._matcher = Matcher(self.ledger, self._open_orders)

    def add_instrument(self, instrument: Instrument) -> None:
        """Adds a market, or replaces the limits of a known one; its open orders stay. Raises
        `ValueError` where a known symbol would change its price decimals or assets."""
        market = self._markets.get(instrument.symbol)
        if market is None:
            self._markets[instrument.symbol] = Market(instrument)
            return
        old = market.instrument
        if instrument.price_decimals != old.price_decimals:
            raise ValueError(f"{instrument.symbol}: price decimals can not change")
        if instrument.base != old.base or instrument.quote != old.quote:
            raise ValueError(f"{instrument.symbol}: assets can not change")
        market.instrument = instrument
        for order in self._open_orders.all():
            if order.instrument is old:
                order.instrument = instrument

    def instrument(self, symbol: str) -> Instrument | None:
        market = self._markets.get(symbol)
        return None if market is None else market.instrument

    def book(self, symbol: str) -> OrderBook | None:
        """The instrument's book, for reading only."""
        market = self._markets.get(symbol)
        return None if market is None else market.book

    def market_state(self, symbol: str) -> MarketState:
        """Status, band and prices of an instrument that has been added."""
        return self._markets[symbol].state

    def take_events(self) -> list[Event]:
        """Hands over the events since the last call."""
        events = self._matcher.events
        self._matcher.events = []
        return events

    def order(self, number: int) -> Order | None:
        """The open order of that number."""
        return self._open_orders.get(number)

    def order_by_cl_ord_id(self, account: int, cl_ord_id: bytes) -> Order | None:
        """The account's open order whose latest accepted ClOrdID is this one."""
        return self._open_orders.find(account, cl_ord_id)

    def session_order_count(self, session: int) -> int:
        """How many open orders were entered on the session."""
        return self._open_orders.count_of_session(session)

    def session_orders(self, session: int) -> list[Order]:
        """Open orders entered on the session, whatever their epoch, in entry order."""
        return self._open_orders.of_session(session)

    def account_orders(self, account: int) -> list[Order]:
        """Open orders of the account in entry order."""
        return self._open_orders.of_account(account)

    def pair_order_count(self, account: int, symbol: str) -> int:
        """How many open orders the account has in one instrument."""
        return self._open_orders.count_of_pair(account, symbol)

    def scheduled_order_count(self, account: int) -> int:
        """How many of the account's open orders wait for their EffectiveTime (168)."""
        return self._open_orders.count_of_scheduled(account)

    @property
    def open_order_count(self) -> int:
        return len(self._open_orders)

    def submit(
        self, order: Order, now_ns: int, text: bytes, injected: Rule | None = None
    ) -> Rule | None:
        """Accepts an order made with `next_order_number`, or refuses it with CL_ORD_ID_IN_USE,
        INSUFFICIENT_FUNDS, PRICE_BAND or POST_ONLY, or with `injected`, a refusal on demand, if
        none of them applies. `text` is the descriptor in the New event.

        Events: New; then per match the maker's Trade and the taker's, or the Canceled of a resting
        order by self-trade prevention; then the order's Canceled where a remainder must not rest.
        """
        assert order.number == self.next_order_number
        if self._open_orders.find(order.account, order.cl_ord_id) is not None:
            return CL_ORD_ID_IN_USE
        market = self._markets[order.instrument.symbol]
        asset = held_asset(order)
        available = self.ledger.available(order.account, asset)
        kills = False
        if order.ord_type == LIMIT and order.time_in_force != FOK:
            hold = order_hold(order, order.price, order.qty_lots)
        else:
            arrival = plan_arrival(market, order, available)
            hold = arrival.hold_money
            kills = arrival.kills
        if hold > available:
            return INSUFFICIENT_FUNDS
        if order.ord_type != MARKET and outside_band(market, order.side, order.price):
            return PRICE_BAND
        if order.post_only and market.book.first_match(order.side, order.price) is not None:
            return POST_ONLY
        if injected is not None:
            return injected

        self.next_order_number += 1
        self.ledger.hold(order.account, asset, hold)
        order.held_money = hold
        self._matcher.events.append(new_event(order, now_ns, text))
        if not kills and not self._matcher.match(market, order, now_ns):
            return None
        if order.ord_type == MARKET:
            self._matcher.close(market, order, now_ns, CANCELED_NO_LIQUIDITY)
        elif order.time_in_force == GTC:
            market.book.add(order)
            self._open_orders.add(order)
        else:
            reason = CANCELED_FOK if order.time_in_force == FOK else CANCELED_IOC
            self._matcher.close(market, order, now_ns, reason)
        return None

    def cancel(self, order: Order, now_ns: int, text: bytes, cl_ord_id: bytes = b"") -> None:
        """Cancels an open order. Event: Canceled with `text`; with `cl_ord_id`, the request's
        ClOrdID, the report carries that and the previous one as OrigClOrdID (41)."""
        assert order.resting
        self._open_orders.remove(order)  # under the ClOrdID by which it is known
        if cl_ord_id:
            order.orig_cl_ord_id = order.cl_ord_id
            order.cl_ord_id = cl_ord_id
        self._matcher.close(self._markets[order.instrument.symbol], order, now_ns, text)

    def fill_by_house(self, order: Order, lots: int, now_ns: int) -> None:
        """Fills an open order, wholly or in part, though nobody traded with it. Event: Trade."""
        assert order.resting
        assert 0 < lots <= order.leaves_lots
        market = self._markets[order.instrument.symbol]
        self._matcher.fill_by_house(market, order, lots, now_ns)

    def amend(
        self,
        order: Order,
        *,
        cl_ord_id: bytes,
        qty_lots: int,
        price: int,
        post_only: bool,
        now_ns: int,
        stop_price: int = 0,
        display_lots: int = 0,
        valid_until_ns: int = 0,
    ) -> Rule | None:
        """Gives an open order a new total quantity and price, and an iceberg a new display quantity
        where `display_lots` is not 0. Refuses with AMEND_QUOTE_QTY, CL_ORD_ID_IN_USE,
        INSUFFICIENT_FUNDS, PRICE_BAND (for a new price) or POST_ONLY (only where `post_only` asks
        for it: the order's own flag is not looked at). An empty `cl_ord_id` (a request that did
        not come by FIX) leaves the order's ids alone.

        Events: Replaced, then as a new order where the new price matches. A quantity that is
        executed already closes the order: Canceled alone, with the price it had. An order keeps
        its place unless its price changes or its quantity grows.
        """
        assert order.resting
        if order.quote_money:
            return AMEND_QUOTE_QTY
        named = self._open_orders.find(order.account, cl_ord_id)
        if named is not None and named is not order:
            return CL_ORD_ID_IN_USE
        market = self._markets[order.instrument.symbol]
        if qty_lots <= order.cum_lots:
            self._open_orders.rename(order, cl_ord_id)
            market.book.reduce(order, order.leaves_lots)
            order.qty_lots = order.cum_lots
            self._matcher.close(market, order, now_ns, CANCELED_BY_AMEND)
            return None
        hold = order_hold(order, price, qty_lots - order.cum_lots)
        more = hold - order.held_money
        asset = held_asset(order)
        if more > self.ledger.available(order.account, asset):
            return INSUFFICIENT_FUNDS
        if price != order.price and outside_band(market, order.side, price):
            return PRICE_BAND
        matches = price != order.price and market.book.first_match(order.side, price) is not None
        if matches and post_only:
            return POST_ONLY

        if more > 0:
            self.ledger.hold(order.account, asset, more)
        else:
            self.ledger.release(order.account, asset, -more)
        order.held_money = hold
        self._open_orders.rename(order, cl_ord_id)
        if price == order.price and qty_lots <= order.qty_lots:
            market.book.reduce(order, order.qty_lots - qty_lots)
            order.qty_lots = qty_lots
            if display_lots:
                market.book.set_display(order, display_lots)
        else:
            market.book.remove(order)
            order.display_lots = display_lots or order.display_lots
            order.price = price
            order.qty_lots = qty_lots
            if not matches:
                market.book.add(order)
        order.amended = True
        order.aged_ns = now_ns
        self._matcher.events.append(replaced_event(order, now_ns))
        if matches and self._matcher.match(market, order, now_ns):
            market.book.add(order)
        return None

    def save(self, encoder: Encoder) -> None:
        """Writes the whole state: equal states give equal bytes. Events must have been taken."""
        assert not self._matcher.events
        encoder.uint(self.next_order_number)
        encoder.uint(self._matcher.next_trade_number)
        self.ledger.save(encoder)
        encoder.uint(len(self._markets))
        for symbol in sorted(self._markets):
            market = self._markets[symbol]
            encoder.text(symbol)
            encoder.uint(market.trade_count)
            market.state.save(encoder)
            _save_side(market.book.bids, encoder)
            _save_side(market.book.asks, encoder)

    def load(self, decoder: Decoder) -> None:
        """Fills a fresh engine, whose instruments have been added, with what `save` wrote. Raises
        `CodecError` where the bytes end early or name an instrument that was not added."""
        assert self.next_order_number == 1
        assert len(self._open_orders) == 0
        self.next_order_number = decoder.uint()
        self._matcher.next_trade_number = decoder.uint()
        self.ledger.load(decoder)
        orders: list[Order] = []
        for _ in range(decoder.uint()):
            symbol = decoder.text()
            market = self._markets.get(symbol)
            if market is None:
                raise CodecError(f"snapshot holds orders of {symbol}, which is not an instrument")
            market.trade_count = decoder.uint()
            market.state.load(decoder)
            for _ in range(2):
                for _ in range(decoder.uint()):
                    order = Order.load(decoder, market.instrument)
                    market.book.restore(order)
                    orders.append(order)
        orders.sort(key=_number)
        for order in orders:
            self._open_orders.add(order)


def _save_side(side: BookSide, encoder: Encoder) -> None:
    """Orders from the best price outward, in time priority: adding them again in that order gives
    the same book."""
    count = 0
    for level in side:
        count += level.count
    encoder.uint(count)
    for level in side:
        for order in level:
            order.save(encoder)


def _number(order: Order) -> int:
    return order.number
