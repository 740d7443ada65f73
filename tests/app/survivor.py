"""A client that lives through kills of the venue and keeps every message that it was ever sent.

What it knows is the list of the venue's application messages, each once, in the order of their
numbers; a replay has to say the same again. Nothing is sent before what was sent last is answered,
unless a test kills the venue in between.
"""

from __future__ import annotations

from fractions import Fraction

from tests.app.venue import Venue
from tests.peers.socket_peer import Frame, Peer, utc_now

UNIT = 10**10  # balances are in 1e-10 of the asset
MAKER, TAKER = Fraction("0.0025"), Fraction("0.004")  # of the first fee tier
LEAVE, CANCEL = 1, 0  # CancelOrdersOnDisconnect (8674)


class Survivor:
    """One session. ClOrdIDs are numbers; `sub` is the SenderSubID (50) of an order."""

    def __init__(self, name: str, *, on_disconnect: int = LEAVE) -> None:
        self.name = name
        self.messages: dict[int, Frame] = {}
        self._on_disconnect = on_disconnect
        self._last_id = 0
        self._next_out = 1
        self._seen = 0
        self._lost_to = 0
        self._echoes = 0
        self._peer: Peer | None = None

    def connect(self, venue: Venue) -> list[Frame]:
        """Log on with continued numbers and fetch what was missed; the messages that are new."""
        self._lost_to = self._next_out
        self._peer = peer = venue.peer(self.name, next_out=self._next_out)
        answer = peer.logon(f"98=0|108=60|8674={self._on_disconnect}")
        assert answer.type == "A", answer.raw
        assert answer.number > self._seen, "a number was used twice"
        missed = self._seen + 1
        if answer.number > missed:
            peer.send("2", f"7={missed}|16={answer.number - 1}")
        return self.news()

    def close(self) -> None:
        if self._peer is not None:
            self._next_out = self._peer.next_out
            self._peer.close()
            self._peer = None

    @property
    def peer(self) -> Peer:
        assert self._peer is not None
        return self._peer

    def post(self, fields: str, *, sub: str = "") -> str:
        """Send an order and wait for nothing; its ClOrdID. `fields` lack 11 and 60, and 59 where it
        is GTC."""
        self._last_id += 1
        fields += "" if "|59=" in fields else "|59=1"
        group = f"50={sub}|" if sub else ""
        self.peer.send("D", f"{group}11={self._last_id}|{fields}|60={utc_now()}")
        return str(self._last_id)

    def enter(self, fields: str, *, sub: str = "") -> str:
        """Send an order that is accepted; its OrderID."""
        cl_ord_id = self.post(fields, sub=sub)
        first = self.of_cl_ord_id(cl_ord_id, self.news())[0]
        assert first[150] in "0A", first.raw
        return first[37]

    def news(self) -> list[Frame]:
        """All that the venue had to say by now; what is new of it, in order."""
        known = set(self.messages)
        self._echoes += 1
        self.peer.send("1", f"112=echo-{self._echoes}")
        while not self._took(self.peer.receive()):
            pass
        self._next_out = self.peer.next_out
        return [self.messages[n] for n in sorted(set(self.messages) - known)]

    def _took(self, frame: Frame) -> bool:
        """Keep a message; whether it is the echo that was asked for."""
        if frame.type == "2":  # what was on its way when the venue was killed is given up
            fill = f"43=Y|122={frame[52]}|123=Y|36={self._lost_to + 1}"
            self.peer.send("4", fill, number=int(frame[7]))
        elif frame.type == "4":
            return False
        self._seen = max(self._seen, frame.number)
        if frame.type in "8j":
            before = self.messages.setdefault(frame.number, frame)
            assert before.content() == frame.content(), "a number has changed its content"
        return frame.type == "0" and frame.get(112) == f"echo-{self._echoes}"

    # --- what it adds up to -----------------------------------------------------------------------

    def of_cl_ord_id(self, cl_ord_id: str, messages: list[Frame]) -> list[Frame]:
        return [m for m in messages if m.type == "8" and m[11] == cl_ord_id]

    def reports(self, order_id: str = "") -> list[Frame]:
        """Reports, or those of one order, in order; answers to 35=H aside."""
        frames = [self.messages[n] for n in sorted(self.messages)]
        own = [f for f in frames if f.type == "8" and f[150] != "I"]
        return [f for f in own if not order_id or f[37] == order_id]

    def story(self, order_id: str) -> str:
        """The order's ExecTypes (150), in order."""
        return "".join(report[150] for report in self.reports(order_id))

    def open_orders(self) -> dict[str, Frame]:
        """The last report of every open order, by OrderID."""
        last = {report[37]: report for report in self.reports()}
        return {key: report for key, report in last.items() if report[39] not in "24C"}

    def status(self, order_id: str) -> Frame:
        """What 35=H says of an order."""
        last = self.reports(order_id)[-1]
        self.peer.send("H", f"11={last[11]}|37={order_id}|55={last[55]}")
        (answer,) = self.news()
        return answer

    def require_status_of_all(self) -> None:
        """Every order is by 35=H what its last report said, and those that are over are gone."""
        still_open = self.open_orders()
        for order_id in dict.fromkeys(report[37] for report in self.reports()):
            answer = self.status(order_id)
            told = still_open.get(order_id)
            if told is None:
                assert (answer.type, answer[380]) == ("j", "101"), answer.raw
                continue
            for tag in (37, 11, 14, 38, 39, 40, 44, 54, 55, 59, 99, 151, 1102, 1138):
                assert answer.get(tag) == told.get(tag), (tag, answer.raw, told.raw)

    def paid(self, *, margin: set[str]) -> dict[str, Fraction]:
        """What the fills have changed, by asset; of margin orders (by OrderID) the quote asset
        alone, which is right where their positions are closed."""
        change: dict[str, Fraction] = {}
        fees: dict[str, tuple[str, Fraction]] = {}
        for report in self.reports():
            if report[150] != "F":
                continue
            base, quote = report[55].split("/")
            sign = 1 if report[54] == "1" else -1
            change[quote] = change.get(quote, Fraction(0)) - sign * Fraction(report[118])
            if report[37] not in margin:
                change[base] = change.get(base, Fraction(0)) + sign * Fraction(report[32])
            fees[report[37]] = report[138], Fraction(report[137])  # the order's total so far
        for asset, fee in fees.values():
            change[asset] = change.get(asset, Fraction(0)) - fee
        return change
