"""`tidegate ctl` for operators: each command once, for people and programs; what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Peer
from tidegate.control.client import ask
from tidegate.control.protocol import ControlError

CONFIG = """
[session_defaults]
errors_per_second_max = 1000000
[[firm]]
name = "ACME"
account = [{ id = "ACME-1", balances = { USD = "1000000", BTC = "10" } }]
session = [{ sender_comp_id = "ACME" }, { sender_comp_id = "TWIN", target_comp_id = "ONE" },
           { sender_comp_id = "TWIN", target_comp_id = "TWO" }]
[[firm]]
name = "PRIME"
broker = true
account = [{ id = "PRIME-1", sub_account = [{ id = "PRIME-1-A" }] }]
session = [{ sender_comp_id = "PRIME" }]
"""
LONG = "x" * 65


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("venue") / "data"
    with Venue(data, config=CONFIG) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


def said(venue: Venue, *arguments: str) -> str:
    done = tidegate("ctl", *arguments, "--data", venue.data)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return done.stdout.decode()


def rows(venue: Venue, command: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = ask(venue.data, command, parameters)
    assert answer["total"] == len(answer["rows"])
    return list(answer["rows"])


def market(venue: Venue, symbol: str) -> dict[str, Any]:
    return next(m for m in ask(venue.data, "markets") if m["symbol"] == symbol)


# --- every command once --------------------------------------------------------------------------


def test_markets_are_set_and_listed(venue: Venue) -> None:
    assert said(venue, "market", "ETH/USD", "status", "cancel_only").startswith(
        "ETH/USD: cancel_only, index none"
    )
    assert "index 3000.5" in said(venue, "index", "ETH/USD", "3000.50")
    assert "band 2.5 %, set" in said(venue, "band", "ETH/USD", "2.5")
    assert said(venue, "halt") == "all markets are halted\n"
    assert market(venue, "ETH/USD") == {
        "symbol": "ETH/USD", "aliases": [], "price_decimals": 2,
        "tick": "0.01", "qty_min": "0.001", "cost_min": "0.5",
        "status": "cancel_only", "halted": True, "traded": True,
        "index_price": "3000.5", "last_price": None, "bid_price": None, "ask_price": None,
        "band_percent": "2.5", "band_set_by_operator": True,
    }  # fmt: skip
    line = next(line for line in said(venue, "markets").splitlines() if "ETH/USD" in line)
    assert "cancel_only, halted" in line
    assert said(venue, "resume") == "no halt: markets go on\n"
    assert "online" in said(venue, "market", "ETH/USD", "status", "online")
    assert "band none, set" in said(venue, "band", "ETH/USD", "none")
    assert "band none" in said(venue, "band", "ETH/USD", "default")
    assert not market(venue, "ETH/USD")["band_set_by_operator"]


def test_an_alias_names_the_same_market(venue: Venue) -> None:
    doge = ask(venue.data, "index", {"symbol": "XDG/USD", "price": "0.1"})
    assert (doge["symbol"], doge["aliases"]) == ("DOGE/USD", ["XDG/USD"])


def test_money_goes_in_and_out(venue: Venue) -> None:
    said(venue, "account", "add", "CASH-1", "ACME")
    assert said(venue, "deposit", "CASH-1", "USD", "100.25") == (
        "CASH-1: 100.25 USD available, 0 USD held\n"
    )
    assert said(venue, "withdraw", "CASH-1", "USD", "0.25").startswith("CASH-1: 100 USD")
    assert rows(venue, "balances", account="CASH-1") == [
        {"account": "CASH-1", "asset": "USD", "available": "100", "held": "0"}
    ]
    answer = json.loads(said(venue, "balances", "--limit", "1", "--json"))
    assert (answer["limit"], len(answer["rows"])) == (1, 1)
    assert answer["total"] > 1
    assert f"1 of {answer['total']}; more with --limit" in said(venue, "balances", "--limit", "1")


def test_orders_are_listed_with_what_they_hold(venue: Venue) -> None:
    with venue.peer("ACME") as peer:
        peer.logon("98=0|108=30|141=Y")
        peer.order(1, price="20000", qty="0.01")
        new = peer.expect("8")
        peer.order(2, side=2, price="90000", qty="0.02")
        peer.expect("8")
        first, second = rows(venue, "orders", account="ACME-1", symbol="XBT/USD", session="ACME")
        assert first["order_id"] == new[37]
        assert {key: first[key] for key in ("cl_ord_id", "account", "session", "symbol", "side",
                "ord_type", "time_in_force", "stage", "price", "quantity", "filled", "open",
                "trigger_price", "display", "hidden", "expires")} == {
            "cl_ord_id": "1", "account": "ACME-1", "session": "ACME", "symbol": "BTC/USD",
            "side": "buy", "ord_type": "2", "time_in_force": "1", "stage": "live",
            "price": "20000", "quantity": "0.01", "filled": "0", "open": "0.01",
            "trigger_price": None, "display": None, "hidden": None, "expires": None,
        }  # fmt: skip
        assert first["hold"] == {"asset": "USD", "amount": "200.8"}
        assert second["hold"]["asset"] == "BTC"
        assert rows(venue, "orders", session="PRIME") == []
        assert rows(venue, "orders", symbol="ETH/USD") == []
        assert rows(venue, "orders", account="PRIME-1") == []
        held = rows(venue, "balances", account="ACME-1")
        assert [row["held"] for row in held if row["asset"] == "USD"] == ["200.8"]
        bid = market(venue, "BTC/USD")
        assert (bid["bid_price"], bid["ask_price"]) == ("20000", "90000")
        table = said(venue, "orders", "--limit", "1")
        assert new[37] in table
        assert "200.8 USD" in table
        assert "1 of 2; more with --limit" in table


def test_positions_are_listed(venue: Venue) -> None:
    assert rows(venue, "positions", account="ACME-1") == []
    assert "unrealised" in said(venue, "positions")


def test_fees_are_set_for_what_is_entered_from_now_on(venue: Venue) -> None:
    said(venue, "account", "add", "FEES-1", "ACME", "--maker", "0.3", "--taker", "0.5")
    assert "FEES-1: fixed, maker 0.1 %, taker 0.2 %" in said(
        venue, "fees", "account", "FEES-1", "--maker", "0.1", "--taker", "0.2"
    )
    assert said(venue, "fees", "account", "FEES-1", "--by-volume") == "FEES-1: by volume\n"
    assert "maker 0.3 %, taker 0.5 %" in said(venue, "fees", "account", "FEES-1", "--default")
    assert "FEES-1" in said(venue, "fees", "list")
    listed = ask(venue.data, "fees")["rows"]
    assert {
        "account": "FEES-1", "source": "fixed", "maker_percent": "0.3", "taker_percent": "0.5",
        "set_by_operator": False,
    } in listed  # fmt: skip


def test_the_steps_of_a_fee_schedule_are_set_for_what_is_entered_from_now_on(venue: Venue) -> None:
    before = ask(venue.data, "fees")["schedules"]
    table = said(venue, "fees", "schedule", "crypto", "0:0.1:1", "5000.5:0:0.9")
    assert table.startswith("schedule crypto, of an operator\n")
    changed = {
        "schedule": "crypto", "set_by_operator": True,
        "tiers": [{"volume": "0", "maker_percent": "0.1", "taker_percent": "1"},
                  {"volume": "5000.5", "maker_percent": "0", "taker_percent": "0.9"}],
    }  # fmt: skip
    assert changed in ask(venue.data, "fees")["schedules"]
    with venue.peer("ACME") as peer:
        peer.logon("98=0|108=30|141=Y")
        peer.order(3, price="20000", qty="0.01")
        peer.expect("8")
        [order] = rows(venue, "orders", account="ACME-1")
    assert order["hold"] == {"asset": "USD", "amount": "202"}
    assert "of the configuration" in said(venue, "fees", "schedule", "crypto", "default")
    assert ask(venue.data, "fees")["schedules"] == before


def test_firms_accounts_sessions_and_keys_are_added_disabled_and_enabled(venue: Venue) -> None:
    assert said(venue, "firm", "add", "NOVA") == "firm NOVA added\n"
    assert said(venue, "account", "add", "NOVA-1", "NOVA") == "account NOVA-1 added\n"
    text = said(
        venue, "session", "add", "NOVA", "NOVA-1", "--network", "127.0.0.0/8",
        "--set", "heartbeat_min_s=1", "--set", "cancel_on_disconnect=false",
    )  # fmt: skip
    assert text.splitlines()[0].endswith(f"added, port {venue_port(venue)}, from 127.0.0.0/8")
    key = json.loads(said(venue, "key", "add", "NOVA-1", "--name", "nova", "--json"))
    assert (key["key"], key["sessions"], key["enabled"]) == ("nova", ["NOVA"], True)
    assert "API secret:" in said(venue, "key", "add", "NOVA-1")
    assert key["api_secret"] not in said(venue, "keys", "--json")
    for kind, name in (("firm", "NOVA"), ("account", "NOVA-1"), ("session", "NOVA"),
                       ("key", "nova")):  # fmt: skip
        listing = {"firm": "firms", "account": "accounts", "key": "keys"}.get(kind)
        assert "disabled" in said(venue, kind, "disable", name)
        if listing is not None:
            shown = said(venue, listing).splitlines()
            assert any(name in line and "disabled" in line for line in shown)
        assert said(venue, kind, "enable", name).rstrip().endswith("enabled")
    [nova] = [row for row in rows(venue, "accounts") if row["account"] == "NOVA-1"]
    assert nova == {
        "account": "NOVA-1", "firm": "NOVA", "parent": None, "enabled": True,
        "disabled_by_operator": False, "added": True, "rate_tier": None, "fees": "by-volume",
        "maker_percent": None, "taker_percent": None, "open_orders": 0,
    }  # fmt: skip


def test_a_sub_account_pays_as_its_parent_unless_it_is_told_otherwise(venue: Venue) -> None:
    ask(venue.data, "fees-account", {"account": "PRIME-1", "source": "fixed",
        "maker_percent": "0.01", "taker_percent": "0.02"})  # fmt: skip
    added = {"account": "PRIME-1-B", "firm": "PRIME", "parent": "PRIME-1"}
    row = ask(venue.data, "account-add", added)
    assert (row["parent"], row["maker_percent"], row["taker_percent"]) == (
        "PRIME-1", "0.01", "0.02"
    )  # fmt: skip


def test_an_enabled_account_of_a_disabled_firm_is_told_to_be_disabled_still(venue: Venue) -> None:
    said(venue, "firm", "add", "TWICE")
    said(venue, "account", "add", "TWICE-1", "TWICE")
    said(venue, "account", "disable", "TWICE-1")
    said(venue, "firm", "disable", "TWICE")
    text = said(venue, "account", "enable", "TWICE-1")
    assert text == "account TWICE-1 enabled, but still not enabled otherwise\n"


def test_a_disabled_session_is_logged_out_and_its_orders_cancelled(venue: Venue) -> None:
    with venue.peer("ACME") as peer:
        peer.logon("98=0|108=30|141=Y|5030=Y")
        peer.order(1_000)
        new = peer.until(lambda frame: frame.type == "8" and frame[150] == "0")
        ask(venue.data, "session-disable", {"sender_comp_id": "ACME"})
        canceled = peer.expect("8")
        assert (canceled[150], canceled[37]) == ("4", new[37])
        assert canceled[58] == "Order canceled: account or session disabled"
        assert peer.expect("5")[58] == "Session disabled"
        assert peer.read_to_end() == []
        with venue.peer("ACME") as again:
            assert again.logon("98=0|108=30|141=Y")[58] == "Logon failed: session disabled"
        [failed] = ask(venue.data, "failed-logons", {"sender_comp_id": "ACME"})
        assert failed["reason"] == "an operator has disabled the session"
    ask(venue.data, "session-enable", {"sender_comp_id": "ACME"})
    with venue.peer("ACME") as peer:
        assert peer.logon("98=0|108=30|141=Y").type == "A"


def test_a_disabled_key_ends_its_session_and_logs_nobody_on(venue: Venue) -> None:
    login = venue.login("ACME")
    with venue.peer("ACME") as peer:
        peer.logon("98=0|108=30|141=Y")
        ask(venue.data, "key-disable", {"key": login.api_key})
        assert peer.expect("5")[58] == "API key disabled"
        assert peer.read_to_end() == []
    with venue.peer("ACME") as peer:
        assert peer.logon("98=0|108=30|141=Y").type == "5"
    failed = ask(venue.data, "failed-logons", {"sender_comp_id": "ACME"})[0]
    assert failed["reason"] == "an operator has disabled the API key in Username (553)"
    ask(venue.data, "key-enable", {"key": login.api_key})
    with venue.peer("ACME") as peer:
        assert peer.logon("98=0|108=30|141=Y").type == "A"


def test_an_added_session_is_let_in_from_its_networks_alone(venue: Venue) -> None:
    added = {"sender_comp_id": "FAR", "account": "ACME-1", "networks": ["10.0.0.0/8"]}
    ask(venue.data, "session-add", added)
    login = venue.login("ACME")
    far = type(login)(**{**login.__dict__, "sender_comp_id": "FAR"})
    with Peer(far) as peer:
        assert peer.logon().type == "5"
    failed = ask(venue.data, "failed-logons", {"sender_comp_id": "FAR"})[0]
    assert failed["reason"] == "127.0.0.1 is in none of the session's networks: 10.0.0.0/8"


def venue_port(venue: Venue) -> int:
    port = venue.ready["ports"]["spot_trading"]
    assert isinstance(port, int)
    return port


# --- what is refused -----------------------------------------------------------------------------

AMOUNTS = [
    ("0", "amount must be above 0"),
    ("-1", "amount must be a plain decimal number"),
    ("1e5", "amount must be a plain decimal number"),
    ("", "amount must be a plain decimal number"),
    ("1234567890123456789", "amount must have at most 18 digits before the point"),
    ("0.12345678901", "amount must have at most 10 decimals"),
    ("0." + "1" * 30, "amount must have at most 10 decimals"),
]
ACCOUNT = {"account": "ACME-1", "asset": "USD"}
FIXED = {"account": "ACME-1", "source": "fixed"}
SESSION = {"sender_comp_id": "NEW", "account": "ACME-1"}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    *(("deposit", {**ACCOUNT, "amount": amount}, text) for amount, text in AMOUNTS),
    *(("withdraw", {**ACCOUNT, "amount": amount}, text) for amount, text in AMOUNTS),
    ("withdraw", {**ACCOUNT, "amount": "99999999999"}, "amount must be at most the 1000000 USD"),
    ("deposit", {"account": "ACME-2", "asset": "USD", "amount": "1"},
     "account 'ACME-2' is not known; did you mean ACME-1?"),
    ("deposit", {"account": "ACME-1", "asset": "XAU", "amount": "1"}, "asset must be one of"),
    ("deposit", {"account": "ACME-1", "asset": "", "amount": "1"}, "asset must be one of"),
    ("deposit", {"account": "ACME-1"}, "asset is missing; amount is missing"),
    ("deposit", {**ACCOUNT, "amount": 5}, "amount must be a text in quotes, not 5"),
    ("deposit", {**ACCOUNT, "amount": "1", "ammount": "1"}, "ammount is not a known key"),
    ("balances", {"account": "NOBODY"}, "account 'NOBODY' is not known"),
    ("balances", {"limit": 0}, "limit must be a whole number from 1 to 10000, not 0"),
    ("balances", {"limit": 10_001}, "limit must be a whole number from 1 to 10000"),
    ("orders", {"account": "NOBODY"}, "account 'NOBODY' is not known"),
    ("orders", {"session": "NOBODY"}, "sender_comp_id 'NOBODY' has no session here"),
    ("orders", {"symbol": "BTC/XAU"}, "symbol 'BTC/XAU' is not known"),
    ("orders", {"limit": -1}, "limit must be"),
    ("market-status", {"symbol": "BTC/XAU", "status": "online"}, "symbol 'BTC/XAU' is not known"),
    ("market-status", {"symbol": "BTC/USD", "status": "open"}, "status must be one of online, "),
    ("market-status", {"symbol": "BTC/USD"}, "status is missing"),
    ("halt", {"symbol": "BTC/USD"}, "symbol is no parameter"),
    ("index", {"symbol": "BTC/USD", "price": "0"}, "price must be above 0"),
    ("index", {"symbol": "BTC/USD", "price": "-1"}, "price must be a plain decimal"),
    ("index", {"symbol": "BTC/USD", "price": "1.25"}, "price must have at most 1 decimals"),
    ("index", {"symbol": "BTC/USD", "price": "1" * 18}, "price must be above 0 and at most"),
    ("index", {"symbol": "BTC/USD", "price": "1" * 19}, "price must have at most 18 digits"),
    ("index", {"symbol": "", "price": "1"}, "symbol '' is not known"),
    ("band", {"symbol": "BTC/USD", "percent": "0"}, "percent must be above 0 and at most 1000"),
    ("band", {"symbol": "BTC/USD", "percent": "1001"}, "percent must be above 0 and at most 1000"),
    ("band", {"symbol": "BTC/USD", "percent": "-5"}, "percent must be a plain decimal"),
    ("band", {"symbol": "BTC/USD", "percent": "0.12345"}, "percent must have at most 4 decimals"),
    ("fees-account", {"account": "NOBODY", "source": "default"}, "account 'NOBODY' is not known"),
    ("fees-account", {"account": "ACME-1", "source": "free"}, "source must be one of default"),
    ("fees-account", FIXED, "source fixed needs maker_percent and taker_percent"),
    ("fees-account", {**FIXED, "maker_percent": "0.1", "taker_percent": "101"},
     "taker_percent must be from 0 to 100 percent"),
    ("fees-account", {**FIXED, "maker_percent": "-1", "taker_percent": "1"}, "maker_percent must"),
    ("fees-account", {"account": "ACME-1", "source": "default", "maker_percent": "1"},
     "go with source fixed alone"),
    ("fees-schedule", {"schedule": "vip", "tiers": []}, "schedule must be one of"),
    ("firm-add", {"firm": "ACME"}, "firm ACME is there already"),
    ("firm-add", {"firm": ""}, "firm must be a text of 1 to 64 letters"),
    ("firm-add", {"firm": LONG}, "firm must be a text of 1 to 64 letters"),
    ("firm-add", {"firm": "A B"}, "firm must be a text of 1 to 64 letters"),
    ("firm-disable", {"firm": "NOBODY"}, "firm must be the name of one, not 'NOBODY'"),
    ("firm-enable", {"firm": "ACME"}, "firm ACME is not disabled by an operator"),
    ("account-add", {"account": "ACME-1", "firm": "ACME"}, "account ACME-1 is there already"),
    ("account-add", {"account": LONG, "firm": "ACME"}, "account must be a text of 1 to 64"),
    ("account-add", {"account": "N-1", "firm": "NOBODY"}, "firm must be the name of one"),
    ("account-add", {"account": "N-1", "firm": "ACME", "parent": "NOBODY"}, "parent must be"),
    ("account-add", {"account": "N-1", "firm": "ACME", "parent": "PRIME-1"}, "of firm PRIME"),
    ("account-add", {"account": "N-1", "firm": "PRIME", "parent": "PRIME-1-A"}, "itself"),
    ("account-add", {"account": "N-1", "firm": "ACME", "maker_percent": "1"}, "go together"),
    ("account-add", {"account": "N-1", "firm": "ACME", "maker_percent": "1",
                     "taker_percent": "x"}, "taker_percent must be a plain decimal"),
    ("account-add", {"account": "N-1", "firm": "ACME", "rate_tier": "vip"}, "rate_tier must be"),
    ("account-add", {"account": "N-1", "firm": "ACME", "fee_tier": "vip"}, "fee_tier must be one"),
    ("account-add", {"account": "N-1", "firm": "ACME", "fee_tier": "0", "maker_percent": "1",
                     "taker_percent": "1"}, "exclude each other"),
    ("account-add", {"account": "N-1", "firm": "ACME", "balances": {"USD": "1"}},
     "balances is not for an account that is added"),
    ("account-add", {"firm": "ACME"}, "account is missing"),
    ("positions", {"account": "NOBODY"}, "account 'NOBODY' is not known"),
    ("account-disable", {"account": "NOBODY"}, "account 'NOBODY' is not known"),
    ("account-enable", {"account": "ACME-1"}, "account ACME-1 is not disabled by an operator"),
    ("session-add", {"account": "ACME-1"}, "sender_comp_id is missing"),
    ("session-add", {"sender_comp_id": "NEW"}, "account is missing"),
    ("session-add", {**SESSION, "account": "NOBODY"}, "account 'NOBODY' is not known"),
    ("session-add", {**SESSION, "sender_comp_id": "ACME"}, "session ACME KRAKEN-TRD is there"),
    ("session-add", {**SESSION, "sender_comp_id": LONG}, "sender_comp_id must be a text of 1 to"),
    ("session-add", {**SESSION, "target_comp_id": ""}, "target_comp_id must be a text of 1 to"),
    ("session-add", {**SESSION, "broker": True}, "has no sub-accounts"),
    ("session-add", {**SESSION, "networks": []}, "networks is empty"),
    ("session-add", {**SESSION, "networks": ["10.0.0.1/8"]}, r"networks\[0\] names an address"),
    ("session-add", {**SESSION, "heartbeat_min_s": 0}, "heartbeat_min_s must be a whole number"),
    ("session-add", {**SESSION, "heartbeat_min_s": 301}, "heartbeat_max_s must be 301 to 3600"),
    ("session-add", {**SESSION, "tls": "maybe"}, "tls must be"),
    ("session-add", {**SESSION, "keys": ["a"]}, "keys is not for a session that is added"),
    ("session-add", {**SESSION, "colour": "blue"}, "colour is not a known key"),
    ("session-disable", {"sender_comp_id": "NOBODY"}, "'NOBODY' has no session here"),
    ("session-disable", {"sender_comp_id": "TWIN"}, "target_comp_id is missing: TWIN has several"),
    ("session-enable", {"sender_comp_id": "PRIME"}, "not disabled by an operator"),
    ("key-add", {"account": "NOBODY"}, "account 'NOBODY' is not known"),
    ("key-add", {"account": "ACME-1", "key": "k" * 129}, "key must be a text of 1 to 128"),
    ("key-add", {"account": "ACME-1", "key": ""}, "key must be a text of 1 to 128"),
    ("key-disable", {"key": "nobody's"}, "key nobody's is not known"),
    ("key-disable", {}, "key is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "parameters", "text"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_it(
    venue: Venue, command: str, parameters: dict[str, Any], text: str
) -> None:
    before = (venue.data / "secrets.json").read_bytes()
    with pytest.raises(ControlError, match=text):
        ask(venue.data, command, parameters)
    assert (venue.data / "secrets.json").read_bytes() == before


def test_a_name_is_added_once(venue: Venue) -> None:
    ask(venue.data, "firm-add", {"firm": "ONCE"})
    ask(venue.data, "account-add", {"account": "ONCE-1", "firm": "ONCE"})
    ask(venue.data, "session-add", {"sender_comp_id": "ONCE", "account": "ONCE-1"})
    ask(venue.data, "key-add", {"account": "ONCE-1", "key": "once"})
    before = (venue.data / "secrets.json").read_bytes()
    for command, parameters in (
        ("firm-add", {"firm": "ONCE"}),
        ("account-add", {"account": "ONCE-1", "firm": "ONCE"}),
        ("session-add", {"sender_comp_id": "ONCE", "account": "ONCE-1"}),
        ("key-add", {"account": "ONCE-1", "key": "once"}),
    ):
        with pytest.raises(ControlError, match="is there already"):
            ask(venue.data, command, parameters)
    assert (venue.data / "secrets.json").read_bytes() == before


def test_a_key_of_the_configuration_is_not_added_again(venue: Venue) -> None:
    with pytest.raises(ControlError, match="is there already, in the configuration"):
        ask(venue.data, "key-add", {"account": "ACME-1", "key": venue.login("ACME").api_key})


def test_the_command_line_refuses_what_makes_no_sense(venue: Venue) -> None:
    for arguments, text in (
        (("fees", "account", "ACME-1"), b"one of --maker with --taker"),
        (("fees", "account", "ACME-1", "--by-volume", "--default"), b"one of --maker"),
        (("fees", "schedule", "vip", "0:1"), b"a tier is VOLUME:MAKER:TAKER"),
        (("market", "BTC/USD", "colour", "online"), b"colour"),
        (("deposit", "ACME-1", "USD", "0"), b"amount must be above 0"),
    ):
        done = tidegate("ctl", *arguments, "--data", venue.data)
        assert done.returncode == 2
        assert text in done.stderr
        assert b"Traceback" not in done.stderr


def test_nobody_but_the_owner_can_read_what_belongs_to_added_names(venue: Venue) -> None:
    ask(venue.data, "key-add", {"account": "ACME-1", "key": "private"})
    path: Path = venue.data / "secrets.json"
    assert path.stat().st_mode & 0o777 == 0o600
    journal = b"".join(p.read_bytes() for p in (venue.data / "journal").iterdir())
    secret = json.loads(path.read_bytes())["added_keys"]["private"]
    assert b"private" in journal
    assert secret.encode() not in journal
