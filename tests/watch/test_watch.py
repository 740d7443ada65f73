"""`tidegate watch` as a person and as a script has it: a real process, on a terminal or a pipe,
against a scripted venue on a socket."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.client.market_data_peer import MarketDataSocket, Peer, rest
from tests.venue_process import SOURCE

BTC = b"BTC/USD"
BOOK = rest(("A", "1", 840001, 50_000_000, 1), ("B", "0", 839999, 120_000_000, 2))
LINE = re.compile(r"\S+ BTC/USD book bid 83999\.9 1\.20000000 ask 84000\.1 0\.50000000 checksum .*")


def announce(directory: Path, port: int, senders: tuple[str, ...] = ("ACME",)) -> None:
    """The `ready.json` of a venue that serves both levels on that port."""
    sessions = [
        {
            "firm": sender, "market": "spot", "role": role, "sender_comp_id": sender,
            "target_comp_id": "KRAKEN-MD", "port": port,
        }
        for role in ("market_data_l2", "market_data_l3") for sender in senders
    ]  # fmt: skip
    document = {
        "host": "127.0.0.1",
        "tls": False,
        "ca_file": None,
        "ports": {"spot_market_data_l2": port},
        "market_data_sessions": sessions,
    }
    (directory / "ready.json").write_text(json.dumps(document))


def command(directory: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tidegate", "watch", "--data", str(directory), *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm-256color"}


async def watch(directory: Path, *arguments: str) -> tuple[int, list[str], str]:
    """Exit code, lines and errors of a run into a pipe."""
    process = await asyncio.create_subprocess_exec(
        *command(directory, *arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(),
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines(), err.decode()


def play(
    directory: Path, story: Callable[[MarketDataSocket], Awaitable[None]], peer: Peer | None = None
) -> None:
    async def run() -> None:
        async with MarketDataSocket(peer or LivePeer()) as venue, asyncio.timeout(60):
            BOOK(venue.peer.orders[BTC])
            announce(directory, venue.port)
            await story(venue)

    asyncio.run(run())


class LivePeer(Peer):
    """One that goes by the machine's clock, as the program does."""

    def now(self) -> bytes:
        return time.strftime("%Y%m%d-%H:%M:%S.000", time.gmtime()).encode()


