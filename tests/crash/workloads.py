"""Small lives of a venue, played in the simulation without a fault: what the crashes interrupt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.client.orders import (
    Amend,
    Cancel,
    DiscretionInst,
    MassCancel,
    NewOrder,
    OrdType,
    TimeInForce,
)
from tidegate.journal import Durability
from tidegate.lab.sim.clients import Trader
from tidegate.lab.sim.scenario import ROLLOVER_S, Scenario, venue_settings
from tidegate.lab.sim.world import World
from tidegate.model.limits import CANCELS_PER_RECORD
from tidegate.model.settings import VenueSettings
from tidegate.model.time import NS_PER_MS, NS_PER_S
from tidegate.venue.controls import NO_SESSION, SET_INDEX, SetIndex

SHARE_ORDERS = CANCELS_PER_RECORD + 60


def scenario(durability: Durability, **changes: int) -> Scenario:
    """A calm world with two clients, ACME and BETA."""
    values: dict[str, int] = {
        "segment_bytes_max": 262_144, "snapshot_every_records": 100_000, "start_s": 3_600,
        "rollover_length_s": 0, "sync_us": 300, **changes,
    }  # fmt: skip
    return Scenario(
        seed=1, steps=0, clients=2, hostile=False, strangers=False, durability=durability,
        rates={}, step_us=1_000, jitter=0.0, split=0.0, buffer_bytes=262_144, settings_seed=7,
        **values,
    )  # fmt: skip


def settings(world: Scenario) -> VenueSettings:
    """ACME's orders are cancelled when its line drops, and at the rollover BETA's."""
    found = venue_settings(world)
    for session in found.sessions:
        is_acme = session.sender_comp_id == "ACME"
        session.cancel_on_disconnect = is_acme
        session.cancel_on_rollover = not is_acme
        session.cancel_on_logout = False
        session.errors_per_second_max = 100
        session.token_bucket_points = 0
        session.open_orders_max = 10_000
        session.cl_ord_id_policy = 0
        session.stp_group = ""
    for account in found.accounts:
        account.leverage = 5
        account.rate_tier = ""
        account.scheduled_orders_max = 500
        account.positions_max = 1_000
        account.margin_allowance = []
    return found


def order(client: Trader, side: str, price: str, qty: str = "0.02") -> None:
    request = NewOrder(symbol="BTC/USD", side=side, order_qty=qty, price=price)
    client.core.submit(request, client.world.now_ns)


def send(world: World, client: Trader) -> None:
    """What the client has said goes out; the venue answers."""
    client.pump()
    world.run_for(6 * NS_PER_MS)


def log_on(world: World) -> tuple[Trader, Trader]:
    while not all(client.core.is_logged_on for client in world.clients):
        world.run_for(20 * NS_PER_MS)
    acme, beta = world.clients
    return acme, beta


def trade(world: World) -> None:
    """Orders that rest, cross, are amended, cancelled and refused."""
    acme, beta = log_on(world)
    order(acme, "1", "50000.0")
    send(world, acme)
    order(beta, "2", "50000.0", "0.005")
    order(beta, "2", "50000.1")
    send(world, beta)
    known = next(iter(acme.ledger.open.values()))
    amend = Amend(
        symbol="BTC/USD", side="1", order_id=known.order_id, orig_cl_ord_id=known.cl_ord_id,
        order_qty="0.05", price="50000.1",
    )  # fmt: skip
    acme.core.submit(amend, world.now_ns)
    send(world, acme)
    order(acme, "1", "50000.05")
    for resting in list(beta.ledger.open.values()):
        cancel = Cancel(symbol="BTC/USD", side="2", order_id=resting.order_id)
        beta.core.submit(cancel, world.now_ns)
    send(world, beta)
    send(world, acme)


def unsynced(world: World) -> None:
    """Turn after turn, while one sync takes as long as several of them."""
    acme, beta = log_on(world)
    for number in range(8):
        client = (acme, beta)[number % 2]
        order(client, "1", f"4900{number}.0")
        client.pump()
        world.run_for(2 * NS_PER_MS)
    world.run_for(60 * NS_PER_MS)


def logons(world: World) -> None:
    """Logons, a reset of the numbers, logouts, and a clean stop with a start after it."""
    acme, beta = log_on(world)
    order(acme, "1", "49000.0")
    send(world, acme)
    beta.core.logout(world.now_ns)
    send(world, beta)
    beta.restart(reset=True)
    log_on(world)
    world.restart()
    world.run_for(3 * NS_PER_S)
    acme, beta = log_on(world)
    order(beta, "2", "49000.0")
    send(world, beta)


def rollover(world: World) -> None:
    """Over 22:00: logouts, the turn-over of journal and snapshot, fresh numbers."""
    acme, _ = log_on(world)
    order(acme, "1", "49000.0")
    send(world, acme)
    world.run_for(2 * NS_PER_S)
    acme, beta = log_on(world)
    mass = MassCancel(mass_cancel_request_type="7")
    acme.core.submit(mass, world.now_ns)
    send(world, acme)
    order(beta, "2", "51000.0")
    send(world, beta)


def cut_line(world: World) -> None:
    """A line is cut, and more orders are cancelled than one record may."""
    acme, beta = log_on(world)
    for _ in range(SHARE_ORDERS):
        order(acme, "1", "40000.0", "0.00005")
    send(world, acme)
    order(beta, "2", "60000.0")
    send(world, beta)
    assert acme.line is not None
    acme.line.cut()
    world.run_for(500 * NS_PER_MS)


def index(world: World, price: int) -> None:
    """The index price of BTC/USD, in dollars."""
    assert world.control(SET_INDEX, NO_SESSION, SetIndex("BTC/USD", price * 10).encode())
    world.run_for(2 * NS_PER_MS)


def waiting(world: World) -> None:
    """Triggers, trailing stops and timed orders that wait, and then fire, go live and expire; some
    are left for the next process."""
    acme, beta = log_on(world)
    index(world, 50_000)
    soon_ns = (world.now_ns // NS_PER_MS + 120) * NS_PER_MS
    for client, side, timed_price in ((acme, "1", "48000"), (beta, "2", "50000")):
        stop = NewOrder(
            symbol="BTC/USD", side=side, order_qty="0.01", ord_type=OrdType.STOP_LOSS_LIMIT,
            price="50000", stop_px="50010" if side == "1" else "49990",
            discretion_inst=DiscretionInst.INDEX,
        )  # fmt: skip
        trail = NewOrder(
            symbol="BTC/USD", side=side, order_qty="0.01", ord_type=OrdType.TRAILING_STOP,
            stop_px="25", discretion_inst=DiscretionInst.INDEX,
        )  # fmt: skip
        timed = NewOrder(
            symbol="BTC/USD", side=side, order_qty="0.01", price=timed_price,
            effective_time_ns=soon_ns, expire_time_ns=soon_ns + 140 * NS_PER_MS,
            time_in_force=TimeInForce.GTD,
        )  # fmt: skip
        later = NewOrder(
            symbol="BTC/USD", side=side, order_qty="0.01", price="50000",
            effective_time_ns=soon_ns + 5 * NS_PER_S,
        )  # fmt: skip
        for request in (stop, trail, timed, later):
            client.core.submit(request, world.now_ns)
        send(world, client)
    index(world, 50_005)  # the best that BETA's trailing stop sees
    index(world, 49_995)
    index(world, 49_980)  # fires BETA's two, and brings ACME's trailing stop along
    index(world, 50_010)
    world.run_for(60 * NS_PER_MS)


def shown_and_lent(world: World) -> None:
    """An iceberg that is filled in part, and a position with an order that only closes it."""
    acme, beta = log_on(world)
    iceberg = NewOrder(
        symbol="BTC/USD", side="1", order_qty="0.05", price="50000", display_qty="0.01"
    )
    acme.core.submit(iceberg, world.now_ns)
    send(world, acme)
    opens = NewOrder(symbol="BTC/USD", side="2", order_qty="0.025", price="50000", leverage=True)
    closes = NewOrder(
        symbol="BTC/USD", side="1", order_qty="0.01", price="49000", exec_inst="E", leverage=True
    )
    for request in (opens, closes):
        beta.core.submit(request, world.now_ns)
        send(world, beta)
    order(beta, "2", "50000.0", "0.012")  # of the iceberg again
    order(acme, "2", "60000.0", "0.004")
    send(world, beta)
    send(world, acme)


@dataclass(frozen=True)
class Workload:
    """What is played, in what kind of world, how many of its first turns are passed over, and
    whether the recoveries are interrupted, too."""

    play: Callable[[World], None]
    changes: dict[str, int]
    turns_passed: int = 0
    interrupt_recovery: bool = True


WORKLOADS = {
    "orders with fills": Workload(trade, {}),
    "snapshots": Workload(trade, {"snapshot_every_records": 12}),
    "segments": Workload(trade, {"segment_bytes_max": 1_500}),
    "turns that wait for a sync": Workload(unsynced, {"sync_us": 20_000}),
    "logon, logout and restart": Workload(logons, {}),
    "waiting orders": Workload(waiting, {}),
    "waiting orders and snapshots": Workload(waiting, {"snapshot_every_records": 12}),
    "iceberg and margin": Workload(shown_and_lent, {"snapshot_every_records": 12}),
    "rollover": Workload(rollover, {"start_s": ROLLOVER_S - 1, "snapshot_every_records": 30}),
    "cancels in shares": Workload(
        cut_line, {"snapshot_every_records": 2_000}, turns_passed=12, interrupt_recovery=False
    ),
}
