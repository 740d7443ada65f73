"""A network that does what networks do: bytes arrive late, in other pieces than they were sent in,
or not at all.

A `Line` is one TCP connection: the venue's end is an asyncio transport, as a link knows it; the
client's end is two methods. Bytes of one direction never overtake each other and are never altered,
for TCP sees to that. What may happen instead:

- pieces: whatever is under way is delivered in pieces of any size, after any delay;
- a *cut*: both directions may still deliver a prefix of what was under way, then each end learns
  of it, at a time of its own;
- *half-open*: nothing arrives any more, and nobody is told for a long time;
- a *slow reader*: a client that takes nothing for a while, so that the venue's buffer fills up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from tidegate.lab.sim.loop import Scheduler, SimLoop
from tidegate.model.time import NS_PER_MS

HALF_OPEN_NS = 90_000 * NS_PER_MS  # until the system gives a silent connection up


class ClientEnd(Protocol):
    """What a client hears of its line."""

    def received(self, line: Line, data: bytes) -> None:
        """Bytes of the venue, cut as they came."""

    def lost(self, line: Line) -> None:
        """The line is gone. Said once."""


@dataclass
class Weather:
    """How the network behaves. Delays in nanoseconds."""

    delay_ns: int = 200_000
    jitter: float = 0.0  # 0 to 1: how often a piece takes up to 50 times as long
    split: float = 0.0  # 0 to 1: how often a delivery is cut into pieces
    buffer_bytes: int = 65_536  # of the venue's transport: fuller than that, writing is paused


class Pipe:
    """One direction. `deliver` gets the pieces; `full` and `room` are told of the filling."""

    def __init__(
        self,
        scheduler: Scheduler,
        random: Random,
        weather: Weather,
        deliver: Callable[[bytes], None],
    ) -> None:
        self.data = bytearray()
        self.stopped = False  # nothing arrives any more
        self._held = 0  # reasons not to deliver for now
        self._scheduler = scheduler
        self._random = random
        self._weather = weather
        self._deliver = deliver
        self._under_way = False
        self.drained: Callable[[], None] = lambda: None

    def put(self, data: bytes) -> None:
        self.data += data
        self._next()

    def hold(self) -> None:
        self._held += 1

    def go_on(self) -> None:
        self._held = max(0, self._held - 1)
        self._next()

    def stop(self, last_bytes: int = 0) -> None:
        """Nothing arrives any more, but for the first bytes of what is under way."""
        del self.data[last_bytes:]
        if not self.stopped and self.data:
            piece = bytes(self.data)
            self.data.clear()
            self._deliver(piece)
        self.stopped = True

    def _next(self) -> None:
        if self._under_way or self._held or self.stopped or not self.data:
            return
        self._under_way = True
        delay_ns = self._random.randrange(self._weather.delay_ns // 2, self._weather.delay_ns + 1)
        if self._random.random() < self._weather.jitter:
            delay_ns *= self._random.randrange(2, 51)
        self._scheduler.after(delay_ns, self._arrive)

    def _arrive(self) -> None:
        self._under_way = False
        if self._held or self.stopped or not self.data:
            return
        count = len(self.data)
        if self._random.random() < self._weather.split:
            count = self._random.randrange(1, count + 1)
        piece = bytes(self.data[:count])
        del self.data[:count]
        self._deliver(piece)
        self.drained()
        self._next()


class Line:
    """One connection, made by `connect`."""

    def __init__(
        self,
        scheduler: Scheduler,
        random: Random,
        weather: Weather,
        loop: SimLoop,
        client: ClientEnd,
        watch: Callable[[bytes], None],
    ) -> None:
        """`watch` sees what the venue writes, at the moment it does."""
        self.is_up = True
        self._client_told = False
        self._scheduler = scheduler
        self._random = random
        self._client = client
        self._watch = watch
        self.to_venue = Pipe(scheduler, random, weather, self._to_venue)
        self.to_client = Pipe(scheduler, random, weather, self._to_client)
        self.transport = SimTransport(self, loop, weather.buffer_bytes)
        self.to_client.drained = self.transport.drained

    # --- the client's end -------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """The client writes."""
        if data and self.is_up:
            self.to_venue.put(data)

    def hang_up(self) -> None:
        """The client closes: what it wrote still arrives, then the venue sees the end."""
        self._client_told = True
        self.to_client.stop()
        self._when_empty(self.to_venue, self.transport.peer_closed)

    # --- faults -----------------------------------------------------------------------------------

    def cut(self) -> None:
        """The connection breaks, with a prefix of what was under way delivered on both sides."""
        if not self.is_up:
            return
        for pipe in (self.to_venue, self.to_client):
            pipe.stop(self._random.randrange(len(pipe.data) + 1) if pipe.data else 0)
        self.is_up = False
        later_ns = NS_PER_MS * self._random.randrange(1, 200)
        self._scheduler.after(self._random.randrange(later_ns), self.transport.break_now)
        self._scheduler.after(self._random.randrange(later_ns), self.tell_client)

    def go_silent(self) -> None:
        """Half-open: nothing arrives, neither side is told before `HALF_OPEN_NS`."""
        self.to_venue.stop()
        self.to_client.stop()
        self._scheduler.after(HALF_OPEN_NS, self.cut)

    def slow_reader(self, pause_ns: int) -> None:
        """The client takes nothing for a while."""
        self.to_client.hold()
        self._scheduler.after(pause_ns, self.to_client.go_on)

    def drop(self) -> None:
        """The venue's process died: its system closes the connection."""
        self.is_up = False
        self.to_venue.stopped = True
        count = len(self.to_client.data)
        self.to_client.stop(self._random.randrange(count + 1) if count else 0)
        self._scheduler.after(self._random.randrange(NS_PER_MS * 50), self.tell_client)

    # --- inner works ------------------------------------------------------------------------------

    def tell_client(self) -> None:
        if not self._client_told:
            self._client_told = True
            self._client.lost(self)

    def written(self, data: bytes) -> None:
        self._watch(data)
        if not self.to_client.stopped:
            self.to_client.put(data)

    def closed_by_venue(self, *, flushed: bool) -> None:
        """The venue closed; what it wrote before arrives where it was `flushed`."""
        self.is_up = False
        self.to_venue.stopped = True
        if flushed:
            self._when_empty(self.to_client, self.tell_client)
        else:
            self.to_client.stop()
            self._scheduler.after(NS_PER_MS, self.tell_client)

    def _when_empty(self, pipe: Pipe, action: Callable[[], None]) -> None:
        if pipe.stopped or not pipe.data:
            self._scheduler.after(NS_PER_MS // 10, action)
        else:
            self._scheduler.after(NS_PER_MS, lambda: self._when_empty(pipe, action))

    def _to_venue(self, data: bytes) -> None:
        self.transport.arrived(data)

    def _to_client(self, data: bytes) -> None:
        if not self._client_told:
            self._client.received(self, data)


class SimTransport(asyncio.Transport):
    """The venue's end of a line."""

    def __init__(self, line: Line, loop: SimLoop, buffer_bytes: int) -> None:
        super().__init__({"peername": ("127.0.0.1", 40_000)})
        self._line = line
        self._loop = loop
        self._high_bytes = buffer_bytes
        self._paused = False
        self._closing = False
        self._lost = False
        self._reading_paused = False
        self.protocol: Any = None

    def open(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.connection_made(self)

    # --- what links ask of a transport ------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The network's weather decides: with the real limits no small world would reach them."""

    def get_write_buffer_size(self) -> int:
        return len(self._line.to_client.data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._lost or self._closing:
            return
        self._line.written(bytes(data))
        if not self._paused and self.get_write_buffer_size() > self._high_bytes:
            self._paused = True
            self.protocol.pause_writing()

    def pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            self._line.to_venue.hold()

    def resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._line.to_venue.go_on()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._flush()

    def abort(self) -> None:
        if not self._lost:
            self._closing = True
            self._line.closed_by_venue(flushed=False)
            self._loop.call_soon(self._connection_lost)

    # --- what the line tells ----------------------------------------------------------------------

    def arrived(self, data: bytes) -> None:
        if not self._closing:
            self._loop.run_now(lambda: self.protocol.data_received(data))

    def drained(self) -> None:
        if self._paused and self.get_write_buffer_size() <= self._high_bytes // 4:
            self._paused = False
            if not self._closing:
                self._loop.run_now(self.protocol.resume_writing)

    def peer_closed(self) -> None:
        if not self._closing:
            self._loop.run_now(self.protocol.eof_received)
            self.close()

    def break_now(self) -> None:
        self._closing = True
        self._loop.run_now(self._connection_lost)

    def _flush(self) -> None:
        """A transport that was closed is lost when its peer has taken what was written."""
        if self._lost:
            return
        if self._line.to_client.stopped or not self._line.to_client.data:
            self._line.closed_by_venue(flushed=True)
            self._loop.call_soon(self._connection_lost)
        else:
            self._loop.call_later(0.001, self._flush)

    def _connection_lost(self) -> None:
        if not self._lost:
            self._lost = True
            self.protocol.connection_lost(None)
