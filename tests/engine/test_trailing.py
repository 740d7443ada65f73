"""Trailing stops: their trigger price follows the best reference since they became active."""

from __future__ import annotations

from random import Random

import pytest

from tests.engine.stages_desk import StagesDesk
from tidegate.model.orders import BUY, SELL


def test_a_sell_follows_the_highest_price_and_fires_on_the_way_back() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.trail(SELL, 10) == ["0 3 0"]
    assert desk.trade(91) == []
    assert desk.trade(120) == []
    assert desk.trade(111) == []
    assert desk.trade(115) == []
    assert desk.trade(110) == ["D 3 0: 1@0 by 110", "4 3 4: Insufficient liquidity"]


def test_a_buy_follows_the_lowest_price_and_fires_on_the_way_up() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.trail(BUY, 10) == ["0 3 0"]
    assert desk.trade(109) == []
    assert desk.trade(70) == []
    assert desk.trade(79) == []
    assert desk.trade(83) == ["D 3 0: 1@0 by 83", "4 3 4: Insufficient liquidity"]


def test_the_limit_lies_beyond_the_trigger_price_not_beyond_the_price_that_fired() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 10, 3)  # 3
    desk.trail(BUY, 10, 3, account=2)  # 4
    assert desk.trade(85) == ["D 3 0: 2@87 by 85"]
    desk.cancel(3)
    assert desk.trade(99) == ["D 4 0: 2@98 by 99"]


def test_restated_tells_the_trigger_and_keeps_the_distance() -> None:
    desk = StagesDesk()
    desk.trade(100)
    order = desk.make_trail(SELL, 10, 3)
    desk.engine.submit(order, desk.now_ns, b"")
    (new,) = desk.engine.take_events()
    assert (chr(new.ord_type), new.price, new.stop_price, new.trigger_price) == ("V", 3, 10, 0)
    desk.trade(120)
    desk.engine.take_events()
    desk.enter(BUY, 1, 105, account=3)
    selling = desk.make(SELL, 1, 105, account=4, stp_group=b"z")
    desk.engine.submit(selling, desk.now_ns, b"")
    restated = desk.engine.take_events()[3]
    assert (chr(restated.ord_type), restated.price) == ("2", 107)
    assert (restated.stop_price, restated.trigger_price) == (10, 105)


def test_limits_are_put_on_the_tick() -> None:
    """An index need not lie on it: a buy is rounded down, a sell up."""
    desk = StagesDesk()
    pair = desk.engine.instrument("ABC/USD")
    assert pair is not None
    pair.tick_units = 5
    desk.index(1_003)
    desk.trail(SELL, 10, 5, index=True)  # 1
    desk.trail(BUY, 10, 5, index=True, account=2)  # 2
    assert desk.index(991) == ["D 1 0: 2@990 by 991"]  # 1003 - 10 - 5
    assert desk.index(1_001)[0] == "D 2 0: 2@1005 by 1001"  # 991 + 10 + 5


def test_a_buy_whose_distances_go_beyond_every_price_is_refused() -> None:
    """Else its limit would be the last price, and the next one could count from there."""
    desk = StagesDesk()
    highest = 10**18 - 1  # what a price field can say
    for account in (1, 3):
        desk.engine.ledger.deposit(account, "USD", 10**40)
    desk.trade(100)
    assert desk.refused(desk.make_trail(BUY, highest)) == "trigger_price"
    assert desk.refused(desk.make_trail(BUY, highest // 2, highest // 2)) == "trigger_price"
    assert desk.trail(BUY, highest - 200, 100) == ["0 3 0"]
    assert desk.try_amend(3, stop_price=highest - 100) == "trigger_price"
    assert desk.trail(SELL, 90) == ["0 4 0"]
    assert desk.trade(highest) == ["D 3 0: 2@999999999999999999 by 999999999999999999"]


def test_before_the_first_trade_a_sell_waits_and_a_buy_is_refused() -> None:
    desk = StagesDesk()
    assert desk.refused(desk.make_trail(BUY, 10)) == "trigger_price"
    assert desk.trail(SELL, 10) == ["0 1 0"]
    assert desk.trail(SELL, 60, 40) == ["0 2 0"]
    assert desk.trail(SELL, 100) == ["0 3 0"]
    desk.restart()
    assert desk.trade(100) == ["4 2 4: EOrder:Invalid price", "4 3 4: EOrder:Invalid price"]
    assert desk.trade(130) == []
    assert desk.trade(120)[0] == "D 1 0: 1@0 by 120"


def test_a_sells_distances_stay_below_the_reference() -> None:
    desk = StagesDesk()
    desk.trade(100)
    assert desk.refused(desk.make_trail(SELL, 100)) == "trigger_price"
    assert desk.refused(desk.make_trail(SELL, 90, 10)) == "trigger_price"
    assert desk.trail(SELL, 90, 9) == ["0 3 0"]
    assert desk.try_amend(3, price=10) == "trigger_price"
    assert desk.trail(BUY, 500) == ["0 4 0"]


def test_a_new_distance_counts_from_the_best_price_seen() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 30)  # 3
    desk.trade(150)
    desk.trade(130)
    assert desk.try_amend(3, stop_price=20) == "trigger_price"
    assert desk.amend(3, stop_price=21) == ["5 3 5"]
    desk.restart()
    assert desk.trade(129)[0] == "D 3 0: 1@0 by 129"


def test_an_amend_of_the_quantity_alone_forgets_nothing() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 30)
    desk.trade(150)
    desk.trade(130)
    assert desk.amend(3, qty_lots=9) == ["5 3 5"]
    assert desk.trade(120)[0] == "D 3 0: 1@0 by 120"


