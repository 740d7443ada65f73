"""The writer of a market-data link, with a transport that a test fills and empties, and timers that
a test lets go off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tidegate.feeds.outbound import FULL_BYTES, STALLED_S_MAX, UNREAD_BYTES_MAX, FeedWriter

MEGABYTE = 1 << 20


class Loop(asyncio.SelectorEventLoop):
    """Keeps what is to be called later."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        self.later.append((delay, lambda: callback(*args)))
        return super().call_later(3_600, callback, *args, context=context)


class Transport:
    """Asks for a pause when what it holds passes its limit."""

    def __init__(self) -> None:
        self.waiting = 0
        self.aborted = False
        self.high = 0
        self.writer: FeedWriter | None = None

    def write(self, data: bytes) -> None:
        self.waiting += len(data)
        if self.waiting > self.high and self.writer is not None:
            self.writer.pause()

    def close(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return self.waiting


class Watch:
    def full(self, link: int) -> None: ...

    def drained(self, link: int) -> None: ...


def played(play: Callable[[Transport, FeedWriter, Loop], None]) -> None:
    loop = Loop()

    async def main() -> None:
        transport = Transport()
        transport.writer = FeedWriter(transport, 1, Watch())
        play(transport, transport.writer, loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def test_a_book_may_be_larger_than_what_may_be_unread_and_answers_behind_it_may_not() -> None:
    def play(transport: Transport, writer: FeedWriter, loop: Loop) -> None:
        writer.write(0, 0, b"W" * (40 * MEGABYTE))
        writer.write(0, 0, b"0" * (UNREAD_BYTES_MAX - 1))
        assert not transport.aborted
        writer.write(0, 0, b"y" * 2)
        assert transport.aborted

    played(play)


def test_answers_count_from_when_there_is_no_room() -> None:
    def play(transport: Transport, writer: FeedWriter, loop: Loop) -> None:
        for _ in range(2):
            writer.write(0, 0, b"W" * (FULL_BYTES + 1))
            writer.write(0, 0, b"y" * (UNREAD_BYTES_MAX - 1))
            transport.waiting = 0
            writer.resume()
        assert not transport.aborted

    played(play)


def test_answers_that_are_read_do_not_count() -> None:
    def play(transport: Transport, writer: FeedWriter, loop: Loop) -> None:
        writer.write(0, 0, b"W" * (FULL_BYTES + 1))
        for _ in range(3 * UNREAD_BYTES_MAX // FULL_BYTES):
            writer.write(0, 0, b"y" * FULL_BYTES)
            transport.waiting -= FULL_BYTES
        assert not transport.aborted

    played(play)


def test_who_reads_enough_has_more_time_whatever_is_written_meanwhile() -> None:
    """Answers come behind what waits, and are no less read than that."""

    def play(transport: Transport, writer: FeedWriter, loop: Loop) -> None:
        writer.write(0, 0, b"W" * (4 * FULL_BYTES))
        for read in (FULL_BYTES, FULL_BYTES, FULL_BYTES - 1):
            ((_, look),) = loop.later
            loop.later.clear()
            writer.write(0, 0, b"y" * (FULL_BYTES // 2))
            transport.waiting -= read
            look()
            assert transport.aborted == (read < FULL_BYTES)

    played(play)


def test_who_reads_on_has_more_time_and_who_does_not_is_cut() -> None:
    def play(transport: Transport, writer: FeedWriter, loop: Loop) -> None:
        writer.write(0, 0, b"W" * (10 * FULL_BYTES))
        for _ in range(3):
            ((delay, look),) = loop.later
            loop.later.clear()
            assert delay == STALLED_S_MAX
            transport.waiting -= FULL_BYTES
            look()
            assert not transport.aborted
        ((_, look),) = loop.later
        transport.waiting -= FULL_BYTES - 1
        look()
        assert transport.aborted

    played(play)
