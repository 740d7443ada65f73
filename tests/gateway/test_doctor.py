"""The logon doctor: every mistake of its table, what it says of each check, and what it never says.

The signatures of the published vectors are the right ones here as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue, tidegate
from tests.gateway.conftest import KEY, SECRET, login
from tests.peers.socket_peer import Login, Peer, PeerClosed, framed, password
from tidegate.config.values import ApiKey, SessionAccess
from tidegate.control.client import ask
from tidegate.control.protocol import ControlError
from tidegate.gateway.authentication import CHECKS, Verdict
from tidegate.gateway.doctor import Case, Failure, diagnose, first_difference
from tidegate.gateway.signature_mistakes import MISTAKES, Recipe, found_mistake
from tidegate.session.logon import read_logon
from tidegate.wire.signature import logon_password

SECRET_64 = (
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
)
V1 = "MwX+M7nvuHXxD5aGI/TFpghXxg2iblxXYyz7lRzLCPMA4UJYI3osNrUKWCiI3fDnOLkEQ5WKSK58Mp3nvu1Klw=="
V2 = "pv1TLbxEIUyAbI+gjeyRrcTAbjl+pVxdHNLvq1V1o6/dCkAIZZjEBAPTfBfgGUhSYcIEoNNun0IkkDmsRx5MfA=="
V2_42 = "ONxPsrUAu7Z2LKWDVRFPZ6JwW4Zj9Xvy784atW5GzKl7mDmpEK22DIVgt/HMudVR3wjuTYm+1BAUdn4OMCGM4w=="
V3 = "6NSZV+pEgWZwWb13qW2mRswo9tmVJxRIw7aeYjlgDnPnkjGLHv/DwpPfnXjsfRyJF58TgVLhQpjif6nXAx1LiQ=="
V4 = "MfVSL8B8zqIo9xn7yIgqH1Iq1JNQ4vsiGxFtidqHr6EiQVYU8fAEToQMhrpqujglo1k0j9NBZqk0yWeaCLY/Vw=="
API_KEY = "kFIXTESTKEY0001"
NONCE = "1775572321000"

V1_RECIPE = Recipe(
    secret=b"secret", msg_seq_num=b"7", sender_comp_id=b"CLIENT", target_comp_id=b"KRAKEN-TRD",
    api_key=b"APIKEY", nonce=b"1724512345678",
)  # fmt: skip
V2_RECIPE = Recipe(
    secret=base64.b64decode(SECRET_64), msg_seq_num=b"1", sender_comp_id=b"ACMEFIRM1",
    target_comp_id=b"KRAKEN-TRD", api_key=API_KEY.encode(), nonce=NONCE.encode(),
)  # fmt: skip
V3_RECIPE = replace(V2_RECIPE, sender_comp_id=b"ACMEFIRM1-DRV", target_comp_id=b"KRAKEN-DRV-TRD")


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (V1_RECIPE, V1),
        (V2_RECIPE, V2),
        (replace(V2_RECIPE, msg_seq_num=b"42"), V2_42),
        (V3_RECIPE, V3),
        (replace(V3_RECIPE, target_comp_id=b"KRAKEN-TRD"), V4),
    ],
)
def test_without_a_mistake_the_recipe_gives_the_published_vectors(
    recipe: Recipe, expected: str
) -> None:
    assert recipe.password().decode() == expected
    assert recipe.password() == logon_password(
        secret=recipe.secret,
        msg_seq_num=recipe.msg_seq_num,
        sender_comp_id=recipe.sender_comp_id,
        target_comp_id=recipe.target_comp_id,
        api_key=recipe.api_key,
        nonce=recipe.nonce,
    )


def client_password(
    text: str,
    *,
    key: bytes = base64.b64decode(SECRET_64),
    digest: Callable[[bytes], bytes] = lambda data: hashlib.sha256(data).digest(),
    mac: str = "sha512",
    encode: Callable[[bytes], bytes] = base64.b64encode,
) -> bytes:
    """A client that does it its own way, written down here anew."""
    return encode(hmac.new(key, digest(text.replace("|", "\x01").encode()), mac).digest())


FIELDS = f"35=A|34=1|49=ACMEFIRM1|56=KRAKEN-TRD|553={API_KEY}|"
RIGHT = FIELDS + NONCE


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (client_password(RIGHT, key=SECRET_64.encode()), "is to be decoded first"),
        (client_password(RIGHT, key=SECRET_64.encode() + b"\n"), "with a line end behind it"),
        (client_password(RIGHT, key=API_KEY.encode()), "API key was used in the place"),
        (
            client_password(RIGHT, digest=lambda d: hashlib.sha256(d).hexdigest().encode()),
            "as hexadecimal text",
        ),
        (
            client_password(RIGHT, digest=lambda d: hashlib.sha256(d).hexdigest().upper().encode()),
            "upper-case hexadecimal text",
        ),
        (client_password(RIGHT, digest=lambda d: d), "without the SHA-256 digest"),
        (client_password(RIGHT, digest=lambda d: hashlib.sha512(d).digest()), "is SHA-512"),
        (client_password(RIGHT, mac="sha256"), "HMAC-SHA-256"),
        (client_password(RIGHT, encode=base64.urlsafe_b64encode), "URL-safe base64"),
        (V2.rstrip("=").encode(), "without padding"),
        (base64.b64decode(V2).hex().encode(), "is hexadecimal"),
        (V2.encode() + b"\n", "line end behind it"),
        (base64.encodebytes(base64.b64decode(V2)), "broken into lines"),
        (client_password(FIELDS[:-1] + NONCE), "SOH behind the last field (553) is missing"),
        (client_password(RIGHT.replace("|", "^A")), "as two characters"),
        (client_password(RIGHT.replace("|", "")), "no SOH behind its fields"),
        (client_password(FIELDS + "5025=" + NONCE), "with its tag"),
        (client_password(FIELDS + "5025=" + NONCE + "|"), "as a field"),
        (client_password(FIELDS + NONCE + "|"), "SOH behind it"),
        (client_password(FIELDS + "|" + NONCE), "separator before it"),
        (client_password(NONCE + FIELDS), "in front of the fields"),
        (client_password(FIELDS), "nonce is missing"),
        (client_password(RIGHT.replace("|34=1|", "|34=000001|")), "34=000001 was signed"),
        (client_password(RIGHT.replace("|34=1|", "|34=2|")), "34=2 was signed, but 34=1 sent"),
        (
            client_password(f"35=A|49=ACMEFIRM1|56=KRAKEN-TRD|34=1|553={API_KEY}|{NONCE}"),
            "in the order 35, 49, 56, 34, 553",
        ),
        (client_password(RIGHT.removeprefix("35=A|")), "35=A is missing"),
        (
            client_password(f"35=A|34=1|49=KRAKEN-TRD|56=ACMEFIRM1|553={API_KEY}|{NONCE}"),
            "were exchanged",
        ),
        (client_password(RIGHT, key=b"another"), "secret of another API key was used"),
        (SECRET_64.encode(), "change it, it was on the wire"),
        (
            client_password(
                RIGHT,
                key=SECRET_64.encode(),
                digest=lambda d: hashlib.sha256(d).hexdigest().encode(),
            ),
            "two mistakes: the API secret was used as its base64 text",
        ),
        (
            client_password(FIELDS[:-1] + NONCE, encode=lambda mac: mac.hex().encode()),
            "two mistakes",
        ),
        (b"x" * 88, ""),
        (b"", ""),
        (b"\xff" * 3, ""),
    ],
)  # fmt: skip
def test_a_well_known_mistake_is_recognised(sent: bytes, said: str) -> None:
    found = found_mistake(V2_RECIPE, sent, [b"another"], pairs=True)
    assert said in found
    assert bool(said) == bool(found)


def test_the_constant_of_the_samples_is_recognised() -> None:
    found = found_mistake(V3_RECIPE, V4.encode(), [], pairs=False)
    assert found.startswith("56=KRAKEN-TRD was signed")


def test_pairs_are_tried_only_where_asked_for() -> None:
    sent = replace(V2_RECIPE, secret=SECRET_64.encode(), mac="sha256").password()
    assert found_mistake(V2_RECIPE, sent, [], pairs=False) == ""
    assert found_mistake(V2_RECIPE, sent, [], pairs=True).startswith("two mistakes: ")


def test_every_mistake_of_the_table_is_one() -> None:
    """None of them leaves the right password, and no two give the same."""
    made = [mistake.make(V3_RECIPE).password() for mistake in MISTAKES]
    assert V3_RECIPE.password() not in made
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    ("expected", "received", "position", "characters"),
    [
        (b"abc", b"abd", 3, ("c", "d")),
        (b"abc", b"xbc", 1, ("a", "x")),
        (b"abc", b"ab", 3, ("c", "")),
        (b"abc", b"abcd", 4, ("", "d")),
        (b"abc", b"", 1, ("a", "")),
    ],
)
def test_the_first_difference(
    expected: bytes, received: bytes, position: int, characters: tuple[str, str]
) -> None:
    found = first_difference(expected, received)
    assert (found.position, (found.expected, found.received)) == (position, characters)


def case(verdict: Verdict, *, sent: str = V2, key: ApiKey | None = None, **more: Any) -> Case:
    """A logon that the gateway has refused: its own clock is 1.5 s ahead of the venue's."""
    body = (
        f"35=A|34=1|49=ACMEFIRM1|56=KRAKEN-TRD|52=20260407-14:32:01.000|98=0|108=30"
        f"|553={API_KEY}|554={sent}|5025={NONCE}|"
    )
    request = read_logon(framed(body.replace("|", "\x01").encode()))
    assert request is not None
    access = SessionAccess(
        firm="ACME", account="ACME-1", market="spot", role="trading", sender_comp_id="ACMEFIRM1",
        target_comp_id="KRAKEN-TRD", service="spot_trading", port=4001, broker=False, enabled=True,
        networks=(ipaddress.ip_network("192.0.2.0/24"),), key_names=("one", "two"),
        nonce_window_ms=5_000, tls="any",
    )  # fmt: skip
    times_ns = (int(NONCE) - 1_500) * 1_000_000
    known: dict[str, Any] = {
        "request": request, "verdict": verdict, "address": "192.0.2.7", "now_ns": times_ns,
        "wall_ns": times_ns, "access": access, "other_targets": (), "key": key, "last_nonce": 0,
        "other_secrets": (),
    }  # fmt: skip
    return Case(**(known | more))


