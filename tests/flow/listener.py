"""Clients of market data that listen while a tape is played: every depth of both levels."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.feeds.clients import L2, L3, caught_up
from tests.feeds.wire_truth import Ear, Line
from tests.flow.tape import SYMBOL
from tests.peers.socket_peer import Login
from tests.venue_process import VenueProcess

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

    def finish(self) -> list[Line]:
        """Everything that the venue has done is told."""
        caught_up(self._venue.directory)
        self._stopped.set()
        for ear, thread in zip(self.ears, self._threads, strict=True):
            thread.join()
            ear.finish()
            ear.close()
        return [Line(ear) for ear in self.ears]
