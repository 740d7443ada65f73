"""Amends: another quantity, price or trigger price for an open order, in whatever stage it is."""

from __future__ import annotations

from tidegate.engine.admission import Admission, reference_price
from tidegate.engine.events import replaced_event
from tidegate.engine.market import Market, outside_band, triggers_of
from tidegate.engine.matching import Matcher
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order, Trigger
from tidegate.engine.position_orders import PositionOrders
from tidegate.engine.triggers import is_reached
from tidegate.model.orders import BUY, INDEX_PRICE, SCHEDULED, UNTRIGGERED
from tidegate.model.rejects import (
    AMEND_QUOTE_QTY,
    CANCELED_BY_AMEND,
    CL_ORD_ID_IN_USE,
    DEADLINE_ELAPSED,
    INDEX_UNAVAILABLE,
    POST_ONLY,
    PRICE_BAND,
    TRIGGER_PRICE,
    Rule,
)


class Amend:
    """What is asked for. `price` and `stop_price` are distances where the order trails; a
    `stop_price` or `display_lots` of 0 stays as it is. An empty `cl_ord_id` (a request that did not
    come by FIX) leaves the order's ids alone."""

    def __init__(
        self,
        *,
        cl_ord_id: bytes,
        qty_lots: int,
        price: int,
        post_only: bool,
        stop_price: int,
        display_lots: int,
        valid_until_ns: int,
    ) -> None:
        self.cl_ord_id = cl_ord_id
        self.qty_lots = qty_lots
        self.price = price
        self.post_only = post_only
        self.stop_price = stop_price
        self.display_lots = display_lots
        self.valid_until_ns = valid_until_ns


class Amends:
    """See `SpotEngine.amend` for the rules."""

    def __init__(
        self,
        open_orders: OpenOrders,
        matcher: Matcher,
        admission: Admission,
        position_orders: PositionOrders,
    ) -> None:
        self._position_orders = position_orders
        self._open_orders = open_orders
        self._matcher = matcher
        self._admission = admission

    def apply(self, market: Market, order: Order, amend: Amend, now_ns: int) -> Rule | None:
        """Changes an open order, or tells why not. What its trades trigger waits in
        `Matcher.fired`."""
        named = self._open_orders.find(order.account, amend.cl_ord_id)
        if named is not None and named is not order:
            return CL_ORD_ID_IN_USE
        if order.quote_money:
            return AMEND_QUOTE_QTY
        if amend.valid_until_ns and now_ns > amend.valid_until_ns:
            return DEADLINE_ELAPSED
        if order.stage == UNTRIGGERED or order.stage == SCHEDULED:
            return self._apply_to_waiting(market, order, amend, now_ns)
        if amend.qty_lots <= order.cum_lots:
            self._open_orders.rename(order, amend.cl_ord_id)
            market.book.reduce(order, order.leaves_lots)
            order.qty_lots = order.cum_lots
            self._matcher.close(market, order, now_ns, CANCELED_BY_AMEND)
            self._position_orders.follow(now_ns)
            return None
        return self._apply_to_live(market, order, amend, now_ns)

    def _apply_to_live(
        self, market: Market, order: Order, amend: Amend, now_ns: int
    ) -> Rule | None:
        price = amend.price
        qty_lots = amend.qty_lots
        rule = self._admission.amended(market, order, price, qty_lots - order.cum_lots)
        if rule is not None:
            return rule
        if price != order.price and outside_band(market, order.side, price):
            return PRICE_BAND
        matches = price != order.price and market.book.first_match(order.side, price) is not None
        if matches and amend.post_only:
            return POST_ONLY

        self._accept(order, amend, now_ns)
        if price == order.price and qty_lots <= order.qty_lots:
            market.book.reduce(order, order.qty_lots - qty_lots)
            order.qty_lots = qty_lots
            if amend.display_lots:
                market.book.set_display(order, amend.display_lots)
        else:
            market.book.remove(order)
            order.display_lots = amend.display_lots or order.display_lots
            order.price = price
            order.qty_lots = qty_lots
            if not matches:
                market.book.add(order, now_ns)
        self._matcher.events.append(replaced_event(order, now_ns))
        if matches and self._matcher.match(market, order, now_ns):
            market.book.add(order, now_ns)
        self._position_orders.met_book(order, now_ns)
        return None

    def _apply_to_waiting(
        self, market: Market, order: Order, amend: Amend, now_ns: int
    ) -> Rule | None:
        trigger = order.trigger
        anchor = market.state.mark_price
        stop_price = amend.stop_price
        if trigger is not None:
            if stop_price == 0:
                stop_price = trigger.distance if trigger.distance else trigger.stop_price
            rule = self._check_trigger(market, order, trigger, stop_price)
            if rule is not None:
                return rule
            anchor = self._anchor(market, order, trigger)
        rule = self._admission.waiting_with(order, amend.qty_lots, amend.price, stop_price, anchor)
        if rule is not None:
            return rule

        self._accept(order, amend, now_ns)
        if trigger is not None and order.stage == UNTRIGGERED:
            triggers = triggers_of(market, trigger)
            triggers.remove(order)
            _set_terms(order, trigger, amend, stop_price)
            triggers.add(order, reference_price(market, trigger))
        else:
            _set_terms(order, trigger, amend, stop_price)
        self._matcher.events.append(replaced_event(order, now_ns))
        return None

    def _check_trigger(
        self, market: Market, order: Order, trigger: Trigger, stop_price: int
    ) -> Rule | None:
        """Whether the reference has reached the new trigger price of an order that waits for it."""
        reference = reference_price(market, trigger)
        if reference == 0 and trigger.reference == INDEX_PRICE:
            return INDEX_UNAVAILABLE
        if order.stage == SCHEDULED:
            return None
        if trigger.distance:
            best = triggers_of(market, trigger).best(order)
            if best == 0:
                return None
            stop_price = best + stop_price if order.side == BUY else best - stop_price
        return TRIGGER_PRICE if is_reached(order, trigger, stop_price, reference) else None

    def _anchor(self, market: Market, order: Order, trigger: Trigger) -> int:
        """What the distances of a trailing order count from."""
        if trigger.distance and order.stage == UNTRIGGERED:
            return triggers_of(market, trigger).best(order)
        return reference_price(market, trigger)

    def _accept(self, order: Order, amend: Amend, now_ns: int) -> None:
        """The amend has passed: what changes in every stage."""
        self._admission.bind(order)
        self._open_orders.rename(order, amend.cl_ord_id)
        order.aged_ns = now_ns
        order.amended = True


def _set_terms(order: Order, trigger: Trigger | None, amend: Amend, stop_price: int) -> None:
    """Quantity, price and trigger price of an order that is in no book."""
    order.qty_lots = amend.qty_lots
    if amend.display_lots:
        order.display_lots = amend.display_lots
    if trigger is None:
        order.price = amend.price
    elif trigger.distance:
        trigger.distance = stop_price
        trigger.limit_distance = amend.price
    else:
        trigger.stop_price = stop_price
        order.price = amend.price
