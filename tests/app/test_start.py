"""`tidegate up`: what it shows, how it ends, how it continues."""

from __future__ import annotations

import contextlib
import json
import signal
import stat
from pathlib import Path

import pytest

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Frame, Peer, PeerClosed, utc_now


def test_ready_json_has_the_stated_shape(data: Path) -> None:
    with Venue(data, plain=False) as venue:
        path = data / "ready.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        ready = json.loads(path.read_text())
        assert ready["pid"] == venue.pid
        assert ready["profile"] == "uat"
        assert ready["host"] == "127.0.0.1"
        assert ready["tls"] is True
        assert Path(ready["ca_file"]).is_file()
        port = ready["ports"]["spot_trading"]
        assert [s["sender_comp_id"] for s in ready["sessions"]] == ["ACME", "BETA", "PRIME"]
        for session in ready["sessions"]:
            assert session["market"] == "spot"
            assert session["role"] == "trading"
            assert session["target_comp_id"] == "KRAKEN-TRD"
            assert session["port"] == port
            assert set(session) == {
                "firm", "account", "market", "role", "sender_comp_id", "target_comp_id", "port",
                "api_key", "api_secret",
            }  # fmt: skip


def test_the_table_shows_what_a_person_needs(data: Path) -> None:
    with Venue(data, plain=False) as venue:
        ready = venue.ready
        assert venue.stop() == 0
        shown = venue.out.read_text()
        assert "spot_trading" in shown
        assert str(ready["ports"]["spot_trading"]) in shown
        assert ready["ca_file"] in shown
        for session in ready["sessions"]:
            assert session["sender_comp_id"] in shown
            assert session["api_key"] in shown
            assert session["api_secret"] not in shown + venue.log_text()
        assert "AllocAccount (79) of PRIME-1: PRIME-1-A, PRIME-1-B" in shown
        assert str(data / "ready.json") in shown


def test_secrets_are_for_the_owner_alone(data: Path) -> None:
    with Venue(data):
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for name in ("secrets.json", "ready.json", "tls/ca.key", "tls/server.key"):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_signal_logs_out_and_ends_cleanly(
    data: Path, number: signal.Signals, durability: str
) -> None:
    with Venue(data, arguments=["--durability", durability]) as venue:
        acme = venue.peer("ACME")
        beta = venue.peer("BETA")
        with acme, beta:
            for peer in (acme, beta):
                assert peer.logon().type == "A"
            acme.order(1)
            acme.expect("8")
            venue.signal(number)
            for peer in (acme, beta):
                goodbye = peer.expect("5")
                assert goodbye[58] == "Venue is stopping"
                peer.send("5")
                assert peer.read_to_end() == []
        assert venue.wait() == 0
        assert not (data / "ready.json").exists()
        assert "logout_unanswered" not in venue.log_text()
        with pytest.raises(ConnectionRefusedError):
            venue.peer("ACME")


def test_a_stop_does_not_wait_long_for_whoever_does_not_answer(data: Path) -> None:
    with Venue(data) as venue, venue.peer("ACME") as acme:
        acme.logon()
        acme.order(1)
        acme.expect("8")
        assert venue.stop() == 0
        assert [f.type for f in acme.read_to_end()] == ["5"]
        assert "logout_unanswered" in venue.log_text()
        # An orderly end of the venue's own: the order is still there.
        venue.start()
        with venue.peer("ACME", next_out=acme.next_out) as again:
            assert again.logon().type == "A"
            ask_status(again, acme.received[-2])
            assert again.expect("8")[150] == "I"


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_stop_under_a_flood_can_be_started_from(data: Path, durability: str) -> None:
    """Messages come in until the very end; the last snapshot fits the log all the same."""
    with Venue(data, arguments=["--durability", durability]) as venue:
        with venue.peer("ACME") as acme:
            acme.logon("98=0|108=60|8674=1")
            acme.socket.sendall(b"".join(acme.order_message(n) for n in range(1, 1_000)))
            venue.signal(signal.SIGTERM)
            with contextlib.suppress(OSError):  # until the venue closes the line
                for number in range(1_000, 1_000_000):
                    acme.socket.sendall(acme.order_message(number))
        assert venue.wait() == 0, venue.log_text()
        assert tidegate("verify", "--data", data).returncode == 0
        venue.start()
        with venue.peer("BETA") as beta:
            beta.logon()
            beta.round_trip(1)
        with venue.peer("ACME", next_out=1_000_000) as acme:
            assert acme.logon("98=0|108=60|8674=1").type == "A"
        assert venue.stop() == 0, venue.log_text()


