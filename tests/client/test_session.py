"""One session against the pure venue: answers, gaps, reconnects, the day's end."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from tests.client.memory_venue import SECOND_NS, START_NS, MemoryLine, MemoryVenue, client
from tidegate.client import (
    Amend,
    BusinessReject,
    Cancel,
    ClientCore,
    ClientEvent,
    Disconnected,
    ExecutionReport,
    GapFilled,
    LoggedOn,
    LoggedOut,
    LogonOptions,
    MassCancel,
    MessageRefused,
    NewOrder,
    NotLoggedOn,
    OrdStatus,
    SessionReject,
    Side,
    StatusRequest,
    TooManyPending,
)
from tidegate.wire.framing import Framer
from tidegate.wire.message import Message
from tidegate.wire.render import frame_of


def order(price: str = "50000", side: Side = Side.BUY, qty: str = "0.1") -> NewOrder:
    return NewOrder(symbol="BTC/USD", side=side, order_qty=qty, price=price)


def logged_on(
    server: MemoryVenue, core: ClientCore, now_ns: int = START_NS, *others: MemoryLine
) -> MemoryLine:
    line = MemoryLine(server, core)
    line.connect(now_ns)
    line.step(now_ns, *others)
    assert core.is_logged_on
    core.take_events()
    return line


def told(events: list[ClientEvent]) -> list[tuple[str, str, bool]]:
    """Reports as (ClOrdID, ExecType, replayed); other events by name."""
    out: list[tuple[str, str, bool]] = []
    for event in events:
        if isinstance(event, ExecutionReport):
            out.append((event.cl_ord_id, event.exec_type, event.poss_dup))
        else:
            out.append((type(event).__name__, "", False))
    return out


def frames(data: bytes) -> list[tuple[bytes, Message]]:
    found = []
    for frame in Framer().feed(data):
        message = Message()
        message.scan(frame)
        found.append((message.get(35), message))
    return found


def test_life_of_an_order() -> None:
    """Rests, partial fill by the other firm, amend, status, cancel: every field that matters."""
    server = MemoryVenue()
    acme, beta = client("ACME"), client("BETA")
    line = logged_on(server, acme)
    other = logged_on(server, beta)
    placed = acme.submit(order("50000.5", qty="0.25"), START_NS)
    line.step(START_NS, other)
    (new,) = acme.take_events()
    assert isinstance(new, ExecutionReport)
    assert (new.cl_ord_id, new.exec_type, new.ord_status) == (placed, "0", OrdStatus.NEW)
    assert (new.order_qty, new.leaves_qty, new.cum_qty) == (
        Decimal("0.25"), Decimal("0.25"), Decimal(0),
    )  # fmt: skip
    assert new.price == Decimal("50000.5")
    beta.submit(order("50000.5", Side.SELL, "0.1"), START_NS)
    other.step(START_NS, line)
    assert [e.exec_type for e in beta.take_events() if isinstance(e, ExecutionReport)] == ["0", "F"]
    (fill,) = acme.take_events()
    assert isinstance(fill, ExecutionReport)
    assert fill.is_trade
    assert not fill.is_over
    assert (fill.last_px, fill.last_qty) == (Decimal("50000.5"), Decimal("0.1"))
    assert (fill.net_money, fill.liquidity_ind) == (Decimal("5000.05"), "0")
    assert (fill.misc_fee_amt, fill.misc_fee_curr) == (Decimal("12.500125"), "USD")
    amended = acme.submit(
        Amend(
            symbol="BTC/USD",
            side=Side.BUY,
            order_id=new.order_id,
            orig_cl_ord_id=placed,
            order_qty=Decimal("0.2"),
            price=Decimal("50000.5"),
        ),
        START_NS,
    )
    acme.submit(StatusRequest(symbol="BTC/USD", order_id=new.order_id), START_NS, amended)
    cancel = Cancel(symbol="BTC/USD", side=Side.BUY, orig_cl_ord_id=amended)
    canceled = acme.submit(cancel, START_NS)
    assert len(acme.pending) == 3
    line.step(START_NS, other)
    assert told(acme.take_events()) == [
        (amended, "5", False),
        (amended, "I", False),
        (canceled, "4", False),
    ]
    assert acme.pending == {}
    keys = [key for key, _ in acme.take_answers()]
    assert keys == [placed, amended, new.order_id, canceled]


def test_refusals_of_all_three_layers() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    no_side = core.submit(NewOrder(symbol="BTC/USD", side="", order_qty=1, price=50000), START_NS)
    off_tick = core.submit(order("50000.55"), START_NS)
    too_dear = core.submit(order("50000", qty="1000000"), START_NS)
    line.step(START_NS)
    gateway, entry, engine = core.take_events()
    assert isinstance(gateway, SessionReject)
    assert isinstance(entry, BusinessReject)
    assert isinstance(engine, BusinessReject)
    assert (gateway.cl_ord_id, gateway.ref_tag_id, gateway.ref_seq_num) == (no_side, 54, 2)
    assert (entry.business_reject_ref_id, entry.text) == (
        off_tick, "EOrder:Tick size check failed",
    )  # fmt: skip
    assert (engine.business_reject_ref_id, engine.text) == (
        too_dear, "EOrder:Insufficient funds",
    )  # fmt: skip
    assert core.pending == {}


def test_unknown_order_status_is_refused_to_its_request() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    core.submit(StatusRequest(symbol="BTC/USD", order_id="OAAAAA-AAAAA-AAAAZZ"), START_NS, "77")
    line.step(START_NS)
    (reject,) = core.take_events()
    assert isinstance(reject, BusinessReject)
    assert reject.business_reject_reason == 101
    assert core.pending == {}


def test_answer_lost_with_the_line_is_replayed() -> None:
    """Cut between the venue's report and us: unknown, then known by the replay."""
    server = MemoryVenue()
    core = client(options=LogonOptions(cancel_orders_on_disconnect=False))
    line = logged_on(server, core)
    placed = core.submit(order(), START_NS)
    line.cut(START_NS, deliver=True)
    assert core.take_events() == [Disconnected("Link lost")]
    assert list(core.pending) == [placed]
    line.connect(START_NS + SECOND_NS)
    line.step(START_NS + SECOND_NS)
    events = core.take_events()
    assert events[0] == LoggedOn(msg_seq_num=4, replay_from=2)
    assert told(events[1:]) == [(placed, "0", True)]
    assert core.pending == {}
    assert core.is_in_sequence


