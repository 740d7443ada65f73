"""Generated storms of every kind of order, and ears that hear all market data of them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

from tests.app.venue import Venue
from tests.feeds.clients import L2, L3, caught_up, trader
from tests.feeds.wire_truth import Ear
from tests.peers.socket_peer import Frame, utc_now
from tests.scenario.script import duration_ns
from tests.venue.hostile_requests import request_line
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


class Storm:
    """Four sessions that send what `hostile_requests` draws of the open orders of the moment, which
    a replica knows. In bursts: many requests are one turn of the venue, or several."""

    def __init__(self, venue: Venue, seed: int, first_id: int = 1_000) -> None:
        self.venue = venue
        self.random = Random(seed)
        self.peers = {name: trader(venue, name) for name in NAMES}
        self.replica = Replica(venue.data)
        self._ids = count(first_id)

    def burst(self) -> None:
        """Answered in full."""
        self.send()
        self.settle()

    def settle(self) -> None:
        """Whatever was sent is answered."""
        for peer in self.peers.values():
            peer.send("1", "112=done")
        for peer in self.peers.values():
            peer.until(_is_done)
            peer.received.clear()

    def send(self) -> None:
        """Requests whose answers nobody waits for."""
        self.follow()
        messages: dict[str, list[bytes]] = {name: [] for name in NAMES}
        now_ns = self.replica.venue.now_ns
        for _ in range(BURST):
            name = self.random.choice(NAMES)
            line = request_line(self.replica.venue, name, self.random, now_ns)
            messages[name].append(self._message(line))
        for name, parts in messages.items():
            self.peers[name].socket.sendall(b"".join(parts))

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


def listen_to_all(venue: Venue, name: str, directory: Path) -> list[Ear]:
    """A session at each port, subscribed at every depth at once: the deepest one first, and trades
    with it and with the least. Nothing is under way at the venue."""
    caught_up(venue.data)
    ears = []
    for service in (L2, L3):
        login = replace(
            venue.login(name),
            port=venue.ready["ports"][service],
            target_comp_id="KRAKEN-MD",
            api_key="",
        )
        log_position = feeds.ask(venue.data)["log_position"]
        path = directory / f"{name}-{service}-{log_position}.fix"
        ear = Ear(login, path, by_order=service == L3)
        ear.log_position = log_position
        ear.log_on()
        ear.subscribe_to_all(SYMBOLS, trade_depths=(0, 1))
        ears.append(ear)
    return ears


def hear_out(venue: Venue, ears: list[Ear]) -> None:
    """All that was done until now. Whoever leaves more than a burst or two unread gets full
    refreshes, however long market data had to wait for a core."""
    caught_up(venue.data)
    for ear in ears:
        ear.finish("so far")


def end(venue: Venue, ears: list[Ear]) -> None:
    """Hear what was told until now, and no more."""
    caught_up(venue.data)
    for ear in ears:
        ear.end_position = feeds.ask(venue.data)["log_position"]
        ear.finish()
        ear.close()
