"""Margin orders of every type: what they hold while they wait, and when they are checked."""

from __future__ import annotations

import pytest

from tests.engine.engine_harness import NOW_NS
from tests.engine.margin_harness import Bench
from tests.engine.test_margin_refusals import provoke, with_long
from tidegate.model import orders as fix
from tidegate.model.orders import BUY, SELL

SECOND_NS = 10**9


def traded(price: int = 100) -> Bench:
    """Account 1 has 50,000, and the pair has a last price."""
    bench = Bench()
    bench.fund(1, 50_000)
    bench.trade(1, price)
    return bench


@pytest.mark.parametrize(("kind", "side", "stop", "limit", "hold_price"), [
    (fix.STOP_LOSS, BUY, 120, 0, 120),
    (fix.STOP_LOSS_LIMIT, BUY, 120, 130, 130),
    (fix.TAKE_PROFIT, SELL, 120, 0, 120),
    (fix.TAKE_PROFIT_LIMIT, SELL, 120, 110, 110),
    (fix.TRAILING_STOP, BUY, 30, 0, 130),
    (fix.TRAILING_STOP, SELL, 30, 0, 70),
    (fix.TRAILING_STOP_LIMIT, BUY, 30, 5, 135),
    (fix.TRAILING_STOP_LIMIT, SELL, 30, 5, 65),
])  # fmt: skip
def test_an_order_that_waits_holds_margin_at_its_hold_price(
    kind: int, side: int, stop: int, limit: int, hold_price: int
) -> None:
    bench = traded()
    assert bench.enter_stop(kind, side, 1_000, stop, limit=limit) == ""
    assert bench.money() == (50_000 - hold_price * 200, hold_price * 200)
    bench.cancel(bench.engine.next_order_number - 1)
    assert bench.money() == (50_000, 0)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_trailing_order_without_a_reference_is_refused(side: int) -> None:
    """What it would have to hold is not known."""
    bench = Bench()
    bench.fund(1, 50_000)
    trigger = fix.TRAILING_STOP
    assert bench.enter_stop(trigger, side, 1_000, 5) == "trigger_price"


def test_a_trigger_that_fires_opens_the_position() -> None:
    bench = traded()
    bench.enter_stop(fix.STOP_LOSS, BUY, 1_000, 110)
    bench.enter(SELL, 1_000, 105, account=0)
    bench.trade(1, 104)
    assert bench.position() == (0, 0, 0)
    bench.enter(SELL, 500, 110, account=0)
    bench.enter(BUY, 1_001, 110, account=0, stp_group=b"other")
    assert bench.position() == (499, 499 * 110, 499 * 22)
    assert bench.money()[1] == 499 * 22


def test_what_it_trades_for_counts_when_it_fires() -> None:
    """Held for 110, it meets 300: that costs 60 a lot, and the account has 50,000."""
    bench = traded()
    bench.enter_stop(fix.STOP_LOSS, BUY, 1_000, 110)
    bench.enter(SELL, 1, 110, account=0)
    bench.enter(SELL, 1_000, 300, account=0)
    bench.events()
    bench.enter(BUY, 1, 110, account=0, stp_group=b"other")
    assert bench.events()[-1] == ("4", 3, 0, b"EOrder:Insufficient funds")
    assert bench.position() == (0, 0, 0)
    assert bench.money() == (50_000, 0)


def test_margin_level_is_looked_at_again_when_it_fires() -> None:
    bench = with_long()
    bench.enter_stop(fix.TAKE_PROFIT, BUY, 100, 40)
    bench.trade(1, 40)
    assert ("4", 3, 0, b"EOrder:Margin level too low") in bench.fired
    assert bench.position()[0] == 1_000


def test_a_stop_that_closes_needs_nothing() -> None:
    bench = with_long()
    before = bench.money()
    assert bench.enter_stop(fix.STOP_LOSS, SELL, 1_000, 90) == ""
    assert bench.money() == before
    bench.enter(BUY, 1_000, 85, account=0)
    bench.trade(1, 90)
    assert bench.position() == (0, 0, 0)
    assert bench.money() == (35_000, 0)


def test_an_order_that_waits_follows_the_position() -> None:
    """A stop for a long that is gone would open a short."""
    bench = with_long()
    bench.enter_stop(fix.STOP_LOSS, SELL, 1_000, 90)
    bench.enter(BUY, 1_000, 100, account=0)
    bench.enter(SELL, 1_000)
    assert bench.money() == (32_000, 18_000)


def test_one_that_waits_and_can_not_pay_for_that_is_canceled() -> None:
    bench = with_long()
    bench.enter_stop(fix.TAKE_PROFIT, SELL, 1_000, 300)
    bench.enter(BUY, 1_000, 100, account=0)
    bench.enter(SELL, 1_000)
    assert bench.events()[-1] == ("4", 3, 0, b"EOrder:Insufficient funds")
    bench.trade(1, 300)
    assert all(event[1] != 3 for event in bench.fired)


