"""Turns the rounds of the fan-out into figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.loadgen import RunFailedError
from benchmarks.report import cell, table

if TYPE_CHECKING:
    from benchmarks.fanout import Bench, Plan, Stretch

Figures = dict[str, float]
Spread = dict[str, float]
Result = dict[str, Any]

MIB = 2**20

# Keys of a venue's figures with their titles; those of one with subscribers come behind the others.
_TITLES = {
    "trip_p50_us": "one order in flight beside it, p50 us",
    "trip_p99_us": "one order in flight beside it, p99 us",
    "events_per_s": "full speed: events played /s",
    "venue_cpu_percent": "CPU of the venue, % of a core",
    "feeds_cpu_percent": "CPU of market data, % of a core",
    "readers_cpu_percent": "CPU of all subscribers, % of a core",
    "venue_rss_mib": "memory of the venue, MiB",
    "feeds_rss_mib": "memory of market data, MiB",
    "updates_per_s": "updates delivered /s",
    "lag_p50_us": "lag behind the report, p50 us",
    "lag_p99_us": "lag behind the report, p99 us",
    "fast_updates_per_s": "full speed: updates delivered /s",
    "fast_cpu_us_per_update": "full speed: CPU of market data, us for an update",
    "fast_lag_p99_ms": "full speed: lag behind the report, p99 ms",
}


def result(flow: str, plan: Plan, benches: Sequence[Bench], peers: list[Figures]) -> Result:
    """Everything as one JSON value; each figure with median, minimum and maximum over the
    rounds."""
    found: Result = {
        "flow": flow,
        "plan": asdict(plan),
        "venues": {bench.name: _of_venue(bench) for bench in benches},
        "quickfix": {key: _spread([p[key] for p in peers]) for key in (peers[0] if peers else ())},
    }
    rss = {bench.name: bench.subscribed["market data"].rss_bytes for bench in benches[1:3]}
    nobody, everybody = rss.values()
    found["bytes_per_subscriber"] = (everybody - nobody) / plan.subscribers
    subscribers = benches[2]
    updates = sum(stretch.updates for stretch in subscribers.paced)
    byte_count = sum(stretch.byte_count for stretch in subscribers.paced)
    found["bytes_per_update"] = byte_count / max(updates, 1)
    return found


def _of_venue(bench: Bench) -> dict[str, Spread]:
    trips = [run.result for run in bench.pings]
    found = {
        "trip_p50_us": _spread([trip["p50_ns"] / 1e3 for trip in trips]),
        "trip_p99_us": _spread([trip["p99_ns"] / 1e3 for trip in trips]),
        "events_per_s": _per_stretch(bench.fast, lambda s: s.played.requests / s.played.elapsed_s),
        "venue_cpu_percent": _per_stretch(bench.paced, lambda s: _percent(s, "venue")),
        "venue_rss_mib": _spread([bench.subscribed["venue"].rss_bytes / MIB]),
    }
    if bench.has_market_data:
        found |= {
            "feeds_cpu_percent": _per_stretch(bench.paced, lambda s: _percent(s, "market data")),
            "feeds_rss_mib": _spread([bench.subscribed["market data"].rss_bytes / MIB]),
        }
    if bench.subscribers:
        paced = [_lags(bench, stretch) for stretch in bench.paced]
        fast = [_lags(bench, stretch) for stretch in bench.fast]
        found |= {
            "readers_cpu_percent": _per_stretch(bench.paced, lambda s: _percent(s, "subscribers")),
            "updates_per_s": _per_stretch(bench.paced, lambda s: s.updates / s.updates_s),
            "lag_p50_us": _spread([_quantile(lags, 0.5) / 1e3 for lags in paced]),
            "lag_p99_us": _spread([_quantile(lags, 0.99) / 1e3 for lags in paced]),
            "fast_updates_per_s": _per_stretch(bench.fast, lambda s: s.updates / s.updates_s),
            "fast_cpu_us_per_update": _per_stretch(
                bench.fast, lambda s: s.cpu_s["market data"] * 1e6 / s.updates
            ),
            "fast_lag_p99_ms": _spread([_quantile(lags, 0.99) / 1e6 for lags in fast]),
        }
    return found


def _percent(stretch: Stretch, process: str) -> float:
    return 100 * stretch.cpu_s[process] / stretch.seconds


def _per_stretch(stretches: Sequence[Stretch], figure: Callable[[Stretch], float]) -> Spread:
    return _spread([figure(stretch) for stretch in stretches])


def _lags(bench: Bench, stretch: Stretch) -> list[int]:
    """Nanoseconds, rising: of each trade of a stretch and each who was told of it."""
    trades = stretch.played.trades
    lags = sorted(told - trades[trade] for told, trade in bench.told if trade in trades)
    if trades and not lags:
        raise RunFailedError("no subscriber was told of any trade that the taker has a report of")
    return lags


def _quantile(rising: Sequence[int], share: float) -> float:
    return rising[min(int(share * len(rising)), len(rising) - 1)] if rising else float("nan")


def _spread(values: Sequence[float]) -> Spread:
    return {"median": median(values), "min": min(values), "max": max(values)}


def lines(found: Result) -> list[str]:
    """The table of a run, and what the peer did."""
    plan = found["plan"]
    venues: dict[str, dict[str, Spread]] = found["venues"]
    rows = [["median (min..max)", *venues]]
    for key, title in _TITLES.items():
        if any(key in figures for figures in venues.values()):
            rows.append([title, *(_cell(figures.get(key)) for figures in venues.values())])
    text = [
        f"market data: {plan['subscribers']} subscribers of 5 books and their trades; the "
        f"{found['flow']} flow",
        f"at {plan['rate']:g} events/s, and at full speed; {plan['rounds']} rounds; "
        f"{plan['asleep']} of the last column do not read",
        "",
        *table(rows),
        "",
        f"{found['bytes_per_subscriber']:,.0f} bytes of market data's memory a subscriber; "
        f"{found['bytes_per_update']:.0f} bytes an update",
    ]
    peer: dict[str, Spread] = found["quickfix"]
    if peer:
        text.append(
            f"the same updates to as many sessions of the QuickFIX peer: "
            f"{_cell(peer['updates_per_s'])} /s, {_cell(peer['cpu_us_per_update'])} us CPU each"
        )
    return text


def _cell(values: Spread | None) -> str:
    if values is None:
        return "-"
    is_single = values["min"] == values["max"]
    return f"{values['median']:,.1f}" if is_single else cell(values)
