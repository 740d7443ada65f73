"""Every mistake of a file, with its line and the rule it breaks."""

from pathlib import Path

import pytest

from tests.config.texts import FIRM, PAIR, PRODUCTION_FIRM, only, problems
from tidegate.config import ConfigProblem, check, check_file


def test_the_empty_file_is_good() -> None:
    assert check("") == []
    assert check("# nothing\n") == []


def test_the_smallest_firm_is_good() -> None:
    assert check(FIRM) == []


def test_all_mistakes_are_found_in_the_order_of_lines() -> None:
    assert problems("""\
        [venue]
        profle = "uat"
        port_offset = "1"
        host = "not a host"
        rollover_at = "25:00:00"
        [session_defaults]
        networks = ["127.0.0.0/8", "10.0.0.1/8", 5, "x"]
        heartbeat_max_s = 4
        [[firm]]
        name = "A"
        [[firm.account]]
        id = "A-1"
        balances = { BTC = "1.12345678901", XBT = "1", FOO = "1" }
        [[firm.session]]
        sender_comp_id = "A"
        keys = ["nobody"]
        """) == [
        (2, "venue.profle", "profle is not a known key; did you mean profile?"),
        (
            3,
            "venue.port_offset",
            'port_offset must be a whole number from 0 to 61528, not "1"',
        ),
        (4, "venue.host", 'host must be an IP address or a host name, not "not a host"'),
        (
            5,
            "venue.rollover_at",
            'rollover_at must be a time of day in UTC such as "22:00:00", not "25:00:00"',
        ),
        (7, "session_defaults.networks[2]", "networks[2] must be a text in quotes, not 5"),
        (
            7,
            "session_defaults.networks[1]",
            'networks[1] names an address inside a block; the block of "10.0.0.1/8" is '
            '"10.0.0.0/8"',
        ),
        (
            7,
            "session_defaults.networks[3]",
            'networks[3] must be an address block such as "10.0.0.0/8" or "2001:db8::/32", not "x"',
        ),
        (
            8,
            "session_defaults.heartbeat_max_s",
            "heartbeat_min_s 5 must not be above heartbeat_max_s 4",
        ),
        (
            13,
            "firm[0].account[0].balances.BTC",
            "BTC must have at most 10 decimals, and 1.12345678901 has more",
        ),
        (13, "firm[0].account[0].balances.XBT", "XBT must be written BTC"),
        (
            13,
            "firm[0].account[0].balances.FOO",
            "FOO is an unknown asset: no instrument uses it",
        ),
        (
            16,
            "firm[0].session[0].keys[0]",
            "keys names nobody, which is not a key of firm A",
        ),
    ]


def test_a_problem_reads_as_a_sentence() -> None:
    assert str(ConfigProblem(3, "venue.host", "host is bad")) == "line 3: host is bad (venue.host)"
    assert str(ConfigProblem(1, "", "not TOML")) == "line 1: not TOML"


# --- not TOML -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[venue]\nhost = \n", 2),
        ("a = 1\nb = 2\n[venue\n", 3),
        ("a = 1\n\na = 1\nb = 2\n", 3),
        ('a = """\n\n', 1),
        ("[a]\n[a]\n", 2),
        ("a = 1\nb = 2000-13-01\n", 2),
    ],
)
def test_a_syntax_error_has_its_line(text: str, line: int) -> None:
    (problem,) = check(text)
    assert problem.line == line
    assert problem.path == ""
    assert problem.rule.startswith("not TOML: ")
    assert "at line" not in problem.rule


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "1" * 5_000])
def test_texts_that_break_a_parser_are_a_problem(text: str) -> None:
    (problem,) = check(text)
    assert problem.rule.startswith("not TOML: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (problem,) = check_file(tmp_path / "none.toml")
    assert (problem.line, problem.path) == (0, "")
    assert "none.toml cannot be read: No such file" in problem.rule
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"a = 1\nb = '\xff'\n")
    (problem,) = check_file(bad)
    assert (problem.line, problem.rule) == (2, f"{bad} is not UTF-8 text")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "venue.toml"
    file.write_bytes(b"\xef\xbb\xbf[venue]\r\nport_offset = 1\r\n")
    assert check_file(file) == []


