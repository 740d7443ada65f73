"""Reduce-only orders (18=E): they close, and never open."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_harness import saved
from tests.engine.margin_harness import Bench
from tests.engine.test_margin_refusals import provoke, with_long
from tidegate.model.orders import BUY, FOK, IOC, SELL

CLOSED = b"EOrder:Reduce only:Position is closed"


def reduce(bench: Bench, side: int, lots: int, price: int = 0, **given: Any) -> str:
    return bench.enter(side, lots, price, reduce_only=True, **given)


def test_refused_without_a_position() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    provoke(bench, "reduce_only_no_position", SELL, 1, 100, reduce_only=True)


def test_refused_on_the_side_that_would_enlarge() -> None:
    provoke(with_long(), "reduce_only_non_pc", BUY, 1, 100, reduce_only=True)


def test_a_closed_position_is_no_position() -> None:
    bench = with_long()
    bench.enter(BUY, 1_000, 100, account=0)
    bench.enter(SELL, 1_000)
    provoke(bench, "reduce_only_no_position", SELL, 1, 100, reduce_only=True)


@pytest.mark.parametrize("given", [{}, {"price": 90}, {"price": 90, "time_in_force": IOC}])
def test_fills_what_closes_and_cancels_the_rest(given: dict[str, Any]) -> None:
    bench = with_long()
    bench.enter(BUY, 5_000, 100, account=0)
    bench.events()
    number = bench.engine.next_order_number
    assert reduce(bench, SELL, 1_500, **given) == ""
    assert bench.position() == (0, 0, 0)
    assert bench.events()[-1] == ("4", number, 0, CLOSED)


def test_it_closes_no_more_than_there_was_when_it_meets_its_own_account() -> None:
    """The other order opens again what it closes: lot by lot, that would go on for its leaves."""
    bench = with_long()
    bench.enter(BUY, 999, 100, account=0)
    assert reduce(bench, SELL, 999) == ""
    assert bench.enter(BUY, 1_500, 100, stp_group=b"other") == ""
    bench.events()
    number = bench.engine.next_order_number
    assert reduce(bench, SELL, 1_500, 100, time_in_force=IOC) == ""
    assert [event[3] for event in bench.events()] == [b"", "1@100", "1@100", CLOSED]
    assert reduce(bench, SELL, 2, 100, time_in_force=FOK) == ""
    assert bench.events()[-1] == ("4", number + 1, 0, b"Fill or kill")
    assert bench.position()[0] == 1


def test_fill_or_kill_for_more_than_the_position_is_killed() -> None:
    bench = with_long()
    bench.enter(BUY, 5_000, 100, account=0)
    assert reduce(bench, SELL, 1_001, 100, time_in_force=FOK) == ""
    assert bench.position()[0] == 1_000
    assert reduce(bench, SELL, 1_000, 100, time_in_force=FOK) == ""
    assert bench.position()[0] == 0


def test_one_that_rests_is_cut_down_to_the_position() -> None:
    bench = with_long()
    bench.events()
    assert reduce(bench, SELL, 1_500, 200) == ""
    assert bench.events() == [("0", 3, 1_500, b""), ("5", 3, 1_000, b"")]
    assert bench.order(3).qty_lots == 1_000


def test_it_holds_nothing() -> None:
    bench = with_long()
    before = bench.money()
    reduce(bench, SELL, 1_000, 200)
    assert bench.money() == before


def resting(*orders: tuple[int, int]) -> Bench:
    """A long of 1,000 lots and reduce-only sells from number 3 on."""
    bench = with_long()
    for lots, price in orders:
        assert reduce(bench, SELL, lots, price) == ""
    bench.events()
    return bench


def close(bench: Bench, lots: int) -> list[tuple[Any, ...]]:
    """Another order closes so much of the long."""
    bench.enter(BUY, lots, 100, account=0)
    bench.events()
    bench.enter(SELL, lots, 100)
    return bench.events()[3:]


def test_a_position_that_shrinks_cancels_the_worst_price_first() -> None:
    bench = resting((300, 200), (300, 220), (300, 210))
    assert close(bench, 400) == [("4", 4, 0, CLOSED)]


def test_the_last_one_is_cut_down() -> None:
    bench = resting((300, 200), (300, 220), (300, 210))
    assert close(bench, 500) == [("4", 4, 0, CLOSED), ("5", 5, 200, b"")]
    assert bench.order(5).leaves_lots == 200


def test_of_one_price_the_newest_goes_first() -> None:
    bench = resting((400, 200), (400, 200))
    assert close(bench, 600) == [("4", 4, 0, CLOSED)]


def test_a_closed_position_cancels_them_all() -> None:
    bench = resting((400, 200), (400, 210))
    assert close(bench, 1_000) == [("4", 4, 0, CLOSED), ("4", 3, 0, CLOSED)]


def test_a_better_one_takes_the_place_of_a_worse_one() -> None:
    bench = resting((600, 210))
    reduce(bench, SELL, 800, 200)
    assert bench.events() == [("0", 4, 800, b""), ("5", 3, 200, b"")]


def test_an_amend_to_more_than_the_position_is_cut_again() -> None:
    bench = resting((600, 210))
    assert bench.amend(3, 1_200, 210) == ""
    assert bench.events() == [("5", 3, 1_200, b""), ("5", 3, 1_000, b"")]


def test_never_opens_though_another_order_closed_the_position_on_the_same_way() -> None:
    """One buyer takes a plain sell that closes the long, then meets the reduce-only one."""
    bench = resting((1_000, 110))
    bench.enter(SELL, 1_000, 105)
    bench.enter(SELL, 500, 120, account=0)
    bench.events()
    bench.enter(BUY, 1_400, 120, account=0, stp_group=b"other")
    assert bench.position() == (0, 0, 0)
    assert ("4", 3, 0, CLOSED) in bench.events()


def test_trades_no_more_than_another_order_has_left_on_the_same_way() -> None:
    bench = resting((1_000, 110))
    bench.enter(SELL, 400, 105)
    bench.events()
    bench.enter(BUY, 1_400, 120, account=0, stp_group=b"other")
    assert ("F", "1", 3, "600@110", "maker") in bench.events()
    assert bench.position() == (0, 0, 0)


def test_a_fill_or_kill_knows_that_reduce_only_orders_give_way() -> None:
    """Sells of 1,000, 1,000 reduce-only and 500: only 1,500 can be bought."""
    bench = resting((1_000, 110))
    bench.enter(SELL, 1_000, 105)
    bench.enter(SELL, 500, 120, account=0)
    bench.events()
    before = saved(bench.engine)
    number = bench.engine.next_order_number
    bench.enter(BUY, 1_501, 120, account=0, time_in_force=FOK, stp_group=b"other")
    assert bench.events()[-1] == ("4", number, 0, b"Fill or kill")
    assert saved(bench.engine) != before  # the order's number is used up
    bench.enter(BUY, 1_500, 120, account=0, time_in_force=FOK, stp_group=b"other")
    assert bench.events()[-1][:4] == ("F", "2", number + 1, "500@120")


def test_a_market_buy_pays_what_is_left_when_reduce_only_orders_give_way() -> None:
    """It holds the exact cost: 1,000 at 105 and 400 at 120."""
    bench = resting((1_000, 110))
    bench.enter(SELL, 1_000, 105)
    bench.enter(SELL, 500, 120, account=0)
    bench.fund(3, 153_000)
    assert bench.enter(BUY, 1_400, account=3, margin=False) == ""
    assert bench.money(3) == (0, 0)
    assert bench.position() == (0, 0, 0)


def test_other_orders_hold_more_when_the_position_they_would_close_is_gone() -> None:
    bench = with_long()
    bench.enter(SELL, 1_000, 150)
    assert bench.money() == (30_000, 20_000)
    close(bench, 1_000)
    assert bench.money() == (20_000, 30_000)
    bench.cancel(3)
    assert bench.money() == (50_000, 0)


def test_what_some_orders_need_less_pays_for_what_others_need_more() -> None:
    """The long becomes a short of 500: the sell needs 30,000 now, the buy 9,000 less."""
    bench = with_long()
    bench.enter(SELL, 1_000, 150)
    bench.enter(BUY, 1_000, 90)
    bench.enter(BUY, 1_500, 100, account=0)
    bench.enter(SELL, 1_500)
    assert bench.position()[0] == -500
    assert bench.money() == (1_000, 49_000)


def test_one_that_can_not_pay_for_that_is_canceled() -> None:
    bench = with_long()
    bench.enter(SELL, 1_000, 300)
    assert close(bench, 1_000) == [("4", 3, 0, b"EOrder:Insufficient funds")]


def test_one_whose_account_has_no_leverage_any_more_is_canceled() -> None:
    bench = with_long()
    bench.engine.margin.adopt([], [])
    bench.enter(SELL, 1_000, 300)
    assert close(bench, 1_000) == [("4", 3, 0, b"EOrder:Cannot open position")]


def test_a_position_that_grows_frees_what_its_closing_orders_held() -> None:
    bench = with_long()
    bench.enter(SELL, 1_500, 150)
    assert bench.money() == (15_000, 35_000)
    bench.enter(SELL, 500, 100, account=0)
    bench.enter(BUY, 500)
    assert bench.money() == (20_000, 30_000)
