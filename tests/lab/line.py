"""A line that is a list: what stands on both sides of a tap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.peers.socket_peer import framed
from tidegate.gateway.port import LinkTransport, Tap


def frame(number: int, *, msg_type: str = "8", more: str = "", filler: int = 0) -> bytes:
    """A message; `more` are fields as text, separated by `|`."""
    body = f"35={msg_type}|34={number}|{more}58={'x' * (filler + 1)}|"
    return framed(body.replace("|", "\x01").encode())


class Transport:
    """What is written, as it was written; `changed` tells of anything new."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.changed = asyncio.Event()
        self.reading = True
        self.closed = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.is_closing(), "written after the end"
        self.written.append(data)
        self.changed.set()

    def close(self) -> None:
        self.closed = True
        self.changed.set()

    def abort(self) -> None:
        self.aborted = True
        self.changed.set()

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        raise AssertionError("set before the tap was there")

    def get_write_buffer_size(self) -> int:
        return 0

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not reached():
                self.changed.clear()
                await self.changed.wait()

    def numbers(self) -> list[int]:
        """MsgSeqNum of every message written, those with wrong ends among them."""
        data = b"".join(self.written)
        return [int(part.partition(b"\x01")[0]) for part in data.split(b"\x0134=")[1:]]


class Link:
    """A link with its transport. `taken` is what the venue was given, `paused` whether the venue
    is to write no more for now."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.tap: Tap | None = None
        self.taken: list[bytes] = []
        self.paused = False

    def insert(self, tap_on: Callable[[LinkTransport], Tap]) -> None:
        assert self.tap is None
        self.tap = tap_on(self.transport)

    def take(self, frames: list[bytes]) -> None:
        self.taken += frames

    def pause_source(self) -> None:
        self.paused = True

    def resume_source(self) -> None:
        self.paused = False
