"""Messages of the peer that are missing, and those that came too early because of it."""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import HELD_MESSAGES_MAX

# Held in the place of a message that was acted upon ahead of its turn: only its number is wanted.
DONE: Final = b""


class Gap:
    """At most one gap is open at a time. `until` is the highest number that had been seen when the
    resend was asked for, 0 while no gap is open: further messages ahead of their turn belong to
    the same gap and ask for nothing. `since_ns` is when it was asked for, or last grew smaller.
    """

    def __init__(self) -> None:
        self.until = 0
        self.highest_seen = 0
        self.since_ns = 0
        self.held: dict[int, bytes] = {}

    def clear(self) -> None:
        self.until = 0
        self.highest_seen = 0
        self.since_ns = 0
        self.held = {}

    def see(self, number: int) -> None:
        """A message ahead of its turn has come."""
        if number > self.highest_seen:
            self.highest_seen = number

    def hold(self, number: int, frame: bytes) -> bool:
        """Keep a message until its turn; False where it is held already, or there is no room: it
        is then asked for again when the others have had their turn."""
        if number in self.held or len(self.held) >= HELD_MESSAGES_MAX:
            return False
        self.held[number] = frame
        return True

    def take(self, number: int) -> bytes | None:
        """The message held for that number, which has its turn now."""
        return self.held.pop(number, None) if self.held else None

    def asked(self, time_ns: int) -> None:
        """A resend was asked for, of everything that is missing."""
        self.until = self.highest_seen
        self.since_ns = time_ns

    def close_if_passed(self, next_incoming: int) -> bool:
        """Close the gap when everything asked for has come; whether more is missing behind it.
        Held messages whose numbers a gap fill has passed are dropped."""
        if self.until == 0 or next_incoming <= self.until:
            return False
        self.until = 0
        self.forget_below(next_incoming)
        return next_incoming <= self.highest_seen

    def forget_below(self, next_incoming: int) -> None:
        if self.held:
            self.held = {n: f for n, f in self.held.items() if n >= next_incoming}

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.until)
        encoder.uint(self.highest_seen)
        encoder.uint(self.since_ns)
        encoder.uint(len(self.held))
        for number, frame in self.held.items():
            encoder.uint(number)
            encoder.blob(frame)

    def load(self, decoder: Decoder) -> None:
        self.until = decoder.uint()
        self.highest_seen = decoder.uint()
        self.since_ns = decoder.uint()
        self.held = {}
        for _ in range(decoder.uint()):
            number = decoder.uint()
            self.held[number] = decoder.blob()
