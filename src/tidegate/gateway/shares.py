"""Whose turn it is: work that is more than a few messages is done in shares.

A message that comes alone is served at once. What a link has beyond that (a flood, bytes that are
no messages, a day of messages to send again) waits here with that of all other links, and the loop
looks at the sockets between two shares. While another link sends now and then, a share is about as
long as one order takes, so its message meets at most one such share on its way, however many links
have how much to do. Where nobody else has been heard for a while, shares are long: a batch is
cheaper.
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
"""Does a share: until the stopwatch shows the first, in pieces of the second, and at least one
piece. It adds itself again if something is left."""

_NEVER_S: Final = -OTHERS_GONE_S
_NO_LINK: Final = -1


class Shares:
    """The queue of one event loop, for all links of all listeners. `stopwatch_s` runs on while the
    loop is in a callback, in seconds."""

    def __init__(self, stopwatch_s: Callable[[], float] = monotonic) -> None:
        self.stopwatch_s = stopwatch_s
        # The link that was last heard alone, and the one before it, with when they were.
        self._lone_link = _NO_LINK
        self._lone_at_s = _NEVER_S
        self._other_link = _NO_LINK
        self._other_at_s = _NEVER_S
        self._waiting: deque[Work] = deque()
        self._scheduled = False
        self._loop = asyncio.get_running_loop()

    def lone(self, link: int) -> None:
        """A message came alone on that link."""
        if link != self._lone_link:
            self._other_link = self._lone_link
            self._other_at_s = self._lone_at_s
            self._lone_link = link
        self._lone_at_s = self.stopwatch_s()

    def not_lone(self, link: int) -> None:
        """What that link sent singly was part of more, or the link is gone."""
        if link == self._lone_link:
            self._lone_link = self._other_link
            self._lone_at_s = self._other_at_s
        elif link != self._other_link:
            return
        self._other_link = _NO_LINK
        self._other_at_s = _NEVER_S

    @property
    def is_crowded(self) -> bool:
        """Whether somebody waits, or may soon send a lone message that would have to."""
        return bool(self._waiting) or self._is_short(self.stopwatch_s())

    def add(self, work: Work) -> None:
        """Queue up behind everybody else; once at a time."""
        self._waiting.append(work)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _is_short(self, now_s: float) -> bool:
        return now_s - self._lone_at_s < OTHERS_GONE_S

    def _turn(self) -> None:
        """Serve who waits, in order, until the share is used up."""
        self._scheduled = False
        now_s = self.stopwatch_s()
        is_short = self._is_short(now_s)
        end_s = now_s + (SHORT_SHARE_S if is_short else LONG_SHARE_S)
        waiting = self._waiting
        for _ in range(len(waiting)):
            work = waiting.popleft()
            work(end_s, 1 if is_short else AT_ONCE)
            if self.stopwatch_s() >= end_s:
                break
        if waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)
