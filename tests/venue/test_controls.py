"""Controls: what can not be done is refused before anything is recorded; what the others do."""

from __future__ import annotations

import pytest

from tests.scenario.core_venue import START_NS, CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import Script
from tests.venue.test_machine import logon, order, started
from tidegate.engine.ledger import EXTERNAL, HOUSE
from tidegate.model.time import NS_PER_S
from tidegate.session.states import DISCONNECTED
from tidegate.venue import records
from tidegate.venue.controls import (
    CANCEL_ORDER,
    DROP_SESSION,
    FILL_ORDER,
    MUTE_HEARTBEATS,
    NO_SESSION,
    REJECT_NEXT,
    SKIP_NUMBER,
    CancelOrder,
    ControlRefused,
    DropSession,
    FillOrder,
    MuteHeartbeats,
    RejectNext,
    SkipNumber,
)
from tidegate.venue.effects import CUT, SKIP, WRITE
from tidegate.venue.machine import Venue
from tidegate.venue.overview import session_overview
from tidegate.venue.records import read_records

FIRST_ORDER = b"OAAAAA-AAAAA-AAAAAB"
LOTS = 10**8


def with_order() -> Venue:
    """ACME, session 0, is logged on and has an order of 0.1."""
    venue = started()
    logon(venue, 1)
    venue.frames(0, 1, [order(2, 1)], START_NS)
    venue.take_turn()
    venue.commit(0)
    return venue


@pytest.mark.parametrize(
    ("kind", "session", "data", "text"),
    [
        (0, 0, b"", "kind must be one of"),
        (99, 0, b"", "kind must be one of"),
        (MUTE_HEARTBEATS, 3, MuteHeartbeats(on=True).encode(), "session .* 3 is none"),
        (MUTE_HEARTBEATS, NO_SESSION, MuteHeartbeats(on=True).encode(), "session .* -1 is none"),
        (MUTE_HEARTBEATS, 0, b"\x02", "flag is 2"),
        (MUTE_HEARTBEATS, 0, b"", "ends early"),
        (MUTE_HEARTBEATS, 0, b"\x01\x01", "too many bytes"),
        (SKIP_NUMBER, 0, SkipNumber(0).encode(), "count must be 1 to 1000, not 0"),
        (SKIP_NUMBER, 0, SkipNumber(1_001).encode(), "count must be 1 to 1000, not 1001"),
        (SKIP_NUMBER, -2, SkipNumber(1).encode(), "session .* -2 is none"),
        (REJECT_NEXT, 0, RejectNext(0, 1).encode(), "layer must be 1, 2 or 3, not 0"),
        (REJECT_NEXT, 0, RejectNext(4, 1).encode(), "layer must be 1, 2 or 3, not 4"),
        (REJECT_NEXT, 0, RejectNext(1, 1_001).encode(), "count must be 0 to 1000"),
        (REJECT_NEXT, 7, RejectNext(1, 1).encode(), "session .* 7 is none"),
        (CANCEL_ORDER, NO_SESSION, CancelOrder(b"OAAAAA-AAAAA-AAAAAC").encode(), "order_id .*AAC"),
        (CANCEL_ORDER, NO_SESSION, CancelOrder(b"nonsense").encode(), "order_id .*nonsense"),
        (CANCEL_ORDER, 1, CancelOrder(FIRST_ORDER).encode(), "order_id .* of session BETA"),
        (CANCEL_ORDER, 5, CancelOrder(FIRST_ORDER).encode(), "session .* 5 is none"),
        (FILL_ORDER, 0, FillOrder(FIRST_ORDER, 0).encode(), "qty_lots must be 1 to 10000000"),
        (FILL_ORDER, 0, FillOrder(FIRST_ORDER, 10_000_001).encode(), "qty_lots .*, not 10000001"),
        (FILL_ORDER, NO_SESSION, FillOrder(b"O", 1).encode(), "order_id"),
        (DROP_SESSION, 1, DropSession().encode(), "session BETA is not logged on"),
        (DROP_SESSION, 0, b"\x00", "too many bytes"),
    ],
)
def test_what_can_not_be_done_is_refused_and_nothing_is_recorded(
    kind: int, session: int, data: bytes, text: str
) -> None:
    venue = with_order()
    before = venue.save()
    with pytest.raises(ControlRefused, match=text):
        venue.control(kind, session, data, START_NS)
    assert venue.turn_records == 0
    assert venue.save() == before


def test_a_control_is_a_record_with_its_kind_session_and_parameters() -> None:
    venue = with_order()
    venue.control(SKIP_NUMBER, 0, SkipNumber(1).encode(), START_NS + 5)
    control, sent = read_records(venue.take_turn())
    assert (control.kind, control.session, control.number) == (records.CONTROL, 0, SKIP_NUMBER)
    assert (control.time_ns, control.data) == (START_NS + 5, SkipNumber(1).encode())
    assert (sent.kind, sent.link, sent.number) == (records.SENT, 0, 3)


