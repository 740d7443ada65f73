"""The reference model of the Spot engine: docs/spot-orders.md, as plain and as slow as it reads.

It is written from the document, not from the engine: where the two disagree, one of them is wrong
or the document has a hole.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.engine.reference_order import Order
from tests.engine.reference_triggers import Stages
from tidegate.model import orders as fix
from tidegate.model import rejects
from tidegate.model.rejects import Rule


@dataclass(eq=False)
class Amend:
    """New values of an order; all are said, whether they change or not."""

    cl_ord_id: bytes
    qty: int
    price: int
    stop: int = 0
    display: int = 0
    post_only: bool = False
    valid_until: int = 0


@dataclass(eq=False)
class Reference(Stages):
    """An answer is the name of the rule that refuses, empty where none does."""

    def submit(self, order: Order, text: bytes) -> str:
        order.text = text
        scheduled = order.effective > 0
        order.stage = fix.UNTRIGGERED if order.triggers else fix.LIVE
        if scheduled:
            order.stage = fix.SCHEDULED
        rule = self.entry_refusal(order, order.cl_ord_id, order.valid_until)
        if rule is None:
            rule = self.price_refusal(order, order.post_only)
        if rule is not None:
            return rule.name
        self.bind_entry(order)
        self.open.append(order)
        if scheduled:
            status = fix.STATUS_PENDING_NEW
            self.tell(order, fix.EXEC_PENDING_NEW, status, order.leaves, text)
            return ""
        self.tell(order, fix.EXEC_NEW, fix.STATUS_NEW, order.leaves, text)
        if order.stage == fix.LIVE:
            self.arrive(order)
            self.release()
        elif order.reference:
            self.follow(order, order.reference)
        return ""

    def entry_refusal(
        self, order: Order, cl_ord_id: bytes, valid_until: int, *, repriced: bool = False
    ) -> Rule | None:
        """What refuses an order or an amend with these values, funds included."""
        for other in self.open:
            same = other.account == order.account and other.cl_ord_id == cl_ord_id
            if same and other is not order:
                return rejects.CL_ORD_ID_IN_USE
        if order.quote_money and order in self.open:
            return rejects.AMEND_QUOTE_QTY
        if valid_until and self.now > valid_until:
            return rejects.DEADLINE_ELAPSED
        if order.stage == fix.LIVE and order.margin:
            order.bound = self.band_price(order)
            amended = order in self.open
            return self.margin_live(order, amended=amended, repriced=repriced)
        if order.stage == fix.LIVE:
            affords = self.affords(order, self.live_hold(order))
            return None if affords else rejects.INSUFFICIENT_FUNDS
        if order.stage == fix.UNTRIGGERED and self.is_reached_now(order):
            return rejects.TRIGGER_PRICE
        return self.waiting_refusal(order)

    def is_reached_now(self, order: Order) -> bool:
        """Whether the reference has reached the trigger price of one that waits already."""
        if order.trails and not order.best:
            return False
        return bool(order.reference) and order.reached(order.reference)

    def bind_entry(self, order: Order) -> None:
        """What an order holds that enters, or one that waits or rests with new values."""
        if order.stage != fix.LIVE:
            self.bind_waiting(order)
        elif order.margin:
            self.bind(order, self.needed)
        else:
            self.reserve(order, self.live_hold(order))

    def live_hold(self, order: Order) -> int:
        if order.ord_type == fix.MARKET and order.buys and not order.quote_money:
            order.bound = self.band_price(order)
            return self.arrival_cost(order)
        order.hold_price = order.price
        return order.hold_for(order.price, order.leaves)

    def arrival_cost(self, order: Order) -> int:
        """What a market buy pays on arrival. One that is killed pays nothing, but is refused like
        others where its account could not pay for what there is, unless the whole book has less
        than it wants."""
        plan = self.plan(order)
        if order.time_in_force != fix.FOK or plan.whole:
            return plan.cost
        opposite = [o for o in self.open if o.arrival and o.side != order.side]
        too_few = order.leaves > sum(o.leaves for o in opposite if o.pair is order.pair)
        return 0 if too_few or self.affords(order, plan.cost) else plan.cost

    def exposure(self, order: Order) -> int:
        """What an open order must hold."""
        if order.margin:
            return self.rest_need(order).hold
        return order.hold_for(order.hold_price, order.leaves)

    def price_refusal(self, order: Order, post_only: bool) -> Rule | None:
        """Checks of a limit order that trades or rests at once."""
        if order.stage != fix.LIVE:
            return None
        if order.ord_type == fix.MARKET:
            order.bound = self.band_price(order)
            return None
        if self.beyond_band(order, order.price):
            return rejects.PRICE_BAND
        return rejects.POST_ONLY if post_only and self.queue(order) else None

    def cancel(self, order: Order, cl_ord_id: bytes, text: bytes) -> None:
        if cl_ord_id:
            order.orig_cl_ord_id, order.cl_ord_id = order.cl_ord_id, cl_ord_id
        self.close(order, text)
        self.let_orders_follow()

    def amend(self, order: Order, change: Amend) -> str:
        before = (order.qty, order.price, order.stop, order.display, order.hold_price)
        arrival = order.arrival
        if change.qty > order.cum:
            order.qty, order.price = change.qty, change.price
            order.stop, order.display = change.stop, change.display
        repriced = order.price != before[1]
        back = repriced or order.qty > before[0]
        if order.arrival and back:
            order.arrival = self.arrivals + 1
        name, until = change.cl_ord_id, change.valid_until
        rule = self.entry_refusal(order, name, until, repriced=repriced)
        if rule is None and order.price != before[1]:
            rule = self.price_refusal(order, change.post_only)
        if rule is not None:
            order.qty, order.price, order.stop, order.display, order.hold_price = before
            order.arrival = arrival
            return rule.name
        if change.qty <= order.cum:
            order.qty = order.cum
            self.cancel(order, change.cl_ord_id, rejects.CANCELED_BY_AMEND)
            return ""
        self.bind_entry(order)
        order.orig_cl_ord_id, order.cl_ord_id = order.cl_ord_id, change.cl_ord_id
        order.amended = True
        waits = order.stage == fix.SCHEDULED
        status = fix.STATUS_PENDING_REPLACE if waits else fix.STATUS_REPLACED
        self.tell(order, fix.EXEC_REPLACED, status, order.leaves)
        if order.stage == fix.LIVE:
            self.requeue(order, back=back)
            self.met_the_book(order)
            self.release()
        return ""

    def requeue(self, order: Order, *, back: bool) -> None:
        """A live order with new values keeps its place, or goes to the back and may trade."""
        if not back:
            order.shown = min(order.shown, order.display or order.leaves, order.leaves)
            return
        order.arrival = 0
        if self.match(order):
            self.rest(order)
