"""Turns the rounds of a run into medians, ratios and tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.loadgen import Run

# A load client that is not this much faster than a server would measure itself.
REQUIRED_CLIENT_LEAD = 5.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table: key in the JSON, unit included, text, and whether more is better."""

    key: str
    title: str
    more_is_better: bool


METRICS = (
    Metric("resting_orders_per_s", "resting orders acknowledged /s", True),
    Metric("crossing_pairs_per_s", "crossing pairs (sell, buy, 4 reports) /s", True),
    Metric("one_in_flight_p50_us", "one order in flight, p50 us", False),
    Metric("one_in_flight_p99_us", "one order in flight, p99 us", False),
    Metric("one_in_flight_p999_us", "one order in flight, p99.9 us", False),
    Metric("cpu_us_per_resting_order", "server CPU us per resting order", False),
    Metric("rss_bytes_per_resting_order", "server memory, bytes per resting order", False),
    Metric("rss_after_mib", "server memory at the end of a round, MiB", False),
)

Figures = dict[str, float]


def round_figures(resting: Run, crossing: Run, pingpong: Run) -> Figures:
    """The figures of one round of one target; units are in the names."""
    orders = float(resting.result["orders"])
    grown = resting.rss_after_bytes - resting.rss_before_bytes
    return {
        "resting_orders_per_s": orders / resting.elapsed_s,
        "crossing_pairs_per_s": float(crossing.result["pairs"]) / crossing.elapsed_s,
        "one_in_flight_p50_us": pingpong.result["p50_ns"] / 1e3,
        "one_in_flight_p99_us": pingpong.result["p99_ns"] / 1e3,
        "one_in_flight_p999_us": pingpong.result["p999_ns"] / 1e3,
        "cpu_us_per_resting_order": resting.cpu_s * 1e6 / orders,
        "rss_bytes_per_resting_order": grown / orders,
        "rss_after_mib": crossing.rss_after_bytes / 2**20,
    }


def summary(rounds: list[Figures]) -> dict[str, dict[str, float]]:
    """Median, minimum and maximum of every figure over the rounds."""
    return {
        metric.key: {
            "median": median(values),
            "min": min(values),
            "max": max(values),
        }
        for metric in METRICS
        for values in [[figures[metric.key] for figures in rounds]]
    }


def ratios(summaries: dict[str, dict[str, dict[str, float]]], ours: str) -> dict[str, Any]:
    """Median of `ours` divided by each peer's median; above 1 is more, not always better."""
    if ours not in summaries:
        return {}
    return {
        peer: {
            metric.key: _quotient(
                summaries[ours][metric.key]["median"], values[metric.key]["median"]
            )
            for metric in METRICS
        }
        for peer, values in summaries.items()
        if peer != ours
    }


def _quotient(a: float, b: float) -> float | None:
    return a / b if b else None


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def cell(values: dict[str, float]) -> str:
    """`median (min..max)`."""
    low, high = _number(values["min"]), _number(values["max"])
    return f"{_number(values['median'])} ({low}..{high})"


def table(rows: Iterable[list[str]]) -> list[str]:
    """Lines with even columns, the first of them to the left."""
    cells_by_row = list(rows)
    widths = [max(len(row[i]) for row in cells_by_row) for i in range(len(cells_by_row[0]))]
    lines = []
    for row in cells_by_row:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def targets_table(summaries: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Lines of the main table: median (min..max) of each target."""
    names = list(summaries)
    rows = [["median (min..max)", *names]]
    rows += [
        [metric.title, *(cell(summaries[name][metric.key]) for name in names)] for metric in METRICS
    ]
    return table(rows)


def ratios_table(by_peer: dict[str, Any], ours: str) -> list[str]:
    """Lines of the ratio table; says for each row whether more or less is better."""
    if not by_peer:
        return []
    rows = [[f"{ours} / peer", *by_peer, "better is"]]
    for metric in METRICS:
        cells = []
        for values in by_peer.values():
            value = values[metric.key]
            cells.append("-" if value is None else f"{value:.2f}x")
        rows.append([metric.title, *cells, "more" if metric.more_is_better else "less"])
    return table(rows)


def client_lines(
    null_rounds: list[dict[str, float]], summaries: dict[str, dict[str, dict[str, float]]]
) -> tuple[list[str], dict[str, Any]]:
    """What the load client does alone, and how far ahead of the fastest target that is."""
    per_s = median(figures["orders_per_s"] for figures in null_rounds)
    p50_us = median(figures["p50_us"] for figures in null_rounds)
    fastest = max(values["resting_orders_per_s"]["median"] for values in summaries.values())
    lead = per_s / fastest
    enough = lead >= REQUIRED_CLIENT_LEAD
    lines = [
        f"load client against the null server: {_number(per_s)} orders/s, p50 {p50_us:.1f} us;"
        f" {lead:.0f} times the fastest target",
    ]
    if not enough:
        lines.append(
            f"WARNING: less than {REQUIRED_CLIENT_LEAD:.0f} times: the rates above are limited"
            " by the load client or by the machine's load"
        )
    figures = {
        "orders_per_s": per_s,
        "one_in_flight_p50_us": p50_us,
        "lead": lead,
        "lead_is_enough": enough,
        "rounds": null_rounds,
    }
    return lines, figures


def core_table(rows: dict[str, dict[str, float]]) -> list[str]:
    """Lines for the codec and the core alone: operations per second, one column for each build."""
    builds = list(rows)
    names = list(dict.fromkeys(name for values in rows.values() for name in values))
    lines = [["codec and core alone, operations/s", *builds]]
    for name in names:
        cells = [_number(rows[b][name]) if name in rows[b] else "-" for b in builds]
        lines.append([name, *cells])
    return table(lines)
