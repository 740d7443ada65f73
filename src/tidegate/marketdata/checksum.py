"""The book checksum (5041): CRC-32 over the ten best price levels of each side, offers first.

Each price and each size stands as its digits, without the point and without leading zeros. At Level
3 every order of those levels stands for itself, in the order of the queue. The same over the texts
of messages, as a client has them, is `wire.book_checksum`.
"""

from __future__ import annotations

from zlib import crc32

from tidegate.marketdata.levels import PublicLevel, PublicOrder, PublicSide
from tidegate.wire.book_checksum import CHECKSUM_LEVELS


def level_checksum(asks: PublicSide, bids: PublicSide) -> int:
    """The checksum that subscribers of price levels get."""
    pieces: list[bytes] = []
    for side in (asks, bids):
        for level in side.best(CHECKSUM_LEVELS):
            if not level.digits:
                level.digits = b"%d%d" % (level.price, level.lots)
            pieces.append(level.digits)
    return crc32(b"".join(pieces))


def order_checksum(asks: PublicSide, bids: PublicSide) -> int:
    """The checksum that subscribers of orders get."""
    pieces: list[bytes] = []
    for side in (asks, bids):
        for level in side.best(CHECKSUM_LEVELS):
            if not level.order_digits:
                level.order_digits = _order_digits(level)
            pieces.append(level.order_digits)
    return crc32(b"".join(pieces))


def _order_digits(level: PublicLevel) -> bytes:
    pieces: list[bytes] = []
    for order in level.orders.values():
        if not order.digits:
            order.digits = _digits_of(order)
        pieces.append(order.digits)
    return b"".join(pieces)


def _digits_of(order: PublicOrder) -> bytes:
    return b"%d%d" % (order.level.price, order.lots)
