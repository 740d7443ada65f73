"""`tidegate tape`: from a file and a data directory to a tape that is played."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tidegate.client import (
    Client,
    ConnectFailed,
    Credentials,
    Endpoint,
    LogonOptions,
    LogonRefused,
)
from tidegate.config.liquidity import TAPE, TAPE_TAKER
from tidegate.control.client import PatientClock, VenueUnreachable, ask
from tidegate.tapes.columns import TapeMapping
from tidegate.tapes.events import TapeError, joined
from tidegate.tapes.player import TapeInterrupted, TapePlayer
from tidegate.tapes.reading import Reading
from tidegate.tapes.rows import Tape, TapeInstrument
from tidegate.tapes.sessions import Summary, TapeStopped
from tidegate.tapes.source import open_source

INTERRUPTED: Final = "interrupted"

Progress = Callable[[int, int], None]
"""Called with how much of a tape is played, of how much."""


class TapeOptions(Struct, frozen=True, kw_only=True):
    """`speed` is None for as fast as possible; `session` and `taker` are SenderCompIDs (49)."""

    path: Path
    data: Path
    mapping: TapeMapping
    speed: float | None = 1.0
    session: str = TAPE
    taker: str = TAPE_TAKER
    keep: bool = False


class Played(Struct, frozen=True, kw_only=True):
    """What became of a tape. `stopped` says why it did not come to its end; else it is empty."""

    summary: Summary
    skipped: int
    stopped: str


def play(options: TapeOptions, progress: Progress) -> Played:
    """Raises `TapeError`, with nothing sent, for a tape whose beginning is wrong, a venue that does
    not run, and sessions that it does not have or that can not be logged on."""
    ready = _ready(options.data)
    with closing(open_source(options.path)) as source:
        tape = Tape(options.path, source, options.mapping, _instruments(options.data))
        reading = Reading(joined(tape.events()), source.position, source.size)
        if not reading.has_events:
            raise TapeError(f"{options.path}: no row that could be played")
        clients = _clients(options, ready)
        return asyncio.run(_play(options, tape, reading, clients, progress))


async def _play(
    options: TapeOptions,
    tape: Tape,
    reading: Reading,
    clients: tuple[Client, Client],
    progress: Progress,
) -> Played:
    player = TapePlayer(*clients)
    stopped = ""
    is_lost = False
    try:
        for client in clients:
            await _connect(client)
        with _interruptible(player):
            await player.play(
                reading,
                speed=options.speed,
                keep=options.keep,
                progress=lambda: progress(reading.done, reading.size),
            )
    except TapeInterrupted:
        stopped = INTERRUPTED
    except (TapeStopped, TapeError) as error:
        if not player.summary.sent:
            raise TapeError(str(error)) from None
        stopped = str(error)
        is_lost = isinstance(error, TapeStopped)
    finally:
        for client in clients:
            if is_lost:
                await client.drop()  # with that the venue cancels what rests
            else:
                await client.close()
    return Played(summary=player.summary, skipped=tape.skipped, stopped=stopped)


@contextmanager
def _interruptible(player: TapePlayer) -> Iterator[None]:
    """While this holds, Ctrl-C and SIGTERM end the tape in good order; a second one kills."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        player.stop()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _connect(client: Client) -> None:
    try:
        await client.connect()
    except (ConnectFailed, LogonRefused) as error:
        name = client.core.credentials.sender_comp_id
        raise TapeError(f"session {name} can not log on: {error}") from None


def _ready(data: Path) -> dict[str, Any]:
    try:
        ready: dict[str, Any] = msgspec.json.decode((data / "ready.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        raise TapeError(f"no venue runs on {data}: it has no ready.json") from None
    return ready


def _instruments(data: Path) -> dict[str, TapeInstrument]:
    """By their symbols, and by older spellings that are no other's symbol."""
    markets = [market for market in _asked(data, "markets") if market["traded"]]
    instruments = {
        market["symbol"]: TapeInstrument(
            symbol=market["symbol"],
            tick=Decimal(market["tick"]),
            price_decimals=market["price_decimals"],
        )
        for market in markets
    }
    for market in markets:
        for alias in market["aliases"]:
            instruments.setdefault(alias, instruments[market["symbol"]])
    return instruments


def _asked(data: Path, command: str) -> Any:
    try:
        return ask(data, command)
    except (VenueUnreachable, TimeoutError) as error:
        raise TapeError(str(error)) from None


def _clients(options: TapeOptions, ready: dict[str, Any]) -> tuple[Client, Client]:
    """Of two sessions whose orders may trade with each other."""
    sessions = {one["sender_comp_id"]: one for one in ready["sessions"] if one["role"] == "trading"}
    for name in (options.session, options.taker):
        if name not in sessions:
            raise TapeError(
                f"the venue has no session {name}; --session and --taker name two of "
                f"{', '.join(sessions)}"
            )
    if options.session == options.taker:
        raise TapeError("--session and --taker must be two sessions")
    clock_ns: Callable[[], int] = time.time_ns
    if _asked(options.data, "clock")["kind"] != "system":
        clock_ns = PatientClock(options.data)
    resting, taking = (
        _client(ready, sessions[name], options, clock_ns)
        for name in (options.session, options.taker)
    )
    return resting, taking


def _client(
    ready: dict[str, Any],
    session: dict[str, Any],
    options: TapeOptions,
    clock_ns: Callable[[], int],
) -> Client:
    ca_file = ready["ca_file"]
    return Client(
        Endpoint(
            ready["host"],
            session["port"],
            tls=ready["tls"],
            ca_file=None if ca_file is None else Path(ca_file),
        ),
        Credentials(
            session["sender_comp_id"],
            session["target_comp_id"],
            session["api_key"],
            session["api_secret"],
        ),
        LogonOptions(
            reset_seq_num=True,  # a tape has nothing to be replayed
            cancel_orders_on_disconnect=not options.keep,
        ),
        clock_ns=clock_ns,
    )
