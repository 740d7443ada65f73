"""Frames out of fields: one reused writer, no object per field."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64, u8

from tidegate.model.build import COMPILED
from tidegate.model.scaled import to_text
from tidegate.wire.framing import byte_sum
from tidegate.wire.message import POINT, ZERO

FRAME_BEGIN: Final = b"8=FIX.4.4\x019="


class FrameWriter:
    """Builds one frame after the other: `begin`, any fields, `finish`.

    Fields are given with their tag already as bytes (`b"44="`), because the compiler keeps such
    constants ready. Each field method ends its field with SOH.
    """

    def __init__(self) -> None:
        self._body = BytesWriter()
        self._frame = BytesWriter()

    def begin(
        self, msg_type: bytes, msg_seq_num: int, comp_ids: bytes, sending_time: bytes
    ) -> None:
        """Start a frame. `comp_ids` is `49=...|56=...|` ready with SOH, `sending_time` the text of
        tag 52."""
        body = self._body
        body.truncate(0)
        body.write(b"35=")
        body.write(msg_type)
        body.write(b"\x0134=")
        put_uint(body, msg_seq_num)
        body.append(1)
        body.write(comp_ids)
        body.write(b"52=")
        body.write(sending_time)
        body.append(1)

    def finish(self) -> bytes:
        """The whole frame, with BodyLength and CheckSum."""
        return enclose(self._frame, self._body.getvalue())

    def text(self, tag: bytes, value: bytes) -> None:
        body = self._body
        body.write(tag)
        body.write(value)
        body.append(1)

    def raw(self, fields: bytes) -> None:
        """Fields that are ready, SOH included."""
        self._body.write(fields)

    def uint(self, tag: bytes, value: int) -> None:
        body = self._body
        body.write(tag)
        put_uint(body, value)
        body.append(1)

    def char(self, tag: bytes, code: int) -> None:
        body = self._body
        body.write(tag)
        body.append(code)
        body.append(1)

    def decimal(self, tag: bytes, value: int, decimals: int) -> None:
        """A non-negative scaled integer as a plain decimal without trailing zeros."""
        body = self._body
        body.write(tag)
        put_decimal(body, value, decimals)
        body.append(1)


def enclose(writer: BytesWriter, body: bytes) -> bytes:
    """A frame around a body that starts with `35=` and ends with SOH. `writer` is scratch."""
    writer.truncate(0)
    writer.write(FRAME_BEGIN)
    put_uint(writer, len(body))
    writer.append(1)
    writer.write(body)
    summed = writer.getvalue()
    put_checksum(writer, byte_sum(summed, 0, len(summed)))
    return writer.getvalue()


def put_checksum(writer: BytesWriter, total: i64) -> None:
    """CheckSum (10), the end of a frame, for a sum modulo 256."""
    writer.write(b"10=")
    writer.append(u8(ZERO + total // 100))
    writer.append(u8(ZERO + total // 10 % 10))
    writer.append(u8(ZERO + total % 10))
    writer.append(1)


def frame_of(body: bytes) -> bytes:
    """`enclose` for the odd frame that is not on the fast path."""
    return enclose(BytesWriter(), body)


def put_uint(writer: BytesWriter, value: int) -> None:
    if not COMPILED or value >= 10**18:
        writer.write(b"%d" % value)
        return
    number: i64 = value
    unit: i64 = 1
    while unit <= number // 10:
        unit *= 10
    _put_digits(writer, number, unit)


def put_decimal(writer: BytesWriter, value: int, decimals: int) -> None:
    """A non-negative scaled integer; `decimals` is at most 17 on the fast way."""
    if not COMPILED or value >= 10**18 or decimals > 17:
        writer.write(to_text(value, decimals).encode())
        return
    number: i64 = value
    places: i64 = decimals
    while places > 0:
        shorter = number // 10
        if shorter * 10 != number:
            break
        number = shorter
        places -= 1
    unit: i64 = 1
    while places > 0:
        unit *= 10
        places -= 1
    whole = number // unit
    put_uint(writer, whole)
    if unit > 1:
        writer.append(u8(POINT))
        _put_digits(writer, number - whole * unit, unit // 10)


def put_fixed(writer: BytesWriter, value: int, decimals: int) -> None:
    """A non-negative scaled integer with all of its decimals, as market data has them:
    `0.50000000`, `84010.1`; but zero is `0.0`. `decimals` is at most 17."""
    if value == 0:
        writer.write(b"0.0")
        return
    unit: i64 = 1
    places: i64 = decimals
    while places > 0:
        unit *= 10
        places -= 1
    if not COMPILED or value >= 10**18:
        whole_part, rest = divmod(value, int(unit))
        writer.write(b"%d" % whole_part)
        if decimals:
            writer.write(b".%0*d" % (decimals, rest))
        return
    number: i64 = value
    whole = number // unit
    put_uint(writer, whole)
    if unit > 1:
        writer.append(u8(POINT))
        _put_digits(writer, number - whole * unit, unit // 10)


def put_padded(writer: BytesWriter, value: int, places: int) -> None:
    """A non-negative integer below `10**places` with leading zeros; `places` is 1 to 18."""
    unit: i64 = 1
    left: i64 = places
    while left > 1:
        unit *= 10
        left -= 1
    _put_digits(writer, value, unit)


def _put_digits(writer: BytesWriter, number: i64, unit: i64) -> None:
    """The digits of a number below `10 * unit`, from the place of `unit` down: as many as `unit`
    has, leading zeros included."""
    while unit > 0:
        digit = number // unit
        writer.append(u8(ZERO + digit))
        number -= digit * unit
        unit //= 10
