"""Refusals on demand: how many of a session's next orders are refused, and at which layer.

An order is refused at the end of the layer that was asked for, when it has passed every check up
to there; one that has a fault of its own gets that answer and uses nothing up.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.rejects import (
    INJECTED_BY_ENGINE,
    INJECTED_BY_GATEWAY,
    INJECTED_BY_ORDER_ENTRY,
    LAYER_ENGINE,
    LAYER_GATEWAY,
    LAYER_ORDER_ENTRY,
    Refusal,
    Rule,
    refuse,
)

_RULES: Final = {
    LAYER_GATEWAY: INJECTED_BY_GATEWAY,
    LAYER_ORDER_ENTRY: INJECTED_BY_ORDER_ENTRY,
    LAYER_ENGINE: INJECTED_BY_ENGINE,
}


class InjectedRefusals:
    """`pending` tells whether there are any for any session: the one look that an order costs."""

    def __init__(self) -> None:
        self.pending = False
        self._counts: list[dict[int, int]] = []  # by session: layer to count

    def add_session(self) -> None:
        self._counts.append(dict.fromkeys(_RULES, 0))

    def set(self, session_index: int, layer: int, count: int) -> None:
        """From now on `count` orders of the session; 0 takes back what is left."""
        self._counts[session_index][layer] = count
        self._note_pending()

    def count(self, session_index: int, layer: int) -> int:
        """How many are left."""
        return self._counts[session_index][layer]

    def refusal(self, session_index: int, layer: int) -> Refusal | None:
        """The refusal of an order that has come to the end of a layer, and is used up by it."""
        if self._counts[session_index][layer] == 0:
            return None
        self.use_up(session_index, layer)
        return refuse(_RULES[layer])

    def rule(self, session_index: int, layer: int) -> Rule | None:
        """What `refusal` would refuse with, not used up yet."""
        return _RULES[layer] if self._counts[session_index][layer] else None

    def use_up(self, session_index: int, layer: int) -> None:
        self._counts[session_index][layer] -= 1
        self._note_pending()

    def _note_pending(self) -> None:
        self.pending = any(sum(counts.values()) for counts in self._counts)

    def save(self, encoder: Encoder) -> None:
        for counts in self._counts:
            for layer in _RULES:
                encoder.uint(counts[layer])

    def load(self, decoder: Decoder) -> None:
        for counts in self._counts:
            for layer in _RULES:
                counts[layer] = decoder.uint()
        self._note_pending()
