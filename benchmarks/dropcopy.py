"""What drop copies cost their process, by sessions and by how many of them get a report.

    python -m benchmarks.dropcopy [--orders 20000] [--sessions 1 20 100]

A venue of 100 accounts writes a journal of orders that rest, one report and one turn each. Then the
sessions' machine (`feeds/dropcopy/desk.py`) follows it, some turns at a time, as it does behind
trading: everything but the sockets. The figures are its CPU time.

- each its own: a session for each of so many accounts, which gets a hundredth of the reports
- all of one firm: so many sessions that get every report
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.history.days import START_NS, Days
from tests.scenario.settings import account, session, venue_settings

from tidegate.feeds.dropcopy.desk import CopyDesk
from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.owners import Reach
from tidegate.feeds.dropcopy.reports import ReportLog
from tidegate.feeds.dropcopy.state import StateFile
from tidegate.journal import Batch, LogFollower, OsStorage
from tidegate.model.build import COMPILED
from tidegate.model.time import utc_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.wire.render import frame_of

ACCOUNTS: Final = 100
FIRM: Final = "MANY"
TARGET: Final = "KRAKEN-DC"
TURNS_AT_A_TIME: Final = 20


def traded(data: Path, orders: int) -> Days:
    """A venue whose accounts have entered so many orders by turns."""
    settings = venue_settings()
    names = [f"{FIRM}-{number}" for number in range(ACCOUNTS)]
    settings.accounts += [account(name) for name in names]
    settings.sessions += [session(name, name) for name in names]
    days = Days(data, 1, settings=settings)
    sent_at = utc_timestamp(START_NS)
    for number in range(orders):
        body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.001\x0144=%d\x0159=1\x0160=%s\x01" % (
            number + 1, 50_000 + number % 1_000, sent_at,
        )  # fmt: skip
        days.send(names[number % ACCOUNTS], b"D", body)
        days.end_turn()
    return days


def desk_of(days: Days, accounts: Sequence[str], begin: Mark, folder: Path) -> CopyDesk:
    """Sessions that are logged on and have read nothing; an empty account is the whole firm."""
    desk = CopyDesk()
    desk.end = begin
    journal = days.data / JOURNAL_DIRECTORY
    log = ReportLog(journal, OsStorage(), days.venue.directory, begin.sequence)
    for index, name in enumerate(accounts):
        settings = session(f"COPY-{index}", "")
        settings.target_comp_id = TARGET
        file = StateFile(folder, (settings.sender_comp_id, TARGET))
        state = file.restore(begin.sequence, START_NS, 0, START_NS).state
        desk.add_session(settings, Reach(FIRM, name), log, state, file)
        header = f"35=A|34=1|49=COPY-{index}|56={TARGET}|52={utc_timestamp(START_NS).decode()}|"
        frame = frame_of(f"{header}98=0|108=30|141=Y|".replace("|", "\x01").encode())
        desk.logon(index, frame, "key", 1, START_NS)
    desk.take()
    return desk


def ends(data: Path) -> list[Mark]:
    """The places behind each turn of the log, in order."""
    log = LogFollower(data / JOURNAL_DIRECTORY, storage=OsStorage())
    batches: list[Batch] = []
    while read := log.read(1 << 20):
        batches += read
    log.close()
    found = []
    for batch in batches:
        sequence = batch.first_sequence + batch.record_count
        found.append(Mark(batch.payload_position + len(batch.payload), sequence, sequence))
    return found


def follow(desk: CopyDesk, marks: Sequence[Mark]) -> float:
    """Seconds of CPU to bring every session to the last mark."""
    now_ns = START_NS
    begin_s = time.process_time()
    for mark in marks:
        desk.end = mark
        now_ns += 1_000_000
        while desk.step(now_ns):
            desk.take()
        desk.take()
    return time.process_time() - begin_s


def measure(days: Days, marks: Sequence[Mark], accounts: Sequence[str], what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = desk_of(days, accounts, marks[0], Path(folder))
        seconds = follow(desk, marks[TURNS_AT_A_TIME::TURNS_AT_A_TIME])
    told = sum(seat.report_count for seat in desk.seats)
    turns = len(marks)
    print(
        f"{what:16} {len(accounts):4} sessions  {told:9,} reports told  "
        f"{seconds / turns * 1e6:8.2f} us by report of the journal  "
        f"{seconds / told * 1e6:7.2f} us by report told  {told / seconds:12,.0f} told by the second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 20, 100])
    arguments = parser.parse_args()
    print("compiled core" if COMPILED else "interpreted core")
    with tempfile.TemporaryDirectory() as place:
        days = traded(Path(place) / "data", arguments.orders)
        marks = ends(days.data)
        for count in arguments.sessions:
            own = [f"{FIRM}-{number % ACCOUNTS}" for number in range(count)]
            measure(days, marks, own, "each its own")
        for count in arguments.sessions:
            measure(days, marks, [""] * count, "all of one firm")


if __name__ == "__main__":
    main()
