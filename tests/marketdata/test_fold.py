"""The bytes of snapshots and updates, trades, watchers, and what a flush costs."""

from __future__ import annotations

from zlib import crc32

import pytest

from tidegate.marketdata.fold import MarketData
from tidegate.marketdata.shapes import Shape, book_shape, trades_shape
from tidegate.model.instruments import PublicInstrument, built_in_instruments, make_instrument
from tidegate.model.orders import BUY, LIMIT, MARKET, SELL, TAKE_PROFIT

BTC = b"BTC/USD"
DOGE = b"DOGE/USD"
NOW_NS = 1_793_697_301_110_000_069  # 2026-11-03 09:15:01.110


@pytest.fixture
def market_data() -> MarketData:
    """The book of the dialect's own example, in the built-in pairs: one level a side."""
    market_data = MarketData()
    for instrument in built_in_instruments():
        market_data.add_instrument(instrument)
    market_data.show(BTC, 1, b"OA", SELL, 840101, 50_000_000, NOW_NS - 299_000_000, 1)
    market_data.show(BTC, 2, b"OB", BUY, 840099, 120_000_000, NOW_NS - 470_000_000, 2)
    market_data.settle()
    return market_data


def shown(tail: bytes) -> str:
    return tail.decode().replace("\x01", "|")


def tails(market_data: MarketData, time_ns: int = NOW_NS) -> list[tuple[int, int, str]]:
    return [
        (update.shape.level if update.shape.book else 0, update.shape.depth, shown(update.tail))
        for update in market_data.flush(time_ns)
    ]


def checksum(text: str) -> str:
    return str(crc32(text.encode()))


def test_a_snapshot_of_levels(market_data: MarketData) -> None:
    assert shown(market_data.snapshot(book_shape(BTC, 2, 25))[0]) == (
        "268=2|269=1|278=O84010.1|270=84010.1|271=0.50000000|273=09:15:00.811|"
        "269=0|278=B84009.9|270=84009.9|271=1.20000000|273=09:15:00.640|"
    )


def test_a_snapshot_of_orders(market_data: MarketData) -> None:
    assert shown(market_data.snapshot(book_shape(BTC, 3, 0))[0]) == (
        "268=2|269=1|278=OA|270=84010.1|271=0.50000000|273=09:15:00.811|"
        "5060=2026-11-03T09:15:00.811000069Z|5273=2026-11-03T09:15:00.811000069Z|"
        "269=0|278=OB|270=84009.9|271=1.20000000|273=09:15:00.640|"
        "5060=2026-11-03T09:15:00.640000069Z|5273=2026-11-03T09:15:00.640000069Z|"
    )


def test_a_level_goes_and_another_comes(market_data: MarketData) -> None:
    market_data.watch(book_shape(BTC, 2, 25))
    market_data.hide(BTC, 1)
    market_data.show(BTC, 3, b"OC", SELL, 840104, 30_000_000, NOW_NS, 3)
    digits = checksum("84010430000000840099120000000")
    assert tails(market_data) == [
        (
            2,
            25,
            "268=2|279=2|269=1|278=O84010.1|270=84010.1|271=0.0|273=09:15:01.110|"
            "279=0|269=1|278=O84010.4|270=84010.4|271=0.30000000|273=09:15:01.110|"
            f"5041={digits}|",
        )
    ]


def test_a_level_is_pushed_out_and_comes_back(market_data: MarketData) -> None:
    """With its size, and the time of its own latest change."""
    market_data.watch(book_shape(BTC, 2, 1))
    market_data.show(BTC, 3, b"OC", SELL, 840100, 1, NOW_NS, 3)
    new = "269=1|278=O84010.0|270=84010.0|271=0.00000001|273=09:15:01.110|"
    old = "269=1|278=O84010.1|270=84010.1|271=0.50000000|273=09:15:00.811|"
    ((_, _, text),) = tails(market_data)
    assert text.startswith(f"268=2|279=2|{old}279=0|{new}5041=")
    market_data.hide(BTC, 3)
    ((_, _, text),) = tails(market_data, NOW_NS + 10**9)
    gone = "269=1|278=O84010.0|270=84010.0|271=0.0|273=09:15:02.110|"
    assert text.startswith(f"268=2|279=2|{gone}279=0|{old}5041=")