def test_request_lost_with_the_line_is_gap_filled_and_never_resent() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    placed = core.submit(order(), START_NS)
    line.cut(START_NS, deliver=False)
    assert core.take_events() == [Disconnected("Link lost")]
    line.connect(START_NS + SECOND_NS)
    line.step(START_NS + SECOND_NS)
    events = core.take_events()
    assert events == [LoggedOn(4, 0), GapFilled(2, 3, (placed,))]
    assert list(core.pending) == [placed]  # its owner decides, by `forget`
    assert server.venue.engine.open_order_count == 0
    again = core.submit(order(), START_NS + SECOND_NS)
    line.step(START_NS + SECOND_NS)
    assert told(core.take_events()) == [(again, "0", False)]


def test_order_sent_before_the_venue_asks_for_a_gap_is_not_filled_over() -> None:
    """Right after the Logon answer, with the venue's ResendRequest still under way."""
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    lost = core.submit(order(), START_NS)
    line.cut(START_NS, deliver=False)
    core.take_events()
    now_ns = START_NS + SECOND_NS
    line.connect(now_ns)
    line.to_server(now_ns, (line,))
    answer, rest = Framer().feed(line.to_client)
    line.to_client = b""
    core.receive(answer, now_ns)
    early = core.submit(order("49000"), now_ns)
    line.to_server(now_ns, (line,))
    core.receive(rest, now_ns)
    line.step(now_ns)
    assert core.take_events()[1] == GapFilled(2, 3, (lost,))
    assert list(core.pending) == [lost]
    assert server.venue.engine.order_by_cl_ord_id(0, early.encode()) is not None


def test_cancel_on_disconnect_is_seen_after_the_reconnect() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(cancel_orders_on_disconnect=True))
    line = logged_on(server, core)
    placed = core.submit(order(), START_NS)
    line.step(START_NS)
    line.cut(START_NS, deliver=True)
    core.take_events()
    line.connect(START_NS + SECOND_NS)
    line.step(START_NS + SECOND_NS)
    events = core.take_events()
    assert told(events) == [("LoggedOn", "", False), (placed, "4", True)]
    report = events[1]
    assert isinstance(report, ExecutionReport)
    assert report.text == "Order canceled on disconnect"


