"""Hosts for session machines: one that keeps what is sent, and two joined by a line that breaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tests.scenario.settings import session as session_settings
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.time import NS_PER_S, parse_utc_timestamp, utc_timestamp
from tidegate.session.host import SessionHost
from tidegate.session.machine import MessageTools, Session
from tidegate.session.resend import Sweep
from tidegate.session.states import ACTIVE, DISCONNECTED, STATE_NAMES
from tidegate.wire import tags
from tidegate.wire.message import Message
from tidegate.wire.render import frame_of

START_NS = parse_utc_timestamp(b"20261103-09:15:00.000")


def fields(frame: bytes) -> dict[int, bytes]:
    """The fields of a frame; of a tag that stands twice, the last."""
    pairs = (part.partition(b"=") for part in frame.split(b"\x01") if part)
    return {int(tag): value for tag, _, value in pairs}


class KeepingHost(SessionHost):
    """Keeps what a session sends, checks that numbers rise one by one, and notes what it is told.
    What it would transmit lies in `wire`."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []  # message n is at n - 1
        self.wire: deque[bytes] = deque()
        self.delivered: list[bytes] = []
        self.rejections: list[bytes] = []
        self.ends: list[tuple[bytes, bool]] = []
        self.established_count = 0
        self.on_reset: Callable[[], None] = lambda: None

    def send(self, session: Session, number: int, frame: bytes) -> None:
        assert number == len(self.stored) + 1
        assert fields(frame)[tags.MSG_SEQ_NUM] == b"%d" % number
        self.stored.append(frame)
        if session.link:
            self.wire.append(frame)

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        assert session.link
        assert 1 <= begin <= end <= len(self.stored)
        sweep = Sweep(session.comp_ids, begin, end)
        time = utc_timestamp(time_ns)
        for number in range(begin, end + 1):
            self.wire.extend(split(sweep.step(self.stored[number - 1], time)))
        self.wire.extend(split(sweep.finish(time)))

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        if message.get(tags.MSG_TYPE) not in (b"0", b"3"):  # an initiator is told of these too
            self.delivered.append(message.get(tags.CL_ORD_ID) or message.get(tags.TEXT))

    def rejected(self, session: Session, rule: bytes, text: bytes) -> None:
        self.rejections.append(rule)

    def established(self, session: Session, time_ns: int) -> None:
        self.established_count += 1

    def was_reset(self, session: Session) -> None:
        self.stored = []
        self.on_reset()

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        assert session.state == DISCONNECTED
        assert session.link == 0
        assert link > 0
        self.ends.append((reason, orderly))


def split(data: bytes) -> list[bytes]:
    """Whole frames that stand one behind the other."""
    frames = [b"8=FIX" + piece for piece in data.split(b"8=FIX") if piece]
    assert b"".join(frames) == data
    return frames


def acceptor(host: SessionHost) -> Session:
    return Session(host, MessageTools(), 0, session_settings("ACME", "ACME-1"), initiator=False)


def initiator(host: SessionHost) -> Session:
    return Session(host, MessageTools(), 0, session_settings("ACME", "ACME-1"), initiator=True)


def client_frame(msg_type: bytes, number: int, body: bytes, time_ns: int = START_NS) -> bytes:
    """A message of the client ACME."""
    return frame_of(
        b"35=%s\x0134=%d\x0149=ACME\x0156=KRAKEN-TRD\x0152=%s\x01%s"
        % (msg_type, number, utc_timestamp(time_ns), body)
    )


def logged_on(host: KeepingHost) -> Session:
    """An acceptor that has just answered a client's first Logon."""
    session = acceptor(host)
    session.logon(1, client_frame(b"A", 1, b"98=0\x01108=30\x01"), START_NS)
    host.wire.clear()
    return session


def check_session(session: Session) -> None:
    """What holds whatever a peer does."""
    assert session.state in STATE_NAMES
    assert (session.state == DISCONNECTED) == (session.link == 0)
    assert session.next_incoming >= 1
    if session.state == DISCONNECTED:
        assert not session.gap.held
        assert session.gap.until == 0