def test_skipped_numbers_are_told_to_the_link_in_their_place() -> None:
    venue = with_order()
    venue.frames(0, 1, [order(3, 2)], START_NS)
    venue.control(SKIP_NUMBER, 0, SkipNumber(2).encode(), START_NS)
    venue.frames(0, 1, [order(4, 3)], START_NS)
    venue.take_turn()
    assert [(d.kind, d.first, d.last) for d in venue.commit(0)] == [
        (WRITE, 3, 3), (SKIP, 4, 4), (SKIP, 5, 5), (WRITE, 6, 6),
    ]  # fmt: skip


def test_a_muted_session_has_nothing_due_but_giving_its_peer_up() -> None:
    venue = with_order()
    venue.control(MUTE_HEARTBEATS, 0, MuteHeartbeats(on=True).encode(), START_NS)
    venue.take_turn()
    for second in range(72):
        venue.tick(START_NS + second * NS_PER_S)
        assert venue.turn_records == 0, f"after {second} s"
    venue.tick(START_NS + 72 * NS_PER_S)
    assert venue.sessions[0].state == DISCONNECTED


def test_a_dropped_session_is_cut() -> None:
    venue = with_order()
    venue.control(DROP_SESSION, 0, DropSession().encode(), START_NS)
    kinds = [r.kind for r in read_records(venue.take_turn())]
    assert kinds == [records.CONTROL, records.CLOSE, records.SENT]
    (cut,) = venue.commit(0)
    assert (cut.kind, cut.link, cut.data) == (CUT, 1, b"Link dropped on demand")
    assert venue.sessions[0].link == 0


def test_the_house_gets_what_it_pays_and_nothing_else() -> None:
    venue = with_order()
    ledger = venue.engine.ledger
    before = {asset: ledger.available(EXTERNAL, asset) for asset in ("USD", "BTC")}
    venue.control(FILL_ORDER, 0, FillOrder(FIRST_ORDER, LOTS // 10).encode(), START_NS)
    assert ledger.available(HOUSE, "BTC") == 0
    assert ledger.available(HOUSE, "USD") == 8_400 * 10**10
    assert ledger.available(EXTERNAL, "BTC") == before["BTC"] - 10**10 // 10
    assert ledger.available(EXTERNAL, "USD") == before["USD"]
    assert all(total == 0 for total in ledger.totals().values())
    assert venue.engine.open_order_count == 0
    assert venue.engine.book("BTC/USD").bids.total_lots == 0  # type: ignore[union-attr]


def test_fills_of_sells_and_of_orders_behind_others_keep_book_and_holds() -> None:
    venue = CoreVenue()
    steps = """
        logon ACME
        send ACME 35=D|11=1|55=BTC/USD|54=2|40=2|44=90000|38=0.5|59=1
        expect ACME 35=8|150=0
        send ACME 35=D|11=2|55=BTC/USD|54=2|40=2|44=90001|38=0.3|59=1
        expect ACME 35=8|150=0|37=$o
        control ACME fill-order $o 0.1
        expect ACME 35=8|150=F|39=1|37=$o|31=90001|151=0.2|138=BTC
        control ACME fill-order $o 0.2
        expect ACME 35=8|150=F|39=2|37=$o|14=0.3
        balance ACME-1 USD 1027000.3 0
        logon BETA
        send BETA 35=D|11=1|55=BTC/USD|54=1|40=1|38=0.5|59=3
        expect BETA 35=8|150=0
        expect BETA 35=8|150=F|31=90000|39=2
        expect ACME 35=8|150=F|31=90000|39=2
        balance ACME-1 USD 1072000.3 0
    """
    Player(Script.of_text("\n".join(line.strip() for line in steps.split("\n") if line.strip())),
           venue).run()  # fmt: skip
    venue.verify()
    assert venue.venue.engine.open_order_count == 0


# --- the overview --------------------------------------------------------------------------------


def test_the_overview_shows_both_sides_of_a_session_and_what_was_done_to_it() -> None:
    venue = with_order()
    venue.frames(0, 1, [order(5, 9), order(6, 10)], START_NS + 7)
    venue.control(MUTE_HEARTBEATS, 0, MuteHeartbeats(on=True).encode(), START_NS + 8)
    venue.control(REJECT_NEXT, 0, RejectNext(2, 3).encode(), START_NS + 8)
    acme, beta, _ = session_overview(venue)
    assert (acme.sender_comp_id, acme.target_comp_id) == ("ACME", "KRAKEN-TRD")
    assert (acme.account, acme.state, acme.link, acme.epoch) == ("ACME-1", "active", 1, 1)
    assert (acme.next_outgoing, acme.next_incoming) == (4, 3)
    assert (acme.hole_from, acme.hole_until, acme.held_count) == (3, 5, 2)
    assert (acme.heart_bt_int_s, acme.last_received_ns) == (30, START_NS + 7)
    assert (acme.open_order_count, acme.cancel_on_disconnect) == (1, True)
    assert (acme.grace_until_ns, acme.muted) == (0, True)
    assert acme.rejects_pending == {1: 0, 2: 3, 3: 0}
    assert (beta.state, beta.link, beta.hole_until, beta.muted) == ("disconnected", 0, 0, False)
    assert beta.rejects_pending == {1: 0, 2: 0, 3: 0}
    before = venue.turn_records
    session_overview(venue)
    assert venue.turn_records == before
