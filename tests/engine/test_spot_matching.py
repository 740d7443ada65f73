"""Acceptance and matching by order type and time in force: the whole list of events each time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_harness import (
    NOW_NS,
    SYMBOL,
    brief,
    check_invariants,
    instrument,
    make_order,
    render,
    saved,
)
from tidegate.engine.order import Order
from tidegate.engine.spot import SpotEngine
from tidegate.model.orders import BUY, FOK, GTC, IOC, MARKET, SELL
from tidegate.model.rejects import (
    CANCELED_BY_USER,
    CL_ORD_ID_IN_USE,
    INSUFFICIENT_FUNDS,
    POST_ONLY,
    Rule,
)

IOC_TEXT = b"Immediate or cancel"
FOK_TEXT = b"Fill or kill"
NO_LIQUIDITY = b"Insufficient liquidity"


class Desk:
    """An engine whose accounts 1 to 3 have plenty; each call gives the events in short."""

    def __init__(self, price_decimals: int = 2) -> None:
        self.engine = SpotEngine()
        self.engine.add_instrument(instrument(price_decimals))
        for account in (1, 2, 3):
            self.engine.ledger.deposit(account, "USD", 10**15)
            self.engine.ledger.deposit(account, "ABC", 10**15)

    def events(self) -> list[tuple[Any, ...]]:
        check_invariants(self.engine)
        return [brief(event) for event in self.engine.take_events()]

    def enter(self, side: int, lots: int, price: int, **given: Any) -> list[tuple[Any, ...]]:
        order = make_order(self.engine, side, lots, price, **given)
        assert self.engine.submit(order, NOW_NS, b"d") is None
        return self.events()

    def refused(self, side: int, lots: int, price: int, **given: Any) -> Rule | None:
        before = saved(self.engine)
        order = make_order(self.engine, side, lots, price, **given)
        rule = self.engine.submit(order, NOW_NS, b"d")
        assert saved(self.engine) == before
        assert self.engine.take_events() == []
        return rule

    def order(self, number: int) -> Order:
        order = self.engine.order(number)
        assert order is not None
        return order

    def cancel(self, number: int, cl_ord_id: bytes = b"") -> list[tuple[Any, ...]]:
        self.engine.cancel(self.order(number), NOW_NS, CANCELED_BY_USER, cl_ord_id)
        return self.events()


def test_limit_gtc_rests() -> None:
    desk = Desk()
    assert desk.enter(BUY, 5, 100) == [("0", 1, 5, b"d")]
    assert desk.enter(SELL, 5, 101, account=2) == [("0", 2, 5, b"d")]
    assert desk.engine.open_order_count == 2


def test_new_first_then_maker_and_taker_of_each_match_at_the_resting_price() -> None:
    desk = Desk()
    desk.enter(SELL, 5, 101)
    desk.enter(SELL, 5, 100)
    desk.enter(SELL, 5, 101)
    assert desk.enter(BUY, 17, 102, account=2) == [
        ("0", 4, 17, b"d"),
        ("F", "2", 2, "5@100", "maker"),
        ("F", "1", 4, "5@100", "taker"),
        ("F", "2", 1, "5@101", "maker"),
        ("F", "1", 4, "5@101", "taker"),
        ("F", "2", 3, "5@101", "maker"),
        ("F", "1", 4, "5@101", "taker"),
    ]
    assert desk.order(4).leaves_lots == 2
    assert desk.enter(SELL, 2, 102) == [
        ("0", 5, 2, b"d"),
        ("F", "2", 4, "2@102", "maker"),
        ("F", "2", 5, "2@102", "taker"),
    ]
    assert desk.engine.open_order_count == 0


def test_events_of_a_trade_in_full() -> None:
    """Price 1.00, 3 and 2 lots: money 300 and 200; fees 2,500 and 4,000 millionths, rounded
    down."""
    desk = Desk()
    order = make_order(desk.engine, SELL, 5_000, 100)
    desk.engine.submit(order, NOW_NS, b"d")
    desk.engine.take_events()
    order = make_order(desk.engine, BUY, 3_001, 120, account=2)
    desk.engine.submit(order, NOW_NS, b"buy 0.00003001 ABC/USD @ limit 1.2")
    buy = (2, b"2", b"")
    zeros = (0, 0, 0, 0, "", 0, 0, 0)
    trade = (100, 3_001, 300_100)
    assert [render(event) for event in desk.engine.take_events()] == [
        ("0", "0", *buy, 3_001, 120, 3_001, 0, 0, 0, 0, order_text(), *zeros),
        (
            "F", "1", 1, b"1", b"", 1_999, 100, 5_000, 3_001, 300_100, 300_100, 750, b"",
            *trade, 750, "ABC", 0, 1, 1,
        ),
        (
            "F", "2", *buy, 0, 120, 3_001, 3_001, 300_100, 300_100, 1_200, b"",
            *trade, 1_200, "USD", 1, 1, 1,
        ),
    ]  # fmt: skip
    order = make_order(desk.engine, BUY, 1, 120, account=3)
    desk.engine.submit(order, NOW_NS, b"d")
    assert [render(event)[7:] for event in desk.engine.take_events()[1:]] == [
        (5_000, 3_002, 300_200, 300_200, 750, b"", 100, 1, 100, 0, "ABC", 0, 2, 2),
        (1, 1, 100, 100, 0, b"", 100, 1, 100, 0, "USD", 1, 2, 2),
    ]


def order_text() -> bytes:
    return b"buy 0.00003001 ABC/USD @ limit 1.2"


def test_trade_numbers_are_the_venues_and_pair_numbers_the_instruments() -> None:
    desk = Desk()
    other = instrument()
    other.symbol = "ABD/USD"
    desk.engine.add_instrument(other)
    numbers = []
    for symbol in (SYMBOL, "ABD/USD", SYMBOL):
        for side, account in ((BUY, 1), (SELL, 2)):
            order = make_order(desk.engine, side, 1, 5, symbol=symbol, account=account)
            assert desk.engine.submit(order, NOW_NS, b"") is None
        last = desk.engine.take_events()[-1]
        numbers.append((last.trade_number, last.pair_trade_number))
    assert numbers == [(1, 1), (2, 1), (3, 2)]


def test_ioc_cancels_what_does_not_trade() -> None:
    desk = Desk()
    assert desk.enter(BUY, 5, 100, time_in_force=IOC) == [
        ("0", 1, 5, b"d"),
        ("4", 1, 0, IOC_TEXT),
    ]
    desk.enter(SELL, 3, 100)
    assert desk.enter(BUY, 5, 100, account=2, time_in_force=IOC) == [
        ("0", 3, 5, b"d"),
        ("F", "2", 2, "3@100", "maker"),
        ("F", "1", 3, "3@100", "taker"),
        ("4", 3, 0, IOC_TEXT),
    ]


def test_fok_trades_whole_or_not_at_all() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 100)
    desk.enter(SELL, 3, 101)
    desk.enter(SELL, 3, 102)
    assert desk.enter(BUY, 7, 101, account=2, time_in_force=FOK) == [
        ("0", 4, 7, b"d"),
        ("4", 4, 0, FOK_TEXT),
    ]
    assert desk.enter(BUY, 6, 101, account=2, time_in_force=FOK) == [
        ("0", 5, 6, b"d"),
        ("F", "2", 1, "3@100", "maker"),
        ("F", "1", 5, "3@100", "taker"),
        ("F", "2", 2, "3@101", "maker"),
        ("F", "2", 5, "3@101", "taker"),
    ]


@pytest.mark.parametrize("time_in_force", [GTC, IOC])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_market_order_takes_any_price_and_its_rest_dies(side: int, time_in_force: int) -> None:
    desk = Desk()
    other = SELL if side == BUY else BUY
    desk.enter(other, 3, 100)
    desk.enter(other, 3, 5_000 if side == BUY else 1)
    market: dict[str, Any] = {"account": 2, "ord_type": MARKET, "time_in_force": time_in_force}
    assert desk.enter(side, 7, 0, **market) == [
        ("0", 3, 7, b"d"),
        ("F", "2", 1, "3@100", "maker"),
        ("F", "1", 3, "3@100", "taker"),
        ("F", "2", 2, f"3@{5_000 if side == BUY else 1}", "maker"),
        ("F", "1", 3, f"3@{5_000 if side == BUY else 1}", "taker"),
        ("4", 3, 0, NO_LIQUIDITY),
    ]
    assert desk.enter(side, 7, 0, **market) == [("0", 4, 7, b"d"), ("4", 4, 0, NO_LIQUIDITY)]


@pytest.mark.parametrize("side", [BUY, SELL])
def test_market_fok_is_all_or_nothing(side: int) -> None:
    desk = Desk()
    other = SELL if side == BUY else BUY
    desk.enter(other, 3, 100)
    market: dict[str, Any] = {"account": 2, "ord_type": MARKET, "time_in_force": FOK}
    assert desk.enter(side, 4, 0, **market) == [("0", 2, 4, b"d"), ("4", 2, 0, NO_LIQUIDITY)]
    assert desk.enter(side, 3, 0, **market) == [
        ("0", 3, 3, b"d"),
        ("F", "2", 1, "3@100", "maker"),
        ("F", "2", 3, "3@100", "taker"),
    ]


def test_post_only_is_refused_where_it_would_match_anyone() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 100)
    assert desk.refused(BUY, 1, 100, account=2, post_only=True) is POST_ONLY
    assert desk.refused(BUY, 1, 101, account=1, post_only=True) is POST_ONLY
    assert desk.enter(BUY, 1, 99, account=2, post_only=True) == [("0", 2, 1, b"d")]


def test_balance_is_checked_before_post_only() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 100)
    assert desk.refused(BUY, 10**15, 100, account=2, post_only=True) is INSUFFICIENT_FUNDS


def test_cancel_reports_the_request_and_what_was_before() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    desk.engine.cancel(desk.order(1), NOW_NS, CANCELED_BY_USER, b"request")
    (event,) = desk.engine.take_events()
    assert brief(event) == ("4", 1, 0, CANCELED_BY_USER)
    assert (event.cl_ord_id, event.orig_cl_ord_id) == (b"request", b"1")
    assert desk.engine.order(1) is None
    for name in (b"1", b"request"):
        assert desk.engine.order_by_cl_ord_id(1, name) is None


def test_cancel_without_a_request_keeps_the_ids() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    desk.engine.cancel(desk.order(1), NOW_NS, b"Order canceled by mass cancel")
    (event,) = desk.engine.take_events()
    assert (event.cl_ord_id, event.orig_cl_ord_id) == (b"1", b"")


def test_cancel_of_a_partly_filled_order_keeps_the_fill() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    desk.enter(SELL, 2, 100, account=2)
    order = desk.order(1)
    desk.engine.cancel(order, NOW_NS, CANCELED_BY_USER)
    (event,) = desk.engine.take_events()
    assert (event.qty_lots, event.cum_lots, event.leaves_lots) == (5, 2, 0)
    with pytest.raises(AssertionError):
        desk.engine.cancel(order, NOW_NS, CANCELED_BY_USER)


def test_order_numbers_advance_only_on_acceptance() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    assert desk.refused(BUY, 10**15, 100) is INSUFFICIENT_FUNDS
    assert desk.engine.next_order_number == 2


def test_listings_are_in_entry_order_and_open_only() -> None:
    desk = Desk()
    for session, account in ((7, 1), (8, 1), (7, 2), (7, 1)):
        desk.enter(BUY, 5, 100, account=account, session=session)
    desk.engine.amend(
        desk.order(1), cl_ord_id=b"later", qty_lots=9, price=101, post_only=False, now_ns=NOW_NS
    )
    assert [order.number for order in desk.engine.session_orders(7)] == [1, 3, 4]
    assert [order.number for order in desk.engine.account_orders(1)] == [1, 2, 4]
    desk.engine.take_events()
    desk.cancel(3)
    assert [order.number for order in desk.engine.session_orders(7)] == [1, 4]
    assert desk.engine.session_orders(99) == []
    assert desk.engine.account_orders(99) == []


def test_cl_ord_ids_are_the_accounts_own() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100, account=1, cl_ord_id=b"same")
    desk.enter(BUY, 5, 100, account=2, cl_ord_id=b"same")
    for account in (1, 2):
        assert desk.engine.order_by_cl_ord_id(account, b"same") is desk.order(account)
    assert desk.engine.order_by_cl_ord_id(3, b"same") is None
    assert desk.refused(BUY, 5, 100, account=1, cl_ord_id=b"same") is CL_ORD_ID_IN_USE
    desk.cancel(1)
    assert desk.enter(BUY, 5, 100, account=1, cl_ord_id=b"same") == [("0", 3, 5, b"d")]


def test_a_cancel_may_bear_the_id_of_another_order() -> None:
    """Ids of requests are unique in a session only; the other order stays where it is."""
    desk = Desk()
    desk.enter(BUY, 5, 100, session=1)
    desk.enter(BUY, 5, 100, session=2)
    assert desk.cancel(1, b"2") == [("4", 1, 0, CANCELED_BY_USER)]
    assert desk.engine.order_by_cl_ord_id(1, b"2") is desk.order(2)
