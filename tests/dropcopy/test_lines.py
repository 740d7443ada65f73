"""What a drop copy's lines, numbers and file go through: who logs on twice, files that are not what
they were, logs that can not be read, rollovers that nobody saw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from tests.dropcopy.room import CopyClient, CopyRoom, unwritable
from tests.history.days import Days
from tests.scenario.settings import account, session, venue_settings
from tidegate.engine.order import Order
from tidegate.feeds.dropcopy.desk import MESSAGES_PER_STEP, MESSAGES_PER_TURN
from tidegate.feeds.dropcopy.reports import Report
from tidegate.feeds.dropcopy.seat import NUMBERS_RESERVED
from tidegate.feeds.dropcopy.sent import Sent
from tidegate.feeds.dropcopy.state import CopyState, StateFile
from tidegate.journal import segment_positions
from tidegate.journal.storage import OsStorage
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue import controls
from tidegate.venue.controls import (
    NO_SESSION,
    AddAccount,
    AddSession,
    CancelOrder,
    DepositMoney,
    EnableAccount,
    FillOrder,
)

DAY_S = 24 * 3_600

# --- two lines ------------------------------------------------------------------------------------


def test_what_a_second_line_was_sent_is_marked_when_it_comes_again(tmp_path: Path) -> None:
    """The first line was displaced: that it is over must not hide that the second is up."""
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    first = client.link
    client.logon()
    assert room.seats[0].session.link == client.link != first
    room.save()
    client.answers = False
    room.play(100)
    sent = len(client.booked)
    assert sent
    room.die()
    client.received.clear()
    client.logon()
    room.follow()
    assert len(client.reports()) == sent
    assert {frame.get(97) for frame in client.reports()} == {"Y"}


def test_where_the_first_line_is_to_stay_the_second_is_told_so(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    room.seats[0].session.settings.duplicate_logon = 0
    client.logon()
    first = client.link
    with unwritable(room.seats[0].file.path):  # what lets nobody in waits for no disk
        client.logon("98=0|108=30|141=N")
    assert (client.received[-1].type, client.received[-1][58]) == ("5", "Session already active")
    assert client.cut
    assert room.seats[0].session.link == first
    assert room.seats[0].state.is_up
    room.save()
    assert room.seats[0].file.load().nonces == {"ACME": 2}


def test_a_logon_that_can_not_be_kept_leaves_the_line_up_that_it_would_displace(
    tmp_path: Path,
) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    with unwritable(room.seats[0].file.path), pytest.raises(OSError, match="directory"):
        CopyClient(room, 0, "ACME").logon()
    assert not client.cut
    room.play(100)
    assert client.booked == room.truth("ACME")
    assert client.booked


def test_a_late_answer_to_the_question_of_an_earlier_line_confirms_nothing(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.answers = False
    asked = []
    for _ in range(2):
        client.received.clear()
        client.logon()
        room.play(0 if asked else 100)
        room.follow()
        room.ask()
        asked += [frame[112] for frame in client.received if frame.type == "1"]
    assert len(set(asked)) == 2
    before = room.seats[0].state.mark
    client.send("0", f"112={asked[0]}")
    assert room.seats[0].state.mark == before
    client.send("0", f"112={asked[1]}")
    assert room.seats[0].state.mark != before


# --- files ----------------------------------------------------------------------------------------


def sealed(content: bytes) -> bytes:
    return b"%08x" % crc32(content) + content


def state_of(**changes: object) -> bytes:
    return sealed(msgspec.json.encode(msgspec.to_builtins(CopyState()) | changes))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is damaged"),
        (b"0000", "is damaged"),
        (state_of()[:-1], "is damaged"),
        (state_of().replace(b"sent", b"tens"), "is damaged"),
        (sealed(b"{}{"), "is of another version"),
        (state_of(new=1), "is of another version"),
        (state_of(format=3), "has format 3, not 2"),
    ],
)
def test_a_file_that_is_not_what_it_was_costs_repetition_alone(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    room.ask()
    room.save()
    seat = room.seats[0]
    confirmed = len(client.booked)
    seat.file.path.write_bytes(content)
    restored = seat.file.restore(room.end.sequence, room.days.now_ns, 0, room.wall_ns)
    assert reason in restored.damage
    room.die()
    client.received.clear()
    client.logon()
    room.play(50)
    again = client.reports()[:confirmed]
    assert len({frame[17] for frame in again}) == confirmed
    assert {frame.get(97) for frame in again} == {"Y"}
    assert client.booked == room.truth("ACME")


def test_no_two_sessions_share_a_file_whatever_their_names(tmp_path: Path) -> None:
    """Nor is one the file that another one is written aside to."""
    long = '"' * 64
    session_ids = [
        ("A~B", "C"), ("A", "B~C"), ("A-B", "C"), ("A", "B-C"), ("a", "b-c"), ("A/", "B"),
        ("A", "X"), ("A", "X.new"), ("..", "/"), (long, long), (long, long[1:] + "'"),
    ]  # fmt: skip
    files = [StateFile(tmp_path, session_id) for session_id in session_ids]
    for _ in range(2):
        for lines, file in enumerate(files):
            file.save(*file.content(CopyState(lines=lines)))
    assert [file.load().lines for file in files] == list(range(len(files)))
    assert len({file.path.name.lower() for file in files}) == len(files)
    assert files[0].path.name.startswith("A_B-C.")


def test_a_file_under_the_name_that_an_earlier_version_gave_it_is_not_passed_over_in_silence(
    tmp_path: Path,
) -> None:
    file = StateFile(tmp_path, ("A/B", "C"))
    file.path.parent.mkdir()
    former = file.path.with_name("A%2FB~C")
    former.write_bytes(b"")
    assert file.restore(1, 1, 0, 1).damage == f"{former} is of an earlier version"
    file.save(*file.content(CopyState(lines=7)))
    assert file.restore(1, 1, 0, 1).damage == ""


def test_a_mark_of_a_longer_log_than_there_is_begins_with_the_oldest_report(
    tmp_path: Path,
) -> None:
    """As after a restored backup of the journal."""
    room = CopyRoom(tmp_path / "a")
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(300)
    room.ask()
    room.save()
    older = CopyRoom(tmp_path / "b")
    older.play(50)
    kept = older.client("ACME", "ACME", "ACME-1")
    older.seats[0].save()
    older.seats[0].file.path.write_bytes(room.seats[0].file.path.read_bytes())
    older.die()
    kept.logon()
    assert [event.happening for event in older.desk.events][-2:] == ["begins_anew", "logon"]
    older.follow()
    assert kept.booked == older.truth("ACME")
    assert kept.booked


# --- logs -----------------------------------------------------------------------------------------


def test_damage_behind_one_reader_ends_that_one_alone(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path, days=Days(tmp_path, 1, segment_bytes_max=16 * 1024))
    late, early = room.client("ACME", "ACME", "ACME-1"), room.client("PRIME", "PRIME")
    late.logon()
    late.lose_line()
    early.logon()
    room.play(300)
    room.ask()
    room.save()
    room.die()  # what it had in memory of the log is gone
    early.logon()
    before = len(early.booked)
    base = segment_positions(OsStorage(), tmp_path / JOURNAL_DIRECTORY)[1]
    segment = tmp_path / JOURNAL_DIRECTORY / f"{base:020d}.log"
    whole = segment.read_bytes()
    segment.write_bytes(whole[:5_000] + bytes(100) + whole[5_100:])
    for _ in range(2):
        late.logon()
        room.follow()
        assert late.cut
        assert late.received[-1][58] == "Reports can not be read"
        assert "unreadable" in [event.happening for event in room.desk.events]
    room.play(50)
    assert len(early.booked) > before
    segment.write_bytes(whole)
    late.logon()
    room.follow()
    assert late.booked == room.truth("ACME")


def test_where_the_log_goes_away_under_a_reader_the_next_line_goes_on(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path, days=Days(tmp_path, 1, segment_bytes_max=16 * 1024))
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.desk.full(client.link)
    room.play(300)
    truth = list(room.truth("ACME"))
    directory = tmp_path / JOURNAL_DIRECTORY
    for base in segment_positions(OsStorage(), directory)[:2]:
        (directory / f"{base:020d}.log").unlink()
    room.desk.drained(client.link)
    room.follow()
    assert client.cut
    client.logon()
    room.follow()
    assert 0 < len(client.booked) < len(truth)
    assert list(client.booked) == truth[-len(client.booked) :]


def test_an_operators_session_that_the_file_moves_takes_no_report_along(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    acme, beta = room.client("ACME", "ACME", "ACME-1"), room.client("BETA", "BETA", "BETA-1")
    room.days.control(NO_SESSION, controls.ADD_SESSION, AddSession(session("ADDED", "ACME-1")))
    order = b"11=1\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01"
    sent_at = b"60=20261103-09:15:00.000\x01"
    room.days.send("ADDED", b"D", order + sent_at)
    room.days.end_turn()
    (first,) = room.truth("ADDED")
    settings = venue_settings()
    settings.sessions.append(session("ADDED", "BETA-1"))
    room.days.restart()
    room.days.venue.configure(settings.encode(), room.days.now_ns)
    room.days.end_turn()
    room.die()
    for client in (acme, beta):
        client.logon()
    room.follow()
    assert first in acme.booked
    assert first not in beta.booked


# --- numbers --------------------------------------------------------------------------------------


def test_numbers_go_on_without_a_leap_over_a_stop_in_good_order(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    room.ask()
    room.stop()
    used = client.expected
    assert used > 2
    client.logon("98=0|108=30|141=N")
    assert client.received[-1].number == used
    assert client.again == 0


def test_numbers_that_can_not_be_reserved_are_not_and_keep_their_reports(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    (seat,) = room.seats
    seat.state.reserved = unsent = seat.session.next_outgoing
    room.save()
    room.days.play(100)
    room.desk.end = room.end
    with unwritable(seat.file.path), pytest.raises(OSError, match="directory"):
        room.desk.step(room.days.now_ns)
    assert seat.state.reserved == seat.file.load().reserved == unsent
    client.expected += 1
    room.follow()
    assert seat.state.reserved == seat.file.load().reserved > unsent
    sent = {frame.number: frame[17] for frame in client.reports()}
    client.received.clear()
    client.send("2", f"7={unsent}|16=0")
    room.follow()
    again = {frame.number: frame[17] for frame in client.reports()}
    assert sent
    assert sent.items() < again.items()
    assert list(again.values()) == list(room.truth("ACME"))


def test_numbers_that_began_anew_do_not_leap_to_where_they_were(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    room.seats[0].state.reserved = room.seats[0].session.next_outgoing = 5_000_000
    client.logon()
    room.save()
    room.die()
    assert room.seats[0].session.next_outgoing == NUMBERS_RESERVED


def test_a_rollover_that_the_process_has_not_seen_begins_numbers_anew(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(100)
    room.desk.link_down(0, client.link, room.days.now_ns)
    room.save()
    room.die()
    assert room.seats[0].session.next_outgoing == NUMBERS_RESERVED
    room.days.now_ns += DAY_S * NS_PER_S
    room.days.venue.tick(room.days.now_ns)
    room.days.now_ns += 60 * NS_PER_S
    room.days.venue.tick(room.days.now_ns)
    room.days.end_turn()
    room.die()
    client.number = client.expected = 1
    client.received.clear()
    client.logon("98=0|108=30|141=N")
    assert [frame.number for frame in client.received] == [1]
    room.follow()
    assert client.booked == room.truth("ACME")


def test_a_rollover_that_is_planned_anew_resets_nothing(tmp_path: Path) -> None:
    file = CopyRoom(tmp_path).client("ACME", "ACME", "ACME-1").room.seats[0].file
    state = CopyState(reserved=500, rollover_ns=100)
    for time_ns, next_ns, reserved in ((99, 300, 500), (100, 100, 500), (100, 300, 1)):
        file.save(*file.content(state))
        assert file.restore(1, time_ns, next_ns, 1).state.reserved == reserved


def test_the_newest_numbers_are_kept_and_the_oldest_are_not() -> None:
    sent = Sent(1, kept_max=3)
    for number in range(1, 8):
        report = None if number % 2 else Report(number * 100, 1, number, 0, b"")
        sent.add(report, number, poss_resend=number == 6)
    found = {number: sent.report(number) for number in range(9)}
    assert [number for number, kept in found.items() if kept is not None] == [4, 6]
    six = found[6]
    assert six is not None
    assert (six.position, six.place, six.time_ns, six.poss_resend) == (600, 6, 6, True)
    first = sent.first_report(1)
    assert first is not None
    assert first.position == 400
    assert sent.first_report(7) is None


# --- what it is sent and says ---------------------------------------------------------------------


def test_many_that_are_behind_take_turns(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    clients = [room.client(f"ACME-{n}", "ACME", "ACME-1") for n in range(20)]
    room.days.play(1_200)
    truth = room.truth("ACME")
    assert len(clients) * len(truth) > MESSAGES_PER_STEP
    for client in clients:
        client.logon()
    room.desk.end = room.end
    assert room.desk.step(room.days.now_ns)
    room.deliver()
    told = [len(client.booked) for client in clients]
    assert sum(told) <= MESSAGES_PER_STEP + MESSAGES_PER_TURN
    assert told[-1] == 0
    room.desk.step(room.days.now_ns)
    room.deliver()
    assert clients[-1].booked, "who had nothing is first"
    room.follow()
    for client in clients:
        assert client.booked == truth


def test_who_comes_later_gets_what_is_in_memory_with_the_time_of_now(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    first, second = room.client("ONE", "ACME", "ACME-1"), room.client("TWO", "ACME")
    first.logon()
    room.play(40)
    room.days.now_ns += 5 * NS_PER_S
    second.logon()
    room.follow()
    assert second.booked == first.booked
    now = utc_timestamp(room.days.now_ns).decode()
    assert {frame[52] for frame in second.reports()} == {now}
    assert now not in {frame[52] for frame in first.reports()}


def test_what_was_confirmed_in_the_middle_of_a_turn_does_not_come_again(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    for number in range(1, MESSAGES_PER_TURN + 50):
        body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01" % number
        sent_at = b"60=%s\x01" % utc_timestamp(room.days.now_ns)
        room.days.send("ACME", b"D", body + sent_at)
    room.days.end_turn()
    room.desk.end = room.end
    room.desk.step(room.days.now_ns)
    room.deliver()
    assert len(client.booked) == MESSAGES_PER_TURN
    room.desk.ask_all(room.days.now_ns)
    room.deliver()
    client.lose_line()
    client.received.clear()
    client.logon()
    room.follow()
    assert client.again == 0
    assert len(client.reports()) == 49
    assert client.booked == room.truth("ACME")


def test_the_whole_header_of_fix_44_is_taken(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    wide = "50=desk|57=x|115=A|116=B|128=C|129=D|142=E|143=F|144=G|145=H|347=UTF-8|369=7"
    hops = "627=2|628=P|629=20261103-09:15:00.000|628=Q|630=4"
    custom = "5026=Y|9001=app|9002=1.0|95=3|96=abc|383=8192|384=2|372=8|385=R|372=0|385=S"
    client.logon(f"{wide}|{hops}|98=0|108=30|141=Y|{custom}")
    assert client.received[-1].type == "A"
    client.send("1", f"{wide}|{hops}|112=wide")
    assert (client.received[-1].type, client.received[-1][112]) == ("0", "wide")
    client.send("1", "112=late|57=x")
    assert (client.received[-1].type, client.received[-1][373]) == ("3", "14")
    client.send("1", "112=unknown|9001=x")
    assert (client.received[-1].type, client.received[-1][373]) == ("3", "3")
    client.send("2", f"{wide}|7=1|16=0")
    room.follow()
    assert client.received[-1].type == "4"


# --- whatever ends an order -----------------------------------------------------------------------


def test_whoever_or_whatever_ends_an_order_it_is_told(tmp_path: Path) -> None:
    """Operators, time, a mass cancel, a lost line, a disabled account: of an account that is added
    meanwhile, too."""
    room = CopyRoom(tmp_path)
    of_account, of_firm = room.client("ONE", "ACME", "ACME-1"), room.client("ALL", "ACME")
    for client in (of_account, of_firm):
        client.logon()
    days, venue = room.days, room.days.venue
    days.control(NO_SESSION, controls.ADD_ACCOUNT, AddAccount(account("ACME-9", balances={})))
    days.control(NO_SESSION, controls.ADD_SESSION, AddSession(session("NINE", "ACME-9")))
    days.control(NO_SESSION, controls.DEPOSIT_MONEY, DepositMoney("ACME-9", "USD", 10**16))
    days.end_turn()

    def open_orders(name: str, count: int, more: bytes = b"59=1\x01") -> list[Order]:
        for _ in range(count):
            days.now_ns += NS_PER_S
            body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0144=1000\x0138=0.1\x01" % (
                days.now_ns // NS_PER_S
            )
            sent_at = b"60=%s\x01" % utc_timestamp(days.now_ns)
            days.send(name, b"D", body + more + sent_at)
        index = venue.directory.session_index(name.encode(), b"KRAKEN-TRD")
        return venue.engine.session_orders(index)[-count:]

    for name, owner in (("ACME", "ACME-1"), ("NINE", "ACME-9")):
        filled, cancelled = open_orders(name, 2)
        days.control(NO_SESSION, controls.FILL_ORDER, FillOrder(filled.order_id, 10))
        days.control(NO_SESSION, controls.CANCEL_ORDER, CancelOrder(cancelled.order_id))
        expire_ns = days.now_ns + 90 * NS_PER_S
        open_orders(name, 1, b"59=6\x01126=%s\x01" % utc_timestamp(expire_ns))
        days.now_ns = expire_ns
        venue.tick(days.now_ns)
        open_orders(name, 2)
        mass = b"11=%d\x01530=6\x0160=%s\x01" % (10**9, utc_timestamp(days.now_ns))
        days.send(name, b"q", mass)
        (order,) = open_orders(name, 1)
        venue.link_down(order.session, venue.sessions[order.session].link, days.now_ns)
        open_orders(name, 1)
        days.control(NO_SESSION, controls.ENABLE_ACCOUNT, EnableAccount(owner, on=False))
        days.end_turn()
        room.follow()
    truth = room.truth("ACME")
    kinds = Counter(dict(fields)[150] for fields in truth.values())
    assert kinds == {"0": 7, "F": 1, "4": 6, "C": 1}
    assert of_account.booked == truth
    assert of_firm.booked == room.truth("ACME", "NINE")
    assert len(of_firm.booked) == 2 * len(truth)
