"""After a lone message the loop looks for the next one for a while before it sleeps."""

import asyncio
import selectors
import time
from pathlib import Path

import pytest

from tests.config.fixed_secrets import FixedSecrets
from tidegate.clock import SteadyClock
from tidegate.config import load
from tidegate.model.time import utc_timestamp
from tidegate.recovery import Snapshots, recover
from tidegate.service import VenueService
from tidegate.wire.render import frame_of
from tidegate.workers import ThreadWorkers

BUSY_POLL_US = 5_000


class WatchedSelector(selectors.DefaultSelector):
    """Counts how often the loop looks without sleeping, and tells when it means to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.asleep: asyncio.Event | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.looks += timeout == 0
        if timeout != 0 and self.asleep is not None:
            self.asleep.set()
            self.asleep = None
            return super().select(0)
        return super().select(timeout)


class Peer:
    """Takes what a link would write."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def write(self, first: int, last: int, data: bytes) -> None:
        self.answered.set()

    def sweep(self, first: int, last: int) -> None:
        raise AssertionError

    def skip(self, first: int, last: int) -> None:
        raise AssertionError

    def cut(self) -> None:
        pass

    def answer(self, data: bytes) -> None:
        raise AssertionError


async def log_on_and_sleep(
    directory: Path, selector: WatchedSelector, busy_poll_us: int
) -> tuple[int, float]:
    """How often the loop looks between the answer to a Logon and its first sleep, and how long."""
    config = load("", FixedSecrets())
    recovered = recover(directory, durability="process", segment_bytes_max=config.segment_bytes)
    service = VenueService(
        recovered.venue,
        recovered.journal,
        Snapshots(directory),
        durability="process",
        snapshot_every_records=config.snapshot_every_records,
        busy_poll_us=busy_poll_us,
        clock=SteadyClock(recovered.venue.now_ns),
        workers=ThreadWorkers(),
        fail=lambda error: pytest.fail(str(error)),
    )
    service.start(config.settings.encode())
    peer = Peer()
    session = service.session_index(b"ACME", b"KRAKEN-TRD")
    sending_time = utc_timestamp(service.now_ns())
    logon = b"35=A\x0134=1\x0149=ACME\x0156=KRAKEN-TRD\x0152=%s\x0198=0\x01108=30\x01"
    service.logon(session, peer, b"key", 1, frame_of(logon % sending_time))
    await peer.answered.wait()
    answered_at_ns = time.monotonic_ns()
    asleep = selector.asleep = asyncio.Event()
    selector.looks = 0
    await asleep.wait()
    looks, awake_us = selector.looks, (time.monotonic_ns() - answered_at_ns) / 1e3
    await service.stop(b"done", 0)
    recovered.journal.close()
    return looks, awake_us


def run(directory: Path, busy_poll_us: int) -> tuple[int, float]:
    selector = WatchedSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(log_on_and_sleep(directory, selector, busy_poll_us))


def test_the_loop_stays_awake_behind_a_lone_message(tmp_path: Path) -> None:
    looks, awake_us = run(tmp_path, BUSY_POLL_US)
    assert looks > 1
    assert awake_us >= BUSY_POLL_US / 2  # counted from when the test got its turn


def test_the_loop_sleeps_at_once_where_it_is_turned_off(tmp_path: Path) -> None:
    looks, _ = run(tmp_path, 0)
    assert looks <= 1
