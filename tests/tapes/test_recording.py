"""Recordings: of a venue that runs on, that end when somebody says so, that begin later."""

from __future__ import annotations

import asyncio
import csv
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import environment, tidegate, wait_for
from tests.tapes.room import CONFIG, ORDERS, orders_entered, tape, trade_at_random, trades_of
from tests.venue_process import VenueProcess
from tidegate.journal import OsStorage, segment_positions
from tidegate.journal.layout import segment_name
from tidegate.recovery import JOURNAL_DIRECTORY, SNAPSHOT_DIRECTORY
from tidegate.replica import Replica
from tidegate.tapes.recorder import FROM_NOW, JournalTape, TapeRow
from tidegate.tapes.recording import Interrupt, copy_rows

SMALL = "snapshot_every_records = 400\nsegment_bytes = 65536\n"


def following(venue: VenueProcess, path: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "tidegate", "record", str(path), "--follow", "--data",
        str(venue.directory),
    ]  # fmt: skip
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def recorded(venue: VenueProcess, path: Path, *arguments: str) -> str:
    """What is wrong; empty where nothing is."""
    done = tidegate("record", path, "--data", venue.directory, *arguments)
    assert done.returncode == (2 if done.stderr else 0), done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


def test_a_recording_that_follows_ends_whole_when_it_is_told_to(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with VenueProcess(tmp_path / "data", config=CONFIG) as venue:
        lines, table = tmp_path / "follow.csv", tmp_path / "follow.parquet"
        running = [following(venue, path) for path in (lines, table)]
        wait_for(lambda: lines.exists() and table.exists())
        asyncio.run(trade_at_random(venue, seed=2, count=60))
        whole = tmp_path / "whole.csv"
        assert recorded(venue, whole) == ""
        wait_for(lambda: lines.read_bytes() == whole.read_bytes())
        for process, number in zip(running, (signal.SIGINT, signal.SIGTERM), strict=True):
            process.send_signal(number)
        for process, path in zip(running, (lines, table), strict=True):
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0, err.decode()
            assert out == f"{path}: {len(rows_of(whole)) - 1} rows\n".encode()
            assert err == f"recording to {path}; Ctrl-C ends it\n".encode()
        assert lines.read_bytes() == whole.read_bytes()
        found = parquet.read_table(table).to_pylist()
        assert [list(map(str, row.values())) for row in found] == rows_of(whole)[1:]


ROW: TapeRow = (1, "BTC/USD", "A", "B", "84000", "1", "O1", "", "")


class Pieces:
    """A journal of a few pieces, and the file that they go to. The interrupt comes with a piece."""

    def __init__(self, interrupted_at: int) -> None:
        self.interrupt = Interrupt()
        self.looks = 0
        self.rows: list[TapeRow] = []
        self._interrupted_at = interrupted_at

    def read(self) -> Iterator[list[TapeRow]]:
        self.looks += 1
        for _ in range(3):
            yield [ROW]

    def write(self, rows: Iterable[TapeRow]) -> None:
        self.rows.extend(rows)
        if len(self.rows) == self._interrupted_at:
            self.interrupt.note(signal.SIGINT, None)

    def close(self) -> None: ...


def test_an_interrupt_ends_a_long_look_at_once_and_after_a_whole_one_there_is_another() -> None:
    for interrupted_at, follow, rows, looks in (
        (2, True, 2, 1),
        (2, False, 2, 1),
        (0, False, 3, 1),
    ):
        pieces = Pieces(interrupted_at)
        assert copy_rows(pieces, pieces, pieces.interrupt, follow=follow) == rows
        assert (len(pieces.rows), pieces.looks) == (rows, looks)
    late = Pieces(0)
    late.interrupt.note(signal.SIGTERM, None)  # while it slept
    assert copy_rows(late, late, late.interrupt, follow=True) == 3


def test_a_recording_may_begin_later_also_where_older_segments_are_gone(tmp_path: Path) -> None:
    """It begins with the book as it was, and played into a fresh venue gives the same trades from
    then on. Icebergs are left out: what one of them shows at a moment no order can say."""
    with VenueProcess(tmp_path / "data", config=SMALL + CONFIG) as venue:
        asyncio.run(trade_at_random(venue, seed=5, count=250, icebergs=False))
        snapshots = venue.directory / SNAPSHOT_DIRECTORY
        early = sorted(snapshots.glob("*.snap"))[-1]
        shutil.copy(early, tmp_path)  # the venue keeps two, and makes one when it stops
        asyncio.run(trade_at_random(venue, seed=6, count=200, icebergs=False))
        assert venue.terminate() == 0
    everything = trades_of(venue.directory)
    shutil.copy(tmp_path / early.name, snapshots)
    snapshot = int(early.stem)
    journal = venue.directory / JOURNAL_DIRECTORY
    bases = segment_positions(OsStorage(), journal)
    needed = max(base for base in bases if base <= snapshot)
    assert needed > 0
    for base in bases[: bases.index(needed)]:
        (journal / segment_name(base)).unlink()
    late = tmp_path / "late.csv"
    text = recorded(venue, late)
    assert "the journal's older segments are gone: a tape can begin at 20" in text
    assert not late.exists()
    earliest = text.partition(" begin at ")[2].partition(" ")[0]
    assert recorded(venue, late, "--since", earliest) == ""
    rows = rows_of(late)[1:]
    assert {row[2] for row in rows if row[0] == rows[0][0]} == {"A"}
    with VenueProcess(tmp_path / "again", config=CONFIG) as again:
        done = tape(again, late, "--speed", "max")
        assert b"rejected: 0\n" in done.stdout, done.stderr.decode()
        assert again.terminate() == 0
    repeated = trades_of(again.directory)
    assert len(repeated) > 20
    assert everything[-len(repeated) :] == repeated


def test_one_pair_is_recorded_from_one_look_at_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VenueProcess(tmp_path / "data", config=CONFIG) as venue:
        assert venue.terminate() == 0
    positions: list[int] = []

    def counted(*arguments: Any) -> Replica:
        replica = Replica(*arguments)
        positions.append(replica.position)
        return replica

    monkeypatch.setattr("tidegate.tapes.recorder.Replica", counted)
    with closing(JournalTape(venue.directory, "XBT/USD", FROM_NOW)) as tape:
        assert not any(tape.read())
    assert len(positions) == 1
    assert positions[0] > 0, "where the snapshot is"


def test_where_a_recording_can_not_begin_or_be_kept_there_is_one_line_and_no_file(
    tmp_path: Path,
) -> None:
    with VenueProcess(tmp_path / "data", config=CONFIG) as venue:
        resting = tmp_path / "resting.csv"
        resting.write_text(f"{ORDERS}1,BTC/USD,A,B,84000,1,7\n2,BTC/USD,A,A,84001,2,8\n")
        assert tape(venue, resting, "--keep").returncode == 0
        path = tmp_path / "tape.csv"
        for option, value, rule in (
            ("--since", "12:00:00", '--since must be "now" or a UTC time such as'),
            ("--since", "yesterday", '--since must be "now" or a UTC time such as'),
            ("--since", "2100-01-01T00:00:00Z", "journal ends before the time that --since says"),
            ("--symbol", "BTC/USX", "no pair BTC/USX; --symbol names one of ADA/USD, BTC/EUR"),
        ):
            assert rule in recorded(venue, path, option, value)
            assert not path.exists()
        for name in ("tape.json", "tape.parquet.gz", "tape"):
            text = recorded(venue, tmp_path / name)
            assert text.endswith(
                f"{name}: a tape's name must end in one of .csv, .csv.gz, .parquet\n"
            )
            assert not (tmp_path / name).exists()
        assert recorded(venue, path, "--since", "now", "--symbol", "XBT/USD") == ""
        assert [row[2:6] for row in rows_of(path)[1:]] == [
            ["A", "B", "84000", "1"],
            ["A", "A", "84001", "2"],
        ]
        text = recorded(venue, tmp_path / "none" / "tape.csv")
        assert text.endswith("tape.csv: No such file or directory\n")
        assert venue.terminate() == 0
        assert orders_entered(venue.directory) == 2
    # A disk that is full is not at hand; a limit on the size of files is.
    limited = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from tidegate.cli import main\n"
        "main()\n"
    )
    path = tmp_path / "cut.csv"
    done = subprocess.run(
        [sys.executable, "-c", limited, "record", str(path), "--data", venue.directory],
        env=environment(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()) == (2, f"tidegate: {path}: File too large\n")
