"""The rollover of a running venue: a day's journal is closed, and a snapshot begins the next."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from tests.app.in_process import Running, run
from tests.config.fixed_secrets import FixedSecrets
from tidegate.clock import SteadyClock
from tidegate.config import load
from tidegate.journal import Journal, OsStorage
from tidegate.model.settings import VenueSettings
from tidegate.model.time import NS_PER_S, S_PER_DAY, utc_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY, SNAPSHOT_DIRECTORY, Snapshots, recover
from tidegate.service import VenueService
from tidegate.venue.controls import MUTE_HEARTBEATS, MuteHeartbeats
from tidegate.venue.machine import Venue
from tidegate.wire.render import frame_of
from tidegate.workers import ThreadWorkers


class Peer:
    """Takes what a link would write, and tells of a Logout and of the end."""

    def __init__(self) -> None:
        self.logout = asyncio.Event()
        self.ended = asyncio.Event()

    def write(self, first: int, last: int, data: bytes) -> None:
        if b"\x0135=5\x01" in data:
            assert b"\x0158=Session rollover\x01" in data
            self.logout.set()

    def sweep(self, first: int, last: int) -> None:
        raise AssertionError

    def skip(self, first: int, last: int) -> None:
        raise AssertionError

    def cut(self) -> None:
        self.ended.set()

    def answer(self, data: bytes) -> None:
        raise AssertionError


def segments(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / JOURNAL_DIRECTORY).iterdir())


def snapshots(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / SNAPSHOT_DIRECTORY).glob("*.snap"))


def soon(settings: VenueSettings) -> None:
    """The rollover comes in the second after the next, and is as short as it can be."""
    settings.rollover_s = (time.time_ns() // NS_PER_S + 2) % S_PER_DAY
    settings.rollover_length_s = 0


def test_the_rollover_of_a_running_venue(tmp_path: Path) -> None:
    """Takes four seconds of a real clock: up to two to the rollover, two that a Logout waits."""

    async def play(running: Running) -> None:
        service = running.service
        peer = Peer()
        logon = b"35=A\x0134=1\x0149=ACME\x0156=KRAKEN-TRD\x0152=%s\x0198=0\x01108=30\x01"
        frame = frame_of(logon % utc_timestamp(service.now_ns()))
        service.logon(0, peer, b"key", 1, frame)
        await asyncio.wait_for(peer.logout.wait(), 30)
        assert service.logons_refused()
        end_of_day = running.journal.tail_position
        await asyncio.wait_for(peer.ended.wait(), 30)
        assert not service.logons_refused()
        assert running.venue.sessions[0].epoch == 2
        # The first turn of the new day begins the new segment.
        assert segments(tmp_path)[1:] == [f"{end_of_day:020d}.log"]
        days.append(end_of_day)

    days: list[int] = []
    asyncio.run(run(tmp_path, "process", play, soon))
    assert f"{days[0]:020d}.snap" in snapshots(tmp_path)
    again = recover(tmp_path, durability="process")
    again.journal.close()
    assert again.venue.sessions[0].next_outgoing == 1


class HeldSnapshots(Snapshots):
    """The second snapshot, the first behind that of the first start, takes as long as the test
    wants. Positions of those that were begun."""

    def __init__(self, data_directory: Path) -> None:
        super().__init__(data_directory)
        self.begun: list[int] = []
        self.may_go_on = threading.Event()

    def write(self, journal: Journal, body: bytes, log_position: int, next_sequence: int) -> None:
        self.begun.append(log_position)
        if len(self.begun) == 2:
            assert self.may_go_on.wait(30)
        super().write(journal, body, log_position, next_sequence)


def test_a_snapshot_that_is_being_written_at_the_rollover_only_puts_its_own_off(
    tmp_path: Path,
) -> None:
    """Takes up to two seconds of a real clock, until the rollover."""
    snapshots = HeldSnapshots(tmp_path)
    mute = MuteHeartbeats(on=True).encode()

    async def play(running: Running) -> None:
        control = running.service.control
        while len(snapshots.begun) < 2:
            await control(MUTE_HEARTBEATS, 0, mute)
        while not running.venue.rollover.is_on:
            await asyncio.sleep(0)
        snapshots.may_go_on.set()
        workers = running.service._workers
        while workers.snapshot_under_way:
            await asyncio.sleep(0)
        await control(MUTE_HEARTBEATS, 0, mute)
        assert workers.snapshot_under_way or len(snapshots.begun) == 3

    asyncio.run(
        run(tmp_path, "process", play, soon, snapshots=snapshots, snapshot_every_records=20)
    )


def test_a_venue_that_was_down_over_the_rollover_turns_its_journal_over(tmp_path: Path) -> None:
    async def main() -> None:
        config = load("", FixedSecrets())
        venue = Venue()
        days_ago_ns = time.time_ns() - 3 * S_PER_DAY * NS_PER_S
        journal = Journal.open(
            tmp_path / JOURNAL_DIRECTORY, storage=OsStorage(), segment_bytes_max=1 << 20
        )
        venue.configure(config.settings.encode(), days_ago_ns)
        venue.start(days_ago_ns)
        records = venue.turn_records
        venue.commit(journal.append(venue.take_turn(), records))
        service = VenueService(
            venue,
            journal,
            Snapshots(tmp_path),
            durability="process",
            snapshot_every_records=10**6,
            busy_poll_us=0,
            clock=SteadyClock(venue.now_ns),
            workers=ThreadWorkers(),
            fail=failures.append,
        )
        service.start(config.settings.encode())
        assert [session.epoch for session in venue.sessions] == [2] * len(venue.sessions)
        assert not service.logons_refused()
        started_at = journal.tail_position
        await service.stop(b"done", 0)
        assert segments(tmp_path)[1:] == [f"{started_at:020d}.log"]
        assert f"{started_at:020d}.snap" in snapshots(tmp_path)
        journal.close()

    failures: list[BaseException] = []
    asyncio.run(main())
    assert failures == []
