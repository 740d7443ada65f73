"""A market-data venue in a few lines, on purpose naive: whole books in lists, every update the
difference of two windows. Bytes in, bytes out; `MarketDataSocket` puts it on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from zlib import crc32

from tidegate.wire.framing import Framer
from tidegate.wire.render import frame_of

START_NS = 1_793_697_300_000_000_000  # 2026-11-03 09:15:00 UTC
NOW = b"20261103-09:15:00.000"
CHECKED = 10

Fields = list[tuple[int, bytes]]


@dataclass
class Resting:
    """An order; a price level is what the orders of a price add up to. Price in 0.1, size in 1e-8.
    Orders stand in the book in the order of their queues."""

    order_id: str
    side: str
    price: int
    size: int
    queued: int


@dataclass
class Wanted:
    req_id: bytes
    symbol: bytes
    level: int
    depth: int
    kinds: set[bytes]


def price_text(price: int) -> bytes:
    return b"%d.%d" % divmod(price, 10)


def size_text(size: int) -> bytes:
    return b"%d.%08d" % divmod(size, 10**8) if size else b"0.0"


def ranked(orders: list[Resting], side: str, depth: int) -> list[Resting]:
    """A side's orders, best level first, cut to a number of levels (0 for all)."""
    sign = -1 if side == "0" else 1
    own = sorted((o for o in orders if o.side == side), key=lambda o: (sign * o.price, o.queued))
    prices = sorted({o.price for o in own}, key=lambda price: sign * price)
    kept = prices[: depth or None]
    return [o for o in own if o.price in kept]


def levels(orders: list[Resting], side: str, depth: int) -> list[tuple[int, int]]:
    sizes: dict[int, int] = {}
    for order in ranked(orders, side, depth):
        sizes[order.price] = sizes.get(order.price, 0) + order.size
    return list(sizes.items())


def naive_checksum(orders: list[Resting], level: int) -> int:
    """By text, as the guide of the dialect tells it."""
    text = ""
    for side in ("1", "0"):
        if level == 3:
            entries = [(o.price, o.size) for o in ranked(orders, side, CHECKED)]
        else:
            entries = levels(orders, side, CHECKED)
        for price, size in entries:
            text += price_text(price).decode().replace(".", "").lstrip("0")
            text += size_text(size).decode().replace(".", "").lstrip("0")
    return crc32(text.encode())


def entry(side: str, key: bytes, price: int, size: int, queued: int | None) -> bytes:
    text = b"269=%s\x01278=%s\x01270=%s\x01271=%s\x01273=09:15:00.000\x01" % (
        side.encode(), key, price_text(price), size_text(size),
    )  # fmt: skip
    if queued is not None:
        text += b"5060=2026-11-03T09:15:00.000000001Z\x01"
        text += b"5273=2026-11-03T09:15:00.%09dZ\x01" % queued
    return text


def window(orders: list[Resting], level: int, depth: int) -> dict[bytes, tuple[bytes, int, bytes]]:
    """What a subscriber sees: key of each entry to (what it is, its size, its text)."""
    seen: dict[bytes, tuple[bytes, int, bytes]] = {}
    for side in ("1", "0"):
        letter = b"O" if side == "1" else b"B"
        if level == 3:
            for o in ranked(orders, side, depth):
                key = o.order_id.encode()
                what = b"%s%d.%d" % (letter, o.price, o.queued)
                seen[key] = (what, o.size, entry(side, key, o.price, o.size, o.queued))
        else:
            for price, size in levels(orders, side, depth or 1000):
                key = letter + price_text(price)
                seen[key] = (key, size, entry(side, key, price, size, None))
    return seen


def difference(
    before: dict[bytes, tuple[bytes, int, bytes]], after: dict[bytes, tuple[bytes, int, bytes]]
) -> list[bytes]:
    """The entries that make one window the other: what goes, what changes, what comes."""
    gone, changed, come = [], [], []
    for key, (what, _, text) in before.items():
        if key not in after or after[key][0] != what:
            gone.append(b"279=2\x01" + text)
    for key, (what, size, text) in after.items():
        if key not in before or before[key][0] != what:
            come.append(b"279=0\x01" + text)
        elif before[key][1] != size:
            changed.append(b"279=1\x01" + text)
    return gone + changed + come


