"""Peers that do not read: they cost a bounded amount of memory, and nobody else any time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.venue import WAIT_S, Venue, wait_for
from tests.feeds.clients import (
    Reader,
    feeds_process,
    rest,
    trader,
    venue_with_feeds,
)
from tests.feeds.test_process import FIRMS
from tests.peers.socket_peer import Peer, PeerClosed
from tidegate.feeds.outbound import FULL_BYTES, ROOM_BYTES, STALLED_S_MAX, SYSTEM_BYTES
from tidegate.feeds.status import ask

GROWTH_BYTES_MAX = 16_000_000
COPIES = 5
ROUNDS_MAX = 50
BURST = 100
# A turn's messages, which go to a line in one piece, and what one that reads nothing has in its
# own system, whose buffers it wants small.
PIECE_BYTES = 256 * 1024


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        yield venue
        assert "Traceback" not in venue.log_text()


def rss_bytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def of_client(venue: Venue, name: str) -> dict[str, object]:
    """What the operators see of a session; empty where it is down."""
    sessions = ask(venue.data)["sessions"]
    return next((s for s in sessions if s["sender_comp_id"] == name), {})


def churn(peer: Peer, first: int) -> None:
    """Orders that come and go at the top of the book, each with an update."""
    peer.socket.sendall(
        b"".join(
            peer.order_message(first + n, side=2, price=str(29_000 - n % 50), qty="0.01")
            for n in range(BURST)
        )
        + peer.message("q", f"11={first + BURST}|530=6|60={peer.received[-1][52]}")
    )
    for _ in range(BURST):
        peer.until(lambda frame: frame.get(150) == "4")


def stalled(venue: Venue, peer: Peer, first: int, quick: Reader | None = None) -> None:
    """Trade until the slow one's transport is full; the quick one reads meanwhile."""
    for round_ in range(ROUNDS_MAX):
        churn(peer, first + round_ * 1_000)
        if quick is not None:
            quick.apply_until_answered()
        if of_client(venue, "ACME").get("stalled"):
            return
    raise AssertionError("it never filled")


def test_a_reader_that_sleeps_wakes_up_to_a_refresh_and_delays_nobody(venue: Venue) -> None:
    with (
        trader(venue, "BETA") as beta,
        Reader(venue, "ACME", receive_bytes=4096) as slow,
        Reader(venue, "BETA") as quick,
    ):
        slow.subscribe(copies=COPIES)
        quick.subscribe()
        rest(beta, 1, 20, side=1, price=20_000)
        memory = rss_bytes(feeds_process(venue))
        stalled(venue, beta, 1_000, quick)
        assert rss_bytes(feeds_process(venue)) - memory < GROWTH_BYTES_MAX
        beta.order(10_000_000, side=2, price="31000")
        quick.apply_until(lambda frame: frame.type == "X" and "31000.0" in quick.levels()["1"])
        assert of_client(venue, "ACME")["stalled"], "the quick one waits for nobody"
        slow.received.clear()
        slow.apply_until(lambda frame: frame.type == "W")
        old_news = sum(len(frame.raw) for frame in slow.received[:-1])
        assert FULL_BYTES < old_news < FULL_BYTES + SYSTEM_BYTES + PIECE_BYTES
        slow.apply_until(lambda frame: frame.type == "W" and frame[262] == f"r{COPIES - 1}")
        assert slow.refreshes == 2
        rest(beta, 20_000_000, 1, side=2, price=32_000)
        for reader in (slow, quick):
            reader.apply_until(lambda _, r=reader: "32000.0" in r.levels()["1"])
        assert slow.levels() == quick.levels()
        assert slow.numbers == list(range(2, 2 + len(slow.numbers)))
        assert of_client(venue, "ACME")["refreshes"] == COPIES


def test_a_reader_that_never_reads_is_cut(venue: Venue) -> None:
    with trader(venue, "BETA") as beta, Reader(venue, "ACME", receive_bytes=4096) as slow:
        slow.subscribe(copies=COPIES)
        stalled(venue, beta, 1_000)
        unsent_bytes = of_client(venue, "ACME")["unsent_bytes"]
        assert isinstance(unsent_bytes, int)
        assert ROOM_BYTES < unsent_bytes < FULL_BYTES + PIECE_BYTES
        wait_for(lambda: not of_client(venue, "ACME"), STALLED_S_MAX + WAIT_S)
        assert "reads too slowly" in venue.log_text()
        with pytest.raises(PeerClosed):
            slow.until(lambda frame: False)
        beta.round_trip(50_000_000)
