"""A real order flow on five symbols, and a light client that plays it over two sessions.

The recorded day of an index future (order by order, with the book it begins with) is mapped on each
of five pairs through `tidegate.tapes`; every event comes on one pair after the other. Where the
recording is absent a generated flow of the same mix takes its place, and the report says so.

The client keeps just what cancels and amends need, so that it costs far less than what it measures.
"""

from __future__ import annotations

import random
import re
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.flow.tape import tape_path

from benchmarks.loadgen import RunFailedError
from benchmarks.workload import Login, logon_frame
from tidegate.client.orders import ClOrdIDs, Request, write_request
from tidegate.model.time import utc_timestamp
from tidegate.tapes.columns import Tape, TapeInstrument, TapeMapping
from tidegate.tapes.events import ADD, CANCEL, TRADE, TapeEvent
from tidegate.tapes.player import PlayedOrder
from tidegate.tapes.requests import request_of
from tidegate.tapes.source import Source, open_source
from tidegate.wire.render import FrameWriter

RECORDED_ROWS: Final = "recorded"
GENERATED_ROWS: Final = "generated"

# What the future's prices (a tick is 0.25) and sizes are multiplied by on each pair.
SCALES: Final = {
    "ETH/USD": ("1", "0.01"),
    "SOL/USD": ("0.04", "0.1"),
    "XRP/USD": ("0.0004", "10"),
    "BTC/USDT": ("16", "0.001"),
    "LTC/USD": ("0.04", "0.1"),
}
TICKS: Final = {"XRP/USD": "0.00001", "BTC/USDT": "0.1"}  # 0.01 elsewhere
SYMBOLS: Final = tuple(SCALES)

RECEIVE_BYTES: Final = 1 << 18
ANSWER_WAIT_S: Final = 30.0

_GENERATED_ORDERS: Final = 3_000  # of the book the generated flow begins with
_GENERATED_EVENTS: Final = 60_000
_MID_TICKS: Final = 19_200
_COLUMNS: Final = ["ts_event_ns", "action", "side", "price", "size", "order_id"]

_FRAME: Final = re.compile(rb"8=FIX\.4\.4\x019=\d+\x0135=(\w)\x01(.*?\x01)10=\d{3}\x01", re.DOTALL)
_FIELD: Final = re.compile(rb"(?:^|\x01)(11|14|37|38|39|44|55|112|150|379|527)=([^\x01]*)")


# --- events ---------------------------------------------------------------------------------------


def generated_rows(seed: int = 1) -> Iterator[tuple[int, Sequence[str]]]:
    """A book of the recording's size, then its mix: 47 of 100 events are new orders, 29 cancels, 20
    changes and 5 trades, near the middle as a rule."""
    chance = random.Random(seed)
    open_orders: dict[str, tuple[str, int]] = {}
    for number in range(_GENERATED_ORDERS + _GENERATED_EVENTS):
        kind = chance.random()
        if number < _GENERATED_ORDERS or kind < 0.47 or not open_orders:
            side = chance.choice("AB")
            away = 1 + min(int(chance.expovariate(0.05)), 1_000)
            ticks = _MID_TICKS + away if side == "A" else _MID_TICKS - away
            order, action = str(number), ADD
            open_orders[order] = (side, ticks)
        elif kind < 0.95:
            order = chance.choice(list(open_orders)[-200:])
            side, ticks = open_orders[order]
            action = CANCEL if kind < 0.76 else "M"
            if action == CANCEL:
                del open_orders[order]
        else:
            side, order, action = chance.choice("AB"), "", TRADE
            ticks = _MID_TICKS - 3 if side == "A" else _MID_TICKS + 3
        price = f"{ticks * Decimal('0.25'):f}"
        yield number + 2, (str(number), action, side, price, str(chance.randint(1, 9)), order)


def flow_name() -> str:
    """Which rows the flow is made of."""
    return RECORDED_ROWS if tape_path().exists() else GENERATED_ROWS


def flow() -> Iterator[TapeEvent]:
    """Its events: those of one row on all pairs in turn."""
    recording = tape_path() if tape_path().exists() else None
    tapes = [_tape(symbol, recording).events() for symbol in SYMBOLS]
    return (event for row in zip(*tapes, strict=True) for event in row)


def _tape(symbol: str, recording: Path | None) -> Tape:
    price, qty = SCALES[symbol]
    mapping = TapeMapping(symbol=symbol, scale_price=Decimal(price), scale_qty=Decimal(qty))
    instrument = TapeInstrument(symbol=symbol, tick=Decimal(TICKS.get(symbol, "0.01")))
    if recording is not None:
        return Tape(recording, open_source(recording), mapping, {symbol: instrument})
    source = Source(_COLUMNS, generated_rows(), 0, lambda: 0, lambda: None)
    return Tape(Path(GENERATED_ROWS), source, mapping, {symbol: instrument})


# --- playing --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Played:
    """What came of a stretch of the flow. `trades` has the time (monotonic, ns) at which the
    taker's report of each trade arrived, by `trade_key`."""

    requests: int = 0
    refused: int = 0
    elapsed_s: float = 0.0
    started_ns: int = 0
    trades: dict[int, int] = field(default_factory=dict)


