"""The sorted prices of a book side against a plain sorted list."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.engine.ladder import CHUNK_MAX, PriceLadder


@given(
    st.booleans(),
    st.lists(st.integers(min_value=1, max_value=60), max_size=200),
)
def test_ladder_is_a_sorted_list(descending: bool, prices: list[int]) -> None:
    """Each price comes if it is not there and goes if it is."""
    ladder = PriceLadder(descending=descending)
    expected: list[int] = []
    for price in prices:
        if price in expected:
            ladder.remove(price)
            expected.remove(price)
        else:
            ladder.insert(price)
            expected.append(price)
        expected.sort(reverse=descending)
        assert list(ladder) == expected
        assert len(ladder) == len(expected)
        if expected:
            assert ladder.best() == expected[0]


@pytest.mark.parametrize("descending", [True, False])
def test_ladder_over_many_chunks(descending: bool) -> None:
    random = Random(7)
    ladder = PriceLadder(descending=descending)
    prices = list(range(1, 8 * CHUNK_MAX))
    random.shuffle(prices)
    for price in prices:
        ladder.insert(price)
    assert list(ladder) == sorted(prices, reverse=descending)
    random.shuffle(prices)
    kept = prices[: CHUNK_MAX // 2]
    for price in prices[CHUNK_MAX // 2 :]:
        ladder.remove(price)
    assert list(ladder) == sorted(kept, reverse=descending)
    for price in sorted(kept, reverse=descending):
        assert ladder.best() == price
        ladder.remove(price)
    assert len(ladder) == 0
    assert list(ladder) == []


@pytest.mark.parametrize("descending", [True, False])
def test_ladder_grows_at_either_end(descending: bool) -> None:
    ladder = PriceLadder(descending=descending)
    for step in range(3 * CHUNK_MAX):
        ladder.insert(100_000 + step)
        ladder.insert(99_999 - step)
    assert list(ladder) == sorted(
        range(100_000 - 3 * CHUNK_MAX, 100_000 + 3 * CHUNK_MAX), reverse=descending
    )


def test_broken_invariants_raise() -> None:
    ladder = PriceLadder(descending=True)
    with pytest.raises(IndexError):
        ladder.best()
    with pytest.raises(AssertionError):
        ladder.remove(5)
    ladder.insert(5)
    ladder.insert(7)
    with pytest.raises(AssertionError):
        ladder.insert(5)
    for absent in (4, 6, 8):
        with pytest.raises(AssertionError):
            ladder.remove(absent)
