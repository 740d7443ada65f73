"""What was on the wire against the engine, at every message.

Lines are recorded as bytes while a venue runs. Afterwards its journal is replayed by a venue of the
test's own, record by record, and beside it each line is read on: the record that changes a book to
some depth must be the one whose message comes next for it, and the client's book must then be the
engine's, cut to that depth, with the checksum that the test itself makes of the engine's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from tests.feeds.wire_book import (
    BID,
    GONE,
    OFFER,
    TRADE_TAGS,
    Pair,
    Refresh,
    Row,
    WireBook,
    checksum_text,
    crc,
    frames_of,
)
from tests.peers.socket_peer import Login, Peer, PeerClosed
from tidegate.engine.book import BookSide
from tidegate.engine.events import Event
from tidegate.journal import LOG_END, SEGMENT_BYTES_MAX, Journal, OsStorage
from tidegate.model.orders import BUY, EXEC_STATUS, EXEC_TRADE, TAKER
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue import records
from tidegate.venue.effects import RefusalNote, SessionNote
from tidegate.venue.machine import Venue
from tidegate.venue.observing import VenueObserver
from tidegate.venue.records import read_records
from tidegate.wire.message import Message

L2_DEPTHS = (0, 1, 10, 25, 100, 500, 1000)
L3_DEPTHS = (0, 10, 100, 1000)
QUIET_S = 0.02
WAIT_S = 30.0


class Ear(Peer):
    """A market-data session that writes down what it hears. It reads when it is told to."""

    def __init__(self, login: Login, path: Path, *, by_order: bool) -> None:
        super().__init__(login)
        self.path = path
        self.by_order = by_order
        self.log_position = 0  # of the venue's journal; the first subscription came after it
        self.end_position = LOG_END  # what is told behind it was not heard
        self.was_cut = False
        self.depths: dict[str, int] = {}  # by MDReqID
        self.trade_names: set[str] = set()  # MDReqIDs that get trades, too
        self._file = path.open("wb")
        self._heard = b""

    def log_on(self) -> None:
        self.send("A", "98=0|108=300|141=Y")
        self.until_heard(b"\x0135=A\x01")

    def subscribe(self, name: str, symbols: list[str], depth: int, *, trades: bool = False) -> None:
        self.depths[name] = depth
        if trades:
            self.trade_names.add(name)
        types = "3|269=0|269=1|269=2" if trades else "2|269=0|269=1"
        named = "".join(f"|55={symbol}" for symbol in symbols)
        level = "N" if self.by_order else "Y"
        self.send(
            "V", f"262={name}|263=1|264={depth}|266={level}|267={types}|146={len(symbols)}{named}"
        )

    def subscribe_to_all(self, symbols: list[str], trade_depths: tuple[int, ...]) -> None:
        """At every depth, with trades at those, and hear the full refreshes. Trading is to be still
        until then: a book that goes and comes back would else make it unknown of which record they
        are."""
        depths = L3_DEPTHS if self.by_order else L2_DEPTHS
        for depth in depths:
            trades = depth in trade_depths and not self.by_order
            self.subscribe(f"d{depth}", symbols, depth, trades=trades)

        def are_there() -> bool:
            self._file.flush()
            return self.path.read_bytes().count(b"\x0135=W\x01") >= len(depths) * len(symbols)

        self._hear_until(are_there)

    def hear(self, wait_s: float = QUIET_S) -> bool:
        """Write down what comes within that time; whether something did."""
        self.socket.settimeout(wait_s)
        try:
            data = self.socket.recv(1 << 18)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        if not data:
            raise PeerClosed
        self._file.write(data)
        self._heard = self._heard[-200:] + data
        return True

    def until_heard(self, text: bytes) -> None:
        self._heard = b""
        self._hear_until(lambda: text in self._heard)

    def _hear_until(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_there():
            assert time.monotonic() < deadline, self.path.name
            self.hear()

    def hear_to_end(self) -> None:
        """The other side is gone, with whatever it had not sent."""
        with contextlib.suppress(PeerClosed, ConnectionError):
            self._hear_until(lambda: False)
        self.was_cut = True
        self._file.flush()

    def finish(self, name: str = "the end") -> None:
        """Everything that was sent before a question is answered."""
        self.socket.settimeout(10.0)
        self.send("1", f"112={name}")
        self.until_heard(b"\x01112=%s\x01" % name.encode())
        self._file.flush()

    def cut(self) -> None:
        """Go away without a word, whatever is on its way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.was_cut = True
        self.close()

    def close(self) -> None:
        super().close()
        self._file.close()


