"""Clients that ask for far too much: each gets its answer, the process does not grow, and neither
trading nor another client's book comes to harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.app.venue import Venue
from tests.feeds.clients import L2, feeds_process, venue_with_feeds
from tests.feeds.storm import FIRMS, Storm, end, hear_out, listen_to_all
from tests.feeds.test_slow_readers import rss_bytes
from tests.feeds.wire_truth import Line, agree
from tests.peers.socket_peer import Frame, Peer
from tidegate.model.limits import L2_SYMBOLS_PER_SESSION

GROWTH_BYTES_MAX = 8_000_000
PAIRS = 1_000  # of beginnings and ends
PIECE = 100
SIDES = "267=2|269=0|269=1"


def session(venue: Venue, name: str) -> Peer:
    login = replace(
        venue.login(name), port=venue.ready["ports"][L2], target_comp_id="KRAKEN-MD", api_key=""
    )
    peer = Peer(login)
    assert peer.logon("98=0|108=60|141=Y").type == "A"
    return peer


def answers(peer: Peer, name: str) -> list[Frame]:
    """Everything that comes of what was sent: refreshes follow the answers of their turn, so the
    second of two questions comes behind them."""
    peer.received.clear()
    for question in (name, f"{name} again"):
        peer.send("1", f"112={question}")
        peer.until(lambda frame, wanted=question: frame.get(112) == wanted)  # type: ignore[misc]
    return [frame for frame in peer.received if frame.type != "0"]


def flood(peer: Peer, first: int) -> None:
    """Beginnings and ends of subscriptions, and ids that are taken, in large pieces."""
    for start in range(first, first + PAIRS, PIECE):
        parts = []
        for number in range(start, start + PIECE):
            asked = f"262=f{number}|263=1|264=0|{SIDES}|146=2|55=BTC/USD|55=ETH/USD"
            parts += [
                peer.message("V", asked),
                peer.message("V", asked),
                peer.message("V", f"262=f{number}|263=2|264=0|267=1|269=0|146=1|55=BTC/USD"),
                peer.message("V", f"262=never{number}|263=2|264=0|267=1|269=0|146=1|55=X"),
            ]
        peer.socket.sendall(b"".join(parts))
        found = answers(peer, f"piece {start}")
        refused = [frame for frame in found if frame.type == "Y"]
        assert {frame[281] for frame in refused} == {"1"}
        assert len(refused) == PIECE


def test_floods_of_requests_harm_nobody(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        storm = Storm(venue, seed=2)
        ears = listen_to_all(venue, "ACME", tmp_path)
        with session(venue, "BETA") as wild:
            storm.burst()
            flood(wild, 0)
            before = rss_bytes(feeds_process(venue))
            for round_ in range(1, 4):
                flood(wild, round_ * PAIRS)
                storm.burst()
                hear_out(venue, ears)
            assert rss_bytes(feeds_process(venue)) - before < GROWTH_BYTES_MAX
        storm.close()
        end(venue, ears)
        assert venue.stop() == 0
    lines = [Line(ear) for ear in ears]
    agree(venue.data, lines)
    assert min(line.counts["book"] for line in lines) > 50


def test_symbols_by_the_thousand(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue, session(venue, "BETA") as peer:
        known = "|55=BTC/USD" * 999 + "|55=ETH/USD"
        peer.send("V", f"262=many|263=1|264=1|{SIDES}|146=1000{known}")
        (rejected,) = answers(peer, "many")
        assert (rejected.type, rejected[58]) == ("3", "Too many fields: more than 256")
        known = "|55=BTC/USD" * 239 + "|55=ETH/USD"
        peer.send("V", f"262=same|263=1|264=1|{SIDES}|146=240{known}")
        found = [(frame.type, frame[55]) for frame in answers(peer, "same")]
        assert found == [("W", "BTC/USD"), ("W", "ETH/USD")]
        others = "".join(f"|55=X{number}/USD" for number in range(240))
        peer.send("V", f"262=unknown|263=1|264=1|{SIDES}|146=240{others}")
        (refused,) = answers(peer, "unknown")
        assert (refused[281], refused[58]) == ("0", "Unknown symbol: X0/USD")
        # As many subscriptions as a session may have, and one more
        for number in range(2, L2_SYMBOLS_PER_SESSION):
            peer.send("V", f"262=n{number}|263=1|264=1|{SIDES}|146=1|55=BTC/USD")
        assert len(answers(peer, "all")) == L2_SYMBOLS_PER_SESSION - 2
        peer.send("V", f"262=more|263=1|264=1|{SIDES}|146=1|55=BTC/USD")
        (refused,) = answers(peer, "more")
        assert (refused[281], refused[58]) == (
            "A",
            "Too many symbols: more than 500 on one session",
        )
        # What is longer than a message may be is garbled, and asked for again
        known = "|55=BTC/USD" * 20_000
        peer.send("V", f"262=huge|263=1|264=1|{SIDES}|146=20000{known}")
        peer.send("0")
        assert peer.expect("2")[7] == str(peer.next_out - 2)
        peer.send("4", f"123=Y|36={peer.next_out}", number=peer.next_out - 2)
        assert answers(peer, "on it goes") == []
