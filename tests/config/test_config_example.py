"""The example is a good file, complete, and says the truth about defaults."""

import re
import tomllib

import msgspec
import pytest

from tests.config.fixed_secrets import FixedSecrets
from tidegate.config import check, example, load
from tidegate.config.schema import (
    TABLES,
    ConfigFile,
    FeeTierTable,
    SessionItems,
    SessionTable,
    VenueTable,
)


def test_the_example_is_good(secrets: FixedSecrets) -> None:
    assert check(example()) == []
    config = load(example(), secrets)
    assert [item.account for item in config.settings.accounts] == [
        "NORTHWIND-1",
        "NORTHWIND-2",
        "HARBOUR-1",
        "HARBOUR-1-ANNA",
        "HARBOUR-1-BERT",
    ]


def test_the_example_is_good_with_its_comments_taken_off() -> None:
    uncommented = re.sub(r"^# (\w+ = )", r"\1", example(), flags=re.MULTILINE)
    assert check(uncommented) == []
    assert uncommented.count("\n") == example().count("\n")
    assert uncommented != example()


def section(header: str) -> str:
    """All the text behind every occurrence of a table's header."""
    pattern = re.escape(header) + r".*\n((?:(?!\[).*\n)*)"
    return "".join(re.findall(rf"^{pattern}", example(), flags=re.MULTILINE))


@pytest.mark.parametrize("header", TABLES)
def test_every_option_is_in_the_example(header: str) -> None:
    table = TABLES[header]
    text = section('[fees.tiers."friends"]' if table is FeeTierTable else header)
    names = {field.name for field in msgspec.structs.fields(table)}
    if table is SessionTable:
        names -= {field.name for field in msgspec.structs.fields(SessionItems)}
    if header == "[[firm.account.sub_account]]":
        names -= {"maker_percent", "taker_percent"}  # as in the account above
    tables = {"account", "sub_account", "session", "key", "tiers"}
    if header in ("[[firm]]", "[fees]", "[[firm.account]]"):
        assert all(f"{name}" in example() for name in names)
        names -= tables | {"balances"}
    missing = [
        name for name in names if not re.search(rf"^(# )?{name} = ", text, flags=re.MULTILINE)
    ]
    assert missing == []


def test_defaults_are_those_of_the_schema() -> None:
    uncommented = re.sub(r"^# (nonce_window_ms = )", r"\1", example(), flags=re.MULTILINE)
    tree = tomllib.loads(uncommented)
    assert msgspec.convert(tree["venue"], VenueTable) == VenueTable()
    items = msgspec.convert(tree["session_defaults"], SessionItems)
    assert items.nonce_window_ms == VenueTable().nonce_window_ms
    items.nonce_window_ms = None
    assert items == SessionItems()


def test_schema_and_header_list_agree() -> None:
    assert {f"[{name}]" for name in ("venue", "fees", "session_defaults")} <= set(TABLES)
    assert {field.name for field in msgspec.structs.fields(ConfigFile)} == {
        "venue",
        "instrument",
        "fees",
        "session_defaults",
        "firm",
        "fault",
    }
