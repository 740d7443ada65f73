"""Orders that wait for a price: when they fire, in which order, and what becomes of them."""

from __future__ import annotations

from random import Random

import pytest

from tests.engine.stages_desk import StagesDesk
from tidegate.model.orders import (
    BUY,
    FOK,
    IOC,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    UNTRIGGERED,
)


@pytest.mark.parametrize(
    ("kind", "side", "fires", "waits"),
    [
        (STOP_LOSS, BUY, 110, 109),
        (STOP_LOSS, SELL, 90, 91),
        (TAKE_PROFIT, BUY, 90, 91),
        (TAKE_PROFIT, SELL, 110, 109),
        (STOP_LOSS_LIMIT, BUY, 110, 109),
        (STOP_LOSS_LIMIT, SELL, 90, 91),
        (TAKE_PROFIT_LIMIT, BUY, 90, 91),
        (TAKE_PROFIT_LIMIT, SELL, 110, 109),
    ],
)
@pytest.mark.parametrize("beyond", [0, 7])
def test_fires_when_the_last_trade_reaches_its_price(
    kind: int, side: int, fires: int, waits: int, beyond: int
) -> None:
    desk = StagesDesk()
    desk.trade(100)
    limit = 50 if side == BUY else 150
    price = limit if kind in (STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT) else 0
    number = desk.engine.next_order_number
    assert desk.stop(kind, side, fires, price, account=1) == [f"0 {number} 0"]
    assert desk.trade(waits) == []
    assert desk.order(number).stage == UNTRIGGERED
    reached = fires + beyond if fires > waits else fires - beyond
    lines = desk.trade(reached)
    if price:
        assert lines == [f"D {number} 0: 2@{price} by {reached}"]
        assert desk.order(number).resting
    else:
        assert lines == [
            f"D {number} 0: 1@0 by {reached}",
            f"4 {number} 4: Insufficient liquidity",
        ]


def test_a_fired_order_acts_as_one_that_arrives_then() -> None:
    """It trades, goes to the back of its price, and is matched by the mode that it has."""
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS_LIMIT, SELL, 95, 90, lots=5)  # order 3
    desk.enter(BUY, 2, 94, account=2)  # order 4
    desk.enter(SELL, 1, 96, account=2, stp_group=b"x")  # order 5
    assert desk.trade(95) == [
        "D 3 0: 2@90 by 95",
        "F 4 2: 2@94 maker",
        "F 3 1: 2@94 taker",
    ]
    desk.enter(SELL, 1, 90, account=2)
    lines = desk.enter(BUY, 4, 90, account=4, stp_group=b"y")
    assert lines[1::2] == ["F 3 2: 3@90 maker", "F 8 2: 1@90 maker"]


def test_the_trade_that_fires_is_told_before_the_order_is_released() -> None:
    """Trades of a sweep are seen one by one; what they fire is released when the sweep is done."""
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS, BUY, 103)  # order 3
    desk.stop(STOP_LOSS, BUY, 101, account=2)  # order 4
    for price in (101, 102, 103, 104, 105):
        desk.enter(SELL, 1, price, account=3)  # orders 5 to 9
    assert desk.enter(BUY, 3, 104, account=4) == [
        "0 10 0",
        "F 5 2: 1@101 maker",
        "F 10 1: 1@101 taker",
        "F 6 2: 1@102 maker",
        "F 10 1: 1@102 taker",
        "F 7 2: 1@103 maker",
        "F 10 2: 1@103 taker",
        "D 4 0: 1@0 by 101",
        "F 8 2: 1@104 maker",
        "F 4 2: 1@104 taker",
        "D 3 0: 1@0 by 103",
        "F 9 2: 1@105 maker",
        "F 3 2: 1@105 taker",
    ]