def test_an_order_that_shrinks_keeps_its_queue_time(market_data: MarketData) -> None:
    market_data.watch(book_shape(BTC, 3, 10))
    market_data.show(BTC, 1, b"OA", SELL, 840101, 7, NOW_NS - 299_000_000, 1)
    ((_, _, text),) = tails(market_data)
    assert text.startswith(
        "268=1|279=1|269=1|278=OA|270=84010.1|271=0.00000007|273=09:15:01.110|"
        "5060=2026-11-03T09:15:01.110000069Z|5273=2026-11-03T09:15:00.811000069Z|5041="
    )


@pytest.mark.parametrize("price", [840101, 840102])
def test_an_order_that_queues_anew_is_deleted_and_new(market_data: MarketData, price: int) -> None:
    market_data.watch(book_shape(BTC, 3, 0))
    market_data.show(BTC, 1, b"OA", SELL, price, 50_000_000, NOW_NS, 3)
    ((_, _, text),) = tails(market_data)
    times = "273=09:15:01.110|5060=2026-11-03T09:15:01.110000069Z|"
    assert text.startswith(
        f"268=2|279=2|269=1|278=OA|270=84010.1|271=0.0|{times}"
        "5273=2026-11-03T09:15:00.811000069Z|"
        f"279=0|269=1|278=OA|270={price / 10}|271=0.50000000|{times}"
        "5273=2026-11-03T09:15:01.110000069Z|5041="
    )


def test_what_is_found_is_no_news(market_data: MarketData) -> None:
    """Orders that are there when somebody begins to follow have the times of their queueing."""
    for shape in (book_shape(BTC, 2, 0), book_shape(BTC, 3, 0)):
        market_data.watch(shape)
        market_data.snapshot(shape)
    market_data.show(BTC, 1, b"OA", SELL, 840101, 7, NOW_NS - 299_000_000, 1)
    market_data.show(BTC, 3, b"OC", SELL, 840101, 2, NOW_NS - 100_000_000, 3)
    market_data.settle()
    assert market_data.flush(NOW_NS) == []
    assert "|278=O84010.1|270=84010.1|271=0.00000009|273=09:15:01.010|" in shown(
        market_data.snapshot(book_shape(BTC, 2, 0))[0]
    )
    orders = shown(market_data.snapshot(book_shape(BTC, 3, 0))[0])
    assert "|278=OA|270=84010.1|271=0.00000007|273=09:15:00.811|" in orders
    assert "|278=OC|270=84010.1|271=0.00000002|273=09:15:01.010|" in orders


def test_levels_do_not_tell_of_orders_that_change_places(market_data: MarketData) -> None:
    market_data.watch(book_shape(BTC, 2, 0))
    market_data.show(BTC, 1, b"OA", SELL, 840101, 50_000_000, NOW_NS, 3)
    assert tails(market_data) == []
    assert "273=09:15:00.811" in shown(market_data.snapshot(book_shape(BTC, 2, 0))[0])


def test_what_comes_and_goes_within_a_record_is_not_told(market_data: MarketData) -> None:
    for shape in (book_shape(BTC, 2, 0), book_shape(BTC, 3, 0)):
        market_data.watch(shape)
    market_data.show(BTC, 3, b"OC", SELL, 840100, 1, NOW_NS, 3)
    market_data.hide(BTC, 3)
    market_data.show(BTC, 1, b"OA", SELL, 840101, 9, NOW_NS - 299_000_000, 1)
    market_data.show(BTC, 1, b"OA", SELL, 840101, 50_000_000, NOW_NS - 299_000_000, 1)
    assert tails(market_data) == []


