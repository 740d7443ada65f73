"""The rollover: at one time of the day every session ends, and begins anew with fresh numbers.

It has two ends. `begin` logs everybody out; logons are refused from then on. `finish`, after the
configured length, resets every session: numbers start at 1 and a new life begins. Orders stay, as
orders of an earlier life, unless the session's settings have them cancelled. What a session of any
kind has to go through is done by the session itself (`logout`, `reset`) and by its host's
`was_reset`; here is only when.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.rejects import CANCELED_BY_ROLLOVER
from tidegate.model.settings import ROLLOVER_NEVER, VenueSettings
from tidegate.model.time import NEVER_NS, NS_PER_S, S_PER_DAY
from tidegate.session.machine import LOGOUT_WAIT_NS, Session
from tidegate.venue.disconnects import Disconnects
from tidegate.venue.trading import Trading

ROLLOVER_TEXT: Final = b"Session rollover"
_DAY_NS = S_PER_DAY * NS_PER_S


class Rollover:
    """`at_ns` is when the next one begins: 0 before the venue has settings, `NEVER_NS` where they
    say that there is none. `ends_ns` is when the one that is going on ends, 0 while none is."""

    def __init__(self, sessions: list[Session], disconnects: Disconnects, trading: Trading) -> None:
        self.at_ns = 0
        self.ends_ns = 0
        self._length_ns = 0
        self._second_of_day = 0
        self._never = False
        self._sessions = sessions
        self._disconnects = disconnects
        self._trading = trading

    @property
    def is_on(self) -> bool:
        return self.ends_ns != 0

    def is_due(self, time_ns: int) -> bool:
        return self.at_ns != 0 and time_ns >= self.at_ns

    def is_over(self, time_ns: int) -> bool:
        """Whether the one that is going on has lasted long enough."""
        return self.ends_ns != 0 and time_ns >= self.ends_ns

    def adopt(self, settings: VenueSettings) -> None:
        self._never = settings.rollover_policy == ROLLOVER_NEVER
        self._second_of_day = settings.rollover_s
        self._length_ns = settings.rollover_length_s * NS_PER_S

    def plan(self, time_ns: int) -> None:
        """Settings are new. A rollover that is due stays due: it fell into their predecessors'
        time."""
        if not self.is_due(time_ns):
            self.at_ns = self._next(time_ns)

    def begin(self, time_ns: int) -> None:
        """Log everybody out and refuse logons for a while. Several that were missed are one."""
        for session in self._sessions:
            self._disconnects.end_grace(session, time_ns)
            self._cancel_by_rollover(session, time_ns)
            session.logout(ROLLOVER_TEXT, time_ns, orderly=True)
        self.ends_ns = max(self.at_ns + self._length_ns, time_ns + LOGOUT_WAIT_NS)
        self.at_ns = self._next(time_ns)

    def finish(self, time_ns: int) -> None:
        """Numbers start anew for everybody, and logons are welcome."""
        for session in self._sessions:
            session.link_lost(time_ns)  # whoever has not answered the Logout by now
            self._cancel_by_rollover(session, time_ns)  # orders that came while it was awaited
            session.reset()
            self._trading.new_day(session.index)
        self.ends_ns = 0

    def deadline_ns(self) -> int:
        return min(self.at_ns, self.ends_ns) if self.ends_ns else self.at_ns

    def _cancel_by_rollover(self, session: Session, time_ns: int) -> None:
        if session.settings.cancel_on_rollover:
            self._trading.cancel_session(self._sessions, session, CANCELED_BY_ROLLOVER, time_ns)

    def _next(self, time_ns: int) -> int:
        if self._never:
            return NEVER_NS
        today_ns = time_ns // _DAY_NS * _DAY_NS + self._second_of_day * NS_PER_S
        return today_ns if today_ns > time_ns else today_ns + _DAY_NS

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.at_ns)
        encoder.uint(self.ends_ns)

    def load(self, decoder: Decoder) -> None:
        self.at_ns = decoder.uint()
        self.ends_ns = decoder.uint()
