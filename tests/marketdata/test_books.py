"""After every message, at every depth, a client has the venue's book and the checksum agrees."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.marketdata.model_book import DECIMALS, SYMBOL, ModelBook, fix_side
from tests.marketdata.plain_book import PlainBook
from tidegate.marketdata.checksum import book_checksum
from tidegate.marketdata.shapes import L2_DEPTHS, L3_DEPTHS, Shape, book_shape
from tidegate.model.orders import BUY, SELL
from tidegate.wire.framing import byte_sum

SHAPES = [
    *(book_shape(SYMBOL, 2, depth) for depth in L2_DEPTHS),
    *(book_shape(SYMBOL, 3, depth) for depth in L3_DEPTHS),
]
MIDDLE = 100_000


class Clients:
    """One client for each shape that is watched, held against the model after every record."""

    def __init__(self, model: ModelBook) -> None:
        self.model = model
        self.books: dict[Shape, PlainBook] = {}
        self.messages = 0
        self.pushed = 0

    def watch(self, shape: Shape) -> None:
        tail, tail_sum = self.model.market_data.snapshot(shape)
        assert tail_sum == byte_sum(tail, 0, len(tail)) == sum(tail) % 256
        self.books[shape] = PlainBook(tail)
        self.model.market_data.watch(shape)
        self.check(shape)

    def unwatch(self, shape: Shape) -> None:
        self.model.market_data.unwatch(shape)
        del self.books[shape]

    def flush(self) -> None:
        model = self.model
        updates = model.market_data.flush(model.now_ns)
        model.told()
        assert len({update.shape for update in updates}) == len(updates)
        for update in updates:
            assert update.tail_sum == sum(update.tail) % 256
            book = self.books[update.shape]
            checksum = book.apply(update.tail)
            self.messages += 1
            self.pushed += len(book.pushed)
            if book.pushed:
                self.check_pushed(update.shape, book)
            if update.shape.depth == 0 or update.shape.depth >= 10:
                assert checksum == book.checksum(DECIMALS)
                sides = [
                    [(entry[270].encode(), entry[271].encode()) for entry in book.ranked(side)]
                    for side in "10"
                ]
                assert checksum == str(book_checksum(sides[0], sides[1], DECIMALS, 8))
        for shape in self.books:
            self.check(shape)

    def check(self, shape: Shape) -> None:
        """The client's book is the venue's cut to the depth, and a snapshot says the same."""
        again = PlainBook(self.model.market_data.snapshot(shape)[0])
        for side in "01":
            tags = (278, 270, 271, 273, 5060, 5273) if shape.level == 3 else (278, 270, 271, 273)
            cut = self.model.queue if shape.level == 3 else self.model.levels
            expected = cut(fix_side(side), shape.depth)
            for book in (self.books[shape], again):
                held = [tuple(entry[tag] for tag in tags) for entry in book.ranked(side)]
                assert held == expected

    def check_pushed(self, shape: Shape, book: PlainBook) -> None:
        """What left with a size is still in the book, beyond the window."""
        model = self.model
        cut = model.queue if shape.level == 3 else model.levels
        beyond: set[str] = set()
        for side in (BUY, SELL):
            inside = len(cut(side, shape.depth))
            beyond |= {row[0] for row in cut(side, 0 if shape.level == 3 else 10**6)[inside:]}
        assert beyond.issuperset(book.pushed)


def filled_model(levels: int, random: Random) -> ModelBook:
    """So many levels a side, a tick apart, with one to three orders each."""
    model = ModelBook()
    for rank in range(levels):
        for side, price in ((BUY, MIDDLE - 1 - rank), (SELL, MIDDLE + 1 + rank)):
            for _ in range(random.choice((1, 1, 2, 3))):
                model.add(side, price, random.randint(1, 10**9))
    model.market_data.settle()
    model.told()
    return model


def change(model: ModelBook, random: Random, around: list[int]) -> None:
    """One change of the book, mostly near the ranks at which windows end."""
    side = random.choice((BUY, SELL))
    prices = model.prices(side)
    rank = max(0, random.choice(around) + random.randint(-2, 2))
    near = prices[min(rank, len(prices) - 1)] if prices else MIDDLE
    price = near + random.randint(-2, 2)
    numbers = [o.number for o in model.orders.values() if o.side == side]
    here = [n for n in numbers if model.orders[n].price == near]
    kind = random.random()
    if not here or kind < 0.35:
        model.add(side, price, random.randint(1, 10**9))
    elif kind < 0.5:
        model.resize(random.choice(here), random.randint(1, 10**9))
    elif kind < 0.65:
        number = random.choice(here)
        where = random.choice((near, price))
        model.requeue(number, where, random.randint(1, 10**9))
    elif kind < 0.8:
        model.remove(random.choice(here))
    else:  # a whole level goes
        for number in here:
            model.remove(number)


@given(
    seed=st.integers(0, 2**32),
    levels=st.sampled_from([0, 1, 2, 9, 10, 11, 24, 26]),
    records=st.lists(st.integers(1, 6), min_size=1, max_size=12),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_client_has_the_book(seed: int, levels: int, records: list[int]) -> None:
    play(seed, levels, records, [0, 0, 1, 2, 9, 10, 11, 24, 25])


@pytest.mark.parametrize("levels", [99, 101, 499, 500, 501, 999, 1000, 1002])
def test_every_client_has_the_book_at_the_end_of_large_windows(levels: int) -> None:
    play(levels, levels, [1, 2, 30, 1], [0, levels, levels - 2, 10, 99, 499])


def play(seed: int, levels: int, records: list[int], around: list[int]) -> None:
    random = Random(seed)
    model = filled_model(levels, random)
    clients = Clients(model)
    for changes in records:
        for shape in SHAPES:  # they come when they like, and most stay
            if shape not in clients.books:
                if random.random() < 0.8:
                    clients.watch(shape)
            elif random.random() < 0.05:
                clients.unwatch(shape)
        model.now_ns += random.choice((0, 1, 999_999, 1_000_000, 37 * 10**9))
        for _ in range(changes):
            change(model, random, around)
        clients.flush()


def test_the_storm_has_what_it_is_about() -> None:
    """Messages at every depth, and levels that leave windows with their size."""
    random = Random(5)
    model = filled_model(30, random)
    clients = Clients(model)
    for shape in SHAPES:
        clients.watch(shape)
    for _ in range(120):
        model.now_ns += 10**6
        change(model, random, [0, 10, 25])
        clients.flush()
    assert clients.messages > 500
    assert clients.pushed > 20


def test_orders_of_one_price_may_be_told_in_any_order() -> None:
    """Whoever follows the venue tells what a record touched, in its own order."""
    model = ModelBook()
    clients = Clients(model)
    shape = book_shape(SYMBOL, 3, 0)
    clients.watch(shape)
    show = model.market_data.show
    for place in (3, 1, 2):
        show(SYMBOL, place, b"N%d" % place, BUY, 100, place, model.now_ns, place)
    (update,) = model.market_data.flush(model.now_ns)
    book = clients.books[shape]
    book.apply(update.tail)
    assert [entry[278] for entry in book.ranked("0")] == ["N1", "N2", "N3"]
    again = PlainBook(model.market_data.snapshot(shape)[0])
    assert again.sides == book.sides
