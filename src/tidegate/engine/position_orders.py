"""What a position that has changed means to the open margin orders of its account.

Reduce-only orders that rest may together not be larger than the position: the least aggressive of
them, by price, then the newest, are canceled until the rest fits, and the last one is cut down. All
other margin orders hold what they need at the position of now, and at their place among the orders
that close it; one whose account can not pay for that is canceled.

This is done once an order has ended its way through the book, never on that way: what an order
trades is settled by the book that it found. It is done too where nothing has traded but an order
that stands in the line for the position has come, gone or changed.
"""

from __future__ import annotations

from tidegate.engine.closing_queue import Gone, Queued
from tidegate.engine.margin import Margin
from tidegate.engine.market import Market, stop_waiting, triggers_of
from tidegate.engine.matching import Matcher
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order
from tidegate.engine.positions import Position
from tidegate.model.orders import BUY, LIVE, SELL, UNTRIGGERED
from tidegate.model.rejects import CANCELED_POSITION_CLOSED


class PositionOrders:
    """Lets orders follow the positions of their accounts."""

    def __init__(
        self,
        margin: Margin,
        matcher: Matcher,
        open_orders: OpenOrders,
        markets: dict[str, Market],
    ) -> None:
        self._margin = margin
        self._matcher = matcher
        self._open_orders = open_orders
        self._markets = markets

    def met_book(self, order: Order, now_ns: int) -> None:
        """An order has met the book, was filled there, or has changed in its place. Events: what
        this module says."""
        if order.margin and (order.reduce_only or self._margin.closable(order) > 0):
            self._margin.touch(order)  # those behind it may close less now, or more
        self.follow(now_ns)

    def follow(self, now_ns: int) -> None:
        """Goes through the positions that have changed, in the order in which they did. Events as
        of `met_book`."""
        if not self._margin.changed:
            return
        for position in self._margin.changed:
            market = self._markets[position.symbol]
            self._fit(market, position, BUY, now_ns)
            self._fit(market, position, SELL, now_ns)
            while not self._refresh(market, position, now_ns):
                pass  # nobody needs more then: this ends at the second time
            position.changed = False
        self._margin.changed.clear()

    def _fit(self, market: Market, position: Position, side: int, now_ns: int) -> None:
        """Makes the reduce-only orders of a side that rest no larger than what they can close."""
        orders: list[Order] = []
        excess = -position.closable(side)
        for order in self._open_orders.margin_orders(position.account, position.symbol):
            if order.reduce_only and order.resting and order.side == side:
                orders.append(order)
                excess += order.leaves_lots
        if excess <= 0:
            return
        orders.sort(key=_aggressiveness)
        for order in orders:
            if order.leaves_lots > excess:
                self._matcher.cut(market, order, excess, now_ns)
                return
            excess -= order.leaves_lots
            self._matcher.close(market, order, now_ns, CANCELED_POSITION_CLOSED)
            if excess == 0:
                return

    def _refresh(self, market: Market, position: Position, now_ns: int) -> bool:
        """Lets the others hold what they need: first those that open no more than before, as that
        may pay for what the others open more; then those in entry order, and last those that stand
        in the line for the position, first to last. Who can not pay leaves the line to those
        behind. False where one has: others may open less now that had their turn before."""
        margin = self._margin
        orders = self._open_orders.margin_orders(position.account, position.symbol)
        size = abs(position.lots)
        line = margin.line(position, orders)
        more: list[Order] = []
        for order in orders:
            if order.resting and position.closable(order.side) > 0:
                continue
            opening = margin.opening_alone(order)
            if opening > order.opening_lots:
                more.append(order)
            elif opening < order.opening_lots and not _is_fired(market, order):
                self._hold(market, order, opening, now_ns)
        more_in_line: list[Queued] = []
        for one in line:
            opening = one.opening_lots(size)
            if opening > one.order.opening_lots:
                more_in_line.append(one)
            elif opening < one.order.opening_lots:
                self._hold(market, one.order, opening, now_ns)
        for order in more:
            if not _is_fired(market, order):
                self._hold(market, order, margin.opening_alone(order), now_ns)
        gone = Gone()
        all_stay = True
        for one in more_in_line:
            gone.take_off(one)
            if not self._hold(market, one.order, one.opening_lots(size), now_ns):
                gone.add(one)
                all_stay = False
        return all_stay

    def _hold(self, market: Market, order: Order, opening_lots: int, now_ns: int) -> bool:
        """Lets it hold what it needs to open so much. False where it can not, and is canceled."""
        rule = self._margin.refresh(order, opening_lots)
        if rule is None:
            return True
        if order.stage != LIVE:
            stop_waiting(market, order)
        self._matcher.close(market, order, now_ns, rule.text)
        return False


def _is_fired(market: Market, order: Order) -> bool:
    """Whether the order's trigger has fired and it is about to be released: it is checked then."""
    trigger = order.trigger
    if order.stage != UNTRIGGERED or trigger is None:
        return False
    return not triggers_of(market, trigger).has(order)


def _aggressiveness(order: Order) -> tuple[int, int]:
    """Rises with the eagerness to trade: worst price first, then the newest."""
    return (order.price if order.side == BUY else -order.price, -order.number)
