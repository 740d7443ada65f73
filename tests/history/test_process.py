"""A running venue and the process that follows its journal: whatever becomes of the one, the other
goes on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue, tidegate, wait_for
from tests.history.test_resume import dump
from tidegate.history.sqlite_store import FILE_NAME

CONFIG = '[venue]\nhistory = "sqlite"\nsegment_bytes = 65536\nsnapshot_every_records = 500\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def follower(venue: Venue) -> int:
    """The process that follows the journal, a child of the venue."""

    def child() -> int:
        tasks = Path(f"/proc/{venue.pid}/task")
        for task in tasks.iterdir():
            for text in (task / "children").read_text().split():
                command = Path(f"/proc/{text}/cmdline").read_bytes()
                if b"tidegate.history" in command:
                    return int(text)
        return 0

    found: int = wait_for(child)
    return found


def query(venue: Venue, *arguments: str) -> Any:
    """What a query gives that got to see everything. Whoever follows the journal is the last to
    get a core: where others use them up, one query does not wait long enough, and says so."""

    def found() -> list[Any]:
        done = tidegate("query", *arguments, "--data", venue.data, "--format", "json")
        assert done.returncode == 0, done.stderr.decode()
        return [] if b"bytes behind the journal" in done.stderr else [json.loads(done.stdout)]

    return wait_for(found)[0]


def trade(venue: Venue, first: int, count: int) -> None:
    """So many trades between ACME, which sells, and BETA, which buys."""
    with venue.peer("ACME") as seller, venue.peer("BETA") as buyer:
        for peer in (seller, buyer):
            assert peer.logon("98=0|108=30|141=Y").type == "A"
        for number in range(first, first + count):
            seller.order(number, side=2)
            buyer.order(number, side=1)
            buyer.until(lambda frame: frame.get(150) == "F")


def rebuilt_is_equal(data: Path) -> None:
    before = dump(data / FILE_NAME)
    assert tidegate("history", "rebuild", "--data", data).returncode == 0
    assert dump(data / FILE_NAME) == before


def test_what_a_running_venue_trades_can_be_queried_and_is_all_there_when_it_stops(
    data: Path,
) -> None:
    with Venue(data, config=CONFIG) as venue:
        trade(venue, 1, 20)
        assert len(query(venue, "fills")) == 40
        assert len(query(venue, "fills", "--account", "BETA-1", "--symbol", "XBT/USD")) == 20
        trade(venue, 101, 5)
        assert venue.stop() == 0
        assert "history" not in venue.log_text().replace("history_follows", "")
        assert len(query(venue, "fills", "--as-is")) == 50
        check = tidegate("query", "balances", "--check", "--data", data)
        assert check.returncode == 0, check.stdout
    rebuilt_is_equal(data)


def test_a_follower_that_is_killed_comes_back_and_trading_does_not_notice(data: Path) -> None:
    with Venue(data, config=CONFIG) as venue:
        trade(venue, 1, 10)
        first = follower(venue)
        os.kill(first, signal.SIGKILL)
        trade(venue, 101, 10)
        wait_for(lambda: follower(venue) != first)
        assert "history_process_ended" in venue.log_text()
        assert len(query(venue, "fills")) == 40
        os.kill(follower(venue), signal.SIGSTOP)
        trade(venue, 201, 10)
        assert venue.stop() == 0, "a process that stands still does not hold the venue up"
    assert len(query(venue, "fills")) == 60
    rebuilt_is_equal(data)


def test_a_venue_that_is_killed_again_and_again_has_each_turn_once(data: Path) -> None:
    venue = Venue(data, config=CONFIG)
    for round_ in range(4):
        with venue:
            trade(venue, 1 + 100 * round_, 15)
            child = follower(venue)
            venue.kill()
        wait_for(lambda gone=child: not Path(f"/proc/{gone}/cmdline").exists())
    assert len(query(venue, "fills")) == 120
    rebuilt_is_equal(data)


def test_a_locked_database_is_told_and_waited_for_while_trading_goes_on(data: Path) -> None:
    with Venue(data, config=CONFIG) as venue:
        trade(venue, 1, 2)
        assert len(query(venue, "fills")) == 4
        with closing(sqlite3.connect(data / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            trade(venue, 101, 20)
            wait_for(lambda: "database is locked" in venue.log_text())
            with venue.peer("ACME") as peer:
                peer.logon("98=0|108=30|141=Y")
                assert peer.round_trip(1001) < 1.0
            other.execute("ROLLBACK")
        wait_for(lambda: "history_goes_on" in venue.log_text())
        assert len(query(venue, "fills")) == 44
        assert venue.log_text().count("history_unavailable") == 1, "told once"
        assert venue.stop() == 0
    rebuilt_is_equal(data)


def test_a_history_that_does_not_fit_is_told_and_a_rebuild_beside_the_venue_helps(
    data: Path,
) -> None:
    with Venue(data, config=CONFIG) as venue:
        trade(venue, 1, 2)
        assert venue.stop() == 0
        with closing(sqlite3.connect(data / FILE_NAME)) as other:
            other.execute("PRAGMA user_version = 77")
        venue.start()
        wait_for(lambda: "tidegate history rebuild" in venue.log_text())
        trade(venue, 101, 2)
        assert tidegate("history", "rebuild", "--data", data).returncode == 0
        wait_for(lambda: "history_goes_on" in venue.log_text())
        trade(venue, 201, 2)
        assert len(query(venue, "fills")) == 12
        assert venue.stop() == 0


def test_a_rebuild_beside_a_venue_that_trades_loses_and_doubles_nothing(data: Path) -> None:
    with Venue(data, config=CONFIG) as venue:
        for round_ in range(3):
            trade(venue, 1 + 100 * round_, 10)
            assert tidegate("history", "rebuild", "--data", data).returncode == 0
        trade(venue, 901, 10)
        assert len(query(venue, "fills")) == 80
        assert venue.stop() == 0
    rebuilt_is_equal(data)


def test_a_database_that_can_not_be_reached_is_told_and_does_not_disturb(data: Path) -> None:
    config = '[venue]\nhistory = "postgresql://someone:geheim@127.0.0.1:1/none"\n'
    with Venue(data, config=config) as venue:
        trade(venue, 1, 5)
        wait_for(lambda: "history_unavailable" in venue.log_text())
        for name in ("cmdline", "environ"):
            assert b"geheim" not in Path(f"/proc/{follower(venue)}/{name}").read_bytes()
        trade(venue, 101, 5)
        assert venue.stop() == 0
        log = venue.log_text()
        assert "127.0.0.1" in log
        assert "geheim" not in log


def test_a_history_that_is_off_is_made_when_somebody_asks(data: Path) -> None:
    with Venue(data, config='[venue]\nhistory = "off"\n') as venue:
        trade(venue, 1, 3)
        assert not (data / FILE_NAME).exists()
        assert len(query(venue, "fills")) == 6
        trade(venue, 101, 3)
        assert len(query(venue, "fills")) == 12
        assert venue.stop() == 0


def test_status_tells_how_far_it_is(data: Path) -> None:
    with Venue(data, config=CONFIG) as venue:
        trade(venue, 1, 3)
        query(venue, "fills")

        def standing() -> dict[str, Any]:
            done = tidegate("history", "status", "--data", data, "--json")
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        assert standing()["followed"] is True
        wait_for(lambda: standing()["behind_bytes"] == 0)
        assert venue.stop() == 0
        last = standing()
        assert (last["followed"], last["behind_bytes"]) == (False, 0)
        assert last["rows"] > 20
