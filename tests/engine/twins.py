"""The engine and the reference model side by side: given the same commands, held to the same
answers, events and balances, and to what must be true of any engine at any time."""

from __future__ import annotations

import pickle
from typing import Any

from tests.engine import reference_order as plain
from tests.engine.engine_harness import MAKER_RATE, NOW_NS, TAKER_RATE, make_order, saved
from tests.engine.reference import Amend, Reference
from tests.engine.reference_margin import Terms
from tidegate.engine.events import Event, current_status
from tidegate.engine.order import Order, Trigger
from tidegate.engine.spot import SpotEngine
from tidegate.model import orders as fix
from tidegate.model.codec import Decoder
from tidegate.model.instruments import Instrument, make_instrument
from tidegate.model.rejects import CANCELED_BY_AMEND, CANCELED_BY_USER
from tidegate.model.settings import AccountSettings, Deposit

Command = tuple[str, dict[str, Any]]  # a method of `Twins` and what it is given

CHECKS_IN_FULL = 8  # one in so many looks at everything
SYMBOLS = ("ABC/USD", "XYZ/USD")


# What accounts may do on margin, by index.
TERMS = {
    1: Terms(leverage=5),
    2: Terms(leverage=3, opposing=False, allowance={"ABC": 400_000}),
    3: Terms(leverage=2, positions_max=1),
    4: Terms(),
}
POOLS = {"ABC": 900_000}


def instruments(price_decimals: int) -> list[Instrument]:
    tick = f"0.{'0' * (price_decimals - 1)}1"
    made = [make_instrument(one, price_decimals, tick, "0.00000001", "0") for one in SYMBOLS]
    made[0].leverage_max, made[1].leverage_max = 4, 2
    made[0].long_max_lots = 5_000
    return made


def settings(account: int) -> AccountSettings:
    terms = TERMS.get(account, Terms())
    return AccountSettings(
        account=f"A{account}", firm="F", parent="", maker_rate=0, taker_rate=0, enabled=True,
        deposits=[], leverage=terms.leverage, positions_max=terms.positions_max,
        opposing_positions=terms.opposing,
        margin_allowance=[Deposit(asset=one, amount=most) for one, most in terms.allowance.items()],
    )  # fmt: skip


def whole(event: Event) -> tuple[Any, ...]:
    """An event whole, as the reference model writes it."""
    order = event.order
    quantities = (event.leaves_lots, event.qty_lots, event.cum_lots)
    if order.quote_money:
        left = order.quote_money - event.gross_money if event.leaves_lots else 0
        quantities = (left, order.quote_money, event.gross_money)
    return (
        event.time_ns, chr(event.exec_type), chr(event.ord_status), order.number,
        event.cl_ord_id, event.orig_cl_ord_id, chr(event.ord_type), event.price,
        event.stop_price, event.trigger_price, event.display_lots, *quantities,
        event.value, event.gross_money, event.fee_money, event.text,
        event.last_price, event.last_lots, event.last_money, event.last_fee_money,
        event.fee_asset, event.liquidity, event.trade_number, event.pair_trade_number,
    )  # fmt: skip


def same(what: str, got: Any, expected: Any) -> None:
    if isinstance(got, list) and isinstance(expected, list):
        for place, (one, other) in enumerate(zip(got, expected, strict=False)):
            same(f"{what}[{place}]", one, other)
    assert got == expected, f"{what}: engine {got}, model {expected}"


def made_trigger(order: plain.Order) -> Trigger | None:
    """What the engine's order waits for."""
    if not order.triggers:
        return None
    return Trigger(
        kind=order.kind,
        stop_price=0 if order.trails else order.stop,
        reference=fix.INDEX_PRICE if order.by_index else fix.LAST_TRADE,
        distance=order.stop if order.trails else 0,
        limit_distance=order.price if order.trails else 0,
    )


