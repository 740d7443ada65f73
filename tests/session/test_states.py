"""The table of states."""

from __future__ import annotations

from itertools import product

import pytest

from tidegate.session import states


def test_every_step_leads_to_a_state_with_a_name() -> None:
    for (before, _), after in states.TRANSITIONS.items():
        assert before in states.STATE_NAMES
        assert after in states.STATE_NAMES


def test_steps_outside_the_table_are_bugs() -> None:
    happenings = (states.CONNECT, states.LOGON, states.LOGOUT, states.END)
    for step in product(states.STATE_NAMES, happenings):
        if step in states.TRANSITIONS:
            assert states.next_state(*step) == states.TRANSITIONS[step]
        else:
            with pytest.raises(KeyError):
                states.next_state(*step)


def test_every_state_is_reached_and_left() -> None:
    reached = set(states.TRANSITIONS.values())
    left = {before for before, _ in states.TRANSITIONS}
    assert reached == left == set(states.STATE_NAMES)