OWN_KEY = ApiKey(
    name=API_KEY, secret=base64.b64decode(SECRET_64), firm="ACME", account="ACME-1", sessions=()
)


@pytest.mark.parametrize("failed", CHECKS)
def test_the_checks_are_told_in_their_order(failed: str) -> None:
    told = diagnose(case(Verdict(0, b"Logon failed", failed))).checks
    place = CHECKS.index(failed)
    assert [c.check for c in told] == [*CHECKS, "session"]
    assert [c.outcome for c in told] == [
        *["passed"] * place, "failed", *["not reached"] * (len(CHECKS) - place)
    ]  # fmt: skip
    assert told[place].detail


def test_what_the_session_refused_is_told_as_the_last_check() -> None:
    text = b"MsgSeqNum too low, expecting 7 but received 1"
    failure = diagnose(case(Verdict(0, b""), key=OWN_KEY), session_reason=text)
    assert failure.answer == failure.reason == text.decode()
    assert [c.outcome for c in failure.checks] == ["passed"] * len(CHECKS) + ["failed"]
    assert failure.signature is not None
    assert failure.signature.right


def test_the_signature_and_the_clocks_are_told() -> None:
    hexadecimal = base64.b64decode(V2).hex()
    verdict = Verdict(0, b"Logon failed: invalid credentials", "signature")
    failure = diagnose(case(verdict, sent=hexadecimal, key=OWN_KEY))
    assert failure.nonce_offset_ms == 1_500
    assert failure.sending_time_offset_ms == 1_500
    signature = failure.signature
    assert signature is not None
    assert signature.signed == RIGHT
    assert (signature.expected_bytes, signature.received_bytes) == (88, 128)
    assert signature.first_difference == first_difference(V2.encode(), hexadecimal.encode())
    assert "hexadecimal" in signature.mistake
    assert failure.reason == signature.mistake


