"""Money under any stream of commands: nothing is made or lost, nothing owed, nothing held twice."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engine_harness import (
    NOW_NS,
    SYMBOL,
    check_invariants,
    instrument,
    make_order,
    reloaded,
    saved,
)
from tidegate.engine.ledger import EXTERNAL, FEES, HOUSE, Posting
from tidegate.engine.order import Order, Trigger
from tidegate.engine.spot import SpotEngine
from tidegate.model import market_state as market
from tidegate.model import orders as fix

ACCOUNTS = (1, 2, 3)
ASSETS = ("ABC", "USD")
MODES = (fix.STP_CANCEL_BOTH, fix.STP_CANCEL_NEWEST, fix.STP_CANCEL_OLDEST)
RATES = (0, 1, 2_500, 4_000, 123_456, 1_000_000)


class Bank:
    """An engine and what its ledger must say: what came in, and the sum of every posting."""

    def __init__(self, decimals: int) -> None:
        self.pair = instrument(decimals)
        self.engine = SpotEngine()
        self.engine.add_instrument(self.pair)
        self.engine.ledger.postings = []
        self.paid_in = dict.fromkeys(ASSETS, 0)
        self.owned: dict[tuple[int, str], int] = {}
        self.done: dict[str, int] = {}
        self.now_ns = NOW_NS

    def deposit(self, account: int, asset: str, amount: int) -> None:
        self.engine.ledger.deposit(account, asset, amount)
        self.paid_in[asset] += amount

    def withdraw(self, account: int, asset: str, part: float) -> None:
        amount = int(self.engine.ledger.available(account, asset) * part)
        self.engine.ledger.withdraw(account, asset, amount)
        self.paid_in[asset] -= amount

    def open_orders(self) -> list[Order]:
        return [order for account in ACCOUNTS for order in self.engine.account_orders(account)]

    def order(self, random: Random) -> Order | None:
        found = self.open_orders()
        return random.choice(found) if found else None

    def count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    def fill_by_house(self, order: Order, lots: int) -> None:
        self.engine.fill_by_house(order, lots, self.now_ns)
        if order.side == fix.BUY:
            self.paid_in["ABC"] += lots * 100
        else:
            self.paid_in["USD"] += self.pair.money(order.price, lots)

    def check(self) -> None:
        engine = self.engine
        for event in engine.take_events():
            self.count(chr(event.exec_type))
        check_invariants(engine)
        for order in self.open_orders():
            if order.stage != fix.LIVE and (price := waiting_price(order)):
                assert order.held_money == exposure(order, price)
        ledger = engine.ledger
        assert ledger.postings is not None
        check_postings(ledger.postings)
        for posting in ledger.postings:
            place = (posting.account, posting.asset)
            self.owned[place] = self.owned.get(place, 0) + posting.amount
        ledger.postings = []
        for asset in ASSETS:
            assert ledger.available(EXTERNAL, asset) == -self.paid_in[asset]
            for account in (FEES, HOUSE):
                assert ledger.available(account, asset) >= 0
                assert ledger.held(account, asset) == 0
        for (account, asset), amount in self.owned.items():
            assert ledger.available(account, asset) + ledger.held(account, asset) == amount


def waiting_price(order: Order) -> int:
    """The price at which an order that waits holds money; 0 where only the market knows it."""
    trigger = order.trigger
    if order.quote_money or (trigger is not None and trigger.distance):
        return 0
    return order.price if order.price or trigger is None else trigger.stop_price


def exposure(order: Order, price: int) -> int:
    """What the order holds: what it costs and the dearer of its fees, if that is on top."""
    buys = order.side == fix.BUY
    cost = Fraction(order.leaves_lots * 100)
    if buys:
        scale = 10 ** (order.instrument.price_decimals + 8)
        cost = Fraction(price * order.leaves_lots * 10**10, scale)
    if buys != order.fee_in_base:
        cost *= 1 + Fraction(max(order.maker_rate, order.taker_rate), 10**6)
    return ceil(cost)


def check_postings(postings: list[Posting]) -> None:
    """Two by two they add up to zero, each pair in one asset and of one kind."""
    assert len(postings) % 2 == 0
    for giver, taker in zip(postings[::2], postings[1::2], strict=True):
        assert giver.amount == -taker.amount < 0
        assert (giver.asset, giver.kind, giver.trade_number) == (
            taker.asset,
            taker.kind,
            taker.trade_number,
        )
        assert (giver.trade_number > 0) == (giver.kind in ("trade", "fee"))


def wait(bank: Bank, random: Random, given: dict[str, Any], price: int) -> int:
    """Makes an order wait for its time or a price; its price then."""
    if random.random() < 0.4:
        given["effective_ns"] = bank.now_ns + random.randint(1, 12)
    if random.random() < 0.3:
        given["time_in_force"] = fix.GTD
        given["expire_ns"] = bank.now_ns + random.randint(5, 25)
    kind = random.choice((0, *fix.TRIGGER_TYPES))
    if kind == 0:
        return price
    limited = kind in fix.PRICED_TYPES
    trails = kind in (fix.TRAILING_STOP, fix.TRAILING_STOP_LIMIT)
    given["ord_type"] = kind
    given["trigger"] = Trigger(
        kind=kind,
        stop_price=0 if trails else max(1, price + random.randint(-9, 9)),
        reference=random.choice((fix.LAST_TRADE, fix.INDEX_PRICE)),
        distance=random.randint(1, 9) if trails else 0,
        limit_distance=random.randint(1, 4) if limited and trails else 0,
    )
    return price if limited and not trails else 0


def submit(bank: Bank, random: Random, lots: int, middle: int) -> None:
    side = random.choice((fix.BUY, fix.SELL))
    qty = random.randint(1, lots)
    price = max(1, middle + random.randint(-4, 4))
    given: dict[str, Any] = {
        "account": random.choice(ACCOUNTS),
        "stp_mode": random.choice(MODES),
        "time_in_force": random.choice((fix.GTC, fix.GTC, fix.GTC, fix.IOC, fix.FOK)),
        "fee_in_base": random.choice((True, False, None)),
        "maker_rate": random.choice(RATES),
        "taker_rate": random.choice(RATES),
    }
    kind = random.random()
    if kind < 0.4 and given["time_in_force"] == fix.GTC:
        given["display_lots"] = random.randint(-(-qty // 15), qty)
    elif kind < 0.5:
        given["ord_type"], price = fix.MARKET, 0
    elif kind < 0.6:
        given["ord_type"], price, side = fix.MARKET, 0, fix.BUY
        given["quote_money"] = random.randint(1, bank.pair.money(middle, lots) + 1)
    if random.random() < 0.3:
        if "display_lots" in given:
            given["effective_ns"] = bank.now_ns + random.randint(1, 12)
        elif given["time_in_force"] == fix.GTC and "ord_type" not in given:
            price = wait(bank, random, given, price)
        elif "quote_money" in given:
            given["effective_ns"] = bank.now_ns + random.randint(1, 12)
    order = make_order(bank.engine, side, 1 if "quote_money" in given else qty, price, **given)
    before = saved(bank.engine)
    rule = bank.engine.submit(order, bank.now_ns, b"")
    if rule is not None:
        assert saved(bank.engine) == before
        bank.count(rule.name)
    elif order.stage != fix.LIVE:
        bank.count("waits")
    elif "quote_money" in given:
        bank.count("amount")
    elif "display_lots" in given:
        bank.count("iceberg")


def step(bank: Bank, random: Random, lots: int, middle: int) -> None:
    kind = random.random()
    account, asset = random.choice(ACCOUNTS), random.choice(ASSETS)
    if kind < 0.6:
        submit(bank, random, lots, middle)
    elif kind < 0.62:
        bank.withdraw(account, asset, random.choice((0.0, 0.3, 1.0)))
    elif kind < 0.65:
        bank.deposit(account, asset, random.randint(0, bank.pair.money(middle, lots) + lots * 100))
    elif kind < 0.66:
        bank.engine.market_state(SYMBOL).band = random.choice((0, 500_000, 1_000))
    elif kind < 0.70:
        bank.now_ns += random.randint(1, 10)
        bank.engine.run_due(bank.now_ns)
    elif kind < 0.73:
        bank.engine.set_index(SYMBOL, max(1, middle + random.randint(-9, 9)), bank.now_ns)
    elif kind < 0.75:
        status = random.choice((market.ONLINE, market.ONLINE, market.CANCEL_ONLY, market.POST_ONLY))
        bank.engine.set_status(SYMBOL, status, bank.now_ns)
    elif (order := bank.order(random)) is not None:
        if kind < 0.82:
            bank.engine.cancel(order, bank.now_ns, b"")
        elif kind < 0.87 and order.resting:
            bank.fill_by_house(order, random.randint(1, order.leaves_lots))
        else:
            qty = random.randint(1, lots)
            left = max(1, qty - order.cum_lots)
            display = random.randint(-(-left // 15), left) if order.display_lots else 0
            price = max(1, order.price + random.randint(-2, 2)) if order.price else 0
            if order.trigger is not None and order.trigger.limit_distance and not order.price:
                price = random.randint(1, 4)
            rule = bank.engine.amend(
                order, cl_ord_id=b"", qty_lots=qty, price=price,
                post_only=random.random() < 0.2, now_ns=bank.now_ns, display_lots=display,
            )  # fmt: skip
            bank.count("amend" if rule is None else rule.name)


def fund(bank: Bank, lots: int, middle: int) -> None:
    for account in ACCOUNTS:
        bank.deposit(account, "USD", 2 * bank.pair.money(middle, lots))
        bank.deposit(account, "ABC", 2 * lots * 100)


@settings(max_examples=150, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([(2, 1_000), (1, 840_000), (7, 1_234_567), (5, 3)]),
    st.integers(1, 10**7),
)
def test_money_adds_up_at_every_step(random: Random, market: tuple[int, int], lots: int) -> None:
    decimals, middle = market
    bank = Bank(decimals)
    fund(bank, lots, middle)
    for _ in range(30):
        step(bank, random, lots, middle)
        bank.check()


@pytest.mark.parametrize("seed", [1, 2])
def test_money_adds_up_over_a_long_day(seed: int) -> None:
    random = Random(seed)
    bank = Bank(5)
    for number in range(3_000):
        if number % 200 == 0:
            fund(bank, 3_000, 1_000)
            bank.check()
            bank.engine = reloaded(bank.engine, bank.pair)
            bank.engine.ledger.postings = []
        step(bank, random, 3_000, 1_000)
        if bank.engine.open_order_count > 30:
            order = bank.order(random)
            assert order is not None
            bank.engine.cancel(order, bank.now_ns, b"")
        bank.check()
    for what in (
        "amount", "waits", "iceberg", "amend", "insufficient_funds", "price_band", "A", "C", "D",
    ):  # fmt: skip
        assert bank.done.get(what, 0) > 4, what
