"""Every script, played on the bare core."""

from __future__ import annotations

import pytest

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import Script, all_scripts

SCRIPTS = all_scripts()


def play(script: Script) -> CoreVenue:
    venue = CoreVenue()
    Player(script, venue).run()
    return venue


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scenario(script: Script) -> None:
    play(script).verify()
