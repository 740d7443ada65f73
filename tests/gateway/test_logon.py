"""Logons over the wire: texts of refusals, silence, duplicates, and where credentials may be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.app.venue import Venue
from tests.gateway.conftest import CONFIG, KEY, LOGON_TIMEOUT_S, SECRET, login
from tests.peers.socket_peer import Frame, Nonces, Peer, PeerClosed, framed, password, utc_now


@pytest.fixture
def acme(venue: Venue) -> Iterator[Peer]:
    """A connection that will log on with fresh numbers."""
    with venue.peer("ACME") as before:  # the session is free behind this
        before.logon(RESET)
        log_out(before)
    with venue.peer("ACME") as peer:
        yield peer


def log_out(peer: Peer) -> None:
    peer.send("5")
    assert [f.type for f in peer.read_to_end()] == ["5"]


def refusal(peer: Peer, message: bytes) -> str:
    """The text of the one Logout that answers, before the venue closes."""
    peer.socket.sendall(message)
    (answer,) = peer.read_to_end()
    assert answer.type == "5"
    assert (answer[49], answer[56]) == ("KRAKEN-TRD", peer.login.sender_comp_id)
    return answer[58]


RESET = "98=0|108=30|141=Y"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NOBODY", "Logon failed: unknown CompID"),
        ("ACME-FAR", "Logon failed: IP not whitelisted"),
        ("ACME-TLS", "Logon failed: TLS required"),
        ("ACME-OFF", "Logon failed: session disabled"),
        ("ACME-SLOW", "Logon failed: HeartBtInt (108) must be 100 to 300 seconds"),
    ],
)
def test_refused_by_the_session(venue: Venue, name: str, text: str) -> None:
    with Peer(login(venue, name)) as peer:
        assert refusal(peer, peer.logon_message(RESET)) == text


def test_unknown_target(venue: Venue) -> None:
    wrong = replace(venue.login("ACME"), target_comp_id="KRAKEN-DRV-TRD")
    with Peer(wrong) as peer:
        peer.socket.sendall(peer.logon_message(RESET))
        assert peer.receive()[58] == "Logon failed: unknown CompID"


def test_refused_credentials(venue: Venue, acme: Peer) -> None:
    unknown = replace(venue.login("ACME"), api_key="unknown")
    with Peer(unknown) as peer:
        text = refusal(peer, peer.logon_message(RESET))
    assert text == "Logon failed: invalid credentials"
    other = venue.login("BETA")
    with Peer(
        replace(venue.login("ACME"), api_key=other.api_key, api_secret=other.api_secret)
    ) as p:
        assert refusal(p, p.logon_message(RESET)) == "Logon failed: invalid credentials"
    wrong = password(acme.login.signing("d3Jvbmc="), 1, nonce := Nonces.next())
    text = refusal(acme, acme.logon_message(RESET, nonce=nonce, signature=wrong))
    assert text == "Logon failed: invalid credentials"


@pytest.mark.parametrize("difference_s", [-6, 6, 3600])
def test_a_nonce_outside_the_window(acme: Peer, difference_s: int) -> None:
    nonce = str(int((time.time() + difference_s) * 1000))
    message = acme.logon_message(RESET, nonce=nonce)
    assert refusal(acme, message) == "Logon failed: nonce outside 5 seconds window"


def test_a_nonce_counts_once(venue: Venue, acme: Peer) -> None:
    """A logon that was recorded on its way can not be used again, and neither after a restart."""
    nonce = Nonces.next()
    message = acme.logon_message(RESET, nonce=nonce)
    acme.socket.sendall(message)
    assert acme.expect("A")[34] == "1"
    acme.send("5")
    acme.read_to_end()
    with venue.peer("ACME") as thief:
        assert refusal(thief, message) == "Logon failed: nonce not increasing"
    assert venue.stop() == 0
    venue.start()
    with venue.peer("ACME") as thief:
        assert refusal(thief, message) in (
            "Logon failed: nonce not increasing",
            "Logon failed: nonce outside 5 seconds window",
        )


def test_nonces_last_over_a_kill(tmp_path: Path) -> None:
    config = CONFIG.replace("[venue]", "[venue]\nnonce_window_ms = 60000")
    with Venue(tmp_path / "data", config=config) as venue:
        with venue.peer("ACME") as acme:
            message = acme.logon_message(RESET)
            acme.socket.sendall(message)
            acme.expect("A")
        venue.kill()
        venue.start()
        with venue.peer("ACME") as thief:
            assert refusal(thief, message) == "Logon failed: nonce not increasing"


def test_a_refused_logon_moves_no_number(venue: Venue, acme: Peer) -> None:
    assert acme.logon(RESET).number == 1
    acme.send("5")
    acme.read_to_end()
    with venue.peer("ACME", next_out=acme.next_out) as peer:
        peer.login = peer.login.signing("d3Jvbmc=")
        refusal(peer, peer.logon_message())
    with venue.peer("ACME", next_out=acme.next_out) as peer:
        assert peer.logon().number == 3


def not_a_logon(peer: Peer) -> list[bytes]:
    header = f"49={peer.login.sender_comp_id}|56=KRAKEN-TRD|52={utc_now()}|"
    bodies = (
        "35=0|34=1|" + header,
        "35=D|34=1|" + header + "11=1|",
        "35=5|34=1|" + header,
        "34=1|35=A|" + header + "98=0|108=30|",  # 35 is not the third field
        "35=A|34=1|" + header + "98=0|108=30|553=|",  # a field without a value
        "35=A|" * 300,
    )
    return [framed(body.replace("|", "\x01").encode()) for body in bodies]


@pytest.mark.parametrize("number", range(6))
def test_silence_for_whoever_does_not_log_on_first(acme: Peer, number: int) -> None:
    acme.socket.sendall(not_a_logon(acme)[number])
    assert acme.read_to_end() == []


def test_silence_for_whoever_says_nothing(acme: Peer) -> None:
    start = time.monotonic()
    assert acme.read_to_end() == []
    assert LOGON_TIMEOUT_S - 0.5 < time.monotonic() - start < LOGON_TIMEOUT_S + 3


def test_a_second_logon_is_refused_and_the_first_lives(venue: Venue, acme: Peer) -> None:
    acme.logon(RESET)
    with venue.peer("ACME", next_out=2) as second:
        assert refusal(second, second.logon_message()) == "Session already active"
    acme.round_trip(int(time.time() * 1e6))


def test_a_newer_link_displaces_and_fences_the_old_one(venue: Venue) -> None:
    with Peer(login(venue, "ACME-DISPLACE")) as old:
        old.logon(RESET)
        old.order(1)
        assert old.expect("8")[150] == "0"
        late = old.order_message(2)
        with Peer(login(venue, "ACME-DISPLACE"), next_out=3) as new:
            answer = new.logon()
            # What the old link still says is not heard.
            old.socket.sendall(late)
            assert answer.type == "A"
            goodbye = old.read_to_end()
            assert [f.type for f in goodbye] == ["5"]
            assert goodbye[0][58] == "Session displaced by a newer logon"
            # The orders of the session went with its line: cancel on disconnect.
            assert answer.number == goodbye[0].number + 2
            new.send("2", f"7={goodbye[0].number + 1}|16=0")
            canceled = new.until(lambda f: f.type == "8" and f.get(150) == "4")
            assert (canceled[11], canceled[43]) == ("1", "Y")
            ask = new.round_trip
            ask(2)  # the late order's ClOrdID was never used


def test_frames_behind_the_logon_in_one_write(venue: Venue, acme: Peer) -> None:
    first = int(time.time() * 1e6)
    data = acme.logon_message(RESET) + b"".join(acme.order_message(first + n) for n in range(3))
    acme.socket.sendall(data)
    answers: list[Frame] = [acme.receive() for _ in range(4)]
    assert [answer.type for answer in answers] == ["A", "8", "8", "8"]


def test_credentials_are_nowhere(tmp_path: Path) -> None:
    """Neither in the journal nor in the log, of good logons and of bad ones."""
    data = tmp_path / "data"
    signatures = []
    arguments = ["--log-level", "debug"]
    with Venue(data, config=CONFIG, arguments=arguments) as venue:
        for secret in (SECRET, "d3Jvbmc="):
            with venue.peer("ACME") as acme:
                acme.login = acme.login.signing(secret)
                nonce = Nonces.next()
                signatures.append(password(acme.login, 1, nonce))
                acme.socket.sendall(acme.logon_message(RESET, nonce=nonce))
                if acme.receive().type == "A":
                    log_out(acme)
        with venue.peer("ACME") as acme:  # a second Logon right behind the first
            first = acme.logon_message(RESET)
            nonce = Nonces.next()
            signatures.append(password(acme.login, acme.next_out, nonce))
            acme.socket.sendall(first + acme.logon_message(RESET, nonce=nonce))
            assert [acme.receive().type for _ in range(2)] == ["A", "3"]
            log_out(acme)
        with venue.peer("ACME") as acme:  # a second Logon inside the session
            acme.logon(RESET)
            nonce = Nonces.next()
            signatures.append(password(acme.login, acme.next_out, nonce))
            acme.socket.sendall(acme.logon_message(RESET, nonce=nonce))
            assert acme.receive().type == "3"
        assert venue.stop() == 0
    files = [p for d in ("journal", "snapshots") for p in (data / d).iterdir()]
    assert len(files) >= 2
    contents = [path.read_bytes() for path in (*files, venue.log, venue.out)]
    for secret in (*signatures, SECRET):
        for content in contents:
            assert secret.encode() not in content
    assert KEY not in venue.log_text()


def test_a_closed_connection_is_an_end_of_stream(acme: Peer) -> None:
    acme.socket.sendall(b"GET / HTTP/1.1\r\n\r\n" * 2000)
    with pytest.raises(PeerClosed):
        acme.receive()