def ask_status(peer: Peer, report: Frame) -> None:
    peer.send("H", f"11={report[11]}|37={report[37]}|55=BTC/USD")


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_second_start_continues(data: Path, durability: str) -> None:
    """Balances, open orders and their priority, numbers of both directions, nonces, keys."""
    with Venue(data, plain=False, arguments=["--durability", durability]) as venue:
        first_ready = venue.ready
        with venue.peer("ACME") as acme:
            assert acme.logon().number == 1
            acme.order(10, side=2, price="30000", qty="1")
            acme.order(11, side=2, price="30000", qty="1")
            first, second = acme.expect("8"), acme.expect("8")
            venue.signal(signal.SIGTERM)
            assert acme.expect("5").number == 4
            acme.send("5")
            acme.read_to_end()
        assert venue.wait() == 0

        venue.start()
        assert {**venue.ready, "pid": 0} == {**first_ready, "pid": 0}
        with venue.peer("ACME", next_out=acme.next_out) as acme:
            assert acme.logon().number == 5
            ask_status(acme, first)
            assert acme.expect("8")[150] == "I"
            with venue.peer("BETA") as beta:
                beta.logon()
                beta.order(20, side=1, price="30000", qty="0.4")
                assert [beta.expect("8")[150] for _ in range(2)] == ["0", "F"]
            # The older of the two orders kept its place.
            fill = acme.expect("8")
            assert (fill[37], fill[150], fill[32], fill[151]) == (first[37], "F", "0.4", "0.6")
            fields = f"11=12|37={second[37]}|54=2|55=BTC/USD|60={utc_now()}"
            acme.send("F", fields)
            assert acme.expect("8")[150] == "4"
            acme.order(12)  # used before the restart: not increasing
            assert acme.expect("j")[58] == "EOrder:ClOrdID not increasing"


def test_too_low_a_number_is_refused_after_a_restart(data: Path) -> None:
    with Venue(data) as venue:
        with venue.peer("ACME") as acme:
            acme.logon()
            acme.round_trip(1)
            acme.send("5")
            acme.read_to_end()
        assert venue.stop() == 0
        venue.start()
        with venue.peer("ACME", next_out=2) as acme:
            answer = acme.logon()
            assert answer.type == "5"
            assert answer[58] == "MsgSeqNum too low, expecting 5 but received 2"
            with pytest.raises(PeerClosed):
                acme.receive()


def test_the_interpreted_core_can_be_forced(data: Path) -> None:
    pure = {"TIDEGATE_PURE": "1"}
    assert tidegate("version", more=pure).stdout.strip().endswith(b"core interpreted")
    with Venue(data, more_environment=pure) as venue, venue.peer("ACME") as acme:
        acme.logon()
        acme.round_trip(1)
        assert venue.stop() == 0


def test_json_log_and_level(data: Path) -> None:
    with Venue(data, arguments=["--log-format", "json"]) as venue:
        with venue.peer("ACME") as acme:
            acme.logon()
            acme.order(1, price="0.0001")
            refusal = acme.expect("j")
        assert venue.stop() == 0
    lines = [json.loads(line) for line in venue.log_text().splitlines()]
    refused = [line for line in lines if line["event"] == "refused"]
    assert len(refused) == 1
    assert refused[0]["sender_comp_id"] == "ACME"
    assert refused[0]["text"] == refusal[58]
    assert refused[0]["layer"] != ""
    assert refused[0]["rule"] != ""
    assert refused[0]["cl_ord_id"] == "1"
