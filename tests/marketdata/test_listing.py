"""The list of instruments and the status of trading, byte by byte."""

from __future__ import annotations

import pytest

from tests.wire.frames import frame, scanned
from tidegate.marketdata.listing import (
    INSTRUMENTS_PER_MESSAGE,
    ListedInstrument,
    pair_status,
    security_list_bodies,
    security_list_reject_body,
    selects,
    session_status,
    trading_session_body,
    trading_session_reject_body,
)
from tidegate.marketdata.requests import SNAPSHOT, SecurityListReject, SecurityListRequest
from tidegate.model.instruments import PublicInstrument, built_in_instruments, make_instrument
from tidegate.model.market_state import (
    CANCEL_ONLY,
    DELISTED,
    HIDDEN,
    LIMIT_ONLY,
    MAINTENANCE,
    ONLINE,
    POST_ONLY,
    REDUCE_ONLY,
    MarketState,
)
from tidegate.wire.dictionary import MARKET_DATA
from tidegate.wire.validation import check

HEAD = "34=6|49=KRAKEN-MD|56=ACME|52=20261103-09:15:01.002|"
BTC_FIELDS = "55=BTC/USD|562=0.00000001|5010=8|5011=0.00005|5013=0.5|2349=1|5052=1|5022=0.1|5032=1|"


def shown(body: bytes, msg_type: str) -> str:
    """The fields, which are a good message."""
    text = body.decode()
    assert (
        check(scanned(frame(f"35={msg_type}|{HEAD}{text}")), msg_type.encode(), MARKET_DATA) is None
    )
    return text.replace("\x01", "|")


def request(symbol: bytes = b"", security_type: bytes = b"") -> SecurityListRequest:
    found = SecurityListRequest(b"SL1", SNAPSHOT)
    found.symbol = symbol
    found.security_type = security_type
    return found


def market(status: int = ONLINE, *, halted: bool = False) -> MarketState:
    state = MarketState()
    state.status = status
    state.halted = halted
    return state


def all_listed() -> list[ListedInstrument]:
    return [ListedInstrument(instrument, market()) for instrument in built_in_instruments()]


def test_one_pair() -> None:
    (body,) = security_list_bodies(request(b"BTC/USD"), b"1793697301000000001", all_listed())
    assert shown(body, "y") == f"320=SL1|322=1793697301000000001|560=0|146=1|{BTC_FIELDS}"


def test_a_pair_without_a_minimum_cost_and_with_a_coarse_tick() -> None:
    one = ListedInstrument(make_instrument("JPY/X", 0, "5", "1", "0"), market(CANCEL_ONLY))
    assert one.entry.decode().replace("\x01", "|") == (
        "55=JPY/X|562=0.00000001|5010=8|5011=1|2349=0|5052=0|5022=5|5032=3|"
    )


def test_an_instrument_of_another_market_has_its_own_type_and_decimals() -> None:
    one = ListedInstrument(
        PublicInstrument(
            symbol="PF_XBTUSD", market="elsewhere", security_type=b"FUT", price_decimals=1,
            qty_decimals=4, tick_units=5, qty_min_lots=20, cost_min_money=0,
        ),
        market(),
    )  # fmt: skip
    assert one.entry.decode().replace("\x01", "|") == (
        "55=PF_XBTUSD|562=0.0001|5010=4|5011=0.002|2349=1|5052=1|5022=0.5|5032=1|"
    )
    assert selects(request(security_type=b"FUT"), one)
    assert not selects(request(security_type=b"CASH"), one)


def test_all_pairs_fit_one_message() -> None:
    (body,) = security_list_bodies(request(), b"1", all_listed())
    text = shown(body, "y")
    assert text.startswith("320=SL1|322=1|560=0|146=15|55=BTC/USD|")
    (spot,) = security_list_bodies(request(security_type=b"CASH"), b"1", all_listed())
    assert spot == body


def test_many_pairs_come_in_fragments() -> None:
    many = [
        ListedInstrument(make_instrument(f"S{n}/USD", 2, "0.01", "1", "1"), market())
        for n in range(2 * INSTRUMENTS_PER_MESSAGE + 1)
    ]
    texts = [shown(body, "y") for body in security_list_bodies(request(), b"7", many)]
    assert [text[: text.index("|55=")] for text in texts] == [
        "320=SL1|322=7|560=0|393=41|893=N|146=20",
        "320=SL1|322=7|560=0|393=41|893=N|146=20",
        "320=SL1|322=7|560=0|393=41|893=Y|146=1",
    ]
    symbols = [part.split("|")[0] for text in texts for part in text.split("|55=")[1:]]
    assert symbols == [f"S{n}/USD" for n in range(41)]
    (exactly,) = security_list_bodies(request(), b"7", many[:INSTRUMENTS_PER_MESSAGE])
    assert "|393=" not in shown(exactly, "y")


@pytest.mark.parametrize(("symbol", "security_type"), [(b"FOO/BAR", b""), (b"", b"FUT")])
def test_nothing_found(symbol: bytes, security_type: bytes) -> None:
    (body,) = security_list_bodies(request(symbol, security_type), b"1", all_listed())
    assert shown(body, "y") == "320=SL1|322=1|560=2|58=No instrument found|"


def test_a_refused_list() -> None:
    reject = SecurityListReject(1, b"why")
    body = security_list_reject_body(b"S" * 100, b"1", reject)
    assert shown(body, "y") == f"320={'S' * 64}|322=1|560=1|58=why|"


def test_an_update_is_of_those_who_asked_for_it() -> None:
    one = all_listed()[0]
    assert selects(request(), one)
    assert selects(request(b"BTC/USD"), one)
    assert selects(request(security_type=b"CASH"), one)
    assert not selects(request(b"ETH/USD"), one)
    assert not selects(request(security_type=b"TS"), one)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ONLINE, 1), (MAINTENANCE, 2), (CANCEL_ONLY, 3), (POST_ONLY, 4), (LIMIT_ONLY, 5),
        (REDUCE_ONLY, 7), (HIDDEN, 0), (DELISTED, 6),
    ],
)  # fmt: skip
def test_status_of_a_pair(status: int, expected: int) -> None:
    assert pair_status(market(status)) == expected
    halted = expected if status in (MAINTENANCE, HIDDEN, DELISTED) else 3
    assert pair_status(market(status, halted=True)) == halted


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], 0),
        ([MAINTENANCE, MAINTENANCE], 1),
        ([HIDDEN, DELISTED], 1),
        ([MAINTENANCE, ONLINE], 2),
        ([LIMIT_ONLY, POST_ONLY], 2),
        ([REDUCE_ONLY], 2),
        ([MAINTENANCE, CANCEL_ONLY], 101),
        ([POST_ONLY, CANCEL_ONLY], 102),
        ([POST_ONLY], 102),
    ],
)
def test_status_of_trading(statuses: list[int], expected: int) -> None:
    assert session_status([market(status) for status in statuses]) == expected


def test_a_halted_venue_is_cancel_only() -> None:
    assert session_status([market(halted=True), market(POST_ONLY, halted=True)]) == 101


def test_messages_of_the_status() -> None:
    assert shown(trading_session_body(b"TS1", 2), "h") == "335=TS1|336=SESSION|340=2|"
    body = trading_session_reject_body(b"T" * 100, b"E" * 100, 1)
    assert shown(body, "h") == f"335={'T' * 64}|336={'E' * 64}|567=1|"