def test_trades_come_before_the_book_and_without_a_checksum(market_data: MarketData) -> None:
    market_data.watch(book_shape(BTC, 2, 1))
    market_data.watch(trades_shape(BTC))
    for place, (side, ord_type) in enumerate(((BUY, LIMIT), (SELL, MARKET), (BUY, TAKE_PROFIT))):
        market_data.trade(
            BTC, trade_id=b"T%d" % place, price=840101, lots=50_000_000, taker_side=side,
            taker_ord_type=ord_type, time_ns=NOW_NS,
        )  # fmt: skip
    market_data.hide(BTC, 1)
    trades, book = tails(market_data)
    body = "270=84010.1|271=0.50000000|273=09:15:01.110|"
    assert trades == (
        0,
        0,
        f"268=3|279=0|269=2|278=T0|{body}40=2|2446=1|279=0|269=2|278=T1|{body}40=1|2446=2|"
        f"279=0|269=2|278=T2|{body}40=2|2446=1|",
    )
    assert book[:2] == (2, 1)
    assert tails(market_data) == []


def test_trades_have_no_history(market_data: MarketData) -> None:
    market_data.trade(
        BTC, trade_id=b"T", price=1, lots=1, taker_side=BUY, taker_ord_type=LIMIT, time_ns=NOW_NS
    )
    assert market_data.flush(NOW_NS) == []
    market_data.watch(trades_shape(BTC))
    assert shown(market_data.snapshot(trades_shape(BTC))[0]) == "268=0|"
    assert market_data.flush(NOW_NS) == []


def test_small_prices_and_whole_ones() -> None:
    market_data = MarketData()
    for instrument in built_in_instruments():
        market_data.add_instrument(instrument)
    market_data.add_instrument(make_instrument("JPY/X", 0, "1", "0.00000001", "0"))
    market_data.show(DOGE, 1, b"N", BUY, 812_345, 5_000_000_000, NOW_NS, 1)
    market_data.show(DOGE, 2, b"M", SELL, 10**16, 10**17 + 1, NOW_NS, 2)
    market_data.show(b"JPY/X", 3, b"L", SELL, 150, 10**18, NOW_NS, 1)
    market_data.settle()
    assert shown(market_data.snapshot(book_shape(DOGE, 2, 0))[0]) == (
        "268=2|269=1|278=O1000000000.0000000|270=1000000000.0000000|271=1000000000.00000001|"
        "273=09:15:01.110|269=0|278=B0.0812345|270=0.0812345|271=50.00000000|273=09:15:01.110|"
    )
    assert shown(market_data.snapshot(book_shape(b"JPY/X", 2, 0))[0]) == (
        "268=1|269=1|278=O150|270=150|271=10000000000.00000000|273=09:15:01.110|"
    )


def test_quantities_have_the_decimals_of_their_instrument() -> None:
    """In levels, orders, trades and the checksum."""
    market_data = MarketData()
    market_data.add_instrument(
        PublicInstrument(
            symbol="PF_XBTUSD", market="elsewhere", security_type=b"FUT", price_decimals=1,
            qty_decimals=3, tick_units=5, qty_min_lots=1, cost_min_money=0,
        )
    )  # fmt: skip
    symbol = b"PF_XBTUSD"
    for shape in (book_shape(symbol, 3, 0), book_shape(symbol, 2, 10), trades_shape(symbol)):
        market_data.watch(shape)
    market_data.show(symbol, 1, b"OA", SELL, 840105, 12_500, NOW_NS, 1)
    market_data.trade(
        symbol, trade_id=b"7", price=840105, lots=1, taker_side=BUY, taker_ord_type=LIMIT,
        time_ns=NOW_NS,
    )  # fmt: skip
    texts = {level: text for level, _, text in tails(market_data)}
    assert "|270=84010.5|271=0.001|" in texts[0]
    for level in (2, 3):
        assert "|270=84010.5|271=12.500|" in texts[level]
        assert texts[level].endswith(f"5041={checksum('84010512500')}|")


