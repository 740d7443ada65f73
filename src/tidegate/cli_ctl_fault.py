"""`tidegate ctl fault`: faults on demand, in a running venue of the uat profile."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli_ctl import DATA_DEFAULT, DataOption, JsonOption, asked, print_json, print_table
from tidegate.model.time import utc_timestamp

app = typer.Typer(help="Faults on demand (uat profile).", no_args_is_help=True)

SessionArgument = Annotated[str, typer.Argument(help='SenderCompID (49), or "*" for all.')]


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help="Such as drop or delay: see docs/faults.md.")],
    session: SessionArgument,
    at: Annotated[int | None, typer.Option(help="Fire at this MsgSeqNum (34).")] = None,
    probability: Annotated[
        float | None, typer.Option(help="Fire with this chance, above 0 and up to 1.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the chances; a new one without.")] = None,
    count: Annotated[
        int | None,
        typer.Option(help="How often.", show_default="once; with a probability without end"),
    ] = None,
    ms: Annotated[int | None, typer.Option(help="How long, in milliseconds.")] = None,
    direction: Annotated[
        str | None,
        typer.Option(help="Messages that the venue has sent or received.", show_default="sent"),
    ] = None,
    layer: Annotated[int | None, typer.Option(help="Of reject_next: 1, 2 or 3.")] = None,
    order: Annotated[str | None, typer.Option(help="ClOrdID (11) or OrderID (37).")] = None,
    qty: Annotated[
        str | None, typer.Option(help="Of fill.", show_default="all that is left")
    ] = None,
    point: Annotated[
        str | None, typer.Option(help="Of crash: now, before-append or after-append.")
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Install a fault. Without --at and --probability it fires at once."""
    given = {
        "kind": kind, "session": session, "at": at, "probability": probability, "seed": seed,
        "count": count, "ms": ms, "direction": direction, "layer": layer, "order": order,
        "qty": qty, "point": point,
    }  # fmt: skip
    parameters = {name: value for name, value in given.items() if value is not None}
    fault = asked(data, "fault-add", parameters)
    if as_json:
        print_json(fault)
    else:
        print(f"fault {fault['id']}: {_sentence(fault)}")


@app.command("list")
def list_faults(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """The faults that are installed, with their seeds."""
    faults = asked(data, "fault-list")
    if as_json:
        print_json(faults)
        return
    headings = ["id", "kind", "session", "trigger", "seed", "parameters", "injected", "left"]
    print_table(headings, [_row(fault) for fault in faults])


@app.command()
def clear(
    which: Annotated[str, typer.Argument(help='Id of a fault, or "all".')] = "all",
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take faults away, and end what they still do: lines go on, held reports go out."""
    if which != "all" and not (which.isascii() and which.isdigit()):
        raise typer.BadParameter(f'must be the id of a fault or "all", not "{which}"')
    cleared = asked(data, "fault-clear", {} if which == "all" else {"id": int(which)})
    if as_json:
        print_json(cleared)
        return
    for fault in cleared:
        print(f"cleared {fault['id']}: {_sentence(fault)}")


@app.command()
def release(
    session: SessionArgument = "*", data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Let go the reports that hold_reports holds back."""
    answer = asked(data, "fault-release", {"session": session})
    if as_json:
        print_json(answer)
    else:
        print(f"{answer['released']} messages released")


@app.command()
def history(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """What was injected since the venue started, oldest first."""
    injections = asked(data, "fault-history")
    if as_json:
        print_json(injections)
        return
    headings = ["time (UTC)", "fault", "kind", "session", "trigger", "34", "seed", "note"]
    print_table(headings, [_told(injection) for injection in injections])


def _sentence(fault: dict[str, Any]) -> str:
    seed = "" if fault["seed"] is None else f", seed {fault['seed']}"
    return f"{fault['kind']} on {fault['session']} {fault['trigger']}{seed}, {_done(fault)}"


def _done(fault: dict[str, Any]) -> str:
    left = "no end" if fault["remaining"] is None else f"{fault['remaining']} to come"
    return f"injected {fault['injected']} times, {left}"


def _row(fault: dict[str, Any]) -> list[str]:
    shown = {"at", "probability", "seed", "count"}  # are in columns of their own
    parameters = [f"{k}={v}" for k, v in fault["parameters"].items() if k not in shown]
    return [
        str(fault["id"]),
        fault["kind"],
        fault["session"],
        fault["trigger"],
        "" if fault["seed"] is None else str(fault["seed"]),
        " ".join(parameters),
        str(fault["injected"]),
        "no end" if fault["remaining"] is None else str(fault["remaining"]),
    ]


def _told(injection: dict[str, Any]) -> list[str]:
    return [
        utc_timestamp(injection["time_ns"]).decode(),
        str(injection["fault"]),
        injection["kind"],
        injection["session"],
        injection["trigger"],
        str(injection["msg_seq_num"] or ""),
        "" if injection["seed"] is None else str(injection["seed"]),
        injection["note"],
    ]
