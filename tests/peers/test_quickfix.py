"""QuickFIX trades against a running venue and finds nothing wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.venue import Venue
from tests.peers.socket_peer import utc_now

pytest.importorskip("quickfix", reason="QuickFIX (quickfix-tls) is not installed")

from tests.peers.quickfix_peer import Fields, QuickFixPeer


@pytest.fixture
def venue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    """With TLS, unless a test asks for none."""
    with Venue(tmp_path / "data", plain=getattr(request, "param", "tls") == "plain") as venue:
        yield venue


class Desk:
    """Opens QuickFIX sessions and looks at each one's end whether it was content."""

    def __init__(self, venue: Venue, directory: Path, dictionary: Path) -> None:
        self._venue = venue
        self._directory = directory
        self._dictionary = dictionary

    def open(self, name: str) -> QuickFixPeer:
        return QuickFixPeer(self._venue.login(name), self._directory / name, self._dictionary)


@pytest.fixture
def desk(venue: Venue, tmp_path: Path, dictionary: Path) -> Desk:
    return Desk(venue, tmp_path, dictionary)


def target(report: Fields) -> dict[int, str | float | int]:
    return {37: report[37], 54: report[54], 55: report[55], 60: utc_now()}


@pytest.mark.parametrize("venue", ["tls", "plain"], indirect=True)
def test_the_life_of_orders(desk: Desk) -> None:
    with desk.open("ACME") as acme, desk.open("BETA") as beta:
        # Rest, and fill by another QuickFIX session.
        sell = acme.order(2, "30000", "1", t18="P", t7928="1")
        new = acme.report(t35="8", t150="0", t39="0", t11=sell, t151="1", t18="P")
        buy = beta.order(1, "30000", "0.4")
        beta.report(t150="0", t11=buy)
        beta.report(t150="F", t39="2", t31="30000", t32="0.4", t5050="1", t136="1", t138="USD")
        fill = acme.report(t150="F", t39="1", t11=sell, t32="0.4", t151="0.6", t5050="0")
        assert fill[37] == new[37]
        # Amend, status, cancel.
        amend = acme.next_id()
        acme.send("G", {**target(new), 11: amend, 41: sell, 38: "0.9", 40: 2, 44: "30001", 59: 1})
        acme.report(t150="5", t39="5", t11=amend, t41=sell, t38="0.9", t151="0.5", t44="30001")
        acme.send("H", {11: amend, 37: new[37], 55: "BTC/USD"})
        acme.report(t150="I", t39="5", t151="0.5")
        cancel = acme.next_id()
        acme.send("F", {**target(new), 11: cancel, 41: amend})
        acme.report(t150="4", t39="4", t11=cancel, t41=amend, t151="0")
        # Market, IOC and FOK.
        ids = [acme.order(2, f"3000{n}", "0.1") for n in range(3)]
        for cl_ord_id in ids:
            acme.report(t150="0", t11=cl_ord_id)
        beta.order(1, "", "0.05", t40="1")
        beta.report(t150="0", t40="1")
        beta.report(t150="F", t39="2")
        beta.order(1, "30000", "0.2", t59="3")
        beta.report(t150="0")
        beta.report(t150="F", t39="1")
        beta.report(t150="4", t39="4", t151="0")
        beta.order(1, "30000", "5", t59="4")
        beta.report(t150="0")
        beta.report(t150="4", t14="0")
        for expected in ("1", "2"):
            acme.report(t150="F", t39=expected, t11=ids[0])
        # Mass cancel.
        acme.send("q", {11: acme.next_id(), 530: 6, 60: utc_now()})
        for cl_ord_id in ids[1:]:
            acme.report(t150="4", t39="4", t11=cl_ord_id)
    for peer in (acme, beta):
        peer.require_content()
        assert peer.sent_types()[0] == "A"
        assert peer.sent_types()[-1] == "5"


def test_refusals(desk: Desk) -> None:
    with desk.open("ACME") as acme:
        poor = acme.order(1, "1000000", "100000")
        acme.report(t35="j", t372="D", t379=poor, t380="0", t58="EOrder:Insufficient funds")
        unknown = acme.next_id()
        acme.send("F", {11: unknown, 41: "1", 54: 1, 55: "BTC/USD", 60: utc_now()})
        acme.report(t35="j", t372="F", t379=unknown, t380="101", t58="EOrder:Unknown order")
        acme.order(1, "20000", "1", t55="NO/PAIR")
        acme.report(t35="j", t380="2")
        acme.order(1, "20000", "1", t40="3", t99="100", t44="", t18="P")
        acme.report(t35="j", t380="0")  # what contradicts itself is refused in words
        acme.send("AF", {584: "1", 585: "7"})
        acme.report(t35="j", t372="AF", t380="3")
        # Session level: QuickFIX does not look at what it sends.
        no_side: dict[int, str | float | int] = {
            11: acme.next_id(), 55: "BTC/USD", 40: 2, 44: "1", 38: "1", 59: 1, 60: utc_now()
        }  # fmt: skip
        acme.send("D", no_side)
        reject = acme.admin("3")
        assert (reject[371], reject[372], reject[373]) == ("54", "D", "1")
        assert reject[58] == "Missing mandatory field: Side (54)"
        acme.order(9, "20000", "1")
        assert acme.admin("3")[373] == "5"
        # And the session lives on.
        good = acme.order(1, "20000", "1")
        acme.report(t150="0", t11=good)
    acme.require_content()


