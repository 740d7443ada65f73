"""What is rendered is framed, scanned and read back as it was meant."""

from __future__ import annotations

from decimal import Decimal

import pytest
import simplefix
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from tidegate.model.scaled import to_text
from tidegate.wire import render
from tidegate.wire.framing import Framer
from tidegate.wire.render import FrameWriter, frame_of, put_decimal, put_fixed, put_padded, put_uint

from .frames import scanned


def test_one_field_of_each_kind() -> None:
    writer = FrameWriter()
    for _ in range(2):  # the writer is reused
        writer.begin(b"8", 12, b"49=KRAKEN-TRD\x0156=ACME\x01", b"20261103-09:15:00.000")
        writer.text(b"11=", b"77")
        writer.raw(b"55=BTC/USD\x0159=1\x01")
        writer.uint(b"527=", 901)
        writer.char(b"54=", 50)
        writer.decimal(b"44=", 8400050, 2)
        data = writer.finish()
        assert data == (
            b"8=FIX.4.4\x019=104\x0135=8\x0134=12\x0149=KRAKEN-TRD\x0156=ACME\x01"
            b"52=20261103-09:15:00.000\x0111=77\x0155=BTC/USD\x0159=1\x01527=901\x0154=2\x01"
            b"44=84000.5\x0110=" + b"%03d\x01" % (sum(data[:-7]) % 256)
        )
        assert Framer().feed(data) == [data]


@given(st.lists(st.tuples(st.integers(1, 9999), st.text(alphabet="abc=019 ", min_size=1))))
def test_a_frame_reads_back(fields: list[tuple[int, str]]) -> None:
    fields = [(tag, value) for tag, value in fields if tag not in (8, 9, 10, 35)]
    body = "35=D\x01" + "".join(f"{tag}={value}\x01" for tag, value in fields)
    data = frame_of(body.encode())
    assert Framer().feed(data) == [data]
    message = scanned(data)
    found = [(message.tags[i], message.value(i)) for i in range(3, int(message.count) - 1)]
    assert found == [(tag, value.encode()) for tag, value in fields]


def test_an_independent_encoder_gives_the_same_bytes() -> None:
    message = simplefix.FixMessage()
    for tag, value in ((8, "FIX.4.4"), (35, "0"), (34, 7), (49, "A"), (56, "B"), (112, "T")):
        message.append_pair(tag, value)
    assert frame_of(b"35=0\x0134=7\x0149=A\x0156=B\x01112=T\x01") == message.encode()


@pytest.mark.parametrize("compiled", [True, False])
@given(value=st.integers(0, 10**20))
def test_integers(compiled: bool, value: int) -> None:
    writer = BytesWriter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "COMPILED", compiled)
        put_uint(writer, value)
    assert writer.getvalue() == b"%d" % value


@pytest.mark.parametrize("compiled", [True, False])
@given(value=st.integers(0, 10**20), decimals=st.integers(0, 20))
def test_decimals(compiled: bool, value: int, decimals: int) -> None:
    writer = BytesWriter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "COMPILED", compiled)
        put_decimal(writer, value, decimals)
    assert writer.getvalue() == to_text(value, decimals).encode()


@pytest.mark.parametrize("compiled", [True, False])
@given(value=st.integers(1, 10**20), decimals=st.integers(0, 17))
def test_decimals_with_all_their_places(compiled: bool, value: int, decimals: int) -> None:
    writer = BytesWriter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "COMPILED", compiled)
        put_fixed(writer, value, decimals)
    text = f"{Decimal(value).scaleb(-decimals):.{decimals}f}"
    assert writer.getvalue() == text.encode()


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_zero_in_market_data(decimals: int) -> None:
    writer = BytesWriter()
    put_fixed(writer, 0, decimals)
    assert writer.getvalue() == b"0.0"


@given(places=st.integers(1, 18), value=st.integers(0, 10**18 - 1))
def test_integers_with_leading_zeros(places: int, value: int) -> None:
    writer = BytesWriter()
    value %= 10**places
    put_padded(writer, value, places)
    assert writer.getvalue() == b"%0*d" % (places, value)
