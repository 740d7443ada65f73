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
_NOT_AVAILABLE: Final = 4
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
ACCOUNT_DISABLED: Final = _rule(
    "account_disabled", LAYER_ORDER_ENTRY, _NOT_AUTHORIZED, "EAccount:Invalid permissions"
)
RATE_LIMIT: Final = _rule("rate_limit", LAYER_ORDER_ENTRY, _OTHER, "apiLimitExceeded")
CL_ORD_ID_NOT_INCREASING: Final = _rule(
    "cl_ord_id_not_increasing", LAYER_ORDER_ENTRY, _OTHER, "EOrder:ClOrdID not increasing"
)
FIELD_MISSING: Final = _rule(
    "field_missing", LAYER_ORDER_ENTRY, _FIELD_MISSING, "Conditionally required field missing"
)
EXEC_INST: Final = _rule(
    "exec_inst", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:ExecInst (18)"
)
CL_ORD_ID_IN_USE: Final = _rule(
    "cl_ord_id_in_use", LAYER_ORDER_ENTRY, _OTHER, "EOrder:ClOrdID already in use"
)
UNKNOWN_SYMBOL: Final = _rule(
    "unknown_symbol", LAYER_ORDER_ENTRY, _UNKNOWN_INSTRUMENT, "EQuery:Unknown asset pair"
)
VENUE_HALTED: Final = _rule(
    "venue_halted", LAYER_ORDER_ENTRY, _NOT_AVAILABLE, "EService:Unavailable"
)
MARKET_MAINTENANCE: Final = _rule(
    "market_maintenance", LAYER_ORDER_ENTRY, _NOT_AVAILABLE, "EService:Unavailable"
)
MARKET_CANCEL_ONLY: Final = _rule(
    "market_cancel_only", LAYER_ORDER_ENTRY, _OTHER, "EService:Market in cancel_only mode"
)
MARKET_POST_ONLY: Final = _rule(
    "market_post_only", LAYER_ORDER_ENTRY, _OTHER, "EService:Market in post_only mode"
)
MARKET_LIMIT_ONLY: Final = _rule(
    "market_limit_only", LAYER_ORDER_ENTRY, _OTHER, "EService:Market in limit_only mode"
)
MARKET_REDUCE_ONLY: Final = _rule(
    "market_reduce_only", LAYER_ORDER_ENTRY, _OTHER, "EService:Market in reduce_only mode"
)
TIME_IN_FORCE: Final = _rule(
    "time_in_force",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:TimeInForce (59) does not go with OrdType (40)",
)
POST_ONLY_COMBINATION: Final = _rule(
    "post_only_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:post-only needs a limit order that can rest",
)
FEE_COMBINATION: Final = _rule(
    "fee_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:f, q and s of ExecInst (18) exclude each other",
)
QUOTE_QTY_COMBINATION: Final = _rule(
    "quote_qty_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:v of ExecInst (18) needs a market buy without margin",
)
REDUCE_ONLY_COMBINATION: Final = _rule(
    "reduce_only_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:E of ExecInst (18) needs Leverage (5001) 1",
)
MARGIN_FEE_COMBINATION: Final = _rule(
    "margin_fee_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:a margin order pays its fee in the quote asset",
)
ICEBERG_COMBINATION: Final = _rule(
    "iceberg_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:DisplayQty (1138) needs a limit order that can rest",
)
AMEND_DISPLAY: Final = _rule(
    "amend_display",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:an order without DisplayQty (1138) can not become an iceberg",
)
EXPIRE_TIME_COMBINATION: Final = _rule(
    "expire_time_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:ExpireTime (126) needs TimeInForce (59) 6",
)
TRIGGER_COMBINATION: Final = _rule(
    "trigger_combination",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:StopPx (99) and DiscretionInst (388) need a stop, take-profit or "
    "trailing order",
)
QTY_INVALID: Final = _rule(
    "qty_invalid", LAYER_ORDER_ENTRY, _OTHER, "EGeneral:Invalid arguments:volume"
)
PRICE_INVALID: Final = _rule("price_invalid", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Invalid price")
TICK_SIZE: Final = _rule("tick_size", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Tick size check failed")
ICEBERG_SIZE: Final = _rule(
    "iceberg_size",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:DisplayQty (1138) must be 1/15 of OrderQty (38) to all of it",
)
ORDER_MINIMUM: Final = _rule(
    "order_minimum", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Order minimum not met"
)
COST_MINIMUM: Final = _rule(
    "cost_minimum", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Cost minimum not met"
)
EFFECTIVE_TIME: Final = _rule(
    "effective_time",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:EffectiveTime (168) must lie ahead, at most 31 days, and before "
    "ExpireTime (126)",
)
EXPIRE_TIME: Final = _rule(
    "expire_time",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:ExpireTime (126) must lie ahead, at most 31 days",
)
VALID_UNTIL_TIME: Final = _rule(
    "valid_until_time",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EGeneral:Invalid arguments:ValidUntilTime (62) must be 2 to 60 s after SendingTime (52)",
)
ACCOUNT_RATE_LIMIT: Final = _rule(
    "account_rate_limit", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Rate limit exceeded"
)
DOMAIN_RATE_LIMIT: Final = _rule(
    "domain_rate_limit", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Domain rate limit exceeded"
)
ORDERS_LIMIT: Final = _rule(
    "orders_limit", LAYER_ORDER_ENTRY, _OTHER, "EOrder:Orders limit exceeded"
)
SCHEDULED_ORDERS_LIMIT: Final = _rule(
    "scheduled_orders_limit",
    LAYER_ORDER_ENTRY,
    _OTHER,
    "EOrder:Scheduled orders limit exceeded",
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
AMEND_QUOTE_QTY: Final = _rule(
    "amend_quote_qty",
    LAYER_ENGINE,
    _OTHER,
    "EGeneral:Invalid arguments:an order with v of ExecInst (18) can not be amended",
)
DEADLINE_ELAPSED: Final = _rule(
    "deadline_elapsed", LAYER_ENGINE, _OTHER, "EService:Deadline elapsed"
)
INDEX_UNAVAILABLE: Final = _rule(
    "index_unavailable", LAYER_ENGINE, _OTHER, "EGeneral:Invalid arguments:Index unavailable"
)
TRIGGER_PRICE: Final = _rule("trigger_price", LAYER_ENGINE, _OTHER, "EOrder:Invalid price")
CANNOT_OPEN_POSITION: Final = _rule(
    "cannot_open_position", LAYER_ENGINE, _OTHER, "EOrder:Cannot open position"
)
REDUCE_ONLY_NO_POSITION: Final = _rule(
    "reduce_only_no_position", LAYER_ENGINE, _OTHER, "EOrder:Reduce only:No position exists"
)
REDUCE_ONLY_NON_PC: Final = _rule(
    "reduce_only_non_pc", LAYER_ENGINE, _OTHER, "EOrder:Reduce only:Non-PC"
)
CANNOT_OPEN_OPPOSING: Final = _rule(
    "cannot_open_opposing", LAYER_ENGINE, _OTHER, "EOrder:Cannot open opposing position"
)
POSITIONS_LIMIT: Final = _rule(
    "positions_limit", LAYER_ENGINE, _OTHER, "EOrder:Positions limit exceeded"
)
POSITION_SIZE: Final = _rule(
    "position_size", LAYER_ENGINE, _OTHER, "EOrder:Margin position size exceeded"
)
MARGIN_ALLOWANCE: Final = _rule(
    "margin_allowance", LAYER_ENGINE, _OTHER, "EOrder:Margin allowance exceeded"
)
INSUFFICIENT_MARGIN: Final = _rule(
    "insufficient_margin", LAYER_ENGINE, _OTHER, "EOrder:Insufficient margin"
)
INSUFFICIENT_FUNDS: Final = _rule(
    "insufficient_funds", LAYER_ENGINE, _OTHER, "EOrder:Insufficient funds"
)
MARGIN_LEVEL: Final = _rule("margin_level", LAYER_ENGINE, _OTHER, "EOrder:Margin level too low")
PRICE_BAND: Final = _rule("price_band", LAYER_ENGINE, _OTHER, "EOrder:Invalid price")
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
CANCELED_DISABLED: Final = b"Order canceled: account or session disabled"
CANCELED_BY_AMEND: Final = b"Order quantity amended to executed quantity"
CANCELED_SELF_TRADE: Final = b"Cannot trade with self"
CANCELED_IOC: Final = b"Immediate or cancel"
CANCELED_FOK: Final = b"Fill or kill"
CANCELED_NO_LIQUIDITY: Final = b"Insufficient liquidity"
CANCELED_POSITION_CLOSED: Final = b"EOrder:Reduce only:Position is closed"
EXPIRED_GTD: Final = b"GTD order expired"


class Refusal:
    """A rule that fired, with the text that goes out (usually the rule's own)."""

    def __init__(self, rule: Rule, text: bytes) -> None:
        self.rule = rule
        self.text = text


def refuse(rule: Rule) -> Refusal:
    return Refusal(rule, rule.text)
