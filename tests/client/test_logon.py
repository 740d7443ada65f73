"""Logon as the specification has it: the signature's vectors, whole frames, nonces, refusals."""

from __future__ import annotations

import pytest

from tests.client.memory_venue import SECRET, START_NS, MemoryLine, MemoryVenue, client
from tidegate.client import ClientCore, Credentials, LoggedOn, LoggedOut, LogonOptions
from tidegate.wire import tags
from tidegate.wire.message import Message

MS_NS = 1_000_000


def field(frame: bytes, tag: int) -> bytes:
    message = Message()
    message.scan(frame)
    return message.get(tag)


VECTORS = [
    (
        Credentials("CLIENT", "KRAKEN-TRD", "APIKEY", "c2VjcmV0"),
        7,
        1724512345678,
        b"MwX+M7nvuHXxD5aGI/TFpghXxg2iblxXYyz7lRzLCPMA4UJYI3osNrUKWCiI3fDnOLkEQ5WKSK58Mp3nvu1Klw==",
    ),
    (
        Credentials("ACMEFIRM1", "KRAKEN-TRD", "kFIXTESTKEY0001", SECRET),
        1,
        1775572321000,
        b"pv1TLbxEIUyAbI+gjeyRrcTAbjl+pVxdHNLvq1V1o6/dCkAIZZjEBAPTfBfgGUhSYcIEoNNun0IkkDmsRx5MfA==",
    ),
    (
        Credentials("ACMEFIRM1", "KRAKEN-TRD", "kFIXTESTKEY0001", SECRET),
        42,
        1775572321000,
        b"ONxPsrUAu7Z2LKWDVRFPZ6JwW4Zj9Xvy784atW5GzKl7mDmpEK22DIVgt/HMudVR3wjuTYm+1BAUdn4OMCGM4w==",
    ),
    (
        Credentials("ACMEFIRM1-DRV", "KRAKEN-DRV-TRD", "kFIXTESTKEY0001", SECRET),
        1,
        1775572321000,
        b"6NSZV+pEgWZwWb13qW2mRswo9tmVJxRIw7aeYjlgDnPnkjGLHv/DwpPfnXjsfRyJF58TgVLhQpjif6nXAx1LiQ==",
    ),
]


@pytest.mark.parametrize(("credentials", "number", "nonce", "password"), VECTORS)
def test_password_of_the_published_vectors(
    credentials: Credentials, number: int, nonce: int, password: bytes
) -> None:
    assert b"\x01554=" + password + b"\x01" in credentials.fields(number, nonce)


def test_logon_frame_of_the_specification() -> None:
    options = LogonOptions(heart_bt_int_s=30, reset_seq_num=True, cancel_orders_on_disconnect=True)
    credentials = Credentials("ACME", "KRAKEN-TRD", "kFIXTESTKEY0001", SECRET)
    core = ClientCore(credentials, options)
    core.connect(1793697300000 * MS_NS)
    assert core.take_output() == (
        b"8=FIX.4.4|9=214|35=A|34=1|49=ACME|56=KRAKEN-TRD|52=20261103-09:15:00.000|98=0|108=30|"
        b"141=Y|8674=0|553=kFIXTESTKEY0001|554=4wqN85P/51noOgvoUFkeaUS+oASaE9hRhhwBXb6fIPDrwohhR6W4"
        b"k2Um7RU+m+l/ehtS7wGXiR5jzTyEC4Dl+g==|5025=1793697300000|10=013|"
    ).replace(b"|", b"\x01")


def test_market_data_logon_has_no_credentials() -> None:
    core = ClientCore(Credentials("ACME", "KRAKEN-MD"), LogonOptions(reset_seq_num=True))
    core.connect(START_NS)
    frame = core.take_output()
    assert b"\x01553=" not in frame
    assert b"\x01554=" not in frame
    assert b"\x015025=" not in frame


def test_optional_logon_fields() -> None:
    options = LogonOptions(
        cancel_orders_on_disconnect=False, force_reset_cl_ord_id=True, client_id=7
    )
    core = client(options=options)
    core.connect(START_NS)
    frame = core.take_output()
    assert [field(frame, t) for t in (109, 141, 5030, 8674)] == [b"7", b"N", b"Y", b"1"]


def test_logon_is_answered() -> None:
    server = MemoryVenue()
    core = client()
    line = MemoryLine(server, core)
    line.connect(START_NS)
    line.step(START_NS)
    assert core.take_events() == [LoggedOn(msg_seq_num=2, replay_from=0)]
    assert core.is_logged_on


def test_nonces_rise_within_one_millisecond() -> None:
    core = client()
    nonces: list[int] = []
    for _ in range(3):
        core.connect(START_NS)
        nonces.append(int(field(core.take_output(), tags.NONCE)))
        core.link_lost(START_NS)
    first = START_NS // MS_NS
    assert nonces == [first, first + 1, first + 2]


def test_refused_logon_gives_the_reason_and_uses_no_number_of_the_venue() -> None:
    server = MemoryVenue()
    wrong = ClientCore(Credentials("ACME", "KRAKEN-TRD", "key-ACME-1", "c2VjcmV0"))
    line = MemoryLine(server, wrong)
    line.connect(START_NS)
    line.step(START_NS)
    assert wrong.take_events() == [LoggedOut("Logon failed: invalid credentials", False)]
    assert wrong.is_cut
    assert (wrong.numbers.next_outgoing, wrong.numbers.next_incoming) == (2, 1)


def test_refusal_is_understood_whatever_its_number() -> None:
    """A number before the logon means nothing: below and above the expected one alike."""
    for next_incoming in (1, 5, 90):
        core = client()
        core._session.next_incoming = next_incoming
        server = MemoryVenue()
        first = MemoryLine(server, client())
        first.connect(START_NS)
        first.step(START_NS)
        line = MemoryLine(server, core)
        line.connect(START_NS + SECOND)
        line.step(START_NS + SECOND, first)
        assert core.take_events() == [LoggedOut("Session already active", False)]
        assert core.numbers.next_incoming == next_incoming


SECOND = 1_000_000_000


def test_logon_that_is_never_answered_is_given_up() -> None:
    core = client(options=LogonOptions(logon_timeout_s=3))
    core.connect(START_NS)
    assert core.deadline_ns() == START_NS + 3 * SECOND
    core.tick(START_NS + 3 * SECOND - 1)
    assert core.take_events() == []
    core.tick(START_NS + 3 * SECOND)
    assert [type(e).__name__ for e in core.take_events()] == ["Disconnected"]
    assert core.is_cut


def test_secret_is_not_shown() -> None:
    assert SECRET not in repr(Credentials("ACME", "KRAKEN-TRD", "key", SECRET))
    with pytest.raises(ValueError, match="not base64") as caught:
        Credentials("ACME", "KRAKEN-TRD", "key", "secret text!")
    assert "secret text" not in str(caught.value)
