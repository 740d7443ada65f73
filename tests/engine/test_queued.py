"""`Order.queued_ns`: since when an order has its place in the queue of its price."""

from __future__ import annotations

import pytest

from tests.engine.engine_harness import NOW_NS, instrument, make_order, reloaded
from tidegate.engine.spot import SpotEngine
from tidegate.model.orders import BUY, SELL


def queued(engine: SpotEngine, number: int) -> int:
    order = engine.order(number)
    assert order is not None
    return order.queued_ns - NOW_NS


@pytest.fixture
def engine() -> SpotEngine:
    """Offers 1 (an iceberg that shows 10 of 25) and 2 at 50, a bid 3 at 40, a nanosecond apart."""
    engine = SpotEngine()
    engine.add_instrument(instrument())
    for account in (1, 2, 3):
        engine.ledger.deposit(account, "USD", 10**9)
        engine.ledger.deposit(account, "ABC", 10**9)
    for delay_ns, (side, lots, price, account, display) in enumerate(
        ((SELL, 25, 50, 1, 10), (SELL, 5, 50, 2, 0), (BUY, 8, 40, 1, 0))
    ):
        order = make_order(engine, side, lots, price, account=account, display_lots=display)
        assert engine.submit(order, NOW_NS + delay_ns, b"") is None
    engine.take_events()
    return engine


def amend(engine: SpotEngine, qty_lots: int, price: int) -> None:
    order = engine.order(3)
    assert order is not None
    rule = engine.amend(
        order, cl_ord_id=b"a", qty_lots=qty_lots, price=price, post_only=False, now_ns=NOW_NS + 9
    )
    assert rule is None


def test_an_order_queues_when_it_comes_to_rest(engine: SpotEngine) -> None:
    assert [queued(engine, number) for number in (1, 2, 3)] == [0, 1, 2]


def test_a_remainder_queues_when_the_rest_has_traded(engine: SpotEngine) -> None:
    order = make_order(engine, BUY, 20, 50, account=3)
    assert engine.submit(order, NOW_NS + 7, b"") is None
    assert queued(engine, 1) == 7  # what it showed was gone: it shows again, at the back
    assert engine.submit(make_order(engine, BUY, 20, 50, account=3), NOW_NS + 8, b"") is None
    assert queued(engine, 5) == 8


def test_a_fill_keeps_the_place(engine: SpotEngine) -> None:
    assert engine.submit(make_order(engine, BUY, 9, 50, account=3), NOW_NS + 7, b"") is None
    assert queued(engine, 1) == 0


@pytest.mark.parametrize(
    ("qty_lots", "price", "since"), [(7, 40, 2), (8, 40, 2), (9, 40, 9), (8, 41, 9), (8, 39, 9)]
)
def test_an_amend_that_loses_the_place_queues_anew(
    engine: SpotEngine, qty_lots: int, price: int, since: int
) -> None:
    amend(engine, qty_lots, price)
    assert queued(engine, 3) == since


def test_a_snapshot_keeps_it(engine: SpotEngine) -> None:
    copy = reloaded(engine, instrument())
    assert [queued(copy, number) for number in (1, 2, 3)] == [0, 1, 2]
