"""Rules of the venue and its instruments that go beyond types and ranges."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec.structs import asdict, replace

from tidegate.config import convert
from tidegate.config.lines import KeyPath
from tidegate.config.problems import Findings, suggestion
from tidegate.config.schema import ConfigFile, InstrumentTable
from tidegate.model.instruments import (
    ASSET_ALIASES,
    BUILT_IN,
    BUILT_IN_MARGIN,
    Instrument,
    built_in_fee_schedule,
    make_instrument,
)
from tidegate.model.scaled import LOT_DECIMALS

PRODUCTION_NONCE_WINDOW_MS_MAX: Final = 5_000

_SYMBOL: Final = re.compile(r"([A-Z0-9.]{1,16})/([A-Z0-9.]{1,16})", re.ASCII)


def convertible(
    findings: Findings, path: KeyPath, text: str, reader: Callable[[str], object]
) -> bool:
    """Whether `reader` takes `text`; its complaint becomes a problem of `path`."""
    try:
        reader(text)
    except ValueError as error:
        findings.add(path, f"{path[-1]} {error}")
        return False
    return True


def check_venue(file: ConfigFile, findings: Findings, base: Path | None) -> None:
    """`[venue]`. File names are looked at only where `base`, their directory, is known."""
    venue = file.venue
    convertible(findings, ("venue", "host"), venue.host, convert.host)
    convertible(findings, ("venue", "rollover_at"), venue.rollover_at, convert.second_of_day)
    if venue.clock == "virtual" and venue.profile == "production":
        findings.add(("venue", "clock"), 'clock must be "system" in the production profile')
    for index, name in enumerate(venue.tls_names):
        path: KeyPath = ("venue", "tls_names", index)
        if findings.sound(path):
            try:
                convert.host(name)
            except ValueError as error:
                findings.add(path, f"tls_names[{index}] {error}")
    nonce_path: KeyPath = ("venue", "nonce_window_ms")
    check_nonce_window(file, findings, nonce_path, venue.nonce_window_ms)
    _check_certificate_files(file, findings, base)


def check_nonce_window(
    file: ConfigFile, findings: Findings, path: KeyPath, nonce_window_ms: int | None
) -> None:
    """Only UAT may take logons from clocks that are far off."""
    if file.venue.profile != "production" or nonce_window_ms is None:
        return
    if nonce_window_ms > PRODUCTION_NONCE_WINDOW_MS_MAX:
        findings.add(
            path,
            f"nonce_window_ms must be at most {PRODUCTION_NONCE_WINDOW_MS_MAX} in the production "
            f"profile, not {nonce_window_ms}",
        )


def _check_certificate_files(file: ConfigFile, findings: Findings, base: Path | None) -> None:
    venue = file.venue
    if bool(venue.tls_certificate) != bool(venue.tls_key):
        missing = "tls_key" if venue.tls_certificate else "tls_certificate"
        given = "tls_certificate" if venue.tls_certificate else "tls_key"
        if findings.sound(("venue", missing), ("venue", given)):
            findings.add(("venue", given), f"{given} needs {missing} beside it")
    if venue.tls_ca and not venue.tls_certificate and findings.sound(("venue", "tls_certificate")):
        findings.add(
            ("venue", "tls_ca"),
            "tls_ca goes with tls_certificate and tls_key; without them the venue makes its own",
        )
    if base is None:
        return
    for name in ("tls_certificate", "tls_key", "tls_ca"):
        text = getattr(venue, name)
        if text and not (base / text).is_file():
            findings.add(("venue", name), f'{name} names no file: "{base / text}"')


def merged_instruments(file: ConfigFile) -> list[tuple[InstrumentTable | None, int | None]]:
    """Built-in pairs as the file changes them, then the file's own, each with every field filled in
    and with its index in the file (None: untouched). A new pair that lacks a field is None here and
    `check` says so."""
    known = _built_in_pairs() if file.venue.built_in_instruments else {}
    rows: dict[str, tuple[InstrumentTable | None, int | None]] = {
        symbol: (table, None) for symbol, table in known.items()
    }
    for index, table in enumerate(file.instrument):
        if table.symbol:
            base = known.get(table.symbol, _new_pair(table.symbol))
            rows[table.symbol] = (_merged(table, base), index)
    return list(rows.values())


def _built_in_pairs() -> dict[str, InstrumentTable]:
    pairs: dict[str, InstrumentTable] = {}
    for symbol, price_decimals, tick, qty_min, cost_min in BUILT_IN:
        leverage_max, long_max, short_max = BUILT_IN_MARGIN.get(symbol, (0, "0", "0"))
        pairs[symbol] = replace(
            _new_pair(symbol),
            price_decimals=price_decimals,
            tick=tick,
            qty_min=qty_min,
            cost_min=cost_min,
            leverage_max=leverage_max,
            long_max=long_max,
            short_max=short_max,
        )
    return pairs


def _new_pair(symbol: str) -> InstrumentTable:
    """What a pair has that does not say it; how its prices and sizes are counted, it must say."""
    return InstrumentTable(
        symbol=symbol,
        fee_schedule=built_in_fee_schedule(symbol),
        band_percent="0",
        leverage_max=0,
        long_max="0",
        short_max="0",
    )


def _merged(table: InstrumentTable, base: InstrumentTable) -> InstrumentTable | None:
    given = {name: value for name, value in asdict(table).items() if value is not None}
    merged = replace(base, **given)
    return None if None in asdict(merged).values() else merged


def instrument_of(pair: InstrumentTable) -> Instrument:
    """A pair with every field filled in."""
    assert pair.price_decimals is not None
    assert pair.leverage_max is not None
    return make_instrument(
        pair.symbol,
        pair.price_decimals,
        str(pair.tick),
        str(pair.qty_min),
        str(pair.cost_min),
        fee_schedule=str(pair.fee_schedule),
        band=convert.rate(str(pair.band_percent)),
        leverage_max=pair.leverage_max,
        long_max=str(pair.long_max),
        short_max=str(pair.short_max),
    )


def assets_of(file: ConfigFile) -> set[str]:
    """Every asset that some pair trades."""
    assets = {asset for symbol in _symbols(file) for asset in symbol.split("/") if asset}
    return assets - set(ASSET_ALIASES)


def quotes_of(file: ConfigFile) -> set[str]:
    """Every asset in which some pair is quoted."""
    return {symbol.partition("/")[2] for symbol in _symbols(file)}


def _symbols(file: ConfigFile) -> list[str]:
    symbols = [table.symbol for table in file.instrument]
    if file.venue.built_in_instruments:
        symbols += [row[0] for row in BUILT_IN]
    return symbols


def check_amounts(
    findings: Findings, path: KeyPath, amounts: dict[str, str], assets: set[str]
) -> None:
    """Amounts by asset, of assets that some pair trades."""
    for asset, amount in amounts.items():
        place: KeyPath = (*path, asset)
        if asset in ASSET_ALIASES:
            findings.add(place, f"{asset} must be written {ASSET_ALIASES[asset]}")
        elif asset not in assets:
            near = suggestion(asset, sorted(assets))
            findings.add(place, f"{asset} is an unknown asset: no instrument uses it{near}")
        convertible(findings, place, amount, convert.money)


def check_instruments(file: ConfigFile, findings: Findings) -> None:
    """`[[instrument]]`: names, completeness, and numbers in the units they are counted in."""
    if not file.venue.built_in_instruments and not file.instrument:
        findings.add(
            ("venue", "built_in_instruments"),
            "built_in_instruments is false and there is no [[instrument]]: nothing could trade",
        )
    built_in = {row[0] for row in BUILT_IN} if file.venue.built_in_instruments else set()
    first_line: dict[str, int] = {}
    for index, table in enumerate(file.instrument):
        path: KeyPath = ("instrument", index)
        if not table.symbol:
            continue
        _check_symbol(findings, (*path, "symbol"), table.symbol)
        if table.symbol in first_line:
            findings.add(
                (*path, "symbol"),
                f"symbol {table.symbol} is given twice, first in line {first_line[table.symbol]}",
            )
        first_line.setdefault(table.symbol, findings.lines.line((*path, "symbol")))
        if table.symbol not in built_in:
            for name in ("price_decimals", "tick", "qty_min", "cost_min"):
                if getattr(table, name) is None and findings.sound((*path, name)):
                    findings.add(
                        path, f"{name} is missing, and {table.symbol} is not a built-in pair"
                    )
    for merged, position in merged_instruments(file):
        if merged is not None and position is not None:
            _check_sizes(findings, ("instrument", position), merged)


def _check_symbol(findings: Findings, path: KeyPath, symbol: str) -> None:
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        findings.add(
            path, f'symbol must be two assets in capitals such as "BTC/USD", not "{symbol}"'
        )
        return
    if match[1] == match[2]:
        findings.add(path, f"symbol must join two different assets, not {symbol}")
    for asset in match.groups():
        if asset in ASSET_ALIASES:
            findings.add(
                path, f"symbol must use {ASSET_ALIASES[asset]}; {asset} is another spelling of it"
            )


def _check_sizes(findings: Findings, path: KeyPath, pair: InstrumentTable) -> None:
    """Numbers of a pair with every field filled in."""
    decimals_path = (*path, "price_decimals")
    if findings.sound(decimals_path):
        assert pair.price_decimals is not None
        _check_positive(findings, (*path, "tick"), str(pair.tick), pair.price_decimals)
    _check_positive(findings, (*path, "qty_min"), str(pair.qty_min), LOT_DECIMALS)
    readers: dict[str, Callable[[str], object]] = {
        "cost_min": convert.money,
        "band_percent": convert.rate,
        "long_max": convert.lots,
        "short_max": convert.lots,
    }
    for name, reader in readers.items():
        if findings.sound((*path, name)):
            convertible(findings, (*path, name), getattr(pair, name), reader)


def _check_positive(findings: Findings, path: KeyPath, text: str, decimals: int) -> None:
    if not findings.sound(path):
        return
    if (
        convertible(findings, path, text, lambda value: convert.decimal(value, decimals))
        and convert.decimal(text, decimals) == 0
    ):
        findings.add(path, f"{path[-1]} must be above 0")
