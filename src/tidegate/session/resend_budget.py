"""How much a peer may have sent again: a request of sixty bytes can ask for a day of messages.

Whoever has lost its store asks for everything once, whoever falls while reading asks again. Beyond
that, asking is either a mistake that goes round in a circle or an attack, and is slowed down to a
rate that costs nobody else anything.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import RESEND_FREE_MESSAGES, RESEND_HISTORIES, RESEND_MESSAGES_PER_S
from tidegate.model.time import NS_PER_S

REFUSAL: Final = b"Too many messages asked for again; the rest in %d seconds"


class ResendBudget:
    """Messages that were asked for again lately: each counts until its share of time has passed.
    Outlives links and resets, or a reconnect would be the way around it."""

    def __init__(self) -> None:
        self.spent = 0
        self.counted_ns = 0  # the time up to which passing time has been taken off `spent`

    def wait_s(self, count: int, history: int, time_ns: int) -> int:
        """Ask for `count` messages of a history of that length: 0 where they are granted, and then
        counted; else the seconds after which they would be. (A history of its own length is always
        granted then, for the bound lies above it.)"""
        elapsed_ns = max(time_ns - self.counted_ns, 0)
        back = elapsed_ns * RESEND_MESSAGES_PER_S // NS_PER_S
        if back >= self.spent:
            self.spent = 0
            self.counted_ns = time_ns
        else:  # the part of a message that is left over is not lost
            self.spent -= back
            self.counted_ns += back * NS_PER_S // RESEND_MESSAGES_PER_S
        beyond = self.spent + count - (RESEND_FREE_MESSAGES + RESEND_HISTORIES * history)
        if beyond > 0:
            return -(-beyond // RESEND_MESSAGES_PER_S)
        self.spent += count
        return 0

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.spent)
        encoder.uint(self.counted_ns)

    def load(self, decoder: Decoder) -> None:
        self.spent = decoder.uint()
        self.counted_ns = decoder.uint()
