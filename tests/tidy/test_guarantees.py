"""What `docs/guarantees.md` names must exist: a promise without its test is none."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text()


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 30
    missing = []
    for file, name in named:
        path = ROOT / file
        if not path.is_file():
            missing.append(file)
        elif name and not re.search(rf"^(async )?def {name}\(", path.read_text(), re.MULTILINE):
            missing.append(f"{file}::{name}")
    assert missing == []


def test_every_named_scenario_exists() -> None:
    scripts = ROOT / "tests" / "scenario" / "scripts"
    named = re.findall(r"`((?:orders|spot|rejects|session|museum|controls)/\w+)`", TEXT)
    assert named
    assert [name for name in named if not (scripts / f"{name}.scenario").is_file()] == []
