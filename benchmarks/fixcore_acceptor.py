"""A small acceptor on `fixcore-engine` with a price-time book: the pure Python peer.

    python -m benchmarks.fixcore_acceptor PORT OWN_COMP_ID CLIENT_COMP_ID...

Same job as the C++ peer: data dictionary validation, memory store, no log, one ExecutionReport for
each event, nothing written to disk. Prints `ready` when it listens and ends when its standard input
closes. It runs on uvloop where that is installed, because the venue does too.

The library carries no type information, so its classes are taken from `importlib` and the callbacks
it expects are written out instead of inherited.
"""

from __future__ import annotations

import asyncio
import heapq
import importlib
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_MESSAGE: Any = importlib.import_module("fixcore.message.message").Message
_ACCEPTOR: Any = importlib.import_module("fixcore.transport.acceptor").SocketAcceptor
_SETTINGS: Any = importlib.import_module("fixcore.session.session_settings").SessionSettings
_STORES: Any = importlib.import_module("fixcore.store.factory").MemoryStoreFactory

TICKS_PER_UNIT = 10
LOTS_PER_UNIT = 100_000_000
MSG_TYPE = 35


@dataclass(slots=True)
class Order:
    """One order; prices in ticks of 0.1, quantities in lots of 1e-8."""

    session_id: object
    cl_ord_id: str
    order_id: str
    symbol: str
    side: str
    price_text: str
    qty_text: str
    price_ticks: int
    qty_lots: int
    cum_lots: int = 0
    cum_value: int = 0

    @property
    def leaves_lots(self) -> int:
        """Open quantity in lots."""
        return self.qty_lots - self.cum_lots


class Levels:
    """One side of the book: queues by price, the best price first (a heap of signed ticks)."""

    def __init__(self, sign: int) -> None:
        """`sign` is 1 for asks (lowest first) and -1 for bids (highest first)."""
        self._sign = sign
        self._heap: list[int] = []
        self._queues: dict[int, deque[Order]] = {}

    def add(self, order: Order) -> None:
        """Append to the end of the queue of the order's price."""
        queue = self._queues.get(order.price_ticks)
        if queue is None:
            queue = self._queues[order.price_ticks] = deque()
            heapq.heappush(self._heap, self._sign * order.price_ticks)
        queue.append(order)

    def best(self) -> Order | None:
        """The order that trades next, or None."""
        if not self._heap:
            return None
        return self._queues[self._sign * self._heap[0]][0]

    def pop_best(self) -> None:
        """Remove the order that `best` names."""
        ticks = self._sign * self._heap[0]
        queue = self._queues[ticks]
        queue.popleft()
        if not queue:
            del self._queues[ticks]
            heapq.heappop(self._heap)


