"""What counts of a drop-copy session's last words: answers and resends around a Logout, and what is
told before somebody is sent away."""

from __future__ import annotations

from pathlib import Path

from tests.dropcopy.room import CopyClient, CopyRoom
from tests.peers.socket_peer import Frame


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
