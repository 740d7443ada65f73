"""A world from a seed: the venue, its machine, its clients, the network, and what goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from random import Random

from tidegate.lab.sim import faults
from tidegate.lab.sim.clients import Trader
from tidegate.lab.sim.control import CONTROL_NAMES
from tidegate.lab.sim.fold import SessionFold
from tidegate.lab.sim.hostile import Hostile, Stranger
from tidegate.lab.sim.invariants import check_all, check_state
from tidegate.lab.sim.loop import Scheduler
from tidegate.lab.sim.network import ClientEnd, Line, Weather
from tidegate.lab.sim.process import DATA_DIRECTORY, Machine, Process
from tidegate.lab.sim.scenario import (
    DAY_START_NS,
    SESSIONS,
    Scenario,
    accesses,
    keys,
    venue_settings,
)
from tidegate.lab.sim.storage import FaultyStorage
from tidegate.lab.sim.violation import Violation, require
from tidegate.model.settings import VenueSettings
from tidegate.model.time import NS_PER_MS, NS_PER_S
from tidegate.recovery import verify
from tidegate.venue.controls import MUTE_HEARTBEATS, MuteHeartbeats

PULSE_NS = 50 * NS_PER_MS
SETTLE_S_MAX = 400  # of virtual time; what has not come to rest by then never will
REST_NS = 100 * NS_PER_MS  # so long nothing may be open; heartbeats go on
STRANGER_RATE = 0.02


class World:
    """One run. `run` raises `Violation`; `counts` and `digest` tell what happened."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        storage: FaultyStorage | None = None,
        settings: VenueSettings | None = None,
    ) -> None:
        """The disk is empty, and the settings are the scenario's, unless they are given."""
        self.scenario = scenario
        self.counts: Counter[str] = Counter()
        self.scheduler = Scheduler()
        self.skew_ns = 0  # of the venue's machine against the true time
        self.loses_power = False
        self.crash_next_recovery = False
        self.leap_at_restart_s = 0
        self.lines: list[Line] = []
        self.trace_lines: list[str] | None = None
        self._leap_ns = 0
        self._start_ns = DAY_START_NS + scenario.start_s * NS_PER_S
        self._trace = sha256()
        self._calm = False
        self._idle_until_ns = 0
        self._steps = 0
        self._checked_position = -1
        self._random = self._drawn("world")
        self._network = self._drawn("network")
        self._fault_randoms = {name: self._drawn(name) for name in faults.ALL}
        self._weather = Weather(
            jitter=scenario.jitter, split=scenario.split, buffer_bytes=scenario.buffer_bytes
        )
        self.settings = settings or venue_settings(scenario)
        self.machine = Machine(
            self.scheduler,
            self._drawn("machine"),
            settings=self.settings.encode(),
            sessions=accesses(),
            keys=keys(),
            durability=scenario.durability,
            segment_bytes_max=scenario.segment_bytes_max,
            snapshot_every_records=scenario.snapshot_every_records,
            sync_ns=scenario.sync_us * 1_000,
            wall_ns=lambda: self.now_ns + self.skew_ns,
            storage=storage or FaultyStorage(),
        )
        self.process: Process | None = None
        names = list(SESSIONS)[: scenario.clients]
        self.clients: list[Trader] = [
            Trader(self, name, self._drawn(name), self.counts) for name in names
        ]
        if scenario.hostile:
            self.clients.append(Hostile(self, "EVIL", self._drawn("EVIL"), self.counts))

    def _drawn(self, name: str) -> Random:
        """A stream of chance for one purpose: without one fault the others stay as they are."""
        return Random(f"{name} {self.scenario.seed}")

    # --- what clients and faults ask --------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The true time of the day, in nanoseconds since 1970 UTC."""
        return self._start_ns + self._leap_ns + self.scheduler.now_ns

    @property
    def serving(self) -> bool:
        return self.process is not None and self.process.is_serving

    def after(self, delay_ns: int, action: Callable[[], object]) -> None:
        self.scheduler.after(delay_ns, action)

    def connect(self, client: ClientEnd) -> Line | None:
        if self.process is None:
            return None
        line = self.process.connect(client, self._network, self._weather)
        if line is not None:
            self.lines = [known for known in self.lines if known.is_up]
            self.lines.append(line)
        return line

    def told(self, name: str) -> SessionFold:
        """What was promised on a session. A client may be connected, and cut off, before the
        settings of the very first start are durable: then nothing was, not even the session."""
        sessions = self.machine.auditor.fold.sessions
        index = self.session_index(name)
        return sessions[index] if sessions else SessionFold(self.settings.sessions[index])

    def session_index(self, name: str) -> int:
        """The venue's number of a client's session."""
        return next(
            index
            for index, session in enumerate(self.settings.sessions)
            if session.sender_comp_id == name
        )

    def control(self, kind: int, session: int, data: bytes) -> bool:
        """Have the venue do a control (`venue.controls`); whether it accepted it."""
        done = self.process is not None and self.process.control(kind, session, data)
        if done:
            self.counts["control " + CONTROL_NAMES[kind]] += 1
            self.trace(f"control {CONTROL_NAMES[kind]} {session}", data)
        return done

    def trace(self, what: str, data: bytes = b"") -> None:
        self._trace.update(b"%d %s %s\n" % (self.scheduler.now_ns, what.encode(), data))
        if self.trace_lines is not None:
            shown = data.replace(b"\x01", b"|").decode("latin-1")
            self.trace_lines.append(f"{self.scheduler.now_ns / 1e9:.6f} {what} {shown}")

    def storm(self, length_ns: int) -> None:
        weather = self._weather
        weather.jitter, weather.split = 0.5, 0.9

        def over() -> None:
            weather.jitter, weather.split = self.scenario.jitter, self.scenario.split

        self.after(length_ns, over)

    def set_clock_right(self) -> None:
        self.skew_ns = 0

    def idle(self, length_ns: int) -> None:
        self._idle_until_ns = self.scheduler.now_ns + length_ns

    def kill(self) -> bool:
        serving = self.serving
        if self.process is not None and serving:
            self.process.kill()
        return serving

    def restart(self) -> bool:
        serving = self.serving
        if self.process is not None and serving:
            self.process.stop()
        return serving

    # --- the process' lives -----------------------------------------------------------------------

    def _start_process(self) -> None:
        self.trace("start")
        storage = self.machine.storage
        if self.crash_next_recovery:
            self.crash_next_recovery = False
            storage.crash_at = self._random.randrange(60)
            storage.crash_portion = self._random.choice((0.0, 0.5, 1.0))
        process = self.process = Process(self.machine, self._process_ended)
        process.start()
        recovered = process.recovered
        if recovered is not None:
            if not process.is_serving:
                self.counts["died after recovery"] += 1
            self.counts[
                "recovery with " + ("snapshot" if recovered.snapshot_position else "log")
            ] += 1
            if recovered.repair is not None:
                self.counts["recovery repaired a torn tail"] += 1
                self.counts["recovery cut whole batches"] += recovered.repair.batches_cut > 0
        self._checked_position = -1

    def _process_ended(self) -> None:
        process = self.process
        assert process is not None
        if process.violation is not None:
            raise process.violation
        died_in_call = self.machine.storage.is_dead
        how = "in a call" if died_in_call else "failed" if process.failure else "ended"
        if process.recovered is None:
            how += " in recovery"
        self.counts["process " + how] += 1
        self.trace("process " + how)
        if self.loses_power:
            self.loses_power = False
            random = self._fault_randoms["power_loss"]
            self.machine.storage = faults.after_power_loss(self.machine.storage, random)
        else:
            self.machine.storage = self.machine.storage.restarted()
        self.process = None
        self._leap_ns += self.leap_at_restart_s * NS_PER_S
        self.leap_at_restart_s = 0
        self.after(self._random.randrange(1, 2_000) * NS_PER_MS, self._start_process)

    # --- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """The whole life of the world. Raises `Violation`."""
        self.begin()
        self._step()
        while self._steps < self.scenario.steps:
            self._happen()
        self._settle()
        self._check_end()

    def begin(self) -> None:
        """Start the venue, and let the clients connect."""
        self._start_process()
        self._pulse()

    def run_for(self, length_ns: int) -> None:
        """Let time pass, without steps: nobody does anything of his own accord but connect."""
        end_ns = self.scheduler.now_ns + length_ns
        while self.scheduler.now_ns < end_ns:
            self._happen()

    def _happen(self) -> None:
        if not self.scheduler.step():
            raise Violation("stuck", "nothing happens any more")
        process = self.process
        if process is None:
            return
        if process.violation is not None:
            raise process.violation
        if process.is_serving and process.failure is None and process.recovered is not None:
            position = process.recovered.journal.tail_position
            if position != self._checked_position:
                self._checked_position = position
                self._check_now(process, position)

    def _check_now(self, process: Process, tail_position: int) -> None:
        venue = process.venue
        auditor = self.machine.auditor
        auditor.advance(self.machine.storage)
        if venue.turn_records == 0 and auditor.position == tail_position:
            check_all(venue, self.settings, auditor.fold)
        else:
            check_state(venue, self.settings, auditor.fold)

    def _pulse(self) -> None:
        for client in self.clients:
            client.pulse()
        self.after(PULSE_NS, self._pulse)

    def _step(self) -> None:
        if self._calm:
            return
        self._steps += 1
        scenario = self.scenario
        if self.scheduler.now_ns >= self._idle_until_ns:
            self._random.choice(self.clients).act()
            for name, rate in scenario.rates.items():
                random = self._fault_randoms[name]
                if random.random() < rate / 100 and faults.ALL[name](self, random):
                    self.counts["fault " + name] += 1
                    self.trace("fault " + name)
            if scenario.strangers and self._random.random() < STRANGER_RATE:
                self._visit()
        delay_ns = int(self._random.expovariate(1 / (scenario.step_us * 1_000))) + 1
        if self.scheduler.now_ns < self._idle_until_ns:
            delay_ns = self._idle_until_ns - self.scheduler.now_ns
        self.after(delay_ns, self._step)

    def _visit(self) -> None:
        stranger = Stranger(self, self._random, self.counts)
        line = self.connect(stranger)
        if line is not None:
            stranger.visit(line)

    # --- the end ----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Faults off: everything must come to rest, and everybody get what is his."""
        self._calm = True
        self.trace("calm")
        self.set_clock_right()
        self._weather.jitter = self._weather.split = 0.0
        storage = self.machine.storage
        storage.write_bytes_max = storage.read_bytes_max = storage.free_bytes = None
        storage.failing.clear()
        storage.crash_at = None
        self.loses_power = self.crash_next_recovery = False
        deadline_ns = self.scheduler.now_ns + SETTLE_S_MAX * NS_PER_S
        rest_since_ns = -1
        while rest_since_ns < 0 or self.scheduler.now_ns - rest_since_ns < REST_NS:
            self._happen()
            self._unmute()
            if not self._at_rest():
                rest_since_ns = -1
            elif rest_since_ns < 0:
                rest_since_ns = self.scheduler.now_ns
            if self.scheduler.now_ns > deadline_ns:
                raise Violation("never_at_rest", self._unrest())

    def _unmute(self) -> None:
        """Controls are in the journal: they outlive the process, and are to be taken back."""
        process = self.process
        if process is None or not process.is_serving:
            return
        for session in process.venue.sessions:
            if session.muted:
                self.control(MUTE_HEARTBEATS, session.index, MuteHeartbeats(on=False).encode())

    def _at_rest(self) -> bool:
        process = self.process
        healthy = process is not None and process.is_serving and not process.is_stopping
        return healthy and not any(self._restless(client) for client in self.clients)

    def _restless(self, client: Trader) -> str:
        """Why a client has not got everything yet; empty if it has."""
        if not client.strict:
            return ""
        if not client.core.is_logged_on:
            return "not logged on"
        if not client.core.is_in_sequence:
            return "a gap is open"
        told = self.told(client.name)
        behind = len(told.frames) + 1 - client.core.numbers.next_incoming
        return f"{behind} messages behind" if behind else ""

    def _unrest(self) -> str:
        reasons = [f"{c.name}: {why}" for c in self.clients if (why := self._restless(c))]
        return ", ".join(reasons) or "the venue does not serve"

    def _check_end(self) -> None:
        """Ledgers, orderly logouts, a clean stop, and the replay of everything."""
        for client in self.clients:
            if client.strict:
                client.ledger.check_complete(self.told(client.name))
            client.wants_session = False
        deadline_ns = self.scheduler.now_ns + SETTLE_S_MAX * NS_PER_S
        process = self.process
        assert process is not None
        while any(session.link for session in process.venue.sessions):
            for client in self.clients:
                if client.core.is_logged_on:  # some log on only now
                    client.core.logout(self.now_ns)
                    client.pump()
            self._happen()
            if self.scheduler.now_ns > deadline_ns:
                raise Violation("never_at_rest", "a session stays up after the logouts")
        digest = process.venue.digest
        process.stop()
        while self.process is process:
            self._happen()
        self._check_replay(digest())

    def _check_replay(self, digest: str) -> None:
        found = verify(DATA_DIRECTORY, storage=self.machine.storage)
        require(found.digest == digest, "replay", f"digest {found.digest} is not {digest}")
        unequal = [str(position) for position in found.snapshots_unequal]
        require(not unequal, "replay", f"snapshots at {', '.join(unequal)} are not the state")
        self.counts["snapshots compared"] += len(found.snapshots_equal)
        self.counts.update(self.machine.auditor.fold.counts)
        self.trace("end " + found.digest)

    @property
    def digest(self) -> str:
        """Of everything that happened: equal for equal runs."""
        return self._trace.hexdigest()