# --- names and types ------------------------------------------------------------------------


def test_a_key_in_the_wrong_table_is_sent_home() -> None:
    assert only("[venue]\nheartbeat_min_s = 5\n") == (
        2,
        "venue.heartbeat_min_s",
        "heartbeat_min_s is not a known key here; "
        "it belongs in [session_defaults] or [[firm.session]]",
    )
    assert only("[firms]\n") == (1, "firms", "firms is not a known key; did you mean firm?")
    assert only("[venue]\nzzz = 1\n") == (2, "venue.zzz", "zzz is not a known key")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("tls = 1.2", 'tls must be "1.3" or "1.2", not 1.2'),
        ('tls = "1.1"', 'tls must be "1.3" or "1.2", not "1.1"'),
        ('profile = "test"', 'profile must be "uat" or "production", not "test"'),
        ('durability = "memory"', 'durability must be "process" or "disk", not "memory"'),
        ("built_in_instruments = 1", "built_in_instruments must be true or false, not 1"),
        ('built_in_instruments = "yes"', 'built_in_instruments must be true or false, not "yes"'),
        ("port_offset = true", "port_offset must be a whole number from 0 to 61528, not true"),
        ("port_offset = -1", "port_offset must be a whole number from 0 to 61528, not -1"),
        ("port_offset = 61531", "port_offset must be a whole number from 0 to 61528, not 61531"),
        ("nonce_window_ms = 0", "nonce_window_ms must be a whole number from 1 to 60000, not 0"),
        (
            "nonce_window_ms = 60001",
            "nonce_window_ms must be a whole number from 1 to 60000, not 60001",
        ),
        ("logon_timeout_s = 0", "logon_timeout_s must be a whole number from 1 to 300, not 0"),
        (
            "logons_per_second_max = 0",
            "logons_per_second_max must be a whole number from 1 to 1000000, not 0",
        ),
        ("host = 1", "host must be a text in quotes, not 1"),
        ("host = 1979-05-27", "host must be a text in quotes, not 1979-05-27"),
        ("host = []", "host must be a text in quotes, not a list"),
        ("host = {}", "host must be a text in quotes, not a table"),
        ('tls_names = "x"', 'tls_names must be a list, not "x"'),
        ('host = ""', 'host must be an IP address or a host name, not ""'),
        ('host = "1.2.3.256"', 'host must be an IP address or a host name, not "1.2.3.256"'),
        ('tls_names = ["a_b"]', 'tls_names[0] must be an IP address or a host name, not "a_b"'),
    ],
)
def test_values_of_the_venue(line: str, rule: str) -> None:
    (problem,) = check(f"[venue]\n{line}\n")
    assert (problem.line, problem.rule) == (2, rule)


@pytest.mark.parametrize("value", ['"22:00:00"', "22:00:00", '"00:00:00"', '"23:59:59"'])
def test_times_of_day_with_and_without_quotes(value: str) -> None:
    assert check(f"[venue]\nrollover_at = {value}\n") == []


@pytest.mark.parametrize("value", ['"24:00:00"', '"9:00:00"', '"22:00"', "22:00:00.5", '""', "22"])
def test_what_is_no_time_of_day(value: str) -> None:
    (problem,) = check(f"[venue]\nrollover_at = {value}\n")
    assert problem.rule.startswith("rollover_at must be ")


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = check(f'[venue]\nprofile = "{"x" * 500}"\n')
    assert len(problem.rule) < 120


def test_tables_where_values_belong_and_the_reverse() -> None:
    assert problems("venue = 1\nfees = []\nsession_defaults = 'x'\n") == [
        (1, "venue", "venue must be a table, not 1"),
        (2, "fees", "fees must be a table, not a list"),
        (3, "session_defaults", 'session_defaults must be a table, not "x"'),
    ]
    assert problems("firm = 1\n[instrument]\nsymbol = 'A/B'") == [
        (1, "firm", "firm must be written as [[firm]], not 1"),
        (2, "instrument", "instrument must be written as [[instrument]], not a table"),
    ]
    assert problems("firm = [1, {name = 'A', account = [{id = 'A-1'}]}, {name = 'A'}]") == [
        (1, "firm[0]", "firm[0] must be a table, not 1"),
        (1, "firm[0]", "account is missing: a firm needs at least one"),
        (1, "firm[2].name", "firm name A is used twice, first in line 1"),
        (1, "firm[2]", "account is missing: a firm needs at least one"),
    ]


