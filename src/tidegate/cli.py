"""The command line. Thin: each command says what it takes and calls one function."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from tidegate import (
    __version__,
    cli_ctl,
    cli_ctl_accounts,
    cli_ctl_directory,
    cli_ctl_fault,
    cli_ctl_feeds,
    cli_ctl_liquidity,
    cli_ctl_markets,
    cli_history,
    cli_query,
    cli_tape,
)
from tidegate.cli_sim import sim
from tidegate.cli_watch import watch

EXIT_WRONG: int = 2

app = typer.Typer(
    name="tidegate",
    help="A FIX 4.4 crypto venue that anyone can run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(cli_ctl.app)
app.add_typer(cli_history.app)
app.add_typer(cli_query.app)
app.add_typer(cli_tape.app)
cli_ctl.app.add_typer(cli_ctl_fault.app, name="fault")
cli_ctl.app.add_typer(cli_ctl_liquidity.app, name="liquidity")
cli_ctl.app.add_typer(cli_ctl_markets.app)
cli_ctl.app.add_typer(cli_ctl_feeds.app)
cli_ctl.app.add_typer(cli_ctl_accounts.app)
cli_ctl.app.add_typer(cli_ctl_directory.app)


class Durability(StrEnum):
    """When a message may leave: after the write, or after the sync."""

    process = "process"
    disk = "disk"


class ClockKind(StrEnum):
    """Whose time the venue goes by."""

    system = "system"
    virtual = "virtual"


class LogForm(StrEnum):
    """How the log is written."""

    console = "console"
    json = "json"


class LogLevel(StrEnum):
    """The least important line that is logged."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


DataOption = Annotated[
    Path, typer.Option("--data", help="Data directory: journal, snapshots, keys, certificates.")
]
DATA_DEFAULT = Path("tidegate-data")


@app.command()
def up(
    data: DataOption = DATA_DEFAULT,
    config: Annotated[
        Path | None, typer.Option(help="Configuration (TOML); the built-in one without it.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port_offset: Annotated[
        int | None, typer.Option(min=0, max=61528, help="Added to every port.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Serve without TLS; loopback addresses only.")
    ] = False,
    durability: Annotated[
        Durability | None, typer.Option(help="When messages leave: after the write, or the sync.")
    ] = None,
    clock: Annotated[
        ClockKind | None,
        typer.Option(help="The machine's clock, or one that stands until it is moved (uat only)."),
    ] = None,
    log_format: Annotated[LogForm, typer.Option(help="Form of the log.")] = LogForm.console,
    log_level: Annotated[LogLevel, typer.Option(help="Least important line logged.")] = (
        LogLevel.info
    ),
) -> None:
    """Run the venue. The first start makes keys, certificates and accounts in the data directory;
    later ones continue where the last one stopped."""
    from tidegate.app import up as run_up
    from tidegate.logs import configure_logging
    from tidegate.preparation import UpOptions

    configure_logging(form=log_format.value, level=log_level.value)
    options = UpOptions(
        data=data,
        config=config,
        host=host,
        port_offset=port_offset,
        plain=plain,
        durability=None if durability is None else durability.value,
        clock=None if clock is None else clock.value,
        log_format=log_format.value,
        log_level=log_level.value,
    )
    raise typer.Exit(run_up(options, Console()))


@app.command("config")
def config_command(
    example: Annotated[
        bool, typer.Option("--example", help="Print a commented configuration.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option("--check", help="Name each mistake of a configuration file.")
    ] = None,
) -> None:
    """Print an example configuration, or check one."""
    from tidegate import config as configuration

    if example == (check is not None):
        _wrong("give one of --example and --check FILE")
    if check is None:
        sys.stdout.write(configuration.example())
        return
    problems = configuration.check_file(check)
    for problem in problems:
        print(f"{check}: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(EXIT_WRONG)
    print(f"{check}: no mistakes")


@app.command()
def verify(data: DataOption = DATA_DEFAULT) -> None:
    """Replay the journal from its first record and compare every byte that was sent, and the state
    with every snapshot. A torn tail is repaired as a start would. The venue must not be running."""
    from tidegate.journal import DirectoryLock, JournalError
    from tidegate.provision import ProvisionError, existing_data_directory
    from tidegate.recovery import verify as run_verify
    from tidegate.venue.machine import ReplayMismatch

    try:
        with DirectoryLock.acquire(existing_data_directory(data)):
            found = run_verify(data)
    except (JournalError, ProvisionError, ReplayMismatch, OSError) as error:
        _wrong(str(error))
    if found.repair is not None:
        print(f"torn tail repaired: {found.repair}")
    for damaged in found.damaged_snapshots:
        print(f"snapshot {damaged.path.name}: damaged, {damaged.reason}", file=sys.stderr)
    for position in found.snapshots_equal:
        print(f"snapshot at log position {position}: equal")
    for position in found.snapshots_unequal:
        print(f"snapshot at log position {position}: DIFFERENT", file=sys.stderr)
    print(f"{found.batches} turns, {found.records} records, log ends at {found.tail_position}")
    print(f"digest {found.digest}")
    newly_damaged = [d for d in found.damaged_snapshots if d.path.suffix != ".damaged"]
    if found.snapshots_unequal or newly_damaged:
        raise typer.Exit(EXIT_WRONG)


@app.command()
def decode(
    text: Annotated[
        str | None, typer.Argument(help="FIX text, fields ended by SOH or `|`; or a file's name.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read from a file.")] = None,
) -> None:
    """Print FIX with names and meanings, from an argument, a file or standard input. Marks wrong
    lengths and checksums, hides credentials."""
    from tidegate.decoding import blocks, print_decoded

    if text is not None and file is not None:
        _wrong("give a text or --file, not both")
    try:
        if text is not None:
            is_file = "=" not in text and Path(text).is_file()
            data = Path(text).read_bytes() if is_file else os.fsencode(text)
            found = print_decoded([data])
        elif file is not None:
            found = print_decoded([file.read_bytes()])
        else:
            found = print_decoded(blocks(sys.stdin.buffer))  # type: ignore[arg-type]  # has read1
    except OSError as error:
        _wrong(f"{error.filename}: {error.strerror}")
    if not found:
        _wrong("no FIX message found: none starts with 8=FIX")


@app.command()
def dictionary(
    quickfix: Annotated[
        bool, typer.Option("--quickfix", help="As a QuickFIX XML data dictionary.")
    ] = False,
    l3_timestamps: Annotated[
        bool,
        typer.Option(
            "--l3-timestamps", help='For a venue with \\[market_data] l3_entry_time = "timestamp".'
        ),
    ] = False,
) -> None:
    """Write the dictionary of the dialect."""
    from tidegate.wire.quickfix_xml import quickfix_dictionary

    if not quickfix:
        _wrong("name a form: --quickfix")
    sys.stdout.write(quickfix_dictionary(l3_timestamps=l3_timestamps))


@app.command()
def demo() -> None:
    """Play the life of a few orders against a venue that this command starts, in half a minute."""
    from tidegate.demo import run

    raise typer.Exit(run(Console()))


app.command()(sim)
app.command()(watch)


@app.command()
def version() -> None:
    """Print the version, and whether the core is compiled or interpreted."""
    from tidegate.model.build import COMPILED

    print(f"tidegate {__version__}, core {'compiled' if COMPILED else 'interpreted'}")


def _wrong(text: str) -> NoReturn:
    print(f"tidegate: {text}", file=sys.stderr)
    raise typer.Exit(EXIT_WRONG)


def main() -> None:
    app()
