"""What a session's numbers were used for: what a ResendRequest is answered by."""

from __future__ import annotations

from array import array
from typing import Final

from tidegate.feeds.dropcopy.reports import Report

KEPT_MAX: Final = 1_000_000  # at least; what was sent before the newest is gap-filled

_NOT_A_REPORT: Final = -1


class SentReport:
    """A report that was sent: the turn and the place in it, when, and whether as PossResend."""

    def __init__(self, position: int, place: int, time_ns: int, *, poss_resend: bool) -> None:
        self.position = position
        self.place = place
        self.time_ns = time_ns
        self.poss_resend = poss_resend


class Sent:
    """What numbers were used for since they began anew, or since the process began; not known is
    what those below `first_number` were. 24 bytes each: a report is found again in the log; what
    was anything else is not kept."""

    def __init__(self, first_number: int, kept_max: int = KEPT_MAX) -> None:
        self.first_number = first_number
        self._kept_max = kept_max
        self._positions = array("q")
        self._places = array("q")  # of the record in its turn, twice, plus PossResend
        self._times_ns = array("q")

    def clear(self, first_number: int) -> None:
        self.first_number = first_number
        self._forget(len(self._places))

    def add(self, report: Report | None, time_ns: int, *, poss_resend: bool) -> None:
        """The next number's use; None for what is no report."""
        self._positions.append(report.position if report is not None else 0)
        place = _NOT_A_REPORT if report is None else 2 * report.place + poss_resend
        self._places.append(place)
        self._times_ns.append(time_ns)
        if len(self._places) >= 2 * self._kept_max:
            self.first_number += self._kept_max
            self._forget(self._kept_max)

    def first_report(self, number: int) -> SentReport | None:
        """The first report from a number on; None where there is none."""
        for at in range(max(0, number - self.first_number), len(self._places)):
            if self._places[at] != _NOT_A_REPORT:
                return self._at(at)
        return None

    def report(self, number: int) -> SentReport | None:
        """The report that was sent under a number; None for another message, or where it is not
        known any more."""
        at = number - self.first_number
        if not 0 <= at < len(self._places) or self._places[at] == _NOT_A_REPORT:
            return None
        return self._at(at)

    def _at(self, at: int) -> SentReport:
        place = self._places[at]
        return SentReport(
            self._positions[at], place // 2, self._times_ns[at], poss_resend=place % 2 == 1
        )

    def _forget(self, count: int) -> None:
        for column in (self._positions, self._places, self._times_ns):
            del column[:count]
