"""Virtual time, and an event loop in it.

One `Scheduler` orders everything that happens in a simulated world: by time, and among equal times
by the order in which it was asked for. A `SimLoop` is what a simulated process sees of it: an
asyncio loop without files and sockets. When the process dies, what it had scheduled never happens.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, TypeVar

from tidegate.model.time import NS_PER_S

T = TypeVar("T")


class Timer:
    """Something that is to happen. Cancelling one that has happened does nothing."""

    __slots__ = ("action", "cancelled", "order", "time_ns")

    def __init__(self, time_ns: int, order: int, action: Callable[[], object]) -> None:
        self.time_ns = time_ns
        self.order = order
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def __lt__(self, other: Timer) -> bool:
        return (self.time_ns, self.order) < (other.time_ns, other.order)


class Scheduler:
    """Virtual time in nanoseconds, from 0, and what happens in it."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.happened = 0
        self._timers: list[Timer] = []
        self._orders = 0

    def at(self, time_ns: int, action: Callable[[], object]) -> Timer:
        """Let `action` happen at a time, now at the earliest."""
        self._orders += 1
        timer = Timer(max(time_ns, self.now_ns), self._orders, action)
        heapq.heappush(self._timers, timer)
        return timer

    def after(self, delay_ns: int, action: Callable[[], object]) -> Timer:
        return self.at(self.now_ns + delay_ns, action)

    def step(self) -> bool:
        """Let the next thing happen; False where there is none."""
        while self._timers:
            timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            self.now_ns = timer.time_ns
            self.happened += 1
            timer.action()
            return True
        return False


class SimLoop:
    """The loop of one simulated process. `caught` gets what a callback raised, a crash included.

    It offers what the venue's shells use of a loop, and nothing of the rest: no files, no sockets,
    no threads.
    """

    def __init__(self, scheduler: Scheduler, caught: Callable[[BaseException], None]) -> None:
        self._scheduler = scheduler
        self._caught = caught
        self._dead = False
        self._coroutines: list[Coroutine[Any, Any, Any]] = []
        self._self: Any = self  # a loop by what it can do, not by its class

    def die(self) -> None:
        """Nothing that was scheduled happens any more."""
        self._dead = True
        for coroutine in self._coroutines:
            if getcoroutinestate(coroutine) == CORO_CREATED:
                coroutine.close()  # or Python would complain that nobody awaited it
        self._coroutines.clear()

    def run_now(self, callback: Callable[[], object]) -> None:
        """Call something as this process, at once."""
        if self._dead:
            return
        events._set_running_loop(self._self)
        try:
            callback()
        except BaseException as error:
            self._caught(error)
        finally:
            events._set_running_loop(None)

    # --- what asyncio asks of a loop --------------------------------------------------------------

    def time(self) -> float:
        return self._scheduler.now_ns / NS_PER_S

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._dead

    def is_closed(self) -> bool:
        return self._dead

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self._self, context)
        self._scheduler.at(0, lambda: self._run(handle, callback, args))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        handle = asyncio.TimerHandle(when, callback, args, self._self, context)
        self._scheduler.at(round(when * NS_PER_S), lambda: self._run(handle, callback, args))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self._self)

    def create_task(self, coro: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
        self._coroutines.append(coro)
        return asyncio.Task(coro, loop=self._self, **options)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            self._caught(error)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    def _run(
        self, handle: asyncio.Handle, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        if not handle.cancelled():
            self.run_now(lambda: callback(*args))
