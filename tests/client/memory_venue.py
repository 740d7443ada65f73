"""The pure venue behind a pure gateway: logons verified, turns kept in a list, no socket."""

from __future__ import annotations

import base64

from tidegate.client import ClientCore, Credentials, LogonOptions
from tidegate.config import load
from tidegate.session.logon import FAILED_CREDENTIALS, read_logon, without_credentials
from tidegate.session.resend import Sweep
from tidegate.venue.effects import ANSWER, CUT, SWEEP, WRITE
from tidegate.venue.machine import Venue
from tidegate.venue.records import HEADER_BYTES, sent_length
from tidegate.wire.framing import Framer
from tidegate.wire.signature import logon_password

START_NS = 1_793_697_300_000_000_000  # 2026-11-03 09:15:00 UTC
SECOND_NS = 1_000_000_000
SECRET = base64.b64encode(bytes(range(64))).decode()


class _Secrets:
    def key(self, account: str) -> tuple[str, bytes]:
        return f"key-{account}", self.secret(account)

    def secret(self, name: str) -> bytes:
        return bytes(range(64))


class MemoryVenue:
    """A built-in venue: firms ACME and BETA, broker PRIME. `log` is its journal; `more` is TOML
    behind what it is configured by."""

    def __init__(self, now_ns: int = START_NS, more: str = "") -> None:
        self.log = bytearray()
        self.venue = Venue()
        self.last_link = 0
        self.config = load(f'rates.default_tier = "none"\n{more}', _Secrets())
        self.venue.configure(self.config.settings.encode(), now_ns)
        self.commit(now_ns, {})

    def crash(self, now_ns: int) -> None:
        """A new process: the state comes back from the log alone."""
        again = Venue()
        position = 0
        log = bytes(self.log)
        while position < len(log):
            length = int.from_bytes(log[position : position + 4], "little")
            again.replay(log[position + 4 : position + 4 + length], position + 4)
            position += 4 + length
        assert again.digest() == self.venue.digest()
        self.venue = again
        again.start(now_ns)
        self.commit(now_ns, {})

    def commit(self, now_ns: int, lines: dict[int, MemoryLine]) -> None:
        """Close the turn: keep it, then hand out what it says."""
        payload = self.venue.take_turn()
        if not payload:
            self.venue.commit(len(self.log) + 4)
            return
        position = len(self.log) + 4
        self.log += len(payload).to_bytes(4, "little") + payload
        for dispatch in self.venue.commit(position):
            line = lines.get(dispatch.link)
            if line is None:
                continue
            if dispatch.kind in (WRITE, ANSWER):
                line.to_client += dispatch.data
            if dispatch.kind == SWEEP:
                line.to_client += self._sweep(
                    dispatch.session, dispatch.first, dispatch.last, now_ns
                )
            if dispatch.kind in (CUT, ANSWER):
                line.is_cut = True

    def _sweep(self, session: int, first: int, last: int, now_ns: int) -> bytes:
        sweep = Sweep(self.venue.sessions[session].comp_ids, first, last)
        time = self.venue.tools.timestamps.text(now_ns)
        out = b""
        for number in range(first, last + 1):
            at = self.venue.histories[session].position(number)
            header = bytes(self.log[at : at + HEADER_BYTES])
            data_start = at + HEADER_BYTES
            frame = bytes(self.log[data_start : data_start + sent_length(header)])
            out += sweep.step(frame, time)
        return out + sweep.finish(time)


class MemoryLine:
    """One client on one line at a time. `step` carries bytes both ways until nothing moves."""

    def __init__(self, server: MemoryVenue, core: ClientCore) -> None:
        self.server = server
        self.core = core
        self.link = 0
        self.session = -1
        self.to_client = b""
        self.is_cut = True
        self._framer = Framer()

    def connect(self, now_ns: int) -> None:
        self.open()
        self.core.connect(now_ns)

    def open(self) -> None:
        """A new link of the venue, without a logon yet."""
        self.server.last_link += 1
        self.link = self.server.last_link
        self.session = -1
        self.to_client = b""
        self.is_cut = False
        self._framer = Framer()

    def step(self, now_ns: int, *others: MemoryLine) -> None:
        """Until nothing is under way on this line and the others."""
        lines = (self, *others)
        while any(line.move(now_ns, lines) for line in lines):
            pass

    def move(self, now_ns: int, lines: tuple[MemoryLine, ...]) -> bool:
        moved = self.to_server(now_ns, lines)
        data, self.to_client = self.to_client, b""
        if data and self.core.is_connected:
            self.core.receive(data, now_ns)
            moved = True
        if self.is_cut and self.core.is_connected:
            self.core.link_lost(now_ns)
            moved = True
        return moved

    def to_server(self, now_ns: int, lines: tuple[MemoryLine, ...]) -> bool:
        data = self.core.take_output()
        if not data or self.is_cut:
            return False
        self.accept(data, now_ns, {line.link: line for line in lines})
        return True

    def accept(self, data: bytes, now_ns: int, lines: dict[int, MemoryLine]) -> None:
        """The venue's side: bytes of the client; what is to be written is then in `to_client` of
        each line."""
        for frame in self._framer.feed(data):
            if self.session < 0:
                self._logon(frame, now_ns)
            else:
                self.server.venue.frames(self.session, self.link, [frame], now_ns)
        self.server.commit(now_ns, lines)

    def _logon(self, frame: bytes, now_ns: int) -> None:
        venue = self.server.venue
        request = read_logon(frame)
        assert request is not None
        password = logon_password(
            secret=bytes(range(64)),
            msg_seq_num=request.msg_seq_num_text,
            sender_comp_id=request.sender_comp_id,
            target_comp_id=request.target_comp_id,
            api_key=request.username,
            nonce=request.nonce,
        )
        nonce = int(request.nonce)
        index = venue.directory.session_index(request.sender_comp_id, request.target_comp_id)
        if password != request.password or nonce <= venue.last_nonces.get(request.username, 0):
            sending_time = venue.tools.timestamps.text(now_ns)
            self.to_client += venue.refused_logon(index, request, FAILED_CREDENTIALS, sending_time)
            self.is_cut = True
            return
        self.session = index
        venue.logon(index, self.link, request.username, nonce, without_credentials(frame), now_ns)

    def cut(self, now_ns: int, *, deliver: bool) -> None:
        """The line breaks. With `deliver` what the client wrote before still arrives; what the
        venue answers does not."""
        lines = (self,)
        if deliver:
            self.to_server(now_ns, lines)
        self.core.take_output()
        self.to_client = b""
        self.is_cut = True
        self.server.venue.link_down(self.session, self.link, now_ns)
        self.server.commit(now_ns, {})
        self.core.link_lost(now_ns)


def client(firm: str = "ACME", options: LogonOptions | None = None) -> ClientCore:
    credentials = Credentials(firm, "KRAKEN-TRD", f"key-{firm}-1", SECRET)
    return ClientCore(credentials, options)
