"""Every refusal of a market-data request, with its code and text, and what is taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.frames import frame, scanned
from tidegate.marketdata.requests import (
    SNAPSHOT,
    SUBSCRIBE,
    UNSUBSCRIBE,
    MarketDataReject,
    MarketDataRequest,
    SecurityListReject,
    SecurityListRequest,
    TradingSessionReject,
    TradingSessionRequest,
    market_data_reject_body,
    read_market_data_request,
    read_security_list_request,
    read_trading_session_request,
)
from tidegate.marketdata.shapes import book_shape, trades_shape
from tidegate.model.instruments import SPOT, built_in_instruments, make_instrument
from tidegate.model.limits import (
    L2_SYMBOLS_PER_SESSION,
    L3_SYMBOLS_PER_SESSION,
    LIST_SUBSCRIPTIONS_PER_SESSION,
    REQUEST_ID_BYTES_MAX,
)
from tidegate.wire.dictionary import MARKET_DATA
from tidegate.wire.message import Message
from tidegate.wire.validation import check

BTC, ETH = [one for one in built_in_instruments() if one.symbol in ("BTC/USD", "ETH/USD")]
OTHERS = [make_instrument(f"S{number}/USD", 2, "0.01", "1", "1") for number in range(240)]
KNOWN = {one.symbol_text: one for one in (BTC, ETH, *OTHERS)} | {b"XBT/USD": BTC}
HEAD = "34=2|49=ACME|56=KRAKEN-MD|52=20261103-09:15:01.000|"
L2 = "262=A|263=1|264=25|265=1|266=Y|267=3|269=0|269=1|269=2|146=1|55=BTC/USD|"
L3 = "262=A|263=1|264=10|266=N|267=2|269=0|269=1|146=1|55=BTC/USD|"


def message(msg_type: str, fields: str) -> Message:
    found = scanned(frame(f"35={msg_type}|{HEAD}{fields}"))
    assert check(found, msg_type.encode(), MARKET_DATA) is None
    return found


def read(fields: str, level: int = 2, **given: Any) -> MarketDataRequest | MarketDataReject:
    given = {"market": SPOT, "known": KNOWN, "md_req_ids": {b"TAKEN"}, "symbol_count": 0} | given
    return read_market_data_request(message("V", fields), level=level, **given)


def refused(fields: str, level: int = 2, **given: Any) -> tuple[bytes, bytes]:
    reject = read(fields, level, **given)
    assert isinstance(reject, MarketDataReject)
    return reject.reason, reject.text


def taken(fields: str, level: int = 2, **given: Any) -> MarketDataRequest:
    request = read(fields, level, **given)
    assert isinstance(request, MarketDataRequest)
    return request


# --- market data (35=V) --------------------------------------------------------------------------


def test_books_and_trades_of_several_symbols() -> None:
    request = taken(L2.replace("146=1|", "146=3|55=ETH/USD|55=BTC/USD|"))
    assert (request.md_req_id, request.subscribe) == (b"A", True)
    assert list(request.symbols) == [b"ETH/USD", b"BTC/USD"]  # one that is named twice counts once
    assert request.shapes(b"ETH/USD") == [
        book_shape(b"ETH/USD", 2, 25),
        trades_shape(b"ETH/USD"),
    ]


def test_the_group_of_symbols_may_stand_anywhere_and_one_symbol_without_it() -> None:
    for fields in (
        "146=1|55=BTC/USD|262=A|263=1|264=1|267=2|269=1|269=0|",
        "262=A|55=BTC/USD|263=1|264=1|267=2|269=1|269=0|",
        "262=A|263=1|264=1|267=2|269=1|146=1|55=BTC/USD|269=0|",
        "262=A|263=1|264=1|267=2|269=1|146=1|55=BTC/USD|269=0|146=1|55=BTC/USD|",
    ):
        assert taken(fields).shapes(b"BTC/USD") == [book_shape(b"BTC/USD", 2, 1)]
        assert list(taken(fields).symbols) == [b"BTC/USD"]


def test_an_older_spelling_is_the_same_book() -> None:
    request = taken(L2.replace("146=1|", "146=2|55=XBT/USD|"))
    assert request.symbols == {b"XBT/USD": BTC, b"BTC/USD": BTC}
    assert request.shapes(b"XBT/USD") == request.shapes(b"BTC/USD")


@pytest.mark.parametrize("depth", [0, 1, 10, 25, 100, 500, 1000])
def test_depths_of_levels(depth: int) -> None:
    request = taken(L2.replace("264=25", f"264={depth}"))
    assert request.shapes(b"BTC/USD")[0].depth == (depth or 1000)


@pytest.mark.parametrize("depth", [0, 10, 100, 1000])
def test_depths_of_orders(depth: int) -> None:
    request = taken(L3.replace("264=10", f"264={depth}"), 3)
    assert request.shapes(b"BTC/USD") == [book_shape(b"BTC/USD", 3, depth)]


def test_trades_alone() -> None:
    request = taken("262=A|263=1|264=0|267=1|269=2|146=1|55=BTC/USD|")
    assert request.shapes(b"BTC/USD") == [trades_shape(b"BTC/USD")]


def test_an_end_is_never_refused() -> None:
    for fields in (
        "262=A|263=2|264=25|267=1|269=0|146=1|55=BTC/USD|",  # the dialect's own sample has one type
        "262=NEVER|263=2|264=77|265=0|266=N|267=1|269=9|146=1|55=NO/SUCH|",
        "262=TAKEN|263=2|264=25|267=1|269=0|55=BTC/USD|",
    ):
        request = taken(fields)
        assert not request.subscribe
        assert request.md_req_id == fields[4 : fields.index("|")].encode()


REJECTS = [
    ("55=BTC/USD", "55=FOO/BAR", b"0", b"Unknown symbol: FOO/BAR"),
    ("55=BTC/USD", f"55={'F' * 70}", b"0", b"Unknown symbol: " + b"F" * 64),
    ("55=BTC/USD", "55=btc/usd", b"0", b"Unknown symbol: btc/usd"),
    ("146=1|55=BTC/USD|", "146=2|55=BTC/USD|55=X|", b"0", b"Unknown symbol: X"),
    ("146=1|55=BTC/USD|", "146=0|", b"0", b"No symbol requested"),
    ("262=A", "262=TAKEN", b"1", b"Duplicate MDReqID"),
    ("263=1", "263=0", b"4", b"Unsupported subscription request type: 0"),
    ("263=1", "263=9", b"4", b"Unsupported subscription request type: 9"),
    ("264=25", "264=2", b"5", b"Unsupported market depth: 2"),
    ("264=25", "264=-1", b"5", b"Unsupported market depth: -1"),
    ("264=25", "264=10000", b"5", b"Unsupported market depth: 10000"),
    ("265=1", "265=0", b"6", b"Unsupported MD update type: 0"),
    ("265=1", "265=2", b"6", b"Unsupported MD update type: 2"),
    ("269=2", "269=4", b"8", b"Unsupported MD entry type: 4"),
    ("269=2", "269=Z", b"8", b"Unsupported MD entry type: Z"),
    ("267=3|269=0|", "267=2|", b"8", b"Bid and offer must be requested together"),
    ("267=3|269=0|269=1|", "267=2|269=0|", b"8", b"Bid and offer must be requested together"),
    ("267=3|269=0|269=1|269=2|", "267=0|", b"8", b"No MD entry type requested"),
    ("262=A", f"262={'A' * 65}", b"A", b"MDReqID is longer than 64 characters"),
    ("266=Y", "266=N", b"B", b"Level 3 is not available on this port"),
]


@pytest.mark.parametrize(("old", "new", "reason", "text"), REJECTS)
def test_rejects(old: str, new: str, reason: bytes, text: bytes) -> None:
    assert old in L2
    assert refused(L2.replace(old, new)) == (reason, text)


def test_a_symbol_of_another_market_is_unknown() -> None:
    assert taken(L2).symbols
    assert refused(L2, market="elsewhere") == (b"0", b"Unknown symbol: BTC/USD")


def test_rejects_on_the_port_of_orders() -> None:
    scope = (b"A", b"Level 2 is not available on this port")
    assert refused(L2, 3) == scope
    assert refused(L3.replace("266=N|", ""), 3) == scope  # levels are what is meant by default
    trades = (b"C", b"Trades are not available with Level 3")
    assert refused(L3.replace("267=2|", "267=3|269=2|"), 3) == trades
    assert refused(L3.replace("267=2|269=0|269=1|", "267=1|269=2|"), 3) == trades
    for depth in (1, 25, 500, 5):
        text = b"Unsupported market depth: %d" % depth
        assert refused(L3.replace("264=10", f"264={depth}"), 3) == (b"5", text)


@pytest.mark.parametrize(
    ("fields", "level", "limit"),
    [(L2, 2, L2_SYMBOLS_PER_SESSION), (L3, 3, L3_SYMBOLS_PER_SESSION)],
)
def test_symbols_of_a_session_are_counted(fields: str, level: int, limit: int) -> None:
    text = b"Too many symbols: more than %d on one session" % limit
    assert list(taken(fields, level, symbol_count=limit - 1).symbols) == [b"BTC/USD"]
    assert refused(fields, level, symbol_count=limit) == (b"A", text)
    two = fields.replace("146=1|", "146=2|55=ETH/USD|")
    assert refused(two, level, symbol_count=limit - 1) == (b"A", text)
    same = fields.replace("146=1|", "146=2|55=BTC/USD|")
    assert list(taken(same, level, symbol_count=limit - 1).symbols) == [b"BTC/USD"]


def test_symbols_by_the_hundred_in_one_request() -> None:
    symbols = [f"S{number}/USD" for number in range(230)]
    many = "146=230|" + "".join(f"55={symbol}|" for symbol in symbols)
    request = taken(L2.replace("146=1|55=BTC/USD|", many))
    assert list(request.symbols) == [s.encode() for s in symbols]
    assert refused(L3.replace("146=1|55=BTC/USD|", many), 3)[0] == b"A"


def test_the_reject_message() -> None:
    reject = MarketDataReject(b"1", b"Duplicate MDReqID")
    body = market_data_reject_body(b"A" * 100, reject)
    assert body == b"262=%s\x01281=1\x0158=Duplicate MDReqID\x01" % (b"A" * REQUEST_ID_BYTES_MAX)
    assert check(scanned(frame(f"35=Y|{HEAD}{body.decode()}")), b"Y", MARKET_DATA) is None


# --- the list of instruments (35=x) --------------------------------------------------------------


def listed(fields: str, **given: Any) -> SecurityListRequest | SecurityListReject:
    given = {"security_req_ids": []} | given
    return read_security_list_request(message("x", fields), **given)


def parts(fields: str, **given: Any) -> tuple[Any, ...]:
    request = listed(fields, **given)
    assert isinstance(request, SecurityListRequest)
    return request.security_req_id, request.subscription, request.symbol, request.security_type


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("320=S|559=0|55=BTC/USD|263=0|", (b"S", SNAPSHOT, b"BTC/USD", b"")),
        ("320=S|559=0|55=BTC/USD|", (b"S", SNAPSHOT, b"BTC/USD", b"")),
        ("320=S|559=1|167=CASH|263=1|", (b"S", SUBSCRIBE, b"", b"CASH")),
        ("320=S|559=1|167=TS|55=IGNORED|", (b"S", SNAPSHOT, b"", b"TS")),
        ("320=S|559=4|167=FUT|263=1|", (b"S", SUBSCRIBE, b"", b"")),
        ("320=S|559=3|263=2|", (b"S", UNSUBSCRIBE, b"", b"")),
    ],
)
def test_lists(fields: str, expected: tuple[Any, ...]) -> None:
    assert parts(fields) == expected


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("320=S|559=0|", b"Symbol (55) is required with 559=0"),
        ("320=S|559=1|55=BTC/USD|", b"SecurityType (167) is required with 559=1"),
        ("320=S|559=2|", b"Unsupported security list request type: 2"),
        ("320=S|559=3|", b"Unsupported security list request type: 3"),
        ("320=S|559=9|", b"Unsupported security list request type: 9"),
        ("320=S|559=1|167=BOND|", b"Unsupported security type: BOND"),
        (f"320=S|559=1|167={'B' * 70}|", b"Unsupported security type: " + b"B" * 64),
        ("320=S|559=4|263=7|", b"Unsupported subscription request type: 7"),
        (f"320={'S' * 65}|559=4|", b"SecurityReqID is longer than 64 characters"),
    ],
)
def test_lists_that_are_refused(fields: str, text: bytes) -> None:
    reject = listed(fields)
    assert isinstance(reject, SecurityListReject)
    assert (reject.result, reject.text) == (1, text)


def test_subscriptions_to_lists_are_counted() -> None:
    full = [b"R%d" % number for number in range(LIST_SUBSCRIPTIONS_PER_SESSION)]
    reject = listed("320=S|559=4|263=1|", security_req_ids=full)
    assert isinstance(reject, SecurityListReject)
    assert reject.text == b"Too many subscriptions: more than 16 on one session"
    assert parts("320=R3|559=4|263=1|", security_req_ids=full)[0] == b"R3"  # takes its place
    assert parts("320=S|559=4|263=0|", security_req_ids=full)[1] == SNAPSHOT
    assert parts("320=S|559=4|263=1|", security_req_ids=full[1:])[1] == SUBSCRIBE


# --- the status of trading (35=g) ----------------------------------------------------------------


def status(fields: str, subscribed_id: bytes = b"") -> int | tuple[bytes, bool]:
    found = read_trading_session_request(message("g", fields), subscribed_id=subscribed_id)
    if isinstance(found, TradingSessionReject):
        return found.reason
    assert isinstance(found, TradingSessionRequest)
    return found.trad_ses_req_id, found.subscribe


def test_status_requests() -> None:
    assert status("335=T|336=SESSION|263=0|") == (b"T", False)
    assert status("335=T|336=SESSION|263=1|") == (b"T", True)
    assert status("335=T|336=SESSION|263=0|", b"OTHER") == (b"T", False)


@pytest.mark.parametrize(
    ("fields", "subscribed_id", "reason"),
    [
        ("335=T|336=EVENING|263=1|", b"", 1),
        (f"335={'T' * 65}|336=SESSION|263=0|", b"", 100),
        ("335=T|336=SESSION|263=2|", b"T", 101),
        ("335=T|336=SESSION|263=9|", b"", 101),
        ("335=T|336=SESSION|263=0|", b"T", 102),
        ("335=T|336=SESSION|263=1|", b"T", 102),
        ("335=T|336=SESSION|263=1|", b"OTHER", 103),
    ],
)
def test_status_rejects(fields: str, subscribed_id: bytes, reason: int) -> None:
    assert status(fields, subscribed_id) == reason