@dataclass
class Peer:
    """One session at a time. `requests` are the messages that came (type and fields), `wanted` the
    subscriptions that stand; `spoil` changes the body of an outgoing 35=X. Without `has_list` it
    says that there is no list of instruments yet, until `send_list`."""

    orders: dict[bytes, list[Resting]] = field(default_factory=lambda: {b"BTC/USD": []})
    precision: bytes = b"2349=1\x015010=8\x01"
    answers_subscriptions: bool = True
    has_list: bool = True
    wanted: list[Wanted] = field(default_factory=list)
    requests: list[tuple[bytes, dict[int, bytes]]] = field(default_factory=list)
    spoil: Callable[[bytes], bytes] = lambda body: body
    out: bytearray = field(default_factory=bytearray)
    number: int = 1
    status: bytes = b"2"
    comp_id: bytes = b"ACME"  # who has logged on

    def open(self) -> None:
        """A new line: nothing of before is known."""
        self.framer = Framer()
        self.wanted.clear()
        self.out.clear()
        self.number = 1

    def take_output(self) -> bytes:
        data = bytes(self.out)
        self.out.clear()
        return data

    def send(self, msg_type: bytes, body: bytes) -> None:
        self.out += frame_of(
            b"35=%s\x0134=%d\x0149=KRAKEN-MD\x0156=%s\x0152=%s\x01%s"
            % (msg_type, self.number, self.comp_id, self.now(), body)
        )
        self.number += 1

    def now(self) -> bytes:
        return NOW

    def receive(self, data: bytes) -> None:
        for frame in self.framer.feed(data):
            pairs = [part.partition(b"=")[::2] for part in frame.split(b"\x01")[:-1]]
            fields = {int(tag): value for tag, value in pairs}
            self.requests.append((fields[35], fields))
            self.comp_id = fields[49]
            self._answer(fields, {v for t, v in pairs if t == b"269"})

    def _answer(self, fields: dict[int, bytes], kinds: set[bytes]) -> None:
        kind = fields[35]
        if kind == b"A":
            assert fields[141] == b"Y"
            assert fields[34] == b"1"
            self.send(b"A", b"98=0\x01108=%s\x01141=Y\x01" % fields[108])
        elif kind == b"1":
            self.send(b"0", b"112=%s\x01" % fields[112])
        elif kind == b"2":
            begin, after = int(fields[7]), self.number
            self.number = begin
            self.send(b"4", b"123=Y\x0136=%d\x01" % after)
            self.number = after
        elif kind == b"5":
            self.send(b"5", b"")
        elif kind == b"x" and not self.has_list:
            self.send(b"y", b"320=%s\x01322=1\x01560=4\x01" % fields[320])
        elif kind == b"x":
            self.send_list(fields[320])
        elif kind == b"g":
            self.send(b"h", b"335=%s\x01336=SESSION\x01340=%s\x01" % (fields[335], self.status))
        elif kind == b"V" and fields[263] == b"2":
            self.wanted = [one for one in self.wanted if one.req_id != fields[262]]
        elif kind == b"V" and self.answers_subscriptions:
            self._subscribe(fields, kinds)

    def send_list(self, req_id: bytes) -> None:
        one = b"55=%s\x01562=0.00000001\x01%s5022=0.1\x015032=1\x01"
        entries = b"".join(one % (symbol, self.precision) for symbol in self.orders)
        head = b"320=%s\x01322=1\x01560=0\x01146=%d\x01" % (req_id, len(self.orders))
        self.send(b"y", head + entries)

    def _subscribe(self, fields: dict[int, bytes], kinds: set[bytes]) -> None:
        symbol, req_id = fields[55], fields[262]
        if symbol not in self.orders:
            text = b"262=%s\x01281=0\x0158=Unknown symbol: %s\x01" % (req_id, symbol)
            self.send(b"Y", text)
            return
        level = 3 if fields[266] == b"N" else 2
        one = Wanted(req_id, symbol, level, int(fields[264]), kinds)
        self.wanted.append(one)
        seen = window(self.orders[symbol], level, one.depth) if b"0" in kinds else {}
        self.send(
            b"W",
            b"55=%s\x01262=%s\x01268=%d\x01" % (symbol, req_id, len(seen))
            + b"".join(text for _, _, text in seen.values()),
        )

    def change(self, symbol: bytes, act: Callable[[list[Resting]], None]) -> None:
        """Change the book; everybody gets the difference."""
        orders = self.orders[symbol]
        books = [one for one in self.wanted if one.symbol == symbol and b"0" in one.kinds]
        before = [window(orders, one.level, one.depth) for one in books]
        act(orders)
        for one, seen in zip(books, before, strict=True):
            entries = difference(seen, window(orders, one.level, one.depth))
            if entries:
                body = b"55=%s\x01262=%s\x01268=%d\x01%s5041=%d\x01" % (
                    symbol, one.req_id, len(entries), b"".join(entries),
                    naive_checksum(orders, one.level),
                )  # fmt: skip
                self.send(b"X", self.spoil(body))

    def trade(self, symbol: bytes, price: int, size: int, number: int = 1) -> None:
        for one in self.wanted:
            if one.symbol == symbol and b"2" in one.kinds:
                text = entry("2", b"T%d" % number, price, size, None)
                body = b"55=%s\x01262=%s\x01268=1\x01279=0\x01%s40=2\x012446=1\x01"
                self.send(b"X", body % (symbol, one.req_id, text))


def rest(*orders: tuple[str, str, int, int, int]) -> Callable[[list[Resting]], None]:
    """Adds orders: id, side, price, size, rank."""
    return lambda book: book.extend(Resting(*one) for one in orders)


def remove(order_id: str) -> Callable[[list[Resting]], None]:
    def act(book: list[Resting]) -> None:
        book[:] = [one for one in book if one.order_id != order_id]

    return act


class MarketDataSocket:
    """The peer on a socket in the test's own loop, one client at a time."""

    def __init__(self, peer: Peer | None = None) -> None:
        self.peer = peer or Peer()
        self.port = 0
        self.lines = 0
        self._came = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shut()
        await asyncio.gather(*self._handlers)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Close the port and cut the line."""
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self._writer = writer
        self.lines += 1
        self.peer.open()
        try:
            while data := await reader.read(65_536):
                self.peer.receive(data)
                self.flush()
                self._came.set()
        except ConnectionError:
            pass
        writer.close()

    def flush(self) -> None:
        """Write what the peer has to say."""
        data = self.peer.take_output()
        if data and self._writer is not None:
            self._writer.write(data)

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until what the client has sent makes it true."""
        async with asyncio.timeout(10):
            while not condition():
                self._came.clear()
                await self._came.wait()
