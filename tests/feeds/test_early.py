"""Market data whose process is there before its replica is where the venue is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.room import (
    ALL_TYPES,
    BOTH_SIDES,
    Client,
    Room,
    books_are_equal,
    levels_of,
)
from tests.feeds.test_durable import WHATEVER_IT_TAKES_S
from tests.history.days import Days
from tests.marketdata.plain_book import PlainBook
from tests.peers.socket_peer import Frame, take_frames
from tests.scenario.settings import TARGET, session
from tidegate.feeds.answers import Answers
from tidegate.feeds.desk import Desk
from tidegate.feeds.follower import STEP_S, Follower
from tidegate.feeds.logons import FeedCheck
from tidegate.feeds.options import FeedOptions, TradingSession
from tidegate.feeds.roster import Roster
from tidegate.feeds.service import EAGER_S, FeedService
from tidegate.feeds.settings_text import settings_text
from tidegate.feeds.times import FeedTime
from tidegate.gateway.port import LinkOutput
from tidegate.journal import Doorbell, DoorbellReader, make_bell
from tidegate.marketdata.fold import MarketData
from tidegate.model.instruments import SPOT
from tidegate.model.limits import EARLY_REQUEST_BYTES_MAX
from tidegate.model.time import utc_timestamp
from tidegate.session.logon import FAILED_COMP_ID, FAILED_NOT_YET, read_logon
from tidegate.venue.controls import SET_HALTED
from tidegate.venue.market_controls import SetHalted
from tidegate.wire.render import frame_of

NOT_YET = "Market data is not available yet"
NOBODY = -1
L2 = "spot_market_data_l2"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """With orders in it, and closed."""
    room = Room(tmp_path / "data", is_open=False)
    room.play(100)
    return room


def logged_on(room: Room, name: str, level: int = 2) -> Client:
    client = room.client(name, level)
    client.logon()
    client.forget()
    return client


def open_desk(room: Room) -> None:
    room.desk.open(room.days.now_ns)
    room.deliver()


# --- what sessions are answered -------------------------------------------------------------------


def test_the_list_is_unavailable_and_comes_later_where_it_was_subscribed_to(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.send(("x", "320=once|559=4|263=0"), ("x", "320=good|559=0|55=ETH/USD|263=1"))
    assert [(f.type, f[320], f[560], f[58], f.get(146)) for f in client.received] == [
        ("y", "once", "4", NOT_YET, ""), ("y", "good", "4", NOT_YET, ""),
    ]  # fmt: skip
    early = client.received[1][322]
    client.forget()
    open_desk(room)
    (told,) = client.received
    assert (told[320], told[560], told[146], told[55]) == ("good", "0", "1", "ETH/USD")
    assert told[322] > early


def test_what_is_wrong_with_a_request_is_told_all_the_same(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.send(("x", "320=bad|559=0|263=1"), ("g", "335=bad|336=NIGHT|263=1"))
    assert [(f.type, f.get(560), f.get(567)) for f in client.received] == [
        ("y", "1", ""), ("h", "", "1"),
    ]  # fmt: skip
    client.forget()
    open_desk(room)
    assert client.received == []


def test_the_status_is_unknown_and_comes_later_where_it_was_subscribed_to(room: Room) -> None:
    room.days.control(NOBODY, SET_HALTED, SetHalted(halted=True))
    room.days.end_turn()
    room.follow()
    client, asks_once = logged_on(room, "ACME"), logged_on(room, "BETA")
    client.send(("g", "335=S|336=SESSION|263=1"))
    asks_once.send(("g", "335=S|336=SESSION|263=0"))
    for one in (client, asks_once):
        assert [(f.type, f[335], f[340]) for f in one.received] == [("h", "S", "0")]
        one.forget()
    open_desk(room)
    assert [(f.type, f[335], f[340]) for f in client.received] == [("h", "S", "101")]
    assert asks_once.received == []


def test_requests_for_books_wait_and_are_answered_in_their_order(room: Room) -> None:
    client, orders = logged_on(room, "ACME"), logged_on(room, "BETA", 3)
    client.ask("a", "BTC/USD", "ETH/USD")
    client.ask("a", "BTC/USD")
    client.ask("b", "FOO/BAR")
    client.ask("c", "BTC/USD")
    client.stop("c")
    orders.ask("all", "BTC/USD", depth=0, types=BOTH_SIDES)
    client.send(("1", "112=here"))
    assert client.types() == "0", "the session itself is not late"
    assert orders.received == []
    assert room.desk.subscription_count == 0
    client.forget()
    open_desk(room)
    assert [(f.type, f[262], f.get(281)) for f in client.received] == [
        ("Y", "a", "1"), ("Y", "b", "0"), ("W", "a", ""), ("W", "a", ""),
    ]  # fmt: skip
    for _ in range(5):
        room.play(20)
        assert books_are_equal(room, client, "a", "ETH/USD", 10)
        assert books_are_equal(room, orders, "all", "BTC/USD", 0)
    client.ask("d", "BTC/USD")
    assert client.received[-1].type == "W"


def test_what_waited_is_gone_with_the_line(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD")
    client.send(("x", "320=L|559=4|263=1"), ("g", "335=S|336=SESSION|263=1"))
    client.lose_line()
    client.logon("98=0|108=30|141=N")
    client.forget()
    open_desk(room)
    assert client.received == []
    assert room.desk.subscription_count == 0


def test_more_requests_than_anybody_needs_are_refused(room: Room) -> None:
    client = room.client("ACME", errors_per_second_max=1_000)
    client.logon()
    client.forget()
    asked = f"263=1|264=10|{ALL_TYPES}|146=1|55=BTC/USD"
    size = len(client.frame("V", f"262=n000|{asked}"))
    client.number -= 1
    count = EARLY_REQUEST_BYTES_MAX // size + 2
    client.send(*(("V", f"262=n{number:03}|{asked}") for number in range(count)))
    assert {(f.type, f[372], f[380], f[58]) for f in client.received} == {("j", "V", "4", NOT_YET)}
    assert (client.received[-1][45], client.received[-1][379]) == (
        str(count + 1), f"n{count - 1:03}",
    )  # fmt: skip
    client.forget()
    open_desk(room)
    assert client.types().count("W") == room.desk.seats[client.index].symbol_count == 500


# --- the process ----------------------------------------------------------------------------------


class SlowFollower(Follower):
    """Goes on when it is let. What it is let do it does, however long that takes the machine; the
    time for it that was asked for is kept in `asked_s`."""

    may_go = False

    def step(self, applied: Callable[[], None], step_s: float = STEP_S) -> bool:
        self.asked_s = step_s
        return super().step(applied, WHATEVER_IT_TAKES_S) if self.may_go else True


class Wire:
    """A `gateway.port.LinkOutput`, as far as it is needed."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.is_cut = False

    def write(self, first: int, last: int, data: bytes) -> None:
        self.frames += take_frames(bytearray(data))

    def cut(self) -> None:
        self.is_cut = True