class HalfCut:
    """One side of a book as the engine has it behind a record, in the texts of the wire. `queue`
    rows have the engine's `place` behind them, so that an order that queues anew is seen to
    move. `ends` are those of the levels in it."""

    def __init__(self, name: str, side: BookSide, decimals: int) -> None:
        self.levels: list[Row] = []
        self.queue: list[Row] = []
        self.told: list[Row] = []  # the queue as the wire has it
        self.ends: list[int] = []
        letter = {OFFER: "O", BID: "B"}[name]
        for level in side:
            price = fixed(level.price, decimals)
            total = 0
            for order in level:
                shown = order.leaves_lots - order.hidden_lots
                total += shown
                row = (order.order_id.decode(), price, fixed(shown, 8), iso(order.queued_ns))
                self.told.append(row)
                self.queue.append((*row, str(order.place)))
            self.levels.append((letter + price, price, fixed(total, 8)))
            self.ends.append(len(self.queue))

    def orders(self, depth: int, *, told: bool = False) -> list[Row]:
        rows = self.told if told else self.queue
        return rows[: self.ends[depth - 1]] if 0 < depth < len(self.ends) else rows


class Cut:
    """A symbol's book behind a record, made at `time_ns`. Sides that it did not touch are those of
    the cut before."""

    def __init__(
        self, venue: Venue, symbol: str, before: Cut | None = None, touched: str = BID + OFFER
    ) -> None:
        book = venue.engine.book(symbol)
        assert book is not None
        decimals = venue.instruments[symbol].price_decimals
        self.time_ns = venue.now_ns
        self.sides: dict[str, HalfCut] = {} if before is None else dict(before.sides)
        for name, side in ((OFFER, book.asks), (BID, book.bids)):
            if before is None or name in touched:
                self.sides[name] = HalfCut(name, side, decimals)
        both = (self.sides[OFFER], self.sides[BID])
        self.level_crc = crc("".join(checksum_text(side.levels[:10]) for side in both))
        self.order_crc = crc("".join(checksum_text(side.orders(10)) for side in both))

    def rows(
        self, depth: int, *, by_order: bool, told: bool = False
    ) -> tuple[list[Row], list[Row]]:
        """Offers and bids to a depth; of orders with their places, or as they are told."""
        offers, bids = self.sides[OFFER], self.sides[BID]
        if by_order:
            return offers.orders(depth, told=told), bids.orders(depth, told=told)
        return offers.levels[: depth or 1000], bids.levels[: depth or 1000]

    def has(self, side: str, row: Row, *, by_order: bool) -> bool:
        """Whether that very entry is anywhere in the book."""
        if not by_order:
            return row in self.sides[side].levels
        return any(row[:3] == known[:3] for known in self.sides[side].queue)


