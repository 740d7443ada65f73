"""The messages of market-data sessions: books and trades, the list of instruments, the status of
trading. Fields are in the order in which the venue writes them."""

from __future__ import annotations

from typing import Final

MARKET_DATA_ROWS: Final[list[tuple[bytes, list[tuple[str, str]]]]] = [
    (
        b"V",
        [
            ("MDReqID", "Y"),
            ("SubscriptionRequestType", "Y"),
            ("MarketDepth", "Y"),
            ("MDUpdateType", "N"),
            ("AggregatedBook", "N"),
            ("NoMDEntryTypes", "Y"),
            ("NoRelatedSym", "Y"),
        ],
    ),
    (b"W", [("Symbol", "Y"), ("MDReqID", "Y"), ("NoMDEntries", "Y")]),
    (b"X", [("Symbol", "Y"), ("MDReqID", "Y"), ("NoMDEntries", "Y"), ("BookChecksum", "C")]),
    (b"Y", [("MDReqID", "Y"), ("MDReqRejReason", "Y"), ("Text", "N")]),
    (
        b"x",
        [
            ("SecurityReqID", "Y"),
            ("SecurityListRequestType", "Y"),
            ("SecurityType", "C"),
            ("Symbol", "C"),
            ("SubscriptionRequestType", "N"),
        ],
    ),
    (
        b"y",
        [
            ("SecurityReqID", "Y"),
            ("SecurityResponseID", "Y"),
            ("SecurityRequestResult", "Y"),
            ("TotNoRelatedSym", "N"),
            ("LastFragment", "N"),
            ("NoRelatedSym", "C"),
            ("Text", "N"),
        ],
    ),
    (
        b"g",
        [("TradSesReqID", "Y"), ("TradingSessionID", "Y"), ("SubscriptionRequestType", "Y")],
    ),
    (
        b"h",
        [
            ("TradSesReqID", "Y"),
            ("TradingSessionID", "Y"),
            ("TradSesStatus", "C"),
            ("TradSesStatusRejReason", "C"),
        ],
    ),
]

# The members of a group where a message has another group of that name than the rest.
SNAPSHOT_ENTRY_ROWS: Final[list[tuple[str, str]]] = [
    ("MDEntryType", "Y"),
    ("MDEntryID", "Y"),
    ("MDEntryPx", "Y"),
    ("MDEntrySize", "Y"),
    ("MDEntryTime", "Y"),
    ("EventGenerationTime", "N"),
    ("QueueEntryTime", "N"),
]
INCREMENTAL_ENTRY_ROWS: Final[list[tuple[str, str]]] = [
    ("MDUpdateAction", "Y"),
    *SNAPSHOT_ENTRY_ROWS,
    ("OrdType", "C"),
    ("AggressorSide", "C"),
]
REQUESTED_SYMBOL_ROWS: Final[list[tuple[str, str]]] = [("Symbol", "Y")]
LISTED_INSTRUMENT_ROWS: Final[list[tuple[str, str]]] = [
    ("Symbol", "Y"),
    ("MinTradeVol", "Y"),
    ("QtyPrecision", "Y"),
    ("QtyMin", "Y"),
    ("QtyMax", "N"),
    ("MinimumCost", "N"),
    ("PricePrecision", "Y"),
    ("MDPricePrecision", "N"),
    ("TickSize", "Y"),
    ("AssetPairStatus", "Y"),
]
