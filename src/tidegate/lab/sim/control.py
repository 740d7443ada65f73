"""Controls in a simulated world: drawn by a fault, and checked by the reader of the journal."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from tidegate.lab.sim.operators import operation
from tidegate.lab.sim.orders import KnownOrder
from tidegate.lab.sim.violation import require
from tidegate.model.codec import Decoder
from tidegate.model.time import NS_PER_MS
from tidegate.venue.controls import (
    ADD_ACCOUNT,
    ADD_FIRM,
    ADD_KEY,
    ADD_SESSION,
    CANCEL_ORDER,
    DEPOSIT_MONEY,
    DROP_SESSION,
    ENABLE_ACCOUNT,
    ENABLE_FIRM,
    ENABLE_KEY,
    ENABLE_SESSION,
    FILL_ORDER,
    MUTE_HEARTBEATS,
    NO_SESSION,
    REJECT_NEXT,
    SET_ACCOUNT_FEES,
    SET_BAND,
    SET_FEE_SCHEDULE,
    SET_HALTED,
    SET_INDEX,
    SET_STATUS,
    SKIP_NUMBER,
    WITHDRAW_MONEY,
    CancelOrder,
    Control,
    DropSession,
    FillOrder,
    MuteHeartbeats,
    RejectNext,
    SkipNumber,
)
from tidegate.venue.records import Record

if TYPE_CHECKING:
    from tidegate.lab.sim.world import World

CONTROL_NAMES: Final = {
    MUTE_HEARTBEATS: "mute_heartbeats",
    SKIP_NUMBER: "skip_number",
    REJECT_NEXT: "reject_next",
    CANCEL_ORDER: "cancel_order",
    FILL_ORDER: "fill_order",
    DROP_SESSION: "drop_session",
    DEPOSIT_MONEY: "deposit_money",
    WITHDRAW_MONEY: "withdraw_money",
    SET_STATUS: "set_status",
    SET_HALTED: "set_halted",
    SET_INDEX: "set_index",
    SET_BAND: "set_band",
    SET_ACCOUNT_FEES: "set_account_fees",
    SET_FEE_SCHEDULE: "set_fee_schedule",
    ADD_FIRM: "add_firm",
    ENABLE_FIRM: "enable_firm",
    ADD_ACCOUNT: "add_account",
    ENABLE_ACCOUNT: "enable_account",
    ADD_SESSION: "add_session",
    ENABLE_SESSION: "enable_session",
    ADD_KEY: "add_key",
    ENABLE_KEY: "enable_key",
}
# What the fault `control` draws from, beside `OPERATIONS`.
DRAWN: Final = (
    MUTE_HEARTBEATS, SKIP_NUMBER, REJECT_NEXT, CANCEL_ORDER, FILL_ORDER, DROP_SESSION,
)  # fmt: skip
VENUE_CANCEL_TEXT: Final = b"Order canceled by the venue"
_MUTED_MS_MAX: Final = 20_000
_OPERATIONS = 0.5  # so many controls are about markets and money
_REFUSED_AFTER_ALL = 0.1  # so often the parameters of an order's control can not be right


def control(world: World, random: Random) -> bool:
    """A fault: an operator does one thing to the venue. Tells whether it was accepted."""
    if not world.serving:
        return False
    if random.random() < _OPERATIONS:
        return operation(world, random)
    kind = random.choice(DRAWN)
    session = world.session_index(random.choice(world.clients).name)
    wanted: Control
    if kind in (CANCEL_ORDER, FILL_ORDER):
        known = list(world.machine.auditor.fold.orders.open.values())
        if not known:
            return False
        order = random.choice(known)
        session = random.choice((order.session, order.session, NO_SESSION, session))
        wanted = _order_control(kind, order, random)
    else:
        wanted = _session_control(kind, random)
    done = world.control(kind, session, wanted.encode())
    if done and kind == MUTE_HEARTBEATS:
        off = MuteHeartbeats(on=False).encode()
        delay_ns = random.randrange(_MUTED_MS_MAX) * NS_PER_MS
        world.after(delay_ns, lambda: world.control(kind, session, off))
    return done


def _order_control(kind: int, order: KnownOrder, random: Random) -> Control:
    if kind == CANCEL_ORDER:
        return CancelOrder(order.order_id)
    if random.random() < _REFUSED_AFTER_ALL:
        return FillOrder(order.order_id, order.leaves + 1)
    return FillOrder(order.order_id, random.choice((order.leaves, random.randint(1, order.leaves))))


def _session_control(kind: int, random: Random) -> Control:
    if kind == MUTE_HEARTBEATS:
        return MuteHeartbeats(on=True)
    if kind == SKIP_NUMBER:
        return SkipNumber(random.choice((0, 1, 1, 2, 5, 60)))
    if kind == REJECT_NEXT:
        return RejectNext(random.choice((1, 2, 3)), random.choice((0, 1, 3, 3)))
    return DropSession()


class ControlFold:
    """The control of the present input record: what it allows, and only it."""

    def __init__(self) -> None:
        self.kind = 0  # 0 while the input is none
        self.on = False  # of a MUTE_HEARTBEATS
        self._order_id = b""
        self._lots = 0
        self._numbers_left = 0

    def input(self, record: Record | None) -> None:
        """The next input; None where it is no control. The one before must have been done."""
        require(self._numbers_left == 0, "control", f"{self._numbers_left} numbers not skipped")
        owed = self.kind in (CANCEL_ORDER, FILL_ORDER) and bool(self._order_id)
        require(not owed, "control", f"nothing was told of {self._order_id.decode('latin-1')}")
        self.kind = 0 if record is None else record.number
        if record is None:
            return
        decoder = Decoder(record.data)
        if self.kind == MUTE_HEARTBEATS:
            self.on = decoder.flag()
        elif self.kind == SKIP_NUMBER:
            self._numbers_left = decoder.uint()
        elif self.kind in (CANCEL_ORDER, FILL_ORDER):
            self._order_id = decoder.blob()
            self._lots = decoder.uint() if self.kind == FILL_ORDER else 0

    def skipped(self, msg_type: bytes, said: str) -> None:
        """A number of a session was used up and not transmitted."""
        require(
            self.kind == SKIP_NUMBER, "fence", f"{said}: not transmitted, though the link is up"
        )
        require(msg_type == b"0", "control", f"{said}: a skipped number is a {msg_type!r}")
        require(self._numbers_left > 0, "control", f"{said}: more numbers skipped than asked for")
        self._numbers_left -= 1

    def canceled(self, order_id: bytes, said: str) -> None:
        """A report says that the venue cancelled an order by itself."""
        asked = self.kind == CANCEL_ORDER and order_id == self._order_id
        require(asked, "control", f"{said}: nobody asked for it")
        self._order_id = b""

    def filled(self, order_id: bytes, last: int, said: str) -> None:
        """A report tells a fill without another side."""
        asked = self.kind == FILL_ORDER and (order_id, last) == (self._order_id, self._lots)
        require(asked, "trade_sides", f"{said}: a trade has one side")
        self._order_id = b""
