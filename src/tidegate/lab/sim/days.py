"""When the days of the venue end, as an independent reader of the journal knows it.

A disconnect while a rollover goes on has no grace time, and one that begins ends every grace time.
"""

from __future__ import annotations

from tidegate.model.settings import ROLLOVER_NEVER, VenueSettings
from tidegate.model.time import NS_PER_S, S_PER_DAY
from tidegate.venue import records
from tidegate.venue.records import Record

DAY_NS = S_PER_DAY * NS_PER_S
LOGOUTS_NS = 2 * NS_PER_S  # a rollover lasts at least so long: Logouts may be confirmed


class Days:
    """`input` takes the time on. Times are the venue's, in nanoseconds since 1970 UTC."""

    def __init__(self) -> None:
        self.begins = False  # a rollover begins with this record
        self._at_ns: int | None = None
        self._ends_ns: int | None = None  # of the rollover that goes on
        self._over = False  # it ends with this record
        self._settings: VenueSettings | None = None

    @property
    def is_rolling_over(self) -> bool:
        """Whether one goes on somewhere in the present record."""
        return self.begins or self._ends_ns is not None

    def input(self, record: Record) -> None:
        """The next input record."""
        if self._over:
            self._ends_ns = None
        self.begins = self._over = False
        kind, time_ns = record.kind, record.time_ns
        due = self._at_ns is not None and time_ns >= self._at_ns
        if kind == records.CONFIGURE:
            self._settings = VenueSettings.decode(record.data)
            if not due:
                self._at_ns = self._next(time_ns)
        elif kind in (records.TICK, records.LOGON):
            self._over = self._ends_ns is not None and time_ns >= self._ends_ns
        if kind in (records.START, records.TICK) and due:
            self._begin(time_ns, at_once=kind == records.START)

    def _begin(self, time_ns: int, *, at_once: bool) -> None:
        assert self._settings is not None
        assert self._at_ns is not None
        self.begins = True
        length_ns = self._settings.rollover_length_s * NS_PER_S
        self._ends_ns = max(self._at_ns + length_ns, time_ns + LOGOUTS_NS)
        self._over = at_once
        self._at_ns = self._next(time_ns)

    def _next(self, time_ns: int) -> int | None:
        assert self._settings is not None
        if self._settings.rollover_policy == ROLLOVER_NEVER:
            return None
        at_ns = time_ns // DAY_NS * DAY_NS + self._settings.rollover_s * NS_PER_S
        return at_ns if at_ns > time_ns else at_ns + DAY_NS
