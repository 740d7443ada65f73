"""What every control is: a value that is checked before it is recorded, and applied after.

The kinds stand in modules of their own; `venue.controls` knows them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.engine.order import Order
from tidegate.model.codec import Encoder
from tidegate.model.orders import order_number
from tidegate.session.machine import Session

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue

NO_SESSION: Final = -1


class ControlRefused(ValueError):
    """A control that can not be done. The text names the parameter and the rule; nothing has
    changed."""


class Control:
    """One control. Times are the venue's, in nanoseconds since 1970 UTC."""

    def encode(self) -> bytes:
        """The parameters as bytes."""
        raise NotImplementedError

    def check(self, venue: Venue, session_index: int) -> None:
        """Raises `ControlRefused` where it can not be done to the venue as it is."""
        raise NotImplementedError

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        """Do what `check` has allowed."""
        raise NotImplementedError


def encoded_uints(*numbers: int) -> bytes:
    encoder = Encoder()
    for number in numbers:
        encoder.uint(number)
    return encoder.value()


def check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ControlRefused(f"{name} must be {least} to {most}, not {value}")


def check_text(name: str, value: str, length_max: int) -> None:
    """A name: printable ASCII without spaces, as CompIDs and API keys are."""
    if not value or len(value) > length_max or not all("!" <= char <= "~" for char in value):
        raise ControlRefused(
            f"{name} must be 1 to {length_max} printable ASCII characters without spaces"
        )


def check_no_session(session_index: int) -> None:
    """For controls of the whole venue."""
    if session_index != NO_SESSION:
        raise ControlRefused(f"session must be {NO_SESSION}, for none, not {session_index}")


def checked_session(venue: Venue, session_index: int) -> Session:
    if not 0 <= session_index < len(venue.sessions):
        raise ControlRefused(f"session must be the index of one, and {session_index} is none")
    return venue.sessions[session_index]


def checked_order(venue: Venue, session_index: int, order_id: bytes) -> Order:
    """The open order of an OrderID; of the session, where one is given."""
    if session_index != NO_SESSION:
        checked_session(venue, session_index)
    order = venue.engine.order(order_number(order_id))
    if order is None:
        text = order_id.decode("latin-1")
        raise ControlRefused(f"order_id must be that of an open order, not {text!r}")
    if session_index not in (NO_SESSION, order.session):
        name = venue.sessions[session_index].settings.sender_comp_id
        raise ControlRefused(f"order_id must be that of an order of session {name}")
    return order
