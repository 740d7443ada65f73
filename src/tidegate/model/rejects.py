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
    BusinessRejectReason (380) for the others; `meaning` says in words when it fires (for
    docs/rejects.md); `ref_tag` is RefTagID (371) or 0."""

    def __init__(
        self, name: str, layer: int, code: int, text: str, meaning: str, ref_tag: int = 0
    ) -> None:
        self.name = name
        self.layer = layer
        self.code = code
        self.text: bytes = text.encode()
        self.meaning = meaning
        self.ref_tag = ref_tag


ALL_RULES: Final[list[Rule]] = []


def _listed(rule: Rule) -> Rule:
    ALL_RULES.append(rule)
    return rule


def _gateway(name: str, code: int, text: str, meaning: str, ref_tag: int = 0) -> Rule:
    return _listed(Rule(name, LAYER_GATEWAY, code, text, meaning, ref_tag))


def _order_entry(name: str, code: int, text: str, meaning: str) -> Rule:
    return _listed(Rule(name, LAYER_ORDER_ENTRY, code, text, meaning))


def _engine(name: str, code: int, text: str, meaning: str) -> Rule:
    return _listed(Rule(name, LAYER_ENGINE, code, text, meaning))


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
CL_ORD_ID_FORM: Final = _gateway(
    "cl_ord_id_form",
    5,
    "Invalid value for tag 11: ClOrdID",
    "ClOrdID (11) is neither a number of up to 18 digits without a leading zero nor a UUID.",
    11,
)
CL_ORD_ID_TIME: Final = _gateway(
    "cl_ord_id_time",
    5,
    "ClOrdID invalid value (timestamp is out of date)",
    "The time in ClOrdID (11) is more than 120 s from the venue's. (A number is looked at "
    "like this only where the session's policy says so.)",
    11,
)

# Layer 2, in the order in which the checks run.
MESSAGE_TYPE: Final = _order_entry(
    "message_type",
    _UNSUPPORTED_TYPE,
    "Unsupported message type",
    "FIX 4.4 has this message type, the venue does not take it.",
)
ACCOUNT_DISABLED: Final = _order_entry(
    "account_disabled",
    _NOT_AUTHORIZED,
    "EAccount:Invalid permissions",
    "The session, its account, or the sub-account that AllocAccount (79) names is disabled.",
)
RATE_LIMIT: Final = _order_entry(
    "rate_limit",
    _OTHER,
    "apiLimitExceeded",
    "The session's own token bucket is empty.",
)
CL_ORD_ID_NOT_INCREASING: Final = _order_entry(
    "cl_ord_id_not_increasing",
    _OTHER,
    "EOrder:ClOrdID not increasing",
    "A number as ClOrdID (11) must be higher than every one before it in the session.",
)
FIELD_MISSING: Final = _order_entry(
    "field_missing",
    _FIELD_MISSING,
    "Conditionally required field missing",
    "OrdType (40), TimeInForce (59) or the kind of request requires a field that is not "
    "there; the text names it.",
)
EXEC_INST: Final = _order_entry(
    "exec_inst",
    _OTHER,
    "EGeneral:Invalid arguments:ExecInst (18)",
    "ExecInst (18) has a value twice, or an amend has another one than P.",
)
CL_ORD_ID_IN_USE: Final = _order_entry(
    "cl_ord_id_in_use",
    _OTHER,
    "EOrder:ClOrdID already in use",
    "An open order of the account has this ClOrdID (11), or the session has used this UUID before.",
)
UNKNOWN_SYMBOL: Final = _order_entry(
    "unknown_symbol",
    _UNKNOWN_INSTRUMENT,
    "EQuery:Unknown asset pair",
    "Symbol (55) is no instrument of the venue.",
)
VENUE_HALTED: Final = _order_entry(
    "venue_halted",
    _NOT_AVAILABLE,
    "EService:Unavailable",
    "Trading is halted on every pair; cancels go on.",
)
MARKET_MAINTENANCE: Final = _order_entry(
    "market_maintenance",
    _NOT_AVAILABLE,
    "EService:Unavailable",
    "The pair is in maintenance, hidden or delisted; cancels go on.",
)
MARKET_CANCEL_ONLY: Final = _order_entry(
    "market_cancel_only",
    _OTHER,
    "EService:Market in cancel_only mode",
    "The pair takes cancels alone.",
)
MARKET_POST_ONLY: Final = _order_entry(
    "market_post_only",
    _OTHER,
    "EService:Market in post_only mode",
    "The pair takes only limit orders (and amends of them) with P of ExecInst (18).",
)
MARKET_LIMIT_ONLY: Final = _order_entry(
    "market_limit_only",
    _OTHER,
    "EService:Market in limit_only mode",
    "The pair takes only limit orders (OrdType 2) and amends of them.",
)
MARKET_REDUCE_ONLY: Final = _order_entry(
    "market_reduce_only",
    _OTHER,
    "EService:Market in reduce_only mode",
    "The pair takes only orders with E of ExecInst (18) and amends of them.",
)
TIME_IN_FORCE: Final = _order_entry(
    "time_in_force",
    _OTHER,
    "EGeneral:Invalid arguments:TimeInForce (59) does not go with OrdType (40)",
    "A market order is GTC, IOC or FOK; a trigger order that becomes a market order is GTC or GTD.",
)
POST_ONLY_COMBINATION: Final = _order_entry(
    "post_only_combination",
    _OTHER,
    "EGeneral:Invalid arguments:post-only needs a limit order that can rest",
    "P of ExecInst (18) goes with limit orders (OrdType 2) that are GTC or GTD.",
)
FEE_COMBINATION: Final = _order_entry(
    "fee_combination",
    _OTHER,
    "EGeneral:Invalid arguments:f, q and s of ExecInst (18) exclude each other",
    "Of f, q and s of ExecInst (18) an order has at most one.",
)
QUOTE_QTY_COMBINATION: Final = _order_entry(
    "quote_qty_combination",
    _OTHER,
    "EGeneral:Invalid arguments:v of ExecInst (18) needs a market buy without margin",
    "v of ExecInst (18) goes with market orders to buy, without margin.",
)
REDUCE_ONLY_COMBINATION: Final = _order_entry(
    "reduce_only_combination",
    _OTHER,
    "EGeneral:Invalid arguments:E of ExecInst (18) needs Leverage (5001) 1",
    "E of ExecInst (18) is for positions, so it goes with Leverage (5001) 1.",
)
MARGIN_FEE_COMBINATION: Final = _order_entry(
    "margin_fee_combination",
    _OTHER,
    "EGeneral:Invalid arguments:a margin order pays its fee in the quote asset",
    "f of ExecInst (18) does not go with Leverage (5001) 1.",
)
ICEBERG_COMBINATION: Final = _order_entry(
    "iceberg_combination",
    _OTHER,
    "EGeneral:Invalid arguments:DisplayQty (1138) needs a limit order that can rest",
    "DisplayQty (1138) goes with limit orders (OrdType 2) that are GTC or GTD.",
)
AMEND_DISPLAY: Final = _order_entry(
    "amend_display",
    _OTHER,
    "EGeneral:Invalid arguments:an order without DisplayQty (1138) can not become an iceberg",
    "An amend gives a DisplayQty (1138) to an order that was entered without one.",
)
EXPIRE_TIME_COMBINATION: Final = _order_entry(
    "expire_time_combination",
    _OTHER,
    "EGeneral:Invalid arguments:ExpireTime (126) needs TimeInForce (59) 6",
    "ExpireTime (126) goes with TimeInForce (59) 6 alone.",
)
TRIGGER_COMBINATION: Final = _order_entry(
    "trigger_combination",
    _OTHER,
    "EGeneral:Invalid arguments:StopPx (99) and DiscretionInst (388) need a stop, take-profit or "
    "trailing order",
    "StopPx (99) and DiscretionInst (388) say when an order is triggered, so the order "
    "must be of a type that is; one that has been triggered has no StopPx any more.",
)
QTY_INVALID: Final = _order_entry(
    "qty_invalid",
    _OTHER,
    "EGeneral:Invalid arguments:volume",
    "OrderQty (38) or DisplayQty (1138) has more than 8 decimals, or OrderQty is not "
    "above zero or too large to count.",
)
PRICE_INVALID: Final = _order_entry(
    "price_invalid",
    _OTHER,
    "EOrder:Invalid price",
    "Price (44) or StopPx (99) is not above zero or too large to count.",
)
TICK_SIZE: Final = _order_entry(
    "tick_size",
    _OTHER,
    "EOrder:Tick size check failed",
    "Price (44) or StopPx (99), be it a price or a distance, is not a multiple of the "
    "instrument's tick.",
)
ICEBERG_SIZE: Final = _order_entry(
    "iceberg_size",
    _OTHER,
    "EGeneral:Invalid arguments:DisplayQty (1138) must be 1/15 of OrderQty (38) to all of it",
    "DisplayQty (1138) is less than 1/15 of OrderQty (38), or more than it. For an amend "
    "what is left of OrderQty counts, and the DisplayQty that the order has where the "
    "amend gives none.",
)
ORDER_MINIMUM: Final = _order_entry(
    "order_minimum",
    _OTHER,
    "EOrder:Order minimum not met",
    "OrderQty (38) is less than the instrument's smallest order.",
)
COST_MINIMUM: Final = _order_entry(
    "cost_minimum",
    _OTHER,
    "EOrder:Cost minimum not met",
    "OrderQty (38) x Price (44), or OrderQty in the quote asset, is less than the "
    "instrument's smallest cost.",
)
EFFECTIVE_TIME: Final = _order_entry(
    "effective_time",
    _OTHER,
    "EGeneral:Invalid arguments:EffectiveTime (168) must lie ahead, at most 31 days, and before "
    "ExpireTime (126)",
    "EffectiveTime (168) has come already, is more than 31 days ahead, or is not before "
    "ExpireTime (126).",
)
EXPIRE_TIME: Final = _order_entry(
    "expire_time",
    _OTHER,
    "EGeneral:Invalid arguments:ExpireTime (126) must lie ahead, at most 31 days",
    "ExpireTime (126) has come already or is more than 31 days ahead.",
)
VALID_UNTIL_TIME: Final = _order_entry(
    "valid_until_time",
    _OTHER,
    "EGeneral:Invalid arguments:ValidUntilTime (62) must be 2 to 60 s after SendingTime (52)",
    "ValidUntilTime (62) is not 2 to 60 s after SendingTime (52).",
)
ACCOUNT_RATE_LIMIT: Final = _order_entry(
    "account_rate_limit",
    _OTHER,
    "EOrder:Rate limit exceeded",
    "The request would lift the account's counter for the pair above its threshold.",
)
DOMAIN_RATE_LIMIT: Final = _order_entry(
    "domain_rate_limit",
    _OTHER,
    "EOrder:Domain rate limit exceeded",
    "The request would lift the counter that a master account shares with its "
    "sub-accounts above its threshold.",
)
ORDERS_LIMIT: Final = _order_entry(
    "orders_limit",
    _OTHER,
    "EOrder:Orders limit exceeded",
    "As many orders are open as there may be.",
)
SCHEDULED_ORDERS_LIMIT: Final = _order_entry(
    "scheduled_orders_limit",
    _OTHER,
    "EOrder:Scheduled orders limit exceeded",
    "As many of the account's orders wait for their EffectiveTime (168) as there may be.",
)
ALLOCATION_MISSING: Final = _order_entry(
    "allocation_missing",
    _NOT_AUTHORIZED,
    "EGeneral:Permission denied:AllocAccount (79) required",
    "An order of a broker's session must name the sub-account it is for.",
)
ALLOCATION_FOREIGN: Final = _order_entry(
    "allocation_foreign",
    _NOT_AUTHORIZED,
    "EGeneral:Permission denied:AllocAccount (79)",
    "AllocAccount (79) is no sub-account of the broker, or the session is no broker's.",
)

# Layer 3, in the order in which the checks run. Only the engine knows which orders there are.
UNKNOWN_ORDER: Final = _engine(
    "unknown_order",
    _UNKNOWN_ORDER,
    "EOrder:Unknown order",
    "The order that the request names is not open, or out of the session's reach.",
)
UNKNOWN_ORDER_AMEND: Final = _engine(
    "unknown_order_amend",
    _UNKNOWN_ID,
    "EOrder:Unknown order",
    "No open order within the session's reach has both this OrderID (37) and this "
    "OrigClOrdID (41).",
)
ORDER_TOO_OLD: Final = _engine(
    "order_too_old",
    _ORDER_TOO_OLD,
    "EOrder:Order too old",
    "OrderID (37) is that of a closed order of an earlier life of the session.",
)
AMEND_MISMATCH: Final = _engine(
    "amend_mismatch",
    _OTHER,
    "EGeneral:Invalid arguments:Side, Symbol, OrdType and TimeInForce must equal the order's",
    "An amend must repeat what it can not change.",
)
AMEND_QUOTE_QTY: Final = _engine(
    "amend_quote_qty",
    _OTHER,
    "EGeneral:Invalid arguments:an order with v of ExecInst (18) can not be amended",
    "The order was entered in the quote asset.",
)
DEADLINE_ELAPSED: Final = _engine(
    "deadline_elapsed",
    _OTHER,
    "EService:Deadline elapsed",
    "The request reached the engine after its ValidUntilTime (62).",
)
INDEX_UNAVAILABLE: Final = _engine(
    "index_unavailable",
    _OTHER,
    "EGeneral:Invalid arguments:Index unavailable",
    "DiscretionInst (388) is 1 and the pair has no index price.",
)
TRIGGER_PRICE: Final = _engine(
    "trigger_price",
    _OTHER,
    "EOrder:Invalid price",
    "The reference has reached StopPx (99) already, or a trailing order's distances do "
    "not fit the reference.",
)
CANNOT_OPEN_POSITION: Final = _engine(
    "cannot_open_position",
    _OTHER,
    "EOrder:Cannot open position",
    "The account or the instrument has no leverage.",
)
REDUCE_ONLY_NO_POSITION: Final = _engine(
    "reduce_only_no_position",
    _OTHER,
    "EOrder:Reduce only:No position exists",
    "E of ExecInst (18), and the account has no position in the pair.",
)
REDUCE_ONLY_NON_PC: Final = _engine(
    "reduce_only_non_pc",
    _OTHER,
    "EOrder:Reduce only:Non-PC",
    "E of ExecInst (18), and the order is on the side that would enlarge the position.",
)
CANNOT_OPEN_OPPOSING: Final = _engine(
    "cannot_open_opposing",
    _OTHER,
    "EOrder:Cannot open opposing position",
    "The order opens against an opposite position, and the account may not turn positions round.",
)
POSITIONS_LIMIT: Final = _engine(
    "positions_limit",
    _OTHER,
    "EOrder:Positions limit exceeded",
    "The account has as many positions as it may have.",
)
POSITION_SIZE: Final = _engine(
    "position_size",
    _OTHER,
    "EOrder:Margin position size exceeded",
    "Position and open orders of this side would exceed the instrument's limit.",
)
MARGIN_ALLOWANCE: Final = _engine(
    "margin_allowance",
    _OTHER,
    "EOrder:Margin allowance exceeded",
    "The account would borrow more than its allowance.",
)
INSUFFICIENT_MARGIN: Final = _engine(
    "insufficient_margin",
    _OTHER,
    "EOrder:Insufficient margin",
    "The venue has not enough of the asset left to lend.",
)
INSUFFICIENT_FUNDS: Final = _engine(
    "insufficient_funds",
    _OTHER,
    "EOrder:Insufficient funds",
    "The account has not enough available for what the order may cost, fee included.",
)
MARGIN_LEVEL: Final = _engine(
    "margin_level",
    _OTHER,
    "EOrder:Margin level too low",
    "The order opens a position and would leave the account's margin level below 1.",
)
PRICE_BAND: Final = _engine(
    "price_band",
    _OTHER,
    "EOrder:Invalid price",
    "Price (44) is further from the reference on the taking side than the pair's band allows.",
)
POST_ONLY: Final = _engine(
    "post_only",
    _OTHER,
    "EOrder:Post only order",
    "P of ExecInst (18), and the order (or amend) would trade at once.",
)

# Refusals on demand (`venue.controls`): an order that has passed every check of the layer.
INJECTED_BY_GATEWAY: Final = _gateway(
    "injected_by_gateway",
    _SESSION_OTHER,
    "Rejected on demand at layer 1",
    "An operator has asked for it (`reject-next`).",
)
INJECTED_BY_ORDER_ENTRY: Final = _order_entry(
    "injected_by_order_entry",
    _OTHER,
    "EGeneral:Rejected on demand at layer 2",
    "An operator has asked for it (`reject-next`).",
)
INJECTED_BY_ENGINE: Final = _engine(
    "injected_by_engine",
    _OTHER,
    "EOrder:Rejected on demand at layer 3",
    "An operator has asked for it (`reject-next`).",
)

ALL_ENDINGS: Final[list[tuple[bytes, str]]] = []  # text and meaning


def _ending(text: str, meaning: str) -> bytes:
    encoded = text.encode()
    ALL_ENDINGS.append((encoded, meaning))
    return encoded


# How an accepted order ends without being filled (ExecutionReport 150=4 or C, tag 58). An order
# that is triggered or becomes active is checked like one that arrives, and ends with the text of
# the rule above that it fails.
CANCELED_BY_USER: Final = _ending("Order canceled by user", "35=F named it.")
CANCELED_BY_MASS: Final = _ending("Order canceled by mass cancel", "35=q meant it.")
CANCELED_BY_DISCONNECT: Final = _ending(
    "Order canceled on disconnect", "The line was lost, and the session cancels on disconnect."
)
CANCELED_BY_LOGOUT: Final = _ending(
    "Order canceled on logout", "The client logged out, and the session cancels on logout."
)
CANCELED_BY_ROLLOVER: Final = _ending(
    "Order canceled on rollover", "The day ended, and the session cancels on rollover."
)
CANCELED_BY_VENUE: Final = _ending(
    "Order canceled by the venue", "An operator canceled it, or its instrument was withdrawn."
)
CANCELED_DISABLED: Final = _ending(
    "Order canceled: account or session disabled",
    "An operator, or the configuration, disabled who entered it.",
)
CANCELED_BY_AMEND: Final = _ending(
    "Order quantity amended to executed quantity", "35=G asked for no more than was executed."
)
CANCELED_SELF_TRADE: Final = _ending("Cannot trade with self", "Self-trade prevention.")
CANCELED_IOC: Final = _ending("Immediate or cancel", "What an IOC order did not fill at once.")
CANCELED_FOK: Final = _ending("Fill or kill", "A FOK order that could not fill at once.")
CANCELED_NO_LIQUIDITY: Final = _ending(
    "Insufficient liquidity",
    "What a market order found nothing for, within the price band where there is one.",
)
CANCELED_POSITION_CLOSED: Final = _ending(
    "EOrder:Reduce only:Position is closed", "What a reduce-only order had no position left for."
)
EXPIRED_GTD: Final = _ending("GTD order expired", "ExpireTime (126) came.")


class Refusal:
    """A rule that fired, with the text that goes out (usually the rule's own)."""

    def __init__(self, rule: Rule, text: bytes) -> None:
        self.rule = rule
        self.text = text


def refuse(rule: Rule) -> Refusal:
    return Refusal(rule, rule.text)
