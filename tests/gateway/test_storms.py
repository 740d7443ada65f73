"""Storms: logons and resend requests by the hundred. Each is answered; the cost is bounded by time
and not by how many came; nobody else notices."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest

from tests.app.venue import Venue
from tests.peers.socket_peer import Frame, Peer
from tidegate.gateway.logon_rate import BURST_S
from tidegate.model.limits import RESEND_FREE_MESSAGES, RESEND_HISTORIES, RESEND_MESSAGES_PER_S

PER_SECOND = 10  # much less than any machine knocks
TOO_MANY = "Logon failed: too many logons"
RESET = "98=0|108=60|141=Y"
ROUND_TRIP_S_MAX = 2.0  # on a machine that is busy with other tests
GROWTH_BYTES_MAX = 16_000_000

CONFIG = f"""
[venue]
logon_timeout_s = 2
logons_per_second_max = {PER_SECOND}

[session_defaults]
errors_per_second_max = 1000000
duplicate_logon = "displace"

[[firm]]
name = "ACME"
[[firm.account]]
id = "ACME-1"
balances = {{ USD = "1000000000", BTC = "100000" }}
[[firm.session]]
sender_comp_id = "ACME"
[[firm.session]]
sender_comp_id = "ACME-2"
[[firm.session]]
sender_comp_id = "ACME-3"
[[firm.session]]
sender_comp_id = "ACME-4"

[[firm]]
name = "BETA"
[[firm.account]]
id = "BETA-1"
balances = {{ USD = "1000000000", BTC = "100000" }}
[[firm.session]]
sender_comp_id = "BETA"
[[firm.session]]
sender_comp_id = "BETA-2"
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("venue") / "data"
    with Venue(data, config=CONFIG) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


@pytest.fixture(scope="module")
def beta(venue: Venue) -> Iterator[Peer]:
    """Somebody who trades meanwhile."""
    with venue.peer("BETA") as beta:
        assert beta.logon(RESET).type == "A"
        beta.round_trip(new_id())  # first steps are slow steps
        yield beta


def new_id() -> int:
    return int(time.time() * 1e6)


def refused(venue: Venue, name: str) -> str:
    """A logon with a wrong signature; the text of the Logout that answers."""
    with venue.peer(name) as peer:
        peer.socket.sendall(peer.logon_message(RESET, signature="wrong"))
        (answer,) = peer.read_to_end()
        return answer[58]


def test_logons_beyond_the_rate_are_refused_by_name_and_told_once_a_second(
    venue: Venue, beta: Peer
) -> None:
    start = time.monotonic()
    texts = [refused(venue, "ACME")]
    while texts[-1] != TOO_MANY:
        texts.append(refused(venue, "ACME"))
        assert len(texts) < 100 * PER_SECOND * BURST_S
    assert set(texts[:-1]) == {"Logon failed: invalid credentials"}
    granted_max = PER_SECOND * BURST_S + PER_SECOND * (time.monotonic() - start) + 1
    assert PER_SECOND * BURST_S <= len(texts) - 1 <= granted_max
    for _ in range(5 * PER_SECOND):
        refused(venue, "ACME")
    seconds = time.monotonic() - start
    told = venue.log_text().count(TOO_MANY)
    assert 1 <= told <= seconds + 1
    # Another session of the same address is not meant, nor one that is logged on.
    assert refused(venue, "ACME-4") == "Logon failed: invalid credentials"
    assert beta.round_trip(new_id()) < ROUND_TRIP_S_MAX


def test_nobody_is_locked_out_for_longer_than_the_rate_says(venue: Venue, beta: Peer) -> None:
    while refused(venue, "ACME-2") != TOO_MANY:
        pass
    start = time.monotonic()
    while True:  # one of the next ones is within the rate, although all the others came
        with venue.peer("ACME-2") as peer:
            answer = peer.logon(RESET)
            if answer.type == "A":
                break
            assert answer[58] == TOO_MANY
    assert time.monotonic() - start < 20 / PER_SECOND + ROUND_TRIP_S_MAX


def storm(venue: Venue, rng: random.Random, open_peers: ExitStack) -> str:
    """One connection of a storm, of some kind."""
    kind = rng.choice(("good", "good", "bad", "half", "closed at once", "unknown", "twice"))
    name = "NOBODY" if kind == "unknown" else "ACME-3"
    peer = open_peers.enter_context(Peer(replace(venue.login("ACME-3"), sender_comp_id=name)))
    message = peer.logon_message(RESET, signature="wrong" if kind == "bad" else "")
    if kind == "half":
        message = message[: rng.randrange(1, len(message))]
    elif kind == "twice":
        message *= 2
    with suppress(ConnectionError):
        peer.socket.sendall(message)
    if kind == "closed at once" or rng.random() < 0.5:
        peer.close()
    return kind


