"""A part of a recorded day through the FIX port, with a kill -9 in the middle."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from tests.flow.player import VENUE_CONFIG, Player
from tests.flow.reconcile import reconcile
from tests.flow.tape import TapeEvent, read_tape, tape_path
from tests.venue_process import VenueProcess

EVENTS = 6_000
KILL_AFTER = 4_000


@pytest.mark.skipif(not tape_path().exists(), reason="the recorded day of order flow is not here")
def test_recorded_flow_reconciles_over_a_kill(tmp_path: Path) -> None:
    tape = list(islice(read_tape(tape_path(), thinned=True), EVENTS))
    data = tmp_path / "data"
    with VenueProcess(data, config=VENUE_CONFIG) as venue:
        player = asyncio.run(_play(venue, tape))
        assert venue.terminate() == 0
    reconcile(player, data)
    traders = player.traders.values()
    assert player.played == EVENTS
    assert sum(trader.witness.trades for trader in traders) > 100
    assert sum(len(trader.witness.open_orders) for trader in traders) > 100
    assert sum(trader.witness.replayed for trader in traders) > 0
    assert sum(trader.counts["sent_anew"] for trader in traders) > 0


async def _play(venue: VenueProcess, tape: list[TapeEvent]) -> Player:
    player = Player(venue, kills=[KILL_AFTER])
    await player.play(tape)
    return player
