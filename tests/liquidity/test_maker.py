"""The market maker beside a running venue: what a newcomer meets, what an operator changes, what a
kill does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import tidegate, wait_for
from tests.flow.reconcile import read_books
from tests.liquidity.markets import MAKER_ALONE
from tests.venue_process import VenueProcess
from tidegate.client import (
    Accepted,
    Client,
    ExecutionReport,
    LogonOptions,
    NewOrder,
    OrdType,
    Side,
)
from tidegate.control.client import ask
from tidegate.control.protocol import ControlError
from tidegate.liquidity.commands import OFF

CONFIG = f"""{MAKER_ALONE}[[liquidity.market]]
symbol = "BTC/USD"
walk = "fixed"
interval_ms = 50
trades_per_minute = 0
[[liquidity.market]]
symbol = "ETH/USD"
profile = "empty"
"""


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[VenueProcess]:
    with VenueProcess(tmp_path / "data", config=CONFIG) as running:
        yield running


def quotes(venue: VenueProcess, symbol: str = "BTC/USD") -> list[dict[str, Any]]:
    parameters = {"account": "LIQUIDITY-MAKER", "symbol": symbol}
    rows: list[dict[str, Any]] = ask(venue.directory, "orders", parameters)["rows"]
    return rows


def has_quotes(venue: VenueProcess, count: int, symbol: str = "BTC/USD") -> Callable[[], bool]:
    return lambda: len(quotes(venue, symbol)) == count


def child_of(venue: VenueProcess, module: bytes) -> int:
    for task in Path(f"/proc/{venue.pid}/task").iterdir():
        for text in (task / "children").read_text().split():
            if module in Path(f"/proc/{text}/cmdline").read_bytes():
                return int(text)
    return 0


def ctl(venue: VenueProcess, *arguments: str) -> Any:
    done = tidegate("ctl", "liquidity", *arguments, "--data", venue.directory, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


async def traded(client: Client, order: NewOrder) -> list[ExecutionReport]:
    """Send an order; its reports up to the answer of a TestRequest behind it."""
    client.take_events()
    assert isinstance(await client.place(order), Accepted)
    assert await client.synchronize()
    return [event for event in client.take_events() if isinstance(event, ExecutionReport)]


def test_the_first_order_of_a_newcomer_meets_a_book_and_the_quote_comes_back(
    venue: VenueProcess,
) -> None:
    wait_for(has_quotes(venue, 10))
    before = quotes(venue)

    async def play() -> list[ExecutionReport]:
        client = venue.client("ACME")
        await client.connect()
        order = NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.1", ord_type=OrdType.MARKET)
        reports = await traded(client, order)
        await client.close()
        return reports

    reports = asyncio.run(play())
    fills = [report for report in reports if report.is_trade]
    assert sum((fill.last_qty or Decimal(0) for fill in fills), Decimal(0)) == Decimal("0.1")
    asks = [Decimal(row["price"]) for row in before if row["side"] == "sell"]
    assert fills[0].last_px == min(asks)

    def is_whole() -> bool:
        rows = quotes(venue)
        return len(rows) == 10 and all(Decimal(row["open"]) >= Decimal("0.08") for row in rows)

    wait_for(is_whole)


def test_an_operator_changes_markets_while_the_venue_runs(venue: VenueProcess) -> None:
    wait_for(has_quotes(venue, 10))
    ctl(venue, "set", "ETH/USD", "deep", "--levels", "3", "--interval-ms", "50")
    wait_for(has_quotes(venue, 6, "ETH/USD"))
    ctl(venue, "price", "ETH/USD", "3000.5")
    near = wait_for(
        lambda: [
            row
            for row in quotes(venue, "ETH/USD")
            if abs(Decimal(row["price"]) - Decimal("3000.5")) < 3
        ]
    )
    assert near
    shown = ctl(venue, "set", "BTC/USD", "one-sided", "--side", "sell", "--levels", "4")
    assert (shown["markets"][0]["profile"], shown["markets"][0]["price"]) == ("one-sided", "84000")
    wait_for(has_quotes(venue, 4))
    assert {row["side"] for row in quotes(venue)} == {"sell"}
    assert ctl(venue, "pause", "BTC/USD")["markets"][0]["paused"] is True
    ctl(venue, "set", "BTC/USD", "empty")
    assert len(quotes(venue)) == 4
    ctl(venue, "resume")
    wait_for(has_quotes(venue, 0))
    assert ctl(venue, "seed", "12")["seed"] == 12
    assert ctl(venue, "walk", "ETH/USD", "random")["markets"][1]["walk"] == "random"


def test_trades_happen_by_themselves_and_take_the_price_band_along(venue: VenueProcess) -> None:
    ctl(venue, "set", "BTC/USD", "thin", "--interval-ms", "50", "--trades-per-minute", "1000")

    def last_price() -> Any:
        return ask(venue.directory, "markets")[0]["last_price"]

    assert abs(Decimal(wait_for(last_price)) - 84000) < 200
    ask(venue.directory, "band", {"symbol": "BTC/USD", "percent": "10"})
    ctl(venue, "price", "BTC/USD", "60000")
    wait_for(lambda: abs(Decimal(last_price()) - 60000) < 200)
    wait_for(has_quotes(venue, 10))


def test_what_an_operator_can_not_set_is_refused_with_key_and_rule(venue: VenueProcess) -> None:
    for command, given, rule in (
        ("liquidity-set", {"symbol": "BTC/USX"}, "symbol 'BTC/USX' is not known; did you mean"),
        ("liquidity-set", {"symbol": "BTC/USD", "levels": 0}, "levels must be a whole number from"),
        ("liquidity-set", {"symbol": "LTC/USD"}, "price is missing, and LTC/USD is none of the"),
        ("liquidity-change", {"symbol": "LTC/USD", "price": "9"}, "symbol LTC/USD has no market"),
        ("liquidity-change", {"symbol": "BTC/USD", "price": "1.23"}, "price must have at most 1"),
        ("liquidity-pause", {"symbol": "LTC/USD"}, "symbol LTC/USD has no market maker"),
        ("liquidity-seed", {"seed": -1}, "seed must be a whole number from 0"),
        (
            "liquidity-fill",
            {"order": "nonsense"},
            "order must be the OrderID or ClOrdID of an open",
        ),
    ):
        with pytest.raises(ControlError) as refused:
            ask(venue.directory, command, given)
        assert str(refused.value).startswith(rule)


@pytest.mark.parametrize("whom", ["maker", "venue"])
def test_after_a_kill_exactly_the_wanted_quotes_are_in_the_book(
    venue: VenueProcess, whom: str
) -> None:
    ctl(venue, "set", "ETH/USD", "thin", "--interval-ms", "50")
    wait_for(has_quotes(venue, 10))
    old = {row["order_id"] for row in quotes(venue)}
    wait_for(has_quotes(venue, 10, "ETH/USD"))
    if whom == "maker":
        os.kill(wait_for(lambda: child_of(venue, b"tidegate.liquidity")), signal.SIGKILL)
    else:
        venue.kill()
        venue.restart()

    def is_made_anew() -> bool:
        new = {row["order_id"] for row in quotes(venue)}
        return len(new) == 10 and not new & old

    wait_for(is_made_anew)
    # What was set lives as long as the venue's process, whatever becomes of the maker's.
    wait_for(has_quotes(venue, 10 if whom == "maker" else 0, "ETH/USD"))
    assert venue.terminate() == 0
    done = tidegate("verify", "--data", venue.directory)
    assert done.returncode == 0, done.stderr.decode()


def test_a_venue_that_stops_leaves_no_quotes_of_the_maker(venue: VenueProcess) -> None:
    wait_for(has_quotes(venue, 10))
    assert venue.terminate() == 0
    assert read_books(venue.directory).venue.engine.open_order_count == 0


def test_an_operator_who_disables_the_maker_ends_its_market_and_enabling_brings_it_back(
    venue: VenueProcess,
) -> None:
    def liquidity() -> Any:
        return ask(venue.directory, "liquidity")

    names = {
        "session": {"sender_comp_id": "LIQUIDITY-MAKER"},
        "account": {"account": "LIQUIDITY-MAKER"},
    }
    wait_for(has_quotes(venue, 10))
    for kind, name in names.items():
        ask(venue.directory, f"{kind}-disable", name)
        assert quotes(venue) == []
        wait_for(lambda: not liquidity()["logged_on"] or liquidity()["markets"][0]["refused"])
        assert quotes(venue) == []
        ask(venue.directory, f"{kind}-enable", name)
        wait_for(has_quotes(venue, 10))
    assert liquidity()["logged_on"]
    wait_for(lambda: liquidity()["markets"][0]["refused"] is None)


def test_the_taker_fills_a_clients_order_for_real(venue: VenueProcess) -> None:
    """In an empty market; then with a better order of somebody else before it."""

    async def play() -> None:
        acme, beta = venue.client("ACME", LogonOptions(heart_bt_int_s=60)), venue.client("BETA")
        await acme.connect()
        await beta.connect()
        order = NewOrder(symbol="ETH/USD", side=Side.BUY, order_qty="2", price="2500")
        placed = await acme.place(order)
        assert isinstance(placed, Accepted)
        wanted = {"order": placed.report.cl_ord_id, "session": "ACME", "qty": "0.5"}
        filled = await asyncio.to_thread(_fill, venue, wanted)
        assert (filled["filled"], filled["open"], filled["traded"]) == ("0.5", "1.5", "0.5")
        better = NewOrder(symbol="ETH/USD", side=Side.BUY, order_qty="0.25", price="2501")
        assert isinstance(await beta.place(better), Accepted)
        with pytest.raises(ControlError, match=r"0\.25 of 1 other orders stand before it"):
            await asyncio.to_thread(_fill, venue, {"order": placed.report.order_id})
        through = {"order": placed.report.order_id, "through": True}
        filled = await asyncio.to_thread(_fill, venue, through)
        assert (filled["filled"], filled["open"], filled["traded"]) == ("1.5", "0", "1.75")
        for client, sizes in ((acme, ["0.5", "1.5"]), (beta, ["0.25"])):
            assert await client.synchronize()
            fills = [e for e in client.take_events() if isinstance(e, ExecutionReport)]
            assert [f.last_qty for f in fills if f.is_trade] == [Decimal(size) for size in sizes]
            await client.close()

    wait_for(lambda: ask(venue.directory, "liquidity")["logged_on"])
    asyncio.run(play())


def _fill(venue: VenueProcess, given: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = ask(venue.directory, "liquidity-fill", given)
    return answer


def test_a_venue_without_liquidity_says_how_to_get_it(tmp_path: Path) -> None:
    with VenueProcess(tmp_path / "data") as venue:
        assert child_of(venue, b"tidegate.liquidity") == 0
        done = tidegate("ctl", "liquidity", "--data", venue.directory)
        assert done.returncode == 2
        assert OFF in done.stderr.decode()
