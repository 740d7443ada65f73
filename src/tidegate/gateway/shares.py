"""Whose turn it is: work that is more than a few messages is done in shares.

A message that comes alone is served at once. What a link has beyond that (a flood, bytes that are
no messages, a day of messages to send again) waits here with that of all other links, and the loop
looks at the sockets between two shares. While others send now and then, a share is about as long as
one order takes, so a message meets at most one such share on its way, however many links have how
much to do. Where nobody else has been heard for a while, shares are long: a batch is cheaper.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

LONG_SHARE_S: Final = 0.002
SHORT_SHARE_S: Final = 0.000_02  # one piece of work is done in any case
OTHERS_GONE_S: Final = 1.0  # without a lone message: then shares are long again

AT_ONCE: Final = 16  # messages between two looks at the clock, in a long share

Work = Callable[[float, int], None]
"""Does a share: until the monotonic clock shows the first, in pieces of the second, and at least
one piece. It adds itself again if something is left."""


class Shares:
    """The queue of one event loop, for all links of all listeners. `heard` is counted up by whoever
    serves a lone message."""

    def __init__(self) -> None:
        self.heard = 0
        self._heard_before = 0
        self._short_until_s = 0.0
        self._waiting: deque[Work] = deque()
        self._scheduled = False
        self._loop = asyncio.get_running_loop()

    def add(self, work: Work) -> None:
        """Queue up behind everybody else; once at a time."""
        self._waiting.append(work)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Serve who waits, in order, until the share is used up."""
        self._scheduled = False
        now_s = monotonic()
        if self.heard != self._heard_before:
            self._heard_before = self.heard
            self._short_until_s = now_s + OTHERS_GONE_S
        is_short = now_s < self._short_until_s
        end_s = now_s + (SHORT_SHARE_S if is_short else LONG_SHARE_S)
        waiting = self._waiting
        for _ in range(len(waiting)):
            work = waiting.popleft()
            work(end_s, 1 if is_short else AT_ONCE)
            if monotonic() >= end_s:
                break
        if waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)
