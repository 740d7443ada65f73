"""The control socket alone: who gets in, what is refused, what a bad asker can do to others."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tidegate.control.client import ControlConnection, VenueUnreachable, ask
from tidegate.control.protocol import (
    REQUEST_BYTES_MAX,
    SOCKET_NAME,
    ControlError,
    Handler,
    parameters_of,
)
from tidegate.control.server import CONNECTIONS_MAX, ControlServer

WAIT_S = 20


class AddParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    left: int
    right: int = 1


class Hall:
    """Handlers; `gate` holds up those who `wait`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.waiting = 0
        self.cancelled = asyncio.Event()

    async def add(self, given: dict[str, Any]) -> int:
        parameters = parameters_of(given, AddParameters)
        return parameters.left + parameters.right

    async def wait(self, given: dict[str, Any]) -> str:
        self.waiting += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "done"

    async def large(self, given: dict[str, Any]) -> str:
        return "x" * 8_000_000

    async def refuse(self, given: dict[str, Any]) -> None:
        raise ControlError("not today")

    async def broken(self, given: dict[str, Any]) -> None:
        raise ZeroDivisionError

    def handlers(self) -> dict[str, Handler]:
        return {
            "add": self.add,
            "wait": self.wait,
            "large": self.large,
            "refuse": self.refuse,
            "broken": self.broken,
        }


def played(directory: Path, play: Callable[[ControlServer, Hall], Awaitable[None]]) -> None:
    async def run() -> None:
        hall = Hall()
        server = ControlServer(directory, hall.handlers())
        server.start()
        try:
            async with asyncio.timeout(WAIT_S):
                await play(server, hall)
        finally:
            server.stop()
            await asyncio.sleep(0)

    asyncio.run(run())


async def raw(directory: Path, data: bytes) -> dict[str, Any]:
    """The answer to bytes."""
    reader, writer = await asyncio.open_unix_connection(directory / SOCKET_NAME)
    writer.write(data)
    line = await reader.readline()
    writer.close()
    reply: dict[str, Any] = json.loads(line)
    return reply


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0)


def test_a_command_is_answered(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        assert await asyncio.to_thread(ask, tmp_path, "add", {"left": 2, "right": 3}) == 5
        assert await asyncio.to_thread(ask, tmp_path, "add", {"left": 2}) == 3

    played(tmp_path, play)


def test_many_commands_on_one_connection(tmp_path: Path) -> None:
    def talk() -> list[int]:
        with ControlConnection(tmp_path) as connection:
            return [connection.ask("add", {"left": n}) for n in range(200)]

    async def play(server: ControlServer, hall: Hall) -> None:
        assert await asyncio.to_thread(talk) == list(range(1, 201))

    played(tmp_path, play)


def test_the_socket_is_for_its_owner_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    umask = os.umask(0)  # nothing may lean on it
    try:

        async def play(server: ControlServer, hall: Hall) -> None:
            mode = path.stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600

        played(tmp_path, play)
    finally:
        os.umask(umask)
    assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / SOCKET_NAME))
    left.close()
    with pytest.raises(VenueUnreachable, match="no venue runs"):
        ask(tmp_path, "add")

    async def play(server: ControlServer, hall: Hall) -> None:
        assert await asyncio.to_thread(ask, tmp_path, "add", {"left": 1}) == 2

    played(tmp_path, play)


