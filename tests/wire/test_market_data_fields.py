"""Market-data messages against the dictionary, and who knows which messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire import formats, validation
from tidegate.wire.dictionary import MARKET_DATA, TRADING
from tidegate.wire.explain import explain
from tidegate.wire.validation import check

from .frames import (
    CLIENT_BODIES,
    INCREMENT,
    INSTRUMENTS,
    MARKET_DATA_BODIES,
    MARKET_DATA_CLIENT_BODIES,
    ORDER,
    SUBSCRIBE,
    frame,
    msg_type_of,
    scanned,
)

MISSING = "Missing mandatory field"
COUNT = "Incorrect NumInGroup count for repeating group"
GROUP = "Repeating group fields out of order"
TWICE = "Tag appears more than once"
FORMAT = "Incorrect data format for value"


def checked(body: str, application: int = MARKET_DATA) -> tuple[int, int, str] | None:
    """The verdict of both bodies of the judgement."""
    found = []
    for compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(validation, "COMPILED", compiled)
            fault = check(scanned(frame(body)), msg_type_of(body), application)
            found.append(fault and (fault.reason, fault.ref_tag, fault.text.decode()))
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("body", MARKET_DATA_BODIES)
def test_messages_of_both_sides_are_good(body: str) -> None:
    assert checked(body) is None


@pytest.mark.parametrize("body", MARKET_DATA_BODIES)
def test_every_message_is_explained_whole(body: str) -> None:
    (message,) = explain(frame(body))
    assert message.faults == []
    assert [f.note for f in message.fields if f.note] == []
    assert all(f.name for f in message.fields)


def test_groups_are_explained() -> None:
    (message,) = explain(frame(INCREMENT))
    inner = [(f.tag, f.meaning) for f in message.fields if f.depth]
    assert inner[:3] == [(279, "delete"), (269, "offer"), (278, "")]
    assert len(inner) == 12
    assert [f.tag for f in message.fields[-2:] if f.depth == 0] == [5041, 10]


@pytest.mark.parametrize(
    ("body", "old", "new", "fault"),
    [
        (SUBSCRIBE, "262=BTC-L2-25|", "", (1, 262, f"{MISSING}: MDReqID (262)")),
        (SUBSCRIBE, "263=1|", "", (1, 263, f"{MISSING}: SubscriptionRequestType (263)")),
        (SUBSCRIBE, "264=25|", "", (1, 264, f"{MISSING}: MarketDepth (264)")),
        (
            SUBSCRIBE,
            "267=3|269=0|269=1|269=2|",
            "",
            (1, 267, f"{MISSING}: NoMDEntryTypes (267)"),
        ),
        (
            SUBSCRIBE,
            "146=2|55=BTC/USD|55=ETH/USD|",
            "",
            (1, 146, f"{MISSING}: NoRelatedSym (146)"),
        ),
        (SUBSCRIBE, "267=3|", "267=2|", (16, 267, f"{COUNT}: NoMDEntryTypes (267)")),
        (SUBSCRIBE, "146=2|", "146=3|", (16, 146, f"{COUNT}: NoRelatedSym (146)")),
        (SUBSCRIBE, "146=2|", "", (13, 55, f"{TWICE}: Symbol (55)")),
        (SUBSCRIBE, "262=", "55=BTC/USD|262=", (13, 146, f"{TWICE}: NoRelatedSym (146)")),
        (SUBSCRIBE, "269=0|269=1|269=2|", "", (16, 267, f"{COUNT}: NoMDEntryTypes (267)")),
        (SUBSCRIBE, "267=3|269=0|", "269=0|267=3|", (15, 269, f"{GROUP}: MDEntryType (269)")),
        (SUBSCRIBE, "263=1", "263=12", (6, 263, f"{FORMAT}: SubscriptionRequestType (263)")),
        (SUBSCRIBE, "265=1", "265=x", (6, 265, f"{FORMAT}: MDUpdateType (265)")),
        (SUBSCRIBE, "266=Y", "266=1", (6, 266, f"{FORMAT}: AggregatedBook (266)")),
        (SUBSCRIBE, "269=2", "269=10", (6, 269, f"{FORMAT}: MDEntryType (269)")),
        (SUBSCRIBE, "264=25", "264=all", (6, 264, f"{FORMAT}: MarketDepth (264)")),
        (SUBSCRIBE, "264=25", "264=25|11=1", (2, 11, "Tag not defined for this message type")),
        (INCREMENT, "268=2|279=2|", "268=2|", (15, 269, f"{GROUP}: MDEntryType (269)")),
        (INCREMENT, "09:15:01.110|279", "9:15:01.110|279", (6, 273, f"{FORMAT}: MDEntryTime")),
        (
            INCREMENT,
            "09:15:01.110|279",
            "20261131-09:15:01|279",
            (6, 273, f"{FORMAT}: MDEntryTime"),
        ),
        (INCREMENT, "5041=4294967295", "5041=-1", (6, 5041, f"{FORMAT}: BookChecksum (5041)")),
        (INSTRUMENTS, "146=2|", "146=1|", (16, 146, f"{COUNT}: NoRelatedSym (146)")),
        (INSTRUMENTS, "5032=3|", "5032=8|", (5, 5032, "Invalid value for tag 5032: Asset")),
    ],
)
def test_faults(body: str, old: str, new: str, fault: tuple[int, int, str]) -> None:
    assert body.count(old) == 1
    found = checked(body.replace(old, new))
    assert found is not None
    assert found[:2] == fault[:2]
    assert found[2].startswith(fault[2])


def test_one_symbol_may_stand_without_its_group() -> None:
    """Anywhere in the body; only in the request for market data."""
    bare = SUBSCRIBE.replace("146=2|55=BTC/USD|55=ETH/USD|", "55=BTC/USD|")
    assert checked(bare) is None
    first = SUBSCRIBE.replace("146=2|55=BTC/USD|55=ETH/USD|", "").replace("262=", "55=X|262=")
    assert checked(first) is None
    fault = checked(INSTRUMENTS.replace("146=2|", ""))
    assert fault == (15, 55, f"{GROUP}: Symbol (55)")


SYMBOLS = "146=2|55=BTC/USD|55=ETH/USD|"
TYPES = "267=3|269=0|269=1|269=2|"


@pytest.mark.parametrize(
    "groups",
    [
        SYMBOLS + TYPES,
        f"267=3|{SYMBOLS}269=0|269=1|269=2|",
        f"267=3|269=0|{SYMBOLS}269=1|269=2|",
        f"267=3|269=0|{SYMBOLS}269=1|{SYMBOLS}269=2|{SYMBOLS}",  # as if it were of each entry
    ],
)
def test_the_group_of_symbols_may_stand_within_the_other_one(groups: str) -> None:
    assert TYPES + SYMBOLS in SUBSCRIBE
    assert checked(SUBSCRIBE.replace(TYPES + SYMBOLS, groups)) is None


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        (f"267=2|269=0|{SYMBOLS}269=1|269=2|", (16, 267)),  # it is no entry of the other group
        (f"267=3|269=0|{SYMBOLS}{SYMBOLS}269=1|269=2|", (16, 267)),
        (f"{TYPES}{SYMBOLS}{SYMBOLS}", (13, 146)),
        (f"{SYMBOLS}267=3|269=0|{SYMBOLS}269=1|269=2|", (13, 146)),
        (f"267=3|269=0|269=1|269=2|{SYMBOLS}264=25|{SYMBOLS}", (13, 264)),
        ("267=3|269=0|146=3|55=BTC/USD|55=ETH/USD|269=1|269=2|", (16, 146)),
        ("267=3|269=0|55=BTC/USD|269=1|269=2|", (16, 267)),
        ("267=3|146=1|269=0|269=1|269=2|", (16, 146)),
        ("146=2|55=BTC/USD|267=3|269=0|269=1|269=2|55=ETH/USD|", (16, 146)),
    ],
)
def test_groups_within_groups_that_are_wrong(groups: str, fault: tuple[int, int]) -> None:
    found = checked(SUBSCRIBE.replace(TYPES + SYMBOLS, groups))
    assert found is not None
    assert found[:2] == fault


@pytest.mark.parametrize(
    ("body", "old", "new"),
    [
        (SUBSCRIBE, "263=1", "263=9"),
        (SUBSCRIBE, "265=1", "265=77"),
        (SUBSCRIBE, "269=2", "269=Z"),
        ("35=x|34=3|49=A|56=B|52=20261103-09:15:01|320=S|559=1|167=CASH|", "559=1", "559=9"),
        ("35=x|34=3|49=A|56=B|52=20261103-09:15:01|320=S|559=1|167=CASH|", "167=CASH", "167=BOND"),
    ],
)
def test_what_requests_are_refused_for_is_no_fault_of_the_message(
    body: str, old: str, new: str
) -> None:
    """The dialect has refusals of its own for it, which name the request."""
    assert body.count(old) == 1
    assert checked(body.replace(old, new)) is None


@pytest.mark.parametrize("time", ["09:15:01", "20261103-09:15:01.110069", "20240229-23:59:60"])
def test_times_of_entries_may_have_a_date(time: str) -> None:
    assert checked(INCREMENT.replace("273=09:15:01.110", f"273={time}")) is None


# --- who knows which messages --------------------------------------------------------------------


@pytest.mark.parametrize("body", MARKET_DATA_CLIENT_BODIES)
def test_a_trading_session_does_not_look_into_market_data(body: str) -> None:
    """They are unsupported there, whatever is in them: only the header is judged."""
    assert checked(body, TRADING) is None
    assert checked(body + "9999=x|54=?|", TRADING) is None
    assert checked(body.replace("34=", "34=x"), TRADING) == (6, 34, f"{FORMAT}: MsgSeqNum (34)")


def test_a_market_data_session_does_not_look_into_orders() -> None:
    for body in CLIENT_BODIES:
        assert checked(body) is None
    assert checked(ORDER + "9999=x|54=?|") is None
    assert checked(ORDER + "9999=x|", TRADING) == (3, 9999, "Undefined tag: 9999")
    assert checked("35=ZZ|34=2|") == (11, 35, "Invalid MsgType")


def test_both_know_business_rejects_and_the_session_layer() -> None:
    for application in (TRADING, MARKET_DATA):
        for body in ("35=j|34=2|49=A|56=B|52=20261103-09:15:01|", "35=1|34=2|49=A|56=B|"):
            found = checked(body, application)
            assert found is not None
            assert found[0] == 1


# --- a time of day -------------------------------------------------------------------------------


@given(
    st.one_of(
        st.text(alphabet="0123456789:. ", max_size=20),
        st.from_regex(r"[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?", fullmatch=True),
    )
)
def test_both_bodies_of_a_time_of_day(text: str) -> None:
    data = text.encode()
    good = formats.time_only_bytes(b"1" + data + b"1", 1, 1 + len(data))
    assert good == formats.time_only_searching(data)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("00:00:00", True),
        ("23:59:60.999999999", True),
        ("09:15:01.110", True),
        ("24:00:00", False),
        ("09:60:00", False),
        ("09:15:61", False),
        ("09:15", False),
        ("09:15:01.", False),
        ("09:15:01,110", False),
        ("09:15:01.1234567890", False),
        ("09-15-01", False),
    ],
)
def test_times_of_day(text: str, good: bool) -> None:
    data = text.encode()
    assert formats.time_only_bytes(data, 0, len(data)) is good
    assert formats.time_only_searching(data) is good
