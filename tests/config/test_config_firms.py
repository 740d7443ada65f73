"""Mistakes in firms: accounts, API keys, sessions, and their references to each other."""

import pytest

from tests.config.texts import FIRM, PAIR, PRODUCTION, PRODUCTION_FIRM, in_session, only, problems
from tidegate.config import check


def test_balances_are_money() -> None:
    digits = "9" * 19
    found = problems(
        f"""\
        [[firm]]
        name = "A"
        [[firm.account]]
        id = "A-1"
        [firm.account.balances]
        USD = 5
        EUR = "{digits}"
        ETH = "1_000"
        USDX = "1"
        """
    )
    assert [(line, rule) for line, _, rule in found] == [
        (6, 'USD must be a plain decimal number in quotes, such as "0.5", not 5'),
        (7, "EUR must have at most 18 digits before the point"),
        (8, 'ETH must be a plain decimal number such as "0.5", not "1_000"'),
        (9, "USDX is an unknown asset: no instrument uses it; did you mean USD?"),
    ]


def test_an_asset_of_an_own_instrument_is_known() -> None:
    assert check(f"[[instrument]]\n{PAIR}{FIRM.replace('[[firm.session]]', BALANCE)}") == []


BALANCE = 'balances = { XMR = "1" }\n[[firm.session]]'


def test_names_come_once() -> None:
    assert problems("""\
        [[firm]]
        name = "A"
        broker = true
        [[firm.account]]
        id = "A-1"
        sub_account = [{ id = "S" }, { id = "A-1" }]
        [[firm.key]]
        name = "k"
        [[firm.session]]
        sender_comp_id = "A"
        [[firm]]
        name = "A"
        [[firm.account]]
        id = "S"
        [[firm.key]]
        name = "k"
        [[firm.session]]
        sender_comp_id = "A"
        target_comp_id = "KRAKEN-TRD"
        [[firm.session]]
        sender_comp_id = "A"
        target_comp_id = "OTHER"
        """) == [
        (
            6,
            "firm[0].account[0].sub_account[1].id",
            "account id A-1 is used twice, first in line 5",
        ),
        (12, "firm[1].name", "firm name A is used twice, first in line 2"),
        (14, "firm[1].account[0].id", "account id S is used twice, first in line 6"),
        (16, "firm[1].key[0].name", "key name k is used twice, first in line 8"),
        (
            18,
            "firm[1].session[0].sender_comp_id",
            "session A -> KRAKEN-TRD is used twice, first in line 10",
        ),
    ]


def test_references_go_to_the_own_firm() -> None:
    assert problems("""\
        [[firm]]
        name = "A"
        [[firm.account]]
        id = "A-1"
        [[firm.account]]
        id = "A-2"
        [[firm.key]]
        name = "a-key"
        account = "A-1"
        [[firm.key]]
        name = "lost"
        [[firm.session]]
        sender_comp_id = "A"
        account = "A-2"
        keys = ["a-key", "b-key", "a-kex"]
        [[firm.session]]
        sender_comp_id = "A2"
        [[firm.session]]
        sender_comp_id = "A3"
        account = "A-3"
        [[firm]]
        name = "B"
        [[firm.account]]
        id = "B-1"
        [[firm.key]]
        name = "b-key"
        account = "A-1"
        """) == [
        (10, "firm[0].key[1]", "account is missing, and firm A has more than one"),
        (
            15,
            "firm[0].session[0].keys[0]",
            "keys names a-key, which is bound to account A-1, not to A-2",
        ),
        (
            15,
            "firm[0].session[0].keys[1]",
            "keys names b-key, which belongs to another firm, B",
        ),
        (
            15,
            "firm[0].session[0].keys[2]",
            "keys names a-kex, which is not a key of firm A; did you mean a-key?",
        ),
        (16, "firm[0].session[1]", "account is missing, and firm A has more than one"),
        (
            20,
            "firm[0].session[2].account",
            "account A-3 is not an account of firm A; did you mean A-2?",
        ),
        (27, "firm[1].key[0].account", "account A-1 belongs to another firm, A"),
    ]


def test_brokers_have_sub_accounts() -> None:
    assert problems("""\
        [[firm]]
        name = "A"
        [[firm.account]]
        id = "A-1"
        [[firm.account.sub_account]]
        id = "A-1-X"
        [[firm.session]]
        sender_comp_id = "A"
        broker = true
        [[firm]]
        name = "B"
        broker = true
        [[firm.account]]
        id = "B-1"
        [[firm.session]]
        sender_comp_id = "B"
        [[firm.session]]
        sender_comp_id = "B-OWN"
        broker = false
        """) == [
        (
            5,
            "firm[0].account[0].sub_account[0]",
            "sub_account is for brokers: set broker = true in firm A",
        ),
        (9, "firm[0].session[0].broker", "broker is true, but firm A is not a broker"),
        (
            15,
            "firm[1].session[0].account",
            "account B-1 has no sub-accounts, which a broker session needs",
        ),
    ]


