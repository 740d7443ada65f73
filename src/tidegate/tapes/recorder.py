"""A venue's journal as a tape: what rested, what became of it, and who traded with it.

The turns are replayed by a venue of the recorder's own, as the history does it, while the venue
runs or when it is stopped. A row tells what the book saw, not what a client asked for: an order
that trades when it comes is its trades, one row a price, and, where it rests with what is left, an
add behind them. So the tape played into an empty market gives the same trades again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tidegate.engine.book import BookSide
from tidegate.engine.events import Event
from tidegate.engine.order import Order
from tidegate.journal import LOG_END, OsStorage, segment_positions
from tidegate.model.instruments import Instrument
from tidegate.model.orders import BUY, EXEC_CANCELED, EXEC_EXPIRED, EXEC_TRADE, TAKER, trade_id_text
from tidegate.model.scaled import LOT_DECIMALS, to_text
from tidegate.model.time import iso_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.replica import Replica
from tidegate.tapes.events import ADD, CANCEL, FILL, MODIFY, TRADE, TapeError
from tidegate.venue.effects import RefusalNote, SessionNote
from tidegate.venue.machine import Venue
from tidegate.venue.observing import VenueObserver
from tidegate.wire.message import Message

COLUMNS: Final = (
    "time_ns", "symbol", "action", "side", "price", "size", "order_id", "display_size", "trade_id",
)  # fmt: skip
READ_BYTES_MAX: Final = 1024 * 1024  # of the journal at once
LOOK_BYTES_MAX: Final = 16 * 1024  # the same, to find a pair: the first turn names most
FROM_START: Final = 0
FROM_NOW: Final = 1 << 63  # later than any time that a journal tells

TapeRow = tuple[int, str, str, str, str, str, str, str, str]
"""In the order of `COLUMNS`; empty where there is no such thing."""

Told = tuple[int, int, int]
"""Of an order in the book: price, leaves and display quantity."""


class Recorder(VenueObserver):
    """Collects the rows of what `venue` replays. `symbol` is the one pair to record, or empty."""

    def __init__(self, venue: Venue, symbol: str = "") -> None:
        self.venue = venue
        self.rows: list[TapeRow] = []
        self._symbol = symbol
        self._resting: dict[int, Told] = {}  # as told last, by number
        self._touched: dict[int, Order] = {}
        self._maker: Event | None = None  # its trade waits for the taker's side
        self._sweep: list[Event] = []  # the taker's, of one order at one price
        self._sweep_makers: list[Order] = []

    def begin(self) -> None:
        """Tell of the book as it is, in the order of its queues, and listen from here on. An order
        that has shown a part of what it hides is told with what it shows at most."""
        for symbol in self.venue.instruments:
            book = self.venue.engine.book(symbol)
            if book is not None and self._symbol in ("", symbol):
                self._add_side(book.bids)
                self._add_side(book.asks)
        self.venue.observe(self)

    def _add_side(self, side: BookSide) -> None:
        for level in side:
            for order in level:
                self._rests(order, _told(order))

    def reported(self, event: Event, exec_number: int) -> None:
        """See `VenueObserver.reported`."""
        order = event.order
        if self._symbol and order.instrument.symbol != self._symbol:
            return
        if event.exec_type == EXEC_TRADE:
            self._trade(event)
        elif event.exec_type in (EXEC_CANCELED, EXEC_EXPIRED):
            self._gone(order)  # at once: what trades next must not meet it
        self._touched[order.number] = order

    def refused(self, note: RefusalNote, message: Message) -> None:
        """See `VenueObserver.refused`."""

    def session_noted(self, note: SessionNote) -> None:
        """See `VenueObserver.session_noted`."""

    def applied(self) -> None:
        """What the record has left in the book."""
        self._maker = None  # one alone is a fill by the house: the order is smaller, or gone
        self._end_sweep()
        for order in self._touched.values():
            if order.resting:
                self._rests(order, _told(order))
            else:
                self._gone(order)
        self._touched.clear()

    def _trade(self, event: Event) -> None:
        """A match is told twice, the maker's side first."""
        if event.liquidity != TAKER:
            self._maker = event
            return
        maker = self._maker
        assert maker is not None, "a trade has two sides"
        self._maker = None
        self._gone(event.order)  # an amend has made an order that rested trade
        # What an order has left behind in this very record may be met by one that it released.
        met = (maker.price, maker.leaves_lots + maker.last_lots, maker.display_lots)
        self._rests(maker.order, met)
        if self._sweep and (self._sweep[0].order, self._sweep[0].last_price) != (
            event.order,
            event.last_price,
        ):
            self._end_sweep()
        self._sweep.append(event)
        self._sweep_makers.append(maker.order)
        if maker.leaves_lots:
            self._resting[maker.order.number] = (met[0], maker.leaves_lots, met[2])
        else:
            del self._resting[maker.order.number]

    def _end_sweep(self) -> None:
        """One row for what an order took at one price, and one for each order that it met."""
        sweep, self._sweep = self._sweep, []
        makers, self._sweep_makers = self._sweep_makers, []
        if not sweep:
            return
        taken = sum(event.last_lots for event in sweep)
        price = sweep[0].last_price
        self._write(TRADE, sweep[0].order, (price, taken, 0))
        for event, maker in zip(sweep, makers, strict=True):
            trade_id = trade_id_text(event.trade_number).decode()
            self._write(FILL, maker, (price, event.last_lots, 0), trade_id)

    def _rests(self, order: Order, now: Told) -> None:
        told = self._resting.get(order.number)
        if told != now:
            self._end_sweep()
            self._resting[order.number] = now
            self._write(ADD if told is None else MODIFY, order, now)

    def _gone(self, order: Order) -> None:
        told = self._resting.pop(order.number, None)
        if told is not None:
            self._end_sweep()
            self._write(CANCEL, order, (told[0], told[1], 0))

    def _write(self, action: str, order: Order, what: Told, trade_id: str = "") -> None:
        instrument = order.instrument
        price, lots, display = what
        display = min(display, lots)  # of what is left it can show no more than that
        self.rows.append(
            (
                self.venue.now_ns,
                instrument.symbol,
                action,
                "B" if order.side == BUY else "A",
                to_text(price, instrument.price_decimals),
                to_text(lots, LOT_DECIMALS),
                order.order_id.decode(),
                to_text(display, LOT_DECIMALS) if display else "",
                trade_id,
            )
        )


