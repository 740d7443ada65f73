"""The simulation itself: it repeats, it finds, it shrinks, and it reaches everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from tidegate.lab.sim import fold
from tidegate.lab.sim.coverage import missing, wanted
from tidegate.lab.sim.run import Outcome, run_many, run_scenario, run_seed, shrink
from tidegate.lab.sim.scenario import draw
from tidegate.lab.sim.world import World

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
    """Each fault, control, message type, branch of the recovery and rule of refusal occurs
    somewhere, and more than once: else a small change of a draw would lose it. So many worlds take
    about half a minute."""
    outcomes = list(run_many(range(1, 361), STEPS, processes=2))
    assert [(o.scenario.seed, o.violation, o.text) for o in outcomes if o.violation] == []
    counts: Counter[str] = sum((outcome.counts for outcome in outcomes), Counter())
    assert missing(counts) == []
    scarce = [key for keys in wanted().values() for key in keys if counts[key] < 2]
    assert scarce == []


def test_before_the_first_start_is_durable_nothing_is_promised_to_anybody() -> None:
    """A client may be cut off by then; it has heard nothing."""
    world = World(draw(1, STEPS))
    told = world.told("BETA")
    assert told.settings.sender_comp_id == "BETA"
    assert told.frames == []
    assert told is not world.told("BETA")  # it is no session of the venue's yet


def failing(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A world whose auditor holds a false rule: that no order is ever cancelled by mass cancel."""

    def never(self: fold.Fold, session: fold.SessionFold, record: object) -> None:
        original(self, session, record)  # type: ignore[arg-type]
        if self.counts["cancel Order canceled by mass cancel"]:
            raise fold.Violation("never_by_mass", "it happened")

    original = fold.Fold._sent
    monkeypatch.setattr(fold.Fold, "_sent", never)
    # A world with time enough that each of its clients gets to a mass cancel: in those with steps
    # of 0.2 ms only some log on before the end, and then it does take several clients.
    return run_scenario(replace(draw(27, 500), strangers=True))


def test_a_failing_world_shrinks_to_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = failing(monkeypatch)
    assert found.violation == "never_by_mass"
    told = []
    smallest = shrink(found, tell=told.append)
    assert smallest.violation == "never_by_mass"
    assert len(smallest.scenario.rates) <= 1 < len(found.scenario.rates)
    assert smallest.scenario.clients == 1 < found.scenario.clients
    assert smallest.scenario.steps < found.scenario.steps / 2
    assert told[-1] == smallest.scenario
    assert any("35=q" in line for line in smallest.trace)