class Venue:
    """The application: the callbacks of the library and the book."""

    def __init__(self) -> None:
        """Starts with an empty book."""
        self.sessions: dict[Any, Any] = {}
        self._bids = Levels(-1)
        self._asks = Levels(1)
        self._next_order = 1
        self._next_exec = 1
        self._outbox: deque[tuple[Any, Any]] = deque()
        self._sender: asyncio.Task[None] | None = None

    def on_create(self, session_id: Any) -> None:
        """Nothing to do."""

    def on_logon(self, session_id: Any) -> None:
        """Nothing to do."""

    def on_logout(self, session_id: Any) -> None:
        """Nothing to do."""

    def to_admin(self, message: Any, session_id: Any) -> None:
        """Nothing to do."""

    def to_app(self, message: Any, session_id: Any) -> None:
        """Nothing to do."""

    def from_admin(self, message: Any, session_id: Any) -> None:
        """Nothing to do."""

    def from_app(self, message: Any, session_id: Any) -> None:
        """Accept, acknowledge and match one NewOrderSingle."""
        order = Order(
            session_id=session_id,
            cl_ord_id=message[11],
            order_id=str(self._next_order),
            symbol=message[55],
            side=message[54],
            price_text=message[44],
            qty_text=message[38],
            price_ticks=round(float(message[44]) * TICKS_PER_UNIT),
            qty_lots=round(float(message[38]) * LOTS_PER_UNIT),
        )
        self._next_order += 1
        now = datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]
        self._report(order, "0", "0", now)
        if order.side == "1":
            self._match(order, self._asks, now)
            if order.leaves_lots:
                self._bids.add(order)
        else:
            self._match(order, self._bids, now)
            if order.leaves_lots:
                self._asks.add(order)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all())

    def _match(self, taker: Order, levels: Levels, now: str) -> None:
        while taker.leaves_lots:
            maker = levels.best()
            if maker is None:
                return
            ticks = maker.price_ticks
            sign = 1 if taker.side == "1" else -1
            if sign * ticks > sign * taker.price_ticks:
                return
            lots = min(taker.leaves_lots, maker.leaves_lots)
            for order in (maker, taker):
                order.cum_lots += lots
                order.cum_value += lots * ticks
                status = "1" if order.leaves_lots else "2"
                self._report(order, "F", status, now, maker.price_text, lots)
            if not maker.leaves_lots:
                levels.pop_best()

    def _report(
        self, order: Order, exec_type: str, status: str, now: str, last_px: str = "", lots: int = 0
    ) -> None:
        out = _MESSAGE()
        out.header.set(MSG_TYPE, "8")
        out[37] = order.order_id
        out[11] = order.cl_ord_id
        out[17] = str(self._next_exec)
        out[150] = exec_type
        out[39] = status
        out[55] = order.symbol
        out[54] = order.side
        out[38] = order.qty_text
        out[40] = "2"
        out[44] = order.price_text
        out[59] = "1"
        if lots:
            out[32] = f"{lots / LOTS_PER_UNIT:g}"
            out[31] = last_px
        out[151] = f"{order.leaves_lots / LOTS_PER_UNIT:g}"
        out[14] = f"{order.cum_lots / LOTS_PER_UNIT:g}"
        avg_px = order.cum_value / order.cum_lots / TICKS_PER_UNIT if order.cum_lots else 0
        out[6] = f"{avg_px:.10g}"
        out[60] = now
        self._next_exec += 1
        self._outbox.append((order.session_id, out))

    async def _send_all(self) -> None:
        # One sender for all sessions: reports leave in the order of the events that caused them.
        while self._outbox:
            session_id, message = self._outbox.popleft()
            await self.sessions[session_id].send_app(message)
        self._sender = None


def settings_text(port: int, own_comp_id: str, clients: list[str]) -> str:
    """QuickFIX-style settings: dictionary validation on, one session for each client."""
    lines = [
        "[DEFAULT]",
        "ConnectionType=acceptor",
        "BeginString=FIX.4.4",
        "SocketAcceptHost=127.0.0.1",
        f"SocketAcceptPort={port}",
        "HeartBtInt=60",
        "UseDataDictionary=Y",
        "DataDictionary=FIX44.xml",
        "ValidateFieldsOutOfRange=Y",
        f"SenderCompID={own_comp_id}",
    ]
    for client in clients:
        # The parser wants all three identity keys inside the section.
        lines += [
            "[SESSION]",
            "BeginString=FIX.4.4",
            f"SenderCompID={own_comp_id}",
            f"TargetCompID={client}",
        ]
    return "\n".join(lines) + "\n"


class _NoLog:
    """A log, and the factory of itself, that keeps nothing."""

    def create(self, session_id: object) -> _NoLog:
        return self

    def on_incoming(self, message: str) -> None:
        pass

    def on_outgoing(self, message: str) -> None:
        pass

    def on_event(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


async def serve(port: int, own_comp_id: str, clients: list[str]) -> None:
    """Serve until standard input closes."""
    venue = Venue()
    settings = _SETTINGS.from_string(settings_text(port, own_comp_id, clients))
    acceptor = _ACCEPTOR(settings, venue, _STORES(), _NoLog())
    venue.sessions = acceptor.sessions
    await acceptor.start()
    print("ready", flush=True)
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, _on_stdin, closed.set)
    await closed.wait()
    # No orderly stop: the harness has its figures and the process holds nothing worth keeping.
    os._exit(0)


def _on_stdin(closed: Callable[[], None]) -> None:
    if not os.read(0, 4096):
        closed()


def main() -> None:
    """Command line: port, own CompID, CompIDs of the clients."""
    logging.disable(logging.DEBUG)
    port, own_comp_id, clients = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    try:
        runner: Any = importlib.import_module("uvloop").run
    except ImportError:
        runner = asyncio.run
    runner(serve(port, own_comp_id, clients))


if __name__ == "__main__":
    main()
