"""What a market-data session is answered: subscriptions, the list of instruments, trading status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.feeds.seats import Seat
from tidegate.marketdata.requests import RequestRefusal, read_market_data_request
from tidegate.marketdata.shapes import Shape, book_shape, trades_shape
from tidegate.model.rejects import MESSAGE_TYPE, refuse
from tidegate.session.machine import Session
from tidegate.venue.machine import Venue
from tidegate.venue.reports import write_business_reject
from tidegate.wire import tags
from tidegate.wire.message import Message

if TYPE_CHECKING:
    from tidegate.feeds.desk import Desk

L2_SYMBOLS_MAX: Final = 500  # that a session may be subscribed to at a time
L3_SYMBOLS_MAX: Final = 200

# MDReqRejReason (281)
_UNKNOWN_SYMBOL: Final = b"0"
_DUPLICATE_ID: Final = b"1"
_UNSUPPORTED_SCOPE: Final = b"A"


class Answers:
    """Answers by what `venue` knows, a replica that is only looked at."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def answer(self, desk: Desk, seat: Seat, message: Message, time_ns: int) -> None:
        """An application message, well formed."""
        msg_type = message.get(tags.MSG_TYPE)
        session = seat.session
        if msg_type == b"V":
            self._market_data(desk, seat, message, time_ns)
        elif msg_type != b"j":  # never answered, lest two sides refuse each other's for ever
            writer = session.begin(b"j", time_ns)
            number = message.integer(tags.MSG_SEQ_NUM)
            write_business_reject(writer, refuse(MESSAGE_TYPE), number, msg_type, b"")
            session.finish(time_ns)
            session.count_error(time_ns)

    def _market_data(self, desk: Desk, seat: Seat, message: Message, time_ns: int) -> None:
        request = read_market_data_request(message, seat.level)
        md_req_id = message.get(tags.MD_REQ_ID)
        if isinstance(request, RequestRefusal):
            _refuse(seat.session, md_req_id, request.reason, request.text, time_ns)
        elif not request.subscribe:
            desk.unsubscribe(seat, md_req_id)
        else:
            for symbol in request.symbols:
                book: Shape | None = None
                if request.book:
                    book = book_shape(symbol, seat.level, request.depth)
                desk.subscribe(
                    seat, md_req_id, symbol, book, trades_shape(symbol) if request.trades else None
                )

    def tell_instruments(self, seat: Seat, time_ns: int) -> None: ...
    def settle(self) -> None: ...


def _refuse(session: Session, md_req_id: bytes, reason: bytes, text: bytes, time_ns: int) -> None:
    """MarketDataRequestReject (35=Y)."""
    writer = session.begin(b"Y", time_ns)
    writer.text(b"262=", md_req_id)
    writer.text(b"281=", reason)
    if text:
        writer.text(b"58=", text)
    session.finish(time_ns)
    session.count_error(time_ns)
