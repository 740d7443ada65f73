"""What a market-data session asks for, and is answered: subscriptions to books and trades, the list
of instruments, the status of trading. What the requests say is read in `marketdata.requests`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.feeds.seats import Seat
from tidegate.marketdata.listing import (
    ListedInstrument,
    security_list_bodies,
    security_list_reject_body,
    selects,
    session_status,
    trading_session_body,
    trading_session_reject_body,
)
from tidegate.marketdata.requests import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    MarketDataReject,
    SecurityListReject,
    TradingSessionReject,
    market_data_reject_body,
    read_market_data_request,
    read_security_list_request,
    read_trading_session_request,
)
from tidegate.model.rejects import MESSAGE_TYPE, refuse
from tidegate.session.machine import Session
from tidegate.session.states import ACTIVE
from tidegate.venue.machine import Venue
from tidegate.venue.reports import write_business_reject
from tidegate.wire import tags
from tidegate.wire.message import Message

if TYPE_CHECKING:
    from tidegate.feeds.desk import Desk


class Answers:
    """Answers by what `venue` knows, a replica that is only looked at. Instruments are those that
    its settings name."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._last_response = 0
        self._listed: dict[bytes, bytes] = {}  # what was told last, by symbol
        self._status = 0
        self.take_markets()

    def answer(self, desk: Desk, seat: Seat, message: Message, time_ns: int) -> None:
        """An application message, well formed."""
        msg_type = message.get(tags.MSG_TYPE)
        if msg_type == b"V":
            self._market_data(desk, seat, message, time_ns)
        elif msg_type == b"x":
            self._security_list(seat, message, time_ns)
        elif msg_type == b"g":
            self._trading_session(seat, message, time_ns)
        elif msg_type != b"j":  # never answered, lest two sides refuse each other's for ever
            session = seat.session
            number = message.integer(tags.MSG_SEQ_NUM)
            writer = session.begin(b"j", time_ns)
            write_business_reject(writer, refuse(MESSAGE_TYPE), number, msg_type, b"")
            session.finish(time_ns)
            session.count_error(time_ns)

    # --- requests --------------------------------------------------------------------------------

    def _market_data(self, desk: Desk, seat: Seat, message: Message, time_ns: int) -> None:
        request = read_market_data_request(
            message,
            level=seat.level,
            known=self._listed,
            md_req_ids=seat.subscriptions,
            symbol_count=seat.symbol_count,
        )
        if isinstance(request, MarketDataReject):
            body = market_data_reject_body(message.get(tags.MD_REQ_ID), request)
            _refuse(seat.session, b"Y", body, time_ns)
        elif not request.subscribe:
            desk.unsubscribe(seat, request.md_req_id)
        else:
            for symbol in request.symbols:
                desk.subscribe(seat, request.md_req_id, symbol, request.shapes(symbol))

    def _security_list(self, seat: Seat, message: Message, time_ns: int) -> None:
        request = read_security_list_request(message, security_req_ids=seat.lists)
        if isinstance(request, SecurityListReject):
            request_id = message.get(tags.SECURITY_REQ_ID)
            body = security_list_reject_body(request_id, self._response_id(time_ns), request)
            _refuse(seat.session, b"y", body, time_ns)
            return
        if request.subscription == UNSUBSCRIBE:
            seat.lists.pop(request.security_req_id, None)
            return
        if request.subscription == SUBSCRIBE:
            seat.lists[request.security_req_id] = request
        bodies = security_list_bodies(request, self._response_id(time_ns), self._instruments())
        for body in bodies:
            _send(seat.session, b"y", body, time_ns)

    def _trading_session(self, seat: Seat, message: Message, time_ns: int) -> None:
        request = read_trading_session_request(message, subscribed_id=seat.status_id)
        if isinstance(request, TradingSessionReject):
            body = trading_session_reject_body(
                message.get(tags.TRAD_SES_REQ_ID),
                message.get(tags.TRADING_SESSION_ID),
                request.reason,
            )
            _refuse(seat.session, b"h", body, time_ns)
            return
        if request.subscribe:
            seat.status_id = request.trad_ses_req_id
        body = trading_session_body(request.trad_ses_req_id, self._status)
        _send(seat.session, b"h", body, time_ns)

    # --- news ------------------------------------------------------------------------------------

    def tell_markets(self, seats: list[Seat], time_ns: int) -> None:
        """Instruments, or the status of their markets, may have changed: tell who gets that."""
        before = self._listed
        status = self._status
        self.take_markets()
        news = [
            one
            for one in self._instruments()
            if before.get(one.instrument.symbol_text) != self._listed[one.instrument.symbol_text]
        ]
        for seat in seats:
            session = seat.session
            if session.state != ACTIVE:
                continue
            if seat.status_id and status != self._status:
                body = trading_session_body(seat.status_id, self._status)
                _send(session, b"h", body, time_ns)
            for request in seat.lists.values():
                for one in news:
                    if selects(request, one):
                        response_id = self._response_id(time_ns)
                        for body in security_list_bodies(request, response_id, [one]):
                            _send(session, b"y", body, time_ns)

    def take_markets(self) -> None:
        """Note what clients can see of the instruments as they are now."""
        listed = self._instruments()
        self._listed = {one.instrument.symbol_text: one.fields() for one in listed}
        self._status = session_status([one.state for one in listed])

    def _instruments(self) -> list[ListedInstrument]:
        engine = self._venue.engine
        return [
            ListedInstrument(instrument, engine.market_state(instrument.symbol))
            for instrument in self._venue.directory.instruments
        ]

    def _response_id(self, time_ns: int) -> bytes:
        """A SecurityResponseID (322) that no other answer of this process has."""
        self._last_response = max(self._last_response + 1, time_ns)
        return b"%d" % self._last_response


def _send(session: Session, msg_type: bytes, body: bytes, time_ns: int) -> None:
    session.begin(msg_type, time_ns).raw(body)
    session.finish(time_ns)


def _refuse(session: Session, msg_type: bytes, body: bytes, time_ns: int) -> None:
    _send(session, msg_type, body, time_ns)
    session.count_error(time_ns)
