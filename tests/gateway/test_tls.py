"""TLS on the port: its version, its certificate, and bytes that are none."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.venue import Venue
from tests.gateway.conftest import CONFIG, LOGON_TIMEOUT_S, login
from tests.peers.socket_peer import Peer

HANDSHAKE_REFUSED = (ssl.SSLError, ConnectionResetError)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("tls") / "data"
    with Venue(data, config=CONFIG, plain=False) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


def context_for(venue: Venue) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=venue.ready["ca_file"])


def shake_hands(venue: Venue, context: ssl.SSLContext, name: str = "127.0.0.1") -> str | None:
    with (
        venue.silent() as plain,
        context.wrap_socket(plain, server_hostname=name) as wrapped,
    ):
        return wrapped.version()


def test_tls_1_3(venue: Venue) -> None:
    assert shake_hands(venue, context_for(venue)) == "TLSv1.3"
    assert shake_hands(venue, context_for(venue), "localhost") == "TLSv1.3"


def test_tls_1_2_is_refused(venue: Venue) -> None:
    context = context_for(venue)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(HANDSHAKE_REFUSED):
        shake_hands(venue, context)


def test_tls_1_2_where_the_configuration_lets_it_in(tmp_path: Path) -> None:
    config = CONFIG.replace("[venue]", '[venue]\ntls = "1.2"')
    with Venue(tmp_path / "data", config=config, plain=False) as venue:
        context = context_for(venue)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert shake_hands(venue, context) == "TLSv1.2"
        assert shake_hands(venue, context_for(venue)) == "TLSv1.3"


def test_the_certificate_verifies_and_only_with_the_venues_authority(venue: Venue) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(venue, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(venue, context_for(venue), "venue.example")


def test_a_session_that_requires_tls_has_it(venue: Venue) -> None:
    with Peer(
        login(venue, "ACME-TLS"),
    ) as peer:
        assert peer.logon("98=0|108=60|141=Y").type == "A"
        peer.round_trip(int(time.time() * 1e6))


def read_all(plain: socket.socket) -> bytes:
    plain.settimeout(LOGON_TIMEOUT_S + 5)
    data = b""
    try:
        while part := plain.recv(4096):
            data += part
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize(
    "sent",
    [
        b"8=FIX.4.4\x019=5\x0135=A\x0110=000\x01",
        b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
        b"\x00" * 9,
    ],
    ids=["FIX", "TLS with a body of nothing", "zeros"],
)
def test_bytes_that_are_no_tls(venue: Venue, sent: bytes) -> None:
    """A TLS alert or nothing, then the end; never a word of FIX."""
    with venue.silent() as plain:
        plain.sendall(sent)
        answer = read_all(plain)
        assert b"FIX" not in answer
        assert answer == b"" or answer[0] == 0x15  # an alert
    with venue.peer("BETA") as beta:
        assert beta.logon("98=0|108=60|141=Y").type == "A"
        beta.round_trip(int(time.time() * 1e6))


def test_a_handshake_has_a_time_limit(venue: Venue) -> None:
    with venue.silent() as plain:
        start = time.monotonic()
        read_all(plain)
        assert time.monotonic() - start < LOGON_TIMEOUT_S + 3


def test_a_line_cut_inside_tls_is_a_lost_line(venue: Venue) -> None:
    """No close_notify: for the session the line is lost, and it can come back."""
    with venue.peer("ACME") as acme:
        acme.logon("98=0|108=60|141=Y|8674=1")
        acme.order(int(time.time() * 1e6))
        acme.expect("8")
        raw = socket.socket(fileno=acme.socket.detach())
        raw.close()
    with venue.peer("ACME", next_out=acme.next_out) as again:
        assert again.logon().type == "A"


def test_large_traffic_through_tls(venue: Venue) -> None:
    """More than a buffer's worth both ways, in bursts."""
    with venue.peer("ACME") as acme:
        acme.logon("98=0|108=60|141=Y")
        first = int(time.time() * 1e6)
        for burst in range(3):
            batch = [acme.order_message(first + burst * 500 + n) for n in range(500)]
            acme.socket.sendall(b"".join(batch))
            for _ in range(500):
                assert acme.expect("8")[150] == "0"
        acme.send("2", "7=1|16=0")
        assert acme.until(lambda f: f.number == 1501)[43] == "Y"
