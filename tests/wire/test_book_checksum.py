"""The checksum of a book against the example that the dialect's guide works out."""

from __future__ import annotations

from zlib import crc32

from tidegate.wire.book_checksum import CHECKSUM_LEVELS, book_checksum

# PricePrecision (2349) 1, QtyPrecision (5010) 8
ASKS = [(280130, 96506)] + [
    (price, 100000)
    for price in (280398, 280665, 280933, 281200, 281467, 281735, 282002, 282270, 282537)
]
BIDS = [
    (280030, 100000), (279999, 96375), (279699, 73860423), (277001, 350000), (275732, 320000),
    (271374, 1000000), (270913, 400000), (267294, 100000), (267026, 100000), (266759, 100000),
]  # fmt: skip


def test_the_worked_example() -> None:
    assert len(ASKS) == len(BIDS) == CHECKSUM_LEVELS
    assert book_checksum(ASKS, BIDS) == 3341325816


def test_fewer_levels_and_an_empty_book() -> None:
    assert book_checksum([], []) == 0
    assert book_checksum([(5, 7)], [(4, 10)]) == crc32(b"57410")


def test_sides_levels_and_their_order_count() -> None:
    right = book_checksum(ASKS, BIDS)
    assert book_checksum(BIDS, ASKS) != right
    assert book_checksum(ASKS[::-1], BIDS) != right
    assert book_checksum(ASKS[:-1], BIDS) != right
