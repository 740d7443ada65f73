"""Market data, what comes in, as values: frozen, with the names of FIX.

A message may have thousands of fields, more than the session's scanner notes, so these are read
from the frame itself. What they say is applied entry after entry; one entry that can not be read
makes all that follows worthless, hence `Unreadable` instead of a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from tidegate.model.time import parse_utc_timestamp

Fields = list[tuple[bytes, bytes]]

_NUMBER: Final = re.compile(rb"[0-9]{1,24}(?:\.[0-9]{0,24})?|\.[0-9]{1,24}")
_ENTRY_TAGS: Final = frozenset(
    (b"279", b"269", b"278", b"270", b"271", b"273", b"5060", b"5273", b"40", b"2446")
)
_INSTRUMENT_TAGS: Final = frozenset((
    b"55", b"562", b"5010", b"5011", b"5012", b"5013", b"2349", b"5052", b"5022", b"5032",
))  # fmt: skip


class MDEntryType(StrEnum):
    """MDEntryType (269)."""

    BID = "0"
    OFFER = "1"
    TRADE = "2"


class MDUpdateAction(StrEnum):
    """MDUpdateAction (279). A snapshot's entries are all new."""

    NEW = "0"
    CHANGE = "1"
    DELETE = "2"


class TradSesStatus(StrEnum):
    """TradSesStatus (340)."""

    UNKNOWN = "0"
    MAINTENANCE = "1"
    ONLINE = "2"
    CANCEL_ONLY = "101"
    POST_ONLY = "102"


class AssetPairStatus(StrEnum):
    """AssetPairStatus (5032)."""

    HIDDEN = "0"
    ONLINE = "1"
    MAINTENANCE = "2"
    CANCEL_ONLY = "3"
    POST_ONLY = "4"
    LIMIT_ONLY = "5"
    DELISTED = "6"
    REDUCE_ONLY = "7"


class Entry(NamedTuple):
    """One entry of a group. `entry_id` is MDEntryID (278): of a level its side and price, of an
    order its OrderID, of a trade its TradeID. `time` is MDEntryTime (273) as sent. `generated_at`
    (5060) and `queued_at` (5273) are those of Level 3, `ord_type` (40) and `side` (2446) those of
    trades, of the taker; empty where there is none."""

    action: str
    entry_type: str
    entry_id: str
    price: Decimal
    size: Decimal
    time: str
    generated_at: str
    queued_at: str
    ord_type: str
    side: str


