"""`python -m tests.overload.run_overload`: round trips beside those who misbehave.

They are taken alone and in company, in turns within one run, so that the machine's own noise meets
both.

Five hundred sessions are logged on in every phase. The misbehaving ones are processes that are
stopped (SIGSTOP) while the rest is alone.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.loadgen import usage

from tests.app.venue import Venue, environment
from tests.overload.sessions import SESSIONS, config

SLOW = SESSIONS // 10
ROUNDS = 10
PHASE_S = 0.5
FACTOR_MAX = 2.0
BUSY_MIN = 0.5  # of a core, in some crowded phase
# Of the venue in all rounds: fifty peers that do not read have a transport's buffer each.
RSS_GROWTH_BYTES_MAX = 50 * 512 * 1024 + 16 * 1024 * 1024
RSS_SETTLED_BYTES_MAX = 8 * 1024 * 1024  # in the second half of the rounds
IDLE_WAIT_S = 20.0
IDLE_LOOK_S = 0.2
IDLE_BUSY_MAX = 0.1  # of one core
KINDS = ("slow", "flood", "garbage")


@dataclass
class Measured:
    """Nanoseconds of round trips, by phase; the venue's memory after each round, in bytes; how busy
    it was in the crowded phases, as a share of one core."""

    alone: list[list[int]] = field(default_factory=list)
    crowded: list[list[int]] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def quantile(self, phases: Sequence[list[int]], percent: int) -> float:
        """The median over the phases of the phase's own quantile, in microseconds."""
        cuts = [statistics.quantiles(trips, n=100)[percent - 1] for trips in phases]
        return statistics.median(cuts) / 1e3

    def factor(self, percent: int) -> float:
        """The median, over the pairs of neighbouring phases, of what misbehaviour made of it."""
        return statistics.median(
            statistics.quantiles(crowded, n=100)[percent - 1]
            / statistics.quantiles(alone, n=100)[percent - 1]
            for alone, crowded in zip(self.alone, self.crowded, strict=True)
        )

    def lines(self) -> Iterator[str]:
        yield "order and cancel round trips, us   alone  crowded  factor"
        for percent in (50, 90, 99):
            yield (
                f"p{percent}                            {self.quantile(self.alone, percent):8.0f} "
                f"{self.quantile(self.crowded, percent):8.0f}  {self.factor(percent):5.2f}x"
            )
        first, last = self.rss_bytes[0], self.rss_bytes[-1]
        yield (
            f"{sum(map(len, self.alone))} and {sum(map(len, self.crowded))} round trips; memory "
            f"{first / 2**20:.1f} MiB alone, {max(self.rss_bytes) / 2**20:.1f} at most, "
            f"{last / 2**20:.1f} at the end"
        )
        yield f"the venue was busy {statistics.median(self.busy):.0%} of a crowded phase"


@contextmanager
def helper(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process of this folder that has said that it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.overload.{module}", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=Path(__file__).resolve().parents[2],
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", f"{module} {arguments} is not ready"
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def measure(directory: Path, kinds: Sequence[str] = KINDS, rounds: int = ROUNDS) -> Measured:
    """Play `rounds` rounds of two phases each."""
    measured = Measured()
    with ExitStack() as stack:
        venue = stack.enter_context(
            Venue(directory / "data", config=config(), arguments=["--log-level", "warning"])
        )
        port = venue.ready["ports"]["spot_trading"]
        behaving = SESSIONS - SLOW - 2
        first_of = {"slow": behaving, "flood": SESSIONS - 2, "garbage": SESSIONS - 1}
        prober = stack.enter_context(helper("prober", port, 0, behaving))
        others = []
        for kind in kinds:
            count = SLOW if kind == "slow" else 1
            others.append(
                stack.enter_context(helper("misbehaving", kind, port, first_of[kind], count))
            )
        for process in others:
            process.send_signal(signal.SIGSTOP)
            ask(process, "go")
        measured.rss_bytes.append(venue.rss_bytes())
        for _ in range(rounds):
            await_idle(venue.pid)
            measured.alone.append(phase(prober))
            for process in others:
                process.send_signal(signal.SIGCONT)
            began_s, used_s = time.monotonic(), usage(venue.pid).cpu_s
            measured.crowded.append(phase(prober))
            used_s = usage(venue.pid).cpu_s - used_s
            measured.busy.append(used_s / (time.monotonic() - began_s))
            for process in others:
                assert process.poll() is None, "a misbehaving session has given up"
                process.send_signal(signal.SIGSTOP)
            measured.rss_bytes.append(venue.rss_bytes())
        for process in others:
            process.kill()
    return measured


def await_idle(pid: int) -> None:
    """Until the venue has worked off what the misbehaving left in the system's buffers."""
    deadline_s = time.monotonic() + IDLE_WAIT_S
    before_s = usage(pid).cpu_s
    while True:
        time.sleep(IDLE_LOOK_S)
        now_s = usage(pid).cpu_s
        if now_s - before_s <= IDLE_BUSY_MAX * IDLE_LOOK_S:
            return
        before_s = now_s
        assert time.monotonic() < deadline_s, "the venue does not come to rest"


def phase(prober: subprocess.Popen[str]) -> list[int]:
    ask(prober, str(PHASE_S))
    assert prober.stdout is not None
    trips: list[int] = json.loads(prober.stdout.readline())
    return trips


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=KINDS, action="append", help="these kinds and no other")
    options = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tidegate-overload-") as directory:
        measured = measure(Path(directory), options.only or KINDS, options.rounds)
    for line in measured.lines():
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{time.monotonic() - began_s:.0f} s\n")
    return 0 if max(measured.factor(50), measured.factor(90)) <= FACTOR_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
