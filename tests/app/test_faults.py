"""Every kind of fault against a running venue, as a client that breaks no rule of its own sees it
on the wire; and that the venue's books, numbers and journal are none the worse."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.fault_bench import CONFIG, FaultBench, is_silent, new_reports
from tests.app.venue import Venue, tidegate
from tests.config.texts import PRODUCTION, PRODUCTION_FIRM
from tests.peers.socket_peer import Peer
from tidegate.control.protocol import ControlError
from tidegate.wire.framing import Framer


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultBench]:
    """The venue of all tests here. What they did to it has left no trace that a replay could not
    explain."""
    data = tmp_path_factory.mktemp("venue") / "data"
    with Venue(data, config=CONFIG) as venue:
        yield FaultBench(venue)
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()
    verified = tidegate("verify", "--data", data)
    assert verified.returncode == 0, verified.stderr


def raw_bytes(peer: Peer, frames: int) -> bytes:
    """What comes until so many messages have begun and are whole, wrong ends or not."""
    data = b""
    while (
        data.count(b"\x018=FIX") + data.startswith(b"8=FIX") < frames or data[-8:-4] != b"\x0110="
    ):
        data += peer.socket.recv(1 << 16)
    return data


def ask_again(peer: Peer, begin: int) -> None:
    peer.send("2", f"7={begin}|16=0")


# --- the line -----------------------------------------------------------------------------------


def test_drop_cuts_the_line_and_the_report_waits_for_the_return(bench: FaultBench) -> None:
    name = bench.name()
    bench.add("drop", name, at=3)
    with bench.peer(name) as peer:
        peer.order(1)
        assert peer.expect("8").number == 2
        peer.order(2)
        assert peer.read_to_end() == []
    with bench.peer(name, next_out=peer.next_out) as peer:
        assert peer.received[0].number == 4
        ask_again(peer, 3)
        replayed = peer.expect("8")
        assert (replayed.number, replayed[11], replayed[43]) == (3, "2", "Y")
    assert bench.history(name) == [("drop", 3)]


def test_drop_before_a_received_message_has_it_never_acted_upon(bench: FaultBench) -> None:
    name = bench.name()
    bench.add("drop", name, at=3, direction="received")
    with bench.peer(name) as peer:
        peer.order(1)
        peer.expect("8")
        peer.order(2)
        assert peer.read_to_end() == []
    with bench.peer(name, next_out=4) as peer:
        request = peer.expect("2")
        assert (request[7], request[16]) == ("3", "0")
    assert bench.session(name)["open_orders"] == 1


def test_drop_at_once(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("drop", name)
        assert peer.read_to_end() == []
    with bench.peer(name, next_out=2) as peer:
        peer.order(1)
        peer.expect("8")


def test_stop_reading_leaves_orders_in_the_pipe(bench: FaultBench) -> None:
    name = bench.name()
    fault = bench.add("stop_reading", name, at=3)
    with bench.peer(name) as peer:
        peer.order(1)
        peer.expect("8")
        peer.order(2)
        peer.order(3)
        assert is_silent(peer)
        assert bench.session(name)["next_incoming"] == 3
        bench.ask("fault-clear", id=fault["id"])
        assert [frame[11] for frame in new_reports(peer, 2)] == ["2", "3"]


def test_stop_writing_keeps_what_the_venue_has_done(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("stop_writing", name, ms=600)
        start_s = time.monotonic()
        peer.order(1)
        report = peer.expect("8")
        assert time.monotonic() - start_s > 0.3
        assert report.number == 2


def test_half_open_is_an_open_line_that_says_and_hears_nothing(bench: FaultBench) -> None:
    """The venue gives the session up; its peer is never told."""
    name = bench.name()
    with bench.peer(name, fields="98=0|108=1") as peer:
        fault = bench.add("half_open", name)
        peer.order(1)
        with pytest.raises(TimeoutError):
            peer.receive(3.5)
        assert bench.session(name)["state"] == "disconnected"
        assert bench.session(name)["open_orders"] == 0
        peer.socket.sendall(peer.order_message(2))  # nobody says that this goes nowhere
        with bench.peer(name, next_out=2) as second:
            second.order(1)
            assert second.until(lambda frame: frame.type == "8")[11] == "1"
            with pytest.raises(TimeoutError):
                peer.receive(0.1)
            bench.ask("fault-clear", id=fault["id"])
            late = peer.read_to_end()  # what was on the way when the line froze
            assert {frame.type for frame in late} <= {"0", "1"}
            second.order(2)
            assert second.until(lambda frame: frame.get(11) == "2").type == "8"


# --- messages -----------------------------------------------------------------------------------


def test_delay_keeps_the_order(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("delay", name, at=3, ms=400)
        start_s = time.monotonic()
        peer.socket.sendall(b"".join(peer.order_message(n) for n in (1, 2, 3)))
        assert [frame.number for frame in new_reports(peer, 3)] == [2, 3, 4]
        assert time.monotonic() - start_s >= 0.4
    assert bench.history(name) == [("delay", 3)]


def test_held_reports_hold_what_is_behind_them(bench: FaultBench) -> None:
    """No gap: numbers reach the client in order, late."""
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("hold_reports", name)
        peer.order(1)
        peer.send("1", "112=are you there")
        assert is_silent(peer)
        assert bench.session(name)["queue"]["unsent_bytes"] > 0
        assert bench.ask("fault-release", session=name) == {"released": 1}
        assert [peer.receive().number for _ in range(2)] == [2, 3]
        bench.add("hold_reports", name, ms=300)
        start_s = time.monotonic()
        peer.order(2)
        assert peer.expect("8").number == 4
        assert time.monotonic() - start_s >= 0.3


def test_skip_is_a_gap_that_a_resend_fills(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("skip", name, at=3)
        peer.socket.sendall(peer.order_message(1) + peer.order_message(2))
        assert [frame.number for frame in new_reports(peer, 2)] == [2, 4]
        ask_again(peer, 3)
        fill = peer.expect("4")
        assert (fill.number, fill[36], fill[123]) == (3, "4", "Y")
        assert peer.expect("8").number == 4
        bench.add("skip", name, count=2)
        peer.order(3)
        assert peer.expect("8").number == 7
    assert bench.history(name) == [("skip", 3), ("skip", 5), ("skip", 6)]


def test_repeat_sends_the_same_bytes_twice(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("repeat", name, at=2)
        peer.order(1)
        first, second = new_reports(peer, 2)
        assert first.raw == second.raw
        assert first.get(43) == ""
        peer.order(2)
        assert peer.expect("8").number == 3


def test_reorder_sends_a_message_behind_its_successor(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("reorder", name, at=3)
        for number in (1, 2, 3):
            peer.order(number)
        assert [frame.number for frame in new_reports(peer, 3)] == [2, 4, 3]


@pytest.mark.parametrize("kind", ["corrupt_checksum", "corrupt_length"])
def test_a_corrupt_message_comes_whole_when_asked_for(bench: FaultBench, kind: str) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add(kind, name, at=2)
        peer.order(1)
        peer.order(2)
        data = raw_bytes(peer, 2)
        assert b"\x0134=2\x01" in data
        assert [frame for frame in Framer().feed(data) if b"\x0134=2\x01" in frame] == []
        (whole,) = Framer().feed(data)
        assert b"\x0134=3\x01" in whole
        ask_again(peer, 2)
        assert [(frame.number, frame[11]) for frame in new_reports(peer, 2)] == [(2, "1"), (3, "2")]


def test_resends_are_hit_as_well(bench: FaultBench) -> None:
    """A noisy line spoils what is sent again, too; the next try gets it."""
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("corrupt_checksum", name, at=2, count=2)
        peer.order(1)
        raw_bytes(peer, 1)
        ask_again(peer, 2)
        again = raw_bytes(peer, 1)
        assert b"\x0143=Y\x01" in again
        assert Framer().feed(again) == []
        ask_again(peer, 2)
        assert peer.expect("8").number == 2


# --- the session --------------------------------------------------------------------------------


def test_muted_heartbeats(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name, fields="98=0|108=1") as peer:
        fault = bench.add("mute_heartbeats", name)
        peer.send("1", "112=x")
        with pytest.raises(TimeoutError):
            peer.receive(1.3)
        peer.order(1)
        assert peer.expect("8")[11] == "1"
        bench.ask("fault-clear", id=fault["id"])
        peer.send("1", "112=y")
        assert peer.until(lambda frame: frame.type == "0" and frame.get(112) == "y")


def test_muting_ends_by_itself(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("mute_heartbeats", name, ms=200)
        peer.send("1", "112=x")
        assert is_silent(peer)
        peer.send("1", "112=y")
        assert peer.expect("0")[112] == "y"


def test_refused_logons_are_closed_without_a_word(bench: FaultBench) -> None:
    name = bench.name()
    bench.add("refuse_logons", name, count=2)
    for _ in range(2):
        with bench.venue.peer(name) as peer:
            peer.socket.sendall(peer.logon_message())
            assert peer.read_to_end() == []
    with bench.peer(name) as peer:
        assert peer.received[0].number == 1
    assert bench.history(name) == [("refuse_logons", 1), ("refuse_logons", 1)]
    failures = bench.ask("failed-logons", sender_comp_id=name)
    reason = "refuse_logons, a fault on demand"
    assert [(f["answer"], f["reason"]) for f in failures] == [("", reason)] * 2


@pytest.mark.parametrize(("layer", "answer"), [(1, "3"), (2, "j"), (3, "j")])
def test_the_next_order_is_refused_at_a_layer(bench: FaultBench, layer: int, answer: str) -> None:
    """The one with the number that was said, though others came in the same read."""
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("reject_next", name, at=3, layer=layer)
        peer.socket.sendall(b"".join(peer.order_message(n) for n in (1, 2, 3)))
        first, refused, last = (peer.receive() for _ in range(3))
        assert (first.type, refused.type, last.type) == ("8", answer, "8")
        assert refused[45] == ("0" if layer == 3 else "3")  # the engine has seen no message
        assert refused.get(379) == ("" if layer == 1 else "2")
        assert (first[11], last[11]) == ("1", "3")
    assert bench.session(name)["open_orders"] == 2


# --- orders -------------------------------------------------------------------------------------


def test_unsolicited_fills_and_cancels(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        peer.order(1, qty="0.5")
        peer.order(2, qty="0.5")
        first, second = new_reports(peer, 2)
        bench.add("fill", name, order="1", qty="0.2")
        part = peer.expect("8")
        assert (part[150], part[37], part[32], part[151]) == ("F", first[37], "0.2", "0.3")
        with pytest.raises(
            ControlError, match=r"^qty must be at most 0\.3, what is left, not 0\.4"
        ):
            bench.add("fill", name, order="1", qty="0.4")
        bench.add("fill", name, order=first[37])
        rest = peer.expect("8")
        assert (rest[150], rest[39], rest[32], rest[151]) == ("F", "2", "0.3", "0")
        bench.add("cancel", name, order="2")
        canceled = peer.expect("8")
        assert (canceled[150], canceled[37]) == ("4", second[37])
        with pytest.raises(ControlError, match="order must be the ClOrdID or OrderID of an open"):
            bench.add("cancel", name, order="2")


def test_a_report_sets_off_the_fill_of_its_order(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        bench.add("fill", name, at=3)
        peer.order(1)
        peer.order(2)
        reports = new_reports(peer, 3)
        assert [(r[11], r[150]) for r in reports] == [("1", "0"), ("2", "0"), ("2", "F")]
    assert bench.history(name) == [("fill", 3)]


# --- the process --------------------------------------------------------------------------------


def crashed(data: Path, **fault: object) -> tuple[Peer, Venue]:
    """A venue that was to crash over the second order, started again."""
    config = CONFIG.replace("cancel_on_disconnect = false", "cancel_on_disconnect = true")
    with Venue(data, config=config) as venue:
        bench = FaultBench(venue)
        with venue.peer("LAB1") as peer:
            peer.logon("98=0|108=30|8674=1")
            peer.order(1)
            peer.expect("8")
            if fault:
                bench.add("crash", "LAB1", **fault)
                peer.order(2)
            else:
                with pytest.raises(Exception, match="went away"):
                    bench.add("crash", "LAB1")
            assert peer.read_to_end() == []
        assert venue.wait() == -signal.SIGKILL
        assert "fault_injected" in venue.log_text()
    return peer, Venue(data, config=config)


@pytest.mark.parametrize(
    ("fault", "order_is_kept"),
    [
        ({"at": 3, "point": "after-append"}, True),
        ({"at": 3, "point": "before-append"}, False),
        ({"probability": 1, "seed": 1, "point": "after-append"}, True),
        ({}, None),
    ],
    ids=["after-append", "before-append", "by-chance", "now"],
)
def test_a_crash_loses_what_was_not_appended(
    tmp_path: Path, fault: dict[str, object], order_is_kept: bool | None
) -> None:
    """And nothing else: what was appended and never sent is there for the asking."""
    before, venue = crashed(tmp_path / "data", **fault)
    with venue, venue.peer("LAB1", next_out=before.next_out) as peer:
        answer = peer.logon("98=0|108=30|8674=1")
        if order_is_kept:
            assert answer.number == 4
            ask_again(peer, 3)
            assert peer.expect("8")[11] == "2"
            return
        assert answer.number == 3
        if order_is_kept is False:
            assert peer.expect("2")[7] == "3"  # the venue never saw the second order


def test_faults_of_a_process_end_with_it(tmp_path: Path) -> None:
    """A muted session speaks again after a crash, though muting is in the journal."""
    with Venue(tmp_path / "data", config=CONFIG) as venue:
        bench = FaultBench(venue)
        with bench.peer("LAB1") as peer:
            bench.add("mute_heartbeats", "LAB1")
            peer.send("1", "112=x")
            assert is_silent(peer)
            venue.kill()
        venue.start()
        with bench.peer("LAB1", next_out=peer.next_out) as peer:
            peer.send("1", "112=y")
            assert peer.expect("0")[112] == "y"
        assert bench.ask("fault-list") == []


# --- by chance, by configuration, and where they are refused ------------------------------------


def test_the_same_seed_on_the_same_traffic_hits_the_same_messages(bench: FaultBench) -> None:
    def hits() -> list[tuple[str, int]]:
        name = bench.name()
        with bench.peer(name) as peer:
            bench.add("repeat", name, probability=0.3, seed=11)
            for number in range(1, 31):
                peer.order(number)
                peer.until(lambda frame, number=number: frame.get(11) == str(number))
        return bench.history(name)

    first = hits()
    assert 3 <= len(first) <= 20
    assert hits() == first


def test_seeds_are_told(bench: FaultBench) -> None:
    name = bench.name()
    data = bench.venue.data
    added = tidegate(
        "ctl", "fault", "add", "repeat", name, "--probability", "1", "--data", data
    ).stdout.decode()
    seed = added.partition("seed ")[2].partition(",")[0]
    assert seed.isdigit()
    with bench.peer(name):
        pass
    for command in ("list", "history"):
        shown = tidegate("ctl", "fault", command, "--data", data).stdout.decode()
        (row,) = [line for line in shown.splitlines() if f" {name} " in line]
        assert seed in row
    told = bench.ask("fault-history")[-1]
    assert (told["seed"], told["session"], told["trigger"]) == (int(seed), name, "probability 1")
    cleared = tidegate("ctl", "fault", "clear", "--data", data).stdout.decode()
    assert name in cleared
    assert bench.ask("fault-list") == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["add", "delay", "LAB1"], "ms is missing: delay needs it"),
        (["add", "dorp", "LAB1"], 'kind must be "drop" or "stop_reading"'),
        (["add", "drop", "NOBODY"], 'session must be "*" or the SenderCompID of a session, not'),
        (["add", "drop", "*", "--probability", "2"], "probability must be a number above 0 and"),
        (["add", "drop", "*", "--probability", "nan"], "probability must be a number, not nan"),
        (["clear", "4711"], "id must be that of an installed fault, not 4711"),
        (["release", "NOBODY"], 'session must be "*" or the SenderCompID of a session, not'),
    ],
)
def test_the_command_line_tells_field_and_rule(
    bench: FaultBench, arguments: list[str], text: str
) -> None:
    done = tidegate("ctl", "fault", *arguments, "--data", bench.venue.data)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"tidegate: {text}")


def test_an_id_is_of_plain_digits(tmp_path: Path) -> None:
    done = tidegate("ctl", "fault", "clear", "²", "--data", tmp_path)
    assert done.returncode == 2
    assert b"must be the id of a fault" in done.stderr


def test_a_refusal_that_no_order_used_up_goes_with_the_fault(bench: FaultBench) -> None:
    name = bench.name()
    with bench.peer(name) as peer:
        fault = bench.add("reject_next", name, layer=3)
        peer.send("D", "11=1")
        assert peer.expect("3")[371]
        bench.ask("fault-clear", id=fault["id"])
        peer.order(2)
        assert peer.expect("8")[150] == "0"


def test_faults_of_the_configuration_are_there_from_the_start(tmp_path: Path) -> None:
    config = CONFIG + '[[fault]]\nkind = "drop"\nsession = "LAB1"\nat = 2\n'
    with Venue(tmp_path / "data", config=config) as venue:
        bench = FaultBench(venue)
        with bench.peer("LAB1") as peer:
            peer.order(1)
            assert peer.read_to_end() == []
        assert bench.history("LAB1") == [("drop", 2)]


def test_production_injects_nothing(tmp_path: Path) -> None:
    config = "\n" + PRODUCTION + PRODUCTION_FIRM
    path = tmp_path / "faulty.toml"
    path.write_text(config + '[[fault]]\nkind = "drop"\nsession = "ACME"\n')
    checked = tidegate("config", "--check", path)
    assert checked.returncode == 2
    assert "line 13: [[fault]] is for the uat profile" in checked.stderr.decode()
    with Venue(tmp_path / "data", config=config) as venue:
        for arguments in (["add", "drop", "ACME"], ["list"], ["clear"], ["release"], ["history"]):
            done = tidegate("ctl", "fault", *arguments, "--data", venue.data)
            assert done.returncode == 2
            assert b"faults are for the uat profile" in done.stderr
