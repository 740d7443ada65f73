"""Times of orders: EffectiveTime, ExpireTime, ValidUntilTime."""

from __future__ import annotations

import pytest

from tests.engine.engine_harness import SYMBOL
from tests.engine.stages_desk import StagesDesk
from tidegate.model.instruments import make_instrument
from tidegate.model.limits import TIMED_PER_RECORD
from tidegate.model.market_state import (
    CANCEL_ONLY,
    LIMIT_ONLY,
    MAINTENANCE,
    ONLINE,
    POST_ONLY,
    REDUCE_ONLY,
)
from tidegate.model.orders import BUY, FOK, GTD, MARKET, SCHEDULED, SELL, STOP_LOSS
from tidegate.model.time import NEVER_NS


def test_an_order_goes_live_at_its_effective_time() -> None:
    desk = StagesDesk()
    assert desk.enter(BUY, 5, 100, effective_ns=desk.at(10)) == ["A 1 A"]
    assert desk.order(1).stage == SCHEDULED
    assert desk.held(1, "USD") > 0
    assert desk.enter(SELL, 1, 100, account=2) == ["0 2 0"]  # the scheduled one is in no book
    assert desk.wait(9.9) == []
    assert desk.wait(0.1) == ["0 1 0", "F 2 2: 1@100 maker", "F 1 1: 1@100 taker"]
    assert desk.order(1).resting
    assert desk.engine.due_ns == NEVER_NS


def test_due_in_the_order_of_time_then_number() -> None:
    desk = StagesDesk()
    for seconds in (30, 10, 20, 10, 30):
        desk.enter(BUY, 1, 100, effective_ns=desk.at(seconds))
    assert desk.engine.due_ns == desk.at(10)
    assert desk.wait(100) == ["0 2 0", "0 4 0", "0 3 0", "0 1 0", "0 5 0"]


@pytest.mark.parametrize("stage", ["scheduled", "untriggered", "live"])
def test_gtd_expires_in_whatever_stage(stage: str) -> None:
    desk = StagesDesk()
    given = {"time_in_force": GTD, "expire_ns": desk.at(60)}
    if stage == "scheduled":
        # Its time comes while the pair does not trade, and stays unused.
        desk.enter(BUY, 5, 100, effective_ns=desk.at(50), **given)
        desk.engine.set_status(SYMBOL, CANCEL_ONLY, desk.now_ns)
    elif stage == "untriggered":
        desk.stop(STOP_LOSS, BUY, 100, lots=5, **given)
    else:
        desk.enter(BUY, 5, 100, **given)
    assert desk.wait(59) == []
    assert desk.wait(1) == ["C 1 C: GTD order expired"]
    assert desk.engine.open_order_count == 0
    assert desk.held(1, "USD") == 0
    assert desk.engine.due_ns == NEVER_NS
    assert desk.trade(100) == []


def test_an_expired_report_says_that_nothing_is_left() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 5, 100, time_in_force=GTD, expire_ns=desk.at(60))
    desk.enter(SELL, 2, 100, account=2)
    desk.engine.run_due(desk.at(60))
    (event,) = desk.engine.take_events()
    assert (event.qty_lots, event.cum_lots, event.leaves_lots) == (5, 2, 0)


def test_activation_and_expiry_both_passed_expires_without_going_live() -> None:
    desk = StagesDesk()
    desk.enter(
        BUY, 5, 100, time_in_force=GTD, effective_ns=desk.at(10), expire_ns=desk.at(20)
    )  # fmt: skip
    desk.enter(SELL, 5, 100, account=2)
    desk.restart()
    assert desk.wait(20) == ["C 1 C: GTD order expired"]


def test_an_order_that_expires_as_it_becomes_active_expires() -> None:
    desk = StagesDesk()
    at_ns = desk.at(10)
    desk.enter(BUY, 5, 100, time_in_force=GTD, effective_ns=at_ns, expire_ns=at_ns)
    assert desk.wait(20) == ["C 1 C: GTD order expired"]


