"""The price band: how far from the reference a limit may be, and how far a market order goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.engine_harness import NOW_NS, SYMBOL, saved
from tests.engine.test_spot_matching import Desk
from tidegate.model.market_state import BAND_OF_INSTRUMENT
from tidegate.model.orders import BUY, FOK, IOC, MARKET, SELL
from tidegate.model.rejects import PRICE_BAND, Rule

NO_LIQUIDITY = b"Insufficient liquidity"


def desk_with(band: int, *, last: int = 0, index: int = 0, of_instrument: int = 0) -> Desk:
    desk = Desk()
    state = desk.engine.market_state(SYMBOL)
    state.band = band
    state.last_price = last
    state.index_price = index
    pair = desk.engine.instrument(SYMBOL)
    assert pair is not None
    pair.band = of_instrument
    return desk


@pytest.mark.parametrize(
    ("side", "worst", "beyond"),
    [(BUY, 1_055, 1_056), (SELL, 953, 952)],  # 1,004 and 5.1 %: 1,055.204 and 952.796
)
def test_a_limit_may_be_as_far_as_the_band_on_the_side_on_which_it_takes(
    side: int, worst: int, beyond: int
) -> None:
    desk = desk_with(51_000, last=1_004)
    assert desk.refused(side, 5, beyond) is PRICE_BAND
    assert desk.refused(side, 5, beyond, time_in_force=IOC) is PRICE_BAND
    assert desk.refused(side, 5, beyond, time_in_force=FOK) is PRICE_BAND
    assert desk.refused(side, 5, beyond, post_only=True) is PRICE_BAND
    assert desk.enter(side, 5, worst) == [("0", 1, 5, b"d")]


def test_the_other_side_is_free() -> None:
    desk = desk_with(51_000, last=1_000)
    assert desk.enter(BUY, 5, 1) == [("0", 1, 5, b"d")]
    assert desk.enter(SELL, 5, 10**9) == [("0", 2, 5, b"d")]


@pytest.mark.parametrize(
    ("make", "highest"),
    [
        (lambda: desk_with(100_000, last=1_000, index=2_000), 1_100),
        (lambda: desk_with(100_000, index=2_000), 2_200),
        (lambda: desk_with(100_000), 10**17),  # no reference
        (lambda: desk_with(0, last=1_000, of_instrument=100_000), 10**17),  # an operator's word
        (lambda: desk_with(BAND_OF_INSTRUMENT, last=1_000, of_instrument=200_000), 1_200),
        (lambda: desk_with(BAND_OF_INSTRUMENT, last=1_000), 10**17),
    ],
)
def test_the_reference_and_whose_band_counts(make: Callable[[], Desk], highest: int) -> None:
    desk = make()
    if highest < 10**17:
        assert desk.refused(BUY, 1, highest + 1) is PRICE_BAND
    assert desk.enter(BUY, 1, min(highest, 10**9)) == [("0", 1, 1, b"d")]


def test_a_band_of_everything_lets_sells_go_to_any_price() -> None:
    for band in (1_000_000, 3_000_000):
        desk = desk_with(band, last=1_000)
        assert desk.enter(SELL, 5, 1) == [("0", 1, 5, b"d")]


def amend(desk: Desk, price: int, qty_lots: int = 5) -> Rule | None:
    return desk.engine.amend(
        desk.order(1),
        cl_ord_id=b"a",
        qty_lots=qty_lots,
        price=price,
        post_only=False,
        now_ns=NOW_NS,
    )


def test_an_amend_to_a_price_beyond_the_band_is_refused() -> None:
    desk = desk_with(100_000, last=1_000)
    desk.enter(BUY, 5, 900)
    before = saved(desk.engine)
    assert amend(desk, 1_101) is PRICE_BAND
    assert saved(desk.engine) == before
    assert amend(desk, 1_100) is None


def test_an_order_that_the_band_has_left_behind_may_change_its_quantity() -> None:
    desk = desk_with(100_000, last=1_000)
    desk.enter(BUY, 5, 1_100)
    desk.engine.market_state(SYMBOL).last_price = 500
    assert amend(desk, 1_100, 9) is None
    assert amend(desk, 1_099, 9) is PRICE_BAND


def test_a_market_order_goes_no_further_than_the_band() -> None:
    """The reference is that of its arrival, whatever it trades at."""
    desk = desk_with(100_000, last=1_000)
    for price in (1_050, 1_100, 1_101):
        desk.enter(SELL, 5, price)
    assert desk.enter(BUY, 20, 0, account=2, ord_type=MARKET) == [
        ("0", 4, 20, b"d"),
        ("F", "2", 1, "5@1050", "maker"),
        ("F", "1", 4, "5@1050", "taker"),
        ("F", "2", 2, "5@1100", "maker"),
        ("F", "1", 4, "5@1100", "taker"),
        ("4", 4, 0, NO_LIQUIDITY),
    ]
    assert desk.engine.market_state(SYMBOL).last_price == 1_100
    for price in (995, 990, 989):
        desk.enter(BUY, 5, price)
    events = desk.enter(SELL, 20, 0, account=2, ord_type=MARKET)
    assert [event[3] for event in events if event[-1] == "taker"] == ["5@995", "5@990"]


@pytest.mark.parametrize(("lots", "filled"), [(10, True), (11, False)])
def test_fill_or_kill_and_amounts_count_what_is_within_the_band(lots: int, filled: bool) -> None:
    for given in ({}, {"quote_money": lots * 1_100}):
        desk = desk_with(100_000, last=1_000)
        desk.enter(SELL, 10, 1_100)
        desk.enter(SELL, 10, 1_101)
        events = desk.enter(BUY, lots, 0, account=2, ord_type=MARKET, time_in_force=FOK, **given)
        assert events[-1][:2] == (("F", "2") if filled else ("4", 3))
        assert desk.engine.ledger.held(2, "USD") == 0
