"""The venue's time: a port, and the wall clock made steady behind it.

The core's time never goes back, so a wall clock that does would stop it: no heartbeats and no
timeouts until the clock has caught up with itself. This clock follows the wall forward at once;
when the wall has stepped back, it goes on at half speed until the two meet again.

`lab.clock.VirtualClock` is the other one, for tests: it goes where it is told to.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Clock:
    """What time it is for the venue. Everything that depends on time asks it: heartbeats, expiries,
    rates, the rollover, SendingTime, nonce windows. Times are nanoseconds since 1970 UTC."""

    def now_ns(self) -> int:
        """The venue's time, which never goes back."""
        raise NotImplementedError

    def wall_ns(self) -> int:
        """The time that clients go by: what a nonce is compared with."""
        raise NotImplementedError

    def ahead_ns(self) -> int:
        """How far the venue's time is ahead of that of the clients."""
        raise NotImplementedError


class SteadyClock(Clock):
    """`not_before_ns` is the newest time in the journal: what was recorded under a wrong clock
    counts like a step back. Times are nanoseconds since 1970 UTC."""

    def __init__(
        self,
        not_before_ns: int = 0,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._monotonic_at_ns = monotonic_ns()
        self._now_ns = max(wall_ns(), not_before_ns)

    def now_ns(self) -> int:
        monotonic_ns = self._monotonic_ns()
        elapsed_ns = monotonic_ns - self._monotonic_at_ns
        self._monotonic_at_ns = monotonic_ns
        self._now_ns = max(self._wall_ns(), self._now_ns + elapsed_ns // 2)
        return self._now_ns

    def wall_ns(self) -> int:
        """The wall clock as it is."""
        return self._wall_ns()

    def ahead_ns(self) -> int:
        """How far the venue's time is ahead of the wall clock."""
        return max(0, self._now_ns - self._wall_ns())
