"""`tidegate ctl`: questions and commands to a running venue, over its control socket."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

EXIT_WRONG: int = 2
CELLS_MAX: int = 10_000  # of a line of a table

app = typer.Typer(
    name="ctl", help="Ask or control a running venue.", no_args_is_help=True, add_completion=False
)

DataOption = Annotated[Path, typer.Option("--data", help="Data directory of the venue.")]
SettleOption = Annotated[
    float | None,
    typer.Option(
        min=0, max=10, help="Seconds that clients have to answer on the way.", show_default="0.2"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DATA_DEFAULT = Path("tidegate-data")

clock_app = typer.Typer(help="The venue's clock, and moving it (up --clock virtual).")
app.add_typer(clock_app, name="clock")


def asked(
    data: Path,
    command: str,
    parameters: dict[str, Any] | None = None,
    timeout_s: float | None = 10.0,
) -> Any:
    """The venue's answer. What keeps it from answering, or from doing what it was asked, is printed
    and ends the process with `EXIT_WRONG`."""
    from tidegate.control.client import VenueUnreachable, ask
    from tidegate.control.protocol import ControlError

    try:
        return ask(data, command, parameters, timeout_s)
    except (ControlError, VenueUnreachable, TimeoutError) as error:
        wrong(str(error))


def pass_on(context: typer.Context, data: Path, *, as_json: bool) -> None:
    """What was said to a group is said to its command, unless that says otherwise: `clock --data d
    stop` is `clock stop --data d`."""
    assert context.invoked_subcommand is not None
    context.default_map = {context.invoked_subcommand: {"data": data, "as_json": as_json}}


def wrong(text: str) -> NoReturn:
    print(f"tidegate: {text}", file=sys.stderr)
    raise typer.Exit(EXIT_WRONG)


def print_json(answer: Any) -> None:
    print(json.dumps(answer, indent=2))


def print_table(headings: list[str], rows: list[list[str]], console: Console | None = None) -> None:
    """Cells as they are: what looks like markup in them is none. To standard output, unless another
    console is given."""
    table = Table()
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = console or Console()
    # Never cut: a terminal that is too narrow breaks lines, a pipe gets them whole.
    unbounded = console.options.update(max_width=CELLS_MAX)
    console.width = max(console.width, console.measure(table, options=unbounded).maximum)
    console.print(table)


def print_rows(
    answer: dict[str, Any],
    headings: list[str],
    cells: Callable[[dict[str, Any]], list[str]],
    *,
    as_json: bool,
) -> None:
    """A list with a bound: what is beyond it is told."""
    if as_json:
        print_json(answer)
        return
    rows = answer["rows"]
    print_table(headings, [cells(row) for row in rows])
    if answer["total"] > len(rows):
        print(f"{len(rows)} of {answer['total']}; more with --limit")


@app.command()
def sessions(
    sender: Annotated[str | None, typer.Argument(help="SenderCompID (49); all without.")] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Why the latest logons failed (uat profile).")
    ] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """State, link, numbers of both sides, holes and queues of each session."""
    parameters = {} if sender is None else {"sender_comp_id": sender}
    if why:
        failures = asked(data, "failed-logons", parameters) + _market_data_failures(data, sender)
        failures.sort(key=lambda failure: int(failure["time_ns"]), reverse=True)
        if as_json:
            print_json(failures)
        else:
            _print_failures(failures)
        return
    answer = asked(data, "sessions", parameters)
    if as_json:
        print_json(answer)
        return
    headings = [
        "session", "state", "link", "next out", "next in", "hole", "queue", "heard of", "orders",
        "line lost",
    ]  # fmt: skip
    print_table(headings, [_session_row(session) for session in answer])


@app.command()
def drop(
    sender: Annotated[str, typer.Argument(help="SenderCompID (49) of the client.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Close a client's links without a word: a disconnect, with what that means for its orders."""
    dropped = asked(data, "drop", {"sender_comp_id": sender})
    if as_json:
        print_json(dropped)
        return
    for link in dropped:
        print(f"{sender} {link['target_comp_id']}: link {link['link']} closed")


def _session_row(session: dict[str, Any]) -> list[str]:
    is_up = session["link"] != 0
    link = f"{session['link']} {session['peer'] or ''}".strip() if is_up else ""
    return [
        f"{session['sender_comp_id']} {session['target_comp_id']}",
        session["state"] if session["enabled"] else f"{session['state']}, disabled",
        link,
        str(session["next_outgoing"]),
        str(session["next_incoming"]),
        _hole(session["hole"]),
        _queue(session["queue"]),
        _heartbeat(session) if is_up else "",
        str(session["open_orders"]),
        _line_lost(session),
    ]


def _market_data_failures(data: Path, sender: str | None) -> list[dict[str, Any]]:
    """Those that market data's own process knows of; none without it."""
    from tidegate.feeds.status import FeedsUnreachable, ask

    try:
        failures: list[dict[str, Any]] = ask(data)["failed_logons"]
    except FeedsUnreachable:
        return []
    return [one for one in failures if sender in (None, one["sender_comp_id"])]


