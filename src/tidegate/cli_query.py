"""`tidegate query`: the common questions to the history, as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tidegate.cli_ctl import DATA_DEFAULT, print_table, wrong
from tidegate.cli_history import ConfigOption, opened
from tidegate.history import queries
from tidegate.history.queries import Answer, Period
from tidegate.history.store import HistoryError, Store

EXIT_NOT_BALANCED = 1

app = typer.Typer(
    name="query",
    help="Ask the history of a venue, whether it runs or not.",
    no_args_is_help=True,
    add_completion=False,
)


class OutputFormat(StrEnum):
    """How an answer is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


DataOption = Annotated[Path, typer.Option("--data", help="Data directory of the venue.")]
FormatOption = Annotated[OutputFormat, typer.Option("--format", help="Form of the answer.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", help="File to write; standard output without it.")
]
AsIsOption = Annotated[
    bool, typer.Option("--as-is", help="Do not look for what the history has not got to yet.")
]
DayOption = Annotated[str | None, typer.Option("--day", help="One day (UTC), as 2026-11-22.")]
FromOption = Annotated[str | None, typer.Option("--from", help="From this day or time (UTC) on.")]
ToOption = Annotated[
    str | None, typer.Option("--to", help="Up to and with this day, or before this time (UTC).")
]
AccountOption = Annotated[str | None, typer.Option("--account", help="Of this account alone.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Of this pair, as BTC/USD.")]
SessionOption = Annotated[
    str | None, typer.Option("--session", help="Of this session, by SenderCompID (49).")
]


@app.command()
def fills(
    day: DayOption = None,
    since: FromOption = None,
    before: ToOption = None,
    account: AccountOption = None,
    symbol: SymbolOption = None,
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """Trades, with price, fee and the ids of order and trade."""

    def ask(store: Store) -> Answer:
        named = queries.require_account(store, account) if account else None
        pair = queries.known_symbol(symbol) if symbol else None
        return queries.fills(store, _span(day, since, before), named, pair)

    _answer(ask, data, config, form, output, as_is=as_is)


@app.command()
def statement(
    account: Annotated[str, typer.Argument(help="The account.")],
    since: FromOption = None,
    before: ToOption = None,
    day: DayOption = None,
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """An account's money: opening balances, every movement, closing balances."""

    def ask(store: Store) -> Answer:
        named = queries.require_account(store, account)
        return queries.statement(store, named, _span(day, since, before))

    _answer(ask, data, config, form, output, as_is=as_is)


@app.command()
def why(
    name: Annotated[str, typer.Argument(help="ClOrdID (11) or OrderID (37).")],
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """The story of an order: what became of it, which rule refused or canceled it, and what that
    means."""

    def ask(store: Store) -> Answer:
        return queries.why(store, name)

    _answer(ask, data, config, form, output, as_is=as_is)


@app.command()
def orders(
    day: DayOption = None,
    since: FromOption = None,
    before: ToOption = None,
    account: AccountOption = None,
    symbol: SymbolOption = None,
    only_open: Annotated[bool, typer.Option("--open", help="Those that are open now.")] = False,
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """Orders by the time of their entry, as they are now."""

    def ask(store: Store) -> Answer:
        named = queries.require_account(store, account) if account else None
        pair = queries.known_symbol(symbol) if symbol else None
        span = _span(day, since, before)
        return queries.orders(store, span, named, pair, only_open=only_open)

    _answer(ask, data, config, form, output, as_is=as_is)


@app.command()
def rejects(
    day: DayOption = None,
    since: FromOption = None,
    before: ToOption = None,
    session: SessionOption = None,
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """Messages that were refused, with layer and rule."""

    def ask(store: Store) -> Answer:
        named = queries.require_session(store, session) if session else None
        return queries.rejects(store, _span(day, since, before), named)

    _answer(ask, data, config, form, output, as_is=as_is)


@app.command()
def sessions(
    day: DayOption = None,
    since: FromOption = None,
    before: ToOption = None,
    session: SessionOption = None,
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """Logons and ends of sessions."""

    def ask(store: Store) -> Answer:
        named = queries.require_session(store, session) if session else None
        return queries.sessions(store, _span(day, since, before), named)

    _answer(ask, data, config, form, output, as_is=as_is)


@app.command()
def balances(
    account: AccountOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Whether the ledger balances, asset by asset.")
    ] = False,
    data: DataOption = DATA_DEFAULT,
    config: ConfigOption = None,
    form: FormatOption = OutputFormat.table,
    output: OutputOption = None,
    as_is: AsIsOption = False,
) -> None:
    """What each account has now. With --check: exit code 1 unless all accounts of each asset add up
    to zero and each balance is the sum of its postings."""
    if check and account:
        wrong("--check is for all accounts together: leave --account out")
    right = [True]

    def ask(store: Store) -> Answer:
        if check:
            found, right[0] = queries.balance_check(store)
            return found
        named = queries.require_account(store, account) if account else None
        return queries.balances(store, named)

    _answer(ask, data, config, form, output, as_is=as_is)
    if not right[0]:
        raise typer.Exit(EXIT_NOT_BALANCED)


def _span(day: str | None, since: str | None, before: str | None) -> Period:
    if day is None:
        return queries.period(since, before)
    if since is not None or before is not None:
        raise queries.QueryRefused("give --day, or --from and --to, not both")
    return queries.day_period("--day", day)


def _answer(
    ask: Callable[[Store], Answer],
    data: Path,
    config: Path | None,
    form: OutputFormat,
    output: Path | None,
    *,
    as_is: bool,
) -> None:
    """Have the history up to date, ask it, write the answer."""
    from tidegate.history.output import OutputRefused
    from tidegate.journal import JournalError

    if form is OutputFormat.parquet and output is None:
        wrong("--format parquet needs --output FILE")
    try:
        with closing(opened(data, config, catch_up=not as_is)) as store:
            answer = ask(store)
        _write(answer, form, output)
    except (queries.QueryRefused, HistoryError, JournalError, OutputRefused) as error:
        wrong(str(error))
    except BrokenPipeError:
        raise  # the reader of a pipe has seen enough
    except OSError as error:
        wrong(f"{error.filename or output}: {error.strerror or error}")


def _write(answer: Answer, form: OutputFormat, output: Path | None) -> None:
    from tidegate.history import output as written

    if form is OutputFormat.parquet:
        assert output is not None
        written.write_parquet(answer, output)
        return
    if output is None:
        _print(answer, form)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        if form is OutputFormat.csv:
            written.write_csv(answer, file)
        elif form is OutputFormat.json:
            written.write_json(answer, file)
        else:
            _table(answer, Console(file=file))


def _print(answer: Answer, form: OutputFormat) -> None:
    from tidegate.history import output as written

    if form is OutputFormat.csv:
        written.write_csv(answer, sys.stdout)
    elif form is OutputFormat.json:
        written.write_json(answer, sys.stdout)
    else:
        _table(answer, None)


def _table(answer: Answer, console: Console | None) -> None:
    rows = [["" if value is None else str(value) for value in row] for row in answer.rows]
    print_table(answer.names, rows, console)
