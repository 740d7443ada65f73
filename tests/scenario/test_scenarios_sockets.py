"""The scripts that need neither the venue's clock nor its process, played over real sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.scenario.player import Player
from tests.scenario.script import Script, all_scripts
from tests.scenario.socket_venue import SocketVenue
from tests.venue_process import VenueProcess

NAMES = ["ACME", "BETA", "PRIME"]
SCRIPTS = [script for script in all_scripts() if not script.core_only]
# Scripts that begin with a refused Logon see the numbers of a session that never was up.
FRESH = [script for script in SCRIPTS if script.steps[0].verb == "connect"]
SHARED = [script for script in SCRIPTS if script.steps[0].verb != "connect"]
PLAIN = [script for script in SHARED if not script.has_market_data]
MARKET_DATA = [script for script in SHARED if script.has_market_data]
NO_FEES_BY_VOLUME = '[fees]\ndefault_tier = "0"\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketVenue]:
    # What scripts trade over the same venue is not to move them up the fee ladder.
    directory = tmp_path_factory.mktemp("venue") / "data"
    with VenueProcess(directory, config=NO_FEES_BY_VOLUME) as process:
        yield SocketVenue(process)


@pytest.fixture(scope="module")
def with_market_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketVenue]:
    directory = tmp_path_factory.mktemp("venue") / "data"
    config = f"market_data = true\n{NO_FEES_BY_VOLUME}"
    with VenueProcess(directory, config=config) as process:
        yield SocketVenue(process)


@pytest.mark.parametrize("script", PLAIN, ids=lambda script: script.name)
def test_scenario(script: Script, shared: SocketVenue) -> None:
    _play(script, shared)


@pytest.mark.parametrize("script", MARKET_DATA, ids=lambda script: script.name)
def test_scenario_with_market_data(script: Script, with_market_data: SocketVenue) -> None:
    _play(script, with_market_data)


def _play(script: Script, venue: SocketVenue) -> None:
    used = {re.split("[:@]", step.target)[0] for step in script.steps}
    try:
        venue.clear([name for name in NAMES if name in used])
        Player(script, venue).run()
    finally:
        venue.close()
    assert venue.process.is_running


@pytest.mark.parametrize("script", FRESH, ids=lambda script: script.name)
def test_scenario_on_a_fresh_venue(
    script: Script, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with VenueProcess(tmp_path_factory.mktemp("venue") / "data") as process:
        venue = SocketVenue(process)
        try:
            Player(script, venue).run()
        finally:
            venue.close()
        assert process.is_running