def test_crash_of_the_venue_between_two_lines() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(cancel_orders_on_disconnect=False))
    line = logged_on(server, core)
    placed = core.submit(order(), START_NS)
    line.to_server(START_NS, (line,))
    server.crash(START_NS + SECOND_NS)
    core.link_lost(START_NS)
    core.take_events()
    line.connect(START_NS + 2 * SECOND_NS)
    line.step(START_NS + 2 * SECOND_NS)
    assert told(core.take_events()) == [("LoggedOn", "", False), (placed, "0", True)]


def test_numbers_go_on_in_another_process_of_the_client() -> None:
    server = MemoryVenue()
    first = client(options=LogonOptions(cancel_orders_on_disconnect=False))
    line = logged_on(server, first)
    placed = first.submit(order(), START_NS)
    line.cut(START_NS, deliver=True)
    numbers = first.numbers
    second = ClientCore(first.credentials, first.options, numbers)
    line = MemoryLine(server, second)
    line.connect(START_NS)
    line.step(START_NS)
    assert told(second.take_events()) == [("LoggedOn", "", False), (placed, "0", True)]
    assert int(second.submit(order("49000"), START_NS)) > int(placed)


def test_venues_gap_is_asked_for_once_and_taken_in_order() -> None:
    """A frame of the venue goes missing inside a line: everything behind it waits."""
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    sent = [core.submit(order(str(40000 + n)), START_NS) for n in range(4)]
    line.to_server(START_NS, (line,))
    first, _, third, fourth = Framer().feed(line.to_client)
    line.to_client = b""
    core.receive(first + third + fourth, START_NS)
    assert told(core.take_events()) == [(sent[0], "0", False)]
    asked = frames(b"".join(core._output))
    assert [(kind, m.get(7), m.get(16)) for kind, m in asked] == [(b"2", b"3", b"0")]
    line.step(START_NS)
    assert [e[0] for e in told(core.take_events())] == sent[1:]
    assert core.is_in_sequence


def test_bytes_may_come_in_any_pieces() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    sent = [core.submit(order(str(40000 + n)), START_NS) for n in range(3)]
    line.to_server(START_NS, (line,))
    data, line.to_client = line.to_client, b""
    for index in range(len(data)):
        core.receive(data[index : index + 1], START_NS)
    assert [e[0] for e in told(core.take_events())] == sent


def test_heartbeats_come_after_half_the_interval() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(heart_bt_int_s=10))
    line = logged_on(server, core)
    assert core.deadline_ns() == START_NS + 5 * SECOND_NS
    core.tick(START_NS + 5 * SECOND_NS)
    ((kind, message),) = frames(core.take_output())
    assert (kind, message.get(112)) == (b"0", b"")
    line.step(START_NS)


def test_silent_venue_is_asked_and_given_up() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(heart_bt_int_s=10))
    logged_on(server, core)
    core.tick(START_NS + 12 * SECOND_NS)
    assert [kind for kind, _ in frames(core.take_output())] == [b"1"]
    core.tick(START_NS + 24 * SECOND_NS)
    assert core.take_events() == [Disconnected("Heartbeat timeout")]
    assert core.is_cut


def test_test_request_of_the_venue_is_echoed() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(heart_bt_int_s=10))
    line = logged_on(server, core)
    now_ns = START_NS + 12 * SECOND_NS
    server.venue.tick(now_ns)
    server.commit(now_ns, {line.link: line})
    asked = frames(line.to_client)
    core.receive(line.to_client, now_ns)
    ((kind, message),) = frames(core.take_output())
    assert kind == b"0"
    assert message.get(112) == asked[-1][1].get(112) != b""


def test_clean_logout() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(cancel_orders_on_disconnect=True))
    line = logged_on(server, core)
    core.submit(order(), START_NS)
    core.logout(START_NS, "good night")
    line.step(START_NS)
    assert core.take_events()[-1] == LoggedOut("", True)
    assert server.venue.engine.open_order_count == 1  # a clean logout leaves orders


