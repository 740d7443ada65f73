"""What a drop copy is told, and what it is told again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.dropcopy.room import CopyClient, CopyRoom
from tests.history.days import Days
from tests.scenario.settings import session, venue_settings
from tidegate.feeds.dropcopy.desk import HELD_MAX
from tidegate.journal import segment_positions
from tidegate.journal.storage import OsStorage
from tidegate.recovery import JOURNAL_DIRECTORY


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_report_equals_that_of_the_trading_session_and_others_never_appear(
    tmp_path: Path, seed: int
) -> None:
    room = CopyRoom(tmp_path, seed)
    clients: list[tuple[CopyClient, tuple[str, ...], str]] = [
        (room.client("ACME", "ACME", "ACME-1"), ("ACME",), ""),
        (room.client("BETA-ALL", "BETA"), ("BETA",), ""),
        (room.client("PRIME", "PRIME", "PRIME-1"), ("PRIME",), ""),
        (room.client("PRIME-A", "PRIME", "PRIME-1-A"), ("PRIME",), "PRIME-1-A"),
    ]
    for client, _, _ in clients:
        client.logon()
    for _ in range(20):
        room.play(40)
    kinds: set[str] = set()
    for client, senders, alloc in clients:
        truth = room.truth(*senders, alloc=alloc)
        assert client.booked == truth
        assert list(client.booked) == list(truth), "in order"
        assert client.again == 0
        assert len(truth) > 20
        kinds |= {dict(fields)[150] for fields in truth.values()}
    assert {"0", "4", "F", "5"} <= kinds


def test_status_answers_are_told(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    body = b"11=1\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01"
    room.days.send("ACME", b"D", body + b"60=20261103-09:15:00.000\x01")
    acme = room.days.venue.directory.session_index(b"ACME", b"KRAKEN-TRD")
    orders = room.days.venue.engine.session_orders(acme)
    order = orders[0]
    ids = b"11=%s\x0137=%s\x0155=%s\x01" % (order.cl_ord_id, order.order_id, order.symbol)
    room.days.send("ACME", b"H", ids)
    room.days.end_turn()
    room.follow()
    assert client.reports()[-1][150] == "I"
    assert client.booked == room.truth("ACME")


def test_a_session_that_moves_to_another_account_takes_no_report_along(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    acme, beta = room.client("ACME", "ACME", "ACME-1"), room.client("BETA", "BETA", "BETA-1")
    room.play(200)
    before = set(room.truth("ACME"))
    assert before
    settings = venue_settings()
    settings.sessions[0] = session("ACME", "BETA-1")
    room.days.restart()
    room.days.venue.configure(settings.encode(), room.days.now_ns)
    room.days.end_turn()
    room.die()
    for client in (acme, beta):
        client.logon()
    room.play(200)
    after = set(room.truth("ACME")) - before
    assert after
    assert before <= set(acme.booked)
    assert not after & set(acme.booked)
    assert set(beta.booked) == set(room.truth("BETA")) | after


# --- once and no more -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_whatever_dies_a_client_that_goes_by_exec_id_books_each_report_once(
    tmp_path: Path, seed: int
) -> None:
    """The client, the line, the process, the venue and the file die at moments of chance."""
    chance = Random(seed)
    room = CopyRoom(tmp_path, days=Days(tmp_path, seed, segment_bytes_max=64 * 1024))
    client = room.client("PRIME", "PRIME")
    client.logon()
    for _ in range(60):
        room.play(chance.randrange(1, 15))
        what = chance.choice(("ask", "ask", "save", "client", "line", "process", "venue", "file"))
        client.reads = True
        if what == "ask":
            room.ask()
        elif what == "save":
            room.save()
        elif what in ("client", "line"):
            client.reads = False  # what is on the way is lost
            room.play(3)
            client.lose_line()
        elif what == "process":
            room.die()
        elif what == "venue":
            room.days.restart()
            room.die()
        else:
            path = room.seats[0].file.path
            room.die()
            content = path.read_bytes()
            path.write_bytes(content[: chance.randrange(len(content))])
            room.die()
        if what not in ("ask", "save"):
            client.reads = True
            client._unread.clear()
            if chance.random() < 0.5:
                client.logon()
            else:
                client.expected = room.seats[0].session.next_outgoing
                client.logon("98=0|108=30|141=N")
    room.play(5)
    assert client.booked == room.truth("PRIME")
    assert client.again > 0


def test_what_was_confirmed_does_not_come_again_even_after_a_reset(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    room.ask()
    room.save()
    confirmed = len(client.booked)
    client.answers = False
    room.play(100)
    room.ask()
    unconfirmed = len(client.booked) - confirmed
    assert confirmed
    assert unconfirmed
    for death in (client.lose_line, room.die):
        death()
        client.received.clear()
        client.again = 0
        client.logon("98=0|108=30|141=Y")
        room.follow()
        assert client.again == len(client.reports()) == unconfirmed
        assert {frame[97] for frame in client.reports()} == {"Y"}
    room.play(50)
    news = client.reports()[unconfirmed:]
    assert news
    assert {frame.get(97) for frame in news} == {""}
    assert client.booked == room.truth("ACME")


def test_reports_of_a_time_without_a_client_come_unmarked(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    room.play(100)
    client.logon()
    room.follow()
    assert client.booked == room.truth("ACME")
    assert {frame.get(97) for frame in client.reports()} == {""}


def test_an_answer_to_another_question_confirms_nothing(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.answers = False
    client.logon()
    room.play(100)
    room.ask()
    (question,) = [frame for frame in client.received if frame.type == "1"]
    client.send("0", "112=READ-0")
    client.send("0")
    client.send("5")
    assert client.cut
    again = len(client.booked)
    client.received.clear()
    client.logon()
    room.follow()
    assert len(client.reports()) == again
    client.send("0", f"112={question[112]}")
    assert room.seats[0].state.mark != room.end, "it is of another line"


def test_where_the_log_is_gone_the_feed_begins_with_the_oldest_that_is_there(
    tmp_path: Path,
) -> None:
    room = CopyRoom(tmp_path, days=Days(tmp_path, 1, segment_bytes_max=16 * 1024))
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    client.lose_line()
    room.play(300)
    directory = tmp_path / JOURNAL_DIRECTORY
    bases = segment_positions(OsStorage(), directory)
    assert len(bases) > 2
    truth = room.truth("ACME")
    for base in bases[:2]:
        (directory / f"{base:020d}.log").rename(tmp_path / f"{base}.kept")
    client.logon()
    assert [event.happening for event in room.desk.events][-2:] == ["begins_anew", "logon"]
    assert "does not hold position" in room.desk.events[-2].reason
    room.follow()
    assert 0 < len(client.booked) < len(truth)
    assert list(client.booked.items()) == list(truth.items())[-len(client.booked) :]


# --- numbers --------------------------------------------------------------------------------------


def test_a_resend_has_the_reports_as_they_were_and_fills_the_rest(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(60)
    client.send("1", "112=between")
    room.play(60)
    first = {frame.number: frame for frame in client.received}
    client.received.clear()
    room.days.now_ns += 5_000_000_000
    client.send("2", "7=1|16=0")
    room.follow()
    expected = 1
    for frame in client.received:
        assert (frame.number, frame[43]) == (expected, "Y")
        if frame.type == "4":
            assert frame[123] == "Y"
            for number in range(expected, int(frame[36])):
                assert first[number].type != "8"
            expected = int(frame[36])
        else:
            assert frame.content() == first[expected].content()
            assert frame[122] == first[expected][52]
            assert frame[52] > frame[122]
            expected += 1
    assert expected == len(first) + 1


def test_what_is_asked_for_again_is_not_confirmed_any_more(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    room.ask()
    assert room.seats[0].state.mark == room.end
    client.answers = False
    room.save()
    client.send("2", "7=2|16=0")
    room.follow()
    client.lose_line()
    room.save()
    room.die()
    client.received.clear()
    client.logon()
    room.follow()
    assert len(client.reports()) == len(client.booked)


def test_numbers_go_on_over_a_death_of_the_process(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(60)
    room.ask()
    room.save()
    used = client.expected
    room.die()
    room.days.play(60)
    client.received.clear()
    client.expected = room.seats[0].session.next_outgoing
    assert client.expected >= used
    client.logon("98=0|108=30|141=N")
    room.follow()
    assert client.received[0].type == "A"
    assert client.booked == room.truth("ACME")
    asked_from = used
    client.received.clear()
    client.send("2", f"7={asked_from}|16=0")
    room.follow()
    assert client.received[0].type == "4"
    assert int(client.received[0][36]) > used
    assert [f.type for f in client.received[1:]].count("8") == len(client.received[1:])


def test_the_rollover_begins_numbers_anew_and_goes_on_with_the_feed(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    client.answers = False
    room.ask()
    room.desk.log_out_all(b"Session rollover", room.days.now_ns)
    room.deliver()
    assert (client.received[-1].type, client.received[-1][58]) == ("5", "Session rollover")
    client.send("5")
    assert client.cut
    room.desk.reset_all(room.days.now_ns)
    room.play(100)
    client.number = client.expected = 1
    client.logon("98=0|108=30|141=N")
    room.follow()
    assert client.again > 0
    assert client.booked == room.truth("ACME")


def test_what_is_said_during_a_resend_comes_behind_it(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    client.received.clear()
    client.send("2", "7=1|16=0")
    client.send("1", "112=meanwhile")
    assert client.received == []
    room.follow()
    assert client.received[-1].get(112) == "meanwhile"
    assert client.received[-1].get(43) == ""


def test_who_says_too_much_during_a_resend_is_logged_out(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(50)
    client.send("2", "7=1|16=0")
    for _ in range(HELD_MAX + 1):
        client.send("1", "112=x")
    assert client.cut
    assert client.received[-1][58] == "Too many resend requests"


def test_business_messages_are_refused(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    for msg_type, fields in (("D", "11=1|55=BTC/USD"), ("V", "262=1|263=1"), ("8", "17=1")):
        client.send(msg_type, fields)
        answer = client.received[-1]
        refused = (answer.type, answer[373], answer[371], answer[372])
        assert refused == ("3", "11", "35", msg_type)
    client.send("j", "45=1|372=8|380=0")
    client.send("1", "112=well")
    assert client.received[-1].get(112) == "well"
    client.send("ZZ")
    assert (client.received[-1].type, client.received[-1][373]) == ("3", "11")


# --- slow readers ---------------------------------------------------------------------------------


def test_nothing_is_read_for_a_link_that_is_full(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(20)
    room.desk.full(client.link)
    before = len(client.booked)
    room.play(2_000)
    room.ask()
    reader = room.seats[0].reader
    assert reader is not None
    assert len(client.booked) == before
    assert len(reader.reports) == 0, "the log keeps them"
    room.desk.drained(client.link)
    room.follow()
    assert client.booked == room.truth("ACME")
    assert client.again == 0
