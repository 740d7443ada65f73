"""What a good file comes to."""

import base64
import inspect
import io
import ipaddress
from pathlib import Path

import pytest
from rich.console import Console

from tests.config.fixed_secrets import FixedSecrets
from tidegate.config import ConfigError, VenueConfig, load, load_file
from tidegate.model.instruments import BUILT_IN, built_in_instruments
from tidegate.model.settings import (
    CL_ORD_ID_INCREASING,
    CL_ORD_ID_TIMED,
    DUPLICATE_DISPLACE,
    DUPLICATE_REJECT,
    ROLLOVER_DAILY,
    ROLLOVER_NEVER,
    AccountSettings,
    SessionSettings,
    VenueSettings,
)

FIRM = """
[[firm]]
name = "ACME"
[[firm.account]]
id = "ACME-1"
[[firm.session]]
sender_comp_id = "ACME"
"""


def account(config: VenueConfig, name: str) -> AccountSettings:
    (found,) = [item for item in config.settings.accounts if item.account == name]
    return found


def session(config: VenueConfig, sender_comp_id: str) -> SessionSettings:
    (found,) = [item for item in config.settings.sessions if item.sender_comp_id == sender_comp_id]
    return found


def test_the_built_in_venue(secrets: FixedSecrets) -> None:
    config = load("", secrets)
    assert (config.profile, config.host, config.durability) == ("uat", "127.0.0.1", "process")
    assert config.ports == {
        "spot_market_data_l2": 4000,
        "spot_trading": 4001,
        "spot_market_data_l3": 4005,
    }
    assert (config.snapshot_every_records, config.segment_bytes) == (1_000_000, 67_108_864)
    assert (config.logon_timeout_s, config.busy_poll_us) == (10, 50)
    assert config.logons_per_second_max == 100
    assert (config.tls.minimum, config.tls.certificate, config.tls.key) == ("1.3", None, None)
    assert (config.settings.rollover_s, config.settings.rollover_length_s) == (79_200, 30)
    assert config.settings.rollover_policy == ROLLOVER_DAILY
    assert [item.symbol for item in config.settings.instruments] == [row[0] for row in BUILT_IN]
    assert [(item.account, item.firm, item.parent) for item in config.settings.accounts] == [
        ("ACME-1", "ACME", ""),
        ("BETA-1", "BETA", ""),
        ("PRIME-1", "PRIME", ""),
        ("PRIME-1-A", "PRIME", "PRIME-1"),
        ("PRIME-1-B", "PRIME", "PRIME-1"),
    ]
    assert [
        (item.sender_comp_id, item.target_comp_id, item.account, item.broker)
        for item in config.settings.sessions
    ] == [
        ("ACME", "KRAKEN-TRD", "ACME-1", False),
        ("BETA", "KRAKEN-TRD", "BETA-1", False),
        ("PRIME", "KRAKEN-TRD", "PRIME-1", True),
    ]
    assert [(key.name, key.sessions) for key in config.keys.values()] == [
        ("generated-ACME-1", (("ACME", "KRAKEN-TRD"),)),
        ("generated-BETA-1", (("BETA", "KRAKEN-TRD"),)),
        ("generated-PRIME-1", (("PRIME", "KRAKEN-TRD"),)),
    ]


def test_built_in_balances_cover_every_asset(secrets: FixedSecrets) -> None:
    config = load("", secrets)
    assets = {item.base for item in built_in_instruments()}
    assets |= {item.quote for item in built_in_instruments()}
    for name in ("ACME-1", "BETA-1", "PRIME-1-A", "PRIME-1-B"):
        balances = {item.asset: item.amount for item in account(config, name).deposits}
        assert set(balances) == assets
        assert balances["USD"] == 10**9 * 10**10
        assert balances["BTC"] == 10**4 * 10**10
    assert account(config, "PRIME-1").deposits == []


def test_built_in_firms_follow_the_instruments(secrets: FixedSecrets) -> None:
    config = load(
        """
        venue.built_in_instruments = false
        [session_defaults]
        cancel_on_disconnect = false
        [[instrument]]
        symbol = "XMR/USD"
        price_decimals = 2
        tick = "0.05"
        qty_min = "0.03"
        cost_min = "0.5"
        """,
        secrets,
    )
    (instrument,) = config.settings.instruments
    assert (instrument.symbol, instrument.base, instrument.quote) == ("XMR/USD", "XMR", "USD")
    assert (instrument.price_decimals, instrument.tick_units) == (2, 5)
    assert (instrument.qty_min_lots, instrument.cost_min_money) == (3_000_000, 5_000_000_000)
    assert [item.asset for item in account(config, "ACME-1").deposits] == ["USD", "XMR"]
    assert not session(config, "ACME").cancel_on_disconnect


