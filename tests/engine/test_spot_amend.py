"""OrderCancelReplaceRequest (35=G) in the engine: priority, money, refusals."""

from __future__ import annotations

from typing import Any

from tests.engine.engine_harness import NOW_NS, brief, saved
from tests.engine.test_spot_matching import Desk
from tidegate.engine.events import current_status, status_event
from tidegate.model.orders import (
    BUY,
    SELL,
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
    STATUS_REPLACED,
)
from tidegate.model.rejects import CL_ORD_ID_IN_USE, INSUFFICIENT_FUNDS, POST_ONLY, Rule

AMENDED_AWAY = b"Order quantity amended to executed quantity"


def amend(
    desk: Desk, number: int, qty_lots: int, price: int, *, post_only: bool = False
) -> Rule | None:
    return desk.engine.amend(
        desk.order(number),
        cl_ord_id=b"a%d" % number,
        qty_lots=qty_lots,
        price=price,
        post_only=post_only,
        now_ns=NOW_NS,
    )


def queue_after(qty_lots: int, price: int) -> list[int]:
    """Bids 1 and 2 of 5 at 100; bid 1 is amended; the numbers in the order in which they fill."""
    desk = Desk()
    desk.enter(BUY, 5, 100)
    desk.enter(BUY, 5, 100, account=2)
    assert amend(desk, 1, qty_lots, price) is None
    assert desk.events() == [("5", 1, qty_lots, b"")]
    events = desk.enter(SELL, 20, 1, account=3)
    return [event[2] for event in events if event[-1] == "maker"]


def test_priority_table() -> None:
    assert queue_after(6, 100) == [2, 1]  # quantity up: to the back of the level
    assert queue_after(4, 100) == [1, 2]  # quantity down: keeps its place
    assert queue_after(5, 100) == [1, 2]  # no change: keeps its place
    assert queue_after(5, 99) == [2, 1]
    assert queue_after(5, 101) == [1, 2]


def test_price_change_goes_to_the_back_of_the_new_level() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 101)
    desk.enter(BUY, 5, 100, account=2)
    amend(desk, 1, 4, 100)
    desk.events()
    events = desk.enter(SELL, 9, 100, account=3)
    assert [event[2] for event in events if event[-1] == "maker"] == [2, 1]


def test_ids_follow_the_amend() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    order = desk.order(1)
    amend(desk, 1, 6, 100)
    (event,) = desk.engine.take_events()
    assert (event.cl_ord_id, event.orig_cl_ord_id) == (b"a1", b"1")
    assert (event.ord_status, event.qty_lots, event.price) == (STATUS_REPLACED, 6, 100)
    assert desk.engine.order_by_cl_ord_id(1, b"a1") is order
    assert desk.engine.order_by_cl_ord_id(1, b"1") is None
    desk.cancel(1, b"c1")
    assert (order.cl_ord_id, order.orig_cl_ord_id) == (b"c1", b"a1")


def test_an_amend_without_an_id_keeps_the_ids() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    order = desk.order(1)
    desk.engine.amend(order, cl_ord_id=b"", qty_lots=3, price=100, post_only=False, now_ns=NOW_NS)
    assert desk.events() == [("5", 1, 3, b"")]
    assert (order.cl_ord_id, order.orig_cl_ord_id) == (b"1", b"")
    assert desk.engine.order_by_cl_ord_id(1, b"1") is order


def test_status_goes_to_replaced_and_back_with_a_fill() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100)
    order = desk.order(1)
    assert current_status(order) == STATUS_NEW
    amend(desk, 1, 6, 100)
    assert current_status(order) == STATUS_REPLACED
    desk.enter(SELL, 1, 100, account=2)
    assert current_status(order) == STATUS_PARTIALLY_FILLED
    amend(desk, 1, 7, 100)
    assert current_status(order) == STATUS_REPLACED
    desk.engine.take_events()
    status = status_event(order, NOW_NS)
    assert brief(status) == ("I", 1, 6, b"")
    assert status.ord_status == STATUS_REPLACED


