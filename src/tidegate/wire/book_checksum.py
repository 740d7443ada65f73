"""The checksum of a book (5041): by it both ends of a market-data session see that they agree.

A rule of the wire: a venue states it of what it sends, a client compares what it has made of that.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

CHECKSUM_LEVELS: Final = 10  # of each side, whatever depth was subscribed


def book_checksum(
    asks: list[tuple[bytes, bytes]],
    bids: list[tuple[bytes, bytes]],
    price_decimals: int,
    qty_decimals: int,
) -> int:
    """CRC-32 over price and size of each entry, asks then bids, best first. The texts are those of
    messages; of a book of single orders there is an entry for each, in the order of the queue.
    What is beyond the tenth price of a side does not count. The decimals are the instrument's
    PricePrecision (2349) and QtyPrecision (5010)."""
    digits = bytearray()
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
            digits += price
            digits += _digits(size_text, qty_decimals)
    return crc32(digits)


def _digits(text: bytes, decimals: int) -> bytes:
    """A decimal's digits as if it had so many decimals, without the point and leading zeros."""
    whole, _, fraction = text.partition(b".")
    return (whole + fraction[:decimals].ljust(decimals, b"0")).lstrip(b"0")
