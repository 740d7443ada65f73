"""`tidegate ctl feeds`: who gets market data, asked of the process that serves it."""

from __future__ import annotations

from typing import Any

import typer

from tidegate.cli_ctl import (
    DATA_DEFAULT,
    DataOption,
    JsonOption,
    print_json,
    print_table,
    wrong,
)

app = typer.Typer()


@app.command()
def feeds(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Market-data sessions that are up, and how far market data is behind trading."""
    from tidegate.feeds.status import FeedsUnreachable, ask

    try:
        answer = ask(data)
    except FeedsUnreachable as error:
        wrong(str(error))
    if as_json:
        print_json(answer)
        return
    headings = ["session", "service", "state", "peer", "next out", "next in", "symbols", "queue"]
    print_table(headings, [_row(session) for session in answer["sessions"]])
    waiting = "" if answer["ready"] else ", which sessions wait for"
    print(
        f"{answer['subscriptions']} subscriptions; {answer['behind_bytes']} bytes behind{waiting}"
    )


def _row(session: dict[str, Any]) -> list[str]:
    queue = f"{session['unsent_bytes']} bytes" if session["unsent_bytes"] else ""
    if session["stalled"]:
        queue += ", stalled"
    if session["refreshes"]:
        queue += f", {session['refreshes']} refreshes"
    return [
        f"{session['sender_comp_id']} {session['target_comp_id']}",
        session["service"],
        session["state"],
        session["peer"] or "",
        str(session["next_outgoing"]),
        str(session["next_incoming"]),
        str(session["symbols"]),
        queue.removeprefix(", "),
    ]
