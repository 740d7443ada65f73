"""What a venue tells somebody who follows it: a port, and where nobody is there it costs nothing.

The observer of a replay sees what happened as the engine and the sessions told it, and needs not
read it out of messages again. It looks and changes nothing.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.engine.events import Event
from tidegate.venue.effects import RefusalNote, SessionNote
from tidegate.wire.message import Message


@mypyc_attr(allow_interpreted_subclasses=True)
class VenueObserver:
    """Called in the order of what happens, inside the venue's own calls; none may call back."""

    def reported(self, event: Event, exec_number: int) -> None:
        """An ExecutionReport with that number was written (`model.orders.exec_id_text`). It answers
        a status request where `exec_type` is EXEC_STATUS. The event's order may have moved on."""
        raise NotImplementedError

    def refused(self, note: RefusalNote, message: Message) -> None:
        """A message was refused, at whatever layer. `message` is valid during the call only."""
        raise NotImplementedError

    def session_noted(self, note: SessionNote) -> None:
        """A session came up, ended, or refused a second logon."""
        raise NotImplementedError

    def markets_changed(self) -> None:
        """Instruments, a market's status or a halt may have changed."""

    def sessions_changed(self) -> None:
        """Which sessions there are, or what they may do, may have changed."""

    def applied(self) -> None:
        """All of a record is done; `Venue.now_ns` is its time."""
        raise NotImplementedError