# --- watchers ------------------------------------------------------------------------------------


def test_a_shape_is_told_once_however_many_watch_it(market_data: MarketData) -> None:
    for _ in range(3):
        market_data.watch(Shape(BTC, 2, 0, book=True))
    market_data.watch(book_shape(BTC, 2, 1000))  # the same shape
    for left in (3, 2, 1, 0):
        market_data.show(BTC, 1, b"OA", SELL, 840101, left + 1, NOW_NS, 1)
        assert len(market_data.flush(NOW_NS)) == 1
        market_data.unwatch(book_shape(BTC, 2, 0))
    market_data.hide(BTC, 1)
    assert market_data.flush(NOW_NS) == []


def test_books_do_not_hear_of_each_other(market_data: MarketData) -> None:
    market_data.watch(book_shape(BTC, 2, 10))
    market_data.watch(trades_shape(BTC))
    market_data.show(DOGE, 9, b"N", BUY, 1, 1, NOW_NS, 1)
    assert market_data.flush(NOW_NS) == []
    market_data.watch(book_shape(DOGE, 2, 10))
    market_data.show(DOGE, 9, b"N", BUY, 1, 2, NOW_NS, 1)
    market_data.hide(BTC, 1)
    assert [update.shape.symbol for update in market_data.flush(NOW_NS)] == [DOGE, BTC]


def test_a_snapshot_is_made_once_for_a_state_of_the_book(market_data: MarketData) -> None:
    shape = book_shape(BTC, 2, 25)
    first = market_data.snapshot(shape)
    assert market_data.snapshot(book_shape(BTC, 2, 25))[0] is first[0]
    market_data.hide(BTC, 1)
    market_data.flush(NOW_NS)
    assert market_data.snapshot(shape) != first


def test_between_a_change_and_its_flush_nobody_can_come(market_data: MarketData) -> None:
    market_data.hide(BTC, 1)
    with pytest.raises(AssertionError):
        market_data.snapshot(book_shape(BTC, 2, 25))
    with pytest.raises(AssertionError):
        market_data.watch(book_shape(BTC, 2, 25))


def test_an_unknown_symbol_is_the_callers_error(market_data: MarketData) -> None:
    with pytest.raises(KeyError):
        market_data.hide(b"NO/SUCH", 1)


def test_an_instrument_may_change_while_orders_rest(market_data: MarketData) -> None:
    before = market_data.snapshot(book_shape(BTC, 2, 25))
    market_data.add_instrument(make_instrument("BTC/USD", 1, "0.5", "0.1", "10"))
    assert market_data.snapshot(book_shape(BTC, 2, 25)) == before


def test_orders_may_have_a_time_with_a_date() -> None:
    """Levels and trades never have."""
    market_data = MarketData(l3_timestamps=True)
    market_data.add_instrument(make_instrument("BTC/USD", 1, "0.1", "0.00000001", "0"))
    market_data.show(BTC, 1, b"OA", SELL, 840101, 50_000_000, NOW_NS - 299_000_000, 1)
    market_data.settle()
    for shape in (book_shape(BTC, 3, 0), book_shape(BTC, 2, 10), trades_shape(BTC)):
        market_data.watch(shape)
    assert shown(market_data.snapshot(book_shape(BTC, 3, 0))[0]) == (
        "268=1|269=1|278=OA|270=84010.1|271=0.50000000|273=20261103-09:15:00.811000|"
        "5060=2026-11-03T09:15:00.811000069Z|5273=2026-11-03T09:15:00.811000069Z|"
    )
    market_data.show(BTC, 2, b"OB", BUY, 840099, 120_000_000, NOW_NS, 2)
    market_data.trade(
        BTC, trade_id=b"7", price=840101, lots=1, taker_side=BUY, taker_ord_type=LIMIT,
        time_ns=NOW_NS,
    )  # fmt: skip
    texts = {level: text for level, _, text in tails(market_data)}
    assert "|273=20261103-09:15:01.110000|5060=2026-11-03T09:15:01.110000069Z|" in texts[3]
    assert "|273=09:15:01.110|" in texts[2]
    assert "|273=09:15:01.110|" in texts[0]


