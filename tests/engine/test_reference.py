"""The engine against the reference model: the same answers, events and balances for any stream of
commands, whatever snapshot it went through on the way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engine_harness import Twins, saved
from tidegate.model import orders as fix

SIDES = (fix.BUY, fix.SELL)
LIFETIMES = (fix.GTC, fix.GTC, fix.GTC, fix.IOC, fix.FOK)
MODES = (fix.STP_CANCEL_BOTH, fix.STP_CANCEL_NEWEST, fix.STP_CANCEL_OLDEST)
RATES = ((2_500, 4_000), (2_500, 4_000), (0, 0), (0, 1_000), (71_001, 1_999), (123_456, 200_001))


def fund(twins: Twins, lots: int, middle: int) -> None:
    """Accounts 1 to 3 with money for a few orders of the size, account 4 with less than for one."""
    cost, amount = twins.pair.money(middle, lots), lots * 100
    for account in (1, 2, 3):
        twins.deposit(account, "USD", cost * 2)
        twins.deposit(account, "ABC", amount * 2)
    twins.deposit(4, "USD", cost // 2 + 7)
    twins.deposit(4, "ABC", amount // 2 + 7)


def step(twins: Twins, random: Random, lots: int, middle: int) -> None:
    """One random command near the price `middle`."""
    kind = random.random()
    if kind < 0.60:
        ord_type = fix.MARKET if random.random() < 0.15 else fix.LIMIT
        time_in_force = random.choice(LIFETIMES)
        can_rest = ord_type == fix.LIMIT and time_in_force == fix.GTC
        twins.submit(
            random.randint(1, 4),
            random.choice(SIDES),
            random.randint(1, lots),
            random.randint(middle - 4, middle + 4),
            ord_type,
            time_in_force,
            can_rest and random.random() < 0.3,
            random.choice(MODES),
            random.choice((0, 0, 0, 9)),
            random.choice(RATES),
        )
    elif kind < 0.75:
        twins.cancel(random.randrange(100), named=random.random() < 0.7)
    else:
        twins.amend(
            random.randrange(100),
            random.randint(1, lots),
            random.choice((0, 0, -3, -1, 1, 3)),
            post_only=random.random() < 0.3,
        )


@settings(max_examples=150, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([(2, 1_000), (1, 840_000), (7, 1_234_567), (5, 3)]),
    st.integers(1, 10**6),
    st.integers(0, 30),
)
def test_streams(random: Random, market: tuple[int, int], lots: int, snapshot_at: int) -> None:
    decimals, middle = market
    middle = max(middle, 5)
    twins = Twins(decimals)
    fund(twins, lots, middle)
    for number in range(30):
        if number == snapshot_at:
            before = saved(twins.engine)
            twins = twins.clone()
            assert saved(twins.engine) == before
        step(twins, random, lots, middle)


@pytest.mark.parametrize("seed", [1, 2])
def test_long_run(seed: int) -> None:
    """Tens of thousands of commands; cancels keep the book shallow enough to compare it whole."""
    random = Random(seed)
    twins = Twins()
    fund(twins, 3_000, 1_000)
    for number in range(15_000):
        step(twins, random, 3_000, 1_000)
        while len(twins.model.open) > 25:
            twins.cancel(random.randrange(100))
        if number % 1_000 == 0:
            fund(twins, 3_000, 1_000)
            refusals = twins.refusals
            twins = twins.clone()
            twins.refusals = refusals
    assert twins.refusals["insufficient_funds"] > 300
    assert twins.refusals["post_only"] > 300
    assert twins.model.trades > 1_500


Command = Callable[[Twins], None]

COMMANDS: list[Command] = [
    lambda twins: twins.submit(1, fix.BUY, 30, 100),
    lambda twins: twins.submit(2, fix.SELL, 20, 100),
    lambda twins: twins.submit(1, fix.SELL, 20, 100, stp_mode=fix.STP_CANCEL_OLDEST),
    lambda twins: twins.submit(2, fix.BUY, 50, 101, stp_mode=fix.STP_CANCEL_BOTH),
    lambda twins: twins.submit(2, fix.SELL, 40, 99, time_in_force=fix.IOC),
    lambda twins: twins.submit(2, fix.BUY, 40, 101, time_in_force=fix.FOK),
    lambda twins: twins.submit(1, fix.BUY, 25, 0, ord_type=fix.MARKET),
    lambda twins: twins.submit(1, fix.SELL, 30, 101, post_only=True),
    lambda twins: twins.cancel(0),
    lambda twins: twins.amend(0, 25, 1),
    lambda twins: twins.amend(1, 40, 0),
    lambda twins: twins.amend(0, 10, -1, post_only=True),
]


def test_every_short_sequence() -> None:
    """All sequences of up to four commands; each branch starts from a snapshot of its trunk."""
    start = Twins()
    for account in (1, 2):
        start.deposit(account, "USD", 75_000)
        start.deposit(account, "ABC", 6_000)

    def explore(trunk: Twins, depth: int) -> int:
        count = 0
        for command in COMMANDS:
            twins = trunk.clone()
            command(twins)
            count += 1
            if depth > 1:
                count += explore(twins, depth - 1)
        return count

    assert explore(start, 4) == sum(len(COMMANDS) ** length for length in (1, 2, 3, 4))
