"""Clients of market data that listen while a tape is played: every depth of both levels."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.app.venue import wait_for
from tests.feeds.clients import L2, L3, caught_up
from tests.feeds.wire_truth import Ear, Line
from tests.flow.tape import SYMBOL
from tests.peers.socket_peer import Login
from tests.venue_process import VenueProcess
from tidegate.feeds.status import ask
from tidegate.tapes.events import TapeEvent

EVENTS_UNTOLD_MAX = 50  # what comes of them is less than makes a line full
HEARTBEAT_S = 60.0


class Listener:
    """Ears on both ports, each with a thread that reads while the day is played."""

    def __init__(self, venue: VenueProcess, directory: Path) -> None:
        self._venue = venue
        self.ears: list[Ear] = []
        for service in (L2, L3):
            login = Login(venue.ready["ports"][service], "ACME", "KRAKEN-MD", "", "")
            ear = Ear(login, directory / f"{service}.fix", by_order=service == L3)
            ear.log_on()
            ear.subscribe_to_all([SYMBOL], trade_depths=(1,))
            self.ears.append(ear)
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(ear,)) for ear in self.ears]
        for thread in self._threads:
            thread.start()

    def _read(self, ear: Ear) -> None:
        said_s = time.monotonic()
        while not self._stopped.is_set():
            ear.hear()
            if time.monotonic() - said_s > HEARTBEAT_S:
                said_s = time.monotonic()
                ear.send("0")

    def told_of(self, tape: Iterable[TapeEvent]) -> Iterator[TapeEvent]:
        """The tape, as fast as the ears are told of it. Trading does not wait for market data, and
        whoever leaves too much unread, as on a busy machine, gets full refreshes."""
        for number, event in enumerate(tape, 1):
            yield event
            if number % EVENTS_UNTOLD_MAX == 0:
                wait_for(self._are_told)

    def _are_told(self) -> bool:
        found = ask(self._venue.directory)
        unsent_bytes = sum(session["unsent_bytes"] for session in found["sessions"])
        return bool(found["behind_bytes"] == unsent_bytes == 0)

    def finish(self) -> list[Line]:
        """Everything that the venue has done is told."""
        caught_up(self._venue.directory)
        self._stopped.set()
        for ear, thread in zip(self.ears, self._threads, strict=True):
            thread.join()
            ear.finish()
            ear.close()
        return [Line(ear) for ear in self.ears]
