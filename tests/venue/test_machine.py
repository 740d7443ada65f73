"""The machine: replay, snapshots, the fence, clocks, settings, turns that wait for the disk."""

from __future__ import annotations

import pytest

from tests.scenario.core_venue import START_NS, CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import SCRIPTS, read_script
from tests.scenario.settings import change, venue_settings
from tests.session.session_harness import client_frame, fields
from tidegate.model.codec import CodecError
from tidegate.model.settings import VenueSettings
from tidegate.model.time import NS_PER_S
from tidegate.session.states import ACTIVE, LOGOUT_SENT
from tidegate.venue import records
from tidegate.venue.effects import ANSWER, CUT, SWEEP, WRITE
from tidegate.venue.machine import ReplayMismatch, SettingsRefused, Venue
from tidegate.venue.records import Record, read_records, write_record

HOUR_NS = 3600 * NS_PER_S


def started(settings: VenueSettings | None = None) -> Venue:
    venue = Venue()
    venue.configure((settings or venue_settings()).encode(), START_NS)
    venue.start(START_NS)
    venue.take_turn()
    venue.commit(0)
    return venue


def logon(
    venue: Venue, link: int, number: int = 1, text: bytes = b"", time_ns: int = START_NS
) -> None:
    frame = client_frame(b"A", number, b"98=0\x01108=30\x01" + text, time_ns)
    venue.logon(0, link, b"KEY", 0, frame, time_ns)


def order(number: int, cl_ord_id: int, time_ns: int = START_NS) -> bytes:
    body = b"11=%d\x0155=BTC/USD\x0154=1\x0140=2\x0144=84000\x0138=0.1\x0159=1\x01" % cl_ord_id
    return client_frame(b"D", number, body + b"60=20261103-09:15:00\x01", time_ns)


def life_cycle() -> CoreVenue:
    venue = CoreVenue()
    Player(read_script(SCRIPTS / "orders" / "life_cycle.scenario"), venue).run()
    return venue


def outputs(payload: bytes) -> list[Record]:
    return [r for r in read_records(payload) if r.kind >= records.FIRST_OUTPUT]


# --- replay and snapshots ------------------------------------------------------------------------


def test_a_changed_byte_in_an_output_is_found_by_replay() -> None:
    for turn, (payload, _) in enumerate(life_cycle().turns):
        sent = [r for r in outputs(payload) if r.kind == records.SENT]
        if not sent:
            continue
        place = payload.rfind(b"|") if b"|" in payload else payload.find(sent[0].data) + 60
        damaged = payload[:place] + bytes((payload[place] ^ 1,)) + payload[place + 1 :]
        venue = Venue()
        for earlier, position in life_cycle().turns[:turn]:
            venue.replay(earlier, position)
        with pytest.raises(ReplayMismatch):
            venue.replay(damaged, 0)


def test_the_digest_tells_states_apart() -> None:
    done = life_cycle()
    digests: list[str] = []
    venue = Venue()
    for payload, position in done.turns:
        venue.replay(payload, position)
        digests.append(venue.digest())
    assert len(set(digests)) == len(digests)
    assert digests[-1] == done.venue.digest()


def test_a_snapshot_that_ends_early_or_goes_on_is_refused() -> None:
    saved = life_cycle().venue.save()
    for damaged in (saved[:-1], saved + b"\x00", b"\x63" + saved[1:]):
        with pytest.raises((ValueError, CodecError)):
            Venue().load(damaged)


def test_histories_are_kept_beside_a_snapshot() -> None:
    done = life_cycle()
    other = Venue()
    other.load(done.venue.save())
    other.load_histories(done.venue.save_histories())
    for index, history in enumerate(done.venue.histories):
        assert other.histories[index].last_number == history.last_number
        for number in range(1, history.last_number + 1):
            assert other.histories[index].position(number) == history.position(number)


def test_every_outgoing_message_is_found_in_the_log_by_its_number() -> None:
    done = life_cycle()
    for index, history in enumerate(done.venue.histories):
        for number in range(1, history.last_number + 1):
            assert fields(done.stored(index, number))[34] == b"%d" % number


def test_an_unknown_record_kind_stops_a_replay() -> None:
    from librt.strings import BytesWriter

    writer = BytesWriter()
    write_record(writer, 9, START_NS, 0, 0, 0, b"")
    with pytest.raises(ValueError, match="kind 9"):
        Venue().replay(writer.getvalue(), 0)


