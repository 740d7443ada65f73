"""The schema that is documented is the one that is built."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tidegate.history import reasons, schema
from tidegate.history.sqlite_store import SqliteStore
from tidegate.model import rejects

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "history.md").read_text()


def documented_tables() -> dict[str, list[tuple[str, str, str]]]:
    tables = {}
    for part in TEXT.partition("## Tables")[2].partition("## Views")[0].split("### ")[1:]:
        name = part.split("\n", 1)[0]
        tables[name] = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", part, re.MULTILINE)
    return tables


def test_documented_tables_are_those_of_the_schema() -> None:
    assert documented_tables() == {
        table.name: [
            (column.name, column.kind + (", or NULL" if column.null else ""), column.meaning)
            for column in table.columns
        ]
        for table in schema.TABLES
    }


def test_documented_views_are_those_of_the_schema() -> None:
    found = re.findall(r"^\| `(\w+)` \| (.+) \|$", TEXT.partition("## Views")[2], re.MULTILINE)
    assert dict(found) == {name: meaning for name, (meaning, _) in schema.VIEWS.items()}


def test_a_database_has_the_tables_and_columns_of_the_schema(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "history.db").close()
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection:
        kinds = dict(
            connection.execute("SELECT name, type FROM sqlite_master WHERE type != 'index'")
        )
        assert kinds == {table.name: "table" for table in schema.TABLES} | dict.fromkeys(
            schema.VIEWS, "view"
        )
        for table in schema.TABLES:
            columns = connection.execute(f"PRAGMA table_info({table.name})").fetchall()
            assert [(row[1], not row[3]) for row in columns] == [
                (column.name, column.null) for column in table.columns
            ]
        for view in schema.VIEWS:
            connection.execute(f"SELECT * FROM {view}").fetchall()


def test_every_rule_and_every_text_of_a_cancel_has_its_meaning() -> None:
    assert [rule.name for rule in rejects.ALL_RULES if not reasons.meaning_of(rule.name)] == []
    texts = {
        value
        for name, value in vars(rejects).items()
        if name.startswith(("CANCELED_", "EXPIRED_")) and isinstance(value, bytes)
    }
    assert texts == set(reasons.CANCELS)
    unknown = set(reasons.REFUSALS) - {rule.name for rule in rejects.ALL_RULES}
    assert unknown == {"field", "comp_id", "sending_time"}, "those of the session itself"


def test_a_text_that_several_rules_share_is_that_of_the_engine() -> None:
    assert reasons.reason_of(b"EOrder:Invalid price") == "price_band"
    assert reasons.reason_of(b"Cannot trade with self") == "self_trade"
    assert reasons.reason_of(b"buy 1 BTC/USD @ market") is None
