"""Fields and numbers: the two bodies of each scanner give the same, and what they give is right."""

from __future__ import annotations

import pytest
import simplefix
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.limits import FIELDS_MAX
from tidegate.wire import message as wire_message
from tidegate.wire.message import (
    FIELD_UNENDED,
    FIELD_WITHOUT_VALUE,
    NUMBER_MALFORMED,
    NUMBER_NEGATIVE,
    NUMBER_TOO_LARGE,
    NUMBER_TOO_PRECISE,
    SCANNED,
    TAG_MALFORMED,
    TOO_MANY_FIELDS,
    Message,
    digits,
    scaled,
    scaled_searching,
)

from .frames import BODIES, ORDER, frame, scanned


def outcome(message: Message, result: int) -> tuple[object, ...]:
    fields = [
        (message.tags[i], message.starts[i], message.ends[i]) for i in range(int(message.count))
    ]
    return (result, fields, message.fault_tag if result != SCANNED else b"")


def both_scans(data: bytes) -> tuple[object, ...]:
    first, second = Message(), Message()
    by_bytes = outcome(first, first.scan_bytes(data))
    assert by_bytes == outcome(second, second.scan_searching(data))
    return by_bytes


@pytest.mark.parametrize("body", BODIES)
def test_fields_are_those_of_an_independent_decoder(body: str) -> None:
    data = frame(body)
    parser = simplefix.FixParser()
    parser.append_buffer(data)
    expected = [(int(tag), value) for tag, value in parser.get_message().pairs]
    message = scanned(data)
    found = [(message.tags[i], message.value(i)) for i in range(int(message.count))]
    assert found == expected


@pytest.mark.parametrize(
    ("data", "result", "count", "fault_tag"),
    [
        (b"8=a\x0144=\x019=b\x01", FIELD_WITHOUT_VALUE, 1, b"44"),
        (b"8=a\x01x=b\x01", TAG_MALFORMED, 1, b"x"),
        (b"8=a\x01=b\x01", TAG_MALFORMED, 1, b""),
        (b"8=a\x01044=b\x01", TAG_MALFORMED, 1, b"044"),
        (b"8=a\x010=b\x01", TAG_MALFORMED, 1, b"0"),
        (b"8=a\x01-4=b\x01", TAG_MALFORMED, 1, b"-4"),
        (b"8=a\x011234567890=b\x01", TAG_MALFORMED, 1, b"1234567890"),
        (b"8=a\x01hello\x01", FIELD_UNENDED, 1, b"hello"),
        (b"8=a\x0155\x01", FIELD_UNENDED, 1, b"55"),
        (b"8=a\x01\x01", FIELD_UNENDED, 1, b""),
        (b"8=a\x0155=b", FIELD_UNENDED, 1, b"55"),
        (b"8=a\x0155", FIELD_UNENDED, 1, b"55"),
        (b"8=a\x01123456789=b=c\x01", SCANNED, 2, b""),
        (b"", SCANNED, 0, b""),
    ],
)
def test_where_a_scan_stops(data: bytes, result: int, count: int, fault_tag: bytes) -> None:
    found = both_scans(data)
    fields = found[1]
    assert isinstance(fields, list)
    assert (found[0], len(fields), found[2]) == (result, count, fault_tag)


def test_the_bound_of_fields() -> None:
    assert both_scans(b"58=x\x01" * FIELDS_MAX)[0] == SCANNED
    assert both_scans(b"58=x\x01" * (FIELDS_MAX + 1))[0] == TOO_MANY_FIELDS


@given(st.binary(max_size=60))
def test_both_scans_of_any_bytes(data: bytes) -> None:
    both_scans(data)


@given(st.text(alphabet="0123456789=|8x-", max_size=60))
def test_both_scans_of_nearly_fix(text: str) -> None:
    both_scans(text.replace("|", "\x01").encode())


@given(st.lists(st.tuples(st.integers(1, 10**9 - 1), st.binary(min_size=1, max_size=12))))
def test_a_scan_finds_what_was_written(fields: list[tuple[int, bytes]]) -> None:
    fields = [(tag, value.replace(b"\x01", b"=")) for tag, value in fields][:FIELDS_MAX]
    data = b"".join(b"%d=%b\x01" % field for field in fields)
    message = scanned(data)
    assert [(message.tags[i], message.value(i)) for i in range(int(message.count))] == fields


# Some of them have the same last bits.
SOME_TAGS = (1, 8, 8 + 256, 8 + 512, 44, 7928, 7928 % 256, 999_999_999 - 2**20, 999_999_999)
TAG_LISTS = st.lists(st.sampled_from(SOME_TAGS), max_size=FIELDS_MAX + 2)


