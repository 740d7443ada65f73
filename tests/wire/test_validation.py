"""Every rule of the field checks fails once, with its exact reason, tag and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.limits import FIELDS_MAX
from tidegate.model.time import parse_utc_timestamp
from tidegate.wire import formats, validation
from tidegate.wire.dictionary import (
    DROP_COPY,
    FIELDS,
    HEADER,
    IDLE_HEADER_TAGS,
    MARKET_DATA,
    MESSAGES,
    TRADING,
)
from tidegate.wire.message import SCANNED, Message
from tidegate.wire.validation import Fault, check, is_fix44_type, is_supported_type, scan_fault

from .frames import BODIES, CANCEL, ORDER, TRADE, frame, msg_type_of, scanned

HEAD = "34=2|49=ACME|56=KRAKEN-TRD|52=20261103-09:15:01.000|"
FULL = BODIES[10]  # an order with every optional field


def told(fault: Fault | None) -> tuple[int, int, str] | None:
    return None if fault is None else (fault.reason, fault.ref_tag, fault.text.decode())


def checked(body: str) -> tuple[int, int, str] | None:
    return told(check(scanned(frame(body)), msg_type_of(body)))


def both(body: str) -> tuple[int, int, str] | None:
    """The verdict of the byte loops and of the searches. An interpreted module obeys the patch; a
    compiled one has chosen, and the byte loops' verdict is compared with itself."""
    results = []
    for compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(validation, "COMPILED", compiled)
            results.append(checked(body))
    assert results[0] == results[1]
    return results[0]


def without(body: str, tag: int) -> str:
    return "".join(f"{f}|" for f in body.split("|")[:-1] if not f.startswith(f"{tag}="))


def with_value(body: str, tag: int, value: str) -> str:
    fields = body.split("|")[:-1]
    return "".join(f"{tag}={value}|" if f.startswith(f"{tag}=") else f"{f}|" for f in fields)


@pytest.mark.parametrize("body", BODIES)
def test_messages_of_both_sides_are_good(body: str) -> None:
    assert checked(body) is None


def test_supported_types_are_of_fix44() -> None:
    assert is_fix44_type(b"AF")
    assert not is_supported_type(b"AF")
    assert is_supported_type(b"D")
    assert not is_fix44_type(b"ZZ")


# 1: missing

MISSING = [
    (body, member.field.tag, member.field.name)
    for body in (ORDER, CANCEL, TRADE, *BODIES[11:15], *BODIES[3:8])
    for member in MESSAGES[msg_type_of(body)].members
    if member.presence == "Y" and f"|{member.field.tag}=" in body
]


@pytest.mark.parametrize(("body", "tag", "name"), MISSING)
def test_required_field_missing(body: str, tag: int, name: str) -> None:
    assert checked(without(body, tag)) == (1, tag, f"Missing mandatory field: {name} ({tag})")


@pytest.mark.parametrize(
    ("tag", "name"),
    [(34, "MsgSeqNum"), (49, "SenderCompID"), (56, "TargetCompID"), (52, "SendingTime")],
)
def test_header_field_missing(tag: int, name: str) -> None:
    for body in (ORDER, BODIES[2], "35=AF|" + HEAD + "584=x|"):
        assert checked(without(body, tag)) == (1, tag, f"Missing mandatory field: {name} ({tag})")


def test_the_first_missing_field_in_the_dictionary_is_told() -> None:
    assert checked("35=D|" + HEAD + "60=x|40=?|") == (
        1,
        11,
        "Missing mandatory field: ClOrdID (11)",
    )


def test_conditional_fields_are_not_missed_here() -> None:
    assert checked(without(ORDER, 44)) is None  # a limit order without its Price
    assert checked(with_value(without(FULL, 126), 59, "6")) is None


# 2, 3: tags that do not belong

OUT = "Tag not defined for this message type"


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("37=O", (2, 37, f"{OUT}: OrderID (37)")),  # the dialect's, on another message
        ("1102=5", (2, 1102, f"{OUT}: TriggerPrice (1102)")),  # not FIX 4.4's, but the dialect's
        ("109=5", (2, 109, f"{OUT}: ClientID (109)")),
        ("1=ACC", (2, 1, f"{OUT}: 1")),  # FIX 4.4's, not the dialect's
        ("115=X", (2, 115, f"{OUT}: 115")),  # in FIX 4.4's header, not in the dialect's
        ("20=0", (3, 20, "Undefined tag: 20")),  # dropped before FIX 4.4
        ("957=0", (3, 957, "Undefined tag: 957")),
        ("9999=0", (3, 9999, "Undefined tag: 9999")),
        ("10000=0", (3, 10000, "Undefined tag: 10000")),
        ("999999999=0", (3, 999999999, "Undefined tag: 999999999")),
    ],
)
def test_tags_that_do_not_belong(field: str, fault: tuple[int, int, str]) -> None:
    assert checked(f"{ORDER}{field}|") == fault


