"""Measures the running venue over loopback beside two peers, interleaved in the same run.

    python -m benchmarks.run [--quick] [--json FILE]

Method. In every round each target is started anew (empty book, empty stores), gets a short warm-up
that is not counted, and then the canonical workload from one C load client over plain TCP:

- resting: limit orders through one session, sent as fast as a window of unacknowledged orders
  allows, from the first byte sent to the last ExecutionReport with ExecType 0; orders/s
- one order in flight: round trip of each order through the same session; microseconds
- crossing: sells that rest (session of one firm), then buys that take them one by one (session of
  another), from the first byte to the last of 4 reports for each pair; pairs/s

CPU time and memory of the server are read from /proc around the run. The targets take turns within
a round, so slow drift of a shared machine meets all of them; the table shows medians over the
rounds with minimum and maximum. The venue writes its journal; both peers keep everything in memory.
Its market data is off here, for no peer has any: then comes what that costs, with many subscribers
and with none (`benchmarks.fanout`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import build, fanout, fanout_report, report
from benchmarks.loadgen import LoadClient, RunFailedError
from benchmarks.targets import (
    ROOT,
    FixcorePeer,
    NullServer,
    QuickFixPeer,
    Session,
    Target,
    TargetFailedError,
    TidegateVenue,
    venue_command,
)
from benchmarks.workload import crossing_orders, resting_orders

CORE_TIMEOUT_S = 300
# The peers have none; what it costs is the second part's matter.
WITHOUT_MARKET_DATA = "market_data = false\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is played: numbers of rounds, orders, pairs; the window in orders."""

    rounds: int
    warm_up: int
    resting: int
    in_flight: int
    pairs: int
    null_orders: int
    window: int


FULL = Plan(5, 1_000, 20_000, 4_000, 5_000, 200_000, 512)
QUICK = Plan(2, 200, 4_000, 1_000, 1_000, 50_000, 512)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--quick", action="store_true", help="two short rounds, to see that everything works")
    add("--json", metavar="FILE", type=Path, help="also write all figures to FILE")
    add("--rounds", type=int, help="rounds (5, or 2 with --quick)")
    add("--orders", type=int, help="resting orders in a round; the rest follows in proportion")
    add("--window", type=int, help="unacknowledged orders allowed (512), 0 for no bound")
    add("--without-venue", action="store_true", help="peers only")
    add("--without-quickfix", action="store_true", help="leave the C++ peer out")
    add("--without-fixcore", action="store_true", help="leave the Python peer out")
    add("--without-core", action="store_true", help="leave out codec and core alone")
    add("--without-fanout", action="store_true", help="leave out market data to many")
    add("--venue-command", metavar="TEXT", help="instead of the installed `tidegate`")
    add("--venue-arg", metavar="ARG", action="append", default=[], help="added to `tidegate up`")
    add("--build-dir", metavar="DIR", type=Path, default=build.DEFAULT_BUILD_DIR)
    return parser.parse_args(argv)


