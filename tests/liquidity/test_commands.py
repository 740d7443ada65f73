"""The venue's side of the market maker: what operators set, with a process that only listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.client.memory_venue import MemoryVenue
from tests.liquidity.markets import MAKER_ALONE, market
from tidegate.config.liquidity import MARKETS_MAX, PROFILES, LiquiditySettings, MarketMaking
from tidegate.control.protocol import REQUEST_BYTES_MAX, ControlError
from tidegate.control.server import ControlServer
from tidegate.liquidity.commands import ANSWER_BYTES_MAX, LiquidityDesk
from tidegate.liquidity.options import maker_options
from tidegate.liquidity.process import SOCKET_NAME
from tidegate.model.rejects import ALL_RULES

CONFIG = f"""{MAKER_ALONE}[[liquidity.market]]
symbol = "BTC/USD"
size = "0.5"
[[liquidity.market]]
symbol = "ETH/USD"
trades_per_minute = 60
"""
PAIR = """
[[instrument]]
symbol = "A{0}/USD"
price_decimals = 1
tick = "0.1"
qty_min = "1"
cost_min = "1"
"""
LONGEST = 10**28  # as many digits as a price or a size may have


class Room:
    """A venue whose maker's process does nothing but keep what it is told."""

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        self.memory = MemoryVenue(more=config)
        options = maker_options(
            self.memory.config, directory, tls=None, log_format="json", log_level="info"
        )
        assert options is not None
        self.given: list[object] = []
        self.pushed: list[dict[str, Any]] = []
        self.late: asyncio.Event | None = None  # what the next settings wait for on their way
        self.status: dict[str, Any] = {"logged_on": True, "markets": []}
        desk = LiquidityDesk(cast(Any, self), self.memory.config, options, cast(Any, self))
        self._handlers = desk.handlers()

    @property
    def venue(self) -> object:
        """What a `VenueService` has."""
        return self.memory.venue

    def give(self, options: object) -> None:
        """What a `ChildProcess` takes."""
        self.given.append(options)

    async def change(self, settings: dict[str, Any]) -> None:
        late, self.late = self.late, None
        if late is not None:
            await late.wait()
        self.pushed.append(settings)

    async def tell(self, given: dict[str, Any]) -> dict[str, Any]:
        return self.status

    async def do(self, command: str, **given: Any) -> dict[str, dict[str, Any]]:
        """The markets, by symbol, as the answer has them."""
        answer = await self._handlers[command](given)
        return {shown["symbol"]: shown for shown in answer["markets"]}

    async def refused(self, command: str, **given: Any) -> str:
        """Why; nothing has changed by it."""
        before = await self.do("liquidity")
        with pytest.raises(ControlError) as refusal:
            await self.do(command, **given)
        assert await self.do("liquidity") == before
        assert not self.given
        assert not self.pushed
        return str(refusal.value)

    def listen(self) -> ControlServer:
        """The process is there."""
        handlers = {"settings": self.change, "status": self.tell}
        server = ControlServer(self.directory, handlers, SOCKET_NAME)
        server.start()
        return server


def play(directory: Path, story: Callable[[Room], Awaitable[None]], config: str = CONFIG) -> None:
    async def run() -> None:
        room = Room(directory, config)
        server = room.listen()
        try:
            await story(room)
        finally:
            server.stop()

    asyncio.run(run())


def test_what_can_have_no_effect_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        for command, given, rule in (
            (
                "liquidity-set",
                {"symbol": "BTC/USD", "trades_per_minute": 61},
                "trades_per_minute must be at most 60000 / interval_ms, which is 60, not 61",
            ),
            (
                "liquidity-change",
                {"symbol": "ETH/USD", "interval_ms": 1_100},
                "trades_per_minute must be at most 60000 / interval_ms, which is 54, not 60",
            ),
            (
                "liquidity-set",
                {"symbol": "BTC/USD", "profile": "empty", "levels": 3},
                'levels does nothing with profile = "empty"',
            ),
            (
                "liquidity-set",
                {"symbol": "BTC/USD", "profile": "deep", "side": "buy"},
                'side goes with profile = "one-sided" alone',
            ),
        ):
            assert await room.refused(command, **given) == rule

    play(tmp_path, story)


