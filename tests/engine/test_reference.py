"""The engine against the reference model: the same answers, events and balances for any stream of
commands, whatever snapshot it went through on the way. What must be true at any time is asked
after every command (`Twins.check`)."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.streams import Borrowers, Crowd, Market, funded, run_stream
from tests.engine.twins import Command, Twins
from tidegate.model import orders as fix

# For longer runs by hand: how many long streams, and of how many commands each.
SEEDS = int(os.environ.get("TIDEGATE_REFERENCE_SEEDS", "2"))
COMMANDS = int(os.environ.get("TIDEGATE_REFERENCE_COMMANDS", "15000"))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10**9),
    st.sampled_from([(2, 1_000), (1, 840_000), (7, 1_234_567), (5, 5)]),
    st.integers(15, 10**6),
)
def test_streams(seed: int, market: tuple[int, int], lots: int) -> None:
    """Short streams over many kinds of numbers."""
    decimals, middle = market
    run_stream(decimals, funded(decimals, lots, middle), Market(Random(seed), lots, middle), 40)


@pytest.mark.timeout(120 + SEEDS * COMMANDS // 50)
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_long_run(seed: int) -> None:
    """Tens of thousands of commands; cancels keep the book shallow enough to compare it whole."""
    twins = run_stream(2, funded(2, 3_000, 1_000), Market(Random(seed)), COMMANDS)
    least = COMMANDS // 300
    assert twins.model.trades > 5 * least
    for rule in ("insufficient_funds", "price_band"):
        assert twins.refusals[rule] > least, rule
    for rule in ("post_only", "trigger_price", "deadline_elapsed", "cl_ord_id_in_use"):
        assert twins.refusals[rule] > least // 5, rule
    for what in (*"0ACDF45", "Cannot trade with self", "Insufficient liquidity", "Fill or kill"):
        assert twins.told[what] > least, what


def test_crowd() -> None:
    """A hundred orders that wait for a price, most of them trailing, and two references."""
    twins = run_stream(2, funded(2, 600, 1_000), Crowd(Random(1)), COMMANDS // 5)
    assert twins.told["D"] > COMMANDS // 30


def test_borrowers() -> None:
    """Mostly margin orders."""
    twins = run_stream(2, funded(2, 3_000, 1_000), Borrowers(Random(1)), COMMANDS // 2)
    told, refusals, least = twins.told, twins.refusals, COMMANDS // 1_000
    assert told["EOrder:Reduce only:Position is closed"] > least
    assert told["EOrder:Reduce only:No position exists"] > least // 3
    for rule in (
        "cannot_open_position", "cannot_open_opposing", "positions_limit", "position_size",
        "margin_allowance", "insufficient_funds", "reduce_only_no_position", "reduce_only_non_pc",
    ):  # fmt: skip
        assert refusals[rule] > least // 3, rule
    assert any(refusals.get(rule) for rule in ("insufficient_margin", "margin_level"))


def deposits(money: int, lots: int) -> list[Command]:
    """The same of everything for accounts 1 and 2."""
    amounts = (("USD", money), ("ABC", lots * 100))
    return [
        ("deposit", {"account": account, "asset": asset, "amount": amount})
        for account in (1, 2)
        for asset, amount in amounts
    ]


def order(side: int, qty: int, price: int = 0, **given: object) -> Command:
    return ("submit", {"side": side, "qty": qty, "price": price, **given})


FIRST_PRICES: list[Command] = [
    order(fix.SELL, 19, 2, ord_type=fix.TRAILING_STOP_LIMIT, stop=8),
    order(fix.BUY, 1, 8),
    order(fix.BUY, 9, 2),
    order(fix.SELL, 19, 2, account=2, tif=fix.IOC),
]


def test_one_order_trades_at_the_first_two_prices_of_all() -> None:
    """The trailing sell's distances do not fit below the first; the second does not matter."""
    twins = Twins()
    for command in (*deposits(1_000, 60), *FIRST_PRICES):
        twins.run(command)
    assert twins.told["EOrder:Invalid price"] == 1
    assert "D" not in twins.told


@pytest.mark.parametrize("tif", [fix.GTC, fix.FOK])
def test_an_amount_takes_all_there_is_and_leaves_less_than_a_lot_costs(tif: int) -> None:
    twins = Twins()
    for command in deposits(10_000, 60):
        twins.run(command)
    twins.run(order(fix.SELL, 1, 999, account=2))
    twins.run(order(fix.BUY, 1_651, ord_type=fix.MARKET, in_quote=True, tif=tif))
    assert twins.told["F"] == 2
    assert "4" not in twins.told


