"""Many cancels at once: cut into shares, between which others get their turn."""

from __future__ import annotations

from tests.scenario.core_venue import START_NS
from tests.session.session_harness import client_frame
from tests.venue.test_machine import logon, outputs, started
from tidegate.model.limits import CANCELS_PER_RECORD
from tidegate.venue import records
from tidegate.venue.machine import Venue

ORDERS = 2 * CANCELS_PER_RECORD + 300
SHARES = [CANCELS_PER_RECORD, CANCELS_PER_RECORD, 300]


def order(number: int, cl_ord_id: int) -> bytes:
    """Small enough that an account can pay for thousands."""
    body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0144=8400\x0138=0.0001\x0159=1\x01" % cl_ord_id
    return client_frame(b"D", number, body + b"60=20261103-09:15:00\x01", START_NS)


def with_resting_orders() -> Venue:
    venue = started()
    logon(venue, 1, text=b"8674=0\x01")
    venue.frames(0, 1, [order(n + 2, n + 1) for n in range(ORDERS)], START_NS)
    venue.take_turn()
    venue.commit(0)
    assert venue.engine.open_order_count == ORDERS
    return venue


def canceled(payload: bytes) -> int:
    return sum(
        b"\x01150=4\x01" in record.data
        for record in outputs(payload)
        if record.kind == records.SENT
    )


def shares(venue: Venue) -> list[int]:
    """Cancels in the current turn, and in each tick after it until nothing is left to do."""
    found = []
    while True:
        found.append(canceled(venue.take_turn()))
        venue.commit(0)
        if not venue.has_more_to_do:
            return found
        venue.tick(START_NS)


def test_a_cut_line_cancels_in_shares() -> None:
    venue = with_resting_orders()
    venue.link_down(0, 1, START_NS)
    assert shares(venue) == SHARES
    assert venue.engine.open_order_count == 0


def test_a_mass_cancel_leaves_later_orders_alone() -> None:
    venue = with_resting_orders()
    number = ORDERS + 2
    request = client_frame(
        b"q", number, b"11=%d\x01530=6\x0160=20261103-09:15:00\x01" % (ORDERS + 5), START_NS
    )
    venue.frames(0, 1, [request], START_NS)
    venue.frames(0, 1, [order(number + 1, ORDERS + 6)], START_NS)
    assert shares(venue) == SHARES
    assert [o.cl_ord_id for o in venue.engine.session_orders(0)] == [b"%d" % (ORDERS + 6)]


def test_an_order_that_is_gone_by_its_turn_is_passed_over() -> None:
    venue = with_resting_orders()
    last = client_frame(
        b"F", ORDERS + 3,
        b"11=%d\x0141=%d\x0154=1\x0155=BTC/USD\x0160=20261103-09:15:00\x01"
        % (ORDERS + 7, ORDERS),
        START_NS,
    )  # fmt: skip
    request = client_frame(
        b"q", ORDERS + 2, b"11=%d\x01530=7\x0160=20261103-09:15:00\x01" % (ORDERS + 5), START_NS
    )
    venue.frames(0, 1, [request, last], START_NS)
    assert shares(venue) == [CANCELS_PER_RECORD + 1, CANCELS_PER_RECORD, 299]


def test_what_is_left_survives_a_snapshot_and_a_replay() -> None:
    venue = with_resting_orders()
    venue.link_down(0, 1, START_NS)
    first = venue.take_turn()
    venue.commit(0)
    twin = Venue()
    twin.load(venue.save())
    assert twin.save() == venue.save()
    assert twin.has_more_to_do
    venue.tick(START_NS)
    twin.tick(START_NS)
    assert canceled(first) == CANCELS_PER_RECORD
    assert twin.take_turn() == venue.take_turn()


def test_the_rest_is_due_at_once_whatever_the_deadlines() -> None:
    venue = with_resting_orders()
    venue.tick(START_NS)  # nothing is due: the next deadline is remembered
    assert venue.turn_records == 0
    venue.link_down(0, 1, START_NS)
    venue.take_turn()
    venue.tick(START_NS)
    assert venue.turn_records > CANCELS_PER_RECORD
