"""`tidegate query`: the answers, their forms, and what it says to bad input."""

from __future__ import annotations

import csv
import io
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.config.fixed_secrets import FixedSecrets
from tests.history.days import Days
from tidegate.cli import app
from tidegate.config import load
from tidegate.model.rejects import LAYER_ENGINE
from tidegate.provision import data_directory
from tidegate.venue import controls


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Known orders of three firms, in a data directory that nobody holds."""
    days = Days(data_directory(tmp_path_factory.mktemp("venue") / "data"), 1)

    def order(name: str, cl_ord_id: int, text: str) -> None:
        fields = f"11={cl_ord_id}|55=BTC/USD|{text}|60=20261103-09:15:00|"
        days.send(name, b"D", fields.replace("|", "\x01").encode())
        days.end_turn()
        days.now_ns += 10**9

    order("ACME", 1, "54=2|40=2|44=84000|38=0.5|59=1")
    order("BETA", 2, "54=1|40=2|44=84000|38=0.2|59=1")  # fills 0.2
    order("BETA", 3, "54=1|40=2|44=84000|38=900|59=1")  # insufficient funds
    order("ACME", 4, "54=1|40=2|44=84000|38=0.1|59=1")  # own order rests there
    order("PRIME", 5, "54=1|40=2|44=100|38=1|59=1")  # no sub-account
    order("PRIME", 6, "54=1|40=2|44=100|38=1|59=1|78=1|79=PRIME-1-A")
    days.send("ACME", b"F", b"11=7\x0141=1\x0155=BTC/USD\x0154=2\x0160=20261103-09:15:00\x01")
    days.end_turn()
    order("ACME", 3, "54=1|40=2|44=84000|38=1|59=1")  # ClOrdID not increasing
    days.control(1, controls.REJECT_NEXT, controls.RejectNext(LAYER_ENGINE, 1))
    order("BETA", 8, "54=1|40=2|44=84000|38=0.1|59=1")
    days.now_ns += 86_400 * 10**9
    order("BETA", 9, "54=1|40=2|44=84000|38=0.1|59=1")
    days.journal.sync()
    return days


def run(days: Days, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["query", *arguments, "--data", str(days.data)])


def answer(days: Days, *arguments: str) -> list[dict[str, Any]]:
    result = run(days, *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_fills_have_both_sides_with_price_and_fee(days: Days) -> None:
    found = answer(days, "fills", "--day", "2026-11-03")
    assert [
        (f["account"], f["side"], f["last_qty"], f["last_price"], f["last_amount"], f["last_fee"],
         f["fee_asset"], f["liquidity"])
        for f in found
    ] == [
        ("ACME-1", "sell", "0.2", "84000", "16800", "0.0005", "BTC", "maker"),
        ("BETA-1", "buy", "0.2", "84000", "16800", "67.2", "USD", "taker"),
    ]  # fmt: skip
    assert answer(days, "fills", "--account", "BETA-1") == found[1:]
    assert answer(days, "fills", "--symbol", "xbt/usd") == found
    assert answer(days, "fills", "--symbol", "ETH/USD") == []
    assert answer(days, "fills", "--day", "2026-11-04") == []


def test_a_statement_opens_where_it_begins_and_closes_where_it_ends(days: Days) -> None:
    found = answer(days, "statement", "BETA-1")
    dollars = [
        (row["kind"], row["amount"], row["balance"]) for row in found if row["asset"] == "USD"
    ]
    assert dollars == [
        ("opening", None, "0"),
        ("deposit", "1000000", "1000000"),
        ("trade", "-16800", "983200"),
        ("fee", "-67.2", "983132.8"),
        ("closing", None, "983132.8"),
    ]
    trade = next(row for row in found if row["kind"] == "trade")
    assert trade["order_id"] == "OAAAAA-AAAAA-AAAAAC"
    assert trade["trade_id"] == "TAAAAA-AAAAA-AAAAAB"
    later = answer(days, "statement", "BETA-1", "--from", "2026-11-04")
    assert [(row["kind"], row["balance"]) for row in later if row["asset"] == "USD"] == [
        ("opening", "983132.8"),
        ("closing", "983132.8"),
    ]
    early = answer(days, "statement", "BETA-1", "--to", "2026-11-03T09:15:01")
    assert [row["kind"] for row in early if row["asset"] == "USD"] == [
        "opening", "deposit", "closing",
    ]  # fmt: skip


def why(days: Days, name: str) -> list[tuple[Any, ...]]:
    return [
        (row["sender_comp_id"], row["happening"], row["layer"], row["rule"], row["meaning"])
        for row in answer(days, "why", name)
    ]


def test_why_tells_layer_rule_and_meaning(days: Days) -> None:
    funds = "what was available did not cover the order and its fee"
    assert ("BETA", "refused", "engine", "insufficient_funds", funds) in why(days, "3")
    rising = "ClOrdID (11) is not above the highest one used so far"
    assert ("ACME", "refused", "order_entry", "cl_ord_id_not_increasing", rising) in why(days, "3")
    assert why(days, "5") == [
        (
            "PRIME", "refused", "order_entry", "allocation_missing",
            "a broker's order must name a sub-account in AllocAccount (79)",
        )
    ]  # fmt: skip
    assert [row[1:4] for row in why(days, "4")] == [
        ("new", None, None),
        ("canceled", None, "self_trade"),
    ]
    assert [row[1:4] for row in why(days, "8")] == [("refused", "engine", "injected_by_engine")]


def test_why_tells_the_whole_story_by_any_of_an_orders_names(days: Days) -> None:
    story = why(days, "1")
    assert [row[1:4] for row in story] == [
        ("new", None, None),
        ("trade", None, None),
        ("canceled", None, "canceled_by_user"),
    ]
    assert why(days, "7") == story
    assert why(days, "OAAAAA-AAAAA-AAAAAB") == story


def test_orders_sessions_rejects_and_balances(days: Days) -> None:
    found = answer(days, "orders", "--account", "PRIME-1-A", "--open")
    assert [(row["cl_ord_id"], row["ord_status"], row["leaves_qty"]) for row in found] == [
        ("6", "new", "1")
    ]
    assert [row["reason"] for row in answer(days, "orders", "--account", "ACME-1")] == [
        "canceled_by_user",
        "self_trade",
    ]
    logons = answer(days, "sessions", "--session", "PRIME")
    assert [row["happening"] for row in logons] == ["logon"]
    assert [row["rule"] for row in answer(days, "rejects", "--session", "BETA")] == [
        "insufficient_funds",
        "injected_by_engine",
    ]
    held = answer(days, "balances", "--account", "PRIME-1-A")
    assert {row["asset"]: row["held"] for row in held}["USD"] == "100.4"


def test_the_ledger_balances_and_a_wrong_one_is_told(days: Days, tmp_path: Path) -> None:
    import shutil
    import sqlite3

    assert {row["verdict"] for row in answer(days, "balances", "--check")} == {"balanced"}
    copy = Days.__new__(Days)
    copy.data = Path(shutil.copytree(days.data, tmp_path / "copy"))
    for change in (
        "UPDATE postings SET amount = '-16800.0000000001' WHERE amount = '-16800'",
        "UPDATE balances SET available = '1' WHERE account = '*fees' AND asset = 'USD'",
    ):
        with sqlite3.connect(copy.data / "history.db") as connection:
            connection.execute(change)
        connection.close()
        result = run(copy, "balances", "--check", "--format", "json")
        assert result.exit_code == 1
        verdicts = {row["asset"]: row["verdict"] for row in json.loads(result.stdout)}
        assert verdicts.pop("USD") == "NOT BALANCED"
        assert set(verdicts.values()) == {"balanced"}


def test_csv_and_table_say_the_same_and_go_to_a_file(days: Days, tmp_path: Path) -> None:
    found = answer(days, "fills")
    text = run(days, "fills", "--format", "csv").stdout
    assert list(csv.DictReader(io.StringIO(text))) == found
    target = tmp_path / "fills.csv"
    assert run(days, "fills", "--format", "csv", "--output", str(target)).stdout == ""
    assert target.read_text() == text
    table = run(days, "fills").stdout
    for fill in found:
        assert fill["exec_id"] in table


def test_parquet_keeps_decimals_and_times(days: Days, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "fills.parquet"
    assert run(days, "fills", "--format", "parquet", "--output", str(target)).exit_code == 0
    table = parquet.read_table(target)
    assert table.column("last_fee").to_pylist() == [Decimal("0.0005"), Decimal("67.2")]
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    assert [value.value for value in table.column("time")] == [
        1793697301000000000, 1793697301000000000,
    ]  # fmt: skip


def test_parquet_without_pyarrow_names_the_extra(
    days: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run(days, "fills", "--format", "parquet", "--output", str(tmp_path / "x"))
    assert result.exit_code == 2
    assert "pip install 'tidegate[parquet]'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fills", "--day", "2026-13-01"], "--day must be a day such as 2026-11-22"),
        (["fills", "--day", "yesterday"], "--day must be a day such as 2026-11-22"),
        (["fills", "--day", "2026-11-03", "--from", "2026-11-01"], "not both"),
        (["fills", "--from", "2026-02-30"], "--from must be a day or a time"),
        (["fills", "--from", "2026-11-03T25:00"], "--from must be a day or a time"),
        (["fills", "--to", "2026-11-03 09:00"], "--to must be a day or a time"),
        (["fills", "--from", "2026-11-04", "--to", "2026-11-03"], "--from must be before --to"),
        (["fills", "--account", "NOBODY"], "there is no account 'NOBODY' in this history"),
        (["fills", "--account", "' OR 1=1 --"], "there is no account"),
        (["fills", "--symbol", "BTCUSD"], "--symbol must be a pair such as BTC/USD"),
        (["fills", "--format", "parquet"], "--format parquet needs --output FILE"),
        (["fills", "--format", "csv", "--output", "/nowhere/x"], "/nowhere/x: No such file"),
        (["statement", "NOBODY"], "there is no account 'NOBODY'"),
        (["statement", "ACME-1", "--from", "x"], "--from must be a day or a time"),
        (["why", "4711"], "no order and no refused message has the OrderID or ClOrdID '4711'"),
        (["why", ""], "no order and no refused message"),
        (["orders", "--account", "NOBODY"], "there is no account"),
        (["orders", "--symbol", "/"], "--symbol must be a pair"),
        (["orders", "--day", "0000-00-00"], "--day must be a day"),
        (["rejects", "--session", "NOBODY"], "there is no session 'NOBODY' in this history"),
        (["sessions", "--session", "%"], "there is no session '%'"),
        (["sessions", "--day", "2026-11-3"], "--day must be a day"),
        (["balances", "--account", "NOBODY"], "there is no account"),
        (["balances", "--check", "--account", "ACME-1"], "leave --account out"),
        (["fills", "--config", "/nowhere.toml"], "/nowhere.toml cannot be read"),
    ],
)
def test_bad_input_is_named(days: Days, arguments: list[str], text: str) -> None:
    result = run(days, *arguments)
    assert result.exit_code == 2, result.output
    assert text in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["fills", "--format", "xml"], ["statement"], ["nothing"]])
def test_what_typer_refuses_has_its_usage(days: Days, arguments: list[str]) -> None:
    assert run(days, *arguments).exit_code == 2


def test_a_directory_that_is_no_venues_is_left_alone(tmp_path: Path) -> None:
    for command in (["query", "fills"], ["history", "status"], ["history", "rebuild"]):
        result = CliRunner().invoke(app, [*command, "--data", str(tmp_path)])
        assert result.exit_code == 2
        assert "is not a Tidegate data directory" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_with_a_wrong_history_is_named(days: Days, tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    path.write_text('[venue]\nhistory = "mysql://user:geheim@host/db"\n')
    result = run(days, "fills", "--config", str(path))
    assert result.exit_code == 2
    assert 'history must be "sqlite" or "off" or a URL' in result.stderr
    assert "geheim" not in result.stderr


@pytest.mark.parametrize(
    "target", ["sqlite", "off", "postgresql://user@host/db", "postgres://user:word@host:5433/db"]
)
def test_a_configuration_says_where_the_history_is(target: str) -> None:
    assert load(f'[venue]\nhistory = "{target}"\n', FixedSecrets()).history == target
    assert load("", FixedSecrets()).history == "sqlite"
