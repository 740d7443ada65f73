"""The checksum (5041): the published vector, and what is in it and what is not."""

from __future__ import annotations

from zlib import crc32

from tidegate.marketdata.fold import MarketData
from tidegate.marketdata.shapes import book_shape
from tidegate.model.instruments import make_instrument
from tidegate.model.orders import BUY, SELL
from tidegate.wire.book_checksum import book_checksum

# Published with the dialect, for 2349=1 and 5010=8: the digits of ten offers and ten bids.
PUBLISHED = (
    b"2801309650628039810000028066510000028093310000028120010000028146710000028173510000028200210000"
    b"0282270100000282537100000280030100000279999963752796997386042327700135000027573232000027137410"
    b"00000270913400000267294100000267026100000266759100000"
)
CHECKSUM = 3_341_325_816
ASKS = [
    (280130, 96506), (280398, 100000), (280665, 100000), (280933, 100000), (281200, 100000),
    (281467, 100000), (281735, 100000), (282002, 100000), (282270, 100000), (282537, 100000),
]  # fmt: skip
BIDS = [
    (280030, 100000), (279999, 96375), (279699, 73860423), (277001, 350000), (275732, 320000),
    (271374, 1000000), (270913, 400000), (267294, 100000), (267026, 100000), (266759, 100000),
]  # fmt: skip


def texts(rows: list[tuple[int, int]]) -> list[tuple[bytes, bytes]]:
    return [
        (b"%d.%d" % divmod(price, 10), b"%d.%08d" % divmod(lots, 10**8)) for price, lots in rows
    ]


def published_book(split: int) -> MarketData:
    """The published book, each level made of `split` orders, and an eleventh level a side."""
    market_data = MarketData()
    market_data.add_instrument(make_instrument("BTC/USD", 1, "0.1", "0.00000001", "0"))
    number = 0
    for side, rows in ((SELL, [*ASKS, (300000, 5)]), (BUY, [*BIDS, (1, 5)])):
        for price, lots in rows:
            for piece in [1] * (split - 1) + [lots - split + 1]:
                number += 1
                name = b"N%d" % number
                market_data.show(b"BTC/USD", number, name, side, price, piece, 1, number)
    market_data.settle()
    return market_data


def told_checksum(market_data: MarketData, level: int) -> int:
    """That of a message, caused by a change far from the best levels."""
    shape = book_shape(b"BTC/USD", level, 0)
    market_data.watch(shape)
    market_data.show(b"BTC/USD", 9_999, b"N9999", BUY, 2, 1, 1, 9_999)
    (update,) = market_data.flush(2)
    return int(update.tail.split(b"\x015041=")[1][:-1])


def test_the_published_vector() -> None:
    assert crc32(PUBLISHED) == CHECKSUM
    assert book_checksum(texts(ASKS), texts(BIDS), 1, 8) == CHECKSUM


def test_the_venue_says_the_published_checksum_of_the_published_book() -> None:
    assert told_checksum(published_book(1), 2) == CHECKSUM
    assert told_checksum(published_book(3), 2) == CHECKSUM


def test_orders_stand_for_themselves_at_level_3() -> None:
    assert told_checksum(published_book(1), 3) == CHECKSUM
    pieces = b""
    for price, lots in (*ASKS, *BIDS):
        pieces += b"%d1%d1%d%d" % (price, price, price, lots - 2)
    assert told_checksum(published_book(3), 3) == crc32(pieces)


def test_texts_may_be_written_in_other_ways() -> None:
    """Unpadded, with more zeros, without a fraction: the digits are the same."""
    shorter = [(price.rstrip(b"0").rstrip(b"."), size.rstrip(b"0")) for price, size in texts(ASKS)]
    longer = [(b"0" + price + b"00", size + b"0") for price, size in texts(BIDS)]
    assert book_checksum(shorter, longer, 1, 8) == CHECKSUM


def test_only_ten_prices_count_however_many_orders_they_have() -> None:
    doubled = [row for row in texts(ASKS) for _ in range(2)]
    more = [*texts(ASKS), (b"29000.0", b"1.0")]
    assert book_checksum(more, texts(BIDS), 1, 8) == CHECKSUM
    expected = b"".join(b"%d%d" % row * 2 for row in ASKS)
    assert book_checksum([*doubled, (b"29000.0", b"1.0")], [], 1, 8) == crc32(expected)


def test_fewer_levels_than_ten_and_none() -> None:
    assert book_checksum(texts(ASKS[:2]), [], 1, 8) == crc32(b"28013096506280398100000")
    assert book_checksum([], [], 1, 8) == 0
