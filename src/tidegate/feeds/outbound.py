"""The writing half of a market-data link.

There is no log to read on from, so a peer that does not keep up gets no more than fits the
transport's buffer: then its subscriptions stop (`Desk.stall`) until there is room again. Who reads
next to nothing for a while, or asks for more than it reads, is cut.

What the system has taken of a line comes before any full refresh, too. So it is to take little
(`SYSTEM_BYTES`): else a slow peer reads megabytes of old news.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from tidegate.gateway.outbound import CLOSE_WAIT_S, LinkWriter
from tidegate.gateway.port import LinkTransport

# Bytes in the transport's buffer at which a link is full, and has room again.
FULL_BYTES: Final = 256 * 1024
ROOM_BYTES: Final = 64 * 1024
# What the system takes of a link before it can send it: enough that a quick peer waits for no turn
# of the loop.
SYSTEM_BYTES: Final = 128 * 1024
# What the session itself said while there was no room, answers above all, and is not sent yet: who
# has more of it is cut.
# (One full refresh goes to a line in one piece, however large a book is.)
UNREAD_BYTES_MAX: Final = 4 * 1024 * 1024
STALLED_S_MAX: Final = 10.0  # in which a peer must have made room, or read `FULL_BYTES`

_log = structlog.get_logger("tidegate.feeds")


class RoomWatch(Protocol):
    """Who is told that a link takes no more, and that it does again."""

    def full(self, link: int) -> None: ...

    def drained(self, link: int) -> None: ...


class RoomWriter(LinkWriter):
    """A link whose `watch` stops while its transport's buffer is full: nothing follows a log here,
    and no resend is cut into pieces."""

    def __init__(self, transport: LinkTransport, link: int, watch: RoomWatch) -> None:
        super().__init__(transport)
        self._link = link
        self._watch = watch
        self._paused = False
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

    def skip(self, first: int, last: int) -> None:
        return

    def sweep(self, first: int, last: int) -> bool:
        return True

    def cut(self) -> None:
        asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self._transport.abort)
        self._transport.close()

    def pause(self) -> None:
        self._paused = True
        self._watch.full(self._link)

    def resume(self) -> None:
        self._paused = False
        self._watch.drained(self._link)

    def _give_up(self, reason: str) -> None:
        _log.warning("link_cut", link=self._link, reason=reason)
        self._transport.abort()


class FeedWriter(RoomWriter):
    """See the module."""

    def __init__(self, transport: LinkTransport, link: int, watch: RoomWatch) -> None:
        super().__init__(transport, link, watch)
        self._later_bytes = 0  # that came while there was no room
        self._overdue: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def write(self, first: int, last: int, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if self._paused:
            self._later_bytes += len(data)
            unsent_bytes = transport.get_write_buffer_size() + len(data)
            if min(self._later_bytes, unsent_bytes) > UNREAD_BYTES_MAX:
                self._give_up("asks for much and reads little")
                return
        transport.write(data)  # may call `pause`

    def pause(self) -> None:
        if not self._paused:
            self._later_bytes = 0
            self._watch_out()
            super().pause()

    def resume(self) -> None:
        if self._paused:
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None
            super().resume()

    def _watch_out(self) -> None:
        self._overdue = self._loop.call_later(STALLED_S_MAX, self._look, self._left_bytes())

    def _look(self, left_bytes: int) -> None:
        """There were so many left a while ago, and there has been no room since."""
        if not self._paused or self._transport.is_closing():
            return
        if left_bytes - self._left_bytes() >= FULL_BYTES:
            self._watch_out()
        else:
            self._give_up(f"reads too slowly: no room for {STALLED_S_MAX:g} s")

    def _left_bytes(self) -> int:
        """What is unsent of what was there when the room ended, less what was read beyond that."""
        return self._transport.get_write_buffer_size() - self._later_bytes
