"""Market-data sessions: everybody's who trades, and those of the file's own."""

from pathlib import Path

import pytest

from tests.config.fixed_secrets import FixedSecrets
from tidegate.config import check, load
from tidegate.config.market_data import market_data_sessions
from tidegate.feeds.options import feed_options

FIRM = """
[[firm]]
name = "A"
[[firm.account]]
id = "A-1"
[[firm.session]]
sender_comp_id = "DESK"
networks = ["10.1.0.0/16"]
"""
SCREENS = """
[[firm.session]]
sender_comp_id = "SCREENS"
role = "market_data_l3"
networks = ["10.2.0.0/16"]
heartbeat_max_s = 7
"""


def test_every_trading_session_has_both_ports_from_its_networks(secrets: FixedSecrets) -> None:
    found = market_data_sessions(load(FIRM, secrets))
    assert [(one.role, one.port, one.session_id) for one in found] == [
        ("market_data_l2", 4000, ("DESK", "KRAKEN-MD")),
        ("market_data_l3", 4005, ("DESK", "KRAKEN-MD")),
    ]
    for one in found:
        assert one.admits("10.1.2.3")
        assert not one.admits("127.0.0.1")
        assert one.key_names == ()


def test_a_session_of_its_own_is_none_of_the_core(secrets: FixedSecrets) -> None:
    config = load(FIRM + SCREENS, secrets)
    (own,) = config.market_data
    assert (own.access.service, own.access.port) == ("spot_market_data_l3", 4005)
    assert (own.settings.target_comp_id, own.settings.heartbeat_max_s) == ("KRAKEN-MD", 7)
    assert [session.sender_comp_id for session in config.settings.sessions] == ["DESK"]
    assert list(config.sessions) == [("DESK", "KRAKEN-TRD")]
    assert [one.sender_comp_id for one in market_data_sessions(config)] == [
        "DESK", "DESK", "SCREENS",
    ]  # fmt: skip
    (moved,) = config.with_port_offset(100).market_data
    assert moved.access.port == 4105


def test_a_session_of_its_own_takes_the_place_of_a_trading_sessions(secrets: FixedSecrets) -> None:
    config = load(FIRM + SCREENS.replace("SCREENS", "DESK"), secrets)
    l2, l3 = market_data_sessions(config)
    assert (l2.role, l2.admits("10.1.0.1")) == ("market_data_l2", True)
    assert (l3.role, l3.admits("10.2.0.1")) == ("market_data_l3", True)
    assert not l3.admits("10.1.0.1")


def test_both_levels_may_have_a_session_of_the_same_comp_ids(secrets: FixedSecrets) -> None:
    other = SCREENS.replace("l3", "l2")
    assert check(FIRM + SCREENS + other) == []
    (problem,) = check(FIRM + SCREENS + SCREENS)
    assert "session SCREENS -> KRAKEN-MD -> market_data_l3 is used twice" in problem.rule


def test_without_market_data_there_are_neither_ports_nor_sessions(secrets: FixedSecrets) -> None:
    off = "[venue]\nmarket_data = false\n"
    config = load(off + FIRM, secrets)
    assert config.ports == {"spot_trading": 4001}
    assert config.with_port_offset(10).ports == {"spot_trading": 4011}
    assert market_data_sessions(config) == []
    (problem,) = check(off + FIRM + SCREENS)
    assert problem.rule == "role market_data_l3 needs market_data = true"


@pytest.mark.parametrize(
    ("table", "l3_timestamps", "lone_symbol"),
    [
        ("", False, True),
        ('[market_data]\nl3_entry_time = "time"\nlone_symbol = true\n', False, True),
        ('[market_data]\nl3_entry_time = "timestamp"\n', True, True),
        ("[market_data]\nlone_symbol = false\n", False, False),
    ],
)
def test_where_clients_differ(
    secrets: FixedSecrets, table: str, l3_timestamps: bool, lone_symbol: bool
) -> None:
    """As the process that serves market data is told."""
    options = feed_options(
        load(table + FIRM, secrets), Path(), tls=None, sockets={}, bell=0, log_format="",
        log_level="",
    )  # fmt: skip
    assert (options.l3_timestamps, options.lone_symbol) == (l3_timestamps, lone_symbol)
    assert options.explain_logons


def test_mistakes_in_the_table_are_named() -> None:
    problems = check('[market_data]\nl3_entry_time = "date"\nlone_symbols = true\n' + FIRM)
    assert [problem.line for problem in problems] == [2, 3]
    assert "l3_entry_time" in problems[0].rule
    assert "timestamp" in problems[0].rule
    assert "lone_symbol" in problems[1].rule
