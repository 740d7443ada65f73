"""The reject catalogue: every refusal the venue gives, with its layer, code and text.

A refusal is a value. It travels from the room that found it to the wire (where it is a session
reject 35=3, a business reject 35=j or the text of an unsolicited cancel) and to the log, which
always shows layer and rule, whatever the wire shows.
"""

from __future__ import annotations

from typing import Final

# The layer that refuses
LAYER_GATEWAY: Final = 1  # format: fields, values, ClOrdID's form
LAYER_ORDER_ENTRY: Final = 2  # account, permission, ClOrdID, instrument, precision, limits
LAYER_ENGINE: Final = 3  # balance, post-only, self-trade

LAYER_NAMES: Final = {
    LAYER_GATEWAY: "gateway",
    LAYER_ORDER_ENTRY: "order_entry",
    LAYER_ENGINE: "engine",
}


class Rule:
    """One reason to refuse. `code` is SessionRejectReason (373) for layer 1 and
    BusinessRejectReason (380) for the others; `ref_tag` is RefTagID (371) or 0."""

    def __init__(self, name: str, layer: int, code: int, text: str, ref_tag: int = 0) -> None:
        self.name = name
        self.layer = layer
        self.code = code
        self.text: bytes = text.encode()
        self.ref_tag = ref_tag


ALL_RULES: Final[list[Rule]] = []


def _rule(name: str, layer: int, code: int, text: str, ref_tag: int = 0) -> Rule:
    rule = Rule(name, layer, code, text, ref_tag)
    ALL_RULES.append(rule)
    return rule


_SESSION_OTHER: Final = 99  # SessionRejectReason (373)

# BusinessRejectReason (380)
_OTHER: Final = 0
_UNKNOWN_ID: Final = 1
_UNKNOWN_INSTRUMENT: Final = 2
_UNSUPPORTED_TYPE: Final = 3
_FIELD_MISSING: Final = 5
_NOT_AUTHORIZED: Final = 6
_UNKNOWN_ORDER: Final = 101
_ORDER_TOO_OLD: Final = 104

# Layer 1. The table-driven field rules are in `wire.validation`; these need more than a table.
CL_ORD_ID_FORM: Final = _rule(
    "cl_ord_id_form", LAYER_GATEWAY, 5, "Invalid value for tag 11: ClOrdID", 11
)
CL_ORD_ID_TIME: Final = _rule(
    "cl_ord_id_time", LAYER_GATEWAY, 5, "ClOrdID invalid value (timestamp is out of date)", 11
)

