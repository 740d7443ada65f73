"""Updates as lines of text, for pipes: fields with spaces between them, one update a line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tidegate.client import (
    BookUpdate,
    Disconnected,
    InstrumentList,
    LoggedOn,
    LoggedOut,
    MarketDataUpdate,
    MDEntryType,
    SubscriptionLost,
    TradesUpdate,
    TradingSessionStatus,
)
from tidegate.model.time import shown_time
from tidegate.watch.state import WatchState

_SIDES = {"1": "buy", "2": "sell"}


def plain_lines(state: WatchState, update: MarketDataUpdate) -> Iterator[str]:
    """The lines of an update that the state has taken in: one for a book, one for each trade, one
    for another status, one for what happens to the line; none for the rest."""
    symbol = state.symbol
    if isinstance(update, BookUpdate):
        yield f"{_time(update.sent_ns)} {symbol} book {_top(state)} {_verdict(state)}"
    elif isinstance(update, TradesUpdate):
        for trade in update.trades:
            side = _SIDES.get(trade.side, "unknown")
            yield (
                f"{_time(update.sent_ns)} {symbol} trade {side} {trade.size:f} at {trade.price:f} "
                f"id {trade.entry_id}"
            )
    elif isinstance(update, SubscriptionLost):
        yield f"- {symbol} wrong {update.reason}"
    elif isinstance(update, InstrumentList | TradingSessionStatus):
        if state.status_is_new():
            yield f"- {symbol} status {state.status}"
    elif isinstance(update, LoggedOn):
        yield f"- {symbol} connected {state.source}"
    elif isinstance(update, Disconnected | LoggedOut):
        yield f"- {symbol} disconnected {state.line}"


def _top(state: WatchState) -> str:
    book = state.subscription.book
    words = []
    for name, side in (("bid", MDEntryType.BID), ("ask", MDEntryType.OFFER)):
        best = book.best(side, 1) if book is not None else []
        price, size = (best[0].price, best[0].size) if best else (None, None)
        words.append(f"{name} {_number(price)} {_number(size)}")
    return " ".join(words)


def _verdict(state: WatchState) -> str:
    book = state.subscription.book
    verified = None if book is None else book.is_verified
    return "checksum ok" if verified else "checksum none"


def _number(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:f}"


def _time(time_ns: int) -> str:
    return shown_time(time_ns).replace(" ", "T") + "Z" if time_ns >= 0 else "-"
