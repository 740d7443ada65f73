"""The auditor: clients' ledgers, the venue's journal and a model made of reports, side by side.

It works on a copy of the data directory, which the project's own recovery reads; a second venue
that follows the journal from its first record shows that the recovered state is that of a replay.
It keeps what it has read, so each audit costs what is new.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tests.flow.reconcile import compare_balances, compare_orders
from tests.flow.witness import SCHEDULED, UNTRIGGERED, BookedOrder, Witness
from tests.peers.socket_peer import Frame, parse
from tests.torture.ledger import ENDED, RECEIVED, SENT, LedgerReader
from tidegate.client import OrdType, Side
from tidegate.client.events import execution_report
from tidegate.model.time import utc_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY, SNAPSHOT_DIRECTORY, Recovered, recover
from tidegate.venue import records
from tidegate.venue.machine import Venue
from tidegate.venue.records import read_records
from tidegate.wire.message import Message

ADMINISTRATIVE = frozenset("01245A")
APPLICATION_REQUESTS = frozenset("DFGHq")
ON_DISCONNECT = "Order canceled on disconnect"
SYMBOL, PRICE_DECIMALS = "BTC/USD", 1
STOPS, TAKES = (
    (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT),
    (OrdType.TAKE_PROFIT, OrdType.TAKE_PROFIT_LIMIT),
)
FIXED_TRIGGERS = (*STOPS, *TAKES)  # whose StopPx (99) is a price


def is_reached(order: BookedOrder, price: Decimal, stop: Decimal) -> bool:
    """Whether a price of the market fires an order."""
    rises = (order.side == Side.BUY) == (order.ord_type in STOPS)
    return price >= stop if rises else price <= stop


class Times(NamedTuple):
    """EffectiveTime (168) and ExpireTime (126) of an order as its request says them, or nothing."""

    effective: str
    expire: str


@dataclass(slots=True)
class Session:
    """One client: its ledger as read so far, what it adds up to, and its side of the journal."""

    name: str
    leave_orders: bool
    ledger: LedgerReader
    witness: Witness
    received: dict[int, Frame] = field(default_factory=dict)  # messages, by number
    filled: set[int] = field(default_factory=set)  # numbers that gap fills stand for
    sent: set[bytes] = field(default_factory=set)
    next_number: int = 1  # the first that is not booked
    logged_out: bool = False  # since the last Logon
    replayed: int = 0
    journal_sent: list[Frame] = field(default_factory=list)  # by number, from 1
    journal_requests: set[bytes] = field(default_factory=set)
    times: dict[str, Times] = field(default_factory=dict)  # of orders, by ClOrdID of entry


def require_not_early(session: Session, report: Frame) -> None:
    """What waits for a time does not act before it, by the venue's own time, and a trigger not
    before its price."""
    order = session.witness.orders.get(report[37])
    if order is None:
        return
    times = session.times[order.entered_as]
    if report[150] == "C":
        assert times.expire, f"it has no ExpireTime: {report.raw!r}"
        assert report[60] >= times.expire, f"expired early: {report.raw!r}"
    if report[150] == "0":
        assert report[60] >= times.effective, f"active early: {report.raw!r}"
    if report[150] == "D" and order.ord_type in FIXED_TRIGGERS:
        price, stop = Decimal(report[1102]), Decimal(report[99])
        assert is_reached(order, price, stop), f"fired early: {report.raw!r}"


def require_nothing_forgotten(session: Session, now: str, last_price: Decimal) -> None:
    """No open order has its time behind it, or its price; a price of 0 is none."""
    for order in session.witness.open_orders:
        times = session.times[order.entered_as]
        assert not times.expire or times.expire > now, f"it should have expired: {order}"
        if order.stage == SCHEDULED:
            assert times.effective > now, f"it should be active: {order}"
        if order.stage == UNTRIGGERED and order.ord_type in FIXED_TRIGGERS and last_price:
            assert order.stop_px is not None
            reached = is_reached(order, last_price, order.stop_px)
            assert not reached, f"it should have fired: {order}"


@dataclass(slots=True)
class Audit:
    """What one audit saw, in figures."""

    digest: str
    batches: int
    from_snapshot: bool


class Auditor:
    """Of one venue's data directory; `sessions` in the order of the venue's directory."""

    def __init__(self, data: Path, sessions: list[Session]) -> None:
        self._data = data
        self._copy = data.with_name(data.name + "-audit")
        self.sessions = sessions
        self._venue = Venue()
        self._position = 0
        self._message = Message()
        self.counts: Counter[str] = Counter()

    def audit(self) -> Audit:
        """Compare everything. Every client must have settled: what the venue had to say until then
        is in the ledgers. Raises `AssertionError` at the first difference."""
        for session in self.sessions:  # before the journal, which goes on with heartbeats
            self._read_ledger(session)
        audit = self.follow()
        for session in self.sessions:
            self._same_messages(session)
            self._book(session)
        witnesses = [session.witness for session in self.sessions]
        compare_orders(witnesses, self._venue)
        compare_balances(witnesses, self._venue)
        now = utc_timestamp(self._venue.now_ns).decode()
        last_price = self._venue.engine.market_state(SYMBOL).last_price
        for session in self.sessions:
            require_nothing_forgotten(session, now, Decimal(last_price).scaleb(-PRICE_DECIMALS))
        return audit

    # --- the venue's side ------------------------------------------------------------------------

    def follow(self) -> Audit:
        """Recover a copy of the data directory, and hold it against a replay of the journal."""
        self._take_copy()
        recovered = recover(self._copy, durability="process")
        try:
            batches = self._read_on(recovered)
        finally:
            recovered.journal.close()
        digest = self._venue.digest()
        assert recovered.venue.digest() == digest, "recovery is not the replay of the journal"
        return Audit(digest, batches, recovered.snapshot_position > 0)

    def _take_copy(self) -> None:
        """Snapshots first: the journal copied after them reaches at least as far. Segments that
        were copied whole stay as they are."""
        snapshots = self._copy / SNAPSHOT_DIRECTORY
        shutil.rmtree(snapshots, ignore_errors=True)
        snapshots.mkdir(parents=True)
        for path in sorted((self._data / SNAPSHOT_DIRECTORY).glob("*.snap")):
            try:
                shutil.copyfile(path, snapshots / path.name)
            except FileNotFoundError:
                continue  # a newer one has taken its place
        journal = self._copy / JOURNAL_DIRECTORY
        journal.mkdir(exist_ok=True)
        for path in sorted((self._data / JOURNAL_DIRECTORY).iterdir()):
            copied = journal / path.name
            if not copied.exists() or copied.stat().st_size != path.stat().st_size:
                shutil.copyfile(path, copied)

    def _read_on(self, recovered: Recovered) -> int:
        """Apply what is new in the journal, each output compared, and note who said what."""
        count = 0
        for batch in recovered.journal.batches(self._position):
            self._venue.replay(batch.payload, batch.payload_position)
            for record in read_records(batch.payload):
                if record.kind == records.SENT:
                    frame = parse(record.data)
                    sent = self.sessions[record.session].journal_sent
                    assert record.number == frame.number == len(sent) + 1, "a hole in the numbers"
                    sent.append(frame)
                elif record.kind == records.FRAME:
                    self._request(self.sessions[record.session], record.data)
            count += 1
        self._position = recovered.journal.tail_position
        return count

    @staticmethod
    def _request(session: Session, raw: bytes) -> None:
        request = parse(raw)
        if request.type not in APPLICATION_REQUESTS:
            return
        if request.type == "D":
            session.times[request[11]] = Times(request.get(168), request.get(126))
        assert raw not in session.journal_requests, f"a request was taken twice: {raw!r}"
        session.journal_requests.add(raw)

    # --- a client's side -------------------------------------------------------------------------

    def _read_ledger(self, session: Session) -> None:
        for kind, raw in session.ledger.more():
            if kind == SENT:
                session.sent.add(raw)
            elif kind == RECEIVED:
                self._received(session, parse(raw))
            self.counts["lines lost"] += kind == ENDED

    def _received(self, session: Session, frame: Frame) -> None:
        number = frame.number
        is_replay = frame.get(43) == "Y"
        if is_replay and frame.type == "4":
            session.filled.update(range(number, int(frame[36])))
            return
        known = session.received.get(number)
        if known is None:
            session.received[number] = frame
            session.replayed += is_replay
            return
        assert is_replay, f"{session.name}: a number came twice: {frame.raw!r}"
        assert known.content() == frame.content(), f"{session.name}: {known.raw!r} / {frame.raw!r}"

    def _same_messages(self, session: Session) -> None:
        """What was received is what the journal says was sent, and nothing is missing. Orders act
        by themselves when their time comes, so the newest messages may be on their way: the next
        audit has them."""
        for number, frame in session.received.items():
            assert number <= len(session.journal_sent), f"lost after it was sent: {frame.raw!r}"
            original = session.journal_sent[number - 1]
            assert original.content() == frame.content(), f"{original.raw!r} / {frame.raw!r}"
        for original in session.journal_sent[: max(session.received, default=0)]:
            if original.number in session.received or original.type in ADMINISTRATIVE:
                continue
            raise AssertionError(f"{session.name} never got {original.raw!r}")
        strangers = session.journal_requests - session.sent
        assert not strangers, f"{session.name} never sent {strangers.pop()!r}"

    def _book(self, session: Session) -> None:
        """Book the reports in the order of their numbers, as the client has them."""
        last = len(session.journal_sent)
        while session.next_number <= last:
            number = session.next_number
            session.next_number += 1
            frame = session.received.get(number)
            if frame is None:  # administrative, or still on its way
                frame = session.journal_sent[number - 1]
            if frame.type == "A":
                self._logged_on(session, frame)
            elif frame.type == "5":
                session.logged_out = True
            elif frame.type == "8":
                self._message.scan(frame.raw)
                require_not_early(session, frame)
                session.witness.book(execution_report(self._message))
                self.counts["on disconnect"] += frame.get(58) == ON_DISCONNECT
                self.counts["reports"] += 1
                self.counts["orders"] += frame[150] == "0"
                self.counts["scheduled"] += frame[150] == "A"
                self.counts["fired"] += frame[150] == "D"
                self.counts["expired"] += frame[150] == "C"
                self.counts["executions"] += frame[150] == "F"
                assert not (session.leave_orders and frame.get(58) == ON_DISCONNECT), frame.raw

    def _logged_on(self, session: Session, answer: Frame) -> None:
        """Before its Logon is answered, the orders of a session that wants them cancelled when its
        line drops are cancelled, whichever side had the crash; not after a Logout."""
        if not session.leave_orders and not session.logged_out:
            left = session.witness.open_orders
            assert not left, f"{session.name}: open over a lost line: {left[0]} ({answer.raw!r})"
        session.logged_out = False
