"""`tidegate ctl markets` and what an operator sets of a market: status, halt, index price, band."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from tidegate.cli_ctl import (
    DATA_DEFAULT,
    DataOption,
    JsonOption,
    asked,
    print_json,
    print_table,
)

app = typer.Typer()

SymbolArgument = Annotated[str, typer.Argument(help="Such as BTC/USD.")]


class _What(StrEnum):
    """What `market` sets."""

    STATUS = "status"


@app.command()
def markets(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Status, prices and price band of each market."""
    answer = asked(data, "markets")
    if as_json:
        print_json(answer)
        return
    headings = ["market", "status", "index", "last", "bid", "ask", "band"]
    print_table(headings, [_row(market) for market in answer])


@app.command()
def market(
    symbol: SymbolArgument,
    what: Annotated[_What, typer.Argument(help="The word status.")],
    status: Annotated[
        str,
        typer.Argument(
            help="online, cancel_only, post_only, limit_only, reduce_only, maintenance, hidden "
            "or delisted."
        ),
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set what a market admits: `market BTC/USD status cancel_only`."""
    _print_market(asked(data, f"market-{what}", {"symbol": symbol, "status": status}), as_json)


@app.command()
def halt(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Halt every market: nothing but cancels happens."""
    _print_halt(asked(data, "halt"), as_json)


@app.command()
def resume(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """End a halt: each market goes on with the status it has."""
    _print_halt(asked(data, "resume"), as_json)


@app.command()
def index(
    symbol: SymbolArgument,
    price: Annotated[str, typer.Argument(help="In the quote asset.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set a market's index price; orders that wait for it are released."""
    _print_market(asked(data, "index", {"symbol": symbol, "price": price}), as_json)


@app.command()
def band(
    symbol: SymbolArgument,
    percent: Annotated[
        str, typer.Argument(help="Of the last trade; none; or default, the configuration's.")
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set how far from the last trade a market's prices may be."""
    _print_market(asked(data, "band", {"symbol": symbol, "percent": percent}), as_json)


def _print_market(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    print(
        f"{answer['symbol']}: {_status(answer)}, index {answer['index_price'] or 'none'}, "
        f"last {answer['last_price'] or 'none'}, band {_band(answer) or 'none'}"
    )


def _print_halt(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print("all markets are halted" if answer["halted"] else "no halt: markets go on")


def _row(market: dict[str, Any]) -> list[str]:
    prices = [market[f"{name}_price"] or "" for name in ("index", "last", "bid", "ask")]
    return [market["symbol"], _status(market), *prices, _band(market)]


def _status(market: dict[str, Any]) -> str:
    parts = [market["status"]]
    if market["halted"]:
        parts.append("halted")
    if not market["traded"]:
        parts.append("not in the configuration")
    return ", ".join(parts)


def _band(market: dict[str, Any]) -> str:
    if market["band_percent"] is None:
        return "none, set" if market["band_set_by_operator"] else ""
    return f"{market['band_percent']} %" + (", set" if market["band_set_by_operator"] else "")
