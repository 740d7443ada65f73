"""The checksum of a book against the example that the dialect's guide works out."""

from __future__ import annotations

from zlib import crc32

from tidegate.wire.book_checksum import CHECKSUM_LEVELS, book_checksum

ASKS = [(b"28013.0", b"0.00096506")] + [
    (price, b"0.00100000")
    for price in (
        b"28039.8", b"28066.5", b"28093.3", b"28120.0", b"28146.7", b"28173.5", b"28200.2",
        b"28227.0", b"28253.7",
    )
]  # fmt: skip
BIDS = [
    (b"28003.0", b"0.001"), (b"27999.9", b"0.00096375"), (b"27969.9", b"0.73860423"),
    (b"27700.1", b"0.00350000"), (b"27573.2", b"0.0032"), (b"27137.4", b"0.01"),
    (b"27091.3", b"0.00400000"), (b"26729.4", b"0.00100000"), (b"26702.6", b"0.00100000"),
    (b"26675.9", b"0.00100000"),
]  # fmt: skip


def test_the_worked_example() -> None:
    assert len(ASKS) == len(BIDS) == CHECKSUM_LEVELS
    assert book_checksum(ASKS, BIDS, 1, 8) == 3341325816


def test_what_is_beyond_the_tenth_price_does_not_count() -> None:
    below = [*BIDS, (b"26000.0", b"1.0")]
    assert book_checksum(ASKS, below, 1, 8) == 3341325816


def test_orders_of_one_price_all_count() -> None:
    two = [(b"5.0", b"2.0"), (b"5.0", b"0.1"), (b"5.1", b"3")]
    assert book_checksum(two, [], 1, 1) == crc32(b"502050151" + b"30")


def test_fewer_levels_and_an_empty_book() -> None:
    assert book_checksum([], [], 1, 8) == 0
    assert book_checksum([(b"0.05", b"7")], [(b"0.04", b"0.10")], 2, 2) == crc32(b"5700410")


def test_sides_levels_and_their_order_count() -> None:
    right = book_checksum(ASKS, BIDS, 1, 8)
    assert book_checksum(BIDS, ASKS, 1, 8) != right
    assert book_checksum(ASKS[::-1], BIDS, 1, 8) != right
    assert book_checksum(ASKS[:-1], BIDS, 1, 8) != right
