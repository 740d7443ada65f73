"""The client on sockets: answers, deadlines, lost lines, reconnects, events nobody takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.client.memory_venue import SECRET
from tests.client.socket_venue import SocketVenue
from tests.venue_process import VenueProcess
from tidegate.client import (
    Accepted,
    Amend,
    Cancel,
    Client,
    ConnectFailed,
    Credentials,
    Disconnected,
    Endpoint,
    ExecType,
    ExecutionReport,
    LoggedOn,
    LoggedOut,
    LogonOptions,
    LogonRefused,
    MassCancel,
    MassCanceled,
    MassCancelType,
    NewOrder,
    NotLoggedOn,
    Refused,
    Side,
    StatusRequest,
    Unknown,
)

KEEP = LogonOptions(cancel_orders_on_disconnect=False, rollover_s=-1)


def order(price: str = "50000") -> NewOrder:
    return NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.1", price=price)


def play(story: Callable[[SocketVenue], Awaitable[None]]) -> None:
    async def run() -> None:
        async with SocketVenue() as venue, asyncio.timeout(30):
            await story(venue)

    asyncio.run(run())


async def resting(client: Client, price: str = "50000") -> ExecutionReport:
    outcome = await client.place(order(price))
    assert isinstance(outcome, Accepted)
    return outcome.report


def test_requests_and_their_answers() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.connect()
        placed = await resting(client)
        amended = await client.amend(
            Amend(
                symbol="BTC/USD",
                side=Side.BUY,
                order_id=placed.order_id,
                orig_cl_ord_id=placed.cl_ord_id,
                order_qty="0.2",
                price="50001",
            )
        )
        assert isinstance(amended, Accepted)
        assert amended.report.exec_type == ExecType.REPLACED
        status = await client.status(
            StatusRequest(symbol="BTC/USD", order_id=placed.order_id), amended.report.cl_ord_id
        )
        assert isinstance(status, Accepted)
        assert status.report.exec_type == ExecType.ORDER_STATUS
        assert status.report.order_qty == Decimal("0.2")
        cancel = Cancel(symbol="BTC/USD", side=Side.BUY, order_id=placed.order_id)
        canceled = await client.cancel(cancel)
        assert isinstance(canceled, Accepted)
        assert canceled.report.exec_type == ExecType.CANCELED
        again = await client.cancel(cancel)
        assert isinstance(again, Refused)
        assert again.text == "EOrder:Unknown order"
        events = [type(event).__name__ for event in client.take_events()]
        assert events == ["LoggedOn", *["ExecutionReport"] * 4, "BusinessReject"]
        await client.close()
        assert client.take_events() == [LoggedOut("", True)]

    play(story)


def test_mass_cancel_tells_its_reports_or_that_there_were_none() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.connect()
        placed = [(await resting(client, f"{price}")).cl_ord_id for price in (50000, 50001, 50002)]
        outcome = await client.mass_cancel(MassCancel())
        assert isinstance(outcome, MassCanceled)
        assert [report.cl_ord_id for report in outcome.reports] == placed
        outcome = await client.mass_cancel(MassCancel())
        assert isinstance(outcome, MassCanceled)
        assert outcome.reports == ()
        refused = await client.mass_cancel(
            MassCancel(mass_cancel_request_type=MassCancelType.SYMBOL, symbol="NO/PAIR")
        )
        assert isinstance(refused, Refused)
        assert client.core.pending == {}
        await client.close()

    play(story)


def test_deadline_gives_unknown_and_the_request_stays_pending() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.connect()
        venue.is_mute = True
        outcome = await client.place(order(), timeout_s=0.05)
        assert outcome == Unknown(outcome.cl_ord_id, "no answer within 0.05 s")  # type: ignore[union-attr]
        mass = await client.mass_cancel(MassCancel(), timeout_s=0.05)
        assert isinstance(mass, Unknown)
        assert len(client.core.pending) == 2
        await client.drop()

    play(story)


def test_a_cl_ord_id_that_is_pending_is_not_sent_again() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.connect()
        first, second = await asyncio.gather(
            client.request(order("50000"), cl_ord_id="77"),
            client.request(order("50001"), cl_ord_id="77"),
            return_exceptions=True,
        )
        assert isinstance(first, Accepted)
        assert first.report.price == Decimal(50000)
        assert str(second) == "ClOrdID (11) is '77': a request with it has no answer yet"
        assert venue.received.count(b"35=D") == 1
        assert isinstance(await client.request(order("50002"), cl_ord_id="77"), Refused)
        await client.close()

    play(story)


def test_everybody_who_asks_for_the_status_of_an_order_at_once_gets_it() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client(options=KEEP)
        await client.connect()
        placed = await resting(client)
        request = StatusRequest(symbol="BTC/USD", order_id=placed.order_id)
        venue.is_mute = True
        asking = [asyncio.create_task(client.status(request, str(n))) for n in (1, 2)]
        await venue.wait_for(b"11=2\x01")
        await client.drop()
        lost = [Unknown("1", "Link lost"), Unknown("2", "Link lost")]
        assert await asyncio.gather(*asking) == lost
        venue.is_mute = False
        await client.connect()
        told = await asyncio.gather(*[client.status(request, placed.cl_ord_id) for _ in range(3)])
        assert [type(outcome) for outcome in told] == [Accepted] * 3
        assert client.core.pending == {}
        await client.close()

    play(story)


def test_lost_line_gives_unknown_at_once() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.connect()
        venue.is_mute = True
        placing = asyncio.create_task(client.place(order()))
        canceling = asyncio.create_task(client.mass_cancel(MassCancel()))
        await venue.wait_for(b"35=q")
        await client.drop()
        placed, canceled = await placing, await canceling
        assert isinstance(placed, Unknown)
        assert isinstance(canceled, Unknown)
        assert placed.reason == canceled.reason == "Link lost"
        assert client.take_events()[1:] == [Disconnected("Link lost")]
        with pytest.raises(NotLoggedOn):
            await client.place(order())

    play(story)


def test_reconnect_by_hand_continues_and_replays() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client(options=KEEP)
        await client.connect()
        placed = await resting(client)
        other = venue.client("BETA")
        await other.connect()
        await client.drop()
        client.take_events()
        sell = NewOrder(symbol="BTC/USD", side=Side.SELL, order_qty="0.04", price="50000")
        assert isinstance(await other.place(sell), Accepted)
        logged_on = await client.connect()
        assert logged_on.replay_from == 3
        assert await client.synchronize()
        fill = client.take_events()[1]
        assert isinstance(fill, ExecutionReport)
        assert (fill.cl_ord_id, fill.poss_dup, fill.last_qty) == (
            placed.cl_ord_id, True, Decimal("0.04"),
        )  # fmt: skip
        await client.close()
        await other.close()

    play(story)


def test_reconnect_by_itself() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client(options=KEEP, reconnect_delays_s=(0.01,))
        await client.connect()
        placed = await resting(client)
        venue.stop()
        await venue.listen()
        seen = []
        async for event in client:
            seen.append(event)
            if isinstance(event, LoggedOn) and len(seen) > 1:
                break
        assert [type(event).__name__ for event in seen] == [
            "LoggedOn", "ExecutionReport", "Disconnected", "LoggedOn",
        ]  # fmt: skip
        cancel = Cancel(symbol="BTC/USD", side=Side.BUY, order_id=placed.order_id)
        assert isinstance(await client.cancel(cancel), Accepted)
        await client.close()
        assert [event async for event in client][-1] == LoggedOut("", True)

    play(story)


def test_events_wait_and_none_is_lost_when_nobody_takes_them() -> None:
    """At the bound the client stops reading; when events are taken it goes on."""

    async def story(venue: SocketVenue) -> None:
        client = venue.client(events_max=5)
        await client.connect()
        sent = [await client.send(order(str(40_000 + number))) for number in range(2_000)]
        await venue.wait_for(b"11=" + sent[-1].encode())
        seen: list[str] = []
        most = 0
        while len(seen) < len(sent):
            most = max(most, len(client._events))
            event = await client.next_event()
            if isinstance(event, ExecutionReport):
                seen.append(event.cl_ord_id)
        assert seen == sent
        # The bound, and what one read of 64 KiB may add to it: far from all.
        assert most < 5 + 65_536 // 200
        await client.close()

    play(story)


def test_heartbeats_are_sent_without_anybody_asking() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client(options=LogonOptions(heart_bt_int_s=1))
        await client.connect()
        await venue.wait_for(b"35=0")
        assert client.is_logged_on
        await client.close()

    play(story)


def test_silent_venue_is_given_up() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client(options=LogonOptions(heart_bt_int_s=1))
        await client.connect()
        venue.is_mute = True
        events = [event async for event in client]
        assert events[1:] == [Disconnected("Heartbeat timeout")]

    play(story)


def test_logon_without_an_answer_fails() -> None:
    async def story(venue: SocketVenue) -> None:
        venue.is_mute = True
        client = venue.client(options=LogonOptions(logon_timeout_s=1))
        with pytest.raises(ConnectFailed, match="Logon not answered"):
            await client.connect()

    play(story)


def test_a_ca_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    absent, no_certificate = tmp_path / "absent.pem", tmp_path / "empty.pem"
    no_certificate.touch()

    async def connect(ca_file: Path) -> None:
        credentials = Credentials("ACME", "KRAKEN-TRD", "key", SECRET)
        await Client(Endpoint("127.0.0.1", 1, ca_file=ca_file), credentials).connect()

    for ca_file, reason in ((absent, "No such file"), (no_certificate, ".*no certificate")):
        with pytest.raises(ConnectFailed, match=f"^ca_file {ca_file}: {reason}"):
            asyncio.run(connect(ca_file))


def test_one_line_at_a_time() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.connect()
        with pytest.raises(RuntimeError, match="is connected"):
            await client.connect()
        second = venue.client(clock_ahead_ms=2)  # two nonces of one key never are the same
        with pytest.raises(LogonRefused, match="Session already active"):
            await second.connect()
        assert client.is_logged_on
        await client.close()
        venue.stop()
        with pytest.raises(ConnectFailed):
            await client.connect()

    play(story)


def test_a_program_that_ends_without_closing_starts_no_reconnect() -> None:
    """As `asyncio.run` does at its end: every task is cancelled."""

    async def story(venue: SocketVenue) -> None:
        client = venue.client(reconnect_delays_s=(5.0,))
        await client.connect()
        assert client._link_task is not None
        client._link_task.cancel()
        await asyncio.wait([client._link_task])
        assert client._reconnect_task is None

    play(story)


def test_closing_twice_and_before_connecting() -> None:
    async def story(venue: SocketVenue) -> None:
        client = venue.client()
        await client.close()
        await client.connect()
        await client.close()
        await client.close()
        await client.drop()
        assert await client.next_event() == LoggedOn(2, 0)
        assert await client.next_event() == LoggedOut("", True)
        assert await client.next_event() is None

    play(story)


# --- against a process, over TLS -----------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    with VenueProcess(tmp_path_factory.mktemp("tls") / "data", plain=False) as venue:
        yield venue


def test_tls_is_verified(tls_venue: VenueProcess, tmp_path: Path) -> None:
    async def story() -> None:
        endpoint = tls_venue.endpoint
        credentials = tls_venue.session("BETA").credentials
        untrusting = Client(Endpoint(endpoint.host, endpoint.port), credentials)
        with pytest.raises(ConnectFailed, match="certificate verify failed"):
            await untrusting.connect()
        misnamed = Client(
            Endpoint(
                endpoint.host, endpoint.port, ca_file=endpoint.ca_file, server_name="kraken.test"
            ),
            credentials,
        )
        with pytest.raises(ConnectFailed, match="certificate verify failed"):
            await misnamed.connect()
        plain = Client(Endpoint(endpoint.host, endpoint.port, tls=False), credentials)
        with pytest.raises(ConnectFailed):
            await plain.connect()

    asyncio.run(story())


def test_wrong_secret_is_told(tls_venue: VenueProcess) -> None:
    async def story() -> None:
        right = tls_venue.session("BETA").credentials
        wrong = Credentials(right.sender_comp_id, right.target_comp_id, right.api_key, SECRET)
        client = Client(tls_venue.endpoint, wrong)
        with pytest.raises(LogonRefused, match="invalid credentials"):
            await client.connect()

    asyncio.run(story())


def test_kill_of_the_venue_between_order_and_cancel(tmp_path: Path) -> None:
    """Over TLS: the order is there after kill -9, and the session's numbers go on."""

    async def story(venue: VenueProcess) -> None:
        client = venue.client("ACME", KEEP)
        await client.connect()
        placed = await resting(client)
        venue.kill()
        assert [event async for event in client][-1] == Disconnected("Link lost")
        await asyncio.to_thread(venue.restart)
        logged_on = await client.connect()
        assert logged_on.msg_seq_num == 4
        cancel = Cancel(symbol="BTC/USD", side=Side.BUY, order_id=placed.order_id)
        outcome = await client.cancel(cancel)
        assert isinstance(outcome, Accepted)
        assert outcome.report.orig_cl_ord_id == placed.cl_ord_id
        await client.close()

    with VenueProcess(tmp_path / "data", plain=False) as venue:
        asyncio.run(story(venue))
        assert venue.terminate() == 0
