"""`tidegate ctl liquidity`: what the internal market maker makes, and changing it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli_ctl import (
    DATA_DEFAULT,
    DataOption,
    JsonOption,
    asked,
    pass_on,
    print_json,
    print_table,
    wrong,
)

app = typer.Typer(
    help="The internal market maker: what it makes, changing it until the venue is started again, "
    "and filling an order by a trade."
)

SymbolArgument = Annotated[str, typer.Argument(help="Such as BTC/USD.")]
SomeSymbol = Annotated[str | None, typer.Argument(help="Such as BTC/USD; all markets without.")]
StepOption = Annotated[
    str | None, typer.Option("--step-percent", help="A usual step of the walk, in percent.")
]
IntervalOption = Annotated[
    int | None, typer.Option("--interval-ms", help="Milliseconds from step to step.")
]


class _Profile(StrEnum):
    """What a market is like."""

    EMPTY = "empty"
    THIN = "thin"
    DEEP = "deep"
    ONE_SIDED = "one-sided"
    VOLATILE = "volatile"


class _Walk(StrEnum):
    """What the reference price does."""

    RANDOM = "random"
    FIXED = "fixed"


class _Side(StrEnum):
    """The side there is of a one-sided market."""

    BUY = "buy"
    SELL = "sell"


@app.callback(invoke_without_command=True)
def liquidity(
    context: typer.Context, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """The internal market maker, and changing it until the venue is started again. Without a
    command: what it makes."""
    if context.invoked_subcommand is None:
        _print(asked(data, "liquidity"), as_json)
    else:
        pass_on(context, data, as_json=as_json)


@app.command("set")
def set_market(
    symbol: SymbolArgument,
    profile: Annotated[_Profile, typer.Argument(help="What the market is to be like.")],
    price: Annotated[str | None, typer.Option(help="The reference price.")] = None,
    walk: Annotated[_Walk | None, typer.Option(help="What the price does.")] = None,
    step_percent: StepOption = None,
    interval_ms: IntervalOption = None,
    levels: Annotated[int | None, typer.Option(help="Prices a side.")] = None,
    size: Annotated[str | None, typer.Option(help="About the quantity at each.")] = None,
    spread_percent: Annotated[
        str | None, typer.Option("--spread-percent", help="Between best bid and ask.")
    ] = None,
    side: Annotated[_Side | None, typer.Option(help="Of one-sided: which there is.")] = None,
    trades_per_minute: Annotated[
        int | None, typer.Option("--trades-per-minute", help="Orders of the taker.")
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make a market by another profile: `set BTC/USD deep`. Price, size and walk stay unless they
    are given; the rest is as the profile has it."""
    given = {
        "price": price,
        "walk": walk,
        "step_percent": step_percent,
        "interval_ms": interval_ms,
        "levels": levels,
        "size": size,
        "spread_percent": spread_percent,
        "side": side,
        "trades_per_minute": trades_per_minute,
    }
    _ask(data, "liquidity-set", as_json, symbol=symbol, profile=profile, **given)


@app.command("price")
def set_price(
    symbol: SymbolArgument,
    price: Annotated[str, typer.Argument(help="In the quote asset, on the pair's tick.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set the reference price of a market; a walk begins there anew."""
    _ask(data, "liquidity-change", as_json, symbol=symbol, price=price)


@app.command("walk")
def set_walk(
    symbol: SymbolArgument,
    walk: Annotated[_Walk, typer.Argument(help="What the reference price does.")],
    step_percent: StepOption = None,
    interval_ms: IntervalOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Let a market's reference price walk, or stay."""
    given = {"walk": walk, "step_percent": step_percent, "interval_ms": interval_ms}
    _ask(data, "liquidity-change", as_json, symbol=symbol, **given)


@app.command()
def pause(
    symbol: SomeSymbol = None, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Do nothing more; quotes stay in the book."""
    _ask(data, "liquidity-pause", as_json, symbol=symbol)


@app.command()
def resume(
    symbol: SomeSymbol = None, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Go on after a pause."""
    _ask(data, "liquidity-resume", as_json, symbol=symbol)


@app.command("seed")
def set_seed(
    seed: Annotated[int, typer.Argument(help="A whole number from 0 on.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set the seed; every market begins anew."""
    _ask(data, "liquidity-seed", as_json, seed=seed)


@app.command()
def fill(
    order: Annotated[str | None, typer.Option("--order", help="OrderID (37).")] = None,
    cl_ord_id: Annotated[
        str | None, typer.Option("--cl-ord-id", help="The order's latest ClOrdID (11).")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="SenderCompID (49) of the order's session.")
    ] = None,
    qty: Annotated[str | None, typer.Option(help="How much; all that is left without.")] = None,
    through: Annotated[
        bool, typer.Option("--through", help="Take what stands before the order, too.")
    ] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Fill a client's resting order by a trade in the market, with the maker's taker."""
    name = order if cl_ord_id is None else cl_ord_id
    if name is None or (order is not None and cl_ord_id is not None):
        wrong("give one of --order and --cl-ord-id")
    parameters = {"order": name, "session": session, "qty": qty, "through": through}
    given = {name: value for name, value in parameters.items() if value is not None}
    answer = asked(data, "liquidity-fill", given)
    if as_json:
        print_json(answer)
        return
    print(
        f"{answer['order_id']}: {answer['filled']} filled, {answer['open'] or 0} open; the taker "
        f"traded {answer['traded']} in {answer['symbol']}"
    )


def _ask(data: Path, command: str, as_json: bool, **parameters: Any) -> None:
    given = {name: value for name, value in parameters.items() if value is not None}
    _print(asked(data, command, given), as_json)


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    headings = ["market", "profile", "price", "now", "walk", "levels", "size", "quotes", "trades"]
    print_table(headings, [_row(market) for market in answer["markets"]])
    if not answer["logged_on"]:
        print("the market maker is not logged on; tidegate ctl sessions --why may tell why")
    for market in answer["markets"]:
        for what, reason in (("quotes", market["refused"]), ("taker", market["taker_refused"])):
            if reason:
                print(f"{market['symbol']}: the venue refuses its {what}: {reason}")


def _row(market: dict[str, Any]) -> list[str]:
    profile = market["profile"] + (f", {market['side']}" if market["side"] else "")
    every = f"every {market['interval_ms'] / 1000:g} s"
    walks = market["walk"] == "random"
    return [
        market["symbol"],
        profile + (", paused" if market["paused"] else ""),
        market["price"],
        market["reference_price"] or "",
        f"{market['step_percent']} % {every}" if walks else "fixed",
        str(market["levels"]),
        market["size"],
        str(market["open_quotes"] if market["open_quotes"] is not None else ""),
        f"{market['trades_per_minute']} a minute",
    ]
