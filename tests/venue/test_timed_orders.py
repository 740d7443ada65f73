"""Orders that fall due: before anything else in a record, in shares, and known to the clock."""

from __future__ import annotations

import pytest

from tests.scenario.core_venue import START_NS
from tests.session.session_harness import client_frame
from tests.venue.test_machine import logon, outputs, started
from tidegate.model.limits import TIMED_PER_RECORD
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.venue import controls, records
from tidegate.venue.controls import NO_SESSION, ControlRefused
from tidegate.venue.machine import Venue
from tidegate.venue.records import read_records

ORDERS = 2 * TIMED_PER_RECORD + 300
LOG_BYTES = 10_000  # more than a message takes
DUE_NS = START_NS + 20 * NS_PER_S


def order(number: int, expires_ns: int = DUE_NS) -> bytes:
    """An order that is good till then; its ClOrdID is the number of its message."""
    text = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0144=8400\x0138=0.0001\x0159=6\x01126=%s\x01"
    body = text % (number, utc_timestamp(expires_ns)) + b"60=20261103-09:15:00\x01"
    return client_frame(b"D", number, body, START_NS)


def cancel(number: int, cl_ord_id: int, time_ns: int) -> bytes:
    text = b"11=%d\x0141=%d\x0154=1\x0155=BTC/USD\x0160=20261103-09:15:00\x01"
    return client_frame(b"F", number, text % (number, cl_ord_id), time_ns)


def with_orders(count: int) -> Venue:
    venue = started()
    logon(venue, 1)
    venue.frames(0, 1, [order(number + 2) for number in range(count)], START_NS)
    end_turn(venue)
    assert venue.engine.open_order_count == count
    return venue


def end_turn(venue: Venue) -> bytes:
    """The turn's bytes; where they lie in the log does not matter, but that it is further on."""
    payload = venue.take_turn()
    venue.commit(venue.sessions[0].next_outgoing * LOG_BYTES)
    return payload


def twin_of(venue: Venue) -> Venue:
    """The same venue again, by way of a snapshot."""
    twin = Venue()
    twin.load(venue.save())
    twin.load_histories(venue.save_histories())
    assert twin.save() == venue.save()
    return twin


def sent(payload: bytes) -> list[bytes]:
    return [record.data for record in outputs(payload) if record.kind == records.SENT]


def expired(payload: bytes) -> int:
    return sum(b"\x01150=C\x01" in frame for frame in sent(payload))


def test_what_is_due_happens_before_the_record_does_anything_else() -> None:
    """No tick has come; the cancel finds the order gone."""
    venue = with_orders(1)
    venue.frames(0, 1, [cancel(3, 2, DUE_NS)], DUE_NS)
    report, refusal = sent(end_turn(venue))
    assert b"\x01150=C\x01" in report
    assert b"\x0135=j\x01" in refusal
    assert b"\x01380=101\x01" in refusal


def test_a_moment_before_it_is_there() -> None:
    venue = with_orders(1)
    venue.frames(0, 1, [cancel(3, 2, DUE_NS - 1)], DUE_NS - 1)
    (report,) = sent(end_turn(venue))
    assert b"\x01150=4\x01" in report


def test_the_clock_knows_when_an_order_is_due() -> None:
    venue = with_orders(0)
    venue.tick(START_NS)  # what is next is remembered: a Heartbeat
    assert venue.next_deadline_ns > DUE_NS
    venue.frames(0, 1, [order(2)], START_NS)
    end_turn(venue)
    venue.tick(DUE_NS - 1)
    assert venue.turn_records == 0
    assert venue.deadline_ns() == DUE_NS
    venue.tick(DUE_NS)
    assert expired(end_turn(venue)) == 1


def test_many_are_done_in_shares() -> None:
    venue = with_orders(ORDERS)
    shares = []
    venue.tick(DUE_NS)
    while True:
        shares.append(expired(end_turn(venue)))
        if not venue.has_more_to_do:
            break
        venue.tick(DUE_NS)
    assert shares == [TIMED_PER_RECORD, TIMED_PER_RECORD, 300]


