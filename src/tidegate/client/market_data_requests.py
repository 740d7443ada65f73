"""Market data, what goes out: requests as values, and their bodies as FIX."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidegate.client import fields


class SubscriptionRequestType(StrEnum):
    """SubscriptionRequestType (263)."""

    SNAPSHOT = "0"  # of instruments and session status alone
    SUBSCRIBE = "1"
    UNSUBSCRIBE = "2"


class SecurityListRequestType(StrEnum):
    """SecurityListRequestType (559)."""

    SYMBOL = "0"
    SECURITY_TYPE = "1"
    ALL = "4"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataRequest:
    """MarketDataRequest (35=V). `market_depth` counts price levels, 0 is the most there is; `level`
    2 is a book of price levels, 3 one of single orders. At least one of `book` and `trades`. Which
    depths there are, and that Level 3 has no trades, is for the venue to say."""

    md_req_id: str
    symbols: tuple[str, ...]
    market_depth: int = 10
    level: int = 2
    book: bool = True
    trades: bool = False
    subscription_request_type: str = SubscriptionRequestType.SUBSCRIBE

    msg_type = b"V"

    def __post_init__(self) -> None:
        if self.level not in (2, 3):
            raise ValueError(f"level is 2 or 3, not {self.level}")
        if self.market_depth < 0:
            raise ValueError(f"market_depth is 0 or more, not {self.market_depth}")
        if not self.symbols:
            raise ValueError("a market data request names at least one symbol")
        if not self.book and not self.trades:
            raise ValueError("a market data request asks for the book, for trades, or both")

    def fields(self) -> bytes:
        """The body. Raises `TypeError` or `ValueError` for a value that can not be sent."""
        kinds = [b"0", b"1"] if self.book else []
        if self.trades:
            kinds.append(b"2")
        return b"".join((
            _field(b"262=", self.md_req_id),
            _field(b"263=", self.subscription_request_type),
            b"264=%d\x01" % self.market_depth,
            b"266=%s\x01" % (b"N" if self.level == 3 else b"Y"),
            b"267=%d\x01" % len(kinds),
            *(b"269=%s\x01" % kind for kind in kinds),
            b"146=%d\x01" % len(self.symbols),
            *(_field(b"55=", symbol) for symbol in self.symbols),
        ))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentListRequest:
    """SecurityListRequest (35=x): one symbol, one SecurityType (167), or everything."""

    security_req_id: str
    symbol: str = ""
    security_type: str = ""
    subscription_request_type: str = SubscriptionRequestType.SNAPSHOT

    msg_type = b"x"

    def fields(self) -> bytes:
        """The body. Raises `TypeError` or `ValueError` for a value that can not be sent."""
        if self.symbol:
            what = _field(b"559=", SecurityListRequestType.SYMBOL) + _field(b"55=", self.symbol)
        elif self.security_type:
            what = _field(b"559=", SecurityListRequestType.SECURITY_TYPE)
            what += _field(b"167=", self.security_type)
        else:
            what = _field(b"559=", SecurityListRequestType.ALL)
        kind = _field(b"263=", self.subscription_request_type)
        return _field(b"320=", self.security_req_id) + what + kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatusRequest:
    """TradingSessionStatusRequest (35=g)."""

    trad_ses_req_id: str
    subscription_request_type: str = SubscriptionRequestType.SUBSCRIBE

    msg_type = b"g"

    def fields(self) -> bytes:
        """The body. Raises `TypeError` or `ValueError` for a value that can not be sent."""
        kind = _field(b"263=", self.subscription_request_type)
        return _field(b"335=", self.trad_ses_req_id) + b"336=SESSION\x01" + kind


MarketDataQuestion = MarketDataRequest | InstrumentListRequest | SessionStatusRequest


def _field(tag: bytes, value: str) -> bytes:
    if value == "":
        raise ValueError(f"{fields.name_of(tag)} is empty")
    return b"%s%s\x01" % (tag, fields.text(tag, value))