def test_amend_that_crosses_trades_as_taker_and_rests() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 105, account=2)
    desk.enter(BUY, 5, 100)
    assert amend(desk, 2, 6, 106) is None
    assert desk.events() == [
        ("5", 2, 6, b""),
        ("F", "2", 1, "3@105", "maker"),
        ("F", "1", 2, "3@105", "taker"),
    ]
    assert desk.order(2).resting
    assert desk.order(2).price == 106
    assert desk.enter(SELL, 3, 106, account=2) == [
        ("0", 3, 3, b"d"),
        ("F", "2", 2, "3@106", "maker"),
        ("F", "2", 3, "3@106", "taker"),
    ]


def test_amend_that_fills_whole_leaves_no_order() -> None:
    desk = Desk()
    desk.enter(SELL, 5, 105, account=2)
    desk.enter(BUY, 5, 100)
    assert amend(desk, 2, 5, 105) is None
    assert desk.events() == [
        ("5", 2, 5, b""),
        ("F", "2", 1, "5@105", "maker"),
        ("F", "2", 2, "5@105", "taker"),
    ]
    assert desk.engine.open_order_count == 0
    assert desk.engine.session_orders(1) == []
    assert desk.engine.order_by_cl_ord_id(1, b"a2") is None


def test_quantity_at_or_below_executed_closes_the_order() -> None:
    for qty_lots in (2, 1):
        desk = Desk()
        desk.enter(BUY, 5, 100)
        desk.enter(SELL, 2, 100, account=2)
        amend(desk, 1, qty_lots, 77)
        (event,) = desk.engine.take_events()
        assert brief(event) == ("4", 1, 0, AMENDED_AWAY)
        assert (event.qty_lots, event.cum_lots, event.price) == (2, 2, 100)
        assert (event.cl_ord_id, event.orig_cl_ord_id) == (b"a1", b"1")
        assert desk.engine.open_order_count == 0
        assert desk.engine.ledger.held(1, "USD") == 0
        assert desk.events() == []


def test_refusals_change_nothing() -> None:
    desk = Desk()
    desk.enter(SELL, 3, 105, account=2)
    desk.enter(BUY, 5, 100)
    before = saved(desk.engine)
    refusals: list[tuple[Rule, dict[str, Any], int, int]] = [
        (POST_ONLY, {"post_only": True}, 5, 105),
        (POST_ONLY, {"post_only": True}, 3, 200),
        (INSUFFICIENT_FUNDS, {}, 10**14, 100),
        (INSUFFICIENT_FUNDS, {"post_only": True}, 10**14, 105),
    ]
    for rule, given, qty_lots, price in refusals:
        assert amend(desk, 2, qty_lots, price, **given) is rule
        assert desk.events() == []
        assert saved(desk.engine) == before
    assert amend(desk, 2, 5, 104, post_only=True) is None
    assert desk.events() == [("5", 2, 5, b"")]


def test_a_hold_grows_to_the_last_unit_and_shrinks_back() -> None:
    desk = Desk()
    engine = desk.engine
    engine.ledger.deposit(4, "USD", 1_004)
    desk.enter(BUY, 5, 100, account=4)
    assert engine.ledger.held(4, "USD") == 502
    assert amend(desk, 1, 11, 100) is INSUFFICIENT_FUNDS
    assert amend(desk, 1, 10, 100) is None
    assert (engine.ledger.available(4, "USD"), engine.ledger.held(4, "USD")) == (0, 1_004)
    assert amend(desk, 1, 1, 100) is None
    assert (engine.ledger.available(4, "USD"), engine.ledger.held(4, "USD")) == (903, 101)


def test_the_id_of_another_open_order_is_refused_whatever_its_session() -> None:
    desk = Desk()
    desk.enter(BUY, 5, 100, session=1)
    desk.enter(BUY, 5, 100, session=2, cl_ord_id=b"a1")
    before = saved(desk.engine)
    for qty_lots in (4, 0):
        assert amend(desk, 1, qty_lots, 100) is CL_ORD_ID_IN_USE
        assert desk.events() == []
        assert saved(desk.engine) == before
