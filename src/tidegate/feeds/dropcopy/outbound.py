"""The writing half of a drop-copy link: while its transport is full, the log waits."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from tidegate.gateway.outbound import CLOSE_WAIT_S, LinkWriter
from tidegate.gateway.port import LinkTransport

# Bytes in the transport's buffer at which reading the log stops, and goes on.
FULL_BYTES: Final = 256 * 1024
ROOM_BYTES: Final = 64 * 1024
UNSENT_BYTES_MAX: Final = 8 * 1024 * 1024  # of one that asks much and reads nothing

_log = structlog.get_logger("tidegate.feeds")


class RoomWatch(Protocol):
    """Who is told that a link takes no more, and that it does again."""

    def full(self, link: int) -> None: ...

    def drained(self, link: int) -> None: ...


class CopyWriter(LinkWriter):
    """See the module."""

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

    def write(self, first: int, last: int, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(data)  # may call `pause`
        if self._paused and transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            _log.warning("link_cut", link=self._link, reason="too much is unread")
            transport.abort()

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
