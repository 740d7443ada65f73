"""What the tests of stages share: an engine with money, orders that wait, events in a line each."""

from __future__ import annotations

from typing import Any

from tests.engine.engine_harness import (
    NOW_NS,
    SYMBOL,
    check_invariants,
    instrument,
    make_order,
    reloaded,
    saved,
)
from tidegate.engine.events import Event
from tidegate.engine.order import Order, Trigger
from tidegate.engine.spot import SpotEngine
from tidegate.model import orders as fix
from tidegate.model.orders import BUY, INDEX_PRICE, LAST_TRADE, SELL

SECOND_NS = 10**9


def line(event: Event) -> str:
    """`F 3 1: 2@100 taker` of a trade, `D 3 0: 2@99 by 98` of a trigger that fired (type, price,
    reference), else ExecType, order, OrdStatus and, where there is one, the text."""
    head = f"{chr(event.exec_type)} {event.order.number} {chr(event.ord_status)}"
    if event.exec_type == fix.EXEC_TRADE:
        liquidity = "taker" if event.liquidity == fix.TAKER else "maker"
        return f"{head}: {event.last_lots}@{event.last_price} {liquidity}"
    if event.exec_type == fix.EXEC_RESTATED:
        return f"{head}: {chr(event.ord_type)}@{event.price} by {event.trigger_price}"
    return f"{head}: {event.text.decode()}" if event.text else head


class StagesDesk:
    """An engine whose accounts 1 to 4 have plenty of both assets; account 9 has nothing. Calls give
    their events as lines. `restart` goes on with what a snapshot holds."""

    def __init__(self) -> None:
        self.engine = SpotEngine()
        self.engine.add_instrument(instrument())
        self.now_ns = NOW_NS
        for account in (1, 2, 3, 4):
            self.engine.ledger.deposit(account, "USD", 10**15)
            self.engine.ledger.deposit(account, "ABC", 10**15)

    def events(self) -> list[str]:
        check_invariants(self.engine)
        return [line(event) for event in self.engine.take_events()]

    def order(self, number: int) -> Order:
        order = self.engine.order(number)
        assert order is not None
        return order

    def make(self, side: int, lots: int, price: int, **given: Any) -> Order:
        return make_order(self.engine, side, lots, price, **({"entered_ns": self.now_ns} | given))

    def enter(self, side: int, lots: int, price: int, **given: Any) -> list[str]:
        """A limit order, unless said otherwise."""
        order = self.make(side, lots, price, **given)
        assert self.engine.submit(order, self.now_ns, b"") is None
        return self.events()

    def refused(self, order: Order) -> str:
        """The name of the rule that refuses an order that `make` or `make_stop` made."""
        before = saved(self.engine)
        rule = self.engine.submit(order, self.now_ns, b"")
        assert rule is not None
        assert self.events() == []
        assert saved(self.engine) == before
        return rule.name

    def make_stop(
        self, kind: int, side: int, stop: int, price: int = 0, *, lots: int = 1, **given: Any
    ) -> Order:
        """A stop-loss or take-profit order; `index=True` refers it to the index."""
        reference = INDEX_PRICE if given.pop("index", False) else LAST_TRADE
        trigger = Trigger(kind=kind, stop_price=stop, reference=reference)
        return self.make(side, lots, price, ord_type=kind, trigger=trigger, **given)

    def make_trail(
        self, side: int, distance: int, limit_distance: int = 0, *, lots: int = 1, **given: Any
    ) -> Order:
        """A trailing stop, with a limit where there is a distance to it."""
        kind = fix.TRAILING_STOP_LIMIT if limit_distance else fix.TRAILING_STOP
        reference = INDEX_PRICE if given.pop("index", False) else LAST_TRADE
        trigger = Trigger(
            kind=kind,
            stop_price=0,
            reference=reference,
            distance=distance,
            limit_distance=limit_distance,
        )
        return self.make(side, lots, 0, ord_type=kind, trigger=trigger, **given)

    def place(self, order: Order) -> list[str]:
        assert self.engine.submit(order, self.now_ns, b"") is None
        return self.events()

    def stop(self, *args: Any, **given: Any) -> list[str]:
        return self.place(self.make_stop(*args, **given))

    def trail(self, *args: Any, **given: Any) -> list[str]:
        return self.place(self.make_trail(*args, **given))

    def trade(self, price: int) -> list[str]:
        """A trade of one lot at a price between accounts 3 and 4, whose orders meet nobody else's
        there; what it triggers."""
        self.enter(BUY, 1, price, account=3)
        return self.enter(SELL, 1, price, account=4, time_in_force=fix.IOC)[3:]

    def index(self, price: int) -> list[str]:
        self.engine.set_index(SYMBOL, price, self.now_ns)
        return self.events()

    def status(self, status: int) -> list[str]:
        self.engine.set_status(SYMBOL, status, self.now_ns)
        return self.events()

    def cancel(self, number: int) -> list[str]:
        self.engine.cancel(self.order(number), self.now_ns, b"by user", b"c%d" % number)
        return self.events()

    def amend(self, number: int, **given: Any) -> list[str]:
        """An amend that is accepted; what is not given stays as it is."""
        assert self.try_amend(number, **given) == ""
        return self.events()

    def try_amend(self, number: int, **given: Any) -> str:
        """The name of the rule that refuses an amend, or nothing."""
        order = self.order(number)
        trigger = order.trigger
        price = order.price
        if trigger is not None and trigger.distance and order.stage != fix.LIVE:
            price = trigger.limit_distance
        fields = {
            "cl_ord_id": b"a%d-%d" % (number, order.amended),
            "qty_lots": order.qty_lots,
            "price": price,
            "post_only": False,
        }
        before = saved(self.engine)
        rule = self.engine.amend(order, now_ns=self.now_ns, **(fields | given))
        if rule is None:
            return ""
        assert self.events() == []
        assert saved(self.engine) == before
        return rule.name

    def wait(self, seconds: float) -> list[str]:
        """Time passes, and what is due is done in one record."""
        self.now_ns += int(seconds * SECOND_NS)
        self.engine.run_due(self.now_ns)
        return self.events()

    def at(self, seconds: float) -> int:
        """A time so many seconds after the desk's first."""
        return NOW_NS + int(seconds * SECOND_NS)

    def held(self, account: int, asset: str) -> int:
        return self.engine.ledger.held(account, asset)

    def restart(self) -> None:
        before = saved(self.engine)
        self.engine = reloaded(self.engine, instrument())
        assert saved(self.engine) == before
