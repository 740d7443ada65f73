"""The list of instruments (35=y) and the status of trading (35=h): the fields behind the header.

A pair's AssetPairStatus (5032) is what an operator has set; while the venue is halted, nothing but
a cancel can happen, so it is cancel-only. The venue has one trading session, whose TradSesStatus
(340) is a status other than online where no pair does better.
"""

from __future__ import annotations

from typing import Final

from tidegate.marketdata.requests import (
    LIST_EMPTY,
    LIST_VALID,
    TRADING_SESSION,
    SecurityListReject,
    SecurityListRequest,
)
from tidegate.model.instruments import PublicInstrument
from tidegate.model.limits import NAME_BYTES_MAX, REQUEST_ID_BYTES_MAX
from tidegate.model.market_state import (
    CANCEL_ONLY,
    DELISTED,
    HIDDEN,
    LIMIT_ONLY,
    MAINTENANCE,
    ONLINE,
    POST_ONLY,
    REDUCE_ONLY,
    MarketState,
)
from tidegate.model.scaled import MONEY_DECIMALS, to_text

INSTRUMENTS_PER_MESSAGE: Final = 20  # ten fields each: a message that any engine takes

# AssetPairStatus (5032)
PAIR_STATUS: Final[dict[int, int]] = {
    HIDDEN: 0,
    ONLINE: 1,
    MAINTENANCE: 2,
    CANCEL_ONLY: 3,
    POST_ONLY: 4,
    LIMIT_ONLY: 5,
    DELISTED: 6,
    REDUCE_ONLY: 7,
}

# TradSesStatus (340)
SESSION_UNKNOWN: Final = 0
SESSION_MAINTENANCE: Final = 1
SESSION_ONLINE: Final = 2
SESSION_CANCEL_ONLY: Final = 101
SESSION_POST_ONLY: Final = 102


class ListedInstrument:
    """An instrument with the state of its market. `entry` is what the list has of it in its group
    (146), as of now: equal bytes say that nothing that a client can see has changed."""

    def __init__(self, instrument: PublicInstrument, state: MarketState) -> None:
        self.instrument = instrument
        self.state = state
        self.entry: bytes = _entry(instrument, state)


class ListedMarket:
    """The instruments of one market, with TradSesStatus (340) as of now."""

    def __init__(self, instruments: list[ListedInstrument]) -> None:
        self.instruments = instruments
        self.status = session_status([one.state for one in instruments])

    def changed_since(self, before: ListedMarket) -> list[ListedInstrument]:
        """The instruments that are new, or of which clients see something else."""
        entries = {one.instrument.symbol_text: one.entry for one in before.instruments}
        return [o for o in self.instruments if entries.get(o.instrument.symbol_text) != o.entry]


class ResponseIds:
    """SecurityResponseIDs (322): none comes twice, and they rise from process to process."""

    def __init__(self) -> None:
        self._last = 0

    def take(self, time_ns: int) -> bytes:
        """The next one."""
        self._last = max(self._last + 1, time_ns)
        return b"%d" % self._last


def _entry(instrument: PublicInstrument, state: MarketState) -> bytes:
    decimals = instrument.price_decimals
    qty_decimals = instrument.qty_decimals
    text = (
        f"562={to_text(1, qty_decimals)}\x015010={qty_decimals}\x01"
        f"5011={to_text(instrument.qty_min_lots, qty_decimals)}\x01"
    )
    if instrument.cost_min_money:
        text += f"5013={to_text(instrument.cost_min_money, MONEY_DECIMALS)}\x01"
    text += (
        f"2349={decimals}\x015052={decimals}\x01"
        f"5022={to_text(instrument.tick_units, decimals)}\x01"
        f"5032={pair_status(state)}\x01"
    )
    return b"55=%s\x01%s" % (instrument.symbol_text, text.encode())


def pair_status(state: MarketState) -> int:
    """AssetPairStatus (5032) of a pair."""
    return PAIR_STATUS[_effective(state)]


