"""`liquidity` on the venue's control socket: what is made, changing it, filling an order for real.

The venue checks what is asked, keeps the settings as they are now and passes them to the maker's
process, so that one that is started again goes on with them. They are no records: the next start of
the venue goes by its configuration again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tidegate.children import ChildProcess
from tidegate.config import VenueConfig
from tidegate.config.liquidity import (
    MARKETS_MAX,
    LiquiditySettings,
    MarketMaking,
    lots_text,
    market_making,
    price_text,
    refuse_idle_options,
)
from tidegate.config.rules_liquidity import completed, market_tables
from tidegate.config.schema import REQUIRED, DecimalText, LiquidityMarketTable, LiquiditySeed
from tidegate.control.operators import instrument_named
from tidegate.control.protocol import (
    ControlError,
    Handler,
    NoParameters,
    parameters_in_words,
    parameters_of,
)
from tidegate.liquidity.filling import FillParameters, find_target
from tidegate.liquidity.options import MakerOptions
from tidegate.liquidity.process import SOCKET_NAME
from tidegate.provision.local_socket import socket_address
from tidegate.service import VenueService

ANSWER_S: Final = 8.0  # less than the venue's asker waits
ANSWER_BYTES_MAX: Final = 64 * 1024
RETRY_S: Final = 0.1

OFF: Final = (
    "liquidity is off: enabled = true in [liquidity] of the configuration starts the market maker"
)
_AWAY: Final = "the market maker's process does not answer; the venue starts it again by itself"


class _Away(Exception):
    """The maker's process is not there, or not yet."""


class ChangeParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays."""

    symbol: Annotated[str, REQUIRED] = ""
    price: DecimalText | None = None
    walk: Literal["random", "fixed"] | None = None
    step_percent: DecimalText | None = None
    interval_ms: Annotated[int, Meta(ge=50, le=3_600_000)] | None = None


class PauseParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """One market, or all of them."""

    symbol: str | None = None


class SeedParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """As in the configuration."""

    seed: Annotated[LiquiditySeed, REQUIRED] = 1


class LiquidityDesk:
    """The venue's side: the settings as they are now, and the way to the process."""

    def __init__(
        self, service: VenueService, config: VenueConfig, options: MakerOptions, child: ChildProcess
    ) -> None:
        self._service = service
        self._options = options
        self._child = child
        self._tables = market_tables(config.template)
        self._paused: set[str] = set()

    @property
    def _settings(self) -> LiquiditySettings:
        return self._options.settings

    def handlers(self) -> dict[str, Handler]:
        return {
            "liquidity": self._show,
            "liquidity-set": self._set,
            "liquidity-change": self._change,
            "liquidity-pause": self._pause,
            "liquidity-resume": self._resume,
            "liquidity-seed": self._seed,
            "liquidity-fill": self._fill,
        }

    async def _show(self, given: dict[str, Any]) -> dict[str, Any]:
        parameters_of(given, NoParameters)
        try:
            status = await self._ask("status", {})
        except _Away:
            status = {"logged_on": False, "markets": []}
        known = {market["symbol"]: market for market in status["markets"]}
        return {
            "logged_on": status["logged_on"],
            "seed": self._settings.seed,
            "messages_per_second": self._settings.messages_per_second,
            "markets": [_described(one, known.get(one.symbol)) for one in self._settings.markets],
        }

    async def _set(self, given: dict[str, Any]) -> dict[str, Any]:
        """A market by its profile anew; price, size and walk stay where they are not said."""
        table = parameters_in_words(given, LiquidityMarketTable)
        symbol = instrument_named(self._service.venue, table.symbol).symbol
        try:
            refuse_idle_options(table)
        except ValueError as error:
            raise ControlError(str(error)) from None
        before = self._tables.get(symbol)
        if before is None and len(self._tables) >= MARKETS_MAX:
            raise ControlError(
                f"symbol {symbol} would be one too many: there are {MARKETS_MAX} markets, the most "
                f"that can be made"
            )
        if before is not None:
            kept = {
                name: getattr(before, name)
                for name in ("price", "size", "walk")
                if name not in given
            }
            table = replace(table, **kept)
        return await self._make(replace(table, symbol=symbol))

    async def _change(self, given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, ChangeParameters)
        symbol = instrument_named(self._service.venue, parameters.symbol).symbol
        table = self._tables.get(symbol)
        if table is None:
            raise ControlError(
                f"symbol {symbol} has no market maker; ctl liquidity set gives it one"
            )
        named = ("price", "walk", "step_percent", "interval_ms")
        values = {name: getattr(parameters, name) for name in named}
        said = {name: value for name, value in values.items() if value is not None}
        return await self._make(replace(table, **said))

    async def _make(self, table: LiquidityMarketTable) -> dict[str, Any]:
        table = completed(table)
        try:
            market = market_making(table, instrument_named(self._service.venue, table.symbol))
        except ValueError as error:
            raise ControlError(str(error)) from None
        self._tables[table.symbol] = table
        markets = {one.symbol: one for one in self._settings.markets}
        markets[table.symbol] = market
        await self._push(replace(self._settings, markets=tuple(markets.values())))
        return await self._show({})

    async def _pause(self, given: dict[str, Any]) -> dict[str, Any]:
        return await self._set_paused(given, paused=True)

    async def _resume(self, given: dict[str, Any]) -> dict[str, Any]:
        return await self._set_paused(given, paused=False)

    async def _set_paused(self, given: dict[str, Any], *, paused: bool) -> dict[str, Any]:
        symbol = parameters_in_words(given, PauseParameters).symbol
        if symbol is not None:
            symbol = instrument_named(self._service.venue, symbol).symbol
            if symbol not in self._tables:
                raise ControlError(f"symbol {symbol} has no market maker")
        for one in self._tables if symbol is None else (symbol,):
            (self._paused.add if paused else self._paused.discard)(one)
        await self._push(self._settings)
        return await self._show({})

    async def _seed(self, given: dict[str, Any]) -> dict[str, Any]:
        seed = parameters_in_words(given, SeedParameters).seed
        settings = self._settings
        await self._push(replace(settings, seed=seed, epoch=settings.epoch + 1))
        return await self._show({})

    async def _fill(self, given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, FillParameters)
        target = find_target(self._service.venue, parameters)
        before = target.order.cum_lots
        try:
            answer = await self._ask("fill", target.request())
        except _Away:
            raise ControlError(_AWAY) from None
        return {
            "order_id": target.order.order_id.decode(),
            "symbol": target.order.instrument.symbol,
            "filled": lots_text(target.order.cum_lots - before),
            "open": lots_text(target.order.leaves_lots),
            "traded": answer["traded"],
            "of_others": lots_text(target.others_lots),
        }

    # --- the process ------------------------------------------------------------------------------

    async def _push(self, settings: LiquiditySettings) -> None:
        """Make these the settings, of the process that runs and of one started later."""
        settings = replace(
            settings,
            markets=tuple(replace(m, paused=m.symbol in self._paused) for m in settings.markets),
        )
        self._options = replace(self._options, settings=settings)
        self._child.give(self._options)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + ANSWER_S
        told: LiquiditySettings | None = None
        while told is not self._settings:  # newer ones may have been overtaken on their way
            told = self._settings
            try:
                await self._ask("settings", msgspec.to_builtins(told))
            except _Away:  # it may be starting, with the settings of before
                if loop.time() > deadline_s:
                    raise ControlError(f"{_AWAY}, with what was set now") from None
                told = None
                await asyncio.sleep(RETRY_S)

    async def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        """Raises `_Away`, or `ControlError` with the process' own words."""
        line = msgspec.json.encode({"command": command, "parameters": parameters}) + b"\n"
        try:
            async with asyncio.timeout(ANSWER_S):
                with socket_address(Path(self._options.data), SOCKET_NAME) as address:
                    reader, writer = await asyncio.open_unix_connection(
                        address, limit=ANSWER_BYTES_MAX
                    )
                try:
                    writer.write(line)
                    reply = msgspec.json.decode(await reader.readuntil(b"\n"))
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            raise _Away from None
        except asyncio.LimitOverrunError:
            raise ControlError(
                f"the market maker's process answers with more than {ANSWER_BYTES_MAX} bytes"
            ) from None
        if "error" in reply:
            raise ControlError(reply["error"])
        return reply["result"]


def liquidity_commands(
    service: VenueService,
    config: VenueConfig,
    options: MakerOptions | None,
    child: ChildProcess | None,
) -> dict[str, Handler]:
    """The commands about the market maker; where it is off each of them says so."""
    if options is not None and child is not None:
        return LiquidityDesk(service, config, options, child).handlers()

    async def refuse(given: dict[str, Any]) -> None:
        raise ControlError(OFF)

    names = ("", "-set", "-change", "-pause", "-resume", "-seed", "-fill")
    return {f"liquidity{name}": refuse for name in names}


def _described(market: MarketMaking, status: dict[str, Any] | None) -> dict[str, Any]:
    """By stable names; prices, percentages and quantities are decimal texts."""
    return {
        "symbol": market.symbol,
        "profile": market.profile,
        "side": market.side or None,
        "paused": market.paused,
        "walk": "random" if market.walks else "fixed",
        "price": price_text(market, market.price),
        "reference_price": None if status is None else status["reference_price"],
        "step_percent": f"{market.step_ppm / 10_000:g}",
        "interval_ms": market.interval_ms,
        "levels": market.levels,
        "size": lots_text(market.lots),
        "trades_per_minute": market.trades_per_minute,
        "open_quotes": None if status is None else status["open_quotes"],
        "refused": None if status is None else status["refused"],
        "taker_refused": None if status is None else status["taker_refused"],
    }