def test_a_path_longer_than_a_unix_socket_has(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)

    async def play(server: ControlServer, hall: Hall) -> None:
        assert stat.S_IMODE((directory / SOCKET_NAME).stat().st_mode) == 0o600
        assert await asyncio.to_thread(ask, directory, "add", {"left": 1}) == 2

    played(directory, play)
    assert not (directory / SOCKET_NAME).exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello", "is no JSON"),
        (b'{"command": "add"', "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"", "is no JSON"),
        (b"[" * 30_000, "is no JSON"),
        (b"[1, 2]", "is no object"),
        (b"null", "is no object"),
        (b"{}", "command is missing"),
        (b'{"command": 7}', "command: Expected `str`, got `int`"),
        (b'{"command": "add", "parameters": [1]}', "parameters: Expected `object`, got `array`"),
        (b'{"command": "add", "more": 1}', "more is no parameter"),
        (b'{"command": "nothing"}', "no command 'nothing'; there are add, broken,"),
        (b'{"command": "add"}', "left is missing"),
        (b'{"command": "add", "parameters": {"left": "2"}}', "left: Expected `int`, got `str`"),
        (b'{"command": "add", "parameters": {"left": 2, "up": 2}}', "up is no parameter"),
        (b'{"command": "refuse"}', "not today"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, line: bytes, said: str) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        reply = await raw(tmp_path, line + b"\n")
        assert list(reply) == ["error"]
        assert said in reply["error"]
        assert await raw(tmp_path, b'{"command": "add", "parameters": {"left": 1}}\n') == {
            "result": 2
        }

    played(tmp_path, play)


def test_a_line_without_end_is_cut_off(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        reply = await raw(tmp_path, b"x" * (REQUEST_BYTES_MAX + 1))
        assert reply == {"error": f"the request is longer than {REQUEST_BYTES_MAX} bytes"}

    played(tmp_path, play)


def test_who_says_no_more_still_gets_the_answer(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_NAME)
        writer.write(b'{"command": "wait"}\n')
        writer.write_eof()
        await until(lambda: hall.waiting == 1)
        hall.gate.set()
        assert await reader.read() == b'{"result":"done"}\n'
        writer.close()

    played(tmp_path, play)


def test_who_goes_away_ends_what_was_asked(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        _, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_NAME)
        writer.write(b'{"command": "wait"}\n')
        await until(lambda: hall.waiting == 1)
        writer.transport.abort()
        await hall.cancelled.wait()

    played(tmp_path, play)


def test_an_asker_who_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        slow = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        slow.connect(str(tmp_path / SOCKET_NAME))
        slow.sendall(b'{"command": "large"}\n' * 50)  # of which the venue makes one answer
        for number in range(20):
            assert await asyncio.to_thread(ask, tmp_path, "add", {"left": number}) == number + 1
        slow.close()

    played(tmp_path, play)


def test_idle_connections_make_room_and_busy_ones_do_not(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        address = tmp_path / SOCKET_NAME
        idle = [await asyncio.open_unix_connection(address) for _ in range(CONNECTIONS_MAX)]
        assert await raw(tmp_path, b'{"command": "add", "parameters": {"left": 1}}\n') == {
            "result": 2
        }
        assert await idle[0][0].read() == b""  # the oldest one went
        busy = [await asyncio.open_unix_connection(address) for _ in range(CONNECTIONS_MAX)]
        for _, writer in busy:
            writer.write(b'{"command": "wait"}\n')
        await until(lambda: hall.waiting == CONNECTIONS_MAX)
        reply = await raw(tmp_path, b'{"command": "add", "parameters": {"left": 1}}\n')
        assert reply == {
            "error": f"there are {CONNECTIONS_MAX} connections already, all of them busy"
        }
        hall.gate.set()
        assert await busy[0][0].readline() == b'{"result":"done"}\n'
        for _, writer in idle + busy:
            writer.close()

    played(tmp_path, play)


def test_a_bug_in_a_handler_is_told_to_the_loop(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        told: list[BaseException] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        with pytest.raises(VenueUnreachable, match="went away before it answered"):
            await asyncio.to_thread(ask, tmp_path, "broken")
        assert [type(error) for error in told] == [ZeroDivisionError]

    played(tmp_path, play)


def test_a_stop_closes_what_waits(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        asking = asyncio.create_task(asyncio.to_thread(ask, tmp_path, "wait"))
        await until(lambda: hall.waiting == 1)
        server.stop()
        with pytest.raises(VenueUnreachable, match="went away before it answered"):
            await asking

    played(tmp_path, play)


def test_an_answer_that_does_not_come_in_time(tmp_path: Path) -> None:
    async def play(server: ControlServer, hall: Hall) -> None:
        with pytest.raises(TimeoutError, match=r"not answer within 0\.05 s"):
            await asyncio.to_thread(ask, tmp_path, "wait", None, 0.05)

    played(tmp_path, play)


def test_where_no_venue_is(tmp_path: Path) -> None:
    with pytest.raises(VenueUnreachable, match="no venue runs on"):
        ask(tmp_path, "sessions")
    with pytest.raises(VenueUnreachable, match="no venue runs on"):
        ask(tmp_path / "nowhere", "sessions")
    with pytest.raises(VenueUnreachable, match="no venue runs on"):
        ask(tmp_path / ("n" * 200), "sessions")