# 5, 6: values

VALUES = [
    (ORDER, 54, "3", 5),
    (ORDER, 40, "9", 5),
    (ORDER, 40, "P", 5),
    (ORDER, 59, "0", 5),
    (ORDER, 40, "22", 6),
    (ORDER, 40, "\x7f", 6),
    (ORDER, 40, "\xe9", 6),
    (ORDER, 7928, "3", 5),
    (ORDER, 7928, "01", 5),
    (ORDER, 7928, "x", 6),
    (ORDER, 7928, "1.0", 6),
    (ORDER, 7928, "-", 6),
    (ORDER, 18, "P x", 5),
    (ORDER, 18, "x", 5),
    (ORDER, 18, "P  E", 6),
    (ORDER, 18, " P", 6),
    (ORDER, 18, "P ", 6),
    (ORDER, 18, "PE", 6),
    (ORDER, 44, "1e5", 6),
    (ORDER, 44, "+1", 6),
    (ORDER, 44, "1,5", 6),
    (ORDER, 44, "1.2.3", 6),
    (ORDER, 44, ".", 6),
    (ORDER, 44, "-", 6),
    (ORDER, 44, " 1", 6),
    (ORDER, 44, "nan", 6),
    (ORDER, 44, "1" * 41, 6),
    (ORDER, 38, "0x1", 6),
    (ORDER, 55, "BTC\tUSD", 6),
    (ORDER, 55, "BTC\xa0USD", 6),
    (ORDER, 34, "-1", 6),
    (ORDER, 34, "1" * 19, 6),
    (ORDER, 49, "A\x7fB", 6),
    (ORDER, 52, "20261103", 6),
    (ORDER, 60, "20261103-09:15", 6),
    (ORDER, 60, "20261103 09:15:01", 6),
    (ORDER, 60, "20261103-09:15:01.", 6),
    (ORDER, 60, "20261103-09:15:01.0000000001", 6),
    (ORDER, 60, "20261103-09:15:01,5", 6),
    (ORDER, 60, "20260229-09:15:01", 6),
    (ORDER, 60, "20261301-09:15:01", 6),
    (ORDER, 60, "20261103-24:15:01", 6),
    (ORDER, 60, "20261103-09:60:01", 6),
    (ORDER, 60, "20261103-09:15:61", 6),
    (ORDER, 60, "19691231-23:59:59", 6),
    (FULL, 43, "y", 6),
    (FULL, 97, "true", 6),
    (FULL, 50, "desk\n", 6),
    (FULL, 126, "20261103", 6),
    (FULL, 388, "2", 5),
    (FULL, 5001, "2", 5),
    (FULL, 1138, "a", 6),
    (BODIES[0], 98, "1", 5),
    (BODIES[0], 108, "30s", 6),
    (BODIES[0], 108, "-", 6),
    (BODIES[0], 141, "true", 6),
    (BODIES[0], 8674, "2", 5),
    (BODIES[1], 109, "desk", 6),
    (BODIES[13], 530, "2", 5),
    (BODIES[8], 58, "a\x1bb", 6),
    (BODIES[5], 7, "5.0", 6),
    (TRADE, 136, "1x", 6),
    (TRADE, 891, "7", 5),
]


@pytest.mark.parametrize(("body", "tag", "value", "reason"), VALUES)
def test_bad_values(body: str, tag: int, value: str, reason: int) -> None:
    if f"|{tag}=" not in body:
        body = body.replace("|34=", f"|{tag}=N|34=")
    name = FIELDS[tag].name
    text = (
        f"Invalid value for tag {tag}: {name}"
        if reason == 5
        else f"Incorrect data format for value: {name} ({tag})"
    )
    assert both(with_value(body, tag, value)) == (reason, tag, text)


