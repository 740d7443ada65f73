"""From what sessions sent to what is to be written where, turn by turn.

Turns are taken and made durable in order, and in `disk` durability several may be under way. What
belongs to a turn waits here until its place in the log is known.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from tidegate.session.history import History
from tidegate.venue.effects import ANSWER, CUT, SKIP, SWEEP, WRITE, Dispatch

_RESET: Final = -1  # beside the kinds of dispatch: it is for the index alone


@mypyc_attr(acyclic=True)
class _Entry:
    def __init__(
        self, kind: int, session: int, link: int, first: int, last: int, data: bytes
    ) -> None:
        self.kind = kind
        self.session = session
        self.link = link
        self.first = first  # of `WRITE` and `SKIP`: the message's number
        self.last = last  # of `WRITE` and `SKIP`: the record's place in the turn
        self.data = data


class _Run:
    """Consecutive messages of one link, to be written in one go."""

    def __init__(self, link: int, session: int, first: int) -> None:
        self.link = link
        self.session = session
        self.first = first
        self.last = first
        self.frames: list[bytes] = []

    def dispatch(self) -> Dispatch:
        return Dispatch(
            WRITE, self.link, self.session, self.first, self.last, b"".join(self.frames)
        )


class Outbox:
    """Outputs of the current turn and of the turns that wait for the disk."""

    def __init__(self) -> None:
        self._current: list[_Entry] = []
        self._waiting: list[list[_Entry]] = []

    def sent(self, session: int, link: int, number: int, offset: int, frame: bytes) -> None:
        self._current.append(_Entry(WRITE, session, link, number, offset, frame))

    def withheld(self, session: int, link: int, number: int, offset: int) -> None:
        """A message that is kept but not to be transmitted, though there may be a link."""
        self._current.append(_Entry(SKIP, session, link, number, offset, b""))

    def sweep(self, session: int, link: int, begin: int, end: int) -> None:
        self._current.append(_Entry(SWEEP, session, link, begin, end, b""))

    def cut(self, session: int, link: int, reason: bytes) -> None:
        self._current.append(_Entry(CUT, session, link, 0, 0, reason))

    def answer(self, session: int, link: int, frame: bytes) -> None:
        self._current.append(_Entry(ANSWER, session, link, 0, 0, frame))

    def reset(self, session: int) -> None:
        self._current.append(_Entry(_RESET, session, 0, 0, 0, b""))

    def close_turn(self) -> None:
        """The turn's bytes were taken; what comes now belongs to the next."""
        self._waiting.append(self._current)
        self._current = []

    def commit(self, payload_position: int, histories: list[History]) -> list[Dispatch]:
        """Index the oldest waiting turn's messages, and join those of one link into one write."""
        entries = self._waiting.pop(0)
        dispatches: list[Dispatch] = []
        runs: dict[int, _Run] = {}  # by link, those not dispatched yet
        for entry in entries:
            kind = entry.kind
            if kind == WRITE:
                histories[entry.session].add(entry.first, payload_position + entry.last)
                if entry.link != 0:
                    _extend(runs, entry)
                continue
            if kind == SKIP:
                histories[entry.session].add(entry.first, payload_position + entry.last)
                if entry.link == 0:
                    continue
                entry.last = entry.first
            elif kind == _RESET:
                histories[entry.session].clear()
                continue
            run = runs.pop(entry.link, None)
            if run is not None:
                dispatches.append(run.dispatch())
            dispatches.append(
                Dispatch(kind, entry.link, entry.session, entry.first, entry.last, entry.data)
            )
        dispatches.extend([run.dispatch() for run in runs.values()])
        return dispatches


def _extend(runs: dict[int, _Run], entry: _Entry) -> None:
    run = runs.get(entry.link)
    if run is None:
        run = _Run(entry.link, entry.session, entry.first)
        runs[entry.link] = run
    run.last = entry.first
    run.frames.append(entry.data)
