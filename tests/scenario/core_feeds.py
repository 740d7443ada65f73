"""Market data beside the venue without sockets: a replica of its turns, a desk, lines that are
lists. Sessions are those of the venue's settings, at both ports."""

from __future__ import annotations

from tests.scenario.settings import MARKET_DATA_TARGET
from tidegate.feeds.answers import Answers
from tidegate.feeds.desk import Desk
from tidegate.feeds.observer import BookObserver
from tidegate.marketdata.fold import MarketData
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import SPOT
from tidegate.model.settings import SessionSettings
from tidegate.session.logon import read_logon
from tidegate.venue.machine import Venue
from tidegate.wire.framing import Framer

LEVELS = {"L2": 2, "L3": 3}


class FeedLine:
    """A line to one of the ports, as `core_venue` has its own."""

    def __init__(self, port: str) -> None:
        self.level = LEVELS[port]
        self.number = 0  # given at the Logon
        self.session = -1
        self.from_client = Framer()
        self.from_venue = Framer()
        self.inbox: list[bytes] = []
        self.cut = False


class CoreFeeds:
    """Follows turn by turn; starts anew with the venue's process."""

    def __init__(self, turns: list[tuple[bytes, int]]) -> None:
        self._venue = Venue()
        for payload, position in turns:
            self._venue.replay(payload, position)
        self._observer = BookObserver(self._venue, MarketData())
        self._observer.begin()
        self._desk = Desk(self._observer.market_data, Answers(self._venue))
        self._lines: dict[int, FeedLine] = {}
        self._sessions: dict[tuple[bytes, int], int] = {}
        for trading in self._venue.directory.sessions:
            for level in LEVELS.values():
                encoder = Encoder()
                trading.save(encoder)
                settings = SessionSettings.load(Decoder(encoder.value()))
                settings.target_comp_id = MARKET_DATA_TARGET
                key = (settings.sender_comp_id.encode(), level)
                self._sessions[key] = self._desk.add_session(settings, level, SPOT)

    def follow(self, payload: bytes, position: int, now_ns: int) -> None:
        """A turn of the venue is durable."""
        self._venue.replay(payload, position)
        self._desk.publish(self._observer.take(), now_ns)
        if self._observer.markets_are_new:
            self._observer.markets_are_new = False
            self._desk.tell_markets(now_ns)
        self._deliver(now_ns)

    def send(self, line: FeedLine, data: bytes, now_ns: int) -> None:
        for frame in line.from_client.feed(data):
            if line.session < 0:
                request = read_logon(frame)
                assert request is not None, "a market-data line begins with a Logon"
                assert request.target_comp_id == MARKET_DATA_TARGET.encode()
                line.session = self._sessions[request.sender_comp_id, line.level]
                self._lines[self._desk.last_link + 1] = line
                line.number = self._desk.logon(line.session, frame, now_ns)
            else:
                self._desk.frames(line.session, line.number, [frame], now_ns)
            self._deliver(now_ns)

    def tick(self, now_ns: int) -> None:
        self._desk.tick(now_ns)
        self._deliver(now_ns)

    def cut(self, line: FeedLine, now_ns: int) -> None:
        line.cut = True
        if line.session >= 0:
            self._desk.link_down(line.session, line.number, now_ns)

    def _deliver(self, now_ns: int) -> None:
        while self._desk.has_more:
            for delivery in self._desk.take(now_ns):
                line = self._lines[delivery.link]
                line.inbox += line.from_venue.feed(delivery.data)
                assert line.from_venue.garbled_bytes == 0
                line.cut = line.cut or delivery.cut