def test_a_mixed_storm_of_logons_of_one_session(venue: Venue, beta: Peer) -> None:
    """Good ones displace each other, bad ones are refused, half ones time out, closed ones are
    forgotten: the venue is no larger behind it, and the session works."""
    rng = random.Random(503)
    before = venue.rss_bytes()
    slowest = 0.0
    kinds: set[str] = set()
    for _ in range(12):
        with ExitStack() as open_peers:
            kinds |= {storm(venue, rng, open_peers) for _ in range(40)}
            slowest = max(slowest, beta.round_trip(new_id()))
    assert len(kinds) == 6
    assert slowest < ROUND_TRIP_S_MAX
    assert venue.rss_bytes() - before < GROWTH_BYTES_MAX
    answer = ""
    while answer != "A":  # what was too much is forgiven by the second
        with venue.peer("ACME-3") as peer:
            frame = peer.logon(RESET)
            answer = frame.type
            assert answer == "A" or frame[58] == TOO_MANY
            if answer == "A":
                peer.round_trip(new_id())


def test_two_clients_that_displace_each_other(venue: Venue, beta: Peer) -> None:
    """Each one's logon ends the other's line, with a word; the numbers have no hole behind it, and
    each order is cancelled with the line that entered it."""
    rounds = 30
    with ExitStack() as peers:
        older = peers.enter_context(venue.peer("ACME-4"))
        assert older.logon(RESET).number == 1
        last = 1
        orders: list[str] = []
        for _ in range(rounds):
            order = new_id()
            older.order(order)
            report = older.until(lambda f: f.type == "8" and f.get(150) == "0")
            orders.append(report[11])
            newer = peers.enter_context(venue.peer("ACME-4", next_out=older.next_out))
            assert newer.logon("98=0|108=60").type == "A"
            goodbye = older.read_to_end()
            assert [f.get(58) for f in goodbye] == ["Session displaced by a newer logon"]
            last = newer.received[-1].number
            older = newer
        older.send("2", "7=1|16=0")
        canceled = collected(older, last)
        assert [frame[11] for frame in canceled if frame[150] == "4"] == orders
        assert [frame[11] for frame in canceled if frame[150] == "0"] == orders
    assert venue.log_text().count("Session displaced by a newer logon") >= rounds


def collected(peer: Peer, last: int) -> list[Frame]:
    """The reports of a resend, whose numbers have no hole up to `last`."""
    reports: list[Frame] = []
    expected = 1
    while expected <= last:
        frame = peer.receive()
        assert (frame.number, frame[43]) == (expected, "Y")
        expected = int(frame[36]) if frame.type == "4" else expected + 1
        if frame.type == "8":
            reports.append(frame)
    return reports


def with_history(peer: Peer, messages: int) -> None:
    """A session that was sent that many reports."""
    order = new_id()
    peer.order(order)
    report = peer.expect("8")
    ask = f"11={order}|37={report[37]}|55=BTC/USD"
    peer.socket.sendall(b"".join(peer.message("H", ask) for _ in range(messages)))
    for _ in range(messages):
        assert peer.receive()[150] == "I"


def test_a_flood_of_resend_requests_is_slowed_down_by_name(venue: Venue, beta: Peer) -> None:
    """Requests of sixty bytes for everything, as fast as the line takes them. What is read from the
    log again is what the limit says; the rest is refused at a message each; the session lives."""
    history = 4_000
    with venue.peer("BETA-2") as acme:
        assert acme.logon(RESET).type == "A"
        with_history(acme, history)
        start = time.monotonic()
        requests = 60
        acme.socket.sendall(b"".join(acme.message("2", "7=1|16=0") for _ in range(requests)))
        resent = 0
        refusals: list[str] = []
        while len(refusals) == 0 or refusals[-1] != "end":
            if not resent % 50_000:
                assert beta.round_trip(new_id()) < ROUND_TRIP_S_MAX
            frame = acme.receive()
            resent += frame.get(43) == "Y"
            if frame.type == "3" and frame.get(43) != "Y":
                refusals.append(frame[58])
                if len(refusals) == 1:
                    acme.send("1", "112=end")
            if frame.get(112) == "end":
                refusals.append("end")
        seconds = time.monotonic() - start
        limit = RESEND_FREE_MESSAGES + RESEND_HISTORIES * (history + requests)
        assert resent <= limit + RESEND_MESSAGES_PER_S * seconds < requests * history
        assert refusals[0].startswith("Too many messages asked for again; the rest in ")
        acme.round_trip(new_id())


def test_a_stranger_gets_no_session_by_knocking(venue: Venue, beta: Peer) -> None:
    """Addresses that name no session share one count."""
    texts: list[str] = []
    while TOO_MANY not in texts:
        with Peer(replace(venue.login("ACME"), sender_comp_id=f"N{len(texts)}")) as peer:
            peer.socket.sendall(peer.logon_message(RESET))
            (answer,) = peer.read_to_end()
            texts.append(answer[58])
    assert set(texts[:-1]) <= {"Logon failed: unknown CompID"}
    assert beta.round_trip(new_id()) < ROUND_TRIP_S_MAX
