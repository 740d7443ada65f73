"""The process that serves market data: started by `tidegate up`, and again when it ends.

It inherits listening sockets and the reader's end of the doorbell, so a restart keeps the ports,
and who connects meanwhile waits in line. It accepts nobody before its replica is where the journal
is. What keeps it from following is told, and ends it: the next start may find it better.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import uvloop

from tidegate.children import Parent
from tidegate.config.services import drop_copy_names
from tidegate.feeds.answers import Answers
from tidegate.feeds.desk import Desk
from tidegate.feeds.dropcopy.service import DropCopyService
from tidegate.feeds.follower import Follower
from tidegate.feeds.options import FeedOptions
from tidegate.feeds.roster import Roster
from tidegate.feeds.service import FeedService
from tidegate.feeds.status import StatusServer
from tidegate.feeds.times import FeedTime
from tidegate.gateway.authentication import Authenticator, LogonCheck, SessionCheck
from tidegate.gateway.listener import Listener
from tidegate.gateway.port import LinkHost
from tidegate.gateway.shares import Shares
from tidegate.journal import DoorbellReader, JournalError
from tidegate.logs import configure_logging
from tidegate.marketdata.fold import MarketData
from tidegate.provision import TlsFiles, server_context
from tidegate.replica import ReplicaRefused
from tidegate.wire.dictionary import DROP_COPY

NICE: Final = 5  # behind trading, before the history
EXIT_FAILED: Final = 1
STOP_TEXT: Final = b"Venue is stopping"
LOGOUT_WAIT_S: Final = 2.0
DURABLE_LOOK_S: Final = 0.01  # between two looks whether anything of the journal is durable yet

_PR_SET_PDEATHSIG: Final = 1

_log = structlog.get_logger("tidegate.feeds")


def main(file: int) -> int:
    """Serve until the parent is gone; the process' exit code. `file` is standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the venue: its end is this one's, too
    _die_with_parent()
    parent = Parent(file)
    options = msgspec.json.decode(parent.first_line(), type=FeedOptions)
    configure_logging(form=options.log_format, level=options.log_level)
    _give_way()
    try:
        follower = _caught_up(parent, options)
    except (ReplicaRefused, JournalError, OSError) as error:
        _log.warning("feeds_refused", reason=str(error))
        return EXIT_FAILED
    if follower is None:
        return 0
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
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


def _caught_up(parent: Parent, options: FeedOptions) -> Follower | None:
    """A replica of what is durable; None where the parent went away before anything was."""
    directory = Path(options.data)
    doorbell = DoorbellReader(directory, options.bell)
    while doorbell.log_position == 0:
        parent.wait(DURABLE_LOOK_S)
        if parent.is_gone:
            return None
    return Follower(directory, doorbell, MarketData())


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
    market_data = follower.observer.market_data
    desk = Desk(market_data, Answers(follower.venue))
    time = FeedTime(follower.doorbell, follower.venue.now_ns, virtual=options.virtual_clock)
    service = FeedService(desk, follower, Roster(options), time, fail)
    copies = DropCopyService(
        options.drop_copies,
        options.key_names,
        Path(options.data),
        follower,
        FeedTime(follower.doorbell, follower.venue.now_ns, virtual=options.virtual_clock),
        fail,
    )
    service.advanced = copies.advanced if options.drop_copies else None
    status = StatusServer(Path(options.data), service, copies)
    service.start()
    if options.drop_copies:
        copies.start()
    listeners = _listen(service, copies, options)
    status.start()
    _log.info("feeds_serve", position=follower.position, sessions=len(desk.seats))
    await stopped.wait()
    loop.remove_reader(parent.file)
    for listener in listeners:
        listener.stop_accepting()
    status.stop()
    for error in failures:
        _log.error("feeds_failed", reason=str(error), exc_info=error)
    if not failures:
        await asyncio.gather(
            service.stop(STOP_TEXT, LOGOUT_WAIT_S), copies.stop(STOP_TEXT, LOGOUT_WAIT_S)
        )
    for listener in listeners:
        listener.abort_links()
    follower.close()
    return EXIT_FAILED if failures else 0


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


def _listen(service: FeedService, copies: DropCopyService, options: FeedOptions) -> list[Listener]:
    tls = None
    if options.certificate:
        files = TlsFiles(certificate=Path(options.certificate), key=Path(options.key), ca=None)
        tls = server_context(files, options.tls)
    shares = Shares()
    listeners: list[Listener] = []
    for name, descriptor in options.sockets.items():
        host: LinkHost
        check: LogonCheck
        if name in drop_copy_names():
            host = copies
            access = copies.access
            check = Authenticator(copies, name, access.sessions, access.keys, DROP_COPY)
        else:
            host = port = service.port(name)
            check = SessionCheck(port, name, port.sessions)
        listener = Listener(
            host,
            check,
            tls=tls,
            logon_timeout_s=options.logon_timeout_s,
            logons_per_second_max=options.logons_per_second_max,
            shares=shares,
        )
        listener.start(socket.socket(fileno=descriptor))
        listeners.append(listener)
    return listeners
