"""What became of a request, as far as it is known.

`Unknown` is not a failure: the venue may have acted on the request, may still act on it, or may
never have seen it. What it turns out to be comes later as an event (a replayed report, a reject, or
`GapFilled`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.client.events import BusinessReject, ExecutionReport, SessionReject


@dataclass(frozen=True, slots=True)
class Accepted:
    """The first report that answers the request; fills and the rest come as events."""

    report: ExecutionReport


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue refused the request; nothing has changed there."""

    reject: BusinessReject | SessionReject

    @property
    def text(self) -> str:
        return self.reject.text


@dataclass(frozen=True, slots=True)
class MassCanceled:
    """The reports of the orders that a mass cancel ended: all of them where the venue answers in
    sequence, as Tidegate does. None where nothing was to cancel, which the venue answers by
    silence."""

    cl_ord_id: str
    reports: tuple[ExecutionReport, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer yet: `reason` says whether the deadline passed or the line was lost."""

    cl_ord_id: str
    reason: str


Outcome = Accepted | Refused | Unknown
