"""`tidegate watch`: a market in the terminal. Thin: options in, one line of error out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tidegate.cli_ctl import DATA_DEFAULT, wrong


def watch(
    symbol: Annotated[str, typer.Argument(help="The pair, as BTC/USD.")],
    depth: Annotated[
        int | None,
        typer.Option(
            min=0, help="Price levels of a side to subscribe; 0 for all.", show_default="100"
        ),
    ] = None,
    data: Annotated[
        Path, typer.Option("--data", help="Data directory of the venue.")
    ] = DATA_DEFAULT,
    l3: Annotated[
        bool, typer.Option("--l3", help="Single orders instead of price levels.")
    ] = False,
    comp_id: Annotated[
        str,
        typer.Option(
            "--comp-id", help="SenderCompID to log on as.", show_default="the first that is free"
        ),
    ] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Print a line for each update; so do pipes.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so many seconds.")] = None,
    updates: Annotated[int | None, typer.Option(min=1, help="End after so many updates.")] = None,
) -> None:
    """Show a market live: book, trades, status, whether the checksum agrees. `q` ends it."""
    from tidegate.watch.access import WatchFailed
    from tidegate.watch.run import WatchOptions, run

    options = WatchOptions(
        symbol=symbol,
        data=data,
        level=3 if l3 else 2,
        depth=depth,
        comp_id=comp_id,
        plain=plain,
        seconds=seconds,
        updates=updates,
    )
    try:
        run(options, Console())
    except WatchFailed as error:
        wrong(str(error))
    except BrokenPipeError:  # whoever read the lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
