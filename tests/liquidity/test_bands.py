"""A market whose reference is outside the venue's price band: it follows, and trades take the band
along."""

from __future__ import annotations

from msgspec.structs import replace

from tests.liquidity.markets import market
from tests.liquidity.test_desk import LEVELS, SYMBOL, Room, at_work, play
from tidegate.client import Accepted, NewOrder, Side
from tidegate.liquidity.bands import band_in
from tidegate.liquidity.market import REFUSED_S
from tidegate.liquidity.plan import Band, first_reference, wanted_quotes, wanted_trade, within
from tidegate.venue.controls import SET_BAND, SET_INDEX, SetBand, SetIndex

PERCENT = 10_000  # in millionths
UNITS = 10  # of a dollar


def band(room: Room, percent: int) -> None:
    room.venue.control(SET_BAND, SetBand(SYMBOL, percent * PERCENT))


def last_price(room: Room) -> int:
    return room.venue.memory.venue.engine.market_state(SYMBOL).last_price


async def trade_at(room: Room, price: int) -> None:
    """Two clients trade in an empty book."""
    for name, side in (("ACME", Side.BUY), ("BETA", Side.SELL)):
        client = room.venue.client(name)
        await client.connect()
        order = NewOrder(symbol=SYMBOL, side=side, order_qty="0.1", price=str(price))
        assert isinstance(await client.place(order), Accepted)
        await client.close()


def stands_around(room: Room, price: int) -> bool:
    """Both sides are whole and the last price is near it, all within a hundredth."""
    orders = room.quotes()
    prices = [order.price for order in orders] + [last_price(room)]
    whole = all(len(room.quotes(side)) == LEVELS for side in (Side.BUY, Side.SELL))
    return whole and all(abs(one - price * UNITS) < price * UNITS // 100 for one in prices)


async def goes_to(room: Room, price: int, steps: int) -> None:
    """Within so many steps, in each of which the taker trades."""
    for _ in range(steps):
        await room.step()
        await room.is_at_rest()
        if stands_around(room, price):
            break
    assert stands_around(room, price)
    assert room.status["refused"] is None


def test_a_walk_that_begins_outside_the_band_goes_there_from_the_last_price() -> None:
    async def story(room: Room) -> None:
        await trade_at(room, 60_000)
        band(room, 10)
        trading = replace(room.settings.markets[0], trades_per_minute=60)
        room.desk.set(replace(room.settings, markets=(trading,)))
        async with at_work(room):
            await room.is_whole()
            assert all(540_000 < order.price <= 660_000 for order in room.quotes(Side.BUY))
            await goes_to(room, 84_000, steps=12)

    play(story)


def test_a_price_outside_the_band_is_got_to_step_by_step() -> None:
    async def story(room: Room) -> None:
        band(room, 10)
        trading = replace(room.settings.markets[0], trades_per_minute=60)
        room.desk.set(replace(room.settings, markets=(trading,)))
        async with at_work(room):
            await goes_to(room, 84_000, steps=3)
            moved = replace(trading, price=60_000 * UNITS)
            room.desk.set(replace(room.settings, markets=(moved,)))
            await goes_to(room, 60_000, steps=12)

    play(story)


def test_a_market_of_asks_alone_learns_of_the_band_from_its_taker() -> None:
    async def story(room: Room) -> None:
        asks = replace(room.settings.markets[0], side="sell", trades_per_minute=60)
        room.desk.set(replace(room.settings, markets=(asks,)))
        async with at_work(room):
            await room.until(lambda: room.status["step"] == 1)
            await room.is_at_rest()
            await trade_at(room, 60_000)
            band(room, 10)
            await room.step()
            await room.is_at_rest()
            assert room.status["taker_refused"] == "EOrder:Invalid price"
            for _ in range(8):
                await room.step()
                await room.is_at_rest()
            assert abs(last_price(room) - 84_000 * UNITS) < 84_000 * UNITS // 100
            assert room.status["taker_refused"] is None

    play(story)


def test_a_walk_that_runs_into_the_band_learns_of_it_and_stays_within() -> None:
    async def story(room: Room) -> None:
        wild = replace(room.settings.markets[0], walks=True, step_ppm=30_000)
        room.desk.set(replace(room.settings, markets=(wild,)))
        async with at_work(room):
            await room.is_whole()
            room.venue.control(SET_INDEX, SetIndex(SYMBOL, 60_000 * UNITS))
            band(room, 10)
            await room.step()
            await room.until(lambda: room.status["refused"] is not None)
            await room.is_at_rest()
            await room.step(REFUSED_S)
            await room.is_at_rest()
            assert room.status["refused"] is None
            assert room.status["open_quotes"] == 2 * LEVELS
            prices = [order.price for order in room.quotes()]
            assert 54_000 * UNITS < min(prices) < max(prices) < 66_000 * UNITS

    play(story)


def test_what_can_trade_of_a_market_within_the_band_is_not_outside_it() -> None:
    for profile in ("thin", "deep", "volatile"):
        settings = market(profile, trades_per_minute=60)
        for last in (600_003, 840_000, 1_200_007):
            edges = Band(last - last // 50, last + last // 50)
            around = within(settings, first_reference(settings), edges)
            assert (around.price == settings.price) == (last == 840_000)
            quotes = wanted_quotes(settings, 1, around)
            bid = max(quote.price for quote in quotes if quote.side == Side.BUY)
            ask = min(quote.price for quote in quotes if quote.side == Side.SELL)
            assert edges.lowest <= bid < ask <= edges.highest
            for step in range(50):
                trade = wanted_trade(settings, 1, around._replace(step=step))
                if trade is not None:
                    assert edges.lowest <= trade.price <= edges.highest


def test_a_band_that_is_too_narrow_has_the_market_in_its_middle() -> None:
    settings = market()
    around = within(settings, first_reference(settings), Band(599_900, 600_100))
    assert around.price == 600_000


def test_the_band_is_counted_from_the_last_price_or_else_the_index() -> None:
    row = {"symbol": SYMBOL, "last_price": None, "index_price": None, "band_percent": "5"}
    settings = market()
    other = row | {"symbol": "ETH/USD", "last_price": "1"}
    assert band_in([other, row], settings) is None
    assert band_in([row | {"index_price": "60000.1"}], settings) == Band(570_001, 630_001)
    both = row | {"index_price": "60000", "last_price": "100"}
    assert band_in([both], settings) == Band(950, 1_050)
    assert band_in([both | {"band_percent": None}], settings) is None
