"""Messages that many sessions get are those that each would get alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from tidegate.wire.framing import Framer
from tidegate.wire.render import FrameWriter
from tidegate.wire.shared import OwnFields, SharedMessage

TIME = b"20261103-09:15:00.000"
values = st.binary(max_size=300).map(lambda data: data.replace(b"\x01", b"|"))


@given(
    receivers=st.lists(st.tuples(st.integers(1, 10**9), values, values), min_size=1, max_size=4),
    msg_type=st.sampled_from([b"X", b"W", b"AE"]),
    tail=values,
)
def test_each_receiver_gets_the_frame_that_is_rendered_for_it_alone(
    receivers: list[tuple[int, bytes, bytes]], msg_type: bytes, tail: bytes
) -> None:
    tail = b"268=1\x01270=%s\x01" % tail
    message = SharedMessage(msg_type, TIME, tail, sum(tail) % 256)
    for number, name, md_req_id in receivers:
        comp_ids = b"49=KRAKEN-MD\x0156=%s\x01" % name
        fields = b"55=BTC/USD\x01262=%s\x01" % md_req_id
        writer = BytesWriter()
        writer.write(b"before")
        message.put(writer, number, OwnFields(comp_ids, fields))
        alone = FrameWriter()
        alone.begin(msg_type, number, comp_ids, TIME)
        alone.raw(fields + tail)
        assert writer.getvalue() == b"before" + alone.finish()


def test_a_shared_message_is_a_frame_whatever_its_length() -> None:
    for size in (1, 9, 99, 900, 1_000, 9_999):
        tail = b"58=%s\x01" % (b"x" * size)
        writer = BytesWriter()
        message = SharedMessage(b"X", TIME, tail, sum(tail) % 256)
        message.put(writer, 10**6 - 1, OwnFields(b"49=A\x0156=B\x01", b""))
        (frame,) = Framer().feed(writer.getvalue())
        assert frame.endswith(tail + frame[-7:])
