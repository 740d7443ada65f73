"""Market maker, watch and tapes on a venue whose clock is moved, over a rollover."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.app.venue import Venue, tidegate, wait_for
from tests.feeds.clients import caught_up
from tests.watch.test_venue import has_line, to_file
from tidegate.control.client import PatientClock, ask

CONFIG = """
[venue]
clock = "virtual"
rollover_at = "{rollover_at}"
market_data = true
[liquidity]
enabled = true
main_pairs = false
[[liquidity.market]]
symbol = "BTC/USD"
walk = "fixed"
interval_ms = 50
trades_per_minute = 0
"""
TAPE = "time_ns,symbol,action,side,price,size,order_id\n" + "".join(
    f"{1_000_000 * n},ETH/USD,A,B,2800,1,{n}\n{1_000_000 * n},ETH/USD,T,A,2800,1,0\n"
    for n in range(1, 21)
)


def clock(venue: Venue, command: str, **parameters: Any) -> None:
    ask(venue.data, f"clock-{command}", parameters, None)


def quotes(venue: Venue) -> set[str]:
    parameters = {"account": "LIQUIDITY-MAKER", "symbol": "BTC/USD"}
    return {row["order_id"] for row in ask(venue.data, "orders", parameters)["rows"]}


def made_anew(venue: Venue, before: set[str]) -> Callable[[], bool]:
    def look() -> bool:
        now = quotes(venue)
        return len(now) == 10 and not now & before

    return look


def test_everything_goes_by_the_venues_time_and_the_market_is_made_anew_after_a_rollover(
    tmp_path: Path,
) -> None:
    soon = time.strftime("%H:%M:%S", time.gmtime(time.time() + 600))
    with Venue(tmp_path / "data", config=CONFIG.format(rollover_at=soon)) as venue:
        caught_up(venue.data)
        clock(venue, "run", speed=1.0)
        wait_for(made_anew(venue, set()))
        clock(venue, "stop")
        lines = tmp_path / "lines"
        watching = to_file(venue.data, lines)
        wait_for(lambda: has_line(lines, " book bid "))

        path = tmp_path / "tape.csv"
        path.write_text(TAPE)
        done = tidegate("tape", path, "--data", venue.data)  # while the clock stands
        assert done.returncode == 0, done.stderr.decode()
        assert b"trades: 20, 20 in all; rejected: 0" in done.stdout

        before = quotes(venue)
        assert len(before) == 10
        clock(venue, "advance", duration="11m")
        clock(venue, "run", speed=1.0)
        wait_for(made_anew(venue, before))
        wait_for(lambda: has_line(lines, " disconnected Session rollover; reconnecting"))
        wait_for(lambda: has_line(lines, " connected ", 2) and has_line(lines, "checksum ok"))

        clock(venue, "stop")
        time_ns = PatientClock(venue.data)
        then_ns = time_ns()
        venue.kill()  # and with it the clock that the others go by
        wait_for(lambda: has_line(lines, " disconnected ", 2))
        assert time_ns() == time_ns() == then_ns
        venue.start()
        clock(venue, "advance", duration="5m")  # from where the journal had got to
        wait_for(lambda: time_ns() > then_ns)
        time_ns.close()
        wait_for(lambda: has_line(lines, " connected ", 3))
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0
        assert "Traceback" not in lines.read_text()
        assert venue.stop() == 0
