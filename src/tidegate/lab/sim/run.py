"""Running worlds: one, many at once, and a failing one made smaller."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import structlog

from tidegate.lab.sim.scenario import Scenario, draw
from tidegate.lab.sim.violation import Violation
from tidegate.lab.sim.world import World

STEPS = 600
TRACE_LINES_KEPT = 60


@dataclass(frozen=True)
class Outcome:
    """What became of a world. `violation` names the invariant, empty where all held; `digest` is
    that of everything that happened; `trace` are the last happenings, where they were asked for."""

    scenario: Scenario
    violation: str
    text: str
    digest: str
    happened: int
    virtual_s: float
    counts: Counter[str]
    trace: tuple[str, ...] = ()


@contextmanager
def listening(counts: Counter[str]) -> Iterator[None]:
    """Count what the venue logs, and print nothing: refusals tell their rule in the log only."""
    before = structlog.get_config()

    def count(_: Any, __: str, event: Any) -> Any:
        what = event["event"]
        if what == "refused":
            counts[f"refused {event['rule']}"] += 1
        elif what in ("link_closed", "logon_refused", "link_cut"):
            counts[f"{what} {event['reason']}"] += 1
        raise structlog.DropEvent

    structlog.configure(
        processors=[count], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def run_scenario(scenario: Scenario, *, trace: bool = False) -> Outcome:
    """One world, to its end or to the first broken promise."""
    world = World(scenario)
    if trace:
        world.trace_lines = []
    name = text = ""
    with listening(world.counts):
        try:
            world.run()
        except Violation as violation:
            name, text = violation.name, violation.text
        except Exception as error:  # of a client, or of the simulation itself
            name, text = f"raised {type(error).__name__}", str(error)
    return Outcome(
        scenario,
        name,
        text,
        world.digest,
        world.scheduler.happened,
        world.scheduler.now_ns / 1e9,
        world.counts,
        tuple((world.trace_lines or [])[-TRACE_LINES_KEPT:]),
    )


def run_seed(seed: int, steps: int = STEPS) -> Outcome:
    """The world of a seed."""
    return run_scenario(draw(seed, steps))


def run_many(
    seeds: Iterable[int],
    steps: int,
    *,
    processes: int | None = None,
    go_on: Callable[[], bool] = lambda: True,
) -> Iterator[Outcome]:
    """Worlds of many seeds, in parallel processes, in the order in which they end. While `go_on`
    says so, more are begun."""
    processes = processes or os.cpu_count() or 1
    waiting = iter(seeds)
    with ProcessPoolExecutor(processes) as pool:
        under_way: set[Future[Outcome]] = set()
        while True:
            if go_on():
                more = islice(waiting, 2 * processes - len(under_way))
                under_way |= {pool.submit(run_seed, seed, steps) for seed in more}
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Every world that is one thing simpler. Fewer steps come last: with few clients, or without a
    fault, the rest of the world takes another course, and needs steps in which to fail again."""
    if len(scenario.rates) > 1:
        yield replace(scenario, rates={})
    for fault in scenario.rates:
        yield scenario.without(fault)
    for fewer in range(1, scenario.clients):
        yield replace(scenario, clients=fewer)
    if scenario.hostile:
        yield replace(scenario, hostile=False)
    if scenario.strangers:
        yield replace(scenario, strangers=False)
    if scenario.jitter or scenario.split:
        yield replace(scenario, jitter=0.0, split=0.0)
    if scenario.durability == "disk":
        yield replace(scenario, durability="process")
    if scenario.steps > 1:
        for part in (4, 2):
            yield replace(scenario, steps=max(1, scenario.steps // part))
        yield replace(scenario, steps=scenario.steps * 7 // 8)


def shrink(
    failing: Outcome, *, tell: Callable[[Scenario], None] = lambda scenario: None
) -> Outcome:
    """The smallest world found in which the same invariant fails, with its trace. `tell` hears of
    each smaller one."""
    smallest = failing.scenario
    found = True
    while found:
        found = False
        for candidate in _smaller(smallest):
            if candidate.steps >= smallest.steps and candidate == smallest:
                continue
            if run_scenario(candidate).violation == failing.violation:
                smallest = candidate
                found = True
                tell(smallest)
                break
    return run_scenario(smallest, trace=True)