def test_expiry_between_activations_keeps_its_place_in_time() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 1, 100, effective_ns=desk.at(30))
    desk.enter(
        BUY, 1, 100, time_in_force=GTD, effective_ns=desk.at(10), expire_ns=desk.at(20)
    )  # fmt: skip
    desk.enter(BUY, 1, 100, effective_ns=desk.at(15))
    desk.enter(BUY, 1, 100, effective_ns=desk.at(20))
    assert desk.wait(40) == ["0 3 0", "C 2 C: GTD order expired", "0 4 0", "0 1 0"]


def test_filled_and_canceled_orders_are_not_due() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 5, 100, time_in_force=GTD, expire_ns=desk.at(60))
    desk.enter(BUY, 5, 90, time_in_force=GTD, expire_ns=desk.at(70))
    desk.enter(BUY, 5, 90, effective_ns=desk.at(80))
    desk.enter(SELL, 5, 100, account=2)
    assert desk.engine.due_ns == desk.at(70)
    desk.cancel(2)
    assert desk.engine.due_ns == desk.at(80)
    assert desk.cancel(3) == ["4 3 4: by user"]
    assert desk.engine.due_ns == NEVER_NS
    assert desk.wait(100) == []


def test_a_record_does_its_share_and_the_rest_stays_due() -> None:
    desk = StagesDesk()
    for _ in range(TIMED_PER_RECORD + 5):
        desk.engine.submit(desk.make(BUY, 1, 100, effective_ns=desk.at(10)), desk.now_ns, b"")
    desk.engine.take_events()
    assert len(desk.wait(10)) == TIMED_PER_RECORD
    assert desk.engine.due_ns == desk.at(10)
    desk.restart()
    assert desk.wait(0) == [f"0 {TIMED_PER_RECORD + place} 0" for place in range(1, 6)]
    assert desk.engine.due_ns == NEVER_NS


def test_what_goes_live_is_checked_as_an_order_that_arrives_then() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 1, 100, effective_ns=desk.at(10), post_only=True)
    desk.enter(SELL, 1, 99, account=2)
    assert desk.wait(10) == ["0 1 0", "4 1 4: EOrder:Post only order"]
    desk.trade(90)
    desk.enter(BUY, 1, 98, effective_ns=desk.at(20))  # 5
    desk.engine.set_band(SYMBOL, 50_000)
    assert desk.wait(10) == ["0 5 0", "4 5 4: EOrder:Invalid price"]
    assert desk.held(1, "USD") == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (LIMIT_ONLY, "EService:Market in limit_only mode"),
        (POST_ONLY, "EService:Market in post_only mode"),
        (REDUCE_ONLY, "EService:Market in reduce_only mode"),
    ],
)
def test_a_status_that_does_not_admit_what_goes_live_cancels_it(status: int, text: str) -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.enter(SELL, 1, 0, ord_type=MARKET, effective_ns=desk.at(10))  # 3
    desk.stop(STOP_LOSS, BUY, 120, effective_ns=desk.at(10))  # 4
    desk.enter(BUY, 1, 90, effective_ns=desk.at(10), post_only=True)  # 5
    assert desk.status(status) == []
    lines = desk.wait(10)
    assert lines[:4] == ["0 3 0", f"4 3 4: {text}", "0 4 0", f"4 4 4: {text}"]
    assert lines[4:] == ["0 5 0"] + ([f"4 5 4: {text}"] if status == REDUCE_ONLY else [])


@pytest.mark.parametrize("how", ["cancel_only", "maintenance", "halt"])
def test_nothing_is_released_while_a_pair_does_not_trade(how: str) -> None:
    """By time or by index; at the end the index counts as it is then, and times come at once."""
    desk = StagesDesk()
    desk.index(100)
    desk.stop(STOP_LOSS, BUY, 110, index=True)  # 1
    desk.stop(STOP_LOSS, BUY, 130, index=True)  # 2
    desk.enter(BUY, 1, 50, effective_ns=desk.at(20))  # 3
    desk.enter(BUY, 1, 50, effective_ns=desk.at(10))  # 4
    desk.enter(BUY, 1, 50, effective_ns=desk.at(15))  # 5
    if how == "halt":
        desk.engine.set_halted(True, desk.now_ns)
    else:
        desk.status(CANCEL_ONLY if how == "cancel_only" else MAINTENANCE)
    assert desk.index(140) == []
    assert desk.wait(30) == []
    assert desk.engine.due_ns == NEVER_NS
    assert desk.cancel(5) == ["4 5 4: by user"]
    desk.restart()
    assert desk.index(120) == []
    if how == "halt":
        desk.engine.set_halted(False, desk.now_ns)
        lines = desk.events()
    else:
        lines = desk.status(ONLINE)
    assert lines == ["D 1 0: 1@0 by 120", "4 1 4: Insufficient liquidity"]
    assert desk.engine.due_ns == desk.at(10)
    assert desk.wait(0) == ["0 4 0", "0 3 0"]


