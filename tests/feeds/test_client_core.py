"""The client library's market-data core at a desk, without a socket."""

from __future__ import annotations

from pathlib import Path

from tests.feeds.room import Client, Room
from tests.scenario.settings import MARKET_DATA_TARGET
from tidegate.client import Credentials, InstrumentList, MarketDataCore, MarketDataUpdate
from tidegate.model.instruments import built_in_instruments
from tidegate.model.market_state import CANCEL_ONLY
from tidegate.venue.controls import SET_STATUS
from tidegate.venue.market_controls import SetStatus
from tidegate.wire.framing import Framer

NOBODY = -1


class CoreClient(Client):
    """One whose own side is a `MarketDataCore`."""

    def __init__(self, room: Room, name: str) -> None:
        super().__init__(room, room.add_session(name), name)
        self.core = MarketDataCore(Credentials(name, MARKET_DATA_TARGET))
        self._framer = Framer()

    def connect(self) -> list[MarketDataUpdate]:
        now_ns = self.room.days.now_ns
        self.core.connect(now_ns)
        (frame,) = self._framer.feed(self.core.take_output())
        self.link = self.room.desk.logon(self.index, frame, now_ns)
        self.room.clients[self.link] = self
        return self.exchange()

    def take(self, data: bytes) -> None:
        self.core.receive(data, self.room.days.now_ns)

    def exchange(self) -> list[MarketDataUpdate]:
        """Carry bytes both ways until nothing moves; what came of it."""
        updates: list[MarketDataUpdate] = []
        while True:
            self.room.deliver()
            events = self.core.take_events()
            for event in events:
                updates += self.core.apply(event, self.room.days.now_ns)
            frames = list(self._framer.feed(self.core.take_output()))
            self.room.desk.frames(self.index, self.link, frames, self.room.days.now_ns)
            if not events and not frames:
                return updates


def lists(updates: list[MarketDataUpdate]) -> list[tuple[str, list[str]]]:
    """SecurityRequestResult (560) and symbols of the lists of instruments among them."""
    found = [update for update in updates if isinstance(update, InstrumentList)]
    return [(one.result, [each.symbol for each in one.instruments]) for one in found]


def test_who_comes_early_has_one_list_for_all_and_each_later_status_once(tmp_path: Path) -> None:
    room = Room(tmp_path / "data", is_open=False)
    room.follow()
    client = CoreClient(room, "ACME")
    symbols = [one.symbol for one in built_in_instruments()]
    wanted = client.core.subscribe([*symbols, "XBT/USD"], room.days.now_ns)
    assert lists(client.connect()) == [("4", [])]
    assert len(room.desk.seats[client.index].lists) == 1
    room.desk.open(room.days.now_ns)
    assert lists(client.exchange()) == [("0", symbols), ("0", ["BTC/USD"])]
    assert all(one.book is not None and one.book.is_live for one in wanted)
    status = SetStatus("ETH/USD", CANCEL_ONLY)
    room.days.control(NOBODY, SET_STATUS, status)
    room.days.end_turn()
    room.follow()
    assert lists(client.exchange()) == [("0", ["ETH/USD"])]