def test_rollover_restarts_the_numbers() -> None:
    """The venue logs everybody out at 22:00 UTC; the next logon is number 1 both ways."""
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    core.submit(order(), START_NS)
    line.step(START_NS)
    core.take_events()
    ten_pm_ns = START_NS // (86_400 * SECOND_NS) * 86_400 * SECOND_NS + 79_200 * SECOND_NS
    server.venue.sessions[0].last_received_ns = ten_pm_ns  # it was not silent all day
    core._session.last_received_ns = ten_pm_ns
    server.venue.tick(ten_pm_ns)
    server.commit(ten_pm_ns, {line.link: line})
    line.step(ten_pm_ns)
    assert core.take_events() == [LoggedOut("Session rollover", True)]
    server.venue.tick(ten_pm_ns + 30 * SECOND_NS)
    line.connect(ten_pm_ns + 31 * SECOND_NS)
    line.step(ten_pm_ns + 31 * SECOND_NS)
    assert core.take_events() == [LoggedOn(2, 0)]


def test_rollover_while_disconnected_restarts_the_numbers() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(cancel_orders_on_disconnect=False))
    line = logged_on(server, core)
    line.cut(START_NS, deliver=True)
    core.take_events()
    next_day_ns = START_NS + 86_400 * SECOND_NS
    server.venue.tick(next_day_ns)
    server.venue.tick(next_day_ns + 31 * SECOND_NS)
    server.commit(next_day_ns, {})
    line.connect(next_day_ns + 32 * SECOND_NS)
    line.step(next_day_ns + 32 * SECOND_NS)
    assert core.take_events() == [LoggedOn(2, 0)]


