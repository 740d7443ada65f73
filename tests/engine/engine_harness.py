"""What the engine's tests share: making orders, rendering events, and the engine held against the
reference model command by command."""

from __future__ import annotations

import pickle
from fractions import Fraction
from math import ceil
from typing import Any

from tests.engine import reference_book as reference
from tidegate.engine.events import Event
from tidegate.engine.holds import held_asset
from tidegate.engine.order import Order
from tidegate.engine.spot import SpotEngine
from tidegate.model import orders as fix
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument, make_instrument
from tidegate.model.rejects import CANCELED_BY_AMEND, CANCELED_BY_USER

NOW_NS = 1_762_000_000_000_000_000
SYMBOL = "ABC/USD"
MAKER_RATE = 2_500
TAKER_RATE = 4_000


def instrument(price_decimals: int = 2) -> Instrument:
    tick = f"0.{'0' * (price_decimals - 1)}1"
    return make_instrument(SYMBOL, price_decimals, tick, "0.00000001", "0")


def make_order(engine: SpotEngine, side: int, qty_lots: int, price: int, **given: Any) -> Order:
    """A limit GTC order of account 1, group `g<account>`, unless said otherwise."""
    number = engine.next_order_number
    account = given.pop("account", 1)
    found = engine.instrument(given.pop("symbol", SYMBOL))
    assert found is not None
    fields: dict[str, Any] = {
        "number": number,
        "account": account,
        "session": account,
        "epoch": 1,
        "instrument": found,
        "side": side,
        "ord_type": fix.LIMIT,
        "time_in_force": fix.GTC,
        "price": price,
        "qty_lots": qty_lots,
        "post_only": False,
        "stp_mode": fix.STP_CANCEL_NEWEST,
        "stp_group": b"g%d" % account,
        "cl_ord_id": b"%d" % number,
        "symbol": found.symbol_text,
        "exec_inst": b"",
        "alloc_account": b"",
        "maker_rate": MAKER_RATE,
        "taker_rate": TAKER_RATE,
        "entered_ns": NOW_NS,
    }
    return Order(**(fields | given))


def saved(engine: SpotEngine) -> bytes:
    encoder = Encoder()
    engine.save(encoder)
    return encoder.value()


def reloaded(engine: SpotEngine, *instruments: Instrument) -> SpotEngine:
    """Another engine with the state of this one, by way of a snapshot."""
    fresh = SpotEngine()
    for one in instruments:
        fresh.add_instrument(one)
    decoder = Decoder(saved(engine))
    fresh.load(decoder)
    assert decoder.at_end()
    return fresh


def render(event: Event) -> tuple[Any, ...]:
    """An event whole, as the reference model writes it."""
    order = event.order
    assert event.time_ns == NOW_NS
    return (
        chr(event.exec_type), chr(event.ord_status), order.number,
        event.cl_ord_id, event.orig_cl_ord_id, event.leaves_lots,
        event.price, event.qty_lots, event.cum_lots, event.value, event.gross_money,
        event.fee_money, event.text,
        event.last_price, event.last_lots, event.last_money, event.last_fee_money,
        event.fee_asset, event.liquidity, event.trade_number, event.pair_trade_number,
    )  # fmt: skip


def brief(event: Event) -> tuple[Any, ...]:
    """An event in short: trades as `F status order lots@price maker|taker`, others as
    `exec_type order leaves text`."""
    if event.exec_type == fix.EXEC_TRADE:
        liquidity = "taker" if event.liquidity == fix.TAKER else "maker"
        traded = f"{event.last_lots}@{event.last_price}"
        return ("F", chr(event.ord_status), event.order.number, traded, liquidity)
    return (chr(event.exec_type), event.order.number, event.leaves_lots, event.text)