def test_released_along_the_move_by_price_then_by_number() -> None:
    desk = StagesDesk()
    desk.trade(100)
    stops = [(92, 3), (95, 4), (92, 5), (97, 6), (95, 7)]
    for price, number in stops:
        assert desk.stop(STOP_LOSS_LIMIT, SELL, price, 200) == [f"0 {number} 0"]
    falling = [row.split()[1] for row in desk.trade(90)]
    assert falling == ["6", "4", "7", "3", "5"]
    up = [(99, 10), (94, 11), (99, 12), (93, 13)]
    for price, number in up:
        assert desk.stop(TAKE_PROFIT_LIMIT, SELL, price, 200) == [f"0 {number} 0"]
    assert [row.split()[1] for row in desk.trade(99)] == ["13", "11", "10", "12"]


def test_what_released_orders_trigger_queues_up_behind() -> None:
    """A cascade: order 3 and 4 are fired together; the trade of 3 fires 5, which waits for 4."""
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS, SELL, 95)  # 3
    desk.stop(STOP_LOSS, SELL, 94)  # 4
    desk.stop(STOP_LOSS, SELL, 90)  # 5
    for price in (90, 89, 88):
        desk.enter(BUY, 1, price, account=2)  # 6, 7, 8
    lines = desk.trade(94)
    assert [row for row in lines if row[0] == "D"] == [
        "D 3 0: 1@0 by 94",
        "D 4 0: 1@0 by 94",
        "D 5 0: 1@0 by 90",
    ]
    assert [row for row in lines if row[0] == "F"][1::2] == [
        "F 3 2: 1@90 taker",
        "F 4 2: 1@89 taker",
        "F 5 2: 1@88 taker",
    ]


def test_an_order_that_trades_on_amend_triggers_too() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS_LIMIT, BUY, 105, 200)  # 3
    desk.enter(SELL, 1, 106, account=2)
    desk.enter(BUY, 1, 90, account=3)
    assert desk.amend(5, price=106) == [
        "5 5 5",
        "F 4 2: 1@106 maker",
        "F 5 2: 1@106 taker",
        "D 3 0: 2@200 by 106",
    ]


def test_before_the_first_trade_orders_wait_for_it() -> None:
    """There is no move then: what lies below first, from below, then what lies above."""
    desk = StagesDesk()
    desk.stop(STOP_LOSS_LIMIT, BUY, 90, 200)  # 1
    desk.stop(STOP_LOSS_LIMIT, SELL, 120, 300)  # 2
    desk.stop(STOP_LOSS_LIMIT, BUY, 80, 200, account=2, stp_group=b"b")  # 3
    desk.stop(STOP_LOSS_LIMIT, SELL, 130, 300)  # 4
    desk.stop(STOP_LOSS_LIMIT, SELL, 70, 300)  # 5
    lines = desk.trade(100)
    assert [row.split()[1] for row in lines] == ["3", "1", "4", "2"]


def test_a_price_that_is_reached_already_is_refused() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.refused(desk.make_stop(STOP_LOSS, BUY, 100)) == "trigger_price"
    assert desk.refused(desk.make_stop(STOP_LOSS, SELL, 101)) == "trigger_price"
    assert desk.refused(desk.make_stop(TAKE_PROFIT, BUY, 100)) == "trigger_price"
    assert desk.refused(desk.make_stop(TAKE_PROFIT, SELL, 99)) == "trigger_price"
    assert desk.stop(TAKE_PROFIT, SELL, 101) == ["0 3 0"]
    assert desk.try_amend(3, stop_price=100) == "trigger_price"
    assert desk.trade(100) == []


def test_the_index_triggers_what_refers_to_it_and_nothing_else() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.refused(desk.make_stop(STOP_LOSS, BUY, 110, index=True)) == "index_unavailable"
    assert desk.index(100) == []
    desk.stop(STOP_LOSS_LIMIT, BUY, 110, 90, index=True)  # 3
    desk.stop(STOP_LOSS_LIMIT, BUY, 110, 91)  # 4
    assert desk.index(109) == []
    assert desk.index(115) == ["D 3 0: 2@90 by 115"]
    assert desk.trade(112) == ["D 4 0: 2@91 by 112"]