def test_line_that_breaks_at_the_rollover_restarts_the_numbers_too() -> None:
    """The Logout of the rollover never arrives, and the last bytes came after 22:00."""
    server = MemoryVenue()
    core = client(options=LogonOptions(cancel_orders_on_disconnect=False))
    line = logged_on(server, core)
    ten_pm_ns = START_NS // (86_400 * SECOND_NS) * 86_400 * SECOND_NS + 79_200 * SECOND_NS
    line.cut(ten_pm_ns + SECOND_NS // 2, deliver=True)
    core.take_events()
    server.venue.tick(ten_pm_ns + SECOND_NS)
    server.venue.tick(ten_pm_ns + 31 * SECOND_NS)
    server.commit(ten_pm_ns, {})
    line.connect(ten_pm_ns + 32 * SECOND_NS)
    line.step(ten_pm_ns + 32 * SECOND_NS)
    assert core.take_events() == [LoggedOn(2, 0)]


def test_reset_is_asked_for_once() -> None:
    server = MemoryVenue()
    core = client(options=LogonOptions(reset_seq_num=True, cancel_orders_on_disconnect=False))
    line = logged_on(server, core)
    placed = core.submit(order(), START_NS)
    line.cut(START_NS, deliver=True)
    core.take_events()
    line.connect(START_NS + SECOND_NS)
    line.step(START_NS + SECOND_NS)
    assert told(core.take_events()) == [("LoggedOn", "", False), (placed, "0", True)]


def test_nothing_is_sent_without_a_session() -> None:
    core = client()
    with pytest.raises(NotLoggedOn):
        core.submit(order(), START_NS)
    core.connect(START_NS)
    with pytest.raises(NotLoggedOn):
        core.submit(order(), START_NS)
    assert core.pending == {}
    assert core.numbers.next_outgoing == 2


def test_numbers_that_can_not_be_sent_leave_no_trace() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    with pytest.raises(TypeError, match="float"):
        core.submit(NewOrder(symbol="BTC/USD", side="1", order_qty=0.1), START_NS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        core.submit(NewOrder(symbol="BTC/USD", side="1", order_qty=Decimal("NaN")), START_NS)
    with pytest.raises(ValueError, match=r"Price \(44\) .*; give digits"):
        core.submit(order("1\x0154=2"), START_NS)
    with pytest.raises(ValueError, match="names its order"):
        Cancel(symbol="BTC/USD", side="1")
    assert core.take_output() == b""
    placed = core.submit(order(Decimal("5E+4")), START_NS)  # type: ignore[arg-type]
    line.step(START_NS)
    assert told(core.take_events()) == [(placed, "0", False)]


def test_requests_without_an_answer_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.client.core.PENDING_REQUESTS_MAX", 3)
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    for _ in range(3):
        core.submit(order(), START_NS)
    number = core.numbers.next_outgoing
    with pytest.raises(TooManyPending, match="3 requests"):
        core.submit(order(), START_NS)
    assert core.numbers.next_outgoing == number
    line.step(START_NS)
    core.submit(order(), START_NS)


def test_mass_cancel_with_a_barrier() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    sent = [core.submit(order(str(40000 + n)), START_NS) for n in range(3)]
    mass = core.submit(MassCancel(), START_NS)
    barrier = core.barrier(START_NS)
    line.step(START_NS)
    assert told(core.take_events())[3:] == [(name, "4", False) for name in sent]
    assert core.take_barriers() == [barrier]
    assert list(core.pending) == [mass]
    core.forget(mass)
    assert core.pending == {}


def test_report_that_breaks_the_dictionary_is_delivered_all_the_same() -> None:
    """A venue adds a field, or leaves one out: the fill counts."""
    server = MemoryVenue()
    core = client()
    logged_on(server, core)
    placed = core.submit(order(), START_NS)
    core.receive(
        frame_of(
            b"35=8\x0134=2\x0149=KRAKEN-TRD\x0156=ACME\x0152=20261103-09:15:00.000\x0111=%s\x01"
            b"150=F\x0132=0.1\x0131=oops\x019999=new\x01" % placed.encode()
        ),
        START_NS,
    )
    (report,) = core.take_events()
    assert isinstance(report, ExecutionReport)
    assert (report.last_qty, report.last_px, report.order_id) == (Decimal("0.1"), None, "")
    assert core.pending == {}


def test_reject_that_breaks_the_dictionary_is_delivered_all_the_same() -> None:
    server = MemoryVenue()
    core = client()
    logged_on(server, core)
    placed = core.submit(order(), START_NS)
    core.receive(
        frame_of(
            b"35=j\x0134=2\x0149=KRAKEN-TRD\x0156=ACME\x0152=20261103-09:15:00.000\x01379=%s\x01"
            b"58=EOrder:Something new\x01" % placed.encode()
        ),
        START_NS,
    )
    (reject,) = core.take_events()
    assert isinstance(reject, BusinessReject)
    assert reject.text == "EOrder:Something new"
    assert core.pending == {}


def test_report_that_can_not_be_scanned_is_refused_and_delivered_as_far_as_it_goes() -> None:
    server = MemoryVenue()
    core = client()
    logged_on(server, core)
    placed = core.submit(order(), START_NS)
    core.take_output()
    core.receive(
        frame_of(
            b"35=8\x0134=2\x0149=KRAKEN-TRD\x0156=ACME\x0152=20261103-09:15:00.000\x0111=%s\x01"
            b"150=F\x0132=0.1\x0131=\x0137=O1\x01" % placed.encode()
        ),
        START_NS,
    )
    refused, report = core.take_events()
    assert isinstance(report, ExecutionReport)
    assert refused == MessageRefused("Tag specified without a value: LastPx (31)", report.frame)
    assert (report.cl_ord_id, report.last_qty, report.order_id) == (placed, Decimal("0.1"), "")
    assert [kind for kind, _ in frames(core.take_output())] == [b"3"]
    assert core.pending == {}


def test_session_reject_of_a_raw_message() -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    number = core.send_raw(b"D", b"11=1\x01", START_NS)
    line.step(START_NS)
    (reject,) = core.take_events()
    assert isinstance(reject, SessionReject)
    assert (reject.ref_seq_num, reject.cl_ord_id) == (number, "")


def test_cl_ord_ids_rise_within_one_microsecond_and_when_the_clock_jumps_back() -> None:
    server = MemoryVenue()
    core = client()
    logged_on(server, core)
    made = [int(core.submit(order(), now)) for now in (START_NS, START_NS, START_NS - SECOND_NS)]
    assert made[0] == START_NS // 1000
    assert all(later == earlier + 1 for earlier, later in pairwise(made))
