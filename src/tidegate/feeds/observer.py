"""From what the engine tells while a replica replays to the public books.

What an order shows is looked up when its report is told, which is after the engine has done all of
a request: a book is only looked at behind a whole record, so the last word about an order is the
one that counts, however often it was told of on the way.
"""

from __future__ import annotations

from tidegate.engine.book import BookSide
from tidegate.engine.events import Event
from tidegate.engine.order import Order
from tidegate.marketdata.fold import MarketData
from tidegate.marketdata.shapes import Update
from tidegate.model.orders import EXEC_STATUS, EXEC_TRADE, TAKER
from tidegate.venue.effects import RefusalNote, SessionNote
from tidegate.venue.machine import Venue
from tidegate.venue.observing import VenueObserver
from tidegate.wire.message import Message


class BookObserver(VenueObserver):
    """Collects the updates of what `venue` replays; the owner takes them. `markets_are_new` says
    that instruments or the status of markets may have changed, `sessions_are_new` that sessions
    may have, until the owner has looked."""

    def __init__(self, venue: Venue, market_data: MarketData) -> None:
        self.venue = venue
        self.market_data = market_data
        self.updates: list[Update] = []
        self.markets_are_new = False
        self.sessions_are_new = False
        self._told = False

    def begin(self) -> None:
        """Take the books as they are, and listen from here on."""
        self.add_instruments()
        for symbol, instrument in self.venue.instruments.items():
            book = self.venue.engine.book(symbol)
            if book is not None:
                self._show_side(instrument.symbol_text, book.asks)
                self._show_side(instrument.symbol_text, book.bids)
        self.market_data.settle()
        self.venue.observe(self)

    def add_instruments(self) -> None:
        """Tell the fold of every instrument, those included that are not traded any more."""
        for instrument in self.venue.instruments.values():
            self.market_data.add_instrument(instrument)

    def take(self) -> list[Update]:
        """The updates since the last call."""
        updates = self.updates
        self.updates = []
        return updates

    # --- VenueObserver ----------------------------------------------------------------------------

    def reported(self, event: Event, exec_number: int) -> None:
        """See `VenueObserver.reported`. A match is one public trade, told by the taker's report;
        a fill by the house has no taker and is none."""
        if event.exec_type == EXEC_STATUS:
            return
        order = event.order
        symbol = order.instrument.symbol_text
        self._told = True
        if event.exec_type == EXEC_TRADE and event.liquidity == TAKER:
            self.market_data.trade(
                symbol,
                trade_id=b"%d" % event.pair_trade_number,
                price=event.last_price,
                lots=event.last_lots,
                taker_side=order.side,
                taker_ord_type=event.ord_type,
                time_ns=event.time_ns,
            )
        if order.resting:
            self._show(symbol, order)
        else:
            self.market_data.hide(symbol, order.number)

    def refused(self, note: RefusalNote, message: Message) -> None:
        """See `VenueObserver.refused`: nobody else's business."""

    def session_noted(self, note: SessionNote) -> None:
        """See `VenueObserver.session_noted`: nobody else's business."""

    def markets_changed(self) -> None:
        """See `VenueObserver.markets_changed`. Orders of a new pair may come in this very turn."""
        self.markets_are_new = True
        self.add_instruments()

    def sessions_changed(self) -> None:
        """See `VenueObserver.sessions_changed`."""
        self.sessions_are_new = True

    def applied(self) -> None:
        """See `VenueObserver.applied`."""
        if self._told:
            self._told = False
            self.updates.extend(self.market_data.flush(self.venue.now_ns))

    # --- inner works ------------------------------------------------------------------------------

    def _show_side(self, symbol: bytes, side: BookSide) -> None:
        for level in side:
            for order in level:
                self._show(symbol, order)

    def _show(self, symbol: bytes, order: Order) -> None:
        self.market_data.show(
            symbol,
            order.number,
            order.order_id,
            order.side,
            order.price,
            order.leaves_lots - order.hidden_lots,
            order.queued_ns,
            order.place,
        )
