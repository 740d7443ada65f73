"""One venue in a real process, its clients in theirs, and somebody who kills and freezes them.

Everything is drawn from a seed: what is done, when, and what the clients send. The machine's timing
is its own, so a seed repeats the plan and not every byte.
"""

from __future__ import annotations

import random
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.app.venue import Venue, environment
from tests.flow.witness import Witness
from tests.torture.audit import Auditor, Session
from tests.torture.client import DEAD_AFTER_S, Spec
from tests.torture.ledger import LedgerReader
from tidegate.recovery import verify

SETTLE_WAIT_S = 40.0
STOP_WAIT_S = 15.0
LOAD_S_MAX = 0.6  # between an audit and the next blow
FREEZE_S = (0.2, DEAD_AFTER_S + 1.2)  # short of anybody's patience, and beyond it
SNAPSHOT_WAIT_S = 1.0
_LOOK_S = 0.0005

CONFIG = """
[venue]
snapshot_every_records = 400
segment_bytes = 131072

[session_defaults]
heartbeat_min_s = 1
errors_per_second_max = 100000

[[firm]]
name = "ACME"
[[firm.account]]
id = "ACME-1"
balances = { USD = "100000000", BTC = "10000" }
[[firm.key]]
name = "desk"
[[firm.key]]
name = "bound"
[[firm.session]]
sender_comp_id = "ACME"
keys = ["desk"]
[[firm.session]]
sender_comp_id = "ACME-BOUND"
keys = ["bound"]

[[firm]]
name = "BETA"
[[firm.account]]
id = "BETA-1"
balances = { USD = "100000000", BTC = "10000" }
[[firm.session]]
sender_comp_id = "BETA"

[[firm]]
name = "PRIME"
broker = true
[[firm.account]]
id = "PRIME-1"
[[firm.account.sub_account]]
id = "PRIME-1-A"
balances = { USD = "100000000", BTC = "10000" }
[[firm.account.sub_account]]
id = "PRIME-1-B"
balances = { USD = "100000000", BTC = "10000" }
[[firm.session]]
sender_comp_id = "PRIME"
"""

# SenderCompID, account, whether its orders outlive a lost line, sub-accounts
CLIENTS = (
    ("ACME", "ACME-1", True, ()),
    ("ACME-BOUND", "ACME-1", False, ()),
    ("BETA", "BETA-1", True, ()),
    ("PRIME", "PRIME-1", False, ("PRIME-1-A", "PRIME-1-B")),
)

# What is done to the venue, and how often of a hundred. A kill `starting` hits the start before it
# is ready, `logon` the moment the clients come back, `snapshot` the writing of one.
BLOWS = {
    "kill": 30,
    "kill starting": 16,
    "kill at logon": 12,
    "kill in snapshot": 14,
    "freeze and kill": 8,
    "freeze": 10,
    "kill a client": 10,
}


@dataclass(frozen=True)
class Plan:
    """What one venue goes through. `kills` are those of the venue."""

    directory: Path
    seed: int
    kills: int
    durability: str
    plain: bool


@dataclass
class Outcome:
    """`failure` is empty where every audit passed."""

    plan: Plan
    counts: Counter[str] = field(default_factory=Counter)
    kills: int = 0  # of the venue
    seconds: float = 0.0
    failure: str = ""


class ClientProcess:
    """`tests.torture.client` on one ledger, started again at will."""

    def __init__(self, spec: Spec, log: Path) -> None:
        self.spec = spec
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.torture.client", self.spec.to_json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                cwd=Path(__file__).resolve().parents[2],
            )

    def tell(self, command: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(command + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(self._why()) from None

    def await_settled(self, deadline_s: float) -> None:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], deadline_s - time.monotonic())
        assert ready, f"{self.spec.login.sender_comp_id} has not settled in {SETTLE_WAIT_S} s"
        assert self.process.stdout.readline() == b"settled\n", self._why()

    def _why(self) -> str:
        self.process.wait(STOP_WAIT_S)
        return f"{self.spec.login.sender_comp_id} gave up:\n{self._log.read_text()[-3000:]}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_WAIT_S)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):  # a command it did not live to read
                if pipe is not None:
                    pipe.close()

    def stop(self) -> None:
        self.tell(b"stop")
        assert self.process.wait(STOP_WAIT_S) == 0, self._why()
        self.kill()


