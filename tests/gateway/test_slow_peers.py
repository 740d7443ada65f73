"""Peers that do not read, or are not there any more: they cost only themselves."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable

import pytest

from tests.app.venue import Venue
from tests.peers.socket_peer import Frame, Peer, PeerClosed
from tidegate.model.limits import RESENDS_PENDING_MAX

FILLS = 2_500
HISTORY = 50_000
FRAME = re.compile(rb"8=FIX\.4\.4\x01[^|]*?\x0134=(\d+)\x01[^|]*?\x0110=\d{3}\x01")
REPORT = b"\x0135=8\x01"
ROUND_TRIP_S_MAX = 2.0
GROWTH_BYTES_MAX = 16_000_000


def logged_on(peer: Peer, fields: str = "98=0|108=60|141=Y") -> Peer:
    assert peer.logon(fields).type == "A"
    return peer


def new_id() -> int:
    return int(time.time() * 1e6)


def fill_slowly_read(acme: Peer, beta: Peer) -> None:
    """ACME offers, BETA takes it in small parts; ACME has to be told of each."""
    acme.order(new_id(), side=2, price="30000", qty="1000")
    first = new_id()
    for start in range(0, FILLS, 250):
        batch = [
            beta.order_message(first + start + n, side=1, price="30000", qty="0.001")
            for n in range(250)
        ]
        beta.socket.sendall(b"".join(batch))
        for _ in range(2 * 250):
            beta.expect("8")


def test_a_peer_that_does_not_read_gets_everything_when_it_does(venue: Venue) -> None:
    """Nothing is queued for it meanwhile, however often it asks for everything again."""
    resends = 12
    with logged_on(venue.peer("ACME", receive_bytes=4096)) as acme, venue.peer("BETA") as beta:
        logged_on(beta)
        beta.round_trip(new_id())
        before = venue.rss_bytes()
        fill_slowly_read(acme, beta)
        for _ in range(resends):
            acme.send("2", "7=1|16=0")
            assert beta.round_trip(new_id()) < ROUND_TRIP_S_MAX
        history_bytes = FILLS * 350
        assert venue.rss_bytes() - before < GROWTH_BYTES_MAX < resends * history_bytes * 2

        # Now it reads. Every number once, in order; and everything again, as often as asked.
        acme.send("1", "112=end")
        originals: list[Frame] = []
        again = 0
        while not originals or originals[-1].get(112) != "end":
            frame = acme.receive()
            if frame.get(43) == "Y":
                again += frame.type == "8"
            else:
                originals.append(frame)
        assert [f.number for f in originals] == list(range(2, 2 + len(originals)))
        assert sum(f.get(150) == "F" for f in originals) == FILLS
        assert resends * FILLS <= again <= resends * (FILLS + 1)
        acme.round_trip(new_id())


def ask_without_reading(acme: Peer, beta: Peer) -> None:
    for _ in range(12):  # ten megabytes, which fill every buffer on the way
        acme.send("2", "7=1|16=0")
    for _ in range(RESENDS_PENDING_MAX + 40):  # and then as little as can be asked for
        acme.send("2", "7=1|16=1")
        beta.round_trip(new_id())
    while True:
        acme.receive()


def test_too_many_resend_requests_cut_the_link(venue: Venue) -> None:
    with logged_on(venue.peer("ACME", receive_bytes=4096)) as acme, venue.peer("BETA") as beta:
        logged_on(beta)
        fill_slowly_read(acme, beta)
        with pytest.raises((PeerClosed, ConnectionError)):
            ask_without_reading(acme, beta)
    assert "too many resend requests" in venue.log_text()


def test_a_peer_that_never_reads_its_logout_is_closed(venue: Venue) -> None:
    """The buffer of a link that ended is given some seconds, then the line goes."""
    with logged_on(venue.peer("ACME", receive_bytes=4096)) as acme, venue.peer("BETA") as beta:
        logged_on(beta)
        fill_slowly_read(acme, beta)
        acme.send("2", "7=1|16=0")
        acme.send("0", number=1)  # too low: the session ends
        with logged_on(venue.peer("ACME")) as again:  # which is free at once
            again.round_trip(new_id())
        deadline = time.monotonic() + 10
        while True:  # the old line is there until the venue gives it up
            try:
                acme.socket.send(b"x")
                beta.round_trip(new_id())
            except OSError:
                break
            assert time.monotonic() < deadline


def test_a_half_open_peer_is_given_up(venue: Venue) -> None:
    """Asked after 1.2 of its intervals, given up after 2.4; its orders are cancelled."""
    with logged_on(venue.peer("ACME"), "98=0|108=1|141=Y") as acme:
        order = new_id()
        acme.order(order)
        assert acme.expect("8")[150] == "0"
        start = time.monotonic()
        frames = acme.read_to_end(10)
        silent_s = time.monotonic() - start
        assert 2.2 < silent_s < 4.5
        assert {f.type for f in frames} == {"0", "1"}
        assert [f.type for f in frames].count("1") == 1
        last = acme.received[-1].number
    with venue.peer("ACME", next_out=acme.next_out) as acme:
        answer = acme.logon()
        assert answer.number == last + 2
        acme.send("2", f"7={last + 1}|16={last + 1}")
        canceled = acme.expect("8")
        assert (canceled[11], canceled[150], canceled[43]) == (str(order), "4", "Y")


def test_a_lost_line_cancels_unless_asked_not_to(venue: Venue) -> None:
    for choice, expected in (("8674=1", "I"), ("8674=0", "j")):
        with logged_on(venue.peer("ACME"), f"98=0|108=60|141=Y|{choice}") as acme:
            order = new_id()
            acme.order(order)
            report = acme.expect("8")
            # Reset rather than closed: no end of stream, as when a line is cut.
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            acme.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with venue.peer("ACME", next_out=acme.next_out) as again:
            assert again.logon().type == "A"
            again.send("H", f"11={order}|37={report[37]}|55=BTC/USD")
            status = again.until(lambda f: f.type in "8j" and f.get(43) != "Y")
            assert status.get(150) == expected or status.type == expected


def test_a_resend_of_everything_holds_nobody_up(
    venue: Venue, record_property: Callable[[str, object], None]
) -> None:
    """Fifty thousand reports, sent again while somebody else trades."""
    with logged_on(venue.peer("ACME")) as acme, venue.peer("BETA") as beta:
        logged_on(beta)
        beta.round_trip(new_id())
        order = new_id()
        acme.order(order)
        report = acme.expect("8")
        ask = f"11={order}|37={report[37]}|55=BTC/USD"
        for _ in range(HISTORY // 1000):
            acme.socket.sendall(b"".join(acme.message("H", ask) for _ in range(1000)))
            count_answers(acme, 1000)
        last = HISTORY + 2
        acme.send("2", "7=1|16=0")
        slowest = 0.0
        data = b""
        numbers: list[int] = []
        while not numbers or numbers[-1] < last:
            data += acme.socket.recv(1 << 18)
            end = 0
            for frame in FRAME.finditer(data):
                numbers.append(int(frame[1]))
                end = frame.end()
            data = data[end:]
            if not numbers or numbers[-1] < last:
                slowest = max(slowest, beta.round_trip(new_id()))
        assert numbers == list(range(1, last + 1))
        assert slowest < ROUND_TRIP_S_MAX / 4
        record_property("slowest_round_trip_s", slowest)


def count_answers(peer: Peer, count: int) -> None:
    """Read `count` reports without a look at them: this is about the venue's time, not ours."""
    data = b""
    seen = 0
    while seen < count:
        data = data[1 - len(REPORT) :] + peer.socket.recv(1 << 18)  # too short to be counted again
        seen += data.count(REPORT)
    assert seen == count


def test_the_old_line_of_a_session_hears_nothing_of_the_new(venue: Venue) -> None:
    """It still has much to read when its session ends, and the same numbers begin again elsewhere:
    it gets messages of its own time, as far as they can be told apart, and then the end."""
    with logged_on(venue.peer("ACME", receive_bytes=4096)) as old, venue.peer("BETA") as beta:
        logged_on(beta)
        fill_slowly_read(old, beta)
        for _ in range(6):
            old.send("2", "7=1|16=0")
        old.send("0", number=1)  # too low: the session ends
        with logged_on(venue.peer("ACME")) as new:
            first_of_new = new_id()
            for _ in range(20):
                new.round_trip(new_id())
            frames = old.read_to_end(10)
    assert len(frames) > FILLS / 10
    assert all(int(f.get(11) or 0) < first_of_new for f in frames)
    originals = [f.number for f in frames if f.get(43) != "Y"]
    assert originals == list(range(2, 2 + len(originals)))