class Pair:
    """An initiator and an acceptor, and the line between them. What lies in a direction's queue is
    on its way; a break of the line loses it."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.hosts = (KeepingHost(), KeepingHost())
        self.sessions = (initiator(self.hosts[0]), acceptor(self.hosts[1]))
        self.link = 0
        self.logon_seen = 0  # the newest line on which the acceptor was given the Logon
        self.sent: tuple[list[bytes], list[bytes]] = ([], [])
        self.reset_wanted = False  # until a Logon with it was answered
        self.hosts[0].on_reset = lambda: self._forget(0)
        self.hosts[1].on_reset = lambda: self._forget(1)

    def _forget(self, side: int) -> None:
        """A reset throws away what has not arrived."""
        self.sent[side][:] = self.hosts[1 - side].delivered

    @property
    def in_step(self) -> bool:
        """Logged on both ways, nothing on its way, nothing missing."""
        one, two = self.sessions
        return (
            one.state == two.state == ACTIVE
            and not any(host.wire for host in self.hosts)
            and one.next_incoming == two.next_outgoing
            and two.next_incoming == one.next_outgoing
        )

    def connect(self) -> None:
        """A new line: the initiator logs on with its numbers continued. The older one is gone."""
        self.drop()
        self.link += 1
        fields_of_logon = b"98=0\x01108=30\x01"
        if self.reset_wanted:
            self.sessions[0].reset()
            fields_of_logon += b"141=Y\x01"
        self.sessions[0].connect(self.link, fields_of_logon, 30, self.now_ns)

    def drop(self) -> None:
        """The line breaks; both sides notice."""
        for host in self.hosts:
            host.wire.clear()
        for session in self.sessions:
            session.link_lost(self.now_ns)

    def restart(self, side: int) -> None:
        """One side is a new process, with the state that was saved; its lines are gone."""
        old = self.sessions[side]
        encoder = Encoder()
        old.save(encoder)
        host = self.hosts[side]
        new = initiator(host) if side == 0 else acceptor(host)
        new.load(Decoder(encoder.value()))
        one, two = self.sessions
        self.sessions = (new, two) if side == 0 else (one, new)
        self.drop()

    def ask_again(self, side: int, times: int) -> None:
        """Requests for everything that has arrived already, one behind the other."""
        session = self.sessions[side]
        arrived = session.next_incoming - 1
        for begin in range(times if arrived else 0):
            session.begin(b"2", self.now_ns).raw(b"7=%d\x0116=0\x01" % (begin % arrived + 1))
            session.finish(self.now_ns)

    def swap(self, side: int, place: int) -> None:
        """Two messages that are on their way arrive in the other order; a Logon stays first."""
        wire = self.hosts[side].wire
        if len(wire) > place + 1:
            one, two = wire[place], wire[place + 1]
            if b"\x0135=A\x01" not in one:
                wire[place], wire[place + 1] = two, one

    def send(self, side: int) -> None:
        """An application message; without a line it waits in the history."""
        text = b"%d" % (100 + len(self.sent[side]))
        self.sent[side].append(text)
        session = self.sessions[side]
        if side == 0:
            writer = session.begin(b"F", self.now_ns)
            writer.raw(b"11=%s\x0137=O\x0154=1\x0155=BTC/USD\x01" % text)
            writer.raw(b"60=%s\x01" % utc_timestamp(self.now_ns))
        else:
            writer = session.begin(b"j", self.now_ns)
            writer.raw(b"45=1\x0158=%s\x01372=D\x01380=0\x01" % text)
        session.finish(self.now_ns)

    def deliver(self, side: int, count: int) -> None:
        """`count` messages of that side reach the other; behind the last one of a side that has
        ended, the other notices the end of the line."""
        other = self.sessions[1 - side]
        logons = self.hosts[0].established_count
        for _ in range(count):
            if not self.hosts[side].wire:
                break
            frame = self.hosts[side].wire.popleft()
            if side == 0 and self.logon_seen < self.link:
                self.logon_seen = self.link
                self.sessions[1].logon(self.link, frame, self.now_ns)
            else:
                other.receive(frame, self.now_ns)
        if not self.hosts[side].wire and not self.sessions[side].link:
            other.link_lost(self.now_ns)
        if self.hosts[0].established_count > logons:
            self.reset_wanted = False

    def tick(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S
        for session in self.sessions:
            session.tick(self.now_ns)

    def settle(self, rounds: int) -> None:
        """Reconnect where needed and carry everything over, for at most so many rounds."""
        for _ in range(rounds):
            if self.in_step:
                return
            if not self.sessions[0].link:
                self.connect()
            for side in (0, 1):
                self.deliver(side, 1_000)
        raise AssertionError("the two sides do not come into step")
