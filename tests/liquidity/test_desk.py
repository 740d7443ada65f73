"""The maker and the taker at work, in the loop of a venue that does to them what it likes. Their
steps go by a clock that the test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from tests.client.memory_venue import SECRET
from tests.client.socket_venue import SocketVenue
from tests.liquidity.markets import MAKER_ALONE
from tidegate.client import (
    Accepted,
    Cancel,
    Client,
    Credentials,
    Endpoint,
    ExecutionReport,
    LogonOptions,
    NewOrder,
    OrdType,
    Side,
)
from tidegate.config.liquidity import MAKER, TAKER, LiquiditySettings, MarketMaking
from tidegate.control.market_commands import market_commands
from tidegate.engine.order import Order
from tidegate.liquidity.bands import band_in
from tidegate.liquidity.desk import Desk
from tidegate.liquidity.market import REFUSED_S
from tidegate.liquidity.plan import Band
from tidegate.liquidity.process import handlers_of
from tidegate.model.market_state import CANCEL_ONLY, MAINTENANCE, ONLINE, POST_ONLY
from tidegate.model.orders import BUY
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS
from tidegate.venue.controls import (
    DEPOSIT_MONEY,
    SET_HALTED,
    SET_STATUS,
    WITHDRAW_MONEY,
    DepositMoney,
    SetHalted,
    SetStatus,
    WithdrawMoney,
)

CONFIG = f"""{MAKER_ALONE}messages_per_second = 10000
[[liquidity.market]]
symbol = "BTC/USD"
walk = "fixed"
trades_per_minute = 0
"""
SYMBOL = "BTC/USD"
LEVELS = 5  # of the profile thin
LOT_UNIT = 10**LOT_DECIMALS
MONEY = 10 ** (12 + MONEY_DECIMALS)
NS_PER_S = 10**9


class Room:
    """A venue and its market maker. `now_ns` is the time that its steps go by."""

    def __init__(self, venue: SocketVenue, taker_secret: str = SECRET) -> None:
        self.venue = venue
        self.now_ns = time.time_ns()
        settings = venue.memory.config.liquidity
        assert settings is not None
        self.settings = settings
        self.maker = self.client(MAKER)
        self.taker = self.client(TAKER, taker_secret)
        self.desk = Desk(self.maker, self.taker, settings, lambda: self.now_ns, self.band_of)

    def client(self, name: str, secret: str = SECRET) -> Client:
        """As the maker's process makes it, but that it comes back at once."""
        return Client(
            Endpoint("127.0.0.1", self.venue.port, tls=False),
            Credentials(name, "KRAKEN-TRD", f"key-{name}", secret),
            LogonOptions(reset_seq_num=True, cancel_orders_on_disconnect=True),
            reconnect_delays_s=(0.01,),
        )

    async def band_of(self, market: MarketMaking) -> Band | None:
        """As the maker's process asks for it."""
        service = cast(Any, self.venue.memory)  # which has a venue, as a service does
        return band_in(await market_commands(service)["markets"]({}), market)

    def quotes(self, side: Side | None = None) -> list[Order]:
        """The maker's orders in the book."""
        book = self.venue.memory.venue.engine.book(SYMBOL)
        assert book is not None
        own = self.venue.memory.venue.directory.account_by_name[MAKER.encode()].index
        sides = [book.bids, book.asks] if side is None else [book.side(ord(side))]
        return [o for one in sides for level in one for o in level if o.account == own]

    def sent(self) -> int:
        """New orders and amends that have come to the venue."""
        received = self.venue.received
        return received.count(b"\x0135=D\x01") + received.count(b"\x0135=G\x01")

    @property
    def status(self) -> dict[str, Any]:
        return self.desk.status()[0]

    async def told(self, settings: LiquiditySettings) -> None:
        """What the venue tells the maker's process; returns with its answer."""
        await handlers_of(self.desk)["settings"](msgspec.to_builtins(settings))

    async def until(self, found: Callable[[], bool]) -> None:
        """A bounded poll."""
        async with asyncio.timeout(20):
            while not found():
                await asyncio.sleep(0)

    async def is_at_rest(self) -> None:
        """Until nothing is left of the step that was under way."""
        await self.until(lambda: bool(self.desk._changed._waiters))  # type: ignore[attr-defined]

    async def is_whole(self) -> None:
        await self.until(lambda: all(len(self.quotes(s)) == LEVELS for s in (Side.BUY, Side.SELL)))

    async def step(self, seconds: float = 1.0) -> None:
        """Let that time pass and the maker make a step."""
        before = self.status["step"]
        self.now_ns += int(seconds * NS_PER_S)
        self.desk._changed.set()  # it looks at once
        await self.until(lambda: self.status["step"] > before)


