"""docs/faults.md says of every kind what the table of kinds says."""

from __future__ import annotations

import re
from pathlib import Path

from tidegate.config.rules_faults import KINDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


def rows() -> dict[str, list[str]]:
    """Kind to the cells behind it."""
    text = DOCUMENT.read_text()
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_table_is_that_of_the_kinds() -> None:
    assert sorted(rows()) == sorted(KINDS)
    for kind, (effect, looks_at, parameters, client) in rows().items():
        rules = KINDS[kind]  # type: ignore[index]
        assert looks_at == rules.counted, kind
        assert set(re.findall(r"\*\*`(\w+)`\*\*", parameters)) == set(rules.needs), kind
        assert set(re.findall(r"`(\w+)`", parameters)) == {*rules.needs, *rules.takes}, kind
        assert effect
        assert client


def test_the_journaled_kinds_are_named() -> None:
    text = DOCUMENT.read_text()
    sentence = text[text.index("## What the venue knows of it") :].partition("change the venue")[0]
    journaled = {kind for kind, rules in KINDS.items() if rules.journaled}
    assert set(re.findall(r"`(\w+)`", sentence)) == journaled
