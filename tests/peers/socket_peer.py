"""A FIX client of a few lines over a blocking socket, which shares no code with the venue.

It does what a test tells it and nothing else: no heartbeats, no resends, no checks of numbers. So
it can break every rule, and what it reads is what was on the wire.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

SOH = b"\x01"
WAIT_S = 20.0
_READ_BYTES = 1 << 18


@dataclass(frozen=True)
class Login:
    """Whom to log on as, and where. `ca_file` makes it TLS."""

    port: int
    sender_comp_id: str
    target_comp_id: str
    api_key: str
    api_secret: str
    ca_file: str | None = None
    host: str = "127.0.0.1"

    def signing(self, secret: str) -> Login:
        return replace(self, api_secret=secret)


class PeerClosed(Exception):
    """The venue closed the connection."""


@dataclass(frozen=True)
class Frame:
    """One received message: its bytes and its fields in order."""

    raw: bytes
    fields: tuple[tuple[int, str], ...]

    def __getitem__(self, tag: int) -> str:
        for own, value in self.fields:
            if own == tag:
                return value
        raise KeyError(f"no {tag} in {self.raw!r}")

    def get(self, tag: int) -> str:
        return next((value for own, value in self.fields if own == tag), "")

    @property
    def type(self) -> str:
        return self[35]

    @property
    def number(self) -> int:
        return int(self[34])

    def content(self) -> tuple[tuple[int, str], ...]:
        """Everything that a resend must not change."""
        return tuple(field for field in self.fields if field[0] not in (9, 10, 43, 52, 122))


def parse(raw: bytes) -> Frame:
    parts = (part.partition(b"=") for part in raw[:-1].split(SOH))
    return Frame(raw, tuple((int(tag), value.decode()) for tag, _, value in parts))


def take_frames(buffer: bytearray) -> list[Frame]:
    """Cut whole frames off the buffer. What the venue sends is always well framed."""
    frames = []
    start = 0
    while True:
        length_at = buffer.find(b"\x019=", start)
        length_end = buffer.find(SOH, length_at + 1) if length_at >= 0 else -1
        if length_end < 0:
            break
        end = length_end + 1 + int(buffer[length_at + 3 : length_end]) + 7
        if end > len(buffer):
            break
        raw = bytes(buffer[start:end])
        assert raw.startswith(b"8=FIX.4.4\x01"), raw
        assert raw[-7:] == b"10=%03d\x01" % (sum(raw[:-7]) % 256), raw
        frames.append(parse(raw))
        start = end
    del buffer[:start]
    return frames


def utc_now(offset_s: float = 0.0) -> str:
    moment = datetime.fromtimestamp(time.time() + offset_s, UTC)
    return moment.strftime("%Y%m%d-%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def framed(body: bytes) -> bytes:
    data = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return data + b"10=%03d\x01" % (sum(data) % 256)


def password(login: Login, number: int | str, nonce: str) -> str:
    """The signature, as the dialect's documentation has it."""
    parts = (
        "35=A", f"34={number}", f"49={login.sender_comp_id}", f"56={login.target_comp_id}",
        f"553={login.api_key}",
    )  # fmt: skip
    text = "".join(part + "\x01" for part in parts) + nonce
    digest = hashlib.sha256(text.encode()).digest()
    mac = hmac.new(base64.b64decode(login.api_secret), digest, hashlib.sha512)
    return base64.b64encode(mac.digest()).decode()


class Nonces:
    """Milliseconds that never repeat, however fast a test logs on."""

    last = 0

    @classmethod
    def next(cls) -> str:
        cls.last = max(cls.last + 1, int(time.time() * 1000))
        return str(cls.last)