class _Line:
    """One trading session's connection."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.socket = socket.create_connection((login.host, login.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.under_way: dict[str, PlayedOrder | None] = {}  # by ClOrdID
        self._number = 2
        self._writer = FrameWriter()
        self._comp_ids = f"49={login.sender_comp_id}\x0156={login.target_comp_id}\x01".encode()
        self._cl_ord_ids = ClOrdIDs()
        self.socket.sendall(logon_frame(login, time.time()))

    def send(self, request: Request, order: PlayedOrder | None) -> None:
        now_ns = time.time_ns()
        cl_ord_id = self._cl_ord_ids.make(now_ns)
        self.under_way[cl_ord_id] = order
        if order is not None:
            order.is_busy = True
        self._begin(request.msg_type, now_ns)
        write_request(self._writer, request, cl_ord_id, now_ns)
        self.socket.sendall(self._writer.finish())

    def answer_test(self, test_req_id: str) -> None:
        self._begin(b"0", time.time_ns())
        self._writer.text(b"112=", test_req_id.encode())
        self.socket.sendall(self._writer.finish())

    def _begin(self, msg_type: bytes, now_ns: int) -> None:
        self._writer.begin(msg_type, self._number, self._comp_ids, utc_timestamp(now_ns))
        self._number += 1


class FlowPlayer:
    """Plays events over a session for what rests and one for what trades; what happens is in their
    order. Raises `RunFailedError` where the venue does something that the flow does not foresee."""

    def __init__(self, resting: Login, taking: Login) -> None:
        self._resting = _Line(resting)
        self._taking = _Line(taking)
        self._lines = {line.socket: line for line in (self._resting, self._taking)}
        self._last = self._resting
        self._orders: dict[tuple[str, str], PlayedOrder] = {}  # by symbol and the tape's own name
        self._by_id: dict[str, PlayedOrder] = {}  # by OrderID
        self._played = Played()

    def play(self, events: Sequence[TapeEvent], rate: float, window: int = 256) -> Played:
        """At a rate by the second, or for 0 as fast as the venue answers with `window` requests
        under way."""
        played = self._played = Played()
        played.started_ns = time.monotonic_ns()
        for number, event in enumerate(events):
            due_ns = played.started_ns + int(number * 1e9 / rate) if rate else 0
            while (wait_ns := due_ns - time.monotonic_ns()) > 0:
                self._receive(wait_ns / 1e9)
            self._step(event, window)
        self._settle(1)
        played.elapsed_s = (time.monotonic_ns() - played.started_ns) / 1e9
        return played

    def close(self) -> None:
        for line in self._lines.values():
            line.socket.close()

    def _step(self, event: TapeEvent, window: int) -> None:
        line = self._taking if event.action == TRADE else self._resting
        order = None
        if event.action != TRADE:
            key = (event.symbol, event.order)
            if event.action == ADD:
                self._orders[key] = PlayedOrder(side=event.side)
            order = self._orders[key]
            if event.action == CANCEL:
                del self._orders[key]
        if line is not self._last or (order is not None and order.is_busy):
            self._settle(1)
            self._last = line
        self._settle(window)
        request = request_of(event, order)
        if request is not None:
            self._played.requests += 1
            line.send(request, order)

    def _settle(self, limit: int) -> None:
        """Wait until fewer requests than that are under way."""
        deadline = time.monotonic() + ANSWER_WAIT_S
        while len(self._resting.under_way) + len(self._taking.under_way) >= limit:
            if time.monotonic() > deadline:
                raise RunFailedError("the venue does not answer the flow")
            self._receive(1.0)

    def _receive(self, wait_s: float) -> None:
        readable, _, _ = select.select(list(self._lines), [], [], wait_s)
        for one in readable:
            line = self._lines[one]
            data = one.recv(RECEIVE_BYTES)
            if not data:
                raise RunFailedError(f"{line.login.sender_comp_id} lost its line")
            received_ns = time.monotonic_ns()
            buffer = line.buffer + data
            end = 0
            for found in _FRAME.finditer(buffer):
                self._take(line, found[1], found[2], received_ns)
                end = found.end()
            line.buffer = buffer[end:]

    def _take(self, line: _Line, msg_type: bytes, body: bytes, received_ns: int) -> None:
        if msg_type in b"A0":
            return
        fields = {tag: value.decode() for tag, value in _FIELD.findall(body)}
        if msg_type == b"8":
            self._report(line, fields, received_ns)
        elif msg_type == b"j":
            self._played.refused += 1
            self._answered(line, fields[b"379"])
        elif msg_type == b"1":
            line.answer_test(fields[b"112"])
        else:
            raise RunFailedError(f"unexpected in the flow: {body!r}")

    def _report(self, line: _Line, fields: dict[bytes, str], received_ns: int) -> None:
        if line is self._taking and fields[b"150"] == "F":
            self._played.trades[trade_key(fields[b"55"], fields[b"527"])] = received_ns
        order = line.under_way.get(fields[b"11"]) or self._by_id.get(fields[b"37"])
        if order is not None:
            order.order_id = fields[b"37"]
            order.cl_ord_id = fields[b"11"]
            order.qty = Decimal(fields[b"38"])
            order.price = Decimal(fields[b"44"])
            order.cum_qty = Decimal(fields[b"14"])
            order.is_over = fields[b"39"] in "24C8"
            if order.is_over:
                self._by_id.pop(order.order_id, None)
            else:
                self._by_id[order.order_id] = order
        self._answered(line, fields[b"11"])

    def _answered(self, line: _Line, cl_ord_id: str) -> None:
        order = line.under_way.pop(cl_ord_id, None)
        if order is not None:
            order.is_busy = False
            order.is_over = order.is_over or not order.order_id  # it was never there


def trade_key(symbol: str, number: str) -> int:
    """Of a trade, as the readers have it: SecondaryExecID (527) counts those of a symbol."""
    hashed = 0
    for letter in symbol.encode():
        hashed = (hashed * 31 + letter) % 65_536
    return int(number) * 65_536 + hashed
