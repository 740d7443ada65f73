"""Reading a Logon, refusing it, and taking the secrets out of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.session.session_harness import fields
from tidegate.session.logon import (
    FAILED_COMP_ID,
    logon_fault,
    read_logon,
    refusal_frame,
    without_credentials,
)
from tidegate.wire.framing import Framer
from tidegate.wire.render import frame_of

HEAD = b"35=A\x0134=7\x0149=ACME\x0156=KRAKEN-TRD\x0152=20261103-09:15:00.000\x01"
BODY = b"98=0\x01108=30\x01141=Y\x018674=0\x01"
SECRETS = b"553=kFIXTESTKEY0001\x01554=c2VjcmV0IQ==\x015025=1793697300000\x01"


def test_the_fields_are_the_texts_of_the_wire() -> None:
    request = read_logon(frame_of(b"35=A\x0134=007\x01" + HEAD[10:] + BODY + SECRETS))
    assert request is not None
    assert request.msg_seq_num_text == b"007"  # what was signed
    assert request.msg_seq_num == 7
    assert (request.sender_comp_id, request.target_comp_id) == (b"ACME", b"KRAKEN-TRD")
    assert (request.username, request.nonce) == (b"kFIXTESTKEY0001", b"1793697300000")
    assert request.password == b"c2VjcmV0IQ=="
    assert logon_fault(request, 5, 300) == b""


def test_what_is_no_logon() -> None:
    assert read_logon(frame_of(HEAD.replace(b"35=A", b"35=0") + BODY)) is None
    assert read_logon(frame_of(HEAD + b"98=\x01")) is None
    assert read_logon(frame_of(b"34=1\x0135=A\x01")) is None
    assert read_logon(frame_of(b"35=A\x01x\x01")) is None


def test_faults_come_in_the_order_of_the_checks() -> None:
    def fault(frame: bytes) -> bytes:
        request = read_logon(frame)
        assert request is not None
        return logon_fault(request, 5, 300)

    assert fault(frame_of(HEAD + BODY).replace(b"FIX.4.4", b"FIX.4.2")).endswith(b"BeginString (8)")
    assert fault(frame_of(HEAD + b"98=1\x01108=1\x01")).endswith(b"EncryptMethod (98) must be 0")
    assert fault(frame_of(HEAD + b"108=30\x01")).endswith(b"EncryptMethod (98) must be 0")
    wrong = b"Logon failed: HeartBtInt (108) must be 5 to 300 seconds"
    for text in (b"108=4\x01", b"108=301\x01", b"108=-30\x01", b"108=x\x01", b""):
        assert fault(frame_of(HEAD + b"98=0\x01" + text)) == wrong
    for text in (b"108=5\x01", b"108=300\x01"):
        assert fault(frame_of(HEAD + b"98=0\x01" + text)) == b""


def test_the_journal_never_sees_a_secret() -> None:
    clean = without_credentials(frame_of(HEAD + SECRETS + BODY))
    assert clean == frame_of(HEAD + BODY)
    assert without_credentials(clean) == clean


@given(st.permutations([*BODY.split(b"\x01")[:-1], *SECRETS.split(b"\x01")[:-1]]))
def test_secrets_are_found_wherever_they_stand(parts: list[bytes]) -> None:
    clean = without_credentials(frame_of(HEAD + b"".join(part + b"\x01" for part in parts)))
    assert Framer().feed(clean) == [clean]
    assert not {553, 554, 5025} & fields(clean).keys()
    kept = [part for part in parts if part.split(b"=")[0] not in (b"553", b"554", b"5025")]
    assert clean == frame_of(HEAD + b"".join(part + b"\x01" for part in kept))


def test_a_refusal_goes_back_to_who_asked() -> None:
    request = read_logon(frame_of(HEAD + BODY + SECRETS))
    assert request is not None
    frame = refusal_frame(request, 2, b"20261103-09:15:00.006", FAILED_COMP_ID)
    assert frame.split(b"\x01", 2)[2].rsplit(b"10=", 1)[0] == (
        b"35=5\x0134=2\x0149=KRAKEN-TRD\x0156=ACME\x0152=20261103-09:15:00.006\x01"
        b"58=Logon failed: unknown CompID\x01"
    )
