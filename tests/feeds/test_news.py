"""What changes in the markets, told to many: as if at once, and yet in steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.feeds.room import Client, Room
from tidegate.feeds.news import CHANGES_MAX, MESSAGES_PER_STEP, MarketNews
from tidegate.marketdata.listing import SESSION_MAINTENANCE, ListedInstrument
from tidegate.model.instruments import SPOT
from tidegate.model.market_state import CANCEL_ONLY, ONLINE
from tidegate.model.time import NS_PER_MS
from tidegate.venue.controls import SET_HALTED, SET_STATUS
from tidegate.venue.market_controls import SetHalted, SetStatus

NOBODY = -1
PAIRS = 15
ALL = "559=4|263=1"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "data")


def listeners(room: Room, count: int) -> list[Client]:
    """So many sessions that are told of every instrument and of the status."""
    found = []
    for _ in range(count):
        client = room.client("ACME")
        client.logon()
        client.send(("x", f"320=L|{ALL}"), ("g", "335=S|336=SESSION|263=1"))
        client.forget()
        found.append(client)
    return found


def halt(room: Room, *, halted: bool) -> None:
    """The desk knows, and nobody else yet."""
    room.days.control(NOBODY, SET_HALTED, SetHalted(halted=halted))
    see(room)


def see(room: Room) -> None:
    room.days.end_turn()
    room.ring()
    while room.follower.step(room._applied):
        pass


def take(room: Room) -> int:
    """One step; how many messages it has."""
    count = 0
    for delivery in room.desk.take(room.days.now_ns):
        client = room.clients[delivery.link]
        before = len(client.received)
        client.take(delivery.data)
        count += len(client.received) - before
    return count


def test_a_change_is_the_same_for_all_but_for_their_ids(room: Room) -> None:
    clients = listeners(room, 3)
    halt(room, halted=True)
    room.deliver()
    bodies = []
    response_ids = []
    for client in clients:
        status, *lists = client.received
        assert (status.type, status[335], status[336], status[340]) == (
            "h", "S", "SESSION", "101",
        )  # fmt: skip
        assert {(f.type, f[320], f[560], f[146], f[5032]) for f in lists} == {
            ("y", "L", "0", "1", "3"),
        }  # fmt: skip
        bodies.append([frame.raw[frame.raw.index(b"\x01560=") : -7] for frame in lists])
        response_ids += [frame[322] for frame in lists]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(bodies[0]) == PAIRS
    assert len(set(response_ids)) == 3 * PAIRS


def test_a_change_is_encoded_once_for_all_who_are_told_within_one_millisecond(room: Room) -> None:
    """Those of several steps included; behind that it has another SendingTime (52)."""
    clients = listeners(room, 50)
    venue = room.follower.venue
    listed = [
        ListedInstrument(one, venue.engine.market_state(one.symbol))
        for one in venue.directory.instruments
    ]
    news = MarketNews(listed, SESSION_MAINTENANCE)
    assert news.status is not None
    kept = [news.status, *(shared for _, shared in news.instruments)]
    assert len(kept) == 1 + PAIRS
    room.desk.answers.news.add(room.desk, {SPOT: news}, room.days.now_ns)
    timestamps = room.desk.tools.timestamps
    sending_time = timestamps.text(room.days.now_ns)
    first = [shared.message(sending_time) for shared in kept]
    steps = 0
    while room.desk.has_more:
        steps += 1
        take(room)
        for shared, message in zip(kept, first, strict=True):
            assert shared.message(sending_time) is message
    assert steps > 1, "or there was one step for all"
    assert {client.types() for client in clients} == {"h" + "y" * PAIRS}
    later = timestamps.text(room.days.now_ns + NS_PER_MS)
    for shared, message in zip(kept, first, strict=True):
        assert shared.message(later) is shared.message(later) is not message


def test_many_are_told_in_steps_and_others_have_their_turn(room: Room) -> None:
    clients = listeners(room, 50)
    other = room.client("BETA")
    other.logon()
    other.forget()
    halt(room, halted=True)
    steps = 0
    while room.desk.has_more:
        steps += 1
        if steps == 2:
            frame = other.frame("1", "112=x")
            room.desk.frames(other.index, other.link, [frame], room.days.now_ns)
        assert take(room) <= MESSAGES_PER_STEP + PAIRS + 2
        if steps == 2:
            assert other.types() == "0"
    assert steps > 2, "or there was nothing to cut"
    assert {client.types() for client in clients} == {"h" + "y" * PAIRS}


@pytest.mark.parametrize(
    ("msg_type", "body", "answer"),
    [
        ("1", "112=T", "0"),
        ("V", "262=B|263=1|264=10|267=2|269=0|269=1|146=1|55=BTC/USD", "W"),
        ("V", "262=B|263=1|264=10|267=2|269=0|269=1|146=1|55=NO/PAIR", "Y"),
        ("g", "335=T|336=SESSION|263=0", "h"),
        ("D", "11=1", "j"),
    ],
)
def test_no_answer_comes_before_what_has_changed_before_it(
    room: Room, msg_type: str, body: str, answer: str
) -> None:
    clients = listeners(room, 50)
    last = clients[-1]
    halt(room, halted=True)
    take(room)
    assert last.received == []
    room.desk.frames(last.index, last.link, [last.frame(msg_type, body)], room.days.now_ns)
    room.deliver()
    assert last.types() == "h" + "y" * PAIRS + answer


def test_whoever_asks_for_something_meanwhile_knows_before_it_is_answered(room: Room) -> None:
    clients = listeners(room, 50)
    last = clients[-1]
    halt(room, halted=True)
    take(room)
    assert last.received == []
    frames = [
        last.frame("x", "320=once|559=0|55=ETH/USD|263=0"),
        last.frame("x", f"320=late|{ALL}"),
        last.frame("x", "320=L|559=4|263=2"),
    ]
    room.desk.frames(last.index, last.link, frames, room.days.now_ns)
    room.deliver()
    assert last.types() == "h" + "y" * PAIRS + "yy"
    assert [f[320] for f in last.received[1:]] == ["L"] * PAIRS + ["once", "late"]
    assert last.received[-2][5032] == "3"
    assert {client.types() for client in clients[:-1]} == {"h" + "y" * PAIRS}


def test_a_session_that_comes_meanwhile_is_not_told_what_it_has_been_answered(room: Room) -> None:
    clients = listeners(room, 50)
    last = clients[-1]
    halt(room, halted=True)
    take(room)
    room.desk.link_down(last.index, last.link, room.days.now_ns)
    last.logon("98=0|108=30|141=N")
    last.send(("x", f"320=L|{ALL}"), ("g", "335=S|336=SESSION|263=1"))
    assert last.types() == "Ayh"
    assert last.received[-1][340] == "101"


def test_every_change_is_told_in_its_order_however_many_there_are(room: Room) -> None:
    clients = listeners(room, 2)
    count = CHANGES_MAX + 3
    expected = []
    for number in range(count):
        status = ONLINE if number % 2 else CANCEL_ONLY
        room.days.control(NOBODY, SET_STATUS, SetStatus("BTC/USD", status))
        see(room)
        expected.append("1" if number % 2 else "3")
    room.deliver()
    for client in clients:
        assert [frame[5032] for frame in client.received] == expected