@pytest.mark.parametrize(
    ("failed", "more", "said"),
    [
        ("comp_ids", {"access": None}, "no session has SenderCompID (49) 'ACMEFIRM1'"),
        (
            "comp_ids",
            {"access": None, "other_targets": ("KRAKEN-MD",)},
            "with TargetCompID (56) KRAKEN-MD",
        ),
        ("comp_ids", {}, "logs on at port 4001 (spot_trading)"),
        ("address", {}, "192.0.2.7 is in none of the session's networks: 192.0.2.0/24"),
        ("api_key", {}, "there is no API key of the name in Username (553)"),
        ("api_key", {"key": OWN_KEY}, "the session is not bound to the API key"),
        ("nonce_window", {}, "+1500 ms from the venue's clock, 5000 ms are allowed"),
        ("nonce_order", {"last_nonce": 1775572321001}, "is not above 1775572321001, the last one"),
    ],
)
def test_the_check_that_failed_is_told_in_detail(
    failed: str, more: dict[str, Any], said: str
) -> None:
    failure = diagnose(case(Verdict(0, b"Logon failed", failed), **more))
    assert said in failure.reason


def test_no_secret_is_ever_told() -> None:
    for sent in (V1, SECRET_64, V4):
        verdict = Verdict(0, b"Logon failed: invalid credentials", "signature")
        failure = diagnose(case(verdict, sent=sent, key=OWN_KEY))
        assert API_KEY in json.dumps(failure.document())
        assert API_KEY not in json.dumps(failure.line())
        for told in (json.dumps(failure.document()), json.dumps(failure.line()), repr(failure)):
            for secret in (SECRET_64, sent, V2, str(OWN_KEY.secret)):
                assert secret not in told


