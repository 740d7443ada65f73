"""Generated storms of every kind of order against a running venue, over TLS, while independent
clients hold books of every depth: each message of each of them is compared with the engine."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

from tests.app.venue import Venue
from tests.feeds.clients import L2, L3, caught_up, feeds_process, trader, venue_with_feeds
from tests.feeds.wire_truth import L2_DEPTHS, L3_DEPTHS, Ear, Line, agree
from tests.peers.socket_peer import Frame, utc_now
from tests.scenario.script import duration_ns
from tests.venue.hostile_requests import request_line
from tidegate.control.client import ask
from tidegate.feeds import status as feeds
from tidegate.journal import LOG_END
from tidegate.replica import Replica

FIRMS = """
[session_defaults]
errors_per_second_max = 1000000
cancel_on_disconnect = false

[[firm]]
name = "ACME"
session = [{ sender_comp_id = "ACME" }, { sender_comp_id = "DESK" }]
[[firm.account]]
id = "ACME-1"
leverage = 5
balances = { USD = "900000000", BTC = "9000", ETH = "90000" }

[[firm]]
name = "BETA"
session = [{ sender_comp_id = "BETA" }]
[[firm.account]]
id = "BETA-1"
leverage = 2
balances = { USD = "900000000", BTC = "9000", ETH = "90000" }

[[firm]]
name = "PRIME"
broker = true
session = [{ sender_comp_id = "PRIME" }]
[[firm.account]]
id = "PRIME-1"
leverage = 3
sub_account = [
  { id = "PRIME-1-A", balances = { USD = "900000000", BTC = "9000", ETH = "90000" } },
  { id = "PRIME-1-B", balances = { USD = "900000000", BTC = "9000", ETH = "90000" } },
]
"""

NAMES = ("ACME", "BETA", "DESK", "PRIME")
SYMBOLS = ["BTC/USD", "ETH/USD", "ETH/BTC"]
READ_BYTES = 1 << 20
BURST = 25
BURSTS = 48


class Storm:
    """Four sessions that send what `hostile_requests` draws of the open orders of the moment, which
    a replica knows. In bursts: many requests are one turn of the venue, or several."""

    def __init__(self, venue: Venue, seed: int) -> None:
        self.venue = venue
        self.random = Random(seed)
        self.peers = {name: trader(venue, name) for name in NAMES}
        self.replica = Replica(venue.data)
        self._ids = count(1_000)

    def burst(self) -> None:
        self.follow()
        messages: dict[str, list[bytes]] = {name: [] for name in NAMES}
        now_ns = self.replica.venue.now_ns
        for _ in range(BURST):
            name = self.random.choice(NAMES)
            line = request_line(self.replica.venue, name, self.random, now_ns)
            messages[name].append(self._message(line))
        for name, parts in messages.items():
            self.peers[name].socket.sendall(b"".join(parts))
        for peer in self.peers.values():
            peer.send("1", "112=done")
        for peer in self.peers.values():
            peer.until(_is_done)
            peer.received.clear()

    def deepen(self) -> None:
        """Orders beyond those that trade: mass cancels take the ones before away."""
        peer = self.peers["BETA"]
        for side in (1, 2):
            for step in range(30):
                price = 50_000 + (15 + step) * (0.1 if side == 2 else -0.1)
                peer.order(next(self._ids), side=side, price=f"{price:.1f}", qty="0.05")
        peer.send("1", "112=done")
        peer.until(_is_done)

    def close(self) -> None:
        self.replica.close()
        for peer in self.peers.values():
            peer.close()

    def follow(self) -> None:
        while batches := self.replica.follower.read(READ_BYTES, LOG_END):
            for batch in batches:
                self.replica.replay(batch)

    def _message(self, line: str) -> bytes:
        _, name, fields = line.split(" ", 2)
        msg_type, _, body = fields.removeprefix("35=").partition("|")
        body = body.replace("$next", str(next(self._ids)))
        body = re.sub(r"\$now([+-]\d+\w+)?", _moment, body)
        if "|60=" not in body and msg_type != "H":
            body += f"|60={utc_now()}"
        return self.peers[name].message(msg_type, body)


def _is_done(frame: Frame) -> bool:
    return frame.type == "0" and frame.get(112) == "done"


def _moment(match: re.Match[str]) -> str:
    return utc_now(duration_ns(match[1]) / 1e9 if match[1] else 0.0)


def listen(venue: Venue, name: str, service: str, directory: Path) -> Ear:
    login = replace(
        venue.login(name),
        port=venue.ready["ports"][service],
        target_comp_id="KRAKEN-MD",
        api_key="",
    )
    ear = Ear(login, directory / f"{name}-{service}.fix", by_order=service == L3)
    ear.log_position = feeds.ask(venue.data)["log_position"]
    ear.log_on()
    return ear


def subscribe_to_all(ear: Ear) -> None:
    """At every depth at once; the deepest one first, and trades with it and with the least."""
    for depth in L3_DEPTHS if ear.by_order else L2_DEPTHS:
        ear.subscribe(f"d{depth}", SYMBOLS, depth, trades=not ear.by_order and depth < 2)


def test_every_message_is_the_engines_book(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS, plain=False) as venue:
        storm = Storm(venue, seed=11)
        ears = [listen(venue, "ACME", L2, tmp_path), listen(venue, "ACME", L3, tmp_path)]
        for ear in ears:
            subscribe_to_all(ear)
        for number in range(BURSTS):
            if number == BURSTS // 2:  # somebody comes in the middle of it
                caught_up(venue.data)
                ears += [listen(venue, "BETA", L2, tmp_path), listen(venue, "BETA", L3, tmp_path)]
                for ear in ears[2:]:
                    subscribe_to_all(ear)
            operate(venue, number)
            if number % 8 == 0:
                storm.deepen()
            storm.burst()
            for ear in ears:
                ear.hear_all()
        caught_up(venue.data)
        for ear in ears:
            ear.finish()
            ear.close()
        storm.close()
        assert feeds_process(venue)
        assert venue.stop() == 0
    assert "Traceback" not in venue.log_text()
    lines = [Line(ear) for ear in ears]
    told = agree(venue.data, lines)
    for what in ("A", "5", "D", "4", "F", "icebergs", "refused"):
        assert told[what] > 0, what
    assert told["trades"] > 60
    for line in lines:
        assert line.counts["full"] == len(SYMBOLS) * len(L3_DEPTHS if line.by_order else L2_DEPTHS)
        assert line.counts["book"] > 500
        assert line.counts["pushed out"] > 10
        assert line.by_order or line.counts["trades"] > 20


def operate(venue: Venue, number: int) -> None:
    """Markets change their status on the way."""
    status = {10: "post_only", 14: "limit_only", 18: "cancel_only", 20: "maintenance", 22: "online"}
    if number in status:
        ask(venue.data, "market-status", {"symbol": "ETH/USD", "status": status[number]})
    if number in (40, 44):
        ask(venue.data, "halt" if number == 40 else "resume")
