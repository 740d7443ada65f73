"""`tidegate decode`: FIX from a file or a pipe, printed as it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from tidegate.wire.explain import explain, render_text

_READ_BYTES: Final = 64 * 1024
_BLOCK_BYTES_MAX: Final = 1024 * 1024  # without a line's end or a checksum: then it is cut there


class ByteStream(Protocol):
    """What is read from: gives what is there without waiting for more, empty at the end."""

    def read1(self, size: int, /) -> bytes: ...


def blocks(stream: ByteStream) -> Iterator[bytes]:
    """Pieces of a stream that hold whole messages, as soon as they are there: lines where there
    are lines, else up to the end of the last CheckSum (10) that has come."""
    waiting = b""
    while piece := stream.read1(_READ_BYTES):
        waiting += piece
        end = max(waiting.rfind(b"\n") + 1, _message_end(waiting))
        if end == 0 and len(waiting) > _BLOCK_BYTES_MAX:
            end = len(waiting)
        if end:
            yield waiting[:end]
            waiting = waiting[end:]
    if waiting:
        yield waiting


def _message_end(data: bytes) -> int:
    """Behind the last whole `10=nnn` and SOH, 0 where there is none."""
    start = data.rfind(b"\x0110=")
    if start >= 0 and data[start + 7 : start + 8] == b"\x01":
        return start + 8
    return 0


def print_decoded(pieces: Iterable[bytes]) -> bool:
    """Print the messages in each piece; whether there was one at all."""
    found = False
    for piece in pieces:
        messages = explain(piece)
        if messages:
            if found:
                print()
            print(render_text(messages))
            sys.stdout.flush()
            found = True
    return found
