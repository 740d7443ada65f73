"""Frames in a stream of bytes.

A frame starts with `8=FIX`, says its length in `9=` and ends with `10=nnn` and SOH at exactly that
place, with the right sum. Anything else is garbled: FIX 4.4 has it ignored, and the search goes on
at the next `8=FIX` behind it, so that one bad frame costs itself alone. What is a frame depends on
the bytes alone and never on how they were cut into reads.
"""

from __future__ import annotations

from typing import Final
from zlib import adler32

from mypy_extensions import i64

from tidegate.model.build import COMPILED
from tidegate.model.limits import FRAME_BYTES_MAX
from tidegate.wire.message import EQUALS, SOH, ZERO

TRAILER_BYTES: Final = 7  # `10=nnn` and SOH
_BEGIN: Final = b"8=FIX"
_BEGIN_BYTES: Final = 5
_BEGIN_STRING_BYTES_MAX: Final = 16
_LENGTH_DIGITS_MAX: Final = 9

# What `_frame_end` finds besides a position. A frame whose limits hold but whose sum does not is
# minus its end minus `_SUM_WRONG`: it is skipped whole, for what stands in its fields is no frame,
# and a search in it would let a hostile peer have the same bytes summed over and over.
_PARTIAL: Final = -1
_GARBLED: Final = -2
_SUM_WRONG: Final = 3


def byte_sum(data: bytes, start: i64, end: i64) -> int:
    """The sum of `data[start:end]`, modulo 256: FIX's checksum."""
    if not COMPILED:
        return byte_sum_chunked(data[start:end])
    total: i64 = 0
    position = start
    while position < end:
        code: i64 = data[position]
        total += code
        position += 1
    return total & 255


def byte_sum_chunked(data: bytes) -> int:
    """`byte_sum` in C for the interpreted core: the low half of Adler-32 is one plus the sum of
    the bytes, modulo 65,521, which is exact for up to 256 bytes (256 x 255 = 65,280)."""
    total = 0
    for start in range(0, len(data), 256):
        total += (adler32(data[start : start + 256]) & 0xFFFF) - 1
    return total & 255


class Framer:
    """Takes bytes as they come, gives whole frames. Holds at most one frame's worth of bytes:
    `bytes_max`, which is more for who reads market data, where a whole book is one frame."""

    def __init__(self, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._buffer: bytes = b""
        self.garbled_bytes = 0  # that were thrown away

    @property
    def waiting_bytes(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order. Work is linear in the bytes given, and what
        is kept is less than `bytes_max`: a longer frame is garbled by definition."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[bytes] = []
        position = 0
        length = len(buffer)
        while position < length:
            end = _frame_end(buffer, position, length, self._bytes_max)
            if end >= 0:
                frames.append(buffer[position:end])
                position = end
                continue
            if end == _PARTIAL:
                break
            next_start = -end - _SUM_WRONG
            if end == _GARBLED:
                next_start = _next_begin(buffer, position + 1)
            self.garbled_bytes += next_start - position
            position = next_start
        self._buffer = buffer[position:] if position else buffer
        return frames


def _next_begin(buffer: bytes, start: int) -> int:
    """Where the next frame may start: at a `8=FIX`, or at what may become one when more bytes have
    come. One inside a value (`58=8=FIX`) is a candidate too: no BodyLength follows it, so it costs
    a look and nothing else, while a frame behind one that was cut off in mid-field is found."""
    found = buffer.find(_BEGIN, start)
    if found >= 0:
        return found
    length = len(buffer)
    for kept in range(min(_BEGIN_BYTES - 1, length - start), 0, -1):
        if buffer.endswith(_BEGIN[:kept]):
            return length - kept
    return length


def _frame_end(buffer: bytes, start: int, length: int, bytes_max: int) -> int:
    """The position behind the frame that starts at `start`, `_PARTIAL` where more bytes are
    needed to know, `_GARBLED` where no frame can start there, or where a sum is wrong (above)."""
    first: i64 = start
    limit: i64 = length
    place: i64 = 0
    while place < _BEGIN_BYTES:
        if first + place >= limit:
            return _PARTIAL
        if buffer[first + place] != _BEGIN[place]:
            return _GARBLED
        place += 1
    position = _value_end(buffer, first + 2, limit, _BEGIN_STRING_BYTES_MAX)
    if position < 0:
        return position
    position += 1
    if position >= limit:
        return _PARTIAL
    if buffer[position] != 57:
        return _GARBLED
    if position + 1 >= limit:
        return _PARTIAL
    if buffer[position + 1] != EQUALS:
        return _GARBLED
    digits_start: i64 = position + 2
    digits_end: i64 = _value_end(buffer, digits_start, limit, _LENGTH_DIGITS_MAX)
    if digits_end < 0:
        return digits_end
    body_length: i64 = 0
    index = digits_start
    while index < digits_end:
        code: i64 = buffer[index]
        if code < ZERO or code > 57:
            return _GARBLED
        body_length = body_length * 10 + (code - ZERO)
        index += 1
    body_end = digits_end + 1 + body_length
    if body_end + TRAILER_BYTES - first > bytes_max:
        return _GARBLED
    if body_end + TRAILER_BYTES > limit:
        return _PARTIAL
    stated = _stated_sum(buffer, body_end)
    if stated < 0:
        return _GARBLED
    frame_end = body_end + TRAILER_BYTES
    if stated != byte_sum(buffer, first, body_end):
        return -frame_end - _SUM_WRONG
    return frame_end


def _value_end(buffer: bytes, start: i64, limit: i64, bytes_max: i64) -> i64:
    """The SOH that ends a value of one to `bytes_max` bytes, or `_PARTIAL`, or `_GARBLED`. There is
    no `=` in a version or a length; one there is the next frame's, behind a start that was cut."""
    position = start
    while position < limit:
        code: i64 = buffer[position]
        if code == SOH:
            return position if position > start else _GARBLED
        if code == EQUALS:
            return _GARBLED
        position += 1
        if position - start > bytes_max:
            return _GARBLED
    return _PARTIAL


def _stated_sum(buffer: bytes, body_end: i64) -> i64:
    """The number in the `10=nnn` that must stand where the length says, -1 where it does not."""
    if buffer[body_end - 1] != SOH:
        return -1
    if buffer[body_end] != 49 or buffer[body_end + 1] != ZERO or buffer[body_end + 2] != EQUALS:
        return -1
    if buffer[body_end + 6] != SOH:
        return -1
    stated: i64 = 0
    place: i64 = 3
    while place < 6:
        code: i64 = buffer[body_end + place]
        if code < ZERO or code > 57:
            return -1
        stated = stated * 10 + (code - ZERO)
        place += 1
    return stated