def _told(order: Order) -> Told:
    return order.price, order.leaves_lots, order.display_lots


class JournalTape:
    """The tape of a data directory from a time on, as it grows. It begins with the book as it is
    behind the first turn of the journal at or after `since_ns`; `has_begun` tells whether there is
    such a turn yet.

    Raises `TapeError` where what is left of the journal begins later than that, and for a symbol
    that names none of its pairs, `ReplicaRefused`, `JournalError`.
    """

    def __init__(self, data: Path, symbol: str = "", since_ns: int = FROM_START) -> None:
        """`symbol` may be an older spelling, such as XBT/USD; empty for all pairs."""
        self._since_ns = since_ns
        self._replica = _replica_at(data, since_ns)
        if symbol:
            symbol = self._symbol_of(data, symbol)
        self._recorder = Recorder(self._replica.venue, symbol)
        self.has_begun = False
        if since_ns == FROM_START:
            self._begin()

    def read(self) -> Iterator[list[TapeRow]]:
        """Rows up to where the journal ends now, in pieces, empty ones too; call it again for what
        comes later. Raises `ReplicaRefused`, `JournalError`."""
        while True:
            batches = self._replica.follower.read(READ_BYTES_MAX)
            for batch in batches:
                self._begin_if_due()
                self._replica.replay(batch)
            if not batches:
                self._begin_if_due(at_end=True)
            rows, self._recorder.rows = self._recorder.rows, []
            yield rows
            if not batches:
                return

    def close(self) -> None:
        """Give the journal's file back."""
        self._replica.close()

    def _symbol_of(self, data: Path, name: str) -> str:
        """The symbol of the pair that the venue knows by that name, at the beginning or later."""
        found = _pair_named(self._replica.venue, name)
        if found is None:
            try:
                found = _pair_to_come(data, name, self._since_ns)
            except BaseException:
                self.close()
                raise
        return found.symbol

    def _begin_if_due(self, *, at_end: bool = False) -> None:
        is_due = self._replica.venue.now_ns >= self._since_ns
        if not self.has_begun and (is_due or (at_end and self._since_ns == FROM_NOW)):
            self._begin()

    def _begin(self) -> None:
        self.has_begun = True
        self._recorder.begin()


def _pair_to_come(data: Path, name: str, since_ns: int) -> Instrument:
    """The pair that is first known by that name behind that time. Raises `TapeError`."""
    replica = _replica_at(data, since_ns)
    try:
        found = _pair_named(replica.venue, name)
        while found is None and (batches := replica.follower.read(LOOK_BYTES_MAX)):
            for batch in batches:
                replica.replay(batch)
            found = _pair_named(replica.venue, name)
    finally:
        replica.close()
    if found is None:
        known = ", ".join(sorted(replica.venue.instruments))
        raise TapeError(f"the venue has no pair {name}; --symbol names one of {known}")
    return found


def _pair_named(venue: Venue, name: str) -> Instrument | None:
    """One that the settings no longer name will do, by its own symbol."""
    return venue.directory.instrument_by_symbol.get(name.encode()) or venue.instruments.get(name)


def _replica_at(data: Path, since_ns: int) -> Replica:
    """Of the newest snapshot at or before that time, or the empty venue, from where on the journal
    is there."""
    segments = segment_positions(OsStorage(), data / JOURNAL_DIRECTORY)
    first = segments[0] if segments else 0
    if since_ns == FROM_START and first == 0:
        return Replica(data, at_most=0)
    earliest_ns = -1
    at_most = LOG_END
    while True:
        replica = Replica(data, at_most)
        now_ns, position = replica.venue.now_ns, replica.position
        if position < first:
            replica.close()
            break
        if now_ns <= since_ns:
            return replica
        replica.close()
        earliest_ns = now_ns
        at_most = position - 1
    if earliest_ns < 0:
        raise TapeError("the journal's older segments are gone, and no snapshot reaches the rest")
    raise TapeError(
        f"the journal's older segments are gone: a tape can begin at "
        f"{iso_timestamp(earliest_ns).decode()} at the earliest, with --since"
    )
