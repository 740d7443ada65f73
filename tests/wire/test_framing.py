"""Whole frames out of any cuts of any bytes; garbled ones are ignored and cost themselves alone."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.limits import FRAME_BYTES_MAX
from tidegate.wire import framing
from tidegate.wire.framing import TRAILER_BYTES, Framer, byte_sum, byte_sum_chunked

from .frames import BODIES, CANCEL, ORDER, frame

FIRST = frame(ORDER)
SECOND = frame(CANCEL)


def with_length(length: bytes, body: bytes = b"35=0\x01") -> bytes:
    """A frame that states any BodyLength, with a right sum."""
    head = b"8=FIX.4.4\x019=" + length + b"\x01" + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def fed(pieces: list[bytes]) -> tuple[list[bytes], int, int]:
    """Frames, bytes kept and bytes thrown away."""
    framer = Framer()
    frames = [found for piece in pieces for found in framer.feed(piece)]
    return frames, framer.waiting_bytes, framer.garbled_bytes


def test_every_message_of_the_dialect() -> None:
    frames = [frame(body) for body in BODIES]
    assert fed([b"".join(frames)]) == (frames, 0, 0)


def test_byte_by_byte() -> None:
    stream = FIRST + b"garbage" + SECOND
    assert fed([stream[i : i + 1] for i in range(len(stream))]) == ([FIRST, SECOND], 0, 7)


@pytest.mark.parametrize("end", [*range(1, 25), *range(len(FIRST) - 9, len(FIRST))])
def test_cut_in_the_middle(end: int) -> None:
    framer = Framer()
    assert framer.feed(FIRST[:end]) == []
    assert framer.waiting_bytes == end
    assert framer.feed(FIRST[end:]) == [FIRST]
    assert (framer.waiting_bytes, framer.garbled_bytes) == (0, 0)


@pytest.mark.parametrize("end", [*range(1, 25), *range(len(FIRST) - 9, len(FIRST))])
def test_a_frame_that_was_cut_off_costs_itself_alone(end: int) -> None:
    # A frame cut short takes what follows for its rest, and gives it back when the sum is wrong.
    follow_up = [SECOND] * 3
    frames, waiting, _ = fed([FIRST[:end] + b"".join(follow_up)])
    assert frames == follow_up
    assert waiting == 0


@pytest.mark.parametrize("place", [*range(16), *range(len(FIRST) - 8, len(FIRST))])
@pytest.mark.parametrize("byte", [b"0", b"x", b"\x01", b"=", b"\xff"])
def test_each_framing_byte_garbled(place: int, byte: bytes) -> None:
    garbled = FIRST[:place] + byte + FIRST[place + 1 :]
    if garbled == FIRST or 5 <= place <= 8:  # the version's value is the session's to judge
        return
    follow_up = [SECOND] * 8  # a length that grew needs more bytes before it is known to be wrong
    frames, waiting, garbled_bytes = fed([garbled + b"".join(follow_up)])
    assert (frames, waiting) == (follow_up, 0)
    assert garbled_bytes == len(garbled)


@pytest.mark.parametrize("place", range(16, len(FIRST) - 8, 7))
def test_a_body_byte_garbled(place: int) -> None:
    garbled = FIRST[:place] + bytes([FIRST[place] ^ 4]) + FIRST[place + 1 :]
    assert fed([garbled + SECOND]) == ([SECOND], 0, len(garbled))


@pytest.mark.parametrize(
    "length",
    [
        b"",
        b"-5",
        b"+5",
        b"5 ",
        b"x",
        b"4",
        b"6",
        b"0",
        b"1234567",
        b"99999999999999999999",
        b"18446744073709551621",
    ],
)
def test_lengths_that_are_wrong(length: bytes) -> None:
    assert fed([with_length(length) + SECOND])[0] == [SECOND]


def test_a_length_with_leading_zeros_is_a_length() -> None:
    data = with_length(b"0005")
    assert fed([data]) == ([data], 0, 0)


def test_the_bound_of_a_frame() -> None:
    fixed = len(b"8=FIX.4.4\x019=16000\x01") + TRAILER_BYTES
    fits = frame("35=D|58=" + "x" * (FRAME_BYTES_MAX - fixed - 9) + "|")
    assert len(fits) == FRAME_BYTES_MAX
    assert fed([fits]) == ([fits], 0, 0)
    over = frame("35=D|58=" + "x" * (FRAME_BYTES_MAX - fixed - 8) + "|")
    assert fed([over + SECOND]) == ([SECOND], 0, len(over))


def test_a_reader_of_market_data_takes_longer_frames() -> None:
    long = frame("35=W|58=" + "x" * 1_200_000 + "|")
    framer = Framer(len(long))
    pieces = [long[i : i + 65_536] for i in range(0, len(long), 65_536)]
    assert [found for piece in pieces for found in framer.feed(piece)] == [long]
    framer = Framer(len(long) - 1)
    assert framer.feed(long + FIRST) == [FIRST]


@given(st.lists(st.sampled_from([b"8=FIX.4.4\x019=16000\x01", b"x" * 3000, b"8=FIX", FIRST])))
def test_what_is_kept_is_bounded(pieces: list[bytes]) -> None:
    framer = Framer()
    for piece in pieces:
        framer.feed(piece)
        assert framer.waiting_bytes < FRAME_BYTES_MAX


def test_garbage_alone_is_not_kept() -> None:
    assert fed([b"GET / HTTP/1.1\r\n\r\n" * 50]) == ([], 0, 900)
    assert fed([b"\x16\x03\x01\x02\x00\x01" * 50]) == ([], 0, 300)


def test_a_start_that_is_cut_is_kept() -> None:
    for kept in range(1, 5):
        framer = Framer()
        assert framer.feed(b"garbage" + SECOND[:kept]) == []
        assert framer.waiting_bytes == kept
        assert framer.feed(SECOND[kept:]) == [SECOND]


def test_other_versions_are_framed() -> None:
    """The session answers a wrong BeginString; framing does not hide it."""
    head = b"8=FIX.4.2\x019=5\x0135=0\x01"
    data = head + b"10=%03d\x01" % (sum(head) % 256)
    assert fed([data]) == ([data], 0, 0)


def test_a_begin_in_a_value_is_no_start() -> None:
    data = frame("35=5|34=1|49=A|56=B|52=20261103-09:15:00|58=8=FIX.4.4 please|")
    assert fed([data[1:] + SECOND]) == ([SECOND], 0, len(data) - 1)


def test_a_frame_in_a_frame_of_wrong_sum_is_not_delivered() -> None:
    outer = frame("35=5|58=a|" + SECOND.decode().replace("\x01", "|") + "58=b|")
    wrong = outer[:-4] + b"%03d\x01" % ((int(outer[-4:-1]) + 1) % 256)
    assert fed([wrong + FIRST]) == ([FIRST], 0, len(wrong))


def test_hostile_starts_are_summed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many starts whose lengths all lead to one trailer: the first is wrong, and ends them all."""
    summed = []
    real = byte_sum

    def counting(data: bytes, start: int, end: int) -> int:
        summed.append(end - start)
        return real(data, start, end)

    monkeypatch.setattr(framing, "byte_sum", counting)
    unit = len(b"8=FIX.4.4\x019=10000\x01")
    starts = b"".join(b"8=FIX.4.4\x019=%05d\x01" % (n * unit) for n in range(500, -1, -1))
    assert fed([starts + b"10=999\x01" + SECOND])[0] == [SECOND]
    assert sum(summed) < 2 * len(starts)