class Process:
    """The feeds of a played journal, at its beginning. The configuration has these sessions."""

    def __init__(self, data: Path, days: Days, *names: str) -> None:
        heard, rung = make_bell()
        self.days = days
        self.doorbell = Doorbell(data, rung)
        self.ring()
        reader = DoorbellReader(data, heard)
        self.follower = SlowFollower(data, reader, MarketData(), at_once=False)
        answers = Answers(self.follower.venue, is_open=False)
        self.failures: list[Exception] = []
        self.feeds = FeedService(
            Desk(self.follower.observer.market_data, answers),
            self.follower,
            Roster(options(data, names)),
            FeedTime(reader, days.now_ns, virtual=True),
            self.failures.append,
        )
        self.port = self.feeds.port(L2)

    def ring(self) -> None:
        """What the venue has done is durable."""
        self.doorbell.show(self.days.journal.tail_position, self.days.now_ns)

    def refusal(self, name: str) -> bytes:
        request = read_logon(self.frame(name, "A", 1, "98=0|108=30|141=Y"))
        assert request is not None
        return FeedCheck(self.feeds, self.port).verify(request, "127.0.0.1", tls=False).text

    def log_on(self, name: str) -> tuple[Wire, int, int]:
        wire: Any = Wire()
        output: LinkOutput = wire
        index = self.port.session_index(name.encode(), b"KRAKEN-MD")
        frame = self.frame(name, "A", 1, "98=0|108=30|141=Y")
        return wire, index, self.port.logon(index, output, b"", 0, frame)

    def frame(self, name: str, msg_type: str, number: int, fields: str) -> bytes:
        time = utc_timestamp(self.days.now_ns).decode()
        text = f"35={msg_type}|34={number}|49={name}|56=KRAKEN-MD|52={time}|{fields}|"
        return frame_of(text.replace("|", "\x01").encode())


