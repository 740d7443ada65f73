"""Plays a tape into a venue over two FIX sessions: one for what rests, one for what trades.

What happens on the venue is in the order of the tape: the sessions take turns, each only when the
other's requests are all answered, and an order's next event waits for the answer to the one before.
Within that, up to `WINDOW` requests are under way. A tape that knows trades alone is played a trade
at a time: an order that rests, one that takes it, and a cancel of what is left over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from tidegate.client import Cancel, Client, MassCancel, NotLoggedOn, Side
from tidegate.model.time import NS_PER_S
from tidegate.tapes.events import ADD, CANCEL, PRINT, TRADE, TapeError, TapeEvent
from tidegate.tapes.requests import STEP_WAIT_S, Window, request_of
from tidegate.tapes.sessions import PlayedOrder, Summary, TapeOrders, TapeSession, TapeStopped
from tidegate.waiting import wait_at_most

WINDOW: Final = 256  # requests without an answer


class TapeInterrupted(Exception):
    """`TapePlayer.stop` was called; everything before it has come to its end."""


class TapePlayer:
    """Plays over two clients that are logged on, of two accounts, or of two groups of one: orders
    of one group never trade with each other."""

    def __init__(self, resting: Client, taking: Client, window: int = WINDOW) -> None:
        self.summary = Summary()
        self._window = Window(window)
        self._orders = TapeOrders()
        self._resting = TapeSession(resting, self._window, self.summary, self._orders, takes=False)
        self._taking = TapeSession(taking, self._window, self.summary, self._orders, takes=True)
        self._last = self._resting
        self._is_stopped = False
        self._ended = asyncio.Event()  # `stop` was called, or a session is gone

    def stop(self) -> None:
        """Send nothing more of the tape: `play` ends as it would at the tape's end, and raises
        `TapeInterrupted`."""
        self._is_stopped = True
        self._ended.set()

    async def play(
        self,
        events: Iterable[TapeEvent | None],
        *,
        speed: float | None,
        keep: bool = False,
        progress: Callable[[], None] | None = None,
    ) -> Summary:
        """Play all of `events`, `speed` times as fast as they were, or as fast as the venue answers
        for None; what rests at the end is cancelled unless it is to be kept. A None among them is
        a moment for others. `progress` is called behind each. Raises `TapeStopped`
        where the venue ends it; once everything before has come to its end, `TapeInterrupted`, and
        `TapeError` as `events` does. `summary` tells how far it got."""
        servers = [asyncio.create_task(s.serve()) for s in (self._resting, self._taking)]
        for server in servers:
            server.add_done_callback(self._server_ended)
        started_s = time.monotonic()
        try:
            mistake = await self._play(events, speed, progress)
            if not keep:
                await self._resting.client.mass_cancel(MassCancel(), timeout_s=STEP_WAIT_S)
            for session in (self._resting, self._taking):
                await session.settled()
            if mistake is not None:
                raise mistake
            if self._is_stopped:
                raise TapeInterrupted
        except (TimeoutError, NotLoggedOn):
            raise TapeStopped(await self._why_not(servers)) from None
        finally:
            self.summary.seconds = time.monotonic() - started_s
            self.summary.unanswered = self._resting.unanswered + self._taking.unanswered
            for server in servers:
                server.cancel()
        return self.summary

    async def _play(
        self,
        events: Iterable[TapeEvent | None],
        speed: float | None,
        progress: Callable[[], None] | None,
    ) -> TapeError | None:
        """The mistake of the tape that ended it."""
        pace = _Pace(speed)
        mistake: TapeError | None = None
        remaining = iter(events)
        while not self._is_stopped:
            try:
                event = next(remaining)
            except StopIteration:
                break
            except TapeError as error:
                mistake = error
                break
            if event is None:
                await asyncio.sleep(0)
            else:
                await pace.wait(event.time_ns, self._ended)
                if self._is_stopped:
                    break
                await self._event(event)
            if progress is not None:
                progress()
        await self._window.empty()
        return mistake

    async def _event(self, event: TapeEvent) -> None:
        if event.action == PRINT:
            await self._print(event)
        else:
            await self._step(event)
        self.summary.events += 1

    async def _step(self, event: TapeEvent) -> None:
        if event.action == TRADE:
            await self._enter(self._taking)
            request = request_of(event, None)
            assert request is not None
            await self._taking.send(request, None)
            return
        is_new = event.action == ADD
        order = self._orders.add(event.order) if is_new else self._orders.get(event.order)
        if order is None:
            await self._overtake()
            return
        if order.is_busy:
            await self._window.empty()
        if event.action == CANCEL:
            self._orders.forget(order)
        await self._enter(self._resting)
        request = request_of(event, order)
        if request is None:
            self._window.leave()
            await self._overtake()
        else:
            await self._resting.send(request, order)

    async def _overtake(self) -> None:
        """Nothing of an event is sent, so nothing is waited for: others get their turn here."""
        self.summary.overtaken += 1
        await asyncio.sleep(0)

    async def _print(self, event: TapeEvent) -> None:
        """Both sides of a trade, then nothing of it is left in the book."""
        other = Side.SELL if event.side == Side.BUY else Side.BUY
        order = PlayedOrder()
        await self._enter(self._resting)
        resting = request_of(event._replace(action=ADD, side=other), None)
        assert resting is not None
        await self._resting.send(resting, order)
        await self._enter(self._taking)
        taking = request_of(event._replace(action=TRADE), None)
        assert taking is not None
        await self._taking.send(taking, None)
        await self._enter(self._resting)
        if order.order_id and not order.is_over:
            cancel = Cancel(symbol=event.symbol, side=order.side, order_id=order.order_id)
            await self._resting.send(cancel, order)
        else:
            self._window.leave()

    async def _enter(self, session: TapeSession) -> None:
        """The window, for a request of that session. What rests is known as the last trades have
        left it before it is changed: an amend tells the venue what is filled already."""
        if session is not self._last:
            await self._window.empty()
            self._last = session
            if session is self._resting:
                await session.settled()
        await self._window.enter()

    def _server_ended(self, server: asyncio.Task[None]) -> None:
        if not server.cancelled() and (error := server.exception()) is not None:
            self._window.fail(error)
            self._ended.set()

    async def _why_not(self, servers: list[asyncio.Task[None]]) -> str:
        # A send can meet a lost line before that session's events have told of the loss.
        sessions = (self._resting, self._taking)
        lost = [s for s, one in zip(servers, sessions, strict=True) if not one.client.is_logged_on]
        if lost:
            await asyncio.wait(lost)
        for server in servers:
            if server.done() and not server.cancelled() and server.exception() is not None:
                return str(server.exception())
        return f"the venue did not answer within {STEP_WAIT_S:g} s"


class _Pace:
    """Keeps the distances of the tape, from its first event on."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._first_ns = -1
        self._started_s = 0.0

    async def wait(self, time_ns: int, ended: asyncio.Event) -> None:
        """Until it is time for an event of then, or all is over."""
        if self._speed is None:
            return
        if self._first_ns < 0:
            self._first_ns = time_ns
            self._started_s = time.monotonic()
            return
        due_s = self._started_s + (time_ns - self._first_ns) / NS_PER_S / self._speed
        delay_s = due_s - time.monotonic()
        if delay_s > 0:
            await wait_at_most(ended, delay_s)
