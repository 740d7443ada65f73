"""Brings a replica of the venue to where the journal is durable, and no further.

At the start at once, before anybody is let in; from then on in steps of bounded length.
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
    """`observer` collects what the replica tells. Raises `ReplicaRefused` and `JournalError`."""

    def __init__(
        self, data_directory: Path, doorbell: DoorbellReader, market_data: MarketData
    ) -> None:
        """Catch up with what is durable now."""
        self.doorbell = doorbell
        self._replica = Replica(data_directory, doorbell.log_position)
        self._read: deque[Batch] = deque()
        end = doorbell.log_position
        while self._replica.position < end:
            batches = self._replica.follower.read(READ_BYTES_MAX, end)
            if not batches:
                break
            for batch in batches:
                self._replica.replay(batch)
        self.observer = BookObserver(self._replica.venue, market_data)
        self.observer.begin()

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
        """Replay for so long, and one turn at least, calling `applied` behind each. False where
        everything that is durable is replayed: the doorbell rings for what comes."""
        deadline = time.monotonic() + step_s
        batches = self._read
        while True:
            if not batches:
                end = self.doorbell.log_position
                batches.extend(self._replica.follower.read(READ_BYTES_MAX, end))
                if not batches:
                    if self.doorbell.sleep_at(end):
                        return False
                    continue
            self._replica.replay(batches.popleft())
            applied()
            if time.monotonic() >= deadline:
                return True

    def close(self) -> None:
        """Give the journal's file back."""
        self._replica.close()
