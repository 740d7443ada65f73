"""Generated days of trading, as a journal on the disk with its snapshots, and no sockets."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.scenario.settings import venue_settings
from tests.session.session_harness import frame_of
from tidegate.journal import Durability, Journal, OsStorage
from tidegate.model.settings import VenueSettings
from tidegate.model.time import NS_PER_S, parse_utc_timestamp, utc_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY, Snapshots, recover, snapshot_body
from tidegate.session.states import DISCONNECTED
from tidegate.venue.controls import Control
from tidegate.venue.machine import Venue

START_NS = parse_utc_timestamp(b"20261103-09:15:00.000")
PRICES = {"BTC/USD": 84_000, "ETH/USD": 3_000, "DOGE/USD": 1}


class Days:
    """A venue, its journal and three clients that send what a seed says."""

    def __init__(
        self,
        data: Path,
        seed: int,
        *,
        segment_bytes_max: int = 1 << 20,
        durability: Durability = "process",
        settings: VenueSettings | None = None,
    ) -> None:
        self.data = data
        self.random = Random(seed)
        self.now_ns = START_NS
        self.venue = Venue()
        data.mkdir(exist_ok=True)
        self.journal = Journal.open(
            data / JOURNAL_DIRECTORY,
            storage=OsStorage(),
            segment_bytes_max=segment_bytes_max,
            durability=durability,
        )
        self._segment_bytes_max = segment_bytes_max
        self._durability = durability
        self._numbers: dict[str, int] = {}
        self._cl_ord_id = 0
        self.venue.configure((settings or venue_settings()).encode(), self.now_ns)
        self.venue.start(self.now_ns)
        self.end_turn()

    def end_turn(self) -> None:
        """Append what happened as a batch."""
        if self.venue.turn_records == 0:
            return
        count = self.venue.turn_records
        position = self.journal.append(self.venue.take_turn(), count)
        self.venue.commit(position)
        self.venue.refusals.clear()
        self.venue.session_notes.clear()

    def snapshot(self) -> int:
        """Write one; its log position."""
        body = snapshot_body(self.venue)
        position = self.journal.tail_position
        Snapshots(self.data).write(self.journal, body, position, self.journal.next_sequence)
        return position

    def restart(self) -> None:
        """The process dies, and another one recovers what it left."""
        self.journal.close()
        recovered = recover(
            self.data, durability=self._durability, segment_bytes_max=self._segment_bytes_max
        )
        self.venue, self.journal = recovered.venue, recovered.journal
        for session in self.venue.sessions:
            if session.link:
                self.venue.link_down(session.index, session.link, self.now_ns)
        self.venue.start(self.now_ns)
        self.end_turn()

    def logon(self, name: str) -> None:
        session = self._session(name)
        self._numbers[name] = 1
        frame = self._frame(name, b"A", b"98=0\x01108=30\x01141=Y\x01")
        link = self.venue.last_link + 1
        self.venue.logon(session, link, b"KEY", 0, frame, self.now_ns)

    def send(self, name: str, msg_type: bytes, body: bytes) -> None:
        """A message of a client that is logged on, or else logs on."""
        session = self._session(name)
        if self.venue.sessions[session].state == DISCONNECTED:
            self.logon(name)
        frame = self._frame(name, msg_type, body)
        self.venue.frames(session, self.venue.sessions[session].link, [frame], self.now_ns)

    def control(self, session: int, kind: int, control: Control) -> None:
        self.venue.control(kind, session, control.encode(), self.now_ns)

    def play(self, steps: int) -> None:
        """So many random steps, each a turn of its own or part of the one before."""
        for _ in range(steps):
            self.now_ns += self.random.randrange(1, NS_PER_S // 20)
            self._step()
            if self.random.random() < 0.7:
                self.end_turn()
        self.end_turn()

    def _step(self) -> None:
        name = self.random.choice(("ACME", "BETA", "PRIME"))
        roll = self.random.random()
        if roll < 0.60:
            self.order(name)
        elif roll < 0.75:
            self._cancel_or_amend(name)
        elif roll < 0.80:
            self.send(name, b"q", self._id(name) + b"530=6\x01" + self._transact_time())
        elif roll < 0.90:
            self.venue.tick(self.now_ns)
        elif roll < 0.93:
            session = self.venue.sessions[self._session(name)]
            self.venue.link_down(session.index, session.link, self.now_ns)
        elif roll < 0.96:
            self.send(name, b"D", self._id(name) + b"55=NO/PAIR\x01")  # refused at layer 1
        else:
            self.send(name, b"5", b"")

    def order(self, name: str) -> None:
        symbol = self.random.choice(
            [*PRICES, "NO/PAIR"] if self.random.random() < 0.1 else [*PRICES]
        )
        side = self.random.choice((1, 2))
        price = PRICES.get(symbol, 1) * self.random.randrange(97, 104) // 100 or 1
        qty = self.random.choice((b"0.1", b"0.25", b"60", b"0.00000001", b"900000000"))
        tif = self.random.choice((1, 1, 1, 3, 4))
        kind = self.random.choice((1, 2, 2, 2, 2))
        body = self._id(name) + b"55=%s\x0154=%d\x0140=%d\x0138=%s\x0159=%d\x01" % (
            symbol.encode(), side, kind, qty, tif,
        )  # fmt: skip
        if kind == 2:
            body += b"44=%d\x01" % price
        if name == "PRIME" and self.random.random() < 0.9:
            body += b"78=1\x0179=PRIME-1-%s\x01" % self.random.choice((b"A", b"B"))
        self.send(name, b"D", body + self._transact_time())

    def _cancel_or_amend(self, name: str) -> None:
        orders = self.venue.engine.session_orders(self._session(name))
        if not orders:
            self.send(
                name,
                b"F",
                self._id(name) + b"41=999\x0155=BTC/USD\x0154=1\x01" + self._transact_time(),
            )
            return
        order = self.random.choice(orders)
        ids = b"41=%s\x0137=%s\x0155=%s\x0154=%c\x01" % (
            order.cl_ord_id, order.order_id, order.symbol, order.side,
        )  # fmt: skip
        if self.random.random() < 0.5:
            self.send(name, b"F", self._id(name) + ids + self._transact_time())
            return
        body = b"40=%c\x0159=%c\x0138=0.3\x0144=%d\x01" % (
            order.ord_type, order.time_in_force, PRICES[order.instrument.symbol],
        )  # fmt: skip
        self.send(name, b"G", self._id(name) + ids + body + self._transact_time())

    def _id(self, name: str) -> bytes:
        self._cl_ord_id += 1
        return b"11=%d\x01" % self._cl_ord_id

    def _transact_time(self) -> bytes:
        return b"60=%s\x01" % utc_timestamp(self.now_ns)

    def _session(self, name: str) -> int:
        return self.venue.directory.session_index(name.encode(), b"KRAKEN-TRD")

    def _frame(self, name: str, msg_type: bytes, body: bytes) -> bytes:
        number = self._numbers.get(name, 1)
        self._numbers[name] = number + 1
        return frame_of(
            b"35=%s\x0134=%d\x0149=%s\x0156=KRAKEN-TRD\x0152=%s\x01%s"
            % (msg_type, number, name.encode(), utc_timestamp(self.now_ns), body)
        )
