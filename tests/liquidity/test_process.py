"""The maker's process: by which clocks it goes."""

from __future__ import annotations

import time
from pathlib import Path

from msgspec.structs import replace

from tests.client.memory_venue import MemoryVenue
from tests.liquidity.markets import MAKER_ALONE
from tidegate.liquidity.options import maker_options
from tidegate.liquidity.process import clocks_of


def test_steps_go_by_a_clock_that_nobody_sets_back_and_messages_by_the_machines_time(
    tmp_path: Path,
) -> None:
    config = MemoryVenue(more=MAKER_ALONE).config
    options = maker_options(config, tmp_path, tls=None, log_format="json", log_level="info")
    assert options is not None
    assert clocks_of(options) == (time.monotonic_ns, time.time_ns)
    moved = clocks_of(replace(options, virtual_clock=True))
    assert moved.step_ns is moved.time_ns
    assert moved.step_ns() == 0  # of a venue that has never answered
