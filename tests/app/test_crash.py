"""kill -9 under load: what was acknowledged is there, what was not sent twice stays so."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from tests.app.venue import Venue, copied, tidegate
from tests.app.witness import Witness
from tests.peers.socket_peer import Frame, Peer
from tidegate.recovery import Recovered, recover

UNIT = 10**10  # balances are in 1e-10 of the asset
CONFIG = """[fees]
default_tier = "0"
[venue]
snapshot_every_records = 1000
segment_bytes = 262144
"""


def recovered_copy(data: Path, name: str) -> Recovered:
    copy = copied(data, data.with_name(name))
    return recover(copy, durability="process")


def held_of(witness: Witness) -> Fraction:
    """What the open buys must hold: leaves times price and the taker's rate, rounded up."""
    total = Fraction(0)
    for report in witness.open_orders().values():
        if report[54] == "1":
            exact = Fraction(report[151]) * Fraction(report[44]) * Fraction("1.004") * UNIT
            total += -(-exact.numerator // exact.denominator)
    return total


def require_money(data: Path, name: str, witnesses: list[Witness]) -> None:
    recovered = recovered_copy(data, name)
    venue = recovered.venue
    ledger = venue.engine.ledger
    assert set(ledger.totals().values()) == {0}
    accounts = {account.name.decode(): account for account in venue.directory.accounts}
    for witness in witnesses:
        account = accounts[f"{witness.name}-1"]
        deposits = {d.asset: d.amount for d in account.settings.deposits}
        for asset, change in witness.traded().items():
            now = ledger.available(account.index, asset) + ledger.held(account.index, asset)
            assert now - deposits[asset] == change * UNIT, (witness.name, asset)
        assert ledger.held(account.index, "USD") == held_of(witness)
    open_ids = {key for witness in witnesses for key in witness.open_orders()}
    engine_ids = {
        order.order_id.decode()
        for witness in witnesses
        for order in venue.engine.account_orders(accounts[f"{witness.name}-1"].index)
    }
    assert engine_ids == open_ids
    recovered.journal.close()


def require_status(peer: Peer, witness: Witness) -> None:
    """35=H of a sample of the orders that are open by the reports: each is as it was told."""
    for order_id, report in list(witness.open_orders().items())[-25:]:
        peer.send("H", f"11={report[11]}|37={order_id}|55=BTC/USD")
        status = peer.until(lambda frame: frame.type in "8j")
        assert (status[150], status[37]) == ("I", order_id)
        for tag in (11, 14, 44, 38, 39, 54, 151):
            assert status[tag] == report[tag], tag
        witness.note(status)
        witness.seen = status.number


def require_whole_history(peer: Peer, witness: Witness) -> None:
    """A resend from the first message on gives the very bytes that were received."""
    last = witness.seen
    peer.send("2", "7=1|16=0")
    expected = 1
    seen: dict[int, Frame] = {}
    while expected <= last:
        frame = peer.receive()
        assert frame.number == expected
        if frame.type == "4":
            expected = int(frame[36])
            continue
        assert (frame[43], frame[122] <= frame[52]) == ("Y", True)
        seen[frame.number] = frame
        expected += 1
    assert {n: f.content() for n, f in seen.items()} == {
        n: f.content() for n, f in witness.frames.items()
    }


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_kill_under_load(data: Path, durability: str) -> None:
    """Three lives of a venue, each killed at a moment of its own, and a last one to look at it."""
    witnesses = [Witness("ACME", 1), Witness("BETA", 2)]
    venue = Venue(data, config=CONFIG, arguments=["--durability", durability])
    with venue:
        for enough in (37, 900, 300):
            peers = [witness.connect(venue.peer) for witness in witnesses]
            floods = [w.flood(p, enough) for w, p in zip(witnesses, peers, strict=True)]
            assert floods[enough % 2].wait(30)
            venue.kill()
            for witness, peer in zip(witnesses, peers, strict=True):
                witness.join(peer)
            venue.start()
        peers = [witness.connect(venue.peer) for witness in witnesses]
        for witness, peer in zip(witnesses, peers, strict=True):
            assert witness.acknowledged >= 100
            require_status(peer, witness)
            require_whole_history(peer, witness)
        venue.kill()
        for peer in peers:
            peer.close()
        require_money(data, f"copy-{durability}", witnesses)
    verified = tidegate("verify", "--data", data)
    assert verified.returncode == 0, verified.stderr
    assert b"snapshot at log position" in verified.stdout
    assert b"DIFFERENT" not in verified.stdout + verified.stderr


def test_a_restart_begins_at_the_latest_snapshot(data: Path) -> None:
    witness = Witness("ACME", 3)
    with Venue(data, config=CONFIG) as venue:
        peer = witness.connect(venue.peer)
        assert witness.flood(peer, 1500).wait(30)
        venue.kill()
        witness.join(peer)
    snapshots = sorted((data / "snapshots").glob("*.snap"))
    assert snapshots != []
    assert len(list((data / "journal").iterdir())) > 1
    recovered = recovered_copy(data, "copy")
    assert recovered.snapshot_position == int(snapshots[-1].stem)
    with_snapshot = recovered.venue.digest()
    replayed = recovered.records_replayed
    recovered.journal.close()
    without = copied(data, data.with_name("without"))
    shutil.rmtree(without / "snapshots")
    whole = recover(without, durability="process")
    assert whole.venue.digest() == with_snapshot
    assert whole.records_replayed > replayed
    whole.journal.close()


def test_a_damaged_snapshot_costs_time_and_no_more(data: Path) -> None:
    with Venue(data) as venue:
        with venue.peer("ACME") as acme:
            acme.logon("98=0|108=30|8674=1")
            acme.order(1)
            report = acme.expect("8")
        assert venue.stop() == 0
        snapshot = sorted((data / "snapshots").glob("*.snap"))[-1]
        content = bytearray(snapshot.read_bytes())
        content[-1] ^= 1
        snapshot.write_bytes(content)
        venue.start()
        assert "snapshot_damaged" in venue.log_text()
        with venue.peer("ACME", next_out=acme.next_out) as acme:
            assert acme.logon().type == "A"
            acme.send("H", f"11=1|37={report[37]}|55=BTC/USD")
            assert acme.expect("8")[150] == "I"
