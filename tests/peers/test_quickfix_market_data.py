"""QuickFIX subscribes to books of both levels, validates every message by the dictionary that the
venue writes, groups included, and makes the venue's books of what it reads."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue
from tests.feeds.clients import L2, L3, caught_up, venue_with_feeds
from tests.feeds.storm import FIRMS, Storm
from tests.feeds.wire_truth import Cut
from tidegate.control.client import ask

pytest.importorskip("quickfix", reason="QuickFIX (quickfix-tls) is not installed")

import quickfix

from tests.peers.quickfix_peer import WAIT_S, QuickFixPeer

ENTRY_TAGS = (279, 269, 278, 270, 271, 273, 5060, 5273, 40, 2446)
SYMBOLS = ("BTC/USD", "ETH/USD", "ETH/BTC")
Entry = dict[int, str]


class Received:
    """A message as QuickFIX has parsed it. `entries` are those of its group of prices (268)."""

    def __init__(self, message: Any) -> None:
        self.type = message.getHeader().getField(35)
        self._fields = {
            tag: message.getField(tag)
            for tag in (55, 262, 268, 281, 320, 322, 560, 335, 336, 340, 567, 58, 146, 5041)
            if message.isSetField(tag)
        }
        self.entries: list[Entry] = []
        if self.type in "WX":
            first = 269 if self.type == "W" else 279
            for number in range(1, int(self[268]) + 1):
                group = quickfix.Group(268, first)
                message.getGroup(number, group)
                self.entries.append(
                    {tag: group.getField(tag) for tag in ENTRY_TAGS if group.isSetField(tag)}
                )
        self.listed: dict[str, str] = {}  # AssetPairStatus by Symbol
        if self.type == "y" and 146 in self._fields:
            for number in range(1, int(self[146]) + 1):
                group = quickfix.Group(146, 55)
                message.getGroup(number, group)
                self.listed[group.getField(55)] = group.getField(5032)

    def __getitem__(self, tag: int) -> str:
        return str(self._fields[tag])


class Screen:
    """A QuickFIX session at one of the ports, with what it makes of what it gets."""

    def __init__(
        self, venue: Venue, name: str, service: str, directory: Path, dictionary: Path
    ) -> None:
        login = replace(
            venue.login(name),
            port=venue.ready["ports"][service],
            target_comp_id="KRAKEN-MD",
            api_key="",
        )
        self.level = "Y" if service == L2 else "N"
        self.peer = QuickFixPeer(login, directory / service, dictionary, read=Received)
        self.books: defaultdict[tuple[str, str], dict[tuple[str, str], Entry]] = defaultdict(dict)
        self.trades = 0
        self.pairs: dict[str, str] = {}
        self.status: list[str] = []
        self._asked = 0

    def subscribe(self, depth: int, *, trades: bool = False) -> None:
        message = quickfix.Message()
        message.getHeader().setField(quickfix.MsgType("V"))
        for tag, value in ((262, f"d{depth}"), (263, 1), (264, depth), (266, self.level)):
            message.setField(quickfix.StringField(tag, str(value)))
        for kind in "012" if trades else "01":
            _add_group(message, 267, 269, kind)
        for symbol in SYMBOLS:
            _add_group(message, 146, 55, symbol)
        assert quickfix.Session.sendToTarget(message, self.peer.application.session)

    def take_all(self) -> None:
        """Everything up to the answer to a question."""
        self._asked += 1
        name = f"L{self._asked}"
        self.peer.send("x", {320: name, 559: 0, 55: "BTC/USD", 263: 0})
        deadline = time.monotonic() + WAIT_S
        while True:
            received = self.peer.application.app.get(timeout=deadline - time.monotonic())
            if received.type == "y" and received[320] == name:
                return
            self._take(received)

    def _take(self, received: Received) -> None:
        if received.type == "y":
            assert received[560] == "0"
            self.pairs.update(received.listed)
            return
        if received.type == "h":
            self.status.append(received[340])
            return
        assert received.type in "WX", received.type
        book = self.books[received[262], received[55]]
        for entry in received.entries:
            key = (entry[269], entry[278])
            if entry[269] == "2":
                self.trades += 1
            elif entry.get(279) == "2":
                del book[key]
            else:
                assert (key in book) == (entry.get(279) == "1"), entry
                book[key] = entry

    def rows(self, depth: int, symbol: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Offers and bids, best first, each price in the order in which entries came."""
        found: list[list[tuple[str, ...]]] = []
        tags = (278, 270, 271) if self.level == "Y" else (278, 270, 271, 5273)
        for side, sign in (("1", 1), ("0", -1)):
            entries = [
                e for (kind, _), e in self.books[f"d{depth}", symbol].items() if kind == side
            ]
            entries.sort(key=lambda entry: sign * float(entry[270]))
            found.append([tuple(entry[tag] for tag in tags) for entry in entries])
        return found[0], found[1]


def _add_group(message: Any, count_tag: int, tag: int, value: str) -> None:
    group = quickfix.Group(count_tag, tag)
    group.setField(quickfix.StringField(tag, value))
    message.addGroup(group)


def test_quickfix_makes_the_venues_books(tmp_path: Path, dictionary: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS, plain=False) as venue:
        storm = Storm(venue, seed=5)
        levels = Screen(venue, "ACME", L2, tmp_path, dictionary)
        orders = Screen(venue, "BETA", L3, tmp_path, dictionary)  # QuickFIX knows CompIDs only
        with levels.peer, orders.peer:
            for depth in (0, 1, 10):
                levels.subscribe(depth, trades=depth == 1)
            for depth in (0, 10):
                orders.subscribe(depth)
            for screen in (levels, orders):
                screen.peer.send("x", {320: "ALL", 559: 4, 263: 1})
                screen.peer.send("g", {335: "STATUS", 336: "SESSION", 263: 1})
            for _ in range(5):
                storm.deepen()
                storm.burst()
                _compare(venue, storm, levels, orders)
            assert levels.trades > 5
            ask(venue.data, "halt")
            _compare(venue, storm, levels, orders)
            for screen in (levels, orders):
                assert screen.status == ["2", "101"]
                assert set(screen.pairs.values()) == {"3"}, "cancel-only"
                assert set(SYMBOLS) < set(screen.pairs)
        for screen in (levels, orders):
            screen.peer.require_content()
        storm.close()


def _compare(venue: Venue, storm: Storm, levels: Screen, orders: Screen) -> None:
    """At a quiet point."""
    caught_up(venue.data)
    levels.take_all()
    orders.take_all()
    storm.follow()
    for symbol in SYMBOLS:
        cut = Cut(storm.replica.venue, symbol)
        for depth in (0, 1, 10):
            assert levels.rows(depth, symbol) == cut.rows(depth, by_order=False)
        for depth in (0, 10):
            sides = tuple([row[:4] for row in side] for side in cut.rows(depth, by_order=True))
            assert orders.rows(depth, symbol) == sides
