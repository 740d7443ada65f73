"""Controls of a running venue: done when durable, refused at once, failed with the disk."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from tests.config.fixed_secrets import FixedSecrets
from tidegate.clock import SteadyClock
from tidegate.config import load
from tidegate.journal import Durability, Journal, JournalError, OsStorage
from tidegate.recovery import JOURNAL_DIRECTORY, Snapshots, recover
from tidegate.service import VenueService
from tidegate.venue.controls import (
    DROP_SESSION,
    MUTE_HEARTBEATS,
    SKIP_NUMBER,
    ControlRefused,
    DropSession,
    MuteHeartbeats,
    SkipNumber,
)
from tidegate.venue.machine import Venue
from tidegate.workers import ThreadWorkers

MUTE = MuteHeartbeats(on=True).encode()


class Disk:
    """The operating system's files; a sync may be kept waiting, and may fail."""

    def __init__(self) -> None:
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.broken = False
        self._files = OsStorage()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def fdatasync(self, file: int) -> None:
        assert self.may_sync.wait(30)
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        self._files.fdatasync(file)


@dataclass
class Running:
    """A venue that runs in the test's loop."""

    venue: Venue
    journal: Journal
    service: VenueService
    disk: Disk
    failures: list[BaseException] = field(default_factory=list)


async def run(
    directory: Path, durability: Durability, play: Callable[[Running], Awaitable[None]]
) -> None:
    config = load("", FixedSecrets())
    disk = Disk()
    venue = Venue()
    journal = Journal.open(
        directory / JOURNAL_DIRECTORY,
        storage=cast("OsStorage", disk),
        segment_bytes_max=config.segment_bytes,
        durability=durability,
    )
    failures: list[BaseException] = []
    service = VenueService(
        venue,
        journal,
        Snapshots(directory),
        durability=durability,
        snapshot_every_records=config.snapshot_every_records,
        busy_poll_us=0,
        clock=SteadyClock(),
        workers=ThreadWorkers(),
        fail=failures.append,
    )
    service.start(config.settings.encode())
    await play(Running(venue, journal, service, disk, failures))
    await service.stop(b"done", 0)
    journal.close()


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_control_is_done_when_it_is_in_the_journal(
    tmp_path: Path, durability: Durability
) -> None:
    async def play(running: Running) -> None:
        history = running.venue.histories[0]
        control = running.service.control
        first = control(SKIP_NUMBER, 0, SkipNumber(2).encode())
        second = control(MUTE_HEARTBEATS, 1, MUTE)
        assert history.last_number == 0, "published before its turn had ended"
        await first
        assert history.last_number == 2
        await second
        await control(SKIP_NUMBER, 0, SkipNumber(1).encode())
        assert history.last_number == 3

    asyncio.run(run(tmp_path, durability, play))
    again = recover(tmp_path, durability="process")
    again.journal.close()
    assert again.venue.sessions[0].next_outgoing == 4
    assert again.venue.sessions[1].muted


async def until_appended(running: Running) -> None:
    while running.journal.tail_position == running.journal.durable_position:
        await asyncio.sleep(0)


def test_with_disk_durability_a_control_waits_for_its_sync(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        running.disk.may_sync.clear()
        done = asyncio.ensure_future(running.service.control(MUTE_HEARTBEATS, 0, MUTE))
        await until_appended(running)
        for _turn in range(100):
            await asyncio.sleep(0)
        assert not done.done()
        running.disk.may_sync.set()
        await done

    asyncio.run(run(tmp_path, "disk", play))


def test_a_control_fails_with_the_disk(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        running.disk.may_sync.clear()
        running.disk.broken = True
        waiting = running.service.control(MUTE_HEARTBEATS, 0, MUTE)
        await until_appended(running)
        of_next_turn = running.service.control(MUTE_HEARTBEATS, 1, MUTE)
        running.disk.may_sync.set()
        for control in (waiting, of_next_turn):
            with pytest.raises(JournalError, match="Input/output error"):
                await control
        assert len(running.failures) == 1

    asyncio.run(run(tmp_path, "disk", play))


def test_a_control_that_can_not_be_done_is_refused_at_once(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        with pytest.raises(ControlRefused, match="not logged on"):
            running.service.control(DROP_SESSION, 0, DropSession().encode())
        assert running.venue.turn_records == 0

    asyncio.run(run(tmp_path, "process", play))


def test_a_venue_that_stops_takes_no_control(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        await running.service.stop(b"done", 0)
        with pytest.raises(ControlRefused, match="stopping"):
            running.service.control(MUTE_HEARTBEATS, 0, MUTE)

    asyncio.run(run(tmp_path, "process", play))
