"""The client when the line, the venue or the day ends: it is told by type, nothing hangs, and every
request has an outcome."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.app.venue import Venue
from tests.client.memory_venue import SECRET, START_NS, MemoryLine, MemoryVenue, client
from tests.client.socket_venue import SocketVenue
from tidegate.client import (
    Accepted,
    AnswersLost,
    Client,
    ConnectFailed,
    Credentials,
    Disconnected,
    Endpoint,
    ExecutionReport,
    LoggedOn,
    LoggedOut,
    LogonOptions,
    LogonRefused,
    MassCancel,
    NewOrder,
    NotLoggedOn,
    Numbers,
    Side,
    Unknown,
)
from tidegate.model.settings import DUPLICATE_DISPLACE

KEEP = LogonOptions(cancel_orders_on_disconnect=False, rollover_s=-1)
SECOND_NS = 1_000_000_000
ROLLOVER_IN_S = 10  # the venue must be up and logged on to by then, also on a crowded machine


def order() -> NewOrder:
    return NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.01", price="50000")


def play(story: Callable[[SocketVenue], Awaitable[None]]) -> None:
    async def run() -> None:
        async with SocketVenue() as venue, asyncio.timeout(30):
            await story(venue)

    asyncio.run(run())


def test_a_client_that_is_displaced_is_told_by_type() -> None:
    async def story(venue: SocketVenue) -> None:
        venue.memory.venue.sessions[0].settings.duplicate_logon = DUPLICATE_DISPLACE
        older = venue.client(options=KEEP)
        await older.connect()
        venue.is_mute = True
        placing = asyncio.create_task(older.place(order()))
        syncing = asyncio.create_task(older.synchronize())
        await venue.wait_for(b"35=1")
        venue.is_mute = False
        numbers = Numbers(next_outgoing=4, next_incoming=2, nonce_ms=older.core.numbers.nonce_ms)
        newer = Client(older.endpoint, older.core.credentials, KEEP, numbers)
        await newer.connect()
        assert await placing == Unknown((await placing).cl_ord_id, "logged out")
        assert await syncing is False
        events = [event async for event in older]
        assert events[1:] == [LoggedOut("Session displaced by a newer logon", True)]
        with pytest.raises(NotLoggedOn):
            await older.place(order())
        with pytest.raises(NotLoggedOn):
            await older.mass_cancel(MassCancel())
        with pytest.raises(NotLoggedOn):
            await older.synchronize()
        await older.close()
        await newer.close()

    play(story)


def test_two_clients_that_displace_each_other_slow_down() -> None:
    """Each comes back after its delays, which begin anew only behind a session that lasted."""
    delays_s = (0.01, 0.05, 0.4)

    async def story(venue: SocketVenue) -> None:
        venue.memory.venue.sessions[0].settings.duplicate_logon = DUPLICATE_DISPLACE
        reset = LogonOptions(reset_seq_num=True, rollover_s=-1)
        start = time.monotonic()
        clients = [
            venue.client(options=reset, reconnect_delays_s=delays_s, clock_ahead_ms=ahead_ms)
            for ahead_ms in (0, 2_000)
        ]
        for one in clients:
            await one.connect()
        ends = 0
        async for event in clients[0]:
            ends += isinstance(event, Disconnected | LoggedOut)
            if ends == 5:
                break
        assert time.monotonic() - start >= 0.01 + 0.05 + 0.4
        for one in clients:
            await one.close()

    play(story)


def test_requests_over_a_line_that_breaks_all_have_an_outcome() -> None:
    """The venue goes away at random moments of a seed, now and then it is only silent; nobody waits
    for longer than his own deadline."""
    rng = random.Random(2976)

    async def story(venue: SocketVenue) -> None:
        one = venue.client(options=KEEP, reconnect_delays_s=(0.001, 0.01))
        await one.connect()
        one.take_events()
        outcomes: list[object] = []
        tasks: list[asyncio.Task[object]] = []

        async def ask() -> None:
            try:
                outcomes.append(await one.place(order(), timeout_s=2))
            except NotLoggedOn as error:
                outcomes.append(error)

        for _ in range(12):
            asked = rng.randrange(1, 30)
            tasks += [asyncio.create_task(ask()) for _ in range(asked)]
            for _ in range(rng.randrange(20)):
                await asyncio.sleep(0)
            venue.is_mute = rng.random() < 0.3
            venue.stop()
            await venue.listen()
            venue.is_mute = False
            async for event in one:
                if isinstance(event, LoggedOn):
                    break
        await asyncio.gather(*tasks)
        assert len(outcomes) == len(tasks)
        kinds = {type(outcome) for outcome in outcomes}
        assert kinds <= {Accepted, Unknown, NotLoggedOn}
        assert Unknown in kinds
        await one.close()
        assert not one._waiting
        assert not one._barriers

    play(story)


def test_a_venue_that_refuses_everybody_is_asked_at_the_clients_own_pace() -> None:
    delays_s = (0.01, 0.05, 0.1)
    tries = 6

    async def story(venue: SocketVenue) -> None:
        one = venue.client(options=KEEP, reconnect_delays_s=delays_s)
        await one.connect()
        venue.stop()
        knocks: list[float] = []
        enough = asyncio.Event()

        def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            knocks.append(time.monotonic())
            writer.transport.abort()
            if len(knocks) == tries:
                enough.set()

        closed = await asyncio.start_server(slam, "127.0.0.1", venue.port)
        await enough.wait()
        pauses = [later - earlier for earlier, later in pairwise(knocks)]
        assert all(
            pause >= delay
            for pause, delay in zip(pauses, (*delays_s[1:], 0.1, 0.1, 0.1), strict=True)
        )
        assert not one.is_logged_on
        with pytest.raises(NotLoggedOn):
            await one.place(order())
        closed.close()
        await one.close()  # at once, in the middle of a pause or of an attempt
        assert await one.next_event() is not None
        assert all(isinstance(e, LoggedOn | Disconnected) for e in one.take_events())

    play(story)


def test_numbers_that_are_too_old_are_refused_by_name_and_a_reset_helps() -> None:
    """A client that crashed and comes back with the numbers of before its last messages."""

    async def story(venue: SocketVenue) -> None:
        one = venue.client(options=KEEP)
        await one.connect()
        stale = one.core.numbers
        assert isinstance(await one.place(order()), Accepted)
        await one.drop()
        endpoint, credentials = one.endpoint, one.core.credentials
        again = Client(endpoint, credentials, KEEP, stale)
        with pytest.raises(LogonRefused, match="MsgSeqNum too low, expecting 3 but received 2"):
            await again.connect()
        nonce_ms = again.core.numbers.nonce_ms
        reset = LogonOptions(reset_seq_num=True, cancel_orders_on_disconnect=False)
        fresh = Client(endpoint, credentials, reset, Numbers(nonce_ms=nonce_ms))
        assert await fresh.connect() == LoggedOn(2, 0)
        await fresh.close()

    play(story)


def test_a_crashed_client_that_kept_its_own_number_is_replayed_what_it_had_not_kept() -> None:
    async def story(venue: SocketVenue) -> None:
        one = venue.client(options=KEEP)
        await one.connect()
        kept = one.core.numbers
        placed = [await one.place(order()) for _ in range(3)]
        await one.drop()
        now = one.core.numbers
        numbers = Numbers(now.next_outgoing, kept.next_incoming, now.nonce_ms, now.cl_ord_id)
        again = Client(one.endpoint, one.core.credentials, KEEP, numbers)
        assert (await again.connect()).replay_from == kept.next_incoming
        assert await again.synchronize()
        reports = [e for e in again.take_events() if isinstance(e, ExecutionReport)]
        assert [report.cl_ord_id for report in reports] == [
            outcome.report.cl_ord_id for outcome in placed if isinstance(outcome, Accepted)
        ]
        assert all(report.poss_dup for report in reports)
        await again.close()

    play(story)


def test_a_reset_tells_which_answers_will_never_come() -> None:
    """At the rollover numbers begin anew: what had no answer by then can not be replayed."""
    server = MemoryVenue()
    core = client()
    line = MemoryLine(server, core)
    line.connect(START_NS)
    line.step(START_NS)
    core.take_events()
    lost = core.submit(order(), START_NS)
    core.take_output()  # it never leaves
    line.cut(START_NS, deliver=False)
    assert core.take_events() == [Disconnected("Link lost")]
    assert list(core.pending) == [lost]
    next_day_ns = START_NS + 86_400 * SECOND_NS
    server.venue.tick(next_day_ns)
    server.venue.tick(next_day_ns + 31 * SECOND_NS)
    server.commit(next_day_ns, {})
    line.connect(next_day_ns + 32 * SECOND_NS)
    line.step(next_day_ns + 32 * SECOND_NS)
    assert core.take_events() == [AnswersLost((lost,)), LoggedOn(2, 0)]
    assert core.pending == {}


def test_reconnects_through_a_rollover(tmp_path: Path) -> None:
    """A running venue: Logout at the time, logons closed without a word for two seconds, then
    fresh numbers. The client comes back by itself and trades on."""
    rollover_s = (int(time.time()) + ROLLOVER_IN_S) % 86_400
    moment = time.strftime("%H:%M:%S", time.gmtime(rollover_s))
    config = f'[venue]\nrollover_at = "{moment}"\nrollover_length_s = 2\n'

    async def story(venue: Venue) -> None:
        login = venue.login("ACME")
        one = Client(
            Endpoint(login.host, login.port, tls=False),
            Credentials("ACME", "KRAKEN-TRD", login.api_key, login.api_secret),
            LogonOptions(cancel_orders_on_disconnect=True, rollover_s=rollover_s),
            reconnect_delays_s=(0.05, 0.2),
        )
        await one.connect()
        assert isinstance(await one.place(order()), Accepted)
        events = []
        async for event in one:
            events.append(event)
            if isinstance(event, LoggedOn) and len(events) > 1:
                break
        assert [type(event) for event in events[:3]] == [LoggedOn, ExecutionReport, LoggedOut]
        assert events[2] == LoggedOut("Session rollover", True)
        refused = events[3:-1]
        assert len(refused) >= 2
        assert all(event == Disconnected("Link lost") for event in refused)
        assert events[-1] == LoggedOn(2, 0)
        assert isinstance(await one.place(order()), Accepted)
        await one.close()

    with Venue(tmp_path / "data", config=config) as venue:
        asyncio.run(asyncio.wait_for(story(venue), 30))


def test_a_ca_file_that_goes_away_does_not_end_the_reconnecting(tmp_path: Path) -> None:
    async def story(venue: SocketVenue) -> None:
        one = venue.client(options=KEEP, reconnect_delays_s=(0.01,))
        await one.connect()
        one.take_events()
        good = one.endpoint
        one.endpoint = Endpoint(good.host, good.port, ca_file=tmp_path / "gone")
        venue.stop()
        await venue.listen()
        while not (one._reconnect_task is not None and one._attempts > 2):
            await asyncio.sleep(0)
        one.endpoint = good
        async for event in one:
            if isinstance(event, LoggedOn):
                break
        await one.close()

    play(story)


def test_a_port_nobody_listens_on_is_told_at_once() -> None:
    async def story(venue: SocketVenue) -> None:
        venue.stop()
        one = Client(
            Endpoint("127.0.0.1", venue.port, tls=False),
            Credentials("ACME", "KRAKEN-TRD", "key-ACME-1", SECRET),
        )
        with pytest.raises(ConnectFailed):
            await one.connect()
        await one.close()

    play(story)