@pytest.mark.parametrize(
    ("body", "tag", "value"),
    [
        (ORDER, 44, "-5"),
        (ORDER, 44, "0"),
        (ORDER, 44, ".5"),
        (ORDER, 44, "5."),
        (ORDER, 44, "0." + "0" * 37 + "1"),
        (ORDER, 18, "P E v f q s"),
        (ORDER, 11, "any printable ~ text"),
        (ORDER, 60, "20240229-23:59:60.123456789"),
        (ORDER, 60, "20000229-00:00:00.1"),
        (ORDER, 34, "000000000000000002"),
        (BODIES[0], 108, "-30"),
        (BODIES[8], 58, "gr\xfc\xdfe"),
        (BODIES[5], 16, "0"),
        *[(ORDER, 40, value) for value in "1234RTUV"],
        *[(ORDER, 59, value) for value in "1346"],
    ],
)
def test_values_that_are_well_formed(body: str, tag: int, value: str) -> None:
    """Some of them are refused all the same, by rooms that know more."""
    assert both(with_value(body, tag, value)) is None


@pytest.mark.parametrize("msg_type", [b"3", b"j"])
def test_listed_values_of_more_than_one_character(msg_type: bytes) -> None:
    tag = 373 if msg_type == b"3" else 380
    for value, reason in ((value, None) for value in FIELDS[tag].values):
        extra = "45=1|372=D|" if msg_type == b"j" else "45=1|"
        body = f"35={msg_type.decode()}|{HEAD}{extra}{tag}={value}|"
        assert checked(body) is reason
    body = f"35={msg_type.decode()}|{HEAD}45=1|372=D|{tag}=98|"
    assert checked(body) == (5, tag, f"Invalid value for tag {tag}: {FIELDS[tag].name}")


# 13, 14: twice, out of order


@pytest.mark.parametrize(
    ("field", "tag", "name"),
    [
        ("54=1", 54, "Side"),
        ("34=2", 34, "MsgSeqNum"),
        ("35=D", 35, "MsgType"),
        ("8=FIX.4.4", 8, "BeginString"),
        ("9=5", 9, "BodyLength"),
    ],
)
def test_tags_that_appear_twice(field: str, tag: int, name: str) -> None:
    assert checked(f"{ORDER}{field}|") == (13, tag, f"Tag appears more than once: {name} ({tag})")


ORDER_TEXT = "Tag specified out of required order"


def test_a_header_tag_in_the_body() -> None:
    for tag, name in ((43, "PossDupFlag"), (97, "PossResend"), (50, "SenderSubID")):
        assert checked(f"{ORDER}{tag}=Y|") == (14, tag, f"{ORDER_TEXT}: {name} ({tag})")
        in_the_middle = ORDER.replace("|54=", f"|{tag}=Y|54=")
        assert checked(in_the_middle) == (14, tag, f"{ORDER_TEXT}: {name} ({tag})")


def test_header_tags_in_any_order_behind_the_third() -> None:
    body = "35=0|52=20261103-09:15:01.000|56=B|97=Y|49=A|43=N|50=x|34=1|"
    assert checked(body) is None


def test_a_check_sum_that_is_not_last() -> None:
    assert checked(f"{ORDER}10=000|") == (14, 10, f"{ORDER_TEXT}: CheckSum (10)")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"9=5\x018=FIX.4.4\x0135=0\x0110=000\x01", (14, 8, f"{ORDER_TEXT}: BeginString (8)")),
        (b"8=FIX.4.4\x0135=0\x019=5\x0110=000\x01", (14, 9, f"{ORDER_TEXT}: BodyLength (9)")),
        (b"8=FIX.4.4\x019=5\x0134=1\x0135=0\x01", (14, 35, f"{ORDER_TEXT}: MsgType (35)")),
        (b"8=FIX.4.4\x019=5\x0134=1\x01", (1, 35, "Missing mandatory field: MsgType (35)")),
        (b"8=FIX.4.4\x01", (1, 9, "Missing mandatory field: BodyLength (9)")),
        (b"", (1, 8, "Missing mandatory field: BeginString (8)")),
        (
            b"8=FIX.4.4\x019=5\x0135=0\x0134=1\x0149=A\x0156=B\x0152=20261103-09:15:01\x01",
            (1, 10, "Missing mandatory field: CheckSum (10)"),
        ),
    ],
)
def test_frames_that_framing_would_not_give(data: bytes, fault: tuple[int, int, str]) -> None:
    assert told(check(scanned(data), b"0")) == fault


# 15, 16: groups

