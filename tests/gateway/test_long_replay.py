"""A resend of a long day, in a data directory that has seen days before it.

The history is written by the core and the journal alone, from a clock that is given; everything
after that is a venue in a process of its own, and sockets. 300,000 messages with the compiled core;
with the interpreted one a third of that, for the same time.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.app.venue import Venue
from tests.peers.socket_peer import Peer, framed
from tidegate.config import load
from tidegate.journal import SEGMENT_BYTES_MAX, Journal, OsStorage
from tidegate.model.build import COMPILED
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.provision import data_directory
from tidegate.recovery import JOURNAL_DIRECTORY, Snapshots, snapshot_body
from tidegate.venue.machine import Venue as Machine

MESSAGES = 300_000 if COMPILED else 100_000
MESSAGES_OF_EARLIER_DAYS = 2_000
EARLIER_DAYS = 2
ADMIN_EVERY = 50  # one of so many is a Heartbeat, which a resend leaves out
FRAMES_PER_TURN = 100
GROWTH_BYTES_MAX = 8_000_000  # of the venue while it sends all of it again
ROUND_TRIP_S_MAX = 0.25
SECRET = "bm9ib2R5IGtub3dzIHRoaXMgc2VjcmV0"
DAY_S = 86_400

# What a resent message says: its type and number, and the ClOrdID it answers or the number it
# skips to.
_SAID = re.compile(
    rb"\x0135=(j|4)\x0134=(\d+)\x01(?:(?!8=FIX)[^\n])*?\x01(?:379|36)=(\d+)\x01", re.DOTALL
)
_FRAME = b"8=FIX.4.4\x019="


def config(now_s: float) -> str:
    """The last rollover was half a day ago, the next one is as far away."""
    hour = (int(now_s) // 3600 + 12) % 24
    firms = "".join(
        f'[[firm]]\nname = "{name}"\n[[firm.account]]\nid = "{name}-1"\n'
        f'balances = {{ USD = "1000000" }}\n[[firm.key]]\nname = "{name}-key"\n'
        f'secret = "{SECRET}"\n[[firm.session]]\nsender_comp_id = "{name}"\n'
        for name in ("LONG", "OTHER")
    )
    return f"""
