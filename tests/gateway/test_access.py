"""The gateway's book of sessions and keys, which grows while the venue runs."""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from tidegate.config.values import ApiKey, SessionAccess
from tidegate.gateway.access import AccessBook

ACCESS = SessionAccess(
    firm="ACME", account="ACME-1", market="spot", role="trading", sender_comp_id="ACME",
    target_comp_id="KRAKEN-TRD", service="spot_trading", port=4001, broker=False, enabled=True,
    networks=(ipaddress.ip_network("127.0.0.0/8"),), key_names=("own",), nonce_window_ms=5_000,
    tls="any",
)  # fmt: skip
KEY = ApiKey(name="own", secret=b"s", firm="ACME", account="ACME-1", sessions=(ACCESS.session_id,))


def book() -> AccessBook:
    return AccessBook({ACCESS.session_id: ACCESS}, {"own": KEY})


def test_an_added_key_is_for_every_session_of_its_account_and_for_no_other() -> None:
    access = book()
    other = replace(ACCESS, sender_comp_id="BETA", account="BETA-1")
    access.add_session(other)
    access.add_key(replace(KEY, name="new", secret=b"t", sessions=()))
    assert access.sessions[ACCESS.session_id].key_names == ("own", "new")
    assert access.sessions[other.session_id].key_names == ()
    assert access.keys["new"].sessions == (ACCESS.session_id,)


def test_an_added_session_takes_the_keys_of_its_account() -> None:
    access = book()
    access.add_key(replace(KEY, name="new", sessions=()))
    second = replace(ACCESS, sender_comp_id="ACME-2", key_names=())
    access.add_session(second)
    assert access.sessions[second.session_id].key_names == ("own", "new")
    assert access.keys["own"].sessions == (ACCESS.session_id, second.session_id)
    assert access.keys["new"].sessions == (ACCESS.session_id, second.session_id)


def test_a_name_of_the_configuration_is_its_own() -> None:
    access = book()
    access.add_key(replace(KEY, secret=b"other"))
    access.add_session(replace(ACCESS, networks=()))
    assert access.keys["own"].secret == b"s"
    assert access.sessions[ACCESS.session_id] == ACCESS