def test_an_index_move_releases_a_cascade() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.index(100)
    desk.stop(STOP_LOSS, SELL, 95, index=True)  # 3
    desk.stop(STOP_LOSS_LIMIT, SELL, 90, 50)  # 4, by the last trade
    desk.enter(BUY, 1, 90, account=2)  # 5
    assert desk.index(95) == [
        "D 3 0: 1@0 by 95",
        "F 5 2: 1@90 maker",
        "F 3 2: 1@90 taker",
        "D 4 0: 2@50 by 90",
    ]


def test_limit_triggers_keep_their_time_in_force_from_the_trigger_on() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS_LIMIT, BUY, 105, 106, lots=3, time_in_force=IOC)  # 3
    desk.stop(STOP_LOSS_LIMIT, BUY, 105, 106, lots=3, time_in_force=FOK)  # 4
    desk.enter(SELL, 1, 106, account=2)  # 5
    assert desk.trade(105) == [
        "D 3 0: 2@106 by 105",
        "F 5 2: 1@106 maker",
        "F 3 1: 1@106 taker",
        "4 3 4: Immediate or cancel",
        "D 4 0: 2@106 by 105",
        "4 4 4: Fill or kill",
    ]
    assert desk.held(1, "USD") == 0


def test_a_triggered_market_buy_pays_with_its_hold_and_what_is_available() -> None:
    desk = StagesDesk()
    desk.trade(100)
    cost = desk.engine.instrument("ABC/USD")
    assert cost is not None
    fee = (4_000, 1_000_000)
    price_110 = cost.money(110, 10) * (fee[1] + fee[0]) // fee[1]
    desk.engine.ledger.deposit(9, "USD", price_110)
    desk.stop(STOP_LOSS, BUY, 105, lots=10, account=9)  # 3
    assert 0 < desk.held(9, "USD") < price_110
    desk.enter(SELL, 10, 110, account=2)  # 4
    assert desk.trade(105) == [
        "D 3 0: 1@0 by 105",
        "F 4 2: 10@110 maker",
        "F 3 2: 10@110 taker",
    ]
    assert desk.engine.ledger.available(9, "USD") <= 1
    assert desk.held(9, "USD") == 0


def test_a_triggered_market_buy_that_can_not_pay_trades_nothing() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.engine.ledger.deposit(9, "USD", 110 * 10)
    before = desk.engine.ledger.available(9, "USD")
    order = desk.make_stop(STOP_LOSS, BUY, 105, lots=10, account=9)
    assert desk.place(order) == ["0 3 0"]
    desk.enter(SELL, 10, 110, account=2)
    assert desk.trade(105) == ["D 3 0: 1@0 by 105", "4 3 4: EOrder:Insufficient funds"]
    assert desk.engine.ledger.available(9, "USD") == before


def test_holds_of_waiting_orders_and_their_release() -> None:
    """At the stop price, or the limit where there is one; a sell holds its quantity."""
    desk = StagesDesk()
    desk.trade(100)
    pair = desk.engine.instrument("ABC/USD")
    assert pair is not None
    desk.stop(STOP_LOSS, BUY, 1_000, lots=10**6)  # 3
    assert desk.held(1, "USD") == pair.money(1_000, 10**6) * 1_004 // 1_000
    desk.stop(STOP_LOSS_LIMIT, BUY, 1_000, 1_500, lots=10**6, account=2)  # 4
    assert desk.held(2, "USD") == pair.money(1_500, 10**6) * 1_004 // 1_000
    desk.stop(STOP_LOSS, SELL, 50, lots=1_000, account=3)  # 5
    assert desk.held(3, "ABC") == 1_000 * 100 * 1_004 // 1_000
    assert desk.amend(3, stop_price=2_000) == ["5 3 5"]
    assert desk.held(1, "USD") == pair.money(2_000, 10**6) * 1_004 // 1_000
    for number, account, asset in ((3, 1, "USD"), (4, 2, "USD"), (5, 3, "ABC")):
        assert desk.cancel(number) == [f"4 {number} 4: by user"]
        assert desk.held(account, asset) == 0
    poor = desk.make_stop(STOP_LOSS, BUY, 1_000, lots=10**6, account=9)
    assert desk.refused(poor) == "insufficient_funds"


