"""The dictionary is whole and agrees with itself, with FIX 4.4 and with `tags`."""

from __future__ import annotations

import pytest

from tidegate.wire import tags
from tidegate.wire.dictionary import (
    FIELDS,
    HEADER,
    MARKET_DATA,
    MESSAGES,
    TRAILER,
    Member,
    field_name,
    is_fix44_tag,
    is_fix44_type,
    is_supported_type,
    meaning,
    message_name,
)
from tidegate.wire.dictionary_fields import FIX44_MSG_TYPES, FIX44_TAG_HOLES


def names(members: list[Member], presence: str) -> set[str]:
    return {member.field.name for member in members if member.presence == presence}


def all_members() -> list[Member]:
    found = [*HEADER, *TRAILER]
    for message in MESSAGES.values():
        for member in message.members:
            found += [member, *member.members]
    return found


def test_every_field_is_used_and_named_once() -> None:
    assert {member.field.tag for member in all_members()} == set(FIELDS)
    assert len({field.name for field in FIELDS.values()}) == len(FIELDS)


def test_no_message_has_a_field_twice() -> None:
    for message in MESSAGES.values():
        found = [member.field.tag for member in [*HEADER, *message.members, *TRAILER]]
        found += [inner.field.tag for member in message.members for inner in member.members]
        assert len(found) == len(set(found)), message.name


def test_tag_constants_have_the_dictionary_names() -> None:
    """`CL_ORD_ID` is ClOrdID (11): FIX's words, underscores between."""
    for constant, tag in vars(tags).items():
        if not constant.isupper() or tag == 1:  # Account is FIX's, not the dialect's
            continue
        assert field_name(tag).upper() == constant.replace("_", ""), constant
    assert {tag for name, tag in vars(tags).items() if name.isupper()} - {1} <= set(FIELDS)


def test_groups() -> None:
    groups = {
        (message.msg_type, member.field.tag): [inner.field.tag for inner in member.members]
        for message in MESSAGES.values()
        for member in message.members
        if member.members
    }
    fees = [137, 138, 139, 891]
    entry = [269, 278, 270, 271, 273, 5060, 5273]
    listed = [55, 562, 5010, 5011, 5012, 5013, 2349, 5052, 5022, 5032]
    assert groups == {
        (b"D", 78): [79],
        (b"8", 78): [79],
        (b"8", 136): fees,
        (b"V", 267): [269],
        (b"V", 146): [55],
        (b"W", 268): entry,
        (b"X", 268): [279, *entry, 40, 2446],
        (b"y", 146): listed,
    }


@pytest.mark.parametrize(
    ("msg_type", "required"),
    [
        (b"0", set()),
        (b"1", {"TestReqID"}),
        (b"2", {"BeginSeqNo", "EndSeqNo"}),
        (b"3", {"RefSeqNum"}),
        (b"4", {"NewSeqNo"}),
        (b"5", set()),
        (b"A", {"EncryptMethod", "HeartBtInt"}),
        (
            b"D",
            {"ClOrdID", "Symbol", "Side", "OrdType", "OrderQty", "TimeInForce", "TransactTime"},
        ),
        (b"F", {"ClOrdID", "Side", "Symbol", "TransactTime"}),
        (
            b"G",
            {"ClOrdID", "OrderID", "OrigClOrdID", "Side", "Symbol", "OrdType", "TimeInForce"}
            | {"TransactTime", "OrderQty"},
        ),
        (b"q", {"ClOrdID", "MassCancelRequestType", "TransactTime"}),
        (b"H", {"ClOrdID", "OrderID", "Symbol"}),
        (
            b"8",
            {"ClOrdID", "ExecID", "OrderID", "ExecType", "OrdStatus", "Symbol", "Side", "OrdType"}
            | {"TimeInForce", "OrderQty", "CumQty", "LeavesQty", "AvgPx", "TransactTime"},
        ),
        (b"j", {"RefSeqNum", "RefMsgType", "BusinessRejectReason"}),
        (
            b"V",
            {"MDReqID", "SubscriptionRequestType", "MarketDepth", "NoMDEntryTypes"}
            | {"NoRelatedSym"},
        ),
        (b"W", {"MDReqID", "Symbol", "NoMDEntries"}),
        (b"X", {"MDReqID", "Symbol", "NoMDEntries"}),
        (b"Y", {"MDReqID", "MDReqRejReason"}),
        (b"x", {"SecurityReqID", "SecurityListRequestType"}),
        (b"y", {"SecurityReqID", "SecurityResponseID", "SecurityRequestResult"}),
        (b"g", {"TradSesReqID", "TradingSessionID", "SubscriptionRequestType"}),
        (b"h", {"TradSesReqID", "TradingSessionID"}),
    ],
)
def test_required_fields(msg_type: bytes, required: set[str]) -> None:
    assert names(MESSAGES[msg_type].members, "Y") == required


