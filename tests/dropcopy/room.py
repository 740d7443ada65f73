"""A venue that plays generated days, and drop-copy sessions with their clients: all in one process
and without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.history.days import START_NS, Days
from tests.peers.socket_peer import Frame, parse, take_frames
from tests.scenario.settings import session as trading_session
from tidegate.feeds.dropcopy.desk import CopyDesk
from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.options import CopyKey, CopySession
from tidegate.feeds.dropcopy.owners import Reach
from tidegate.feeds.dropcopy.reports import ReportLog
from tidegate.feeds.dropcopy.seat import CopySeat
from tidegate.feeds.dropcopy.state import StateFile
from tidegate.feeds.settings_text import settings_text
from tidegate.journal import LogFollower, OsStorage
from tidegate.model.settings import DUPLICATE_DISPLACE, SessionSettings
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.provision.files import ASIDE_SUFFIX
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue.records import SENT, read_records
from tidegate.wire.render import frame_of

TARGET = "KRAKEN-DC"


def settings_of(name: str) -> SessionSettings:
    settings = trading_session(name, "")
    settings.target_comp_id = TARGET
    settings.duplicate_logon = DUPLICATE_DISPLACE
    return settings


def copy_of(firm: str, account: str, keys: list[CopyKey]) -> CopySession:
    """A session that has its firm's name."""
    return CopySession(
        service="spot_drop_copy",
        port=4006,
        market="spot",
        firm=firm,
        account=account,
        networks=["127.0.0.0/8"],
        tls="any",
        nonce_window_ms=5_000,
        keys=keys,
        settings=settings_text(settings_of(firm)),
    )


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """A disk that does not take this file. (Permissions would not keep root from it.)"""
    aside = path.with_name(path.name + ASIDE_SUFFIX)
    aside.mkdir()
    yield
    aside.rmdir()


def fields_of(frame: Frame) -> tuple[tuple[int, str], ...]:
    """The body of a report, in order."""
    header = (8, 9, 35, 34, 49, 56, 52, 43, 122, 97, 10)
    return tuple(field for field in frame.fields if field[0] not in header)


class CopyClient:
    """Books each report once, by its ExecID (17), and answers TestRequests behind what it booked.
    `booked` outlives its deaths."""

    def __init__(self, room: CopyRoom, index: int, name: str) -> None:
        self.room = room
        self.index = index
        self.name = name
        self.booked: dict[str, tuple[tuple[int, str], ...]] = {}
        self.again = 0  # reports that came once more
        self.answers = True
        self.reads = True
        self.link = 0
        self.nonce = 0
        self.number = 1
        self.expected = 1
        self.cut = False
        self.received: list[Frame] = []
        self._unread: list[Frame] = []

    def frame(self, msg_type: str, fields: str = "", number: int = 0) -> bytes:
        sending_time = utc_timestamp(self.room.days.now_ns).decode()
        text = (
            f"35={msg_type}|34={number or self.number}|49={self.name}|56={TARGET}|"
            f"52={sending_time}|{fields}{'|' if fields else ''}"
        )
        self.number += not number
        return frame_of(text.replace("|", "\x01").encode())

    def logon(self, fields: str = "98=0|108=30|141=Y") -> None:
        if "141=Y" in fields:
            self.number = self.expected = 1
        self.cut = False
        if self.room.clients.get(self.link) is self:
            del self.room.clients[self.link]  # what comes there still is not read
        self.nonce += 1
        frame = self.frame("A", fields)
        now_ns = self.room.days.now_ns
        self.link = self.room.desk.logon(self.index, frame, self.name, self.nonce, now_ns)
        self.room.clients[self.link] = self
        self.room.deliver()

    def send(self, msg_type: str, fields: str = "") -> None:
        self.room.desk.frames(
            self.index, self.link, [self.frame(msg_type, fields)], self.room.days.now_ns
        )
        self.room.deliver()

    def lose_line(self) -> None:
        self._unread.clear()
        self.room.desk.link_down(self.index, self.link, self.room.days.now_ns)
        self.room.deliver()

    def take(self, data: bytes) -> None:
        buffer = bytearray(data)
        self._unread += take_frames(buffer)  # which verifies the checksum of each
        assert not buffer
        if self.reads:
            self.read()

    def read(self, at_most: int = 1 << 30) -> None:
        for _ in range(min(at_most, len(self._unread))):
            frame = self._unread.pop(0)
            self.received.append(frame)
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.get(43) != "Y":
            assert frame.number == self.expected, "numbers have no hole"
            self.expected = frame.number + 1
        if frame.type == "8":
            exec_id = frame[17]
            if exec_id in self.booked:
                self.again += 1
                assert self.booked[exec_id] == fields_of(frame)
                assert frame.get(97) == "Y" or frame.get(43) == "Y", "what comes again says so"
            self.booked[exec_id] = fields_of(frame)
        elif frame.type == "1" and self.answers:
            self.room.answers.append((self, self.link, frame[112]))

    def reports(self) -> list[Frame]:
        return [frame for frame in self.received if frame.type == "8"]


