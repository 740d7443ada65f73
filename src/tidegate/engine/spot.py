"""The Spot engine: layer 3 of the checks, and the state of all trading.

An operation returns a `Rule` where it is refused, and then nothing has changed; otherwise it
returns and its events wait in `take_events`. Times come with each call, in nanoseconds; prices are
in the instrument's price units, quantities in lots, money in 1e-10 of its asset.
"""

from __future__ import annotations

from tidegate.engine.admission import Admission, reference_price
from tidegate.engine.amends import Amend, Amends
from tidegate.engine.book import BookSide, OrderBook
from tidegate.engine.events import Event, new_event
from tidegate.engine.ledger import Ledger
from tidegate.engine.margin import Margin
from tidegate.engine.market import Market, stop_waiting, triggers_of
from tidegate.engine.matching import Matcher
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order
from tidegate.engine.position_orders import PositionOrders
from tidegate.engine.stages import Stages
from tidegate.model.codec import CodecError, Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.market_state import MarketState
from tidegate.model.orders import LIVE, SCHEDULED, UNTRIGGERED
from tidegate.model.rejects import CL_ORD_ID_IN_USE, DEADLINE_ELAPSED, Rule


class SpotEngine:
    """All Spot markets, their open orders and the ledger.

    What an order passes stands in `stages`, its checks of layer 3 in `admission` (and `margin`),
    amends in `amends`; self-trades are looked for while matching. The caller has done layer 2:
    instrument, precision, minimums. One rule of layer 2 is asked here too, because only the engine
    sees the account's orders of every session: no two open orders of an account share a ClOrdID
    (11).
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.next_order_number = 1  # of the order that is accepted next
        self._markets: dict[str, Market] = {}
        self._open_orders = OpenOrders()
        self.margin = Margin(self.ledger, self._open_orders)
        self._matcher = Matcher(self.ledger, self._open_orders, self.margin)
        self._admission = Admission(self.ledger, self.margin)
        self._position_orders = PositionOrders(
            self.margin, self._matcher, self._open_orders, self._markets
        )
        self._stages = Stages(
            self._markets,
            self._open_orders,
            self._matcher,
            self._admission,
            self._position_orders,
        )
        self._amends = Amends(
            self._open_orders, self._matcher, self._admission, self._position_orders
        )
        self.is_halted = False  # every market, those added later included

    def add_instrument(self, instrument: Instrument) -> None:
        """Adds a market, or replaces the limits of a known one; its open orders stay. Raises
        `ValueError` where a known symbol would change its price decimals or assets."""
        market = self._markets.get(instrument.symbol)
        if market is None:
            market = Market(instrument, self.margin.positions)
            market.state.halted = self.is_halted
            self._markets[instrument.symbol] = market
            self.margin.add_instrument(instrument, market.state)
            return
        old = market.instrument
        if instrument is old:
            return
        if instrument.price_decimals != old.price_decimals:
            raise ValueError(f"{instrument.symbol}: price decimals can not change")
        if instrument.base != old.base or instrument.quote != old.quote:
            raise ValueError(f"{instrument.symbol}: assets can not change")
        market.instrument = instrument
        self.margin.add_instrument(instrument, market.state)
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

    def open_orders(self) -> list[Order]:
        """All open orders in entry order."""
        return self._open_orders.all()

    @property
    def open_order_count(self) -> int:
        return len(self._open_orders)

    @property
    def due_ns(self) -> int:
        """When the next order is due (`run_due`), `NEVER_NS` where none is."""
        return self._open_orders.timed.due_ns

    def submit(
        self, order: Order, now_ns: int, text: bytes, injected: Rule | None = None
    ) -> Rule | None:
        """Accepts an order made with `next_order_number`, or refuses it with CL_ORD_ID_IN_USE,
        DEADLINE_ELAPSED, with what `Admission` says of its stage, or with `injected`, a refusal on
        demand, if none of them applies. `text` is the descriptor in the first event. The order's
        stage is set here.

        Events of an order that waits: PendingNew where it is scheduled, else New. Of a live one:
        New; then per match the maker's Trade and the taker's, or the Canceled of a resting order by
        self-trade prevention; then the order's Canceled where a remainder must not rest; then what
        its trades have triggered.
        """
        assert order.number == self.next_order_number
        if self._open_orders.find(order.account, order.cl_ord_id) is not None:
            return CL_ORD_ID_IN_USE
        if order.valid_until_ns and now_ns > order.valid_until_ns:
            return DEADLINE_ELAPSED
        market = self._markets[order.instrument.symbol]
        if order.effective_ns > now_ns:
            order.stage = SCHEDULED
        elif order.trigger is not None:
            order.stage = UNTRIGGERED
        live = order.stage == LIVE
        if live:
            rule = self._admission.live(market, order)
        else:
            rule = self._stages.check_waiting(market, order)
        if rule is not None:
            return rule
        if injected is not None:
            return injected

        self.next_order_number += 1
        if not live:
            self._stages.wait(market, order, now_ns, text)
            return None
        self._matcher.events.append(new_event(order, now_ns, text))
        self._stages.enter(market, order, now_ns)
        if self._matcher.fired:
            self._stages.release_fired(now_ns)
        return None

    def cancel(self, order: Order, now_ns: int, text: bytes, cl_ord_id: bytes = b"") -> None:
        """Cancels an open order, in whatever stage it is. Event: Canceled with `text`; with
        `cl_ord_id`, the request's ClOrdID, the report carries that and the previous one as
        OrigClOrdID (41)."""
        self._cancel(order, now_ns, text, cl_ord_id)
        self._position_orders.follow(now_ns)

    def cancel_all(self, orders: list[Order], now_ns: int, text: bytes) -> None:
        """Cancels open orders one by one, with the events and the outcome of as many calls of
        `cancel`: who leaves a line makes room for others, which nobody is told, so those that stay
        are looked at once, when all have left."""
        for order in orders:
            self._cancel(order, now_ns, text, b"")
        self._position_orders.follow(now_ns)

    def _cancel(self, order: Order, now_ns: int, text: bytes, cl_ord_id: bytes) -> None:
        assert order.is_open
        market = self._markets[order.instrument.symbol]
        if order.stage != LIVE:
            stop_waiting(market, order)
        self._open_orders.remove(order)  # under the ClOrdID by which it is known
        if cl_ord_id:
            order.orig_cl_ord_id = order.cl_ord_id
            order.cl_ord_id = cl_ord_id
        self._matcher.close(market, order, now_ns, text)

    def fill_by_house(self, order: Order, lots: int, now_ns: int) -> None:
        """Fills an order that rests, wholly or in part, though nobody traded with it: no trade of
        the market, so that nothing is triggered. Event: Trade."""
        assert order.resting
        assert 0 < lots <= order.leaves_lots
        market = self._markets[order.instrument.symbol]
        self._matcher.fill_by_house(market, order, lots, now_ns)
        self._position_orders.met_book(order, now_ns)

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
        """Gives an open order a new total quantity, price and trigger price, or refuses with
        CL_ORD_ID_IN_USE, AMEND_QUOTE_QTY, DEADLINE_ELAPSED, TRIGGER_PRICE (where the reference has
        reached the new one already), INSUFFICIENT_FUNDS or POST_ONLY (only where `post_only` asks
        for it: the order's own flag is not looked at). The arguments are those of `Amend`.

        Events: Replaced, then as a new order where the new price matches. A quantity that is
        executed already closes the order: Canceled alone, with the price it had. An order keeps
        its place unless its price changes or its quantity grows.
        """
        amend = Amend(
            cl_ord_id=cl_ord_id,
            qty_lots=qty_lots,
            price=price,
            post_only=post_only,
            stop_price=stop_price,
            display_lots=display_lots,
            valid_until_ns=valid_until_ns,
        )
        assert order.is_open
        market = self._markets[order.instrument.symbol]
        rule = self._amends.apply(market, order, amend, now_ns)
        if self._matcher.fired:
            self._stages.release_fired(now_ns)
        return rule

    # --- times, prices and states -----------------------------------------------------------------

    def run_due(self, now_ns: int) -> None:
        """Does what is due at or before `now_ns`, to at most `TIMED_PER_RECORD` orders; what is
        left keeps `due_ns` where it is. Events: New of an order that becomes active (with an empty
        text) and what follows; Expired."""
        self._stages.run_due(now_ns)

    def set_index(self, symbol: str, price: int, now_ns: int) -> None:
        """The index price (above 0) of an instrument that has been added. Events: what that
        triggers; while the pair does not trade nothing, until it does again."""
        market = self._markets[symbol]
        market.state.index_price = price
        if market.state.trades:
            self._stages.see_index(market, now_ns)

    def set_status(self, symbol: str, status: int, now_ns: int) -> None:
        """The status (`model.market_state`) of an instrument that has been added. Events: what the
        end of a time without trading releases; orders whose time came meanwhile are due now."""
        market = self._markets[symbol]
        traded = market.state.trades
        market.state.status = status
        if not traded and market.state.trades:
            self._stages.resume(market, now_ns)

    def set_halted(self, halted: bool, now_ns: int) -> None:
        """Halts every market, those added later included, or ends that. Events as of
        `set_status`."""
        self.is_halted = halted
        for symbol in sorted(self._markets):
            market = self._markets[symbol]
            traded = market.state.trades
            market.state.halted = halted
            if not traded and market.state.trades:
                self._stages.resume(market, now_ns)

    def set_band(self, symbol: str, band: int) -> None:
        """The price band of an instrument that has been added, in millionths, 0 for none, or
        `BAND_OF_INSTRUMENT`. Orders that are there stay."""
        self._markets[symbol].state.band = band

    # --- snapshots --------------------------------------------------------------------------------

    def save(self, encoder: Encoder) -> None:
        """Writes the whole state: equal states give equal bytes. Events must have been taken."""
        assert not self._matcher.events
        encoder.uint(self.next_order_number)
        encoder.uint(self._matcher.next_trade_number)
        encoder.flag(value=self.is_halted)
        self.ledger.save(encoder)
        encoder.uint(len(self._markets))
        for symbol in sorted(self._markets):
            market = self._markets[symbol]
            encoder.text(symbol)
            encoder.uint(market.trade_count)
            market.state.save(encoder)
            _save_side(market.book.bids, encoder)
            _save_side(market.book.asks, encoder)
            market.by_trade.keep_best_prices()
            market.by_index.keep_best_prices()
        waiting = [order for order in self._open_orders.all() if order.stage != LIVE]
        encoder.uint(len(waiting))
        for order in waiting:
            encoder.text(order.instrument.symbol)
            order.save(encoder)
        self.margin.save(encoder)

    def load(self, decoder: Decoder) -> None:
        """Fills a fresh engine, whose instruments have been added, with what `save` wrote. Raises
        `CodecError` where the bytes end early or name an instrument that was not added."""
        assert self.next_order_number == 1
        assert len(self._open_orders) == 0
        self.next_order_number = decoder.uint()
        self._matcher.next_trade_number = decoder.uint()
        self.is_halted = decoder.flag()
        self.ledger.load(decoder)
        orders: list[Order] = []
        for _ in range(decoder.uint()):
            market = self._saved_market(decoder)
            market.trade_count = decoder.uint()
            market.state.load(decoder)
            for _ in range(2):
                for _ in range(decoder.uint()):
                    order = Order.load(decoder, market.instrument)
                    market.book.restore(order)
                    orders.append(order)
        for _ in range(decoder.uint()):
            market = self._saved_market(decoder)
            order = Order.load(decoder, market.instrument)
            orders.append(order)
            trigger = order.trigger
            if order.stage == UNTRIGGERED and trigger is not None:
                triggers_of(market, trigger).add(order, reference_price(market, trigger))
        orders.sort(key=_number)
        for order in orders:
            self._open_orders.add(order)
        self.margin.load(decoder, orders)

    def _saved_market(self, decoder: Decoder) -> Market:
        symbol = decoder.text()
        market = self._markets.get(symbol)
        if market is None:
            raise CodecError(f"snapshot holds orders of {symbol}, which is not an instrument")
        return market


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
