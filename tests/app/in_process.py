"""A venue that runs in the test's own loop, over files whose syncs the test may hold back."""

from __future__ import annotations

import errno
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.config.fixed_secrets import FixedSecrets
from tidegate.clock import SteadyClock
from tidegate.config import load
from tidegate.journal import Doorbell, Durability, Journal, OsStorage
from tidegate.model.settings import VenueSettings
from tidegate.recovery import JOURNAL_DIRECTORY, Snapshots
from tidegate.service import VenueService
from tidegate.venue.machine import Venue
from tidegate.workers import ThreadWorkers


class Disk:
    """The operating system's files; syncs may be let through one by one, and may fail."""

    def __init__(self) -> None:
        self.one_by_one = False
        self.may_sync = threading.Semaphore(0)
        self.waiting = threading.Event()
        self.broken = False
        self._files = OsStorage()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def fdatasync(self, file: int) -> None:
        if self.one_by_one:
            self.waiting.set()
            assert self.may_sync.acquire(timeout=30)
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
    directory: Path,
    durability: Durability,
    play: Callable[[Running], Awaitable[None]],
    change: Callable[[VenueSettings], None] | None = None,
    snapshots: Snapshots | None = None,
    snapshot_every_records: int = 10**6,
    doorbell: Doorbell | None = None,
) -> None:
    """Start a venue in an empty directory, play, and stop it. `change` is made to its settings."""
    config = load('rates.default_tier = "none"', FixedSecrets())
    if change is not None:
        change(config.settings)
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
        snapshots or Snapshots(directory),
        durability=durability,
        snapshot_every_records=snapshot_every_records,
        busy_poll_us=0,
        clock=SteadyClock(venue.now_ns),
        workers=ThreadWorkers(),
        fail=failures.append,
        doorbell=doorbell,
    )
    service.start(config.settings.encode())
    await play(Running(venue, journal, service, disk, failures))
    await service.stop(b"done", 0)
    journal.close()
