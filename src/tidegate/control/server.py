"""The answering end of the control socket, in the venue's own loop.

The socket's file is for its owner alone from the moment it exists. Who gets in may be slow or send
nonsense: a connection is served one command at a time, is not read on far while its answer waits to
be taken, and is one of few. Who goes away ends what it asked for.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from tidegate.control.protocol import (
    REQUEST_BYTES_MAX,
    SOCKET_NAME,
    ControlError,
    Handler,
    parameters_of,
)
from tidegate.provision.local_socket import listen_in

CONNECTIONS_MAX: Final = 32


class _Request(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    command: str
    parameters: dict[str, Any] = {}


class ControlServer:
    """Answers commands by `handlers`. Any exception of a handler but `ControlError` is a bug, which
    the loop's exception handler is told, as of any other."""

    def __init__(
        self, directory: Path, handlers: Mapping[str, Handler], name: str = SOCKET_NAME
    ) -> None:
        """`name` is that of the socket's file in the directory."""
        self._directory = directory
        self._name = name
        self._handlers = dict(handlers)
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._connections: dict[int, _Connection] = {}  # by age, oldest first
        self._openings: set[asyncio.Task[None]] = set()
        self._last_number = 0

    @property
    def path(self) -> Path:
        return self._directory / self._name

    def start(self) -> None:
        """Listen, in the place of a socket that an earlier process left behind: the caller holds
        the lock of the directory, so nobody listens there. Raises `OSError`."""
        listening = listen_in(self._directory, self._name)
        self._listening = listening
        self._loop.add_reader(listening.fileno(), self._accept)

    def stop(self) -> None:
        """Take the socket away and end what is going on: its askers see the connection close."""
        if self._listening is not None:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None
            self.path.unlink(missing_ok=True)
        for task in self._openings:
            task.cancel()
        for connection in list(self._connections.values()):
            connection.close()

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            accepted, _ = self._listening.accept()
        except OSError:  # gone again; or no descriptor is left, then those who hold one end first
            return
        accepted.setblocking(False)
        task = self._loop.create_task(self._open(accepted))
        self._openings.add(task)
        task.add_done_callback(self._openings.discard)

    async def _open(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: _Connection(self), accepted)
        except OSError:
            accepted.close()

    # --- what connections ask ---------------------------------------------------------------------

    def admit(self, connection: _Connection) -> int:
        """The number of a new connection. Where there are too many, the oldest one that waits for
        nothing goes; where all are busy, the new one is 0 and not served."""
        if len(self._connections) >= CONNECTIONS_MAX:
            idle = next((c for c in self._connections.values() if not c.is_busy), None)
            if idle is None:
                return 0
            idle.close()
        self._last_number += 1
        self._connections[self._last_number] = connection
        return self._last_number

    def leave(self, number: int) -> None:
        self._connections.pop(number, None)

    async def answer(self, line: bytes) -> bytes:
        """The answer to one line, with its end of line."""
        reply: dict[str, Any]
        try:
            reply = {"result": await self._do(line)}
        except ControlError as error:
            reply = {"error": str(error)}
        return msgspec.json.encode(reply) + b"\n"

    async def _do(self, line: bytes) -> Any:
        try:
            given = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ControlError(f"the request is no JSON: {error}") from None
        if not isinstance(given, dict):
            raise ControlError('the request is no object such as {"command": "sessions"}')
        request = parameters_of(given, _Request)
        handler = self._handlers.get(request.command)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            raise ControlError(f"no command {request.command[:64]!r}; there are {known}")
        return await handler(request.parameters)


class _Connection(asyncio.Protocol):
    """One asker. `is_busy` while a command is being done or its answer not yet taken."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._number = 0
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._taken = asyncio.Event()  # whether the asker takes what is written
        self._taken.set()
        self._ended = False  # the asker has nothing more to say

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(0)
        self._number = self._server.admit(self)
        if self._number == 0:
            self._finish(f"there are {CONNECTIONS_MAX} connections already, all of them busy")

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.leave(self._number)
        if self._task is not None:
            self._task.cancel()  # nobody is there for the answer

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        self._received += data
        self._next()
        if self.is_busy and len(self._received) > REQUEST_BYTES_MAX:
            self._transport.pause_reading()  # until then it is read on, to see its end

    def eof_received(self) -> bool:
        self._ended = True
        assert self._transport is not None
        return self.is_busy and not _is_gone(self._transport)  # then the answer is still to come

    def pause_writing(self) -> None:
        self._taken.clear()

    def resume_writing(self) -> None:
        self._taken.set()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        """Begin with the next whole line, if nothing else is being done."""
        if self._task is not None:
            return
        assert self._transport is not None
        line, newline, rest = self._received.partition(b"\n")
        if len(line) > REQUEST_BYTES_MAX:
            self._finish(f"the request is longer than {REQUEST_BYTES_MAX} bytes")
            return
        if not newline:
            return
        self._received = rest
        self._task = asyncio.get_running_loop().create_task(self._serve(bytes(line)))

    async def _serve(self, line: bytes) -> None:
        assert self._transport is not None
        try:
            answer = await self._server.answer(line)
            self._transport.write(answer)
            await self._taken.wait()
        except asyncio.CancelledError:
            return
        except Exception as error:
            context = {"message": "a control command failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            self.close()
            return
        finally:
            self._task = None
        if self._ended and b"\n" not in self._received:
            self._transport.close()
            return
        self._next()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _finish(self, text: str) -> None:
        """Say what is wrong and close: the rest can not be told apart any more."""
        assert self._transport is not None
        self._received.clear()
        self._transport.write(msgspec.json.encode({"error": text}) + b"\n")
        self._transport.close()


def _is_gone(transport: asyncio.Transport) -> bool:
    """Whether the other end is closed, and not only its writing half."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)
    return bool(poll.poll(0))
