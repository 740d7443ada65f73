"""Options of a group of commands are its commands' as well: another venue must not be changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.cli_ctl import DATA_DEFAULT

ANSWERS = {
    "liquidity-pause": {"markets": [], "logged_on": True},
    "clock-stop": {"now": "2026-11-03 21:59:59", "kind": "virtual", "speed": 0},
}


@pytest.mark.parametrize(
    ("group", "command", "asked"),
    [("liquidity", "pause", "liquidity-pause"), ("clock", "stop", "clock-stop")],
)
def test_options_of_a_group_are_its_commands_unless_the_command_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, group: str, command: str, asked: str
) -> None:
    venues: list[Path] = []

    def ask(data: Path, name: str, *_: object) -> dict[str, Any]:
        assert name == asked
        venues.append(data)
        return ANSWERS[asked]

    monkeypatch.setattr("tidegate.control.client.ask", ask)
    for before, behind, data, is_json in (
        ((), (), DATA_DEFAULT, False),
        (("--data", "one"), (), Path("one"), False),
        (("--data", "one", "--json"), (), Path("one"), True),
        (("--data", "one"), ("--data", "two", "--json"), Path("two"), True),
        (("--json",), ("--data", "two"), Path("two"), True),
    ):
        done = CliRunner().invoke(app, ["ctl", group, *before, command, *behind])
        assert done.exit_code == 0, done.output
        assert venues.pop() == data
        assert (done.output == json.dumps(ANSWERS[asked], indent=2) + "\n") == is_json
