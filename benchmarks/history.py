"""What following the journal costs: rows by the second, and an order's round trip with and without.

    python -m benchmarks.history [--rounds 8] [--orders 500]

Two venues run at once, one with a history in SQLite and one without, and take turns: so many orders
that rest and are canceled again, one at a time, each timed from send to report. What the machine
does otherwise meets both.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
from pathlib import Path

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Peer


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e6


def measure(peer: Peer, first: int, count: int) -> list[float]:
    """Seconds of so many round trips: an order that rests, then its cancel."""
    return [peer.round_trip(number) / 2 for number in range(first, first + 2 * count, 2)]


def run(rounds: int, orders: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        venues = {
            name: Venue(Path(place) / name, config=f'[venue]\nhistory = "{name}"\n')
            for name in ("off", "sqlite")
        }
        times: dict[str, list[float]] = {name: [] for name in venues}
        try:
            peers = {}
            for name, venue in venues.items():
                venue.start()
                peers[name] = venue.peer("ACME")
                peers[name].logon()
            for round_ in range(rounds):
                for name in sorted(venues, reverse=bool(round_ % 2)):
                    first = 1 + round_ * 2 * orders
                    times[name] += measure(peers[name], first, orders)
            for name, found in times.items():
                print(
                    f"history {name:6}  p50 {percentile(found, 0.5):7.1f} us  "
                    f"p90 {percentile(found, 0.9):7.1f} us  p99 {percentile(found, 0.99):7.1f} us  "
                    f"mean {statistics.mean(found) * 1e6:7.1f} us  ({len(found)} round trips)"
                )
        finally:
            for venue in venues.values():
                venue.kill()
        data = venues["sqlite"].data
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = tidegate("history", "rebuild", "--data", data)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(done.stdout.decode().strip())
        status = tidegate("history", "status", "--data", data, "--json")
        rows = json.loads(status.stdout)["rows"]
        print(f"{rows / seconds:,.0f} rows by the second of CPU, start of the process included")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--orders", type=int, default=500)
    arguments = parser.parse_args()
    run(arguments.rounds, arguments.orders)


if __name__ == "__main__":
    main()
