"""The venue's process in a simulated world: started, killed, stopped, and what it runs on.

Everything in it is the real thing: recovery, service, journal, links, authentication. Simulated are
the loop, the disk, the network and the clock, and the two threads of the service, whose work is
done at a moment drawn from the seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from tidegate.clock import SteadyClock
from tidegate.config.values import ApiKey, SessionAccess, SessionId
from tidegate.gateway.authentication import Authenticator
from tidegate.gateway.link import Link, Links
from tidegate.gateway.shares import Shares
from tidegate.journal import Durability, JournalError, JournalFailed, load_latest_snapshot
from tidegate.lab.sim.audit import Auditor, Wire
from tidegate.lab.sim.loop import Scheduler, SimLoop
from tidegate.lab.sim.network import ClientEnd, Line, Weather
from tidegate.lab.sim.storage import Crashed, FaultyStorage
from tidegate.lab.sim.violation import Violation, require
from tidegate.model.time import NS_PER_MS
from tidegate.recovery import (
    SNAPSHOT_DIRECTORY,
    Recovered,
    Snapshots,
    load_snapshot,
    recover,
    snapshot_body,
)
from tidegate.service import VenueService
from tidegate.venue.controls import ControlRefused
from tidegate.venue.machine import Venue

DATA_DIRECTORY = Path("/data")
SERVICE = "spot"
STOP_TEXT = b"Venue is stopping"
STOP_WAIT_S = 2.0
STRANGERS_MAX = 16
LOGON_TIMEOUT_S = 5.0
LOGONS_PER_SECOND_MAX = 100


class SimWorkers:
    """`tidegate.workers.Workers` without threads: what is asked for is done a drawn time later."""

    def __init__(self, scheduler: Scheduler, loop: SimLoop, random: Random, sync_ns: int) -> None:
        self._scheduler = scheduler
        self._loop = loop
        self._random = random
        self._sync_ns = sync_ns
        self._sync_asked = False
        self._reported_ns = 0  # results reach the loop in order
        self._pending = 0
        self._snapshot_under_way = False

    def start_syncing(
        self,
        sync: Callable[[], int],
        done: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """See `Workers.start_syncing`."""
        self._sync = sync
        self._done = done
        self._failed = failed

    def want_sync(self) -> None:
        """See `Workers.want_sync`."""
        if not self._sync_asked:
            self._sync_asked = True
            self._later(self._sync_ns, self._run_sync)

    def write_snapshot(
        self, write: Callable[[], None], failed: Callable[[BaseException], None]
    ) -> None:
        """See `Workers.write_snapshot`."""
        self._snapshot_under_way = True

        def run() -> None:
            try:
                write()
            except JournalError as error:
                self._later(NS_PER_MS, partial(failed, error))
            self._snapshot_under_way = False

        self._later(20 * self._sync_ns, run)

    @property
    def snapshot_under_way(self) -> bool:
        """See `Workers.snapshot_under_way`."""
        return self._snapshot_under_way

    async def finish(self) -> None:
        """See `Workers.finish`."""
        while self._pending:
            await asyncio.sleep(0.001)

    def _run_sync(self) -> None:
        self._sync_asked = False
        try:
            position = self._sync()
        except JournalError as error:
            self._report(partial(self._failed, error))
            return
        self._report(partial(self._done, position))

    def _report(self, result: Callable[[], None]) -> None:
        at_ns = self._scheduler.now_ns + self._random.randrange(NS_PER_MS)
        self._reported_ns = max(self._reported_ns, at_ns)
        self._later(self._reported_ns - self._scheduler.now_ns, result, exactly=True)

    def _later(self, most_ns: int, work: Callable[[], None], *, exactly: bool = False) -> None:
        self._pending += 1

        def run() -> None:
            self._pending -= 1
            work()

        delay_ns = most_ns if exactly else self._random.randrange(most_ns + 1)
        self._scheduler.after(delay_ns, lambda: self._loop.run_now(run))


class Machine:
    """What outlives the process: the disk, the clock, and the configuration."""

    def __init__(
        self,
        scheduler: Scheduler,
        random: Random,
        *,
        settings: bytes,
        sessions: dict[SessionId, SessionAccess],
        keys: dict[str, ApiKey],
        durability: Durability,
        segment_bytes_max: int,
        snapshot_every_records: int,
        sync_ns: int,
        wall_ns: Callable[[], int],
        storage: FaultyStorage,
    ) -> None:
        self.scheduler = scheduler
        self.random = random
        self.settings = settings
        self.sessions = sessions
        self.keys = keys
        self.durability: Durability = durability
        self.segment_bytes_max = segment_bytes_max
        self.snapshot_every_records = snapshot_every_records
        self.sync_ns = sync_ns
        self.wall_ns = wall_ns
        self.storage = storage
        self.auditor = Auditor(DATA_DIRECTORY, synced_only=durability == "disk")


class Process:
    """One life of the venue's process, from start to death. `ended` is called once, with whether
    it ended by itself in good order."""

    def __init__(self, machine: Machine, ended: Callable[[], None]) -> None:
        self.machine = machine
        self.lines: list[Line] = []
        self.is_up = True
        self.is_serving = False
        self.is_stopping = False
        self.failure: BaseException | None = None  # why it ended by itself
        self.violation: Violation | None = None
        self.recovered: Recovered | None = None
        self.service: VenueService | None = None
        self.loop = SimLoop(machine.scheduler, self._caught)
        self._ended = ended

    @property
    def venue(self) -> Venue:
        assert self.recovered is not None
        return self.recovered.venue

    def start(self) -> None:
        """Recover and begin to serve; it may die on the way."""
        self.loop.run_now(self._start)

    def _start(self) -> None:
        machine = self.machine
        self.recovered = recover(
            DATA_DIRECTORY,
            durability=machine.durability,
            segment_bytes_max=machine.segment_bytes_max,
            storage=machine.storage,
        )
        damaged = [snapshot.path.name for snapshot in self.recovered.damaged_snapshots]
        require(not damaged, "snapshot_damaged", f"a crash has damaged {', '.join(damaged)}")
        _check_snapshot(machine.storage)
        machine.auditor.advance(machine.storage)
        machine.auditor.check_kept(machine.storage)
        clock = SteadyClock(
            self.venue.now_ns,
            wall_ns=machine.wall_ns,
            monotonic_ns=lambda: machine.scheduler.now_ns,
        )
        self.service = VenueService(
            self.venue,
            self.recovered.journal,
            Snapshots(DATA_DIRECTORY, machine.storage),
            durability=machine.durability,
            snapshot_every_records=machine.snapshot_every_records,
            busy_poll_us=0,
            fail=self._fail,
            clock=clock,
            workers=SimWorkers(machine.scheduler, self.loop, machine.random, machine.sync_ns),
        )
        self.service.start(machine.settings)
        self._authenticator = Authenticator(self.service, SERVICE, machine.sessions, machine.keys)
        self._links = Links(
            strangers_max=STRANGERS_MAX,
            logon_timeout_s=LOGON_TIMEOUT_S,
            logons_per_second_max=LOGONS_PER_SECOND_MAX,
            shares=Shares(self.loop.time),
        )
        self.is_serving = self.is_up and self.failure is None

    def connect(self, client: ClientEnd, random: Random, weather: Weather) -> Line | None:
        """A client connects; None where nobody listens."""
        if not self.is_serving or self.is_stopping:
            return None
        machine = self.machine
        wire = Wire()
        line = Line(
            machine.scheduler, random, weather, self.loop, client,
            lambda data: machine.auditor.written(wire, data, machine.storage),
        )  # fmt: skip
        self.lines = [known for known in self.lines if known.is_up]
        self.lines.append(line)

        def accept() -> None:
            assert self.service is not None
            number = self._links.admit("127.0.0.1")
            link = Link(self.service, self._authenticator, self._links, number, tls=True)
            line.transport.open(link)

        self.loop.run_now(accept)
        return line

    def control(self, kind: int, session: int, data: bytes) -> bool:
        """Ask for a control; whether the venue accepted it."""
        accepted = False

        def ask() -> None:
            nonlocal accepted
            assert self.service is not None
            try:
                done = asyncio.ensure_future(self.service.control(kind, session, data))
            except ControlRefused:
                return
            accepted = True
            done.add_done_callback(lambda done: done.exception())  # a dead journal is no surprise

        if self.is_serving and not self.is_stopping:
            self.loop.run_now(ask)
        return accepted

    def kill(self) -> None:
        """The process is gone, at once."""
        self._die()

    def stop(self) -> None:
        """Ask it to stop, as SIGTERM does."""
        if not self.is_serving or self.is_stopping:
            return
        self.is_stopping = True
        self.loop.run_now(self._begin_stop)

    def _begin_stop(self) -> None:
        task = self.loop.create_task(self._stop())
        task.add_done_callback(self._stopped)

    async def _stop(self) -> None:
        assert self.service is not None
        assert self.recovered is not None
        await self.service.stop(STOP_TEXT, STOP_WAIT_S)
        for link in list(self._links.all.values()):
            link.abort()
        await asyncio.sleep(0.001)
        if self.failure is None:
            self.recovered.journal.close()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        error = task.exception()
        if error is not None:
            self._caught(error)
        self._die()

    def _fail(self, error: BaseException) -> None:
        """The service says that it can not go on: the process stops, as `app` does it."""
        self.failure = error
        if not isinstance(error, JournalFailed):
            self._broken(error)
        self.is_stopping = True
        self._begin_stop()

    def _caught(self, error: BaseException) -> None:
        """Something was raised that nobody in the process caught."""
        if isinstance(error, Violation):
            self.violation = self.violation or error
        elif not isinstance(error, Crashed | JournalFailed):
            self._broken(error)
        if isinstance(error, JournalFailed):
            self.failure = error
        self._die()

    def _broken(self, error: BaseException) -> None:
        if self.violation is None:
            name = f"raised {type(error).__name__}"
            self.violation = Violation(name, str(error))
            self.violation.__cause__ = error

    def _die(self) -> None:
        if not self.is_up:
            return
        self.is_up = self.is_serving = False
        self.loop.die()
        for line in self.lines:
            line.drop()
        self._ended()


def _check_snapshot(storage: FaultyStorage) -> None:
    """What is loaded from the latest snapshot is what was saved: nothing is forgotten."""
    found = load_latest_snapshot(DATA_DIRECTORY / SNAPSHOT_DIRECTORY, storage=storage).snapshot
    if found is None:
        return
    venue = Venue()
    load_snapshot(venue, found.body)
    said = f"of log position {found.log_position} is another one once it is loaded"
    require(snapshot_body(venue) == found.body, "snapshot_restored", said)
