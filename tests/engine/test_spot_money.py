"""Holds, fees and what a fill moves: exact figures, and the proof in `holds` by example."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.engine_harness import NOW_NS, check_invariants, instrument, make_order, saved
from tidegate.engine.holds import buy_hold, fee_money, sell_hold
from tidegate.engine.ledger import EXTERNAL, FEES
from tidegate.engine.spot import SpotEngine
from tidegate.model.instruments import built_in_instruments
from tidegate.model.orders import BUY, IOC, MARKET, SELL, STP_CANCEL_OLDEST
from tidegate.model.rejects import INSUFFICIENT_FUNDS

RATE = st.integers(0, 200_000)
LOTS = st.integers(1, 10**14)
DECIMALS = st.sampled_from([1, 2, 5, 7])


def engine_with(**deposits: tuple[int, int]) -> SpotEngine:
    """`_1=(usd, abc)` funds account 1."""
    engine = SpotEngine()
    engine.add_instrument(instrument())
    for name, (usd, abc) in deposits.items():
        engine.ledger.deposit(int(name[1:]), "USD", usd)
        engine.ledger.deposit(int(name[1:]), "ABC", abc)
    return engine


def balances(engine: SpotEngine, account: int) -> tuple[int, int, int, int]:
    """USD available and held, ABC available and held."""
    ledger = engine.ledger
    return (
        ledger.available(account, "USD"),
        ledger.held(account, "USD"),
        ledger.available(account, "ABC"),
        ledger.held(account, "ABC"),
    )


def submit(engine: SpotEngine, side: int, lots: int, price: int, **given: object) -> str:
    rule = engine.submit(make_order(engine, side, lots, price, **given), NOW_NS, b"")
    check_invariants(engine)
    engine.take_events()
    return "" if rule is None else rule.name


@given(DECIMALS, st.integers(1, 10**9), LOTS, RATE)
def test_formulas_are_exact(decimals: int, price: int, lots: int, rate: int) -> None:
    pair = instrument(decimals)
    cost = Fraction(price * lots * 10**10, 10 ** (decimals + 8))
    factor = 1 + Fraction(rate, 10**6)
    assert buy_hold(pair, price, lots, rate) == ceil(cost * factor)
    assert sell_hold(lots, rate) == ceil(lots * 100 * factor)
    assert fee_money(lots, rate) == floor(Fraction(lots * rate, 10**6))


@given(DECIMALS, st.integers(1, 10**7), LOTS, LOTS, RATE, RATE, st.integers(0, 10**7))
def test_hold_always_covers_a_fill(
    decimals: int, price: int, filled: int, left: int, hold_rate: int, rate: int, better: int
) -> None:
    pair = instrument(decimals)
    rate = min(rate, hold_rate)
    freed = buy_hold(pair, price, filled + left, hold_rate) - buy_hold(pair, price, left, hold_rate)
    money = pair.money(max(1, price - better), filled)
    assert freed >= money + fee_money(money, rate)
    freed = sell_hold(filled + left, hold_rate) - sell_hold(left, hold_rate)
    assert freed >= filled * 100 + fee_money(filled * 100, rate)


def test_holds_of_the_built_in_pairs() -> None:
    """One unit of the base asset at price 1 with 0.4 %: 1.004 of the quote asset."""
    for pair in built_in_instruments():
        price = 10**pair.price_decimals
        assert buy_hold(pair, price, 10**8, 4_000) == 10_040_000_000
        assert sell_hold(10**8, 4_000) == 10_040_000_000


def test_buy_holds_quote_and_sell_holds_base_with_the_fee() -> None:
    engine = engine_with(_1=(10_000, 0), _2=(0, 10_000))
    assert submit(engine, BUY, 7, 101) == ""
    assert balances(engine, 1) == (10_000 - 710, 710, 0, 0)  # 707 * 1.004 = 709.828
    assert submit(engine, SELL, 7, 102, account=2) == ""
    assert balances(engine, 2) == (0, 0, 10_000 - 703, 703)  # 700 * 1.004 = 702.8


@pytest.mark.parametrize(("usd", "refusal"), [(710, ""), (709, "insufficient_funds")])
def test_a_buy_needs_its_hold_to_the_last_unit(usd: int, refusal: str) -> None:
    engine = engine_with(_1=(usd, 0))
    before = saved(engine)
    assert submit(engine, BUY, 7, 101) == refusal
    assert (saved(engine) == before) == bool(refusal)


@pytest.mark.parametrize(("abc", "refusal"), [(703, ""), (702, "insufficient_funds")])
@pytest.mark.parametrize("ord_type", [MARKET, 50])
def test_a_sell_needs_its_hold_to_the_last_unit(abc: int, refusal: str, ord_type: int) -> None:
    engine = engine_with(_1=(0, abc))
    assert submit(engine, SELL, 7, 101, ord_type=ord_type) == refusal


def test_fill_moves_money_and_fees_and_frees_the_improvement() -> None:
    """Taker buys 3,000 at 120, fills at 100: pays 300,000 and 1,200 fee, gets the rest of its
    hold back; the maker pays 750 of the base asset."""
    engine = engine_with(_1=(0, 400_000), _2=(400_000, 0))
    submit(engine, SELL, 3_000, 100)
    assert balances(engine, 1) == (0, 0, 400_000 - 301_200, 301_200)
    submit(engine, BUY, 3_000, 120, account=2)
    assert balances(engine, 1) == (300_000, 0, 400_000 - 300_750, 0)
    assert balances(engine, 2) == (400_000 - 301_200, 0, 300_000, 0)
    assert balances(engine, FEES) == (1_200, 0, 750, 0)
    assert balances(engine, EXTERNAL) == (-400_000, 0, -400_000, 0)


def test_partial_fill_leaves_the_hold_of_the_rest() -> None:
    engine = engine_with(_1=(0, 400_000), _2=(400_000, 0))
    submit(engine, SELL, 1_000, 100)
    submit(engine, BUY, 3_000, 120, account=2)
    order = engine.order(2)
    assert order is not None
    assert order.held_money == buy_hold(order.instrument, 120, 2_000, 4_000)
    assert balances(engine, 2)[1] == order.held_money
    assert balances(engine, 2)[0] == 400_000 - 100_400 - order.held_money


def test_maker_rate_above_taker_rate_is_covered() -> None:
    engine = engine_with(_1=(0, 10**9), _2=(120_000, 0))
    assert submit(engine, BUY, 1_000, 100, account=2, maker_rate=200_000, taker_rate=0) == ""
    assert balances(engine, 2) == (0, 120_000, 0, 0)
    submit(engine, SELL, 1_000, 100)
    assert balances(engine, 2) == (0, 0, 100_000, 0)


def test_closing_frees_the_whole_hold() -> None:
    engine = engine_with(_1=(10_000, 0))
    submit(engine, BUY, 7, 101, time_in_force=IOC)
    assert balances(engine, 1) == (10_000, 0, 0, 0)


@pytest.mark.parametrize(("usd", "refusal"), [(401_600, ""), (401_599, "insufficient_funds")])
def test_market_buy_needs_exactly_what_it_will_pay(usd: int, refusal: str) -> None:
    """1,000 at 100 and 1,500 at 200, 0.4 % each: 100,400 and 301,200."""
    engine = engine_with(_1=(0, 10**9), _2=(usd, 0))
    submit(engine, SELL, 1_000, 100)
    submit(engine, SELL, 2_000, 200)
    assert submit(engine, BUY, 2_500, 0, account=2, ord_type=MARKET) == refusal
    assert balances(engine, 2) == ((usd, 0, 0, 0) if refusal else (0, 0, 250_000, 0))


def test_market_buy_pays_only_for_what_is_there() -> None:
    engine = engine_with(_1=(0, 10**9), _2=(100_400, 0))
    assert submit(engine, BUY, 9_000, 0, account=2, ord_type=MARKET) == ""  # an empty book
    submit(engine, SELL, 1_000, 100)
    assert submit(engine, BUY, 9_000, 0, account=2, ord_type=MARKET) == ""
    assert balances(engine, 2) == (0, 0, 100_000, 0)


def test_market_buy_does_not_count_own_orders() -> None:
    """Newest stops before the own order, oldest passes it: costs of 0 and 200,800."""
    for usd, mode, refusal in ((0, 1, ""), (0, 0, ""), (200_800, 2, ""), (200_799, 2, "i")):
        engine = engine_with(_1=(0, 10**9), _2=(usd, 10**9))
        submit(engine, SELL, 1_000, 100, account=2)
        submit(engine, SELL, 1_000, 200)
        found = submit(engine, BUY, 1_000, 0, account=2, ord_type=MARKET, stp_mode=mode)
        assert found == (INSUFFICIENT_FUNDS.name if refusal else "")
        assert balances(engine, 2)[0] == (0 if mode == STP_CANCEL_OLDEST and not refusal else usd)


def test_amounts_beyond_64_bits() -> None:
    engine = engine_with(_1=(0, 10**40), _2=(10**60, 0))
    price, lots = 10**17, 10**17
    assert submit(engine, SELL, lots, price) == ""
    assert submit(engine, BUY, lots, price, account=2) == ""
    assert balances(engine, 1)[0] == price * lots
    assert balances(engine, 2) == (10**60 - price * lots * 1_004 // 1_000, 0, lots * 100, 0)