# --- what it costs -------------------------------------------------------------------------------


class CountingDict(dict):  # type: ignore[type-arg]
    """Counts how often levels are looked up."""

    looked_up = 0

    def __getitem__(self, key: int) -> object:
        CountingDict.looked_up += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("levels", [100, 1_000, 10_000])
def test_a_flush_looks_at_what_changed_and_at_the_best_ten(levels: int) -> None:
    """Whatever the size of the book and however many depths are watched: a change at each end."""
    market_data = MarketData()
    market_data.add_instrument(make_instrument("BTC/USD", 1, "0.1", "0.00000001", "0"))
    place = 0
    for rank in range(levels):
        for side, price in ((BUY, 50_000 - rank), (SELL, 50_001 + rank)):
            place += 1
            market_data.show(BTC, place, b"N%d" % place, side, price, 5, 1, place)
    market_data.settle()
    shapes = [book_shape(BTC, 2, depth) for depth in (1, 10, 25, 100, 500, 1000)]
    shapes += [book_shape(BTC, 3, depth) for depth in (0, 10, 100, 1000)]
    for shape in shapes:
        market_data.watch(shape)
    book = market_data._books[BTC]
    for one in (book.asks, book.bids):
        one.levels = CountingDict(one.levels)
    CountingDict.looked_up = 0
    market_data.show(BTC, 10**6, b"X", BUY, 50_000, 1, 1, 10**6)  # at the best level
    assert len(market_data.flush(2)) == len(shapes)
    assert CountingDict.looked_up == 40  # the ten best of two sides, for two checksums
    market_data.hide(BTC, 1)  # what was best, and one more at the far end
    market_data.show(BTC, 10**6 + 1, b"Y", SELL, 50_000 + levels, 2, 1, 10**6 + 1)
    CountingDict.looked_up = 0
    market_data.flush(3)
    assert CountingDict.looked_up <= 40


class CountingOrders(dict):  # type: ignore[type-arg]
    """Counts how often orders of a queue are taken out to be put elsewhere."""

    moved = 0

    def pop(self, key: int) -> object:  # type: ignore[override]
        CountingOrders.moved += 1
        return super().pop(key)


@pytest.mark.parametrize("others", [10, 10_000])
def test_orders_told_out_of_turn_are_moved_once_and_alone(others: int) -> None:
    """As a taker leaves icebergs behind that ends in the middle of its second way through them:
    each is told in its final place, the ones it met twice before those that it met once."""
    market_data = MarketData()
    market_data.add_instrument(make_instrument("BTC/USD", 1, "0.1", "0.00000001", "0"))
    for place in range(1, others + 1):
        market_data.show(BTC, place, b"N%d" % place, SELL, 100, 5, 1, place)
    market_data.settle()
    shape = book_shape(BTC, 3, 0)
    market_data.watch(shape)
    level = market_data._books[BTC].asks.levels[-100]
    level.orders = CountingOrders(level.orders)
    CountingOrders.moved = 0
    came = list(range(others + 1, others + 101))
    for place in came[50:] + came[:50]:
        market_data.show(BTC, place, b"N%d" % place, SELL, 100, 5, 1, place)
    (update,) = market_data.flush(2)
    assert CountingOrders.moved <= len(came)
    ids = [f"N{place}" for place in range(1, others + 101)]
    assert [part.split("|")[0] for part in shown(update.tail).split("278=")[1:]] == ids[others:]
    snapshot = shown(market_data.snapshot(shape)[0])
    assert [part.split("|")[0] for part in snapshot.split("278=")[1:]] == ids
