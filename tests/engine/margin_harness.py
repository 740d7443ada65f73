"""What the tests of margin share: an engine whose accounts may trade with borrowed money, and what
must hold of it after every step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.engine.engine_harness import NOW_NS, brief, make_order
from tidegate.engine.ledger import LENDER
from tidegate.engine.margin_needs import margin_hold
from tidegate.engine.order import Order, Trigger
from tidegate.engine.spot import SpotEngine
from tidegate.model import orders as fix
from tidegate.model.instruments import Instrument, make_instrument
from tidegate.model.scaled import LOT_MONEY
from tidegate.model.settings import AccountSettings, Deposit

SYMBOLS = ("ABC/USD", "XYZ/USD")
LEVERAGE = 5


def margin_pair(symbol: str = "ABC/USD", **limits: int) -> Instrument:
    """One lot at a price of 1 costs 1 unit of money: amounts in tests are prices times lots."""
    pair = make_instrument(symbol, 2, "0.01", "0.00000001", "0")
    pair.leverage_max = 10
    for name, value in limits.items():
        setattr(pair, name, value)
    return pair


def settings(**given: Any) -> AccountSettings:
    fields: dict[str, Any] = {
        "account": "A", "firm": "A", "parent": "", "maker_rate": 0, "taker_rate": 0,
        "enabled": True, "deposits": [], "leverage": LEVERAGE,
    }  # fmt: skip
    allowance = given.pop("allowance", {})
    pools = [Deposit(asset=asset, amount=amount) for asset, amount in allowance.items()]
    return AccountSettings(**(fields | given), margin_allowance=pools)


class Bench:
    """An engine with two pairs. Account 0 makes the market without margin; accounts 1 to 3 have
    leverage, changed by `given` for account 1."""

    def __init__(
        self, pools: dict[str, int] | None = None, pair: dict[str, int] | None = None, **given: Any
    ) -> None:
        self.engine = SpotEngine()
        self.now_ns = NOW_NS
        self.fired: list[tuple[Any, ...]] = []  # what the latest `trade` led to
        for symbol in SYMBOLS:
            self.engine.add_instrument(margin_pair(symbol, **(pair or {})))
        accounts = [settings(leverage=0), settings(**given), settings(), settings()]
        lent = [Deposit(asset=asset, amount=amount) for asset, amount in (pools or {}).items()]
        self.engine.margin.adopt(accounts, lent)
        for asset in ("USD", "ABC", "XYZ"):
            self.engine.ledger.deposit(0, asset, 10**15)

    def fund(self, account: int, amount: int, asset: str = "USD") -> None:
        self.engine.ledger.deposit(account, asset, amount)

    def enter(self, side: int, lots: int, price: int = 0, account: int = 1, **given: Any) -> str:
        """Enters a margin order (of account 0: a spot order), a market order where no price is
        given. The name of the rule that refuses it."""
        fields: dict[str, Any] = {"margin": account != 0, "maker_rate": 0, "taker_rate": 0}
        if price == 0 and "ord_type" not in given:
            fields["ord_type"] = fix.MARKET
        order = make_order(self.engine, side, lots, price, account=account, **(fields | given))
        rule = self.engine.submit(order, self.now_ns, b"")
        check_margin(self.engine)
        return "" if rule is None else rule.name

    def enter_stop(self, kind: int, side: int, lots: int, stop: int, **given: Any) -> str:
        """Enters an order of a trigger type. Where it trails, `stop` and `limit` are distances."""
        limit = given.pop("limit", 0)
        trails = kind in (fix.TRAILING_STOP, fix.TRAILING_STOP_LIMIT)
        trigger = Trigger(
            kind=kind,
            stop_price=0 if trails else stop,
            distance=stop if trails else 0,
            limit_distance=limit if trails else 0,
        )
        price = 0 if trails else limit
        return self.enter(side, lots, price, ord_type=kind, trigger=trigger, **given)

    def amend(self, number: int, lots: int, price: int, stop: int = 0) -> str:
        order = self.order(number)
        rule = self.engine.amend(
            order, cl_ord_id=b"", qty_lots=lots, price=price, post_only=False,
            now_ns=self.now_ns, stop_price=stop,
        )  # fmt: skip
        check_margin(self.engine)
        return "" if rule is None else rule.name

    def cancel(self, number: int) -> None:
        self.engine.cancel(self.order(number), self.now_ns, b"")
        check_margin(self.engine)

    def trade(self, lots: int, price: int, symbol: str = "ABC/USD") -> None:
        """Account 0 trades with itself, in a group each: the last price moves. What rested there
        is met first."""
        self.enter(fix.SELL, lots, price, account=0, symbol=symbol, stp_group=b"a")
        self.enter(fix.BUY, lots, price, account=0, symbol=symbol, stp_group=b"b")
        self.fired = self.events()

    def order(self, number: int) -> Order:
        order = self.engine.order(number)
        assert order is not None
        return order

    def events(self) -> list[tuple[Any, ...]]:
        return [brief(event) for event in self.engine.take_events()]

    def money(self, account: int = 1, asset: str = "USD") -> tuple[int, int]:
        """Available and held."""
        ledger = self.engine.ledger
        return ledger.available(account, asset), ledger.held(account, asset)

    def position(self, account: int = 1, symbol: str = "ABC/USD") -> tuple[int, int, int]:
        """Lots, cost and margin."""
        position = self.engine.margin.positions.find(account, symbol)
        if position is None:
            return 0, 0, 0
        return position.lots, position.cost_money, position.margin_money


def expected_hold(engine: SpotEngine, order: Order) -> int:
    """What an order must hold, by the rule's own words."""
    if order.reduce_only:
        return 0
    opens = expected_opening(engine, order)
    if opens <= 0 or order.margin_price == 0:
        return 0
    rate = max(order.maker_rate, order.taker_rate)
    return margin_hold(order.instrument, order.margin_price, opens, order.leverage, rate)


