"""Real venues killed and frozen under real clients; `make torture` goes on where this ends.

The small run is part of every test run. The one of fifty kills takes more than a minute of both
cores, so CI runs it by itself, with `make torture-ci`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.run_torture import Result, torture

SEED = 44
KILLS = 50


def require_passed(result: Result) -> None:
    sys.stdout.write("\n".join(result.lines()) + "\n")
    assert not result.failures, "\n".join(result.lines())


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_over_a_few_kills(tmp_path: Path) -> None:
    """Starting ten processes six times takes its seconds."""
    require_passed(torture(6, SEED, tmp_path, kills_per_venue=3))


@pytest.mark.alone
def test_nothing_acknowledged_is_lost_or_doubled_over_fifty_kills(tmp_path: Path) -> None:
    result = torture(KILLS, SEED, tmp_path)
    require_passed(result)
    counts = result.counts
    assert result.kills_done >= KILLS
    assert counts["audits"] >= KILLS * 2 // 3  # some kills meet a venue that was killed just now
    assert min(counts["orders"], counts["executions"]) > 1_000
    for happened in (
        "scheduled",
        "fired",
        "expired",
        "replayed",
        "on disconnect",
        "freezes",
        "snapshots cut short",
    ):
        assert counts[happened] > 0, happened
    for blow in ("kill starting", "kill at logon", "kill in snapshot", "freeze and kill"):
        assert counts[blow] > 0, blow
