"""`tidegate ctl`: questions and commands to a running venue, over its control socket."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

EXIT_WRONG: int = 2

app = typer.Typer(
    name="ctl", help="Ask or control a running venue.", no_args_is_help=True, add_completion=False
)

DataOption = Annotated[Path, typer.Option("--data", help="Data directory of the venue.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DATA_DEFAULT = Path("tidegate-data")


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


def wrong(text: str) -> NoReturn:
    print(f"tidegate: {text}", file=sys.stderr)
    raise typer.Exit(EXIT_WRONG)


def print_json(answer: Any) -> None:
    print(json.dumps(answer, indent=2))


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """Cells as they are: what looks like markup in them is none."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


@app.command()
def sessions(
    sender: Annotated[str | None, typer.Argument(help="SenderCompID (49); all without.")] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """State, link, numbers of both sides, holes and queues of each session."""
    parameters = {} if sender is None else {"sender_comp_id": sender}
    answer = asked(data, "sessions", parameters)
    if as_json:
        print_json(answer)
        return
    headings = [
        "session", "state", "link", "next out/in", "hole", "queue", "heartbeat", "orders",
        "on disconnect",
    ]  # fmt: skip
    print_table(headings, [_session_row(session) for session in answer])


def _session_row(session: dict[str, Any]) -> list[str]:
    is_up = session["link"] != 0
    link = f"{session['link']} {session['peer'] or ''}".strip() if is_up else ""
    return [
        f"{session['sender_comp_id']} > {session['target_comp_id']}",
        session["state"] if session["enabled"] else f"{session['state']}, disabled",
        link,
        f"{session['next_outgoing']} / {session['next_incoming']}",
        _hole(session["gap"]),
        _queue(session["queue"]),
        _heartbeat(session) if is_up else "",
        str(session["open_orders"]),
        "cancel" if session["cancel_on_disconnect"] else "keep",
    ]


def _hole(gap: dict[str, int] | None) -> str:
    return "" if gap is None else f"{gap['from']}..{gap['until']}, {gap['held']} held"


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
    return (
        f"{session['heart_bt_int_s']} s; received {session['last_received_s']:.1f} s ago{asked_now}"
    )
