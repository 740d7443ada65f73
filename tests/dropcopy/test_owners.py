"""Whose reports are, where files and operators give sessions and accounts to others, and where the
log does not say it any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from librt.strings import BytesWriter

from tests.dropcopy.room import CopyClient, CopyRoom
from tests.history.days import Days
from tests.scenario.settings import account, session, venue_settings
from tidegate.feeds.dropcopy.holdings import Holdings
from tidegate.feeds.dropcopy.owners import ALL, ALLOCATED, NONE, Change, Owners, Reach
from tidegate.journal import segment_positions
from tidegate.journal.storage import OsStorage
from tidegate.model.settings import VenueSettings
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue import controls
from tidegate.venue.controls import NO_SESSION, AddAccount, AddSession, DepositMoney
from tidegate.venue.records import CONFIGURE, write_record


def configure(room: CopyRoom, change: Callable[[VenueSettings], None]) -> None:
    """The venue, restarted already, takes a changed file; the feeds are a new process."""
    settings = venue_settings()
    change(settings)
    room.days.venue.configure(settings.encode(), room.days.now_ns)
    room.days.end_turn()
    room.die()


def order(room: CopyRoom, sender: str) -> str:
    """Its ClOrdID (11)."""
    cl_ord_id = room.days.now_ns // 1_000_000
    body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01" % cl_ord_id
    room.days.now_ns += 1_000_000
    room.days.send(sender, b"D", body + b"60=20261103-09:15:00.000\x01")
    room.days.end_turn()
    return str(cl_ord_id)


def take_away(room: CopyRoom) -> None:
    """Operators move the older segments."""
    directory = room.data / JOURNAL_DIRECTORY
    bases = segment_positions(OsStorage(), directory)
    assert len(bases) > 3
    for base in bases[:2]:
        (directory / f"{base:020d}.log").unlink()


def begin(room: CopyRoom, *clients: CopyClient) -> None:
    for client in clients:
        client.logon()
    room.follow()


def move_acme_1(settings: VenueSettings) -> None:
    settings.accounts[0].firm = "BETA"


@pytest.mark.parametrize("of", ["", "ACME-1"])
def test_an_account_that_moves_to_another_firm_takes_no_report_along(
    tmp_path: Path, of: str
) -> None:
    """Neither those that nobody has read yet, nor those behind a mark of then."""
    room = CopyRoom(tmp_path)
    never, early = room.client("NEVER", "ACME", of), room.client("EARLY", "ACME", of)
    beta, again = room.client("NEW", "BETA", of), room.client("AGAIN", "ACME", of)
    early.logon()
    room.play(60)
    room.ask()
    early.lose_line()
    room.save()
    assert early.booked
    room.play(60)
    room.days.restart()  # which ends orders of lost lines
    old = room.truth("ACME")
    assert len(old) > len(early.booked)
    configure(room, move_acme_1)
    room.play(60)
    moved = room.truth("ACME").keys() - old.keys()
    assert moved
    begin(room, never, early, beta)
    assert never.booked == early.booked == old
    assert beta.booked.keys() == (room.truth("BETA").keys() if not of else set()) | moved
    room.days.restart()
    before = room.truth("ACME").keys()
    configure(room, lambda settings: None)
    begin(room, again, never, beta)
    room.play(60)
    back = room.truth("ACME").keys() - before
    assert back
    assert never.booked.keys() == again.booked.keys() == old.keys() | back
    assert not back & beta.booked.keys()


def test_a_sub_account_that_moves_to_another_parent_leaves_its_reports_where_they_were(
    tmp_path: Path,
) -> None:
    """As operators do: an account that the file has dropped is added with another parent."""
    room = CopyRoom(tmp_path)
    prime, other = room.client("ONE", "PRIME", "PRIME-1"), room.client("TWO", "PRIME", "PRIME-2")
    own = room.client("SUB", "PRIME", "PRIME-1-A")
    room.play(150)
    room.days.restart()
    named = room.truth("PRIME", alloc="PRIME-1-A")
    assert named

    def drop(settings: VenueSettings) -> None:
        settings.accounts = [one for one in settings.accounts if one.account != "PRIME-1-A"]
        settings.accounts.append(account("PRIME-2", balances={}))

    configure(room, drop)
    moved = account("PRIME-1-A", "PRIME-2", balances={})
    room.days.control(NO_SESSION, controls.ADD_ACCOUNT, AddAccount(moved))
    room.days.control(NO_SESSION, controls.ADD_SESSION, AddSession(session("DIRECT", "PRIME-1-A")))
    order(room, "DIRECT")
    begin(room, prime, other, own)
    direct = room.truth("DIRECT").keys()
    assert direct
    assert prime.booked == room.truth("PRIME")
    assert other.booked.keys() == direct
    assert own.booked.keys() == named.keys() | direct


def test_where_the_log_does_not_say_whose_reports_are_they_are_nobodys_and_that_is_told(
    tmp_path: Path,
) -> None:
    """As soon as it says so again, they are told; what a mark knows of then is not forgotten."""
    days = Days(tmp_path, 1, segment_bytes_max=16 * 1024)
    room = CopyRoom(tmp_path, days=days)
    known = room.client("KNOWN", "ACME", "ACME-1")
    acme, beta = room.client("ACME", "ACME", "ACME-1"), room.client("BETA", "BETA", "BETA-1")
    known.logon()
    room.play(300)
    room.ask()
    known.lose_line()
    room.save()
    room.play(50)
    room.days.restart()
    old = room.truth("ACME").keys() | room.truth("BETA").keys()

    def give(settings: VenueSettings) -> None:
        settings.sessions[0] = session("ACME", "BETA-1")

    configure(room, give)
    room.play(50)
    new = (room.truth("ACME").keys() | room.truth("BETA").keys()) - old
    known_before = set(known.booked)
    take_away(room)
    begin(room, known, acme, beta)
    told = [(event.index, event.reason) for event in room.desk.events if event.reason]
    assert [seat for seat, _ in told] == [1, 2]
    assert all("left out until the log says it again" in reason for _, reason in told)
    assert acme.booked == {}
    assert beta.booked.keys() == new
    assert known_before < known.booked.keys() <= old


@pytest.mark.parametrize("last", ["order", "session", "account"])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_made_behind_the_start_of_the_process_comes_though_the_log_does_not_say_whose_it_is(
    tmp_path: Path, is_there: bool, last: str
) -> None:
    """Whether somebody has read up to there before, or reads it with what is nobody's, and
    whatever the last record before it was."""
    days = Days(tmp_path, 1, segment_bytes_max=16 * 1024)
    room = CopyRoom(tmp_path, days=days)
    firm, account_alone = room.client("FIRM", "ACME"), room.client("ACCOUNT", "ACME", "ACME-1")
    room.play(300)
    order(room, "ACME")
    order(room, "BETA")
    if last == "session":
        days.control(NO_SESSION, controls.ADD_SESSION, AddSession(session("LATE", "BETA-1")))
    elif last == "account":
        days.control(NO_SESSION, controls.ADD_ACCOUNT, AddAccount(account("BETA-2", balances={})))
    days.end_turn()
    room.die()
    take_away(room)
    if is_there:
        begin(room, firm, account_alone)
    new = []
    for _ in range(3):
        new.append(order(room, "ACME"))
        order(room, "BETA")
    if is_there:
        room.follow()
    else:
        begin(room, firm, account_alone)
    told = [(event.index, event.reason) for event in room.desk.events if event.reason]
    assert [seat for seat, _ in told] == [0, 1]
    assert all("left out until the log says it again" in reason for _, reason in told)
    for client in (firm, account_alone):
        assert [report[11] for report in client.reports()] == new


def test_what_the_process_has_seen_is_known_though_the_log_does_not_hold_it(
    tmp_path: Path,
) -> None:
    days = Days(tmp_path, 1, segment_bytes_max=16 * 1024)
    room = CopyRoom(tmp_path, days=days)
    acme = room.client("ACME", "ACME")
    days.control(NO_SESSION, controls.ADD_ACCOUNT, AddAccount(account("ACME-2", balances={})))
    days.control(NO_SESSION, controls.ADD_SESSION, AddSession(session("LATE", "ACME-2")))
    days.control(NO_SESSION, controls.DEPOSIT_MONEY, DepositMoney("ACME-2", "USD", 10**16))
    days.end_turn()
    room.follow()
    room.play(300)
    order(room, "LATE")
    truth = list(room.truth("ACME", "LATE"))
    take_away(room)
    begin(room, acme)
    assert [event.reason for event in room.desk.events if event.reason] == []
    assert 1 < len(acme.booked) < len(truth)
    assert list(acme.booked) == truth[-len(acme.booked) :]


def test_a_drop_copy_that_the_file_gives_to_another_account_begins_with_its_reports_alone(
    tmp_path: Path,
) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("COPY", "ACME", "ACME-1")
    client.logon()
    room.play(60)
    room.ask()
    room.play(60)
    room.save()
    assert client.booked == room.truth("ACME")
    room.give("COPY", "BETA", "BETA-1")
    room.die()
    client.booked.clear()
    begin(room, client)
    assert [event.reason for event in room.desk.events if event.happening == "begins_anew"] == [
        "it was a drop copy of another account or firm before"
    ]
    assert client.booked == room.truth("BETA")
    assert client.booked
    room.play(60)
    assert client.booked == room.truth("BETA")


def test_settings_of_another_version_make_whose_reports_are_unknown(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    acme = room.client("ACME", "ACME")
    acme.logon()
    room.play(60)
    before = dict(acme.booked)
    assert before == room.truth("ACME")
    turn = BytesWriter()
    write_record(turn, CONFIGURE, room.days.now_ns, 0, 0, 0, b"?")
    room.days.journal.append(turn.getvalue(), 1)
    room.play(60)
    assert acme.booked == before
    room.days.venue.configure(venue_settings().encode(), room.days.now_ns)
    room.days.end_turn()
    room.play(60)
    assert len(room.truth("ACME")) > len(acme.booked) > len(before)


# --- the parts ------------------------------------------------------------------------------------


def test_what_a_reach_takes_follows_each_change() -> None:
    firm, one = Reach("PRIME", ""), Reach("PRIME", "P-1")
    sub = Reach("PRIME", "P-1-A")
    first = Change(1, [(0, "P-1"), (2, "P-1-A")], [("P-1", "PRIME", ""), ("P-1-A", "PRIME", "P-1")])
    held = [reach.changed(reach.nothing(), first) for reach in (firm, one, sub)]
    reaches = list(zip((firm, one, sub), held, strict=True))
    assert [[reach.of(at, n) for n in range(4)] for reach, at in reaches] == [
        [ALL, NONE, ALL, NONE],
        [ALL, NONE, ALL, NONE],
        [ALLOCATED, NONE, ALL, NONE],
    ]
    away = Change(2, [], [("P-1-A", "OTHER", "")])
    assert [reach.of(reach.changed(at, away), 2) for reach, at in reaches] == [NONE, NONE, NONE]
    assert sub.of(sub.changed(held[2], away), 0) == NONE
    lost = Change(3, [], [], forgets=True)
    for reach, at in reaches:
        assert reach.changed(at, lost) == reach.nothing()
        assert [other.knows(at) for other, _ in reaches].count(True) == 1


def test_places_are_asked_for_in_any_order_and_told_twice_without_harm() -> None:
    owners = Owners(Reach("A", ""))
    owners.begin(10, Holdings(sessions=["X"]))
    changes = [Change(at, [(0, name)], []) for at, name in ((9, "no"), (10, "Y"), (20, "Z"))]
    for change in (*changes, *changes):
        owners.change(change)
    found = {at: owners.at(at).sessions[0] for at in (25, 5, 20, 19, 10, 9, 1 << 40)}
    assert found == {25: "Z", 5: "X", 20: "Z", 19: "Y", 10: "Y", 9: "X", 1 << 40: "Z"}
    owners.begin(15, Holdings())
    assert owners.at(12).sessions == ["Y"], "what is known from earlier on stays"
    owners.begin(1, Holdings(sessions=["W"]))
    assert owners.at(30).sessions == ["W"]