@given(st.lists(TAG_LISTS, min_size=1, max_size=4), st.booleans())
def test_the_first_field_of_a_tag_is_found_whatever_was_scanned_before(
    frames: list[list[int]], searching: bool
) -> None:
    message = Message()
    for tags in frames:
        data = b"".join(b"%d=%d\x01" % (tag, place) for place, tag in enumerate(tags))
        message.scan_searching(data) if searching else message.scan_bytes(data)
        known = tags[:FIELDS_MAX]
        for tag in SOME_TAGS:
            assert message.find(tag) == (known.index(tag) if tag in known else -1)


def test_a_message_is_reused() -> None:
    message = Message()
    assert message.scan(frame(ORDER)) == SCANNED
    assert message.scan(b"8=FIX.4.4\x0135=0\x01") == SCANNED
    assert (message.count, message.get(55), message.has(54)) == (2, b"", False)


def test_access_by_tag() -> None:
    message = scanned(b"54=1\x0155=BTC/USD\x0143=Y\x01123=N\x0134=0042\x0144=84000.50\x0154=2\x01")
    assert message.find(54) == 0  # the first of two
    assert message.find(999) == -1
    assert message.get(55) == b"BTC/USD"
    assert message.get(1) == b""
    assert (message.char(54), message.char(55), message.char(1)) == (ord("1"), 0, 0)
    assert (message.flag(43), message.flag(123), message.flag(1)) == (True, False, False)
    assert (message.integer(34), message.integer(55), message.integer(1)) == (42, -1, -1)
    assert message.scaled(44, 1) == 840005
    assert message.scaled(44, 0) == NUMBER_TOO_PRECISE
    assert message.scaled(1, 0) == NUMBER_MALFORMED


@pytest.mark.parametrize(
    ("text", "decimals", "number"),
    [
        (b"1", 0, 1),
        (b"0.10", 1, 1),
        (b"00001.5", 2, 150),
        (b".5", 1, 5),
        (b"5.", 1, 50),
        (b"0", 8, 0),
        (b"0.000", 0, 0),
        (b"0.001", 2, NUMBER_TOO_PRECISE),
        (b"-1", 0, NUMBER_NEGATIVE),
        (b"-0.001", 0, NUMBER_NEGATIVE),
        (b"999999999999999999", 0, 10**18 - 1),
        (b"1000000000000000000", 0, NUMBER_TOO_LARGE),
        (b"9999999999.99999999", 8, 10**18 - 1),
        (b"10000000000", 8, NUMBER_TOO_LARGE),
        (b"1" * 30 + b".123", 2, NUMBER_TOO_PRECISE),
        (b"", 0, NUMBER_MALFORMED),
        (b".", 0, NUMBER_MALFORMED),
        (b"-", 0, NUMBER_MALFORMED),
        (b"1.2.3", 8, NUMBER_MALFORMED),
        (b"1e5", 8, NUMBER_MALFORMED),
        (b"+1", 8, NUMBER_MALFORMED),
        (b"1-", 8, NUMBER_MALFORMED),
        (b" 1", 8, NUMBER_MALFORMED),
    ],
)
def test_scaled_numbers(text: bytes, decimals: int, number: int) -> None:
    assert scaled(b"x" + text + b"x", 1, 1 + len(text), decimals) == number
    assert scaled_searching(text, decimals) == number


@pytest.mark.parametrize("compiled", [True, False])
@given(
    text=st.text(alphabet="0123456789.-e", max_size=24).map(str.encode), decimals=st.integers(0, 18)
)
def test_both_bodies_of_scaled(compiled: bool, text: bytes, decimals: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # The interpreted module obeys the patch and so runs both; a compiled one has chosen.
        patch.setattr(wire_message, "COMPILED", compiled)
        assert scaled(text, 0, len(text), decimals) == scaled_searching(text, decimals)


@given(st.integers(0, 10**18 - 1), st.integers(0, 17), st.integers(0, 5), st.integers(0, 5))
def test_scaled_is_exact(number: int, decimals: int, leading: int, trailing: int) -> None:
    whole, rest = divmod(number, 10**decimals)
    text = f"{'0' * leading}{whole}.{rest:0{decimals}d}" if decimals else f"{'0' * leading}{whole}."
    data = (text + "0" * trailing).encode()
    assert scaled(data, 0, len(data), decimals) == number


@pytest.mark.parametrize("compiled", [True, False])
@given(text=st.text(alphabet="0123456789-. ", max_size=20).map(str.encode))
def test_digits(compiled: bool, text: bytes) -> None:
    expected = int(text) if text.isdigit() and len(text) <= 18 else -1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire_message, "COMPILED", compiled)
        assert digits(text, 0, len(text)) == expected
