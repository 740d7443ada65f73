"""Market data on real sockets: lines that are cut, readers that fall behind, shut ports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from tests.client.market_data_peer import START_NS, MarketDataSocket, Peer, remove, rest
from tidegate.client import (
    BookUpdate,
    ConnectFailed,
    Credentials,
    Disconnected,
    Endpoint,
    Level,
    LoggedOut,
    MarketDataClient,
    MarketDataUpdate,
    Subscription,
    SubscriptionRefused,
    TradesUpdate,
)

BTC = b"BTC/USD"
BOOK = rest(("A", "1", 840001, 50_000_000, 1), ("B", "0", 839999, 120_000_000, 2))


def play(story: Callable[[MarketDataSocket], Awaitable[None]], peer: Peer | None = None) -> None:
    async def run() -> None:
        async with MarketDataSocket(peer) as venue, asyncio.timeout(30):
            BOOK(venue.peer.orders[BTC])
            await story(venue)

    asyncio.run(run())


def client(
    venue: MarketDataSocket,
    *,
    events_max: int = 10_000,
    reconnect_delays_s: tuple[float, ...] = (0.001,),
) -> MarketDataClient:
    return MarketDataClient(
        Endpoint("127.0.0.1", venue.port, tls=False),
        Credentials("ACME", "KRAKEN-MD"),
        events_max=events_max,
        reconnect_delays_s=reconnect_delays_s,
        clock_ns=lambda: START_NS,
    )


async def until(
    one: MarketDataClient, fits: Callable[[MarketDataUpdate], bool]
) -> list[MarketDataUpdate]:
    """The updates up to the first that fits."""
    seen = []
    async for update in one:
        seen.append(update)
        if fits(update):
            return seen
    raise AssertionError(f"over after {seen}")


def is_book(subscription: Subscription) -> Callable[[MarketDataUpdate], bool]:
    return lambda update: isinstance(update, BookUpdate) and update.subscription is subscription


def test_books_and_trades_of_several_symbols() -> None:
    async def story(venue: MarketDataSocket) -> None:
        one = client(venue)
        await one.connect()
        bitcoin, ether = one.subscribe(["BTC/USD", "ETH/USD"], trades=True)
        await until(one, is_book(ether))
        assert bitcoin.book is not None
        assert bitcoin.book.is_live
        venue.peer.trade(BTC, 840001, 50_000_000, 9)
        venue.peer.change(BTC, remove("A"))
        venue.flush()
        trades, book = await until(one, is_book(bitcoin))
        assert isinstance(trades, TradesUpdate)
        assert trades.trades[0].entry_id == "T9"
        assert isinstance(book, BookUpdate)
        assert (bitcoin.book.asks, bitcoin.book.is_verified) == ([], True)
        assert list(one.instruments) == ["BTC/USD", "ETH/USD"]
        assert one.session_status == "2"
        one.unsubscribe(bitcoin)
        await venue.wait_for(lambda: [w.symbol for w in venue.peer.wanted] == [b"ETH/USD"])
        await one.close()
        assert one.take_updates() == [LoggedOut("", True)]
        assert await one.next_update() is None

    play(story, Peer(orders={BTC: [], b"ETH/USD": []}))


def test_a_line_that_is_cut_is_connected_again_and_everything_subscribed_anew() -> None:
    async def story(venue: MarketDataSocket) -> None:
        one = client(venue)
        await one.connect()
        (bitcoin,) = one.subscribe(["BTC/USD"], depth=25, trades=True)
        await until(one, is_book(bitcoin))
        book, before = bitcoin.book, bitcoin.md_req_id
        assert book is not None
        for round_ in range(3):
            venue.cut()
            seen = await until(one, lambda update: isinstance(update, Disconnected))
            assert (book.is_live, book.bids) == (False, [])
            venue.peer.change(BTC, rest((f"N{round_}", "0", 839990 - round_, 1, 10 + round_)))
            seen = await until(one, is_book(bitcoin))
            assert isinstance(seen[-1], BookUpdate)
            assert seen[-1].is_snapshot
            assert len(book.bids) == 2 + round_
            venue.peer.change(BTC, rest((f"M{round_}", "1", 840100 + round_, 1, 10 + round_)))
            venue.flush()
            await until(one, is_book(bitcoin))
            assert book.is_verified is True
        assert venue.lines == 4
        names = {w.req_id for w in venue.peer.wanted}
        assert names == {bitcoin.md_req_id.encode()}
        assert before.encode() not in names
        await one.close()

    play(story)


def test_a_venue_that_restarts_is_found_again() -> None:
    async def story(venue: MarketDataSocket) -> None:
        one = client(venue, reconnect_delays_s=(0.001, 0.01))
        await one.connect()
        (bitcoin,) = one.subscribe(["BTC/USD"])
        await until(one, is_book(bitcoin))
        venue.shut()
        await until(one, lambda update: isinstance(update, Disconnected))
        await venue.listen()
        await until(one, is_book(bitcoin))
        await one.close()

    play(story)


def test_without_delays_a_lost_line_is_the_end() -> None:
    async def story(venue: MarketDataSocket) -> None:
        one = client(venue, reconnect_delays_s=())
        await one.connect()
        one.take_updates()
        venue.cut()
        assert [type(update) async for update in one] == [Disconnected]

    play(story)


def test_a_reader_that_falls_behind_reads_all_in_the_end() -> None:
    """The queue is full after a few; the rest waits in the transport, and nothing is dropped."""

    async def story(venue: MarketDataSocket) -> None:
        one = client(venue, events_max=5)
        await one.connect()
        (bitcoin,) = one.subscribe(["BTC/USD"], depth=0)
        await until(one, is_book(bitcoin))
        for n in range(900):
            venue.peer.change(BTC, rest((f"N{n}", "0", 839000 - n, 1, n)))
            venue.flush()
            if n % 300 == 299:
                await asyncio.sleep(0)  # let the client read into its queue
        book = bitcoin.book
        assert book is not None
        for n in range(900):
            update = await one.next_update()
            assert isinstance(update, BookUpdate)
            assert len(book.bids) == 2 + n
        assert book.best("0", 1) == [Level(Decimal("83999.9"), Decimal("1.2"), 0)]
        await one.close()

    play(story)


def test_a_subscription_before_the_logon_and_one_that_is_refused() -> None:
    async def story(venue: MarketDataSocket) -> None:
        one = client(venue)
        good, bad = one.subscribe(["BTC/USD", "NO/PAIR"])
        await one.connect()
        seen = await until(one, lambda update: isinstance(update, SubscriptionRefused))
        assert seen[-1] == SubscriptionRefused(bad, "0", "Unknown symbol: NO/PAIR")
        assert good.book is not None
        assert good.book.is_live
        await one.close()

    play(story)


def test_a_port_that_is_shut_is_told() -> None:
    async def story(venue: MarketDataSocket) -> None:
        one = client(venue)
        venue.shut()
        with pytest.raises(ConnectFailed, match=f"127.0.0.1:{venue.port}"):
            await one.connect()

    play(story)
