"""Every margin refusal of layer 3, with the order that provokes it and one that just passes; a
refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_harness import saved
from tests.engine.margin_harness import Bench, margin_pair, settings
from tidegate.model.orders import BUY, FOK, SELL


def provoke(bench: Bench, rule: str, side: int, lots: int, price: int = 0, **given: Any) -> None:
    """Enters an order that must be refused, and leave no trace."""
    bench.engine.take_events()
    before = saved(bench.engine)
    assert bench.enter(side, lots, price, **given) == rule
    assert saved(bench.engine) == before
    assert bench.events() == []


def with_long(lots: int = 1_000, price: int = 100, **given: Any) -> Bench:
    """Account 1 has 50,000 and a long."""
    bench = Bench(**given)
    bench.fund(1, 50_000)
    bench.enter(SELL, lots, price, account=0)
    assert bench.enter(BUY, lots) == ""
    return bench


def test_without_leverage_no_position() -> None:
    bench = Bench(leverage=0)
    bench.fund(1, 50_000)
    provoke(bench, "cannot_open_position", BUY, 1, 100)


def test_without_margin_in_the_pair_no_position() -> None:
    bench = Bench(pair={"leverage_max": 0})
    bench.fund(1, 50_000)
    provoke(bench, "cannot_open_position", BUY, 1, 100)


def test_an_account_that_the_engine_was_told_nothing_of_opens_nothing() -> None:
    bench = Bench()
    bench.fund(9, 50_000)
    provoke(bench, "cannot_open_position", BUY, 1, 100, account=9)


@pytest.mark.parametrize(("pair_max", "margin"), [(10, 20_000), (2, 50_000)])
def test_the_smaller_leverage_counts(pair_max: int, margin: int) -> None:
    bench = Bench(pair={"leverage_max": pair_max})
    bench.fund(1, 50_000)
    assert bench.enter(BUY, 1_000, 100) == ""
    assert bench.money() == (50_000 - margin, margin)


def test_what_only_closes_needs_no_leverage_any_more() -> None:
    bench = with_long()
    bench.engine.margin.adopt([settings(), settings(leverage=0)], [])
    provoke(bench, "cannot_open_position", SELL, 1_001, 100)
    assert bench.enter(SELL, 1_000, 100) == ""
    provoke(bench, "cannot_open_position", BUY, 1, 100)


def test_no_opposing_position_where_the_account_may_not() -> None:
    bench = with_long(opposing_positions=False)
    provoke(bench, "cannot_open_opposing", SELL, 1_001, 100)
    assert bench.enter(SELL, 1_000, 100) == ""


def test_opposing_positions_where_the_account_may() -> None:
    assert with_long().enter(SELL, 1_001, 100) == ""


def test_positions_limit() -> None:
    bench = with_long(positions_max=1)
    provoke(bench, "positions_limit", BUY, 1, 100, symbol="XYZ/USD")
    assert bench.enter(BUY, 1, 100) == ""
    assert bench.enter(SELL, 1_000, 200) == ""


def test_positions_limit_counts_orders_that_may_open_one() -> None:
    bench = Bench(positions_max=1)
    bench.fund(1, 50_000)
    assert bench.enter(BUY, 1, 100, symbol="XYZ/USD") == ""
    provoke(bench, "positions_limit", BUY, 1, 100)
    bench.cancel(1)
    assert bench.enter(BUY, 1, 100) == ""


def test_position_size_counts_the_position_and_the_orders_of_the_side() -> None:
    bench = with_long(pair={"long_max_lots": 1_600, "short_max_lots": 300})
    assert bench.enter(BUY, 500, 90) == ""
    provoke(bench, "position_size", BUY, 101, 90)
    provoke(bench, "position_size", BUY, 101)
    assert bench.enter(BUY, 100, 90) == ""
    assert bench.enter(SELL, 1_300, 200) == ""
    provoke(bench, "position_size", SELL, 1_001, 200)


def test_an_order_that_only_closes_is_not_measured() -> None:
    bench = with_long(pair={"short_max_lots": 300})
    assert bench.enter(SELL, 1_000, 200) == ""
    provoke(bench, "position_size", SELL, 1_000, 200)
    assert bench.enter(SELL, 1_000, 190) == ""


def test_allowance_of_a_buy_is_money() -> None:
    bench = with_long(allowance={"USD": 110_000})
    provoke(bench, "margin_allowance", BUY, 101, 100)
    assert bench.enter(BUY, 60, 100) == ""
    provoke(bench, "margin_allowance", BUY, 41, 100)
    assert bench.enter(BUY, 40, 100) == ""


def test_allowance_of_a_sell_is_the_asset() -> None:
    bench = Bench(allowance={"ABC": 1_000 * 100})
    bench.fund(1, 50_000)
    provoke(bench, "margin_allowance", SELL, 1_001, 100)
    assert bench.enter(SELL, 1_000, 100) == ""


def test_a_closed_position_gives_its_loan_back() -> None:
    bench = with_long(allowance={"USD": 100_000})
    bench.enter(BUY, 1_000, 100, account=0)
    bench.enter(SELL, 1_000)
    assert bench.enter(BUY, 1_000, 100) == ""


def test_the_pool_is_shared_by_all_accounts() -> None:
    bench = with_long(pools={"USD": 110_000})
    bench.fund(2, 50_000)
    provoke(bench, "insufficient_margin", BUY, 101, 100, account=2)
    assert bench.enter(BUY, 100, 100, account=2) == ""
    provoke(bench, "insufficient_margin", BUY, 1, 100)
    assert bench.enter(SELL, 2_000, 100, account=2) == ""  # the asset has no pool, so no bound


@pytest.mark.parametrize("funds", [20_399, 20_400])
@pytest.mark.parametrize("ord_type", ["market", "limit"])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_balance_pays_margin_and_fee_to_the_last_unit(funds: int, ord_type: str, side: int) -> None:
    bench = Bench()
    bench.fund(1, funds)
    bench.enter(SELL if side == BUY else BUY, 1_000, 100, account=0)
    price = 100 if ord_type == "limit" else 0
    if funds == 20_399:
        provoke(bench, "insufficient_funds", side, 1_000, price, taker_rate=4_000)
    else:
        assert bench.enter(side, 1_000, price, taker_rate=4_000) == ""
        assert bench.money() == (0, 20_000)


def test_a_sell_that_trades_for_more_than_its_price_needs_that() -> None:
    """Its hold price is 100, but it sells at 120, and the rest waits at 100: 12,000 and 10,000."""
    bench = Bench()
    bench.enter(BUY, 500, 120, account=0)
    bench.fund(1, 21_999)
    provoke(bench, "insufficient_funds", SELL, 1_000, 100)
    bench.fund(1, 1)
    assert bench.enter(SELL, 1_000, 100) == ""
    assert bench.position() == (-500, 60_000, 12_000)
    assert bench.money() == (0, 22_000)


def test_a_market_order_needs_what_is_there_to_trade() -> None:
    bench = Bench()
    bench.enter(SELL, 100, 100, account=0)
    bench.fund(1, 2_000)
    assert bench.enter(BUY, 1_000_000) == ""
    assert bench.position() == (100, 10_000, 2_000)


def test_margin_level_counts_what_positions_have_lost() -> None:
    """50,000 less a loss of 20,000 is an equity of 30,000, of which 20,000 are in use."""
    bench = with_long()
    bench.trade(1, 80)
    assert bench.engine.margin.level(1, "USD") == 1_500_000
    provoke(bench, "margin_level", BUY, 626, 80)
    assert bench.enter(BUY, 625, 80) == ""
    assert bench.engine.margin.level(1, "USD") == 1_000_000


def test_margin_level_takes_the_index_where_there_was_no_trade() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(BUY, 1_000, 100)
    bench.engine.fill_by_house(bench.order(1), 1_000, 1)
    assert bench.engine.margin.level(1, "USD") == 2_500_000
    bench.engine.market_state("ABC/USD").index_price = 80
    assert bench.engine.margin.level(1, "USD") == 1_500_000


def test_no_margin_level_without_margin() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    assert bench.engine.margin.level(1, "USD") is None


def test_an_amend_that_needs_more_is_checked_and_leaves_the_order() -> None:
    bench = Bench(pair={"long_max_lots": 1_000})
    bench.fund(1, 20_000)
    bench.enter(BUY, 900, 100)
    before = saved_events_taken(bench)
    assert bench.amend(1, 1_001, 90) == "position_size"
    assert bench.amend(1, 1_000, 101) == "insufficient_funds"
    assert saved(bench.engine) == before
    assert bench.amend(1, 1_000, 100) == ""
    assert bench.money() == (0, 20_000)


def saved_events_taken(bench: Bench) -> bytes:
    bench.engine.take_events()
    return saved(bench.engine)


def test_an_amend_that_needs_no_more_is_always_made() -> None:
    bench = with_long()
    bench.enter(BUY, 500, 50)
    bench.trade(1, 60)  # equity 10,000, of which 25,000 are in use
    assert bench.amend(3, 501, 50) == "margin_level"
    assert bench.amend(3, 400, 50) == ""
    assert bench.money() == (26_000, 24_000)


def test_an_amend_to_where_it_trades_needs_what_the_trades_cost() -> None:
    bench = Bench()
    bench.fund(1, 20_000)
    bench.enter(BUY, 1_000, 110, account=0)
    bench.enter(SELL, 900, 111)
    assert bench.amend(2, 1_000, 100) == "insufficient_funds"
    assert bench.amend(2, 900, 100) == ""
    assert bench.position() == (-900, 99_000, 19_800)


def test_a_refused_order_of_a_pair_without_limits_is_one_of_funds() -> None:
    bench = Bench()
    provoke(bench, "insufficient_funds", BUY, 10**12, 10**9)
    assert margin_pair().long_max_lots == 0


def test_what_an_order_closes_of_its_own_account_pays_for_nothing_else() -> None:
    """It buys back 50 lots that it sells itself, which opens nothing; the others it can not pay."""
    bench = Bench()
    bench.fund(1, 1_000)
    assert bench.enter(SELL, 50, 100, stp_group=b"other") == ""
    bench.enter(SELL, 1_000, 100, account=0)
    provoke(bench, "insufficient_funds", BUY, 1_050)
    provoke(bench, "insufficient_funds", BUY, 1_050, 100, time_in_force=FOK)
    assert bench.enter(BUY, 50) == ""


def test_a_margin_that_is_rounded_down_to_what_there_is_pays_for_nothing_else() -> None:
    """The first lot for 247 needs 49, which is all; the next one needs 50 more."""
    bench = Bench()
    bench.fund(1, 49)
    bench.enter(SELL, 1, 247, account=0)
    bench.enter(SELL, 1_000, 250, account=0)
    provoke(bench, "insufficient_funds", BUY, 2)
    assert bench.enter(BUY, 1) == ""
    assert bench.money() == (0, 49)