def test_a_cut_record_is_no_record() -> None:
    payload = life_cycle().turns[-1][0]
    for length in (1, records.HEADER_BYTES - 1, len(payload) - 1):
        with pytest.raises(ValueError, match="cut"):
            read_records(payload[:length])


# --- the fence -----------------------------------------------------------------------------------


def test_an_older_link_is_not_even_recorded() -> None:
    venue = started()
    logon(venue, 5)
    venue.take_turn()
    for link in (1, 4, 6):
        venue.frames(0, link, [order(2, 1)], START_NS)
        venue.link_down(0, link, START_NS)
    assert venue.turn_records == 0
    venue.frames(0, 5, [order(2, 1)], START_NS)
    assert [r.kind for r in read_records(venue.take_turn())] == [records.FRAME, records.SENT]


def test_frames_behind_the_end_of_a_session_are_not_taken() -> None:
    venue = started()
    logon(venue, 1)
    venue.take_turn()
    goodbye = client_frame(b"5", 2, b"")
    venue.frames(0, 1, [goodbye, order(3, 1)], START_NS)
    kinds = [r.kind for r in read_records(venue.take_turn())]
    assert kinds == [records.FRAME, records.SENT, records.CLOSE]


def test_link_numbers_rise() -> None:
    venue = started()
    logon(venue, 2)
    with pytest.raises(AssertionError):
        logon(venue, 2)


def test_a_second_logon_is_answered_on_its_own_link() -> None:
    venue = started()
    logon(venue, 1)
    logon(venue, 2, 2)
    payload = venue.take_turn()
    last = outputs(payload)[-1]
    assert (last.kind, last.link) == (records.REPLY, 2)
    assert fields(last.data)[58] == b"Session already active"
    dispatches = venue.commit(1_000)
    assert [(d.kind, d.link) for d in dispatches] == [(ANSWER, 2), (WRITE, 1)]
    assert venue.sessions[0].link == 1


# --- time ----------------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_does_not_turn_the_venues_time() -> None:
    venue = started()
    logon(venue, 1)
    later = START_NS + 60 * NS_PER_S
    venue.frames(0, 1, [order(2, 1, later)], later)
    venue.frames(0, 1, [order(3, 2, later)], START_NS)
    venue.link_down(0, 1, START_NS)
    times = [r.time_ns for r in read_records(venue.take_turn())]
    assert times == sorted(times)
    assert times[-1] == later
    assert venue.now_ns == later


def test_ticks_are_recorded_only_when_something_is_due() -> None:
    venue = started()
    logon(venue, 1)
    venue.take_turn()
    for millisecond in range(0, 30_000, 50):
        venue.tick(START_NS + millisecond * 1_000_000)
        assert venue.turn_records == 0
    venue.tick(START_NS + 30 * NS_PER_S)
    assert [r.kind for r in read_records(venue.take_turn())] == [records.TICK, records.SENT]


def test_a_venue_without_settings_has_nothing_due() -> None:
    venue = Venue()
    venue.tick(START_NS)
    assert venue.turn_records == 0


def test_a_jump_over_several_days_rolls_over_once() -> None:
    venue = started()
    logon(venue, 1)
    venue.take_turn()
    later = START_NS + 80 * HOUR_NS
    venue.tick(later)
    assert venue.sessions[0].state == LOGOUT_SENT  # not given up: it was not asked before
    assert venue.logons_refused(later)
    venue.tick(later + 2 * NS_PER_S)
    assert not venue.logons_refused(later + 2 * NS_PER_S)
    assert venue.sessions[0].epoch == 2
    assert later < venue.rollover_at_ns <= later + 24 * HOUR_NS


def test_a_rollover_missed_by_the_process_is_not_lost_to_new_settings() -> None:
    """A process that starts behind 22:00 with a changed configuration: settings come first."""
    venue = started()
    logon(venue, 1)
    later = START_NS + 14 * HOUR_NS
    changed = venue_settings()
    change(changed, "session", "BETA cancel_on_logout=Y")
    venue.configure(changed.encode(), later)
    venue.start(later)
    assert venue.sessions[0].next_outgoing == 1
    assert venue.sessions[0].epoch == 2


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("session", "NEW account=NOBODY", "NOBODY"),
        ("without", "ACME-1", "ACME-1"),
    ],
)
def test_settings_that_contradict_each_other(kind: str, text: str, named: str) -> None:
    settings = venue_settings()
    change(settings, kind, text)
    _refused(settings, named)


