"""What `tidegate sim` does and shows."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import count, islice
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tidegate.lab.sim.coverage import missing, wanted
from tidegate.lab.sim.run import STEPS, Outcome, run_many, run_scenario, shrink
from tidegate.lab.sim.scenario import Scenario, draw


def show_worlds(
    first: int | None,
    seeds: int,
    minutes: float | None,
    steps: int | None,
    *,
    shrink_it: bool,
    coverage: bool,
    as_json: bool,
) -> bool:
    """Run worlds from the seed `first` on, `seeds` of them or for so many minutes. False where one
    fails or, with `coverage`, where a thing never occurred."""
    console = Console(quiet=as_json)
    first = 1 if first is None else first
    steps = STEPS if steps is None else steps
    if minutes is None and seeds == 1:
        outcomes = [run_scenario(draw(first, steps), trace=True)]
    else:
        outcomes = _run_batch(first, seeds, minutes, steps, console)
    counts: Counter[str] = sum((o.counts for o in outcomes), Counter())
    failing = [outcome for outcome in outcomes if outcome.violation]
    smallest = _shrunk(failing[0], console) if failing and shrink_it else None
    if as_json:
        print(json.dumps(_document(outcomes, smallest, counts if coverage else None)))
    else:
        _print(outcomes, smallest, console)
        if coverage:
            _print_coverage(counts, console)
    return not failing and not (coverage and missing(counts))


def _run_batch(
    first: int, seeds: int, minutes: float | None, steps: int, console: Console
) -> list[Outcome]:
    """Seeds in parallel, with a line of progress; ends early at the first failure when it runs
    against the clock."""
    end_s = None if minutes is None else time.monotonic() + minutes * 60
    outcomes: list[Outcome] = []

    def go_on() -> bool:
        if end_s is None:
            return True
        return time.monotonic() < end_s and not any(o.violation for o in outcomes)

    wanted_seeds = count(first) if minutes is not None else islice(count(first), seeds)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("worlds", total=None)
        happened = 0
        for outcome in run_many(wanted_seeds, steps, go_on=go_on):
            outcomes.append(outcome)
            happened += outcome.happened
            failed = sum(1 for o in outcomes if o.violation)
            progress.update(
                task,
                description=f"{len(outcomes)} worlds, {happened:,} happenings, {failed} failed",
            )
    return sorted(outcomes, key=lambda outcome: outcome.scenario.seed)


def _shrunk(failing: Outcome, console: Console) -> Outcome:
    with console.status("shrinking") as status:

        def tell(scenario: Scenario) -> None:
            faults = ", ".join(scenario.rates) or "none"
            status.update(f"{scenario.steps} steps, {scenario.clients} clients, faults: {faults}")

        return shrink(failing, tell=tell)


def _print(outcomes: list[Outcome], smallest: Outcome | None, console: Console) -> None:
    failing = [outcome for outcome in outcomes if outcome.violation]
    for outcome in failing:
        seed, steps = outcome.scenario.seed, outcome.scenario.steps
        console.print(f"seed {seed} FAILED, {outcome.violation}: {outcome.text}", markup=False)
        console.print(f"  again: tidegate sim --seed {seed} --steps {steps}", markup=False)
    shown = smallest or (failing[0] if failing else None)
    if shown is not None:
        for line in shown.trace:
            console.print(line, markup=False, soft_wrap=True, highlight=False)
        console.print(shown.scenario, soft_wrap=True)
    happened = sum(outcome.happened for outcome in outcomes)
    virtual_s = sum(outcome.virtual_s for outcome in outcomes)
    console.print(
        f"{len(outcomes)} worlds, {happened:,} happenings in {virtual_s:,.0f} virtual seconds, "
        f"{len(failing)} failed"
    )
    if len(outcomes) == 1:
        console.print(f"trace {outcomes[0].digest}", highlight=False)


def _print_coverage(counts: Counter[str], console: Console) -> None:
    table = Table("group", "occurred", "never")
    for group, names in wanted().items():
        occurred = ", ".join(
            f"{name.partition(' ')[2]} {counts[name]}" for name in names if counts[name]
        )
        never = ", ".join(name.partition(" ")[2] for name in names if not counts[name])
        table.add_row(group, occurred, never)
    console.print(table)


def _document(
    outcomes: list[Outcome], smallest: Outcome | None, counts: Counter[str] | None
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "worlds": len(outcomes),
        "happened": sum(outcome.happened for outcome in outcomes),
        "failed": [_failure(outcome) for outcome in outcomes if outcome.violation],
    }
    if len(outcomes) == 1:
        document["trace"] = outcomes[0].digest
    if smallest is not None:
        document["smallest"] = {
            **_failure(smallest),
            "clients": smallest.scenario.clients,
            "faults": list(smallest.scenario.rates),
            "happenings": list(smallest.trace),
        }
    if counts is not None:
        document["counts"] = dict(sorted(counts.items()))
        document["never"] = missing(counts)
    return document


def _failure(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.scenario.seed,
        "steps": outcome.scenario.steps,
        "violation": outcome.violation,
        "text": outcome.text,
    }
