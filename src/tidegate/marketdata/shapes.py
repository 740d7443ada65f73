"""What a subscriber of market data gets, as a value: equal shapes get the same bytes."""

from __future__ import annotations

from typing import Final

LEVEL_2: Final = 2  # price levels
LEVEL_3: Final = 3  # orders

L2_DEPTH_MAX: Final = 1_000
L2_DEPTHS: Final = (1, 10, 25, 100, 500, L2_DEPTH_MAX)
L3_DEPTHS: Final = (0, 10, 100, 1_000)


class Shape:
    """The book of one symbol to a depth, or, without `book`, its trades. `depth` counts price
    levels of a side; 0 is all of them at Level 3 and 1,000 at Level 2. Shapes are values: they
    compare and hash by what they say. Never change one."""

    def __init__(self, symbol: bytes, level: int, depth: int, *, book: bool) -> None:
        self.symbol = symbol
        self.level = level
        self.depth = L2_DEPTH_MAX if book and level == LEVEL_2 and depth == 0 else depth
        self.book = book
        self._key = b"%d %d %d %s" % (level, self.depth, book, symbol)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self._key == other._key


def book_shape(symbol: bytes, level: int, depth: int) -> Shape:
    """A book; `level` is LEVEL_2 or LEVEL_3."""
    return Shape(symbol, level, depth, book=True)


def trades_shape(symbol: bytes) -> Shape:
    """The trades of a symbol: one shape, whatever depth was asked for along with them."""
    return Shape(symbol, LEVEL_2, 0, book=False)


class Update:
    """An incremental refresh (35=X) for every subscriber of a shape. `tail` is all of it behind
    MDReqID (262), from `268=` to the last SOH before `10=`; `tail_sum` the sum of its bytes modulo
    256, for CheckSum (10)."""

    def __init__(self, shape: Shape, tail: bytes, tail_sum: int) -> None:
        self.shape = shape
        self.tail = tail
        self.tail_sum = tail_sum
