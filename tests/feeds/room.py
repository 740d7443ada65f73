"""A venue that plays generated days, who follows its journal, and clients of a market-data desk.

All in one process and without a socket.
"""

from __future__ import annotations

from pathlib import Path

from tests.history.days import Days
from tests.marketdata.plain_book import PlainBook
from tests.peers.socket_peer import Frame, take_frames
from tidegate.engine.book import BookSide
from tidegate.feeds.answers import Answers
from tidegate.feeds.desk import Desk
from tidegate.feeds.follower import Follower
from tidegate.journal import Doorbell, DoorbellReader, make_bell
from tidegate.marketdata.fold import MarketData
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import SPOT
from tidegate.model.scaled import LOT_DECIMALS
from tidegate.model.settings import SessionSettings
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.wire.render import frame_of

BOTH_SIDES = "267=2|269=0|269=1"
ALL_TYPES = "267=3|269=0|269=1|269=2"


class Client:
    """One market-data session's client. It keeps what it gets and applies it."""

    def __init__(self, room: Room, index: int, name: str) -> None:
        self.room = room
        self.index = index
        self.name = name
        self.link = 0
        self.number = 1
        self.cut = False
        self.writes: list[bytes] = []
        self.received: list[Frame] = []
        self.books: dict[tuple[str, str], PlainBook] = {}  # by MDReqID and Symbol
        self.trades: list[Frame] = []

    def frame(self, msg_type: str, fields: str = "") -> bytes:
        sending_time = utc_timestamp(self.room.days.now_ns).decode()
        text = (
            f"35={msg_type}|34={self.number}|49={self.name}|56=KRAKEN-MD|52={sending_time}|"
            f"{fields}{'|' if fields else ''}"
        )
        self.number += 1
        return frame_of(text.replace("|", "\x01").encode())

    def logon(self, fields: str = "98=0|108=30|141=Y") -> None:
        self.number = 1 if "141=Y" in fields else self.number
        self.cut = False
        now_ns = self.room.days.now_ns
        self.link = self.room.desk.logon(self.index, self.frame("A", fields), now_ns)
        self.room.clients[self.link] = self
        self.room.deliver()

    def send(self, *messages: tuple[str, str]) -> None:
        """Several messages in one piece."""
        frames = [self.frame(msg_type, fields) for msg_type, fields in messages]
        self.room.desk.frames(self.index, self.link, frames, self.room.days.now_ns)
        self.room.deliver()

    def ask(self, md_req_id: str, *symbols: str, depth: int = 10, types: str = ALL_TYPES) -> None:
        """Subscribe."""
        named = "".join(f"|55={symbol}" for symbol in symbols)
        level = "|266=N" if self.room.desk.seats[self.index].level == 3 else ""
        fields = f"262={md_req_id}|263=1|264={depth}{level}|{types}|146={len(symbols)}{named}"
        self.send(("V", fields))

    def stop(self, md_req_id: str) -> None:
        """Unsubscribe."""
        self.send(("V", f"262={md_req_id}|263=2|264=10|{BOTH_SIDES}|146=1|55=BTC/USD"))

    def lose_line(self) -> None:
        self.room.desk.link_down(self.index, self.link, self.room.days.now_ns)
        self.room.deliver()

    def take(self, data: bytes) -> None:
        self.writes.append(data)
        buffer = bytearray(data)
        for frame in take_frames(buffer):  # which verifies the checksum of each
            self.received.append(frame)
            self._apply(frame)
        assert not buffer

    def _apply(self, frame: Frame) -> None:
        if frame.type not in ("W", "X"):
            return
        key = (frame[262], frame[55])
        tail = frame.raw[frame.raw.index(b"\x01268=") + 1 : -7]
        if frame.type == "W":
            self.books[key] = PlainBook(tail)
        elif frame.get(269) == "2":
            self.trades.append(frame)
        else:
            checksum = self.books[key].apply(tail)
            levels = min(self.books[key].prices("0"), self.books[key].prices("1"))
            if levels >= 10:  # a shallower book is not all that the checksum is of
                decimals = self.room.price_decimals(frame[55])
                assert self.books[key].checksum(decimals) == checksum

    def types(self) -> str:
        """MsgTypes of what has come, in order."""
        return "".join(frame.type for frame in self.received)

    def forget(self) -> None:
        self.received.clear()
        self.writes.clear()


