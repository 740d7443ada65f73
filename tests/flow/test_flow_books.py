"""A part of a recorded day while independent clients hold books of every depth: each message of
each of them is compared with the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.feeds.wire_truth import agree
from tests.flow.listener import Listener
from tests.flow.player import VENUE_CONFIG, Player
from tests.flow.tape import read_tape, tape_path
from tests.venue_process import VenueProcess
from tidegate.tapes.events import ADD, CANCEL, MODIFY, TapeEvent

EVENTS = 1_500


@pytest.mark.skipif(not tape_path().exists(), reason="the recorded day of order flow is not here")
def test_every_message_of_the_recorded_flow_is_the_engines_book(tmp_path: Path) -> None:
    tape = list(islice(_live(read_tape(tape_path(), thinned=True)), EVENTS))
    data = tmp_path / "data"
    with VenueProcess(data, config=f"market_data = true\n{VENUE_CONFIG}") as venue:
        listener = Listener(venue, tmp_path)
        asyncio.run(Player(venue).play(listener.told_of(tape)))
        lines = listener.finish()
        assert venue.terminate() == 0
    told = agree(data, lines)
    by_level, by_order = lines
    assert told["trades"] == sum(len(entries) for entries in by_level.trades.values()) > 20
    assert min(by_level.counts["pushed out"], by_order.counts["pushed out"]) > 20
    assert min(by_level.counts["book"], by_order.counts["book"]) > EVENTS


def _live(tape: Iterator[TapeEvent]) -> Iterator[TapeEvent]:
    """With a small part of the opening book, all of one moment: what comes after it is wanted."""
    left_out: set[str] = set()
    opening_ns = -1
    for number, event in enumerate(tape):
        opening_ns = event.time_ns if opening_ns < 0 else opening_ns
        if event.action == ADD and event.time_ns == opening_ns and number % 6:
            left_out.add(event.order)
        elif event.action not in (CANCEL, MODIFY) or event.order not in left_out:
            yield event
