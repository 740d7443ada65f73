"""The client library: a FIX 4.4 initiator for this venue's dialect, here and at Kraken.

    credentials, events, orders   values: who logs on, what came in, what goes out
    core                          `ClientCore`: one session as a pure machine, bytes in, events out
    asyncio_client                `Client`: the core on a socket, with timers and awaitable answers
    book                          `Book`: a venue's book, kept up by what it sends, and its checksum
    market_data_core              `MarketDataCore`: one market-data session as a pure machine
    market_data_client            `MarketDataClient`: the same on a socket
    drop_copy                     `DropCopyClient`: execution reports, each booked once

What it holds to: an order without an answer is *unknown* and never "failed"; sequence numbers go on
over reconnects, so the venue replays what was missed; a ResendRequest is answered by a gap fill,
so an old order is never sent a second time. A book is the venue's or it is none: what does not fit
is told, and a new one is asked for.
"""

from __future__ import annotations

from tidegate.client.asyncio_client import Client
from tidegate.client.book import (
    Book,
    BookFault,
    ChecksumMismatch,
    EntryDoesNotFit,
    Level,
    LevelBook,
    Order,
    OrderBook,
)
from tidegate.client.connection import ConnectFailed, Endpoint, LogonRefused
from tidegate.client.core import ClientCore, PendingRequest, TooManyPending
from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.drop_copy import (
    DropCopyClient,
    DropCopyCore,
    OtherReportBooked,
    ReportStore,
    SqliteReports,
    report_body,
)
from tidegate.client.events import (
    AnswersLost,
    BusinessReject,
    ClientEvent,
    Disconnected,
    ExecType,
    ExecutionReport,
    GapFilled,
    LoggedOn,
    LoggedOut,
    MessageRefused,
    OrdStatus,
    Received,
    SessionReject,
)
from tidegate.client.market_data_client import MarketDataClient
from tidegate.client.market_data_core import MarketDataCore
from tidegate.client.market_data_messages import (
    AssetPairStatus,
    Entry,
    Instrument,
    InstrumentList,
    MarketDataIncrement,
    MarketDataReject,
    MarketDataSnapshot,
    MDEntryType,
    MDUpdateAction,
    TradingSessionStatus,
    TradSesStatus,
    UnreadableMarketData,
)
from tidegate.client.market_data_requests import (
    InstrumentListRequest,
    MarketDataRequest,
    SessionStatusRequest,
)
from tidegate.client.market_data_updates import (
    BookUpdate,
    MarketDataUpdate,
    Subscription,
    SubscriptionLost,
    SubscriptionRefused,
    TradesUpdate,
)
from tidegate.client.orders import (
    Amend,
    Cancel,
    ClOrdIDs,
    DiscretionInst,
    MassCancel,
    MassCancelType,
    NewOrder,
    OrdType,
    Request,
    Side,
    StatusRequest,
    TimeInForce,
)
from tidegate.client.outcomes import Accepted, MassCanceled, Outcome, Refused, Unknown
from tidegate.client.session_core import NotLoggedOn, Numbers

__all__ = [
    "Accepted",
    "Amend",
    "AnswersLost",
    "AssetPairStatus",
    "Book",
    "BookFault",
    "BookUpdate",
    "BusinessReject",
    "Cancel",
    "ChecksumMismatch",
    "ClOrdIDs",
    "Client",
    "ClientCore",
    "ClientEvent",
    "ConnectFailed",
    "Credentials",
    "Disconnected",
    "DiscretionInst",
    "DropCopyClient",
    "DropCopyCore",
    "Endpoint",
    "Entry",
    "EntryDoesNotFit",
    "ExecType",
    "ExecutionReport",
    "GapFilled",
    "Instrument",
    "InstrumentList",
    "InstrumentListRequest",
    "Level",
    "LevelBook",
    "LoggedOn",
    "LoggedOut",
    "LogonOptions",
    "LogonRefused",
    "MDEntryType",
    "MDUpdateAction",
    "MarketDataClient",
    "MarketDataCore",
    "MarketDataIncrement",
    "MarketDataReject",
    "MarketDataRequest",
    "MarketDataSnapshot",
    "MarketDataUpdate",
    "MassCancel",
    "MassCancelType",
    "MassCanceled",
    "MessageRefused",
    "NewOrder",
    "NotLoggedOn",
    "Numbers",
    "OrdStatus",
    "OrdType",
    "Order",
    "OrderBook",
    "OtherReportBooked",
    "Outcome",
    "PendingRequest",
    "Received",
    "Refused",
    "ReportStore",
    "Request",
    "SessionReject",
    "SessionStatusRequest",
    "Side",
    "SqliteReports",
    "StatusRequest",
    "Subscription",
    "SubscriptionLost",
    "SubscriptionRefused",
    "TimeInForce",
    "TooManyPending",
    "TradSesStatus",
    "TradesUpdate",
    "TradingSessionStatus",
    "Unknown",
    "UnreadableMarketData",
    "report_body",
]
