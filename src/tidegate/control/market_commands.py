"""Commands about markets: `markets` lists them; `market-status`, `halt`, `resume`, `index` and
`band` change them, each as a control of the journal."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Struct

from tidegate.config.convert import PERCENT_DECIMALS
from tidegate.config.schema import REQUIRED
from tidegate.control.operators import decimal_of, do, instrument_named
from tidegate.control.protocol import (
    ControlError,
    Handler,
    NoParameters,
    parameters_in_words,
    parameters_of,
)
from tidegate.model.instruments import Instrument, symbol_aliases
from tidegate.model.market_state import BAND_MAX, BAND_OF_INSTRUMENT, STATUS_NAMES
from tidegate.model.orders import BUY, SELL
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, to_text
from tidegate.service import VenueService
from tidegate.venue.controls import (
    SET_BAND,
    SET_HALTED,
    SET_INDEX,
    SET_STATUS,
    SetBand,
    SetHalted,
    SetIndex,
    SetStatus,
)
from tidegate.venue.machine import Venue
from tidegate.venue.market_controls import PRICE_MAX

_STATUSES: Final = {name: status for status, name in STATUS_NAMES.items()}
_BAND_WORDS: Final = {"none": 0, "default": BAND_OF_INSTRUMENT}


class StatusParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`status` is a name of `model.market_state.STATUS_NAMES`."""

    symbol: Annotated[str, REQUIRED] = ""
    status: Annotated[str, REQUIRED] = ""


class IndexParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`price` is a decimal in the pair's quote asset."""

    symbol: Annotated[str, REQUIRED] = ""
    price: Annotated[str, REQUIRED] = ""


class BandParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`percent` of the reference, or `none`, or `default` for the configuration's."""

    symbol: Annotated[str, REQUIRED] = ""
    percent: Annotated[str, REQUIRED] = ""


def market_commands(service: VenueService) -> dict[str, Handler]:
    """The commands about markets."""
    venue = service.venue

    async def markets(given: dict[str, Any]) -> list[dict[str, Any]]:
        parameters_of(given, NoParameters)
        return [_described(venue, instrument) for instrument in venue.instruments.values()]

    async def status(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, StatusParameters)
        instrument = instrument_named(venue, parameters.symbol)
        wanted = _STATUSES.get(parameters.status)
        if wanted is None:
            known = ", ".join(_STATUSES)
            raise ControlError(f"status must be one of {known}, not {parameters.status[:64]!r}")
        await do(service, SET_STATUS, SetStatus(instrument.symbol, wanted))
        return _described(venue, instrument)

    async def halt(given: dict[str, Any]) -> dict[str, Any]:
        parameters_of(given, NoParameters)
        await do(service, SET_HALTED, SetHalted(halted=True))
        return {"halted": True}

    async def resume(given: dict[str, Any]) -> dict[str, Any]:
        parameters_of(given, NoParameters)
        await do(service, SET_HALTED, SetHalted(halted=False))
        return {"halted": False}

    async def index(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, IndexParameters)
        instrument = instrument_named(venue, parameters.symbol)
        price = decimal_of("price", parameters.price, instrument.price_decimals)
        if not 0 < price <= PRICE_MAX:
            most = to_text(PRICE_MAX, instrument.price_decimals)
            raise ControlError(f"price must be above 0 and at most {most}, not {parameters.price}")
        await do(service, SET_INDEX, SetIndex(instrument.symbol, price))
        return _described(venue, instrument)

    async def band(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, BandParameters)
        instrument = instrument_named(venue, parameters.symbol)
        await do(service, SET_BAND, SetBand(instrument.symbol, _band(parameters.percent)))
        return _described(venue, instrument)

    return {
        "markets": markets,
        "market-status": status,
        "halt": halt,
        "resume": resume,
        "index": index,
        "band": band,
    }


def _band(text: str) -> int:
    if text in _BAND_WORDS:
        return _BAND_WORDS[text]
    band = decimal_of("percent", text, PERCENT_DECIMALS)
    if not 0 < band <= BAND_MAX:
        most = to_text(BAND_MAX, PERCENT_DECIMALS)
        raise ControlError(
            f'percent must be above 0 and at most {most}, "none" or "default", not {text}'
        )
    return band


def _described(venue: Venue, instrument: Instrument) -> dict[str, Any]:
    """A market, by stable names; None where there is no such price. Prices and percentages are
    decimal texts; `aliases` are older spellings of the symbol. `traded` is false of one that the
    configuration no longer names."""
    state = venue.engine.market_state(instrument.symbol)
    band = instrument.band if state.band == BAND_OF_INSTRUMENT else state.band
    return {
        "symbol": instrument.symbol,
        "aliases": symbol_aliases(instrument),
        "price_decimals": instrument.price_decimals,
        "tick": to_text(instrument.tick_units, instrument.price_decimals),
        "qty_min": to_text(instrument.qty_min_lots, LOT_DECIMALS),
        "cost_min": to_text(instrument.cost_min_money, MONEY_DECIMALS),
        "status": STATUS_NAMES[state.status],
        "halted": state.halted,
        "traded": instrument.symbol_text in venue.directory.instrument_by_symbol,
        "index_price": _price(instrument, state.index_price),
        "last_price": _price(instrument, state.last_price),
        "bid_price": _price(instrument, _best(venue, instrument, BUY)),
        "ask_price": _price(instrument, _best(venue, instrument, SELL)),
        "band_percent": to_text(band, PERCENT_DECIMALS) if band else None,
        "band_set_by_operator": state.band != BAND_OF_INSTRUMENT,
    }


def _best(venue: Venue, instrument: Instrument, side: int) -> int:
    book = venue.engine.book(instrument.symbol)
    level = None if book is None else next(iter(book.side(side)), None)
    return 0 if level is None else level.price


def _price(instrument: Instrument, price: int) -> str | None:
    return to_text(price, instrument.price_decimals) if price else None