@pytest.mark.parametrize(
    ("name", "value"), [("price_decimals", 3), ("base", "XBT"), ("quote", "EUR")]
)
def test_an_instrument_can_not_become_another(name: str, value: object) -> None:
    settings = venue_settings()
    setattr(settings.instruments[0], name, value)
    _refused(settings, "BTC/USD")


def _refused(settings: VenueSettings, named: str) -> None:
    venue = started()
    before = venue.save()
    with pytest.raises(SettingsRefused, match=named):
        venue.configure(settings.encode(), START_NS)
    assert venue.turn_records == 0
    assert venue.save() == before


def test_new_accounts_get_their_deposits_once() -> None:
    venue = started()
    settings = venue_settings()
    change(settings, "account", "NEW-1 USD=5")
    for _ in range(2):
        venue.configure(settings.encode(), START_NS)
    index = venue.directory.account_by_name[b"NEW-1"].index
    assert venue.engine.ledger.available(index, "USD") == 5 * 10**10
    assert all(total == 0 for total in venue.engine.ledger.totals().values())


def test_a_session_that_the_settings_drop_keeps_its_index_and_is_disabled() -> None:
    venue = started()
    settings = venue_settings()
    change(settings, "without", "ACME")
    venue.configure(settings.encode(), START_NS)
    assert not venue.directory.sessions[0].enabled
    assert venue.directory.session_index(b"ACME", b"KRAKEN-TRD") == 0
    assert venue.directory.session_index(b"BETA", b"KRAKEN-TRD") == 1
    venue.take_turn()
    other = Venue()
    other.load(venue.save())
    assert other.save() == venue.save()


# --- turns that wait for the disk ----------------------------------------------------------------


def test_several_turns_wait_and_come_out_in_order() -> None:
    venue = started()
    logon(venue, 1)
    turns = [venue.take_turn()]
    for number in range(2, 6):
        venue.frames(0, 1, [order(number, number)], START_NS)
        turns.append(venue.take_turn())
    position = 500
    written: list[int] = []
    for payload in turns:
        assert venue.histories[0].last_number == len(written)
        dispatches = venue.commit(position)
        assert [d.kind for d in dispatches] == [WRITE]
        written += range(dispatches[0].first, dispatches[0].last + 1)
        position += len(payload)
    assert written == [1, 2, 3, 4, 5]
    assert venue.sessions[0].state == ACTIVE


def test_one_link_gets_one_write_a_turn() -> None:
    venue = started()
    logon(venue, 1)
    venue.frames(0, 1, [order(number, number) for number in range(2, 12)], START_NS)
    payload = venue.take_turn()
    (dispatch,) = venue.commit(0)
    assert (dispatch.kind, dispatch.first, dispatch.last) == (WRITE, 1, 11)
    assert dispatch.data == b"".join(r.data for r in outputs(payload))


def test_a_sweep_keeps_its_place_among_what_is_sent() -> None:
    venue = started()
    logon(venue, 1)
    again = client_frame(b"2", 3, b"7=1\x0116=0\x01")
    bye = client_frame(b"5", 5, b"")
    venue.frames(0, 1, [order(2, 1), again, order(4, 2), bye], START_NS)
    venue.take_turn()
    dispatches = venue.commit(0)
    assert [(d.kind, d.first, d.last) for d in dispatches] == [
        (WRITE, 1, 2), (SWEEP, 1, 2), (WRITE, 3, 4), (CUT, 0, 0),
    ]  # fmt: skip


def test_a_reset_in_a_turn_empties_the_history_at_its_commit() -> None:
    venue = started()
    logon(venue, 1)
    venue.frames(0, 1, [order(2, 1)], START_NS)
    venue.link_down(0, 1, START_NS)
    first = venue.take_turn()
    logon(venue, 2, 1, b"141=Y\x01")
    venue.take_turn()
    venue.commit(100)
    assert venue.histories[0].last_number == 3
    venue.commit(100 + len(first))
    assert venue.histories[0].last_number == 1
