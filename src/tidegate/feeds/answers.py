"""What a market-data session asks for, and is answered: subscriptions to books and trades, the list
of instruments, the status of trading. What the requests say is read in `marketdata.requests`.

Until the replica is where the venue is, there is nothing to tell. Who asks for the list or the
status then is told so, and is sent it later where that was asked for; requests for books wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.feeds.news import NO_STATUS, MarketNews, News
from tidegate.feeds.seats import Seat
from tidegate.marketdata.listing import (
    ListedInstrument,
    ListedMarket,
    ResponseIds,
    security_list_bodies,
    security_list_reject_body,
    selects,
    trading_session_body,
    trading_session_reject_body,
)
from tidegate.marketdata.requests import (
    LIST_UNAVAILABLE,
    SUBSCRIBE,
    UNSUBSCRIBE,
    MarketDataReject,
    SecurityListReject,
    SecurityListRequest,
    TradingSessionReject,
    market_data_reject_body,
    read_market_data_request,
    read_security_list_request,
    read_trading_session_request,
)
from tidegate.model.limits import EARLY_REQUEST_BYTES_MAX, REQUEST_ID_BYTES_MAX
from tidegate.model.rejects import MESSAGE_TYPE, refuse
from tidegate.session.machine import Session
from tidegate.session.states import ACTIVE
from tidegate.venue.machine import Venue
from tidegate.venue.reports import write_business_reject
from tidegate.wire import tags
from tidegate.wire.message import Message
from tidegate.wire.validation import REQUIRED_TAG_MISSING, Fault

NOT_YET: Final = b"Market data is not available yet"
_NO_MARKET: Final = ListedMarket([])  # of which nothing is known

if TYPE_CHECKING:
    from tidegate.feeds.desk import Desk


class Answers:
    """Answers by what `venue` knows, a replica that is only looked at. Instruments are those that
    its settings name. `lone_symbol` lets a request for market data name one symbol without
    NoRelatedSym (146). Without `is_open` the replica is behind, until `open`."""

    def __init__(self, venue: Venue, *, lone_symbol: bool = True, is_open: bool = True) -> None:
        self._venue = venue
        self._lone_symbol = lone_symbol
        self.is_open = is_open
        self._response_ids = ResponseIds()
        self.news = News(self._response_ids)
        self._markets: dict[str, ListedMarket] = {}  # as they were told last
        self._take_markets()

    def answer(self, desk: Desk, seat: Seat, message: Message, time_ns: int) -> None:
        """An application message, well formed."""
        msg_type = message.get(tags.MSG_TYPE)
        if msg_type == b"V":
            if self.is_open:
                self._market_data(desk, seat, message, time_ns)
            else:
                _hold(seat, message, time_ns)
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
        lone = not self._lone_symbol and not message.has(tags.NO_RELATED_SYM)
        if lone and message.char(tags.SUBSCRIPTION_REQUEST_TYPE) != UNSUBSCRIBE:
            _refuse_lone_symbol(seat.session, message, time_ns)
            return
        request = read_market_data_request(
            message,
            level=seat.level,
            market=seat.market,
            known=self._venue.directory.instrument_by_symbol,
            md_req_ids=seat.subscriptions,
            symbol_count=seat.symbol_count,
        )
        if isinstance(request, MarketDataReject):
            body = market_data_reject_body(message.get(tags.MD_REQ_ID), request)
            _refuse(seat.session, b"Y", body, time_ns)
        elif not request.subscribe:
            desk.unsubscribe(seat, request.md_req_id)
        else:
            for spelling in request.symbols:
                desk.subscribe(seat, request.md_req_id, spelling, request.shapes(spelling))

    def _security_list(self, seat: Seat, message: Message, time_ns: int) -> None:
        request = read_security_list_request(message, security_req_ids=seat.lists)
        if isinstance(request, SecurityListReject):
            request_id = message.get(tags.SECURITY_REQ_ID)
            body = security_list_reject_body(request_id, self._response_ids.take(time_ns), request)
            _refuse(seat.session, b"y", body, time_ns)
            return
        if request.subscription == UNSUBSCRIBE:
            seat.lists.pop(request.security_req_id, None)
            return
        if request.subscription == SUBSCRIBE:
            seat.lists[request.security_req_id] = request
        if self.is_open:
            self._tell_list(seat, request, time_ns)
            return
        unavailable = SecurityListReject(LIST_UNAVAILABLE, NOT_YET)
        body = security_list_reject_body(
            request.security_req_id, self._response_ids.take(time_ns), unavailable
        )
        _send(seat.session, b"y", body, time_ns)

    def _tell_list(self, seat: Seat, request: SecurityListRequest, time_ns: int) -> None:
        instrument = self._venue.directory.instrument_by_symbol.get(request.symbol)
        if instrument is not None:  # under an older spelling, maybe
            request.symbol = instrument.symbol_text
        listed = self._markets.get(seat.market, _NO_MARKET).instruments
        found = any(selects(request, one) for one in listed)
        if request.subscription == SUBSCRIBE and not found:
            del seat.lists[request.security_req_id]  # there will never be news of it
        bodies = security_list_bodies(request, self._response_ids.take(time_ns), listed)
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
        self._tell_status(seat, request.trad_ses_req_id, time_ns)

    def _tell_status(self, seat: Seat, trad_ses_req_id: bytes, time_ns: int) -> None:
        market = self._markets.get(seat.market, _NO_MARKET) if self.is_open else _NO_MARKET
        _send(seat.session, b"h", trading_session_body(trad_ses_req_id, market.status), time_ns)

    # --- news ------------------------------------------------------------------------------------

    def open(self, desk: Desk, time_ns: int) -> None:
        """The replica has caught up: answer what could not be answered before."""
        self.is_open = True
        self._take_markets()
        for seat in desk.seats:
            held = seat.held
            seat.held = []
            seat.held_bytes = 0
            if seat.session.state != ACTIVE:
                continue
            if seat.status_id:
                self._tell_status(seat, seat.status_id, time_ns)
            for request in list(seat.lists.values()):
                self._tell_list(seat, request, time_ns)
            message = desk.tools.message
            for frame in held:
                if seat.session.state == ACTIVE:  # too many refusals may end it
                    message.scan(frame)
                    self._market_data(desk, seat, message, time_ns)

    def tell_markets(self, desk: Desk, time_ns: int) -> None:
        """Instruments, or the status of their markets, may have changed: whoever gets that is told
        with the next steps."""
        before = self._markets
        self._take_markets()
        news: dict[str, MarketNews] = {}
        for name, market in self._markets.items():
            known = before.get(name, _NO_MARKET)
            instruments = market.changed_since(known)
            status = market.status if market.status != known.status else NO_STATUS
            if instruments or status != NO_STATUS:
                news[name] = MarketNews(instruments, status)
        if news:
            self.news.add(desk, news, time_ns)

    def _take_markets(self) -> None:
        """Note what clients can see of the instruments as they are now. A market that had some
        stays, without any."""
        engine = self._venue.engine
        found: dict[str, list[ListedInstrument]] = {name: [] for name in self._markets}
        for instrument in self._venue.directory.instruments:
            one = ListedInstrument(instrument, engine.market_state(instrument.symbol))
            found.setdefault(instrument.market, []).append(one)
        self._markets = {name: ListedMarket(listed) for name, listed in found.items()}


def _hold(seat: Seat, message: Message, time_ns: int) -> None:
    """Keep a request for market data until there are books; more of them than a client needs are
    refused."""
    if seat.held_bytes + len(message.data) <= EARLY_REQUEST_BYTES_MAX:
        seat.held.append(message.data)
        seat.held_bytes += len(message.data)
        return
    number = message.integer(tags.MSG_SEQ_NUM)
    shown = message.get(tags.MD_REQ_ID)[:REQUEST_ID_BYTES_MAX]
    body = b"45=%d\x0158=%s\x01372=V\x01379=%s\x01380=4\x01" % (number, NOT_YET, shown)
    _refuse(seat.session, b"j", body, time_ns)


def _refuse_lone_symbol(session: Session, message: Message, time_ns: int) -> None:
    """What the dictionary would say if it knew of no leniency."""
    text = b"Missing mandatory field: NoRelatedSym (146)"
    fault = Fault(REQUIRED_TAG_MISSING, tags.NO_RELATED_SYM, text)
    session.reject(message.integer(tags.MSG_SEQ_NUM), b"V", fault, b"field", time_ns)
    session.count_error(time_ns)


def _send(session: Session, msg_type: bytes, body: bytes, time_ns: int) -> None:
    session.begin(msg_type, time_ns).raw(body)
    session.finish(time_ns)


def _refuse(session: Session, msg_type: bytes, body: bytes, time_ns: int) -> None:
    _send(session, msg_type, body, time_ns)
    session.count_error(time_ns)
