"""Where messages lie in the log, by number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.codec import Decoder, Encoder
from tidegate.session.history import History


@given(st.lists(st.integers(0, 2**60)))
def test_positions_come_back_and_survive_a_snapshot(positions: list[int]) -> None:
    positions.sort()
    history = History()
    for number, position in enumerate(positions, 1):
        history.add(number, position)
    encoder = Encoder()
    history.save(encoder)
    decoder = Decoder(encoder.value())
    loaded = History()
    loaded.add(1, 5)  # what a load replaces
    loaded.load(decoder)
    assert decoder.at_end()
    for kept in (history, loaded):
        assert kept.last_number == len(positions)
        assert [kept.position(n) for n in range(1, len(positions) + 1)] == positions


def test_a_hole_is_a_broken_invariant() -> None:
    history = History()
    history.add(1, 100)
    for number in (1, 3, 0):
        with pytest.raises(AssertionError):
            history.add(number, 200)
    for number in (0, 2):
        with pytest.raises(AssertionError):
            history.position(number)


def test_a_reset_empties_it() -> None:
    history = History()
    history.add(1, 100)
    history.clear()
    assert history.last_number == 0
    history.add(1, 300)
    assert history.position(1) == 300