OUT_OF_ORDER = "Repeating group fields out of order"
COUNT = "Incorrect NumInGroup count for repeating group"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("78=1|79=A", None),
        ("79=A", (15, 79, f"{OUT_OF_ORDER}: AllocAccount (79)")),
        ("79=A|78=1", (15, 79, f"{OUT_OF_ORDER}: AllocAccount (79)")),
        ("78=1", (16, 78, f"{COUNT}: NoAllocs (78)")),
        ("78=1|62=20261103-09:15:10|79=A", (16, 78, f"{COUNT}: NoAllocs (78)")),
        ("78=1|79=A|79=B", (16, 78, f"{COUNT}: NoAllocs (78)")),
        ("78=2|79=A", (16, 78, f"{COUNT}: NoAllocs (78)")),
        ("78=0", (5, 78, "Invalid value for tag 78: NoAllocs")),
        ("78=2|79=A|79=B", (5, 78, "Invalid value for tag 78: NoAllocs")),
        ("78=x|79=A", (6, 78, "Incorrect data format for value: NoAllocs (78)")),
        ("78=1|79=A|78=1|79=B", (13, 78, "Tag appears more than once: NoAllocs (78)")),
        ("78=1|79=A|62=20261103-09:15:10|79=B", (15, 79, f"{OUT_OF_ORDER}: AllocAccount (79)")),
        ("78=1|79=\t", (6, 79, "Incorrect data format for value: AllocAccount (79)")),
    ],
)
def test_allocation_group(fields: str, fault: tuple[int, int, str] | None) -> None:
    assert checked(f"{ORDER}{fields}|") == fault


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("136=2|137=1|138=USD|139=4|891=2|137=2|891=0", None),
        ("136=2|137=1|137=2", None),
        ("136=0", None),
        ("136=1|138=USD|137=1", (15, 138, f"{OUT_OF_ORDER}: MiscFeeCurr (138)")),
        ("136=1|137=1|139=4|138=USD", (15, 138, f"{OUT_OF_ORDER}: MiscFeeCurr (138)")),
        ("136=1|137=1|138=USD|138=EUR", (15, 138, f"{OUT_OF_ORDER}: MiscFeeCurr (138)")),
        ("136=3|137=1|137=2", (16, 136, f"{COUNT}: NoMiscFees (136)")),
    ],
)
def test_fee_group(fields: str, fault: tuple[int, int, str] | None) -> None:
    body = TRADE.replace("136=1|137=21.000125|138=USD|139=4|891=2", fields)
    assert body != TRADE
    assert checked(body) == fault


# 11 and types the venue does not know


def test_types_that_fix_does_not_know() -> None:
    for msg_type in ("I", "ZZ", "U1", "d d", "\xff"):
        assert checked(f"35={msg_type}|{HEAD}") == (11, 35, "Invalid MsgType")


def test_types_that_the_venue_does_not_know() -> None:
    """Header and trailer are judged, the body is not: 35=j follows, and needs the header."""
    assert checked(f"35=AF|{HEAD}584=a|585=7|584=b|9999=x|") is None
    assert checked(f"35=V|{HEAD}262=a|43=Y|") == (14, 43, f"{ORDER_TEXT}: PossDupFlag (43)")
    assert checked(f"35=V|{HEAD}43=z|262=a|") == (
        *(6, 43, "Incorrect data format for value: PossDupFlag (43)"),
    )


# what comes before what


def test_structure_then_presence_then_values() -> None:
    bad_value = with_value(ORDER, 40, "9")
    assert checked(without(bad_value, 54)) == (1, 54, "Missing mandatory field: Side (54)")
    assert checked(without(bad_value, 54) + "9999=1|") == (3, 9999, "Undefined tag: 9999")
    two_bad = with_value(bad_value, 38, "x")
    assert checked(two_bad) == (5, 40, "Invalid value for tag 40: OrdType")


# scans that stopped


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"8=a\x01044=1\x01", (0, 0, "Invalid tag number")),
        (b"8=a\x01secret=1\x01", (0, 0, "Invalid tag number")),
        (b"8=a\x0144=\x01", (4, 44, "Tag specified without a value: Price (44)")),
        (b"8=a\x017777=\x01", (4, 7777, "Tag specified without a value: 7777")),
        (b"8=a\x01hello\x01", (6, 0, "Field without a value: no = behind the tag")),
        (b"8=a\x0155\x01", (6, 55, "Field without a value: no = behind the tag")),
        (b"1=a\x01" * (FIELDS_MAX + 1), (99, 0, "Too many fields: more than 256")),
    ],
)
def test_scan_faults(data: bytes, fault: tuple[int, int, str]) -> None:
    for scan in ("scan", "scan_bytes", "scan_searching"):
        message = Message()
        assert told(scan_fault(message, getattr(message, scan)(data))) == fault


