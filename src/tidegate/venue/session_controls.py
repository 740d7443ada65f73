"""Controls of one session: faults on demand for a test, and the cut of its link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import CONTROL_COUNT_MAX
from tidegate.model.rejects import LAYER_NAMES
from tidegate.session.reasons import LINK_DROPPED
from tidegate.venue.control import (
    Control,
    ControlRefused,
    check_range,
    checked_session,
    encoded_uints,
)

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue


class MuteHeartbeats(Control):
    """The session sends no Heartbeat and no TestRequest of its own accord and answers no
    TestRequest, until that is taken back. A silent peer is still given up."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.flag(value=self.on)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return MuteHeartbeats(on=decoder.flag())

    def check(self, venue: Venue, session_index: int) -> None:
        checked_session(venue, session_index)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.sessions[session_index].muted = self.on


class SkipNumber(Control):
    """The next `count` outgoing numbers are used up by Heartbeats that are kept and not
    transmitted: a gap, which the client's ResendRequest gets filled."""

    def __init__(self, count: int) -> None:
        self.count = count

    def encode(self) -> bytes:
        return encoded_uints(self.count)

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return SkipNumber(decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        checked_session(venue, session_index)
        check_range("count", self.count, 1, CONTROL_COUNT_MAX)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        session = venue.sessions[session_index]
        for _ in range(self.count):
            number = session.next_outgoing
            venue.withhold(session, number, session.use_up_number(time_ns))


class RejectNext(Control):
    """The session's next `count` new orders (35=D) that pass a layer of the checks are refused by
    that layer. A count of 0 takes back what is left."""

    def __init__(self, layer: int, count: int) -> None:
        self.layer = layer
        self.count = count

    def encode(self) -> bytes:
        return encoded_uints(self.layer, self.count)

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        layer = decoder.uint()
        return RejectNext(layer, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        checked_session(venue, session_index)
        if self.layer not in LAYER_NAMES:
            raise ControlRefused(f"layer must be 1, 2 or 3, not {self.layer}")
        check_range("count", self.count, 0, CONTROL_COUNT_MAX)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.trading.injected.set(session_index, self.layer, self.count)


class DropSession(Control):
    """The venue closes the session's link without a word: a disconnect, with what that means for
    its orders."""

    def encode(self) -> bytes:
        return b""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return DropSession()

    def check(self, venue: Venue, session_index: int) -> None:
        session = checked_session(venue, session_index)
        if session.link == 0:
            name = session.settings.sender_comp_id
            raise ControlRefused(f"session {name} is not logged on: there is no link to drop")

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.sessions[session_index].link_lost(time_ns, LINK_DROPPED)