class Twins:
    """`refusals` and `told` count what happened, for tests that ask whether a stream was
    interesting. `leaves` is what each order's reports so far say is open of it."""

    def __init__(self, price_decimals: int = 2) -> None:
        self.pairs = instruments(price_decimals)
        self.engine = SpotEngine()
        for pair in self.pairs:
            self.engine.add_instrument(pair)
        self.model = Reference()
        self._adopt(self.engine)
        self.model.now = NOW_NS
        self.model.pairs = [
            plain.Pair(one.base, one.quote, price_decimals, 0, one.leverage_max, one.long_max_lots)
            for one in self.pairs
        ]
        self.model.terms, self.model.pools = TERMS, POOLS
        self.names = 0
        self.refusals: dict[str, int] = {}
        self.told: dict[str, int] = {}
        self.leaves: dict[int, int] = {}
        self.fired: set[int] = set()
        self.checks = 0

    def clone(self) -> Twins:
        """Both again: the engine by way of a snapshot."""
        twin = Twins(self.pairs[0].price_decimals)
        twin.model = pickle.loads(pickle.dumps(self.model))
        twin.names = self.names
        twin.leaves, twin.fired = dict(self.leaves), set(self.fired)
        twin.engine = self._reloaded()
        return twin

    def _reloaded(self) -> SpotEngine:
        fresh = SpotEngine()
        for pair in self.pairs:
            fresh.add_instrument(pair)
        self._adopt(fresh)
        state = saved(self.engine)
        decoder = Decoder(state)
        fresh.load(decoder)
        assert decoder.at_end()
        assert saved(fresh) == state
        return fresh

    def _adopt(self, engine: SpotEngine) -> None:
        pools = [Deposit(asset=asset, amount=most) for asset, most in POOLS.items()]
        engine.margin.adopt([settings(account) for account in range(5)], pools)

    # --- commands --------------------------------------------------------------------------------

    def run(self, command: Command) -> None:
        name, given = command
        getattr(self, name)(**given)
        self.wait(0)
        self.check()

    def reload(self) -> None:
        self.engine = self._reloaded()

    def deposit(self, account: int, asset: str, amount: int) -> None:
        self.engine.ledger.deposit(account, asset, amount)
        self.model.deposit(account, asset, amount)

    def withdraw(self, account: int, asset: str, amount: int) -> None:
        """As much of the amount as is there."""
        amount = min(amount, self.model.free(account, asset))
        self.engine.ledger.withdraw(account, asset, amount)
        self.model.deposit(account, asset, -amount)

    def wait(self, ns: int) -> None:
        """Time passes, and what falls due meanwhile is done."""
        self.model.run_due(self.model.now + ns)
        while self.engine.due_ns <= self.model.now:
            self.engine.run_due(self.model.now)
        self._compare("", "", b"")

    def index(self, price: int, pair: int = 0) -> None:
        self.engine.set_index(SYMBOLS[pair], price, self.model.now)
        self.model.set_index(self.model.pairs[pair], price)
        self._compare("", "", b"")

    def status(self, status: int, pair: int = 0) -> None:
        self.engine.set_status(SYMBOLS[pair], status, self.model.now)
        self.model.set_status(self.model.pairs[pair], status)
        self._compare("", "", b"")

    def halt(self, halted: bool) -> None:
        self.engine.set_halted(halted, self.model.now)
        self.model.set_halted(halted)
        self._compare("", "", b"")

    def band(self, band: int, pair: int = 0) -> None:
        self.engine.set_band(SYMBOLS[pair], band)
        self.model.pairs[pair].band = band

    def submit(
        self,
        side: int,
        qty: int,
        price: int = 0,
        *,
        account: int = 1,
        pair: int = 0,
        ord_type: int = fix.LIMIT,
        tif: int = fix.GTC,
        stop: int = 0,
        by_index: bool = False,
        post_only: bool = False,
        display: int = 0,
        stp_mode: int = fix.STP_CANCEL_NEWEST,
        group: int = 0,
        rates: tuple[int, int] = (MAKER_RATE, TAKER_RATE),
        fee_in_base: bool | None = None,
        in_quote: bool = False,
        margin: bool = False,
        reduce_only: bool = False,
        starts_in: int = 0,
        expires_in: int = 0,
        valid_for: int | None = None,
        name: str = "",
    ) -> None:
        """An order. Times are told from now; `in_quote` makes the quantity an amount of the quote
        asset. Order entry, which comes before the engine, refuses by the pair's status."""
        now, model_pair = self.model.now, self.model.pairs[pair]
        if not name:
            self.names += 1
        cl_ord_id = name.encode() or b"n%d" % self.names
        if margin:
            fee_in_base = False
        given_base = side != fix.BUY if fee_in_base is None else fee_in_base
        times = (now + starts_in if starts_in else 0, now + expires_in if expires_in else 0)
        deadline = 0 if valid_for is None else now + valid_for
        stp_group = b"g%d" % (group or account)
        other = plain.Order(
            self.engine.next_order_number, account, model_pair, side, ord_type, tif, price, qty,
            post_only, stp_mode, stp_group, cl_ord_id, *rates, stop=stop, by_index=by_index,
            display=display, quote_money=qty if in_quote else 0, fee_in_base=given_base,
            margin=margin, reduce_only=reduce_only,
            effective=times[0], expire=times[1], valid_until=deadline,
        )  # fmt: skip
        if not model_pair.releases or not self.model.admitted(other):
            return
        order = self._twin_of(other, SYMBOLS[pair])
        expected = self.model.submit(other, b"text")
        before = saved(self.engine) if expected else b""
        rule = self.engine.submit(order, now, b"text")
        self._compare("" if rule is None else rule.name, expected, before)

    def _twin_of(self, other: plain.Order, symbol: str) -> Order:
        """The same order for the engine."""
        return make_order(
            self.engine, other.side, 0 if other.quote_money else other.qty,
            0 if other.trails else other.price, account=other.account, symbol=symbol,
            ord_type=other.kind, time_in_force=other.time_in_force, post_only=other.post_only,
            stp_mode=other.stp_mode, stp_group=other.stp_group, cl_ord_id=other.cl_ord_id,
            maker_rate=other.maker_rate, taker_rate=other.taker_rate,
            trigger=made_trigger(other), display_lots=other.display,
            quote_money=other.quote_money, fee_in_base=other.fee_in_base, margin=other.margin,
            reduce_only=other.reduce_only, effective_ns=other.effective, expire_ns=other.expire,
            valid_until_ns=other.valid_until, entered_ns=self.model.now,
        )  # fmt: skip

    def cancel(self, choice: int, *, named: bool = True) -> None:
        """Cancels the open order of that place, counted round."""
        order, other = self._choose(choice)
        if order is None or other is None:
            return
        self.names += 1
        name = b"n%d" % self.names if named else b""
        self.engine.cancel(order, self.model.now, CANCELED_BY_USER, name)
        self.model.cancel(other, name, CANCELED_BY_USER)
        self._compare("", "", b"")

    def amend(
        self,
        choice: int,
        *,
        qty: int = 0,
        more: int = 0,
        price: int = 0,
        stop: int = 0,
        display: int = 0,
        post_only: bool = False,
        valid_for: int | None = None,
        name: str = "",
    ) -> None:
        """New values for the open order of that place: `qty` itself or by `more`, `price` and
        `stop` by so much, `display` itself where it is an iceberg."""
        order, other = self._choose(choice)
        if order is None or other is None or not other.pair.releases:
            return
        if not self.model.admitted(other):
            return
        if not name:
            self.names += 1
        now = self.model.now
        waits = other.triggers and not other.fired
        new_display = (display or other.display) if other.display else 0
        change = Amend(
            name.encode() or b"n%d" % self.names,
            qty=qty or max(1, other.qty + more),
            price=max(1, other.price + price) if other.price else 0,
            stop=max(1, other.stop + stop) if waits else other.stop,
            display=new_display,
            post_only=post_only and other.ord_type == fix.LIMIT,
            valid_until=0 if valid_for is None else now + valid_for,
        )
        expected = self.model.amend(other, change)
        before = saved(self.engine) if expected else b""
        rule = self.engine.amend(
            order, cl_ord_id=change.cl_ord_id, qty_lots=change.qty, price=change.price,
            post_only=change.post_only, now_ns=now, stop_price=change.stop if waits else 0,
            display_lots=new_display if display else 0, valid_until_ns=change.valid_until,
        )  # fmt: skip
        self._compare("" if rule is None else rule.name, expected, before)

    def _choose(self, choice: int) -> tuple[Order | None, plain.Order | None]:
        found = sorted(self.model.open, key=lambda order: order.number)
        if not found:
            return None, None
        other = found[choice % len(found)]
        order = self.engine.order(other.number)
        assert order is not None
        return order, other

    # --- what must hold --------------------------------------------------------------------------

    def _compare(self, rule: str, expected: str, before: bytes) -> None:
        events = self.engine.take_events()
        rows, others = [whole(event) for event in events], self.model.events
        self.model.events = []
        same("refusal", rule, expected)
        same("events", rows, others)
        for event in events:
            self._count(event)
        if rule:
            self.refusals[rule] = self.refusals.get(rule, 0) + 1
            assert not events
            assert saved(self.engine) == before

    def _count(self, event: Event) -> None:
        """CumQty + LeavesQty + canceled = OrderQty, from the reports alone; nothing fires twice."""
        number, kind = event.order.number, chr(event.exec_type)
        self.told[kind] = self.told.get(kind, 0) + 1
        if event.text:
            text = event.text.decode()
            self.told[text] = self.told.get(text, 0) + 1
        if event.exec_type == fix.EXEC_RESTATED:
            assert number not in self.fired
            self.fired.add(number)
        row = whole(event)
        leaves, qty, cum = row[11:14]
        before = self.leaves.get(number, 0)
        if event.exec_type == fix.EXEC_TRADE:
            traded = event.last_money if event.order.quote_money else event.last_lots
            if leaves or not event.order.quote_money:
                assert leaves == before - traded
        if event.exec_type in {fix.EXEC_CANCELED, fix.EXEC_EXPIRED}:
            by_amend = event.text == CANCELED_BY_AMEND  # then OrderQty becomes CumQty
            assert cum + (0 if by_amend else before) == qty
            assert leaves == 0
        elif leaves or not event.order.quote_money:
            assert cum + leaves == qty
        self.leaves[number] = leaves

    def check(self) -> None:
        """Every open order, every balance and the book, as the model has them."""
        engine, model = self.engine, self.model
        assert engine.open_order_count == len(model.open)
        held: dict[tuple[int, str], int] = dict(model.margin_held())
        for other in model.open:
            order = engine.order(other.number)
            assert order is not None
            same(f"stage of {order.number}", order.stage, other.stage)
            same(f"open of {order.number}", other.leaves, self.leaves[other.number])
            same(f"hold of {order.number}", order.held_money, other.held)
            key = (other.account, other.asset)
            held[key] = held.get(key, 0) + other.held
        self._check_books()
        self._check_ledger(held)
        self.checks += 1
        if self.checks % CHECKS_IN_FULL == 0:
            self._check_orders()

    def _check_orders(self) -> None:
        """What changes less often, order by order: indexes, status, and that an order holds what
        its exposure is."""
        engine = self.engine
        for other in self.model.open:
            order = engine.order(other.number)
            assert order is not None
            assert order in engine.account_orders(order.account)
            assert order in engine.session_orders(order.session)
            assert engine.order_by_cl_ord_id(order.account, order.cl_ord_id) is order
            same(f"status of {order.number}", chr(current_status(order)), other.status)
            same(f"exposure of {order.number}", other.held, self.model.exposure(other))

    def _check_books(self) -> None:
        for pair, symbol in zip(self.model.pairs, SYMBOLS, strict=True):
            book = self.engine.book(symbol)
            assert book is not None
            bid, ask = book.bids.best, book.asks.best
            assert bid is None or ask is None or bid.price < ask.price
            for side, buys in ((book.bids, True), (book.asks, False)):
                expected = self.model.levels(pair, buys=buys)
                levels = [
                    (level.price, level.total_lots, [order.number for order in level])
                    for level in side
                ]
                same("levels", levels, expected)

    def _check_ledger(self, held: dict[tuple[int, str], int]) -> None:
        ledger, model = self.engine.ledger, self.model
        assert set(ledger.totals().values()) <= {0}
        for (account, asset), amount in model.available.items():
            same(f"{asset} of {account}", ledger.available(account, asset), amount)
            assert account < 0 or amount >= 0, f"{asset} of {account} is {amount}"
            bound = held.get((account, asset), 0)
            same(f"held {asset} of {account}", ledger.held(account, asset), bound)
        for asset, amount in model.deposits.items():
            free = sum(sum_ for (_, name), sum_ in model.available.items() if name == asset)
            bound = sum(sum_ for (_, name), sum_ in held.items() if name == asset)
            assert free + bound == amount