def check_invariants(engine: SpotEngine, symbols: tuple[str, ...] = (SYMBOL,)) -> None:
    """What must be true between any two operations."""
    ledger = engine.ledger
    assert set(ledger.totals().values()) <= {0}
    held: dict[tuple[int, str], int] = {}
    count = 0
    for symbol in symbols:
        book = engine.book(symbol)
        assert book is not None
        for side in (book.bids, book.asks):
            assert side.total_lots == sum(o.leaves_lots for level in side for o in level)
        bid, ask = book.bids.best, book.asks.best
        assert bid is None or ask is None or bid.price < ask.price
        for level in (*book.bids, *book.asks):
            orders = list(level)
            assert orders
            assert level.count == len(orders)
            assert level.total_lots == sum(o.leaves_lots - o.hidden_lots for o in orders)
            count += len(orders)
            for order in orders:
                _check_order(engine, order)
                pair = order.instrument
                key = (order.account, pair.quote if order.side == fix.BUY else pair.base)
                held[key] = held.get(key, 0) + order.held_money
    for account in (a for a in ledger.accounts() if a >= 0):
        for order in engine.account_orders(account):
            if order.stage != fix.LIVE:
                assert not order.resting
                count += 1
                key = (account, held_asset(order))
                held[key] = held.get(key, 0) + order.held_money
    assert count == engine.open_order_count
    for account in (a for a in ledger.accounts() if a >= 0):
        for asset in ledger.assets(account):
            assert ledger.available(account, asset) >= 0
            assert ledger.held(account, asset) == held.pop((account, asset), 0)
    assert not held


def exposure(order: Order) -> int:
    """What a resting order holds, from its definition: what its leaves cost at its price and, if
    it pays its fee in the same asset, the dearer of its fees, rounded up once."""
    pair = order.instrument
    buys = order.side == fix.BUY
    cost = Fraction(order.leaves_lots * 100)
    if buys:
        cost = Fraction(order.price * order.leaves_lots * 10**10, 10 ** (pair.price_decimals + 8))
    if buys != order.fee_in_base:
        cost *= 1 + Fraction(max(order.maker_rate, order.taker_rate), 10**6)
    return ceil(cost)


def _check_order(engine: SpotEngine, order: Order) -> None:
    """An order in a book is found by every way to it, and open."""
    assert order.resting
    assert 0 < order.leaves_lots <= order.qty_lots
    shown = order.leaves_lots - order.hidden_lots
    assert order.hidden_lots >= 0
    assert 0 < shown <= (order.display_lots or shown)
    assert order.held_money == exposure(order)
    assert engine.order(order.number) is order
    assert order in engine.account_orders(order.account)
    assert order in engine.session_orders(order.session)
    if order.cl_ord_id:
        assert engine.order_by_cl_ord_id(order.account, order.cl_ord_id) is order