class CopyRoom:
    """`days` is the venue that trades. `follow` lets the desk see what there is by now."""

    def __init__(self, data: Path, seed: int = 1, days: Days | None = None) -> None:
        self.data = data
        self.days = days or Days(data, seed)
        self.clients: dict[int, CopyClient] = {}  # by link
        self.answers: list[tuple[CopyClient, int, str]] = []
        self.seats: list[CopySeat] = []
        self.wall_ns = START_NS  # of the machine
        self._wanted: list[tuple[str, str, str]] = []
        self.desk = CopyDesk()
        self._log = self._open_log()

    def _open_log(self) -> ReportLog:
        """Of one process, for all of its sessions."""
        accounts = self.days.venue.directory
        journal = self.data / JOURNAL_DIRECTORY
        return ReportLog(journal, OsStorage(), accounts, self.end.sequence)

    @property
    def end(self) -> Mark:
        sequence = self.days.journal.next_sequence
        return Mark(self.days.journal.tail_position, sequence, sequence)

    def client(self, name: str, firm: str, account: str = "") -> CopyClient:
        self._wanted.append((name, firm, account))
        self._seat(name, firm, account)
        return CopyClient(self, len(self.seats) - 1, name)

    def give(self, name: str, firm: str, account: str) -> None:
        """The file makes a session a drop copy of another account, for the next process."""
        self._wanted = [
            (name, firm, account) if wanted[0] == name else wanted for wanted in self._wanted
        ]

    def _seat(self, name: str, firm: str, account: str) -> None:
        self.desk.end = self.end
        file = StateFile(self.data, (name, TARGET))
        venue = self.days.venue
        restored = file.restore(
            self.end.sequence, self.days.now_ns, venue.rollover.at_ns, self.wall_ns
        )
        reach = Reach(firm, account)
        self.desk.add_session(settings_of(name), reach, self._log, restored.state, file)
        self.seats = self.desk.seats

    def die(self) -> None:
        """kill -9 of the process that serves drop copies; another one comes."""
        self.wall_ns += NS_PER_S
        self.desk = CopyDesk()
        self._log = self._open_log()
        self.seats = []
        self.clients.clear()
        self.answers.clear()
        for wanted in self._wanted:
            self._seat(*wanted)

    def stop(self) -> None:
        """The process ends in good order; another one comes."""
        self.desk.log_out_all(b"Venue is stopping", self.days.now_ns)
        self.deliver()
        for client in list(self.clients.values()):
            client.send("5")
        for seat in self.seats:
            seat.settle()
        self.die()

    def save(self) -> None:
        for seat in self.seats:
            if seat.dirty:
                seat.save()

    def follow(self) -> None:
        self.desk.end = self.end
        self.desk.is_settled = not self.days.venue.trading.cancels.pending
        self._log.seen.look(self.end.sequence)
        while self.desk.step(self.days.now_ns):
            self.deliver()
        self.deliver()

    def play(self, steps: int) -> None:
        self.days.play(steps)
        self.follow()

    def ask(self) -> None:
        self.desk.ask_all(self.days.now_ns)
        self.deliver()
        self.follow()

    def pass_time(self, seconds: float) -> None:
        self.days.now_ns += int(seconds * NS_PER_S)
        self.desk.tick(self.days.now_ns)
        self.deliver()

    def deliver(self) -> None:
        while self.desk.has_more or self.answers:
            for delivery in self.desk.take():
                client = self.clients.get(delivery.link)
                if client is not None and delivery.data:
                    client.take(delivery.data)
                if client is not None and delivery.cut:
                    client.cut = True
                    self.desk.link_down(client.index, delivery.link, self.days.now_ns)
            answers, self.answers = self.answers, []
            for client, link, test_req_id in answers:
                if client.link == link:
                    frame = client.frame("0", f"112={test_req_id}")
                    self.desk.frames(client.index, link, [frame], self.days.now_ns)

    def truth(self, *senders: str, alloc: str = "") -> dict[str, tuple[tuple[int, str], ...]]:
        """Every report that the trading sessions were sent, by ExecID."""
        log = LogFollower(self.data / JOURNAL_DIRECTORY, storage=OsStorage())
        found = {}
        while batches := log.read(1 << 20):
            for batch in batches:
                for record in read_records(batch.payload):
                    frame = parse(record.data) if record.kind == SENT else None
                    if frame is None or frame.type != "8" or frame[56] not in senders:
                        continue
                    if not alloc or frame.get(79) == alloc:
                        assert frame[17] not in found, "ExecIDs are unique"
                        found[frame[17]] = fields_of(frame)
        log.close()
        return found
