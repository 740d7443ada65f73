"""How often one address may try to log one session on.

A client that connects again and again, with a good signature or a bad one, costs a handshake, a
signature, lines of log and, where it gets in, records of the journal. Two clients that displace
each other do so as fast as they can. Nobody is locked out: what is above the rate is answered at
once and cheaply, and the next logon that is within it is looked at. Decision 0021 says why.
"""

from __future__ import annotations

from typing import Final

BURST_S: Final = 10  # seconds' worth of logons that may come at once
RATES_MAX: Final = 4_096  # pairs of session and address that are remembered; the oldest goes first


class _Rate:
    __slots__ = ("counted_s", "room", "told_s")

    def __init__(self, room: float, now_s: float) -> None:
        self.room = room
        self.counted_s = now_s
        self.told_s = -1.0


class LogonRates:
    """A bucket for each pair of session (-1: none) and address: `BURST_S` seconds' worth of logons
    at once, and `per_second_max` every second. Times are seconds of a clock that does not jump."""

    def __init__(self, per_second_max: int) -> None:
        self._per_second_max = per_second_max
        self._burst = per_second_max * BURST_S
        self._rates: dict[tuple[int, str], _Rate] = {}

    def __len__(self) -> int:
        return len(self._rates)

    def admit(self, session: int, address: str, now_s: float) -> bool:
        """Whether this logon is within the rate; it is counted then."""
        key = (session, address)
        rate = self._rates.pop(key, None)
        if rate is None:
            rate = _Rate(self._burst, now_s)
            if len(self._rates) >= RATES_MAX:
                del self._rates[next(iter(self._rates))]
        self._rates[key] = rate  # the newest now
        back = (now_s - rate.counted_s) * self._per_second_max
        rate.room = min(rate.room + back, self._burst)
        rate.counted_s = now_s
        if rate.room < 1:
            return False
        rate.room -= 1
        return True

    def is_news(self, session: int, address: str, now_s: float) -> bool:
        """Whether a refusal is worth a line in the log: one a second for each pair."""
        rate = self._rates[session, address]
        if rate.told_s >= 0 and now_s - rate.told_s < 1:
            return False
        rate.told_s = now_s
        return True