class Twins:
    """The engine and the reference model, given the same commands and held to the same answers,
    events and balances. `leaves` is what each order's reports so far say is open of it."""

    def __init__(self, price_decimals: int = 2) -> None:
        self.pair = instrument(price_decimals)
        self.engine = SpotEngine()
        self.engine.add_instrument(self.pair)
        self.model = reference.Reference()
        self.names = 0
        self.refusals: dict[str, int] = {}
        self.leaves: dict[int, int] = {}

    def deposit(self, account: int, asset: str, amount: int) -> None:
        self.engine.ledger.deposit(account, asset, amount)
        self.model.move(account, asset, amount)

    def clone(self) -> Twins:
        """Both again: the engine by way of a snapshot."""
        twin = Twins(self.pair.price_decimals)
        twin.engine = reloaded(self.engine, self.pair)
        twin.model = pickle.loads(pickle.dumps(self.model))
        twin.names = self.names
        twin.leaves = dict(self.leaves)
        return twin

    def submit(
        self,
        account: int,
        side: int,
        qty: int,
        price: int,
        ord_type: int = fix.LIMIT,
        time_in_force: int = fix.GTC,
        post_only: bool = False,
        stp_mode: int = fix.STP_CANCEL_NEWEST,
        group: int = 0,
        rates: tuple[int, int] = (MAKER_RATE, TAKER_RATE),
    ) -> None:
        self.names += 1
        name = b"n%d" % self.names
        if ord_type == fix.MARKET:
            price = 0
        stp_group = b"g%d" % (group or account)
        order = make_order(
            self.engine, side, qty, price, account=account, ord_type=ord_type,
            time_in_force=time_in_force, post_only=post_only, stp_mode=stp_mode,
            stp_group=stp_group, cl_ord_id=name, maker_rate=rates[0], taker_rate=rates[1],
        )  # fmt: skip
        other = reference.Order(
            order.number, account, self.pair.base, self.pair.quote, self.pair.price_decimals, side,
            ord_type, time_in_force, price, qty, post_only, stp_mode, stp_group, name, *rates,
        )  # fmt: skip
        before = saved(self.engine)
        rule = self.engine.submit(order, NOW_NS, b"text")
        self._compare("" if rule is None else rule.name, self.model.submit(other, b"text"), before)

    def cancel(self, choice: int, *, named: bool = True) -> None:
        """Cancels the open order of that place, counted round."""
        order, other = self._choose(choice)
        if order is None or other is None:
            return
        self.names += 1
        name = b"n%d" % self.names if named else b""
        self.engine.cancel(order, NOW_NS, CANCELED_BY_USER, name)
        self.model.cancel(other, name, CANCELED_BY_USER)
        self._compare("", "", b"")

    def amend(self, choice: int, qty: int, price_change: int, *, post_only: bool = False) -> None:
        order, other = self._choose(choice)
        if order is None or other is None:
            return
        self.names += 1
        name = b"n%d" % self.names
        price = max(1, order.price + price_change)
        before = saved(self.engine)
        rule = self.engine.amend(
            order, cl_ord_id=name, qty_lots=qty, price=price, post_only=post_only, now_ns=NOW_NS
        )
        expected = self.model.amend(other, name, qty, price, post_only)
        self._compare("" if rule is None else rule.name, expected, before)

    def _choose(self, choice: int) -> tuple[Order | None, reference.Order | None]:
        found = sorted(self.model.open, key=lambda order: order.number)
        if not found:
            return None, None
        other = found[choice % len(found)]
        order = self.engine.order(other.number)
        assert order is not None
        return order, other

    def _compare(self, rule: str, expected: str, before: bytes) -> None:
        events = self.engine.take_events()
        assert rule == expected
        assert [render(event) for event in events] == self.model.events
        self.model.events = []
        for event in events:
            self._count(event)
        if rule:
            self.refusals[rule] = self.refusals.get(rule, 0) + 1
            assert not events
            assert saved(self.engine) == before
        self.check()

    def _count(self, event: Event) -> None:
        """CumQty + LeavesQty + canceled = OrderQty, from the reports alone."""
        before = self.leaves.get(event.order.number, 0)
        if event.exec_type == fix.EXEC_TRADE:
            assert event.leaves_lots == before - event.last_lots
        if event.exec_type == fix.EXEC_CANCELED:
            by_amend = event.text == CANCELED_BY_AMEND  # then OrderQty becomes CumQty
            assert event.cum_lots + (0 if by_amend else before) == event.qty_lots
            assert event.leaves_lots == 0
        else:
            assert event.cum_lots + event.leaves_lots == event.qty_lots
        self.leaves[event.order.number] = event.leaves_lots

    def check(self) -> None:
        engine, model = self.engine, self.model
        check_invariants(engine)
        assert engine.open_order_count == len(model.open)
        for other in model.open:
            order = engine.order(other.number)
            assert order is not None
            assert order.leaves_lots == self.leaves[other.number]
            assert (order.held_money, order.leaves_lots) == (other.held, other.leaves)
        for (account, asset), amount in model.available.items():
            assert engine.ledger.available(account, asset) == amount