def test_one_that_has_fired_meanwhile_is_judged_when_it_is_released() -> None:
    """The trade that closes the long is the one that fires the stop for it."""
    bench = Bench()
    bench.fund(1, 20_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter_stop(fix.STOP_LOSS, SELL, 1_000, 90)
    bench.enter(SELL, 1_000, 90)
    bench.events()
    bench.enter(BUY, 1_000, 90, account=0)
    told = [event for event in bench.events() if event[1] == 3]
    assert told == [("D", 3, 1_000, b""), ("4", 3, 0, b"Insufficient liquidity")]


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_reduce_only_stop_needs_no_position_until_it_fires(side: int) -> None:
    bench = traded()
    stop = 110 if side == BUY else 90
    assert bench.enter_stop(fix.STOP_LOSS, side, 10, stop, reduce_only=True) == ""
    bench.trade(1, stop)
    assert ("4", 3, 0, b"EOrder:Reduce only:No position exists") in bench.fired


def test_a_reduce_only_stop_on_the_wrong_side_is_canceled_when_it_fires() -> None:
    bench = with_long()
    assert bench.enter_stop(fix.STOP_LOSS, BUY, 10, 110, reduce_only=True) == ""
    bench.trade(1, 110)
    assert ("4", 3, 0, b"EOrder:Reduce only:Non-PC") in bench.fired


def test_a_reduce_only_stop_closes_no_more_than_there_is() -> None:
    bench = with_long()
    assert bench.enter_stop(fix.STOP_LOSS, SELL, 5_000, 90, reduce_only=True) == ""
    bench.enter(BUY, 4_000, 89, account=0)
    bench.trade(1, 90)
    assert bench.position() == (0, 0, 0)
    assert bench.fired[-1] == ("4", 3, 0, b"EOrder:Reduce only:Position is closed")


def test_a_scheduled_order_holds_at_once_and_opens_when_its_time_comes() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 90, account=0)
    assert bench.enter(BUY, 1_000, 100, effective_ns=NOW_NS + SECOND_NS) == ""
    assert bench.money() == (30_000, 20_000)
    bench.engine.run_due(NOW_NS + SECOND_NS)
    assert bench.position() == (1_000, 90_000, 18_000)
    assert bench.money() == (32_000, 18_000)


def test_a_scheduled_reduce_only_order_is_checked_when_its_time_comes() -> None:
    bench = Bench()
    assert bench.enter(SELL, 1_000, 100, reduce_only=True, effective_ns=NOW_NS + SECOND_NS) == ""
    bench.events()
    bench.engine.run_due(NOW_NS + SECOND_NS)
    assert bench.events()[-1] == ("4", 1, 0, b"EOrder:Reduce only:No position exists")


def test_a_scheduled_market_order_without_any_price_is_refused() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    provoke(bench, "trigger_price", SELL, 1_000, effective_ns=NOW_NS + SECOND_NS)


def test_expiry_frees_the_hold() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(BUY, 1_000, 100, time_in_force=fix.GTD, expire_ns=NOW_NS + SECOND_NS)
    assert bench.money() == (30_000, 20_000)
    bench.engine.run_due(NOW_NS + SECOND_NS)
    assert bench.money() == (50_000, 0)


def test_an_iceberg_holds_for_all_of_it_and_shows_a_part() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(BUY, 1_000, 100, display_lots=100)
    assert bench.money() == (30_000, 20_000)
    bench.enter(SELL, 250, 100, account=0)
    assert bench.position() == (250, 25_000, 5_000)
    assert bench.money() == (30_000, 20_000)
    assert bench.order(1).hidden_lots == 700


def test_a_reduce_only_iceberg_gives_of_its_hidden_part_when_it_is_cut() -> None:
    bench = with_long()
    bench.enter(SELL, 1_000, 200, reduce_only=True, display_lots=100)
    bench.enter(BUY, 400, 100, account=0)
    bench.enter(SELL, 400)
    order = bench.order(3)
    assert (order.leaves_lots, order.hidden_lots) == (600, 500)


def test_an_amend_of_a_trigger_price_moves_the_hold() -> None:
    bench = traded()
    bench.enter_stop(fix.STOP_LOSS, BUY, 1_000, 120)
    assert bench.amend(3, 1_000, 0, 251) == "insufficient_funds"
    assert bench.money() == (26_000, 24_000)
    assert bench.amend(3, 1_000, 0, 150) == ""
    assert bench.money() == (20_000, 30_000)


@pytest.mark.parametrize(("mode", "canceled"), [
    (fix.STP_CANCEL_NEWEST, (4,)), (fix.STP_CANCEL_OLDEST, (3,)), (fix.STP_CANCEL_BOTH, (3, 4)),
])  # fmt: skip
def test_self_trade_prevention_frees_margin(mode: int, canceled: tuple[int, ...]) -> None:
    bench = with_long()
    bench.enter(SELL, 1_500, 110)
    bench.events()
    bench.enter(BUY, 100, 110, stp_mode=mode)
    events = bench.events()
    assert tuple(e[1] for e in events if e[0] == "4") == canceled
    open_numbers = tuple(n for n in (3, 4) if bench.engine.order(n) is not None)
    assert open_numbers == tuple(n for n in (3, 4) if n not in canceled)
    held = {3: 500 * 22, 4: 100 * 22}
    assert bench.money()[1] == 20_000 + sum(held[number] for number in open_numbers)
