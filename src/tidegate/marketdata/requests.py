"""What clients of market data ask for, read out of messages into values, or refused with the
dialect's code and a text. The session layer has judged the fields' forms already.

Every list that a client can make long has a bound (`model.limits`). Ids that come back in a refusal
are cut to the longest that would have been taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tidegate.marketdata.shapes import (
    L2_DEPTHS,
    L3_DEPTHS,
    LEVEL_2,
    LEVEL_3,
    Shape,
    book_shape,
    trades_shape,
)
from tidegate.model.instruments import PublicInstrument
from tidegate.model.limits import (
    L2_SYMBOLS_PER_SESSION,
    L3_SYMBOLS_PER_SESSION,
    LIST_SUBSCRIPTIONS_PER_SESSION,
    NAME_BYTES_MAX,
    REQUEST_ID_BYTES_MAX,
)
from tidegate.wire import tags
from tidegate.wire.message import Message

# MDReqRejReason (281)
UNKNOWN_SYMBOL: Final = b"0"
DUPLICATE_ID: Final = b"1"
UNSUPPORTED_SUBSCRIPTION: Final = b"4"
UNSUPPORTED_DEPTH: Final = b"5"
UNSUPPORTED_UPDATE_TYPE: Final = b"6"
UNSUPPORTED_ENTRY_TYPE: Final = b"8"
UNSUPPORTED_SCOPE: Final = b"A"
NO_LEVEL_3: Final = b"B"
NO_TRADES: Final = b"C"

# SubscriptionRequestType (263)
SNAPSHOT: Final = 48  # 0
SUBSCRIBE: Final = 49  # 1
UNSUBSCRIBE: Final = 50  # 2

# SecurityRequestResult (560)
LIST_VALID: Final = 0
LIST_INVALID: Final = 1
LIST_EMPTY: Final = 2
LIST_UNAVAILABLE: Final = 4

# SecurityListRequestType (559)
BY_SYMBOL: Final = b"0"
BY_SECURITY_TYPE: Final = b"1"
EVERYTHING: Final = b"4"

SECURITY_TYPES: Final = (b"CASH", b"FUT", b"OPT", b"TS")  # SecurityType (167); not all are here

# TradSesStatusRejReason (567)
UNKNOWN_TRADING_SESSION: Final = 1
INVALID_REQUEST_ID: Final = 100
INVALID_SUBSCRIPTION: Final = 101
DUPLICATE_REQUEST_ID: Final = 102
ALREADY_SUBSCRIBED: Final = 103

TRADING_SESSION: Final = b"SESSION"  # the only TradingSessionID (336)


class MarketDataReject:
    """A MarketDataRequest is refused (35=Y): MDReqRejReason and Text."""

    def __init__(self, reason: bytes, text: bytes) -> None:
        self.reason = reason
        self.text = text


class MarketDataRequest:
    """What a session subscribes to under one MDReqID, or no longer: with the book of that depth,
    with trades, or with both. `symbols` has each spelling of a symbol once, in the order of the
    request, and the instrument that it means. Where `subscribe` is false the rest is empty: the
    whole subscription ends, or nothing where there is none."""

    def __init__(self, md_req_id: bytes, *, subscribe: bool) -> None:
        self.md_req_id = md_req_id
        self.subscribe = subscribe
        self.symbols: dict[bytes, PublicInstrument] = {}
        self.level = LEVEL_2
        self.depth = 0
        self.book = False
        self.trades = False

    def shapes(self, spelling: bytes) -> list[Shape]:
        """The shapes to watch for one of the symbols. The first one's snapshot is what the client
        gets to begin with."""
        symbol = self.symbols[spelling].symbol_text
        found: list[Shape] = []
        if self.book:
            found.append(book_shape(symbol, self.level, self.depth))
        if self.trades:
            found.append(trades_shape(symbol))
        return found


def market_data_reject_body(md_req_id: bytes, reject: MarketDataReject) -> bytes:
    """The fields of a MarketDataRequestReject (35=Y) behind the header."""
    shown = md_req_id[:REQUEST_ID_BYTES_MAX]
    return b"262=%s\x01281=%s\x0158=%s\x01" % (shown, reject.reason, reject.text)


def read_market_data_request(
    message: Message,
    *,
    level: int,
    market: str,
    known: Mapping[bytes, PublicInstrument],
    md_req_ids: Collection[bytes],
    symbol_count: int,
) -> MarketDataRequest | MarketDataReject:
    """Reads a MarketDataRequest (35=V) that came to a port of that `level` and `market`. `known`
    are the instruments of all markets, by every spelling of their symbols, `md_req_ids` those under
    which the session is subscribed, `symbol_count` the symbols of all these subscriptions. The end
    of a subscription is never refused."""
    md_req_id = message.get(tags.MD_REQ_ID)
    request_type = message.char(tags.SUBSCRIPTION_REQUEST_TYPE)
    request = MarketDataRequest(md_req_id, subscribe=request_type == SUBSCRIBE)
    if request_type == UNSUBSCRIBE:
        return request
    if request_type != SUBSCRIBE:
        return MarketDataReject(
            UNSUPPORTED_SUBSCRIPTION, b"Unsupported subscription request type: %c" % request_type
        )
    if len(md_req_id) > REQUEST_ID_BYTES_MAX:
        text = b"MDReqID is longer than %d characters" % REQUEST_ID_BYTES_MAX
        return MarketDataReject(UNSUPPORTED_SCOPE, text)
    if md_req_id in md_req_ids:
        return MarketDataReject(DUPLICATE_ID, b"Duplicate MDReqID")
    update_type = message.get(tags.MD_UPDATE_TYPE)
    if update_type and update_type != b"1":
        return MarketDataReject(
            UNSUPPORTED_UPDATE_TYPE, b"Unsupported MD update type: %s" % update_type
        )
    request.level = LEVEL_3 if message.char(tags.AGGREGATED_BOOK) == 78 else LEVEL_2  # N
    reject = _read_contents(message, request, level)
    if reject is None:
        reject = _read_symbols(message, request, market, known, symbol_count)
    return request if reject is None else reject


def _read_contents(
    message: Message, request: MarketDataRequest, level: int
) -> MarketDataReject | None:
    """Entry types, level and depth."""
    entry_types = _values(message, tags.MD_ENTRY_TYPE)
    for entry_type in entry_types:
        if entry_type not in (b"0", b"1", b"2"):
            return MarketDataReject(
                UNSUPPORTED_ENTRY_TYPE, b"Unsupported MD entry type: %s" % entry_type
            )
    if not entry_types:
        return MarketDataReject(UNSUPPORTED_ENTRY_TYPE, b"No MD entry type requested")
    request.book = b"0" in entry_types
    request.trades = b"2" in entry_types
    if request.book != (b"1" in entry_types):
        return MarketDataReject(UNSUPPORTED_ENTRY_TYPE, b"Bid and offer must be requested together")
    if request.level == LEVEL_3 and level == LEVEL_2:
        return MarketDataReject(NO_LEVEL_3, b"Level 3 is not available on this port")
    if request.level == LEVEL_2 and level == LEVEL_3:
        return MarketDataReject(UNSUPPORTED_SCOPE, b"Level 2 is not available on this port")
    if request.level == LEVEL_3 and request.trades:
        return MarketDataReject(NO_TRADES, b"Trades are not available with Level 3")
    request.depth = message.integer(tags.MARKET_DEPTH)
    depths = L3_DEPTHS if request.level == LEVEL_3 else (0, *L2_DEPTHS)
    if request.depth not in depths:
        asked = message.get(tags.MARKET_DEPTH)
        return MarketDataReject(UNSUPPORTED_DEPTH, b"Unsupported market depth: %s" % asked)
    return None


def _read_symbols(
    message: Message,
    request: MarketDataRequest,
    market: str,
    known: Mapping[bytes, PublicInstrument],
    symbol_count: int,
) -> MarketDataReject | None:
    """The symbols; one that is named twice counts once."""
    seen: dict[bytes, PublicInstrument] = {}
    for symbol in _values(message, tags.SYMBOL):
        instrument = known.get(symbol)
        if instrument is None or instrument.market != market:
            shown = symbol[:NAME_BYTES_MAX]
            return MarketDataReject(UNKNOWN_SYMBOL, b"Unknown symbol: %s" % shown)
        seen[symbol] = instrument
    if not seen:
        return MarketDataReject(UNKNOWN_SYMBOL, b"No symbol requested")
    by_level = request.level == LEVEL_2
    limit = L2_SYMBOLS_PER_SESSION if by_level else L3_SYMBOLS_PER_SESSION
    if symbol_count + len(seen) > limit:
        text = b"Too many symbols: more than %d on one session" % limit
        return MarketDataReject(UNSUPPORTED_SCOPE, text)
    request.symbols = seen
    return None


class SecurityListReject:
    """A SecurityListRequest is refused (35=y): SecurityRequestResult (560) and Text."""

    def __init__(self, result: int, text: bytes) -> None:
        self.result = result
        self.text = text


class SecurityListRequest:
    """Which instruments are asked for: one symbol, a type of instruments, or all where both are
    empty. `subscription` is SNAPSHOT, SUBSCRIBE or UNSUBSCRIBE; with the last one nothing else is
    read."""

    def __init__(self, security_req_id: bytes, subscription: int) -> None:
        self.security_req_id = security_req_id
        self.subscription = subscription
        self.symbol: bytes = b""
        self.security_type: bytes = b""


def read_security_list_request(
    message: Message, *, security_req_ids: Collection[bytes]
) -> SecurityListRequest | SecurityListReject:
    """Reads a SecurityListRequest (35=x). `security_req_ids` are those under which the session gets
    updates; one of them may come again, and takes the place of the one before."""
    security_req_id = message.get(tags.SECURITY_REQ_ID)
    subscription = message.char(tags.SUBSCRIPTION_REQUEST_TYPE) or SNAPSHOT
    request = SecurityListRequest(security_req_id, subscription)
    if subscription == UNSUBSCRIBE:
        return request
    if subscription != SNAPSHOT and subscription != SUBSCRIBE:
        text = b"Unsupported subscription request type: %c" % subscription
        return SecurityListReject(LIST_INVALID, text)
    if len(security_req_id) > REQUEST_ID_BYTES_MAX:
        text = b"SecurityReqID is longer than %d characters" % REQUEST_ID_BYTES_MAX
        return SecurityListReject(LIST_INVALID, text)
    reject = _read_selection(message, request)
    if reject is not None:
        return reject
    if subscription == SUBSCRIBE and security_req_id not in security_req_ids:
        if len(security_req_ids) >= LIST_SUBSCRIPTIONS_PER_SESSION:
            text = b"Too many subscriptions: more than %d on one session"
            return SecurityListReject(LIST_INVALID, text % LIST_SUBSCRIPTIONS_PER_SESSION)
    return request


def _read_selection(message: Message, request: SecurityListRequest) -> SecurityListReject | None:
    """Which instruments are meant."""
    request_type = message.get(tags.SECURITY_LIST_REQUEST_TYPE)
    if request_type == BY_SYMBOL:
        request.symbol = message.get(tags.SYMBOL)
        if not request.symbol:
            return SecurityListReject(LIST_INVALID, b"Symbol (55) is required with 559=0")
    elif request_type == BY_SECURITY_TYPE:
        request.security_type = message.get(tags.SECURITY_TYPE)
        if not request.security_type:
            return SecurityListReject(LIST_INVALID, b"SecurityType (167) is required with 559=1")
        if request.security_type not in SECURITY_TYPES:
            shown = request.security_type[:NAME_BYTES_MAX]
            return SecurityListReject(LIST_INVALID, b"Unsupported security type: %s" % shown)
    elif request_type != EVERYTHING:
        text = b"Unsupported security list request type: %s" % request_type
        return SecurityListReject(LIST_INVALID, text)
    return None


class TradingSessionReject:
    """A TradingSessionStatusRequest is refused (35=h): TradSesStatusRejReason (567)."""

    def __init__(self, reason: int) -> None:
        self.reason = reason


class TradingSessionRequest:
    """The status of trading is asked for, once or for good."""

    def __init__(self, trad_ses_req_id: bytes, *, subscribe: bool) -> None:
        self.trad_ses_req_id = trad_ses_req_id
        self.subscribe = subscribe


def read_trading_session_request(
    message: Message, *, subscribed_id: bytes
) -> TradingSessionRequest | TradingSessionReject:
    """Reads a TradingSessionStatusRequest (35=g). `subscribed_id` is the TradSesReqID under which
    the session gets updates, empty without one: there is one such subscription, and it ends with
    the line."""
    request_id = message.get(tags.TRAD_SES_REQ_ID)
    request_type = message.char(tags.SUBSCRIPTION_REQUEST_TYPE)
    if len(request_id) > REQUEST_ID_BYTES_MAX:
        return TradingSessionReject(INVALID_REQUEST_ID)
    if not message.says(tags.TRADING_SESSION_ID, TRADING_SESSION):
        return TradingSessionReject(UNKNOWN_TRADING_SESSION)
    if request_type != SNAPSHOT and request_type != SUBSCRIBE:
        return TradingSessionReject(INVALID_SUBSCRIPTION)
    if request_id == subscribed_id:
        return TradingSessionReject(DUPLICATE_REQUEST_ID)
    if request_type == SUBSCRIBE and subscribed_id:
        return TradingSessionReject(ALREADY_SUBSCRIBED)
    return TradingSessionRequest(request_id, subscribe=request_type == SUBSCRIBE)


def _values(message: Message, tag: int) -> list[bytes]:
    """The values of every field of that tag: of a group's member, those of its entries."""
    return [message.value(index) for index in range(message.count) if message.tags[index] == tag]
