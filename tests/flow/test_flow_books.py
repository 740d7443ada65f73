"""A part of a recorded day while independent clients hold books of every depth: each message of
each of them is compared with the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.feeds.clients import L2, L3, caught_up
from tests.feeds.wire_truth import L2_DEPTHS, L3_DEPTHS, Ear, Line, agree
from tests.flow.player import VENUE_CONFIG, Player
from tests.flow.tape import SYMBOL, read_tape, tape_path
from tests.peers.socket_peer import Login
from tests.venue_process import VenueProcess
from tidegate.tapes.events import ADD, CANCEL, MODIFY, TapeEvent

EVENTS = 2_500


class Listener:
    """Ears on both ports, each with a thread that reads while the day is played."""

    def __init__(self, venue: VenueProcess, directory: Path) -> None:
        self._venue = venue
        self.ears: list[Ear] = []
        for service in (L2, L3):
            login = Login(venue.ready["ports"][service], "ACME", "KRAKEN-MD", "", "")
            ear = Ear(login, directory / f"{service}.fix", by_order=service == L3)
            ear.log_on()
            for depth in L3_DEPTHS if ear.by_order else L2_DEPTHS:
                ear.subscribe(f"d{depth}", [SYMBOL], depth, trades=depth == 1)
            self.ears.append(ear)
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(ear,)) for ear in self.ears]
        for thread in self._threads:
            thread.start()

    def _read(self, ear: Ear) -> None:
        while not self._stopped.is_set():
            ear.hear()

    def finish(self) -> list[Line]:
        """Everything that the venue has done is told."""
        caught_up(self._venue.directory)
        self._stopped.set()
        for ear, thread in zip(self.ears, self._threads, strict=True):
            thread.join()
            ear.finish()
            ear.close()
        return [Line(ear) for ear in self.ears]


@pytest.mark.skipif(not tape_path().exists(), reason="the recorded day of order flow is not here")
def test_every_message_of_the_recorded_flow_is_the_engines_book(tmp_path: Path) -> None:
    tape = list(islice(_live(read_tape(tape_path(), thinned=True)), EVENTS))
    data = tmp_path / "data"
    with VenueProcess(data, config=f"market_data = true\n{VENUE_CONFIG}") as venue:
        listener = Listener(venue, tmp_path)
        asyncio.run(_play(venue, tape))
        lines = listener.finish()
        assert venue.terminate() == 0
    told = agree(data, lines)
    by_level, by_order = lines
    assert told["trades"] == sum(len(entries) for entries in by_level.trades.values()) > 50
    assert min(by_level.counts["pushed out"], by_order.counts["pushed out"]) > 50
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


async def _play(venue: VenueProcess, tape: list[TapeEvent]) -> None:
    await Player(venue).play(tape)
