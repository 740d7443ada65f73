"""Controls: what an operator or a test may do to a running venue, as journaled records.

A control is a value with a kind and its parameters. `check` says whether it can be done, and
changes nothing; the venue then records it and has it applied, now and on every replay. A new kind
is a class here, its number and its row in `_DECODERS`; numbers are never used again.

Most kinds are about one session. Those that name an order, whose session the venue knows, may come
with `NO_SESSION` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tidegate.engine.order import Order
from tidegate.model.codec import CodecError, Decoder, Encoder
from tidegate.model.limits import CONTROL_COUNT_MAX
from tidegate.model.orders import order_number
from tidegate.model.rejects import LAYER_NAMES
from tidegate.session.machine import Session
from tidegate.session.reasons import LINK_DROPPED

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue

NO_SESSION: Final = -1

# Kinds
MUTE_HEARTBEATS: Final = 1
SKIP_NUMBER: Final = 2
REJECT_NEXT: Final = 3
CANCEL_ORDER: Final = 4
FILL_ORDER: Final = 5
DROP_SESSION: Final = 6


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
        _session(venue, session_index)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.sessions[session_index].muted = self.on


class SkipNumber(Control):
    """The next `count` outgoing numbers are used up by Heartbeats that are kept and not
    transmitted: a gap, which the client's ResendRequest gets filled."""

    def __init__(self, count: int) -> None:
        self.count = count

    def encode(self) -> bytes:
        return _uints(self.count)

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return SkipNumber(decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        _session(venue, session_index)
        _in_range("count", self.count, 1, CONTROL_COUNT_MAX)

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
        return _uints(self.layer, self.count)

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        layer = decoder.uint()
        return RejectNext(layer, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        _session(venue, session_index)
        if self.layer not in LAYER_NAMES:
            raise ControlRefused(f"layer must be 1, 2 or 3, not {self.layer}")
        _in_range("count", self.count, 0, CONTROL_COUNT_MAX)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.trading.injected.set(session_index, self.layer, self.count)


class CancelOrder(Control):
    """An open order is cancelled, and its owner told so, though nobody asked for it."""

    def __init__(self, order_id: bytes) -> None:
        self.order_id = order_id

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.blob(self.order_id)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return CancelOrder(decoder.blob())

    def check(self, venue: Venue, session_index: int) -> None:
        _open_order(venue, session_index, self.order_id)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        order = _open_order(venue, session_index, self.order_id)
        venue.trading.cancel_by_venue(venue.sessions, order, time_ns)


class FillOrder(Control):
    """An open order is filled at its price, whatever else rests there. The other side is the house
    (`engine.ledger.HOUSE`), which is given exactly what it pays: per asset everything still adds up
    to the deposits. `qty_lots` is in 1e-8 of the first asset."""

    def __init__(self, order_id: bytes, qty_lots: int) -> None:
        self.order_id = order_id
        self.qty_lots = qty_lots

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.blob(self.order_id)
        encoder.uint(self.qty_lots)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        order_id = decoder.blob()
        return FillOrder(order_id, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        order = _open_order(venue, session_index, self.order_id)
        _in_range("qty_lots", self.qty_lots, 1, order.leaves_lots)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        order = _open_order(venue, session_index, self.order_id)
        venue.trading.fill_by_house(venue.sessions, order, self.qty_lots, time_ns)


class DropSession(Control):
    """The venue closes the session's link without a word: a disconnect, with what that means for
    its orders."""

    def encode(self) -> bytes:
        return b""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return DropSession()

    def check(self, venue: Venue, session_index: int) -> None:
        session = _session(venue, session_index)
        if session.link == 0:
            name = session.settings.sender_comp_id
            raise ControlRefused(f"session {name} is not logged on: there is no link to drop")

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.sessions[session_index].link_lost(time_ns, LINK_DROPPED)


_DECODERS: Final[dict[int, Callable[[Decoder], Control]]] = {
    MUTE_HEARTBEATS: MuteHeartbeats.decode,
    SKIP_NUMBER: SkipNumber.decode,
    REJECT_NEXT: RejectNext.decode,
    CANCEL_ORDER: CancelOrder.decode,
    FILL_ORDER: FillOrder.decode,
    DROP_SESSION: DropSession.decode,
}


def read_control(kind: int, data: bytes) -> Control:
    """The control of a record. Raises `ControlRefused` for a kind that is not known and for bytes
    that are not its parameters."""
    decode = _DECODERS.get(kind)
    if decode is None:
        raise ControlRefused(f"kind must be one of {sorted(_DECODERS)}, not {kind}")
    decoder = Decoder(data)
    try:
        control = decode(decoder)
    except CodecError as error:
        raise ControlRefused(f"parameters of control {kind}: {error}") from error
    if not decoder.at_end():
        raise ControlRefused(f"parameters of control {kind}: there are too many bytes")
    return control


def _uints(*numbers: int) -> bytes:
    encoder = Encoder()
    for number in numbers:
        encoder.uint(number)
    return encoder.value()


def _in_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ControlRefused(f"{name} must be {least} to {most}, not {value}")


def _session(venue: Venue, session_index: int) -> Session:
    if not 0 <= session_index < len(venue.sessions):
        raise ControlRefused(f"session must be the index of one, and {session_index} is none")
    return venue.sessions[session_index]


def _open_order(venue: Venue, session_index: int, order_id: bytes) -> Order:
    if session_index != NO_SESSION:
        _session(venue, session_index)
    order = venue.engine.order(order_number(order_id))
    if order is None:
        text = order_id.decode("latin-1")
        raise ControlRefused(f"order_id must be that of an open order, not {text!r}")
    if session_index not in (NO_SESSION, order.session):
        name = venue.sessions[session_index].settings.sender_comp_id
        raise ControlRefused(f"order_id must be that of an order of session {name}")
    return order
