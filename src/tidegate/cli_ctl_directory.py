"""`tidegate ctl firm`, `account`, `session`, `key`: who may trade, changed while the venue runs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tidegate.cli_ctl import (
    DATA_DEFAULT,
    DataOption,
    JsonOption,
    asked,
    print_json,
    print_rows,
)
from tidegate.cli_ctl_accounts import LimitOption, given

app = typer.Typer()
firm_app = typer.Typer(help="Firms: add, disable, enable.", no_args_is_help=True)
account_app = typer.Typer(help="Accounts: add, disable, enable.", no_args_is_help=True)
session_app = typer.Typer(help="Sessions: add, disable, enable.", no_args_is_help=True)
key_app = typer.Typer(help="API keys: add, disable, enable.", no_args_is_help=True)
app.add_typer(firm_app, name="firm")
app.add_typer(account_app, name="account")
app.add_typer(session_app, name="session")
app.add_typer(key_app, name="key")

FirmArgument = Annotated[str, typer.Argument(help="Name of the firm.")]
AccountArgument = Annotated[str, typer.Argument(help="Name of the account.")]
SenderArgument = Annotated[str, typer.Argument(help="SenderCompID (49) of the client.")]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="TargetCompID (56), where there are several.")
]
KeyArgument = Annotated[str, typer.Argument(help="Name of the API key.")]


# --- lists ---------------------------------------------------------------------------------------


@app.command()
def firms(
    limit: LimitOption = None, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Firms, and how many accounts each of them has."""
    answer = asked(data, "firms", given(limit=limit))
    print_rows(
        answer,
        ["firm", "accounts", "state"],
        lambda row: [row["firm"], str(row["accounts"]), _state(row["enabled"])],
        as_json=as_json,
    )