@pytest.mark.parametrize(
    ("lines", "path", "rule"),
    [
        ('market = "derivatives"', "market", "market derivatives is not served by this version"),
        (
            'keys = ["k"]\nrole = "market_data_l2"',
            "keys",
            "keys is for trading: market data takes no credentials",
        ),
        ('market = "futures"', "market", 'market must be "spot" or "derivatives", not "futures"'),
        ("keys = []", "keys", "keys is empty: nobody could log on"),
        ("networks = []", "networks", "networks is empty: nobody could connect"),
        (
            "heartbeat_min_s = 0",
            "heartbeat_min_s",
            "heartbeat_min_s must be a whole number from 1 to 3600, not 0",
        ),
        (
            "heartbeat_min_s = 301",
            "heartbeat_min_s",
            "heartbeat_min_s 301 must not be above heartbeat_max_s 300",
        ),
        (
            "token_bucket_points = 500",
            "token_bucket_points",
            "token_bucket_points and token_bucket_refill_per_s must be both 0 or both above 0",
        ),
        (
            "token_bucket_refill_per_s = 50",
            "token_bucket_refill_per_s",
            "token_bucket_points and token_bucket_refill_per_s must be both 0 or both above 0",
        ),
        (
            'duplicate_logon = "keep"',
            "duplicate_logon",
            'duplicate_logon must be "reject" or "displace", not "keep"',
        ),
        (
            'cl_ord_id_policy = "x"',
            "cl_ord_id_policy",
            'cl_ord_id_policy must be "increasing" or "timed", not "x"',
        ),
        (
            'cancel_scope = "x"',
            "cancel_scope",
            'cancel_scope must be "session" or "comp_id", not "x"',
        ),
        (
            'mass_cancel_scope = "x"',
            "mass_cancel_scope",
            'mass_cancel_scope must be "comp_id" or "account", not "x"',
        ),
        ('tls = "no"', "tls", 'tls must be "required" or "any", not "no"'),
        ('enabled = "no"', "enabled", 'enabled must be true or false, not "no"'),
        (
            "errors_per_second_max = 0",
            "errors_per_second_max",
            "errors_per_second_max must be a whole number from 1 to 1000000, not 0",
        ),
        (
            "sending_time_tolerance_s = 0",
            "sending_time_tolerance_s",
            "sending_time_tolerance_s must be a whole number from 1 to 86400, not 0",
        ),
    ],
)
def test_values_of_a_session(lines: str, path: str, rule: str) -> None:
    assert in_session(lines) == [(8, f"firm[0].session[0].{path}", rule)]


def test_a_mistake_of_the_defaults_is_told_once() -> None:
    two = FIRM + FIRM.replace("ACME", "BETA")
    assert problems(f"[session_defaults]\nheartbeat_max_s = 2\nnetworks = ['x']\n{two}") == [
        (
            2,
            "session_defaults.heartbeat_max_s",
            "heartbeat_min_s 5 must not be above heartbeat_max_s 2",
        ),
        (
            3,
            "session_defaults.networks[0]",
            'networks[0] must be an address block such as "10.0.0.0/8" or "2001:db8::/32", not "x"',
        ),
    ]


def test_a_session_against_its_defaults() -> None:
    assert in_session("heartbeat_min_s = 31", "[session_defaults]\nheartbeat_max_s = 30\n") == [
        (
            10,
            "firm[0].session[0].heartbeat_min_s",
            "heartbeat_min_s 31 must not be above heartbeat_max_s 30",
        )
    ]


# --- secrets --------------------------------------------------------------------------------


def test_production_with_keys_is_good() -> None:
    assert check(PRODUCTION + PRODUCTION_FIRM) == []


def test_production_makes_no_keys() -> None:
    without = PRODUCTION_FIRM.replace('secret = "MDEyMzQ1Njc4OWFiY2RlZg=="\n', "")
    assert only(PRODUCTION + without) == (
        7,
        "firm[0].key[0]",
        "secret is missing: the production profile generates none",
    )
    assert problems(PRODUCTION + without.replace('name = "k"\n', "")) == [
        (7, "firm[0].key[0]", "name is missing: the production profile generates none"),
        (7, "firm[0].key[0]", "secret is missing: the production profile generates none"),
    ]
    assert only(PRODUCTION + FIRM) == (
        8,
        "firm[0].session[0]",
        "account ACME-1 has no [[firm.key]]: nobody could log on",
    )
    assert only(PRODUCTION) == (1, "", "the production profile needs at least one [[firm]]")


def test_secrets_are_base64_and_long_enough() -> None:
    short = PRODUCTION_FIRM.replace("MDEyMzQ1Njc4OWFiY2RlZg==", "MDEyMzQ1Njc4OWFiY2Rl")
    assert only(PRODUCTION + short)[2] == (
        "secret must be at least 16 bytes in the production profile, not 15"
    )
    assert check(short) == []
    for bad in ("MDEyMzQ1Njc4OWFiY2RlZg", "not base64!", "MDEy\\n", "é"):
        text = PRODUCTION_FIRM.replace("MDEyMzQ1Njc4OWFiY2RlZg==", bad)
        assert only(text) == (7, "firm[0].key[0].secret", "secret must be base64, with padding")
    empty = PRODUCTION_FIRM.replace("MDEyMzQ1Njc4OWFiY2RlZg==", "")
    assert only(empty)[2] == "secret must not be empty; leave it out to have one generated"


def test_messages_never_repeat_a_secret() -> None:
    text = PRODUCTION_FIRM.replace('"MDEyMzQ1Njc4OWFiY2RlZg=="', "123456789")
    assert only(text)[2] == "secret must be a text in quotes"
    text = PRODUCTION_FIRM.replace('"MDEyMzQ1Njc4OWFiY2RlZg=="', '"hunter2!"')
    assert "hunter2" not in only(text)[2]


def test_a_key_without_a_name_is_generated_whole_and_once() -> None:
    assert (
        check(PRODUCTION_FIRM.replace('name = "k"\nsecret = "MDEyMzQ1Njc4OWFiY2RlZg=="', "")) == []
    )
    assert only(PRODUCTION_FIRM.replace('name = "k"\n', ""))[2] == "secret needs name beside it"
    text = FIRM.replace("[[firm.session]]", "[[firm.key]]\n[[firm.key]]\n[[firm.session]]")
    assert only(text) == (
        7,
        "firm[0].key[1]",
        "name is missing: account ACME-1 has a key with a generated name already",
    )
