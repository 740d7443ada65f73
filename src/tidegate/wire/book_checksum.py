"""The checksum of a book (5041): by it both ends of a market-data session see that they agree.

A rule of the wire: a venue computes it for what it sends, a client for what it has made of that.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

CHECKSUM_LEVELS: Final = 10  # of each side, whatever depth was subscribed


def book_checksum(asks: list[tuple[int, int]], bids: list[tuple[int, int]]) -> int:
    """CRC-32 over the digits of price and quantity, asks then bids, best first.

    Prices are counted in units of the last decimal that PricePrecision (2349) says, quantities in
    those of QtyPrecision (5010): such a number is its text without the point and leading zeros. The
    caller gives the `CHECKSUM_LEVELS` best levels of each side, or all that there are; of a book of
    single orders, a pair for each order of those levels, in the order of the queue.
    """
    text = bytearray()
    for price, quantity in asks:
        text += b"%d%d" % (price, quantity)
    for price, quantity in bids:
        text += b"%d%d" % (price, quantity)
    return crc32(text)
