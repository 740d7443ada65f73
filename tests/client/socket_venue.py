"""The pure venue on a loopback socket, in the test's own loop: it can fall silent on demand."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self

from tests.client.memory_venue import SECRET, MemoryLine, MemoryVenue, client
from tidegate.client import Client, Credentials, Endpoint, LogonOptions
from tidegate.venue.controls import NO_SESSION, Control


class SocketVenue:
    """`is_mute` swallows what clients send, as if it had never come; `received` is all bytes."""

    def __init__(self, more: str = "") -> None:
        """`more` as for `MemoryVenue`."""
        self.memory = MemoryVenue(time.time_ns(), more)
        self.is_mute = False
        self.received = bytearray()
        self.came = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._lines: dict[int, MemoryLine] = {}
        self._writers: dict[int, asyncio.StreamWriter] = {}
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
        self.stop()
        await asyncio.gather(*self._handlers)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close the port and cut every line."""
        assert self._server is not None
        self._server.close()
        self.cut_lines()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        line = MemoryLine(self.memory, client())
        line.open()
        self._lines[line.link] = line
        self._writers[line.link] = writer
        try:
            while data := await reader.read(65_536):
                self.received += data
                self.came.set()
                if not self.is_mute:
                    line.accept(data, time.time_ns(), self._lines)
                    self._write()
        except ConnectionError:
            pass
        if line.session >= 0:
            self.memory.venue.link_down(line.session, line.link, time.time_ns())
            self.memory.commit(time.time_ns(), self._lines)
            self._write()
        del self._lines[line.link], self._writers[line.link]
        writer.close()

    def _write(self) -> None:
        for link, line in self._lines.items():
            data, line.to_client = line.to_client, b""
            self._writers[link].write(data)
            if line.is_cut:
                self._writers[link].close()

    def control(self, kind: int, control: Control) -> None:
        """What an operator does."""
        now_ns = time.time_ns()
        self.memory.venue.control(kind, NO_SESSION, control.encode(), now_ns)
        self.memory.commit(now_ns, self._lines)
        self._write()

    def cut_lines(self) -> None:
        """Every line breaks; the port stays open."""
        for writer in self._writers.values():
            writer.transport.abort()

    async def wait_for(self, part: bytes) -> None:
        """Until a client has sent that."""
        async with asyncio.timeout(10):
            while part not in self.received:
                self.came.clear()
                await self.came.wait()

    def client(
        self,
        firm: str = "ACME",
        options: LogonOptions | None = None,
        *,
        events_max: int = 10_000,
        reconnect_delays_s: tuple[float, ...] = (),
        clock_ahead_ms: int = 0,
    ) -> Client:
        return Client(
            Endpoint("127.0.0.1", self.port, tls=False),
            Credentials(firm, "KRAKEN-TRD", f"key-{firm}-1", SECRET),
            options,
            events_max=events_max,
            reconnect_delays_s=reconnect_delays_s,
            clock_ns=lambda: time.time_ns() + clock_ahead_ms * 1_000_000,
        )
