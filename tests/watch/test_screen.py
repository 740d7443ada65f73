"""The screen as a function: a state and a size in, lines out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.client.market_data_peer import START_NS, Peer, remove, rest
from tests.client.test_market_data_core import Pair
from tidegate.client import MarketDataUpdate, Subscription, TradSesStatus
from tidegate.watch.numbers import fitted
from tidegate.watch.screen import screen
from tidegate.watch.state import WatchState

BTC = b"BTC/USD"
BOOK = rest(
    ("A", "1", 840001, 50_000_000, 1), ("B", "0", 839999, 120_000_000, 2),
    ("C", "1", 840005, 100_000_000, 3), ("D", "0", 839999, 30_000_000, 4),
)  # fmt: skip


class Watched:
    """A state that a peer fills."""

    def __init__(self, peer: Peer | None = None, **how: int | bool) -> None:
        self.pair = Pair(peer)
        if peer is None:
            BOOK(self.pair.peer.orders[BTC])
        (subscription,) = self.pair.subscribe("BTC/USD", **how)
        self.subscription: Subscription = subscription
        self.state = WatchState("BTC/USD", "ACME at 127.0.0.1:4000", self.pair.core, subscription)
        self.note(self.pair.connect())

    def note(self, updates: list[MarketDataUpdate]) -> None:
        for update in updates:
            self.state.note(update)

    def change(self, act: object) -> None:
        self.pair.peer.change(BTC, act)  # type: ignore[arg-type]
        self.note(self.pair.step())

    def lines(self, width: int = 80, height: int = 24) -> list[str]:
        return screen(self.state, width, height).plain.split("\n")


def test_the_screen_of_a_terminal_of_80_by_24() -> None:
    watched = Watched(depth=10, trades=True)
    watched.pair.peer.trade(BTC, 840001, 150_000_000)
    watched.change(rest(("E", "1", 840010, 25_000_000, 9)))
    lines = watched.lines()
    assert len(lines) == 24
    assert max(len(line) for line in lines) <= 80
    assert lines[0] == f"{'BTC/USD  online':56}spread 0.2   mid 84000.0"
    assert lines[2] == (
        "           cumulated           size      price \u2502 time          price       trade"
    )
    assert [line.rstrip(" \u2502") for line in lines[8:14]] == [
        "",
        "\u2588\u2588\u2588\u2588\u2588\u2588\u2588       1.7500     0.25000000    84001.0",
        " \u2588\u2588\u2588\u2588\u2588\u2588       1.5000     1.00000000    84000.5",
        "     \u2588\u2588       0.5000     0.50000000    84000.1",
        "                                           0.2",
        " \u2588\u2588\u2588\u2588\u2588\u2588       1.5000     1.50000000    83999.9",
    ]
    assert lines[3].endswith("\u2502 09:15:00    84000.1 1.5000000 b")
    assert lines[-1] == (
        "checksum ok   3 updates   lag 0 ms   ACME at 127.0.0.1:4000               q ends"
    )


@pytest.mark.parametrize(("width", "height"), [(200, 60), (80, 24), (73, 20), (60, 12), (40, 8)])
@pytest.mark.parametrize("level", [2, 3])
def test_every_size_is_kept_to(width: int, height: int, level: int) -> None:
    peer = Peer()
    for n in range(200):
        rest((f"LONG-ORDER-ID-{n}", "1", 840001 + n, 10**15 + n, n))(peer.orders[BTC])
        rest((f"LONG-ORDER-ID-{n}-B", "0", 839999 - n // 3, 10**15, n))(peer.orders[BTC])
    watched = Watched(peer, depth=100, level=level, trades=level == 2)
    for n in range(100 if level == 2 else 0):
        watched.pair.peer.trade(BTC, 840001, 10**14 + n, n)
    watched.note(watched.pair.step())
    lines = watched.lines(width, height)
    assert len(lines) == height
    assert max(len(line) for line in lines) <= width
    prices = [line for line in lines if "84000." in line or "83999." in line]
    assert len(prices) >= min(height - 6, 20)


@pytest.mark.parametrize(("width", "height"), [(39, 24), (20, 8), (80, 7), (12, 2), (1, 1)])
def test_a_terminal_too_small_for_a_ladder_has_the_best_prices(width: int, height: int) -> None:
    watched = Watched(depth=10)
    lines = watched.lines(width, height)
    assert len(lines) == height
    assert max(len(line) for line in lines) <= width
    told = ["BTC/USD online", "84000.1 0.50000000", "83999.9 1.50000000", "ladder: 40 x 8 at least"]
    assert [line for line in lines if line] == [line[:width] for line in told][:height]
    watched.pair.core.link_lost(START_NS)
    watched.note(watched.pair.step())
    assert watched.lines(width, height)[0] == "BTC/USD Link lost; reconnecting"[:width]


def test_a_higher_terminal_shows_more_levels() -> None:
    peer = Peer()
    for n in range(50):
        rest((f"A{n}", "1", 840001 + n, 5, n), (f"B{n}", "0", 839999 - n, 5, n))(peer.orders[BTC])
    watched = Watched(peer, depth=100)
    shown = [sum(" 8" in line for line in watched.lines(60, height)[2:]) for height in (24, 60)]
    assert shown == [19, 55]


def test_the_queues_of_a_book_of_orders() -> None:
    watched = Watched(depth=0, level=3)
    lines = watched.lines()
    assert lines[11].endswith("1    84000.1 \u2502 A                    0.50000000")
    assert lines[13].endswith("2    83999.9 \u2502 B                    1.20000000")
    assert lines[14].endswith("\u2502 D                    0.30000000")


def test_a_terminal_without_the_signs_gets_ascii() -> None:
    text = screen(Watched(depth=10).state, 80, 24, ascii_only=True).plain
    assert text.isascii()
    assert "#" in text


def test_a_depth_that_no_checksum_covers() -> None:
    watched = Watched(depth=1)
    watched.change(remove("A"))
    assert watched.lines()[-1].startswith("no checksum   2 updates")


def test_an_empty_book_and_one_side_alone() -> None:
    watched = Watched(Peer(), depth=10)
    assert "the book is empty" in "\n".join(watched.lines())
    watched.change(rest(("A", "1", 840001, 1, 1)))
    lines = "\n".join(watched.lines())
    assert "the book is empty" not in lines
    assert "spread" not in lines


def test_status_of_pair_and_venue() -> None:
    watched = Watched(depth=10)
    for pair, venue, told in (
        (b"3", b"2", "cancel only"),
        (b"1", b"1", "venue maintenance"),
        (b"4", b"101", "post only, venue cancel only"),
        (b"9", b"2", "status 9"),
        (b"1", b"2", "online"),
    ):
        watched.pair.peer.send(b"y", b"320=q\x01560=0\x01146=1\x0155=BTC/USD\x015032=%s\x01" % pair)
        watched.pair.peer.send(b"h", b"335=q\x01336=SESSION\x01340=%s\x01" % venue)
        watched.note(watched.pair.step())
        assert watched.state.status == told
        assert watched.lines()[0].startswith(f"BTC/USD  {told} ")


def test_a_venue_that_catches_up_has_no_news_of_its_status() -> None:
    watched = Watched(depth=10)
    state, peer = watched.state, watched.pair.peer
    assert state.status_is_new()
    watched.pair.core.link_lost(START_NS)
    watched.note(watched.pair.step())
    peer.has_list, peer.status = False, TradSesStatus.UNKNOWN.encode()
    watched.note(watched.pair.connect())
    assert watched.lines()[0].startswith("BTC/USD  venue status unknown ")
    assert not state.status_is_new()
    for status, is_new in ((TradSesStatus.ONLINE, False), (TradSesStatus.CANCEL_ONLY, True)):
        peer.send(b"h", b"335=q\x01336=SESSION\x01340=%s\x01" % status.encode())
        watched.note(watched.pair.step())
        assert state.status_is_new() == is_new


def test_a_line_that_is_lost_is_told_until_it_is_back() -> None:
    watched = Watched(depth=10)
    watched.pair.core.link_lost(START_NS)
    watched.note(watched.pair.step())
    lines = watched.lines()
    assert lines[0] == "BTC/USD  Link lost; reconnecting"
    assert lines[-1].startswith("no book yet")
    watched.note(watched.pair.connect())
    assert "spread 0.2" in watched.lines()[0]


def test_a_wrong_book_is_told_for_good() -> None:
    watched = Watched(depth=10)
    watched.pair.peer.spoil = lambda body: body.rpartition(b"5041=")[0] + b"5041=7\x01"
    watched.change(remove("C"))
    watched.pair.peer.spoil = lambda body: body
    assert watched.lines()[-1].startswith("checksum awaited, failed 1x")
    watched.change(remove("D"))
    assert watched.lines()[-1].startswith("checksum ok, failed 1x")


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        ("1.5", 14, "1.50000000"),
        ("0.00000001", 10, "0.00000001"),
        ("123456.12345678", 10, "123456.123"),
        ("1234567890", 10, "1234567890"),
        ("123456789012", 10, "123456789k"),
        ("99999", 3, "99k"),
        ("123456789", 2, "##"),
        ("0", 5, "0.000"),
    ],
)
def test_numbers_fit_their_columns(value: str, width: int, text: str) -> None:
    assert fitted(Decimal(value), width) == text
