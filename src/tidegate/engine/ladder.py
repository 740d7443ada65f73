"""The sorted prices of one side of a book."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

CHUNK_MAX: Final = 512  # prices of one chunk; a full one is cut in halves


class PriceLadder:
    """A set of prices (in price units, above 0), sorted, with the best at hand.

    Prices lie in chunks of bounded length, so that an insert or a removal moves a bounded number
    of neighbours however deep the book is. They are kept as keys that grow towards the best price
    (asks negated), because most changes happen near the best and the end of a list is its cheap
    end. No chunk is ever empty, so there are never more chunks than prices.
    """

    def __init__(self, *, descending: bool) -> None:
        """`descending` is for bids: the highest price is the best. Otherwise the lowest is."""
        self._sign = 1 if descending else -1
        self._chunks: list[list[int]] = []
        self._maxima: list[int] = []  # the last key of each chunk
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        """Prices from the best outward. The ladder must not change meanwhile."""
        for chunk in reversed(self._chunks):
            for key in reversed(chunk):
                yield key * self._sign

    def best(self) -> int:
        """The best price. Raises `IndexError` on an empty ladder."""
        return self._maxima[-1] * self._sign

    def insert(self, price: int) -> None:
        """Adds a price that is not there yet."""
        key = price * self._sign
        self._count += 1
        chunks = self._chunks
        maxima = self._maxima
        if not chunks:
            chunks.append([key])
            maxima.append(key)
            return
        place = bisect_left(maxima, key)
        if place == len(maxima):  # better than every price so far
            place -= 1
            chunk = chunks[place]
            chunk.append(key)
            maxima[place] = key
        else:
            chunk = chunks[place]
            position = bisect_left(chunk, key)
            assert chunk[position] != key, "price is in the ladder already"
            chunk.insert(position, key)
        if len(chunk) > CHUNK_MAX:
            half = len(chunk) // 2
            chunks.insert(place, chunk[:half])
            maxima.insert(place, chunk[half - 1])
            del chunk[:half]

    def remove(self, price: int) -> None:
        """Removes a price that is there."""
        key = price * self._sign
        place = bisect_left(self._maxima, key)
        assert place < len(self._maxima), "price is not in the ladder"
        chunk = self._chunks[place]
        position = bisect_left(chunk, key)
        assert chunk[position] == key, "price is not in the ladder"
        self._count -= 1
        chunk.pop(position)
        if not chunk:
            self._chunks.pop(place)
            self._maxima.pop(place)
        elif position == len(chunk):
            self._maxima[place] = chunk[-1]
