"""Serves market data and drop copies: started by `tidegate up`, and again when it ends.

It inherits listening sockets and the reader's end of the doorbell, so a restart keeps the ports,
and who connects meanwhile waits in line. Where its replica has far to go, market-data sessions may
log on before it is there; they are told that there is nothing yet (`Answers`). Drop copies wait.
What keeps it from following is told, and ends it: the next start may find it better.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from tidegate.children import Parent
from tidegate.feeds.answers import Answers
from tidegate.feeds.desk import Desk
from tidegate.feeds.follower import Follower
from tidegate.feeds.options import FeedOptions
from tidegate.feeds.ports import FeedPorts
from tidegate.feeds.roster import Roster
from tidegate.feeds.service import FeedService
from tidegate.feeds.status import StatusServer
from tidegate.feeds.times import FeedTime
from tidegate.journal import DoorbellReader, JournalError
from tidegate.logs import configure_logging
from tidegate.marketdata.fold import MarketData
from tidegate.replica import ReplicaRefused

NICE: Final = 5  # behind trading, before the history
EXIT_FAILED: Final = 1
STOP_TEXT: Final = b"Venue is stopping"
LOGOUT_WAIT_S: Final = 2.0
DURABLE_LOOK_S: Final = 0.01  # between two looks whether anything of the journal is durable yet

# What keeps a replica from following through no fault of this code.
_REFUSALS: Final = (ReplicaRefused, JournalError, OSError)

_PR_SET_PDEATHSIG: Final = 1

_log = structlog.get_logger("tidegate.feeds")


def main(file: int) -> int:
    """Serve until the parent is gone; the process' exit code. `file` is standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the venue: its end is this one's, too
    _die_with_parent()
    parent = Parent(file)
    options = parent.options(FeedOptions)
    if options is None:
        return 0
    configure_logging(form=options.log_format, level=options.log_level)
    _give_way()
    try:
        follower = _follower(parent, options)
    except _REFUSALS as error:
        return _refused(error)
    if follower is None:
        return 0
    _settle_garbage_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(parent, options, follower))


def _give_way() -> None:
    """Trading comes first: where there are too few cores, waking up does not take one away."""
    os.nice(NICE)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _die_with_parent() -> None:
    """Where the parent is killed, its ports are free for its successor at once."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _refused(error: Exception) -> int:
    _log.warning("feeds_refused", reason=str(error))
    return EXIT_FAILED


def _settle_garbage_collector() -> None:
    """As the venue's: what is there by now is never looked at again, and the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _follower(parent: Parent, options: FeedOptions) -> Follower | None:
    """A replica as of the newest snapshot; None where the parent went away before anything was
    durable."""
    directory = Path(options.data)
    doorbell = DoorbellReader(directory, options.bell)
    while doorbell.log_position == 0:
        parent.wait(DURABLE_LOOK_S)
        if parent.is_gone:
            return None
    market_data = MarketData(l3_timestamps=options.l3_timestamps)
    return Follower(directory, doorbell, market_data, at_once=False)


async def _serve(parent: Parent, options: FeedOptions, follower: Follower) -> int:
    stopped = asyncio.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stopped.set()

    def look() -> None:
        parent.look()
        if parent.is_gone:
            stopped.set()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_end_for_bugs(fail))
    loop.add_reader(parent.file, look)
    answers = Answers(follower.venue, lone_symbol=options.lone_symbol, is_open=False)
    desk = Desk(follower.observer.market_data, answers)
    time = FeedTime(follower.doorbell, follower.venue.now_ns, virtual=options.virtual_clock)
    service = FeedService(desk, follower, Roster(options), time, fail)
    ports = FeedPorts(service, options)
    status = StatusServer(Path(options.data), service, ports)
    service.start()
    ports.listen()
    status.start()
    _log.info("feeds_serve", position=follower.position, sessions=len(desk.seats))
    await _first_of(stopped, service.opened)
    if not stopped.is_set():
        _settle_garbage_collector()
        _log.info("feeds_caught_up", position=follower.position)
        ports.listen_for_copies(follower, fail)
    await stopped.wait()
    loop.remove_reader(parent.file)
    ports.stop_accepting()
    status.stop()
    if not failures:
        stops = [service.stop(STOP_TEXT, LOGOUT_WAIT_S)]
        if ports.copies is not None:
            stops.append(ports.copies.stop(STOP_TEXT, LOGOUT_WAIT_S))
        await asyncio.gather(*stops)
    for error in failures:
        _tell(error)
    ports.abort_links()
    follower.close()
    return EXIT_FAILED if failures else 0


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _tell(error: Exception) -> None:
    """What has ended the process."""
    if isinstance(error, _REFUSALS):
        _refused(error)
    else:
        _log.error("feeds_failed", reason=str(error), exc_info=error)


def _end_for_bugs(fail: Callable[[Exception], None]) -> Any:
    """What the loop does about an exception nobody caught: the next process begins with a state
    that is whole."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) or error is None:  # of one connection
            _log.warning("connection_failed", reason=str(error or context.get("message", "")))
        else:
            fail(error)

    return handle
