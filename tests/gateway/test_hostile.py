"""Hostile bytes cost whoever sends them: nobody is slowed, nothing grows, nothing stops."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.app.venue import Venue
from tests.gateway.conftest import LOGON_TIMEOUT_S
from tests.peers.socket_peer import Peer, PeerClosed, framed

ROUND_TRIP_S_MAX = 2.0  # an order and its cancel, on a machine that is busy with other tests
GROWTH_BYTES_MAX = 40_000_000
MILLION = 1_000_000

NOISE = random.Random(7).randbytes(MILLION)
ATTACKS: dict[str, bytes] = {
    "noise": NOISE,
    "noise without 8=FIX": NOISE.replace(b"8", b"9"),
    "a million SOHs": b"\x01" * MILLION,
    "endless BodyLength": b"8=FIX.4.4\x019=" + b"9" * MILLION,
    "endless BeginString": b"8=FIX" + b"4" * MILLION,
    "a length nobody has": b"8=FIX.4.4\x019=999999\x01" + b"35=A\x01" * 200_000,
    "a negative length": b"8=FIX.4.4\x019=-5\x0135=A\x0110=000\x01" * 20_000,
    "beginnings only": b"8=FIX.4.4\x01" * 100_000,
    "beginnings and lengths": b"8=FIX.4.4\x019=16000\x01" * 50_000,
    "wrong sums": framed(b"35=A\x01" * 20).replace(b"\x0110=", b"\x0110=9") * 5_000,
    "the longest frame": framed(b"35=A\x0158=" + b"x" * (16_384 - 34) + b"\x01"),
    "one byte too long": framed(b"35=A\x0158=" + b"x" * (16_384 - 32) + b"\x01") * 2,
    "many fields": framed(b"35=A\x01" + b"1=1\x01" * 4_000),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + NOISE[:100_000],
    "HTTP": b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + b"a" * MILLION,
}


def send_all(peer: Peer, data: bytes) -> None:
    """Whether the venue reads to the end is up to it."""
    try:
        peer.socket.sendall(data)
    except OSError:
        return


@pytest.fixture(scope="module")
def trader(venue: Venue) -> Iterator[Callable[[], float]]:
    """Somebody who trades meanwhile; gives the seconds of a round trip."""
    with venue.peer("BETA") as beta:
        assert beta.logon("98=0|108=60|141=Y").type == "A"
        beta.round_trip(int(time.time() * 1e6))  # first steps are slow steps
        yield lambda: beta.round_trip(int(time.time() * 1e6))


@pytest.fixture(scope="module", autouse=True)
def memory(venue: Venue, trader: Callable[[], float]) -> Iterator[None]:
    """All attacks of the module together leave the venue about as large as it was."""
    before = venue.rss_bytes()
    yield
    assert venue.rss_bytes() - before < GROWTH_BYTES_MAX


@pytest.mark.parametrize("name", ATTACKS)
def test_bytes_of_a_stranger(venue: Venue, trader: Callable[[], float], name: str) -> None:
    with venue.peer("ACME") as stranger:
        sender = threading.Thread(target=send_all, args=(stranger, ATTACKS[name]))
        sender.start()
        assert trader() < ROUND_TRIP_S_MAX
        assert stranger.read_to_end(LOGON_TIMEOUT_S + 5) == []  # silence, then the end
        sender.join(20)
        assert not sender.is_alive()
    assert trader() < ROUND_TRIP_S_MAX


def test_no_fix_is_cut_before_its_time(venue: Venue) -> None:
    """GARBLED_BYTES_BEFORE_LOGON_MAX: nobody is listened to for nothing."""
    for sent, reason in ((b"\x01" * 16_384, "no logon in time"), (b"\x01" * 16_386, "no FIX")):
        told = venue.log_text().count(reason)
        with venue.peer("ACME") as stranger:
            stranger.socket.sendall(sent)
            assert stranger.read_to_end(LOGON_TIMEOUT_S + 5) == []
        assert venue.log_text().count(reason) == told + 1


def reset_logon(peer: Peer) -> None:
    assert peer.logon("98=0|108=60|141=Y").type == "A"


@pytest.mark.parametrize(
    "name", [n for n in ATTACKS if n not in ("the longest frame", "many fields")]
)
def test_bytes_of_a_session_are_ignored(
    venue: Venue, trader: Callable[[], float], name: str
) -> None:
    """FIX has garbled messages ignored; the search for the next good one goes on."""
    with venue.peer("ACME") as acme:
        reset_logon(acme)
        send_all(acme, ATTACKS[name] + b"\x01")
        assert trader() < ROUND_TRIP_S_MAX
        # A declared length may swallow what comes next, up to a frame's length.
        for number in range(2, 400):
            acme.send("0", "112=" + "filler" * 20, number=number)
        acme.next_out = 400
        try:
            acme.send("1", "112=still-here", number=400)
            answer = acme.until(lambda f: f.type in "02")
        except PeerClosed:
            pytest.fail("the session was cut")
        assert answer.type == "2" or answer[112] == "still-here"


def test_long_frames_and_many_fields_of_a_session(venue: Venue) -> None:
    with venue.peer("ACME") as acme:
        reset_logon(acme)
        acme.send("1", "112=" + "x" * 16_000)
        echo = acme.expect("0")
        assert len(echo[112]) == 256  # TEST_REQUEST_BYTES_MAX
        acme.send("D", "|".join(f"{tag}=1" for tag in range(1000, 2200)))
        assert acme.expect("3")[373] == "99" or acme.received[-1][373] != ""
        acme.send("1", "112=still-here")
        assert acme.expect("0")[112] == "still-here"


def test_half_a_frame_waits_for_its_rest(venue: Venue, trader: Callable[[], float]) -> None:
    with venue.peer("ACME") as acme:
        message = acme.logon_message("98=0|108=60|141=Y")
        for part in (message[:1], message[1:9], message[9:50], message[50:-1]):
            acme.socket.sendall(part)
            assert trader() < ROUND_TRIP_S_MAX
        acme.socket.sendall(message[-1:])
        assert acme.expect("A").number == 1


def drip(peer: Peer, message: bytes) -> None:
    for byte in message:
        peer.socket.sendall(bytes((byte,)))
        with contextlib.suppress(TimeoutError):
            peer.receive(0.05)


def test_whoever_sends_a_byte_at_a_time_is_cut(venue: Venue, trader: Callable[[], float]) -> None:
    """The time for a logon is counted from the connection on, not from the last byte."""
    with venue.peer("ACME") as slow:
        message = slow.logon_message()
        start = time.monotonic()
        with pytest.raises((PeerClosed, ConnectionError)):
            drip(slow, message)
        assert time.monotonic() - start < LOGON_TIMEOUT_S + 3
    assert trader() < ROUND_TRIP_S_MAX


def test_five_hundred_connections_without_a_logon(
    venue: Venue, trader: Callable[[], float]
) -> None:
    strangers = [venue.silent() for _ in range(500)]
    try:
        for stranger in strangers[::5]:
            stranger.sendall(b"8=FIX.4.4\x019=100\x0135=A\x01")
        assert trader() < ROUND_TRIP_S_MAX
        with venue.peer("ACME") as acme:  # and there is still room for somebody who logs on
            start = time.monotonic()
            reset_logon(acme)
            assert time.monotonic() - start < ROUND_TRIP_S_MAX
        for stranger in strangers:  # the time for a logon is over
            stranger.settimeout(LOGON_TIMEOUT_S + 5)
            try:
                assert stranger.recv(1) == b""
            except ConnectionResetError:
                continue
    finally:
        for stranger in strangers:
            stranger.close()


def test_more_strangers_than_there_is_room_for(venue: Venue, trader: Callable[[], float]) -> None:
    """The oldest go first, so a flood of connections keeps nobody out who means to log on."""
    strangers: list[socket.socket] = []
    try:
        strangers.extend(venue.silent() for _ in range(700))
        assert trader() < ROUND_TRIP_S_MAX
        with venue.peer("ACME") as acme:
            reset_logon(acme)
            acme.round_trip(int(time.time() * 1e6))
    finally:
        for stranger in strangers:
            stranger.close()


def test_connections_that_come_and_go(venue: Venue, trader: Callable[[], float]) -> None:
    for number in range(300):
        with venue.peer("ACME") as stranger:
            if number % 2:
                stranger.socket.sendall(stranger.logon_message()[: number % 200])
    assert trader() < ROUND_TRIP_S_MAX
