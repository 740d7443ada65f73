"""`tidegate up`: runs a venue that `preparation` has made ready, with its listeners, its operators'
commands and the processes beside it, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from rich.console import Console

from tidegate.children import ChildProcess
from tidegate.clock import Clock, SteadyClock
from tidegate.companions import Commands, feeds_process, history_process, maker_process
from tidegate.config import ConfigError, VenueConfig
from tidegate.control.account_commands import account_commands
from tidegate.control.clock_commands import clock_commands
from tidegate.control.directory_commands import DirectoryCommands, access_book
from tidegate.control.fault_commands import fault_commands
from tidegate.control.fee_commands import fee_commands
from tidegate.control.market_commands import market_commands
from tidegate.control.order_commands import order_commands
from tidegate.control.server import ControlServer
from tidegate.control.session_commands import session_commands
from tidegate.gateway.access import AccessBook
from tidegate.gateway.authentication import Authenticator
from tidegate.gateway.doctor import LogonDoctor
from tidegate.gateway.listener import STRANGERS_MAX, Listener
from tidegate.gateway.shares import Shares
from tidegate.journal import JournalError
from tidegate.lab.clock import ClockWalker, VirtualClock
from tidegate.lab.faults import FaultPlan
from tidegate.lab.target import VenueTarget
from tidegate.preparation import REFUSALS, Prepared, UpOptions, prepare
from tidegate.provision import (
    print_ready,
    ready_document,
    remove_ready,
    server_context,
    sub_accounts,
    write_ready,
)
from tidegate.recovery import Recovered, Snapshots
from tidegate.service import VenueService
from tidegate.workers import ThreadWorkers

EXIT_FAILED: Final = 1  # the journal failed while the venue ran
EXIT_REFUSED: Final = 2  # wrong input: nothing was started, nothing was changed

STOP_TEXT: Final = b"Venue is stopping"
STOP_WAIT_S: Final = 2.0
DESCRIPTORS_WANTED: Final = 16_384

_log = structlog.get_logger("tidegate")


def up(options: UpOptions, console: Console) -> int:
    """Run a venue until it is told to stop; the process' exit code."""
    with ExitStack() as stack:
        try:
            prepared = prepare(options, stack)
        except REFUSALS as error:
            return _refused(error)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(prepared, console))


def _refused(error: Exception) -> int:
    lines: Sequence[object] = error.problems if isinstance(error, ConfigError) else [error]
    for line in lines:
        print(f"tidegate: {line}", file=sys.stderr)
    return EXIT_REFUSED


