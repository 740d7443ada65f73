"""A real venue, sessions that no other test uses, and faults asked for over the control socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.app.venue import Venue
from tests.peers.socket_peer import Frame, Peer
from tidegate.client import Client, Credentials, Endpoint, LogonOptions, NewOrder, Side
from tidegate.control.client import ask

SESSIONS = 60
QUIET_S = 0.3  # long enough for what would come, had the venue sent it

CONFIG = """
[session_defaults]
heartbeat_min_s = 1
duplicate_logon = "displace"
cancel_on_disconnect = false
[[firm]]
name = "LAB"
""" + "".join(
    f"""
[[firm.account]]
id = "LAB-{n}"
balances = {{ USD = "1000000", BTC = "100" }}
[[firm.session]]
sender_comp_id = "LAB{n}"
account = "LAB-{n}"
"""
    for n in range(1, SESSIONS + 1)
)


class FaultBench:
    """Hands out one fresh session after the other."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._names: Iterator[str] = (f"LAB{n}" for n in range(1, SESSIONS + 1))

    def name(self) -> str:
        return next(self._names)

    def ask(self, command: str, **parameters: Any) -> Any:
        return ask(self.venue.data, command, parameters)

    def add(self, kind: str, session: str, **given: Any) -> Any:
        return self.ask("fault-add", kind=kind, session=session, **given)

    def history(self, session: str) -> list[tuple[str, int]]:
        """Kind and message number of what was injected on a session."""
        told = self.ask("fault-history")
        return [(i["kind"], i["msg_seq_num"]) for i in told if i["session"] == session]

    def session(self, name: str) -> Any:
        (found,) = self.ask("sessions", sender_comp_id=name)
        return found

    def peer(self, name: str, *, next_out: int = 1, fields: str = "98=0|108=30") -> Peer:
        """Logged on."""
        peer = self.venue.peer(name, next_out=next_out)
        assert peer.logon(fields).type == "A"
        return peer

    def client(self, name: str, heart_bt_int_s: int = 30) -> Client:
        """One that connects again by itself."""
        login = self.venue.login(name)
        credentials = Credentials(
            login.sender_comp_id, login.target_comp_id, login.api_key, login.api_secret
        )
        endpoint = Endpoint(login.host, login.port, tls=False)
        options = LogonOptions(heart_bt_int_s=heart_bt_int_s)
        return Client(endpoint, credentials, options, reconnect_delays_s=(0.05,))


def resting() -> NewOrder:
    return NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.01", price="1000")


def is_silent(peer: Peer) -> bool:
    """Whether nothing comes over an open line for a while."""
    try:
        peer.receive(QUIET_S)
    except TimeoutError:
        return True
    return False


def new_reports(peer: Peer, count: int) -> list[Frame]:
    return [peer.expect("8") for _ in range(count)]
