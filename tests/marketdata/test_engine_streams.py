"""The engine's own book against what clients make of the messages: under streams of every kind of
order, told by its reports alone."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from tests.engine.streams import Market, funded
from tests.engine.twins import SYMBOLS, Command, Twins
from tests.marketdata.model_book import fix_side, iso, size_text
from tests.marketdata.plain_book import PlainBook
from tidegate.engine.events import Event
from tidegate.engine.order import Order
from tidegate.marketdata.fold import MarketData
from tidegate.marketdata.shapes import Shape, book_shape
from tidegate.model.orders import EXEC_TRADE, TAKER

DECIMALS = 2
SHAPES = [
    book_shape(symbol.encode(), level, depth)
    for symbol in SYMBOLS
    for level, depth in ((2, 1), (2, 10), (2, 0), (3, 10), (3, 0))
]


class FollowedTwins(Twins):
    """An engine that somebody follows, as the process of market data does."""

    def __init__(self) -> None:
        super().__init__(DECIMALS)
        self.messages = 0
        self.touched: dict[int, Order] = {}
        self.follow()

    def follow(self) -> None:
        """Begin anew, from the books as they are found."""
        self.market_data = MarketData()
        for pair in self.pairs:
            self.market_data.add_instrument(pair)
            book = self.engine.book(pair.symbol)
            assert book is not None
            for side in (book.bids, book.asks):
                for level in side:
                    for order in level:
                        self.show(order)
        self.market_data.settle()
        self.touched = {}
        self.books: dict[Shape, PlainBook] = {}
        for shape in SHAPES:
            self.books[shape] = PlainBook(self.market_data.snapshot(shape)[0])
            self.market_data.watch(shape)
            self.agree(shape)

    def show(self, order: Order) -> None:
        self.market_data.show(
            order.instrument.symbol_text, order.number, order.order_id, order.side, order.price,
            order.leaves_lots - order.hidden_lots, order.queued_ns, order.place,
        )  # fmt: skip

    def reload(self) -> None:
        super().reload()
        self.follow()

    def _count(self, event: Event) -> None:
        super()._count(event)
        order = event.order
        self.touched[order.number] = order
        if event.exec_type == EXEC_TRADE and event.liquidity == TAKER:
            self.market_data.trade(
                order.instrument.symbol_text, trade_id=b"%d" % event.pair_trade_number,
                price=event.last_price, lots=event.last_lots, taker_side=order.side,
                taker_ord_type=event.ord_type, time_ns=event.time_ns,
            )  # fmt: skip

    def run(self, command: Command) -> None:
        super().run(command)
        for order in self.touched.values():
            if order.resting:
                self.show(order)
            else:
                self.market_data.hide(order.instrument.symbol_text, order.number)
        self.touched = {}
        for update in self.market_data.flush(self.model.now):
            self.messages += 1
            book = self.books[update.shape]
            checksum = book.apply(update.tail)
            if update.shape.depth != 1:
                assert checksum == book.checksum(DECIMALS)
        for shape in SHAPES:
            self.agree(shape)

    def agree(self, shape: Shape) -> None:
        """The client's book is the engine's, cut to the depth."""
        engine_book = self.engine.book(shape.symbol.decode())
        assert engine_book is not None
        for side in "01":
            levels = list(engine_book.side(fix_side(side)))[: shape.depth or None]
            held = self.books[shape].ranked(side)
            if shape.level == 2:
                rows = [(entry[270], entry[271]) for entry in held]
                assert rows == [(text(one.price), size_text(one.total_lots)) for one in levels]
            else:
                queued = [(e[278], e[270], e[271], e[5273]) for e in held]
                assert queued == [
                    (
                        order.order_id.decode(),
                        text(order.price),
                        size_text(order.leaves_lots - order.hidden_lots),
                        iso(order.queued_ns),
                    )
                    for level in levels
                    for order in level
                ]
                for one, other in pairwise(queued):
                    assert one[1] != other[1] or one[3] <= other[3]


def text(price: int) -> str:
    return f"{price // 100}.{price % 100:02d}"


@pytest.mark.parametrize("seed", range(1, 5))
def test_clients_have_the_engines_book(seed: int) -> None:
    market = Market(Random(seed))
    twins = FollowedTwins()
    for command in funded(DECIMALS, 3_000, 1_000):
        twins.run(command)
    for _ in range(1_500):
        twins.run(market.next_command(twins))
    assert twins.messages > 700
    for what in "CDF45":
        assert twins.told[what] > 3, what
