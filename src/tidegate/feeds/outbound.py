"""The writing half of a market-data link.

There is no log to read on from, so a peer that does not keep up gets no more than fits the
transport's buffer: then its subscriptions stop (`Desk.stall`) until there is room again. Who reads
nothing for a while, or asks for more than it reads, is cut.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from tidegate.gateway.outbound import CLOSE_WAIT_S, LinkWriter
from tidegate.gateway.port import LinkTransport

# Bytes in the transport's buffer at which subscriptions stop, and go on.
FULL_BYTES: Final = 256 * 1024
ROOM_BYTES: Final = 64 * 1024
# More than that is cut. One step adds at most one refresh beyond `FULL_BYTES`, or what a peer has
# asked for without reading the answers.
UNSENT_BYTES_MAX: Final = 32 * 1024 * 1024
STALLED_S_MAX: Final = 10.0  # in which a peer must have made room

_log = structlog.get_logger("tidegate.feeds")


class StallWatch(Protocol):
    """Who is told that a link takes no more, and that it does again."""

    def stalled(self, link: int) -> None: ...

    def drained(self, link: int) -> None: ...


class FeedWriter(LinkWriter):
    """See the module."""

    def __init__(self, transport: LinkTransport, link: int, watch: StallWatch) -> None:
        super().__init__(transport)
        self._link = link
        self._watch = watch
        self._paused = False
        self._overdue: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        transport.set_write_buffer_limits(FULL_BYTES, ROOM_BYTES)

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def following(self) -> bool:
        return False

    @property
    def resends_pending(self) -> int:
        return 0

    def write(self, first: int, last: int, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(data)  # may call `pause`
        if self._paused and transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self._give_up("too much is unread")

    def skip(self, first: int, last: int) -> None:
        return

    def sweep(self, first: int, last: int) -> bool:
        return True

    def cut(self) -> None:
        self._loop.call_later(CLOSE_WAIT_S, self._transport.abort)
        self._transport.close()

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._overdue = self._loop.call_later(STALLED_S_MAX, self._stalled_too_long)
            self._watch.stalled(self._link)

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None
            self._watch.drained(self._link)

    def _stalled_too_long(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._give_up(f"reads too slowly: no room for {STALLED_S_MAX:g} s")

    def _give_up(self, reason: str) -> None:
        _log.warning("link_cut", link=self._link, reason=reason)
        self._transport.abort()
