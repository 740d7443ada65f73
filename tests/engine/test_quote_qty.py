"""Market buys by an amount of the quote asset (18=v): what they buy, hold, and how they end."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.engine_harness import NOW_NS, check_invariants, instrument, make_order, saved
from tests.engine.test_spot_matching import Desk
from tests.engine.test_spot_money import balances
from tidegate.engine.ledger import FEES
from tidegate.engine.spot import SpotEngine
from tidegate.model.orders import (
    BUY,
    EXEC_CANCELED,
    EXEC_NEW,
    EXEC_TRADE,
    FOK,
    GTC,
    IOC,
    MARKET,
    SELL,
    STATUS_FILLED,
    STATUS_PARTIALLY_FILLED,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
)
from tidegate.model.rejects import INSUFFICIENT_FUNDS

NO_LIQUIDITY = b"Insufficient liquidity"
SELF = b"Cannot trade with self"
START = 10**15


def spend(desk: Desk, money: int, account: int = 2, **given: Any) -> list[tuple[Any, ...]]:
    """Exec type, status, lots of the trade, lots and money bought so far, text."""
    fields: dict[str, Any] = {"time_in_force": IOC, "ord_type": MARKET}
    order = make_order(
        desk.engine, BUY, 1, 0, account=account, quote_money=money, **(fields | given)
    )
    assert desk.engine.submit(order, NOW_NS, b"") is None
    check_invariants(desk.engine)
    told = []
    for event in desk.engine.take_events():
        if event.order is not order:
            continue
        assert (event.leaves_lots == 0) == (
            event.ord_status == STATUS_FILLED or event.exec_type == EXEC_CANCELED
        )
        row = (chr(event.exec_type), event.last_lots, event.cum_lots, event.gross_money, event.text)
        told.append(row)
    return told


@pytest.mark.parametrize("time_in_force", [IOC, GTC, FOK])
def test_it_is_filled_when_what_is_left_buys_no_lot(time_in_force: int) -> None:
    """1,000 lots at 100 and more at 150: 250,149 buys 1,000 and 1,000, and 149 are left."""
    desk = Desk()
    desk.enter(SELL, 1_000, 100)
    desk.enter(SELL, 5_000, 150)
    assert spend(desk, 250_149, time_in_force=time_in_force) == [
        ("0", 0, 0, 0, b""),
        ("F", 1_000, 1_000, 100_000, b""),
        ("F", 1_000, 2_000, 250_000, b""),
    ]
    assert balances(desk.engine, 2) == (START - 250_000 - 1_000, 0, START + 200_000, 0)
    assert balances(desk.engine, FEES)[0] == 1_000


def test_one_unit_more_buys_one_lot_more() -> None:
    desk = Desk()
    desk.enter(SELL, 5_000, 150)
    assert spend(desk, 149_999)[-1] == ("F", 999, 999, 149_850, b"")
    assert spend(desk, 150_000)[-1] == ("F", 1_000, 1_000, 150_000, b"")


def test_the_last_fill_is_told_as_the_last_where_the_next_price_is_too_dear() -> None:
    """What is left buys a lot at 100, where nothing is left, but none at 150."""
    desk = Desk()
    desk.enter(SELL, 10, 100)
    desk.enter(SELL, 10, 150)
    assert [row[0] for row in spend(desk, 1_120)] == ["0", "F"]


def test_too_little_liquidity_cancels_the_rest() -> None:
    desk = Desk()
    desk.enter(SELL, 10, 100)
    assert spend(desk, 1_100) == [
        ("0", 0, 0, 0, b""),
        ("F", 10, 10, 1_000, b""),
        ("4", 0, 10, 1_000, NO_LIQUIDITY),
    ]
    assert balances(desk.engine, 2) == (START - 1_000 - 4, 0, START + 1_000, 0)
    assert spend(desk, 1_100) == [("0", 0, 0, 0, b""), ("4", 0, 0, 0, NO_LIQUIDITY)]


def test_the_whole_book_for_the_whole_amount_is_filled() -> None:
    desk = Desk()
    desk.enter(SELL, 10, 100)
    assert spend(desk, 1_000, time_in_force=FOK)[-1] == ("F", 10, 10, 1_000, b"")


def test_an_amount_that_buys_no_lot_at_all_is_canceled() -> None:
    desk = Desk()
    desk.enter(SELL, 10, 100)
    assert spend(desk, 99) == [("0", 0, 0, 0, b""), ("4", 0, 0, 0, NO_LIQUIDITY)]
    assert balances(desk.engine, 2) == (START, 0, START, 0)


def test_fill_or_kill_means_the_whole_amount() -> None:
    desk = Desk()
    desk.enter(SELL, 10, 100)
    assert spend(desk, 1_100, time_in_force=FOK) == [
        ("0", 0, 0, 0, b""),
        ("4", 0, 0, 0, NO_LIQUIDITY),
    ]
    assert balances(desk.engine, 2) == (START, 0, START, 0)


@pytest.mark.parametrize(("in_base", "hold"), [(False, 100_005 + 401), (True, 100_005)])
def test_it_needs_the_amount_and_the_fee_rounded_up(in_base: bool, hold: int) -> None:
    """0.4 % of 100,005 is 400.02. The book has less, which does not matter."""
    for money, answer in ((hold, None), (hold - 1, INSUFFICIENT_FUNDS)):
        engine = SpotEngine()
        engine.add_instrument(instrument())
        engine.ledger.deposit(1, "ABC", 10**9)
        engine.ledger.deposit(2, "USD", money)
        engine.submit(make_order(engine, SELL, 10, 100), NOW_NS, b"")
        engine.take_events()
        order = make_order(
            engine, BUY, 1, 0, account=2, ord_type=MARKET, quote_money=100_005, fee_in_base=in_base
        )
        before = saved(engine)
        assert engine.submit(order, NOW_NS, b"") is answer
        check_invariants(engine)
        if answer is not None:
            assert saved(engine) == before
        else:
            assert balances(engine, 2)[:2] == (money - 1_000 - (0 if in_base else 4), 0)


def test_self_trade_prevention_on_the_way() -> None:
    for mode, end, own_is_open in (
        (STP_CANCEL_NEWEST, [("4", 0, 10, 1_000, SELF)], True),
        (STP_CANCEL_BOTH, [("4", 0, 10, 1_000, SELF)], False),
        (STP_CANCEL_OLDEST, [("F", 10, 20, 2_100, b"")], False),
    ):
        desk = Desk()
        desk.enter(SELL, 10, 100)
        desk.enter(SELL, 10, 101, account=2)
        desk.enter(SELL, 10, 110)
        rows = spend(desk, 2_100, stp_mode=mode)
        assert rows == [("0", 0, 0, 0, b""), ("F", 10, 10, 1_000, b""), *end]
        assert (desk.engine.order(2) is not None) == own_is_open
        assert desk.engine.ledger.held(2, "USD") == 0


@pytest.mark.parametrize("mode", [STP_CANCEL_NEWEST, STP_CANCEL_BOTH, STP_CANCEL_OLDEST])
def test_an_amount_that_is_spent_does_not_meet_the_own_order_behind(mode: int) -> None:
    """After 10 at 100 the rest of 1,100 buys no lot at 101, but one of 1,101 would."""
    for money, open_after in ((1_100, True), (1_101, mode == STP_CANCEL_NEWEST)):
        desk = Desk()
        desk.enter(SELL, 10, 100)
        desk.enter(SELL, 10, 101, account=2)
        told = spend(desk, money, stp_mode=mode)
        assert told[1] == ("F", 10, 10, 1_000, b"")
        assert len(told) == (2 if money == 1_100 else 3)
        assert (desk.engine.order(2) is not None) == open_after


def test_icebergs_are_bought_through() -> None:
    desk = Desk()
    desk.enter(SELL, 100, 100, display_lots=10)
    rows = spend(desk, 9_599)
    assert [row[1] for row in rows] == [0, *([10] * 9), 5]
    assert rows[-1] == ("F", 5, 95, 9_500, b"")


def test_the_fee_in_base_is_taken_from_each_trade() -> None:
    desk = Desk()
    desk.enter(SELL, 1_000, 100)
    spend(desk, 100_000, fee_in_base=True)
    assert balances(desk.engine, 2) == (START - 100_000, 0, START + 100_000 - 400, 0)


@given(st.sampled_from([1, 2, 5, 7]), st.integers(1, 10**12), st.integers(0, 10**15))
def test_what_is_left_of_an_amount_buys_no_other_lot(decimals: int, price: int, money: int) -> None:
    pair = instrument(decimals)
    lots = pair.lots_for(price, money)
    left = money - pair.money(price, lots)
    assert left >= 0
    assert pair.lots_for(price, left) == 0
    one = Fraction(price * 10**10, 10 ** (decimals + 8))
    assert (lots == 0) == (one > money)


def test_rounding_down_may_pay_for_one_lot_more() -> None:
    """201 at 100.9 a lot: two cost 201.8, which is 201."""
    desk = Desk(5)
    desk.enter(SELL, 10, 100_900)
    assert spend(desk, 201) == [("0", 0, 0, 0, b""), ("F", 2, 2, 201, b"")]


@pytest.mark.parametrize("decimals", [2, 5, 7])
@pytest.mark.parametrize("seed", range(3))
def test_random_amounts_end_as_defined(decimals: int, seed: int) -> None:
    """Whatever is in the book: never more than the amount, filled exactly where what is left buys
    no lot at the best price that remains, and no lot more could have been bought."""
    random = Random(seed)
    engine = SpotEngine()
    pair = instrument(decimals)
    engine.add_instrument(pair)
    engine.ledger.deposit(1, "ABC", 10**15)
    engine.ledger.deposit(2, "USD", 10**15)
    ends = {"filled": 0, "canceled": 0}
    for _ in range(300):
        for _ in range(random.randint(0, 3)):
            qty, price = random.randint(1, 10**7), random.randint(10**5, 10**5 + 50)
            display = random.choice((0, -(-qty // random.randint(1, 15))))
            engine.submit(make_order(engine, SELL, qty, price, display_lots=display), NOW_NS, b"")
        engine.take_events()
        amount = random.randint(1, pair.money(10**5, 2 * 10**7) + 1)
        order = make_order(
            engine, BUY, 1, 0, account=2, ord_type=MARKET, quote_money=amount,
            time_in_force=random.choice((IOC, FOK)), fee_in_base=random.choice((True, False)),
            taker_rate=random.choice((0, 4_000, 71_001)),
        )  # fmt: skip
        assert engine.submit(order, NOW_NS, b"") is None
        check_invariants(engine)
        mine = [event for event in engine.take_events() if event.order is order]
        assert mine[0].exec_type == EXEC_NEW
        assert order.gross_money <= amount
        assert order.held_money == 0
        book = engine.book(pair.symbol)
        assert book is not None
        best = book.asks.best
        buys_more = best is not None and pair.lots_for(best.price, amount - order.gross_money) > 0
        if mine[-1].exec_type == EXEC_TRADE:
            ends["filled"] += 1
            assert mine[-1].ord_status == STATUS_FILLED
            assert not buys_more
        else:
            ends["canceled"] += 1
            assert order.time_in_force == FOK or not buys_more
        for event in mine[1:-1]:
            assert event.ord_status == STATUS_PARTIALLY_FILLED
    assert min(ends.values()) > 20


@pytest.mark.parametrize("mode", [STP_CANCEL_NEWEST, STP_CANCEL_BOTH, STP_CANCEL_OLDEST])
def test_self_trade_prevention_where_the_own_order_comes_first(mode: int) -> None:
    """An amount that would buy lots is not taken for one that is too small."""
    desk = Desk()
    desk.engine.ledger.deposit(2, "USD", START)
    desk.engine.ledger.deposit(2, "ABC", START)
    own = make_order(desk.engine, SELL, 10, 100, account=2)
    assert desk.engine.submit(own, NOW_NS, b"") is None
    desk.engine.take_events()
    told = spend(desk, 1_000, stp_mode=mode)
    assert told[1:] == [("4", 0, 0, 0, NO_LIQUIDITY if mode == STP_CANCEL_OLDEST else SELF)]
    assert (desk.engine.order(own.number) is None) == (mode != STP_CANCEL_NEWEST)
