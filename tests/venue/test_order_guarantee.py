"""The order guarantee: what a session sends reaches the engine in the order in which it was sent.

Three firms send pairs of requests of which the second refers to the first: a new order and its
cancel, an amend and the cancel of what it made. Their lines break at any moment, with messages on
their way in both directions; the venue hears of it at once, later, or only by the next Logon; and
what was on its way on an older line comes when a newer one is up. The firms' side is the same
session machine, as initiator. Whatever happens, every request is acted upon once and in its turn:
no cancel ever misses its order.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.scenario.core_venue import CoreVenue
from tests.scenario.settings import TARGET, change
from tests.session.session_harness import KeepingHost, fields
from tests.session.session_harness import split as frames_of
from tidegate.model.settings import DUPLICATE_DISPLACE
from tidegate.model.time import NS_PER_MS
from tidegate.session.machine import MessageTools, Session
from tidegate.session.states import ACTIVE, DISCONNECTED
from tidegate.venue import records
from tidegate.venue.records import read_records

PAIRS = 1_500  # of each run
LOGON = b"98=0\x01108=30\x018674=1\x01"
FIRMS = ["ACME", "BETA", "GAMMA"]
_ACKNOWLEDGED = {b"0": b"D", b"4": b"F", b"5": b"G"}


class Firm:
    """A client: its session, what lies on its line to the venue, and what it has asked for."""

    def __init__(self, name: str, core: CoreVenue, random: Random) -> None:
        self.name = name
        self.core = core
        self.random = random
        self.host = KeepingHost()
        settings = next(s for s in core.settings.sessions if s.sender_comp_id == name)
        self.session = Session(self.host, MessageTools(), 0, settings, initiator=True)
        self.label = ""
        self.lines = 0
        self.unnoticed: list[str] = []  # broken lines that the venue has not heard of
        self.late: list[tuple[str, bytes]] = []  # bytes that are still on their way on older lines
        self.asked: list[tuple[bytes, bytes]] = []  # type and ClOrdID, in the order of sending
        self.open: list[tuple[bytes, bytes]] = []  # ClOrdID and OrderID of orders known to be open
        self.last_cl_ord_id = 0

    # --- what the firm does ----------------------------------------------------------------------

    def new_and_cancel(self) -> None:
        """The cancel goes out before anything is known of the order."""
        cl_ord_id = self._send(b"D", b"40=2\x0144=84000\x0138=0.001\x0159=1\x01")
        if self.random.random() < 0.2:  # to be amended later
            return
        self._send(b"F", b"41=%s\x01" % cl_ord_id)

    def amend_and_cancel(self) -> None:
        """The cancel refers to the ClOrdID of an amend of which nothing is known."""
        if not self.open:
            return
        cl_ord_id, order_id = self.open.pop(self.random.randrange(len(self.open)))
        body = b"41=%s\x0137=%s\x0140=2\x0144=83000\x0138=0.002\x0159=1\x01"
        amended = self._send(b"G", body % (cl_ord_id, order_id))
        self._send(b"F", b"41=%s\x01" % amended)

    def _send(self, msg_type: bytes, body: bytes) -> bytes:
        self.last_cl_ord_id += 1
        cl_ord_id = b"%d" % self.last_cl_ord_id
        self.session.begin(msg_type, self.core.now_ns).raw(
            b"11=%s\x0154=1\x0155=BTC/USD\x0160=20261103-09:15:00\x01" % cl_ord_id + body
        )
        self.session.finish(self.core.now_ns)
        self.asked.append((msg_type, cl_ord_id))
        return cl_ord_id

    # --- the line --------------------------------------------------------------------------------

    def connect(self) -> None:
        assert self.session.state == DISCONNECTED
        self.lines += 1
        self.label = f"{self.name}:{self.lines}"
        self.core.connect(self.label)
        self.session.connect(self.lines, LOGON, 30, self.core.now_ns)

    def deliver(self, count: int) -> None:
        """Some of what lies on the line arrives at the venue."""
        for _ in range(min(count, len(self.host.wire))):
            if self.session.state == DISCONNECTED or self.core.is_cut(self.label):
                return
            self.core.send(self.label, self.host.wire.popleft())

    def read(self, count: int) -> None:
        """Some of what the venue has written arrives at the firm."""
        for _ in range(count):
            if self.session.state == DISCONNECTED:
                return
            frame = self.core.receive(self.label)
            if frame is None:
                if self.core.is_cut(self.label):
                    self.lose_line(noticed=True)
                return
            self._note(frame)
            self.session.receive(frame, self.core.now_ns)

    def _note(self, frame: bytes) -> None:
        """Orders that were left to be amended become known by their New report."""
        report = fields(frame)
        if report[35] != b"8" or report[150] != b"0" or report.get(43) == b"Y":
            return
        place = self.asked.index((b"D", report[11]))
        if place + 1 == len(self.asked) or self.asked[place + 1][0] != b"F":
            self.open.append((report[11], report[37]))

    def lose_line(self, *, noticed: bool) -> None:
        self.late += [(self.label, frame) for frame in self.host.wire]
        self.host.wire.clear()
        self.session.link_lost(self.core.now_ns)
        if noticed:
            self.core.cut(self.label)
        else:
            self.unnoticed.append(self.label)

    def old_line_speaks(self) -> None:
        """Late bytes of an older line, while a newer one is up: not even recorded."""
        core = self.core
        index = core.venue.directory.session_index(self.name.encode(), TARGET.encode())
        link = core.venue.sessions[index].link
        for label, frame in self.late:
            line = core.lines[label]
            if line.session >= 0 and line.number != link:
                before = len(core.log)
                core.venue.frames(line.session, line.number, frames_of(frame), core.now_ns)
                core.venue.link_down(line.session, line.number, core.now_ns)
                assert core.venue.turn_records == 0
                assert len(core.log) == before
        self.late.clear()

    def venue_notices(self) -> None:
        for label in self.unnoticed:
            self.core.cut(label)
        self.unnoticed.clear()


def play(firm: Firm, random: Random) -> None:
    """One step of one firm."""
    choice = random.random()
    if choice < 0.30:
        firm.new_and_cancel()
    elif choice < 0.40:
        firm.amend_and_cancel()
    elif choice < 0.65:
        firm.deliver(random.randrange(1, 6))
    elif choice < 0.90:
        firm.read(random.randrange(1, 12))
    elif choice < 0.93:
        firm.old_line_speaks()
    elif choice < 0.95:
        firm.venue_notices()
    elif choice < 0.97 and firm.session.state != DISCONNECTED:
        firm.lose_line(noticed=random.random() < 0.4)
    elif firm.session.state == DISCONNECTED:
        firm.connect()


def settle(firm: Firm) -> None:
    """The line holds from here on."""
    for _ in range(20):
        if firm.session.state == DISCONNECTED:
            firm.venue_notices()
            firm.connect()
        firm.deliver(10**6)
        firm.read(10**6)
        if (
            firm.session.state == ACTIVE
            and not firm.host.wire
            and not firm.core.lines[firm.label].inbox
        ):
            return
    raise AssertionError("never settled")


def acknowledged(core: CoreVenue, index: int) -> list[tuple[bytes, bytes]]:
    """What the engine did for a session, in order, out of the journal."""
    done: list[tuple[bytes, bytes]] = []
    for payload, _ in core.turns:
        for record in read_records(payload):
            if record.kind != records.SENT or record.session != index:
                continue
            report = fields(record.data)
            assert report[35] not in (b"3", b"j"), record.data
            if report[35] == b"8":
                done.append((_ACKNOWLEDGED[report[150]], report[11]))
    return done


@pytest.mark.parametrize("seed", range(4))
def test_requests_reach_the_engine_once_and_in_the_order_in_which_they_were_sent(
    seed: int,
) -> None:
    random = Random(seed)
    core = CoreVenue()
    change(core.settings, "account", "GAMMA-1 USD=1000000")
    change(core.settings, "session", "GAMMA account=GAMMA-1")
    for session in core.settings.sessions:
        session.duplicate_logon = DUPLICATE_DISPLACE
    firms = [Firm(name, core, random) for name in FIRMS]
    for firm in firms:
        firm.connect()
    while sum(len(firm.asked) for firm in firms) < 2 * PAIRS:
        play(random.choice(firms), random)
        core.now_ns += NS_PER_MS // 10
    for firm in firms:
        settle(firm)
        index = core.venue.directory.session_index(firm.name.encode(), TARGET.encode())
        assert acknowledged(core, index) == firm.asked
        assert firm.lines > 10, "too few breaks to prove anything"
