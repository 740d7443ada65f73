"""What there is to show of one market: updates go in, and a screen or a line is made of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tidegate.client import (
    AssetPairStatus,
    BookUpdate,
    Disconnected,
    Entry,
    LoggedOn,
    LoggedOut,
    MarketDataCore,
    MarketDataUpdate,
    Subscription,
    SubscriptionLost,
    TradesUpdate,
    TradSesStatus,
)

TRADES_MAX: Final = 500  # kept; no terminal is that high

_NS_PER_MS: Final = 1_000_000

_SESSION_WORDS: Final[dict[str, str]] = {
    TradSesStatus.UNKNOWN: "status unknown",
    TradSesStatus.MAINTENANCE: "maintenance",
    TradSesStatus.ONLINE: "online",
    TradSesStatus.CANCEL_ONLY: "cancel only",
    TradSesStatus.POST_ONLY: "post only",
}
_PAIR_WORDS: Final[dict[str, str]] = {
    AssetPairStatus.HIDDEN: "hidden",
    AssetPairStatus.ONLINE: "online",
    AssetPairStatus.MAINTENANCE: "maintenance",
    AssetPairStatus.CANCEL_ONLY: "cancel only",
    AssetPairStatus.POST_ONLY: "post only",
    AssetPairStatus.LIMIT_ONLY: "limit only",
    AssetPairStatus.DELISTED: "delisted",
    AssetPairStatus.REDUCE_ONLY: "reduce only",
}


@dataclass(slots=True)
class WatchState:
    """`line` says what is wrong with the line, empty while all is well. `lag_ms` is between the
    venue's SendingTime (52) and the arrival, None before there was one; it is what the two clocks
    make of it. `mismatches` counts the books that turned out to be wrong and were got anew."""

    symbol: str
    source: str
    core: MarketDataCore
    subscription: Subscription
    trades: deque[Entry] = field(default_factory=lambda: deque(maxlen=TRADES_MAX))
    updates: int = 0
    mismatches: int = 0
    line: str = ""
    lag_ms: int | None = None
    _told_status: str = ""

    def note(self, update: MarketDataUpdate) -> None:
        """Take an update in, after the client has applied it."""
        if isinstance(update, BookUpdate | TradesUpdate):
            self.updates += 1
            if isinstance(update, TradesUpdate):
                self.trades.extendleft(update.trades)
            if update.sent_ns >= 0:
                self.lag_ms = max(0, update.received_ns - update.sent_ns) // _NS_PER_MS
        elif isinstance(update, SubscriptionLost):
            self.mismatches += 1
        elif isinstance(update, LoggedOn):
            self.line = ""
        elif isinstance(update, Disconnected):
            self.line = f"{update.reason}; reconnecting"
        elif isinstance(update, LoggedOut):
            self.line = f"{update.text or 'logged out'}; reconnecting"

    @property
    def is_status_known(self) -> bool:
        """Whether the venue has told that of the pair and its own. One that catches up says that it
        does not know its own."""
        is_told = self.core.session_status not in ("", TradSesStatus.UNKNOWN)
        return is_told and self.symbol in self.core.instruments

    @property
    def status(self) -> str:
        """The pair's status and, where it is another than online, that of the whole venue."""
        instrument = self.core.instruments.get(self.symbol)
        pair = _word(_PAIR_WORDS, instrument.status) if instrument is not None else ""
        session = _word(_SESSION_WORDS, self.core.session_status)
        if session in ("", "online"):
            return pair or session or "status unknown"
        return f"venue {session}" if pair in ("", "online") else f"{pair}, venue {session}"

    def status_is_new(self) -> bool:
        """Whether the status is known and another than at the last call that said so."""
        if not self.is_status_known or self.status == self._told_status:
            return False
        self._told_status = self.status
        return True

    @property
    def checksum(self) -> str:
        """Whether the book is the venue's, in words."""
        book = self.subscription.book
        verified = None if book is None else book.is_verified
        if verified:
            word = "checksum ok"
        elif book is None or not book.is_live:
            word = "no book yet"
        else:
            word = "checksum awaited" if book.is_verifiable else "no checksum"
        return word + (f", failed {self.mismatches}x" if self.mismatches else "")


def _word(words: dict[str, str], code: str) -> str:
    return words.get(code, f"status {code}" if code else "")
