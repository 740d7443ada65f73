"""The process of the market maker: two clients of the venue, ended with its parent.

It is asked over a socket of its own in the data directory, by the venue alone, which has checked
what it passes on. When it ends it drops its lines, so that the venue cancels what it had open.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import uvloop
from msgspec import Struct

from tidegate.children import Parent
from tidegate.client import Client, Credentials, Endpoint, LogonOptions
from tidegate.config.liquidity import LiquiditySettings
from tidegate.control.client import PatientClock
from tidegate.control.protocol import ControlError, Handler, parameters_of
from tidegate.control.server import ControlServer
from tidegate.liquidity.bands import bands_of
from tidegate.liquidity.desk import Desk
from tidegate.liquidity.options import MakerOptions, MakerSession
from tidegate.liquidity.taker import FillRefused
from tidegate.logs import configure_logging

SOCKET_NAME: Final = "liquidity.sock"
NICE: Final = 10  # the venue comes first

_HEARTBEAT_S: Final = 30
_RECONNECT_S: Final = (0.2, 1.0, 5.0)


class FillParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the taker is to trade: up to `qty` at `price` or better."""

    symbol: str
    side: str
    price: str
    qty: str


class StatusParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """None."""


def handlers_of(desk: Desk) -> dict[str, Handler]:
    """What the venue may ask."""

    async def change(given: dict[str, Any]) -> None:
        desk.set(msgspec.convert(given, LiquiditySettings))
        await desk.settled()

    async def status(given: dict[str, Any]) -> dict[str, Any]:
        parameters_of(given, StatusParameters)
        return {"logged_on": desk.is_logged_on, "markets": desk.status()}

    async def fill(given: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters_of(given, FillParameters)
        try:
            traded = await desk.taker.fill(wanted.symbol, wanted.side, wanted.price, wanted.qty)
        except FillRefused as refused:
            raise ControlError(str(refused)) from None
        return {"traded": traded}

    return {"settings": change, "status": status, "fill": fill}


def main(file: int) -> int:
    """Make markets until the parent is gone; the process' exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the venue: its end is this one's, too
    options = Parent(file).options(MakerOptions)
    if options is None:
        return 0
    configure_logging(form=options.log_format, level=options.log_level)
    os.nice(NICE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(options, file))
    return 0


class Clocks(NamedTuple):
    """Both in nanoseconds. `step_ns` is what steps go by, which never goes back; `time_ns` is the
    time that messages carry."""

    step_ns: Callable[[], int]
    time_ns: Callable[[], int]


def clocks_of(options: MakerOptions) -> Clocks:
    """The venue's own where that is moved by hand, else the machine's. The machine's time may be
    set back, which is no reason for a market to stand still: steps go by its stopwatch."""
    if options.virtual_clock:
        clock_ns = PatientClock(Path(options.data))
        return Clocks(clock_ns, clock_ns)
    return Clocks(time.monotonic_ns, time.time_ns)


async def _run(options: MakerOptions, file: int) -> None:
    clocks = clocks_of(options)
    maker = _client(options, options.maker, clocks.time_ns)
    taker = _client(options, options.taker, clocks.time_ns)
    desk = Desk(maker, taker, options.settings, clocks.step_ns, bands_of(Path(options.data)))
    server = ControlServer(Path(options.data), handlers_of(desk), SOCKET_NAME)
    server.start()
    gone = asyncio.Event()
    _watch(file, gone)
    work = asyncio.create_task(desk.run())
    over = asyncio.create_task(gone.wait())
    await asyncio.wait([work, over], return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    for client in (maker, taker):
        await client.drop()
    if not gone.is_set():
        over.cancel()
        await work  # raises what ended it; the venue starts this process again
    with suppress(asyncio.CancelledError):
        await work


def _watch(file: int, gone: asyncio.Event) -> None:
    """The pipe is readable when the venue has closed it, or is no more."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if os.read(file, 4096) == b"":
            loop.remove_reader(file)
            gone.set()

    loop.add_reader(file, look)


def _client(options: MakerOptions, session: MakerSession, clock_ns: Callable[[], int]) -> Client:
    return Client(
        Endpoint(
            options.host,
            options.port,
            tls=bool(options.certificate),
            ca_file=Path(options.certificate) if options.certificate else None,
            server_name=options.server_name,
        ),
        Credentials(
            session.sender_comp_id, session.target_comp_id, session.api_key, session.api_secret
        ),
        LogonOptions(
            heart_bt_int_s=_HEARTBEAT_S,
            reset_seq_num=True,  # nothing is remembered of the process before
            cancel_orders_on_disconnect=True,
            rollover_s=options.rollover_s,
        ),
        reconnect_delays_s=_RECONNECT_S,
        clock_ns=clock_ns,
    )
