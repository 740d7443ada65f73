"""The venue behind real sockets, with the interface that the scripts' player knows."""

from __future__ import annotations

import base64
import re
import socket
import time

from tests.scenario.controls import request_of
from tests.scenario.player import Player, framed
from tests.scenario.script import Script
from tests.scenario.settings import MARKET_DATA_TARGET
from tests.venue_process import SessionInfo, VenueProcess
from tidegate.control.client import ask
from tidegate.wire.framing import Framer
from tidegate.wire.signature import logon_password

_SERVICES = {
    "": "spot_trading", "L2": "spot_market_data_l2", "L3": "spot_market_data_l3",
}  # fmt: skip
WAIT_S = 10.0  # far above what an answer takes; reached only by a failing script


class _Line:
    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.framer = Framer()
        self.inbox: list[bytes] = []
        self.ended = False

    def read(self) -> None:
        """Wait for more bytes, or for the end."""
        try:
            data = self.socket.recv(65_536)
        except ConnectionError:
            data = b""
        if not data:
            self.ended = True
        self.inbox += self.framer.feed(data)


class SocketVenue:
    """A running venue under test (see `player.VenueUnderTest`). A Logon without credentials gets
    those of its session, which the venue generated."""

    def __init__(self, process: VenueProcess) -> None:
        self.process = process
        self.lines: dict[str, _Line] = {}
        self.sessions: dict[str, SessionInfo] = {s.sender_comp_id: s for s in process.sessions}
        self.last_nonce = 0
        self.undoing: list[list[str]] = []  # controls

    @property
    def now_ns(self) -> int:
        return time.time_ns()

    @now_ns.setter
    def now_ns(self, value: int) -> None:
        raise AssertionError("the clock of a running venue is not ours")

    def connect(self, label: str) -> None:
        if label in self.lines:
            self.cut(label)
        service = _SERVICES[label.partition(":")[0].partition("@")[2]]
        self.lines[label] = _Line(self.process.ready["host"], self.process.ready["ports"][service])

    def send(self, label: str, data: bytes) -> None:
        line = self.lines[label]
        try:
            line.socket.sendall(self._with_credentials(data))
        except ConnectionError:
            line.ended = True  # the venue has closed; what it wrote before can still be read

    def receive(self, label: str) -> bytes | None:
        line = self.lines[label]
        while not line.inbox and not line.ended:
            try:
                line.read()
            except TimeoutError:
                return None
        return line.inbox.pop(0) if line.inbox else None

    def receive_now(self, label: str) -> bytes | None:
        """What has come must be expected by the next step; nothing is waited for here, because the
        order of messages on a line shows a stray one at the next `expect`."""
        inbox = self.lines[label].inbox
        return inbox.pop(0) if inbox else None

    def is_cut(self, label: str) -> bool:
        return self.lines[label].ended

    def cut(self, label: str) -> None:
        """Close, and wait until the venue has seen it: it closes its own side then."""
        line = self.lines[label]
        try:
            line.socket.shutdown(socket.SHUT_WR)
            while not line.ended:
                line.read()
        except OSError:
            pass
        line.socket.close()

    def control(self, session: str, words: list[str]) -> None:
        """Ask over the control socket. What is set is set back by `close`."""
        assert session == "-"
        command, parameters = request_of(words)
        ask(self.process.directory, command, parameters)
        if words[0] == "halt":
            self.undoing.append(["resume"])
        elif words[0] == "status":
            self.undoing.append(["status", words[1], "online"])
        elif words[0] == "band":
            self.undoing.append(["band", words[1], "default"])

    def close(self) -> None:
        for words in self.undoing:
            ask(self.process.directory, *request_of(words))
        self.undoing.clear()
        for label in self.lines:
            self.cut(label)
        self.lines.clear()

    def clear(self, names: list[str]) -> None:
        """Put sessions that were used before into the state in which scripts find them: nothing
        open, ClOrdIDs from the start. (Numbers start anew by a script's own Logon.)"""
        steps = [
            f"logon {name} 141=Y|5030=Y\nsend {name} 35=q|11=1|530=7\nsend {name} 35=5"
            for name in names
        ]
        player = Player(Script.of_text("\n".join(steps)), self)
        player.run()
        for name in names:
            while self.receive(name) is not None:
                pass
        self.close()
        steps = [
            f"logon {name} 141=Y|5030=Y\nsend {name} 35=5\nexpect {name} 35=5" for name in names
        ]
        Player(Script.of_text("\n".join(steps)), self).run()
        self.close()

    def _with_credentials(self, data: bytes) -> bytes:
        found = re.fullmatch(rb"8=([^\x01]+)\x019=\d+\x01(35=A\x01.*)10=\d{3}\x01", data, re.DOTALL)
        if found is None or b"\x01554=" in data or Framer().feed(data) != [data]:
            return data
        body = found[2]
        values = dict(part.partition(b"=")[::2] for part in body.split(b"\x01"))
        session = self.sessions.get(values.get(b"49", b"").decode())
        if session is None or values.get(b"56") == MARKET_DATA_TARGET.encode():
            return data
        self.last_nonce = max(self.last_nonce + 1, time.time_ns() // 1_000_000)
        nonce = b"%d" % self.last_nonce
        password = logon_password(
            secret=base64.b64decode(session.api_secret),
            msg_seq_num=values.get(b"34", b""),
            sender_comp_id=values[b"49"],
            target_comp_id=values.get(b"56", b""),
            api_key=session.api_key.encode(),
            nonce=nonce,
        )
        key = session.api_key.encode()
        body += b"553=%s\x01554=%s\x015025=%s\x01" % (key, password, nonce)
        return framed(body, begin_string=found[1])
