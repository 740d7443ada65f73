"""The asset of the fee (18=f, q): what is held for it, who pays it, and what the reports say."""

from __future__ import annotations

import pytest

from tests.engine.engine_harness import NOW_NS, check_invariants, make_order, saved
from tests.engine.test_spot_money import balances, engine_with, submit
from tidegate.engine.ledger import EXTERNAL, FEES, HOUSE
from tidegate.engine.spot import SpotEngine
from tidegate.model.orders import BUY, EXEC_TRADE, FOK, IOC, MARKET, SELL

LOTS, PRICE = 1_000, 100  # 100,000 of each asset; 0.25 % of it is 250, 0.4 % is 400


def fills(engine: SpotEngine) -> list[tuple[int, str, int, int]]:
    """Order, fee asset, fee of the trade, fees so far, of each fill."""
    return [
        (event.order.number, event.fee_asset, event.last_fee_money, event.fee_money)
        for event in engine.take_events()
        if event.exec_type == EXEC_TRADE
    ]


def enter(engine: SpotEngine, side: int, lots: int, price: int, **given: object) -> None:
    assert engine.submit(make_order(engine, side, lots, price, **given), NOW_NS, b"") is None
    check_invariants(engine)


@pytest.mark.parametrize(
    ("side", "in_base", "held"),
    [
        (BUY, False, (100_400, 0)),
        (BUY, True, (100_000, 0)),
        (SELL, True, (0, 100_400)),
        (SELL, False, (0, 100_000)),
    ],
)
def test_a_fee_is_held_only_on_top(side: int, in_base: bool, held: tuple[int, int]) -> None:
    need = max(held)
    engine = engine_with(_1=(need, need))
    assert submit(engine, side, LOTS, PRICE, fee_in_base=in_base) == ""
    assert (balances(engine, 1)[1], balances(engine, 1)[3]) == held
    poor = engine_with(_1=(need - 1, need - 1))
    before = saved(poor)
    assert submit(poor, side, LOTS, PRICE, fee_in_base=in_base) == "insufficient_funds"
    assert saved(poor) == before


@pytest.mark.parametrize("maker_in_base", [True, False])
@pytest.mark.parametrize("taker_in_base", [True, False])
@pytest.mark.parametrize("maker_side", [BUY, SELL])
def test_each_side_pays_in_the_asset_of_its_choice(
    maker_side: int, maker_in_base: bool, taker_in_base: bool
) -> None:
    """Account 1 makes and 2 takes 100,000 against 100,000; fees of 250 and 400."""
    engine = engine_with(_1=(200_000, 200_000), _2=(200_000, 200_000))
    taker_side = SELL if maker_side == BUY else BUY
    enter(engine, maker_side, LOTS, PRICE, fee_in_base=maker_in_base)
    enter(engine, taker_side, LOTS, PRICE, account=2, fee_in_base=taker_in_base)
    assert fills(engine) == [
        (1, "ABC" if maker_in_base else "USD", 250, 250),
        (2, "ABC" if taker_in_base else "USD", 400, 400),
    ]
    for account, side, in_base, fee in (
        (1, maker_side, maker_in_base, 250),
        (2, taker_side, taker_in_base, 400),
    ):
        got = 100_000 if side == BUY else -100_000
        assert balances(engine, account) == (
            200_000 - got - (0 if in_base else fee), 0, 200_000 + got - (fee if in_base else 0), 0
        )  # fmt: skip
    in_base_total = 250 * maker_in_base + 400 * taker_in_base
    assert balances(engine, FEES) == (650 - in_base_total, 0, in_base_total, 0)
    assert balances(engine, EXTERNAL) == (-400_000, 0, -400_000, 0)


