"""Positions of margin orders: what opens, what closes, who pays."""

from __future__ import annotations

import pytest

from tests.engine.margin_harness import Bench, margin_pair
from tidegate.engine.ledger import FEES, HOUSE
from tidegate.engine.margin_needs import margin_hold
from tidegate.engine.positions import Position
from tidegate.model.orders import BUY, FOK, SELL


def test_a_buy_opens_a_long_with_borrowed_money() -> None:
    """1,000 lots at 100 with leverage 5: cost 100,000, margin 20,000, nothing bought of its own."""
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 100, account=0)
    assert bench.enter(BUY, 1_000, 100) == ""
    assert bench.position() == (1_000, 100_000, 20_000)
    assert bench.money() == (30_000, 20_000)
    assert bench.money(1, "ABC") == (0, 0)


def test_a_sell_opens_a_short_without_owning_the_asset() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(BUY, 1_000, 100, account=0)
    assert bench.enter(SELL, 1_000, 100) == ""
    assert bench.position() == (-1_000, 100_000, 20_000)
    assert bench.money() == (30_000, 20_000)


@pytest.mark.parametrize(("side", "price", "result"), [
    (BUY, 110, 10_000), (BUY, 95, -5_000), (SELL, 110, -10_000), (SELL, 95, 5_000),
])  # fmt: skip
def test_closing_pays_the_result_in_the_quote_asset(side: int, price: int, result: int) -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    other = SELL if side == BUY else BUY
    bench.enter(other, 1_000, 100, account=0)
    bench.enter(side, 1_000)
    bench.enter(side, 1_000, price, account=0)
    assert bench.enter(other, 1_000) == ""
    assert bench.position() == (0, 0, 0)
    assert bench.money() == (50_000 + result, 0)


def test_closing_a_part_takes_cost_and_margin_pro_rata() -> None:
    """Bought 1,000 at 100 and 500 at 130: cost 165,000. A third costs 55,000, sold for 60,000."""
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(SELL, 500, 130, account=0)
    bench.enter(BUY, 1_500)
    assert bench.position() == (1_500, 165_000, 33_000)
    bench.enter(BUY, 500, 120, account=0)
    bench.enter(SELL, 500)
    assert bench.position() == (1_000, 110_000, 22_000)
    assert bench.money() == (33_000, 22_000)


def test_a_larger_order_closes_and_opens_the_other_way() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter(BUY, 1_500, 90, account=0)
    assert bench.enter(SELL, 1_500) == ""
    assert bench.position() == (-500, 45_000, 9_000)
    assert bench.money() == (31_000, 9_000)


def test_a_fill_or_kill_that_closes_looks_through_the_book_without_money() -> None:
    bench = Bench()
    bench.fund(1, 20_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter(BUY, 500, 100, account=0)
    assert bench.enter(SELL, 1_000, 90, time_in_force=FOK) == ""
    assert bench.position()[0] == 1_000
    bench.enter(BUY, 500, 95, account=0)
    assert bench.enter(SELL, 1_000, 90, time_in_force=FOK) == ""
    assert bench.position()[0] == 0


def test_fees_are_paid_in_the_quote_asset_on_both_sides() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(BUY, 1_000, 100, account=0)
    bench.enter(SELL, 1_000, maker_rate=2_500, taker_rate=4_000)
    assert bench.money() == (50_000 - 20_000 - 400, 20_000)
    assert bench.money(FEES) == (400, 0)
    event = bench.engine.take_events()[-1]
    assert (event.last_fee_money, event.fee_asset) == (400, "USD")


def test_a_loss_takes_margin_and_then_what_is_available() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter(BUY, 1_000, 60, account=0)
    bench.enter(SELL, 1_000)
    assert bench.money() == (10_000, 0)
    assert bench.money(HOUSE) == (0, 0)


def test_a_loss_beyond_the_balance_is_the_venues() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter(BUY, 1_000, 30, account=0)
    bench.enter(SELL, 1_000, taker_rate=4_000)
    assert bench.money() == (0, 0)
    assert bench.money(HOUSE) == (-20_000 - 120, 0)
    assert bench.money(FEES) == (120, 0)


def test_a_loss_takes_the_margin_of_what_stays_open_before_the_venue_pays() -> None:
    """Half of the position loses 35,000: 20,000 are available, 10,000 margin are freed."""
    bench = Bench()
    bench.fund(1, 40_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter(BUY, 500, 30, account=0)
    bench.enter(SELL, 500)
    assert bench.position() == (500, 50_000, 5_000)
    assert bench.money() == (0, 5_000)
    assert bench.money(HOUSE) == (0, 0)


def test_two_margin_orders_trade_with_each_other() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.fund(2, 50_000)
    bench.enter(SELL, 1_000, 100)
    bench.enter(BUY, 1_000, 100, account=2)
    assert bench.position(1) == (-1_000, 100_000, 20_000)
    assert bench.position(2) == (1_000, 100_000, 20_000)


def test_a_fill_by_the_house_moves_the_position() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(BUY, 1_000, 100)
    bench.engine.fill_by_house(bench.order(1), 400, 1)
    assert bench.position() == (400, 40_000, 8_000)
    assert bench.money() == (30_000, 20_000)


def test_the_house_fills_orders_though_it_has_borne_losses() -> None:
    bench = Bench()
    bench.fund(1, 50_000)
    bench.enter(SELL, 1_000, 100, account=0)
    bench.enter(BUY, 1_000)
    bench.enter(BUY, 1_000, 30, account=0)
    bench.enter(SELL, 1_000)
    bench.enter(SELL, 10, 100, account=0)
    bench.engine.fill_by_house(bench.order(bench.engine.next_order_number - 1), 10, 1)
    assert bench.money(HOUSE) == (-20_000, 0)
    assert bench.money(HOUSE, "ABC") == (1_000, 0)


def test_roundings_of_a_position_add_up() -> None:
    """Whatever is closed in whatever parts, the last lot takes what is left."""
    position = Position(account=1, symbol="ABC/USD", base="ABC", quote="USD")
    position.open(BUY, 7, 100, 11)
    parts = [position.close(SELL, lots) for lots in (2, 2, 3)]
    assert [part.cost_money for part in parts] == [28, 28, 44]
    assert [part.margin_money for part in parts] == [3, 3, 5]
    assert (position.lots, position.cost_money, position.margin_money) == (0, 0, 0)


def test_a_hold_is_rounded_up_once() -> None:
    """7 lots at 101 with 3x and 0.4 %: 707 * (1 / 3 + 0.004) = 238.49."""
    assert margin_hold(margin_pair(), 101, 7, 3, 4_000) == 239