class Supervisor:
    """Plays one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed)
        self.counts: Counter[str] = Counter()
        self.kills = 0
        self._venue = Venue(
            plan.directory / "data",
            plain=plan.plain,
            config=CONFIG,
            arguments=["--durability", plan.durability, "--log-level", "warning"],
        )
        self._clients: list[ClientProcess] = []
        self._auditor: Auditor | None = None
        self._start_s = 0.0

    def play(self) -> None:
        """Raises `AssertionError` at the first difference; every process is ended in any case."""
        try:
            self._start()
            self._meet_clients()
            self._audit()
            self._trade()
            while self.kills < self._plan.kills:
                self._blow()
            self._end()
        finally:
            for client in self._clients:
                client.kill()
            self._venue.signal(signal.SIGCONT)
            self._venue.kill()

    def _start(self) -> None:
        began_s = time.monotonic()
        self._venue.start()
        self._start_s = time.monotonic() - began_s
        self.counts["starts"] += 1
        self.counts["milliseconds to start"] += int(self._start_s * 1000)

    def _meet_clients(self) -> None:
        sessions = []
        for number, (name, account, leave_orders, alloc_accounts) in enumerate(CLIENTS):
            ledger = self._plan.directory / f"{name}.ledger"
            login = self._venue.login(name)
            seed = self._plan.seed * 100 + number
            spec = Spec(login, str(ledger), seed, leave_orders, alloc_accounts)
            log = self._plan.directory / f"{name}.log"
            self._clients.append(ClientProcess(spec, log))
            sessions.append(Session(name, leave_orders, LedgerReader(ledger), Witness(account)))
        self._auditor = Auditor(self._venue.data, sessions)

    # --- blows -----------------------------------------------------------------------------------

    def _blow(self) -> None:
        blow = self._random.choices(list(BLOWS), list(BLOWS.values()))[0]
        moment = self._random.random()
        # The venue is up and its clients trade: how long is the first thing that differs.
        time.sleep(moment * LOAD_S_MAX)
        if blow == "freeze":
            self._freeze()
            self._venue.signal(signal.SIGCONT)
        elif blow == "kill a client":
            client = self._random.choice(self._clients)
            client.kill()
            client.start()
        else:
            if blow == "kill in snapshot":
                self._await_snapshot()
            elif blow == "freeze and kill":
                self._freeze()
            self._kill()
            if blow == "kill starting":
                self._venue.launch()
                time.sleep(self._random.random() * self._start_s)
                self._kill()
            elif blow == "kill at logon":
                self._start()
                time.sleep(self._random.random() * 0.15)
                self._kill()
            self._start()
        self.counts[blow] += 1
        self._audit()
        self._trade()

    def _freeze(self) -> None:
        """Every line stays up, nothing is read or answered."""
        self._venue.signal(signal.SIGSTOP)
        time.sleep(self._random.uniform(*FREEZE_S))
        self.counts["freezes"] += 1

    def _kill(self) -> None:
        self._venue.kill()
        self.kills += 1
        left = (self._venue.data / "snapshots").glob("*.tmp")
        self.counts["snapshots cut short"] += len(list(left))

    def _await_snapshot(self) -> None:
        """Until one is being written, or not for long: then the kill is like any other."""
        directory = self._venue.data / "snapshots"
        deadline_s = time.monotonic() + SNAPSHOT_WAIT_S
        while time.monotonic() < deadline_s:
            if any(path.suffix == ".tmp" for path in directory.iterdir()):
                return
            time.sleep(_LOOK_S)

    # --- audits ----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Twice: when all requests of all clients are answered, what they did to others may still
        be on its way."""
        for _ in range(2):
            deadline_s = time.monotonic() + SETTLE_WAIT_S
            for client in self._clients:
                client.tell(b"settle")
            for client in self._clients:
                client.await_settled(deadline_s)

    def _audit(self) -> None:
        assert self._auditor is not None
        self._settle()
        audit = self._auditor.audit()
        self.counts["audits"] += 1
        self.counts["batches"] += audit.batches
        self.counts["audits from a snapshot"] += audit.from_snapshot

    def _trade(self) -> None:
        for client in self._clients:
            client.tell(b"trade")

    def _end(self) -> None:
        """An orderly end, and the whole journal once more from its first record."""
        assert self._auditor is not None
        self._settle()
        for client in self._clients:
            client.stop()
        assert self._venue.stop() == 0, self._venue.log_text()[-3000:]
        digest = self._auditor.audit().digest
        self.counts["audits"] += 1
        verification = verify(self._venue.data)
        assert verification.digest == digest
        assert not verification.snapshots_unequal
        log = self._venue.log_text()
        assert "Traceback" not in log, log[-3000:]
        self.counts["torn tails repaired"] += log.count("journal_tail_cut")
        self.counts.update(self._auditor.counts)
        self.counts["replayed"] += sum(s.replayed for s in self._auditor.sessions)


def play(plan: Plan) -> Outcome:
    """For a process of its own: what came of a plan, with the failure as text. The directory of a
    plan that passed is removed."""
    plan.directory.mkdir(parents=True)
    outcome = Outcome(plan)
    began_s = time.monotonic()
    supervisor = Supervisor(plan)
    try:
        supervisor.play()
    except Exception:
        outcome.failure = traceback.format_exc()
    else:
        shutil.rmtree(plan.directory)
    outcome.counts = supervisor.counts
    outcome.kills = supervisor.kills
    outcome.seconds = time.monotonic() - began_s
    return outcome
