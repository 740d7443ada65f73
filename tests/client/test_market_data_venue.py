"""The client's books against a running venue: two firms trade at random, and every kind of
subscription must agree with the checksum after each message and with their own open orders."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path

from tests.venue_process import VenueProcess
from tidegate.client import (
    BookUpdate,
    Cancel,
    Client,
    Credentials,
    Endpoint,
    ExecutionReport,
    LoggedOn,
    LogonOptions,
    MarketDataClient,
    MDEntryType,
    NewOrder,
    Side,
    Subscription,
    SubscriptionLost,
    TradesUpdate,
)

ORDERS = 400
FIRST_SEED = 20_261_122

Sides = dict[str, dict[Decimal, Decimal]]


class Trader:
    """Places and cancels at random; `open_orders` is what its reports leave of them."""

    def __init__(self, client: Client, seed: int, *, icebergs: bool = False) -> None:
        self.client = client
        self.icebergs = icebergs
        self.rng = random.Random(seed)
        self.open_orders: dict[str, tuple[str, Decimal, Decimal]] = {}
        self.traded = Decimal()

    async def trade(self, count: int) -> None:
        for _ in range(count):
            if self.open_orders and self.rng.random() < 0.35:
                order_id = self.rng.choice(sorted(self.open_orders))
                side = self.open_orders[order_id][0]
                await self.client.cancel(Cancel(symbol="BTC/USD", side=side, order_id=order_id))
            else:
                side = self.rng.choice((Side.BUY, Side.SELL))
                away = self.rng.randrange(-3, 30)
                ticks = 840_000 - away if side == Side.BUY else 840_001 + away
                await self.client.place(
                    NewOrder(
                        symbol="BTC/USD",
                        side=side,
                        order_qty=Decimal(self.rng.randrange(100, 500)) / 1000,
                        price=Decimal(ticks) / 10,
                        display_qty=Decimal("0.05") if self.icebergs else None,
                    )
                )
            self.book()

    def book(self) -> None:
        for event in self.client.take_events():
            if not isinstance(event, ExecutionReport):
                continue
            assert event.leaves_qty is not None
            if event.is_trade:
                assert event.last_qty is not None
                self.traded += event.last_qty
            if event.is_over or event.leaves_qty == 0:
                self.open_orders.pop(event.order_id, None)
            else:
                assert event.price is not None
                self.open_orders[event.order_id] = (event.side, event.price, event.leaves_qty)


class Watcher:
    """Applies all that comes; a book that was wrong once fails the test."""

    def __init__(self, venue: VenueProcess, role: str, comp_id: str) -> None:
        session = next(
            one for one in venue.ready["market_data_sessions"]
            if (one["role"], one["sender_comp_id"]) == (role, comp_id)
        )  # fmt: skip
        self.client = MarketDataClient(
            Endpoint(venue.ready["host"], session["port"], tls=False),
            Credentials(comp_id, session["target_comp_id"]),
        )
        self.verified = 0
        self.traded = Decimal()
        self.logons = 0
        self.changed = asyncio.Event()

    async def watch(self) -> None:
        async for update in self.client:
            assert not isinstance(update, SubscriptionLost), update.reason
            if isinstance(update, BookUpdate):
                book = update.subscription.book
                assert book is not None
                if not update.is_snapshot:
                    assert book.is_verified is (None if book.depth == 1 else True)
                self.verified += book.is_verified is True
            elif isinstance(update, TradesUpdate):
                self.traded += sum((trade.size for trade in update.trades), Decimal())
            self.logons += isinstance(update, LoggedOn)
            self.changed.set()


def of_orders(traders: list[Trader]) -> Sides:
    sides: Sides = {MDEntryType.BID: {}, MDEntryType.OFFER: {}}
    for trader in traders:
        for side, price, size in trader.open_orders.values():
            levels = sides[MDEntryType.BID if side == Side.BUY else MDEntryType.OFFER]
            levels[price] = levels.get(price, Decimal()) + size
    return sides


def best(sides: Sides, side: str, depth: int) -> list[tuple[Decimal, Decimal]]:
    ranked = sorted(sides[side].items(), reverse=side == MDEntryType.BID)
    return ranked[: depth or None]


def agrees(subscription: Subscription, sides: Sides) -> bool:
    book = subscription.book
    assert book is not None
    return book.is_live and all(
        [(one.price, one.size) for one in book.best(side)] == best(sides, side, book.depth)
        for side in (MDEntryType.BID, MDEntryType.OFFER)
    )


def shown(subscription: Subscription) -> Sides:
    book = subscription.book
    assert book is not None
    return {
        side: {one.price: one.size for one in book.best(side)}
        for side in (MDEntryType.BID, MDEntryType.OFFER)
    }


async def changed(watchers: list[Watcher]) -> None:
    """Until one of them has taken something in since the last call."""
    waits = [asyncio.create_task(one.changed.wait()) for one in watchers]
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for one in watchers:
        one.changed.clear()


async def settle(watchers: list[Watcher], subscriptions: list[Subscription], sides: Sides) -> None:
    """Until every book is the one that the orders make."""
    async with asyncio.timeout(20):
        while not all(agrees(one, sides) for one in subscriptions):
            await changed(watchers)


def test_every_subscription_agrees_with_a_venue_that_trades(tmp_path: Path) -> None:
    async def story(venue: VenueProcess) -> None:
        keep = LogonOptions(cancel_orders_on_disconnect=False, rollover_s=-1)
        traders = [
            Trader(venue.client(firm, keep), FIRST_SEED + n)
            for n, firm in enumerate(("ACME", "BETA"))
        ]
        levels = Watcher(venue, "market_data_l2", "ACME")
        orders = Watcher(venue, "market_data_l3", "ACME")
        late = Watcher(venue, "market_data_l2", "BETA")
        for one in (*traders, levels, orders):
            await one.client.connect()
        follow = [asyncio.create_task(one.watch()) for one in (levels, orders)]
        wanted = [
            levels.client.subscribe(["BTC/USD"], depth=depth, trades=depth == 25)[0]
            for depth in (0, 1, 10, 25)
        ]
        wanted += [orders.client.subscribe(["BTC/USD"], depth=n, level=3)[0] for n in (0, 10)]
        await asyncio.gather(*(one.trade(ORDERS // 2) for one in traders))
        await late.client.connect()
        follow.append(asyncio.create_task(late.watch()))
        wanted += late.client.subscribe(["BTC/USD"], depth=10)
        await asyncio.gather(*(one.trade(ORDERS // 2) for one in traders))
        for one in traders:
            assert await one.client.synchronize()
            one.book()
        watchers = [levels, orders, late]
        await settle(watchers, wanted, of_orders(traders))
        assert levels.traded * 2 == sum((one.traded for one in traders), Decimal())
        assert min(levels.verified, orders.verified, late.verified) > ORDERS // 4
        for one in (*watchers, *traders):
            await one.client.close()
        for task in follow:
            await task

    with VenueProcess(tmp_path / "data", config="market_data = true\n") as venue:
        asyncio.run(asyncio.wait_for(story(venue), 120))


def test_icebergs_show_a_part_in_both_books_and_queue_again(tmp_path: Path) -> None:
    async def story(venue: VenueProcess) -> None:
        traders = [
            Trader(
                venue.client(firm, LogonOptions(rollover_s=-1)), FIRST_SEED, icebergs=firm == "BETA"
            )
            for firm in ("ACME", "BETA")
        ]
        levels = Watcher(venue, "market_data_l2", "ACME")
        orders = Watcher(venue, "market_data_l3", "ACME")
        for one in (*traders, levels, orders):
            await one.client.connect()
        follow = [asyncio.create_task(one.watch()) for one in (levels, orders)]
        (l2,) = levels.client.subscribe(["BTC/USD"], depth=0)
        (l3,) = orders.client.subscribe(["BTC/USD"], depth=0, level=3)
        await asyncio.gather(*(one.trade(ORDERS // 2) for one in traders))
        for one in traders:
            assert await one.client.synchronize()
            one.book()
        whole = of_orders(traders)
        prices = {side: sizes.keys() for side, sizes in whole.items()}
        async with asyncio.timeout(20):
            while shown(l2) != shown(l3) or prices != {s: v.keys() for s, v in shown(l2).items()}:
                await changed([levels, orders])
        for side, sizes in shown(l2).items():
            assert sum(sizes.values()) < sum(whole[side].values())
        assert min(levels.verified, orders.verified) >= ORDERS // 4
        for one in (levels, orders, *traders):
            await one.client.close()
        for task in follow:
            await task

    with VenueProcess(tmp_path / "data", config="market_data = true\n") as venue:
        asyncio.run(asyncio.wait_for(story(venue), 120))
