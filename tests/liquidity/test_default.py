"""Which venue has a market maker without a word about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.app.venue import environment, free_offset, wait_for
from tidegate.config.liquidity import MAIN_PAIRS
from tidegate.control.client import VenueUnreachable, ask
from tidegate.control.protocol import ControlError


def _markets(data: Path) -> list[str]:
    """The markets that are made; None of them where liquidity is off."""

    def look() -> list[str] | None:
        try:
            answer = ask(data, "liquidity")
        except VenueUnreachable:
            return None
        except ControlError as error:
            return [str(error).partition(":")[0]]
        if not all(market["open_quotes"] for market in answer["markets"]):
            return None
        return [market["symbol"] for market in answer["markets"]]

    found: list[str] = wait_for(look)
    return found


def test_a_venue_without_a_file_lives_and_one_whose_clock_is_moved_stands_still(
    tmp_path: Path,
) -> None:
    for arguments, markets in (
        ([], list(MAIN_PAIRS)),
        (["--clock", "virtual"], ["liquidity is off"]),
    ):
        data = tmp_path / f"data{len(arguments)}"
        command = [
            sys.executable, "-m", "tidegate", "up", "--plain", "--data", str(data),
            "--port-offset", str(free_offset()), *arguments,
        ]  # fmt: skip
        with subprocess.Popen(
            command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                assert _markets(data) == markets
            finally:
                process.terminate()
                assert process.wait(30) == 0
