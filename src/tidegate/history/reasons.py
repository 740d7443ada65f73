"""What each rule means, in a sentence for whoever asks why; and the rule behind a report's text.

Every rule of the reject catalogue and every text of a cancel that nobody asked for has its sentence
here; a test keeps it so.
"""

from __future__ import annotations

from typing import Final

from tidegate.model import rejects
from tidegate.model.rejects import ALL_RULES, LAYER_ENGINE

REFUSALS: Final[dict[str, str]] = {
    # What the session refuses by itself
    "field": "a field is missing, unknown, doubled or has a value that FIX or the dialect forbids",
    "comp_id": "SenderCompID or TargetCompID is not that of the session",
    "sending_time": "SendingTime (52) is too far from the venue's clock",
    # Layer 1
    "cl_ord_id_form": "ClOrdID (11) must be a rising number or a UUID",
    "cl_ord_id_time": "the time in ClOrdID (11) is too far from the venue's clock",
    # Layer 2
    "message_type": "the venue does not take messages of this type",
    "rate_limit": "the session sent faster than its own rate limit allows",
    "account_disabled": "the account, or the session, is disabled",
    "allocation_missing": "a broker's order must name a sub-account in AllocAccount (79)",
    "allocation_foreign": "AllocAccount (79) names no sub-account of this session's account",
    "cl_ord_id_not_increasing": "ClOrdID (11) is not above the highest one used so far",
    "cl_ord_id_in_use": "ClOrdID (11) was used already",
    "unknown_symbol": "Symbol (55) names no pair of this venue",
    "venue_halted": "trading was halted by the operator",
    "market_maintenance": "the pair was in maintenance: cancels alone",
    "market_cancel_only": "the pair took cancels alone",
    "market_post_only": "the pair took post-only limit orders alone",
    "market_limit_only": "the pair took limit orders alone",
    "market_reduce_only": "the pair took reduce-only orders alone",
    "time_in_force": "TimeInForce (59) does not go with the order's type",
    "exec_inst": "ExecInst (18) has an instruction that the venue does not know",
    "post_only_combination": "post-only is for limit orders that can rest",
    "fee_combination": "instructions f, q and s of ExecInst (18) exclude each other",
    "quote_qty_combination": "a quantity in the quote asset is for market buys without margin",
    "reduce_only_combination": "reduce-only is for margin orders: Leverage (5001) must be 1",
    "margin_fee_combination": "a margin order always pays its fee in the quote asset",
    "iceberg_combination": "DisplayQty (1138) is for limit orders that can rest",
    "iceberg_size": "DisplayQty (1138) must be 1/15 of OrderQty (38) up to all of it",
    "expire_time": "ExpireTime (126) must lie ahead, at most 31 days",
    "expire_time_combination": "ExpireTime (126) and TimeInForce (59) 6 need each other",
    "effective_time": "EffectiveTime (168) must lie ahead, at most 31 days, and before ExpireTime",
    "valid_until_time": "ValidUntilTime (62) must be 2 to 60 s after SendingTime (52)",
    "trigger_combination": "StopPx (99) and DiscretionInst (388) are for orders with a trigger",
    "field_missing": "a field that this kind of order needs is missing",
    "price_invalid": "the price must be above zero, and within what a price can be",
    "tick_size": "the price has more decimals than the pair, or is not on its tick",
    "qty_invalid": "the quantity must be above zero, with at most 8 decimals",
    "order_minimum": "the quantity is below the pair's minimum",
    "cost_minimum": "quantity times price is below the pair's minimum cost",
    "account_rate_limit": "the account's rate counter of this pair was at its threshold",
    "domain_rate_limit": "the rate counter of the account with its sub-accounts was at its limit",
    "orders_limit": "as many orders were open as are allowed",
    "scheduled_orders_limit": "as many scheduled orders were open as are allowed",
    # Layer 3
    "unknown_order": "no open order within the session's reach has these ids",
    "unknown_order_amend": "no open order within the session's reach has both ids",
    "order_too_old": "the order was closed before the session's current life",
    "amend_mismatch": "an amend must repeat side, symbol, type and time in force of the order",
    "amend_quote_qty": "an order with its quantity in the quote asset can not be amended",
    "amend_display": "an order that is no iceberg can not become one by an amend",
    "deadline_elapsed": "the engine saw it later than its ValidUntilTime (62)",
    "index_unavailable": "no index price is set for the pair",
    "trigger_price": "the trigger price was reached already, or does not fit the reference",
    "cannot_open_position": "the account or the pair has no leverage",
    "reduce_only_no_position": "there is no position to reduce",
    "reduce_only_non_pc": "on this side it would enlarge the position",
    "cannot_open_opposing": "it would have opened against a position, which must not turn over",
    "positions_limit": "as many positions were open as are allowed",
    "position_size": "the position with its open orders would be larger than the pair allows",
    "margin_allowance": "the account would borrow more than it may",
    "insufficient_margin": "the venue's own pool had not enough to lend",
    "insufficient_funds": "what was available did not cover the order and its fee",
    "margin_level": "it would have left the margin level below 1",
    "price_band": "the price was further from the last trade than the pair's band allows",
    "post_only": "a post-only order would have traded on arrival",
    "injected_by_gateway": "refused on demand, by a fault or a control",
    "injected_by_order_entry": "refused on demand, by a fault or a control",
    "injected_by_engine": "refused on demand, by a fault or a control",
}
"""By rule: why a message is refused."""

