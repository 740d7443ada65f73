"""A firm's client in a process of its own: `python -m tests.torture.client SPEC`.

It trades until it is told to stop, through whatever happens to the venue and to itself: it connects
again with continued numbers, asks for what it missed, gap-fills what the venue never took. All it
knows it could read again from its ledger, and does when it is started anew.

Standard input takes `settle`, `trade` and `stop`; `settled` is answered when every request has its
answer and everything the venue had to say is in the ledger.
"""

from __future__ import annotations

import json
import random
import select
import socket
import ssl
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.peers.socket_peer import (
    Frame,
    Login,
    Nonces,
    framed,
    order_fields,
    parse,
    password,
    take_frames,
    utc_now,
)
from tests.torture.ledger import (
    CONNECTED,
    ENDED,
    RECEIVED,
    REFUSED,
    SENT,
    LedgerReader,
    LedgerWriter,
)

HEARTBEAT_S = 1
DEAD_AFTER_S = 2.0  # of silence: the client gives the line up
LOGON_WAIT_S = 1.0
RETRY_S = 0.05
WINDOW = 24  # requests without an answer
STEP_S = 0.01
OPEN_ORDERS_MAX = 150
PLAIN_ORDERS = 0.7  # of the orders; the others wait for a price or a time, or hide a part
AHEAD_S = (0.1, 4.0)  # of the times of orders
_READ_BYTES = 1 << 16

# What a logon may be refused for while the venue has not noticed the end of the last line.
EXPECTED_REFUSALS = {"Session already active"}


@dataclass(frozen=True)
class Spec:
    """`leave_orders`: whether they outlive a lost line (8674). `alloc_accounts`: a broker's."""

    login: Login
    ledger: str
    seed: int
    leave_orders: bool
    alloc_accounts: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        fields = json.loads(text)
        fields["login"] = Login(**fields["login"])
        fields["alloc_accounts"] = tuple(fields["alloc_accounts"])
        return cls(**fields)


class LineLost(Exception):
    """The session's line is gone, or is given up."""


@dataclass
class OpenOrder:
    """`is_plain`: a limit order that an amend describes with price and quantity."""

    cl_ord_id: str
    side: str
    is_plain: bool


class Knowledge:
    """What the session's messages say; the same from the line as from the ledger."""

    def __init__(self) -> None:
        self.next_out = 1
        self.seen = 0  # every message up to this number has arrived
        self.last_id = 0
        self.pending: dict[str, int] = {}  # ClOrdID of a request without an answer: its number
        self.open: dict[str, OpenOrder] = {}  # by OrderID
        self._ahead: dict[int, Frame] = {}  # arrived before what is missing

    def sent(self, frame: Frame) -> None:
        if frame.type == "4":  # what we do not send again, the venue never took
            first, end = frame.number, int(frame[36])
            self.pending = {
                key: number for key, number in self.pending.items() if not first <= number < end
            }
            return
        self.next_out = frame.number + 1
        if frame.get(11):
            self.last_id = max(self.last_id, int(frame[11]))
        if frame.type in ("D", "F", "G"):
            self.pending[frame[11]] = frame.number

    def logon_refused(self) -> None:
        """A refused Logon has used no number; it was the last that was sent."""
        self.next_out -= 1

    def received(self, frame: Frame) -> None:
        if frame.number <= self.seen:
            assert frame.get(43) == "Y", f"a number came twice: {frame.raw!r}"
            return
        self._ahead.setdefault(frame.number, frame)
        while (following := self._ahead.pop(self.seen + 1, None)) is not None:
            self._apply(following)

    def _apply(self, frame: Frame) -> None:
        self.seen = frame.number
        if frame.type == "4":
            self.seen = int(frame[36]) - 1
            for number in [n for n in self._ahead if n <= self.seen]:
                del self._ahead[number]
        elif frame.type == "8":
            self._report(frame)
        elif frame.type == "j":
            self.pending.pop(frame[379], None)
        elif frame.type == "3":
            raise AssertionError(f"a well-formed message was rejected: {frame.raw!r}")

    def _report(self, report: Frame) -> None:
        self.pending.pop(report[11], None)
        if report[39] in "24C":
            self.open.pop(report[37], None)
        elif report[150] != "I":
            is_plain = (report[40], report[59], report.get(1138)) == ("2", "1", "")
            self.open[report[37]] = OpenOrder(report[11], report[54], is_plain)

    @property
    def is_whole(self) -> bool:
        return not self._ahead


