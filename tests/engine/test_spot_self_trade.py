"""Self-trade prevention (7928): the incoming order's mode decides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.test_spot_matching import FOK_TEXT, NO_LIQUIDITY, Desk
from tidegate.model.orders import (
    BUY,
    FOK,
    MARKET,
    SELL,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
)

SELF = b"Cannot trade with self"
Row = tuple[Any, ...]

NEW: Row = ("0", 4, 9, b"d")
FIRST: list[Row] = [("F", "2", 1, "3@100", "maker"), ("F", "1", 4, "3@100", "taker")]
THIRD: list[Row] = [("F", "2", 3, "3@102", "maker"), ("F", "1", 4, "3@102", "taker")]
OLDEST_GONE: Row = ("4", 2, 0, SELF)
NEWEST_GONE: Row = ("4", 4, 0, SELF)


def ladder(**own: Any) -> Desk:
    """Asks of 3 at 100, 101 and 102; the middle one is account 2's own."""
    desk = Desk()
    desk.enter(SELL, 3, 100)
    desk.enter(SELL, 3, 101, account=2, **own)
    desk.enter(SELL, 3, 102, account=3)
    return desk


@pytest.mark.parametrize(
    ("mode", "expected", "left"),
    [
        (STP_CANCEL_NEWEST, [NEW, *FIRST, NEWEST_GONE], [2, 3]),
        (STP_CANCEL_OLDEST, [NEW, *FIRST, OLDEST_GONE, *THIRD], [4]),
        (STP_CANCEL_BOTH, [NEW, *FIRST, OLDEST_GONE, NEWEST_GONE], [3]),
    ],
)
def test_modes_of_a_limit_order(mode: int, expected: list[Row], left: list[int]) -> None:
    """Fills against others before the own order stand."""
    desk = ladder()
    assert desk.enter(BUY, 9, 102, account=2, stp_mode=mode) == expected
    assert [n for n in (1, 2, 3, 4) if desk.engine.order(n) is not None] == left


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (STP_CANCEL_NEWEST, [NEW, *FIRST, NEWEST_GONE]),
        (STP_CANCEL_OLDEST, [NEW, *FIRST, OLDEST_GONE, *THIRD, ("4", 4, 0, NO_LIQUIDITY)]),
        (STP_CANCEL_BOTH, [NEW, *FIRST, OLDEST_GONE, NEWEST_GONE]),
    ],
)
def test_modes_of_a_market_order(mode: int, expected: list[Row]) -> None:
    desk = ladder()
    assert desk.enter(BUY, 9, 0, account=2, ord_type=MARKET, stp_mode=mode) == expected
    assert desk.engine.ledger.held(2, "USD") == 0


def test_the_resting_orders_mode_does_not_matter() -> None:
    desk = ladder(stp_mode=STP_CANCEL_OLDEST)
    events = desk.enter(BUY, 9, 102, account=2, stp_mode=STP_CANCEL_NEWEST)
    assert events == [NEW, *FIRST, NEWEST_GONE]


@pytest.mark.parametrize("mode", [STP_CANCEL_NEWEST, STP_CANCEL_BOTH])
def test_fok_that_an_own_order_stops_is_killed_and_touches_nothing(mode: int) -> None:
    desk = ladder()
    events = desk.enter(BUY, 6, 102, account=2, stp_mode=mode, time_in_force=FOK)
    assert events == [("0", 4, 6, b"d"), ("4", 4, 0, FOK_TEXT)]
    assert desk.engine.open_order_count == 3


def test_fok_passes_own_orders_where_the_oldest_goes() -> None:
    desk = ladder()
    oldest: dict[str, Any] = {"account": 2, "stp_mode": STP_CANCEL_OLDEST, "time_in_force": FOK}
    assert desk.enter(BUY, 7, 102, **oldest) == [("0", 4, 7, b"d"), ("4", 4, 0, FOK_TEXT)]
    assert desk.enter(BUY, 6, 102, **oldest) == [
        ("0", 5, 6, b"d"),
        ("F", "2", 1, "3@100", "maker"),
        ("F", "1", 5, "3@100", "taker"),
        ("4", 2, 0, SELF),
        ("F", "2", 3, "3@102", "maker"),
        ("F", "2", 5, "3@102", "taker"),
    ]


def test_fok_that_fills_before_an_own_order_trades() -> None:
    desk = ladder()
    assert desk.enter(BUY, 3, 102, account=2, time_in_force=FOK) == [
        ("0", 4, 3, b"d"),
        ("F", "2", 1, "3@100", "maker"),
        ("F", "2", 4, "3@100", "taker"),
    ]


def test_groups_span_accounts() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 100, account=1, stp_group=b"desk")
    assert desk.enter(BUY, 3, 100, account=2, stp_group=b"desk") == [
        ("0", 2, 3, b"d"),
        ("4", 2, 0, SELF),
    ]


def test_groups_of_one_account_trade_with_each_other() -> None:
    """The account gives to itself; only the fees leave it."""
    desk = Desk()
    desk.enter(SELL, 3_000, 100, stp_group=b"a")
    assert desk.enter(BUY, 3_000, 100, stp_group=b"b") == [
        ("0", 2, 3_000, b"d"),
        ("F", "2", 1, "3000@100", "maker"),
        ("F", "2", 2, "3000@100", "taker"),
    ]
    assert desk.engine.ledger.available(1, "ABC") == 10**15 - 750
    assert desk.engine.ledger.available(1, "USD") == 10**15 - 1_200


def test_an_amended_order_is_the_incoming_one() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 101, stp_mode=STP_CANCEL_OLDEST)
    desk.enter(BUY, 3, 100, stp_mode=STP_CANCEL_NEWEST)
    desk.engine.amend(
        desk.order(2), cl_ord_id=b"x", qty_lots=4, price=101, post_only=False, now_ns=0
    )
    assert desk.events() == [("5", 2, 4, b""), ("4", 2, 0, SELF)]
    assert desk.engine.order_by_cl_ord_id(1, b"x") is None
