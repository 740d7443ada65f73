"""Resting margin orders of an account that close the same position: each closes what those that
trade before it leave, and holds margin for the rest. A long of 1,000 lots at 100, unless said
otherwise; with leverage 5, a lot that opens at 110 holds 22."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engine_harness import NOW_NS, reloaded, saved
from tests.engine.margin_harness import LEVERAGE, SYMBOLS, Bench, check_margin, margin_pair
from tests.engine.test_margin_refusals import provoke, with_long
from tidegate.engine.ledger import HOUSE
from tidegate.model import orders as fix
from tidegate.model.orders import BUY, SELL

SECOND_NS = 10**9
NO_FUNDS = b"EOrder:Insufficient funds"


def poor_long(funds: int = 0) -> Bench:
    """So much is available beside the long."""
    bench = Bench()
    bench.fund(1, 20_000 + funds)
    bench.enter(SELL, 1_000, 100, account=0)
    assert bench.enter(BUY, 1_000) == ""
    return bench


def held(bench: Bench, *numbers: int) -> list[int]:
    return [bench.order(number).held_money for number in numbers]


def withdraw_all(bench: Bench) -> None:
    bench.engine.ledger.withdraw(1, "USD", bench.money()[0])


# --- what is at stake -----------------------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_sweep_takes_the_full_margin_for_what_opens_and_the_house_pays_nothing(side: int) -> None:
    """Three orders of 1,000 lots each: one closes, two open at 20 % of what they trade for."""
    bench = Bench()
    bench.fund(1, 100_000)
    other = BUY if side == SELL else SELL
    bench.enter(side, 1_000, 100, account=0)
    bench.enter(other, 1_000)
    prices = (110, 120, 130) if side == SELL else (90, 80, 70)
    for price in prices:
        assert bench.enter(side, 1_000, price, maker_rate=2_500) == ""
    withdraw_all(bench)
    bench.enter(other, 3_000, prices[2], account=0)
    cost = 1_000 * (prices[1] + prices[2])
    assert bench.position() == (-2_000 if side == SELL else 2_000, cost, cost // 5)
    assert bench.money(HOUSE) == (0, 0)


def test_a_loss_on_the_way_takes_nothing_of_what_others_hold_to_open() -> None:
    """Bought at 150, sold at 110 in turns by two icebergs, which hold 4,400 each as either may be
    the last. The loss of 40,000 takes the 30,000 of the position's margin and the half of what they
    hold, but nothing of what the last 200 lots need to open."""
    bench = with_long(1_000, 150)
    bench.enter(SELL, 600, 110, display_lots=100)
    bench.enter(SELL, 600, 110, display_lots=100)
    withdraw_all(bench)
    bench.enter(BUY, 1_200, 110, account=0)
    assert bench.position() == (-200, 22_000, 4_400)
    assert bench.money(HOUSE) == (-5_600, 0)


def test_the_line_moves_up_as_the_position_is_closed() -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110)
    bench.enter(SELL, 600, 120)
    for lots in (600, 100, 300):
        bench.enter(BUY, lots, 120, account=0)
        assert held(bench, 4) == [200 * 24]
    bench.enter(BUY, 50, 120, account=0)
    assert held(bench, 4) == [150 * 24]
    assert bench.position() == (-50, 6_000, 1_200)


def test_what_can_not_be_paid_for_behind_others_is_refused() -> None:
    bench = poor_long(22_000)
    assert bench.enter(SELL, 1_000, 110) == ""
    provoke(bench, "insufficient_funds", SELL, 1_001, 110)
    assert bench.enter(SELL, 1_000, 110) == ""
    assert bench.money() == (0, 42_000)


def test_who_may_not_open_opposing_positions_closes_once() -> None:
    bench = with_long(opposing_positions=False)
    assert bench.enter(SELL, 600, 110) == ""
    provoke(bench, "cannot_open_opposing", SELL, 401, 110)
    assert bench.enter(SELL, 400, 110) == ""


# --- the line -------------------------------------------------------------------------------------


def test_the_better_price_closes_first_whoever_came_first() -> None:
    bench = with_long()
    bench.enter(SELL, 1_000, 120)
    bench.enter(SELL, 700, 110)
    assert held(bench, 3, 4) == [700 * 24, 0]


def test_at_one_price_the_first_closes_first() -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110)
    bench.enter(SELL, 600, 110)
    assert held(bench, 3, 4) == [0, 200 * 22]


def test_the_other_side_and_other_pairs_and_plain_orders_stand_in_another_line() -> None:
    bench = poor_long(400)
    bench.fund(1, 1_000 * 100, "ABC")
    bench.enter(SELL, 1_000, 110, margin=False)
    bench.enter(SELL, 10, 110, symbol="XYZ/USD")
    bench.enter(BUY, 10, 90)
    assert bench.money()[0] == 0
    assert bench.enter(SELL, 1_000, 110) == ""
    assert held(bench, 6) == [0]


def test_before_an_order_come_of_an_iceberg_at_its_price_only_the_lots_that_show() -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110, display_lots=100)
    bench.enter(SELL, 950, 110)
    assert held(bench, 3, 4) == [550 * 22, 50 * 22]


def test_before_the_last_lot_of_an_iceberg_comes_all_that_stands_at_its_price() -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110, display_lots=100)
    bench.enter(SELL, 600, 110, display_lots=100)
    bench.enter(SELL, 100, 111)
    assert held(bench, 3, 4, 5) == [200 * 22, 200 * 22, 2_220]
    withdraw_all(bench)
    bench.enter(BUY, 1_100, 110, account=0)
    assert bench.position() == (-100, 11_000, 2_200)


def test_an_iceberg_that_shows_again_stands_behind_what_came_meanwhile() -> None:
    """Its first 100 lots trade: the other order is alone before its next ones."""
    bench = with_long()
    bench.enter(SELL, 600, 110, display_lots=100)
    bench.enter(SELL, 950, 110)
    bench.enter(BUY, 100, 110, account=0)
    assert held(bench, 3, 4) == [500 * 22, 50 * 22]
    assert bench.position()[0] == 900


def test_reduce_only_orders_stand_in_the_line() -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110, reduce_only=True)
    bench.enter(SELL, 600, 120)
    assert held(bench, 3, 4) == [0, 200 * 24]
    bench.enter(SELL, 400, 110)
    assert held(bench, 3, 4, 5) == [0, 600 * 24, 0]


def test_what_waits_counts_on_the_whole_position_until_it_joins_the_line() -> None:
    bench = with_long()
    bench.enter(SELL, 1_000, 120)
    bench.enter_stop(fix.STOP_LOSS_LIMIT, SELL, 500, 95, limit=130)
    assert held(bench, 3, 4) == [0, 0]
    bench.trade(1, 95)
    assert held(bench, 3, 4) == [0, 500 * 26]


def test_a_fill_by_the_house_takes_no_notice_of_the_line() -> None:
    """What closed behind the others does so before them."""
    bench = with_long()
    bench.enter(SELL, 1_000, 110)
    bench.enter(SELL, 500, 120)
    bench.engine.fill_by_house(bench.order(4), 300, 1)
    check_margin(bench.engine)
    assert bench.position()[0] == 700
    assert held(bench, 3, 4) == [300 * 22, 200 * 24]


@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_order_that_trades_at_once_does_so_before_those_that_rest(side: int) -> None:
    bench = Bench(opposing_positions=False)
    bench.fund(1, 50_000)
    other = BUY if side == SELL else SELL
    bench.enter(side, 1_000, 100, account=0)
    bench.enter(other, 1_000)
    bench.enter(side, 1_000, 120 if side == SELL else 80)
    bench.enter(other, 1_000, 100, account=0)
    assert bench.enter(side, 500) == ""
    assert bench.enter(side, 500, 100) == ""
    assert bench.position() == (0, 0, 0)


# --- amends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "lots", "price", "holds"), [
    (3, 300, 110, [0, 0]),  # less of the first: all of the second closes
    (3, 500, 110, [0, 100 * 22]),
    (3, 700, 110, [300 * 22, 0]),  # more of it: it goes to the back
    (3, 600, 111, [200 * 222 // 10, 0]),
    (4, 400, 110, [0, 0]),
    (4, 700, 110, [0, 300 * 22]),
    (4, 600, 109, [200 * 22, 0]),
])  # fmt: skip
def test_amends_move_the_line(number: int, lots: int, price: int, holds: list[int]) -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110)
    bench.enter(SELL, 600, 110)
    assert bench.amend(number, lots, price) == ""
    assert held(bench, 3, 4) == holds


def test_an_amend_that_the_account_can_not_pay_for_at_its_new_place_is_refused() -> None:
    bench = poor_long()
    bench.enter(SELL, 600, 110)
    bench.enter(SELL, 400, 110)
    bench.engine.take_events()
    before = saved(bench.engine)
    assert bench.amend(3, 601, 110) == "insufficient_funds"
    assert bench.amend(4, 401, 110) == "insufficient_funds"
    assert saved(bench.engine) == before
    assert bench.amend(3, 600, 111) == ""


def test_an_amend_to_less_keeps_the_place_and_needs_no_money() -> None:
    bench = poor_long(4_400)
    bench.enter(SELL, 600, 110)
    bench.enter(SELL, 600, 110)
    assert bench.money()[0] == 0
    assert bench.amend(3, 500, 110) == ""
    assert held(bench, 3, 4) == [0, 2_200]


def test_an_iceberg_that_shows_less_makes_room_for_those_behind_it() -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110, display_lots=200)
    bench.enter(SELL, 900, 110)
    assert held(bench, 4) == [100 * 22]
    bench.engine.amend(
        bench.order(3), cl_ord_id=b"", qty_lots=600, price=110, post_only=False, now_ns=1,
        display_lots=100,
    )  # fmt: skip
    check_margin(bench.engine)
    assert held(bench, 4) == [0]


# --- who leaves the line --------------------------------------------------------------------------


def by_cancel(bench: Bench) -> None:
    bench.cancel(3)


def by_expiry(bench: Bench) -> None:
    bench.engine.run_due(NOW_NS + SECOND_NS)


def by_amend(bench: Bench) -> None:
    """To what is executed already."""
    bench.engine.fill_by_house(bench.order(3), 1, 1)
    assert bench.amend(3, 1, 110) == ""
    bench.enter(SELL, 1, 100, account=0)
    bench.enter(BUY, 1)  # the long is whole again


def by_self_trade_prevention(bench: Bench) -> None:
    bench.enter(BUY, 1, 110, margin=False, stp_mode=fix.STP_CANCEL_BOTH)


@pytest.mark.parametrize("leave", [by_cancel, by_expiry, by_amend, by_self_trade_prevention])
def test_who_leaves_the_line_makes_room_for_those_behind(leave: Callable[[Bench], None]) -> None:
    bench = with_long()
    bench.enter(SELL, 600, 110, time_in_force=fix.GTD, expire_ns=NOW_NS + SECOND_NS)
    bench.enter(SELL, 600, 120)
    bench.enter(SELL, 300, 130)
    assert held(bench, 4, 5) == [200 * 24, 300 * 26]
    leave(bench)
    check_margin(bench.engine)
    assert bench.engine.order(3) is None
    assert held(bench, 4, 5) == [0, 0]


def test_what_expires_makes_room_before_the_next_order_goes_live() -> None:
    """The market buy of the other pair, held for at 100, costs 120 when its time comes. All the
    money there is was held by the order behind the one that expires at that time."""
    bench = poor_long(12_000)
    bench.trade(1, 100, "XYZ/USD")
    bench.enter(SELL, 20, 120, account=0, symbol="XYZ/USD")
    time_ns = NOW_NS + SECOND_NS
    bench.enter(SELL, 500, 110, time_in_force=fix.GTD, expire_ns=time_ns)
    bench.enter(BUY, 20, symbol="XYZ/USD", effective_ns=time_ns)
    assert bench.enter(SELL, 1_000, 116) == ""
    assert bench.money()[0] == 0
    bench.engine.run_due(time_ns)
    check_margin(bench.engine)
    assert bench.position(1, "XYZ/USD") == (20, 2_400, 480)


def test_many_that_leave_at_once_leave_the_same_behind_as_one_by_one() -> None:
    benches = [with_long(), with_long()]
    for bench in benches:
        for price in (110, 112, 108, 110, 111):
            bench.enter(SELL, 400, price)
        bench.enter(SELL, 300, 109, reduce_only=True)
    for number in (3, 5, 8):
        benches[0].cancel(number)
    engine = benches[1].engine
    engine.cancel_all([benches[1].order(number) for number in (3, 5, 8)], NOW_NS, b"")
    check_margin(engine)
    assert benches[0].events() == benches[1].events()
    assert saved(engine) == saved(benches[0].engine)


@pytest.mark.parametrize(("price", "display", "display_behind"), [
    (160, 0, 0), (160, 100, 0), (160, 100, 100),
    (150, 0, 0), (150, 100, 0), (150, 0, 100), (150, 100, 100),
])  # fmt: skip
def test_who_can_not_pay_at_its_new_place_is_canceled_and_nobody_else(
    price: int, display: int, display_behind: int
) -> None:
    """The first 600 are pushed back by others and can not pay. Without them the 400 behind find
    room, so they stay, though they would not if the 600 were still before them."""
    bench = poor_long()
    bench.enter(SELL, 600, 150, display_lots=display)
    bench.enter(SELL, 400, price, display_lots=display_behind)
    bench.events()
    assert bench.enter(SELL, 600, 110) == ""
    assert bench.events() == [("0", 5, 600, b""), ("4", 3, 0, NO_FUNDS)]
    assert held(bench, 4, 5) == [0, 0]


def test_what_money_there_is_goes_to_the_first_in_the_line() -> None:
    """Not to the first that came: both need 30,000 or more when they are pushed back."""
    bench = poor_long(32_000)
    bench.enter(SELL, 500, 320)
    bench.enter(SELL, 500, 310)
    bench.events()
    assert bench.enter(SELL, 1_000, 110) == ""
    assert bench.events() == [("0", 5, 1_000, b""), ("4", 3, 0, NO_FUNDS)]
    assert held(bench, 4, 5) == [31_000, 0]


def test_several_that_leave_at_several_prices_make_room_together() -> None:
    bench = poor_long()
    for lots, price in ((450, 150), (450, 160), (100, 170)):
        bench.enter(SELL, lots, price)
    bench.events()
    bench.enter(SELL, 900, 110)
    assert bench.events()[1:] == [("4", 3, 0, NO_FUNDS), ("4", 4, 0, NO_FUNDS)]
    assert held(bench, 5) == [0]


def test_of_an_iceberg_that_leaves_only_what_it_showed_was_before_those_at_its_price() -> None:
    """The 450 open 50 then and take the money that the last 50 lots would need."""
    bench = poor_long(1_600)
    bench.enter(SELL, 500, 150, display_lots=100)
    bench.enter(SELL, 450, 150)
    bench.enter(SELL, 50, 160)
    bench.events()
    bench.enter(SELL, 600, 110)
    assert bench.events()[1:] == [("4", 3, 0, NO_FUNDS), ("4", 5, 0, NO_FUNDS)]
    assert held(bench, 4) == [1_500]


def test_an_iceberg_gains_from_one_behind_it_at_its_price_that_leaves() -> None:
    """Either may be the last, so either needs 6,000; there is money for one."""
    bench = poor_long(6_000)
    bench.enter(SELL, 500, 150, display_lots=100)
    bench.enter(SELL, 500, 150, display_lots=100)
    bench.events()
    bench.enter(SELL, 200, 110)
    assert bench.events()[1:] == [("4", 4, 0, NO_FUNDS)]
    assert held(bench, 3) == [0]


def test_each_that_can_not_pay_is_canceled_until_the_rest_can() -> None:
    """Before four times 250 lots come 800 now: of the first 200 close, of the others none."""
    bench = poor_long(6_999)
    for price in (150, 151, 152, 153):
        bench.enter(SELL, 250, price)
    bench.events()
    bench.enter(SELL, 800, 110)
    told = [event for event in bench.events() if event[0] == "4"]
    assert told == [("4", number, 0, NO_FUNDS) for number in (4, 5, 6)]
    assert held(bench, 3) == [1_500]


# --- state ----------------------------------------------------------------------------------------


def test_a_snapshot_keeps_the_line() -> None:
    """Places of orders that came, grew, showed again and left; then the same goes on in both."""
    bench = with_long()
    bench.enter(SELL, 400, 110, display_lots=100)
    bench.enter(SELL, 400, 110)
    bench.enter(SELL, 400, 110)
    bench.amend(4, 500, 110)
    bench.enter(BUY, 100, 110, account=0)
    bench.enter(SELL, 300, 109)
    bench.engine.take_events()
    numbers = [order.number for order in bench.engine.account_orders(1)]
    other = reloaded(bench.engine, *(margin_pair(symbol) for symbol in SYMBOLS))
    other.margin.adopt(bench.engine.margin._accounts, [])
    check_margin(other)
    assert saved(other) == saved(bench.engine)
    twin = Bench()
    twin.engine = other
    for one in (bench, twin):
        one.cancel(numbers[-1])
        one.amend(5, 350, 110)
        one.enter(BUY, 900, 110, account=0)
    assert bench.events() == twin.events()
    assert saved(bench.engine) == saved(other)


# --- any line -------------------------------------------------------------------------------------

LINE = st.lists(
    st.tuples(st.integers(1, 90), st.integers(8, 11), st.sampled_from(["", "", "iceberg", "only"])),
    min_size=1,
    max_size=8,
)
CHANGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 90), st.integers(8, 11)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(LINE, CHANGES, st.lists(st.integers(1, 250), min_size=1, max_size=4))
def test_each_fill_of_a_resting_order_that_opens_moves_its_margin(
    line: list[tuple[int, int, str]], changes: list[tuple[int, int, int]], sweeps: list[int]
) -> None:
    """A long of 100 lots at a price of 1, so that nothing is lost by closing it, and not a unit of
    money beyond what is held. Each sell that then opens moves a fifth of what it sells for into the
    position, rounded down."""
    bench = Bench()
    bench.fund(1, 2_000)
    bench.enter(SELL, 100, 1, account=0)
    bench.enter(BUY, 100)
    for lots, price, kind in line:
        display = max(1, lots // 3) if kind == "iceberg" else 0
        bench.enter(SELL, lots, price, reduce_only=kind == "only", display_lots=display)
    for choice, lots, price in changes:
        orders = bench.engine.account_orders(1)
        if orders and lots:
            bench.amend(orders[choice % len(orders)].number, lots, price)
        elif orders:
            bench.cancel(orders[choice % len(orders)].number)
    for wanted in sweeps:
        withdraw_all(bench)
        size, _, margin = bench.position()
        bench.engine.take_events()
        bench.enter(BUY, wanted, 11, account=0, time_in_force=fix.IOC)
        for event in bench.engine.take_events():
            if event.exec_type != fix.EXEC_TRADE or event.order.account != 1:
                continue
            closing = min(event.last_lots, max(0, size))
            margin -= margin * closing // size if closing else 0
            opening = event.last_lots - closing
            margin += event.last_money * opening // event.last_lots // LEVERAGE
            size -= event.last_lots
        assert (bench.position()[0], bench.position()[2]) == (size, margin)
        assert bench.money(HOUSE) == (0, 0)
