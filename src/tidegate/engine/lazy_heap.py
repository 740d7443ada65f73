"""A heap whose entries can be taken out, and changed, from the middle."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

NO_KEY: Final = (1 << 62) - 1  # above every key: times, prices and sums of prices
_SPARE: Final = 64  # dead entries that are not worth a clean-up


class LazyHeap:
    """Numbers, each with a key: the least key comes first, then the least number. `first_key` is
    always exact, and `NO_KEY` where nothing is there.

    An entry that was taken out stays in the heap until it comes to the top or dead entries are the
    most: every operation costs O(log n), amortised, and the memory stays within twice what lives.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._keys: dict[int, int] = {}
        self.first_key = NO_KEY

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, number: int, key: int) -> None:
        """Adds a number, or changes its key."""
        self._keys[number] = key
        heappush(self._heap, (key, number))
        self._settle()

    def discard(self, number: int) -> None:
        """Takes a number out, if it is there."""
        if self._keys.pop(number, NO_KEY) != NO_KEY:
            self._settle()

    def first(self) -> int:
        """The number that comes first. Raises `IndexError` where nothing is there."""
        return self._heap[0][1]

    def pop(self) -> int:
        """Takes out the number that comes first. Raises `IndexError` where nothing is there."""
        number = heappop(self._heap)[1]
        del self._keys[number]
        self._settle()
        return number

    def take_from(self, other: LazyHeap) -> list[int]:
        """Moves everything here from another heap; the numbers moved, in the order in which they
        were put."""
        for number, key in other._keys.items():
            self._keys[number] = key
            heappush(self._heap, (key, number))
        self._settle()
        return list(other._keys)

    def _settle(self) -> None:
        """Makes the top a live entry, and the dead ones the fewer."""
        heap = self._heap
        keys = self._keys
        if len(heap) > 2 * len(keys) + _SPARE:
            heap = [(key, number) for number, key in keys.items()]
            heapify(heap)
            self._heap = heap
        while heap:
            key, number = heap[0]
            if keys.get(number, NO_KEY) == key:
                self.first_key = key
                return
            heappop(heap)
        self.first_key = NO_KEY
