"""Five hundred sessions of one firm, and a line of a session that costs its client next to nothing:
frames are rendered before they are needed, answers are counted and not parsed."""

from __future__ import annotations

import socket
import time

from tests.peers.socket_peer import Login, Nonces, framed, order_fields, password, utc_now

SESSIONS = 500
SECRET = "c2l4dGVlbiBieXRlcyBvciBtb3Jl"
TARGET = "KRAKEN-TRD"
HEARTBEAT_S = 300  # longer than any run: nobody has to speak to stay
_READ_BYTES = 1 << 16


def name_of(number: int) -> str:
    return f"DESK-{number:03}"


def key_of(number: int) -> str:
    """Each its own: the nonces of one key rise, whichever process uses it."""
    return f"key-{number:03}"


def config() -> str:
    sessions = "\n".join(
        f'[[firm.key]]\nname = "{key_of(number)}"\nsecret = "{SECRET}"\n'
        f'[[firm.session]]\nsender_comp_id = "{name_of(number)}"\nkeys = ["{key_of(number)}"]'
        for number in range(SESSIONS)
    )
    return f"""
[venue]
snapshot_every_records = 100000000

[session_defaults]
errors_per_second_max = 1000000

[[firm]]
name = "DESK"
[[firm.account]]
id = "DESK-1"
balances = {{ USD = "100000000000", BTC = "1000000" }}
{sessions}
"""


class Line:
    """One logged-on session over a blocking socket."""

    def __init__(self, port: int, number: int) -> None:
        self._login = Login(port, name_of(number), TARGET, key_of(number), SECRET)
        self._next_out = 1
        self.last_id = int(time.time() * 1e6)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        nonce = Nonces.next()
        signature = password(self._login, 1, nonce)
        self.socket.sendall(
            self.message(
                "A",
                f"98=0|108={HEARTBEAT_S}|141=Y|8674=1|553={self._login.api_key}|554={signature}|5025={nonce}",
            )
        )
        self.await_types(b"A", 1)

    def message(self, msg_type: str, fields: str, *, number: int | None = None) -> bytes:
        if number is None:
            number = self._next_out
            self._next_out += 1
        body = (
            f"35={msg_type}|34={number}|49={self._login.sender_comp_id}|56={TARGET}"
            f"|52={utc_now()}|{fields}|"
        )
        return framed(body.replace("|", "\x01").encode())

    def order(self, *, rests: bool = True) -> bytes:
        """A limit order far from any other; one that does not rest is cancelled at once."""
        self.last_id += 1
        fields = order_fields(self.last_id, 1, "1000", "0.001")
        return self.message("D", fields if rests else fields.replace("|59=1|", "|59=3|"))

    def await_types(self, msg_type: bytes, count: int) -> bytes:
        """Read until so many messages of a type have come; what was read."""
        wanted = b"\x0135=" + msg_type + b"\x01"
        data = self.socket.recv(_READ_BYTES)
        while data.count(wanted) < count or not data.endswith(b"\x01"):
            more = self.socket.recv(_READ_BYTES)
            if not more:
                raise ConnectionError(f"closed: {data[-300:]!r}")
            data += more
        return data