def _effective(state: MarketState) -> int:
    """The status of a pair, a halt considered."""
    return CANCEL_ONLY if state.halted and state.status < MAINTENANCE else state.status


def session_status(states: list[MarketState]) -> int:
    """TradSesStatus (340) of a venue whose pairs are in these states: online where one pair takes
    orders that may trade, be it limits or reducing ones alone; else post-only where one takes
    orders at all, cancel-only where one is, and maintenance where none does better."""
    if not states:
        return SESSION_UNKNOWN
    found = [_effective(state) for state in states]
    for status in found:
        if status != CANCEL_ONLY and status != POST_ONLY and status < MAINTENANCE:
            return SESSION_ONLINE
    if POST_ONLY in found:
        return SESSION_POST_ONLY
    return SESSION_CANCEL_ONLY if CANCEL_ONLY in found else SESSION_MAINTENANCE


def selects(request: SecurityListRequest, listed: ListedInstrument) -> bool:
    """Whether a request asks for that instrument, today or when it changes."""
    instrument = listed.instrument
    if request.symbol:
        return instrument.symbol_text == request.symbol
    return not request.security_type or instrument.security_type == request.security_type


def security_list_bodies(
    request: SecurityListRequest, response_id: bytes, listed: list[ListedInstrument]
) -> list[bytes]:
    """The messages that answer a request: one, or with more than `INSTRUMENTS_PER_MESSAGE`
    instruments several fragments with the same SecurityResponseID (322). Where nothing is found,
    that is the answer."""
    entries = [one.entry for one in listed if selects(request, one)]
    if not entries:
        reject = SecurityListReject(LIST_EMPTY, b"No instrument found")
        return [security_list_reject_body(request.security_req_id, response_id, reject)]
    bodies: list[bytes] = []
    total = len(entries)
    for start in range(0, total, INSTRUMENTS_PER_MESSAGE):
        part = entries[start : start + INSTRUMENTS_PER_MESSAGE]
        head = b"320=%s\x01322=%s\x01560=%d\x01" % (
            request.security_req_id, response_id, LIST_VALID,
        )  # fmt: skip
        if total > INSTRUMENTS_PER_MESSAGE:
            last = start + INSTRUMENTS_PER_MESSAGE >= total
            head += b"393=%d\x01893=%s\x01" % (total, b"Y" if last else b"N")
        bodies.append(b"%s146=%d\x01%s" % (head, len(part), b"".join(part)))
    return bodies


def single_instrument_tail(listed: ListedInstrument) -> bytes:
    """What tells of one instrument that has changed, behind 320 and 322."""
    return b"560=%d\x01146=1\x01%s" % (LIST_VALID, listed.entry)


def security_list_reject_body(
    security_req_id: bytes, response_id: bytes, reject: SecurityListReject
) -> bytes:
    """A list that is refused or empty."""
    shown = security_req_id[:REQUEST_ID_BYTES_MAX]
    return b"320=%s\x01322=%s\x01560=%d\x0158=%s\x01" % (
        shown, response_id, reject.result, reject.text,
    )  # fmt: skip


def trading_session_body(trad_ses_req_id: bytes, status: int) -> bytes:
    """The status of trading; `status` is TradSesStatus (340)."""
    return b"335=%s\x01%s" % (trad_ses_req_id, session_status_tail(status))


def session_status_tail(status: int) -> bytes:
    """The same behind 335."""
    return b"336=%s\x01340=%d\x01" % (TRADING_SESSION, status)


def trading_session_reject_body(
    trad_ses_req_id: bytes, trading_session_id: bytes, reason: int
) -> bytes:
    """A refused request for it, with its two ids; `reason` is TradSesStatusRejReason (567)."""
    shown = trad_ses_req_id[:REQUEST_ID_BYTES_MAX]
    return b"335=%s\x01336=%s\x01567=%d\x01" % (shown, trading_session_id[:NAME_BYTES_MAX], reason)
