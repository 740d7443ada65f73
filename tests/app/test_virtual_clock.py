"""A venue whose clock is moved over the control socket, with clients on real sockets that go by it.

Time passes while a command is awaited, not by waiting: hours take milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import nan
from pathlib import Path
from typing import Any

import pytest

from tests.app.venue import Venue, tidegate
from tests.peers.socket_peer import Peer
from tidegate.client import (
    Client,
    Credentials,
    Endpoint,
    LoggedOut,
    LogonOptions,
    LogonRefused,
    NewOrder,
    Side,
)
from tidegate.client.connection import ConnectFailed
from tidegate.client.outcomes import Accepted
from tidegate.control.client import VenueClock, ask
from tidegate.control.clock_commands import time_of
from tidegate.control.protocol import ControlError
from tidegate.model.time import NS_PER_S, S_PER_DAY

ROLLOVER = '[venue]\nrollover_at = "22:00:00"\n'
VIRTUAL = ["--clock", "virtual"]
DAY_NS = S_PER_DAY * NS_PER_S
REAL_TIME_MAX_S = 20.0  # for what takes hours by the venue's clock; a fraction of a second alone


def virtual_venue(data: Path, config: str = ROLLOVER) -> Venue:
    return Venue(data, config=config, arguments=VIRTUAL)


async def told(venue: Venue, command: str, **parameters: Any) -> Any:
    return await asyncio.to_thread(ask, venue.data, command, parameters, None)


@asynccontextmanager
async def logged_on(
    venue: Venue, clock_ns: Callable[[], int], firm: str = "ACME", **options: Any
) -> AsyncIterator[Client]:
    client = client_of(venue, clock_ns, firm, **options)
    await client.connect()
    try:
        yield client
    finally:
        await client.drop()


def client_of(
    venue: Venue, clock_ns: Callable[[], int], firm: str = "ACME", **options: Any
) -> Client:
    session = next(s for s in venue.ready["sessions"] if s["firm"] == firm)
    credentials = Credentials(
        session["sender_comp_id"], session["target_comp_id"], session["api_key"],
        session["api_secret"],
    )  # fmt: skip
    endpoint = Endpoint(venue.ready["host"], session["port"], tls=False)
    options = {"heart_bt_int_s": 30} | options
    return Client(endpoint, credentials, LogonOptions(**options), clock_ns=clock_ns)


@pytest.fixture
def clock_of() -> Any:
    """The clocks of venues, for their clients; closed at the end."""
    clocks: list[VenueClock] = []

    def make(venue: Venue) -> VenueClock:
        clocks.append(VenueClock(venue.data))
        return clocks[-1]

    yield make
    for clock in clocks:
        clock.close()


def order(price: str = "20000") -> NewOrder:
    return NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.01", price=price)


async def until(client: Client, wanted: Callable[[Any], bool]) -> Any:
    """The first event that is wanted."""
    async with asyncio.timeout(20):
        while True:
            event = await client.next_event()
            assert event is not None
            if wanted(event):
                return event


async def line_closed(client: Client) -> None:
    async with asyncio.timeout(20):
        while await client.next_event() is not None:
            pass


def test_a_day_turns_over_in_milliseconds(data: Path, clock_of: Any) -> None:
    """Logout at 22:00, refusal for thirty seconds, numbers from 1 on, the order still open."""

    async def play(venue: Venue) -> None:
        clock = clock_of(venue)
        began_s = time.monotonic()
        await told(venue, "clock-set", time="21:59:50")
        async with logged_on(venue, clock) as client:
            placed = await client.place(order())
            assert isinstance(placed, Accepted)
            walk = await told(venue, "clock-advance", duration="10s")
            assert walk["to"].endswith(" 22:00:00.000")
            assert walk["ended"] == ["ACME"]
            ended = await until(client, lambda event: isinstance(event, LoggedOut))
            assert ended.text == "Session rollover"
            await line_closed(client)
            with pytest.raises(ConnectFailed):  # without a word
                await client.connect()
            await line_closed(client)
            await told(venue, "clock-advance", duration="29s")
            with pytest.raises(ConnectFailed):
                await client.connect()
            await line_closed(client)
            await told(venue, "clock-advance", duration="1s")
            await client.connect()
            [acme] = await told(venue, "sessions", sender_comp_id="ACME")
            assert (acme["next_outgoing"], acme["next_incoming"]) == (2, 2)
            assert acme["open_orders"] == 1
        assert time.monotonic() - began_s < REAL_TIME_MAX_S

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))
        assert venue.stop() == 0
    assert tidegate("verify", "--data", data).returncode == 0


def test_a_long_walk_keeps_sessions_whose_clients_answer(data: Path, clock_of: Any) -> None:
    """Six hours at a heartbeat of 30 s: hundreds of TestRequests and their answers."""

    async def play(venue: Venue) -> None:
        clock = clock_of(venue)
        await told(venue, "clock-set", time="02:00:00")
        async with logged_on(venue, clock) as acme, logged_on(venue, clock, "BETA") as beta:
            walk = await told(venue, "clock-advance", duration="6h")
            assert walk["ended"] == []
            assert walk["steps"] > 6 * 3600 // 36
            for client in (acme, beta):
                assert isinstance(await client.place(order("19999")), Accepted)

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))


def test_a_client_that_does_not_answer_is_given_up_in_its_time(data: Path, clock_of: Any) -> None:
    """TestRequest after 36 s, the end after 72 s; its order is cancelled and the other stays."""

    async def play(venue: Venue) -> None:
        clock = clock_of(venue)
        with Peer(venue.login("BETA")) as deaf:
            async with logged_on(venue, clock) as client:
                assert deaf.logon().type == "A"
                deaf.order(1, price="1000")
                deaf.until(lambda frame: frame.type == "8")
                assert isinstance(await client.place(order()), Accepted)
                assert (await told(venue, "clock-advance", duration="71s"))["ended"] == []
                [beta] = await told(venue, "sessions", sender_comp_id="BETA")
                assert beta["test_request_pending"]
                assert beta["open_orders"] == 1
                assert (await told(venue, "clock-advance", duration="1s"))["ended"] == ["BETA"]
                [beta] = await told(venue, "sessions", sender_comp_id="BETA")
                assert beta["open_orders"] == 0
                [acme] = await told(venue, "sessions", sender_comp_id="ACME")
                assert (acme["state"], acme["open_orders"]) == ("active", 1)

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))


def test_nonces_and_sending_times_go_by_the_moved_clock(data: Path, clock_of: Any) -> None:
    async def play(venue: Venue) -> None:
        await told(venue, "clock-advance", duration="6s")
        late = client_of(venue, time.time_ns)
        with pytest.raises(LogonRefused, match="nonce outside 5 seconds window"):
            await late.connect()
        async with logged_on(venue, clock_of(venue)):
            pass

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))


def test_the_clock_runs_and_stands(data: Path, clock_of: Any) -> None:
    async def play(venue: Venue) -> None:
        clock = clock_of(venue)
        stood_ns = clock()
        assert clock() == stood_ns
        state = await told(venue, "clock-run", speed=3600.0)
        assert state["speed"] == 3600.0
        async with asyncio.timeout(20):
            while clock() < stood_ns + 600 * NS_PER_S:
                await asyncio.sleep(0)
        state = await told(venue, "clock-stop")
        assert state["speed"] == 0.0
        assert clock() == clock() == state["now_ns"]

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))


def test_the_clock_stands_whoever_else_had_it_run(data: Path, clock_of: Any) -> None:
    async def play(venue: Venue) -> None:
        clock = clock_of(venue)
        for _ in range(5):  # the last of each group to come waits for none of the others
            await asyncio.gather(*(told(venue, "clock-run", speed=10_000.0) for _ in range(6)))
        state = await told(venue, "clock-stop")
        assert state["speed"] == 0.0
        async with asyncio.TaskGroup() as others:  # real time in which a clock that runs moves
            for _ in range(50):
                others.create_task(told(venue, "sessions"))
        assert clock() == state["now_ns"]

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))


def test_a_running_clock_keeps_sessions_and_turns_the_day_over(data: Path, clock_of: Any) -> None:
    """An hour a second, over 22:00."""

    async def play(venue: Venue) -> None:
        clock = clock_of(venue)
        await told(venue, "clock-set", time="20:00:00")
        async with logged_on(venue, clock) as client:
            await told(venue, "clock-run", speed=3600.0)
            ended = await until(client, lambda event: isinstance(event, LoggedOut))
            assert ended.text == "Session rollover"
            assert clock() >= time_of("22:00:00", clock() - DAY_NS)

    with virtual_venue(data) as venue:
        asyncio.run(play(venue))


def test_what_can_not_be_done_is_named(data: Path) -> None:
    with virtual_venue(data) as venue:
        now = ask(data, "clock")["now"]
        for command, parameters, said in (
            ("clock-set", {"time": "2020-01-01 00:00:00"}, "time: the time is past"),
            ("clock-set", {"time": "2300-01-01 00:00:00"}, "before the year 2262"),
            ("clock-set", {"time": "noon"}, "time: 'noon' is no UTC time"),
            ("clock-set", {}, "time is missing"),
            ("clock-advance", {"duration": "fast"}, "duration: 'fast' is none"),
            ("clock-advance", {"duration": "999999999d"}, "before the year 2262"),
            ("clock-advance", {"duration": 5}, "duration: Expected `str`, got `int`"),
            ("clock-advance", {"duration": "1s", "settle_s": 99}, "settle_s: Expected"),
            ("clock-run", {"speed": 0.0}, "speed: the speed must be above 0"),
            ("clock-run", {"speed": 1e9}, "speed: the speed must be above 0 and at most"),
            ("clock-run", {"speed": nan}, "speed must be a number, not nan"),
            ("clock", {"time": "x"}, "time is no parameter"),
        ):
            with pytest.raises(ControlError, match=said):
                ask(data, command, parameters)
        assert ask(data, "clock")["now"] == now
        assert "Traceback" not in venue.log_text()


def test_a_restart_goes_on_where_time_had_got_to(data: Path) -> None:
    with virtual_venue(data) as venue:
        moved_ns = ask(data, "clock-advance", {"duration": "3d"}, None)["to_ns"]
        assert venue.stop() == 0
        venue.start()
        assert ask(data, "clock")["now_ns"] == moved_ns
        venue.kill()
        # By the machine's clock it starts as well, and says how far ahead it is.
        venue.arguments.clear()
        venue.start()
        state = ask(data, "clock")
        assert state["kind"] == "system"
        assert state["now_ns"] >= moved_ns
        assert 2 * 86_400 < state["ahead_s"] <= 3 * 86_400
        assert "journal_ahead_of_clock" in venue.log_text()
        for command, parameters in (
            ("clock-set", {"time": "22:00:00"}),
            ("clock-advance", {"duration": "1s"}),
            ("clock-run", {}),
            ("clock-stop", {}),
        ):
            with pytest.raises(ControlError, match="goes by the clock of its machine"):
                ask(data, command, parameters)
        assert venue.stop() == 0
    assert tidegate("verify", "--data", data).returncode == 0


def test_production_has_no_such_clock(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    firm = """
[[firm]]
name = "A"
account = [{ id = "A-1" }]
key = [{ name = "k", secret = "c2l4dGVlbiBieXRlcyBvciBtb3Jl" }]
session = [{ sender_comp_id = "A" }]
"""
    path.write_text('[venue]\nprofile = "production"\n' + firm)
    refused = tidegate("up", "--data", data, "--config", path, "--clock", "virtual", "--plain")
    assert refused.returncode == 2
    assert b"--clock virtual is for the uat profile only" in refused.stderr
    path.write_text('[venue]\nprofile = "production"\nclock = "virtual"\n' + firm)
    refused = tidegate("up", "--data", data, "--config", path)
    assert refused.returncode == 2
    assert b'clock must be "system" in the production profile' in refused.stderr
    assert not data.exists()
