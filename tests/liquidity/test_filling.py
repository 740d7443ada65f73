"""What a fill on request would take of others, against what the venue's matching then does."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.engine.test_spot_matching import Desk
from tidegate.config.liquidity import lots_text
from tidegate.control.protocol import ControlError
from tidegate.liquidity.filling import FillParameters, FillTarget, find_target
from tidegate.model.orders import BUY, IOC, SELL

ACME, BETA, TAKER = 1, 2, 3


def target_of(desk: Desk, number: int, lots: int, *, through: bool = True) -> FillTarget:
    name = desk.order(number).order_id.decode()
    parameters = FillParameters(order=name, qty=lots_text(lots), through=through)
    venue = cast(Any, SimpleNamespace(engine=desk.engine))  # all that is looked at of a venue
    return find_target(venue, parameters)


def refusal(desk: Desk, number: int, lots: int) -> str:
    with pytest.raises(ControlError) as refused:
        target_of(desk, number, lots, through=False)
    return str(refused.value)


def take(desk: Desk, target: FillTarget) -> dict[int, int]:
    """Trade as the taker is asked to; lots that were filled, by the order's number."""
    filled: dict[int, int] = {}
    before = {order.number: order for order in desk.engine.open_orders()}
    already = {number: order.cum_lots for number, order in before.items()}
    side = SELL if target.order.side == BUY else BUY
    lots = target.lots + target.others_lots
    assert target.request()["qty"] == lots_text(lots)
    desk.enter(side, lots, target.order.price, account=TAKER, time_in_force=IOC)
    for number, order in before.items():
        if order.cum_lots > already[number]:
            filled[number] = order.cum_lots - already[number]
    return filled


def test_what_an_iceberg_hides_is_filled_only_through_who_stands_behind_it() -> None:
    desk = Desk()
    desk.enter(BUY, 10, 100, account=ACME, display_lots=1)
    desk.enter(BUY, 5, 100, account=BETA)
    assert target_of(desk, 1, 1, through=False).others_lots == 0  # it shows that
    assert refusal(desk, 1, 6) == (
        "0.00000005 of 1 other orders stand before it, at better prices, earlier, or before what "
        "it hides; --through takes them, too"
    )
    target = target_of(desk, 1, 6)
    assert target.others_lots == 5
    assert take(desk, target) == {1: 6, 2: 5}


def test_of_icebergs_that_are_earlier_as_much_is_counted_as_has_its_turn() -> None:
    desk = Desk()
    desk.enter(SELL, 4, 99, account=BETA, display_lots=1)  # at a better price: whole
    desk.enter(SELL, 9, 100, account=BETA, display_lots=3)
    desk.enter(SELL, 6, 100, account=ACME, display_lots=2)
    desk.enter(SELL, 7, 100, account=BETA)
    desk.enter(SELL, 1, 101, account=BETA)
    assert "0.00000007 of 2 other orders" in refusal(desk, 3, 2)
    assert "0.00000017 of 3 other orders" in refusal(desk, 3, 4)
    assert take(desk, target_of(desk, 3, 3)) == {1: 4, 2: 6, 3: 3, 4: 7}


def test_whatever_rests_the_order_gets_what_was_wanted_and_others_what_was_said() -> None:
    random = Random(7)
    for _ in range(200):
        desk = Desk()
        for _ in range(random.randint(1, 7)):
            lots = random.randint(1, 12)
            display = random.choice((0, random.randint(1, lots)))
            account = random.choice((ACME, BETA))
            desk.enter(BUY, lots, random.randint(99, 101), account=account, display_lots=display)
        for _ in range(random.randint(0, 3)):  # so that some icebergs show a part of their part
            desk.enter(SELL, random.randint(1, 5), 101, account=TAKER, time_in_force=IOC)
        open_orders = list(desk.engine.open_orders())
        if not open_orders:
            continue
        order = random.choice(open_orders)
        lots = random.randint(1, order.leaves_lots)
        target = target_of(desk, order.number, lots)
        filled = take(desk, target)
        assert filled.pop(order.number) == lots
        assert sum(filled.values()) == target.others_lots
