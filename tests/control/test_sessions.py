"""`tidegate ctl sessions` of a running venue: what it shows, to people and to programs."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Peer, order_fields
from tidegate.control.client import ask

KEYS = [
    "sender_comp_id", "target_comp_id", "account", "enabled", "state", "link", "epoch",
    "next_outgoing", "next_incoming", "hole", "heart_bt_int_s", "test_request_pending",
    "last_received_s", "last_sent_s", "open_orders", "cancel_on_disconnect", "grace_left_s",
    "muted", "rejects_pending", "peer", "queue",
]  # fmt: skip
IDLE_QUEUE = {"unsent_bytes": 0, "following": False, "resends_pending": 0}
CONFIG = """
[session_defaults]
errors_per_second_max = 1000000
[[firm]]
name = "ACME"
account = [{ id = "ACME-1", balances = { USD = "1000000000" } }]
[[firm.session]]
sender_comp_id = "ACME"
[[firm.session]]
sender_comp_id = "[b]ACME[/b]"
enabled = false
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("venue") / "data"
    with Venue(data, config=CONFIG) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


def acme(venue: Venue) -> dict[str, Any]:
    [session] = ask(venue.data, "sessions", {"sender_comp_id": "ACME"})
    assert list(session) == KEYS
    return dict(session)


def logged_on(venue: Venue, fields: str = "98=0|108=30|141=Y", **options: Any) -> Peer:
    peer = venue.peer("ACME", **options)
    assert peer.logon(fields).type == "A"
    return peer


def test_a_session_without_a_link(venue: Venue) -> None:
    sessions = ask(venue.data, "sessions")
    assert [s["sender_comp_id"] for s in sessions] == ["ACME", "[b]ACME[/b]"]
    assert [s["enabled"] for s in sessions] == [True, False]
    session = sessions[0]
    assert (session["state"], session["link"]) == ("disconnected", 0)
    for key in ("peer", "queue", "hole", "heart_bt_int_s", "last_sent_s", "grace_left_s"):
        assert session[key] is None


def test_a_session_that_is_up(venue: Venue) -> None:
    with logged_on(venue, "98=0|108=30|141=Y|8674=1") as peer:
        peer.order(1, price="1000")
        peer.until(lambda frame: frame.type == "8")
        session = acme(venue)
        assert session["state"] == "active"
        assert session["link"] > 0
        assert session["peer"] == f"127.0.0.1:{peer.socket.getsockname()[1]}"
        assert (session["next_outgoing"], session["next_incoming"]) == (3, 3)
        assert session["heart_bt_int_s"] == 30
        assert session["open_orders"] == 1
        assert session["cancel_on_disconnect"] is False  # by its Logon
        assert session["queue"] == IDLE_QUEUE
        assert 0 <= session["last_received_s"] < 20
        assert 0 <= session["last_sent_s"] < 20


def test_a_hole(venue: Venue) -> None:
    with logged_on(venue) as peer:
        for number in (5, 6, 8):
            peer.socket.sendall(
                peer.message("D", order_fields(number, 1, "1000", "0.01"), number=number)
            )
        assert peer.expect("2")[7] == "2"
        peer.send("1", "112=seen", number=9)  # the venue holds it as well
        peer.socket.sendall(peer.message("4", "123=Y|36=5", number=2))
        peer.until(lambda frame: frame.type == "2" and frame[7] == "7")
        assert acme(venue)["hole"] == {"from": 7, "until": 9, "held": 2}
        peer.socket.sendall(peer.message("4", "123=Y|36=8", number=7))
        peer.until(lambda frame: frame.get(112) == "seen")
        assert acme(venue)["hole"] is None


