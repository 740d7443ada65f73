"""A tape's beginning is read, and so checked, before anything of it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from tidegate.tapes.events import TapeEvent

HEAD_EVENTS: Final = 10_000  # read ahead


class Reading:
    """The events of a tape, to go through once. `done` of `size` tells how far the one that was
    given last is: which of all it is where the whole tape was read ahead, else its place in the
    file. `position` is that of what was read last."""

    def __init__(
        self, events: Iterator[TapeEvent | None], position: Callable[[], int], size: int
    ) -> None:
        """Raises `TapeError` as `events` does, for the first `HEAD_EVENTS` of them."""
        self.done = 0
        self.size = size
        self._events = events
        self._position = position
        read = ((event, position()) for event in events if event is not None)
        self._head = list(islice(read, HEAD_EVENTS))
        if len(self._head) < HEAD_EVENTS:
            self.size = len(self._head)
            self._head = [(event, n) for n, (event, _) in enumerate(self._head, start=1)]

    @property
    def has_events(self) -> bool:
        """Whether there is anything on the tape."""
        return bool(self._head)

    def __iter__(self) -> Iterator[TapeEvent | None]:
        for event, done in self._head:
            self.done = done
            yield event
        for step in self._events:
            self.done = self._position()
            yield step
