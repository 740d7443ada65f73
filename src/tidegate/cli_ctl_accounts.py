"""`tidegate ctl deposit`, `withdraw`, `balances`, `positions`, `orders`, `fees`: money and what is
open."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli_ctl import (
    DATA_DEFAULT,
    DataOption,
    JsonOption,
    asked,
    print_json,
    print_rows,
    print_table,
    wrong,
)

app = typer.Typer()
fees_app = typer.Typer(help="Fees of accounts, and fee schedules.", no_args_is_help=True)
app.add_typer(fees_app, name="fees")

AccountArgument = Annotated[str, typer.Argument(help="Name of the account.")]
LimitOption = Annotated[
    int | None, typer.Option("--limit", help="Rows at most.", show_default="500")
]


@app.command()
def deposit(
    account: AccountArgument,
    asset: Annotated[str, typer.Argument(help="Such as USD.")],
    amount: Annotated[str, typer.Argument(help="Such as 1000.50.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Put money into an account."""
    _print_balance(asked(data, "deposit", _amount(account, asset, amount)), as_json)


@app.command()
def withdraw(
    account: AccountArgument,
    asset: Annotated[str, typer.Argument(help="Such as USD.")],
    amount: Annotated[str, typer.Argument(help="At most what is available.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take money that is available out of an account."""
    _print_balance(asked(data, "withdraw", _amount(account, asset, amount)), as_json)


@app.command()
def balances(
    account: Annotated[str | None, typer.Argument(help="Name; all accounts without.")] = None,
    limit: LimitOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """What accounts have available, and what their open orders hold."""
    answer = asked(data, "balances", given(account=account, limit=limit))
    headings = ["account", "asset", "available", "held"]
    print_rows(answer, headings, lambda row: [row[name] for name in headings], as_json=as_json)


@app.command()
def positions(
    account: Annotated[str | None, typer.Argument(help="Name; all accounts without.")] = None,
    limit: LimitOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Open margin positions, with what they cost and what closing them would bring."""
    answer = asked(data, "positions", given(account=account, limit=limit))
    names = ["account", "symbol", "quantity", "cost", "margin", "unrealised"]
    print_rows(answer, names, lambda row: [row[name] or "" for name in names], as_json=as_json)


@app.command()
def orders(
    account: Annotated[str | None, typer.Option(help="Of this account.")] = None,
    session: Annotated[str | None, typer.Option(help="Of this SenderCompID (49).")] = None,
    symbol: Annotated[str | None, typer.Option(help="In this market.")] = None,
    limit: LimitOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Open orders in every stage, in the order in which they were entered."""
    wanted = given(account=account, session=session, symbol=symbol, limit=limit)
    headings = [
        "order", "ClOrdID", "account", "session", "market", "side", "type", "stage", "price",
        "trigger", "open", "of", "shows", "hold", "until",
    ]  # fmt: skip
    print_rows(asked(data, "orders", wanted), headings, _order, as_json=as_json)


@fees_app.command("list")
def list_fees(
    limit: LimitOption = None, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """What each account pays, and the schedules of those that pay by volume."""
    answer = asked(data, "fees", given(limit=limit))
    headings = ["account", "fees", "maker %", "taker %", "set by"]
    print_rows(answer, headings, _account_fees, as_json=as_json)
    if not as_json:
        for schedule in answer["schedules"]:
            _print_schedule(schedule)


@fees_app.command("account")
def set_account_fees(
    account: AccountArgument,
    maker: Annotated[str | None, typer.Option(help="Percent; with --taker.")] = None,
    taker: Annotated[str | None, typer.Option(help="Percent; with --maker.")] = None,
    by_volume: Annotated[
        bool, typer.Option("--by-volume", help="By the volume of thirty days.")
    ] = False,
    default: Annotated[
        bool, typer.Option("--default", help="What the configuration says.")
    ] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set what an account pays for the orders that it enters from now on."""
    fixed = maker is not None or taker is not None
    sources = {"fixed": fixed, "by-volume": by_volume, "default": default}
    chosen = [source for source, is_chosen in sources.items() if is_chosen]
    if len(chosen) != 1:
        wrong("one of --maker with --taker, --by-volume and --default is needed")
    wanted = given(account=account, source=chosen[0], maker_percent=maker, taker_percent=taker)
    answer = asked(data, "fees-account", wanted)
    if as_json:
        print_json(answer)
        return
    name, source, maker_text, taker_text, _ = _account_fees(answer)
    rates = f", maker {maker_text} %, taker {taker_text} %" if maker_text else ""
    print(f"{name}: {source}{rates}")


@fees_app.command("schedule")
def set_schedule(
    schedule: Annotated[str, typer.Argument(help="Name of a fee schedule.")],
    tiers: Annotated[
        list[str],
        typer.Argument(
            help="VOLUME:MAKER:TAKER, volume in US dollars and rates in percent; or default."
        ),
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set the tiers of a fee schedule: `fees schedule standard 0:0.25:0.4 10000:0.2:0.35`."""
    rows = [] if tiers == ["default"] else [_tier(text) for text in tiers]
    answer = asked(data, "fees-schedule", {"schedule": schedule, "tiers": rows})
    if as_json:
        print_json(answer)
    else:
        _print_schedule(answer)


def given(**parameters: Any) -> dict[str, Any]:
    """The parameters that were given a value."""
    return {name: value for name, value in parameters.items() if value is not None}


def _amount(account: str, asset: str, amount: str) -> dict[str, Any]:
    return {"account": account, "asset": asset, "amount": amount}


def _print_balance(balance: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(balance)
        return
    asset = balance["asset"]
    print(
        f"{balance['account']}: {balance['available']} {asset} available, "
        f"{balance['held']} {asset} held"
    )


def _tier(text: str) -> dict[str, str]:
    parts = text.split(":")
    if len(parts) != 3:
        wrong(f"a tier is VOLUME:MAKER:TAKER, such as 0:0.25:0.4, and not {text[:64]}")
    return dict(zip(("volume", "maker_percent", "taker_percent"), parts, strict=True))


def _account_fees(row: dict[str, Any]) -> list[str]:
    return [
        row["account"],
        "by volume" if row["source"] == "by-volume" else row["source"],
        row["maker_percent"] or "",
        row["taker_percent"] or "",
        "operator" if row["set_by_operator"] else "configuration",
    ]


def _print_schedule(schedule: dict[str, Any]) -> None:
    by = "an operator" if schedule["set_by_operator"] else "the configuration"
    print(f"schedule {schedule['schedule']}, of {by}")
    rows = [[t["volume"], t["maker_percent"], t["taker_percent"]] for t in schedule["tiers"]]
    print_table(["volume from, USD", "maker %", "taker %"], rows)


def _order(order: dict[str, Any]) -> list[str]:
    shows = order["display"] or ""
    if order["hidden"]:
        shows = f"{shows}, {order['hidden']} hidden"
    return [
        order["order_id"],
        order["cl_ord_id"],
        order["account"],
        order["session"],
        order["symbol"],
        order["side"] + (", margin" if order["margin"] else ""),
        order["ord_type"],
        order["stage"] + (f" from {order['effective']}" if order["stage"] == "scheduled" else ""),
        order["price"] or "",
        _trigger(order),
        order["open"],
        order["quantity"] if not order["quote_amount"] else f"{order['quote_amount']} in quote",
        shows,
        f"{order['hold']['amount']} {order['hold']['asset']}",
        order["expires"] or "",
    ]


def _trigger(order: dict[str, Any]) -> str:
    if order["trigger_reference"] is None:
        return ""
    distance = f", trails by {order['trigger_distance']}" if order["trigger_distance"] else ""
    return f"{order['trigger_price'] or '?'} {order['trigger_reference']}{distance}"