# any input, both bodies


@given(
    st.sampled_from(BODIES),
    st.integers(0, 60),
    st.sampled_from(["54", "34", "40", "78", "79", "136", "137", "18", "999", "1003", "58", "10"]),
    st.text(alphabet="12PEs .-Nx\x7f\xe9:", min_size=1, max_size=6),
)
def test_both_bodies_agree(body: str, place: int, tag: str, value: str) -> None:
    fields = body.split("|")[:-1]
    fields.insert(1 + place % len(fields), f"{tag}={value}")
    both("|".join(fields) + "|")


@given(st.lists(st.tuples(st.integers(1, 12000), st.binary(min_size=1, max_size=8)), max_size=40))
def test_any_fields_give_a_verdict(fields: list[tuple[int, bytes]]) -> None:
    body = b"".join(b"%d=%b\x01" % (tag, value.replace(b"\x01", b"?")) for tag, value in fields)
    message = Message()
    assert message.scan(b"8=FIX.4.4\x019=5\x0135=D\x01" + body) == SCANNED
    fault = check(message, b"D")
    assert fault is not None  # it has no trailer, if nothing else
    assert 0 < fault.reason <= 16


def test_a_drop_copy_takes_all_of_fix_44s_header_and_logon_and_makes_nothing_of_it() -> None:
    assert len(HEADER) + len(IDLE_HEADER_TAGS) == 30
    idle = "115=A|57=x|90=1|91=x|347=UTF-8|369=1|627=2|628=P|630=1|628=Q|"
    logon = "35=A|" + HEAD + idle + "98=0|108=30|95=1|96=x|383=9|384=2|372=8|372=0|385=S|464=Y|"
    for application, wanted in ((DROP_COPY, None), (TRADING, 115), (MARKET_DATA, 115)):
        fault = check(scanned(frame(logon + "5099=x|9000=y|9999=z|")), b"A", application)
        assert (fault.ref_tag if fault is not None else None) == wanted
    for body, fault_told in (
        ("35=A|" + HEAD + "98=0|108=30|5100=x|", (3, 5100)),
        ("35=A|" + HEAD + "98=0|108=30|55=x|", (2, 55)),
        ("35=A|" + HEAD + "98=0|115=x|108=30|", (14, 115)),
        ("35=0|" + HEAD + idle + "9000=x|", (3, 9000)),
        ("35=0|" + HEAD + idle + "95=1|", (2, 95)),
    ):
        fault = check(scanned(frame(body)), msg_type_of(body), DROP_COPY)
        assert fault is not None
        assert (fault.reason, fault.ref_tag) == fault_told


NEAR_TIMES = st.one_of(
    st.text(alphabet="0123456789-:. ", max_size=30),
    st.from_regex(r"[0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,10})?", fullmatch=True),
    st.datetimes().map(lambda t: t.strftime("%Y%m%d-%H:%M:%S.%f").rjust(24, "0")),
)


@given(NEAR_TIMES)
def test_both_timestamp_bodies(text: str) -> None:
    data = text.encode()
    good = formats.timestamp_bytes(b"x" + data + b"x", 1, 1 + len(data))
    assert good == formats.timestamp_searching(data)
    assert good == (parse_utc_timestamp(data) >= 0)


@given(st.text(alphabet="0123456789-+.e P\x00\x7f\xff", max_size=44))
def test_both_bodies_of_each_format(text: str) -> None:
    data = text.encode("latin-1")
    end = len(data)
    assert formats.string_bytes(data, 0, end) == formats.string_searching(data)
    assert formats.text_bytes(data, 0, end) == formats.text_searching(data)
    assert formats.unsigned_bytes(data, 0, end) == formats.unsigned_searching(data)
    assert formats.int_bytes(data, 0, end) == formats.int_searching(data)
    assert formats.decimal_bytes(data, 0, end) == formats.decimal_searching(data)
    assert formats.time_only_bytes(data, 0, end) == formats.time_only_searching(data)
    assert formats.multiple_bytes(data, 0, end) == formats.multiple_searching(data)
