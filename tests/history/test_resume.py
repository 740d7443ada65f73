"""Whoever dies when: each turn is in the history once. A history that does not fit is refused."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.history.days import Days
from tests.history.test_projection import check_balances, check_open_orders, projected
from tidegate.history import access, schema
from tidegate.history.projector import Projector
from tidegate.history.sqlite_store import FILE_NAME, SqliteStore
from tidegate.history.store import HistoryMoved, HistoryRefused, Progress, Rows
from tidegate.journal import JournalDamaged, OsStorage, segment_positions
from tidegate.recovery import JOURNAL_DIRECTORY, SNAPSHOT_DIRECTORY

SEGMENT_BYTES = 60_000


class Died(Exception):
    """The process is gone at this point."""


class DyingStore(SqliteStore):
    """Dies at the n-th write: before it, or when it is done and nobody was told."""

    def __init__(self, path: Path, writes: int, *, done: bool) -> None:
        super().__init__(path)
        self._left = writes
        self._done = done

    def write(self, before: Progress | None, rows: Rows, after: Progress) -> None:
        self._left -= 1
        if self._left == 0:
            if self._done:
                super().write(before, rows, after)
            raise Died
        super().write(before, rows, after)


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def played(data: Path, seed: int = 1) -> Days:
    """Several segments, and snapshots in the middle of them, a restart among them."""
    days = Days(data, seed, segment_bytes_max=SEGMENT_BYTES)
    for _ in range(3):
        days.play(120)
        days.snapshot()
        days.play(120)
        days.restart()
    assert len(segment_positions(OsStorage(), data / JOURNAL_DIRECTORY)) > 3
    return days


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many transactions: a few batches each."""
    monkeypatch.setattr("tidegate.history.projector.READ_BYTES_MAX", 9_000)
    monkeypatch.setattr("tidegate.history.projector.ROWS_MAX", 40)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("done", [False, True], ids=["before the commit", "behind it"])
def test_a_projector_that_dies_at_any_write_leaves_each_turn_once(
    tmp_path: Path, *, done: bool
) -> None:
    days = played(tmp_path / "data")
    path = days.data / FILE_NAME
    deaths = 0
    writes = 1 if done else 2  # a life gets one transaction further
    while True:
        with closing(DyingStore(path, writes, done=done)) as store:
            try:
                with closing(Projector(days.data, store, sync=False)) as projector:
                    projector.catch_up()
                break
            except Died:
                deaths += 1
    assert deaths > 20
    with closing(SqliteStore(path)) as store:
        check_balances(days.venue, store)
        check_open_orders(days.venue, store)
    again = tmp_path / "again.db"
    with (
        closing(SqliteStore(again)) as store,
        closing(Projector(days.data, store, sync=False)) as projector,
    ):
        projector.catch_up()
    assert dump(path) == dump(again)


@pytest.mark.usefixtures("small_steps")
def test_a_history_that_grows_with_its_journal_is_the_one_that_is_rebuilt(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 5, segment_bytes_max=SEGMENT_BYTES)
    for round_ in range(8):
        days.play(60)
        if round_ % 3 == 1:
            days.snapshot()
        if round_ % 3 == 2:
            days.restart()
        projected(days.data).close()  # another process each time
    path = days.data / FILE_NAME
    grown = dump(path)
    access.rebuild(days.data, "sqlite")
    assert dump(path) == grown
    assert not list(days.data.glob("history.rebuild.db*"))


def test_a_long_following_projector_sees_what_comes_and_nothing_that_is_not_whole(
    tmp_path: Path,
) -> None:
    days = Days(tmp_path / "data", 6, segment_bytes_max=SEGMENT_BYTES)
    store = SqliteStore(days.data / FILE_NAME)
    with closing(store), closing(Projector(days.data, store, sync=True)) as projector:
        for _ in range(10):
            days.play(60)
            projector.catch_up()
            assert projector.position == days.journal.tail_position
            check_balances(days.venue, store)
        # Half a batch, as a writer leaves it on the disk for a moment, or a crash for longer.
        last = max((days.data / JOURNAL_DIRECTORY).iterdir())
        whole = last.read_bytes()
        before = projector.position
        days.play(1)
        while days.journal.tail_position == before:
            days.play(1)
        grown = max((days.data / JOURNAL_DIRECTORY).iterdir()).read_bytes()
        if max((days.data / JOURNAL_DIRECTORY).iterdir()) == last:
            for cut in range(len(whole) + 1, len(grown), 7):
                last.write_bytes(grown[:cut])
                projector.catch_up()
                assert projector.position == before
            last.write_bytes(grown)
        projector.catch_up()
        assert projector.position == days.journal.tail_position
        check_balances(days.venue, store)


def test_a_restart_begins_at_a_snapshot_and_needs_no_older_segment(tmp_path: Path) -> None:
    days = played(tmp_path / "data")
    projected(days.data).close()
    for position in segment_positions(OsStorage(), days.data / JOURNAL_DIRECTORY)[:2]:
        (days.data / JOURNAL_DIRECTORY / f"{position:020d}.log").unlink()
    days.play(50)
    with closing(projected(days.data)) as store:
        check_balances(days.venue, store)
        check_open_orders(days.venue, store)