def test_what_is_canceled_while_nothing_trades_is_not_due_afterwards() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 1, 50, effective_ns=desk.at(10))
    desk.enter(BUY, 1, 50, effective_ns=desk.at(10))
    desk.status(MAINTENANCE)
    assert desk.wait(10) == []
    assert desk.cancel(1) == ["4 1 4: by user"]
    assert desk.status(ONLINE) == []
    assert desk.wait(0) == ["0 2 0"]
    assert desk.engine.due_ns == NEVER_NS


def test_a_halt_covers_pairs_that_come_later_and_ends_for_all() -> None:
    desk = StagesDesk()
    desk.engine.set_halted(True, desk.now_ns)
    desk.restart()
    desk.engine.add_instrument(make_instrument("NEW/USD", 2, "0.01", "0.00000001", "0"))
    assert desk.engine.market_state("NEW/USD").halted
    desk.engine.set_halted(False, desk.now_ns)
    assert desk.engine.market_state("NEW/USD").trades
    assert desk.engine.market_state(SYMBOL).trades


def test_a_pair_in_cancel_only_stays_so_when_a_halt_ends() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 1, 50, effective_ns=desk.at(10))
    desk.engine.set_halted(True, desk.now_ns)
    desk.status(CANCEL_ONLY)
    desk.wait(20)
    desk.engine.set_halted(False, desk.now_ns)
    assert desk.wait(1) == []
    assert desk.status(ONLINE) == []
    assert desk.wait(0) == ["0 1 0"]


def test_a_scheduled_trigger_waits_for_its_time_then_for_its_price() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.stop(STOP_LOSS, BUY, 110, effective_ns=desk.at(10)) == ["A 3 A"]
    assert desk.trade(115) == []
    assert desk.trade(105) == []
    assert desk.wait(10) == ["0 3 0"]
    assert desk.trade(110)[0] == "D 3 0: 1@0 by 110"


def test_a_scheduled_trigger_whose_price_is_reached_fires_at_once() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.stop(STOP_LOSS, BUY, 90, effective_ns=desk.at(10)) == ["A 3 A"]
    desk.enter(SELL, 1, 101, account=2)
    assert desk.wait(10) == [
        "0 3 0",
        "D 3 0: 1@0 by 100",
        "F 4 2: 1@101 maker",
        "F 3 2: 1@101 taker",
    ]


def test_a_scheduled_trailing_order_begins_to_trail_when_it_is_active() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 10, effective_ns=desk.at(10))  # 3
    desk.trade(200)
    desk.trade(150)
    assert desk.wait(10) == ["0 3 0"]
    assert desk.trade(141) == []
    assert desk.trade(140)[0] == "D 3 0: 1@0 by 140"


def test_a_trailing_buy_holds_anew_at_the_price_of_its_activation() -> None:
    desk = StagesDesk()
    pair = desk.engine.instrument(SYMBOL)
    assert pair is not None
    desk.trade(100)
    desk.trail(BUY, 10, lots=10**6, effective_ns=desk.at(10))  # 3
    assert desk.held(1, "USD") == pair.money(110, 10**6) * 1_004 // 1_000
    available = pair.money(110, 10**6) * 1_004 // 1_000
    desk.engine.ledger.deposit(9, "USD", available)
    desk.trail(BUY, 10, lots=10**6, effective_ns=desk.at(10), account=9)  # 4
    desk.trade(200)
    assert desk.wait(10) == ["0 3 0", "0 4 0", "4 4 4: EOrder:Insufficient funds"]
    assert desk.held(1, "USD") == pair.money(210, 10**6) * 1_004 // 1_000
    assert desk.engine.ledger.available(9, "USD") == available