def expected_opening(engine: SpotEngine, order: Order) -> int:
    """What an order opens: all but what those that trade before it leave of the position."""
    lots = engine.margin.positions.lots(order.account, order.instrument.symbol)
    left = max(0, -lots if order.side == fix.BUY else lots)
    if order.resting:
        left -= sum(may_trade_before(engine, order))
    return max(0, order.leaves_lots - max(0, left))


def may_trade_before(engine: SpotEngine, order: Order) -> Iterator[int]:
    """Lots of the account's other resting margin orders, as the book has them, of which the last
    lot of the order may be behind."""
    book = engine.book(order.instrument.symbol)
    assert book is not None
    met = False
    for level in book.side(order.side):
        if met:
            return
        for other in level:
            if other is order:
                met = True
            elif other.account != order.account or not other.margin:
                continue
            elif level.price != order.price or order.display_lots:
                yield other.leaves_lots
            elif not met:
                yield other.leaves_lots - other.hidden_lots


def check_margin(engine: SpotEngine) -> None:
    """What must be true between any two operations."""
    ledger = engine.ledger
    margin = engine.margin
    assert set(ledger.totals().values()) <= {0}
    assert not margin.changed
    lent: dict[str, int] = {}
    held: dict[tuple[int, str], int] = {}
    used: dict[tuple[int, str], int] = {}
    borrowed: dict[tuple[int, str], int] = {}
    for position in margin.positions.all():
        sign = 1 if position.lots > 0 else -1
        lent[position.base] = lent.get(position.base, 0) + position.lots * LOT_MONEY
        lent[position.quote] = lent.get(position.quote, 0) - sign * position.cost_money
        _add(held, (position.account, position.quote), position.margin_money)
        _add(used, (position.account, position.quote), position.margin_money)
        _add(borrowed, (position.account, position.borrowed_asset), position.borrowed_money)
    for asset in ("USD", "ABC", "XYZ"):
        assert ledger.available(LENDER, asset) == lent.get(asset, 0)
    reduce_only: dict[tuple[int, str, int], int] = {}
    for number in range(1, engine.next_order_number):
        order = engine.order(number)
        if order is None:
            continue
        if not order.margin:
            pays = order.instrument.quote if order.side == fix.BUY else order.instrument.base
            _add(held, (order.account, pays), order.held_money)
            continue
        assert order.opening_lots == (0 if order.reduce_only else expected_opening(engine, order))
        assert order.held_money == expected_hold(engine, order)
        _add(held, (order.account, order.instrument.quote), order.held_money)
        _add(used, (order.account, order.instrument.quote), order.held_money)
        pays = order.instrument.quote if order.side == fix.BUY else order.instrument.base
        _add(borrowed, (order.account, pays), order.borrowed_money)
        if order.reduce_only and order.resting:
            key = (order.account, order.instrument.symbol, order.side)
            reduce_only[key] = reduce_only.get(key, 0) + order.leaves_lots
    for (account, symbol, side), lots in reduce_only.items():
        assert lots <= margin.positions.closable(account, symbol, side)
    for account in range(4):
        for asset in ("USD", "ABC", "XYZ"):
            assert ledger.available(account, asset) >= 0
            assert ledger.held(account, asset) == held.get((account, asset), 0)
            assert margin.loans.of_account(account, asset) == borrowed.get((account, asset), 0)
        assert margin.used(account, "USD") == used.get((account, "USD"), 0)


def _add(sums: dict[tuple[int, str], int], key: tuple[int, str], amount: int) -> None:
    sums[key] = sums.get(key, 0) + amount
