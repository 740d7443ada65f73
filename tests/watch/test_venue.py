"""`tidegate watch` on a venue that trades, changes its status, is killed and comes back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

from tests.app.venue import wait_for
from tests.feeds.clients import caught_up
from tests.liquidity.markets import MAKER_ALONE
from tests.venue_process import VenueProcess
from tests.watch.test_watch import Terminal, command, environment
from tidegate.control.client import ask

MARKET = f"""{MAKER_ALONE}[[liquidity.market]]
symbol = "BTC/USD"
walk = "fixed"
interval_ms = 50
trades_per_minute = 600
"""


def to_file(directory: Path, path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with path.open("wb") as file:
        return subprocess.Popen(
            command(directory, "BTC/USD", *arguments), stdout=file, stderr=file, env=environment()
        )


def has_line(path: Path, text: str, times: int = 1) -> bool:
    """Whether there is a whole line with that text, or as many of them."""
    lines = path.read_text().split("\n")[:-1]
    return sum(text in line for line in lines) >= times


def set_status(venue: VenueProcess, status: str) -> None:
    ask(venue.directory, "market-status", {"symbol": "BTC/USD", "status": status})


def test_status_death_and_return_of_a_venue_are_shown_and_the_terminal_is_given_back(
    tmp_path: Path,
) -> None:
    with VenueProcess(tmp_path / "data", config=f"market_data = true\n{MARKET}") as venue:
        caught_up(venue.directory)
        lines = tmp_path / "lines"
        plain = to_file(venue.directory, lines)
        wait_for(lambda: has_line(lines, "checksum ok") and has_line(lines, " trade "))

        async def on_a_terminal() -> None:
            terminal = await Terminal.start(venue.directory, "BTC/USD")
            before = terminal.modes
            await terminal.wait_for("checksum ok")
            terminal.seen = b""
            await asyncio.to_thread(set_status, venue, "cancel_only")
            await terminal.wait_for("cancel only")
            terminal.seen = b""
            await asyncio.to_thread(set_status, venue, "online")
            await terminal.wait_for("online")
            await asyncio.to_thread(venue.kill)
            await terminal.wait_for("; reconnecting")
            terminal.seen = b""
            await asyncio.to_thread(venue.restart)
            await terminal.wait_for("checksum ok")
            terminal.press(b"q")
            assert await terminal.end() == 0
            assert terminal.modes == before
            terminal.close()

        async def within() -> None:
            async with asyncio.timeout(90):
                await on_a_terminal()

        asyncio.run(within())
        wait_for(lambda: has_line(lines, " connected ", 2) and has_line(lines, "checksum ok", 2))
        plain.send_signal(signal.SIGINT)
        assert plain.wait(30) == 0
        told = lines.read_text().splitlines()
        assert told[0].startswith(
            "- BTC/USD connected LIQUIDITY-MAKER at 127.0.0.1:"
        )  # not a client's name
        marks = [line for line in told if line.startswith("- ")]
        assert marks[1:] == [
            "- BTC/USD status online",
            "- BTC/USD status cancel only",
            "- BTC/USD status online",
            marks[4],
            told[0],
        ]
        # Of the process that serves market data: it may have the time to say a word.
        reasons = ("Link lost", "Venue is stopping")
        assert marks[4] in [f"- BTC/USD disconnected {why}; reconnecting" for why in reasons]
        unknown = subprocess.run(
            command(venue.directory, "NO/PAIR"), capture_output=True, env=environment(), check=False
        )
        assert unknown.returncode == 2
        assert unknown.stderr == b"tidegate: the venue refuses: Unknown symbol: NO/PAIR\n"
