"""Random streams of margin and spot orders: money adds up, nothing goes below zero, holds are what
the rules say, and positions are what their fills add up to."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engine_harness import make_order, reloaded, saved
from tests.engine.margin_harness import SYMBOLS, Bench, check_margin, margin_pair
from tidegate.engine.order import Order
from tidegate.model import orders as fix

Positions = dict[tuple[int, str], int]

PRICE = st.one_of(st.integers(1, 30), st.integers(8, 12))
TRIGGERS = {
    "stop": fix.STOP_LOSS,
    "stop limit": fix.STOP_LOSS_LIMIT,
    "profit": fix.TAKE_PROFIT,
    "profit limit": fix.TAKE_PROFIT_LIMIT,
    "trail": fix.TRAILING_STOP,
    "trail limit": fix.TRAILING_STOP_LIMIT,
}
ENTRY = st.tuples(
    st.just("enter"),
    st.integers(1, 3),  # account
    st.sampled_from([fix.BUY, fix.SELL]),
    st.integers(1, 60),  # lots
    PRICE,
    st.sampled_from(["limit"] * 4 + ["market", "ioc", "fok", "iceberg", *TRIGGERS]),
    st.sampled_from(["margin", "margin", "margin", "reduce_only", "spot"]),
    st.sampled_from(SYMBOLS),
    st.integers(1, 2),  # group
    st.sampled_from([fix.STP_CANCEL_BOTH, fix.STP_CANCEL_NEWEST, fix.STP_CANCEL_OLDEST]),
    st.sampled_from([0, 0, 0, 1, 2]),  # seconds until EffectiveTime
    st.sampled_from([0, 0, 0, 3, 4]),  # and ExpireTime
)
AMEND = st.tuples(st.just("amend"), st.integers(0, 50), st.integers(1, 60), PRICE)
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 50))
HOUSE = st.tuples(st.just("house"), st.integers(0, 50), st.integers(1, 60))
TIME = st.tuples(st.just("time"))
STREAM = st.lists(st.one_of(ENTRY, ENTRY, ENTRY, AMEND, CANCEL, HOUSE, TIME), max_size=60)
SECOND_NS = 10**9


class Stream:
    """Plays commands and adds up what fills tell."""

    def __init__(self, funds: int, rates: tuple[int, int]) -> None:
        self.bench = Bench()
        self.rates = rates
        self.filled: Positions = {}
        for account in (1, 2, 3):
            self.bench.fund(account, funds)
            self.bench.fund(account, 3_000, "ABC")

    def play(self, command: tuple[object, ...]) -> None:
        kind = command[0]
        if kind == "enter":
            self._enter(*command[1:])  # type: ignore[arg-type]
        elif kind == "time":
            self.bench.now_ns += SECOND_NS
            self.bench.engine.run_due(self.bench.now_ns)
        else:
            order = self._choose(command[1])  # type: ignore[arg-type]
            if order is None:
                return
            if kind == "amend":
                self._amend(order, *command[2:])  # type: ignore[arg-type]
            elif kind == "cancel":
                self.bench.cancel(order.number)
            elif order.resting:
                assert isinstance(command[2], int)
                self.bench.engine.fill_by_house(order, min(command[2], order.leaves_lots), 1)
        self._check()

    def _enter(
        self, account: int, side: int, lots: int, price: int, ord_type: str, kind: str,
        symbol: str, group: int, stp_mode: int, effective_s: int, expire_s: int,
    ) -> None:  # fmt: skip
        bench = self.bench
        given: dict[str, Any] = {
            "account": account,
            "symbol": symbol,
            "time_in_force": {"ioc": fix.IOC, "fok": fix.FOK}.get(ord_type, fix.GTC),
            "margin": kind != "spot",
            "reduce_only": kind == "reduce_only",
            "stp_group": b"%d-%d" % (account, group),
            "stp_mode": stp_mode,
            "maker_rate": self.rates[0],
            "taker_rate": self.rates[1],
            "effective_ns": bench.now_ns + effective_s * SECOND_NS if effective_s else 0,
            "expire_ns": bench.now_ns + expire_s * SECOND_NS if expire_s else 0,
        }
        before = self._state()
        if ord_type in TRIGGERS:
            limit = max(1, price + group - 1) if "limit" in ord_type else 0
            stop = group if "trail" in ord_type else price
            refused = bench.enter_stop(TRIGGERS[ord_type], side, lots, stop, limit=limit, **given)
        else:
            if ord_type == "iceberg":
                given["display_lots"] = max(1, lots // 3)
            refused = bench.enter(side, lots, 0 if ord_type == "market" else price, **given)
        assert not refused or self._state() == before

    def _amend(self, order: Order, lots: int, price: int) -> None:
        before = self._state()
        stop = price if order.stage != fix.LIVE else 0
        price = price if order.price or (order.trigger and order.trigger.limit_distance) else 0
        refused = self.bench.amend(order.number, lots, price, stop)
        assert not refused or self._state() == before

    def _state(self) -> bytes:
        self._count()
        return saved(self.bench.engine)

    def _choose(self, choice: int) -> Order | None:
        engine = self.bench.engine
        numbers = [n for n in range(1, engine.next_order_number) if engine.order(n) is not None]
        return engine.order(numbers[choice % len(numbers)]) if numbers else None

    def _count(self) -> None:
        for event in self.bench.engine.take_events():
            order = event.order
            if event.exec_type == fix.EXEC_TRADE and order.margin:
                key = (order.account, order.instrument.symbol)
                lots = event.last_lots if order.side == fix.BUY else -event.last_lots
                self.filled[key] = self.filled.get(key, 0) + lots

    def _check(self) -> None:
        self._count()
        check_margin(self.bench.engine)
        positions = self.bench.engine.margin.positions
        for (account, symbol), lots in self.filled.items():
            assert positions.lots(account, symbol) == lots


@settings(max_examples=300)
@given(STREAM, st.sampled_from([300, 1_000, 5_000]), st.sampled_from([(0, 0), (2_500, 40_000)]))
def test_streams_keep_the_books(
    commands: list[tuple[object, ...]], funds: int, rates: tuple[int, int]
) -> None:
    stream = Stream(funds, rates)
    for command in commands:
        stream.play(command)
    engine = stream.bench.engine
    again = reloaded(engine, *(margin_pair(symbol) for symbol in SYMBOLS))
    assert saved(again) == saved(engine)
    for account in range(4):
        for asset in ("USD", "ABC", "XYZ"):
            ours, theirs = engine.margin.loans, again.margin.loans
            assert theirs.of_account(account, asset) == ours.of_account(account, asset)


def test_a_snapshot_goes_on_as_the_engine_does() -> None:
    """A position, an order that closes it, an order that opens; then the same trades in both."""
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(fix.SELL, 1_000, 100, account=0)
    bench.enter(fix.BUY, 1_000)
    bench.enter(fix.SELL, 1_200, 110)
    bench.engine.take_events()
    other = reloaded(bench.engine, *(margin_pair(symbol) for symbol in SYMBOLS))
    other.margin.adopt(bench.engine.margin._accounts, [])
    for engine in (bench.engine, other):
        order = make_order(engine, fix.BUY, 1_100, 110, account=0)
        assert engine.submit(order, 1, b"") is None
        engine.take_events()
        check_margin(engine)
        assert engine.margin.positions.lots(1, "ABC/USD") == -100
    assert saved(other) == saved(bench.engine)
