"""Stages of the reference model: what waits for a time or a price, looked through at every step."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.engine.reference_book import Book
from tests.engine.reference_order import LIMIT_TYPES, Order, Pair
from tidegate.model import market_state as market
from tidegate.model import orders as fix
from tidegate.model import rejects
from tidegate.model.rejects import Rule


@dataclass(eq=False)
class Stages(Book):
    """`fired` is what a price has triggered and is not released yet, in the order of release."""

    fired: list[Order] = field(default_factory=list)

    # --- prices ----------------------------------------------------------------------------------

    def saw_trade(self, pair: Pair, price: int) -> None:
        self.see(pair, price, by_index=False)

    def see(self, pair: Pair, price: int, *, by_index: bool) -> None:
        """A reference price: trailing orders follow, and what it reaches is triggered."""
        found: list[Order] = []
        for order in self.open:
            if order.stage != fix.UNTRIGGERED or order.fired or order.pair is not pair:
                continue
            if order.by_index != by_index:
                continue
            self.follow(order, price)
            if order.reached(price):
                order.fired = price
                found.append(order)
        self.fired += sorted(found, key=self.along_the_move)

    def follow(self, order: Order, price: int) -> None:
        if order.trails:
            best = order.best or price
            order.best = min(best, price) if order.buys else max(best, price)

    def along_the_move(self, order: Order) -> tuple[bool, int, int]:
        """A rising price reaches the lowest trigger price first, a falling one the highest."""
        trigger = order.trigger_price(order.best)
        rises = order.waits_for_rise
        return (not rises, trigger if rises else -trigger, order.number)

    def set_index(self, pair: Pair, price: int) -> None:
        pair.index = price
        if pair.releases:
            self.see(pair, price, by_index=True)
            self.release()

    def set_status(self, pair: Pair, status: int) -> None:
        waited = not pair.releases
        pair.status = status
        if waited:
            self.resume([pair])

    def set_halted(self, halted: bool) -> None:
        waited = [pair for pair in self.pairs if not pair.releases]
        for pair in self.pairs:
            pair.halted = halted
        self.resume(waited)

    def resume(self, pairs: list[Pair]) -> None:
        """Pairs that were at a stand: what prices and times would have released."""
        for pair in pairs:
            if pair.releases and pair.index:
                self.see(pair, pair.index, by_index=True)
                self.release()
        self.run_due(self.now)

    def release(self) -> None:
        """What prices have triggered, first come first released; it may trigger more."""
        while self.fired:
            order = self.fired.pop(0)
            if order in self.open:
                self.go_live(order)

    # --- times -----------------------------------------------------------------------------------

    def due(self, order: Order, now: int) -> int:
        """When the order is due next; 0 for never. One that expires before it can become active
        does not become active."""
        expired = bool(order.expire) and order.expire <= now
        if order.stage == fix.SCHEDULED and not expired:
            return order.effective if order.pair.releases else 0
        return order.expire

    def run_due(self, now: int) -> None:
        self.now = now
        while waiting := [o for o in self.open if 0 < self.due(o, now) <= now]:
            order = min(waiting, key=lambda o: (self.due(o, now), o.number))
            if order.expire and order.expire <= now:
                self.end(order)
                self.tell(order, fix.EXEC_EXPIRED, fix.STATUS_EXPIRED, 0, rejects.EXPIRED_GTD)
            else:
                self.activate(order)
            self.release()

    def activate(self, order: Order) -> None:
        """A scheduled order's time has come."""
        order.stage = fix.UNTRIGGERED if order.triggers else fix.LIVE
        order.amended = False
        self.tell(order, fix.EXEC_NEW, fix.STATUS_NEW, order.leaves)
        if not order.triggers:
            self.check_and_arrive(order)
        elif not self.admitted(order):
            self.close(order, self.status_rule(order.pair).text)
        elif order.reference:
            self.follow(order, order.reference)
            if order.reached(order.reference):
                order.fired = order.reference
                self.fired.append(order)

    # --- from a stage to live --------------------------------------------------------------------

    def go_live(self, order: Order) -> None:
        """A trigger fires."""
        order.price = order.limit_from(order.trigger_price(order.best))
        order.ord_type = fix.LIMIT if order.kind in LIMIT_TYPES else fix.MARKET
        order.stage = fix.LIVE
        order.amended = False
        status = fix.STATUS_PARTIALLY_FILLED if order.cum else fix.STATUS_NEW
        self.tell(order, fix.EXEC_RESTATED, status, order.leaves)
        self.check_and_arrive(order)

    def check_and_arrive(self, order: Order) -> None:
        """An order that is released is checked as one that arrives now."""
        if (rule := self.refusal_on_release(order)) is not None:
            self.close(order, rule.text)
        else:
            self.arrive(order)

    def refusal_on_release(self, order: Order) -> Rule | None:
        if not self.admitted(order):
            return self.status_rule(order.pair)
        hold = order.hold_for(order.price, order.leaves)
        if order.ord_type == fix.MARKET:
            order.bound = self.band_price(order)
            hold = self.plan(order).cost if order.buys else order.held
        if not self.affords(order, hold):
            return rejects.INSUFFICIENT_FUNDS
        if order.ord_type == fix.LIMIT and self.beyond_band(order, order.price):
            return rejects.PRICE_BAND
        if order.post_only and self.queue(order):
            return rejects.POST_ONLY
        self.reserve(order, hold)
        return None

    def admitted(self, order: Order) -> bool:
        """Whether the pair's status lets an order in that arrives now."""
        status = order.pair.status
        limit = order.ord_type == fix.LIMIT
        if status == market.POST_ONLY:
            return limit and order.post_only
        if status == market.LIMIT_ONLY:
            return limit
        return status != market.REDUCE_ONLY or order.reduce_only

    def status_rule(self, pair: Pair) -> Rule:
        rules = {
            market.POST_ONLY: rejects.MARKET_POST_ONLY,
            market.LIMIT_ONLY: rejects.MARKET_LIMIT_ONLY,
            market.REDUCE_ONLY: rejects.MARKET_REDUCE_ONLY,
        }
        return rules[pair.status]
