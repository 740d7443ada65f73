"""The writing half of a drop-copy link: while its transport is full, the log waits."""

from __future__ import annotations

from typing import Final

from tidegate.feeds.outbound import RoomWriter

UNSENT_BYTES_MAX: Final = 8 * 1024 * 1024  # of one that asks much and reads nothing


class CopyWriter(RoomWriter):
    """See the module."""

    def write(self, first: int, last: int, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(data)  # may call `pause`
        if self._paused and transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self._give_up("too much is unread")
