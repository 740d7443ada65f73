"""What operators do to a running venue is there after a restart and after kill -9, whatever the
configuration file says by then; keys that are added log on over TLS."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Login, Peer
from tidegate.control.client import VenueUnreachable, ask
from tidegate.control.protocol import ControlError

CONFIG = """
[[firm]]
name = "ACME"
account = [{ id = "ACME-1", balances = { USD = "1000000", BTC = "10" } }]
session = [{ sender_comp_id = "ACME" }]
"""
PRODUCTION = """
[venue]
profile = "production"
durability = "process"
[[firm]]
name = "ACME"
account = [{ id = "ACME-1" }]
key = [{ name = "acme", secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }]
session = [{ sender_comp_id = "ACME" }]
"""


def nova(venue: Venue, key: dict[str, Any]) -> Login:
    return Login(
        port=venue.ready["ports"]["spot_trading"],
        sender_comp_id="NOVA",
        target_comp_id="KRAKEN-TRD",
        api_key=key["key"],
        api_secret=key["api_secret"],
        ca_file=venue.ready["ca_file"],
        host=venue.ready["host"],
    )


def add_nova(venue: Venue) -> dict[str, Any]:
    """A firm with an account of 10,000 USD and a session; its key."""
    ask(venue.data, "firm-add", {"firm": "NOVA"})
    ask(venue.data, "account-add", {"account": "NOVA-1", "firm": "NOVA"})
    ask(venue.data, "deposit", {"account": "NOVA-1", "asset": "USD", "amount": "10000"})
    ask(venue.data, "session-add", {"sender_comp_id": "NOVA", "account": "NOVA-1",
                                    "cancel_on_disconnect": False})  # fmt: skip
    key = ask(venue.data, "key-add", {"account": "NOVA-1"})
    return dict(key)


def answer_to_logon(login: Login) -> str:
    with Peer(login) as peer:
        answer = peer.logon("98=0|108=30|141=Y")
        return "A" if answer.type == "A" else answer[58]


def restart(venue: Venue, *, kill: bool) -> None:
    if kill:
        venue.kill()
    else:
        assert venue.stop() == 0
    venue.start()


@pytest.mark.parametrize("config", [CONFIG, PRODUCTION], ids=["uat", "production"])
def test_an_added_key_logs_on_over_tls_before_and_after_kill_and_restart(
    tmp_path: Path, config: str
) -> None:
    with Venue(tmp_path / "data", config=config, plain=False) as venue:
        key = add_nova(venue)
        with Peer(nova(venue, key)) as peer:
            assert peer.logon("98=0|108=30|141=Y").type == "A"
            peer.order(1)
            order_id = peer.expect("8")[37]
        for kill in (True, False):
            restart(venue, kill=kill)
            [order] = ask(venue.data, "orders", {"session": "NOVA"})["rows"]
            assert order["order_id"] == order_id
            assert answer_to_logon(nova(venue, key)) == "A"
            wrong = replace(nova(venue, key), api_secret="AAAA")
            assert answer_to_logon(wrong) == "Logon failed: invalid credentials"
        assert key["api_secret"] not in json.dumps(ask(venue.data, "keys"))
        assert key["api_secret"] not in (venue.data / "ready.json").read_text()
        assert key["api_secret"] not in venue.log_text()


@pytest.mark.parametrize("kill", [True, False], ids=["kill", "stop"])
def test_each_change_of_an_operator_is_there_after_a_restart(tmp_path: Path, kill: bool) -> None:
    changes: list[tuple[str, dict[str, Any]]] = [
        ("firm-add", {"firm": "NOVA"}),
        ("account-add", {"account": "NOVA-1", "firm": "NOVA"}),
        ("account-add", {"account": "NOVA-1-A", "firm": "NOVA", "parent": "NOVA-1"}),
        ("deposit", {"account": "NOVA-1", "asset": "USD", "amount": "10.5"}),
        ("withdraw", {"account": "NOVA-1", "asset": "USD", "amount": "0.5"}),
        ("session-add", {"sender_comp_id": "NOVA", "account": "NOVA-1", "broker": True}),
        ("key-add", {"account": "NOVA-1", "key": "nova"}),
        ("market-status", {"symbol": "BTC/USD", "status": "post_only"}),
        ("index", {"symbol": "BTC/USD", "price": "84000.5"}),
        ("band", {"symbol": "BTC/USD", "percent": "5"}),
        ("fees-account", {"account": "ACME-1", "source": "fixed", "maker_percent": "0.01",
                          "taker_percent": "0.02"}),
        ("fees-schedule", {"schedule": "crypto", "tiers": [
            {"volume": "0", "maker_percent": "0.1", "taker_percent": "1"}]}),
        ("halt", {}),
        ("key-disable", {"key": "nova"}),
        ("session-disable", {"sender_comp_id": "NOVA"}),
        ("account-disable", {"account": "NOVA-1"}),
        ("firm-disable", {"firm": "ACME"}),
    ]  # fmt: skip
    lists = ("firms", "accounts", "keys", "markets", "fees", "balances")
    with Venue(tmp_path / "data", config=CONFIG) as venue:
        for command, parameters in changes:
            ask(venue.data, command, parameters)
            before = [ask(venue.data, name) for name in lists]
            restart(venue, kill=kill)
            assert [ask(venue.data, name) for name in lists] == before, f"after {command}"
        assert venue.stop() == 0
    done = tidegate("verify", "--data", venue.data)
    assert done.returncode == 0, done.stderr


def test_what_an_operator_did_outlives_a_changed_configuration(tmp_path: Path) -> None:
    with Venue(tmp_path / "data", config=CONFIG) as venue:
        key = add_nova(venue)
        ask(venue.data, "session-disable", {"sender_comp_id": "ACME"})
        assert venue.stop() == 0
    changed = CONFIG + '[[firm]]\nname = "BETA"\naccount = [{ id = "BETA-1" }]\n'
    with Venue(tmp_path / "data", config=changed) as venue:
        assert answer_to_logon(nova(venue, key)) == "A"
        assert answer_to_logon(venue.login("ACME")) == "Logon failed: session disabled"
        assert venue.stop() == 0


def test_a_name_in_the_configuration_wins_over_an_added_one(tmp_path: Path) -> None:
    """Its keys, networks and fees are the file's; its money stays, and is not deposited twice."""
    secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    with Venue(tmp_path / "data", config=CONFIG) as venue:
        key = add_nova(venue)
        assert venue.stop() == 0
    taken_over = (
        CONFIG
        + f"""
[[firm]]
name = "NOVA"
key = [{{ name = "file-key", secret = "{secret}" }}]
session = [{{ sender_comp_id = "NOVA", keys = ["file-key"] }}]
[[firm.account]]
id = "NOVA-1"
balances = {{ USD = "77" }}
maker_percent = "1"
taker_percent = "1"
"""
    )
    with Venue(tmp_path / "data", config=taken_over) as venue:
        [money] = ask(venue.data, "balances", {"account": "NOVA-1"})["rows"]
        assert money["available"] == "10000"
        [account] = [a for a in ask(venue.data, "accounts")["rows"] if a["account"] == "NOVA-1"]
        assert (account["added"], account["maker_percent"]) == (False, "1")
        assert answer_to_logon(venue.login("NOVA")) == "A"
        assert answer_to_logon(nova(venue, key)) == "A"  # a key of the account, added by hand
        assert venue.stop() == 0
    with Venue(tmp_path / "data", config=CONFIG) as venue:  # and gone with the file's
        assert answer_to_logon(nova(venue, key)).startswith("Logon failed")


