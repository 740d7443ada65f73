"""What stands between a link and its transport and does to the line what faults say.

Outgoing messages pass one queue, so whatever is delayed or held, order is kept: what comes behind
waits, too. The exceptions are the faults whose point it is. Memory is bounded as that of any
transport: a queue that is full pauses the link's writer, which goes on from the log later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol

from tidegate.gateway.outbound import WRITE_BUFFER_HIGH_BYTES, WRITE_BUFFER_LOW_BYTES
from tidegate.gateway.port import LinkTransport, TapPlace
from tidegate.wire.framing import Framer

MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class Passing:
    """A message on its way through a tap. `number` is its MsgSeqNum (34)."""

    number: int
    msg_type: bytes
    frame: bytes

    def field(self, tag: bytes) -> bytes:
        """The value of a field, empty without one; `tag` is like `b"37"`."""
        return _field(self.frame, tag)


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that fires. `ms` is how long it lasts; 0 for as long as it is let."""

    fault: int
    kind: str
    ms: int = 0


class Judge(Protocol):
    """Who decides what happens to a session's messages, one by one, in order."""

    def sent(self, message: Passing, *, reordering: bool) -> list[Hit]:
        """What hits a message of the venue. None is taken out of order while one before it is
        (`reordering`)."""

    def received(self, message: Passing) -> list[Hit]:
        """What hits a message of the peer before the venue sees it."""

    def act(self, hit: Hit, message: Passing) -> None:
        """Do what is not done to the line but to the venue."""


@dataclass(slots=True)
class _Waiting:
    data: bytes
    due_s: float = 0.0  # of the loop's clock
    held_by: int = 0  # a fault, 0 for none


@dataclass(slots=True)
class _Stop:
    reading: bool
    writing: bool
    half_open: bool


