"""Whether an order may go on to its next stage, and what it holds there.

The same questions are asked of a new order, of one whose time has come and of one that a price has
released: a new order is refused with the rule that they give, the others are cancelled with its
text.
"""

from __future__ import annotations

from tidegate.engine.arrival import COST_LIMIT, plan_arrival, reach
from tidegate.engine.holds import held_asset, order_hold
from tidegate.engine.ledger import Ledger
from tidegate.engine.margin import Margin
from tidegate.engine.margin_needs import Need, Walk
from tidegate.engine.market import PRICE_LIMIT, Market, outside_band
from tidegate.engine.order import Order, Trigger
from tidegate.model.orders import BUY, FOK, INDEX_PRICE, LIMIT, MARKET, SELL
from tidegate.model.rejects import (
    INDEX_UNAVAILABLE,
    INSUFFICIENT_FUNDS,
    POST_ONLY,
    PRICE_BAND,
    TRIGGER_PRICE,
    Rule,
)


def reference_price(market: Market, trigger: Trigger) -> int:
    """The price that the trigger refers to, 0 where there is none yet."""
    if trigger.reference == INDEX_PRICE:
        return market.state.index_price
    return market.state.last_price


def hold_price(order: Order, price: int, stop_price: int, anchor: int) -> int:
    """The price at which an order that is not live holds money, or would with another price and
    stop price; both are distances where it trails. `anchor` is the price that the rest counts from,
    where the order itself does not say any: a trailing order's best reference, or the market's
    price. 0 where that is not known; 0 or less too where a trailing sell's distances do not fit
    below it."""
    trigger = order.trigger
    if trigger is None:
        return anchor if order.ord_type == MARKET else price
    if trigger.distance == 0:
        return price if price else stop_price
    if anchor == 0:
        return 0
    if order.side == BUY:
        return anchor + stop_price + price
    return anchor - stop_price - price


class Admission:
    """Checks in the order of the reject catalogue. `hold` is what an order that the latest check
    has let pass holds from then on, and `kill` whether it is a fill-or-kill order that can not be
    filled."""

    def __init__(self, ledger: Ledger, margin: Margin) -> None:
        self._ledger = ledger
        self._margin = margin
        self._need: Need | None = None  # of a margin order: `hold` and more
        self.hold = 0
        self.kill = False

    def available(self, order: Order) -> int:
        """What the account could bind to the order, that which it holds already included."""
        asset = order.instrument.quote if order.margin else held_asset(order)
        return self._ledger.available(order.account, asset) + order.held_money

    def live(self, market: Market, order: Order) -> Rule | None:
        """An order that is about to meet the book: INSUFFICIENT_FUNDS or what `Margin` refuses,
        PRICE_BAND or POST_ONLY."""
        rule = self._margin_live(market, order) if order.margin else self._money_live(market, order)
        if rule is not None:
            return rule
        if order.ord_type != MARKET and outside_band(market, order.side, order.price):
            return PRICE_BAND
        if order.post_only and market.book.first_match(order.side, order.price) is not None:
            return POST_ONLY
        return None

    def _money_live(self, market: Market, order: Order) -> Rule | None:
        """A market buy holds what it is going to pay."""
        available = self.available(order)
        kill = False
        if order.ord_type == LIMIT and order.time_in_force != FOK:
            hold = order_hold(order, order.price, order.leaves_lots)
        else:
            arrival = plan_arrival(market, order, available)
            hold = arrival.hold_money
            kill = arrival.kills
        if hold > available:
            return INSUFFICIENT_FUNDS
        self.hold = hold
        self.kill = kill
        return None

    def _margin_live(self, market: Market, order: Order) -> Rule | None:
        """A market order, and a sell that trades for more than its price, needs what its trades
        say. A walk through the book ends where the account certainly can not pay any more."""
        lots = order.leaves_lots
        fok = order.time_in_force == FOK
        walk: Walk | None = None
        kill = False
        if fok or order.ord_type == MARKET or order.side == SELL:
            # Margin for more than this is more than the account has, as it is rounded down.
            leverage = self._margin.leverage(order.account, order.instrument)
            reached = reach(market, order, (self.available(order) + 1) * leverage)
            kill = fok and reached.filled_lots < lots and not reached.too_dear
            if not kill and (order.ord_type == MARKET or order.side == SELL):
                walk = reached.walk
        price = 0 if order.ord_type == MARKET else order.price
        rule = self._margin_rule(order, price, lots, walk)
        self.kill = kill
        return rule

    def _margin_rule(
        self, order: Order, price: int, lots: int, walk: Walk | None, *, amended: bool = False
    ) -> Rule | None:
        need = self._margin.need(order, price, lots, walk)
        rule = self._margin.refusal(order, need, lots, amended=amended)
        self._need = need
        self.hold = need.hold_money
        return rule

    def amended(self, market: Market, order: Order, price: int, lots: int) -> Rule | None:
        """A live order that would have another price and leaves: INSUFFICIENT_FUNDS or what
        `Margin` refuses."""
        if order.margin:
            walk: Walk | None = None
            if order.side == SELL and price != order.price:
                walk = reach(market, order, COST_LIMIT, price, lots).walk
            return self._margin_rule(order, price, lots, walk, amended=True)
        hold = order_hold(order, price, lots)
        if hold > self.available(order):
            return INSUFFICIENT_FUNDS
        self.hold = hold
        return None

    def waiting(self, market: Market, order: Order) -> Rule | None:
        """An order that is about to wait for a time or a price: INDEX_UNAVAILABLE, TRIGGER_PRICE
        or INSUFFICIENT_FUNDS. Whether its price is reached already is another question."""
        trigger = order.trigger
        if trigger is None:
            anchor = market.state.mark_price
            return self.waiting_with(order, order.leaves_lots, order.price, 0, anchor)
        reference = reference_price(market, trigger)
        if reference == 0 and trigger.reference == INDEX_PRICE:
            return INDEX_UNAVAILABLE
        price = trigger.limit_distance if trigger.distance else order.price
        stop_price = trigger.distance if trigger.distance else trigger.stop_price
        return self.waiting_with(order, order.leaves_lots, price, stop_price, reference)

    def waiting_with(
        self, order: Order, lots: int, price: int, stop_price: int, anchor: int
    ) -> Rule | None:
        """The same with another quantity, price and stop price (see `hold_price`)."""
        at = hold_price(order, price, stop_price, anchor)
        if at >= PRICE_LIMIT:  # a distance is added to a price: the sum must be a price too
            return TRIGGER_PRICE
        if at <= 0 and not order.quote_money:
            if anchor != 0 or order.side == BUY or order.margin:
                return TRIGGER_PRICE
        self.kill = False
        if order.margin:
            return self._margin_rule(order, at, lots, None, amended=True)
        hold = order_hold(order, at, lots)
        if hold > self.available(order):
            return INSUFFICIENT_FUNDS
        self.hold = hold
        return None

    def bind(self, order: Order) -> None:
        """The order holds what the latest check has found."""
        if order.margin:
            assert self._need is not None
            self._margin.bind(order, self._need)
            return
        more = self.hold - order.held_money
        if more > 0:
            self._ledger.hold(order.account, held_asset(order), more)
        elif more < 0:
            self._ledger.release(order.account, held_asset(order), -more)
        order.held_money = self.hold
