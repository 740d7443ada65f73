"""The venue without sockets: the machine, a log in memory, and lines that are lists.

What the gateway does around the machine is done here in a few lines: the first frame of a line must
be a Logon of a known session; turns go to the log, then what they ask for goes to the lines.
"""

from __future__ import annotations

from tests.scenario.controls import control_of
from tests.scenario.core_feeds import CoreFeeds, FeedLine
from tests.scenario.outgoing import fault_of
from tests.scenario.settings import TARGET, change, venue_settings
from tidegate.model.time import parse_utc_timestamp, utc_timestamp
from tidegate.session.logon import (
    FAILED_COMP_ID,
    FAILED_DISABLED,
    LogonRequest,
    logon_fault,
    read_logon,
    refusal_frame,
)
from tidegate.session.resend import Sweep
from tidegate.venue import records
from tidegate.venue.controls import NO_SESSION
from tidegate.venue.effects import ANSWER, CUT, SKIP, SWEEP, Dispatch, RefusalNote
from tidegate.venue.machine import Venue
from tidegate.venue.records import read_records, sent_length
from tidegate.wire.framing import Framer

START_NS = parse_utc_timestamp(b"20261103-09:15:00.000")
_BETWEEN_TURNS = b"-- turn --"


class _Line:
    def __init__(self) -> None:
        self.number = 0  # given at the Logon
        self.session = -1
        self.from_client = Framer()
        self.from_venue = Framer()
        self.inbox: list[bytes] = []
        self.cut = False