@dataclass(frozen=True, slots=True)
class MarketDataSnapshot:
    """MarketDataSnapshotFullRefresh (35=W): the whole book. Times are nanoseconds since 1970 UTC:
    `sent_ns` is SendingTime (52), -1 where it can not be read."""

    md_req_id: str
    symbol: str
    entries: tuple[Entry, ...]
    sent_ns: int
    received_ns: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class MarketDataIncrement:
    """MarketDataIncrementalRefresh (35=X): entries to apply in their order. `checksum` (5041) is
    that of the book behind them; None where the message has none."""

    md_req_id: str
    symbol: str
    entries: tuple[Entry, ...]
    checksum: int | None
    sent_ns: int
    received_ns: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class MarketDataReject:
    """MarketDataRequestReject (35=Y). `reason` is MDReqRejReason (281) as sent, empty where it is
    missing."""

    md_req_id: str
    reason: str
    text: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument of a list. Numbers that were not sent are None."""

    symbol: str
    status: str
    price_precision: int | None
    md_price_precision: int | None
    qty_precision: int | None
    tick_size: Decimal | None
    min_trade_vol: Decimal | None
    qty_min: Decimal | None
    qty_max: Decimal | None
    minimum_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class InstrumentList:
    """SecurityList (35=y). `result` is SecurityRequestResult (560): 0 is good. A long list may come
    in fragments; `is_last` is false for all but the last of them."""

    security_req_id: str
    result: str
    instruments: tuple[Instrument, ...]
    is_last: bool
    text: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class TradingSessionStatus:
    """TradingSessionStatus (35=h): `status` is TradSesStatus (340), or, where the request was
    refused, empty and `reject_reason` is TradSesStatusRejReason (567)."""

    trad_ses_req_id: str
    status: str
    reject_reason: str
    text: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class UnreadableMarketData:
    """A 35=W or 35=X that breaks the form. `text` says where."""

    md_req_id: str
    text: str
    frame: bytes


MarketDataMessage = (
    MarketDataSnapshot
    | MarketDataIncrement
    | MarketDataReject
    | InstrumentList
    | TradingSessionStatus
    | UnreadableMarketData
)


class _Unreadable(Exception):
    """The text says what can not be read."""


def market_data_message(
    msg_type: bytes, frame: bytes, received_ns: int
) -> MarketDataMessage | None:
    """The value of a framed 35=W, X, Y, y or h; None for other types."""
    if msg_type not in (b"W", b"X", b"Y", b"y", b"h"):
        return None
    fields = _fields(frame)
    if msg_type in (b"W", b"X"):
        try:
            return _refresh(msg_type, fields, frame, received_ns)
        except _Unreadable as error:
            return UnreadableMarketData(_text(dict(fields), b"262"), str(error), frame)
    if msg_type == b"y":
        return _instrument_list(fields, frame)
    found = dict(fields)
    text = _text(found, b"58")
    if msg_type == b"Y":
        return MarketDataReject(_text(found, b"262"), _text(found, b"281"), text, frame)
    return TradingSessionStatus(
        _text(found, b"335"), _text(found, b"340"), _text(found, b"567"), text, frame
    )


def _fields(frame: bytes) -> Fields:
    """Tag and value of each field; framing has made sure of the end."""
    found: Fields = []
    for part in frame.split(b"\x01")[:-1]:
        tag, _, value = part.partition(b"=")
        found.append((tag, value))
    return found


def _text(fields: dict[bytes, bytes], tag: bytes) -> str:
    return fields.get(tag, b"").decode("utf-8", "replace")


def _refresh(
    msg_type: bytes, fields: Fields, frame: bytes, received_ns: int
) -> MarketDataSnapshot | MarketDataIncrement:
    is_update = msg_type == b"X"
    top, groups = _grouped(fields, b"279" if is_update else b"269", _ENTRY_TAGS)
    stated = top.get(b"268", b"")
    if not stated.isdigit() or int(stated) != len(groups):
        raise _Unreadable(f"NoMDEntries (268) is {stated.decode('ascii', 'replace') or 'missing'}, "
                          f"and there are {len(groups)} entries")  # fmt: skip
    for tag in (b"262", b"55"):
        if tag not in top:
            raise _Unreadable(f"tag {tag.decode()} is missing")
    md_req_id, symbol = _text(top, b"262"), _text(top, b"55")
    entries = tuple(_entry(group, is_update=is_update) for group in groups)
    sent_ns = parse_utc_timestamp(top.get(b"52", b""))
    if not is_update:
        return MarketDataSnapshot(md_req_id, symbol, entries, sent_ns, received_ns, frame)
    checksum = top.get(b"5041")
    if checksum is not None and not (checksum.isdigit() and len(checksum) <= 10):
        raise _Unreadable("tag 5041 is no unsigned number")
    return MarketDataIncrement(
        md_req_id,
        symbol,
        entries,
        None if checksum is None else int(checksum),
        sent_ns,
        received_ns,
        frame,
    )


def _grouped(
    fields: Fields, delimiter: bytes, members: Iterable[bytes]
) -> tuple[dict[bytes, bytes], list[dict[bytes, bytes]]]:
    """The fields outside of the group, and those of each entry, which starts with `delimiter`."""
    top: dict[bytes, bytes] = {}
    groups: list[dict[bytes, bytes]] = []
    for tag, value in fields:
        if tag == delimiter:
            groups.append({tag: value})
        elif tag not in members:
            top[tag] = value
        elif not groups:
            raise _Unreadable(f"tag {tag.decode()} stands before {delimiter.decode()}")
        elif tag in groups[-1]:
            raise _Unreadable(f"tag {tag.decode()} stands twice in an entry")
        else:
            groups[-1][tag] = value
    return top, groups


def _entry(fields: dict[bytes, bytes], *, is_update: bool) -> Entry:
    action = fields.get(b"279", b"") if is_update else b"0"
    entry_type = fields.get(b"269", b"")
    if action not in (b"0", b"1", b"2"):
        raise _Unreadable(f"MDUpdateAction (279) is {_shown(action)}")
    if entry_type not in (b"0", b"1", b"2"):
        raise _Unreadable(f"MDEntryType (269) is {_shown(entry_type)}")
    return Entry(
        action.decode(),
        entry_type.decode(),
        _text(fields, b"278"),
        _number(fields, b"270"),
        _number(fields, b"271"),
        _text(fields, b"273"),
        _text(fields, b"5060"),
        _text(fields, b"5273"),
        _text(fields, b"40"),
        _text(fields, b"2446"),
    )


def _number(fields: dict[bytes, bytes], tag: bytes) -> Decimal:
    text = fields.get(tag, b"")
    if _NUMBER.fullmatch(text) is None:
        raise _Unreadable(f"tag {tag.decode()} is {_shown(text)}")
    return Decimal(text.decode())


def _shown(value: bytes) -> str:
    return value[:40].decode("ascii", "replace") if value else "missing"


def _instrument_list(fields: Fields, frame: bytes) -> InstrumentList:
    """What of the list can be read; an instrument without a number has a None there."""
    top: dict[bytes, bytes] = {}
    groups: list[dict[bytes, bytes]] = []
    for tag, value in fields:
        if tag == b"55":
            groups.append({tag: value})
        elif tag in _INSTRUMENT_TAGS and groups:
            groups[-1].setdefault(tag, value)
        else:
            top[tag] = value
    return InstrumentList(
        _text(top, b"320"),
        _text(top, b"560"),
        tuple(_instrument(group) for group in groups),
        top.get(b"893", b"Y") != b"N",
        _text(top, b"58"),
        frame,
    )


def _instrument(fields: dict[bytes, bytes]) -> Instrument:
    return Instrument(
        symbol=_text(fields, b"55"),
        status=_text(fields, b"5032"),
        price_precision=_integer(fields, b"2349"),
        md_price_precision=_integer(fields, b"5052"),
        qty_precision=_integer(fields, b"5010"),
        tick_size=_decimal(fields, b"5022"),
        min_trade_vol=_decimal(fields, b"562"),
        qty_min=_decimal(fields, b"5011"),
        qty_max=_decimal(fields, b"5012"),
        minimum_cost=_decimal(fields, b"5013"),
    )


def _decimal(fields: dict[bytes, bytes], tag: bytes) -> Decimal | None:
    text = fields.get(tag, b"")
    return Decimal(text.decode()) if _NUMBER.fullmatch(text) is not None else None


def _integer(fields: dict[bytes, bytes], tag: bytes) -> int | None:
    """A count of decimals, which the dialect types as a float: `8`, and `8.0` too."""
    number = _decimal(fields, tag)
    return int(number) if number is not None and number == int(number) and number < 20 else None
