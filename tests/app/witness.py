"""A firm that remembers every byte the venue acknowledged, and what it means for its money.

It floods the venue from one thread and reads in another, so that a kill finds orders in every
state: not sent, in a buffer, applied, written, acknowledged.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from fractions import Fraction

from tests.peers.socket_peer import Frame, Peer, PeerClosed, order_fields

BATCH = 20
LOGON = "98=0|108=60|8674=1"  # leave orders when the line drops


class Witness:
    """One session through all of its connections."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.next_out = 1
        self.last_id = 0
        self.frames: dict[int, Frame] = {}  # application messages received, by number
        self.seen = 0  # the highest number received, of any type
        self.acknowledged = 0  # orders
        self._lost_to = 0
        self._sender: threading.Thread | None = None
        self._reader: threading.Thread | None = None
        self._ended = threading.Event()

    def connect(self, open_peer: Callable[..., Peer]) -> Peer:
        """Log on with continued numbers and catch up on everything that was missed."""
        peer = open_peer(self.name, next_out=self.next_out)
        self._lost_to = self.next_out  # what the venue has not got before our Logon is given up
        logon = peer.logon(LOGON)
        assert logon.type == "A", logon.raw
        assert logon.number > self.seen, "a number was used twice"
        asked_at = -1
        missed_to = logon.number - 1
        if self.seen < missed_to:
            asked_at = self.seen + 1
            peer.send("2", f"7={asked_at}|16={missed_to}")
            self._catch_up(peer, missed_to)
        peer.send("1", "112=caught-up")
        echo = peer.until(lambda frame: not self._filled(peer, frame) and frame.type == "0")
        assert echo[112] == "caught-up"
        self.seen = echo.number
        return peer

    def _catch_up(self, peer: Peer, missed_to: int) -> None:
        reached = self.seen
        while reached < missed_to:
            frame = peer.receive()
            if self._filled(peer, frame):
                continue
            assert frame.number == reached + 1
            assert frame[43] == "Y"
            if frame.type == "4":
                reached = int(frame[36]) - 1
            else:
                reached = frame.number
                self.note(frame)
        self.seen = reached

    def _filled(self, peer: Peer, frame: Frame) -> bool:
        """Answer the venue's own ResendRequest; whether it was one."""
        if frame.type != "2":
            return False
        fill = f"43=Y|122={frame[52]}|123=Y|36={self._lost_to + 1}"
        peer.send("4", fill, number=int(frame[7]))
        return True

    def note(self, frame: Frame) -> None:
        known = self.frames.setdefault(frame.number, frame)
        assert known.content() == frame.content(), "a number changed its content"

    # --- the flood -------------------------------------------------------------------------------

    def flood(self, peer: Peer, enough: int) -> threading.Event:
        """Send orders until the line breaks. The event is set when `enough` are acknowledged, or
        when it broke."""
        self._ended = threading.Event()
        target = self.acknowledged + enough
        self._sender = threading.Thread(target=self._send, args=(peer,))
        self._reader = threading.Thread(target=self._read, args=(peer, target, self._ended))
        self._sender.start()
        self._reader.start()
        return self._ended

    def join(self, peer: Peer) -> None:
        """After the venue was killed."""
        assert self._sender is not None
        assert self._reader is not None
        self._reader.join(30)
        peer.close()
        self._sender.join(30)
        assert not self._reader.is_alive()
        assert not self._sender.is_alive()
        self.next_out = peer.next_out

    def _send(self, peer: Peer) -> None:
        try:
            while True:
                batch = [self._order(peer) for _ in range(BATCH)]
                peer.socket.sendall(b"".join(batch))
        except OSError:
            return

    def _order(self, peer: Peer) -> bytes:
        self.last_id += 1
        price = f"{20_000 + self.random.randrange(40)}"
        qty = f"0.0{self.random.randrange(1, 10)}"
        side = 1 if self.random.random() < 0.5 else 2
        return peer.message("D", order_fields(self.last_id, side, price, qty))

    def _read(self, peer: Peer, target: int, ended: threading.Event) -> None:
        try:
            while True:
                frame = peer.receive()
                assert frame.number == self.seen + 1
                self.seen = frame.number
                if frame.type == "8":
                    self.note(frame)
                    self.acknowledged += frame[150] == "0"
                if self.acknowledged >= target:
                    ended.set()
        except (PeerClosed, OSError):
            ended.set()

    # --- what the reports add up to --------------------------------------------------------------

    def reports(self) -> list[Frame]:
        return [self.frames[n] for n in sorted(self.frames) if self.frames[n].type == "8"]

    def open_orders(self) -> dict[str, Frame]:
        """The last report of each order that is open, by OrderID."""
        last: dict[str, Frame] = {}
        for report in self.reports():
            last[report[37]] = report
        return {key: report for key, report in last.items() if report[39] in "015"}

    def traded(self) -> dict[str, Fraction]:
        """What the fills have changed, fees included, by asset."""
        change = {"USD": Fraction(0), "BTC": Fraction(0)}
        fees: dict[str, Fraction] = {}
        for report in self.reports():
            if report[150] != "F":
                continue
            sign = 1 if report[54] == "1" else -1
            change["BTC"] += sign * Fraction(report[32])
            change["USD"] -= sign * Fraction(report[118])
            # Cumulative over the order, so the last one counts.
            if report.get(137):
                fees[report[37]] = Fraction(report[137])
                currency = report[138]
                assert currency == ("USD" if report[54] == "1" else "BTC")
        sides = {report[37]: report[54] for report in self.reports()}
        for order_id, fee in fees.items():
            change["USD" if sides[order_id] == "1" else "BTC"] -= fee
        return change
