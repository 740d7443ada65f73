"""Icebergs (1138): what the book shows, refills, amends, and the walk that foresees it all."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.engine.engine_harness import (
    NOW_NS,
    SYMBOL,
    check_invariants,
    instrument,
    make_order,
    reloaded,
    saved,
)
from tests.engine.test_spot_matching import Desk
from tidegate.engine.arrival import COST_LIMIT, reach
from tidegate.engine.spot import SpotEngine
from tidegate.model.orders import (
    BUY,
    EXEC_TRADE,
    FOK,
    IOC,
    MARKET,
    SELL,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
    TAKER,
)
from tidegate.model.rejects import Rule

SELF = b"Cannot trade with self"


def levels(desk: Desk, side: int = SELL) -> list[tuple[int, int, list[tuple[int, int, int]]]]:
    """Price, visible lots, and number, leaves and hidden lots of each order."""
    book = desk.engine.book(SYMBOL)
    assert book is not None
    return [
        (level.price, level.total_lots, [(o.number, o.leaves_lots, o.hidden_lots) for o in level])
        for level in book.side(side)
    ]


def amend(desk: Desk, number: int, qty_lots: int, price: int, display_lots: int = 0) -> Rule | None:
    rule = desk.engine.amend(
        desk.order(number), cl_ord_id=b"a%d" % number, qty_lots=qty_lots, price=price,
        post_only=False, now_ns=NOW_NS, display_lots=display_lots,
    )  # fmt: skip
    check_invariants(desk.engine)
    return rule


def makers(events: list[tuple[Any, ...]]) -> list[tuple[int, str]]:
    return [(event[2], event[3]) for event in events if event[-1] == "maker"]


def test_the_book_shows_the_display_and_holds_the_whole() -> None:
    desk = Desk()
    desk.enter(SELL, 100, 50, display_lots=10)
    desk.enter(SELL, 7, 50, account=2)
    assert levels(desk) == [(50, 17, [(1, 100, 90), (2, 7, 0)])]
    book = desk.engine.book(SYMBOL)
    assert book is not None
    assert book.asks.total_lots == 107
    assert desk.order(1).held_money == 100 * 100 + 40  # 0.4 %


def test_a_refill_goes_to_the_back_of_its_price() -> None:
    desk = Desk()
    desk.enter(SELL, 25, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    assert desk.enter(BUY, 12, 50, account=3) == [
        ("0", 3, 12, b"d"),
        ("F", "1", 1, "10@50", "maker"),
        ("F", "1", 3, "10@50", "taker"),
        ("F", "1", 2, "2@50", "maker"),
        ("F", "2", 3, "2@50", "taker"),
    ]
    assert levels(desk) == [(50, 13, [(2, 3, 0), (1, 15, 5)])]
    assert makers(desk.enter(BUY, 20, 50, account=3)) == [(2, "3@50"), (1, "10@50"), (1, "5@50")]
    assert levels(desk) == []
    assert desk.engine.open_order_count == 2 - 1  # the rest of the buyer


def test_what_is_shown_is_not_filled_up_before_it_is_gone() -> None:
    desk = Desk()
    desk.enter(SELL, 25, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    desk.enter(BUY, 9, 50, account=3)
    assert levels(desk) == [(50, 6, [(1, 16, 15), (2, 5, 0)])]


def test_two_icebergs_take_turns() -> None:
    desk = Desk()
    desk.enter(SELL, 30, 50, display_lots=10)
    desk.enter(SELL, 12, 50, account=2, display_lots=5)
    events = desk.enter(BUY, 42, 50, account=3)
    assert makers(events) == [
        (1, "10@50"), (2, "5@50"), (1, "10@50"), (2, "5@50"), (1, "10@50"), (2, "2@50")
    ]  # fmt: skip


def test_on_arrival_the_whole_quantity_trades_and_the_rest_is_cut() -> None:
    desk = Desk()
    desk.enter(SELL, 60, 50)
    events = desk.enter(BUY, 100, 50, account=2, display_lots=10)
    assert makers(events) == [(1, "60@50")]
    assert levels(desk, BUY) == [(50, 10, [(2, 40, 30)])]


def test_a_display_of_the_whole_or_more_hides_nothing() -> None:
    desk = Desk()
    desk.enter(SELL, 10, 50, display_lots=10)
    assert levels(desk) == [(50, 10, [(1, 10, 0)])]
    desk.enter(BUY, 4, 50, account=2)
    assert levels(desk) == [(50, 6, [(1, 6, 0)])]


def test_reports_of_an_iceberg_tell_its_display() -> None:
    desk = Desk()
    order = make_order(desk.engine, SELL, 30, 50, display_lots=10)
    desk.engine.submit(order, NOW_NS, b"d")
    desk.engine.submit(make_order(desk.engine, BUY, 15, 50, account=2), NOW_NS, b"d")
    amend(desk, 1, 30, 50, 4)
    told = [
        (event.display_lots, event.leaves_lots)
        for event in desk.engine.take_events()
        if event.order is order
    ]
    assert told == [(10, 30), (10, 20), (10, 15), (4, 15)]


@pytest.mark.parametrize(
    ("mode", "events"),
    [
        (STP_CANCEL_OLDEST, [("4", 1, 0, SELF), ("F", "2", 2, "5@50", "maker")]),
        (STP_CANCEL_NEWEST, [("4", 3, 0, SELF)]),
        (STP_CANCEL_BOTH, [("4", 1, 0, SELF), ("4", 3, 0, SELF)]),
    ],
)
def test_self_trade_prevention_cancels_the_whole_iceberg(
    mode: int, events: list[tuple[Any, ...]]
) -> None:
    desk = Desk()
    desk.enter(SELL, 100, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    found = desk.enter(BUY, 50, 50, stp_mode=mode)
    assert found[0] == ("0", 3, 50, b"d")
    assert found[1 : 1 + len(events)] == events
    assert (desk.engine.order(1) is None) == (mode != STP_CANCEL_NEWEST)
    held = desk.engine.ledger.held(1, "ABC")
    assert held == (10_040 if mode == STP_CANCEL_NEWEST else 0)


def test_self_trade_with_an_iceberg_comes_after_others_are_filled() -> None:
    desk = Desk()
    desk.enter(SELL, 25, 50, account=2, display_lots=10)
    desk.enter(SELL, 30, 50, display_lots=10)
    events = desk.enter(BUY, 50, 50, stp_mode=STP_CANCEL_NEWEST)
    assert makers(events) == [(1, "10@50")]
    assert events[-1] == ("4", 3, 0, SELF)
    assert levels(desk) == [(50, 20, [(2, 30, 20), (1, 15, 5)])]


def test_amends_of_quantity() -> None:
    desk = Desk()
    desk.enter(SELL, 40, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    desk.enter(BUY, 4, 50, account=3)
    assert levels(desk) == [(50, 11, [(1, 36, 30), (2, 5, 0)])]
    assert amend(desk, 1, 20, 50) is None  # down: of the hidden part first, in its place
    assert levels(desk) == [(50, 11, [(1, 16, 10), (2, 5, 0)])]
    assert amend(desk, 1, 7, 50) is None  # more than is hidden: of what is shown, too
    assert levels(desk) == [(50, 8, [(1, 3, 0), (2, 5, 0)])]
    assert amend(desk, 1, 30, 50) is None  # up: to the back, with its display again
    assert levels(desk) == [(50, 15, [(2, 5, 0), (1, 26, 16)])]
    assert amend(desk, 1, 4, 50) is None  # executed already: it ends
    assert levels(desk) == [(50, 5, [(2, 5, 0)])]
    assert desk.engine.ledger.held(1, "ABC") == 0


def test_amends_of_display() -> None:
    desk = Desk()
    desk.enter(SELL, 40, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    assert amend(desk, 1, 40, 50, 20) is None  # up: from the next refill on
    assert levels(desk) == [(50, 15, [(1, 40, 30), (2, 5, 0)])]
    assert makers(desk.enter(BUY, 16, 50, account=3))[-2:] == [(2, "5@50"), (1, "1@50")]
    assert levels(desk) == [(50, 19, [(1, 29, 10)])]
    assert amend(desk, 1, 40, 50, 5) is None  # down: at once
    assert levels(desk) == [(50, 5, [(1, 29, 24)])]
    assert amend(desk, 1, 20, 50, 4) is None  # with less quantity
    assert levels(desk) == [(50, 4, [(1, 9, 5)])]
    assert amend(desk, 1, 30, 50, 8) is None  # with more quantity
    assert levels(desk) == [(50, 8, [(1, 19, 11)])]


def test_a_new_price_shows_the_display_again_or_trades_the_whole() -> None:
    desk = Desk()
    desk.enter(SELL, 40, 50, display_lots=10)
    desk.enter(BUY, 4, 50, account=3)
    assert amend(desk, 1, 40, 51) is None
    assert levels(desk) == [(51, 10, [(1, 36, 26)])]
    desk.enter(BUY, 33, 45, account=3)
    desk.events()
    assert amend(desk, 1, 40, 45) is None
    assert [event[3] for event in desk.events() if event[0] == "F"] == ["33@45", "33@45"]
    assert levels(desk) == [(45, 3, [(1, 3, 0)])]


def test_fills_by_the_house() -> None:
    """What is shown first, then of what is hidden; nothing left to show means a refill."""
    desk = Desk()
    desk.enter(SELL, 40, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    for lots, layout in (
        (4, [(1, 36, 30), (2, 5, 0)]),
        (6, [(2, 5, 0), (1, 30, 20)]),
        (17, [(2, 5, 0), (1, 13, 3)]),
        (13, [(2, 5, 0)]),
    ):
        desk.engine.fill_by_house(desk.order(1), lots, NOW_NS)
        check_invariants(desk.engine)
        assert desk.events()[-1][3] == f"{lots}@50"
        assert levels(desk) == [(50, sum(o[1] - o[2] for o in layout), layout)]


def test_a_snapshot_keeps_what_is_shown_and_the_place() -> None:
    desk = Desk()
    desk.enter(SELL, 40, 50, display_lots=10)
    desk.enter(SELL, 5, 50, account=2)
    desk.enter(BUY, 4, 50, account=3)
    amend(desk, 1, 40, 50, 20)
    desk.events()
    before = levels(desk)
    again = reloaded(desk.engine, instrument())
    assert saved(again) == saved(desk.engine)
    desk.engine = again
    check_invariants(again)
    assert levels(desk) == before == [(50, 11, [(1, 36, 30), (2, 5, 0)])]


def test_fill_or_kill_counts_what_is_hidden() -> None:
    for lots, filled in ((45, True), (46, False)):
        desk = Desk()
        desk.enter(SELL, 40, 50, display_lots=10)
        desk.enter(SELL, 5, 51, account=2)
        events = desk.enter(BUY, lots, 51, account=3, time_in_force=FOK)
        assert len(events) == (11 if filled else 2)


def foreseen(engine: SpotEngine, random: Random) -> None:
    """One random taker, which does exactly what the walk says."""
    side = random.choice((BUY, SELL))
    price = random.randint(96, 104)
    given: dict[str, Any] = {
        "account": random.randint(1, 3),
        "stp_mode": random.choice((STP_CANCEL_BOTH, STP_CANCEL_NEWEST, STP_CANCEL_OLDEST)),
        "time_in_force": IOC,
        "fee_in_base": random.choice((True, False)),
        "taker_rate": random.choice((4_000, 200_001)),
    }
    if random.random() < 0.5:
        given["ord_type"] = MARKET
        price = 0
    order = make_order(engine, side, random.randint(1, 400), price, **given)
    market = engine._markets[SYMBOL]
    reached = reach(market, order, COST_LIMIT)
    before = engine.ledger.available(order.account, "USD") if side == BUY else 0
    assert engine.submit(order, NOW_NS, b"") is None
    fills = [
        event
        for event in engine.take_events()
        if event.exec_type == EXEC_TRADE and event.liquidity == TAKER
    ]
    assert sum(event.last_lots for event in fills) == reached.filled_lots
    if side == BUY:
        on_top = 0 if order.fee_in_base else order.fee_money
        assert order.gross_money + on_top == reached.cost_money
        own = before - engine.ledger.available(order.account, "USD")
        assert own == reached.cost_money


@pytest.mark.parametrize("seed", range(8))
def test_the_walk_foresees_every_lot_and_unit_of_money(seed: int) -> None:
    """Prices of few units, so that the rounding of each trade shows."""
    random = Random(seed)
    engine = SpotEngine()
    engine.add_instrument(instrument(5))
    for account in (1, 2, 3):
        engine.ledger.deposit(account, "USD", 10**9)
        engine.ledger.deposit(account, "ABC", 10**9)
    for _ in range(400):
        for _ in range(random.randint(0, 3)):
            side = random.choice((BUY, SELL))
            qty = random.randint(1, 150)
            price = random.randint(93, 99) if side == BUY else random.randint(101, 107)
            display = random.choice((0, random.randint(-(-qty // 15), qty)))
            order = make_order(
                engine, side, qty, price, account=random.randint(1, 3), display_lots=display
            )
            assert engine.submit(order, NOW_NS, b"") is None
            engine.take_events()
        foreseen(engine, random)
        check_invariants(engine)
        if random.random() < 0.05:
            engine = reloaded(engine, instrument(5))


def test_the_walk_stops_where_an_iceberg_meets_its_own_group() -> None:
    """The own iceberg stands behind the shown part of another: that part alone is in reach."""
    desk = Desk()
    desk.enter(SELL, 30, 50, account=2, display_lots=10)
    desk.enter(SELL, 30, 50, display_lots=10)
    for mode, lots in ((STP_CANCEL_NEWEST, 10), (STP_CANCEL_BOTH, 10), (STP_CANCEL_OLDEST, 30)):
        order = make_order(desk.engine, BUY, 100, 0, ord_type=MARKET, stp_mode=mode)
        assert reach(desk.engine._markets[SYMBOL], order, COST_LIMIT).filled_lots == lots
    assert desk.events() == []
