"""One venue for many tests of a module, with sessions of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.app.venue import Venue
from tests.peers.socket_peer import Login

LOGON_TIMEOUT_S = 2
SECRET = "bm9ib2R5IGtub3dzIHRoaXMgc2VjcmV0"
KEY = "desk-key"

CONFIG = f"""
[venue]
logon_timeout_s = {LOGON_TIMEOUT_S}
snapshot_every_records = 100000

[session_defaults]
heartbeat_min_s = 1
errors_per_second_max = 1000000

[[firm]]
name = "ACME"
[[firm.account]]
id = "ACME-1"
balances = {{ USD = "1000000000", BTC = "100000" }}
[[firm.key]]
name = "{KEY}"
secret = "{SECRET}"
[[firm.session]]
sender_comp_id = "ACME"
[[firm.session]]
sender_comp_id = "ACME-DISPLACE"
duplicate_logon = "displace"
[[firm.session]]
sender_comp_id = "ACME-FAR"
networks = ["10.0.0.0/8", "2001:db8::/32"]
[[firm.session]]
sender_comp_id = "ACME-TLS"
tls = "required"
[[firm.session]]
sender_comp_id = "ACME-OFF"
enabled = false
[[firm.session]]
sender_comp_id = "ACME-TWICE"
[[firm.session]]
sender_comp_id = "ACME-SLOW"
heartbeat_min_s = 100

[[firm]]
name = "BETA"
[[firm.account]]
id = "BETA-1"
balances = {{ USD = "1000000000", BTC = "100000" }}
[[firm.session]]
sender_comp_id = "BETA"
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    data = tmp_path_factory.mktemp("venue") / "data"
    with Venue(data, config=CONFIG) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


def login(venue: Venue, sender_comp_id: str) -> Login:
    """Of sessions too that `ready.json` does not show."""
    return replace(
        venue.login("ACME"), sender_comp_id=sender_comp_id, api_key=KEY, api_secret=SECRET
    )
