"""The writing half of a link.

While the peer keeps up, messages go straight from the turn that made them to the transport. When it
does not, nothing is queued: every message is in the log anyway, so the writer notes the number it
got to and reads on from there when the transport has room again. A resend is the same reading, with
the messages marked as duplicates. Memory is that of the transport's buffer, whatever the peer asks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from tidegate.gateway.port import FrameSource, LinkTransport
from tidegate.gateway.shares import Shares
from tidegate.model.limits import RESENDS_PENDING_MAX
from tidegate.model.time import utc_timestamp
from tidegate.session.resend import Sweep

# Bytes in the transport's buffer at which reading from the log waits, and goes on again.
WRITE_BUFFER_HIGH_BYTES: Final = 256 * 1024
WRITE_BUFFER_LOW_BYTES: Final = 64 * 1024

_MESSAGES_PER_SHARE: Final = 64  # read from the log before other links get their turn
CLOSE_WAIT_S: Final = 5.0  # for the peer to take what was written before a cut


@mypyc_attr(allow_interpreted_subclasses=True)
class LinkWriter:
    """What a link does with the messages of its session: a port, and the transport behind it."""

    def __init__(self, transport: LinkTransport) -> None:
        self._transport = transport

    def through(self, transport: LinkTransport) -> None:
        """Write to another transport from now on: a tap in front of the first."""
        self._transport = transport

    @property
    def unsent_bytes(self) -> int:
        """What waits in the transport for the peer to read."""
        return self._transport.get_write_buffer_size()

    @property
    def paused(self) -> bool:
        """Whether the transport's buffer is full."""
        raise NotImplementedError

    @property
    def following(self) -> bool:
        """Whether the peer is behind, so that it is served from the log."""
        raise NotImplementedError

    @property
    def resends_pending(self) -> int:
        """Resend requests that are not answered to their end yet."""
        raise NotImplementedError

    def write(self, first: int, last: int, data: bytes) -> None:
        """See `LinkOutput.write`."""
        raise NotImplementedError

    def skip(self, first: int, last: int) -> None:
        """See `LinkOutput.skip`."""
        raise NotImplementedError

    def sweep(self, first: int, last: int) -> bool:
        """See `LinkOutput.sweep`. False where the peer has asked for more than it has read."""
        raise NotImplementedError

    def cut(self) -> None:
        """See `LinkOutput.cut`."""
        raise NotImplementedError

    def pause(self) -> None:
        """The transport's buffer is full."""
        raise NotImplementedError

    def resume(self) -> None:
        """The transport's buffer has room again."""
        raise NotImplementedError


class Outbound(LinkWriter):
    """Writes a session's messages to one transport, in the order of their numbers, each number
    once; sweeps come between."""

    def __init__(
        self,
        transport: LinkTransport,
        source: FrameSource,
        session: int,
        now_ns: Callable[[], int],
        shares: Shares,
    ) -> None:
        super().__init__(transport)
        self._source = source
        self._session = session
        self._now_ns = now_ns
        self._shares = shares
        self._loop = asyncio.get_running_loop()
        # Messages of this link, and of no later one: a link that was cut while it is behind must
        # not go on with what its session says to the next.
        self._life = source.life(session)
        self._last_number = 0  # the newest one of this link
        self._next_number = 0  # not handed to the transport yet; 0 before the first write
        self._sweeps: deque[Sweep] = deque()
        self._skips: deque[tuple[int, int]] = deque()  # ahead of `_next_number`
        self._following = False  # reading from the log
        self._paused = False  # the transport's buffer is full
        self._waiting = False  # for a share of the loop
        self._cutting = False
        transport.set_write_buffer_limits(WRITE_BUFFER_HIGH_BYTES, WRITE_BUFFER_LOW_BYTES)

    @property
    def following(self) -> bool:
        """Whether the peer is behind, so that it is served from the log."""
        return self._following

    @property
    def paused(self) -> bool:
        """Whether the transport's buffer is full."""
        return self._paused

    @property
    def resends_pending(self) -> int:
        """Resend requests that are not answered to their end yet."""
        return len(self._sweeps)

    def write(self, first: int, last: int, data: bytes) -> None:
        """Transmit messages `first` to `last`; a peer that is behind gets them from the log."""
        if self._next_number == 0:
            self._next_number = first
        self._last_number = last
        if self._following or self._transport.is_closing():
            return
        assert first == self._next_number, "a link sends every number once, in order"
        self._next_number = last + 1
        self._transport.write(data)

    def skip(self, first: int, last: int) -> None:
        """Messages `first` to `last` are in the log, but never go to this link."""
        if self._next_number == first:
            self._next_number = last + 1
        else:
            self._skips.append((first, last))
        self._last_number = last

    def sweep(self, first: int, last: int) -> bool:
        """Transmit `first` to `last` again before whatever comes later. False where the peer has
        asked for more sweeps than it has read: it is to be cut."""
        if len(self._sweeps) >= RESENDS_PENDING_MAX:
            return False
        # What this link has not sent once can not be repeated: it comes as the original.
        last = min(last, self._next_number - 1)
        if first > last:
            return True
        self._sweeps.append(Sweep(self._source.comp_ids(self._session), first, last))
        self._follow()
        return True

    def cut(self) -> None:
        """Close once everything is written; a peer that does not read is given `CLOSE_WAIT_S`."""
        self._cutting = True
        self._loop.call_later(CLOSE_WAIT_S, self._transport.abort)
        if not self._following:
            self._transport.close()

    def pause(self) -> None:
        """The transport's buffer is full."""
        self._paused = True
        self._following = True

    def resume(self) -> None:
        """The transport's buffer has room again."""
        self._paused = False
        if self._following:
            self._wait()

    def _follow(self) -> None:
        if not self._following:
            self._following = True
            self._wait()

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._shares.add(self._share)

    def _share(self, end_s: float, at_once: int) -> None:
        """Hand the next few messages from the log to the transport, as `shares.Work`."""
        self._waiting = False
        if self._transport.is_closing():
            self._sweeps.clear()
            return
        if self._source.life(self._session) != self._life:
            self._transport.abort()  # the log tells no more what this link was to get
            return
        sending_time = utc_timestamp(self._now_ns())
        parts: list[bytes] = []
        for count in range(1, _MESSAGES_PER_SHARE + 1):
            part = self._next_part(sending_time)
            if part is None:
                self._following = False
                break
            parts.append(part)
            if count % at_once == 0 and self._shares.stopwatch_s() >= end_s:
                break
        data = b"".join(parts)
        if data:
            self._transport.write(data)  # may call `pause`
        if self._paused:
            self._following = True
        elif self._following:
            self._wait()
        elif self._cutting:
            self._transport.close()

    def _next_part(self, sending_time: bytes) -> bytes | None:
        """The next bytes for a peer that is behind; None where it has caught up."""
        if self._sweeps:
            sweep = self._sweeps[0]
            if sweep.next_number > sweep.end:
                self._sweeps.popleft()
                return sweep.finish(sending_time)
            return sweep.step(self._read(sweep.next_number), sending_time)
        while self._skips and self._skips[0][0] == self._next_number:
            self._next_number = self._skips.popleft()[1] + 1
        if self._next_number == 0 or self._next_number > self._last_number:
            return None
        frame = self._read(self._next_number)
        self._next_number += 1
        return frame

    def _read(self, number: int) -> bytes:
        return self._source.read(self._session, number)
