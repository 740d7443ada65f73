"""The book alone: priority, totals, and no leftovers of empty levels."""

from __future__ import annotations

from random import Random

from tests.engine.engine_harness import instrument, make_order
from tidegate.engine.book import BookSide, OrderBook
from tidegate.engine.order import Order
from tidegate.engine.spot import SpotEngine
from tidegate.model.orders import BUY, SELL


def maker() -> SpotEngine:
    engine = SpotEngine()
    engine.add_instrument(instrument())
    return engine


def layout(side: BookSide) -> list[tuple[int, int, int, list[int]]]:
    """Price, lots, count and order numbers of each level, best first."""
    return [
        (level.price, level.total_lots, level.count, [order.number for order in level])
        for level in side
    ]


def orders(*rows: tuple[int, int, int]) -> list[Order]:
    engine = maker()
    found = []
    for side, lots, price in rows:
        found.append(make_order(engine, side, lots, price))
        engine.next_order_number += 1
    return found


def test_price_then_time() -> None:
    book = OrderBook()
    for order in orders(
        (BUY, 5, 100), (BUY, 6, 101), (BUY, 7, 100), (SELL, 8, 103), (SELL, 9, 102)
    ):
        book.add(order, 0)
    assert layout(book.bids) == [(101, 6, 1, [2]), (100, 12, 2, [1, 3])]
    assert layout(book.asks) == [(102, 9, 1, [5]), (103, 8, 1, [4])]


def test_first_match_is_the_oldest_at_the_best_price_within_the_limit() -> None:
    book = OrderBook()
    rows = orders((BUY, 5, 100), (BUY, 6, 100), (SELL, 8, 103))
    for order in rows:
        book.add(order, 0)
    assert book.first_match(SELL, 101) is None
    assert book.first_match(SELL, 100) is rows[0]
    assert book.first_match(SELL, 1) is rows[0]
    assert book.first_match(BUY, 102) is None
    assert book.first_match(BUY, 103) is rows[2]


def test_remove_from_front_middle_and_back() -> None:
    book = OrderBook()
    rows = orders(*[(SELL, 10, 50)] * 5)
    for order in rows:
        book.add(order, 0)
    for index, left in ((2, [1, 2, 4, 5]), (0, [2, 4, 5]), (4, [2, 4]), (3, [2])):
        book.remove(rows[index])
        assert layout(book.asks) == [(50, 10 * len(left), len(left), left)]
        assert not rows[index].resting
        assert rows[index].previous is None
        assert rows[index].next is None
    book.remove(rows[1])
    assert layout(book.asks) == []
    assert book.asks.best is None
    assert book.asks.level(50) is None
    assert len(book.asks) == 0


def test_reduce_keeps_the_place() -> None:
    book = OrderBook()
    rows = orders((BUY, 10, 50), (BUY, 20, 50))
    for order in rows:
        book.add(order, 0)
    book.reduce(rows[0], 4)
    rows[0].qty_lots = 6
    assert layout(book.bids) == [(50, 26, 2, [1, 2])]
    book.remove(rows[0])
    assert layout(book.bids) == [(50, 20, 1, [2])]


def test_random_book_against_sorting() -> None:
    random = Random(3)
    engine = maker()
    book = OrderBook()
    resting: list[Order] = []
    for _ in range(4000):
        if resting and random.random() < 0.48:
            book.remove(resting.pop(random.randrange(len(resting))))
        else:
            side = random.choice((BUY, SELL))
            price = random.randint(1, 40) + (50 if side == SELL else 0)
            order = make_order(engine, side, random.randint(1, 9), price)
            engine.next_order_number += 1
            book.add(order, 0)
            resting.append(order)
        for side in (BUY, SELL):
            prices = {order.price for order in resting if order.side == side}
            expected = []
            for price in sorted(prices, reverse=side == BUY):
                queue = [o for o in resting if o.side == side and o.price == price]
                lots = sum(order.qty_lots for order in queue)
                expected.append((price, lots, len(queue), [order.number for order in queue]))
            assert layout(book.side(side)) == expected
            best = book.side(side).best
            assert (best.price if best else None) == (expected[0][0] if expected else None)
