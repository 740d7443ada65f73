"""The writing half of a link, over a transport that is a list: whatever pauses, resends and ends
come in whatever order, every message of the link goes out once, in order, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peers.socket_peer import Frame, framed, take_frames
from tidegate.gateway.outbound import Outbound
from tidegate.gateway.shares import Shares
from tidegate.model.limits import RESENDS_PENDING_MAX
from tidegate.session.resend import Sweep

COMP_IDS = b"49=V\x0156=C\x01"
SESSION = 5
ADMIN_EVERY = 4  # every fourth message is a Heartbeat, which a resend leaves out


def frame(number: int) -> bytes:
    msg_type = b"0" if number % ADMIN_EVERY == 0 else b"8"
    return framed(
        b"35=%s\x0134=%d\x01%s52=20260407-14:32:01.000\x01" % (msg_type, number, COMP_IDS)
    )


class Transport:
    """Buffers what is written; above `high` it asks its protocol to pause, as transports do."""

    def __init__(self, high: int) -> None:
        self.high = high
        self.buffered = 0
        self.written = bytearray()
        self.outbound: Outbound | None = None
        self.paused = False
        self.closing = False
        self.aborted = False
        self.buffered_max = 0

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert 0 < low < high

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        assert not self.closing, "written after the end"
        self.written += data
        self.buffered += len(data)
        self.buffered_max = max(self.buffered_max, self.buffered)
        if self.buffered > self.high and not self.paused:
            self.paused = True
            assert self.outbound is not None
            self.outbound.pause()

    def drain(self) -> None:
        """The peer has read everything."""
        self.buffered = 0
        if self.paused:
            self.paused = False
            assert self.outbound is not None
            self.outbound.resume()

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True
        self.aborted = True


class Session:
    """The log of one session: `FrameSource`, and the venue's calls on the link's `Outbound`."""

    def __init__(self, first: int, high: int) -> None:
        self.next_number = first  # the link's first message has this number
        self.lives = 1
        self.skipped: list[int] = []
        self.reads = 0
        self.transport = Transport(high)
        self.outbound = Outbound(  # type: ignore[arg-type]
            self.transport, self, SESSION, lambda: 10**18, Shares()
        )
        self.transport.outbound = self.outbound

    def life(self, session: int) -> int:
        assert session == SESSION
        return self.lives

    def read(self, session: int, number: int) -> bytes:
        assert session == SESSION
        assert 1 <= number < self.next_number, "read before it was durable"
        self.reads += 1
        return frame(number)

    def comp_ids(self, session: int) -> bytes:
        return COMP_IDS

    def send(self, count: int) -> None:
        first = self.next_number
        self.next_number += count
        data = b"".join(frame(number) for number in range(first, self.next_number))
        self.outbound.write(first, self.next_number - 1, data)

    def skip(self) -> None:
        """The next Heartbeat is kept and not to be transmitted; what comes before it is."""
        before = -self.next_number % ADMIN_EVERY
        if before:
            self.send(before)
        number = self.next_number
        self.next_number += 1
        self.skipped.append(number)
        self.outbound.skip(number, number)

    def sent_elsewhere(self, count: int) -> None:
        """Messages without this link: kept for a resend, or written to a newer one."""
        self.next_number += count


async def settle(session: Session, *, drains: int = 10_000) -> None:
    """Let everything happen that is to happen while the peer reads."""
    for _ in range(drains):
        await asyncio.sleep(0)
        if session.transport.paused:
            session.transport.drain()
        elif not session.outbound._waiting:
            return
    raise AssertionError("never done")


def split(session: Session) -> tuple[list[int], list[Frame]]:
    """Numbers of originals, and all frames, in the order written."""
    frames = take_frames(bytearray(session.transport.written))
    assert b"".join(f.raw for f in frames) == bytes(session.transport.written)
    return [f.number for f in frames if f.get(43) != "Y"], frames


def covered(frames: Iterator[Frame], first: int, last: int) -> None:
    """The next duplicates are one whole sweep: continuous, applications as they were."""
    expected = first
    while expected <= last:
        duplicate = next(frames)
        assert duplicate.number == expected
        if duplicate.type == "4":
            assert duplicate[123] == "Y"
            assert all(n % ADMIN_EVERY == 0 for n in range(expected, int(duplicate[36])))
            expected = int(duplicate[36])
        else:
            assert expected % ADMIN_EVERY != 0
            expected += 1
    assert expected == last + 1


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 90)),
    st.tuples(st.just("sweep"), st.integers(0, 10**6)),
    st.tuples(st.just("drain"), st.just(0)),
    st.tuples(st.just("skip"), st.just(0)),
    st.tuples(st.just("turns"), st.integers(1, 4)),
)


async def play(steps: list[tuple[str, int]], high: int, first: int) -> None:
    session = Session(first, high)
    sweeps: list[tuple[int, int, int]] = []  # first, last as granted, numbers given before
    for kind, value in steps:
        if kind == "send":
            session.send(value)
        elif kind == "sweep" and session.next_number > first:
            begin = 1 + value % (session.next_number - 1)
            granted = min(session.next_number - 1, session.outbound._next_number - 1)
            pending = len(session.outbound._sweeps)
            accepted = session.outbound.sweep(begin, session.next_number - 1)
            assert accepted == (pending < RESENDS_PENDING_MAX)
            if accepted and begin <= granted:
                sweeps.append((begin, granted, session.next_number - 1))
        elif kind == "drain":
            session.transport.drain()
        elif kind == "skip" and session.next_number > first:
            session.skip()
        elif kind == "turns":
            for _ in range(value):
                await asyncio.sleep(0)
    await settle(session)
    originals, frames = split(session)
    wanted = [n for n in range(first, session.next_number) if n not in session.skipped]
    assert originals == wanted, "each number once, in order"
    assert not session.outbound.following
    duplicates = iter([f for f in frames if f.get(43) == "Y"])
    for begin, last, _ in sweeps:
        covered(duplicates, begin, last)
    assert next(duplicates, None) is None
    require_order(frames, sweeps)


def require_order(frames: list[Frame], sweeps: list[tuple[int, int, int]]) -> None:
    """A sweep comes before whatever the venue sent after it was asked for."""
    places: list[int] = []  # where each sweep ends
    remaining = list(sweeps)
    for place, item in enumerate(frames):
        if item.get(43) == "Y" and remaining:
            end = int(item[36]) - 1 if item.type == "4" else item.number
            if end >= remaining[0][1]:
                places.append(place)
                remaining.pop(0)
    for (_, _, before), place in zip(sweeps, places, strict=True):
        later = [f for f in frames[:place] if f.get(43) != "Y" and f.number > before]
        assert later == []


@given(
    steps=st.lists(STEPS, max_size=30),
    high=st.sampled_from([1, 300, 2_000, 10**9]),
    first=st.sampled_from([1, 7, 1000]),
)
@settings(max_examples=150, deadline=None)
def test_every_message_once_and_in_order(
    steps: list[tuple[str, int]], high: int, first: int
) -> None:
    asyncio.run(play(steps, high, first))


def run(coroutine: Any) -> None:
    asyncio.run(coroutine)


def test_a_peer_that_keeps_up_is_not_served_from_the_log() -> None:
    async def main() -> None:
        session = Session(1, 10**9)
        for _ in range(5):
            session.send(10)
            await asyncio.sleep(0)
        assert session.reads == 0
        assert split(session)[0] == list(range(1, 51))

    run(main())


def test_memory_of_a_peer_that_does_not_read_is_that_of_its_buffer() -> None:
    async def main() -> None:
        session = Session(1, 5_000)
        session.send(3)
        for _ in range(2_000):
            session.send(10)
            await asyncio.sleep(0)
        assert session.outbound.following
        step_bytes = 64 * 2 * len(frame(10**6))
        assert session.transport.buffered_max <= 5_000 + step_bytes
        await settle(session)
        assert split(session)[0] == list(range(1, session.next_number))

    run(main())


def test_a_step_is_bounded() -> None:
    """Fifty thousand messages to resend do not hold the loop: others get their turns."""

    async def main() -> None:
        session = Session(1, 10**9)
        session.send(50_000)
        assert session.outbound.sweep(1, 50_000)
        reads_most = 0
        turns = 0
        while session.outbound.following:
            before = session.reads
            await asyncio.sleep(0)
            reads_most = max(reads_most, session.reads - before)
            turns += 1
        assert reads_most <= 64
        assert turns > 700

    run(main())


def test_resend_requests_nobody_reads_have_a_limit() -> None:
    async def main() -> None:
        session = Session(1, 1)
        session.send(10)
        for _ in range(RESENDS_PENDING_MAX):
            assert session.outbound.sweep(1, 10)
        assert not session.outbound.sweep(1, 10)
        await settle(session)
        assert session.outbound.sweep(1, 10), "there is room again"
        await settle(session)

    run(main())


def test_a_cut_comes_behind_everything_that_was_written() -> None:
    async def main() -> None:
        session = Session(1, 500)
        session.send(40)
        session.send(40)
        assert session.outbound.sweep(1, 5)
        session.outbound.cut()
        assert not session.transport.closing
        await settle(session)
        assert session.transport.closing
        assert not session.transport.aborted
        assert split(session)[0] == list(range(1, 81))

    run(main())


def test_a_cut_of_a_peer_that_keeps_up_is_at_once() -> None:
    async def main() -> None:
        session = Session(1, 10**9)
        session.send(2)
        session.outbound.cut()
        assert session.transport.closing

    run(main())


def test_a_cut_link_does_not_say_what_its_session_says_later() -> None:
    """The fence: a newer link has the session, this one still has something to write."""

    async def main() -> None:
        session = Session(1, 500)
        session.send(40)
        session.send(40)
        session.outbound.cut()
        session.sent_elsewhere(30)
        await settle(session)
        assert split(session)[0] == list(range(1, 81))
        assert session.transport.closing

    run(main())


def test_a_link_of_an_earlier_life_of_the_session_falls_silent() -> None:
    """After a reset the same numbers mean other messages."""

    async def main() -> None:
        session = Session(1, 500)
        session.send(100)
        session.send(100)
        written = len(session.transport.written)
        session.outbound.cut()
        session.lives += 1
        session.next_number = 150
        await settle(session)
        assert len(session.transport.written) == written
        assert session.transport.aborted

    run(main())


def test_a_sweep_of_what_this_link_has_yet_to_send_is_its_sending() -> None:
    async def main() -> None:
        session = Session(5, 1)
        session.send(4)  # 5 to 8, which fills the buffer
        session.send(4)  # 9 to 12 wait in the log
        assert session.outbound.sweep(10, 12)
        assert session.outbound.sweep(1, 12)
        await settle(session)
        originals, frames = split(session)
        assert originals == list(range(5, 13))
        covered(iter([f for f in frames if f.get(43) == "Y"]), 1, 8)

    run(main())


def test_sweep_is_told_what_to_leave_out() -> None:
    """The stand-in's frames are what `Sweep` takes for administrative and application messages."""
    sweep = Sweep(COMP_IDS, 4, 5)
    assert sweep.step(frame(4), b"20260407-14:32:02.000") == b""
    assert sweep.step(frame(5), b"20260407-14:32:02.000") != b""