class Room:
    """`days` is the venue that trades. `follow` lets the desk see what is durable by now."""

    def __init__(
        self,
        data: Path,
        seed: int = 1,
        days: Days | None = None,
        *,
        lone_symbol: bool = True,
        is_open: bool = True,
    ) -> None:
        """With `days`, somebody who begins to follow in the middle of them."""
        self.days = days or Days(data, seed)
        heard, rung = make_bell()
        self.doorbell = Doorbell(data, rung)
        self.ring()
        self.follower = Follower(data, DoorbellReader(data, heard), MarketData())
        answers = Answers(self.follower.venue, lone_symbol=lone_symbol, is_open=is_open)
        self.desk = Desk(self.follower.observer.market_data, answers)
        self.clients: dict[int, Client] = {}  # by link

    def client(self, name: str, level: int = 2, market: str = SPOT, **changes: int) -> Client:
        """One with a session of `add_session`."""
        return Client(self, self.add_session(name, level, market, **changes), name)

    def add_session(self, name: str, level: int = 2, market: str = SPOT, **changes: int) -> int:
        """The index of one that is like the trading session of that name, but for `changes`."""
        trading = next(
            s for s in self.follower.venue.directory.sessions if s.sender_comp_id == name
        )
        encoder = Encoder()
        trading.save(encoder)
        settings = SessionSettings.load(Decoder(encoder.value()))
        settings.target_comp_id = "KRAKEN-MD"
        for field, value in changes.items():
            setattr(settings, field, value)
        return self.desk.add_session(settings, level, market)

    def ring(self) -> None:
        self.doorbell.show(self.days.journal.tail_position, self.days.now_ns)

    def follow(self) -> None:
        self.ring()
        while self.follower.step(self._applied):
            pass
        self.deliver()

    def _applied(self) -> None:
        self.desk.publish(self.follower.observer.take(), self.days.now_ns)
        if self.follower.observer.markets_are_new:
            self.follower.observer.markets_are_new = False
            self.desk.tell_markets(self.days.now_ns)

    def play(self, steps: int) -> None:
        self.days.play(steps)
        self.follow()

    def pass_time(self, seconds: float) -> None:
        self.days.now_ns += int(seconds * NS_PER_S)
        self.desk.tick(self.days.now_ns)
        self.deliver()

    def deliver(self) -> None:
        """What the desk has to write, to whom it is for."""
        while self.desk.has_more:
            for delivery in self.desk.take(self.days.now_ns):
                client = self.clients[delivery.link]
                if delivery.data:
                    client.take(delivery.data)
                if delivery.cut:
                    client.cut = True
                    self.desk.link_down(client.index, delivery.link, self.days.now_ns)

    # --- the truth --------------------------------------------------------------------------------

    def levels(self, symbol: str, side: str, depth: int) -> list[tuple[int, int]]:
        """Price and size of the levels of a side (269) of the venue's own book, best first."""
        found = [(level.price, level.total_lots) for level in self._side(symbol, side)]
        return found[:depth]

    def orders(self, symbol: str, side: str) -> list[tuple[str, int, int]]:
        """OrderID, price and shown size of the orders of a side, as they queue."""
        return [
            (order.order_id.decode(), level.price, order.leaves_lots - order.hidden_lots)
            for level in self._side(symbol, side)
            for order in level
        ]

    def _side(self, symbol: str, side: str) -> BookSide:
        book = self.days.venue.engine.book(symbol)
        assert book is not None
        return book.bids if side == "0" else book.asks

    def price_decimals(self, symbol: str) -> int:
        return self.days.venue.instruments[symbol].price_decimals


def scaled(text: str, decimals: int) -> int:
    whole, _, rest = text.partition(".")
    return int(whole + (rest + "0" * decimals)[:decimals])


def levels_of(book: PlainBook, side: str, price_decimals: int) -> list[tuple[int, int]]:
    return [
        (scaled(entry[270], price_decimals), scaled(entry[271], LOT_DECIMALS))
        for entry in book.ranked(side)
    ]


def orders_of(book: PlainBook, side: str, price_decimals: int) -> list[tuple[str, int, int]]:
    return [
        (entry[278], scaled(entry[270], price_decimals), scaled(entry[271], LOT_DECIMALS))
        for entry in book.ranked(side)
    ]


def books_are_equal(room: Room, client: Client, md_req_id: str, symbol: str, depth: int) -> bool:
    """Whether a client has the venue's book to its depth (0: all of it), by level or by order."""
    book = client.books[md_req_id, symbol]
    decimals = room.price_decimals(symbol)
    for side in "01":
        if room.desk.seats[client.index].level == 3:
            if orders_of(book, side, decimals) != room.orders(symbol, side):
                return False
        elif levels_of(book, side, decimals) != room.levels(symbol, side, depth or 1000):
            return False
    return True
