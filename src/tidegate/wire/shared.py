"""A message that many sessions get, encoded once: only MsgSeqNum, CompIDs and a few fields more are
each receiver's own, and their bytes alone are summed for each of them."""

from __future__ import annotations

from librt.strings import BytesWriter
from mypy_extensions import i64

from tidegate.wire.framing import byte_sum
from tidegate.wire.message import ZERO
from tidegate.wire.render import FRAME_BEGIN, put_checksum, put_uint


class OwnFields:
    """What messages to one receiver have of their own: CompIDs (`49=...|56=...|` with SOH), and
    `fields` behind SendingTime (52), SOH included."""

    def __init__(self, comp_ids: bytes, fields: bytes) -> None:
        self.before_time: bytes = b"\x01%s52=" % comp_ids
        self.behind_time: bytes = b"\x01" + fields
        own = self.before_time + self.behind_time
        self.byte_count: i64 = len(own)
        self.sum: i64 = byte_sum(own, 0, len(own))


class SharedMessage:
    """`sending_time` is the text of tag 52; `tail` is everything behind each receiver's own fields,
    from a field's begin to the last SOH before CheckSum (10), `tail_sum` the sum of its bytes
    modulo 256."""

    def __init__(self, msg_type: bytes, sending_time: bytes, tail: bytes, tail_sum: int) -> None:
        self._head: bytes = b"\x0135=%s\x0134=" % msg_type
        self._sending_time = sending_time
        self._tail = tail
        shared = FRAME_BEGIN + self._head + sending_time
        self._byte_count: i64 = len(self._head) - 1 + len(sending_time) + len(tail)
        self._sum: i64 = byte_sum(shared, 0, len(shared)) + tail_sum

    def put(self, writer: BytesWriter, msg_seq_num: int, own: OwnFields) -> None:
        """Write the whole frame for one receiver."""
        total = self._sum + own.sum
        length = self._byte_count + own.byte_count
        rest: i64 = msg_seq_num
        while rest > 0:
            shorter = rest // 10
            total += ZERO + rest - 10 * shorter
            length += 1
            rest = shorter
        rest = length
        while rest > 0:
            shorter = rest // 10
            total += ZERO + rest - 10 * shorter
            rest = shorter
        writer.write(FRAME_BEGIN)
        put_uint(writer, length)
        writer.write(self._head)
        put_uint(writer, msg_seq_num)
        writer.write(own.before_time)
        writer.write(self._sending_time)
        writer.write(own.behind_time)
        writer.write(self._tail)
        put_checksum(writer, total & 255)
