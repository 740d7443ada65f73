"""`tidegate ctl feeds`: who gets market data and drop copies, asked of the process that serves
them."""

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
    """Market-data sessions that are up, how far market data is behind trading, and drop copies."""
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
    if answer["drop_copies"]:
        headings = [
            "drop copy", "of", "state", "peer", "next out", "next in", "cursor", "behind",
            "unconfirmed", "queue",
        ]  # fmt: skip
        print_table(headings, [_copy_row(copy) for copy in answer["drop_copies"]])


def _row(session: dict[str, Any]) -> list[str]:
    queue = [_queue(session)] if _queue(session) else []
    if session["refreshes"]:
        queue.append(f"{session['refreshes']} refreshes")
    name, state, peer, *numbers = _session(session)
    symbols = str(session["symbols"])
    return [name, session["service"], state, peer, *numbers, symbols, ", ".join(queue)]


def _copy_row(copy: dict[str, Any]) -> list[str]:
    name, *rest = _session(copy)
    has_begun = copy["cursor"] is not None
    return [
        name,
        copy["account"] or f"firm {copy['firm']}",
        *rest,
        str(copy["cursor"]) if has_begun else "",
        f"{copy['behind_bytes']} bytes" if has_begun else "",
        str(copy["unconfirmed"]),
        _queue(copy),
    ]


def _session(session: dict[str, Any]) -> list[str]:
    return [
        f"{session['sender_comp_id']} {session['target_comp_id']}",
        session["state"],
        session["peer"] or "",
        str(session["next_outgoing"]),
        str(session["next_incoming"]),
    ]


def _queue(session: dict[str, Any]) -> str:
    queue = f"{session['unsent_bytes']} bytes" if session["unsent_bytes"] else ""
    return (queue + ", stalled").removeprefix(", ") if session["stalled"] else queue
