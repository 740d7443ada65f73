"""Runs `tidegate watch`: a client, the screen or the lines, and what ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from tidegate.client import (
    BookUpdate,
    ConnectFailed,
    LoggedOut,
    LogonRefused,
    MarketDataClient,
    MarketDataUpdate,
    SubscriptionLost,
    SubscriptionRefused,
    TradesUpdate,
)
from tidegate.waiting import wait_at_most
from tidegate.watch.access import Access, WatchFailed, access_of, clock_of
from tidegate.watch.plain import plain_lines
from tidegate.watch.screen import screen
from tidegate.watch.state import WatchState

REFRESH_S: Final = 0.1

_KEYS_READ: Final = 64
_CONTROL_CHARACTERS: Final = 6  # their place in what `tcgetattr` gives
_DISPLACED: Final = "displaced"  # in the Logout of a session that a newer logon has ended


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What to watch. `depth` None is the default of the level; `updates` and `seconds` end it, None
    for never. `plain` prints lines instead of a screen."""

    symbol: str
    data: Path
    level: int = 2
    depth: int | None = None
    comp_id: str = ""
    plain: bool = False
    seconds: float | None = None
    updates: int | None = None

    @property
    def market_depth(self) -> int:
        """Enough for a high terminal, where none is given; 100 is a depth of both levels."""
        return 100 if self.depth is None else self.depth


def run(options: WatchOptions, console: Console) -> None:
    """Watch until it is ended, by a key, a signal or the options. Raises `WatchFailed` where there
    is nothing to show, or no more."""
    access = access_of(options.data, options.level, options.comp_id)
    asyncio.run(_Watch(options, access, console).run())


class _Watch:
    def __init__(self, options: WatchOptions, access: Access, console: Console) -> None:
        self._options = options
        self._access = access
        self._console = console
        is_screen = console.is_terminal and not console.is_dumb_terminal
        self._is_plain = options.plain or not is_screen
        self._over = asyncio.Event()

    async def run(self) -> None:
        client = await self._connected()
        try:
            await self._watch(client, self._state(client))
        finally:
            await client.close()

    async def _watch(self, client: MarketDataClient, state: WatchState) -> None:
        follow = asyncio.create_task(self._follow(client, state))
        follow.add_done_callback(lambda _: self._over.set())
        try:
            with self._ends():
                if self._is_plain:
                    await self._over.wait()
                else:
                    await self._show(state)
            if follow.done():
                follow.result()  # raises what ended it
        finally:
            follow.cancel()
            await asyncio.wait([follow])

    async def _connected(self) -> MarketDataClient:
        """As the first of the CompIDs that is let in: one may be in use, because a session is one
        line, one disabled, one not for this address."""
        refused: dict[str, list[str]] = {}  # SenderCompIDs by the venue's words
        for credentials in self._access.credentials:
            client = MarketDataClient(
                self._access.endpoint, credentials, clock_ns=clock_of(self._options.data)
            )
            try:
                await client.connect()
            except LogonRefused as error:
                refused.setdefault(str(error), []).append(credentials.sender_comp_id)
            except ConnectFailed as error:
                raise WatchFailed(f"no market data from the venue: {error}") from None
            else:
                return client
        reasons = "; ".join(f"{text} ({', '.join(names)})" for text, names in refused.items())
        raise WatchFailed(f"logon refused: {reasons}")

    def _state(self, client: MarketDataClient) -> WatchState:
        options, endpoint = self._options, self._access.endpoint
        try:
            (subscription,) = client.subscribe(
                [options.symbol],
                depth=options.market_depth,
                level=options.level,
                trades=options.level == 2,  # Level 3 has none
            )
        except ValueError as error:
            raise WatchFailed(str(error)) from None
        comp_id = client.core.credentials.sender_comp_id
        source = f"{comp_id} at {endpoint.host}:{endpoint.port}"
        return WatchState(options.symbol, source, client.core, subscription)

    async def _follow(self, client: MarketDataClient, state: WatchState) -> None:
        async for update in client:
            state.note(update)
            _raise_if_over(update)
            if self._is_plain:
                self._print(state, update)
            if state.updates == self._options.updates and isinstance(
                update, BookUpdate | TradesUpdate
            ):
                return

    def _print(self, state: WatchState, update: MarketDataUpdate) -> None:
        out = self._console.file
        for line in plain_lines(state, update):
            out.write(line + "\n")
        out.flush()

    async def _show(self, state: WatchState) -> None:
        with Live(_Screen(state), console=self._console, screen=True, auto_refresh=False) as live:
            while not self._over.is_set():
                live.refresh()
                await wait_at_most(self._over, REFRESH_S)

    @contextmanager
    def _ends(self) -> Iterator[None]:
        """While this holds, `q`, Ctrl-C, a signal and the time that was given end it."""
        loop = asyncio.get_running_loop()
        with ExitStack() as undo:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._over.set)
                undo.callback(loop.remove_signal_handler, number)
            if self._options.seconds is not None:
                undo.callback(loop.call_later(self._options.seconds, self._over.set).cancel)
            if not self._is_plain and sys.stdin.isatty():
                undo.enter_context(_single_keys(sys.stdin))
                loop.add_reader(sys.stdin, self._on_key)
                undo.callback(loop.remove_reader, sys.stdin)
            yield

    def _on_key(self) -> None:
        keys = os.read(sys.stdin.fileno(), _KEYS_READ)
        if not keys or b"q" in keys.lower():
            self._over.set()


class _Screen:
    """The state at whatever size the terminal has when it is drawn."""

    def __init__(self, state: WatchState) -> None:
        self._state = state

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield screen(self._state, console.width, console.height, ascii_only=options.ascii_only)


def _raise_if_over(update: MarketDataUpdate) -> None:
    if isinstance(update, SubscriptionRefused):
        raise WatchFailed(f"the venue refuses: {update.text or f'reason {update.reason}'}")
    if isinstance(update, SubscriptionLost) and update.gave_up:
        raise WatchFailed(f"the book is wrong time after time: {update.reason}")
    if isinstance(update, LoggedOut) and update.was_logged_on and _DISPLACED in update.text:
        raise WatchFailed(f"the venue ended the session: {update.text}")


@contextmanager
def _single_keys(terminal: TextIO) -> Iterator[None]:
    """Keys come one by one and are not shown; Ctrl-C stays a signal. Ctrl-Z does nothing: a shell
    would get the terminal as it is then."""
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    now = termios.tcgetattr(terminal)
    now[_CONTROL_CHARACTERS][termios.VSUSP] = bytes(
        [os.fpathconf(terminal.fileno(), "PC_VDISABLE")]
    )
    termios.tcsetattr(terminal, termios.TCSADRAIN, now)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
