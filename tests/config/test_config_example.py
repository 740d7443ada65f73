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
    FeesTable,
    LiquidityTable,
    MarketDataTable,
    RatesTable,
    SessionItems,
    SessionTable,
    VenueTable,
)
from tidegate.model.limits import POSITIONS_MAX, SCHEDULED_ORDERS_MAX


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
    named = {
        "[fees.tiers]": '[fees.tiers."friends"]',
        "[[fees.schedules]]": '[[fees.schedules."desks"]]',
    }
    text = section(named.get(header, header))
    names = {field.name for field in msgspec.structs.fields(table)}
    if table is SessionTable:
        names -= {field.name for field in msgspec.structs.fields(SessionItems)}
    if header == "[[firm.account.sub_account]]":
        names -= {"maker_percent", "taker_percent"}  # as in the account above
    tables = {"account", "sub_account", "session", "key", "tiers", "schedules"}
    tables |= {"usd_prices", "pools"}
    tables |= {"market"}
    if header in ("[[firm]]", "[liquidity]", "[fees]", "[margin]", "[[firm.account]]"):
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
    assert msgspec.convert(tree["market_data"], MarketDataTable) == MarketDataTable()
    items = msgspec.convert(tree["session_defaults"], SessionItems)
    assert items.nonce_window_ms == VenueTable().nonce_window_ms
    items.nonce_window_ms = None
    assert items == SessionItems()
    market = tree["liquidity"].pop("market")
    assert msgspec.convert(tree["liquidity"], LiquidityTable) == LiquidityTable()
    assert market[0]["side"] == "buy"
    assert tree["fees"]["default_tier"] == FeesTable().default_tier
    assert tree["rates"]["default_tier"] == RatesTable().default_tier
    northwind = tree["firm"][0]["account"][0]
    assert northwind["scheduled_orders_max"] == SCHEDULED_ORDERS_MAX
    assert northwind["positions_max"] == POSITIONS_MAX


def test_schema_and_header_list_agree() -> None:
    names = ("venue", "market_data", "fees", "rates", "margin", "session_defaults", "liquidity")
    assert {f"[{name}]" for name in names} <= set(TABLES)
    assert {field.name for field in msgspec.structs.fields(ConfigFile)} == {
        "venue",
        "market_data",
        "instrument",
        "fees",
        "rates",
        "margin",
        "session_defaults",
        "firm",
        "fault",
        "liquidity",
    }
