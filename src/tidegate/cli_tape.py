"""`tidegate tape` and `tidegate record`."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tidegate.cli_ctl import DATA_DEFAULT, DataOption, wrong

if TYPE_CHECKING:
    from tidegate.tapes.run import Played, TapeOptions

EXIT_STOPPED: int = 1  # the tape, or the recording, did not come to its end

app = typer.Typer()


@app.command()
def tape(
    file: Annotated[Path, typer.Argument(help="CSV (also .gz) or Parquet.")],
    symbol: Annotated[
        str | None, typer.Option(help="The pair to play it as; else the column symbol says it.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Only rows with this in the column symbol.")
    ] = None,
    scale_price: Annotated[
        str, typer.Option("--scale-price", help="Each price is multiplied by this.")
    ] = "1",
    scale_qty: Annotated[
        str, typer.Option("--scale-qty", help="Each size is multiplied by this.")
    ] = "1",
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=NAME: the file's name for a field, such as size=amount."),
    ] = None,
    speed: Annotated[str, typer.Option(help="Times as fast as it was, or max.")] = "1",
    session: Annotated[
        str | None, typer.Option(help="SenderCompID (49) of what rests.", show_default="TAPE")
    ] = None,
    taker: Annotated[
        str | None,
        typer.Option(help="SenderCompID (49) of what trades.", show_default="TAPE-TAKER"),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave in the book what rests at the end.")
    ] = False,
    data: DataOption = DATA_DEFAULT,
) -> None:
    """Play recorded trades or order-by-order data into a running venue, over FIX."""
    from tidegate.tapes.columns import TapeMapping
    from tidegate.tapes.run import TapeOptions

    given = {"session": session, "taker": taker}
    options = TapeOptions(
        path=file,
        data=data,
        mapping=TapeMapping(
            columns=_columns(column or []),
            symbol=symbol or "",
            only=only or "",
            scale_price=_factor("--scale-price", scale_price),
            scale_qty=_factor("--scale-qty", scale_qty),
        ),
        speed=None if speed == "max" else float(_factor("--speed", speed)),
        keep=keep,
        **{name: value for name, value in given.items() if value is not None},
    )
    _play(options)


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="A new file: .csv, .csv.gz or .parquet.")],
    symbol: Annotated[str | None, typer.Option(help="One pair; all without.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help='"now", or a UTC time, 2026-11-03T09:15:00Z.',
            show_default="the journal's beginning",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until interrupted (Ctrl-C).")
    ] = False,
    data: DataOption = DATA_DEFAULT,
) -> None:
    """Write a venue's orders, trades and book changes as a tape, from its journal; the venue may
    run meanwhile."""
    from tidegate.cli_history import existing
    from tidegate.journal import JournalError
    from tidegate.replica import ReplicaRefused
    from tidegate.tapes.events import TapeError
    from tidegate.tapes.recording import RecordOptions
    from tidegate.tapes.recording import record as run_record

    options = RecordOptions(
        path=file,
        data=existing(data),
        symbol=symbol or "",
        since_ns=_since(since),
        follow=follow,
    )
    if follow:
        print(f"recording to {file}; Ctrl-C ends it", file=sys.stderr)
    try:
        recorded = run_record(options)
    except (TapeError, JournalError, ReplicaRefused, OSError) as error:
        wrong(str(error))
    print(f"{file}: {recorded.rows} rows")
    if recorded.was_interrupted and not follow:
        print("tidegate: interrupted before the journal's end", file=sys.stderr)
        raise typer.Exit(EXIT_STOPPED)


def _since(text: str | None) -> int:
    from tidegate.control.clock_commands import time_of
    from tidegate.control.protocol import ControlError
    from tidegate.tapes.recorder import FROM_NOW, FROM_START

    if text is None:
        return FROM_START
    if text == "now":
        return FROM_NOW
    try:
        if ":" in text[:8]:
            raise ControlError("a time of day alone could be any day's")
        return time_of(text, 0)
    except ControlError:
        wrong(f'--since must be "now" or a UTC time such as 2026-11-03T09:15:00Z, not {text}')


def _play(options: TapeOptions) -> None:
    from tidegate.tapes.events import TapeError
    from tidegate.tapes.run import play

    console = Console(stderr=True)
    try:
        with Progress(
            TextColumn(options.path.name, markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        ) as bar:
            task = bar.add_task("", total=None)
            played = play(options, lambda done, size: bar.update(task, completed=done, total=size))
            if not played.stopped:
                bar.update(task, completed=1, total=1)
    except TapeError as error:
        wrong(str(error))
    _print_played(played)
    if played.stopped:
        print(f"tidegate: {played.stopped}", file=sys.stderr)
        raise typer.Exit(EXIT_STOPPED)


def _columns(given: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for text in given:
        field, equals, name = text.partition("=")
        if not equals or not name:
            wrong(f"--column must be FIELD=NAME, not {text}")
        if field in columns:
            wrong(f"--column names {field} twice: {columns[field]} and {name}")
        columns[field] = name
    return columns


def _factor(option: str, text: str) -> Decimal:
    from tidegate.tapes.rows import number_of

    factor = number_of(text)
    if factor is None or factor <= 0:
        more = ' or "max"' if option == "--speed" else ""
        wrong(f"{option} must be a number above 0{more}, not {text}")
    return factor


def _print_played(played: Played) -> None:
    summary = played.summary
    sent = ", ".join(
        f"{summary.sent[kind]} {name}"
        for kind, name in (("D", "new"), ("F", "cancels"), ("G", "amends"))
    )
    rejected = summary.rejects.total()
    print(f"{summary.events} events in {summary.seconds:.1f} s, {played.skipped} rows left out")
    why = "the order was over, of before the tape, or so already"
    print(f"sent: {sent}; {summary.overtaken} not sent, {why}")
    if summary.unanswered:
        print(f"{summary.unanswered} of them have no answer; what became of them is not known")
    print(f"trades: {summary.trades}, {summary.traded_qty:f} in all; rejected: {rejected}")
    for text, count in summary.rejects.most_common():
        print(f"  {count} {text}")