def options(data: Path, names: tuple[str, ...]) -> FeedOptions:
    trading = [
        TradingSession(
            market=SPOT, sender_comp_id=name, target_comp_id=TARGET, networks=["127.0.0.0/8"],
            tls="any", settings=settings_text(session(name, "ACME-1")),
        )
        for name in names
    ]  # fmt: skip
    return FeedOptions(
        data=str(data), ports={L2: 4000}, sockets={L2: -1}, bell=-1, certificate="", key="",
        tls="1.3", virtual_clock=True, logon_timeout_s=1, logons_per_second_max=1,
        explain_logons=True, l3_timestamps=False, lone_symbol=True, trading=trading, own=[],
        key_names=[], drop_copies=[], log_format="", log_level="",
    )  # fmt: skip


async def until(found: Callable[[], object]) -> None:
    for _ in range(100_000):
        if found():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


def test_whoever_comes_early_waits_for_the_book_and_not_for_the_session(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)
    days.play(150)
    days.control(NOBODY, SET_HALTED, SetHalted(halted=True))
    days.end_turn()

    async def story() -> None:
        process = Process(tmp_path / "data", days, "ACME", "NEW")
        process.feeds.start()
        assert not process.feeds.is_open
        wire, index, link = process.log_on("ACME")
        await until(lambda: wire.frames)
        asked = f"262=a|263=1|264=0|{BOTH_SIDES}|146=1|55=BTC/USD"
        frames = [process.frame("ACME", "V", 2, asked)]
        frames += [process.frame("ACME", "x", 3, "320=L|559=4|263=0")]
        frames += [process.frame("ACME", "g", 4, "335=S|336=SESSION|263=1")]
        process.port.frames(index, link, frames)
        await until(lambda: len(wire.frames) == 3)
        assert [(f.type, f.get(560)) for f in wire.frames[:2]] == [("A", ""), ("y", "4")]
        process.follower.may_go = True
        await asyncio.wait_for(process.feeds.opened.wait(), 30)
        await until(lambda: len(wire.frames) == 5)
        assert [f.type for f in wire.frames[2:]] == ["h", "h", "W"]
        assert [f[340] for f in wire.frames[2:4]] == ["0", "101"]
        raw = wire.frames[4].raw
        book = PlainBook(raw[raw.index(b"\x01268=") + 1 : -7])
        engine = days.venue.engine.book("BTC/USD")
        assert engine is not None
        for side, levels in (("0", engine.bids), ("1", engine.asks)):
            expected = [(level.price, level.total_lots) for level in levels]
            assert levels_of(book, side, 1) == expected
        assert process.failures == []
        await process.feeds.stop(b"", 0.0)

    asyncio.run(story())


def test_who_may_log_on_is_known_for_good_when_the_replica_is_there(tmp_path: Path) -> None:
    """Before, the configuration says it: operators may have added others, or taken some away."""
    days = Days(tmp_path / "data", 1)

    async def story() -> None:
        process = Process(tmp_path / "data", days, "ACME", "NEW")
        process.feeds.start()
        assert process.refusal("ACME") == process.refusal("NEW") == b""
        assert process.refusal("BETA") == FAILED_NOT_YET
        wire, _, _ = process.log_on("NEW")
        await until(lambda: wire.frames)
        process.follower.may_go = True
        await asyncio.wait_for(process.feeds.opened.wait(), 30)
        assert process.refusal("ACME") == b""
        assert process.refusal("NEW") == process.refusal("BETA") == FAILED_COMP_ID
        await until(lambda: wire.is_cut)
        assert wire.frames[-1][58] == "Session disabled"
        await process.feeds.stop(b"", 0.0)

    asyncio.run(story())


def test_a_short_way_is_gone_before_anybody_is_let_in(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 1)

    async def story() -> None:
        process = Process(tmp_path / "data", days, "ACME")
        process.follower.may_go = True
        process.feeds.start()
        assert process.feeds.is_open
        assert process.follower.asked_s == EAGER_S
        await process.feeds.stop(b"", 0.0)

    asyncio.run(story())
