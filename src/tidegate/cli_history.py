"""`tidegate history`: where the history stands, and making it anew."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli_ctl import DATA_DEFAULT, JsonOption, print_json, print_table, wrong

if TYPE_CHECKING:
    from tidegate.history.store import Store

app = typer.Typer(
    name="history",
    help="The history to query: where it stands, and making it anew.",
    no_args_is_help=True,
    add_completion=False,
)

DataOption = Annotated[Path, typer.Option("--data", help="Data directory of the venue.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(help="Configuration (TOML) of the venue: where its history is kept."),
]


def target_of(config: Path | None) -> str:
    """Where the history is kept. One that is off is made in SQLite for whoever asks."""
    from tidegate.config import ConfigError
    from tidegate.config.load import history_target
    from tidegate.history.target import OFF, SQLITE

    if config is None:
        return SQLITE
    try:
        target = history_target(config)
    except ConfigError as error:
        for problem in error.problems:
            print(f"{config}: {problem}", file=sys.stderr)
        wrong(f"{config} has mistakes")
    return SQLITE if target == OFF else target


def opened(data: Path, config: Path | None, *, catch_up: bool) -> Store:
    """The history of a data directory, up to date unless it is wanted as it is. Raises
    `HistoryError`, `JournalError`; ends the process where the directory is none."""
    from tidegate.history.access import catch_up as run_catch_up
    from tidegate.history.access import open_store

    store = open_store(existing(data), target_of(config))
    if catch_up:
        try:
            run_catch_up(existing(data), store, _tell)
        except BaseException:
            store.close()
            raise
    return store


def existing(data: Path) -> Path:
    """The data directory, which a venue must have made."""
    from tidegate.provision import ProvisionError, existing_data_directory

    try:
        return existing_data_directory(data)
    except ProvisionError as error:
        wrong(str(error))


def _tell(text: str) -> None:
    print(f"tidegate: {text}", file=sys.stderr)


@app.command()
def status(
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """How far the history has got, and whether a venue's process follows the journal."""
    from tidegate.history.access import open_store
    from tidegate.history.access import status as run_status
    from tidegate.history.schema import SCHEMA_VERSION
    from tidegate.history.store import HistoryError
    from tidegate.journal import JournalError

    try:
        with closing(open_store(existing(data), target_of(config))) as store:
            found = run_status(data, store)
    except (HistoryError, JournalError, OSError) as error:
        wrong(str(error))
    progress = found.progress
    document = {
        "log_position": 0 if progress is None else progress.log_position,
        "journal_end": found.journal_end,
        "behind_bytes": found.behind_bytes,
        "rows": 0 if progress is None else progress.next_seq - 1,
        "time": None if progress is None else progress.time,
        "followed": found.is_followed,
        "schema_version": SCHEMA_VERSION,
    }
    if as_json:
        print_json(document)
        return
    print_table(["history", ""], [[name, str(value)] for name, value in document.items()])


@app.command()
def rebuild(data: DataOption = DATA_DEFAULT, config: ConfigOption = None) -> None:
    """Make the history anew from the first record of the journal, beside the old one, and put it in
    its place in one step. The venue may run meanwhile."""
    from tidegate.history.access import rebuild as run_rebuild
    from tidegate.history.store import HistoryError
    from tidegate.journal import JournalError

    try:
        progress = run_rebuild(existing(data), target_of(config))
    except (HistoryError, JournalError, OSError) as error:
        wrong(str(error))
    rows = 0 if progress is None else progress.next_seq - 1
    position = 0 if progress is None else progress.log_position
    print(f"history rebuilt: {rows} rows, up to log position {position}")
