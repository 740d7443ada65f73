"""Market data of a venue that runs: over sockets and TLS, through every kind of death."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.app.venue import Venue, tidegate
from tests.feeds.clients import (
    L2,
    L3,
    Reader,
    caught_up,
    feeds_process,
    overview,
    rest,
    trader,
    venue_with_feeds,
    wait_for,
)
from tests.peers.socket_peer import PeerClosed

FIRMS = """
[session_defaults]
heartbeat_min_s = 1

[[firm]]
name = "ACME"
account = [{ id = "ACME-1", balances = { USD = "1000000000", BTC = "100000" } }]
[[firm.session]]
sender_comp_id = "ACME"
[[firm.session]]
sender_comp_id = "FAR"
networks = ["10.0.0.0/8"]
[[firm.session]]
sender_comp_id = "OFF"
enabled = false
[[firm.session]]
sender_comp_id = "SCREENS"
role = "market_data_l2"

[[firm]]
name = "BETA"
account = [{ id = "BETA-1", balances = { USD = "1000000000", BTC = "100000" } }]
[[firm.session]]
sender_comp_id = "BETA"
"""


RULES = """
[market_data]
l3_entry_time = "timestamp"
lone_symbol = false
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("feeds") / "data"
    with venue_with_feeds(data, RULES + FIRMS, plain=False) as venue:
        caught_up(data)
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


def test_subscribers_of_both_ports_have_the_book_that_was_traded(venue: Venue) -> None:
    with trader(venue, "ACME") as acme, trader(venue, "BETA") as beta:
        rest(acme, 1, 30, side=2, price=30_000)
        rest(beta, 1, 30, side=1, price=29_000)
        with Reader(venue, "ACME") as by_level, Reader(venue, "BETA", L3) as by_order:
            by_level.subscribe()
            by_order.subscribe()
            assert len(by_level.levels()["1"]) == len(by_order.levels()["1"]) == 30
            beta.order(100, side=1, price="30004", qty="0.045")  # takes four levels and a half
            beta.until(lambda frame: frame.get(39) == "2")
            rest(acme, 200, 20, side=2, price=30_004, qty="0.25")
            beta.send("q", f"11=101|530=6|60={beta.received[-1][52]}")
            beta.until(lambda frame: frame.type == "8" and frame.get(150) == "4")
            acme.round_trip(300)
            wait_for(lambda: overview(venue)["behind_bytes"] == 0)
            for reader in (by_level, by_order):
                reader.apply_until_answered()
                levels = reader.levels()
                assert levels["0"] == {}, "all of BETA's are cancelled"
                assert levels["1"]["30004.0"] == 500_000 + 25_000_000
                assert len(levels["1"]) == 26
                assert reader.numbers == list(range(2, 2 + len(reader.numbers)))
            assert by_level.levels() == by_order.levels()


def test_where_clients_differ_the_configuration_says_how(venue: Venue) -> None:
    with (
        trader(venue, "ACME") as acme,
        Reader(venue, "ACME") as by_level,
        Reader(venue, "BETA", L3) as by_order,
    ):
        by_level.subscribe()
        by_order.subscribe()
        rest(acme, 10_000, 1, side=2, price=50_000)
        times = []
        for reader in (by_level, by_order):
            reader.apply_until(lambda frame: frame.type == "X")
            assert "50000.0" in reader.levels()["1"]
            (time,) = [entry[273] for entry in reader.book.ranked("1") if entry[270] == "50000.0"]
            times.append(time)
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", times[0])
        assert re.fullmatch(r"\d{8}-\d\d:\d\d:\d\d\.\d{6}", times[1])
        assert times[1][9:21] == times[0]
        by_level.send("V", "262=lone|263=1|264=10|267=2|269=0|269=1|55=BTC/USD")
        by_level.apply_until(lambda frame: frame.type == "3" and frame[371] == "146")


@pytest.mark.parametrize(
    ("name", "service", "target", "text"),
    [
        ("NOBODY", L2, "KRAKEN-MD", "Logon failed: unknown CompID"),
        ("ACME", L2, "KRAKEN-TRD", "Logon failed: unknown CompID"),
        ("FAR", L3, "KRAKEN-MD", "Logon failed: IP not whitelisted"),
        ("OFF", L2, "KRAKEN-MD", "Logon failed: session disabled"),
        ("SCREENS", L3, "KRAKEN-MD", "Logon failed: unknown CompID"),
    ],
)
def test_who_may_not_is_told_so(
    venue: Venue, name: str, service: str, target: str, text: str
) -> None:
    with Reader(venue, name, service) as reader:
        reader.login = replace(reader.login, target_comp_id=target)
        assert reader.logon("98=0|108=30|141=Y")[58] == text
        assert reader.read_to_end() == []


