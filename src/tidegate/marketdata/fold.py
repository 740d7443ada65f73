"""Market data as a fold: what the engine did goes in, what subscribers are to get comes out.

Whoever follows the venue tells every order that shows in a book (`show`, `hide`) and every trade,
and after each record of the journal asks what to send (`flush`). Work and memory of a flush are
those of the change, times the distinct shapes that somebody watches; how many watch a shape costs
nothing here.
"""

from __future__ import annotations

from tidegate.marketdata.books import PublicBook
from tidegate.marketdata.shapes import Shape, Update
from tidegate.model.instruments import PublicInstrument


class MarketData:
    """The public books of a venue. Prices are in the instrument's price units, quantities in lots,
    times in nanoseconds since 1970.

    A symbol that was not added is an error of the caller (`KeyError`), and so are `watch` and
    `snapshot` between a change and the flush that tells it. `l3_timestamps` has MDEntryTime (273)
    of single orders as date and time with microseconds, in place of a time of day.
    """

    def __init__(self, *, l3_timestamps: bool = False) -> None:
        self._l3_timestamps = l3_timestamps
        self._books: dict[bytes, PublicBook] = {}
        self._dirty: list[PublicBook] = []  # in the order in which they were told of

    def add_instrument(self, instrument: PublicInstrument) -> None:
        """An instrument that is new. Of one that is known nothing has to be told: a book goes by
        symbol and decimals alone, and these never change."""
        if instrument.symbol_text not in self._books:
            self._books[instrument.symbol_text] = PublicBook(
                instrument, l3_timestamps=self._l3_timestamps
            )

    # --- what the engine tells -------------------------------------------------------------------

    def show(
        self,
        symbol: bytes,
        number: int,
        order_id: bytes,
        side: int,
        price: int,
        lots: int,
        queued_ns: int,
        place: int,
    ) -> None:
        """The order of that number rests and shows `lots` (above 0) at that price: new, changed, or
        as before. `place` rises from order to order as they queue: another one than before says
        that it went to the back of a queue at `queued_ns`. Orders at one price may be told in any
        order."""
        self._told(symbol).show(number, order_id, side, price, lots, queued_ns, place)

    def hide(self, symbol: bytes, number: int) -> None:
        """The order of that number rests no more; nothing happens where it did not."""
        self._told(symbol).hide(number)

    def trade(
        self,
        symbol: bytes,
        *,
        trade_id: bytes,
        price: int,
        lots: int,
        taker_side: int,
        taker_ord_type: int,
        time_ns: int,
    ) -> None:
        """A trade; `taker_side` is Side (54), `taker_ord_type` OrdType (40)."""
        self._told(symbol).trade(trade_id, price, lots, taker_side, taker_ord_type, time_ns)

    def _told(self, symbol: bytes) -> PublicBook:
        book = self._books[symbol]
        if not book.dirty:
            book.dirty = True
            self._dirty.append(book)
        return book

    # --- what subscribers get --------------------------------------------------------------------

    def flush(self, time_ns: int) -> list[Update]:
        """What the watchers of each shape have to be sent for all that was told since the last
        flush, which happened at `time_ns`. Of one symbol trades come first."""
        updates: list[Update] = []
        if self._dirty:
            for book in self._dirty:
                book.flush(time_ns, updates)
            self._dirty = []
        return updates

    def settle(self) -> None:
        """What was told is the state in which the venue was found, not news: nobody is sent it, and
        the time of each order and level is that of its queueing, as far as anyone knows."""
        for book in self._dirty:
            book.settle()
        self._dirty = []

    def watch(self, shape: Shape) -> None:
        """One more gets what follows of that shape, from the last flush on."""
        self._books[shape.symbol].watch(shape)

    def unwatch(self, shape: Shape) -> None:
        """One less; each `watch` is undone once."""
        self._books[shape.symbol].unwatch(shape)

    def snapshot(self, shape: Shape) -> tuple[bytes, int]:
        """What a full refresh (35=W) of the shape says behind MDReqID (262) as of the last flush,
        from `268=` on, and the sum of its bytes modulo 256. Offers come first, each side from its
        best price. Of trades there is no history: theirs is empty (`268=0`)."""
        return self._books[shape.symbol].snapshot(shape)
