"""What market data does to the subscriptions, as values: told after it was applied."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.client.book import Book
from tidegate.client.events import (
    BusinessReject,
    Disconnected,
    GapFilled,
    LoggedOn,
    LoggedOut,
    MessageRefused,
    Received,
    SessionReject,
)
from tidegate.client.market_data_messages import (
    Entry,
    InstrumentList,
    TradingSessionStatus,
)


@dataclass(slots=True, eq=False)
class Subscription:
    """One symbol at one depth. `book` is None where only trades are wanted. `md_req_id` is that
    under which the venue sends now, a fresh one after every logon; empty where it was not asked
    yet, or will not be any more (`is_over`)."""

    symbol: str
    level: int
    depth: int
    trades: bool
    book: Book | None
    md_req_id: str = ""
    is_over: bool = False
    faults: int = field(default=0, repr=False)  # in a row, each answered by a new subscription


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """The subscription's book has changed, and is now what the venue's was at `sent_ns`
    (SendingTime, 52; -1 where it can not be read). `entries` are what changed it, or all of it.
    Times are nanoseconds since 1970 UTC."""

    subscription: Subscription
    is_snapshot: bool
    entries: tuple[Entry, ...]
    sent_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class TradesUpdate:
    """Trades of the subscription's symbol, in their order."""

    subscription: Subscription
    trades: tuple[Entry, ...]
    sent_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class SubscriptionLost:
    """What came can not be applied, or something is missing: the book is empty, and `reason` says
    why. A new snapshot was asked for, unless `gave_up`: then it went wrong time after time."""

    subscription: Subscription
    reason: str
    gave_up: bool


@dataclass(frozen=True, slots=True)
class SubscriptionRefused:
    """The venue refused it (35=Y); it is over. `reason` is MDReqRejReason (281)."""

    subscription: Subscription
    reason: str
    text: str


MarketDataUpdate = (
    LoggedOn
    | LoggedOut
    | Disconnected
    | SessionReject
    | BusinessReject
    | GapFilled
    | MessageRefused
    | Received
    | BookUpdate
    | TradesUpdate
    | SubscriptionLost
    | SubscriptionRefused
    | InstrumentList
    | TradingSessionStatus
)
