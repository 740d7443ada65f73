"""The client library: a FIX 4.4 initiator for this venue's dialect, here and at Kraken.

    credentials, events, orders   values: who logs on, what came in, what goes out
    core                          `ClientCore`: one session as a pure machine, bytes in, events out
    asyncio_client                `Client`: the core on a socket, with timers and awaitable answers

What it holds to: an order without an answer is *unknown* and never "failed"; sequence numbers go on
over reconnects, so the venue replays what was missed; a ResendRequest is answered by a gap fill,
so an old order is never sent a second time.
"""

from __future__ import annotations

from tidegate.client.asyncio_client import Client
from tidegate.client.connection import ConnectFailed, Endpoint, LogonRefused
from tidegate.client.core import ClientCore, PendingRequest, TooManyPending
from tidegate.client.credentials import Credentials, LogonOptions
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
    "BusinessReject",
    "Cancel",
    "ClOrdIDs",
    "Client",
    "ClientCore",
    "ClientEvent",
    "ConnectFailed",
    "Credentials",
    "Disconnected",
    "DiscretionInst",
    "Endpoint",
    "ExecType",
    "ExecutionReport",
    "AnswersLost",
    "GapFilled",
    "LoggedOn",
    "LoggedOut",
    "LogonOptions",
    "LogonRefused",
    "MassCancel",
    "MassCancelType",
    "MassCanceled",
    "MessageRefused",
    "NewOrder",
    "NotLoggedOn",
    "Numbers",
    "OrdStatus",
    "OrdType",
    "Outcome",
    "PendingRequest",
    "Received",
    "Refused",
    "Request",
    "SessionReject",
    "Side",
    "StatusRequest",
    "TimeInForce",
    "TooManyPending",
    "Unknown",
]
