"""The grace time of cancel-on-disconnect, record by record. (What clients see of it is played by
the scenarios `orders/disconnect_grace*`.)"""

from __future__ import annotations

from tests.scenario.core_venue import START_NS
from tests.scenario.settings import change, venue_settings
from tests.session.session_harness import fields
from tests.venue.test_machine import logon, order, started
from tidegate.model.time import NS_PER_S
from tidegate.venue import records
from tidegate.venue.machine import Venue
from tidegate.venue.overview import session_overview
from tidegate.venue.records import read_records

GRACE_S = 20
DUE_NS = START_NS + GRACE_S * NS_PER_S


def disconnected() -> Venue:
    """ACME has an order and has lost its link."""
    settings = venue_settings()
    change(settings, "session", f"ACME disconnect_grace_s={GRACE_S}")
    venue = started(settings)
    logon(venue, 1)
    venue.frames(0, 1, [order(2, 1)], START_NS)
    venue.link_down(0, 1, START_NS)
    venue.take_turn()
    return venue


def kinds(venue: Venue) -> list[int]:
    return [record.kind for record in read_records(venue.take_turn())]


def test_a_tick_at_the_deadline_cancels_and_none_is_recorded_before() -> None:
    venue = disconnected()
    for millisecond in range(0, GRACE_S * 1_000, 50):
        venue.tick(START_NS + millisecond * 1_000_000)
        assert venue.turn_records == 0
    assert session_overview(venue)[0].grace_until_ns == DUE_NS
    venue.tick(DUE_NS)
    assert kinds(venue) == [records.TICK, records.SENT]
    assert session_overview(venue)[0].grace_until_ns == 0
    assert venue.engine.open_order_count == 0


def test_a_logon_at_the_deadline_cancels_before_it_is_answered() -> None:
    venue = disconnected()
    logon(venue, 2, 3, time_ns=DUE_NS)
    _, *sent = read_records(venue.take_turn())
    assert [(fields(r.data)[35], r.number, r.link) for r in sent] == [
        (b"8", 3, 0), (b"A", 4, 2),
    ]  # fmt: skip
    assert venue.engine.open_order_count == 0


def test_a_logon_before_the_deadline_keeps_the_orders_for_good() -> None:
    venue = disconnected()
    logon(venue, 2, 3, time_ns=DUE_NS - 1)
    venue.tick(DUE_NS + NS_PER_S)
    assert kinds(venue) == [records.LOGON, records.SENT]
    assert venue.engine.open_order_count == 1


def test_a_snapshot_within_the_grace_goes_on_to_the_same_cancel() -> None:
    venue = disconnected()
    other = Venue()
    other.load(venue.save())
    for each in (venue, other):
        each.tick(DUE_NS)
    payload = venue.take_turn()
    assert [r.kind for r in read_records(payload)] == [records.TICK, records.SENT]
    assert other.take_turn() == payload
    assert other.save() == venue.save()