def _print_failures(failures: list[dict[str, Any]]) -> None:
    """Oldest first: what was tried last stands where the eye is."""
    if not failures:
        print("no logon has failed since the venue was started")
    for failure in reversed(failures):
        who = f"{failure['sender_comp_id'] or '?'} > {failure['target_comp_id'] or '?'}"
        print(f"{failure['at']} {failure['address'] or '?'} {who}")
        print(f"  {'answer':12} {failure['answer'] or 'none: closed without a word'}")
        print(f"  {'why':12} {failure['reason']}")
        if failure["api_key"]:
            print(f"  {'API key':12} {failure['api_key']}")
        for name, said in _failure_lines(failure):
            print(f"  {name:12} {said}")


def _failure_lines(failure: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for outcome in ("passed", "failed", "not reached"):
        names = [c["check"] for c in failure["checks"] if c["outcome"] == outcome]
        if names:
            yield outcome, ", ".join(names)
    offsets = []
    for name, key in (("nonce", "nonce_offset_ms"), ("SendingTime", "sending_time_offset_ms")):
        if failure[key] is not None:
            offsets.append(f"{name} {failure[key]:+} ms")
    if offsets:
        yield "clock", f"{', '.join(offsets)} from the venue's"
    signature = failure["signature"]
    if signature is None:
        return
    yield "to sign", signature["signed"]
    if signature["right"]:
        yield "signature", "right"
        return
    difference = signature["first_difference"]
    yield (
        "signature",
        f"differs at byte {difference['position']}: {difference['received']!r} came, "
        f"{difference['expected']!r} is right; {signature['received_bytes']} bytes came, "
        f"{signature['expected_bytes']} are right",
    )


def _hole(hole: dict[str, int] | None) -> str:
    return "" if hole is None else f"{hole['from']}..{hole['until']}, {hole['held']} held"


def _line_lost(session: dict[str, Any]) -> str:
    """What becomes of the open orders when the line is lost, or is about to."""
    if session["grace_left_s"] is not None:
        return f"cancel in {session['grace_left_s']:.1f} s"
    return "cancel" if session["cancel_on_disconnect"] else "keep"


def _queue(queue: dict[str, Any] | None) -> str:
    if queue is None:
        return ""
    parts = [f"{queue['unsent_bytes']} bytes"] if queue["unsent_bytes"] else []
    if queue["following"]:
        parts.append("from the log")
    if queue["resends_pending"]:
        parts.append(f"{queue['resends_pending']} resends")
    return ", ".join(parts)


def _heartbeat(session: dict[str, Any]) -> str:
    asked_now = ", asked" if session["test_request_pending"] else ""
    return f"{session['last_received_s']:.1f} s ago of {session['heart_bt_int_s']} s{asked_now}"


@clock_app.callback(invoke_without_command=True)
def clock(
    context: typer.Context, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """The venue's time, and moving it (up --clock virtual). Without a command: what time it is."""
    if context.invoked_subcommand is None:
        _print_clock(asked(data, "clock"), as_json=as_json)
    else:
        pass_on(context, data, as_json=as_json)


@clock_app.command("set")
def clock_set(
    time: Annotated[
        str, typer.Argument(help='UTC: "2026-11-03 21:59:59", or 21:59:59 for the next such time.')
    ],
    data: DataOption = DATA_DEFAULT,
    settle: SettleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Walk to a time; whatever is due on the way happens."""
    _print_walk(asked(data, "clock-set", _moving(settle, time=time), None), as_json=as_json)


@clock_app.command("advance")
def clock_advance(
    duration: Annotated[str, typer.Argument(help="Such as 30s, 1h30m or 2d.")],
    data: DataOption = DATA_DEFAULT,
    settle: SettleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Walk on for a time; whatever is due on the way happens."""
    walk = asked(data, "clock-advance", _moving(settle, duration=duration), None)
    _print_walk(walk, as_json=as_json)


@clock_app.command("run")
def clock_run(
    speed: Annotated[float, typer.Option(help="Times as fast as real time.")] = 1.0,
    data: DataOption = DATA_DEFAULT,
    settle: SettleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the clock run."""
    _print_clock(asked(data, "clock-run", _moving(settle, speed=speed)), as_json=as_json)


@clock_app.command("stop")
def clock_stop(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let the clock stand."""
    _print_clock(asked(data, "clock-stop"), as_json=as_json)


def _moving(settle: float | None, **parameters: Any) -> dict[str, Any]:
    return parameters if settle is None else parameters | {"settle_s": settle}


def _print_clock(state: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    running = f"runs {state['speed']:g} times as fast as real time" if state["speed"] else "stands"
    if state["kind"] == "system":
        ahead_s = state["ahead_s"]
        running = "the machine's" + (f", {ahead_s:.3f} s ahead of it" if ahead_s else "")
    print(f"{state['now']} UTC, {running}")


def _print_walk(walk: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(walk)
        return
    print(f"{walk['from']} UTC to {walk['to']} UTC in {walk['steps']} steps")
    print(f"sessions that ended: {', '.join(walk['ended']) or 'none'}")
