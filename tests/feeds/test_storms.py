"""Generated storms of every kind of order against a running venue while independent clients hold
books of every depth: each message of each of them is compared with the engine, through deaths and
restarts."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.app.venue import Venue, wait_for
from tests.feeds.clients import feeds_process, venue_with_feeds
from tests.feeds.storm import FIRMS, SYMBOLS, Storm, end, hear_out, listen_to_all
from tests.feeds.wire_truth import L2_DEPTHS, L3_DEPTHS, Line, agree
from tidegate.control.client import ask
from tidegate.feeds import status as feeds

BURSTS = 48


def test_every_message_is_the_engines_book(tmp_path: Path) -> None:
    with venue_with_feeds(tmp_path / "data", FIRMS, plain=False) as venue:
        storm = Storm(venue, seed=11)
        ears = listen_to_all(venue, "ACME", tmp_path)
        for number in range(BURSTS):
            if number == BURSTS // 2:  # somebody comes in the middle of it
                ears += listen_to_all(venue, "BETA", tmp_path)
            operate(venue, number)
            if number % 8 == 0:
                storm.deepen()
                hear_out(venue, ears)
            storm.burst()
            hear_out(venue, ears)
        storm.close()
        end(venue, ears)
        assert venue.stop() == 0
    assert "Traceback" not in venue.log_text()
    lines = [Line(ear) for ear in ears]
    told = agree(venue.data, lines)
    for what in ("A", "5", "D", "4", "F", "icebergs", "refused"):
        assert told[what] > 0, what
    assert told["trades"] > 60
    for line in lines:
        assert line.counts["full"] == len(SYMBOLS) * len(L3_DEPTHS if line.by_order else L2_DEPTHS)
        assert line.counts["book"] > 500
        assert line.counts["pushed out"] > 2
        assert line.by_order or line.counts["trades"] > 20


def operate(venue: Venue, number: int) -> None:
    """Markets change their status on the way."""
    status = {10: "post_only", 14: "limit_only", 18: "cancel_only", 20: "maintenance", 22: "online"}
    if number in status:
        ask(venue.data, "market-status", {"symbol": "ETH/USD", "status": status[number]})
    if number in (40, 44):
        ask(venue.data, "halt" if number == 40 else "resume")


def test_a_killed_venue_told_nothing_that_it_lost(tmp_path: Path) -> None:
    """kill -9 in the middle of a burst, with every batch synced to the disk: what was heard is what
    the journal holds, up to where the line broke; subscriptions are gone, and new ones begin with
    the book as it was left."""
    config = FIRMS.replace("[session_defaults]", 'durability = "disk"\n[session_defaults]')
    with venue_with_feeds(tmp_path / "data", config) as venue:
        storm = Storm(venue, seed=3)
        before = listen_to_all(venue, "ACME", tmp_path)
        storm.deepen()
        hear_out(venue, before)
        for _ in range(4):
            storm.burst()
            hear_out(venue, before)
        storm.send()
        venue.kill()
        for ear in before:
            ear.hear_to_end()
            ear.close()
        storm.close()
        venue.start()
        storm = Storm(venue, seed=4, first_id=100_000)
        after = listen_to_all(venue, "ACME", tmp_path)
        for _ in range(4):
            storm.burst()
            hear_out(venue, after)
        storm.close()
        end(venue, after)
        assert venue.stop() == 0
    lines = [Line(ear) for ear in [*before, *after]]
    agree(venue.data, lines)
    _have_heard(lines, 40)


def test_cut_lines_and_a_killed_feed_leave_no_gap_for_whoever_comes_again(tmp_path: Path) -> None:
    """Subscriptions are gone with the line, and new ones begin with the book as it is. Trading goes
    on meanwhile; the next process begins where the journal is."""
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        storm = Storm(venue, seed=8)
        before = listen_to_all(venue, "ACME", tmp_path)
        for _ in range(5):
            storm.burst()
            hear_out(venue, before)
        cut = listen_to_all(venue, "DESK", tmp_path)
        storm.burst()
        hear_out(venue, cut)
        storm.send()
        for ear in cut:
            ear.cut()
        wait_for(lambda: len(feeds.ask(venue.data)["sessions"]) == len(before))
        of_ears = len(SYMBOLS) * (len(L2_DEPTHS) + len(L3_DEPTHS))
        assert feeds.ask(venue.data)["subscriptions"] == of_ears
        storm.settle()
        before += listen_to_all(venue, "DESK", tmp_path)
        for _ in range(3):
            storm.burst()
            hear_out(venue, before)
        process = feeds_process(venue)
        storm.send()
        os.kill(process, signal.SIGKILL)
        for ear in before:
            ear.hear_to_end()
            ear.close()
        storm.burst()
        after = listen_to_all(venue, "ACME", tmp_path)
        assert feeds_process(venue) != process
        for _ in range(4):
            storm.burst()
            hear_out(venue, after)
        storm.close()
        end(venue, after)
        assert venue.stop() == 0
    lines = [Line(ear) for ear in [*cut, *before, *after]]
    agree(venue.data, lines)
    _have_heard(lines[:2], 5)
    _have_heard(lines[2:], 30)


def test_books_stay_right_where_another_configuration_changes_instruments(tmp_path: Path) -> None:
    """Orders of before stay where they are, though they would not be taken any more."""
    with venue_with_feeds(tmp_path / "data", FIRMS) as venue:
        storm = Storm(venue, seed=6)
        before = listen_to_all(venue, "ACME", tmp_path)
        storm.deepen()
        hear_out(venue, before)
        for _ in range(3):
            storm.burst()
            hear_out(venue, before)
        storm.deepen()
        storm.close()
        end(venue, before)
        assert venue.stop() == 0
        venue.configure("[venue]\nmarket_data = true\n" + FIRMS + CHANGED_INSTRUMENTS)
        venue.start()
        storm = Storm(venue, seed=7, first_id=100_000)
        after = listen_to_all(venue, "ACME", tmp_path)
        after[0].send("x", "320=changed|559=0|55=BTC/USD|263=0")
        after[0].until_heard(b"\x015022=0.5\x01")
        for _ in range(4):
            storm.burst()
            hear_out(venue, after)
        storm.close()
        end(venue, after)
        assert venue.stop() == 0
    lines = [Line(ear) for ear in [*before, *after]]
    agree(venue.data, lines)
    _have_heard(lines, 40)


CHANGED_INSTRUMENTS = """
[[instrument]]
symbol = "BTC/USD"
tick = "0.5"
qty_min = "0.02"
"""


def _have_heard(lines: list[Line], least: int) -> None:
    for line in lines:
        assert line.counts["full"] == len(SYMBOLS) * len(L3_DEPTHS if line.by_order else L2_DEPTHS)
        assert line.counts["book"] > least