def test_a_peer_that_does_not_read(venue: Venue) -> None:
    """Its socket and the transport's buffer fill up; from then on the log is its queue."""
    with logged_on(venue, receive_bytes=4096) as peer:
        peer.socket.sendall(b"".join(peer.message("D", "11=0") for _ in range(2_000)))
        queue: dict[str, Any] = IDLE_QUEUE
        while not (queue["following"] and queue["unsent_bytes"]):
            peer.send("2", "7=1|16=0")
            queue = acme(venue)["queue"]
        assert queue["resends_pending"] > 0


def test_the_table(venue: Venue) -> None:
    with logged_on(venue) as peer:
        told = tidegate("ctl", "sessions", "--data", venue.data)
        assert told.returncode == 0
        [row] = [line for line in told.stdout.decode().splitlines() if " active " in line]
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        assert cells[0] == "ACME KRAKEN-TRD"
        assert cells[2].endswith(f" 127.0.0.1:{peer.socket.getsockname()[1]}")
        assert cells[3:6] == ["2", "2", ""]
        assert cells[7].endswith("of 30 s")
        assert cells[8:] == [str(acme(venue)["open_orders"]), "cancel"]
        assert "[b]ACME[/b]" in told.stdout.decode()
        assert "disconnected, disabled" in told.stdout.decode()


def test_no_cell_is_cut_where_lines_are_short(venue: Venue) -> None:
    told = tidegate("ctl", "sessions", "--data", venue.data, more={"COLUMNS": "40"})
    assert "ACME KRAKEN-TRD" in told.stdout.decode()
    assert "…" not in told.stdout.decode()


def test_json_for_programs(venue: Venue) -> None:
    told = tidegate("ctl", "sessions", "ACME", "--data", venue.data, "--json")
    [session] = json.loads(told.stdout)
    assert list(session) == KEYS


def test_who_does_not_exist(venue: Venue) -> None:
    told = tidegate("ctl", "sessions", "NOBODY", "--data", venue.data)
    assert (told.returncode, told.stdout) == (2, b"")
    assert told.stderr == b"tidegate: sender_comp_id 'NOBODY' has no session here\n"


def test_where_no_venue_runs(tmp_path: Path) -> None:
    told = tidegate("ctl", "sessions", "--data", tmp_path)
    assert (told.returncode, told.stdout) == (2, b"")
    assert told.stderr == f"tidegate: no venue runs on {tmp_path}\n".encode()


def test_the_socket_comes_and_goes_with_the_venue(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 40) / "data"
    data.parent.mkdir()
    with Venue(data) as venue:
        path = Path(venue.ready["control"])
        assert path == data / "control.sock"
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        venue.kill()
        assert path.exists()
        venue.start()
        assert [s["state"] for s in ask(data, "sessions")] == ["disconnected"] * 3
        assert venue.stop() == 0
        assert not path.exists()


def test_a_venue_that_is_asked_while_it_stands_still(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Venue(data) as venue:
        venue.signal(signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError, match="did not answer within"):
                ask(data, "sessions", timeout_s=0.2)
        finally:
            venue.signal(signal.SIGCONT)
        assert len(ask(data, "sessions")) == 3
        assert os.path.exists(venue.ready["control"])


def test_a_dropped_session_is_cut_and_its_orders_are_cancelled(venue: Venue) -> None:
    peer = logged_on(venue)
    of_other_lives = acme(venue)["open_orders"]
    peer.send("D", order_fields(7_000_001, 1, "20000", "0.01"))
    assert peer.receive()[150] == "0"
    link = acme(venue)["link"]
    done = tidegate("ctl", "drop", "ACME", "--data", venue.data)
    assert done.stdout.decode() == f"ACME KRAKEN-TRD: link {link} closed\n"
    assert peer.read_to_end() == []
    peer.close()
    session = acme(venue)
    assert (session["state"], session["link"]) == ("disconnected", 0)
    assert session["open_orders"] == of_other_lives
    again = tidegate("ctl", "drop", "ACME", "--data", venue.data)
    assert again.returncode == 2
    assert again.stderr.decode() == (
        "tidegate: sender_comp_id: no session of 'ACME' is logged on\n"
    )
