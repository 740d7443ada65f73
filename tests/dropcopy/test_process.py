"""Drop copies of a venue that runs: over sockets and TLS, through every kind of death."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.app.venue import SOURCE, Venue, environment, tidegate, wait_for
from tests.dropcopy.clients import Booker, body, login, venue_with_copies
from tests.feeds.clients import feeds_process, rest, trader
from tests.peers.socket_peer import Frame, Nonces, Peer, PeerClosed, utc_now
from tidegate.client import SqliteReports
from tidegate.control.client import ask as ctl_ask
from tidegate.control.protocol import ControlError
from tidegate.feeds.dropcopy.state import StateFile
from tidegate.feeds.outbound import FULL_BYTES
from tidegate.feeds.status import ask

EXAMPLE = SOURCE.parent / "examples" / "drop_copy.py"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("dropcopy") / "data"
    with venue_with_copies(data, plain=False) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


def test_an_account_and_a_firm_get_their_reports_over_tls(venue: Venue) -> None:
    one, two = trader(venue, "ACME"), trader(venue, "ACME-TWO")
    copy, copy_all = Booker(venue), Booker(venue, "COPY-ALL")
    with one, two, copy, copy_all:
        rest(one, 1, 5, side=2, price=30_000)
        two.order(1, side=1, price="30001", qty="0.015")
        two.until(lambda frame: frame.get(39) == "2")
        one.until(lambda frame: frame.get(39) == "1")
        ours = [frame for frame in one.received if frame.type == "8"]
        theirs = [frame for frame in two.received if frame.type == "8"]
        copy.begin().book_until(len(ours))
        copy_all.begin().book_until(len(ours) + len(theirs))
        assert [body(frame) for frame in copy.booked.values()] == [body(f) for f in ours]
        told = {frame[17]: body(frame) for frame in copy_all.booked.values()}
        assert told == {frame[17]: body(frame) for frame in (*ours, *theirs)}
        copy.send("1", "112=more?")
        last = copy.until(lambda frame: frame.get(112) == "more?")
        assert last.type == "0"


def test_ready_json_names_the_sessions_and_their_port(venue: Venue) -> None:
    sessions = {s["sender_comp_id"]: s for s in venue.ready["drop_copy_sessions"]}
    assert set(sessions) == {"COPY", "COPY-ALL", "FAR"}
    assert sessions["COPY"]["account"] == "ACME-1"
    assert (sessions["COPY-ALL"]["account"], sessions["COPY-ALL"]["api_key"]) == (None, "two")
    assert sessions["COPY"]["port"] == venue.ready["ports"]["spot_drop_copy"]


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("COPY", {"sender_comp_id": "NOBODY"}, "Logon failed: unknown CompID"),
        ("COPY", {"sender_comp_id": "ACME"}, "Logon failed: unknown CompID"),
        ("COPY", {"target_comp_id": "KRAKEN-TRD"}, "Logon failed: unknown CompID"),
        ("FAR", {}, "Logon failed: IP not whitelisted"),
        ("COPY", {"sender_comp_id": "OFF"}, "Logon failed: session disabled"),
        ("COPY", {"api_key": ""}, "Logon failed: invalid credentials"),
        ("COPY", {"api_key": "two"}, "Logon failed: invalid credentials"),
        ("COPY", {"api_secret": "c2VjcmV0"}, "Logon failed: invalid credentials"),
    ],
)
def test_who_may_not_is_told_so(
    venue: Venue, name: str, changes: dict[str, str], text: str
) -> None:
    with Peer(replace(login(venue, name), **changes)) as peer:  # type: ignore[arg-type]
        assert peer.logon()[58] == text
        assert peer.read_to_end() == []


def test_what_opens_a_drop_copy_opens_no_trading_session_and_none_can_be_added_that_it_would(
    venue: Venue,
) -> None:
    added = {"sender_comp_id": "COPY", "target_comp_id": "KRAKEN-DC", "account": "ACME-1"}
    with pytest.raises(ControlError, match="those of a drop copy of the configuration: COPY -> K"):
        ctl_ask(venue.data, "session-add", added)
    port = venue.ready["ports"]["spot_trading"]
    with Booker(venue) as copy, Peer(replace(login(venue, "COPY"), port=port)) as peer:
        message = copy.logon_message("98=0|108=30|141=Y")
        copy.socket.sendall(message)
        assert copy.receive().type == "A"
        peer.socket.sendall(message)
        assert peer.receive()[58] == "Logon failed: unknown CompID"


def test_where_a_logon_can_not_be_kept_nobody_is_let_in_and_nothing_else_suffers(
    venue: Venue,
) -> None:
    """Its nonce would be good twice. (A directory that is none refuses root, too.)"""
    process = feeds_process(venue)
    directory, aside = venue.data / "drop_copy", venue.data / "aside"
    directory.mkdir(exist_ok=True)
    directory.rename(aside)
    directory.write_text("")
    with Booker(venue) as copy, pytest.raises(PeerClosed):
        copy.logon()
    directory.unlink()
    aside.rename(directory)
    with Booker(venue) as copy:
        copy.begin()
    assert feeds_process(venue) == process


def test_a_nonce_is_good_once_and_in_its_window(tmp_path: Path) -> None:
    with venue_with_copies(tmp_path / "data") as venue:
        message = b""
        with Booker(venue) as copy:
            message = copy.logon_message("98=0|108=30|141=Y")
            copy.socket.sendall(message)
            assert copy.receive().type == "A"
        os.kill(feeds_process(venue), signal.SIGKILL)
        with Booker(venue) as copy:
            copy.socket.sendall(message)
            assert copy.receive()[58] == "Logon failed: nonce not increasing"
        with Booker(venue) as copy:
            late = str(int(Nonces.next()) - 3_600_000)
            copy.socket.sendall(copy.logon_message(nonce=late))
            assert copy.receive()[58].startswith("Logon failed: nonce outside")
        path = StateFile(venue.data, ("COPY", "KRAKEN-DC")).path
        process = feeds_process(venue)
        path.write_bytes(path.read_bytes()[:-3])
        os.kill(process, signal.SIGKILL)
        with Booker(venue) as copy:
            copy.socket.sendall(message)
            assert copy.receive()[58] == "Logon failed: nonce not increasing"
        assert "is damaged" in venue.log_text()


def ctl(venue: Venue, *words: str) -> Any:
    done = tidegate("ctl", *words, "--data", venue.data, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def answer(venue: Venue, name: str, **changes: str) -> str:
    """What a logon is told; empty where it was let in."""
    with Peer(replace(login(venue, name), **changes)) as peer:  # type: ignore[arg-type]
        return peer.logon("98=0|108=30|141=Y").get(58)


def test_operators_may_disable_key_and_firm(tmp_path: Path) -> None:
    with venue_with_copies(tmp_path / "data") as venue:
        with Booker(venue) as copy:
            copy.begin()
            ctl(venue, "key", "disable", "one")
            assert copy.until(lambda frame: frame.type == "5")[58] == "API key disabled"
        assert answer(venue, "COPY") == "Logon failed: invalid credentials"
        ctl(venue, "key", "enable", "one")
        wait_for(lambda: answer(venue, "COPY") == "")
        with Booker(venue) as copy, trader(venue, "ACME") as acme:
            copy.begin()
            rest(acme, 1, 1, side=1, price=20_000)
            ctl(venue, "account", "disable", "ACME-1")
            assert copy.until(lambda frame: frame.get(150) == "4")[11] == "1"
            ctl(venue, "account", "enable", "ACME-1")
            rest(acme, 2, 1, side=1, price=20_000)
            ctl(venue, "firm", "disable", "ACME")
            assert copy.until(lambda frame: frame.type == "5")[58] == "Session disabled"
            assert copy.received[-2][11] == "2"
            assert copy.received[-2][150] == "4", "told what became of its orders"
        assert answer(venue, "COPY") == "Logon failed: session disabled"


def test_a_key_that_operators_add_opens_the_drop_copies_of_its_account(tmp_path: Path) -> None:
    with venue_with_copies(tmp_path / "data") as venue:
        added = ctl(venue, "key", "add", "ACME-1", "--name", "new")
        assert added["drop_copies"] == ["COPY", "FAR", "OFF"]
        key = {"api_key": "new", "api_secret": added["api_secret"]}
        wait_for(lambda: answer(venue, "COPY", **key) == "")
        with trader(venue, "ACME") as acme, Peer(replace(login(venue, "COPY"), **key)) as copy:
            rest(acme, 1, 1, side=1, price=20_000)
            assert copy.logon("98=0|108=30|141=Y").type == "A"
            assert copy.until(lambda frame: frame.type == "8")[11] == "1"
        # It reads no other account's reports, so not those of a firm of two accounts.
        assert answer(venue, "COPY-ALL", **key) == "Logon failed: invalid credentials"
        assert answer(venue, "COPY") == "", "the key of the configuration goes on"
        venue.kill()
        venue.start()
        assert answer(venue, "COPY", **key) == ""
        rows = {row["key"]: row["drop_copies"] for row in ctl(venue, "keys")["rows"]}
        configured = {"one": ["COPY", "FAR", "OFF"], "two": ["COPY-ALL"]}
        assert rows == configured | {"new": ["COPY", "FAR", "OFF"]}


def test_operators_see_how_far_each_drop_copy_is(tmp_path: Path) -> None:
    with (
        venue_with_copies(tmp_path / "data") as venue,
        trader(venue, "ACME") as acme,
        Booker(venue) as copy,
    ):
        copy.begin()
        rest(acme, 1, 3, side=1, price=20_000)

        def described(name: str = "COPY") -> dict[str, Any]:
            copies = ask(venue.data)["drop_copies"]
            (found,) = [one for one in copies if one["sender_comp_id"] == name]
            return dict(found)

        wait_for(lambda: described()["unconfirmed"] == 3)
        behind = described()
        assert (behind["state"], behind["service"]) == ("active", "spot_drop_copy")
        assert (behind["firm"], behind["account"]) == ("ACME", "ACME-1")
        assert (behind["unsent_bytes"], behind["stalled"]) == (0, False)
        assert behind["peer"].startswith("127.0.0.1:")
        assert behind["behind_bytes"] > 0
        copy.book_until(3)
        copy.book_until_asked()
        wait_for(lambda: described()["unconfirmed"] == 0)
        there = described()
        assert there["behind_bytes"] == 0
        assert there["cursor"] == behind["cursor"] + behind["behind_bytes"]
        never = described("COPY-ALL")
        assert (never["state"], never["account"], never["cursor"]) == ("disconnected", None, None)
        text = tidegate("ctl", "feeds", "--data", venue.data).stdout.decode()
        (row,) = [line for line in text.splitlines() if "COPY KRAKEN-DC" in line]
        assert "ACME-1" in row
        assert "0 bytes" in row
        assert "firm ACME" in text


def test_there_is_no_port_without_a_session(tmp_path: Path) -> None:
    with venue_with_copies(tmp_path / "data", "") as venue:
        assert set(venue.ready["ports"]) == {"spot_trading"}
        assert venue.ready["drop_copy_sessions"] == []
        assert feeds_process(venue) == 0


# --- deaths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_killed_each_report_is_booked_once(tmp_path: Path, seed: int) -> None:
    """kill -9 of the feeds and of the venue, and lost lines, at moments of chance under trading."""
    chance = Random(seed)
    booked: dict[str, Frame] = {}
    sent: set[str] = set()
    with venue_with_copies(tmp_path / "data") as venue:
        cl_ord_id = 1
        for death in ("feeds", "line", "venue", "line", "feeds", "venue"):
            copy = Booker(venue, "COPY", booked)
            copy.begin()
            with trader(venue, "ACME") as acme:
                stop = threading.Timer(chance.random() / 4, kill, (venue, death, copy))
                stop.start()
                try:
                    while stop.is_alive() or cl_ord_id % 10:
                        cl_ord_id += 1  # before: one whose answer is lost may have been taken
                        rest(acme, cl_ord_id, 1, side=1, price=20_000)
                except (PeerClosed, OSError):
                    assert death == "venue"
                stop.join()
                read_to_its_end(copy)
                sent |= {frame[17] for frame in acme.received if frame.type == "8"}
            if death == "venue":
                venue.start()
        with Booker(venue, "COPY", booked) as copy, trader(venue, "ACME") as acme:
            copy.begin()
            rest(acme, 1_000_000, 1, side=1, price=20_000)
            last = acme.received[-1][17]
            while last not in booked:
                copy.book(copy.receive())
        assert sent <= set(booked)
        cancels = [frame for frame in booked.values() if frame[150] == "4"]
        news = [frame for frame in booked.values() if frame[150] == "0"]
        assert len(cancels) + 1 == len(news), "all but the last order was cancelled with its line"


def kill(venue: Venue, what: str, copy: Booker) -> None:
    if what == "feeds":
        os.kill(feeds_process(venue), signal.SIGKILL)
    elif what == "venue":
        venue.kill()
    else:
        copy.socket.shutdown(2)


def read_to_its_end(copy: Booker) -> None:
    """What had arrived when the line was lost."""
    try:
        while True:
            copy.book(copy.receive())
    except (PeerClosed, OSError):
        copy.close()


def test_a_reader_that_does_not_read_costs_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with (
        venue_with_copies(tmp_path / "data") as venue,
        trader(venue, "ACME") as acme,
        Booker(venue, receive_bytes=4096) as copy,
    ):
        copy.begin()
        for first in range(1, 2_000, 1_000):
            rest(acme, first, 1_000, side=1, price=20_000, qty="0.0001")
        acme.send("q", f"11=90000|530=6|60={utc_now()}")  # more than link and system hold
        for _ in range(2_000):
            acme.until(lambda frame: frame.get(150) == "4")
        acme.round_trip(100_000)

        def described() -> dict[str, Any]:
            (found,) = [c for c in ask(venue.data)["drop_copies"] if c["state"] == "active"]
            return dict(found)

        wait_for(lambda: described()["stalled"])
        assert described()["behind_bytes"] > described()["unsent_bytes"]
        assert described()["unsent_bytes"] < 2 * FULL_BYTES
        # From here on it is to be quick: with so small a window each piece of 2 kB would wait for
        # both processes to get a core.
        copy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        copy.book_until(4_002)
        copy.book_until_asked()
        assert copy.again == 0


def test_a_stopped_venue_logs_out_and_a_confirmed_report_does_not_come_again(
    tmp_path: Path,
) -> None:
    with venue_with_copies(tmp_path / "data") as venue:
        booked: dict[str, Frame] = {}
        with Booker(venue, "COPY", booked) as copy, trader(venue, "ACME") as acme:
            copy.begin()
            rest(acme, 1, 5, side=1, price=20_000)
            copy.book_until(5)
            copy.book_until_asked()
            acme.send("5")
            venue.signal(signal.SIGTERM)
            assert copy.until(lambda frame: frame.type == "5")[58] == "Venue is stopping"
            copy.send("5")
            assert venue.wait() == 0
        venue.start()
        with Booker(venue, "COPY", booked) as copy, trader(venue, "ACME") as acme:
            copy.begin()
            rest(acme, 10, 1, side=1, price=20_000)
            while acme.received[-1][17] not in booked:
                copy.book(copy.receive())
            assert copy.again == 0


@pytest.mark.parametrize("seed", [1])
def test_the_example_can_be_killed_at_any_time_and_has_each_report_once(
    tmp_path: Path, seed: int
) -> None:
    chance = Random(seed)
    file = tmp_path / "reports.sqlite"
    command = [sys.executable, str(EXAMPLE), str(file), str(tmp_path / "data"), "COPY"]
    with venue_with_copies(tmp_path / "data") as venue, trader(venue, "ACME") as acme:
        cl_ord_id = 1
        for _ in range(4):
            with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as client:
                killer = threading.Timer(chance.random() / 2, client.kill)
                killer.start()
                while client.poll() is None:
                    rest(acme, cl_ord_id, 1, side=1, price=20_000)
                    cl_ord_id += 1
        wanted = [frame[17] for frame in acme.received if frame.type == "8"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as client:
            store = SqliteReports(file)
            wait_for(lambda: len(store.exec_ids()) >= len(wanted))
            client.kill()
        assert store.exec_ids() == wanted
        store.close()
