"""A clock that goes where it is told to, and the walk of a venue along it.

A test must not wait for 22:00, and must not lose a session on the way there. So the clock never
leaps: it walks from one deadline of the venue to the next, as real time would pass them, and at
each lets the venue do what is due and its clients answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Final

from tidegate.clock import Clock
from tidegate.model.time import NS_PER_MS, NS_PER_S
from tidegate.service import VenueService
from tidegate.session.machine import Session
from tidegate.session.states import ACTIVE, DISCONNECTED, LOGOUT_SENT

SETTLE_S: Final = 0.2
SETTLE_S_MAX: Final = 10.0
SPEED_MAX: Final = 1_000_000.0
TIME_NS_MAX: Final = 9_214_646_400 * NS_PER_S  # 2262-01-01: later ones do not fit 63 bits

_RUN_STEP_S: Final = 0.01  # of real time, between two moves of a clock that runs
_LOOK_S: Final = 0.001  # between two looks at whether an answer has come
_LEAST_STEP_NS: Final = NS_PER_MS


class VirtualClock(Clock):
    """Stands still but for `move`. Clients of a venue that goes by it go by it too, so it is the
    wall clock as well. Times are nanoseconds since 1970 UTC."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def wall_ns(self) -> int:
        return self._now_ns

    def ahead_ns(self) -> int:
        return 0

    def move(self, time_ns: int) -> None:
        """Set it; never back."""
        assert time_ns >= self._now_ns, "time does not go back"
        self._now_ns = time_ns


class ClockRefused(ValueError):
    """The clock can not do that; the text says why. It has not moved."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of a walk: in how many steps it went, from deadline to deadline, and the
    SenderCompIDs (49) of the sessions that were up before and are down now, in their order."""

    from_ns: int
    to_ns: int
    steps: int
    ended: tuple[str, ...]


class ClockWalker:
    """Moves the clock of a running venue. `settle_s` is how long, in real time, a client has to
    answer a TestRequest, a ResendRequest or a Logout before the walk goes on; it goes on as soon as
    all have answered, so it costs that time for clients that do not, and once for each question."""

    def __init__(self, clock: VirtualClock, service: VenueService) -> None:
        self._clock = clock
        self._service = service
        self._walking = asyncio.Lock()
        self._runner: asyncio.Task[None] | None = None
        self._speed = 0.0

    @property
    def now_ns(self) -> int:
        return self._clock.now_ns()

    @property
    def speed(self) -> float:
        """How many times as fast as real time the clock runs; 0 while it stands."""
        return self._speed

    async def advance(self, duration_ns: int, settle_s: float = SETTLE_S) -> Walk:
        """Walk that far ahead. Raises `ClockRefused`."""
        async with self._walking:
            return await self._walk(self.now_ns + duration_ns, settle_s)

    async def set(self, time_ns: int, settle_s: float = SETTLE_S) -> Walk:
        """Walk to a time. Raises `ClockRefused` where that is past."""
        async with self._walking:
            if time_ns < self.now_ns:
                raise ClockRefused("the time is past, and the venue's time never goes back")
            return await self._walk(time_ns, settle_s)

    async def run(self, speed: float, settle_s: float = SETTLE_S) -> None:
        """Let the clock run from now on, at most that many times as fast as real time: it waits
        for the clients' answers all the same. Raises `ClockRefused`."""
        if not 0 < speed <= SPEED_MAX:
            raise ClockRefused(f"the speed must be above 0 and at most {SPEED_MAX:g}")
        while self._runner is not None:  # others may have it run while this one waits
            await self.stop()
        self._speed = speed
        self._runner = asyncio.create_task(self._run(speed, settle_s))
        self._runner.add_done_callback(_tell_of_bugs)

    async def stop(self) -> None:
        """Let the clock stand. It may be told to run again."""
        runner, self._runner = self._runner, None
        self._speed = 0.0
        if runner is not None:
            runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await runner

    async def _run(self, speed: float, settle_s: float) -> None:
        while not self._service.is_closed:
            began_ns = time.monotonic_ns()
            await asyncio.sleep(_RUN_STEP_S)
            async with self._walking:
                passed_ns = int((time.monotonic_ns() - began_ns) * speed)
                await self._walk(min(self.now_ns + passed_ns, TIME_NS_MAX), settle_s)

    async def _walk(self, target_ns: int, settle_s: float) -> Walk:
        if target_ns > TIME_NS_MAX:
            raise ClockRefused("the time must be before the year 2262")
        service = self._service
        from_ns = self.now_ns
        up = [session for session in service.venue.sessions if session.state != DISCONNECTED]
        steps = 0
        patience = _Patience(service)
        while not service.is_closed:
            await self._quiet()
            due_ns = max(service.venue.deadline_ns(), self.now_ns + _LEAST_STEP_NS)
            self._clock.move(min(due_ns, target_ns))
            service.tick()
            await self._quiet()
            await patience.answered(settle_s)
            steps += 1
            if self.now_ns == target_ns:
                break
        ended = [s.settings.sender_comp_id for s in up if s.state == DISCONNECTED]
        return Walk(from_ns, self.now_ns, steps, tuple(ended))

    async def _quiet(self) -> None:
        """Wait until what came in is applied and published: nobody can answer before."""
        await asyncio.sleep(0)
        while not self._service.is_quiet and not self._service.is_closed:
            await asyncio.sleep(_LOOK_S)


def _tell_of_bugs(runner: asyncio.Task[None]) -> None:
    error = None if runner.cancelled() else runner.exception()
    if error is not None:
        context = {"message": "the running clock failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


class _Patience:
    """Waits for answers, for each question once: who has let the time pass is not waited for again
    until the venue asks anew."""

    def __init__(self, service: VenueService) -> None:
        self._service = service
        self._given_up: dict[int, tuple[int, int, int]] = {}  # by session

    async def answered(self, settle_s: float) -> None:
        """Wait until every question put to a live link has its answer, at most `settle_s`."""
        end_s = time.monotonic() + settle_s
        while True:
            open_questions = self._open_questions()
            if not open_questions or self._service.is_closed:
                return
            if time.monotonic() >= end_s:
                self._given_up.update(open_questions)
                return
            await asyncio.sleep(_LOOK_S)

    def _open_questions(self) -> dict[int, tuple[int, int, int]]:
        return {
            session.index: question
            for session in self._service.venue.sessions
            if (question := _question(session)) is not None
            and question != self._given_up.get(session.index)
        }


def _question(session: Session) -> tuple[int, int, int] | None:
    """What the venue waits for from a session's client: a link, since when, and up to which
    number; None where it waits for nothing."""
    if session.state == LOGOUT_SENT:
        return session.link, session.logout_deadline_ns, 0
    asked_ns = 0 if session.muted else session.test_request_ns
    if session.state == ACTIVE and (asked_ns or session.gap.until):
        return session.link, asked_ns, session.gap.until
    return None
