"""The three forms of time in market data against Python's calendar."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.time import iso_timestamp, utc_time_only, utc_timestamp_us


@given(st.integers(0, 2**62))
def test_times(time_ns: int) -> None:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    assert iso_timestamp(time_ns).decode() == f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}Z"
    milliseconds = time_ns // 10**6 % 1000
    assert utc_time_only(time_ns).decode() == f"{moment:%H:%M:%S}.{milliseconds:03d}"
    microseconds = time_ns // 1_000 % 10**6
    assert utc_timestamp_us(time_ns).decode() == f"{moment:%Y%m%d-%H:%M:%S}.{microseconds:06d}"