def test_every_order_type_validates(desk: Desk) -> None:
    """The fields that only some orders have, in each kind of report."""
    hour = utc_now(3600)
    with desk.open("ACME") as acme, desk.open("BETA") as beta, desk.open("PRIME") as prime:
        acme.order(2, "30000", "1", t1138="0.1")
        acme.report(t150="0", t1138="0.1")
        beta.order(1, "30000", "0.1")
        beta.report(t150="0")
        beta.report(t150="F", t39="2")
        acme.report(t150="F", t39="1", t1138="0.1", t151="0.9")
        stop = acme.order(2, "", "0.1", t40="3", t99="29990")
        acme.report(t150="0", t40="3", t99="29990")
        limits = [
            acme.order(1, "29000", "0.1", t40="4", t99="30010", t59="6", t126=hour),
            acme.order(1, "", "0.1", t40="R", t99="29980", t388="5"),
            acme.order(2, "31000", "0.1", t40="T", t99="30020"),
            acme.order(2, "", "0.1", t40="U", t99="20"),
            acme.order(1, "5", "0.1", t40="V", t99="50"),
        ]
        for cl_ord_id, ord_type in zip(limits, "4RTUV", strict=True):
            acme.report(t150="0", t39="0", t11=cl_ord_id, t40=ord_type)
        scheduled = acme.order(1, "100", "1", t168=hour)
        acme.report(t150="A", t39="A", t11=scheduled)
        acme.order(1, "20000", "0.1", t5001="1", t18="s", t62=utc_now(30))
        acme.report(t150="0", t18="s")
        # A trade at 29990 fires the stop, for which there is a bid of its own account alone.
        beta.order(1, "29990", "0.01")
        beta.report(t150="0")
        prime.order(2, "29990", "0.01", t18="q", t78="1", t79="PRIME-1-A")
        prime.report(t150="0", t18="q", t79="PRIME-1-A")
        prime.report(t150="F", t5050="1", t138="USD", t79="PRIME-1-A")
        beta.report(t150="F", t5050="0")
        acme.report(t150="D", t39="0", t11=stop, t378="3", t1102="29990", t40="1")
        acme.report(t150="4", t39="4", t58="Cannot trade with self", t1102="29990")
        # An amount of money, with the fee in what it buys.
        beta.order(1, "", "300", t40="1", t18="v f")
        beta.report(t150="0", t38="300", t151="300")
        beta.report(t150="F", t39="2", t14="300", t32="0.01", t138="BTC")
        acme.report(t150="F", t39="1", t151="0.89")
        acme.send("q", {11: acme.next_id(), 530: 6, 60: utc_now()})
        for _ in range(8):
            acme.report(t150="4", t39="4", t58="Order canceled by mass cancel")
    for peer in (acme, beta, prime):
        peer.require_content()


def test_broker_allocations_validate(desk: Desk, venue: Venue) -> None:
    with desk.open("PRIME") as prime:
        sub = prime.order(1, "20000", "1", t78="1", t79="PRIME-1-A")
        prime.report(t150="0", t11=sub, t78="1", t79="PRIME-1-A")
        prime.order(1, "20000", "1")
        prime.report(t35="j", t380="6")
    prime.require_content()


def test_replay_of_what_was_missed(desk: Desk) -> None:
    """QuickFIX logs out, misses fills, comes back with continued numbers and asks for the gap."""
    with desk.open("BETA") as beta:
        with desk.open("ACME") as acme:
            sell = acme.order(2, "30000", "1")
            acme.report(t150="0", t11=sell)
        acme.require_content()
        for _ in range(3):
            beta.order(1, "30000", "0.2")
            beta.report(t150="0")
            beta.report(t150="F")
        with desk.open("ACME") as acme:
            for leaves in ("0.8", "0.6", "0.4"):
                fill = acme.report(t150="F", t11=sell, t151=leaves, t43="Y")
                assert fill[122] <= fill[52]
            assert "2" in acme.sent_types()
            another = acme.order(1, "20000", "1")
            acme.report(t150="0", t11=another, t43="")
        acme.require_content()
        logons = [dict(f) for f in acme.application.sent if dict(f)[35] == "A"]
        assert int(logons[0][34]) > 1
        assert 141 not in logons[0]
    beta.require_content()


def test_a_killed_venue_comes_back(desk: Desk, venue: Venue) -> None:
    """QuickFIX reconnects by itself; numbers go on, the order is still there."""
    with desk.open("ACME") as acme:
        buy = acme.order(1, "20000", "1")
        new = acme.report(t150="0", t11=buy)
        venue.kill()
        acme.expect_state("logout")
        venue.start()
        acme.expect_state("logon")
        acme.send("H", {11: buy, 37: new[37], 55: "BTC/USD"})
        acme.report(t150="I", t39="0", t37=new[37])
    acme.require_content()


def test_the_venue_stops(desk: Desk, venue: Venue) -> None:
    with desk.open("ACME") as acme:
        assert venue.stop() == 0
        acme.expect_state("logout")
        assert acme.admin("5")[58] == "Venue is stopping"
    acme.require_content()