def make_plan(arguments: argparse.Namespace) -> Plan:
    """The plan that the command line asks for."""
    base = QUICK if arguments.quick else FULL
    orders = arguments.orders or base.resting
    return Plan(
        rounds=arguments.rounds or base.rounds,
        warm_up=base.warm_up,
        resting=orders,
        in_flight=max(1, base.in_flight * orders // base.resting),
        pairs=max(1, base.pairs * orders // base.resting),
        null_orders=base.null_orders,
        window=base.window if arguments.window is None else arguments.window,
    )


def make_targets(arguments: argparse.Namespace) -> list[Target]:
    """The targets in their order within a round; compiles what has to be compiled."""
    targets: list[Target] = []
    if not arguments.without_venue:
        command = venue_command(arguments.venue_command)
        targets.append(TidegateVenue(command, arguments.venue_arg, WITHOUT_MARKET_DATA))
    if not arguments.without_quickfix:
        targets.append(QuickFixPeer(arguments.build_dir))
    if not arguments.without_fixcore:
        if importlib.util.find_spec("fixcore") is None:
            raise build.MissingPackageError(
                "no fixcore for the Python peer: pip install fixcore-engine"
            )
        targets.append(FixcorePeer())
    return targets


def play_round(target: Target, client: LoadClient, folder: Path, plan: Plan) -> report.Figures:
    """One round of one target, from its start to its stop."""
    with Session(target, folder) as running:
        maker, taker, pid = running.maker, running.taker, running.pid
        client.run("pipelined", pid, [(maker, resting_orders(plan.warm_up))], plan.window)
        resting = client.run("pipelined", pid, [(maker, resting_orders(plan.resting))], plan.window)
        in_flight = client.run("pingpong", pid, [(maker, resting_orders(plan.in_flight))], 1)
        sells, buys = crossing_orders(plan.pairs)
        crossing = client.run("crossing", pid, [(maker, sells), (taker, buys)], plan.window)
    return report.round_figures(resting, crossing, in_flight)


def play_null(target: Target, client: LoadClient, folder: Path, plan: Plan) -> dict[str, float]:
    """The load client against a server that does nothing."""
    with Session(target, folder) as running:
        maker, pid = running.maker, running.pid
        run = client.run("pipelined", pid, [(maker, resting_orders(plan.null_orders))], plan.window)
        trips = client.run("pingpong", pid, [(maker, resting_orders(plan.in_flight))], 1)
    return {
        "orders_per_s": plan.null_orders / run.elapsed_s,
        "p50_us": trips.result["p50_ns"] / 1e3,
    }


def core_alone() -> dict[str, dict[str, float]]:
    """Operations per second of codec and core without sockets, compiled and interpreted."""
    if importlib.util.find_spec("benchmarks.core") is None:
        return {}
    rows = {}
    for name, pure in (("compiled", "0"), ("pure", "1")):
        environment = {**os.environ, "TIDEGATE_PURE": pure}
        if pure == "0":
            del environment["TIDEGATE_PURE"]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.core", "--json"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=CORE_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise RunFailedError(f"benchmarks.core ({name}):\n{done.stderr[-2000:]}")
        figures: dict[str, float] = json.loads(done.stdout)
        rows[name] = figures
    return rows


def play_all(
    targets: list[Target], arguments: argparse.Namespace, plan: Plan
) -> tuple[dict[str, list[report.Figures]], list[dict[str, float]]]:
    """All rounds of all targets, interleaved, and as many rounds of the null server."""
    rounds: dict[str, list[report.Figures]] = {target.name: [] for target in targets}
    null_rounds: list[dict[str, float]] = []
    null = NullServer(arguments.build_dir)
    program = build.c_program("loadclient", arguments.build_dir)
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        client = LoadClient(program, folder)
        for number in range(plan.rounds):
            for target in targets:
                print(f"round {number + 1} of {plan.rounds}: {target.name}", file=sys.stderr)
                place = folder / f"{target.name}-{number}"
                rounds[target.name].append(play_round(target, client, place, plan))
            null_rounds.append(play_null(null, client, folder / f"null-{number}", plan))
    return rounds, null_rounds


def play_fan_out(arguments: argparse.Namespace) -> fanout_report.Result:
    """Market data to many subscribers, as `benchmarks.fanout` measures it alone."""
    return fanout.measure(
        fanout.make_plan(quick=arguments.quick, rounds=arguments.rounds),
        venue_command(arguments.venue_command),
        arguments.venue_arg,
        arguments.build_dir,
        with_peer=not arguments.without_quickfix,
    )


def publish(
    rounds: dict[str, list[report.Figures]],
    null_rounds: list[dict[str, float]],
    core: dict[str, dict[str, float]],
    plan: Plan,
) -> dict[str, Any]:
    """Print the tables; return everything as one JSON value."""
    summaries = {name: report.summary(figures) for name, figures in rounds.items()}
    by_peer = report.ratios(summaries, TidegateVenue.name)
    client_lines, client = report.client_lines(null_rounds, summaries)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; {plan.rounds} rounds of {plan.resting} resting orders,")
    print(f"{plan.pairs} crossing pairs, {plan.in_flight} single orders; window {plan.window}\n")
    blocks = [
        report.targets_table(summaries),
        report.ratios_table(by_peer, TidegateVenue.name),
        client_lines,
        report.core_table(core) if core else [],
    ]
    print("\n\n".join("\n".join(block) for block in blocks if block))
    return {
        "machine": machine,
        "plan": asdict(plan),
        "targets": {
            name: {"summary": summaries[name], "rounds": figures}
            for name, figures in rounds.items()
        },
        "ratios": by_peer,
        "load_client": client,
        "core": core,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: measured; 1: a target failed; 2: something to install is missing."""
    arguments = parse_arguments(argv)
    plan = make_plan(arguments)
    try:
        targets = make_targets(arguments)
        if not targets:
            raise build.MissingPackageError("no target left to measure")
        rounds, null_rounds = play_all(targets, arguments, plan)
        core = {} if arguments.without_core else core_alone()
        fan_out = {} if arguments.without_fanout else play_fan_out(arguments)
    except build.MissingPackageError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        print("(or leave a peer out: --without-quickfix, --without-fixcore)", file=sys.stderr)
        return 2
    except (build.BuildFailedError, TargetFailedError, RunFailedError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    figures = publish(rounds, null_rounds, core, plan)
    if fan_out:
        print("\n" + "\n".join(fanout_report.lines(fan_out)))
        figures["fan_out"] = fan_out
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