CANCELS: Final[dict[bytes, tuple[str, str]]] = {
    rejects.CANCELED_BY_USER: ("canceled_by_user", "its owner asked for it (35=F)"),
    rejects.CANCELED_BY_MASS: ("canceled_by_mass", "its owner asked for it (35=q)"),
    rejects.CANCELED_BY_DISCONNECT: (
        "canceled_by_disconnect",
        "the session's line broke, with cancel on disconnect in force",
    ),
    rejects.CANCELED_BY_LOGOUT: ("canceled_by_logout", "the session logged out"),
    rejects.CANCELED_BY_ROLLOVER: ("canceled_by_rollover", "the day ended"),
    rejects.CANCELED_BY_VENUE: ("canceled_by_venue", "the operator, or a fault, canceled it"),
    rejects.CANCELED_DISABLED: (
        "canceled_disabled",
        "an operator, or the configuration, disabled its account or its session",
    ),
    rejects.CANCELED_BY_AMEND: (
        "canceled_by_amend",
        "it was amended to a quantity that was filled already",
    ),
    rejects.CANCELED_SELF_TRADE: (
        "self_trade",
        "it would have traded with an order of its own group",
    ),
    rejects.CANCELED_IOC: ("ioc", "immediate or cancel: what did not trade at once is canceled"),
    rejects.CANCELED_FOK: ("fok", "fill or kill: the book could not fill all of it at once"),
    rejects.CANCELED_NO_LIQUIDITY: ("no_liquidity", "the book had nothing more for it"),
    rejects.CANCELED_POSITION_CLOSED: ("position_closed", "the position it reduced was closed"),
    rejects.EXPIRED_GTD: ("gtd_expired", "its ExpireTime (126) had come"),
}
"""By the text of the report: the reason's name, and what it means."""

# An order that is released into a market which does not admit it is canceled with the text of the
# rule. Where several rules share a text, the one that can do so is the last with it.
_RULE_OF_TEXT: Final = {rule.text: rule.name for rule in ALL_RULES} | {
    rule.text: rule.name for rule in ALL_RULES if rule.layer == LAYER_ENGINE
}
_MEANINGS: Final = REFUSALS | dict(CANCELS.values())


def reason_of(text: bytes) -> str | None:
    """The name of what canceled or expired an order, by its report's text; None where the text is
    none of the venue's own."""
    known = CANCELS.get(text)
    return known[0] if known is not None else _RULE_OF_TEXT.get(text)


def meaning_of(rule: str | None) -> str:
    """A sentence for a rule or reason, empty for one that has none."""
    return "" if rule is None else _MEANINGS.get(rule, "")
