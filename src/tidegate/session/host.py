"""What a session machine asks of whoever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from tidegate.wire.message import Message

if TYPE_CHECKING:
    from tidegate.session.machine import Session

# An initiator takes these as they are: executions, business rejects, market data.
REPORTS: Final = frozenset((b"8", b"j", b"W", b"X", b"Y", b"y", b"h"))


@mypyc_attr(allow_interpreted_subclasses=True)
class SessionHost:
    """The port between a session and its surroundings. The venue implements it for all of its
    sessions, the client for one. Every call is made inside `Session`'s own calls, in the order of
    what happens; none may call back into the session's `receive`."""

    def send(self, session: Session, number: int, frame: bytes) -> None:
        """Keep the frame as the session's outgoing message `number`, and transmit it if there is
        a link (`session.link` is not 0)."""
        raise NotImplementedError

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        """Transmit messages `begin` to `end` (both were sent before) once more, as
        `session.resend.Sweep` says, before anything that is sent from now on."""
        raise NotImplementedError

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        """An application message, in sequence and well formed. A host that asks questions of its
        own (`Session.hears_answers`, as any initiator's) is given Heartbeats and Rejects, too, and
        an initiator's `REPORTS` as they came: of one with more than `FIELDS_MAX` fields the rest
        stands in `message.data` alone. `message` is valid during the call only."""
        raise NotImplementedError

    def rejected(self, session: Session, rule: bytes, text: bytes) -> None:
        """The session refused a message of the peer at its own layer (35=3 is already sent)."""
        raise NotImplementedError

    def established(self, session: Session, time_ns: int) -> None:
        """Logon is complete both ways."""
        raise NotImplementedError

    def was_reset(self, session: Session) -> None:
        """Numbers start at 1 again: history and everything bound to the session's life is over.
        `session.epoch` is already the new one."""
        raise NotImplementedError

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        """The session is disconnected: cut `link` once what was sent is written. `orderly` is
        true after a completed Logout exchange."""
        raise NotImplementedError
