"""Sweeps against a reference of a few lines, on all mixtures of messages."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from tests.session.session_harness import fields, split
from tidegate.session.resend import Sweep, gap_fill, is_gap_filled, resent
from tidegate.wire.framing import Framer
from tidegate.wire.render import frame_of

COMP_IDS = b"49=KRAKEN-TRD\x0156=ACME\x01"
SENT = b"20261103-09:15:00.000"
AGAIN = b"20261103-09:20:00.000"
ADMIN = "01245A"


def stored(msg_type: str, number: int) -> bytes:
    body = b"35=%s\x0134=%d\x01%s52=%s\x0158=x%d\x01"
    return frame_of(body % (msg_type.encode(), number, COMP_IDS, SENT, number))


def sweep(types: str, begin: int, end: int) -> list[bytes]:
    run = Sweep(COMP_IDS, begin, end)
    data = b"".join(run.step(stored(types[n - 1], n), AGAIN) for n in range(begin, end + 1))
    return split(data + run.finish(AGAIN))


def reference(types: str, begin: int, end: int) -> list[tuple[str, int, int]]:
    """What must come: (type, number, NewSeqNo or 0)."""
    out: list[tuple[str, int, int]] = []
    for number in range(begin, end + 1):
        if types[number - 1] not in ADMIN:
            out.append((types[number - 1], number, 0))
        elif out and out[-1][0] == "4" and out[-1][2] == number:
            out[-1] = ("4", out[-1][1], number + 1)
        else:
            out.append(("4", number, number + 1))
    return out


def described(frames: list[bytes]) -> list[tuple[str, int, int]]:
    out: list[tuple[str, int, int]] = []
    for frame in frames:
        found = fields(frame)
        assert found[43] == b"Y"
        assert found[52] == AGAIN
        if found[35] == b"4":
            assert found[123] == b"Y"
            assert found[122] == AGAIN
        else:
            assert found[122] == SENT
            assert found[58] == b"x" + found[34]
        out.append((found[35].decode(), int(found[34]), int(found.get(36, b"0"))))
    return out


def test_all_mixtures_and_all_ranges() -> None:
    for length in range(1, 6):
        for kinds in product("08", repeat=length):
            types = "".join(kinds)
            for begin in range(1, length + 1):
                for end in range(begin, length + 1):
                    assert described(sweep(types, begin, end)) == reference(types, begin, end)


@given(st.text("01245A38jDr", min_size=1, max_size=40), st.data())
def test_any_mixture(types: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(1, len(types)))
    end = data.draw(st.integers(begin, len(types)))
    frames = sweep(types, begin, end)
    assert described(frames) == reference(types, begin, end)
    framer = Framer()
    assert framer.feed(b"".join(frames)) == frames
    assert framer.garbled_bytes == 0


def test_which_types_are_left_out() -> None:
    for msg_type in (*ADMIN, "3", "8", "j", "AE", "AA", "0A"):
        left_out = msg_type in ADMIN and len(msg_type) == 1
        assert is_gap_filled(stored(msg_type, 1)) == left_out, msg_type


def test_a_resent_message_keeps_every_other_field_in_its_place() -> None:
    frame = frame_of(b"35=8\x0134=7\x01" + COMP_IDS + b"52=" + SENT + b"\x0158=52=x\x01151=0\x01")
    again = resent(frame, AGAIN)
    assert again.split(b"\x01", 2)[2].rsplit(b"10=", 1)[0] == (
        b"35=8\x0134=7\x01" + COMP_IDS + b"52=" + AGAIN + b"\x0143=Y\x01122=" + SENT
        + b"\x0158=52=x\x01151=0\x01"
    )  # fmt: skip


def test_the_gap_fill_of_the_documentation() -> None:
    frame = gap_fill(COMP_IDS, 5, 7, b"20261103-09:15:41.001")
    assert frame.replace(b"\x01", b"|") == (
        b"8=FIX.4.4|9=99|35=4|34=5|49=KRAKEN-TRD|56=ACME|52=20261103-09:15:41.001|43=Y"
        b"|122=20261103-09:15:41.001|123=Y|36=7|10=194|"
    )


def test_a_sweep_keeps_one_message_in_memory() -> None:
    """A day of application messages goes out one by one; a day of heartbeats as one gap fill."""
    run = Sweep(COMP_IDS, 1, 3_000)
    for number in range(1, 2_001):
        assert run.step(stored("0", number), AGAIN) == b""
    for number in range(2_001, 3_001):
        written = split(run.step(stored("8", number), AGAIN))
        assert len(written) == (2 if number == 2_001 else 1)
    assert run.finish(AGAIN) == b""