def test_proceeds_come_at_once_with_each_trade_less_its_fee() -> None:
    engine = engine_with(_1=(200_000, 0), _2=(0, 200_000))
    enter(engine, BUY, LOTS, PRICE, fee_in_base=True)
    enter(engine, SELL, 400, PRICE, account=2, fee_in_base=False)
    assert balances(engine, 1) == (100_000, 60_000, 40_000 - 100, 0)
    assert balances(engine, 2) == (40_000 - 160, 0, 160_000, 0)
    enter(engine, SELL, 600, PRICE, account=2)
    assert balances(engine, 1) == (100_000, 0, 100_000 - 250, 0)
    assert fills(engine) == [
        (1, "ABC", 100, 100), (2, "USD", 160, 160), (1, "ABC", 150, 250), (3, "ABC", 240, 240)
    ]  # fmt: skip


def test_a_fee_of_everything_leaves_nothing_and_no_debt() -> None:
    engine = engine_with(_1=(100_000, 0), _2=(0, 100_000))
    enter(engine, BUY, LOTS, PRICE, fee_in_base=True, maker_rate=1_000_000)
    enter(engine, SELL, LOTS, PRICE, account=2, fee_in_base=False, taker_rate=1_000_000)
    assert balances(engine, 1) == balances(engine, 2) == (0, 0, 0, 0)
    assert balances(engine, FEES) == (100_000, 0, 100_000, 0)


@pytest.mark.parametrize(("in_base", "cost"), [(True, 100_000), (False, 100_400)])
@pytest.mark.parametrize("time_in_force", [IOC, FOK])
def test_a_market_buy_pays_to_the_last_unit(in_base: bool, cost: int, time_in_force: int) -> None:
    for usd, answer in ((cost, ""), (cost - 1, "insufficient_funds")):
        engine = engine_with(_1=(0, 200_000), _2=(usd, 0))
        enter(engine, SELL, LOTS, PRICE)
        engine.take_events()
        found = submit(
            engine, BUY, LOTS, 0, account=2, ord_type=MARKET, time_in_force=time_in_force,
            fee_in_base=in_base,
        )  # fmt: skip
        assert found == answer
        if not answer:
            assert balances(engine, 2) == (0, 0, 99_600 if in_base else 100_000, 0)


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("in_base", [True, False])
def test_a_fill_by_the_house_takes_the_fee_in_the_asset_of_choice(side: int, in_base: bool) -> None:
    engine = engine_with(_1=(200_000, 200_000))
    enter(engine, side, LOTS, PRICE, fee_in_base=in_base)
    order = engine.order(1)
    assert order is not None
    engine.take_events()
    engine.fill_by_house(order, LOTS, NOW_NS)
    check_invariants(engine)
    got = 100_000 if side == BUY else -100_000
    usd, abc = (0, 250) if in_base else (250, 0)
    assert balances(engine, 1) == (200_000 - got - usd, 0, 200_000 + got - abc, 0)
    assert balances(engine, FEES) == (usd, 0, abc, 0)
    assert balances(engine, HOUSE) == ((100_000, 0, 0, 0) if side == BUY else (0, 0, 100_000, 0))
    assert fills(engine) == [(1, "ABC" if in_base else "USD", 250, 250)]


def test_postings_of_a_trade_add_up_to_zero_per_asset() -> None:
    engine = engine_with(_1=(200_000, 0), _2=(0, 200_000))
    enter(engine, BUY, LOTS, PRICE, fee_in_base=True)
    engine.ledger.postings = []
    enter(engine, SELL, LOTS, PRICE, account=2, fee_in_base=True)
    rows = [(p.asset, p.account, p.amount, p.kind, p.trade_number) for p in engine.ledger.postings]
    assert rows == [
        ("ABC", 2, -100_000, "trade", 1),
        ("ABC", 1, 100_000, "trade", 1),
        ("ABC", 2, -400, "fee", 1),
        ("ABC", FEES, 400, "fee", 1),
        ("ABC", 1, -250, "fee", 1),
        ("ABC", FEES, 250, "fee", 1),
        ("USD", 1, -100_000, "trade", 1),
        ("USD", 2, 100_000, "trade", 1),
    ]
