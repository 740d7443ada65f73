"""A venue in a process of its own whose machine's clock is set forward and back while it runs."""

from __future__ import annotations

import time
from pathlib import Path

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Peer, order_fields, password, utc_now
from tidegate.control.client import ask

# The wall clock of the process is off by what the file says, in seconds.
SCRIPT = """
import pathlib, time
_offset, _time_ns = pathlib.Path({path!r}), time.time_ns
time.time_ns = lambda: _time_ns() + int(_offset.read_text() or 0) * 1_000_000_000
"""
CONFIG = "[session_defaults]\nheartbeat_min_s = 1\n"
HOURS_S = 3 * 3600


class Wall:
    """The wall clock of the venue's machine and of its clients."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "offset"
        self.offset_s = 0
        self.set(0)

    def set(self, offset_s: int) -> None:
        aside = self.path.with_suffix(".new")
        aside.write_text(str(offset_s))
        aside.replace(self.path)  # never read half-written
        self.offset_s = offset_s

    def order(self, peer: Peer, cl_ord_id: int) -> None:
        fields = order_fields(cl_ord_id, 1, "1000", "0.01")
        peer.socket.sendall(peer.message("D", fields, sent=utc_now(self.offset_s)))
        report = peer.until(lambda frame: frame.type in ("8", "j", "3", "5"))
        assert (report.type, report.get(150)) == ("8", "0")

    def logon_message(self, peer: Peer) -> bytes:
        nonce = str(int((time.time() + self.offset_s) * 1000))
        signature = password(peer.login, 1, nonce)
        fields = f"98=0|108=1|553={peer.login.api_key}|554={signature}|5025={nonce}"
        return peer.message("A", fields, sent=utc_now(self.offset_s))


def jumping(data: Path, wall: Wall) -> Venue:
    return Venue(data, config=CONFIG, script=SCRIPT.format(path=str(wall.path)))


def test_a_clock_set_forward_by_hours_ends_no_session(data: Path, tmp_path: Path) -> None:
    """All sessions look silent for hours at once: they are asked, and who answers stays."""
    wall = Wall(tmp_path)
    with jumping(data, wall) as venue, Peer(venue.login("ACME")) as peer:
        assert peer.logon("98=0|108=300").type == "A"
        wall.order(peer, 1)
        wall.set(HOURS_S)
        question = peer.expect("1")
        answer = peer.message("0", f"112={question[112]}", sent=utc_now(wall.offset_s))
        peer.socket.sendall(answer)
        wall.order(peer, 2)
        [acme] = ask(data, "sessions", {"sender_comp_id": "ACME"})
        assert (acme["state"], acme["open_orders"]) == ("active", 2)
        assert not acme["test_request_pending"]
        with Peer(venue.login("BETA")) as other:
            other.socket.sendall(wall.logon_message(other))
            assert other.expect("A")[108] == "1"
        assert venue.stop() == 0
    assert tidegate("verify", "--data", data).returncode == 0


def test_a_clock_set_back_stops_neither_heartbeats_nor_orders(data: Path, tmp_path: Path) -> None:
    wall = Wall(tmp_path)
    with jumping(data, wall) as venue, Peer(venue.login("ACME")) as peer:
        peer.socket.sendall(wall.logon_message(peer))
        assert peer.expect("A")[108] == "1"
        wall.set(-60)
        wall.order(peer, 1)
        for _ in range(2):
            question = peer.until(lambda frame: frame.type in ("0", "1"))
            if question.type == "1":
                peer.socket.sendall(
                    peer.message("0", f"112={question[112]}", sent=utc_now(wall.offset_s))
                )
        wall.order(peer, 2)
        assert 50 < ask(data, "clock")["ahead_s"] <= 60
        with Peer(venue.login("BETA")) as other:
            other.socket.sendall(wall.logon_message(other))
            assert other.expect("A")[108] == "1"
        assert venue.stop() == 0
    assert tidegate("verify", "--data", data).returncode == 0
