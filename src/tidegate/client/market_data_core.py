"""A market-data session as a pure machine: subscriptions go out, books come in.

    core.subscribe(["BTC/USD"], now, depth=10)
    for event in core.take_events():
        for update in core.apply(event, now): ...

and what every session has (`client.session_core`). `apply` brings the books up to one event, so
that whoever handles an update sees the book as it was then, however many wait behind it.

A venue forgets subscriptions with the line, and nothing of market data is sent again. So after each
logon all that is wanted is asked for anew, each under a fresh MDReqID (262); what still comes under
an older one is let pass. The same heals a book that turns out to be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from tidegate.client.book import BookFault, level_or_order_book
from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import (
    ClientEvent,
    Disconnected,
    LoggedOut,
    MessagesMissed,
    business_reject,
    session_reject,
)
from tidegate.client.market_data_messages import (
    Instrument,
    InstrumentList,
    MarketDataIncrement,
    MarketDataReject,
    MarketDataSnapshot,
    MDEntryType,
    TradingSessionStatus,
    UnreadableMarketData,
    market_data_message,
)
from tidegate.client.market_data_requests import (
    InstrumentListRequest,
    MarketDataQuestion,
    MarketDataRequest,
    SessionStatusRequest,
    SubscriptionRequestType,
)
from tidegate.client.market_data_updates import (
    BookUpdate,
    MarketDataUpdate,
    Subscription,
    SubscriptionLost,
    SubscriptionRefused,
    TradesUpdate,
)
from tidegate.client.session_core import NotLoggedOn, SessionCore
from tidegate.session.machine import Session
from tidegate.wire import tags
from tidegate.wire.message import Message

FRAME_BYTES_MAX: Final = 64 * 1024 * 1024  # a whole book of single orders is one frame
FAULTS_MAX: Final = 3  # in a row; a subscription that goes on failing is given up

_LISTED: Final = "0"  # SecurityRequestResult (560) of an answer that has what was asked for
_RESEND_REQUEST: Final = b"\x0135=2\x01"
_HEAD_BYTES: Final = 40  # of a frame; MsgType (35) is among them


class MarketDataCore(SessionCore):
    """See the module. `instruments` is by symbol, also as a subscription spells it, and
    `session_status` a `TradSesStatus`, empty while it is not known; both are asked for at every
    logon and as of the last event applied. Numbers begin anew at each logon, whatever the options
    say: there is nothing to be replayed."""

    def __init__(
        self,
        credentials: Credentials,
        options: LogonOptions | None = None,
        *,
        trace: Callable[[bool, bytes], None] | None = None,
    ) -> None:
        super().__init__(
            credentials,
            replace(options or LogonOptions(), reset_each_logon=True),
            trace=trace,
            frame_bytes_max=FRAME_BYTES_MAX,
        )
        self.subscriptions: list[Subscription] = []
        self.instruments: dict[str, Instrument] = {}
        self.session_status = ""
        self._by_req_id: dict[str, Subscription] = {}
        self._number_by_req_id: dict[str, int] = {}  # of requests that stand, for their rejects
        self._requests = 0
        self._list_req_id = ""  # under which the whole list was asked for on this line
        self._is_listed = False  # the whole list has come
        self._spelling_by_req_id: dict[str, str] = {}
        self._is_missing = False

    # --- what is wanted -------------------------------------------------------------------------

    def subscribe(
        self,
        symbols: Iterable[str],
        time_ns: int,
        *,
        depth: int = 10,
        level: int = 2,
        book: bool = True,
        trades: bool = False,
    ) -> list[Subscription]:
        """Ask for symbols, now or, without a session, at the next logon; a subscription for each.
        Raises `ValueError` for what no request can say."""
        wanted = []
        for symbol in symbols:
            MarketDataRequest(  # raises before anything is kept
                md_req_id="-", symbols=(symbol,), market_depth=depth, level=level, book=book,
                trades=trades,
            ).fields()  # fmt: skip
            kept = level_or_order_book(symbol, level, depth) if book else None
            wanted.append(Subscription(symbol, level, depth, trades, kept))
        self.subscriptions += wanted
        self._set_precisions()
        for subscription in wanted:
            self._start(subscription, time_ns)
        self._list_spellings(time_ns)
        return wanted

    def unsubscribe(self, subscription: Subscription, time_ns: int) -> None:
        """Ask for it no more. What is under way still comes and is let pass."""
        self._stop(subscription, time_ns)
        self._end(subscription)

    def _end(self, subscription: Subscription) -> None:
        subscription.is_over = True
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)

    def _start(self, subscription: Subscription, time_ns: int) -> None:
        if not self.is_logged_on:
            return
        subscription.md_req_id = self._fresh_id(f"{subscription.symbol}-L{subscription.level}")
        self._by_req_id[subscription.md_req_id] = subscription
        self._send(_request(subscription, SubscriptionRequestType.SUBSCRIBE), time_ns)

    def _stop(self, subscription: Subscription, time_ns: int) -> None:
        self._number_by_req_id.pop(subscription.md_req_id, None)
        if self._by_req_id.pop(subscription.md_req_id, None) is not None and self.is_logged_on:
            self._send(_request(subscription, SubscriptionRequestType.UNSUBSCRIBE), time_ns)
        subscription.md_req_id = ""

    def _fresh_id(self, name: str) -> str:
        self._requests += 1
        return f"{name}-{self._requests}"

    def _send(self, request: MarketDataQuestion, time_ns: int) -> None:
        try:
            number = self.send_raw(request.msg_type, request.fields(), time_ns)
        except NotLoggedOn:  # the session ended over the request before; the next logon asks anew
            return
        if isinstance(request, MarketDataRequest) and request.md_req_id in self._by_req_id:
            self._number_by_req_id[request.md_req_id] = number

    def _ask_anew(self, time_ns: int) -> None:
        for subscription in self.subscriptions:
            self._stop(subscription, time_ns)
            self._start(subscription, time_ns)

    # --- the session ----------------------------------------------------------------------------

    def established(self, session: Session, time_ns: int) -> None:
        super().established(session, time_ns)
        self._by_req_id.clear()
        self._number_by_req_id.clear()
        self._is_listed = False
        self._spelling_by_req_id.clear()
        self._is_missing = False
        self._list_req_id = self._fresh_id("instruments")
        self._send(
            InstrumentListRequest(
                security_req_id=self._list_req_id,
                subscription_request_type=SubscriptionRequestType.SUBSCRIBE,
            ),
            time_ns,
        )
        self._send(SessionStatusRequest(trad_ses_req_id=self._fresh_id("status")), time_ns)
        self._ask_anew(time_ns)

    def send(self, session: Session, number: int, frame: bytes) -> None:
        super().send(session, number, frame)
        if _RESEND_REQUEST in frame[:_HEAD_BYTES]:
            self._is_missing = True

    def receive(self, data: bytes, time_ns: int) -> None:
        super().receive(data, time_ns)
        if self._is_missing:
            self._is_missing = False
            self._events.append(MessagesMissed())
            self._ask_anew(time_ns)

    def _take(self, message: Message, msg_type: bytes, time_ns: int) -> bool:
        if msg_type == b"3":
            self._events.append(session_reject(message, ""))
        elif msg_type == b"j":
            self._events.append(business_reject(message))
        else:
            event = market_data_message(msg_type, message.data, time_ns)
            if event is not None:
                self._events.append(event)
            return event is not None
        refused = message.integer(tags.REF_SEQ_NUM)
        for md_req_id, number in self._number_by_req_id.items():
            if number == refused:  # a subscription is as dead from this as from a 35=Y
                text = message.get(tags.TEXT).decode("utf-8", "replace")
                self._events.append(MarketDataReject(md_req_id, "", text, message.data))
        return True

    # --- what comes -----------------------------------------------------------------------------

    def apply(self, event: ClientEvent, time_ns: int) -> list[MarketDataUpdate]:
        """Bring books, instruments and status up to an event of `take_events`, each of which is to
        be applied once, in its order. What is left of it for a user is given back; where a book
        turned out to be wrong, requests for a new one wait in `take_output`."""
        if isinstance(event, MarketDataSnapshot | MarketDataIncrement):
            return self._refresh(event, time_ns)
        if isinstance(event, MarketDataReject):
            return self._refused(event)
        if isinstance(event, UnreadableMarketData):
            subscription = self._by_req_id.get(event.md_req_id)
            return [] if subscription is None else [self._lose(subscription, event.text, time_ns)]
        if isinstance(event, MessagesMissed):
            return self._missed()
        if isinstance(event, InstrumentList):
            self._take_list(event, time_ns)
        elif isinstance(event, TradingSessionStatus):
            self.session_status = event.status or self.session_status
        elif isinstance(event, Disconnected | LoggedOut):
            self.session_status = ""
            self._clear_books()
        # An execution report has no place in such a session; whoever sends one is not believed.
        return [event] if isinstance(event, MarketDataUpdate) else []

    def _take_list(self, event: InstrumentList, time_ns: int) -> None:
        spelling = self._spelling_by_req_id.get(event.security_req_id)
        for one in event.instruments:
            self.instruments[one.symbol if spelling is None else spelling] = one
        self._set_precisions()
        # A venue that catches up says "not yet" (560=4), and sends the list later.
        is_whole = event.security_req_id == self._list_req_id and event.is_last
        if is_whole and event.result == _LISTED:
            self._is_listed = True
            self._list_spellings(time_ns)

    def _list_spellings(self, time_ns: int) -> None:
        """What the list does not have may be another spelling of what it has, which the venue takes
        and answers under: ask which."""
        known = self.instruments.keys() | set(self._spelling_by_req_id.values())
        for symbol in dict.fromkeys(one.symbol for one in self.subscriptions):
            if self._is_listed and self.is_logged_on and symbol not in known:
                req_id = self._fresh_id(symbol)
                self._spelling_by_req_id[req_id] = symbol
                self._send(
                    InstrumentListRequest(
                        security_req_id=req_id,
                        symbol=symbol,
                        subscription_request_type=SubscriptionRequestType.SUBSCRIBE,
                    ),
                    time_ns,
                )

    def _refresh(
        self, event: MarketDataSnapshot | MarketDataIncrement, time_ns: int
    ) -> list[MarketDataUpdate]:
        subscription = self._by_req_id.get(event.md_req_id)
        if subscription is None:
            return []
        updates: list[MarketDataUpdate] = []
        sent_ns, received_ns = event.sent_ns, event.received_ns
        trades = tuple(one for one in event.entries if one.entry_type == MDEntryType.TRADE)
        if trades:
            updates.append(TradesUpdate(subscription, trades, sent_ns, received_ns))
        is_snapshot = isinstance(event, MarketDataSnapshot)
        entries = event.entries if not trades else tuple(
            one for one in event.entries if one.entry_type != MDEntryType.TRADE
        )  # fmt: skip
        if subscription.book is None or not (entries or is_snapshot):
            return updates
        try:
            subscription.book.apply(event)
        except BookFault as error:
            updates.append(self._lose(subscription, str(error), time_ns))
            return updates
        if not is_snapshot:
            subscription.faults = 0
        updates.append(BookUpdate(subscription, is_snapshot, entries, sent_ns, received_ns))
        return updates

    def _lose(self, subscription: Subscription, reason: str, time_ns: int) -> SubscriptionLost:
        if subscription.book is not None:
            subscription.book.clear()
        subscription.faults += 1
        self._stop(subscription, time_ns)
        if subscription.faults > FAULTS_MAX:
            self._end(subscription)
        else:
            self._start(subscription, time_ns)
        return SubscriptionLost(subscription, reason, gave_up=subscription.is_over)

    def _refused(self, event: MarketDataReject) -> list[MarketDataUpdate]:
        subscription = self._by_req_id.pop(event.md_req_id, None)
        if subscription is None:
            return []
        self._number_by_req_id.pop(event.md_req_id, None)
        subscription.md_req_id = ""
        self._end(subscription)
        return [SubscriptionRefused(subscription, event.reason, event.text)]

    def _missed(self) -> list[MarketDataUpdate]:
        self._clear_books()
        return [
            SubscriptionLost(one, "messages of the venue are missing", gave_up=False)
            for one in self.subscriptions
        ]

    def _clear_books(self) -> None:
        for subscription in self.subscriptions:
            if subscription.book is not None:
                subscription.book.clear()

    def _set_precisions(self) -> None:
        """The checksum's decimals, for the books whose instruments are known."""
        for subscription in self.subscriptions:
            instrument = self.instruments.get(subscription.symbol)
            if subscription.book is None or instrument is None:
                continue
            price, qty = instrument.price_precision, instrument.qty_precision
            known = price is not None and qty is not None
            subscription.book.precision = (price or 0, qty or 0) if known else None


def _request(subscription: Subscription, kind: SubscriptionRequestType) -> MarketDataRequest:
    return MarketDataRequest(
        md_req_id=subscription.md_req_id,
        symbols=(subscription.symbol,),
        market_depth=subscription.depth,
        level=subscription.level,
        book=subscription.book is not None,
        trades=subscription.trades,
        subscription_request_type=kind,
    )
