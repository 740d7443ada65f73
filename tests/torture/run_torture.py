"""`python -m tests.torture.run_torture [--kills N] [--seed S]`: real processes, killed and frozen.

Exit code 0 only if every audit after every restart passed. The directories of venues that did not
are kept, with the journal, every client's ledger and the logs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.torture.supervisor import Outcome, Plan, play

KILLS_PER_VENUE = 13  # then the next one starts with an empty directory
VENUES_AT_ONCE = 2
KINDS = (("process", True), ("disk", False), ("disk", True), ("process", False))


@dataclass(frozen=True)
class Result:
    seed: int
    kills: int
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for outcome in self.outcomes:
            counts.update(outcome.counts)
        return counts

    @property
    def kills_done(self) -> int:
        return sum(outcome.kills for outcome in self.outcomes)

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failure]

    def lines(self) -> Iterator[str]:
        """Seed and figures; and what failed, where it lies and how to repeat it."""
        counts = self.counts
        yield (
            f"seed {self.seed}: {self.kills_done} kills and {counts['freezes']} freezes of "
            f"{len(self.outcomes)} venues, {counts['kill a client']} kills of clients, "
            f"{counts['lines lost']} lines lost, in {self.seconds:.0f} s"
        )
        yield (
            f"{counts['orders']} orders, {counts['executions']} executions, {counts['reports']} "
            f"reports, {counts['replayed']} of them first seen as a replay, "
            f"{counts['on disconnect']} cancels on disconnect"
        )
        yield (
            f"of orders that wait: {counts['scheduled']} scheduled, {counts['fired']} fired, "
            f"{counts['expired']} expired"
        )
        yield (
            f"{counts['audits']} audits, {counts['audits from a snapshot']} of them of a recovery "
            f"from a snapshot; {counts['starts']} starts, "
            f"{counts['milliseconds to start'] // max(counts['starts'], 1)} ms each"
        )
        named = ("kill starting", "kill at logon", "kill in snapshot", "freeze and kill", "freeze")
        yield ", ".join(f"{name}: {counts[name]}" for name in named) + (
            f", snapshots cut short: {counts['snapshots cut short']}, "
            f"torn tails: {counts['torn tails repaired']}"
        )
        for outcome in self.failures:
            yield f"FAILED in {outcome.plan.directory}"
            yield outcome.failure
        if self.failures:
            yield f'again: make torture ARGS="--kills {self.kills} --seed {self.seed}"'


def plans(kills: int, seed: int, directory: Path, kills_per_venue: int) -> Iterator[Plan]:
    number = 0
    while kills > 0:
        durability, plain = KINDS[number % len(KINDS)]
        most = min(kills, kills_per_venue)
        yield Plan(directory / f"venue-{number}", seed * 1000 + number, most, durability, plain)
        kills -= most
        number += 1


def torture(
    kills: int, seed: int, directory: Path, *, kills_per_venue: int = KILLS_PER_VENUE
) -> Result:
    """At least so many kills, in as many venues as it takes, each with its clients and auditor."""
    began_s = time.monotonic()
    # Not forked: a venue's supervisor is a fresh process, whatever runs in this one.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(VENUES_AT_ONCE, mp_context=context) as pool:
        outcomes = tuple(pool.map(play, plans(kills, seed, directory, kills_per_venue)))
    return Result(seed, kills, outcomes, time.monotonic() - began_s)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200, help="kill the venue so often")
    parser.add_argument("--seed", type=int, default=-1, help="of the plan; drawn if not given")
    parser.add_argument("--keep", type=Path, help="where the directories of failures go")
    options = parser.parse_args()
    seed = options.seed if options.seed >= 0 else secrets.randbelow(1_000_000)
    directory = options.keep or Path(tempfile.mkdtemp(prefix="tidegate-torture-"))
    sys.stdout.write(f"seed {seed}, in {directory}\n")
    result = torture(options.kills, seed, directory)
    for line in result.lines():
        sys.stdout.write(line + "\n")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
