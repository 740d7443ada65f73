"""QuickFIX gets over what a line does to it: it asks again for what is missing or spoilt, and comes
back by itself where the line was cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue
from tidegate.control.client import ask

pytest.importorskip("quickfix", reason="QuickFIX (quickfix-tls) is not installed")

from tests.peers.quickfix_peer import QuickFixPeer

ORDERS = 8


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    with Venue(tmp_path / "data", plain=False) as venue:
        yield venue
        assert venue.stop() == 0
        assert "Traceback" not in venue.log_text()


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("skip", {}),
        ("corrupt_checksum", {}),
        ("corrupt_length", {}),
        ("reorder", {}),
        ("delay", {"ms": 50}),
        ("hold_reports", {"ms": 50}),
        ("drop", {}),
    ],
)
def test_every_report_arrives(
    venue: Venue, dictionary: Path, tmp_path: Path, kind: str, given: dict[str, Any]
) -> None:
    """In the order of the orders, each of them once, whatever happened to message 5."""
    acme = QuickFixPeer(venue.login("ACME"), tmp_path / "ACME", dictionary)
    ask(venue.data, "fault-add", {"kind": kind, "session": "ACME", "at": 5, **given})
    with acme:
        sent = []
        for number in range(ORDERS):
            if kind == "drop" and number == ORDERS // 2:
                acme.expect_state("logout")  # until it is back it would refuse to send
                acme.expect_state("logon")
            sent.append(acme.order(1, "20000", "0.1"))
        assert [acme.report(t150="0")[11] for _ in sent] == sent
    (injection,) = ask(venue.data, "fault-history")
    assert (injection["kind"], injection["msg_seq_num"]) == (kind, 5)
    if kind not in ("delay", "hold_reports"):
        assert "2" in acme.sent_types()


def test_a_message_twice_ends_the_session_as_fix_has_it(
    venue: Venue, dictionary: Path, tmp_path: Path
) -> None:
    acme = QuickFixPeer(venue.login("ACME"), tmp_path / "ACME", dictionary)
    with acme:
        ask(venue.data, "fault-add", {"kind": "repeat", "session": "ACME"})
        acme.order(1, "20000", "0.1")
        acme.report(t150="0")
        acme.expect_state("logout")
        logout = next(dict(f) for f in acme.application.sent if dict(f)[35] == "5")
        assert "MsgSeqNum too low, expecting 3 but received 2" in logout[58]