class Peer:
    """One connection. `next_out` is the number of the next message sent."""

    def __init__(
        self, login: Login, *, next_out: int = 1, receive_bytes: int | None = None
    ) -> None:
        self.login = login
        self.next_out = next_out
        self.received: list[Frame] = []
        self._buffer = bytearray()
        self._frames: list[Frame] = []
        self._receive_bytes = receive_bytes  # a small kernel buffer, for a peer that does not read
        self.socket = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _connect(self) -> socket.socket:
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if self._receive_bytes is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_bytes)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(WAIT_S)
            plain.connect((self.login.host, self.login.port))
            if self.login.ca_file is None:
                return plain
            context = ssl.create_default_context(cafile=self.login.ca_file)
            return context.wrap_socket(plain, server_hostname=self.login.host)
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        """Without a Logout: for the venue the line is lost."""
        self.socket.close()

    # --- sending ---------------------------------------------------------------------------------

    def message(
        self, msg_type: str, fields: str = "", *, number: int | None = None, sent: str = ""
    ) -> bytes:
        """The next message; `fields` are separated by `|`."""
        if number is None:
            number = self.next_out
            self.next_out += 1
        header = (
            f"35={msg_type}|34={number}|49={self.login.sender_comp_id}"
            f"|56={self.login.target_comp_id}|52={sent or utc_now()}|"
        )
        body = header + (fields + "|" if fields else "")
        return framed(body.replace("|", "\x01").encode())

    def send(self, msg_type: str, fields: str = "", *, number: int | None = None) -> None:
        self.socket.sendall(self.message(msg_type, fields, number=number))

    def logon_message(
        self, fields: str = "98=0|108=30", *, nonce: str = "", signature: str = ""
    ) -> bytes:
        if not self.login.api_key:  # market data: CompIDs and address will do
            return self.message("A", fields)
        nonce = nonce or Nonces.next()
        signature = signature or password(self.login, self.next_out, nonce)
        return self.message("A", f"{fields}|553={self.login.api_key}|554={signature}|5025={nonce}")

    def logon(self, fields: str = "98=0|108=30") -> Frame:
        """Log on and give the venue's answer, which is its Logon where all is well. The venue
        learns of the end of an earlier connection a moment later than we do: until then it says
        that the session is active, and this tries again."""
        deadline = time.monotonic() + WAIT_S
        number = self.next_out
        while True:
            self.socket.sendall(self.logon_message(fields))
            answer = self.receive()
            if answer.get(58) != "Session already active" or time.monotonic() > deadline:
                return answer
            self.close()
            self.next_out = number
            self._buffer.clear()
            self.received.clear()
            self.socket = self._connect()

    # --- receiving -------------------------------------------------------------------------------

    def receive(self, wait_s: float = WAIT_S) -> Frame:
        """The next message. Raises `PeerClosed`, or `TimeoutError` after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while not self._frames:
            self._read(max(deadline - time.monotonic(), 0.001))
        frame = self._frames.pop(0)
        self.received.append(frame)
        return frame

    def _read(self, wait_s: float) -> None:
        self.socket.settimeout(wait_s)
        try:
            data = self.socket.recv(_READ_BYTES)
        except (ConnectionError, ssl.SSLError) as error:
            raise PeerClosed(str(error)) from error
        finally:
            self.socket.settimeout(WAIT_S)
        if not data:
            raise PeerClosed("end of stream")
        self._buffer += data
        self._frames += take_frames(self._buffer)

    def until(self, wanted: Callable[[Frame], bool], wait_s: float = WAIT_S) -> Frame:
        """The first message that is wanted; the ones before it are in `received`."""
        deadline = time.monotonic() + wait_s
        while True:
            frame = self.receive(deadline - time.monotonic())
            if wanted(frame):
                return frame

    def expect(self, msg_type: str, wait_s: float = WAIT_S) -> Frame:
        """The next message, which has to be of that type."""
        frame = self.receive(wait_s)
        assert frame.type == msg_type, frame.raw
        return frame

    def read_to_end(self, wait_s: float = WAIT_S) -> list[Frame]:
        """Everything until the venue closes."""
        frames = []
        deadline = time.monotonic() + wait_s
        try:
            while True:
                frames.append(self.receive(deadline - time.monotonic()))
        except PeerClosed:
            return frames

    # --- orders ----------------------------------------------------------------------------------

    def order_message(
        self, cl_ord_id: int, side: int = 1, price: str = "20000", qty: str = "0.01", more: str = ""
    ) -> bytes:
        """A limit order, good till cancelled, on BTC/USD."""
        return self.message("D", order_fields(cl_ord_id, side, price, qty) + more)

    def order(
        self, cl_ord_id: int, side: int = 1, price: str = "20000", qty: str = "0.01", more: str = ""
    ) -> None:
        self.socket.sendall(self.order_message(cl_ord_id, side, price, qty, more))

    def round_trip(self, cl_ord_id: int, wait_s: float = WAIT_S) -> float:
        """Enter a resting order and cancel it; the seconds it took."""
        start = time.monotonic()
        self.order(cl_ord_id, price="1000", qty="0.001")
        new = self.until(lambda f: f.type == "8" and f[11] == str(cl_ord_id), wait_s)
        fields = f"11={cl_ord_id + 1}|37={new[37]}|54=1|55=BTC/USD|60={utc_now()}"
        self.send("F", fields)
        self.until(lambda f: f.type == "8" and f[150] == "4", wait_s)
        return time.monotonic() - start


def order_fields(cl_ord_id: int, side: int, price: str, qty: str) -> str:
    return f"11={cl_ord_id}|55=BTC/USD|54={side}|40=2|44={price}|38={qty}|59=1|60={utc_now()}"