def test_a_pipe_gets_a_line_for_each_update(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        running = asyncio.create_task(watch(tmp_path, "BTC/USD", "--updates", "3"))
        await venue.wait_for(lambda: bool(venue.peer.wanted))
        venue.peer.trade(BTC, 840001, 25_000_000, 7)
        venue.peer.change(BTC, rest(("C", "1", 840009, 1, 3)))
        venue.flush()
        code, lines, errors = await running
        assert (code, errors) == (0, "")
        assert lines[0] == f"- BTC/USD connected ACME at 127.0.0.1:{venue.port}"
        assert lines[1] == "- BTC/USD status online"
        assert LINE.fullmatch(lines[2])
        assert lines[2].endswith("checksum none")
        assert lines[3].endswith(" BTC/USD trade buy 0.25000000 at 84000.1 id T7")
        assert lines[4].endswith("checksum ok")
        assert len(lines) == 5

    play(tmp_path, story)


def test_it_ends_when_its_seconds_are_over(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        code, lines, errors = await watch(tmp_path, "BTC/USD", "--seconds", "0.5")
        assert (code, errors) == (0, "")
        assert lines[0].startswith("- BTC/USD connected ")
        assert all(LINE.fullmatch(line) for line in lines[2:])  # what came within that time
        await venue.wait_for(lambda: venue.peer.requests[-1][0] == b"5")
        assert b"".join(kind for kind, _ in venue.peer.requests) == b"AxgV5"

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("NO/PAIR",), "the venue refuses: Unknown symbol: NO/PAIR"),
        (("",), "Symbol (55) is empty"),
        (("BTC/USD", "--comp-id", "BETA"), "no session of SenderCompID BETA; there are ACME"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    async def story(venue: MarketDataSocket) -> None:
        code, _, errors = await watch(tmp_path, *arguments)
        assert (code, errors) == (2, f"tidegate: {text}\n")

    play(tmp_path, story)


def test_no_venue_and_no_market_data(tmp_path: Path) -> None:
    gone = asyncio.run(watch(tmp_path, "BTC/USD"))
    assert gone[0] == 2
    assert gone[2].startswith(f"tidegate: no venue runs on {tmp_path}: there is no ")
    announce(tmp_path, 1)
    shut = asyncio.run(watch(tmp_path, "BTC/USD"))
    assert shut[0] == 2
    assert shut[2].startswith("tidegate: no market data from the venue: 127.0.0.1:1: ")
    (tmp_path / "ready.json").write_text("{}")
    none = asyncio.run(watch(tmp_path, "BTC/USD", "--l3"))
    text = f"tidegate: the venue on {tmp_path} serves no market data of Level 3\n"
    assert none == (2, [], text)


class RefusingPeer(LivePeer):
    """Knows a name that is in use, and one that may not log on."""

    def _answer(self, fields: dict[int, bytes], kinds: set[bytes]) -> None:
        texts = {b"ACME": b"Session already active", b"DESK": b"Logon failed: session disabled"}
        if fields[35] == b"A" and fields[49] in texts:
            self.send(b"5", b"58=%s\x01" % texts[fields[49]])
        else:
            super()._answer(fields, kinds)


def test_a_name_that_is_refused_is_passed_over(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        announce(tmp_path, venue.port, ("DESK", "ACME", "BETA"))
        code, lines, _ = await watch(tmp_path, "BTC/USD", "--updates", "1")
        assert code == 0
        assert lines[0] == f"- BTC/USD connected BETA at 127.0.0.1:{venue.port}"
        code, lines, errors = await watch(tmp_path, "BTC/USD", "--comp-id", "DESK")
        assert (code, lines) == (2, [])
        assert errors == "tidegate: logon refused: Logon failed: session disabled (DESK)\n"
        announce(tmp_path, venue.port, ("ACME", "DESK"))
        code, lines, errors = await watch(tmp_path, "BTC/USD")
        assert (code, lines) == (2, [])
        assert errors == (
            "tidegate: logon refused: Session already active (ACME); "
            "Logon failed: session disabled (DESK)\n"
        )

    play(tmp_path, story, RefusingPeer())


def test_nobodys_line_is_taken_from_him_unless_he_is_named(tmp_path: Path) -> None:
    """Where a second logon displaces the first, trying is too late."""
    up: list[str] = []

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rows = [{"service": "spot_market_data_l2", "sender_comp_id": name} for name in up]
        writer.write(json.dumps({"sessions": rows}).encode() + b"\n")
        writer.close()

    async def story(venue: MarketDataSocket) -> None:
        announce(tmp_path, venue.port, ("ACME", "BETA"))
        async with await asyncio.start_unix_server(tell, tmp_path / "feeds.sock"):
            for name, arguments in (("ACME", ()), ("BETA", ()), ("ACME", ("--comp-id", "ACME"))):
                code, lines, _ = await watch(tmp_path, "BTC/USD", "--updates", "1", *arguments)
                assert code == 0
                assert lines[0].startswith(f"- BTC/USD connected {name} at ")
                up[:] = ["ACME"]
            up.append("BETA")
            code, lines, errors = await watch(tmp_path, "BTC/USD")
            assert (code, lines) == (2, [])
            assert errors == "tidegate: every SenderCompID is in use already (ACME, BETA)\n"

    play(tmp_path, story)


def test_a_session_that_is_displaced_ends_it(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        running = asyncio.create_task(watch(tmp_path, "BTC/USD"))
        await venue.wait_for(lambda: bool(venue.peer.wanted))
        venue.peer.send(b"5", b"58=Session displaced by a newer logon\x01")
        venue.flush()
        code, _, errors = await running
        assert code == 2
        assert errors == (
            "tidegate: the venue ended the session: Session displaced by a newer logon\n"
        )

    play(tmp_path, story)


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        line = " ".join(command(tmp_path, "BTC/USD"))
        process = await asyncio.create_subprocess_shell(
            f"set -o pipefail; {line} | head -n 1", executable="/bin/bash",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(),
        )  # fmt: skip
        ended = asyncio.create_task(process.communicate())
        await venue.wait_for(lambda: bool(venue.peer.wanted))
        number = 10
        while not ended.done():
            number += 1
            venue.peer.change(BTC, rest((f"N{number}", "1", 840000 + number, 1, number)))
            venue.flush()
            await asyncio.wait([ended], timeout=0.05)
        out, err = await ended
        assert (process.returncode, err) == (0, b"")
        assert out.decode().startswith("- BTC/USD connected")

    play(tmp_path, story)


class Terminal:
    """A terminal of 80 columns and 24 lines with the program on it."""

    def __init__(self, process: asyncio.subprocess.Process, master: int, slave: int) -> None:
        self.process = process
        self.master = master
        self.slave = slave
        self.seen = b""
        self.came = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    @classmethod
    async def start(
        cls, directory: Path, *arguments: str, term: str = "xterm-256color"
    ) -> Terminal:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *command(directory, *arguments),
            stdin=slave, stdout=slave, stderr=slave, env=environment() | {"TERM": term},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.set_blocking(master, False)
        return cls(process, master, slave)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.seen += os.read(self.master, 65_536)
        self.came.set()

    @property
    def modes(self) -> list[Any]:
        """How it is set: what keys do, and whether they are shown."""
        return termios.tcgetattr(self.slave)

    async def wait_for(self, text: str) -> None:
        while text.encode() not in self.seen:
            self.came.clear()
            await self.came.wait()

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    async def end(self) -> int:
        """The exit code, once all that was written is seen."""
        code = await self.process.wait()
        self._read()
        asyncio.get_running_loop().remove_reader(self.master)
        return code

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.mark.parametrize("keys", [b"q", b"xQ", b"\x03"])
def test_a_terminal_shows_the_market_until_a_key_ends_it(tmp_path: Path, keys: bytes) -> None:
    async def story(venue: MarketDataSocket) -> None:
        terminal = await Terminal.start(tmp_path, "BTC/USD")
        before = terminal.modes
        await terminal.wait_for("84000.1")
        local, characters = terminal.modes[3], terminal.modes[6]
        assert not local & (termios.ECHO | termios.ICANON)  # keys come one by one, not shown
        assert characters[termios.VSUSP] == b"\0"  # nor does Ctrl-Z leave the screen like this
        venue.peer.change(BTC, rest(("C", "1", 840009, 1, 3)))
        venue.flush()
        await terminal.wait_for("checksum ok")
        terminal.press(keys)
        assert await terminal.end() == 0
        assert b"\x1b[?1049h" in terminal.seen  # the screen of before comes back
        assert b"\x1b[?1049l" in terminal.seen
        assert b"\x1b[?25h" in terminal.seen  # and so does the cursor
        assert terminal.modes == before
        terminal.close()
        assert venue.peer.requests[-1][0] == b"5"

    play(tmp_path, story)


def test_what_is_wrong_is_told_on_the_screen_of_before(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        terminal = await Terminal.start(tmp_path, "NO/PAIR")
        before = terminal.modes
        assert await terminal.end() == 2
        _, left, rest_of_it = terminal.seen.partition(b"\x1b[?1049l")
        assert left
        assert b"tidegate: the venue refuses: Unknown symbol: NO/PAIR" in rest_of_it
        assert terminal.modes == before
        terminal.close()

    play(tmp_path, story)


def test_a_terminal_that_can_not_move_its_cursor_gets_lines(tmp_path: Path) -> None:
    async def story(venue: MarketDataSocket) -> None:
        terminal = await Terminal.start(tmp_path, "BTC/USD", "--updates", "1", "--l3", term="dumb")
        assert await terminal.end() == 0
        assert b"\x1b" not in terminal.seen
        assert b" BTC/USD book bid 83999.9 1.20000000" in terminal.seen
        assert [f[266] for kind, f in venue.peer.requests if kind == b"V"] == [b"N"]
        terminal.close()

    play(tmp_path, story)