def test_refused_logons_are_explained_to_operators(venue: Venue) -> None:
    wrong = [
        (L2, "ACME", "KRAKEN-TRD"),
        (L3, "SCREENS", "KRAKEN-MD"),
        (L3, "FAR", "KRAKEN-MD"),
        ("spot_trading", "ACME", "KRAKEN-MD"),
        (L2, "NOBODY", "KRAKEN-MD"),
    ]
    for service, name, target in wrong:
        with Reader(venue, name, service) as reader:
            reader.login = replace(reader.login, target_comp_id=target)
            assert reader.logon("98=0|108=30|141=Y").type == "5"
    with Reader(venue, "ACME") as first, Reader(venue, "ACME") as second:
        assert first.logon("98=0|108=30|141=Y").type == "A"
        second.send("A", "98=0|108=30|141=Y")
        assert second.receive()[58] == "Session already active"
    done = tidegate("ctl", "sessions", "--why", "--json", "--data", venue.data)
    failures = json.loads(done.stdout)[: len(wrong) + 1]
    ports = venue.ready["ports"]
    l2, l3, trading = ports[L2], ports[L3], ports["spot_trading"]
    assert [failure["reason"] for failure in reversed(failures)] == [
        f"TargetCompID (56) KRAKEN-TRD is that of port {trading} (spot_trading)",
        f"SCREENS to KRAKEN-MD logs on at port {l2} ({L2})",
        "127.0.0.1 is in none of the session's networks: 10.0.0.0/8",
        f"TargetCompID (56) KRAKEN-MD is that of port {l2} ({L2}) and port {l3} ({L3})",
        "no session has SenderCompID (49) 'NOBODY'",
        "Session already active",
    ]
    assert [(c["check"], c["outcome"]) for c in failures[3]["checks"]][:3] == [
        ("comp_ids", "passed"), ("address", "failed"), ("tls", "not reached"),
    ]  # fmt: skip
    assert "signature" not in [check["check"] for check in failures[3]["checks"]]
    only = tidegate("ctl", "sessions", "NOBODY", "--why", "--data", venue.data).stdout.decode()
    assert "NOBODY > KRAKEN-MD" in only
    assert "FAR" not in only
    assert venue.log_text().count("logon_explained") >= len(wrong) + 1


def test_a_session_of_its_own_needs_no_trading_session(venue: Venue) -> None:
    with Reader(venue, "SCREENS") as reader:
        reader.subscribe()


def test_a_market_data_session_is_no_trading_session(venue: Venue) -> None:
    """The same CompIDs at the trading port need the key."""
    with Reader(venue, "ACME", "spot_trading") as reader:
        answer = reader.logon("98=0|108=30|141=Y")
        assert (answer.type, answer[58]) == ("5", "Logon failed: unknown CompID")


def test_trading_and_market_data_of_one_client_do_not_know_each_other(venue: Venue) -> None:
    with trader(venue, "ACME") as acme:
        for service in (L2, L3, L2):
            with Reader(venue, "ACME", service) as reader:
                reader.subscribe()
            acme.round_trip(int(acme.received[-1][34]) + 1_000_000)


def test_what_goes_on_is_told_to_operators(venue: Venue) -> None:
    with Reader(venue, "ACME") as reader:
        reader.subscribe()
        found = overview(venue)
        assert found["pid"] == feeds_process(venue)
        assert found["subscriptions"] == 1
        (session,) = found["sessions"]
        assert (session["sender_comp_id"], session["service"]) == ("ACME", L2)
        assert (session["state"], session["symbols"], session["stalled"]) == ("active", 1, False)
        text = tidegate("ctl", "feeds", "--data", venue.data).stdout.decode()
        assert "ACME KRAKEN-MD" in text
        assert "1 subscriptions; 0 bytes behind" in text
    wait_for(lambda: overview(venue)["subscriptions"] == 0)