@pytest.mark.parametrize(
    ("msg_type", "others"),
    [
        (b"D", {44, 99, 126, 168, 18, 1138, 388, 5001, 7928, 78, 62}),
        (b"F", {37, 41}),
        (b"G", {44, 99, 1138, 18, 62}),
        (b"q", {55}),
        (b"H", set()),
        (
            b"8",
            {18, 31, 32, 41, 44, 58, 78, 99, 118, 136, 378, 381, 527, 1003, 1102, 1138, 5050},
        ),
        (b"j", {379, 58}),
        (b"V", {265, 266}),
        (b"W", set()),
        (b"X", {5041}),
        (b"Y", {58}),
        (b"x", {167, 55, 263}),
        (b"y", {393, 893, 146, 58}),
        (b"g", set()),
        (b"h", {340, 567}),
    ],
)
def test_fields_that_are_not_always_required(msg_type: bytes, others: set[int]) -> None:
    members = MESSAGES[msg_type].members
    assert {m.field.tag for m in members if m.presence != "Y"} == others


def test_header_and_trailer() -> None:
    assert [member.field.tag for member in HEADER] == [8, 9, 35, 34, 49, 56, 52, 43, 122, 50, 97]
    assert [member.field.tag for member in HEADER if member.presence == "Y"] == [
        *(8, 9, 35, 34, 49, 56, 52),
    ]
    assert [member.field.tag for member in TRAILER] == [10]


def test_message_types() -> None:
    assert len(FIX44_MSG_TYPES) == 93
    supported = [msg_type for msg_type in FIX44_MSG_TYPES if is_supported_type(msg_type)]
    assert sorted(supported) == sorted([*(b"%c" % c for c in b"012345ADFGHjq")])
    for msg_type in (b"AF", b"8", b"9", b"V", b"BH"):
        assert is_fix44_type(msg_type)
        assert not is_supported_type(msg_type)
    supported = [t for t in FIX44_MSG_TYPES if is_supported_type(t, MARKET_DATA)]
    assert sorted(supported) == sorted([*(b"%c" % c for c in b"012345AVgjx")])
    for msg_type in (b"", b"I", b"BI", b"DD", b"U1", b"\xff"):
        assert not is_fix44_type(msg_type)
        assert not is_supported_type(msg_type)


def test_tags_of_fix44() -> None:
    assert len(FIX44_TAG_HOLES) == 44
    assert sum(is_fix44_tag(tag) for tag in range(-5, 6000)) == 912
    for tag in (1, 21, 54, 956):
        assert is_fix44_tag(tag)
    for tag in (-1, 0, 20, 109, 831, 957, 1003, 5000, 10**9):
        assert not is_fix44_tag(tag)


def test_meanings() -> None:
    assert meaning(40, "2") == "limit"
    assert meaning(18, "P f") == "post only, fee in base"
    assert meaning(18, "P ?") == "post only, unknown"
    assert meaning(35, "D") == meaning(372, "D") == "NewOrderSingle"
    assert meaning(371, "54") == "Side"
    assert meaning(371, "9" * 5000) == meaning(371, "x") == meaning(371, "") == ""
    assert meaning(35, "\udcff") == meaning(9999, "1") == meaning(44, "1") == meaning(40, "9") == ""
    assert (field_name(54), field_name(1), message_name(b"AF")) == (
        "Side",
        "",
        "OrderMassStatusRequest",
    )
