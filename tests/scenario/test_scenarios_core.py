"""Every script, played on the bare core."""

from __future__ import annotations

import pytest

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import Script, all_scripts
from tidegate.model.rejects import ALL_RULES

SCRIPTS = all_scripts()


def play(script: Script) -> CoreVenue:
    venue = CoreVenue()
    Player(script, venue).run()
    return venue


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scenario(script: Script) -> None:
    play(script).verify()


def test_every_rule_of_the_catalogue_is_provoked_by_some_scenario() -> None:
    seen: set[str] = set()
    for script in SCRIPTS:
        seen |= {note.rule.decode() for note in play(script).refusals}
    missing = [rule.name for rule in ALL_RULES if rule.name not in seen]
    assert missing == []
