"""What time it is for sessions of the feeds: the machine's, or the venue's where that is moved."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from tidegate.clock import SteadyClock
from tidegate.journal import DoorbellReader
from tidegate.session.machine import Session

SETTLE_S: Final = 0.2  # of real time, in which a client answers a question before time passes on


class FeedTime:
    """Nanoseconds since 1970 UTC; never goes back. With `virtual` it is what the doorbell shows,
    and leaps: so a client that is asked whether it lives has a while of real time to say so."""

    def __init__(self, doorbell: DoorbellReader, not_before_ns: int, *, virtual: bool) -> None:
        self._doorbell = doorbell
        self._clock = None if virtual else SteadyClock(not_before_ns)
        self._now_ns = not_before_ns
        self._asked_s = 0.0

    def now_ns(self) -> int:
        if self._clock is not None:
            return self._clock.now_ns()
        self._now_ns = max(self._now_ns, self._doorbell.time_ns)
        return self._now_ns

    def may_pass(self, sessions: Iterable[Session]) -> bool:
        """Whether sessions may be told what time it is: not while a client still has real time to
        answer."""
        if self._clock is not None:
            return True
        now_s = time.monotonic()
        if not any(session.test_request_ns for session in sessions):
            self._asked_s = 0.0
            return True
        if self._asked_s == 0.0:
            self._asked_s = now_s
        return now_s - self._asked_s >= SETTLE_S