class LineTap:
    """Implements `gateway.port.Tap` for one link."""

    def __init__(self, transport: LinkTransport, link: TapPlace, judge: Judge) -> None:
        self._transport = transport
        self._link = link
        self._judge = judge
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._late: _Waiting | None = None  # goes out behind its successor
        self._stops: dict[int, _Stop] = {}  # by fault
        self._unread: list[bytes] = []  # frames that came while reading was stopped
        self._first_is_judged = False  # of these: it is what stopped the reading
        self._timers: dict[int, asyncio.TimerHandle] = {}  # of the stops, by fault
        self._due_timer: asyncio.TimerHandle | None = None
        self._full = False  # the transport's buffer
        self._source_paused = False
        self._link_reads = True  # what the link wants
        self._closing = False
        self._aborted = False

    @property
    def abandoned(self) -> bool:
        """Whether the venue has given the line up while a half-open fault keeps it."""
        return self._aborted and bool(self._stops)

    # --- outgoing --------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Whole messages of the venue."""
        for frame in self._framer.feed(data):
            if self._aborted or self._transport.is_closing():
                return
            self._send(frame)
        self._flush()

    def _send(self, frame: bytes) -> None:
        message = _passing(frame)
        item = _Waiting(frame)
        late = False
        for hit in self._judge.sent(message, reordering=self._late is not None):
            kind = hit.kind
            if kind == "drop":
                self.abort()
                return
            if kind in ("stop_writing", "half_open"):
                self.stop(hit)
            elif kind == "delay":
                item.due_s = max(item.due_s, self._after(hit.ms))
            elif kind == "hold_reports":
                item.due_s = max(item.due_s, self._after(hit.ms) if hit.ms else inf)
                item.held_by = hit.fault
            elif kind == "corrupt_checksum":
                item.data = with_wrong_checksum(item.data)
            elif kind == "corrupt_length":
                item.data = with_wrong_length(item.data)
            elif kind == "repeat":
                item.data += item.data
            elif kind == "reorder":
                late = True
            else:
                self._judge.act(hit, message)
        if late:
            self._late = item
            return
        self._enqueue(item)
        self._send_late()

    def _send_late(self) -> None:
        if self._late is not None:
            item, self._late = self._late, None
            self._enqueue(item)

    def _enqueue(self, item: _Waiting) -> None:
        self._queue.append(item)
        self._queued_bytes += len(item.data)

    def _after(self, ms: int) -> float:
        return self._loop.time() + ms / MS_PER_S

    def _flush(self) -> None:
        """Write what may be written now."""
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None
        while self._queue and not self._full and not self._writing_stopped():
            item = self._queue[0]
            if item.due_s > self._loop.time():
                if item.due_s != inf:
                    self._due_timer = self._loop.call_at(item.due_s, self._flush)
                break
            self._queue.popleft()
            self._queued_bytes -= len(item.data)
            if not self._transport.is_closing():
                self._transport.write(item.data)  # may call `pause_writing`
        self._press()
        if self._closing and not self._queue and not self._writing_stopped():
            self._transport.close()

    def _press(self) -> None:
        """Keep what waits here below the limits of a transport's buffer."""
        if self._full or self._queued_bytes > WRITE_BUFFER_HIGH_BYTES:
            if not self._source_paused:
                self._source_paused = True
                self._link.pause_source()
        elif self._source_paused and self._queued_bytes <= WRITE_BUFFER_LOW_BYTES:
            self._source_paused = False
            self._link.resume_source()

    def pause_writing(self) -> None:
        self._full = True
        self._press()

    def resume_writing(self) -> None:
        self._full = False
        self._flush()

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._queued_bytes + self._transport.get_write_buffer_size()

    # --- incoming --------------------------------------------------------------------------------

    def received(self, frames: list[bytes]) -> None:
        """One by one: what came before is acted upon before the next is judged."""
        for index, frame in enumerate(frames):
            if self._reading_stopped():
                self._unread += frames[index:]
                return
            if self._aborted or not self._pass_on(frame):
                return

    def _pass_on(self, frame: bytes) -> bool:
        """Judge a message of the peer and hand it on, unless it is to be read later; False where
        the line was dropped before it."""
        message = _passing(frame)
        for hit in self._judge.received(message):
            if hit.kind == "drop":
                self.abort()
                return False
            if hit.kind in ("stop_reading", "half_open"):
                self.stop(hit)
            else:
                self._judge.act(hit, message)
        if self._reading_stopped():
            self._unread.append(frame)
            self._first_is_judged = True
        else:
            self._link.take([frame])
        return True

    def pause_reading(self) -> None:
        self._link_reads = False
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._link_reads = True
        if not self._reading_stopped():
            self._transport.resume_reading()

    # --- stops -----------------------------------------------------------------------------------

    def stop(self, hit: Hit) -> None:
        """Stop reading, writing, or both with the line kept open whatever the venue wants."""
        half_open = hit.kind == "half_open"
        stop = _Stop(
            reading=half_open or hit.kind == "stop_reading",
            writing=half_open or hit.kind == "stop_writing",
            half_open=half_open,
        )
        if stop.reading and not self._reading_stopped() and not self._transport.is_closing():
            self._transport.pause_reading()
        self._stops[hit.fault] = stop
        if hit.ms:
            timer = self._timers.pop(hit.fault, None)
            if timer is not None:
                timer.cancel()
            self._timers[hit.fault] = self._loop.call_later(hit.ms / MS_PER_S, self.lift, hit.fault)

    def lift(self, fault: int) -> None:
        """End what a fault still does to the line: its stop, and what it holds back."""
        timer = self._timers.pop(fault, None)
        if timer is not None:
            timer.cancel()
        was_stopped = self._reading_stopped()
        self._stops.pop(fault, None)
        if self._aborted and not self._half_open():
            self._transport.abort()
            return
        self.release(fault)
        if was_stopped and not self._reading_stopped() and not self._transport.is_closing():
            self._read_on()

    def lift_all(self) -> None:
        """End whatever faults do to the line."""
        for fault in list(self._stops):
            self.lift(fault)
        self.release()

    def _read_on(self) -> None:
        frames, self._unread = self._unread, []
        if self._first_is_judged:
            self._first_is_judged = False
            self._link.take(frames[:1])
            del frames[:1]
        self.received(frames)
        if self._link_reads and not self._reading_stopped() and not self._transport.is_closing():
            self._transport.resume_reading()

    def release(self, fault: int = 0) -> int:
        """Let go what is held back, by one fault or by all (0); how many messages were."""
        held = [item for item in self._queue if item.held_by and fault in (0, item.held_by)]
        for item in held:
            item.held_by = 0
            item.due_s = 0.0
        self._flush()
        return len(held)

    def _reading_stopped(self) -> bool:
        return any(stop.reading for stop in self._stops.values())

    def _writing_stopped(self) -> bool:
        return any(stop.writing for stop in self._stops.values())

    def _half_open(self) -> bool:
        return any(stop.half_open for stop in self._stops.values())

    # --- the end ---------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing or self._aborted or self._transport.is_closing()

    def close(self) -> None:
        self._closing = True
        self._send_late()
        self._flush()

    def abort(self) -> None:
        self._aborted = True
        if not self._half_open():
            self._transport.abort()

    def ended(self) -> None:
        """The transport is gone, and what waited here with it."""
        for timer in self._timers.values():
            timer.cancel()
        if self._due_timer is not None:
            self._due_timer.cancel()
        self._timers.clear()
        self._stops.clear()
        self._queue.clear()
        self._queued_bytes = 0


def _passing(frame: bytes) -> Passing:
    number = _field(frame, b"34")
    return Passing(int(number) if number.isdigit() else 0, _field(frame, b"35"), frame)


def _field(frame: bytes, tag: bytes) -> bytes:
    start = frame.find(b"\x01%s=" % tag)
    if start < 0:
        return b""
    start += len(tag) + 2
    return frame[start : frame.find(b"\x01", start)]


def with_wrong_checksum(frame: bytes) -> bytes:
    """The frame with a CheckSum (10) that is one too high."""
    return b"%s10=%03d\x01" % (frame[:-7], (int(frame[-4:-1]) + 1) % 256)


def with_wrong_length(frame: bytes) -> bytes:
    """The frame with a BodyLength (9) that is one too low, and the CheckSum of just these bytes:
    the length alone is wrong."""
    begin, _, rest = frame[:-7].partition(b"\x019=")
    length, _, body = rest.partition(b"\x01")
    data = b"%s\x019=%d\x01%s" % (begin, int(length) - 1, body)
    return b"%s10=%03d\x01" % (data, sum(data) % 256)