# Layer 2, in the order in which the checks run.
MESSAGE_TYPE: Final = _rule(
    "message_type", LAYER_ORDER_ENTRY, _UNSUPPORTED_TYPE, "Unsupported message type"
)
RATE_LIMIT: Final = _rule("rate_limit", LAYER_ORDER_ENTRY, _OTHER, "apiLimitExceeded")
ACCOUNT_DISABLED: Final = _rule(
    "account_disabled", LAYER_ORDER_ENTRY, _NOT_AUTHORIZED, "EAccount:Invalid permissions"
)
ALLOCATION_MISSING: Final = _rule(
    "allocation_missing",
    LAYER_ORDER_ENTRY,
    _NOT_AUTHORIZED,
    "EGeneral:Permission denied:AllocAccount (79) required",
)
ALLOCATION_FOREIGN: Final = _rule(
    "allocation_foreign",
    LAYER_ORDER_ENTRY,
    _NOT_AUTHORIZED,
    "EGeneral:Permission denied:AllocAccount (79)",
)
CL_ORD_ID_NOT_INCREASING: Final = _rule(
    "cl_ord_id_not_increasing", LAYER_ORDER_ENTRY, _OTHER, "EOrder:ClOrdID not increasing"
)
CL_ORD_ID_IN_USE: Final = _rule(
    "cl_ord_id_in_use", LAYER_ORDER_ENTRY, _OTHER, "EOrder:ClOrdID already in use"
)
UNKNOWN_SYMBOL: Final = _rule(
    "unknown_symbol", LAYER_ORDER_ENTRY, _UNKNOWN_INSTRUMENT, "EQuery:Unknown asset pair"
)
ORD_TYPE: Final = _rule(
    "ord_type", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:OrdType (40) not supported"
)
TIME_IN_FORCE: Final = _rule(
    "time_in_force",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:TimeInForce (59) not supported",
)
EXEC_INST: Final = _rule(
    "exec_inst", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:ExecInst (18) not supported"
)
POST_ONLY_COMBINATION: Final = _rule(
    "post_only_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:post-only needs a limit order that can rest",
)
MARGIN: Final = _rule(
    "margin", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:Leverage (5001) not supported"
)
OPTION_FIELD: Final = _rule(
    "option_field", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:field not supported"
)
FIELD_MISSING: Final = _rule(
    "field_missing", LAYER_ORDER_ENTRY, _FIELD_MISSING, "Conditionally required field missing"
)
PRICE_INVALID: Final = _rule("price_invalid", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Invalid price")
TICK_SIZE: Final = _rule("tick_size", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Tick size check failed")
QTY_INVALID: Final = _rule(
    "qty_invalid", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:volume"
)
ORDER_MINIMUM: Final = _rule(
    "order_minimum", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Order minimum not met"
)
COST_MINIMUM: Final = _rule(
    "cost_minimum", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Cost minimum not met"
)
ORDERS_LIMIT: Final = _rule(
    "orders_limit", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Orders limit exceeded"
)

# Layer 3, in the order in which the checks run. Only the engine knows which orders there are.
UNKNOWN_ORDER: Final = _rule("unknown_order", LAYER_ENGINE, _UNKNOWN_ORDER, "EOrder:Unknown order")
UNKNOWN_ORDER_AMEND: Final = _rule(
    "unknown_order_amend", LAYER_ENGINE, _UNKNOWN_ID, "EOrder:Unknown order"
)
ORDER_TOO_OLD: Final = _rule("order_too_old", LAYER_ENGINE, _ORDER_TOO_OLD, "EOrder:Order too old")
AMEND_MISMATCH: Final = _rule(
    "amend_mismatch",
    LAYER_ENGINE,
    _OTHER,
    "EGeneral:Invalid arguments:Side, Symbol, OrdType and TimeInForce must equal the order's",
)
INSUFFICIENT_FUNDS: Final = _rule(
    "insufficient_funds", LAYER_ENGINE, _OTHER, "EOrder:Insufficient funds"
)
POST_ONLY: Final = _rule("post_only", LAYER_ENGINE, _OTHER, "EOrder:Post only order")

# Refusals on demand (`venue.controls`): an order that has passed every check of the layer.
INJECTED_BY_GATEWAY: Final = _rule(
    "injected_by_gateway", LAYER_GATEWAY, _SESSION_OTHER, "Rejected on demand at layer 1"
)
INJECTED_BY_ORDER_ENTRY: Final = _rule(
    "injected_by_order_entry", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Rejected on demand at layer 2"
)
INJECTED_BY_ENGINE: Final = _rule(
    "injected_by_engine", LAYER_ENGINE, _OTHER, "EOrder:Rejected on demand at layer 3"
)

# Texts of cancels that nobody asked for by 35=F (ExecutionReport 150=4, tag 58).
CANCELED_BY_USER: Final = b"Order canceled by user"
CANCELED_BY_MASS: Final = b"Order canceled by mass cancel"
CANCELED_BY_DISCONNECT: Final = b"Order canceled on disconnect"
CANCELED_BY_LOGOUT: Final = b"Order canceled on logout"
CANCELED_BY_ROLLOVER: Final = b"Order canceled on rollover"
CANCELED_BY_VENUE: Final = b"Order canceled by the venue"
CANCELED_BY_AMEND: Final = b"Order quantity amended to executed quantity"
CANCELED_SELF_TRADE: Final = b"Cannot trade with self"
CANCELED_IOC: Final = b"Immediate or cancel"
CANCELED_FOK: Final = b"Fill or kill"
CANCELED_NO_LIQUIDITY: Final = b"Insufficient liquidity"


class Refusal:
    """A rule that fired, with the text that goes out (usually the rule's own)."""

    def __init__(self, rule: Rule, text: bytes) -> None:
        self.rule = rule
        self.text = text


def refuse(rule: Rule) -> Refusal:
    return Refusal(rule, rule.text)
