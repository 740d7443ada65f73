"""Controls of markets: status, halt, index price, price band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import NUMBER_DIGITS_MAX
from tidegate.model.market_state import BAND_MAX, BAND_OF_INSTRUMENT, STATUS_NAMES
from tidegate.venue.control import Control, ControlRefused, check_no_session, check_range

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue

PRICE_MAX: Final[int] = 10**NUMBER_DIGITS_MAX - 1  # what a client may name as well


class SetStatus(Control):
    """A pair's market status (`model.market_state`)."""

    def __init__(self, symbol: str, status: int) -> None:
        self.symbol = symbol
        self.status = status

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.symbol)
        encoder.uint(self.status)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        symbol = decoder.text()
        return SetStatus(symbol, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        _check_symbol(venue, self.symbol)
        if self.status not in STATUS_NAMES:
            raise ControlRefused(f"status must be one of {sorted(STATUS_NAMES)}, not {self.status}")

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.engine.set_status(self.symbol, self.status, time_ns)
        venue.note_markets()
        venue.trading.report_events(venue.sessions, time_ns)


class SetHalted(Control):
    """Halts every pair, or lets them go on with the status that each of them has."""

    def __init__(self, *, halted: bool) -> None:
        self.halted = halted

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.flag(value=self.halted)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return SetHalted(halted=decoder.flag())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.engine.set_halted(self.halted, time_ns)
        venue.note_markets()
        venue.trading.report_events(venue.sessions, time_ns)


class SetIndex(Control):
    """A pair's index price, in its price units. Orders that it releases are told so."""

    def __init__(self, symbol: str, price: int) -> None:
        self.symbol = symbol
        self.price = price

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.symbol)
        encoder.uint(self.price)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        symbol = decoder.text()
        return SetIndex(symbol, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        _check_symbol(venue, self.symbol)
        check_range("price", self.price, 1, PRICE_MAX)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.engine.set_index(self.symbol, self.price, time_ns)
        venue.trading.report_events(venue.sessions, time_ns)


class SetBand(Control):
    """A pair's price band, in millionths of the reference: 0 for none, `BAND_OF_INSTRUMENT` for
    what its settings say."""

    def __init__(self, symbol: str, band: int) -> None:
        self.symbol = symbol
        self.band = band

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.symbol)
        encoder.sint(self.band)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        symbol = decoder.text()
        return SetBand(symbol, decoder.sint())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        _check_symbol(venue, self.symbol)
        check_range("band", self.band, BAND_OF_INSTRUMENT, BAND_MAX)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.engine.set_band(self.symbol, self.band)


def _check_symbol(venue: Venue, symbol: str) -> None:
    """One that the settings no longer name will do: orders in it may be open."""
    if symbol not in venue.instruments:
        raise ControlRefused(f"symbol must be that of an instrument, not {symbol!r}")
