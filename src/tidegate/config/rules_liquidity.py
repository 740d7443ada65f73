"""Rules of `[liquidity]`: known pairs, once each, with numbers that fit the instrument; and the
names that the maker, the taker and the tapes need for themselves."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tidegate.config.lines import KeyPath
from tidegate.config.liquidity import (
    LIQUIDITY_FIRM,
    MAIN_PAIRS,
    MAKER,
    MARKETS_MAX,
    TAKER,
    TAPE,
    TAPE_FIRM,
    TAPE_TAKER,
    LiquiditySettings,
    main_table,
    market_making,
    refuse_idle_options,
)
from tidegate.config.problems import Findings, suggestion
from tidegate.config.rules import instrument_of, merged_instruments
from tidegate.config.schema import ConfigFile, LiquidityMarketTable
from tidegate.model.instruments import Instrument

_OWN_NAMES: Final = frozenset((LIQUIDITY_FIRM, MAKER, TAKER, TAPE_FIRM, TAPE, TAPE_TAKER))


def check_liquidity(file: ConfigFile, findings: Findings) -> None:
    """Mistakes in the markets are told whether the maker is enabled or not."""
    first_line: dict[str, int] = {}
    instruments = _instruments(file, findings)
    for index, given in enumerate(file.liquidity.market):
        path: KeyPath = ("liquidity", "market", index)
        if not given.symbol:
            continue
        place: KeyPath = (*path, "symbol")
        if given.symbol in first_line:
            findings.add(
                place,
                f"symbol {given.symbol} is given twice, first in line {first_line[given.symbol]}",
            )
        first_line.setdefault(given.symbol, findings.lines.line(place))
        if given.symbol not in {pair.symbol for pair, _ in merged_instruments(file) if pair}:
            near = suggestion(given.symbol, sorted(instruments))
            findings.add(place, f"symbol {given.symbol} is no instrument of this venue{near}")
        elif given.symbol in instruments and findings.sound(*((*path, n) for n in _JOINED)):
            _check_market(given, instruments[given.symbol], path, findings)
    _check_count(file, findings)
    if file.liquidity.enabled:
        _check_names(file, findings)
        said = findings.lines.given(("liquidity", "enabled"))
        if said and findings.sound(("liquidity", "main_pairs")):
            _check_main_pairs(file, instruments, findings)


_JOINED: Final = (
    "profile",
    "price",
    "step_percent",
    "interval_ms",
    "size",
    "spread_percent",
    "side",
)


def _check_market(
    given: LiquidityMarketTable, instrument: Instrument, path: KeyPath, findings: Findings
) -> None:
    misfit = _misfit(given, instrument)
    if misfit:
        place: KeyPath = (*path, misfit.split()[0])
        findings.add(place if findings.lines.given(place) else path, misfit)


def _check_count(file: ConfigFile, findings: Findings) -> None:
    given = {table.symbol for table in file.liquidity.market if table.symbol}
    markets = given.union(_main_tables(file))
    if len(markets) > MARKETS_MAX:
        findings.add(
            ("liquidity", "market", len(file.liquidity.market) - 1),
            f"there must be at most {MARKETS_MAX} markets with the main pairs, not {len(markets)}",
        )


def _check_main_pairs(
    file: ConfigFile, instruments: dict[str, Instrument], findings: Findings
) -> None:
    """A pair that the file has changed may be too coarse for the price or size it has here."""
    own = {given.symbol for given in file.liquidity.market}
    for symbol, table in _main_tables(file).items():
        if symbol not in instruments or symbol in own:
            continue
        misfit = _misfit(table, instruments[symbol])
        if misfit:
            findings.add(
                ("liquidity", "main_pairs"),
                f"{symbol} as it is here does not fit main_pairs ({misfit}): give it a "
                f"[[liquidity.market]] of its own",
            )


def _check_names(file: ConfigFile, findings: Findings) -> None:
    for index, firm in enumerate(file.firm):
        path: KeyPath = ("firm", index)
        names = [((*path, "name"), firm.name)]
        names += [((*path, "account", n, "id"), one.id) for n, one in enumerate(firm.account)]
        names += [
            ((*path, "session", n, "sender_comp_id"), one.sender_comp_id)
            for n, one in enumerate(firm.session)
        ]
        for place, name in names:
            if name in _OWN_NAMES:
                findings.add(
                    place,
                    f"{place[-1]} {name} is the venue's own unless [liquidity] has enabled = false",
                )


def liquidity_settings(file: ConfigFile) -> LiquiditySettings | None:
    """Of a file without mistakes; None where the maker is off."""
    if not file.liquidity.enabled:
        return None
    instruments = _instruments(file, None)
    return LiquiditySettings(
        seed=file.liquidity.seed,
        messages_per_second=file.liquidity.messages_per_second,
        markets=tuple(
            market_making(table, instruments[symbol])
            for symbol, table in market_tables(file).items()
        ),
    )


def market_tables(file: ConfigFile) -> dict[str, LiquidityMarketTable]:
    """The tables of all markets to make, by symbol; the main pairs first. One that the file has
    made too coarse goes without: where the maker was asked for, that is a mistake and was told."""
    instruments = _instruments(file, None)
    tables = {
        symbol: table
        for symbol, table in _main_tables(file).items()
        if not _misfit(table, instruments[symbol])
    }
    return tables | {given.symbol: completed(given) for given in file.liquidity.market}


def _main_tables(file: ConfigFile) -> dict[str, LiquidityMarketTable]:
    if not file.liquidity.main_pairs:
        return {}
    traded = [pair.symbol for pair, _ in merged_instruments(file) if pair is not None]
    return {symbol: main_table(symbol) for symbol in MAIN_PAIRS if symbol in traded}


def _misfit(table: LiquidityMarketTable, instrument: Instrument) -> str:
    """Why such a market can not be made; empty where it can."""
    try:
        refuse_idle_options(table)
        market_making(completed(table), instrument)
    except ValueError as error:
        return str(error)
    return ""


def completed(given: LiquidityMarketTable) -> LiquidityMarketTable:
    """With price and size of a main pair where they are not said."""
    if given.symbol not in MAIN_PAIRS:
        return given
    known = main_table(given.symbol)
    return replace(given, price=given.price or known.price, size=given.size or known.size)


def _instruments(file: ConfigFile, findings: Findings | None) -> dict[str, Instrument]:
    """Those without a mistake, by symbol."""
    found: dict[str, Instrument] = {}
    for pair, index in merged_instruments(file):
        if pair is None:
            continue
        path: KeyPath = ("instrument", -1 if index is None else index)
        names = ("symbol", "price_decimals", "tick", "qty_min", "cost_min", "band_percent")
        places = [(*path, name) for name in (*names, "long_max", "short_max")]
        if findings is None or index is None or findings.sound(path, *places):
            found[pair.symbol] = instrument_of(pair)
    return found