def test_others_get_their_turn_between_the_shares() -> None:
    venue = with_orders(ORDERS)
    venue.frames(0, 1, [order(ORDERS + 2, DUE_NS + NS_PER_S)], DUE_NS)
    frames = sent(end_turn(venue))
    assert len(frames) == TIMED_PER_RECORD + 1
    assert b"\x01150=0\x01" in frames[-1]
    assert venue.has_more_to_do


def test_what_is_left_survives_a_snapshot_and_a_replay() -> None:
    venue = with_orders(ORDERS)
    venue.tick(DUE_NS)
    end_turn(venue)
    twin = twin_of(venue)
    assert twin.has_more_to_do
    venue.frames(0, 1, [cancel(ORDERS + 2, 5, DUE_NS)], DUE_NS)
    venue.tick(DUE_NS)
    payload = end_turn(venue)
    twin.replay(payload, 10 * ORDERS * LOG_BYTES)
    assert twin.save() == venue.save()


@pytest.mark.parametrize("ends", ["link_down", "start"])
def test_what_a_lost_line_cancels_is_not_done_as_due_before(ends: str) -> None:
    """More of them than one record may cancel, and all of them due."""
    venue = with_orders(ORDERS)
    before = twin_of(venue)
    if ends == "link_down":
        venue.link_down(0, 1, DUE_NS)
    else:
        venue.start(DUE_NS)
    while venue.has_more_to_do:
        venue.tick(DUE_NS)
    payload = end_turn(venue)
    reports = [frame for frame in sent(payload) if b"\x0135=8\x01" in frame]
    assert len(reports) == ORDERS
    assert all(b"\x01150=4\x01" in frame for frame in reports)
    before.replay(payload, 10 * ORDERS * LOG_BYTES)
    assert before.save() == venue.save()


def test_a_start_does_what_fell_due_and_is_not_cancelled() -> None:
    venue = with_orders(ORDERS)
    venue.disconnects.lives[0].cancel_on_disconnect = False
    venue.start(DUE_NS)
    assert expired(end_turn(venue)) == TIMED_PER_RECORD


@pytest.mark.parametrize("order_is", ["due", "live"])
def test_a_control_meets_the_venue_after_what_was_due(order_is: str) -> None:
    """A control may name an order that is due: then there is no such order any more."""
    venue = with_orders(1)
    number = venue.engine.session_orders(0)[0].order_id
    data = controls.CancelOrder(number).encode()
    before = twin_of(venue)
    if order_is == "live":
        venue.control(controls.CANCEL_ORDER, NO_SESSION, data, DUE_NS - 1)
        payload = end_turn(venue)
        assert b"\x01150=4\x01" in sent(payload)[0]
    else:
        with pytest.raises(ControlRefused, match="order_id"):
            venue.control(controls.CANCEL_ORDER, NO_SESSION, data, DUE_NS)
        payload = end_turn(venue)
        kinds = [record.kind for record in read_records(payload)]
        assert kinds == [records.TICK, records.SENT]
    before.replay(payload, 10 * ORDERS * LOG_BYTES)
    assert before.save() == venue.save()


def test_a_control_between_two_shares_is_replayed_as_it_was() -> None:
    venue = with_orders(ORDERS)
    before = twin_of(venue)
    data = controls.SetIndex("BTC/USD", 840_000).encode()
    venue.control(controls.SET_INDEX, NO_SESSION, data, DUE_NS)
    payload = end_turn(venue)
    assert expired(payload) == TIMED_PER_RECORD
    before.replay(payload, 10 * ORDERS * LOG_BYTES)
    assert before.save() == venue.save()


def test_a_waiting_order_can_not_be_filled_by_the_house() -> None:
    venue = with_orders(0)
    text = b"11=2\x0155=BTC/USD\x0154=2\x0140=3\x0199=8400\x0138=0.001\x0159=1\x01"
    frame = client_frame(b"D", 2, text + b"60=20261103-09:15:00\x01", START_NS)
    venue.frames(0, 1, [frame], START_NS)
    end_turn(venue)
    (waiting,) = venue.engine.session_orders(0)
    data = controls.FillOrder(waiting.order_id, 1).encode()
    with pytest.raises(ControlRefused, match="in the book"):
        venue.control(controls.FILL_ORDER, NO_SESSION, data, START_NS)
    assert venue.turn_records == 0