@app.command()
def accounts(
    limit: LimitOption = None, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Accounts: whose they are, what they pay, whether they may trade."""
    headings = ["account", "firm", "parent", "state", "maker %", "taker %", "tier", "orders", "of"]
    answer = asked(data, "accounts", given(limit=limit))
    print_rows(answer, headings, _account, as_json=as_json)


@app.command()
def keys(
    limit: LimitOption = None, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """API keys, and the sessions that they are for. Never a secret."""
    answer = asked(data, "keys", given(limit=limit))
    print_rows(
        answer,
        ["key", "account", "state", "sessions", "of"],
        lambda row: [
            row["key"], row["account"], _state(row["enabled"]), ", ".join(_opened(row)),
            _origin(row),
        ],
        as_json=as_json,
    )  # fmt: skip


# --- firms ---------------------------------------------------------------------------------------


@firm_app.command("add")
def add_firm(
    firm: FirmArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Add a firm, which then may be given accounts."""
    _print(asked(data, "firm-add", {"firm": firm}), f"firm {firm} added", as_json)


@firm_app.command("disable")
def disable_firm(
    firm: FirmArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Disable all of a firm: open orders are cancelled, its sessions end."""
    _print(asked(data, "firm-disable", {"firm": firm}), f"firm {firm} disabled", as_json)


@firm_app.command("enable")
def enable_firm(
    firm: FirmArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Take back what disable did."""
    _print(asked(data, "firm-enable", {"firm": firm}), f"firm {firm} enabled", as_json)


# --- accounts ------------------------------------------------------------------------------------


@account_app.command("add")
def add_account(
    account: AccountArgument,
    firm: FirmArgument,
    parent: Annotated[
        str | None, typer.Option(help="The broker's account whose sub-account it is.")
    ] = None,
    maker: Annotated[str | None, typer.Option(help="Percent; with --taker.")] = None,
    taker: Annotated[str | None, typer.Option(help="Percent; with --maker.")] = None,
    rate_tier: Annotated[str | None, typer.Option(help="Row of the rate limits.")] = None,
    items: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, what [\\[firm.account]] may have besides."),
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Add an account, without money."""
    wanted = given(
        account=account, firm=firm, parent=parent, maker_percent=maker, taker_percent=taker,
        rate_tier=rate_tier,
    ) | _items(items)  # fmt: skip
    _print(asked(data, "account-add", wanted), f"account {account} added", as_json)


@account_app.command("disable")
def disable_account(
    account: AccountArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Refuse an account's requests and cancel its open orders, those of its sub-accounts too."""
    answer = asked(data, "account-disable", {"account": account})
    _print(answer, f"account {account} disabled", as_json)


@account_app.command("enable")
def enable_account(
    account: AccountArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Take back what disable did."""
    answer = asked(data, "account-enable", {"account": account})
    _print(answer, f"account {account} enabled", as_json)


# --- sessions ------------------------------------------------------------------------------------


@session_app.command("add")
def add_session(
    sender: SenderArgument,
    account: AccountArgument,
    target: Annotated[
        str | None, typer.Option("--target", help="TargetCompID (56).", show_default="KRAKEN-TRD")
    ] = None,
    broker: Annotated[
        bool, typer.Option("--broker", help="For the account's sub-accounts.")
    ] = False,
    network: Annotated[
        list[str] | None, typer.Option(help="Where it may come from, such as 10.0.0.0/8.")
    ] = None,
    items: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, what [\\[firm.session]] may have besides."),
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Add a session. What is not said is as in \\[session_defaults] of the configuration."""
    wanted = given(
        sender_comp_id=sender, account=account, target_comp_id=target,
        broker=True if broker else None, networks=network or None,
    ) | _items(items)  # fmt: skip
    answer = asked(data, "session-add", wanted)
    if as_json:
        print_json(answer)
        return
    print(
        f"session {answer['sender_comp_id']} {answer['target_comp_id']} of {answer['account']} "
        f"added, port {answer['port']}, from {', '.join(answer['networks'])}"
    )
    named = ", ".join(answer["keys"]) or "none yet: see tidegate ctl key add"
    print(f"API keys: {named}")


@session_app.command("disable")
def disable_session(
    sender: SenderArgument,
    target: TargetOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Cancel a session's open orders, log it out and refuse its logons."""
    answer = asked(data, "session-disable", given(sender_comp_id=sender, target_comp_id=target))
    _print(answer, f"session {sender} {answer['target_comp_id']} disabled", as_json)


@session_app.command("enable")
def enable_session(
    sender: SenderArgument,
    target: TargetOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take back what disable did."""
    answer = asked(data, "session-enable", given(sender_comp_id=sender, target_comp_id=target))
    _print(answer, f"session {sender} {answer['target_comp_id']} enabled", as_json)


# --- keys ----------------------------------------------------------------------------------------


@key_app.command("add")
def add_key(
    account: AccountArgument,
    name: Annotated[str | None, typer.Option(help="Of the key; a new one without.")] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Add an API key for every session and drop copy of an account, and show its secret this
    once."""
    answer = asked(data, "key-add", given(account=account, key=name))
    if as_json:
        print_json(answer)
        return
    print(f"API key:    {answer['key']}")
    print(f"API secret: {answer['api_secret']}")
    print(f"sessions:   {', '.join(_opened(answer)) or 'none yet'}")
    print("The secret is not shown again.")


@key_app.command("disable")
def disable_key(
    key: KeyArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """End the sessions that have logged on by a key, and refuse logons by it."""
    _print(asked(data, "key-disable", {"key": key}), f"key {key} disabled", as_json)


@key_app.command("enable")
def enable_key(
    key: KeyArgument, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Take back what disable did."""
    _print(asked(data, "key-enable", {"key": key}), f"key {key} enabled", as_json)


def _print(answer: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    # An operator's enable does not outdo the configuration, or a parent that is disabled.
    off = text.endswith("enabled") and not answer["enabled"]
    print(f"{text}, but still not enabled otherwise" if off else text)


def _state(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"


def _origin(row: dict[str, Any]) -> str:
    return "operator" if row["added"] else "configuration"


def _opened(key: dict[str, Any]) -> list[str]:
    return [*key["sessions"], *(f"{name} (drop copy)" for name in key["drop_copies"])]


def _account(row: dict[str, Any]) -> list[str]:
    by_volume = row["fees"] == "by-volume"
    return [
        row["account"],
        row["firm"],
        row["parent"] or "",
        _state(row["enabled"]),
        "by volume" if by_volume else row["maker_percent"],
        "by volume" if by_volume else row["taker_percent"],
        row["rate_tier"] or "",
        str(row["open_orders"]),
        _origin(row),
    ]


def _items(items: list[str] | None) -> dict[str, Any]:
    named = (item.partition("=") for item in items or [])
    return {name: _value(value) for name, _, value in named}


def _value(text: str) -> Any:
    """A number, true, false or a list as JSON has them; else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | list) else text
