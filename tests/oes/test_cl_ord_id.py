"""ClOrdID (11): forms, times, and that none is used twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import CL_ORD_IDS_REMEMBERED_MAX
from tidegate.model.rejects import (
    CL_ORD_ID_FORM,
    CL_ORD_ID_IN_USE,
    CL_ORD_ID_NOT_INCREASING,
    CL_ORD_ID_TIME,
    RATE_LIMIT,
    Rule,
)
from tidegate.model.settings import CL_ORD_ID_INCREASING, CL_ORD_ID_TIMED
from tidegate.model.time import NS_PER_S, parse_utc_timestamp
from tidegate.oes.cl_ord_id import ClOrdIds, number_of, uuid_time_ns

NOW_NS = parse_utc_timestamp(b"20261103-09:15:01.000000")
VECTOR = b"a322c50b-cb20-4abc-9def-1234567890ab"


def uuid_of(time_ns: int, tail: int = 0) -> bytes:
    digits = b"%012x" % (time_ns // 10_000)
    return b"%s-%s-4abc-9def-%012x" % (digits[:8], digits[8:], tail)


def saved(ids: ClOrdIds) -> bytes:
    encoder = Encoder()
    ids.save(encoder)
    return encoder.value()


def test_the_vector_of_the_specification() -> None:
    assert uuid_time_ns(VECTOR) == NOW_NS == 179_369_730_100_000 * 10_000
    assert uuid_of(NOW_NS, 0x1234567890AB) == VECTOR


@pytest.mark.parametrize(
    "text",
    [
        b"", b"a322c50b", VECTOR + b"0", VECTOR[:-1], VECTOR.replace(b"-", b""),
        VECTOR.replace(b"-", b"_"), VECTOR.replace(b"b", b"g"), b" " + VECTOR[1:],
        b"a322c50bc-b20-4abc-9def-1234567890ab", b"+" + VECTOR[1:], b"_" * 36,
    ],
)  # fmt: skip
def test_what_has_not_the_layout_of_a_uuid(text: bytes) -> None:
    assert uuid_time_ns(text) == -1


def test_capital_letters_are_the_same_uuid() -> None:
    ids = ClOrdIds()
    assert uuid_time_ns(VECTOR.upper()) == NOW_NS
    assert ids.check(VECTOR, CL_ORD_ID_INCREASING, NOW_NS) is None
    assert ids.check(VECTOR.upper(), CL_ORD_ID_INCREASING, NOW_NS) is CL_ORD_ID_IN_USE
    assert ids.was_used(VECTOR.upper())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"1", 1), (b"999999999999999999", 10**18 - 1), (b"1000000000000000000", 0), (b"0", 0),
        (b"01", 0), (b"+1", 0), (b"-1", 0), (b"1.0", 0), (b" 1", 0), (b"", 0), (b"1e3", 0),
    ],
)  # fmt: skip
def test_what_counts_as_a_number(text: bytes, number: int) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("offset_ns", "rule"),
    [
        (0, None), (120 * NS_PER_S, None), (-120 * NS_PER_S, None),
        (120 * NS_PER_S + 10_000, CL_ORD_ID_TIME), (-120 * NS_PER_S - 10_000, CL_ORD_ID_TIME),
    ],
)  # fmt: skip
def test_the_window_of_a_uuid(offset_ns: int, rule: Rule | None) -> None:
    assert ClOrdIds().check(uuid_of(NOW_NS + offset_ns), CL_ORD_ID_INCREASING, NOW_NS) is rule


def test_the_window_of_a_number_where_the_policy_asks() -> None:
    now_us = NOW_NS // 1000
    for offset_us, rule in (
        (0, None),
        (120_000_001, CL_ORD_ID_TIME),
        (-120_000_001, CL_ORD_ID_TIME),
    ):
        text = b"%d" % (now_us + offset_us)
        assert ClOrdIds().check(text, CL_ORD_ID_TIMED, NOW_NS) is rule
        assert ClOrdIds().check(text, CL_ORD_ID_INCREASING, NOW_NS) is None
    refused = ClOrdIds()
    assert refused.check(b"7", CL_ORD_ID_TIMED, NOW_NS) is CL_ORD_ID_TIME
    assert refused.watermark == 0


def test_forms_do_not_mix_their_memories() -> None:
    ids = ClOrdIds()
    assert ids.check(b"100", CL_ORD_ID_INCREASING, NOW_NS) is None
    assert ids.check(VECTOR, CL_ORD_ID_INCREASING, NOW_NS) is None
    assert ids.check(b"100", CL_ORD_ID_INCREASING, NOW_NS) is CL_ORD_ID_NOT_INCREASING
    assert ids.check(b"order", CL_ORD_ID_INCREASING, NOW_NS) is CL_ORD_ID_FORM
    assert (ids.was_used(b"100"), ids.was_used(b"101")) == (True, False)
    ids.forget_uuids()
    assert not ids.was_used(VECTOR)
    assert ids.watermark == 100


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(-150, 150)), max_size=60))
def test_a_uuid_passes_once_at_most_and_memory_ends(steps: list[tuple[int, int]]) -> None:
    """Whatever the clock does (forward only) and whatever times ids claim: no id passes twice."""
    ids = ClOrdIds()
    now_ns = NOW_NS
    passed: list[bytes] = []
    for wait_s, offset_s in steps:
        now_ns += wait_s * NS_PER_S // 10
        for text in (uuid_of(now_ns + offset_s * NS_PER_S), *passed[-3:]):
            if ids.check(text, CL_ORD_ID_INCREASING, now_ns) is None:
                assert text not in passed
                passed.append(text)
    for count in range(2 * len(passed)):
        ids.check(
            uuid_of(now_ns + 300 * NS_PER_S, count), CL_ORD_ID_INCREASING, now_ns + 300 * NS_PER_S
        )
    assert not any(ids.was_used(text) for text in passed)


def test_the_table_of_uuids_is_bounded() -> None:
    ids = ClOrdIds()
    ids._uuid_expiry_ns = {b"%d" % n: NOW_NS * 2 for n in range(CL_ORD_IDS_REMEMBERED_MAX)}
    assert ids.check(VECTOR, CL_ORD_ID_INCREASING, NOW_NS) is RATE_LIMIT
    assert len(ids._uuid_expiry_ns) == CL_ORD_IDS_REMEMBERED_MAX


def test_a_snapshot_remembers() -> None:
    ids = ClOrdIds()
    ids.check(b"100", CL_ORD_ID_INCREASING, NOW_NS)
    ids.check(VECTOR, CL_ORD_ID_INCREASING, NOW_NS)
    loaded = ClOrdIds()
    loaded.load(Decoder(saved(ids)))
    assert saved(loaded) == saved(ids)
    assert loaded.check(VECTOR, CL_ORD_ID_INCREASING, NOW_NS) is CL_ORD_ID_IN_USE
    assert loaded.check(b"100", CL_ORD_ID_INCREASING, NOW_NS) is CL_ORD_ID_NOT_INCREASING
