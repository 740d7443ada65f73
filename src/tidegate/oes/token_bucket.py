"""A session's rate limit: a bucket of points that refills steadily."""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.time import NS_PER_S

# Points a request costs, by MsgType. Cancels are not here: they are never refused.
COSTS: Final[dict[bytes, int]] = {b"D": 10, b"G": 10, b"H": 1}


class TokenBucket:
    """Level in points times 1e9, so that a refill by nanoseconds is exact."""

    def __init__(self) -> None:
        self._level = 0
        self._filled_ns = 0

    def take(self, points: int, *, capacity: int, refill_per_s: int, time_ns: int) -> bool:
        """Take points out; False, and nothing taken, where there are not enough. A bucket is full
        before its first use."""
        full = capacity * NS_PER_S
        if self._filled_ns == 0:
            self._level = full
        elif time_ns > self._filled_ns:
            self._level = min(full, self._level + (time_ns - self._filled_ns) * refill_per_s)
        self._filled_ns = max(self._filled_ns, time_ns)
        if self._level < points * NS_PER_S:
            return False
        self._level -= points * NS_PER_S
        return True

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self._level)
        encoder.uint(self._filled_ns)

    def load(self, decoder: Decoder) -> None:
        self._level = decoder.uint()
        self._filled_ns = decoder.uint()
