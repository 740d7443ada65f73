"""A venue with its market-data process, and market-data clients over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.app.venue import WAIT_S, Venue, tidegate, wait_for
from tests.marketdata.plain_book import PlainBook
from tests.peers.socket_peer import Frame, Peer
from tidegate.feeds.status import FeedsUnreachable, ask
from tidegate.model.scaled import LOT_DECIMALS

L2, L3 = "spot_market_data_l2", "spot_market_data_l3"
SYMBOL = "BTC/USD"


def venue_with_feeds(data: Path, config: str = "", *, plain: bool = True) -> Venue:
    table = "[venue]\nmarket_data = true\n"
    return Venue(data, plain=plain, config=table + config)


class Reader(Peer):
    """A market-data client of one book: it applies what it gets."""

    def __init__(
        self, venue: Venue, name: str, service: str = L2, *, receive_bytes: int | None = None
    ) -> None:
        login = replace(
            venue.login("ACME"),
            port=venue.ready["ports"][service],
            sender_comp_id=name,
            target_comp_id="KRAKEN-MD",
            api_key="",
        )
        super().__init__(login, receive_bytes=receive_bytes)
        self.by_order = service == L3
        self.book = PlainBook(b"268=0\x01")
        self.refreshes = 0
        self.numbers: list[int] = []

    def subscribe(self, depth: int = 0, *, copies: int = 1) -> None:
        """Log on and subscribe, up to the first refresh. More copies of it are not applied: they
        make that nobody has more to read than this."""
        assert self.logon("98=0|108=30|141=Y").type == "A"
        level = "|266=N" if self.by_order else ""
        asked = f"263=1|264={depth}{level}|267=2|269=0|269=1|146=1|55={SYMBOL}"
        for number in range(copies):
            self.send("V", f"262=r{number}|{asked}")
        self.apply_until(lambda frame: frame.type == "W" and frame[262] == f"r{copies - 1}")

    def apply(self, frame: Frame) -> None:
        self.numbers.append(frame.number)
        if frame.get(262) != "r0":
            return
        tail = frame.raw.partition(b"\x01268=")[2]
        if frame.type == "W":
            self.book = PlainBook(b"268=" + tail[:-7])
            self.refreshes += 1
        elif frame.type == "X":
            checksum = self.book.apply(b"268=" + tail[:-7])
            assert self.book.checksum(1) == checksum

    def apply_until(self, wanted: Callable[[Frame], bool], wait_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + wait_s
        while True:
            frame = self.receive(deadline - time.monotonic())
            self.apply(frame)
            if wanted(frame):
                return

    def apply_until_answered(self) -> None:
        """Everything that was sent before a question is answered."""
        self.send("1", "112=are we there")
        self.apply_until(lambda frame: frame.type == "0" and frame.get(112) == "are we there")

    def levels(self) -> dict[str, dict[str, int]]:
        """Size in lots by price, of each side (269)."""
        found: dict[str, dict[str, int]] = {"0": {}, "1": {}}
        for side in "01":
            for entry in self.book.ranked(side):
                whole, _, rest = entry[271].partition(".")
                lots = int(whole + rest.ljust(LOT_DECIMALS, "0"))
                found[side][entry[270]] = found[side].get(entry[270], 0) + lots
        return found


def feeds_process(venue: Venue) -> int:
    """The process that serves market data, a child of the venue; 0 where there is none."""
    for task in Path(f"/proc/{venue.pid}/task").iterdir():
        for text in (task / "children").read_text().split():
            if b"tidegate.feeds" in Path(f"/proc/{text}/cmdline").read_bytes():
                return int(text)
    return 0


def overview(venue: Venue) -> Any:
    """What `ctl feeds` says."""
    done = tidegate("ctl", "feeds", "--data", venue.data, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def caught_up(data: Path) -> None:
    """Until market data is up, and where the venue is."""

    def is_there() -> bool:
        try:
            found = ask(data)
            return bool(found["ready"] and found["behind_bytes"] == 0)
        except FeedsUnreachable:
            return False

    wait_for(is_there)


def trader(venue: Venue, name: str) -> Peer:
    peer = venue.peer(name)
    assert peer.logon("98=0|108=60|141=Y").type == "A"
    return peer


def rest(peer: Peer, first: int, count: int, side: int, price: int, qty: str = "0.01") -> None:
    """So many orders at as many prices, away from the spread, each reported."""
    step = 1 if side == 2 else -1
    peer.socket.sendall(
        b"".join(
            peer.order_message(first + n, side=side, price=str(price + step * n), qty=qty)
            for n in range(count)
        )
    )
    for _ in range(count):
        peer.until(lambda frame: frame.get(150) == "0")
