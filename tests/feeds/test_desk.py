"""Market-data sessions without sockets: what they are answered, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.feeds.room import BOTH_SIDES, Client, Room, books_are_equal
from tidegate.feeds.desk import REFRESH_BYTES_PER_STEP
from tidegate.model.limits import LIST_SUBSCRIPTIONS_PER_SESSION
from tidegate.model.market_state import CANCEL_ONLY
from tidegate.model.settings import DUPLICATE_DISPLACE
from tidegate.session.states import DISCONNECTED
from tidegate.venue.controls import SET_HALTED, SET_STATUS
from tidegate.venue.market_controls import SetHalted, SetStatus
from tidegate.venue.rollover import ROLLOVER_TEXT

NOBODY = -1


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "data")


def logged_on(room: Room, name: str, level: int = 2) -> Client:
    client = room.client(name, level)
    client.logon()
    assert client.types() == "A"
    client.forget()
    return client


# --- subscriptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_clients_have_the_venues_book_whenever_they_came(tmp_path: Path, seed: int) -> None:
    room = Room(tmp_path / "data", seed)
    first = logged_on(room, "ACME")
    first.ask("all", "BTC/USD", "ETH/USD", depth=0)
    first.ask("ten", "BTC/USD", depth=10)
    orders = logged_on(room, "ACME", 3)
    orders.ask("l3", "BTC/USD", depth=0, types=BOTH_SIDES)
    room.play(150)
    late = logged_on(room, "BETA")
    late.ask("late", "BTC/USD", depth=10)
    for _ in range(20):
        room.play(20)
        assert books_are_equal(room, first, "all", "BTC/USD", 0)
        assert books_are_equal(room, first, "all", "ETH/USD", 0)
        assert books_are_equal(room, first, "ten", "BTC/USD", 10)
        assert books_are_equal(room, late, "late", "BTC/USD", 10)
        assert books_are_equal(room, orders, "l3", "BTC/USD", 0)
    assert first.trades


def test_a_follower_that_starts_late_has_the_same_book(tmp_path: Path) -> None:
    early = Room(tmp_path / "data")
    early.play(200)
    early.days.snapshot()
    early.play(100)
    late = Room(tmp_path / "data", days=early.days)
    client = logged_on(late, "ACME", 3)
    client.ask("r", "BTC/USD", depth=0, types=BOTH_SIDES)
    assert books_are_equal(late, client, "r", "BTC/USD", 0)
    late.play(100)
    assert books_are_equal(late, client, "r", "BTC/USD", 0)


def test_each_symbol_of_a_request_gets_a_refresh_of_its_own(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("r", "BTC/USD", "ETH/USD", "BTC/USD")
    assert [(f.type, f[262], f[55]) for f in client.received] == [
        ("W", "r", "BTC/USD"), ("W", "r", "ETH/USD"),
    ]  # fmt: skip
    assert len(client.writes) == 1, "in one piece"


def test_older_spellings_are_taken_and_kept(room: Room) -> None:
    """As an order's reports, messages have the symbol that was asked for; the list has the one of
    today."""
    client = logged_on(room, "ACME")
    client.ask("r", "XBT/USD", "BTC/USD")
    assert [(f.type, f[55]) for f in client.received] == [("W", "XBT/USD"), ("W", "BTC/USD")]
    assert room.desk.seats[client.index].symbol_count == 2
    room.play(150)
    old, new = (client.books["r", symbol] for symbol in ("XBT/USD", "BTC/USD"))
    assert old.ranked("0") == new.ranked("0") != []
    assert {frame[55] for frame in client.trades} == {"XBT/USD", "BTC/USD"}
    client.forget()
    client.send(("x", "320=L|559=0|55=XBT/USD|263=1"))
    assert (client.received[0][560], client.received[0][55]) == ("0", "BTC/USD")
    room.days.control(NOBODY, SET_STATUS, SetStatus("BTC/USD", CANCEL_ONLY))
    room.days.end_turn()
    room.follow()
    assert client.received[1][5032] == "3"
    client.stop("r")
    assert room.desk.subscription_count == 0


def test_a_strict_venue_takes_no_symbol_without_its_group(tmp_path: Path) -> None:
    client = logged_on(Room(tmp_path / "data", lone_symbol=False), "ACME")
    client.send(("V", f"262=a|263=1|264=10|{BOTH_SIDES}|55=BTC/USD"))
    (reject,) = client.received
    assert (reject.type, reject[45], reject[372], reject[371], reject[373], reject[58]) == (
        "3", "2", "V", "146", "1", "Missing mandatory field: NoRelatedSym (146)",
    )  # fmt: skip
    client.ask("a", "BTC/USD")
    assert client.types() == "3W"
    client.send(("V", f"262=a|263=2|264=10|{BOTH_SIDES}|55=BTC/USD"))
    assert client.types() == "3W", "a well-formed end is never refused"


def test_a_list_with_nothing_in_it_is_no_subscription(room: Room) -> None:
    client = logged_on(room, "ACME")
    for number in range(LIST_SUBSCRIPTIONS_PER_SESSION + 1):
        client.send(("x", f"320=r{number}|559=0|55=NO/PAIR|263=1"))
    client.send(("x", "320=good|559=0|55=BTC/USD|263=1"))
    assert [frame[560] for frame in client.received] == [*"2" * 17, "0"]
    assert list(room.desk.seats[client.index].lists) == [b"good"]


def test_a_list_that_is_asked_for_once_touches_no_subscription_of_its_name(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.send(
        ("x", "320=L|559=4|263=1"), ("x", "320=L|559=0|55=NO/PAIR|263=0"),
        ("x", "320=L|559=0|55=ETH/USD|263=0"),
    )  # fmt: skip
    assert [frame[560] for frame in client.received] == ["0", "2", "0"]
    client.forget()
    room.days.control(NOBODY, SET_STATUS, SetStatus("BTC/USD", CANCEL_ONLY))
    room.days.end_turn()
    room.follow()
    assert [(f.type, f[320], f[55], f[5032]) for f in client.received] == [
        ("y", "L", "BTC/USD", "3")
    ]
    client.send(("x", "320=L|559=0|55=NO/PAIR|263=1"))
    assert room.desk.seats[client.index].lists == {}, "this one takes its place"


def test_subscribers_share_all_but_their_own_fields(room: Room) -> None:
    clients = [logged_on(room, name) for name in ("ACME", "BETA")]
    for client in clients:
        client.ask(client.name, "BTC/USD")
        client.forget()
    room.play(30)
    tails = [
        [frame.raw[frame.raw.index(b"\x01268=") : -7] for frame in client.received]
        for client in clients
    ]
    assert tails[0] == tails[1] != []
    assert [f.number for f in clients[0].received] == list(range(3, 3 + len(tails[0])))
    for client in clients:
        assert {(f[49], f[56], f[262]) for f in client.received} == {
            ("KRAKEN-MD", client.name, client.name)
        }


def test_what_a_step_has_for_a_link_is_one_write(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD")
    client.ask("b", "BTC/USD", depth=1)
    client.forget()
    room.play(200)
    assert len(client.received) > 10
    assert len(client.writes) == 1


def test_trades_alone_begin_with_an_empty_refresh(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("t", "BTC/USD", types="267=1|269=2")
    assert client.received[0][268] == "0"
    room.play(150)
    assert client.trades
    assert set(client.types()) == {"W", "X"}
    assert all(frame[269] == "2" for frame in client.received[1:])


def test_nothing_comes_behind_the_end_of_a_subscription(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD", "ETH/USD")
    client.ask("b", "BTC/USD")
    client.stop("a")
    client.stop("never begun")
    client.forget()
    room.play(50)
    assert {frame[262] for frame in client.received} == {"b"}
    client.stop("b")
    assert room.desk.subscription_count == 0
    client.forget()
    room.play(50)
    assert client.received == []
    client.ask("a", "BTC/USD")
    assert client.types() == "W", "the MDReqID is free again"


def test_a_lost_line_ends_all_subscriptions(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD")
    client.send(("x", "320=L|559=4|263=1"), ("g", "335=S|336=SESSION|263=1"))
    client.lose_line()
    assert room.desk.subscription_count == 0
    client.logon("98=0|108=30|141=N")
    client.forget()
    room.play(50)
    room.days.control(NOBODY, SET_HALTED, SetHalted(halted=True))
    room.days.end_turn()
    room.follow()
    assert client.received == []


def test_too_many_refusals_end_the_session(room: Room) -> None:
    client = room.client("ACME", errors_per_second_max=3)
    client.logon()
    client.ask("a", "BTC/USD")
    for _ in range(3):
        client.ask("a", "BTC/USD")
    assert client.types() == "AWYYY5"
    assert client.received[-1][58] == "Too many errors"
    assert client.cut
    assert room.desk.subscription_count == 0


def test_whoever_is_asked_to_log_out_begins_nothing(room: Room) -> None:
    client = logged_on(room, "ACME")
    room.desk.log_out_all(ROLLOVER_TEXT, room.days.now_ns)
    room.deliver()
    client.ask("late", "BTC/USD")
    client.send(("x", "320=late|559=4|263=1"), ("1", "112=still there"))
    assert client.types() == "50"
    assert room.desk.subscription_count == 0


# --- lists and status -----------------------------------------------------------------------------


def test_instruments_and_status_are_told_once_or_for_good(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.send(
        ("x", "320=once|559=0|55=ETH/USD"),
        ("x", "320=good|559=1|167=CASH|263=1"),
        ("g", "335=S|336=SESSION|263=1"),
    )
    assert client.types() == "yyh"
    once, good, status = client.received
    assert (once[320], once[560], once[146], once[55]) == ("once", "0", "1", "ETH/USD")
    assert good[146] == "15"
    assert status[340] == "2"
    client.forget()
    room.days.control(NOBODY, SET_STATUS, SetStatus("ETH/USD", CANCEL_ONLY))
    room.days.end_turn()
    room.follow()
    (told,) = client.received
    assert (told.type, told[320], told[146], told[55], told[5032]) == (
        "y", "good", "1", "ETH/USD", "3",
    )  # fmt: skip
    assert told[322] > good[322]
    client.forget()
    room.days.control(NOBODY, SET_HALTED, SetHalted(halted=True))
    room.days.end_turn()
    room.follow()
    assert client.types() == "h" + "y" * 14, "ETH/USD is told already"
    assert client.received[0][340] == "101"
    client.send(("x", "320=good|559=4|263=2"))
    client.forget()
    room.days.control(NOBODY, SET_HALTED, SetHalted(halted=False))
    room.days.end_turn()
    room.follow()
    assert client.types() == "h"


def test_a_session_of_another_market_sees_nothing_of_spot(room: Room) -> None:
    client = room.client("ACME", market="elsewhere")
    client.logon()
    client.forget()
    client.ask("a", "BTC/USD")
    client.send(
        ("x", "320=all|559=4|263=1"), ("x", "320=one|559=0|55=BTC/USD|263=1"),
        ("g", "335=S|336=SESSION|263=1"),
    )  # fmt: skip
    assert [(f.type, f.get(281), f.get(560), f.get(340)) for f in client.received] == [
        ("Y", "0", "", ""), ("y", "", "2", ""), ("y", "", "2", ""), ("h", "", "", "0"),
    ]  # fmt: skip
    client.forget()
    room.days.control(NOBODY, SET_HALTED, SetHalted(halted=True))
    room.days.end_turn()
    room.follow()
    assert client.received == []


# --- sessions -------------------------------------------------------------------------------------


def test_both_levels_of_one_client_are_two_sessions(room: Room) -> None:
    l2, l3 = logged_on(room, "ACME", 2), logged_on(room, "ACME", 3)
    l2.ask("a", "BTC/USD")
    l3.ask("a", "BTC/USD", types=BOTH_SIDES)
    l3.lose_line()
    l2.forget()
    room.play(50)
    assert l2.received


def test_a_second_logon_is_refused_and_the_first_stays(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD")
    second = Client(room, client.index, "ACME")
    second.logon()
    assert second.received[0].type == "5"
    assert second.received[0][58] == "Session already active"
    assert second.cut
    room.play(30)
    assert books_are_equal(room, client, "a", "BTC/USD", 10)


def test_a_second_logon_displaces_the_first_where_the_session_says_so(room: Room) -> None:
    first = room.client("ACME", duplicate_logon=DUPLICATE_DISPLACE)
    first.logon()
    first.ask("a", "BTC/USD")
    second = Client(room, first.index, "ACME")
    second.logon()
    assert (first.types(), first.cut) == ("AW5", True)
    assert second.types() == "A"
    assert room.desk.subscription_count == 0


def test_a_resend_request_is_answered_by_one_gap_fill(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD", "ETH/USD", "DOGE/USD")
    room.play(60)
    newest = client.received[-1].number
    assert newest > 10
    client.forget()
    client.send(("2", "7=2|16=0"))
    (fill,) = client.received
    assert (fill.type, fill.number, fill[123], fill[36], fill[43]) == (
        "4", 2, "Y", str(newest + 1), "Y",
    )  # fmt: skip
    room.play(20)
    assert client.received[1].number == newest + 1


def test_gap_fills_are_given_however_often_they_are_asked_for(room: Room) -> None:
    """They cost nothing, other than what trading sends again."""
    client = logged_on(room, "ACME")
    room.desk.seats[client.index].session.next_outgoing = 10_000_000
    for _ in range(10):
        client.send(("2", "7=1|16=0"))
    assert [(f.type, f[36]) for f in client.received] == [("4", "10000000")] * 10


def test_who_says_nothing_is_asked_and_given_up(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD")
    client.forget()
    room.pass_time(30)
    room.pass_time(6)
    assert client.types() == "01"
    client.send(("0", f"112={client.received[-1][112]}"))
    room.pass_time(29)
    assert not client.cut, "it has answered"
    room.pass_time(40)
    room.pass_time(40)
    assert client.cut
    assert room.desk.subscription_count == 0


def test_the_rollover_begins_the_numbers_anew(room: Room) -> None:
    client, silent = logged_on(room, "ACME"), logged_on(room, "BETA")
    for one in (client, silent):
        one.ask("a", "BTC/USD")
        one.forget()
    room.desk.log_out_all(ROLLOVER_TEXT, room.days.now_ns)
    room.deliver()
    assert client.received[0][58] == "Session rollover"
    assert room.desk.subscription_count == 0
    client.send(("5", ""))
    assert (client.cut, silent.cut) == (True, False)
    room.desk.reset_all(room.days.now_ns)
    room.deliver()
    assert silent.cut
    client.forget()
    client.number = 1
    client.logon("98=0|108=30|141=N")
    assert [(f.type, f.number) for f in client.received] == [("A", 1)]


def test_a_session_that_is_disabled_ends(room: Room) -> None:
    client = logged_on(room, "ACME")
    settings = room.desk.seats[client.index].session.settings
    settings.enabled = False
    room.desk.adopt(client.index, settings, room.days.now_ns)
    room.deliver()
    assert client.received[0][58] == "Session disabled"
    assert room.desk.seats[client.index].session.state == DISCONNECTED


# --- slow readers ---------------------------------------------------------------------------------


def test_a_full_link_gets_a_refresh_once_it_has_room(room: Room) -> None:
    slow, quick = logged_on(room, "ACME"), logged_on(room, "BETA")
    for client in (slow, quick):
        client.ask("a", "BTC/USD", "ETH/USD")
        client.forget()
    room.desk.stall(slow.link)
    room.play(100)
    assert slow.received == []
    assert books_are_equal(room, quick, "a", "BTC/USD", 10), "the others notice nothing"
    room.desk.drained(slow.link)
    room.deliver()
    assert slow.types() == "WW"
    assert books_are_equal(room, slow, "a", "BTC/USD", 10)
    slow.forget()
    quick.forget()
    room.play(50)
    assert slow.types() == quick.types() != ""
    assert books_are_equal(room, slow, "a", "ETH/USD", 10)


def test_a_full_link_still_gets_what_its_session_has_to_say(room: Room) -> None:
    client = logged_on(room, "ACME")
    client.ask("a", "BTC/USD")
    client.forget()
    room.desk.stall(client.link)
    client.send(("1", "112=still there"))
    assert client.received[0][112] == "still there"
    client.ask("b", "ETH/USD")
    client.stop("a")
    assert client.types() == "0"
    room.desk.drained(client.link)
    room.deliver()
    assert [(f.type, f.get(262)) for f in client.received] == [("0", ""), ("W", "b")]


def test_who_subscribes_and_ends_it_on_a_full_line_leaves_nothing_to_refresh(room: Room) -> None:
    client = logged_on(room, "ACME")
    room.desk.stall(client.link)
    for number in range(1_000):
        client.ask(f"a{number}", "BTC/USD")
        client.stop(f"a{number}")
    client.ask("last", "BTC/USD")
    assert len(room.desk._lines[client.link].refreshes) == 1
    assert client.types() == ""
    room.desk.drained(client.link)
    room.deliver()
    assert [(f.type, f.get(262)) for f in client.received] == [("W", "last")]


def test_many_refreshes_leave_others_their_turn(room: Room) -> None:
    client, other = logged_on(room, "ACME"), logged_on(room, "BETA")
    market_data = room.desk.market_data
    for number in range(1, 1_001):
        market_data.show(b"BTC/USD", number, b"O", 1, number, number, 0, number)
    market_data.flush(room.days.now_ns)
    count = 20
    frames = [
        client.frame("V", f"262={number}|263=1|264=0|{BOTH_SIDES}|146=1|55=BTC/USD")
        for number in range(count)
    ]
    now_ns = room.days.now_ns
    room.desk.frames(client.index, client.link, frames, now_ns)
    steps = 0
    while room.desk.has_more:
        steps += 1
        if steps == 2:
            room.desk.frames(other.index, other.link, [other.frame("1", "112=x")], now_ns)
        for delivery in room.desk.take(now_ns):
            room.clients[delivery.link].take(delivery.data)
            assert len(delivery.data) < 2 * REFRESH_BYTES_PER_STEP
        if steps == 2:
            assert other.types() == "0"
    assert client.types() == "W" * count
    assert sum(map(len, client.writes)) > 2 * REFRESH_BYTES_PER_STEP, "or there was nothing to cut"
    assert steps > 2