def test_operators_sessions_may_log_on_too(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        with Reader(venue, "ACME") as reader:
            reader.subscribe()  # the process is up
            done = tidegate("ctl", "session", "add", "NEW", "ACME-1", "--data", venue.data)
            assert done.returncode == 0, done.stderr.decode()
            wait_for(lambda: overview(venue)["behind_bytes"] == 0)
            with Reader(venue, "NEW", L3) as new:
                new.subscribe()
                disabled = tidegate("ctl", "session", "disable", "NEW", "--data", venue.data)
                assert disabled.returncode == 0, disabled.stderr.decode()
                assert new.receive()[58] == "Session disabled"
            with Reader(venue, "NEW", L3) as new:
                assert new.logon()[58] == "Logon failed: session disabled"
        venue.kill()
        venue.start()
        caught_up(venue.data)
        assert tidegate("ctl", "session", "enable", "NEW", "--data", venue.data).returncode == 0
        with Reader(venue, "NEW") as new:
            new.subscribe()


# --- deaths ---------------------------------------------------------------------------------------


def test_a_killed_process_comes_again_with_the_same_book(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue, trader(venue, "ACME") as acme:
        rest(acme, 1, 20, side=2, price=30_000)
        with Reader(venue, "BETA") as reader:
            reader.subscribe()
            before = reader.levels()
            os.kill(feeds_process(venue), signal.SIGKILL)
            with pytest.raises(PeerClosed):
                reader.until(lambda frame: False)
        acme.round_trip(100)  # trading goes on
        with Reader(venue, "BETA") as reader:  # waits in line until somebody accepts
            reader.subscribe()
            assert reader.levels() == before
            assert reader.numbers[0] == 2
            rest(acme, 200, 1, side=2, price=40_000)
            reader.apply_until(lambda frame: frame.type == "X")
            assert "40000.0" in reader.levels()["1"]
        assert "feeds_process_ended" in venue.log_text()


def test_a_killed_venue_takes_its_market_data_along(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        with trader(venue, "ACME") as acme, Reader(venue, "BETA", L3) as reader:
            rest(acme, 1, 20, side=2, price=30_000)
            reader.subscribe()
            before = reader.levels()
            process = feeds_process(venue)
            venue.kill()
            with pytest.raises(PeerClosed):
                reader.until(lambda frame: False)
        wait_for(lambda: not Path(f"/proc/{process}").exists())
        venue.start()  # on the same ports
        with Reader(venue, "BETA", L3) as reader:
            reader.subscribe()
            assert reader.levels() == {"0": {}, "1": {}}, "cancelled: the lines were lost"
            assert before["1"] != {}


def test_a_venue_that_stops_logs_its_market_data_sessions_out(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue, Reader(venue, "ACME") as reader:
        reader.subscribe()
        process = feeds_process(venue)
        venue.signal(signal.SIGTERM)
        assert reader.receive()[58] == "Venue is stopping"
        reader.send("5")
        assert reader.read_to_end() == []
        assert venue.wait() == 0
        assert not Path(f"/proc/{process}").exists()
        assert "Traceback" not in venue.log_text()


def test_a_cut_line_ends_the_subscriptions(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        reader = Reader(venue, "ACME")
        reader.subscribe()
        assert overview(venue)["subscriptions"] == 1
        reader.close()
        wait_for(lambda: overview(venue)["sessions"] == [])
        assert overview(venue)["subscriptions"] == 0
        with Reader(venue, "ACME") as again:
            again.subscribe()


def test_the_rollover_logs_out_and_begins_numbers_anew(tmp_path: Path) -> None:
    table = '[venue]\nmarket_data = true\nclock = "virtual"\nrollover_at = "22:00:00"\n'
    patience = "sending_time_tolerance_s = 86400\ncancel_on_disconnect = false\n"
    patient = FIRMS.replace("heartbeat_min_s", f"{patience}heartbeat_min_s")
    with Venue(tmp_path / "data", config=table + patient) as venue:
        with trader(venue, "BETA") as beta:
            rest(beta, 1, 12, side=1, price=29_000)
        with Reader(venue, "ACME") as reader:
            reader.subscribe()
            before = reader.levels()
            assert len(before["0"]) == 12
            move_clock(venue, "set", "22:00:00")
            assert reader.until(lambda frame: frame.type == "5")[58] == "Session rollover"
            reader.send("5")
            assert reader.read_to_end() == []
        with Reader(venue, "ACME") as early, pytest.raises(PeerClosed):
            early.logon()
        move_clock(venue, "advance", "31s")
        wait_for(lambda: overview(venue)["behind_bytes"] == 0)
        with Reader(venue, "ACME") as reader:
            answer = reader.logon("98=0|108=30|141=N")
            assert (answer.type, answer.number) == ("A", 1)
        with Reader(venue, "ACME") as reader:
            reader.subscribe()
            assert reader.levels() == before


def move_clock(venue: Venue, *words: str) -> None:
    done = tidegate("ctl", "clock", *words, "--data", venue.data)
    assert done.returncode == 0, done.stderr.decode()
