"""Who may log on for market data, as operators change it while the venue runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.feeds.test_early import Process, until
from tests.history.days import Days
from tests.scenario.settings import session, venue_settings
from tidegate.feeds.observer import BookObserver
from tidegate.feeds.options import FeedOptions, OwnSession, TradingSession
from tidegate.feeds.roster import Entry, Roster
from tidegate.feeds.settings_text import settings_of, settings_text
from tidegate.marketdata.fold import MarketData
from tidegate.model.instruments import SPOT
from tidegate.provision.secrets import FILE_NAME, AddedSession, open_secrets
from tidegate.venue.controls import ADD_SESSION, ENABLE_FIRM, ENABLE_SESSION, SET_HALTED, SET_STATUS
from tidegate.venue.directory_controls import AddSession, EnableFirm, EnableSession
from tidegate.venue.machine import Venue
from tidegate.venue.market_controls import SetHalted, SetStatus

L2, L3 = "spot_market_data_l2", "spot_market_data_l3"
NETWORKS = ["127.0.0.0/8"]
NOBODY = -1
BETA = 1  # by the order of `venue_settings`


def options(data: Path) -> FeedOptions:
    """The sessions of `venue_settings` at two ports, and one at the first for market data alone."""
    trading = [
        TradingSession(
            market=SPOT, sender_comp_id=one.sender_comp_id, target_comp_id=one.target_comp_id,
            networks=NETWORKS, tls="any", settings=settings_text(one),
        )
        for one in venue_settings().sessions
    ]  # fmt: skip
    screen = session("SCREEN", "")
    screen.target_comp_id = "KRAKEN-MD"
    own = OwnSession(
        market=SPOT, sender_comp_id="SCREEN", target_comp_id="KRAKEN-MD", networks=NETWORKS,
        tls="any", settings=settings_text(screen), service=L2, firm="ACME",
    )  # fmt: skip
    return FeedOptions(
        data=str(data), ports={L2: 4000, L3: 4005}, sockets={L2: -1, L3: -1}, bell=-1,
        certificate="", key="", tls="1.3", virtual_clock=True, logon_timeout_s=1,
        logons_per_second_max=1, explain_logons=True, l3_timestamps=False, lone_symbol=True,
        trading=trading, own=[own], key_names=[], drop_copies=[], log_format="", log_level="",
    )  # fmt: skip


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.configure(venue_settings().encode(), 1)
    return venue


def by_place(entries: list[Entry]) -> dict[tuple[str, str], Entry]:
    return {(entry.service, entry.access.sender_comp_id): entry for entry in entries}


def test_sessions_are_at_every_port_and_what_has_not_changed_is_the_same_entry(
    venue: Venue, tmp_path: Path
) -> None:
    roster = Roster(options(tmp_path))
    before = by_place(roster.configured())
    names = ("ACME", "BETA", "PRIME")
    assert list(before) == [(port, name) for name in names for port in (L2, L3)] + [(L2, "SCREEN")]
    venue.control(ENABLE_SESSION, BETA, EnableSession(on=False).encode(), 2)
    after = by_place(roster.entries(venue))
    assert list(after) == list(before)
    assert {place for place in after if after[place] is not before[place]} == {
        (L2, "BETA"), (L3, "BETA"),
    }  # fmt: skip
    assert [after[port, "BETA"].settings.enabled for port in (L2, L3)] == [False, False]
    assert before[L2, "BETA"].settings.enabled


def test_a_trading_session_is_at_the_ports_of_its_own_market_alone(
    venue: Venue, tmp_path: Path
) -> None:
    """As `ready.json` says."""
    given = options(tmp_path)
    trading = [
        replace(one, market="elsewhere") if one.sender_comp_id == "BETA" else one
        for one in given.trading
    ]
    roster = Roster(replace(given, trading=trading))
    for entries in (roster.configured(), roster.entries(venue)):
        assert {name for _, name in by_place(entries)} == {"ACME", "PRIME", "SCREEN"}


def test_a_disabled_firm_takes_its_own_sessions_along_and_brings_them_back(
    venue: Venue, tmp_path: Path
) -> None:
    roster = Roster(options(tmp_path))
    for on in (False, True):
        venue.control(ENABLE_FIRM, NOBODY, EnableFirm("ACME", on=on).encode(), 2)
        entries = by_place(roster.entries(venue))
        enabled = [entries[L2, name].settings.enabled for name in ("ACME", "BETA", "SCREEN")]
        assert enabled == [on, True, on]


def test_an_added_session_comes_with_its_networks_from_the_file_of_secrets(
    venue: Venue, tmp_path: Path
) -> None:
    secrets = open_secrets(tmp_path)
    secrets.add_session(
        AddedSession(
            sender_comp_id="NEW", target_comp_id="KRAKEN-TRD", networks=["10.0.0.0/8"],
            nonce_window_ms=1, tls="required",
        )
    )  # fmt: skip
    secrets.save()
    roster = Roster(options(tmp_path))
    added = AddSession(session("NEW", "ACME-1"))
    venue.control(ADD_SESSION, NOBODY, added.encode(), 2)
    access = by_place(roster.entries(venue))[L3, "NEW"].access
    assert (access.admits("10.1.1.1"), access.admits("127.0.0.1")) == (True, False)
    assert access.tls == "required"


def test_a_name_that_the_file_has_lost_is_told_once_and_not_looked_for_again(
    venue: Venue, tmp_path: Path
) -> None:
    roster = Roster(options(tmp_path))
    venue.control(ADD_SESSION, NOBODY, AddSession(session("NEW", "ACME-1")).encode(), 2)
    with capture_logs() as logs:
        assert (L2, "NEW") not in by_place(roster.entries(venue))
    assert [(log["event"], log["name"]) for log in logs] == [
        ("added_name_left_out", "session NEW KRAKEN-TRD")
    ]
    (tmp_path / FILE_NAME).write_bytes(b"no such file")
    with capture_logs() as logs:
        assert (L2, "NEW") not in by_place(roster.entries(venue))
    assert logs == []


def test_a_file_that_can_not_be_read_now_may_be_at_the_next_look(
    venue: Venue, tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no such file")
    roster = Roster(options(tmp_path))
    venue.control(ADD_SESSION, NOBODY, AddSession(session("NEW", "ACME-1")).encode(), 2)
    with capture_logs() as logs:
        assert (L2, "NEW") not in by_place(roster.entries(venue))
    assert [log["event"] for log in logs] == ["secrets_unreadable"]
    (tmp_path / FILE_NAME).unlink()
    secrets = open_secrets(tmp_path)
    secrets.add_session(
        AddedSession(
            sender_comp_id="NEW", target_comp_id="KRAKEN-TRD", networks=NETWORKS,
            nonce_window_ms=1, tls="any",
        )
    )  # fmt: skip
    secrets.save()
    assert (L2, "NEW") in by_place(roster.entries(venue))


def test_sessions_are_news_only_where_they_may_have_changed(venue: Venue) -> None:
    """A pair's status and a halt are news of the markets alone, and the other way round."""
    observer = BookObserver(venue, MarketData())
    observer.begin()
    for kind, index, data, of_sessions in (
        (SET_HALTED, NOBODY, SetHalted(halted=True).encode(), False),
        (SET_STATUS, NOBODY, SetStatus("BTC/USD", 1).encode(), False),
        (ENABLE_SESSION, BETA, EnableSession(on=False).encode(), True),
    ):
        observer.sessions_are_new = observer.markets_are_new = False
        venue.control(kind, index, data, 2)
        assert (observer.sessions_are_new, observer.markets_are_new) == (
            of_sessions, not of_sessions,
        )  # fmt: skip
    observer.sessions_are_new = observer.markets_are_new = False
    venue.configure(venue_settings().encode(), 3)
    assert observer.sessions_are_new
    assert observer.markets_are_new


def test_a_change_of_one_session_leaves_the_others_at_their_ports_untouched(
    tmp_path: Path,
) -> None:
    """What the desk has given them meanwhile stays."""
    days = Days(tmp_path / "data", 1)

    async def story() -> None:
        process = Process(tmp_path / "data", days, "ACME", "BETA")
        process.follower.may_go = True
        process.feeds.start()
        assert process.feeds.is_open
        desk, port = process.feeds.desk, process.port
        acme, beta = (
            desk.sessions[port.session_index(n, b"KRAKEN-MD")] for n in (b"ACME", b"BETA")
        )
        given = [settings_of(settings_text(one.settings)) for one in (acme, beta)]
        for one, settings in zip((acme, beta), given, strict=True):
            desk.adopt(one.index, settings, days.now_ns)
        for on in (False, True):
            days.control(BETA, ENABLE_SESSION, EnableSession(on=on))
            days.end_turn()
            process.ring()
            await until(lambda on=on: beta.settings.enabled is on)
            assert acme.settings is given[0]
            assert beta.settings is not given[1]
        assert process.failures == []
        await process.feeds.stop(b"", 0.0)

    asyncio.run(story())
