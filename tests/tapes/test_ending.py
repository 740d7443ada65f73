"""Tapes that do not come to their end: somebody has enough of one, or the venue dies under it."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.app.venue import environment, tidegate, wait_for
from tests.tapes.room import CONFIG, ORDERS, orders_entered
from tests.venue_process import VenueProcess
from tidegate.client import Client, LogonOptions, Side
from tidegate.control.client import ask
from tidegate.tapes.events import ADD, TapeEvent
from tidegate.tapes.player import TapePlayer
from tidegate.tapes.sessions import TapeStopped

HOUR_NS = 3_600 * 10**9
SENT = re.compile(r"sent: (\d+) new, 0 cancels, 0 amends; 0 not sent")
UNANSWERED = re.compile(r"(\d+) of them have no answer; what became of them is not known")


def start(venue: VenueProcess, path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "tidegate", "tape", str(path), "--data", str(venue.directory),
        *arguments,
    ]  # fmt: skip
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What a tape says that was ended before its end."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err.decode()
    assert b"Traceback" not in err
    return out.decode(), err.decode()


def unanswered(out: str) -> int:
    found = UNANSWERED.search(out)
    return 0 if found is None else int(found[1])


def resting(venue: VenueProcess) -> int:
    total: int = ask(venue.directory, "orders", {"account": "TAPE"})["total"]
    return total


def with_a_pause(path: Path) -> Path:
    """Five orders, and one an hour later."""
    times = [1, 2, 3, 4, 5, HOUR_NS]
    rows = [f"{time},BTC/USD,A,B,84000,1,{time}\n" for time in times]
    path.write_text(ORDERS + "".join(rows))
    return path


def test_a_tape_that_is_interrupted_tells_how_far_it_got_and_leaves_nothing_unless_told_to(
    tmp_path: Path,
) -> None:
    path = with_a_pause(tmp_path / "tape.csv")
    with VenueProcess(tmp_path / "data", config=CONFIG) as venue:
        for number, arguments, left in (
            (signal.SIGINT, [], 0),
            (signal.SIGTERM, ["--keep"], 5),
        ):
            process = start(venue, path, *arguments)
            wait_for(lambda: resting(venue) == 5)
            process.send_signal(number)
            out, err = ended(process)
            assert UNANSWERED.search(out) is None
            assert "5 events in " in out
            assert "sent: 5 new, 0 cancels, 0 amends; 0 not sent, the order was over, of" in out
            assert "of before the tape, or so already\n" in out
            assert "83%" in err, "the bar tells what is played, not what is read"
            assert err.endswith("tidegate: interrupted\n")
            assert resting(venue) == left
        assert venue.terminate() == 0
        assert orders_entered(venue.directory) == 10


def test_a_venue_that_is_killed_ends_the_tape_with_what_was_sent_and_what_is_not_known(
    tmp_path: Path,
) -> None:
    """In the middle of a pause at once, and under load."""
    with VenueProcess(tmp_path / "data", config=CONFIG) as venue:
        process = start(venue, with_a_pause(tmp_path / "tape.csv"))
        wait_for(lambda: resting(venue) == 5)
        venue.kill()
        out, err = ended(process)
        assert "5 events in " in out
        assert "sent: 5 new" in out
        assert re.search(r"tidegate: session TAPE(-TAKER)? lost its line: Link lost\n$", err)
        before = orders_entered(venue.directory)  # an order that is seen may not be kept yet
        assert 5 - unanswered(out) <= before <= 5

        venue.restart()
        assert resting(venue) == 0, "the line was lost, and with it the orders"
        long = tmp_path / "long.csv"
        long.write_text(ORDERS + "".join(f"{n},BTC/USD,A,B,84000,1,{n}\n" for n in range(100_000)))
        process = start(venue, long, "--speed", "max")
        wait_for(lambda: resting(venue) > 300)
        venue.kill()
        out, err = ended(process)
        assert " lost its line: Link lost\n" in err
        assert "100%" not in err, "the bar says how far it got"
        found, unknown = SENT.search(out), unanswered(out)
        assert found is not None
        sent = int(found[1])
        assert 300 < sent < 100_000
        assert unknown <= 256
        venue.restart()
        assert venue.terminate() == 0
        assert sent - unknown <= orders_entered(venue.directory) - before <= sent
    done = tidegate("verify", "--data", venue.directory)
    assert done.returncode == 0, done.stderr.decode()


BID = TapeEvent(
    time_ns=1, symbol="BTC/USD", action=ADD, side=Side.BUY, price=Decimal(84000), qty=Decimal(1),
    order="1", display=None, line=2,
)  # fmt: skip


async def clients_of(venue: VenueProcess) -> tuple[Client, Client]:
    options = LogonOptions(reset_seq_num=True)
    clients = venue.client("ACME", options), venue.client("BETA", options)
    for client in clients:
        await client.connect()
    return clients


def test_a_send_that_meets_a_lost_line_before_its_events_tell_names_the_loss(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        clients = await clients_of(venue)

        def events() -> Iterator[TapeEvent]:
            yield BID
            clients[0].core.link_lost(0)  # the session knows; its events are not pumped yet
            yield BID

        with pytest.raises(TapeStopped, match=r"^session ACME.* lost its line: Link lost$"):
            await TapePlayer(*clients).play(events(), speed=None)
        for client in clients:
            await client.drop()

    with VenueProcess(tmp_path / "data") as venue:
        asyncio.run(play())


def test_a_venue_that_is_killed_when_all_was_answered_leaves_nothing_unknown(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        clients = await clients_of(venue)
        player = TapePlayer(*clients)
        tape = [
            *(BID._replace(order=str(number)) for number in range(5)),
            BID._replace(time_ns=HOUR_NS),
        ]
        playing = asyncio.create_task(player.play(tape, speed=1.0))
        while player.summary.events < 5:
            await asyncio.sleep(0)
        assert await clients[0].synchronize()
        while clients[0].has_events:
            await asyncio.sleep(0)
        venue.kill()
        with pytest.raises(TapeStopped, match=r"lost its line: Link lost$"):
            await playing
        assert (player.summary.sent["D"], player.summary.unanswered) == (5, 0)
        for client in clients:
            await client.drop()

    with VenueProcess(tmp_path / "data") as venue:
        asyncio.run(play())