class Line:
    """The recording of one session, read on by `step` at each record that did something."""

    def __init__(self, ear: Ear) -> None:
        self.name = ear.path.name
        self.log_position = ear.log_position
        self.end_position = ear.end_position
        self.is_over = False
        self.by_order = ear.by_order
        self.counts: Counter[str] = Counter()
        self.trades: defaultdict[str, list[list[Pair]]] = defaultdict(list)
        self.first_trades: dict[str, int] = {}
        self._was_cut = ear.was_cut
        self._depths = ear.depths
        self._frames = self._refreshes(ear.path)
        self._next = next(self._frames, None)
        self._books: dict[tuple[str, str], WireBook] = {}
        self._known: dict[tuple[str, str], tuple[list[Row], list[Row]]] = {}  # as the engine had it
        self._trade_names = ear.trade_names
        self._cuts: dict[str, Cut] = {}

    def _refreshes(self, path: Path) -> Iterator[Refresh]:
        for number, fields in enumerate(frames_of(path, was_cut=self._was_cut), 1):
            head = dict(fields)
            assert head["34"] == str(number), f"{self.name}: {head['34']} is not {number}"
            if head["35"] in "WX":
                yield Refresh(fields)
            else:
                assert head["35"] in "A015y", fields

    def begin(self, venue: Venue) -> None:
        """The line came up about now."""
        for symbol in venue.instruments:
            self._cuts[symbol] = Cut(venue, symbol)

    @property
    def is_up(self) -> bool:
        return bool(self._cuts) and not self.is_over

    def look_at(self, venue: Venue, log_position: int) -> None:
        """The venue is where its journal is at that position: begin, or end."""
        if not self._cuts and log_position >= self.log_position:
            self.begin(venue)
        if self.is_up and log_position >= self.end_position:
            self.end()

    def step(self, changed: dict[str, Cut], traded: dict[str, int]) -> None:
        """A record did something to these books; `traded` are symbols that traded, with the number
        of trades before."""
        self._take_full_refreshes()
        wanted = {
            ("trades", *key)
            for key in self._books
            if key[0] in self._trade_names and key[1] in traded
        }
        self._cuts.update(changed)
        for key, known in self._known.items():
            cut = changed.get(key[1])
            if cut is not None:
                rows = cut.rows(self._depths[key[0]], by_order=self.by_order)
                if rows != known:
                    self._known[key] = rows
                    wanted.add(("book", *key))
        while wanted:
            refresh = self._next
            if refresh is None and self._was_cut:
                self.is_over = True
                return
            assert refresh is not None, f"{self.name}: nothing came of {wanted}"
            key = (refresh.md_req_id, refresh.symbol)
            kind = "trades" if refresh.is_trades else "book"
            assert (kind, *key) in wanted, f"{self.name}: {kind} of {key} instead of {wanted}"
            wanted.remove((kind, *key))
            self._next = next(self._frames, None)
            if refresh.is_trades:
                name = "|".join(key)
                self.trades[name] += refresh.entries
                self.first_trades.setdefault(name, traded[refresh.symbol])
            else:
                assert ("trades", *key) not in wanted, f"{self.name}: a book before its trades"
                self._apply(refresh, key, changed[refresh.symbol])
            self.counts[kind] += 1

    def end(self) -> None:
        """All that was said is accounted for."""
        self.is_over = True
        self._take_full_refreshes()
        assert self._next is None, f"{self.name}: {self._next.entries} of nothing in the engine"

    def _take_full_refreshes(self) -> None:
        while self._next is not None and self._next.type == "W":
            refresh = self._next
            key = (refresh.md_req_id, refresh.symbol)
            assert key not in self._books, f"{self.name}: {key} was refreshed on the way"
            book = WireBook(refresh, by_order=self.by_order)
            depth, cut = self._depths[key[0]], self._cuts[refresh.symbol]
            if book.rows() != cut.rows(depth, by_order=self.by_order, told=True):
                return  # it is of a later record, or nothing will ever fit it
            self._books[key] = book
            self._known[key] = cut.rows(depth, by_order=self.by_order)
            self._next = next(self._frames, None)
            self.counts["full"] += 1

    def _apply(self, refresh: Refresh, key: tuple[str, str], cut: Cut) -> None:
        book = self._books[key]
        book.apply(refresh)
        said = f"{self.name}: {key}"
        depth = self._depths[key[0]]
        assert book.rows() == cut.rows(depth, by_order=self.by_order, told=True), said
        assert refresh.checksum == (cut.order_crc if self.by_order else cut.level_crc), said
        if depth != 1:
            assert book.crc() == refresh.checksum, said
        for side, row in book.removed:
            is_there = cut.has(side, row, by_order=self.by_order)
            assert is_there == (row[2] != GONE), f"{said}: {row} has not left in that way"
            self.counts["pushed out"] += is_there
        for values in book.changed:
            assert values["273"] == clock(cut.time_ns), f"{said}: {values}"
            assert values.get("5060", iso(cut.time_ns)) == iso(cut.time_ns), f"{said}: {values}"


