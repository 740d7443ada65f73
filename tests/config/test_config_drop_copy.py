"""Drop-copy sessions: whose reports, by which keys, at which port."""

import json
from pathlib import Path

import pytest
from msgspec.structs import fields

from tests.config.fixed_secrets import FixedSecrets
from tidegate.config import check, load
from tidegate.config.additions import added_session
from tidegate.config.schema import SessionItems, SessionTable
from tidegate.control.directory_commands import access_book
from tidegate.provision import open_secrets
from tidegate.provision.secrets import AddedSession
from tidegate.venue import controls
from tidegate.venue.controls import NO_SESSION, AddSession
from tidegate.venue.machine import Venue

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


@pytest.mark.parametrize("role", ["trading", "drop_copy"])
def test_no_other_session_with_credentials_has_its_comp_ids(role: str) -> None:
    """Or the bytes of one Logon would open both."""
    copy = COPY + 'account = "A-1"\n'
    twin = f'''
[[firm.session]]
sender_comp_id = "COPY"
target_comp_id = "KRAKEN-DC"
role = "{role}"
account = "A-1"
'''
    for text in (FIRM + copy + twin, FIRM + twin + copy):
        (problem,) = check(text)
        assert problem.path == "firm[0].session[2].sender_comp_id"
        assert problem.rule.startswith("session COPY -> KRAKEN-DC is used twice, first in line ")
    other = twin.replace("KRAKEN-DC", "KRAKEN-DC-2")
    assert check(FIRM + copy + other) == []


def test_a_session_of_operators_goes_where_the_file_gives_its_comp_ids_to_a_drop_copy(
    tmp_path: Path, secrets: FixedSecrets
) -> None:
    """It could be added before, and not by this file."""
    table = SessionTable(sender_comp_id="COPY", target_comp_id="KRAKEN-DC", account="A-1")
    before, now = load(FIRM, secrets), load(FIRM + COPY + 'account = "A-1"\n', secrets)
    venue = Venue()
    venue.configure(before.settings.encode(), 1)
    control = AddSession(added_session(before, "A", table).settings)
    venue.control(controls.ADD_SESSION, NO_SESSION, control.encode(), 2)
    kept = open_secrets(tmp_path)
    kept.add_session(
        AddedSession(
            sender_comp_id="COPY", target_comp_id="KRAKEN-DC", networks=["127.0.0.0/8"],
            nonce_window_ms=5_000, tls="any",
        )
    )  # fmt: skip
    book, left_out = access_book(before, venue, kept)
    assert (("COPY", "KRAKEN-DC") in book.sessions, left_out) == (True, [])
    book, (told,) = access_book(now, venue, kept)
    assert ("COPY", "KRAKEN-DC") not in book.sessions
    assert told == (
        "session COPY KRAKEN-DC: sender_comp_id and target_comp_id are those of a drop copy of "
        "the configuration: COPY -> KRAKEN-DC"
    )
