"""Cancel on disconnect: what becomes of a session's orders when its link ends.

An established session that ends in another way than by a Logout exchange loses its open orders,
where its Logon (8674) or else its settings ask for it: at once, or, with a grace time, when that
has passed and the session was not established again. Whichever side broke the link is the same.

The orders are those of the life (from reset to reset) that was disconnected. A reconnect within the
grace keeps them even if it resets the numbers; they are then orders of an earlier life. Whatever
ends the life without a reconnect, the rollover, ends the grace as well: the orders are cancelled
before numbers start anew (docs/decisions/0013).
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.rejects import CANCELED_BY_DISCONNECT, CANCELED_BY_LOGOUT
from tidegate.model.time import NEVER_NS, NS_PER_S
from tidegate.session.machine import Session
from tidegate.venue.trading import Trading


@mypyc_attr(acyclic=True)
class SessionLife:
    """What is kept of a session beside the session machine's own state. `grace_until_ns` is when
    its orders are cancelled unless it is established before; 0 while no grace runs. `api_key` is
    the one of its latest Logon."""

    def __init__(self) -> None:
        self.established = False
        self.cancel_on_disconnect = False  # in force: by the latest Logon
        self.grace_until_ns = 0
        self.api_key: bytes = b""


class Disconnects:
    """The lives of all sessions, by index."""

    def __init__(self, sessions: list[Session], trading: Trading) -> None:
        self.lives: list[SessionLife] = []
        self._sessions = sessions
        self._trading = trading

    def add_session(self) -> None:
        self.lives.append(SessionLife())

    def established(self, session: Session, *, cancel_on_disconnect: bool, api_key: bytes) -> None:
        """A logon is complete: what a grace time would have cancelled stays."""
        life = self.lives[session.index]
        life.established = True
        life.cancel_on_disconnect = cancel_on_disconnect
        life.api_key = api_key
        life.grace_until_ns = 0

    def ended(self, session: Session, time_ns: int, *, orderly: bool, rolling_over: bool) -> None:
        life = self.lives[session.index]
        if not life.established:
            return  # a logon that failed: the orders of the session were never in its hands
        life.established = False
        if orderly:
            # The rollover is a Logout of ours, with a rule of its own.
            if session.settings.cancel_on_logout and not rolling_over:
                self._trading.cancel_session(self._sessions, session, CANCELED_BY_LOGOUT, time_ns)
            return
        if not life.cancel_on_disconnect:
            return
        life.grace_until_ns = time_ns + session.settings.disconnect_grace_s * NS_PER_S
        if rolling_over:
            self.end_grace(session, time_ns)  # nobody can come back before numbers start anew
        else:
            self.end_grace_if_due(session, time_ns)

    def end_grace_if_due(self, session: Session, time_ns: int) -> None:
        """Cancel what the session left behind if its grace time has passed."""
        if time_ns >= self.lives[session.index].grace_until_ns:
            self.end_grace(session, time_ns)

    def end_grace(self, session: Session, time_ns: int) -> None:
        """Cancel what the session left behind, however much of the grace time is left."""
        life = self.lives[session.index]
        if life.grace_until_ns == 0:
            return
        life.grace_until_ns = 0
        self._trading.cancel_session(self._sessions, session, CANCELED_BY_DISCONNECT, time_ns)

    def tick(self, time_ns: int) -> None:
        for session in self._sessions:
            self.end_grace_if_due(session, time_ns)

    def deadline_ns(self) -> int:
        """When the next grace time has passed."""
        due_ns = NEVER_NS
        for life in self.lives:
            if life.grace_until_ns != 0 and life.grace_until_ns < due_ns:
                due_ns = life.grace_until_ns
        return due_ns

    def save(self, session_index: int, encoder: Encoder) -> None:
        life = self.lives[session_index]
        encoder.flag(value=life.established)
        encoder.flag(value=life.cancel_on_disconnect)
        encoder.uint(life.grace_until_ns)
        encoder.blob(life.api_key)

    def load(self, session_index: int, decoder: Decoder) -> None:
        life = self.lives[session_index]
        life.established = decoder.flag()
        life.cancel_on_disconnect = decoder.flag()
        life.grace_until_ns = decoder.uint()
        life.api_key = decoder.blob()
