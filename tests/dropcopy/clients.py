"""A venue with its drop copy, and a client of it over real sockets."""

from __future__ import annotations

from pathlib import Path

from tests.app.venue import WAIT_S, Venue
from tests.peers.socket_peer import Frame, Login, Peer

FIRMS = """
[session_defaults]
heartbeat_min_s = 1
nonce_window_ms = 60000

[[firm]]
name = "ACME"
account = [
  { id = "ACME-1", balances = { USD = "1000000000", BTC = "100000" } },
  { id = "ACME-2", balances = { USD = "1000000000", BTC = "100000" } },
]
[[firm.key]]
name = "one"
account = "ACME-1"
[[firm.key]]
name = "two"
account = "ACME-2"
[[firm.session]]
sender_comp_id = "ACME"
account = "ACME-1"
[[firm.session]]
sender_comp_id = "ACME-TWO"
account = "ACME-2"
[[firm.session]]
sender_comp_id = "COPY"
role = "drop_copy"
duplicate_logon = "displace"
account = "ACME-1"
[[firm.session]]
sender_comp_id = "COPY-ALL"
role = "drop_copy"
keys = ["two"]
[[firm.session]]
sender_comp_id = "FAR"
role = "drop_copy"
account = "ACME-1"
networks = ["10.0.0.0/8"]
[[firm.session]]
sender_comp_id = "OFF"
role = "drop_copy"
account = "ACME-1"
enabled = false
"""


def login(venue: Venue, name: str) -> Login:
    session = next(s for s in venue.ready["drop_copy_sessions"] if s["sender_comp_id"] == name)
    return Login(
        port=session["port"],
        sender_comp_id=name,
        target_comp_id=session["target_comp_id"],
        api_key=session["api_key"],
        api_secret=session["api_secret"],
        ca_file=venue.ready["ca_file"],
        host=venue.ready["host"],
    )


class Booker(Peer):
    """A drop-copy client that keeps every report once, by ExecID (17), in `booked`."""

    def __init__(
        self,
        venue: Venue,
        name: str = "COPY",
        booked: dict[str, Frame] | None = None,
        *,
        receive_bytes: int | None = None,
    ) -> None:
        super().__init__(login(venue, name), receive_bytes=receive_bytes)
        self.booked = {} if booked is None else booked
        self.again = 0

    def begin(self, fields: str = "98=0|108=30|141=Y") -> Booker:
        answer = self.logon(fields)
        assert answer.type == "A", answer.raw
        return self

    def book(self, frame: Frame) -> None:
        if frame.type == "8":
            if frame[17] in self.booked:
                self.again += 1
                assert body(self.booked[frame[17]]) == body(frame)
                assert frame[97] == "Y"
            self.booked[frame[17]] = frame
        elif frame.type == "1":
            self.send("0", f"112={frame[112]}")

    def book_until(self, count: int) -> None:
        """Until there are so many. How long they all take is the machine's matter; each has to come
        in time."""
        while len(self.booked) < count:
            self.book(self.receive(WAIT_S))

    def book_until_asked(self) -> None:
        """Up to a question whether it was read, which is answered."""
        while True:
            frame = self.receive()
            self.book(frame)
            if frame.type == "1":
                return


def body(frame: Frame) -> tuple[tuple[int, str], ...]:
    """The fields behind the header."""
    header = (8, 9, 35, 34, 49, 56, 52, 43, 122, 97, 10)
    return tuple(field for field in frame.fields if field[0] not in header)


def venue_with_copies(
    data: Path, config: str = FIRMS, table: str = "[venue]\n", *, plain: bool = True
) -> Venue:
    return Venue(data, plain=plain, config=table + config)