def test_a_trailing_sell_is_checked_against_the_price_of_its_activation() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 60, effective_ns=desk.at(10))
    desk.trade(60)
    assert desk.wait(10) == ["0 3 0", "4 3 4: EOrder:Invalid price"]


def test_a_scheduled_market_buy_holds_at_the_market_price_and_pays_with_all_there_is() -> None:
    desk = StagesDesk()
    pair = desk.engine.instrument(SYMBOL)
    assert pair is not None
    given = {"ord_type": MARKET, "effective_ns": desk.at(10)}
    assert desk.refused(desk.make(BUY, 10**6, 0, **given)) == "trigger_price"
    desk.trade(100)
    assert desk.enter(BUY, 10**6, 0, **given) == ["A 3 A"]
    assert desk.held(1, "USD") == pair.money(100, 10**6) * 1_004 // 1_000
    desk.enter(BUY, 10**6, 0, time_in_force=FOK, **given)
    desk.enter(SELL, 10**6, 200, account=2)
    assert desk.wait(10) == [
        "0 3 0",
        f"F 5 2: {10**6}@200 maker",
        f"F 3 2: {10**6}@200 taker",
        "0 4 0",
        "4 4 4: Insufficient liquidity",
    ]
    assert desk.held(1, "USD") == 0


def test_an_amount_to_spend_waits_with_the_amount_held() -> None:
    desk = StagesDesk()
    money = 10**6
    order = desk.make(
        BUY, 0, 0, ord_type=MARKET, quote_money=money, effective_ns=desk.at(10), exec_inst=b"v"
    )
    assert desk.engine.submit(order, desk.now_ns, b"") is None
    (pending,) = desk.engine.take_events()
    assert pending.leaves_lots > 0  # the whole amount is open
    assert desk.held(1, "USD") == money * 1_004 // 1_000
    assert desk.try_amend(1, qty_lots=5) == "amend_quote_qty"
    desk.enter(SELL, 10**6, 100, account=2)
    lines = desk.wait(10)
    assert lines[0] == "0 1 0"
    assert lines[-1].startswith("F 1 2: ")
    assert desk.held(1, "USD") == 0


def test_an_amended_scheduled_order_is_pending_until_it_is_new() -> None:
    desk = StagesDesk()
    desk.enter(BUY, 5, 100, effective_ns=desk.at(10))
    assert desk.amend(1, price=110, qty_lots=7) == ["5 1 E"]
    desk.restart()
    assert desk.wait(10) == ["0 1 0"]
    order = desk.order(1)
    assert (order.price, order.qty_lots, order.amended, order.aged_ns) == (
        110,
        7,
        False,
        desk.at(0),
    )


def test_a_scheduled_trigger_may_be_amended_to_a_price_that_is_reached() -> None:
    """What counts is the reference when it becomes active."""
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS, BUY, 110, effective_ns=desk.at(10))
    assert desk.amend(3, stop_price=90) == ["5 3 E"]
    assert desk.wait(10)[:2] == ["0 3 0", "D 3 0: 1@0 by 100"]


def test_a_request_that_comes_after_its_deadline_is_refused() -> None:
    desk = StagesDesk()
    late = desk.make(BUY, 1, 100, valid_until_ns=desk.now_ns - 1)
    assert desk.refused(late) == "deadline_elapsed"
    assert desk.enter(BUY, 1, 100, valid_until_ns=desk.now_ns) == ["0 1 0"]
    assert desk.try_amend(1, price=101, valid_until_ns=desk.now_ns - 1) == "deadline_elapsed"
    assert desk.amend(1, price=101, valid_until_ns=desk.now_ns) == ["5 1 5"]


def test_what_goes_live_triggers_what_it_reaches_before_the_next_is_due() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS, SELL, 95)  # 3
    desk.enter(BUY, 2, 95, account=2)  # 4
    desk.enter(SELL, 1, 95, account=3, effective_ns=desk.at(10))  # 5
    desk.enter(SELL, 1, 95, account=3, effective_ns=desk.at(10))  # 6
    assert desk.wait(10) == [
        "0 5 0",
        "F 4 1: 1@95 maker",
        "F 5 2: 1@95 taker",
        "D 3 0: 1@0 by 95",
        "F 4 2: 1@95 maker",
        "F 3 2: 1@95 taker",
        "0 6 0",
    ]
