"""Tapes over FIX: what a recording says is what the venue does again; bad ones do nothing."""

from __future__ import annotations

import asyncio
import csv
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.app.venue import tidegate
from tests.flow.reconcile import read_books
from tests.tapes.room import (
    BTC,
    CONFIG,
    ORDERS,
    meet_within_one_record,
    orders_entered,
    tape,
    trade_at_random,
    trades_of,
)
from tests.venue_process import VenueProcess
from tidegate.client import Accepted, NewOrder, Side
from tidegate.control.client import ask
from tidegate.tapes.columns import TapeMapping
from tidegate.tapes.events import TapeEvent
from tidegate.tapes.reading import HEAD_EVENTS
from tidegate.tapes.rows import Tape
from tidegate.tapes.source import open_source

KRAKEN = Path(__file__).resolve().parents[3] / "shared/data/kraken-xbtusdt-trades-20251110.csv.gz"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[VenueProcess]:
    with VenueProcess(tmp_path / "data", config=CONFIG) as running:
        yield running


def test_a_recording_that_is_played_again_gives_the_same_trades(
    venue: VenueProcess, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    asyncio.run(meet_within_one_record(venue))
    asyncio.run(trade_at_random(venue, seed=8, count=400))
    path = tmp_path / "tape.csv"
    recorded = tidegate("record", path, "--data", venue.directory)  # while the venue runs
    assert recorded.returncode == 0, recorded.stderr.decode()
    assert venue.terminate() == 0
    for name in ("tape.csv.gz", "tape.parquet"):
        assert tidegate("record", tmp_path / name, "--data", venue.directory).returncode == 0
        assert events_of(tmp_path / name) == events_of(path)
    first = trades_of(venue.directory)
    assert [lots // 10**6 for _, _, lots, _ in first[:3]] == [10, 13, 4]
    assert len(first) > 50
    with VenueProcess(tmp_path / "again", config=CONFIG) as again:
        done = tape(again, path, "--speed", "max")
        assert done.returncode == 0, done.stderr.decode()
        assert b"rejected: 0\n" in done.stdout
        assert again.terminate() == 0
        assert trades_of(again.directory) == first


def events_of(path: Path) -> list[TapeEvent]:
    instruments = {"BTC/USD": BTC}
    with closing(open_source(path)) as source:
        events = Tape(path, source, TapeMapping(), instruments).events()
        return [  # lines the forms do not share
            event._replace(line=0) for event in events if event is not None
        ]


def test_a_recording_of_one_symbol_has_no_other_and_no_file_is_replaced(
    venue: VenueProcess, tmp_path: Path
) -> None:
    asyncio.run(trade_at_random(venue, seed=3, count=40))
    for symbol, some in (("BTC/USD", True), ("ETH/USD", False)):
        path = tmp_path / f"{symbol[:3]}.csv"
        recorded = tidegate("record", path, "--symbol", symbol, "--data", venue.directory)
        assert recorded.returncode == 0
        with path.open() as file:
            assert {row["symbol"] for row in csv.DictReader(file)} == ({symbol} if some else set())
    again = tidegate("record", tmp_path / "BTC.csv", "--data", venue.directory)
    assert again.returncode == 2
    assert b"is there already" in again.stderr


def test_a_tape_of_trades_is_played_as_both_sides_of_each(
    venue: VenueProcess, tmp_path: Path
) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(
        "time_s,price,size,side\n1.5,84000.5,0.25,b\n1.7,83999,0.1,s\n1.8,84001,0.3,b\n"
    )
    done = tape(venue, path, "--symbol", "XBT/USD")  # an older spelling
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    seconds = float(text.partition(" events in ")[2].partition(" s")[0])
    assert seconds >= 0.3  # at the speed of the tape
    assert "trades: 3, 0.65 in all; rejected: 0" in text
    assert venue.terminate() == 0
    buy, sell = ord(Side.BUY), ord(Side.SELL)
    assert trades_of(venue.directory) == [
        ("BTC/USD", 840005, 25_000_000, buy),
        ("BTC/USD", 839990, 10_000_000, sell),
        ("BTC/USD", 840010, 30_000_000, buy),
    ]


@pytest.mark.skipif(not KRAKEN.exists(), reason="the recorded trades are not here")
def test_recorded_trades_are_traded_again_but_those_below_the_minimum(
    venue: VenueProcess,
) -> None:
    done = tape(venue, KRAKEN, "--symbol", "BTC/USDT", "--speed", "max")
    assert done.returncode == 0, done.stderr.decode()
    assert b"1000 events" in done.stdout
    assert b"64 EOrder:Order minimum not met" in done.stdout  # both sides of 32 trades
    assert venue.terminate() == 0
    assert len(trades_of(venue.directory)) == 968


def test_what_rests_at_the_end_is_cancelled_unless_it_is_kept(
    venue: VenueProcess, tmp_path: Path
) -> None:
    path = tmp_path / "resting.csv"
    path.write_text(f"{ORDERS}1,BTC/USD,A,A,{10**16}.5,1,7\n")  # as high as the venue takes it
    for arguments, left in (([], 0), (["--keep"], 1)):
        assert tape(venue, path, *arguments).returncode == 0
        assert ask(venue.directory, "orders", {"account": "TAPE"})["total"] == left


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """A venue that takes no order at all."""
    with VenueProcess(tmp_path_factory.mktemp("untouched") / "data", config=CONFIG) as running:
        yield running


@pytest.mark.parametrize(
    ("text", "arguments", "rule"),
    [
        ("", [], "the file is empty"),
        ("time_ns,side\n", [], "no column for price, size"),
        (
            f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n2,BTC/USD,A,B,84000.05,1,8\n",
            [],
            "line 3, column price",
        ),
        (
            f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n",
            ["--scale-price", "0.00001"],
            "is not on the tick of",
        ),
        (f"{ORDERS}2,BTC/USD,A,B,84000,1,7\n1,BTC/USD,A,B,84000,1,8\n", [], "time runs backwards"),
        (f"{ORDERS}1,BTC/USX,A,B,84000,1,7\n", [], "'BTC/USX' is not traded"),
        (ORDERS, ["--symbol", "BTC/USX"], "tidegate: --symbol: 'BTC/USX' is not traded; the venue"),
        (ORDERS, [], "no row that could be played"),
        (f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n", ["--session", "NOBODY"], "no session NOBODY"),
        (
            f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n",
            ["--speed", "fast"],
            "--speed must be a number above",
        ),
        (
            f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n",
            ["--column", "price"],
            "--column must be FIELD=NAME",
        ),
        (
            f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n",
            ["--column", "size=price", "--column", "size=size"],
            "--column names size twice: price and size",
        ),
    ],
)
def test_bad_tapes_are_told_and_nothing_of_them_is_sent(
    untouched: VenueProcess, tmp_path: Path, text: str, arguments: list[str], rule: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = tape(untouched, path, *arguments)
    assert done.returncode == 2
    assert rule in done.stderr.decode().replace("\n", " ")
    assert b"Traceback" not in done.stderr
    assert orders_entered(untouched.directory) == 0


def test_a_session_that_is_in_use_is_told(venue: VenueProcess, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n")

    async def play() -> subprocess.CompletedProcess[bytes]:
        client = venue.client("ACME")
        await client.connect()
        placed = await client.place(
            NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="1", price="1000")
        )
        assert isinstance(placed, Accepted)
        arguments = ("--session", "ACME", "--taker", "BETA")
        done = await asyncio.to_thread(tape, venue, path, *arguments)
        assert await client.synchronize()  # nobody was thrown out
        await client.close()
        return done

    done = asyncio.run(play())
    assert done.returncode == 2
    assert b"session ACME can not log on" in done.stderr


def test_without_a_venue_there_is_nothing_to_play_into(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n")
    done = tidegate("tape", path, "--data", tmp_path / "none")
    assert done.returncode == 2
    assert b"no venue runs on" in done.stderr


def test_a_mistake_further_on_ends_the_tape_there_and_nothing_of_it_rests(
    venue: VenueProcess, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    rows = [f"{n},BTC/USD,A,B,84000,1,{n}\n" for n in range(HEAD_EVENTS + 5)]
    path.write_text(f"{ORDERS}{''.join(rows)}1,BTC/USD,A,B,84000,1,late\n")
    done = tape(venue, path, "--speed", "max")
    assert done.returncode == 1
    assert f"{HEAD_EVENTS + 5} events".encode() in done.stdout
    assert f"line {HEAD_EVENTS + 7}, column time_ns: time runs backwards" in done.stderr.decode()
    assert venue.terminate() == 0
    books = read_books(venue.directory)
    assert books.venue.engine.open_order_count == 0
    assert books.venue.engine.next_order_number == HEAD_EVENTS + 6