def test_price_size_and_walk_stay_over_other_profiles_an_empty_one_too(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.do("liquidity-change", symbol="BTC/USD", price="90000", walk="fixed")
        for profile in ("empty", "deep"):
            shown = (await room.do("liquidity-set", symbol="BTC/USD", profile=profile))["BTC/USD"]
            assert (shown["profile"], shown["levels"]) == (profile, PROFILES[profile].levels)
            assert (shown["price"], shown["walk"]) == ("90000", "fixed")
        assert shown["size"] == "0.5"
        assert room.pushed[-1]["markets"][0]["levels"] == PROFILES["deep"].levels

    play(tmp_path, story)


def test_each_seed_that_is_set_begins_an_epoch_the_same_one_too(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        for seed in (1, 1, 7):
            await room.do("liquidity-seed", seed=seed)
        await room.do("liquidity-change", symbol="BTC/USD", price="90000")
        pushed = [(settings["seed"], settings["epoch"]) for settings in room.pushed]
        assert pushed == [(1, 1), (1, 2), (7, 3), (7, 3)]

    play(tmp_path, story)


def test_of_two_changes_the_later_one_rules_whichever_comes_first(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        room.late = late = asyncio.Event()
        first = asyncio.create_task(room.do("liquidity-seed", seed=7))
        async with asyncio.timeout(10):
            while room.late is not None:
                await asyncio.sleep(0)
            await room.do("liquidity-seed", seed=8)
            late.set()
            await first
        assert [settings["seed"] for settings in room.pushed] == [8, 7, 8]

    play(tmp_path, story)


def test_of_two_changes_while_the_process_starts_the_later_one_rules(tmp_path: Path) -> None:
    async def story() -> None:
        room = Room(tmp_path, CONFIG)
        first = asyncio.create_task(room.do("liquidity-seed", seed=7))
        async with asyncio.timeout(10):
            while not room.given:
                await asyncio.sleep(0)
            for _ in range(5):  # so that the first has found nobody
                await asyncio.sleep(0)
            server = room.listen()
            await room.do("liquidity-seed", seed=8)
            await first
        server.stop()
        assert room.pushed[-1]["seed"] == 8

    asyncio.run(story())


def test_a_profile_has_no_more_trades_than_steps() -> None:
    for name, profile in PROFILES.items():
        assert market(name).trades_per_minute == profile.trades_per_minute
    assert market("deep", interval_ms=20_000).trades_per_minute == 3
    assert market("volatile", trades_per_minute=240).trades_per_minute == 240
    with pytest.raises(ValueError, match="which is 240, not 241"):
        market("volatile", trades_per_minute=241)


def test_one_market_too_many_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    pairs = "".join(PAIR.format(number) for number in range(MARKETS_MAX + 1))
    made = range(2, MARKETS_MAX)
    tables = [f'[[liquidity.market]]\nsymbol = "A{n}/USD"\nprice = "10"\n' for n in made]

    async def story(room: Room) -> None:
        rule = await room.refused("liquidity-set", symbol="A0/USD", price="10")
        assert rule == (
            f"symbol A0/USD would be one too many: there are {MARKETS_MAX} markets, the most that "
            "can be made"
        )
        shown = await room.do("liquidity-set", symbol="A2/USD", profile="deep")
        assert (len(shown), shown["A2/USD"]["profile"]) == (MARKETS_MAX, "deep")

    play(tmp_path, story, "".join([CONFIG, *tables, pairs]))


def test_as_many_markets_as_there_may_be_fit_in_a_line_each_way() -> None:
    symbol = "A" * 16 + "/" + "B" * 16
    longest = dict.fromkeys(MarketMaking.__struct_fields__, LONGEST)
    words = {"symbol": symbol, "profile": "one-sided", "side": "sell", "walks": False}
    settings = dict.fromkeys(LiquiditySettings.__struct_fields__, LONGEST)
    request = {**settings, "markets": [longest | words | {"paused": False}] * MARKETS_MAX}
    assert _length({"command": "settings", "parameters": request}) < REQUEST_BYTES_MAX
    text = "x" * max(len(rule.text) for rule in ALL_RULES)
    status = {
        "symbol": symbol,
        "reference_price": f"{LONGEST}.{LONGEST}",
        "step": LONGEST,
        "open_quotes": LONGEST,
        "refused": text,
        "taker_refused": text,
    }
    answer = {"logged_on": False, "markets": [status] * MARKETS_MAX}
    assert _length({"result": answer}) < ANSWER_BYTES_MAX


def _length(line: object) -> int:
    return len(json.dumps(line, separators=(",", ":")))


def test_an_answer_of_the_process_that_is_too_long_is_told(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        room.status["more"] = "x" * ANSWER_BYTES_MAX
        with pytest.raises(ControlError, match="answers with more than 65536 bytes"):
            await room.do("liquidity")

    play(tmp_path, story)
