"""The stages of an order: scheduled, untriggered, live (docs/spot-orders.md).

What an order passes between its acceptance and its place in the book: it waits for its time, then
for its price, and is checked anew where it goes on. Whatever becomes live goes through `enter`,
at whatever stage it began.
"""

from __future__ import annotations

from tidegate.engine.admission import Admission, hold_price, reference_price
from tidegate.engine.events import new_event, pending_new_event, restated_event
from tidegate.engine.market import Market, stop_waiting, triggers_of
from tidegate.engine.matching import Matcher
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order, Trigger
from tidegate.engine.position_orders import PositionOrders
from tidegate.engine.triggers import is_reached
from tidegate.model.limits import TIMED_PER_RECORD
from tidegate.model.market_state import status_rule
from tidegate.model.orders import (
    BUY,
    FOK,
    GTC,
    GTD,
    LIMIT,
    LIVE,
    MARKET,
    SCHEDULED,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT_LIMIT,
    TRAILING_STOP_LIMIT,
    UNTRIGGERED,
)
from tidegate.model.rejects import (
    CANCELED_FOK,
    CANCELED_IOC,
    CANCELED_NO_LIQUIDITY,
    EXPIRED_GTD,
    TRIGGER_PRICE,
    Rule,
)


class Stages:
    """Moves orders from stage to stage, in every market."""

    def __init__(
        self,
        markets: dict[str, Market],
        open_orders: OpenOrders,
        matcher: Matcher,
        admission: Admission,
        position_orders: PositionOrders,
    ) -> None:
        self._position_orders = position_orders
        self._markets = markets
        self._open_orders = open_orders
        self._matcher = matcher
        self._admission = admission

    # --- a new order -----------------------------------------------------------------------------

    def check_waiting(self, market: Market, order: Order) -> Rule | None:
        """Whether a new order may begin in the stage that it says, which is not the last."""
        trigger = order.trigger
        if trigger is not None and trigger.distance == 0 and order.stage == UNTRIGGERED:
            reference = reference_price(market, trigger)
            if is_reached(order, trigger, trigger.stop_price, reference):
                return TRIGGER_PRICE
        return self._admission.waiting(market, order)

    def wait(self, market: Market, order: Order, now_ns: int, text: bytes) -> None:
        """Takes a new order that `check_waiting` has let pass. Event: PendingNew or New."""
        if order.quote_money:
            order.qty_lots = 1  # something is open; how much it is, the book says when it is live
        self._admission.bind(order)
        self._open_orders.add(order)
        trigger = order.trigger
        if order.stage == SCHEDULED:
            self._matcher.events.append(pending_new_event(order, now_ns, text))
        elif trigger is not None:
            self._matcher.events.append(new_event(order, now_ns, text))
            triggers_of(market, trigger).add(order, reference_price(market, trigger))

    def enter(self, market: Market, order: Order, now_ns: int) -> None:
        """An order that the admission has let pass as a live one meets the book, and rests there if
        it may. What its trades trigger waits in `Matcher.fired`."""
        self._meet(market, order, now_ns)
        self._position_orders.met_book(order, now_ns)

    def _meet(self, market: Market, order: Order, now_ns: int) -> None:
        matcher = self._matcher
        self._admission.bind(order)
        if not self._admission.kill and not matcher.match(market, order, now_ns):
            return
        if order.ord_type == MARKET:
            matcher.close(market, order, now_ns, CANCELED_NO_LIQUIDITY)
        elif order.time_in_force == GTC or order.time_in_force == GTD:
            market.book.add(order, now_ns)
            if not order.is_open:
                self._open_orders.add(order)
        else:
            reason = CANCELED_FOK if order.time_in_force == FOK else CANCELED_IOC
            matcher.close(market, order, now_ns, reason)

    # --- prices ----------------------------------------------------------------------------------

    def release_fired(self, now_ns: int) -> None:
        """Releases the orders that have been fired, and what these fire, in that order."""
        fired = self._matcher.fired
        place = 0
        while place < len(fired):
            self._release(fired[place], now_ns)
            place += 1
        fired.clear()

    def see_index(self, market: Market, now_ns: int) -> None:
        """The index of a market that trades may have a new price."""
        if market.by_index.count:
            market.by_index.see(market.state.index_price, self._matcher.fired)
            self.release_fired(now_ns)

    def resume(self, market: Market, now_ns: int) -> None:
        """A market trades again: the index is what it has become, and orders whose time has come
        meanwhile are due."""
        self.see_index(market, now_ns)
        for order in market.parked.values():
            self._open_orders.timed.add(order)
        market.parked.clear()

    def _release(self, order: Order, now_ns: int) -> None:
        market = self._markets[order.instrument.symbol]
        trigger = order.trigger
        assert trigger is not None
        if trigger.fired_price == 0:  # no first reference above its distances
            self._matcher.close(market, order, now_ns, TRIGGER_PRICE.text)
            return
        if trigger.kind == TRAILING_STOP_LIMIT:
            order.price = _trailing_limit(order, trigger)
            order.ord_type = LIMIT
        elif trigger.kind == STOP_LOSS_LIMIT or trigger.kind == TAKE_PROFIT_LIMIT:
            order.ord_type = LIMIT
        else:
            order.ord_type = MARKET
        self._open_orders.set_stage(order, LIVE)
        order.amended = False
        self._matcher.events.append(restated_event(order, now_ns))
        self._go_live(market, order, now_ns)

    def _go_live(self, market: Market, order: Order, now_ns: int) -> None:
        """An order that waited acts as one that arrives now."""
        rule = self._status(market, order)
        if rule is None:
            rule = self._admission.live(market, order)
        if rule is None:
            self.enter(market, order, now_ns)
        else:
            self._matcher.close(market, order, now_ns, rule.text)

    def _status(self, market: Market, order: Order) -> Rule | None:
        return status_rule(
            market.state,
            limit=order.ord_type == LIMIT,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
        )

    # --- times -----------------------------------------------------------------------------------

    def run_due(self, now_ns: int) -> None:
        """Does what is due at or before `now_ns`, in the order of due time, then order number, to
        at most `TIMED_PER_RECORD` orders; the rest stays due."""
        timed = self._open_orders.timed
        left = TIMED_PER_RECORD
        while left > 0 and timed.due_ns <= now_ns:
            order = self._open_orders.get(timed.first())
            assert order is not None
            market = self._markets[order.instrument.symbol]
            if timed.due_ns == order.expire_ns:  # else it is its EffectiveTime
                stop_waiting(market, order)
                self._matcher.expire(market, order, now_ns, EXPIRED_GTD)
            elif order.expire_ns and order.expire_ns <= now_ns:
                timed.await_expiry(order)  # it never was live
                continue
            elif not market.state.trades:
                market.parked[order.number] = order
                timed.await_expiry(order)
                continue
            else:
                self._position_orders.follow(now_ns)  # who stood behind what expired has money free
                self._activate(market, order, now_ns)
            left -= 1
        self._position_orders.follow(now_ns)

    def _activate(self, market: Market, order: Order, now_ns: int) -> None:
        """EffectiveTime has come. Event: New, and what follows from it."""
        trigger = order.trigger
        self._open_orders.set_stage(order, LIVE if trigger is None else UNTRIGGERED)
        order.amended = False
        self._matcher.events.append(new_event(order, now_ns, b""))
        if trigger is None:
            self._go_live(market, order, now_ns)
        else:
            self._await_price(market, order, trigger, now_ns)
        if self._matcher.fired:
            self.release_fired(now_ns)

    def _await_price(self, market: Market, order: Order, trigger: Trigger, now_ns: int) -> None:
        """A trigger order has become active: it waits, unless its price is reached already."""
        rule = self._status(market, order)
        if rule is None:
            rule = self._admission.waiting(market, order)
        if rule is not None:
            self._matcher.close(market, order, now_ns, rule.text)
            return
        self._admission.bind(order)
        reference = reference_price(market, trigger)
        if trigger.distance == 0 and is_reached(order, trigger, trigger.stop_price, reference):
            trigger.fired_price = reference
            self._matcher.fired.append(order)
        else:
            triggers_of(market, trigger).add(order, reference)


def _trailing_limit(order: Order, trigger: Trigger) -> int:
    """The limit of a trailing-stop-limit that has fired: on the tick, no worse for the order than
    its distance says."""
    tick = order.instrument.tick_units
    price = hold_price(order, trigger.limit_distance, trigger.distance, trigger.best)
    if order.side == BUY:
        return price // tick * tick
    return -(-price // tick) * tick
