"""What keeps rows from being written is told once, tried again, and nothing is lost by it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import structlog

from tests.history.days import Days
from tests.history.test_projection import check_balances, projected
from tests.history.test_resume import dump
from tidegate.history import access
from tidegate.history.follow import POLL_S, REFUSED_RETRY_S, RETRY_S, Following
from tidegate.history.projector import Projector
from tidegate.history.sqlite_store import FILE_NAME, SqliteStore
from tidegate.history.store import HistoryUnavailable
from tidegate.history.target import open_store


class FullStore(SqliteStore):
    """On a disk that has room for so many pages."""

    def pages_max(self, count: int) -> None:
        self._connection.execute(f"PRAGMA max_page_count = {count}")


def test_a_full_disk_keeps_what_was_written_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    days = Days(tmp_path / "data", 1)
    days.play(100)
    with (
        closing(FullStore(days.data / FILE_NAME)) as store,
        closing(Projector(days.data, store, sync=False)) as projector,
    ):
        projector.catch_up()
        before = projector.position
        store.pages_max(store.query("PRAGMA page_count")[0][0])  # type: ignore[arg-type]
        for _ in range(3):
            days.play(100)
            with pytest.raises(HistoryUnavailable, match="disk is full"):
                projector.catch_up()
            assert projector.position == before
        progress = store.progress()
        assert progress is not None
        assert progress.log_position == before
        store.pages_max(100_000)
        projector.catch_up()
        check_balances(days.venue, store)
    grown = dump(days.data / FILE_NAME)
    access.rebuild(days.data, "sqlite")
    assert dump(days.data / FILE_NAME) == grown


def test_the_last_of_a_disk_is_left_to_the_journal(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)
    with (
        closing(SqliteStore(days.data / FILE_NAME, reserve_bytes=1 << 60)) as store,
        closing(Projector(days.data, store, sync=False)) as projector,
    ):
        with pytest.raises(HistoryUnavailable, match="MiB are left on the disk"):
            projector.catch_up()
        assert store.progress() is None


def test_who_looks_while_another_makes_the_tables_sees_all_of_them_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE_NAME
    others: list[Thread] = []

    class Looking(sqlite3.Connection):
        """Whoever makes the tables does so now, if it can."""

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            found = super().execute(sql, *parameters)
            if sql == "PRAGMA application_id" and not others:
                others.append(Thread(target=lambda: SqliteStore(path).close()))
                others[0].start()
                others[0].join(0.3)
            return found

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Looking))
    with closing(SqliteStore(path)) as store:
        others[0].join()
        assert store.progress() is None


@pytest.mark.parametrize("sync", [False, True])
def test_a_follower_tells_once_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sync: bool
) -> None:
    monkeypatch.setattr("tidegate.history.sqlite_store.BUSY_MS", 1)
    days = Days(tmp_path / "data", 1)
    following = Following(days.data, "sqlite", sync=sync)
    with structlog.testing.capture_logs() as log:
        assert following.step() == POLL_S
        with closing(sqlite3.connect(days.data / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            days.play(30)
            assert [following.step() for _ in range(3)] == [RETRY_S] * 3
            other.execute("ROLLBACK")
        assert following.step() == POLL_S
        following.finish(1.0)
    assert [entry["event"] for entry in log] == [
        "history_follows", "history_unavailable", "history_goes_on",
    ]  # fmt: skip
    with closing(projected(days.data)) as store:
        check_balances(days.venue, store)


def test_a_follower_waits_for_a_history_that_fits(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)
    projected(days.data).close()
    with closing(sqlite3.connect(days.data / FILE_NAME)) as other:
        other.execute("PRAGMA user_version = 9")
    following = Following(days.data, "sqlite", sync=False)
    with structlog.testing.capture_logs() as log:
        assert [following.step() for _ in range(2)] == [REFUSED_RETRY_S] * 2
        access.rebuild(days.data, "sqlite")
        days.play(10)
        assert following.step() == POLL_S
        following.finish(1.0)
    assert [entry["event"] for entry in log] == [
        "history_refused", "history_follows", "history_goes_on",
    ]  # fmt: skip


def test_a_follower_turns_to_the_history_that_was_rebuilt_under_it(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)
    days.play(40)
    following = Following(days.data, "sqlite", sync=False)
    assert following.step() == POLL_S
    days.play(40)
    access.rebuild(days.data, "sqlite")  # further than what it follows has got
    days.play(40)
    assert following.step() == 0.0
    assert following.step() == POLL_S
    following.finish(1.0)
    with closing(open_store(days.data, "sqlite")) as store:
        check_balances(days.venue, store)
    grown = dump(days.data / FILE_NAME)
    access.rebuild(days.data, "sqlite")
    assert dump(days.data / FILE_NAME) == grown


def test_of_two_rebuilds_at_once_one_is_refused(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)
    with access.try_lock(days.data / access.REBUILD_LOCK) as is_held:
        assert is_held
        with pytest.raises(HistoryUnavailable, match="a rebuild is going on"):
            access.rebuild(days.data, "sqlite")


def test_a_postgresql_without_its_driver_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "tidegate.history.postgres_store", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(HistoryUnavailable, match=r"pip install 'tidegate\[postgresql\]'"):
        open_store(tmp_path, "postgresql://localhost/x")