# --- over sockets --------------------------------------------------------------------------------


def refused(peer: Peer, data: bytes) -> str:
    """The text of the Logout that answers bytes; empty where the line is closed without a word."""
    peer.socket.sendall(data)
    try:
        return peer.receive()[58]
    except PeerClosed:
        return ""


def latest(venue: Venue, sender_comp_id: str = "ACME") -> dict[str, Any]:
    failures = ask(venue.data, "failed-logons", {"sender_comp_id": sender_comp_id})
    newest: dict[str, Any] = failures[0]
    return newest


def test_a_failed_logon_is_explained(venue: Venue) -> None:
    acme = login(venue, "ACME")
    with Peer(acme) as peer:
        right = password(acme, 1, nonce := "1775572321000")
        text = refused(peer, peer.logon_message(nonce=nonce, signature=right))
        assert text == "Logon failed: nonce outside 5 seconds window"
    failure = latest(venue)
    assert failure["answer"] == text
    assert failure["address"] == "127.0.0.1"
    assert failure["nonce_offset_ms"] < -1_000_000
    assert abs(failure["sending_time_offset_ms"]) < 60_000
    assert failure["signature"]["right"]
    assert failure["signature"]["signed"] == (
        f"35=A|34=1|49=ACME|56=KRAKEN-TRD|553={KEY}|1775572321000"
    )
    assert "logon_explained" in venue.log_text()


def test_a_wrong_signature_is_recognised_and_the_wire_says_as_ever(venue: Venue) -> None:
    acme = login(venue, "ACME")
    undecoded = replace(acme, api_secret=base64.b64encode(SECRET.encode()).decode())
    with Peer(acme) as peer:
        peer.login = undecoded
        assert refused(peer, peer.logon_message()) == "Logon failed: invalid credentials"
    failure = latest(venue)
    assert "it is to be decoded first" in failure["reason"]
    assert [c["check"] for c in failure["checks"] if c["outcome"] == "failed"] == ["signature"]


def test_what_the_session_refuses_is_explained_too(venue: Venue) -> None:
    with Peer(login(venue, "ACME-TWICE")) as peer:
        assert peer.logon().type == "A"
        peer.send("5")
        peer.read_to_end()
    with Peer(login(venue, "ACME-TWICE")) as peer:
        text = "MsgSeqNum too low, expecting 3 but received 1"
        assert refused(peer, peer.logon_message()) == text
    failure = latest(venue, "ACME-TWICE")
    assert failure["reason"] == text
    assert failure["checks"][-1] == {"check": "session", "outcome": "failed", "detail": text}


def test_a_session_in_use_is_explained(venue: Venue) -> None:
    with Peer(login(venue, "ACME")) as first, Peer(login(venue, "ACME")) as second:
        assert first.logon("98=0|108=30|141=Y").type == "A"
        assert refused(second, second.logon_message()) == "Session already active"
        assert latest(venue)["reason"] == "Session already active"


def test_links_that_never_say_a_logon_are_listed(venue: Venue) -> None:
    with Peer(login(venue, "ACME")) as peer:
        assert refused(peer, framed(b"35=0\x0134=1\x0149=ACME\x0156=KRAKEN-TRD\x01")) == ""
    with Peer(login(venue, "ACME")) as peer:
        assert refused(peer, b"GET / HTTP/1.1\r\n\r\n" * 2_000) == ""
    failures = ask(venue.data, "failed-logons")
    assert [f["reason"] for f in failures[:2]] == ["no FIX", "not a Logon"]
    assert [f["answer"] for f in failures[:2]] == ["", ""]


