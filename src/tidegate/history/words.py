"""FIX's characters as words, and times as texts, as the history shows them."""

from __future__ import annotations

from typing import Final

from tidegate.model import orders as fix
from tidegate.model.time import NS_PER_S, utc_timestamp

SIDES: Final = {fix.BUY: "buy", fix.SELL: "sell"}

ORD_TYPES: Final = {
    fix.MARKET: "market",
    fix.LIMIT: "limit",
    fix.STOP_LOSS: "stop_loss",
    fix.STOP_LOSS_LIMIT: "stop_loss_limit",
    fix.TAKE_PROFIT: "take_profit",
    fix.TAKE_PROFIT_LIMIT: "take_profit_limit",
    fix.TRAILING_STOP: "trailing_stop",
    fix.TRAILING_STOP_LIMIT: "trailing_stop_limit",
}

TIMES_IN_FORCE: Final = {fix.GTC: "GTC", fix.IOC: "IOC", fix.FOK: "FOK", fix.GTD: "GTD"}

REFERENCES: Final = {fix.INDEX_PRICE: "index", fix.LAST_TRADE: "last_trade"}

ORD_STATUSES: Final = {
    fix.STATUS_NEW: "new",
    fix.STATUS_PARTIALLY_FILLED: "partially_filled",
    fix.STATUS_FILLED: "filled",
    fix.STATUS_CANCELED: "canceled",
    fix.STATUS_REPLACED: "replaced",
    fix.STATUS_PENDING_NEW: "pending_new",
    fix.STATUS_EXPIRED: "expired",
    fix.STATUS_PENDING_REPLACE: "pending_replace",
}

EXEC_TYPES: Final = {
    fix.EXEC_NEW: "new",
    fix.EXEC_CANCELED: "canceled",
    fix.EXEC_REPLACED: "replaced",
    fix.EXEC_PENDING_NEW: "pending_new",
    fix.EXEC_EXPIRED: "expired",
    fix.EXEC_RESTATED: "restated",
    fix.EXEC_TRADE: "trade",
}

STP_MODES: Final = {
    fix.STP_CANCEL_BOTH: "cancel_both",
    fix.STP_CANCEL_NEWEST: "cancel_newest",
    fix.STP_CANCEL_OLDEST: "cancel_oldest",
}

LIQUIDITY: Final = {fix.MAKER: "maker", fix.TAKER: "taker"}


def time_text(time_ns: int) -> str:
    """Nanoseconds since 1970 as `2026-11-22T09:15:00.000000000Z`. Such texts sort as the times."""
    text = utc_timestamp(time_ns).decode()
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[9:17]}.{time_ns % NS_PER_S:09d}Z"
