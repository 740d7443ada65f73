"""Drop-copy sessions: whose reports, by which keys, at which port."""

import json

import pytest
from msgspec.structs import fields

from tests.config.fixed_secrets import FixedSecrets
from tidegate.config import check, load
from tidegate.config.schema import SessionItems

FIRM = """
[[firm]]
name = "A"
[[firm.account]]
id = "A-1"
[[firm.account]]
id = "A-2"
[[firm.key]]
name = "one"
account = "A-1"
[[firm.key]]
name = "two"
account = "A-2"
[[firm.session]]
sender_comp_id = "DESK"
account = "A-1"
"""
COPY = """
[[firm.session]]
sender_comp_id = "COPY"
role = "drop_copy"
"""


def test_a_drop_copy_of_an_account_is_opened_by_the_keys_of_that_account(
    secrets: FixedSecrets,
) -> None:
    config = load(FIRM + COPY + 'account = "A-2"\n', secrets)
    (copy,) = config.drop_copies
    assert (copy.access.account, copy.access.key_names) == ("A-2", ("two",))
    assert copy.access.session_id == ("COPY", "KRAKEN-DC")
    assert (copy.access.service, copy.access.port) == ("spot_drop_copy", 4006)
    assert [session.sender_comp_id for session in config.settings.sessions] == ["DESK"]
    (moved,) = config.with_port_offset(100).drop_copies
    assert moved.access.port == 4106
    assert config.with_port_offset(100).ports["spot_drop_copy"] == 4106


def test_a_drop_copy_of_a_firm_is_opened_by_the_keys_it_names(secrets: FixedSecrets) -> None:
    config = load(FIRM + COPY + 'keys = ["two", "one"]\n', secrets)
    (copy,) = config.drop_copies
    assert (copy.access.firm, copy.access.account) == ("A", "")
    assert copy.access.key_names == ("two", "one")


def test_an_account_without_a_key_gets_a_generated_one(secrets: FixedSecrets) -> None:
    text = '[[firm]]\nname = "A"\naccount = [{ id = "A-1" }]\n' + COPY
    config = load(text, secrets)
    (copy,) = config.drop_copies
    (name,) = copy.access.key_names
    assert config.keys[name].account == "A-1"


def test_no_session_no_port(secrets: FixedSecrets) -> None:
    config = load(FIRM, secrets)
    assert config.drop_copies == ()
    assert "spot_drop_copy" not in config.ports
    assert "spot_drop_copy" not in config.with_port_offset(1).ports


def test_it_needs_no_market_data(secrets: FixedSecrets) -> None:
    off = "[venue]\nmarket_data = false\n"
    config = load(off + FIRM + COPY + 'account = "A-1"\n', secrets)
    assert config.ports == {"spot_trading": 4001, "spot_drop_copy": 4006}


@pytest.mark.parametrize(
    ("lines", "path", "rule"),
    [
        (
            "",
            "",
            "keys is missing: a drop copy of all accounts of firm A names the keys that may log on "
            "(or account, for one of them)",
        ),
        ('account = "A-1"\nkeys = ["two"]', ".keys[0]", "keys names two, which is bound to acc"),
        ('account = "B-1"', ".account", "account B-1 is not an account of firm A"),
        ('keys = ["tow"]', ".keys[0]", "keys names tow, which is not a key of firm A"),
        ("keys = []", ".keys", "keys is empty: nobody could log on"),
        ('account = "A-1"\nnetworks = []', ".networks", "networks is empty: nobody could connect"),
        ('account = "A-1"\nstp_group = 3', ".stp_group", "stp_group must be"),
        (
            'account = "A-1"\nmarket = "derivatives"',
            ".market",
            "market derivatives is not served by this version",
        ),
    ],
)
def test_a_mistake_is_told_with_its_key_and_rule(lines: str, path: str, rule: str) -> None:
    (problem,) = check(FIRM + COPY + lines + "\n")
    assert problem.path == f"firm[0].session[1]{path}"
    assert problem.rule.startswith(rule)


@pytest.mark.parametrize(
    ("role", "what"), [("drop_copy", "a drop copy"), ("market_data_l2", "market data")]
)
def test_what_is_of_orders_is_refused_where_none_are_entered(role: str, what: str) -> None:
    """All but what says who may log on, from where, and how the session goes."""
    of_sessions = {
        "networks", "heartbeat_min_s", "heartbeat_max_s", "errors_per_second_max", "enabled",
        "nonce_window_ms", "tls", "duplicate_logon", "sending_time_tolerance_s",
    }  # fmt: skip
    text = FIRM + COPY.replace("drop_copy", role) + 'account = "A-1"\n'
    defaults = {field.name: field.default for field in fields(SessionItems)}
    names = [*(name for name in defaults if name not in of_sessions), "broker", "stp_group"]
    values = defaults | {"broker": False, "stp_group": "g"}
    for name in names:
        (problem,) = check(f"{text}{name} = {json.dumps(values[name])}\n")
        assert problem.path == f"firm[0].session[1].{name}"
        assert problem.rule == f"{name} is for trading: {what} enters no orders"
    assert check(f"[session_defaults]\ncancel_on_disconnect = false\n{text}") == []