def test_amended_trigger_prices_count_and_the_old_ones_do_not() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS_LIMIT, BUY, 105, 90)  # 3
    assert desk.amend(3, stop_price=110, price=91, qty_lots=7, cl_ord_id=b"new") == ["5 3 5"]
    order = desk.order(3)
    assert (order.qty_lots, order.price, order.cl_ord_id) == (7, 91, b"new")
    assert desk.trade(109) == []
    assert desk.trade(110) == ["D 3 0: 2@91 by 110"]
    assert desk.order(3).cl_ord_id == b"new"


def test_a_canceled_trigger_never_fires() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS, BUY, 105)
    desk.stop(STOP_LOSS_LIMIT, BUY, 105, 90)
    assert desk.cancel(3) == ["4 3 4: by user"]
    assert desk.trade(105) == ["D 4 0: 2@90 by 105"]
    assert desk.trade(106) == []


def test_a_fired_order_meets_the_status_and_the_band_of_then() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS_LIMIT, BUY, 105, 500)  # 3
    desk.engine.set_band("ABC/USD", 100_000)
    assert desk.trade(105) == ["D 3 0: 2@500 by 105", "4 3 4: EOrder:Invalid price"]


@pytest.mark.parametrize("seed", range(8))
def test_many_orders_fire_as_a_plain_list_would(seed: int) -> None:
    """Adds, cancels, amends and prices at random, restarts included."""
    random = Random(seed)
    desk = StagesDesk()
    desk.trade(100)
    open_stops: dict[int, tuple[int, bool]] = {}  # number: stop price, rising
    last = 100
    for _ in range(300):
        choice = random.random()
        if choice < 0.5:
            rising = random.random() < 0.5
            stop = last + random.randint(1, 12) if rising else max(1, last - random.randint(1, 12))
            if not rising and stop >= last:
                continue
            number = desk.engine.next_order_number
            kind = TAKE_PROFIT_LIMIT if rising else STOP_LOSS_LIMIT
            desk.stop(kind, SELL, stop, 10_000)
            open_stops[number] = (stop, rising)
        elif choice < 0.6 and open_stops:
            number = random.choice(list(open_stops))
            desk.cancel(number)
            del open_stops[number]
        elif choice < 0.7 and open_stops:
            number = random.choice(list(open_stops))
            _, rising = open_stops[number]
            stop = last + random.randint(1, 12) if rising else last - random.randint(1, 12)
            if stop > 0:
                name = b"x%d" % random.getrandbits(60)
                desk.amend(number, stop_price=stop, cl_ord_id=name)
                open_stops[number] = (stop, rising)
        elif choice < 0.75:
            desk.restart()
        else:
            last = max(2, last + random.randint(-8, 8))
            up = [(s, n) for n, (s, rising) in open_stops.items() if rising and s <= last]
            down = [(-s, n) for n, (s, rising) in open_stops.items() if not rising and s >= last]
            expected = [n for _, n in sorted(up)] + [n for _, n in sorted(down)]
            assert [int(row.split()[1]) for row in desk.trade(last)] == expected
            for number in expected:
                del open_stops[number]


def test_market_orders_never_wait_in_a_book() -> None:
    """A triggered market order is no longer open once it is done."""
    desk = StagesDesk()
    desk.trade(100)
    desk.stop(STOP_LOSS, BUY, 105)
    assert desk.order(3).ord_type == STOP_LOSS
    desk.enter(SELL, 1, 106, account=2)
    desk.trade(105)
    assert desk.engine.order(3) is None
    assert desk.engine.open_order_count == 0