def test_an_amend_holds_at_the_price_that_follows_from_the_best_seen() -> None:
    desk = StagesDesk()
    pair = desk.engine.instrument("ABC/USD")
    assert pair is not None
    desk.trade(1_000)
    desk.trail(BUY, 500, lots=10**6)
    desk.trade(600)
    desk.trade(900)
    assert desk.amend(3, stop_price=400) == ["5 3 5"]
    assert desk.held(1, "USD") == pair.money(1_000, 10**6) * 1_004 // 1_000


def test_an_amend_needs_no_snapshot_to_know_the_best_price() -> None:
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 30)
    desk.trade(150)
    desk.trade(130)
    order = desk.order(3)
    rule = desk.engine.amend(
        order, cl_ord_id=b"n", qty_lots=5, price=0, post_only=False, now_ns=desk.now_ns
    )
    assert rule is None
    desk.engine.take_events()
    assert desk.trade(120)[0] == "D 3 0: 1@0 by 120"


def test_holds_at_the_trigger_price_of_entry_or_of_the_limit_that_follows() -> None:
    desk = StagesDesk()
    pair = desk.engine.instrument("ABC/USD")
    assert pair is not None
    desk.trade(1_000)
    desk.trail(BUY, 500, lots=10**6)
    assert desk.held(1, "USD") == pair.money(1_500, 10**6) * 1_004 // 1_000
    desk.trail(BUY, 500, 250, lots=10**6, account=2)
    assert desk.held(2, "USD") == pair.money(1_750, 10**6) * 1_004 // 1_000
    desk.trade(600)
    assert desk.held(2, "USD") == pair.money(1_750, 10**6) * 1_004 // 1_000
    desk.trade(1_100)
    assert desk.order(4).price == 1_350
    assert desk.held(2, "USD") == pair.money(1_350, 10**6) * 1_004 // 1_000
    desk.trail(SELL, 500, lots=10**3, account=3)
    assert desk.held(3, "ABC") == 10**3 * 100 * 1_004 // 1_000


def test_stops_and_trailing_orders_are_released_in_one_order() -> None:
    """By trigger price along the move, then by number, whatever kind they are."""
    desk = StagesDesk()
    desk.trade(100)
    desk.trail(SELL, 20, 1, lots=1)  # 3: 130 - 20 = 110
    desk.trade(130)  # 4, 5
    desk.trade(120)  # 6, 7
    desk.trail(SELL, 10, 1)  # 8: 110
    desk.stop(51, SELL, 110)  # 9
    desk.trail(SELL, 5, 1)  # 10: 115
    desk.stop(51, SELL, 112)  # 11
    fired = [row for row in desk.trade(105) if row[0] == "D"]
    assert [row.split()[1] for row in fired] == ["10", "11", "3", "8", "9"]


@pytest.mark.parametrize("seed", range(12))
def test_many_orders_trail_as_each_would_alone(seed: int) -> None:
    """Against a model that keeps a best price for each order: adds, cancels, amends, restarts,
    falling and rising markets, on both sides."""
    random = Random(seed)
    desk = StagesDesk()
    last = 10_000
    desk.trade(last)
    model: dict[int, list[int]] = {}  # number: sign, distance, best with the sign
    drift = 0
    for round_number in range(400):
        if round_number % 50 == 0:
            drift = random.randint(-15, 15)
        choice = random.random()
        if choice < 0.4:
            side = random.choice((BUY, SELL))
            distance = random.randint(1, 60)
            number = desk.engine.next_order_number
            # Limits so far out that what fires rests and meets nobody.
            desk.trail(side, distance, 4_000 if side == SELL else 1, account=1)
            sign = 1 if side == SELL else -1
            model[number] = [sign, distance, sign * last]
        elif choice < 0.5 and model:
            number = random.choice(list(model))
            desk.cancel(number)
            del model[number]
        elif choice < 0.6 and model:
            number = random.choice(list(model))
            sign, _, best = model[number]
            distance = random.randint(1, 60)
            rule = desk.try_amend(number, stop_price=distance, cl_ord_id=b"x%d" % round_number)
            assert (rule == "") == (sign * last > best - distance)
            desk.engine.take_events()
            if rule == "":
                model[number][1] = distance
        elif choice < 0.65:
            desk.restart()
        else:
            last += drift + random.randint(-25, 25)
            for terms in model.values():
                terms[2] = max(terms[2], terms[0] * last)
            fired: dict[int, list[tuple[int, int]]] = {1: [], -1: []}
            for number, (sign, distance, best) in model.items():
                if sign * last <= best - distance:
                    fired[sign].append((distance - best, number))
            expected = [n for _, n in sorted(fired[-1])] + [n for _, n in sorted(fired[1])]
            seen = desk.trade(last)
            assert [int(row.split()[1]) for row in seen if row[0] == "D"] == expected
            for number in expected:
                del model[number]
                order = desk.engine.order(number)
                if order is not None:
                    desk.cancel(number)