class Truth(VenueObserver):
    """Reads the lines on as the venue's own replay goes."""

    def __init__(self, venue: Venue, lines: list[Line]) -> None:
        self.counts: Counter[str] = Counter()
        self._venue = venue
        self._lines = lines
        self._cuts: dict[str, Cut] = {}
        self._touched: defaultdict[str, str] = defaultdict(str)  # sides by symbol
        self._trade_counts: Counter[str] = Counter()
        self._traded: dict[str, int] = {}

    def reported(self, event: Event, exec_number: int) -> None:
        if event.exec_type == EXEC_STATUS:
            return
        symbol = event.order.instrument.symbol
        self._touched[symbol] += BID if event.order.side == BUY else OFFER
        self.counts[chr(event.exec_type)] += 1
        self.counts["icebergs"] += event.order.resting and event.order.hidden_lots > 0
        if event.exec_type == EXEC_TRADE and event.liquidity == TAKER:
            self._traded.setdefault(symbol, self._trade_counts[symbol])
            self._trade_counts[symbol] += 1

    def refused(self, note: RefusalNote, message: Message) -> None:
        self.counts["refused"] += 1

    def session_noted(self, note: SessionNote) -> None:
        return

    def applied(self) -> None:
        if self._touched:
            changed = {
                symbol: Cut(self._venue, symbol, self._cuts.get(symbol), sides)
                for symbol, sides in self._touched.items()
            }
            self._cuts.update(changed)
            for line in [line for line in self._lines if line.is_up]:
                line.step(changed, self._traded)
            self._touched.clear()
            self._traded = {}


def agree(data: Path, lines: list[Line]) -> Counter[str]:
    """Replay the journal of a venue that has stopped, and compare every message of the lines. Gives
    what happened in the venue, by ExecType (150)."""
    journal = Journal.open(
        data / JOURNAL_DIRECTORY, storage=OsStorage(), segment_bytes_max=SEGMENT_BYTES_MAX
    )
    venue = Venue()
    truth = Truth(venue, lines)
    trades: defaultdict[str, list[list[Pair]]] = defaultdict(list)
    venue.observe(truth)
    for batch in journal.batches(0):
        if venue.instruments:
            for line in lines:
                line.look_at(venue, batch.position)
        for record in read_records(batch.payload):
            if record.kind == records.SENT and b"\x01150=F\x01" in record.data:
                _take_trade(venue, record.data, trades)
        venue.replay(batch.payload, batch.payload_position)
        venue.refusals.clear()
    journal.close()
    for line in lines:
        if line.is_up:
            line.end()
        for key, entries in line.trades.items():
            symbol = key.partition("|")[2]
            first = line.first_trades[key]  # `step` has seen to it that none is missing behind it
            wanted = trades[symbol][first : first + len(entries)]
            assert entries == wanted, f"{line.name}: {key}"
    truth.counts["trades"] = sum(len(entries) for entries in trades.values())
    return truth.counts


def _take_trade(venue: Venue, report: bytes, trades: defaultdict[str, list[list[Pair]]]) -> None:
    """What the public must be told of an ExecutionReport; nothing where it is a maker's."""
    values = dict(field.split("=", 1) for field in report.decode().split("\x01")[:-1])
    if values["5050"] != "1":
        return
    symbol = values["55"]
    price, _, rest = values["31"].partition(".")
    whole, _, part = values["32"].partition(".")
    decimals = venue.instruments[symbol].price_decimals
    entry = (
        "0", "2", values["527"], f"{price}.{rest:0<{decimals}}", f"{whole}.{part:0<8}",
        values["60"][9:21], values["40"], values["54"],
    )  # fmt: skip
    trades[symbol].append(list(zip(TRADE_TAGS, entry, strict=True)))


@lru_cache(1 << 16)
def fixed(units: int, decimals: int) -> str:
    text = f"{units:0{decimals + 1}d}"
    return f"{text[:-decimals]}.{text[-decimals:]}"


@lru_cache(1 << 16)
def iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}Z"


def clock(time_ns: int) -> str:
    return iso(time_ns)[11:23]
