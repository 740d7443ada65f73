"""Which fields an order has, and what may stand together: type, time in force, instructions.

Most orders have none of the rarer fields. One look for each of them (`rare_fields`) says which
ones a message has, as bits, so that a plain order pays for no more than that.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.orders import (
    BUY,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    PRICED_TYPES,
    TRIGGER_TYPES,
)
from tidegate.model.rejects import (
    EXPIRE_TIME_COMBINATION,
    FEE_COMBINATION,
    FIELD_MISSING,
    ICEBERG_COMBINATION,
    MARGIN_FEE_COMBINATION,
    POST_ONLY_COMBINATION,
    QUOTE_QTY_COMBINATION,
    REDUCE_ONLY_COMBINATION,
    TIME_IN_FORCE,
    TRIGGER_COMBINATION,
    Refusal,
    Rule,
)
from tidegate.oes.requests import NewOrder
from tidegate.wire import tags
from tidegate.wire.message import Message

# The rarer fields, as bits
HAS_STOP_PX: Final = 1
HAS_DISPLAY_QTY: Final = 2
HAS_EXPIRE_TIME: Final = 4
HAS_EFFECTIVE_TIME: Final = 8
HAS_VALID_UNTIL_TIME: Final = 16
HAS_DISCRETION_INST: Final = 32
HAS_LEVERAGE: Final = 64

# ExecInst (18), as bits
POST_ONLY: Final = 1  # P
REDUCE_ONLY: Final = 2  # E
QUOTE_QTY: Final = 4  # v
FEE_IN_BASE: Final = 8  # f
FEE_IN_QUOTE: Final = 16  # q
SINGLE_FEE: Final = 32  # s
EXEC_INST_FAULT: Final = -1

_EXEC_INST_BITS: Final = {
    ord("P"): POST_ONLY,
    ord("E"): REDUCE_ONLY,
    ord("v"): QUOTE_QTY,
    ord("f"): FEE_IN_BASE,
    ord("q"): FEE_IN_QUOTE,
    ord("s"): SINGLE_FEE,
}


def rare_fields(message: Message) -> int:
    """The bits of the rarer fields that a message has."""
    bits = 0
    if message.has(tags.STOP_PX):
        bits |= HAS_STOP_PX
    if message.has(tags.DISPLAY_QTY):
        bits |= HAS_DISPLAY_QTY
    if message.has(tags.EXPIRE_TIME):
        bits |= HAS_EXPIRE_TIME
    if message.has(tags.EFFECTIVE_TIME):
        bits |= HAS_EFFECTIVE_TIME
    if message.has(tags.VALID_UNTIL_TIME):
        bits |= HAS_VALID_UNTIL_TIME
    if message.has(tags.DISCRETION_INST):
        bits |= HAS_DISCRETION_INST
    if message.has(tags.LEVERAGE):
        bits |= HAS_LEVERAGE
    return bits


def exec_inst_bits(exec_inst: bytes) -> int:
    """The bits of an ExecInst (18) of single characters with a space between each two, in any
    order; `EXEC_INST_FAULT` where one is unknown or is there twice."""
    bits = 0
    for place in range(0, len(exec_inst), 2):
        bit = _EXEC_INST_BITS.get(exec_inst[place], 0)
        if bit == 0 or bits & bit:
            return EXEC_INST_FAULT
        bits |= bit
    return bits


def missing_field(message: Message, ord_type: int, time_in_force: int, rare: int) -> Refusal | None:
    """The first field that OrdType (40) or TimeInForce (59) requires and the message lacks."""
    if ord_type in PRICED_TYPES and not message.has(tags.PRICE):
        return missing(b"Price (44)")
    if ord_type != MARKET and ord_type != LIMIT and not rare & HAS_STOP_PX:
        return missing(b"StopPx (99)")
    if time_in_force == GTD and not rare & HAS_EXPIRE_TIME:
        return missing(b"ExpireTime (126)")
    return None


def missing(field: bytes) -> Refusal:
    """FIELD_MISSING, naming the field."""
    return Refusal(FIELD_MISSING, FIELD_MISSING.text + b": " + field)


def fill_instructions(order: NewOrder, message: Message, rare: int, exec_inst: int) -> Rule | None:
    """Put what ExecInst (18), Leverage (5001), DiscretionInst (388) and SelfTradePrevention (7928)
    say into the order, unless it is combined with what it can not go with."""
    tif = order.time_in_force
    if order.ord_type == MARKET:
        if tif == GTD:
            return TIME_IN_FORCE
    elif order.ord_type not in PRICED_TYPES and tif != GTC and tif != GTD:
        return TIME_IN_FORCE
    if exec_inst or rare:
        rule = _fill_rare_instructions(order, message, rare, exec_inst)
        if rule is not None:
            return rule
    if message.has(tags.SELF_TRADE_PREVENTION):
        order.stp_mode = message.integer(tags.SELF_TRADE_PREVENTION)
    return None


def _fill_rare_instructions(
    order: NewOrder, message: Message, rare: int, exec_inst: int
) -> Rule | None:
    order.post_only = exec_inst & POST_ONLY != 0
    order.reduce_only = exec_inst & REDUCE_ONLY != 0
    order.single_fee = exec_inst & SINGLE_FEE != 0
    order.margin = rare & HAS_LEVERAGE != 0 and message.says(tags.LEVERAGE, b"1")
    rests = order.ord_type == LIMIT and order.time_in_force != IOC and order.time_in_force != FOK
    if order.post_only and not rests:
        return POST_ONLY_COMBINATION
    in_base = exec_inst & FEE_IN_BASE != 0
    in_quote = exec_inst & FEE_IN_QUOTE != 0
    if (in_base and in_quote) or (order.single_fee and (in_base or in_quote)):
        return FEE_COMBINATION
    if exec_inst & QUOTE_QTY and (
        order.ord_type != MARKET or order.side != BUY or order.margin or order.reduce_only
    ):
        return QUOTE_QTY_COMBINATION
    if order.reduce_only and not order.margin:
        return REDUCE_ONLY_COMBINATION
    if order.margin and in_base:
        return MARGIN_FEE_COMBINATION
    if rare & HAS_DISPLAY_QTY and not rests:
        return ICEBERG_COMBINATION
    if rare & HAS_EXPIRE_TIME and order.time_in_force != GTD:
        return EXPIRE_TIME_COMBINATION
    if rare & (HAS_STOP_PX | HAS_DISCRETION_INST) and order.ord_type not in TRIGGER_TYPES:
        return TRIGGER_COMBINATION
    if in_base or in_quote or order.margin:
        order.fee_in_base = in_base
    if rare & HAS_DISCRETION_INST:
        order.reference = message.integer(tags.DISCRETION_INST)
    return None
