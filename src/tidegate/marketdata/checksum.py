"""The book checksum (5041): CRC-32 over the ten best price levels of each side, offers first.

Each price and each size stands as its digits, without the point and without leading zeros. At Level
3 every order of those levels stands for itself, in the order of the queue.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from tidegate.marketdata.levels import PublicLevel, PublicOrder, PublicSide

CHECKSUM_LEVELS: Final = 10


def book_checksum(
    asks: list[tuple[bytes, bytes]],
    bids: list[tuple[bytes, bytes]],
    price_decimals: int,
    qty_decimals: int,
) -> int:
    """The checksum of a book as somebody holds it who got it in messages: price and size of each
    entry as texts, best first; at Level 3 the orders of a price in the order of their queue. What
    is beyond the tenth price of a side is left out. The decimals are the instrument's 2349 and
    5010."""
    text = b""
    for side in (asks, bids):
        prices = 0
        last = b""
        for price_text, size_text in side:
            price = _digits(price_text, price_decimals)
            if price != last:
                prices += 1
                last = price
            if prices > CHECKSUM_LEVELS:
                break
            text += price + _digits(size_text, qty_decimals)
    return crc32(text)


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


def _digits(text: bytes, decimals: int) -> bytes:
    """A decimal's digits as if it were written with so many decimals."""
    whole, _, fraction = text.partition(b".")
    return (whole + fraction[:decimals].ljust(decimals, b"0")).lstrip(b"0")