def test_what_has_to_be_given() -> None:
    assert problems("""\
        [[firm]]
        [[firm.account]]
        [[firm.session]]
        [[instrument]]
        [fees.tiers.x]
        """) == [
        (1, "firm[0].name", "name is missing"),
        (2, "firm[0].account[0].id", "id is missing"),
        (3, "firm[0].session[0].sender_comp_id", "sender_comp_id is missing"),
        (4, "instrument[0].symbol", "symbol is missing"),
        (5, "fees.tiers.x.maker_percent", "maker_percent is missing"),
        (5, "fees.tiers.x.taker_percent", "taker_percent is missing"),
    ]


@pytest.mark.parametrize("name", ["", "A B", "A=B\\u0001", "é", "x" * 65])
def test_comp_ids_are_printable(name: str) -> None:
    (problem,) = check(FIRM.replace('sender_comp_id = "ACME"', f'sender_comp_id = "{name}"'))
    assert problem.rule.startswith("sender_comp_id must be a text of 1 to 64 printable ASCII")


# --- TLS files and nonce windows ------------------------------------------------------------


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    assert only('[venue]\ntls_certificate = "x.pem"\n')[2] == (
        "tls_certificate needs tls_key beside it"
    )
    assert only('[venue]\ntls_key = "x.key"\n')[2] == "tls_key needs tls_certificate beside it"
    assert only('[venue]\ntls_ca = "x.pem"\n')[2].startswith("tls_ca goes with tls_certificate")
    text = '[venue]\ntls_certificate = "x.pem"\ntls_key = "x.key"\n'
    assert check(text) == []
    (tmp_path / "x.pem").write_text("")
    (problem,) = check(text, base=tmp_path)
    assert (problem.line, problem.rule) == (3, f'tls_key names no file: "{tmp_path / "x.key"}"')


def test_wide_nonce_windows_are_for_uat() -> None:
    assert check("[venue]\nnonce_window_ms = 60000\n") == []
    assert check(f"{FIRM}nonce_window_ms = 60000\n") == []
    wide = "nonce_window_ms = 5001\n"
    found = problems(
        f'[venue]\nprofile = "production"\n{wide}[session_defaults]\n{wide}{PRODUCTION_FIRM}{wide}'
    )
    rule = "nonce_window_ms must be at most 5000 in the production profile, not 5001"
    assert found == [
        (3, "venue.nonce_window_ms", rule),
        (5, "session_defaults.nonce_window_ms", rule),
        (15, "firm[0].session[0].nonce_window_ms", rule),
    ]


# --- instruments and fees -------------------------------------------------------------------