def test_who_speaks_no_tls_is_listed(tmp_path: Path) -> None:
    with Venue(tmp_path / "data", plain=False) as venue:
        with Peer(replace(venue.login("ACME"), ca_file=None)) as peer:
            peer.socket.sendall(peer.logon_message())
            peer.socket.recv(1_000)  # an alert, or the end
            failures = ask(venue.data, "failed-logons")
        assert [f["address"] for f in failures] == ["127.0.0.1"]
        assert failures[0]["reason"].startswith("TLS: ")


def test_the_command_line_tells_it(venue: Venue) -> None:
    with Peer(login(venue, "ACME-OFF")) as peer:
        refused(peer, peer.logon_message())
    told = tidegate("ctl", "sessions", "--why", "ACME-OFF", "--data", venue.data)
    assert told.returncode == 0
    lines = told.stdout.decode().splitlines()
    assert "ACME-OFF > KRAKEN-TRD" in lines[0]
    assert lines[1].split() == ["answer", *["Logon", "failed:", "session", "disabled"]]
    assert "enabled = false" in lines[2]
    assert lines[3].split() == ["API", "key", KEY]
    assert lines[4].split() == ["passed", "comp_ids,", "address,", "tls"]
    assert lines[5].split() == ["failed", "enabled"]
    told = tidegate("ctl", "sessions", "--why", "--json", "--data", venue.data)
    assert json.loads(told.stdout)[0]["sender_comp_id"] == "ACME-OFF"


def test_the_newest_hundred_are_kept(venue: Venue) -> None:
    for _ in range(101):
        with Peer(login(venue, "ACME-OFF")) as peer:
            refused(peer, peer.logon_message())
    assert len(ask(venue.data, "failed-logons")) == 100


def test_secrets_and_signatures_are_not_in_the_log(venue: Venue) -> None:
    sent = []
    for secret in (SECRET, "d3Jvbmc="):
        with Peer(login(venue, "ACME-OFF")) as peer:
            peer.login = replace(peer.login, api_secret=secret)
            message = peer.logon_message()
            sent.append(message.partition(b"\x01554=")[2].partition(b"\x01")[0].decode())
            refused(peer, message)
    for text in (*sent, SECRET):
        assert text not in venue.log_text()


def test_production_has_no_doctor(tmp_path: Path) -> None:
    key = f'[[firm.key]]\nname = "{KEY}"\nsecret = "{SECRET}"\n'
    config = f"""
[venue]
profile = "production"
durability = "process"
[[firm]]
name = "ACME"
account = [{{ id = "A-1" }}]
{key}
[[firm.session]]
sender_comp_id = "ACME"
"""
    with Venue(tmp_path / "data", config=config) as venue:
        acme = Login(
            port=venue.ready["ports"]["spot_trading"], sender_comp_id="ACME",
            target_comp_id="KRAKEN-TRD", api_key=KEY, api_secret="d3Jvbmc=", ca_file=None,
            host=venue.ready["host"],
        )  # fmt: skip
        with Peer(acme) as peer:
            assert refused(peer, peer.logon_message()) == "Logon failed: invalid credentials"
        with pytest.raises(ControlError, match="explained in the uat profile only"):
            ask(venue.data, "failed-logons")
        told = tidegate("ctl", "sessions", "--why", "--data", venue.data)
        assert told.returncode == 2
        assert b"uat profile only" in told.stderr
        assert "logon_refused" in venue.log_text()
        assert "logon_explained" not in venue.log_text()


def test_failures_have_stable_names() -> None:
    failure = diagnose(case(Verdict(0, b"Logon failed", "signature"), key=OWN_KEY))
    assert isinstance(failure, Failure)
    document = failure.document()
    assert list(document) == [
        "at", "time_ns", "address", "sender_comp_id", "target_comp_id", "api_key", "answer",
        "reason", "checks", "nonce_offset_ms", "sending_time_offset_ms", "signature",
    ]  # fmt: skip
    assert list(document["signature"]) == [
        "signed", "right", "expected_bytes", "received_bytes", "first_difference", "mistake",
    ]  # fmt: skip