def test_a_history_older_than_what_is_left_of_the_journal_names_the_rebuild(
    tmp_path: Path,
) -> None:
    days = Days(tmp_path / "data", 1, segment_bytes_max=SEGMENT_BYTES)
    days.play(50)
    projected(days.data).close()
    for _ in range(3):
        days.play(300)
        days.snapshot()
    (days.data / JOURNAL_DIRECTORY / f"{0:020d}.log").rename(tmp_path / "archived.log")
    with pytest.raises(HistoryRefused, match="is gone: tidegate history rebuild"):
        projected(days.data)
    with pytest.raises(HistoryRefused, match="Put the journal's older segments back"):
        access.rebuild(days.data, "sqlite")
    (tmp_path / "archived.log").rename(days.data / JOURNAL_DIRECTORY / f"{0:020d}.log")
    access.rebuild(days.data, "sqlite")
    with closing(projected(days.data)) as store:
        check_balances(days.venue, store)


def test_the_history_of_another_journal_is_refused(tmp_path: Path) -> None:
    one = Days(tmp_path / "one", 1)
    other = Days(tmp_path / "other", 1)
    for days in (one, other):
        days.play(100)
    projected(one.data).close()
    shutil.copy(one.data / FILE_NAME, other.data / FILE_NAME)
    with pytest.raises(HistoryRefused, match=r"of another journal.*tidegate history rebuild"):
        projected(other.data)
    access.rebuild(other.data, "sqlite")
    with closing(projected(other.data)) as store:
        check_balances(other.venue, store)


def test_a_history_ahead_of_its_journal_is_refused(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)
    days.play(50)
    shutil.copytree(days.data, tmp_path / "earlier")
    days.play(50)
    projected(days.data).close()
    shutil.copy(days.data / FILE_NAME, tmp_path / "earlier" / FILE_NAME)
    with pytest.raises(HistoryRefused, match="has lost its tail: tidegate history rebuild"):
        projected(tmp_path / "earlier")


def test_damage_in_a_closed_segment_is_told_and_nothing_behind_it_is_written(
    tmp_path: Path,
) -> None:
    days = played(tmp_path / "data")
    first = days.data / JOURNAL_DIRECTORY / f"{0:020d}.log"
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(JournalDamaged):
        projected(days.data)
    with closing(SqliteStore(days.data / FILE_NAME)) as store:
        progress = store.progress()
        assert progress is None or progress.log_position < len(content) // 2


def test_of_two_writers_one_is_told_and_nothing_is_doubled(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 2)
    path = days.data / FILE_NAME
    with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as two:
        with (
            closing(Projector(days.data, one, sync=False)) as first,
            closing(Projector(days.data, two, sync=False)) as second,
        ):
            days.play(50)
            first.catch_up()
            with pytest.raises(HistoryMoved):
                second.catch_up()
        check_balances(days.venue, one)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        ("PRAGMA user_version = 99", "schema version 99, this program writes"),
        ("PRAGMA application_id = 5", "not a history of this program"),
    ],
)
def test_a_database_of_another_kind_or_version_is_refused(
    tmp_path: Path, spoil: str, text: str
) -> None:
    days = Days(tmp_path / "data", 2)
    projected(days.data).close()
    with closing(sqlite3.connect(days.data / FILE_NAME)) as connection:
        connection.execute(spoil)
    with pytest.raises(HistoryRefused, match=rf"{text}.*tidegate history rebuild"):
        projected(days.data)


def test_a_rebuild_takes_the_place_of_an_older_schema_while_a_reader_looks(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 2)
    days.play(40)
    projected(days.data).close()
    path = days.data / FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
        reader.execute("BEGIN")
        count = reader.execute("SELECT COUNT(*) FROM executions").fetchone()
        access.rebuild(days.data, "sqlite")
        assert reader.execute("SELECT COUNT(*) FROM executions").fetchone() == count
        reader.execute("COMMIT")
        assert reader.execute("PRAGMA user_version").fetchone() == (schema.SCHEMA_VERSION,)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 2)
    (days.data / FILE_NAME).write_bytes(b"not a database at all, " * 100)
    with pytest.raises(HistoryRefused, match="file is not a database; move it away"):
        projected(days.data)
    with pytest.raises(HistoryRefused, match="move it away"):
        access.rebuild(days.data, "sqlite")


def test_a_snapshot_that_is_damaged_is_passed_over(tmp_path: Path) -> None:
    days = played(tmp_path / "data")
    projected(days.data).close()
    newest = max((days.data / SNAPSHOT_DIRECTORY).iterdir())
    newest.write_bytes(newest.read_bytes()[:-1] + b"\x00")
    days.play(30)
    with closing(projected(days.data)) as store:
        check_balances(days.venue, store)
    assert newest.exists(), "a reader changes nothing"