# --- a crash between the file of secrets and the journal ------------------------------------------


DYING = """
import os, signal
from pathlib import Path
from tidegate.control import directory_commands
def die(point):
    if Path({place!r}).is_file() and Path({place!r}).read_text() == point:
        os.kill(os.getpid(), signal.SIGKILL)
save, do = directory_commands.DirectoryCommands._save_secrets, directory_commands.do
async def save_and_die(self):
    await save(self)
    die("before the record")
async def do_and_die(*arguments):
    await do(*arguments)
    die("before the answer")
directory_commands.DirectoryCommands._save_secrets = save_and_die
directory_commands.do = do_and_die
"""


def mortal(directory: Path) -> Venue:
    """A venue that `crash` can kill."""
    script = DYING.format(place=str(directory / "die"))
    return Venue(directory / "data", config=CONFIG, script=script)


def crash(venue: Venue, point: str, command: str, parameters: dict[str, Any]) -> None:
    """The venue dies over the command: when the secrets are kept and nothing is journaled, or when
    all is done but the answer. It is started again."""
    place = venue.data.with_name("die")
    place.write_text(point)
    with pytest.raises(VenueUnreachable, match="went away"):
        ask(venue.data, command, parameters)
    assert venue.wait() == -signal.SIGKILL
    place.unlink()
    venue.start()