def _settle_garbage_collector() -> None:
    """Orders and messages are freed by their counts alone; cycles are rare. The collector looks at
    what the process made at the start never again, and at the rest seldom, so that its pauses do
    not grow with the books."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _run(prepared: Prepared, console: Console) -> int:
    config = prepared.config
    stopped = asyncio.Event()
    _settle_garbage_collector()
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        stopped.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    clock = _clock(config, prepared.recovered)
    service = _service(prepared, clock, fail)
    walker = ClockWalker(clock, service) if isinstance(clock, VirtualClock) else None
    loop.set_exception_handler(_stop_for_bugs(service))
    _log_recovery(prepared.recovered)
    remove_ready(prepared.directory)
    try:
        service.start(config.settings.encode())
    except JournalError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return EXIT_FAILED
    faults = _faults(config, service)
    book = _access_book(prepared, service)
    maker, maker_commands = maker_process(prepared, service)
    doctor = _doctor(config, service, book)
    handlers = (
        session_commands(service, doctor)
        | clock_commands(clock, walker)
        | fault_commands(faults)
        | maker_commands
        | _operators_commands(prepared, service, book)
    )
    control = ControlServer(prepared.directory, handlers)
    try:
        control.start()
    except OSError as error:
        fail(error)
    listeners = _listen(prepared, service, book, faults, doctor)
    _tell_ready(prepared, control.path, console)
    history, feeds = history_process(prepared), feeds_process(prepared)
    if maker is not None:
        maker.start()
    await stopped.wait()
    remove_ready(prepared.directory)
    await _ended(maker)  # while the venue still takes its cancels
    for listener in listeners:
        listener.stop_accepting()
    control.stop()
    if walker is not None:
        await walker.stop()
    if faults is not None:
        faults.close()
    await asyncio.gather(service.stop(STOP_TEXT, STOP_WAIT_S), _ended(feeds))
    for listener in listeners:
        listener.abort_links()
    await _ended(history)
    return _told(failures)


async def _ended(process: ChildProcess | None) -> None:
    if process is not None:
        await asyncio.to_thread(process.stop)


def _tell_ready(prepared: Prepared, control: Path, console: Console) -> None:
    """Say to programs and people how to reach the venue, which listens."""
    config = prepared.config
    document = ready_document(
        config, prepared.tls, os.getpid(), plain=prepared.options.plain, control=control
    )
    write_ready(prepared.directory, document)
    print_ready(prepared.directory, document, console, brokers=sub_accounts(config))
    _log.info("ready", profile=config.profile, ports=config.ports, pid=os.getpid())


def _told(failures: list[BaseException]) -> int:
    """The exit code of a venue that has stopped, once its failures are told."""
    for failure in failures:
        _log.error("failed", error=str(failure))
        print(f"tidegate: {failure}", file=sys.stderr)
    return EXIT_FAILED if failures else 0


def _service(
    prepared: Prepared, clock: Clock, fail: Callable[[BaseException], None]
) -> VenueService:
    return VenueService(
        prepared.recovered.venue,
        prepared.recovered.journal,
        Snapshots(prepared.directory),
        durability=prepared.config.durability,
        snapshot_every_records=prepared.config.snapshot_every_records,
        busy_poll_us=prepared.config.busy_poll_us,
        clock=clock,
        workers=ThreadWorkers(),
        fail=fail,
        doorbell=prepared.doorbell,
    )


def _clock(config: VenueConfig, recovered: Recovered) -> Clock:
    """The machine's clock, or one that stands where time has got to: now, or where the journal
    was moved to before."""
    if config.clock == "system":
        return SteadyClock(recovered.venue.now_ns)
    return VirtualClock(max(time.time_ns(), recovered.venue.now_ns))


def _access_book(prepared: Prepared, service: VenueService) -> AccessBook:
    """Who may log on. What operators have added and can not be used is told in the log."""
    book, left_out = access_book(prepared.config, service.venue, prepared.secrets)
    for name in left_out:
        _log.warning("added_name_left_out", name=name)
    return book


def _operators_commands(prepared: Prepared, service: VenueService, book: AccessBook) -> Commands:
    directory = DirectoryCommands(service, prepared.config, book, prepared.secrets)
    return (
        market_commands(service)
        | account_commands(service)
        | fee_commands(service)
        | order_commands(service)
        | directory.handlers()
    )


def _faults(config: VenueConfig, service: VenueService) -> FaultPlan | None:
    """The faults of the configuration, and room for more; None in production."""
    target = VenueTarget(service)
    target.take_back()
    if config.profile == "production":
        return None
    plan = FaultPlan(target)
    for fault in config.faults:
        plan.add(fault)
    return plan


def _stop_for_bugs(service: VenueService) -> Any:
    """What the loop does about an exception nobody caught. It left the venue in the middle of a
    record: nothing of it may reach the journal, and a start from there sets it right."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) or error is None:  # of one connection
            _log.warning("connection_failed", reason=str(error or context.get("message", "")))
            return
        _log.error("broken", reason=context.get("message", ""), exc_info=error)
        service.stop_for(error)

    return handle


def _doctor(config: VenueConfig, service: VenueService, book: AccessBook) -> LogonDoctor | None:
    """Who explains failed logons of trading; None in production."""
    if config.profile == "production":
        return None
    return LogonDoctor(service, book.sessions, book.keys, config.ports)


def _listen(
    prepared: Prepared,
    service: VenueService,
    book: AccessBook,
    faults: FaultPlan | None,
    doctor: LogonDoctor | None,
) -> list[Listener]:
    config = prepared.config
    tls = None if prepared.options.plain else server_context(prepared.tls, config.tls.minimum)
    # A quarter of the descriptors at most: sessions, the journal and snapshots need theirs.
    strangers_max = min(STRANGERS_MAX, _descriptors() // 4 // len(prepared.sockets))
    listeners: list[Listener] = []
    shares = Shares()
    for name, bound in prepared.sockets.items():
        listener = Listener(
            service,
            Authenticator(service, name, book.sessions, book.keys),
            tls=tls,
            logon_timeout_s=config.logon_timeout_s,
            logons_per_second_max=config.logons_per_second_max,
            shares=shares,
            strangers_max=strangers_max,
            laboratory=faults,
            doctor=doctor,
        )
        listener.start(bound)
        listeners.append(listener)
    return listeners


def _descriptors() -> int:
    """How many files and connections the process may have open: as many as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return DESCRIPTORS_WANTED if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _log_recovery(recovered: Recovered) -> None:
    if recovered.repair is not None:
        _log.warning("journal_tail_cut", repair=str(recovered.repair))
    for damaged in recovered.damaged_snapshots:
        _log.warning("snapshot_damaged", path=str(damaged.path), reason=damaged.reason)
    _log.info(
        "recovered",
        snapshot_position=recovered.snapshot_position,
        records_replayed=recovered.records_replayed,
        open_orders=recovered.venue.engine.open_order_count,
    )
