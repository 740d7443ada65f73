"""Brings a replica of the venue to where the journal is durable, and no further: in steps of
bounded length. Nothing is told of what was durable at the start, the books begin there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tidegate.feeds.observer import BookObserver
from tidegate.journal import Batch, DoorbellReader
from tidegate.marketdata.fold import MarketData
from tidegate.replica import Replica
from tidegate.venue.machine import Venue
from tidegate.venue.rollover import Rollover

READ_BYTES_MAX: Final = 256 * 1024  # of the journal, at once
STEP_S: Final = 0.002  # of replaying, before links get their turn


class Follower:
    """`observer` collects what the replica tells, from when `is_ready`. Raises `ReplicaRefused` and
    `JournalError`."""

    def __init__(
        self,
        data_directory: Path,
        doorbell: DoorbellReader,
        market_data: MarketData,
        *,
        at_once: bool = True,
    ) -> None:
        """Catch up with what is durable now: here, or with the first steps."""
        self.doorbell = doorbell
        self._start = doorbell.log_position
        self._replica = Replica(data_directory, self._start)
        self._read: deque[Batch] = deque()
        self.observer = BookObserver(self._replica.venue, market_data)
        self.is_ready = False
        while at_once and not self.is_ready:
            self.step(lambda: None)

    @property
    def venue(self) -> Venue:
        """The replica's, to look at."""
        return self._replica.venue

    @property
    def rollover(self) -> Rollover:
        return self._replica.venue.rollover

    @property
    def position(self) -> int:
        """The log position behind the last turn that was replayed."""
        return self._replica.position

    @property
    def sequence(self) -> int:
        """Of the record behind the last turn that was replayed."""
        return self._replica.sequence

    def step(self, applied: Callable[[], None], step_s: float = STEP_S) -> bool:
        """Replay for so long, and one turn at least, calling `applied` when it has become ready and
        behind each turn from then on. False where everything that is durable is replayed: the
        doorbell rings for what comes."""
        deadline = time.monotonic() + step_s
        batches = self._read
        while True:
            end = self.doorbell.log_position
            if not batches:
                batches.extend(self._replica.follower.read(READ_BYTES_MAX, end))
            if not self.is_ready and (self._replica.position >= self._start or not batches):
                self.is_ready = True
                self.observer.begin()
                applied()
            if not batches:
                if self.doorbell.sleep_at(end):
                    return False
                continue
            self._replica.replay(batches.popleft())
            if self.is_ready:
                applied()
            if time.monotonic() >= deadline:
                return True

    def close(self) -> None:
        """Give the journal's file back."""
        self._replica.close()