[venue]
rollover_at = "{hour:02}:00:00"
[rates]
default_tier = "none"
[session_defaults]
errors_per_second_max = 1000000
{firms}"""


class _NoSecrets:
    """The configuration names every secret."""

    def key(self, account: str) -> tuple[str, bytes]:
        raise AssertionError(account)

    def secret(self, name: str) -> bytes:
        raise AssertionError(name)


class Author:
    """Writes the history of session LONG: questions about orders that never were, each refused
    with a message of its own, and now and then a TestRequest."""

    def __init__(self, data: Path, config_text: str, time_ns: int) -> None:
        self._venue = Machine()
        self._snapshots = Snapshots(data)
        self._journal = Journal.open(
            data_directory(data) / JOURNAL_DIRECTORY,
            storage=OsStorage(),
            segment_bytes_max=SEGMENT_BYTES_MAX,
            durability="process",
        )
        self._time_ns = time_ns
        self._link = 0
        self.next_out = 1
        self._venue.configure(load(config_text, _NoSecrets()).settings.encode(), time_ns)
        self._venue.start(time_ns)
        self._turn()

    def _turn(self) -> None:
        records = self._venue.turn_records
        if records:
            self._venue.commit(self._journal.append(self._venue.take_turn(), records))
            self._venue.refusals.clear()
            self._venue.session_notes.clear()

    def _message(self, msg_type: str, fields: str) -> bytes:
        sent = utc_timestamp(self._time_ns).decode()
        body = f"35={msg_type}|34={self.next_out}|49=LONG|56=KRAKEN-TRD|52={sent}|{fields}|"
        self.next_out += 1
        return framed(body.replace("|", "\x01").encode())

    def log_on(self) -> None:
        self._link += 1
        self.next_out = 1
        frame = self._message("A", "98=0|108=300|141=Y")
        self._venue.logon(0, self._link, b"LONG-key", 0, frame, self._time_ns)
        self._turn()

    def ask(self, count: int, until_ns: int) -> None:
        """So many messages, evenly until a time."""
        step_ns = (until_ns - self._time_ns) // (count // FRAMES_PER_TURN)
        for _ in range(count // FRAMES_PER_TURN):
            self._venue.frames(0, self._link, list(self._questions()), self._time_ns)
            self._turn()
            # Short of the next one, so that nobody is thought dead for the hours between.
            self._time_ns += step_ns

    def _questions(self) -> Iterator[bytes]:
        for _ in range(FRAMES_PER_TURN):
            if self.next_out % ADMIN_EVERY == 0:
                yield self._message("1", "112=there")
            else:
                yield self._message("H", f"11={self.next_out}|37=O-NONE|55=BTC/USD")

    def pass_rollover(self, seconds: int) -> None:
        """Ticks over the end of a day."""
        for _ in range(seconds):
            self._time_ns += NS_PER_S
            self._venue.tick(self._time_ns)
            self._turn()

    def close(self) -> int:
        """A snapshot, as the end of a process takes one; the last number the venue has used."""
        self._venue.link_down(0, self._link, self._time_ns)
        self._turn()
        self._snapshots.write(
            self._journal, snapshot_body(self._venue), self._journal.tail_position,
            self._journal.next_sequence,
        )  # fmt: skip
        self._journal.close()
        return self._venue.histories[0].last_number


@dataclass
class Past:
    """A running venue with a history. `last` is the number of its last message before."""

    venue: Venue
    last: int
    next_out: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    data = tmp_path_factory.mktemp("long") / "data"
    now_s = int(time.time())
    text = config(now_s)
    last_rollover_s = (now_s // 3600 - 12) * 3600
    start_s = last_rollover_s - EARLIER_DAYS * DAY_S + 3600
    author = Author(data, text, start_s * NS_PER_S)
    for day in range(EARLIER_DAYS, 0, -1):
        author.log_on()
        end_s = last_rollover_s - (day - 1) * DAY_S
        author.ask(MESSAGES_OF_EARLIER_DAYS, (end_s - 10) * NS_PER_S)
        author.pass_rollover(120)
    author.log_on()
    author.ask(MESSAGES, (now_s - 60) * NS_PER_S)
    next_out = author.next_out
    last = author.close()
    with Venue(data, config=text) as venue:
        yield Past(venue, last, next_out)
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


@contextmanager
def logged_on(past: Past) -> Iterator[Peer]:
    with past.venue.peer("LONG", next_out=past.next_out) as peer:
        assert peer.logon("98=0|108=300").type == "A"
        yield peer
        past.next_out = peer.next_out


def is_admin(number: int) -> bool:
    """Message n answers request n; the first is the Logon."""
    return number == 1 or number % ADMIN_EVERY == 0


def expected(begin: int, end: int) -> list[tuple[bytes, int, int]]:
    """What a resend of a range says: each refusal with its ClOrdID, each Heartbeat skipped."""
    return [
        (b"4", number, number + 1) if is_admin(number) else (b"j", number, number)
        for number in range(begin, end + 1)
    ]


class Resend:
    """Reads the answer to a ResendRequest, as it comes."""

    def __init__(self, peer: Peer, begin: int, end: int) -> None:
        self._peer = peer
        self._data = b""
        self._end = end
        self.said: list[tuple[bytes, int, int]] = []
        peer.send("2", f"7={begin}|16={end if end else 0}")

    def read(self) -> None:
        self._data += self._peer.socket.recv(1 << 18)
        whole_to = self._data.rfind(_FRAME)
        # The last frame may be cut; it stands alone once the next has come, or it ends the range.
        if self._data.endswith(b"\x01") and re.search(rb"\x0110=\d{3}\x01$", self._data):
            whole_to = len(self._data)
        for match in _SAID.finditer(self._data, 0, whole_to):
            self.said.append((match[1], int(match[2]), int(match[3])))
        self._data = self._data[whole_to:]

    def is_complete(self, last: int) -> bool:
        if not self.said:
            return False
        kind, number, value = self.said[-1]
        return (value - 1 if kind == b"4" else number) >= last


def test_everything_again_in_bounded_memory_while_others_trade(
    past: Past, record_property: Callable[[str, object], None]
) -> None:
    with logged_on(past) as long, past.venue.peer("OTHER") as other:
        assert other.logon("98=0|108=300|141=Y").type == "A"
        identifier = int(time.time() * 1e6)
        alone = sorted(other.round_trip(identifier + 2 * n) for n in range(50))
        before = past.venue.rss_bytes()
        growth = 0
        trips = []
        resend = Resend(long, 1, 0)
        while not resend.is_complete(past.last):
            resend.read()
            identifier += 1000
            trips.append(other.round_trip(identifier))
            growth = max(growth, past.venue.rss_bytes() - before)
        assert [row for row in resend.said if row[1] <= past.last][: past.last] == expected(
            1, past.last
        )
    trips.sort()
    record_property("messages", past.last)
    record_property("growth_bytes", growth)
    record_property("round_trip_alone_ms", alone[25] * 1e3)
    record_property("round_trip_meanwhile_ms", trips[len(trips) // 2] * 1e3)
    assert growth < GROWTH_BYTES_MAX < past.last * 100
    assert len(trips) > 50
    assert trips[len(trips) * 9 // 10] < ROUND_TRIP_S_MAX


def test_any_range_over_reconnects_and_another_process(past: Past) -> None:
    """On the line that has asked before, on a new one, and after a kill from another process."""
    drawn = random.Random(4)
    for restart in (False, True):
        if restart:
            past.venue.kill()
            past.venue.start()
        for _ in range(2):
            with logged_on(past) as peer:
                ranges = [(1, 1), (1, 60), (past.last, past.last), (past.last - 120, past.last)]
                ranges += [(begin, begin + drawn.randrange(200)) for begin in
                           (drawn.randrange(1, past.last - 200) for _ in range(10))]  # fmt: skip
                for begin, end in ranges:
                    resend = Resend(peer, begin, end)
                    while not resend.is_complete(end):
                        resend.read()
                    assert resend.said == expected(begin, end)
