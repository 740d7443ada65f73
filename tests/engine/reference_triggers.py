"""Stages of the reference model: what waits for a time or a price, looked through at every step."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.engine.reference_book import Book
from tests.engine.reference_margin import Need, Position
from tests.engine.reference_order import LIMIT_TYPES, Order, Pair
from tidegate.model import market_state as market
from tidegate.model import orders as fix
from tidegate.model import rejects
from tidegate.model.rejects import Rule


@dataclass(eq=False)
class Stages(Book):
    """`fired` is what a price has triggered and is not released yet, in the order of release."""

    fired: list[Order] = field(default_factory=list)
    needed: Need = field(default_factory=Need)  # by the latest margin order that was checked

    # --- prices ----------------------------------------------------------------------------------

    def saw_trade(self, pair: Pair, price: int) -> None:
        self.see(pair, price, by_index=False)

    def see(self, pair: Pair, price: int, *, by_index: bool) -> None:
        """A reference price: trailing orders follow, and what it reaches is triggered."""
        found: list[Order] = []
        for order in self.open:
            if order.stage != fix.UNTRIGGERED or order.pair is not pair:
                continue
            if order.by_index != by_index or order.fired or order.unfit:
                continue
            begins = order.trails and not order.best
            self.follow(order, price)
            order.unfit = begins and self.trigger_is_wrong(order)
            if order.unfit:
                found.append(order)
            elif order.reached(price):
                order.fired = price
                found.append(order)
        self.fired += sorted(found, key=self.along_the_move)

    def follow(self, order: Order, price: int) -> None:
        if order.trails:
            best = order.best or price
            order.best = min(best, price) if order.buys else max(best, price)

    def along_the_move(self, order: Order) -> tuple[bool, bool, int, int]:
        """A rising price reaches the lowest trigger price first, a falling one the highest. Only
        the first price ever can do both; then come those first that it does not suit at all."""
        if order.unfit:
            return (False, False, 0, order.number)
        trigger = order.trigger_price(order.best)
        rises = order.waits_for_rise
        return (True, not rises, trigger if rises else -trigger, order.number)

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

    def release(self) -> None:
        """What prices have triggered, first come first released; it may trigger more."""
        while self.fired:
            order = self.fired.pop(0)
            if order.unfit:
                self.close(order, rejects.TRIGGER_PRICE.text)
            elif order in self.open:
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
                self.let_orders_follow()
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
            return
        rule = None if self.admitted(order) else self.status_rule(order.pair)
        rule = rule or self.waiting_refusal(order)
        if rule is not None:
            self.close(order, rule.text)
            return
        self.bind_waiting(order)
        if order.reference:
            self.follow(order, order.reference)
            if order.reached(order.reference):
                order.fired = order.reference
                self.fired.append(order)

    # --- what waits ------------------------------------------------------------------------------

    def waiting_refusal(self, order: Order) -> Rule | None:
        """Prices and funds of an order that is to wait, or waits and gets new values."""
        if order.triggers and order.by_index and not order.reference:
            return rejects.INDEX_UNAVAILABLE
        if self.trigger_is_wrong(order):
            return rejects.TRIGGER_PRICE
        if order.margin:
            self.needed = self.need(order, self.waiting_price(order))
            return self.margin_refusal(order, self.needed, amended=True)
        hold_price = order.hold_price
        affords = self.affords(order, self.waiting_hold(order))
        order.hold_price = hold_price
        return None if affords else rejects.INSUFFICIENT_FUNDS

    def trigger_is_wrong(self, order: Order) -> bool:
        if not order.triggers:  # scheduled
            needs_price = (order.buys and not order.quote_money) or order.margin
            return order.kind == fix.MARKET and needs_price and not order.pair.mark
        if not order.trails:
            return False
        best = order.best or order.reference
        if not best:
            return order.buys or order.margin
        distances = order.stop + (order.price if order.kind == fix.TRAILING_STOP_LIMIT else 0)
        return not order.buys and distances >= best

    def waiting_price(self, order: Order) -> int:
        """The hold price until it is live."""
        if order.triggers:
            trigger = order.trigger_price(order.best or order.reference)
            return order.limit_from(trigger) if order.kind in LIMIT_TYPES else trigger
        return order.pair.mark if order.kind == fix.MARKET else order.price

    def waiting_hold(self, order: Order) -> int:
        order.hold_price = self.waiting_price(order)
        return order.hold_for(order.hold_price, order.leaves)

    def bind_waiting(self, order: Order) -> None:
        """It holds what it must; a margin order what its check has found."""
        if order.margin:
            self.bind(order, self.needed)
        else:
            self.reserve(order, self.waiting_hold(order))

    # --- orders and positions --------------------------------------------------------------------

    def margin_live(self, order: Order, *, amended: bool, repriced: bool) -> Rule | None:
        """A margin order that meets the book, or would with new values. A market order, and a sell
        that trades for more than its price, needs what its trades say."""
        market, fok = order.ord_type == fix.MARKET, order.time_in_force == fix.FOK
        limit = (self.free(order.account, order.asset) + order.held + 1) * self.leverage(order)
        plan = self.plan(order, 10**40 if amended else limit)
        kills = fok and not amended and not plan.whole and plan.opened.money <= limit
        walks = not kills and (market or (not order.buys and (repriced or not amended)))
        price = 0 if market else order.price
        self.needed = self.need(order, price, plan.opened if walks else None)
        return self.margin_refusal(order, self.needed, amended=amended)

    def met_the_book(self, order: Order) -> None:
        """Positions may have changed: reduce-only orders are fitted to them, then the others hold
        what they need now."""
        if order.reduce_only or (order.margin and self.position(order).against(order)):
            self.touch(self.position(order))
        self.let_orders_follow()

    def let_orders_follow(self) -> None:
        for position in self.changed:
            for buys in (True, False):
                self.fit(position, buys=buys)
            while not self.hold_anew(position):
                pass
        self.changed = []

    def hold_anew(self, position: Position) -> bool:
        """Those first that open no more than before, and last those in the line for the position,
        in its order. Where one can not pay it goes, and the others are looked at again: False."""
        orders = self.margin_orders(position.account, position.pair)
        orders = [o for o in orders if (not o.fired and not o.unfit) or o.stage == fix.LIVE]
        more = [o for o in orders if self.opens(o) > o.opens]
        more.sort(key=lambda o: self.place_in_line(o, position))
        stay = [self.refresh(one) for one in [o for o in orders if o not in more] + more]
        return all(stay)

    def place_in_line(self, order: Order, position: Position) -> tuple[int, int, int]:
        if not order.arrival or not position.against(order):
            return (0, 0, order.number)
        return (1, -order.price if order.buys else order.price, order.arrival)

    def fit(self, position: Position, *, buys: bool) -> None:
        orders = self.margin_orders(position.account, position.pair)
        orders = [o for o in orders if o.reduce_only and o.arrival and o.buys == buys]
        orders.sort(key=lambda o: (o.price if buys else -o.price, -o.number))
        while orders:
            excess = sum(o.leaves for o in orders) - position.against(orders[0])
            if excess <= 0:
                return
            worst = orders.pop(0)
            if worst.leaves > excess:
                worst.qty -= excess
                worst.shown = min(worst.shown, worst.leaves)
                worst.amended = True
                self.tell(worst, fix.EXEC_REPLACED, fix.STATUS_REPLACED, worst.leaves)
                return
            self.close(worst, rejects.CANCELED_POSITION_CLOSED)

    def refresh(self, order: Order) -> bool:
        need = self.rest_need(order)
        if need.opens and not need.leverage:
            self.close(order, rejects.CANNOT_OPEN_POSITION.text)
        elif not self.affords(order, need.hold):
            self.close(order, rejects.INSUFFICIENT_FUNDS.text)
        else:
            self.bind(order, need)
            return True
        return False

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
        if order.ord_type == fix.MARKET:
            order.bound = self.band_price(order)
        hold = order.hold_for(order.price, order.leaves)
        if order.margin:
            rule = self.margin_live(order, amended=False, repriced=False)
            if rule is not None:
                return rule
            hold = self.needed.hold
        elif order.ord_type == fix.MARKET:
            hold = self.plan(order).cost if order.buys else order.held
        if not self.affords(order, hold):
            return rejects.INSUFFICIENT_FUNDS
        if order.ord_type == fix.LIMIT and self.beyond_band(order, order.price):
            return rejects.PRICE_BAND
        if order.post_only and self.queue(order):
            return rejects.POST_ONLY
        if order.margin:
            self.bind(order, self.needed)
            return None
        order.hold_price = order.price
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