def test_a_built_in_pair_keeps_what_is_not_changed(secrets: FixedSecrets) -> None:
    config = load(
        '[[instrument]]\nsymbol = "BTC/USD"\nprice_decimals = 3\nqty_min = "0.001"\n', secrets
    )
    assert len(config.settings.instruments) == len(BUILT_IN)
    btc = config.settings.instruments[0]
    assert (btc.symbol, btc.price_decimals, btc.tick_units) == ("BTC/USD", 3, 100)
    assert (btc.qty_min_lots, btc.cost_min_money) == (100_000, 5_000_000_000)


def test_what_a_session_has_by_default(secrets: FixedSecrets) -> None:
    config = load(FIRM, secrets)
    (item,) = config.settings.sessions
    assert {name: getattr(item, name) for name in SESSION_ITEMS} == {
        "sender_comp_id": "ACME",
        "target_comp_id": "KRAKEN-TRD",
        "account": "ACME-1",
        "broker": False,
        "enabled": True,
        "heartbeat_min_s": 5,
        "heartbeat_max_s": 300,
        "sending_time_tolerance_s": 120,
        "cancel_on_disconnect": True,
        "disconnect_grace_s": 0,
        "cancel_on_logout": False,
        "cancel_on_rollover": False,
        "duplicate_logon": DUPLICATE_REJECT,
        "errors_per_second_max": 100,
        "token_bucket_points": 0,
        "token_bucket_refill_per_s": 0,
        "open_orders_max": 100_000,
        "cl_ord_id_policy": CL_ORD_ID_INCREASING,
        "cancel_scope_comp_id": False,
        "mass_cancel_account": False,
        "stp_group": "",
    }
    access = config.sessions["ACME", "KRAKEN-TRD"]
    assert (access.firm, access.account, access.market, access.role) == (
        "ACME",
        "ACME-1",
        "spot",
        "trading",
    )
    assert (access.service, access.port, access.nonce_window_ms) == ("spot_trading", 4001, 5000)
    assert (access.tls, access.enabled, access.broker) == ("any", True, False)
    assert access.networks == (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    assert access.key_names == ("generated-ACME-1",)


SESSION_ITEMS = tuple(inspect.signature(SessionSettings).parameters)

ITEMS = """
networks = ["10.1.0.0/16", "192.0.2.7"]
heartbeat_min_s = 10
heartbeat_max_s = 60
cancel_on_disconnect = false
disconnect_grace_s = 20
cancel_on_logout = true
cancel_on_rollover = true
errors_per_second_max = 7
token_bucket_points = 500
token_bucket_refill_per_s = 50
open_orders_max = 12
nonce_window_ms = 60000
tls = "required"
duplicate_logon = "displace"
cl_ord_id_policy = "timed"
cancel_scope = "comp_id"
mass_cancel_scope = "account"
sending_time_tolerance_s = 9
enabled = false
"""


@pytest.mark.parametrize(
    "text", [f"{FIRM}{ITEMS}", f"[session_defaults]\n{ITEMS}{FIRM}"], ids=["session", "defaults"]
)
def test_every_item_of_a_session_and_of_the_defaults(text: str, secrets: FixedSecrets) -> None:
    config = load(text, secrets)
    (item,) = config.settings.sessions
    assert {name: getattr(item, name) for name in SESSION_ITEMS} == {
        "sender_comp_id": "ACME",
        "target_comp_id": "KRAKEN-TRD",
        "account": "ACME-1",
        "broker": False,
        "enabled": False,
        "heartbeat_min_s": 10,
        "heartbeat_max_s": 60,
        "sending_time_tolerance_s": 9,
        "cancel_on_disconnect": False,
        "disconnect_grace_s": 20,
        "cancel_on_logout": True,
        "cancel_on_rollover": True,
        "duplicate_logon": DUPLICATE_DISPLACE,
        "errors_per_second_max": 7,
        "token_bucket_points": 500,
        "token_bucket_refill_per_s": 50,
        "open_orders_max": 12,
        "cl_ord_id_policy": CL_ORD_ID_TIMED,
        "cancel_scope_comp_id": True,
        "mass_cancel_account": True,
        "stp_group": "",
    }
    access = config.sessions["ACME", "KRAKEN-TRD"]
    assert [str(network) for network in access.networks] == ["10.1.0.0/16", "192.0.2.7/32"]
    assert (access.nonce_window_ms, access.tls, access.enabled) == (60_000, "required", False)


def test_a_session_goes_before_the_defaults(secrets: FixedSecrets) -> None:
    config = load(
        f"[session_defaults]\n{ITEMS}{FIRM}"
        'enabled = true\ntls = "any"\ncancel_scope = "session"\nstp_group = "desk"\n',
        secrets,
    )
    (item,) = config.settings.sessions
    assert (item.enabled, item.cancel_scope_comp_id, item.stp_group) == (True, False, "desk")
    assert item.heartbeat_min_s == 10


def test_the_venue_table(secrets: FixedSecrets) -> None:
    config = load(
        f"""
        [venue]
        host = "::"
        port_offset = 10000
        tls = "1.2"
        tls_names = ["fix.example.com"]
        durability = "disk"
        snapshot_every_records = 1000
        busy_poll_us = 0
        segment_bytes = 65536
        rollover = "never"
        market_data = false
        rollover_at = 21:30:15
        rollover_length_s = 5
        nonce_window_ms = 1000
        logon_timeout_s = 3
        logons_per_second_max = 7
        {FIRM}
        """,
        secrets,
    )
    assert (config.host, config.ports) == ("::", {"spot_trading": 14_001})
    assert config.sessions["ACME", "KRAKEN-TRD"].port == 14_001
    assert (config.tls.minimum, config.tls.names) == ("1.2", ("fix.example.com",))
    assert (config.durability, config.snapshot_every_records) == ("disk", 1000)
    assert config.busy_poll_us == 0
    assert (config.segment_bytes, config.logon_timeout_s) == (65_536, 3)
    assert config.logons_per_second_max == 7
    assert (config.settings.rollover_s, config.settings.rollover_length_s) == (77_415, 5)
    assert config.settings.rollover_policy == ROLLOVER_NEVER
    assert config.sessions["ACME", "KRAKEN-TRD"].nonce_window_ms == 1000


def test_fees_of_accounts(secrets: FixedSecrets) -> None:
    config = load(
        """
        [fees.tiers]
        "0" = { maker_percent = "0.3", taker_percent = "0.5" }
        vip = { maker_percent = "0", taker_percent = "0.0001" }
        [[firm]]
        name = "A"
        broker = true
        [[firm.account]]
        id = "default"
        [[firm.account]]
        id = "tier"
        fee_tier = "2.5M"
        sub_account = [{ id = "as-parent" }, { id = "own", fee_tier = "vip" }]
        [[firm.account]]
        id = "percent"
        maker_percent = "1.5"
        taker_percent = "100"
        enabled = false
        sub_account = [{ id = "as-percent" }]
        """,
        secrets,
    )
    assert {
        item.account: (item.maker_rate, item.taker_rate, item.parent, item.enabled)
        for item in config.settings.accounts
    } == {
        "default": (3_000, 5_000, "", True),
        "tier": (400, 1_400, "", True),
        "as-parent": (400, 1_400, "tier", True),
        "own": (0, 1, "tier", True),
        "percent": (15_000, 1_000_000, "", False),
        "as-percent": (15_000, 1_000_000, "percent", False),
    }


def test_deposits_are_sorted_and_nothing_is_not_deposited(secrets: FixedSecrets) -> None:
    text = FIRM.replace(
        'id = "ACME-1"', 'id = "ACME-1"\nbalances = { USD = "0.0000000001", BTC = "2", ETH = "0" }'
    )
    assert [
        (item.asset, item.amount) for item in account(load(text, secrets), "ACME-1").deposits
    ] == [("BTC", 20_000_000_000), ("USD", 1)]


KEYS = """
[[firm]]
name = "A"
[[firm.account]]
id = "A-1"
[[firm.account]]
id = "A-2"
[[firm.key]]
name = "one"
secret = "AAECAwQFBgcICQoLDA0ODw=="
account = "A-1"
[[firm.key]]
name = "two"
account = "A-1"
[[firm.key]]
account = "A-1"
[[firm.session]]
sender_comp_id = "ALL"
account = "A-1"
[[firm.session]]
sender_comp_id = "ONE"
account = "A-1"
keys = ["one"]
[[firm.session]]
sender_comp_id = "OTHER"
account = "A-2"
"""


def test_keys_and_the_sessions_they_log_on(secrets: FixedSecrets) -> None:
    config = load(KEYS, secrets)
    assert {
        key.name: (key.account, [sender for sender, _ in key.sessions], key.secret)
        for key in config.keys.values()
    } == {
        "one": ("A-1", ["ALL", "ONE"], bytes(range(16))),
        "two": ("A-1", ["ALL"], FixedSecrets().secret("two")),
        "generated-A-1": ("A-1", ["ALL"], FixedSecrets().key("A-1")[1]),
        "generated-A-2": ("A-2", ["OTHER"], FixedSecrets().key("A-2")[1]),
    }
    assert config.sessions["ALL", "KRAKEN-TRD"].key_names == ("one", "two", "generated-A-1")
    assert config.sessions["ONE", "KRAKEN-TRD"].key_names == ("one",)
    assert secrets.asked == ["secret two", "key A-1", "key A-2"]


def test_nothing_is_generated_for_a_file_with_mistakes(secrets: FixedSecrets) -> None:
    with pytest.raises(ConfigError) as raised:
        load(KEYS + "x = 1\ny = 2\n", secrets)
    assert [problem.line for problem in raised.value.problems] == [27, 28]
    assert str(raised.value) == (
        "line 27: x is not a known key (firm[0].session[2].x)\n"
        "line 28: y is not a known key (firm[0].session[2].y)"
    )
    assert secrets.asked == []


def test_secrets_reach_neither_the_core_nor_a_printed_configuration(secrets: FixedSecrets) -> None:
    config = load(KEYS, secrets)
    data = config.settings.encode()
    console = Console(file=io.StringIO(), width=10_000)
    console.print(config)
    assert isinstance(console.file, io.StringIO)
    printed = repr(config) + console.file.getvalue()
    for key in config.keys.values():
        assert key.secret not in data
        assert repr(key.secret) not in printed
        assert base64.b64encode(key.secret).decode() not in printed
    assert b"127.0.0.0" not in data


def test_settings_survive_their_encoding(secrets: FixedSecrets) -> None:
    data = load(KEYS, secrets).settings.encode()
    assert VenueSettings.decode(data).encode() == data
    assert load(KEYS, FixedSecrets()).settings.encode() == data


def test_production(secrets: FixedSecrets) -> None:
    config = load(
        f"""
        [venue]
        profile = "production"
        {FIRM.replace("[[firm.session]]", KEY)}
        """,
        secrets,
    )
    assert (config.profile, config.durability) == ("production", "disk")
    assert secrets.asked == []


KEY = '[[firm.key]]\nname = "k"\nsecret = "MDEyMzQ1Njc4OWFiY2RlZg=="\n[[firm.session]]'


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::2", False),
        ("128.0.0.1", False),
        ("::ffff:128.0.0.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_admitted_addresses(address: str, admitted: bool, secrets: FixedSecrets) -> None:
    assert load(FIRM, secrets).sessions["ACME", "KRAKEN-TRD"].admits(address) is admitted


def test_files_are_named_from_the_configuration(tmp_path: Path, secrets: FixedSecrets) -> None:
    (tmp_path / "tls").mkdir()
    for name in ("server.pem", "server.key", "ca.pem"):
        (tmp_path / "tls" / name).write_text("")
    file = tmp_path / "venue.toml"
    file.write_text(
        "[venue]\n"
        'tls_certificate = "tls/server.pem"\n'
        f'tls_key = "{tmp_path}/tls/server.key"\n'
        'tls_ca = "tls/ca.pem"\n'
    )
    config = load_file(file, secrets)
    assert config.tls.certificate == tmp_path / "tls" / "server.pem"
    assert config.tls.key == tmp_path / "tls" / "server.key"
    assert config.tls.ca == tmp_path / "tls" / "ca.pem"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_file(tmp_path / "none.toml", secrets)


def test_the_clock_is_the_machines_unless_a_uat_file_says_otherwise(
    secrets: FixedSecrets,
) -> None:
    assert load("", secrets).clock == "system"
    assert load('venue.clock = "virtual"', secrets).clock == "virtual"
    with pytest.raises(ConfigError, match='clock must be "system" in the production profile'):
        load('venue.profile = "production"\nvenue.clock = "virtual"', secrets)