MATCHING: list[Command] = [
    order(fix.BUY, 30, 100),
    order(fix.SELL, 20, 100, account=2),
    order(fix.SELL, 20, 100, stp_mode=fix.STP_CANCEL_OLDEST),
    order(fix.BUY, 50, 101, account=2, stp_mode=fix.STP_CANCEL_BOTH),
    order(fix.SELL, 40, 99, account=2, tif=fix.IOC),
    order(fix.BUY, 40, 101, account=2, tif=fix.FOK),
    order(fix.BUY, 25, ord_type=fix.MARKET),
    order(fix.SELL, 30, 101, post_only=True),
    ("cancel", {"choice": 0}),
    ("amend", {"choice": 0, "qty": 25, "price": 1}),
    ("amend", {"choice": 1, "qty": 40}),
    ("amend", {"choice": 0, "qty": 10, "price": -1, "post_only": True}),
]

# A first trade at 100 and a little on both sides; then prices move by a tick or two.
STAGES_START: list[Command] = [
    order(fix.SELL, 10, 100, account=2),
    order(fix.BUY, 10, 100),
    order(fix.SELL, 10, 101, account=2),
    order(fix.BUY, 10, 99),
]
STAGES: list[Command] = [
    order(fix.BUY, 20, 101),
    order(fix.SELL, 20, 99, account=2, stp_mode=fix.STP_CANCEL_OLDEST),
    order(fix.SELL, 30, 100, account=2, display=10),
    order(fix.BUY, 15, ord_type=fix.STOP_LOSS, stop=101, stp_mode=fix.STP_CANCEL_BOTH),
    order(fix.SELL, 15, 98, ord_type=fix.STOP_LOSS_LIMIT, stop=99, tif=fix.IOC),
    order(fix.SELL, 15, account=2, ord_type=fix.TRAILING_STOP, stop=1),
    order(fix.BUY, 15, 1, account=2, ord_type=fix.TRAILING_STOP_LIMIT, stop=1),
    order(fix.BUY, 20, 100, tif=fix.GTD, expires_in=5),
    order(fix.SELL, 20, 100, starts_in=5, post_only=True),
    ("wait", {"ns": 5}),
    ("amend", {"choice": 2, "more": 5, "price": 1, "stop": 1}),
    ("cancel", {"choice": 2}),
]

MARGIN: list[Command] = [
    order(fix.BUY, 20, 100, margin=True),
    order(fix.SELL, 20, 100, account=2),
    order(fix.BUY, 25, 99, account=2),
    order(fix.SELL, 30, 99, margin=True, group=9),
    order(fix.SELL, 15, 100, margin=True, reduce_only=True),
    order(fix.SELL, 10, 101, margin=True, reduce_only=True, display=2),
    order(fix.SELL, 25, ord_type=fix.MARKET, margin=True, reduce_only=True),
    ("cancel", {"choice": 0}),
    ("amend", {"choice": 0, "more": 10, "price": -1}),
]


def test_reduce_only_against_the_own_order_of_another_group() -> None:
    """What it closes there is opened again, but it trades no more than there was at first."""
    twins = Twins()
    start = [*deposits(75_000, 600), order(fix.BUY, 100, 100, margin=True)]
    start.append(order(fix.SELL, 10, 100, account=2))
    given = {"margin": True, "reduce_only": True, "group": 9, "tif": fix.FOK}
    for command in (*start, order(fix.SELL, 30, 100, **given)):
        twins.run(command)
    assert twins.told["Fill or kill"] == 1
    given["tif"] = fix.IOC
    twins.run(order(fix.SELL, 30, 100, **given))
    assert twins.told["EOrder:Reduce only:Position is closed"] == 1
    assert twins.model.trades == 2
    assert [one.lots for one in twins.model.positions if one.lots] == [10]


def explore(trunk: Twins, commands: list[Command], depth: int, path: list[Command]) -> int:
    """Runs every sequence of up to `depth` commands; each starts from a snapshot of its trunk."""
    count = 0
    for command in commands:
        twins = trunk.clone()
        try:
            twins.run(command)
        except Exception as error:
            raise AssertionError(f"{[*path, command]}: {error}") from error
        count += 1
        if depth > 1:
            count += explore(twins, commands, depth - 1, [*path, command])
    return count


@pytest.mark.parametrize(
    ("start_with", "commands"),
    [([], MATCHING), (STAGES_START, STAGES), (STAGES_START, MARGIN)],
    ids=["matching", "stages", "margin"],
)
def test_every_short_sequence(start_with: list[Command], commands: list[Command]) -> None:
    """All sequences of up to four commands."""
    start = Twins()
    for command in (*deposits(75_000, 60), *start_with):
        start.run(command)
    assert explore(start, commands, 4, []) == sum(len(commands) ** n for n in (1, 2, 3, 4))
