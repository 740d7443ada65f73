"""The token bucket, to the nanosecond."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.time import NS_PER_S
from tidegate.oes.token_bucket import TokenBucket

NOW_NS = 1_793_697_300 * NS_PER_S


def test_full_at_first_empty_at_last_and_refilled() -> None:
    bucket = TokenBucket()

    def take(points: int, time_ns: int) -> bool:
        return bucket.take(points, capacity=20, refill_per_s=10, time_ns=time_ns)

    assert take(10, NOW_NS)
    assert take(10, NOW_NS)
    assert not take(1, NOW_NS)
    assert not take(1, NOW_NS + NS_PER_S // 10 - 1)
    assert take(1, NOW_NS + NS_PER_S // 10)
    assert not take(21, NOW_NS + 100 * NS_PER_S)
    assert take(20, NOW_NS + 100 * NS_PER_S)
    assert not take(1, NOW_NS)  # a time that went back refills nothing


@given(
    st.integers(1, 50),
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 3 * NS_PER_S), st.integers(1, 20)), max_size=40),
)
def test_against_exact_fractions(capacity: int, refill: int, steps: list[tuple[int, int]]) -> None:
    bucket = TokenBucket()
    now_ns = NOW_NS
    level = Fraction(capacity)
    for wait_ns, points in steps:
        now_ns += wait_ns
        level = min(Fraction(capacity), level + Fraction(wait_ns * refill, NS_PER_S))
        wanted = level >= points
        if wanted:
            level -= points
        taken = bucket.take(points, capacity=capacity, refill_per_s=refill, time_ns=now_ns)
        assert taken == wanted
        encoder = Encoder()
        bucket.save(encoder)
        bucket = TokenBucket()
        bucket.load(Decoder(encoder.value()))
