"""Where each outgoing message of a session lies in the log: eight bytes a message.

The frames themselves stay in the log. Numbers count from 1 without a hole, so a position's place
in the row is its number. A reset of the session's numbers empties the row.
"""

from __future__ import annotations

from librt.vecs import append, vec
from mypy_extensions import i64

from tidegate.model.codec import Decoder, Encoder


class History:
    """Positions of one session's outgoing messages, by number."""

    def __init__(self) -> None:
        self._positions: vec[i64] = vec[i64]([])

    @property
    def last_number(self) -> int:
        """The number of the newest message, 0 where there is none."""
        return len(self._positions)

    def add(self, number: i64, position: i64) -> None:
        assert number == len(self._positions) + 1, "outgoing numbers have no holes"
        self._positions = append(self._positions, position)

    def position(self, number: i64) -> int:
        """The log position of message `number`, which must have been added."""
        assert 1 <= number <= len(self._positions)
        return self._positions[number - 1]

    def clear(self) -> None:
        self._positions = vec[i64]([])

    def save(self, encoder: Encoder) -> None:
        """Positions rise, so their differences are kept: a few bytes each."""
        encoder.uint(len(self._positions))
        before: i64 = 0
        for position in self._positions:
            encoder.uint(position - before)
            before = position

    def load(self, decoder: Decoder) -> None:
        self.clear()
        position = 0
        for number in range(1, decoder.uint() + 1):
            position += decoder.uint()
            self.add(number, position)
