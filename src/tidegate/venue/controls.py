"""Controls: what an operator or a test may do to a running venue, as journaled records.

A control is a value with a kind and its parameters. `check` says whether it can be done, and
changes nothing; the venue then records it and has it applied, now and on every replay. A new kind
is a class in the module of its subject, its number here and its row in `_DECODERS`; numbers are
never used again.

Controls of a session name it; those of an order, whose session the venue knows, may come with
`NO_SESSION` instead; all others come with `NO_SESSION`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.model.codec import CodecError, Decoder
from tidegate.venue.control import NO_SESSION, Control, ControlRefused
from tidegate.venue.directory_controls import (
    AddAccount,
    AddFirm,
    AddKey,
    AddSession,
    EnableAccount,
    EnableFirm,
    EnableKey,
    EnableSession,
)
from tidegate.venue.market_controls import SetBand, SetHalted, SetIndex, SetStatus
from tidegate.venue.money_controls import (
    DepositMoney,
    SetAccountFees,
    SetFeeSchedule,
    WithdrawMoney,
)
from tidegate.venue.order_controls import CancelOrder, FillOrder
from tidegate.venue.session_controls import DropSession, MuteHeartbeats, RejectNext, SkipNumber

__all__ = [
    "NO_SESSION", "AddAccount", "AddFirm", "AddKey", "AddSession", "CancelOrder", "Control",
    "ControlRefused", "DepositMoney", "DropSession", "EnableAccount", "EnableFirm", "EnableKey",
    "EnableSession", "FillOrder", "MuteHeartbeats", "RejectNext", "SetAccountFees", "SetBand",
    "SetFeeSchedule", "SetHalted", "SetIndex", "SetStatus", "SkipNumber", "WithdrawMoney",
]  # fmt: skip

# Kinds
MUTE_HEARTBEATS: Final = 1
SKIP_NUMBER: Final = 2
REJECT_NEXT: Final = 3
CANCEL_ORDER: Final = 4
FILL_ORDER: Final = 5
DROP_SESSION: Final = 6
DEPOSIT_MONEY: Final = 7
WITHDRAW_MONEY: Final = 8
SET_STATUS: Final = 9
SET_HALTED: Final = 10
SET_INDEX: Final = 11
SET_BAND: Final = 12
SET_ACCOUNT_FEES: Final = 13
SET_FEE_SCHEDULE: Final = 14
ADD_FIRM: Final = 15
ENABLE_FIRM: Final = 16
ADD_ACCOUNT: Final = 17
ENABLE_ACCOUNT: Final = 18
ADD_SESSION: Final = 19
ENABLE_SESSION: Final = 20
ADD_KEY: Final = 21
ENABLE_KEY: Final = 22

_DECODERS: Final[dict[int, Callable[[Decoder], Control]]] = {
    MUTE_HEARTBEATS: MuteHeartbeats.decode,
    SKIP_NUMBER: SkipNumber.decode,
    REJECT_NEXT: RejectNext.decode,
    CANCEL_ORDER: CancelOrder.decode,
    FILL_ORDER: FillOrder.decode,
    DROP_SESSION: DropSession.decode,
    DEPOSIT_MONEY: DepositMoney.decode,
    WITHDRAW_MONEY: WithdrawMoney.decode,
    SET_STATUS: SetStatus.decode,
    SET_HALTED: SetHalted.decode,
    SET_INDEX: SetIndex.decode,
    SET_BAND: SetBand.decode,
    SET_ACCOUNT_FEES: SetAccountFees.decode,
    SET_FEE_SCHEDULE: SetFeeSchedule.decode,
    ADD_FIRM: AddFirm.decode,
    ENABLE_FIRM: EnableFirm.decode,
    ADD_ACCOUNT: AddAccount.decode,
    ENABLE_ACCOUNT: EnableAccount.decode,
    ADD_SESSION: AddSession.decode,
    ENABLE_SESSION: EnableSession.decode,
    ADD_KEY: AddKey.decode,
    ENABLE_KEY: EnableKey.decode,
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
    except (CodecError, UnicodeDecodeError) as error:
        raise ControlRefused(f"parameters of control {kind}: {error}") from error
    if not decoder.at_end():
        raise ControlRefused(f"parameters of control {kind}: there are too many bytes")
    return control