def test_a_new_pair_and_a_changed_one_are_good() -> None:
    assert check(f'[[instrument]]\n{PAIR}[[instrument]]\nsymbol = "BTC/USD"\nqty_min = "1"\n') == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('tick = "0.01"', 'tick = "0"', "tick must be above 0"),
        ('tick = "0.01"', 'tick = "0.00"', "tick must be above 0"),
        (
            'tick = "0.01"',
            'tick = "0.001"',
            "tick must have at most 2 decimals, and 0.001 has more",
        ),
        (
            'tick = "0.01"',
            "tick = 0.01",
            'tick must be a plain decimal number in quotes, such as "0.5", not 0.01',
        ),
        (
            'tick = "0.01"',
            'tick = "1e-2"',
            'tick must be a plain decimal number such as "0.5", not "1e-2"',
        ),
        (
            'tick = "0.01"',
            'tick = ""',
            'tick must be a plain decimal number such as "0.5", not ""',
        ),
        ('qty_min = "0.1"', 'qty_min = "0"', "qty_min must be above 0"),
        (
            'qty_min = "0.1"',
            'qty_min = "0.000000001"',
            "qty_min must have at most 8 decimals, and 0.000000001 has more",
        ),
        (
            'cost_min = "0"',
            'cost_min = "-1"',
            'cost_min must be a plain decimal number such as "0.5", not "-1"',
        ),
        (
            "price_decimals = 2",
            "price_decimals = 11",
            "price_decimals must be a whole number from 0 to 10, not 11",
        ),
        (
            "XMR/USD",
            "XMRUSD",
            'symbol must be two assets in capitals such as "BTC/USD", not "XMRUSD"',
        ),
        (
            "XMR/USD",
            "xmr/usd",
            'symbol must be two assets in capitals such as "BTC/USD", not "xmr/usd"',
        ),
        ("XMR/USD", "USD/USD", "symbol must join two different assets, not USD/USD"),
        ("XMR/USD", "XBT/USD", "symbol must use BTC; XBT is another spelling of it"),
    ],
)
def test_values_of_an_instrument(old: str, new: str, rule: str) -> None:
    assert old in PAIR
    (problem,) = check(f"[[instrument]]\n{PAIR.replace(old, new)}")
    assert problem.rule == rule
    assert 2 <= problem.line <= 6


def test_a_new_pair_needs_every_number() -> None:
    assert problems('[[instrument]]\nsymbol = "XMR/USD"\ntick = "0.1"\n') == [
        (1, "instrument[0]", f"{name} is missing, and XMR/USD is not a built-in pair")
        for name in ("price_decimals", "qty_min", "cost_min")
    ]


def test_a_built_in_pair_that_was_switched_off_is_new() -> None:
    found = problems(
        '[venue]\nbuilt_in_instruments = false\n[[instrument]]\nsymbol = "BTC/USD"\ntick = "1"\n'
    )
    assert [rule for _, _, rule in found] == [
        f"{name} is missing, and BTC/USD is not a built-in pair"
        for name in ("price_decimals", "qty_min", "cost_min")
    ]


def test_a_pair_comes_once_and_there_is_one() -> None:
    assert only(f'[[instrument]]\n{PAIR}[[instrument]]\nsymbol = "XMR/USD"\n' + PAIR[19:]) == (
        8,
        "instrument[1].symbol",
        "symbol XMR/USD is given twice, first in line 2",
    )
    assert only("[venue]\nbuilt_in_instruments = false\n")[2] == (
        "built_in_instruments is false and there is no [[instrument]]: nothing could trade"
    )


def test_fees() -> None:
    assert problems("""\
        [fees.tiers]
        "0" = { maker_percent = "0.00001", taker_percent = "101" }
        vip = { maker_percent = "-0.1", taker_percent = 0.1 }
        [[firm]]
        name = "A"
        [[firm.account]]
        id = "A-1"
        fee_tier = "vip"
        [[firm.account]]
        id = "A-2"
        fee_tier = "11k"
        [[firm.account]]
        id = "A-3"
        fee_tier = "0"
        maker_percent = "1"
        [[firm.account]]
        id = "A-4"
        taker_percent = "1"
        """) == [
        (
            2,
            "fees.tiers.0.maker_percent",
            "maker_percent must have at most 4 decimals, and 0.00001 has more",
        ),
        (
            2,
            "fees.tiers.0.taker_percent",
            "taker_percent must be from 0 to 100 percent, not 101",
        ),
        (
            3,
            "fees.tiers.vip.taker_percent",
            'taker_percent must be a plain decimal number in quotes, such as "0.5", not 0.1',
        ),
        (
            3,
            "fees.tiers.vip.maker_percent",
            'maker_percent must be a plain decimal number such as "0.5", not "-0.1"',
        ),
        (
            11,
            "firm[0].account[1].fee_tier",
            "fee_tier must be one of volume, 0, 10k, 50k, 100k, 250k, 500k, 1M, 2.5M, 5M, 10M, "
            'vip, not "11k"',
        ),
        (
            14,
            "firm[0].account[2].fee_tier",
            "fee_tier and maker_percent exclude each other",
        ),
        (
            18,
            "firm[0].account[3].taker_percent",
            "taker_percent needs maker_percent beside it",
        ),
    ]