STREAM = [
    FIRST,
    SECOND,
    FIRST[:40],
    FIRST[30:],
    b"8=FIX",
    b"58=8=FI",
    b"X.4.4\x019=5\x01",
    b"8=ABC\x01",
    b"\x01",
    with_length(b"60"),
    with_length(b"5"),
]


@given(st.lists(st.sampled_from(STREAM), max_size=12), st.lists(st.integers(0, 2**16)))
def test_cuts_do_not_matter(parts: list[bytes], places: list[int]) -> None:
    stream = b"".join(parts)
    assert fed(cut(stream, places)) == fed([stream])


@given(st.binary(max_size=200), st.lists(st.integers(0, 2**16), max_size=6))
def test_any_bytes_then_a_frame(garbage: bytes, places: list[int]) -> None:
    """Random bytes hold no start, so a frame behind them is delivered."""
    if b"8=" in garbage or garbage.endswith(b"8"):
        return
    assert fed(cut(garbage + SECOND, places)) == ([SECOND], 0, len(garbage))


@pytest.mark.parametrize("compiled", [True, False])
@given(data=st.binary(max_size=1200), start=st.integers(0, 1200), end=st.integers(0, 1200))
def test_both_sums(compiled: bool, data: bytes, start: int, end: int) -> None:
    start, end = min(start, len(data)), min(end, len(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "COMPILED", compiled)
        assert byte_sum(data, start, end) == sum(data[start:end]) % 256
    assert byte_sum_chunked(data) == sum(data) % 256
    assert byte_sum_chunked(b"\xff" * 1024) == (255 * 1024) % 256