def kept(venue: Venue) -> dict[str, Any]:
    content = json.loads((venue.data / "secrets.json").read_bytes())
    return dict(content)


def test_a_key_whose_secret_alone_was_kept_counts_for_nothing_and_is_added_again(
    tmp_path: Path,
) -> None:
    with mortal(tmp_path) as venue:
        crash(venue, "before the record", "key-add", {"account": "ACME-1", "key": "new"})
        secret = kept(venue)["added_keys"]["new"]
        assert [k["key"] for k in ask(venue.data, "keys")["rows"]] == [venue.login("ACME").api_key]
        unknown = replace(venue.login("ACME"), api_key="new", api_secret=secret)
        assert answer_to_logon(unknown) == "Logon failed: invalid credentials"
        key = ask(venue.data, "key-add", {"account": "ACME-1", "key": "new"})
        assert key["api_secret"] != secret
        again = replace(venue.login("ACME"), api_key="new", api_secret=key["api_secret"])
        assert answer_to_logon(again) == "A"


def test_a_key_that_was_journaled_and_not_answered_is_there_with_its_secret(
    tmp_path: Path,
) -> None:
    with mortal(tmp_path) as venue:
        crash(venue, "before the answer", "key-add", {"account": "ACME-1", "key": "new"})
        secret = kept(venue)["added_keys"]["new"]
        assert "new" in [k["key"] for k in ask(venue.data, "keys")["rows"]]
        known = replace(venue.login("ACME"), api_key="new", api_secret=secret)
        assert answer_to_logon(known) == "A"
        with pytest.raises(ControlError, match="key new is there already"):
            ask(venue.data, "key-add", {"account": "ACME-1", "key": "new"})
        ask(venue.data, "key-disable", {"key": "new"})  # its secret was never told: no use
        assert answer_to_logon(known) == "Logon failed: invalid credentials"


@pytest.mark.parametrize("point", ["before the record", "before the answer"])
def test_a_session_is_added_whole_or_not_at_all(tmp_path: Path, point: str) -> None:
    added = {"sender_comp_id": "NOVA", "account": "ACME-1"}
    with mortal(tmp_path) as venue:
        crash(venue, point, "session-add", added)
        assert [s["sender_comp_id"] for s in kept(venue)["added_sessions"]] == ["NOVA"]
        login = replace(venue.login("ACME"), sender_comp_id="NOVA")
        if point == "before the record":
            assert answer_to_logon(login) == "Logon failed: unknown CompID"
            ask(venue.data, "session-add", added)
        assert answer_to_logon(login) == "A"


def test_added_names_whose_secrets_are_lost_are_left_out_and_told(tmp_path: Path) -> None:
    with Venue(tmp_path / "data", config=CONFIG) as venue:
        add_nova(venue)
        ask(venue.data, "key-add", {"account": "NOVA-1", "key": "nova"})
        assert venue.stop() == 0
        content = kept(venue)
        content["added_sessions"] = []
        del content["added_keys"]["nova"]
        (venue.data / "secrets.json").write_text(json.dumps(content))
        venue.start()
        text = venue.log_text()
        assert "session NOVA KRAKEN-TRD" in text.partition("added_name_left_out")[2]
        assert "key nova" in text.partition("added_name_left_out")[2]
        login = replace(venue.login("ACME"), sender_comp_id="NOVA")
        assert answer_to_logon(login).startswith("Logon failed")


def test_a_file_of_secrets_that_can_not_be_written_adds_nothing(tmp_path: Path) -> None:
    with Venue(tmp_path / "data", config=CONFIG) as venue:
        (venue.data / "secrets.json.new").mkdir()  # in the place of the file aside
        with pytest.raises(ControlError, match="cannot be written"):
            ask(venue.data, "key-add", {"account": "ACME-1", "key": "new"})
        assert "new" not in [k["key"] for k in ask(venue.data, "keys")["rows"]]
        (venue.data / "secrets.json.new").rmdir()
        ask(venue.data, "key-add", {"account": "ACME-1", "key": "new"})
        assert venue.stop() == 0
