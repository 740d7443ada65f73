"""What counts of a drop-copy session's last words: answers and resends around a Logout, and what is
told before somebody is sent away."""

from __future__ import annotations

from pathlib import Path

from tests.dropcopy.room import CopyClient, CopyRoom
from tests.peers.socket_peer import Frame
from tidegate.feeds.dropcopy.desk import MESSAGES_PER_TURN
from tidegate.model.limits import CANCELS_PER_RECORD
from tidegate.model.time import utc_timestamp
from tidegate.session.machine import LOGOUT_WAIT_NS
from tidegate.venue import controls
from tidegate.venue.controls import NO_SESSION, EnableFirm


def asked(room: CopyRoom, client: CopyClient) -> Frame:
    """A question whether reports were read, which the client leaves unanswered."""
    client.answers = False
    client.logon()
    room.play(100)
    room.ask()
    assert client.reports()
    (question,) = [frame for frame in client.received if frame.type == "1"]
    return question


# --- answers --------------------------------------------------------------------------------------


def test_an_answer_behind_the_venues_own_logout_counts(tmp_path: Path) -> None:
    """The question was before it: they cross at any rollover, and at any stop."""
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    question = asked(room, client)
    room.desk.log_out_all(b"Session rollover", room.days.now_ns)
    room.deliver()
    client.send("0", f"112={question[112]}")
    client.send("5")
    assert client.cut
    room.desk.reset_all(room.days.now_ns)
    client.received.clear()
    client.logon()
    room.follow()
    assert client.reports() == []


def test_an_answer_that_is_refused_confirms_nothing(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    question = asked(room, client)
    seat = room.seats[0]
    before = seat.state.mark
    client.send("0", f"112={question[112]}|112={question[112]}")
    assert (client.received[-1].type, client.received[-1][373]) == ("3", "13")
    assert seat.state.mark == before
    client.send("0", f"112={question[112]}")
    assert seat.state.mark == room.end


def test_where_a_gap_fill_passes_an_answer_the_question_is_asked_anew(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    question = asked(room, client)
    seat = room.seats[0]
    missing = client.number
    client.number += 1
    client.send("0", f"112={question[112]}")
    assert (client.received[-1].type, client.received[-1][7]) == ("2", str(missing))
    room.ask()
    assert client.received[-1].type == "2", "it may come again"
    fill = client.frame("4", f"123=Y|36={client.number}", missing)
    room.desk.frames(0, client.link, [fill], room.days.now_ns)
    assert seat.state.mark != room.end
    client.answers = True
    room.ask()
    assert seat.state.mark == room.end


# --- resends --------------------------------------------------------------------------------------


def test_a_logout_comes_behind_the_resend_that_was_asked_for_before_it(tmp_path: Path) -> None:
    """In time for the client to answer it."""
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    told = len(client.reports())
    assert told
    client.received.clear()
    client.send("2", "7=1|16=0")
    room.desk.log_out_all(b"Session rollover", room.days.now_ns)
    room.follow()
    assert len(client.reports()) == told
    assert (client.received[-1].type, client.received[-1][58]) == ("5", "Session rollover")
    assert not client.cut
    client.send("5")
    assert client.cut
    assert room.desk.events[-1].reason == "Logged out"


# --- who is sent away -----------------------------------------------------------------------------


def rest(room: CopyRoom, first: int, count: int) -> None:
    """So many open orders of ACME."""
    for number in range(first, first + count):
        body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01" % number
        sent_at = b"60=%s\x01" % utc_timestamp(room.days.now_ns)
        room.days.send("ACME", b"D", body + sent_at)
    room.days.end_turn()


def test_whoever_is_sent_away_is_first_told_what_became_of_all_the_orders(tmp_path: Path) -> None:
    """More than one record cancels."""
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME")
    client.logon()
    rest(room, 1, CANCELS_PER_RECORD + 200)
    room.follow()
    days = room.days
    days.control(NO_SESSION, controls.ENABLE_FIRM, EnableFirm("ACME", on=False))
    days.end_turn()
    room.desk.end = room.end
    room.desk.expel(0, b"Session disabled", days.now_ns)
    room.follow()
    assert not client.cut
    assert days.venue.trading.cancels.pending
    days.venue.tick(days.now_ns)
    days.end_turn()
    room.follow()
    ended = [frame for frame in client.reports() if frame[150] == "4"]
    assert len(ended) == CANCELS_PER_RECORD + 200
    assert (client.received[-1].type, client.received[-1][58]) == ("5", "Session disabled")
    assert client.cut
    assert client.booked == room.truth("ACME")


def test_whoever_is_sent_away_goes_though_trading_and_its_own_wishes_have_no_end(
    tmp_path: Path,
) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    rest(room, 1, 300)
    room.follow()
    rest(room, 301, 300)
    before = room.truth("ACME")
    room.desk.end = room.end
    for _ in range(3):  # operators' switches are looked at again and again
        room.desk.expel(0, b"API key disabled", room.days.now_ns)
    turns = 0
    while not client.cut:
        turns += 1
        rest(room, 600 + turns, 1)
        client.send("2", "7=1|16=1")
        room.desk.end = room.end
        room.desk.step(room.days.now_ns)
        room.deliver()
        assert turns < 10
    assert client.received[-1][58] == "API key disabled"
    assert before.items() <= client.booked.items()


def test_whoever_is_sent_away_and_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.desk.full(client.link)
    rest(room, 1, 10)
    room.desk.end = room.end
    room.desk.expel(0, b"API key disabled", room.days.now_ns)
    room.follow()
    assert not client.cut
    room.days.now_ns += LOGOUT_WAIT_NS
    room.follow()
    assert client.cut
    assert client.booked == {}


def test_whoever_is_sent_away_and_reads_slowly_is_told_all(tmp_path: Path) -> None:
    """A line is full now and then; its reader is waited for anew with each piece that it takes."""
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    rest(room, 1, 3 * MESSAGES_PER_TURN)
    room.desk.end = room.end
    room.desk.expel(0, b"API key disabled", room.days.now_ns)
    while not client.cut:
        room.desk.drained(client.link)
        room.desk.step(room.days.now_ns)
        room.desk.full(client.link)
        room.deliver()
        room.days.now_ns += LOGOUT_WAIT_NS - 1
        room.desk.step(room.days.now_ns)
        room.deliver()
    assert client.booked == room.truth("ACME")
    assert client.received[-1][58] == "API key disabled"


def test_what_is_asked_for_while_somebody_is_sent_away_comes_on_the_next_line(
    tmp_path: Path,
) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    rest(room, 1, 10)
    room.follow()
    room.ask()
    assert room.seats[0].state.mark == room.end
    room.desk.expel(0, b"API key disabled", room.days.now_ns)
    client.received.clear()
    client.send("2", "7=1|16=0")
    room.follow()
    assert client.cut
    assert client.reports() == []
    client.logon()
    room.follow()
    assert len(client.reports()) == 10
