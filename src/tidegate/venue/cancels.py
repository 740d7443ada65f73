"""Cancelling many orders without holding everybody up.

A line that drops or a mass cancel may reach a hundred thousand orders. One record cancels at most
`CANCELS_PER_RECORD` of them; the rest are remembered by number and go on with the ticks that follow
at once, between which other sessions get their turn. What is remembered are the orders of the
moment that asked: none entered later is touched, and one that is gone by then is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.engine.order import Order
from tidegate.engine.spot import SpotEngine
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import CANCELS_PER_RECORD


class _Job:
    """Numbers of orders still to be cancelled, from `position` on."""

    def __init__(self, text: bytes, numbers: list[int], position: int) -> None:
        self.text = text
        self.numbers = numbers
        self.position = position


class Cancels:
    """Jobs are done in the order in which they were asked for."""

    def __init__(self, engine: SpotEngine) -> None:
        self._engine = engine
        self._jobs: list[_Job] = []
        self._room = CANCELS_PER_RECORD

    @property
    def pending(self) -> bool:
        return len(self._jobs) > 0

    def begin_record(self) -> None:
        """A new record may cancel its share."""
        self._room = CANCELS_PER_RECORD

    def cancel(self, orders: Sequence[Order], text: bytes, time_ns: int) -> None:
        """Cancel open orders: as many as this record may, the rest later."""
        if len(orders) == 0:
            return
        self._jobs.append(_Job(text, [order.number for order in orders], 0))
        self.go_on(time_ns)

    def go_on(self, time_ns: int) -> None:
        """Use up what is left of this record's share."""
        while self._jobs and self._room > 0:
            job = self._jobs[0]
            end = min(len(job.numbers), job.position + self._room)
            orders: list[Order] = []
            for place in range(job.position, end):
                order = self._engine.order(job.numbers[place])
                if order is not None:
                    orders.append(order)
            self._engine.cancel_all(orders, time_ns, job.text)
            self._room -= end - job.position
            job.position = end
            if end == len(job.numbers):
                del self._jobs[0]

    def save(self, encoder: Encoder) -> None:
        encoder.uint(len(self._jobs))
        for job in self._jobs:
            encoder.blob(job.text)
            encoder.uint(len(job.numbers) - job.position)
            for place in range(job.position, len(job.numbers)):
                encoder.uint(job.numbers[place])

    def load(self, decoder: Decoder) -> None:
        self._jobs = []
        for _ in range(decoder.uint()):
            text = decoder.blob()
            numbers = [decoder.uint() for _ in range(decoder.uint())]
            self._jobs.append(_Job(text, numbers, 0))
