"""Sessions that behave keep their round trips while others flood, send garbage and do not read.

It measures, so it wants the machine for itself: `make overload` runs it, and not `make test`.
"""

from __future__ import annotations

import sys

import pytest

from tests.overload.run_overload import (
    BUSY_MIN,
    FACTOR_MAX,
    RSS_GROWTH_BYTES_MAX,
    RSS_SETTLED_BYTES_MAX,
    Measured,
    measure,
)

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    measured = measure(tmp_path_factory.mktemp("overload"))
    sys.stdout.write("\n".join(measured.lines()) + "\n")
    return measured


@pytest.mark.parametrize("percent", [50, 90])
def test_round_trips_of_others_stay_within_twice_of_what_they_were_alone(
    measured: Measured, percent: int
) -> None:
    assert measured.factor(percent) <= FACTOR_MAX, list(measured.lines())


def test_the_venue_was_kept_busy(measured: Measured) -> None:
    """Otherwise the others were not misbehaving enough to say anything."""
    assert max(measured.busy) > BUSY_MIN


def test_memory_is_bounded_and_stops_growing(measured: Measured) -> None:
    before, *after = measured.rss_bytes
    assert max(after) - before < RSS_GROWTH_BYTES_MAX
    half = len(after) // 2
    assert after[-1] - after[half] < RSS_SETTLED_BYTES_MAX