@asynccontextmanager
async def market_room(taker_secret: str = SECRET) -> AsyncIterator[Room]:
    async with SocketVenue(CONFIG) as venue:
        room = Room(venue, taker_secret)
        yield room


@asynccontextmanager
async def at_work(room: Room) -> AsyncIterator[None]:
    work = asyncio.create_task(room.desk.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.wait([work])
        for client in (room.maker, room.taker):
            await client.drop()


def play(story: Callable[[Room], Coroutine[Any, Any, None]], taker_secret: str = SECRET) -> None:
    async def run() -> None:
        async with market_room(taker_secret) as room:
            await story(room)

    asyncio.run(run())


@pytest.mark.parametrize("turns", range(4))
def test_an_end_that_comes_with_new_settings_is_an_end(turns: int) -> None:
    async def story(room: Room) -> None:
        work = asyncio.create_task(room.desk.run())
        await room.is_whole()
        await room.is_at_rest()
        room.desk.set(replace(room.settings, seed=2, epoch=1))
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait([work])
        for client in (room.maker, room.taker):
            await client.drop()

    play(story)


def test_a_new_epoch_begins_every_market_anew_with_the_same_seed_too() -> None:
    async def story(room: Room) -> None:
        walking = replace(room.settings.markets[0], walks=True, step_ppm=5_000)
        room.desk.set(replace(room.settings, markets=(walking,)))
        walks: list[list[str]] = []
        async with at_work(room):
            for epoch in (0, 1, 2):
                room.desk.set(replace(room.settings, markets=(walking,), epoch=epoch))
                await room.until(lambda: room.status["step"] == 1)
                walks.append([room.status["reference_price"]])
                for _ in range(3):
                    await room.step()
                    walks[-1].append(room.status["reference_price"])
        assert walks[0] == walks[1] == walks[2]
        assert len(set(walks[0])) > 1

    play(story)


@pytest.mark.parametrize("levels", [LEVELS, 1])  # while quotes are entered, or the taker's order
def test_once_a_pause_is_answered_nothing_more_comes(levels: int) -> None:
    async def story(room: Room) -> None:
        market = replace(room.settings.markets[0], levels=levels, trades_per_minute=60)
        paused = replace(market, paused=True)
        slow = replace(room.settings, messages_per_second=20, markets=(market,))
        room.desk.set(slow)
        async with at_work(room):
            await room.until(lambda: len(room.quotes()) == 2 and not room.maker.core.pending)
            await room.until(lambda: not room.desk._under_way.locked())  # the next has its turn
            await room.told(replace(slow, markets=(paused,)))
            sent = room.sent()
            await room.is_at_rest()
            assert room.sent() == sent

    play(story)


def test_a_change_is_answered_when_what_was_on_its_way_is_or_is_given_up_for() -> None:
    async def story(room: Room) -> None:
        async with at_work(room):
            await room.is_whole()
            room.venue.is_mute = True
            market = replace(room.settings.markets[0], price=850_000)
            received = len(room.venue.received)
            room.desk.set(replace(room.settings, markets=(market,)))
            await room.until(lambda: len(room.venue.received) > received)
            paused = replace(room.settings, markets=(replace(market, paused=True),))
            told = asyncio.create_task(room.told(paused))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not told.done()
            room.venue.cut_lines()
            async with asyncio.timeout(20):
                await told

    play(story)


def test_without_money_one_side_is_missing_and_told_and_not_asked_for_all_the_time() -> None:
    async def story(room: Room) -> None:
        room.venue.control(WITHDRAW_MONEY, WithdrawMoney(MAKER, "USD", MONEY))
        async with at_work(room):
            await room.until(lambda: len(room.quotes(Side.SELL)) == LEVELS)
            assert room.quotes(Side.BUY) == []
            assert room.status["refused"] == "EOrder:Insufficient funds"
            new = room.venue.received.count(b"\x0135=D\x01")
            for _ in range(3):
                await room.step()
            assert room.venue.received.count(b"\x0135=D\x01") == new
            room.venue.control(DEPOSIT_MONEY, DepositMoney(MAKER, "USD", MONEY))
            await room.step(REFUSED_S)
            await room.is_whole()
            await room.until(lambda: room.status["refused"] is None)

    play(story)


@pytest.mark.parametrize("move", [1_000, -1_000])
@pytest.mark.parametrize("status", [CANCEL_ONLY, POST_ONLY, MAINTENANCE, None])
def test_what_no_status_takes_stays_until_one_does_and_then_moves_without_meeting_itself(
    status: int | None, move: int
) -> None:
    """`status` None is a halt."""

    def change(room: Room, *, on: bool) -> None:
        if status is None:
            room.venue.control(SET_HALTED, SetHalted(halted=on))
        else:
            room.venue.control(SET_STATUS, SetStatus(SYMBOL, status if on else ONLINE))

    async def story(room: Room) -> None:
        async with at_work(room):
            await room.is_whole()
            before = {order.order_id: order.price for order in room.quotes()}
            change(room, on=True)
            market = room.settings.markets[0]
            moved = replace(market, price=market.price + move * 10)
            room.desk.set(replace(room.settings, markets=(moved,)))
            await room.until(lambda: room.status["refused"] is not None)
            sent = room.sent()
            await room.step()
            assert room.sent() <= sent + 1  # the other side's first try
            assert {order.order_id: order.price for order in room.quotes()} == before
            change(room, on=False)
            await room.step(REFUSED_S)
            await room.until(lambda: all(abs(o.price - moved.price) < 5_000 for o in room.quotes()))
            await room.step()
            # All were amended: none was cancelled because it had met another of the maker's.
            assert {order.order_id for order in room.quotes()} == set(before)
            assert room.status["refused"] is None

    play(story)


def test_whoever_takes_everything_or_wants_more_than_there_is_leaves_a_whole_market() -> None:
    async def story(room: Room) -> None:
        acme = room.venue.client("ACME")
        await acme.connect()
        async with at_work(room):
            await room.is_whole()
            on_offer = sum(order.leaves_lots for order in room.quotes(Side.SELL))
            buy = NewOrder(symbol=SYMBOL, side=Side.BUY, order_qty="100", ord_type=OrdType.MARKET)
            assert isinstance(await acme.place(buy), Accepted)
            assert await acme.synchronize()
            assert _traded(acme) * LOT_UNIT == on_offer
            assert room.quotes(Side.SELL) == []
            await room.step()
            await room.is_whole()
            # A bid above everything that is wanted: each step sells to it.
            bid = NewOrder(symbol=SYMBOL, side=Side.BUY, order_qty="50", price="90000")
            placed = await acme.place(bid)
            assert isinstance(placed, Accepted)
            rests = room.venue.memory.venue.engine.open_orders
            for _ in range(3):
                await room.step()
            (left,) = (o for o in rests() if o.order_id.decode() == placed.report.order_id)
            assert left.side == BUY
            assert left.leaves_lots < 50 * LOT_UNIT - 2 * on_offer
            cancel = Cancel(symbol=SYMBOL, side=Side.BUY, order_id=placed.report.order_id)
            assert isinstance(await acme.cancel(cancel), Accepted)
            await room.step()
            await room.is_whole()
        await acme.close()

    play(story)


def test_a_taker_that_may_not_log_on_keeps_no_maker_from_its_work() -> None:
    async def story(room: Room) -> None:
        async with at_work(room):
            await room.is_whole()
            assert not room.desk.is_logged_on

    play(story, taker_secret="AAAA")


def test_after_a_lost_line_everything_is_made_anew_and_no_event_is_left_waiting() -> None:
    async def story(room: Room) -> None:
        async with at_work(room):
            await room.is_whole()
            before = {order.order_id for order in room.quotes()}
            room.venue.cut_lines()
            await room.until(lambda: not room.quotes())
            room.now_ns += NS_PER_S
            await room.is_whole()
            assert not before & {order.order_id for order in room.quotes()}
            await room.until(lambda: room.desk.is_logged_on)
            await room.step()
            assert not room.taker.has_events

    play(story)


def test_a_market_that_lives_leaves_nothing_behind() -> None:
    """Neither in the venue's state, whose size is told without the messages to resend, nor with the
    maker, however many of its orders have come and gone."""

    async def story(room: Room) -> None:
        market = replace(room.settings.markets[0], walks=True, step_ppm=5_000)
        room.desk.set(replace(room.settings, markets=(market,)))
        sizes = []
        async with at_work(room):
            await room.is_whole()
            for _ in range(2):
                sent = room.sent()
                for _ in range(25):
                    await room.step()
                assert room.sent() - sent > 150
                await room.is_whole()
                await room.until(lambda: not room.maker.core.pending)
                sizes.append(len(room.venue.memory.venue.save()))
                assert room.status["open_quotes"] == 2 * LEVELS
        assert abs(sizes[1] - sizes[0]) < 200

    play(story)


def _traded(client: Client) -> Decimal:
    reports = [e for e in client.take_events() if isinstance(e, ExecutionReport)]
    return sum((report.last_qty or Decimal(0) for report in reports if report.is_trade), Decimal(0))
