"""The tap over a transport that is a list: what waits keeps its order, memory is bounded, and what
a fault stopped goes on when it is lifted."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.line import Link, Transport, frame
from tidegate.gateway.outbound import WRITE_BUFFER_HIGH_BYTES
from tidegate.lab.taps import Hit, LineTap, Passing, with_wrong_checksum, with_wrong_length
from tidegate.wire.framing import Framer

FAULT = 1


class Judge:
    """Says what it was told to say, by message number."""

    def __init__(self, link: Link) -> None:
        self.hits: dict[int, list[Hit]] = {}
        self.acted: list[tuple[str, int]] = []  # kind, and what the link had taken before
        self._link = link

    def sent(self, message: Passing, *, reordering: bool) -> list[Hit]:
        hits = self.hits.get(message.number, [])
        return [hit for hit in hits if not (reordering and hit.kind == "reorder")]

    def received(self, message: Passing) -> list[Hit]:
        return self.hits.get(message.number, [])

    def act(self, hit: Hit, message: Passing) -> None:
        self.acted.append((hit.kind, len(self._link.taken)))


class Bench:
    """A tap with everything around it."""

    def __init__(self, **hits: Hit) -> None:
        """`n5=Hit(...)` hits message 5."""
        self.transport = Transport()
        self.link = Link()
        self.judge = Judge(self.link)
        self.judge.hits = {int(name[1:]): [hit] for name, hit in hits.items()}
        self.tap = LineTap(self.transport, self.link, self.judge)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.tap.write(frame(number))

    def receive(self, *numbers: int) -> list[bytes]:
        """What the venue gets of messages that came in one read."""
        before = len(self.link.taken)
        self.tap.received([frame(number) for number in numbers])
        return self.link.taken[before:]


KINDS = ["", "delay", "hold_reports", "repeat", "corrupt_checksum", "corrupt_length", "reorder"]


@settings(max_examples=60, deadline=None)
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=30), cut=st.integers(1, 30))
def test_nothing_is_lost_and_order_is_kept_but_where_reordered(kinds: list[str], cut: int) -> None:
    """However faults mix, and however many messages come in one write."""
    numbers = range(1, len(kinds) + 1)

    async def story() -> None:
        bench = Bench()
        for number, kind in zip(numbers, kinds, strict=True):
            ms = 1 if kind == "delay" or number % 2 else 0
            bench.judge.hits[number] = [Hit(FAULT, kind, ms)] if kind else []
        for start in range(1, len(kinds) + 1, cut):
            end = min(start + cut, len(kinds) + 1)
            bench.tap.write(b"".join(frame(number) for number in range(start, end)))
        bench.tap.release()
        bench.tap.close()
        await bench.transport.until(lambda: bench.transport.closed)
        expected: list[int] = []
        late = 0
        for number, kind in zip(numbers, kinds, strict=True):
            if kind == "reorder" and not late:
                late = number
                continue
            expected += [number, number] if kind == "repeat" else [number]
            if late:
                expected.append(late)
                late = 0
        assert bench.transport.numbers() == expected + ([late] if late else [])

    asyncio.run(story())


def test_what_is_delayed_keeps_back_what_comes_behind() -> None:
    async def story() -> None:
        bench = Bench(n2=Hit(FAULT, "delay", 30))
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        bench.send(1, 2, 3)
        assert bench.transport.numbers() == [1]
        await bench.transport.until(lambda: len(bench.transport.numbers()) == 3)
        assert loop.time() - start_s >= 0.03
        assert bench.transport.numbers() == [1, 2, 3]

    asyncio.run(story())


def test_held_reports_go_out_when_released() -> None:
    async def story() -> None:
        bench = Bench(n2=Hit(FAULT, "hold_reports"), n4=Hit(2, "hold_reports"))
        bench.send(1, 2, 3, 4, 5)
        assert bench.transport.numbers() == [1]
        assert bench.tap.get_write_buffer_size() == 4 * len(frame(1))
        assert bench.tap.release(FAULT) == 1
        assert bench.transport.numbers() == [1, 2, 3]
        assert bench.tap.release() == 1
        assert bench.transport.numbers() == [1, 2, 3, 4, 5]
        assert bench.tap.get_write_buffer_size() == 0

    asyncio.run(story())


def test_a_message_is_released_once() -> None:
    async def story() -> None:
        bench = Bench(n1=Hit(2, "stop_writing"), n2=Hit(FAULT, "hold_reports"))
        bench.send(1, 2)
        assert [bench.tap.release(), bench.tap.release()] == [1, 0]
        bench.tap.lift(2)
        assert bench.transport.numbers() == [1, 2]

    asyncio.run(story())


def test_what_is_reordered_is_sent_even_without_a_successor() -> None:
    async def story() -> None:
        bench = Bench(n1=Hit(FAULT, "reorder"))
        bench.send(1)
        assert bench.transport.numbers() == []
        bench.tap.close()
        assert bench.transport.numbers() == [1]
        assert bench.transport.closed

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["stop_writing", "half_open"])
def test_a_stopped_writer_holds_no_more_than_a_transport(kind: str) -> None:
    async def story() -> None:
        bench = Bench(n1=Hit(FAULT, kind))
        number = 0
        while not bench.link.paused:
            number += 1
            bench.tap.write(frame(number, filler=1000))
        assert bench.transport.written == []
        held = bench.tap.get_write_buffer_size()
        assert WRITE_BUFFER_HIGH_BYTES < held < WRITE_BUFFER_HIGH_BYTES + 2000
        bench.tap.lift(FAULT)
        assert bench.transport.numbers() == list(range(1, number + 1))
        assert not bench.link.paused

    asyncio.run(story())


def test_a_full_transport_is_not_written_to() -> None:
    async def story() -> None:
        bench = Bench()
        bench.send(1)
        bench.tap.pause_writing()
        assert bench.link.paused
        bench.send(2)
        assert bench.transport.numbers() == [1]
        bench.tap.resume_writing()
        assert bench.transport.numbers() == [1, 2]
        assert not bench.link.paused

    asyncio.run(story())


def test_what_came_while_reading_was_stopped_is_judged_when_it_is_read() -> None:
    async def story() -> None:
        bench = Bench(n1=Hit(FAULT + 1, "reject_next"))
        bench.tap.stop(Hit(FAULT, "stop_reading"))  # by no message
        assert bench.receive(1, 2) == []  # were on their way
        bench.tap.lift(FAULT)
        assert bench.link.taken == [frame(1), frame(2)]
        assert bench.judge.acted == [("reject_next", 0)]

    asyncio.run(story())


def test_reading_stops_at_its_message_and_goes_on_with_it() -> None:
    async def story() -> None:
        bench = Bench(n3=Hit(FAULT, "stop_reading"))
        assert bench.receive(1, 2, 3, 4) == [frame(1), frame(2)]
        assert not bench.transport.reading
        assert bench.receive(5) == []  # was on its way
        bench.tap.pause_reading()  # the link's own reasons
        bench.tap.resume_reading()
        assert not bench.transport.reading
        bench.tap.lift(FAULT)  # what stopped it is not judged again
        assert bench.link.taken == [frame(number) for number in range(1, 6)]
        assert bench.transport.reading
        assert bench.receive(6) == [frame(6)]

    asyncio.run(story())


def test_a_stop_ends_by_itself() -> None:
    async def story() -> None:
        bench = Bench(n1=Hit(FAULT, "stop_writing", 5))
        bench.send(1, 2)
        assert bench.transport.written == []
        await bench.transport.until(lambda: len(bench.transport.numbers()) == 2)

    asyncio.run(story())


def test_a_half_open_line_outlives_the_venue() -> None:
    """Whatever the venue does to it, the peer sees an open line that says nothing."""

    async def story() -> None:
        bench = Bench(n2=Hit(FAULT, "half_open"))
        bench.send(1, 2, 3)
        assert bench.receive(4) == []
        bench.tap.close()
        bench.tap.abort()
        assert bench.tap.is_closing()
        assert bench.tap.abandoned
        assert not bench.transport.is_closing()
        assert bench.transport.numbers() == [1]
        bench.tap.lift(FAULT)
        assert bench.transport.aborted

    asyncio.run(story())


def test_a_drop_takes_what_is_on_its_way_with_it() -> None:
    async def story() -> None:
        bench = Bench(n2=Hit(FAULT, "delay", 60_000), n3=Hit(FAULT, "drop"))
        bench.send(1, 2, 3, 4)
        assert bench.transport.aborted
        assert bench.transport.numbers() == [1]
        bench.tap.ended()
        other = Bench(n2=Hit(FAULT, "drop"))
        assert other.receive(1, 2, 3) == [frame(1)]
        assert other.transport.aborted

    asyncio.run(story())


def test_what_is_done_to_the_venue_comes_right_before_the_message_that_set_it_off() -> None:
    async def story() -> None:
        bench = Bench(n3=Hit(FAULT, "reject_next"))
        assert len(bench.receive(1, 2, 3, 4)) == 4
        assert bench.judge.acted == [("reject_next", 2)]

    asyncio.run(story())


@given(number=st.integers(1, 10**6), filler=st.integers(0, 2000))
def test_corrupt_frames_are_wrong_in_one_thing(number: int, filler: int) -> None:
    """A framer takes neither, and the frame behind each is found."""
    whole = frame(number, filler=filler)
    for wrong in (with_wrong_checksum(whole), with_wrong_length(whole)):
        assert Framer().feed(wrong + whole) == [whole]
    assert with_wrong_checksum(whole)[:-7] == whole[:-7]
    wrong = with_wrong_length(whole)
    assert int(wrong[-4:-1]) == sum(wrong[:-7]) % 256
    assert wrong.partition(b"35=")[2][:-7] == whole.partition(b"35=")[2][:-7]
