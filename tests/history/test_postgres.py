"""The history in PostgreSQL is the one in SQLite, and its server may go and come."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.app.venue import Venue, tidegate, wait_for
from tests.history import postgres_server
from tests.history.days import Days
from tests.history.postgres_server import Server
from tests.history.test_process import query, trade
from tests.history.test_projection import check_balances, check_open_orders
from tidegate.history import access, schema
from tidegate.history.access import open_store
from tidegate.history.projector import Projector
from tidegate.history.store import HistoryMoved, HistoryRefused, HistoryUnavailable, Row, Store

pytestmark = pytest.mark.skipif(bool(postgres_server.missing()), reason=postgres_server.missing())


@pytest.fixture(scope="module")
def running_server() -> Iterator[Server]:
    # The server's user must be able to get there, and pytest's own directories are private.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        with postgres_server.running(Path(place) / "server") as server:
            yield server


@pytest.fixture
def server(running_server: Server) -> Server:
    """Without anything of another test."""
    import psycopg

    with psycopg.connect(running_server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS tidegate CASCADE")
    return running_server


def contents(store: Store) -> dict[str, list[Row]]:
    return {
        table.name: store.query(
            f"SELECT {', '.join(table.names)} FROM {table.name} ORDER BY {', '.join(table.key)}"
        )
        for table in schema.TABLES
    }


def project(days: Days, target: str) -> Store:
    store = open_store(days.data, target)
    access.catch_up(days.data, store, tell=pytest.fail)
    return store


def test_both_databases_hold_the_same(tmp_path: Path, server: Server) -> None:
    days = Days(tmp_path / "data", 11, segment_bytes_max=60_000)
    for _ in range(3):
        days.play(150)
        project(days, server.url).close()
        days.snapshot()
    with closing(project(days, server.url)) as one, closing(project(days, "sqlite")) as other:
        check_balances(days.venue, one)
        check_open_orders(days.venue, one)
        assert contents(one) == contents(other)
        access.rebuild(days.data, server.url)
    with (
        closing(open_store(days.data, server.url)) as rebuilt,
        closing(open_store(days.data, "sqlite")) as other,
    ):
        assert contents(rebuilt) == contents(other)


def test_a_lost_connection_is_made_again_and_nothing_is_doubled(
    tmp_path: Path, server: Server
) -> None:
    days = Days(tmp_path / "data", 12)
    days.play(50)
    store = open_store(days.data, server.url)
    with closing(Projector(days.data, store, sync=False)) as projector:
        projector.catch_up()
        days.play(50)
        server.stop()
        for _ in range(2):
            with pytest.raises(HistoryUnavailable):
                projector.catch_up()
        store.close()
        with pytest.raises(HistoryUnavailable):
            open_store(days.data, server.url)
        server.start()
        days.play(50)
        with closing(open_store(days.data, server.url)) as again:
            projector.use(again)
            projector.catch_up()
            check_balances(days.venue, again)
            with closing(project(days, "sqlite")) as other:
                assert contents(again) == contents(other)


def test_of_two_writers_one_is_told(tmp_path: Path, server: Server) -> None:
    days = Days(tmp_path / "data", 13)
    with (
        closing(open_store(days.data, server.url)) as one,
        closing(open_store(days.data, server.url)) as two,
        closing(Projector(days.data, one, sync=False)) as first,
        closing(Projector(days.data, two, sync=False)) as second,
    ):
        days.play(30)
        first.catch_up()
        with pytest.raises(HistoryMoved):
            second.catch_up()
        check_balances(days.venue, two)


def test_a_schema_that_is_no_history_is_refused(tmp_path: Path, server: Server) -> None:
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tidegate CREATE TABLE notes (text TEXT)")
    with pytest.raises(HistoryRefused, match="is not a history of schema version 1"):
        open_store(tmp_path, server.url)


@pytest.mark.parametrize("place", ["[::1", "host:port/x", "127.0.0.1:1/x", "host/x?what=y"])
def test_a_password_is_in_no_error(tmp_path: Path, place: str) -> None:
    with pytest.raises(HistoryUnavailable) as caught:
        open_store(tmp_path, f"postgresql://someone:geheim@{place}")
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_venue_trades_on_while_its_database_is_away(tmp_path: Path, server: Server) -> None:
    data = tmp_path / "data"
    config = f'[venue]\nhistory = "{server.url}"\n'
    with Venue(data, config=config) as venue:
        more = ("--config", str(data.with_name("data.toml")))
        trade(venue, 1, 5)
        assert len(query(venue, "fills", *more)) == 10
        server.stop()
        trade(venue, 101, 5)
        wait_for(lambda: "history_unavailable" in venue.log_text())
        server.start()
        wait_for(lambda: "history_goes_on" in venue.log_text())
        assert len(query(venue, "fills", *more)) == 20
        assert venue.stop() == 0
    assert tidegate("query", "balances", "--check", "--data", data, *more).returncode == 0
    assert not (data / "history.db").exists()