class Trader:
    """One session through all of its lines."""

    def __init__(self, spec: Spec) -> None:
        self._login = spec.login
        self._leave = spec.leave_orders
        self._alloc_accounts = spec.alloc_accounts
        self._random = random.Random(spec.seed)
        self._known = Knowledge()
        for entry in LedgerReader(Path(spec.ledger)).more():
            if entry.kind == SENT:
                self._known.sent(parse(entry.raw))
            elif entry.kind == RECEIVED:
                self._known.received(parse(entry.raw))
            elif entry.kind == REFUSED:
                self._known.logon_refused()
        self._ledger = LedgerWriter(Path(spec.ledger))
        self._trading = True
        self._stopping = False
        self._barrier = ""  # TestReqID whose echo ends a settling
        self._settling = False
        self._leaving = False  # a Logout was sent on this line
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._commands = b""
        self._lost_to = 0
        self._heard_s = 0.0
        self._spoke_s = 0.0

    # --- the process -----------------------------------------------------------------------------

    def run(self) -> None:
        while not self._stopping:
            try:
                self._connect()
                self._log_on()
                while not self._stopping:
                    self._step()
            except (OSError, LineLost):
                self._lose_line()
                self._listen(RETRY_S)
        if self._socket is not None:
            self._log_out()
        self._lose_line()

    def _listen(self, wait_s: float) -> bool:
        """Wait for the venue or for a command; whether the venue has something."""
        if self._socket is not None and isinstance(self._socket, ssl.SSLSocket):
            wait_s = 0 if self._socket.pending() else wait_s
        sources = [sys.stdin.fileno(), *([self._socket] if self._socket else [])]
        ready, _, _ = select.select(sources, [], [], wait_s)
        if sys.stdin.fileno() in ready:
            self._command()
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        return self._socket in ready or pending

    def _command(self) -> None:
        data = sys.stdin.buffer.raw.read(4096)  # type: ignore[attr-defined]
        if not data:
            self._stopping = True
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            self._trading = line == b"trade"
            self._settling = line == b"settle"
            self._barrier = ""
            self._stopping = self._stopping or line == b"stop"

    # --- the line --------------------------------------------------------------------------------

    def _connect(self) -> None:
        login = self._login
        plain = socket.create_connection((login.host, login.port), LOGON_WAIT_S)
        self._socket = plain
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if login.ca_file is not None:
            context = ssl.create_default_context(cafile=login.ca_file)
            self._socket = context.wrap_socket(plain, server_hostname=login.host)
        self._socket.settimeout(DEAD_AFTER_S)
        self._leaving = False
        self._ledger.write(CONNECTED)

    def _lose_line(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._buffer.clear()
            self._barrier = ""
            self._ledger.write(ENDED)

    def _log_on(self) -> None:
        known = self._known
        nonce = Nonces.next()
        self._lost_to = known.next_out  # what the venue has not got before our Logon is given up
        signature = password(self._login, known.next_out, nonce)
        self._send(
            "A",
            f"98=0|108={HEARTBEAT_S}|8674={int(self._leave)}"
            f"|553={self._login.api_key}|554={signature}|5025={nonce}",
        )
        deadline_s = time.monotonic() + LOGON_WAIT_S
        frames: list[Frame] = []
        while not frames:
            if self._listen(max(deadline_s - time.monotonic(), 0)):
                frames = self._read()
            elif time.monotonic() >= deadline_s or self._stopping:
                raise LineLost  # the venue may have taken it: its number is used
        answer = frames[0]
        if answer.type == "5":
            self._ledger.write(REFUSED, answer.raw)
            assert answer.get(58) in EXPECTED_REFUSALS, answer.raw
            known.logon_refused()
            raise LineLost
        assert answer.type == "A", answer.raw
        assert answer.number > known.seen, f"a number was used twice: {answer.raw!r}"
        missing = known.seen + 1
        self._take(frames)
        if answer.number > missing:
            self._send("2", f"7={missing}|16={answer.number - 1}")

    def _log_out(self) -> None:
        """An orderly end: the answer is written down, and the orders stay."""
        self._send("5")
        with suppress(LineLost):
            while True:
                self._take(self._read())

    def _send(self, msg_type: str, fields: str = "", number: int | None = None) -> bytes:
        login, known = self._login, self._known
        header = (
            f"35={msg_type}|34={known.next_out if number is None else number}"
            f"|49={login.sender_comp_id}|56={login.target_comp_id}|52={utc_now()}|"
        )
        raw = framed((header + (fields + "|" if fields else "")).replace("|", "\x01").encode())
        self._ledger.write(SENT, raw)
        known.sent(parse(raw))
        assert self._socket is not None
        self._socket.sendall(raw)
        self._spoke_s = time.monotonic()
        return raw

    def _read(self) -> list[Frame]:
        assert self._socket is not None
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise LineLost
        self._heard_s = time.monotonic()
        self._buffer += data
        return take_frames(self._buffer)

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._ledger.write(RECEIVED, frame.raw)
            self._known.received(frame)
            if frame.type == "2":
                fill = f"43=Y|122={frame[52]}|123=Y|36={self._lost_to + 1}"
                self._send("4", fill, number=int(frame[7]))
            elif frame.type == "1":
                self._send("0", f"112={frame[112]}")
            elif frame.type == "0" and frame.get(112) == self._barrier != "":
                self._settled()
            elif frame.type == "5":
                raise LineLost

    # --- trading ---------------------------------------------------------------------------------

    def _step(self) -> None:
        if self._listen(STEP_S):
            self._take(self._read())
        now_s = time.monotonic()
        if now_s - self._heard_s > DEAD_AFTER_S:
            raise LineLost
        if now_s - self._spoke_s > HEARTBEAT_S:
            self._send("0")
        if self._leaving:
            return
        if self._trading:
            for _ in range(self._random.randrange(1, 7)):
                if len(self._known.pending) < WINDOW and not self._leaving:
                    self._act()
        elif self._settling and not self._barrier and not self._known.pending:
            self._barrier = f"settle-{now_s}"
            self._send("1", f"112={self._barrier}")

    def _settled(self) -> None:
        self._barrier = ""
        known = self._known
        if known.pending or not known.is_whole:
            return  # a replay is under way: once more
        self._settling = False
        sys.stdout.write("settled\n")
        sys.stdout.flush()

    def _act(self) -> None:
        known = self._known
        choice = self._random.random()
        if choice < 0.02 and known.open:
            self._mass_cancel()
        elif known.open and (choice < 0.35 or len(known.open) >= OPEN_ORDERS_MAX):
            self._cancel_or_amend()
        elif 0.35 <= choice < 0.3505:
            self._send("5")  # an orderly end; the answer closes the line
            self._leaving = True
        else:
            self._enter()

    def _new_id(self) -> int:
        return self._known.last_id + 1

    def _enter(self) -> None:
        side = self._random.choice((1, 2))
        # Around one price, so that most orders meet another; more rest than cross.
        price = 20_000 + self._random.randrange(-25, 10) * (1 if side == 1 else -1)
        qty = f"0.0{self._random.randrange(1, 10)}"
        fields = order_fields(self._new_id(), side, str(price), qty)
        if self._random.random() < PLAIN_ORDERS:
            time_in_force = self._random.choices("134", (8, 1, 1))[0]
            fields = fields.replace("|59=1|", f"|59={time_in_force}|")
        else:
            fields = self._that_waits(fields, price, qty)
        if self._alloc_accounts:
            fields += f"|78=1|79={self._random.choice(self._alloc_accounts)}"
        self._send("D", fields)

    def _that_waits(self, fields: str, price: int, qty: str) -> str:
        """The fields of an iceberg, of an order with a trigger, or of one with a time."""
        draw = self._random
        kind = draw.choice(("3", "4", "R", "T", "U", "V", "display", "gtd", "scheduled", "both"))
        if kind == "display":
            return f"{fields}|1138={qty.replace('0.0', '0.00')}"
        if kind in "UV":
            new_type = f"|40={kind}|" + (f"44={draw.randrange(1, 5)}|" if kind == "V" else "")
            fields = fields.replace(f"|40=2|44={price}|", new_type)
            fields += f"|99={draw.randrange(5, 30)}"
        elif kind in "34RT":
            new_type = f"|40={kind}|" + (f"44={price}|" if kind in "4T" else "")
            fields = fields.replace(f"|40=2|44={price}|", new_type)
            fields += f"|99={20_000 + draw.randrange(-30, 31)}"
        ahead_s = draw.uniform(*AHEAD_S)
        if kind in ("scheduled", "both") or draw.random() < 0.2:
            fields += f"|168={utc_now(ahead_s)}"
            ahead_s += draw.uniform(*AHEAD_S)
        if kind in ("gtd", "both") or draw.random() < 0.2:
            fields = fields.replace("|59=1|", "|59=6|") + f"|126={utc_now(ahead_s)}"
        return fields

    def _cancel_or_amend(self) -> None:
        order_id = self._random.choice(list(self._known.open))
        order = self._known.open[order_id]
        fields = (
            f"11={self._new_id()}|37={order_id}|41={order.cl_ord_id}|54={order.side}|55=BTC/USD"
            f"|60={utc_now()}"
        )
        if not order.is_plain or self._random.random() < 0.6:
            self._send("F", fields)
            return
        price = 20_000 + self._random.randrange(-25, 10) * (1 if order.side == "1" else -1)
        qty = f"0.0{self._random.randrange(1, 10)}"
        self._send("G", f"{fields}|38={qty}|40=2|44={price}|59=1")

    def _mass_cancel(self) -> None:
        scope = self._random.choice(("6", "7"))
        self._send("q", f"11={self._new_id()}|530={scope}|60={utc_now()}")


if __name__ == "__main__":
    Trader(Spec.from_json(sys.argv[1])).run()