class CoreVenue:
    """A venue under test (see `player.VenueUnderTest`)."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.settings = venue_settings()
        self.log = b""
        self.turns: list[tuple[bytes, int]] = []  # payload and its position in the log
        self.lines: dict[str, _Line | FeedLine] = {}
        self.feeds: CoreFeeds | None = None
        self.by_link: dict[int, _Line] = {}
        self.venue = Venue()
        self.started = False
        self.refusals: list[RefusalNote] = []

    # --- what a script may do --------------------------------------------------------------------

    def given(self, kind: str, text: str) -> None:
        assert not self.started, "the venue has started"
        change(self.settings, kind, text)

    def configure(self, kind: str, text: str) -> None:
        change(self.settings, kind, text)
        self.venue.configure(self.settings.encode(), self.now_ns)
        self._turn()

    def connect(self, label: str) -> None:
        self._start()
        port = label.partition(":")[0].partition("@")[2]
        self.lines[label] = FeedLine(port) if port else _Line()
        if port and self.feeds is None:
            self.feeds = CoreFeeds(self.turns)

    def send(self, label: str, data: bytes) -> None:
        line = self.lines[label]
        if isinstance(line, FeedLine):
            assert self.feeds is not None
            self.feeds.send(line, data, self.now_ns)
            return
        for frame in line.from_client.feed(data):
            if line.cut:
                return
            if line.session < 0:
                self._first_frame(line, frame)
            else:
                self.venue.frames(line.session, line.number, [frame], self.now_ns)
            self._turn()

    def receive(self, label: str) -> bytes | None:
        """The next frame on the line, None where there is none."""
        inbox = self.lines[label].inbox
        return inbox.pop(0) if inbox else None

    def receive_now(self, label: str) -> bytes | None:
        return self.receive(label)

    def is_cut(self, label: str) -> bool:
        return self.lines[label].cut

    def cut(self, label: str) -> None:
        line = self.lines[label]
        if isinstance(line, FeedLine):
            assert self.feeds is not None
            self.feeds.cut(line, self.now_ns)
            return
        line.cut = True
        if line.session >= 0:
            self.venue.link_down(line.session, line.number, self.now_ns)
            self._turn()

    def advance(self, time_ns: int) -> None:
        """Time passes; whatever falls due on the way happens at its time."""
        self._start()
        target = self.now_ns + time_ns
        while True:
            self._tick()
            self.now_ns = min(target, max(self.venue.next_deadline_ns, self.now_ns + 1))
            if self.now_ns == target:
                break
        self._tick()

    def jump(self, time_ns: int) -> None:
        self._start()
        self.now_ns += time_ns
        self._tick()

    def log_out_all(self, text: str) -> None:
        self.venue.log_out_all(text.encode(), self.now_ns)
        self._turn()

    def control(self, session: str, words: list[str]) -> None:
        self._start()
        kind, control = control_of(words)
        directory = self.venue.directory
        index = (
            NO_SESSION
            if session == "-"
            else directory.session_index(session.encode(), TARGET.encode())
        )
        self.venue.control(kind, index, control.encode(), self.now_ns)
        self._turn()

    def restart(self, down_ns: int) -> None:
        """The process is gone, and with it every line; some time later a new one reads the log."""
        for line in self.lines.values():
            line.cut = True
        self.now_ns += down_ns
        self.feeds = None
        self.venue = self._replayed()
        self.venue.start(self.now_ns)
        self._turn()

    def balance(self, account: str, asset: str) -> tuple[int, int]:
        index = self.venue.directory.account_by_name[account.encode()].index
        ledger = self.venue.engine.ledger
        return ledger.available(index, asset), ledger.held(index, asset)

    # --- the gateway's part ----------------------------------------------------------------------

    def _start(self) -> None:
        if not self.started:
            self.started = True
            self.venue.configure(self.settings.encode(), self.now_ns)
            self.venue.start(self.now_ns)
            self._turn()

    def _first_frame(self, line: _Line, frame: bytes) -> None:
        request = read_logon(frame)
        if request is None or self.venue.logons_refused(self.now_ns):
            line.cut = True
            return
        session = self.venue.directory.session_index(request.sender_comp_id, request.target_comp_id)
        if session < 0:
            self._refuse_logon(line, request, FAILED_COMP_ID)
            return
        settings = self.venue.directory.sessions[session]
        if not settings.enabled:
            self._refuse_logon(line, request, FAILED_DISABLED)
            return
        fault = logon_fault(request, settings.heartbeat_min_s, settings.heartbeat_max_s)
        if fault:
            line.inbox.append(
                self.venue.refused_logon(session, request, fault, utc_timestamp(self.now_ns))
            )
            line.cut = True
            return
        line.session = session
        line.number = self.venue.last_link + 1
        self.by_link[line.number] = line
        self.venue.logon(session, line.number, b"KEY-%d" % session, 0, frame, self.now_ns)

    def _refuse_logon(self, line: _Line, request: LogonRequest, text: bytes) -> None:
        line.inbox.append(refusal_frame(request, 1, utc_timestamp(self.now_ns), text))
        line.cut = True

    def _tick(self) -> None:
        """Until nothing is due: the second call finds out when something is next."""
        if self.feeds is not None:
            self.feeds.tick(self.now_ns)
        while True:
            self.venue.tick(self.now_ns)
            if self.venue.turn_records == 0:
                return
            self._turn()

    def _turn(self) -> None:
        if self.venue.turn_records == 0:
            return
        payload = self.venue.take_turn()
        position = len(self.log) + len(_BETWEEN_TURNS)
        self.log += _BETWEEN_TURNS + payload
        self.turns.append((payload, position))
        if self.feeds is not None:
            self.feeds.follow(payload, position, self.now_ns)
        for dispatch in self.venue.commit(position):
            self._dispatch(dispatch)
        self.refusals += self.venue.refusals
        self.venue.refusals.clear()

    def _dispatch(self, dispatch: Dispatch) -> None:
        line = self.by_link[dispatch.link]
        if line.cut or dispatch.kind == SKIP:
            return
        data = dispatch.data
        if dispatch.kind == CUT:
            line.cut = True
            return
        if dispatch.kind == SWEEP:
            data = self._sweep(dispatch)
        frames = line.from_venue.feed(data)
        for frame in frames:
            fault = fault_of(frame)
            assert not fault, (fault, frame)
        line.inbox += frames
        assert line.from_venue.waiting_bytes == 0
        assert line.from_venue.garbled_bytes == 0
        if dispatch.kind == ANSWER:
            line.cut = True

    def _sweep(self, dispatch: Dispatch) -> bytes:
        session = self.venue.sessions[dispatch.session]
        sweep = Sweep(session.comp_ids, dispatch.first, dispatch.last)
        time = utc_timestamp(self.now_ns)
        parts = [
            sweep.step(self.stored(dispatch.session, number), time)
            for number in range(dispatch.first, dispatch.last + 1)
        ]
        return b"".join([*parts, sweep.finish(time)])

    def stored(self, session: int, number: int) -> bytes:
        """An outgoing message, read out of the log by its place in the history."""
        position = self.venue.histories[session].position(number)
        start = position + records.HEADER_BYTES
        return self.log[start : start + sent_length(self.log[position:start])]

    def _replayed(self) -> Venue:
        venue = Venue()
        for payload, position in self.turns:
            venue.replay(payload, position)
        return venue

    # --- what holds at the end of every script ---------------------------------------------------

    def verify(self) -> None:
        if not self.started:
            return
        self._verify_replay()
        self._verify_numbers()
        totals = self.venue.engine.ledger.totals()
        assert all(total == 0 for total in totals.values()), totals

    def _verify_replay(self) -> None:
        """Replay gives the same bytes (`replay` compares them) and the same state; and so does a
        snapshot of any turn with the turns behind it."""
        wanted = self.venue.save()
        venue = Venue()
        snapshots: list[bytes] = []
        for payload, position in self.turns:
            venue.replay(payload, position)
            snapshots.append(venue.save())
        assert venue.save() == wanted
        assert venue.digest() == self.venue.digest()
        assert venue.save_histories() == self.venue.save_histories()
        step = 1 + len(snapshots) // 40
        for index in range(0, len(snapshots), step):
            other = Venue()
            other.load(snapshots[index])
            assert other.save() == snapshots[index], f"snapshot behind turn {index}"
            for payload, position in self.turns[index + 1 :]:
                self._replay_without_history(other, payload, position)
            assert other.save() == wanted, f"state from the snapshot behind turn {index}"

    @staticmethod
    def _replay_without_history(venue: Venue, payload: bytes, position: int) -> None:
        """Replay behind a snapshot whose histories were not kept."""
        for record in read_records(payload):
            if record.kind < records.FIRST_OUTPUT:
                venue._apply(record)
        assert venue.take_turn() == payload, f"turn at {position}"
        venue.refusals.clear()

    def _verify_numbers(self) -> None:
        """Every session's outgoing numbers go up by one, from 1 behind each reset."""
        newest: dict[int, int] = {}
        for payload, _ in self.turns:
            for record in read_records(payload):
                if record.kind == records.RESET:
                    newest[record.session] = 0
                elif record.kind == records.SENT:
                    assert record.number == newest.get(record.session, 0) + 1
                    newest[record.session] = record.number
        for index, history in enumerate(self.venue.histories):
            assert history.last_number == newest.get(index, 0)
