"""`tidegate decode` on a stream that goes on."""

from __future__ import annotations

from tests.app.test_commands import LOGON, ORDER
from tidegate.decoding import blocks


class Trickle:
    """A pipe that gives what was written to it piece by piece."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read1(self, size: int, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def test_lines_are_given_as_they_end() -> None:
    stream = Trickle(b"in  8=FIX.4.4|9=5|35=0|10=1", b"63|\nout 8=F", b"IX.4.4|")
    assert list(blocks(stream)) == [b"in  8=FIX.4.4|9=5|35=0|10=163|\n", b"out 8=FIX.4.4|"]


def test_messages_without_lines_are_given_when_they_are_whole() -> None:
    stream = Trickle(LOGON + ORDER[:40], ORDER[40:-3], ORDER[-3:])
    assert list(blocks(stream)) == [LOGON, ORDER]


def test_what_never_ends_is_cut() -> None:
    stream = Trickle(*[b"x" * 65_536] * 40)
    pieces = list(blocks(stream))
    assert b"".join(pieces) == b"x" * 65_536 * 40
    assert max(len(piece) for piece in pieces) <= 2 * 1024 * 1024
