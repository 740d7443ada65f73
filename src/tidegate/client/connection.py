"""A session on a socket: a `SessionCore` with TLS, timers and a queue of events.

Everything runs in one event loop; nothing here is safe to call from another thread.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.client.events import ClientEvent, Disconnected, LoggedOn, LoggedOut
from tidegate.client.session_core import SessionCore

EVENTS_MAX: Final = 10_000
ANSWER_TIMEOUT_S: Final = 5.0
RECONNECT_DELAYS_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)  # for clients that only listen

_READ_BYTES: Final = 65_536
_TIMER_STEP_S: Final = 0.01  # the least time between two ticks
_NS_PER_S: Final = 1_000_000_000


class ConnectFailed(Exception):
    """No session: the CA file can not be read, or the venue could not be reached, or it closed the
    line without a word."""


class LogonRefused(Exception):
    """The venue answered the Logon by a Logout; the text is its reason."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the venue listens. `tls` is TLS 1.3, verified against `ca_file`, which may hold the
    venue's certificate itself, or, without one, what the system trusts; `server_name` is what the
    certificate must name, the host unless given."""

    host: str
    port: int
    tls: bool = True
    ca_file: Path | None = None
    server_name: str = ""

    def context(self) -> ssl.SSLContext | None:
        """None for plain TCP. Raises `ConnectFailed` where the CA file can not be read."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # which does not name the file
            raise ConnectFailed(f"ca_file {self.ca_file}: {error.strerror}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is in the file is trusted
        return context


class Connection:
    """See the module. `core` is the session itself.

    Events wait in a queue. When `events_max` are waiting, nothing more is read from the line until
    some are taken: they are not dropped, and the venue sees a slow reader. Tidegate keeps reports
    until they are read; of market data it leaves out what comes meanwhile, and it ends a line that
    reads next to nothing of that for ten seconds.

    With `reconnect_delays_s` a lost line is connected again: after the first delay, then the
    second, and so on, the last one repeating. A session that lasted for less than the last delay
    counts as one more failure, so two clients that displace each other slow down. Without delays
    the next `connect` is the caller's.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        core: SessionCore,
        *,
        events_max: int = EVENTS_MAX,
        reconnect_delays_s: Sequence[float] = (),
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.endpoint = endpoint
        self.core = core
        self._clock_ns = clock_ns
        self._events_max = events_max
        self._reconnect_delays_s = tuple(reconnect_delays_s)
        self._events: deque[ClientEvent] = deque()
        self._events_changed = asyncio.Event()  # something came, or all is over
        self._room = asyncio.Event()
        self._room.set()
        self._barriers: dict[str, asyncio.Future[bool]] = {}
        self._logon: asyncio.Future[LoggedOn] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._link_task: asyncio.Task[None] | None = None
        self._reconnect_task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._logged_on_s = 0.0  # of the loop's clock
        self._attempts = 0  # to connect again, since a session that lasted
        self._is_closing = False
        self._failure: Exception | None = None  # of the core, which is not to go on

    @property
    def is_logged_on(self) -> bool:
        return self.core.is_logged_on

    # --- the line -------------------------------------------------------------------------------

    async def connect(self) -> LoggedOn:
        """Open the line and log on, with the numbers of before. Raises `ConnectFailed`,
        `LogonRefused`, or `RuntimeError` where a line is in use."""
        if self._link_task is not None and not self._link_task.done():
            raise RuntimeError("the client is connected")
        if self._reconnect_task is not None and not self._reconnect_task.done():
            raise RuntimeError("the client is connecting by itself")
        self._is_closing = False
        self._failure = None
        return await self._open()

    async def _open(self) -> LoggedOn:
        endpoint = self.endpoint
        context = endpoint.context()
        try:
            # Not `wait_for`: before Python 3.12 it forgets a cancellation at the wrong moment.
            async with asyncio.timeout(self.core.options.logon_timeout_s):
                reader, writer = await asyncio.open_connection(
                    endpoint.host,
                    endpoint.port,
                    ssl=context,
                    server_hostname=(endpoint.server_name or endpoint.host) if context else None,
                )
        except (OSError, TimeoutError) as error:
            reason = f"{endpoint.host}:{endpoint.port}: {error or 'no answer'}"
            raise ConnectFailed(reason) from error
        self._writer = writer
        self._logon = asyncio.get_running_loop().create_future()
        self.core.connect(self._clock_ns())
        self.pump()
        self._arm()
        self._link_task = asyncio.create_task(self._serve(reader, writer))
        try:
            return await self._logon
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        except (ConnectFailed, LogonRefused):
            await asyncio.wait([self._link_task])  # then `connect` may be called again
            raise

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read until the line or the session ends."""
        core = self.core
        try:
            while not core.is_cut:
                await self._room.wait()
                try:
                    data = await reader.read(_READ_BYTES)
                except OSError:
                    break  # a line that broke: what there is to say is said below
                if not data:
                    break
                core.receive(data, self._clock_ns())
                self.pump()
        except Exception as error:
            self._is_closing = True
            self._failure = error
        except asyncio.CancelledError:
            self._is_closing = True  # the loop ends, and nobody would see to another line
            raise
        finally:
            core.link_lost(self._clock_ns())
            self.pump()
            self._disarm()
            self._writer = None
            if self._reconnect_delays_s and not self._is_closing and self._was_logged_on():
                self._reconnect_task = asyncio.create_task(self._reconnect())
            await _shut(writer)
            self._events_changed.set()

    def _was_logged_on(self) -> bool:
        logon = self._logon
        return (
            logon is not None
            and logon.done()
            and not logon.cancelled()
            and logon.exception() is None
        )

    async def _reconnect(self) -> None:
        delays_s = self._reconnect_delays_s
        if asyncio.get_running_loop().time() - self._logged_on_s >= delays_s[-1]:
            self._attempts = 0
        while not self._is_closing:
            await asyncio.sleep(delays_s[min(self._attempts, len(delays_s) - 1)])
            self._attempts += 1
            try:
                await self._open()
            except (ConnectFailed, LogonRefused):
                continue
            return

    async def close(self, text: str = "") -> None:
        """Log out, wait for the venue's Logout (two seconds at most), close the line."""
        self._is_closing = True
        if self._reconnect_task is not None:
            self._reconnect_task.cancel()
            await asyncio.wait([self._reconnect_task])
        self.core.logout(self._clock_ns(), text)
        self.pump()
        self._disarm()
        self._arm()
        self._room.set()  # the Logout may stand behind events that nobody takes any more
        if self._link_task is not None:
            await asyncio.wait([self._link_task])

    async def drop(self) -> None:
        """Cut the line at once, without a Logout: what a crash looks like to the venue. The client
        does not reconnect by itself after this."""
        self._is_closing = True
        if self._reconnect_task is not None:
            self._reconnect_task.cancel()
            await asyncio.wait([self._reconnect_task])
        if self._writer is not None:
            self._writer.transport.abort()
        self.core.link_lost(self._clock_ns())
        self.pump()
        self._room.set()
        if self._link_task is not None:
            await asyncio.wait([self._link_task])

    # --- events ---------------------------------------------------------------------------------

    async def next_event(self) -> ClientEvent | None:
        """The next event; None when the line is gone, none is left and no reconnect will come. Or
        it raises what the core could not go on for, as where a store of reports fails."""
        while not self._events:
            if self._is_over():
                if self._failure is not None:
                    raise self._failure
                return None
            self._events_changed.clear()
            await self._events_changed.wait()
        event = self._events.popleft()
        if len(self._events) < self._events_max:
            self._room.set()
        return event

    @property
    def has_events(self) -> bool:
        """Whether an event waits to be taken."""
        return bool(self._events)

    def take_events(self) -> list[ClientEvent]:
        """The events that wait now."""
        events = list(self._events)
        self._events.clear()
        self._room.set()
        return events

    async def __aiter__(self) -> AsyncIterator[ClientEvent]:
        while (event := await self.next_event()) is not None:
            yield event

    def _is_over(self) -> bool:
        for task in (self._link_task, self._reconnect_task):
            if task is not None and not task.done():
                return False
        return True

    # --- sending --------------------------------------------------------------------------------

    async def send_raw(self, msg_type: bytes, fields: bytes) -> int:
        """Send any body and return its MsgSeqNum (34). Raises `NotLoggedOn`."""
        number = self.core.send_raw(msg_type, fields, self._clock_ns())
        self.pump()
        await self._drain()
        return number

    async def synchronize(self, *, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
        """Wait until the venue has echoed a TestRequest: all it had to say to what was sent before
        is among the events. False where that did not happen in time. Raises `NotLoggedOn`."""
        passed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        barrier = self.core.barrier(self._clock_ns())
        self._barriers[barrier] = passed
        try:
            self.pump()
            async with asyncio.timeout(timeout_s):
                return await passed
        except TimeoutError:
            return False
        finally:
            self._barriers.pop(barrier, None)

    # --- between core and loop ------------------------------------------------------------------

    async def _drain(self) -> None:
        if self._writer is not None:
            try:
                await self._writer.drain()
            except OSError:
                return  # the reading side tells of the loss

    def pump(self) -> None:
        """Carry what a call of the core left behind: bytes to the line, events and answers to
        whoever waits. To be called after every call of the core that is not made here."""
        core = self.core
        output = core.take_output()
        # A transport may be closed before the reading side has told of it. What was to be written
        # is lost with the line, and what became of it is unknown, as ever.
        if output and self._writer is not None and not self._writer.transport.is_closing():
            self._writer.write(output)
        self._take_events()
        for barrier in core.take_barriers():
            passed = self._barriers.get(barrier)
            if passed is not None and not passed.done():
                passed.set_result(True)
        if core.is_cut and self._writer is not None:
            self._writer.close()

    def _take_events(self) -> None:
        for event in self.core.take_events():
            self._on_event(event)

    def _on_event(self, event: ClientEvent) -> None:
        self._events.append(event)
        self._events_changed.set()
        if len(self._events) >= self._events_max and not self._is_closing:
            self._room.clear()
        if isinstance(event, LoggedOn):
            self._logged_on_s = asyncio.get_running_loop().time()
            self._disarm()  # it was set to the end of the patience with the Logon
            self._arm()
            if self._logon is not None and not self._logon.done():
                self._logon.set_result(event)
        elif isinstance(event, LoggedOut):
            self._on_end("logged out", LogonRefused(event.text))
        elif isinstance(event, Disconnected):
            self._on_end(event.reason, ConnectFailed(event.reason))

    def _on_end(self, reason: str, error: Exception) -> None:
        """The line is gone: whoever waits gets to know."""
        if self._logon is not None and not self._logon.done():
            self._logon.set_exception(error)
        for passed in self._barriers.values():
            if not passed.done():
                passed.set_result(False)

    def _arm(self) -> None:
        """Set the timer to the core's next deadline. Within a session traffic only moves that away,
        so the timer is looked at when it fires and not at every message."""
        if self._timer is None and self.core.is_connected:
            delay_s = (self.core.deadline_ns() - self._clock_ns()) / _NS_PER_S
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(delay_s, _TIMER_STEP_S), self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self.core.tick(self._clock_ns())
        self.pump()
        self._arm()


async def _shut(writer: asyncio.StreamWriter) -> None:
    """Close a line; a peer that does not take part in TLS's farewell is not waited for."""
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
