"""What `tidegate decode` shows of logs, mails and broken frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.explain import ExplainedMessage, explain, render_text

from .frames import BODIES, CANCEL, ORDER, TRADE, frame

LOGON = BODIES[0]
SECRETS = ("kFIXTESTKEY0001", "4wqN85P", "1793697300000")


def only(data: bytes) -> ExplainedMessage:
    messages = explain(data)
    assert len(messages) == 1
    return messages[0]


def columns(message: ExplainedMessage) -> list[tuple[int, str, str, str, int, str]]:
    return [(f.tag, f.name, f.value, f.meaning, f.depth, f.note) for f in message.fields]


@pytest.mark.parametrize(
    "separator", [b"\x01", b"|", b"^A", b" | ", b"<SOH>", b"\\x01", b";", b" "]
)
@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_separators(separator: bytes, ending: bytes) -> None:
    data = frame(CANCEL)
    message = only(data.replace(b"\x01", separator) + ending)
    assert message.faults == []
    assert columns(message) == columns(only(data))
    assert (message.msg_type, message.name) == ("F", "OrderCancelRequest")
    assert message.body_length_stated == message.body_length_computed == 161
    assert message.check_sum_stated == message.check_sum_computed == 180


@pytest.mark.parametrize("body", BODIES)
def test_every_message_is_whole(body: str) -> None:
    for data in (frame(body), frame(body).replace(b"\x01", b"|")):
        message = only(data)
        assert message.faults == []
        assert [f.note for f in message.fields if f.note] == []
        assert all(f.name for f in message.fields)


@pytest.mark.parametrize("separator", [b"|", b"^A", b" | "])
def test_the_last_separator_may_be_lost(separator: bytes) -> None:
    data = frame(CANCEL).replace(b"\x01", separator)[: -len(separator)]
    assert only(data).faults == []
    assert only(data + b"\nnext line").faults == []


def test_fields_and_groups() -> None:
    shown = columns(only(frame(TRADE)))
    assert shown[2] == (35, "MsgType", "8", "ExecutionReport", 0, "")
    group = [row for row in shown if row[4]]
    assert group == [
        (137, "MiscFeeAmt", "21.000125", "", 1, ""),
        (138, "MiscFeeCurr", "USD", "", 1, ""),
        (139, "MiscFeeType", "4", "exchange fees", 1, ""),
        (891, "MiscFeeBasis", "2", "percentage", 1, ""),
    ]


def test_rendered_text() -> None:
    body = "35=8|34=3|136=2|137=1|138=USD|137=2|40=9|7928=1|"  # an invented order of fields
    data = b"2026-11-03 09:15:03 OUT " + frame(body).replace(b"\x01", b"|") + b"\n"
    assert render_text(explain(data)) == (
        "2026-11-03 09:15:03 OUT\n"
        "ExecutionReport (8)\n"
        "  8      BeginString          FIX.4.4\n"
        "  9      BodyLength           48\n"
        "  35     MsgType              8  ExecutionReport\n"
        "  34     MsgSeqNum            3\n"
        "  136    NoMiscFees           2\n"
        "    137  MiscFeeAmt           1\n"
        "    138  MiscFeeCurr          USD\n"
        "    137  MiscFeeAmt           2\n"
        "  40     OrdType              9  <-- value not listed\n"
        "  7928   SelfTradePrevention  1  cancel newest\n"
        f"  10     CheckSum             {frame(body)[-4:-1].decode()}\n"
    )


def test_several_messages_in_a_log() -> None:
    log = b"".join(
        b"%d IN  msg=%b\nsome other line\n" % (i, frame(body).replace(b"\x01", b"|"))
        for i, body in enumerate(BODIES)
    )
    messages = explain(log)
    assert [m.faults for m in messages] == [[] for _ in BODIES]
    assert [m.prefix for m in messages] == [f"{i} IN  msg=" for i in range(len(BODIES))]
    assert render_text(messages).count("\n\n") == len(BODIES) - 1


def test_frames_behind_each_other() -> None:
    messages = explain(frame(ORDER) + frame(CANCEL) + frame(TRADE))
    assert [(m.msg_type, m.prefix, m.faults) for m in messages] == [
        ("D", "", []),
        ("F", "", []),
        ("8", "", []),
    ]


def test_a_begin_in_a_value_is_a_value() -> None:
    message = only(frame("35=5|34=1|58=8=FIX.4.4|"))
    assert message.faults == []
    assert message.fields[4].value == "8=FIX.4.4"


def test_a_begin_behind_a_digit_is_the_end_of_a_tag() -> None:
    messages = explain(frame("35=A|34=1|108=FIX|") + b" 108=FIX")
    assert [m.fields[4].value for m in messages] == ["FIX"]


def test_a_message_without_body_length_still_has_fields() -> None:
    message = only(b"8=FIX.4.4^A35=0^A34=7^A10=000^A and text behind")
    assert [(f.tag, f.value) for f in message.fields] == [
        *((8, "FIX.4.4"), (35, "0"), (34, "7"), (10, "000")),
    ]


def test_a_spaced_separator_that_was_cut_at_the_end() -> None:
    data = frame(CANCEL).replace(b"\x01", b"| ").rstrip()
    assert only(data).faults == only(data + b"\n").faults == []
    assert only(data[: data.index(b"| 10=")] + b"|").fields[-1].value == "20261103-09:15:06.000"


def test_a_value_with_a_line_break() -> None:
    assert only(frame("35=5|34=1|58=a\nb|")).fields[4].value == "a\\x0ab"


def test_bad_length_and_sum() -> None:
    data = frame(CANCEL).replace(b"9=161", b"9=99").replace(b"10=180", b"10=007")
    message = only(data)
    computed = message.check_sum_computed
    assert message.faults == [
        "BodyLength says 99, counted are 161",
        f"CheckSum says 007, computed is {computed:03d}",
    ]
    assert message.fields[1].note == "bad: computed 161"
    assert message.fields[-1].note == f"bad: computed {computed:03d}"
    assert "  ! BodyLength says 99, counted are 161\n" in render_text([message])


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"8=FIX.4.4|9=5|35=0|", ["no CheckSum (10): the message is cut short"]),
        (
            b"8=FIX.4.4|35=0|10=000|",
            ["BodyLength (9) is not the second field", "CheckSum says 000, computed is 123"],
        ),
        (
            b"8=FIX.4.4|9=x|35=0|10=00|",
            ["BodyLength says x, counted are 5", "CheckSum says 00, computed is 028"],
        ),
        (
            b"8=FIX.4.4",
            [
                "no separator between the fields is recognised",
                "BodyLength (9) is not the second field",
                "no CheckSum (10): the message is cut short",
            ],
        ),
    ],
)
def test_what_is_wrong_is_told(data: bytes, faults: list[str]) -> None:
    message = only(data)
    for fault in faults:
        if "computed is" in fault:
            fault = fault[: fault.index("computed is")]
        assert any(found.startswith(fault) for found in message.faults), message.faults
    assert len(message.faults) == len(faults)


def test_pieces_that_are_no_fields() -> None:
    shown = columns(only(b"8=FIX.4.4|9=5|35=0|junk|=x|44=|10=000|"))
    assert shown[3] == (0, "", "junk", "", 0, "not a field")
    assert shown[4] == (0, "", "=x", "", 0, "not a field")
    assert shown[5] == (44, "Price", "", "", 0, "no value")


@pytest.mark.parametrize("separator", ["\x01", "|", "^A", "#", ""])
@pytest.mark.parametrize("cut", [0, 1, 40, 120])
def test_no_credential_is_shown(separator: str, cut: int) -> None:
    text = frame(LOGON).decode().replace("\x01", separator)
    data = text[: len(text) - cut].encode()
    for shown in (
        render_text(explain(data)),
        render_text(explain(data[data.index(b"553") :] + b" " * 300 + frame(CANCEL))),
        render_text(explain(data.replace(b"9=214", b"9" + separator.encode() + b"214"))),
    ):
        for secret in SECRETS:
            assert secret not in shown


def test_the_rest_of_a_credential_with_a_separator_in_it() -> None:
    shown = render_text(explain(b"8=FIX.4.4|9=5|35=A|554=ab|SECRET|more SECRET|10=000|"))
    assert "SECRET" not in shown
    assert shown.count("(hidden)") == 3


def test_control_characters_do_not_reach_the_terminal() -> None:
    shown = render_text(explain(b"\x1b]0;x\x07 8=FIX.4.4|9=5|35=\x1b[2J|58=\xff\xc2\x9b\x7f|10=1|"))
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert "\\x1b[2J" in shown


def test_nothing_found() -> None:
    assert explain(b"") == []
    assert explain(b"no FIX here, 108=FIX neither") == []
    assert render_text([]) == ""


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    render_text(explain(data))
    render_text(explain(b"8=FIX.4.4" + data))


SCRAPS = [
    "8=FIX",
    ".4.4",
    "|",
    "^A",
    "\x01",
    "9=5",
    "35=D",
    "78=1",
    "79=",
    "10=",
    "123",
    "554=",
    "=",
    "x",
    "10=0",
    "9",
]


@given(st.lists(st.sampled_from([*SCRAPS, " ", "\n"])))
def test_anything_like_fix(parts: list[str]) -> None:
    data = "".join(parts).encode()
    messages = explain(data)
    assert len(messages) <= data.count(b"8=FIX")
    render_text(messages)
