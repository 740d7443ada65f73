"""The simulation itself: it repeats, it finds, it shrinks, and it reaches everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from tidegate.lab.sim import fold
from tidegate.lab.sim.coverage import missing
from tidegate.lab.sim.run import Outcome, run_many, run_scenario, run_seed, shrink
from tidegate.lab.sim.scenario import draw

STEPS = 250


@pytest.mark.parametrize("seed", [3, 5, 20])
def test_a_seed_repeats_exactly(seed: int) -> None:
    first, second = run_seed(seed, STEPS), run_seed(seed, STEPS)
    assert first.violation == ""
    assert (first.digest, first.happened) == (second.digest, second.happened)
    assert first.counts == second.counts


def test_a_seed_repeats_in_another_process() -> None:
    """Nothing depends on the addresses of objects or on the seed of their hashes."""
    command = [sys.executable, "-m", "tidegate", "sim", "--seed", "5", "--steps", str(STEPS)]
    seen = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        seen.add(done.stdout.splitlines()[-1].decode())
    assert seen == {f"trace {run_seed(5, STEPS).digest}"}


def test_a_batch_holds_and_reaches_everything() -> None:
    """Each fault, message type, branch of the recovery and rule of refusal occurs somewhere.
    Slow because the rarest of them takes more than a hundred worlds."""
    outcomes = list(run_many(range(1, 161), 300, processes=2))
    assert [(o.scenario.seed, o.violation, o.text) for o in outcomes if o.violation] == []
    counts: Counter[str] = sum((outcome.counts for outcome in outcomes), Counter())
    assert missing(counts) == []


def failing(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A world whose auditor holds a false rule: that no order is ever cancelled by mass cancel."""

    def never(self: fold.Fold, session: fold.SessionFold, record: object) -> None:
        original(self, session, record)  # type: ignore[arg-type]
        if self.counts["cancel Order canceled by mass cancel"]:
            raise fold.Violation("never_by_mass", "it happened")

    original = fold.Fold._sent
    monkeypatch.setattr(fold.Fold, "_sent", never)
    worlds = (run_scenario(replace(draw(seed, 500), strangers=True)) for seed in range(1, 40))
    return next(o for o in worlds if o.violation and len(o.scenario.rates) > 1)


def test_a_failing_world_shrinks_to_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = failing(monkeypatch)
    assert found.violation == "never_by_mass"
    told = []
    smallest = shrink(found, tell=told.append)
    assert smallest.violation == "never_by_mass"
    assert len(smallest.scenario.rates) <= 1 < len(found.scenario.rates)
    assert smallest.scenario.clients <= found.scenario.clients
    assert smallest.scenario.steps < found.scenario.steps / 4
    assert told[-1] == smallest.scenario
    assert any("35=q" in line for line in smallest.trace)
