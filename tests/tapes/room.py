"""Venues to record and to play into: random trading from a seed, and the trades of a journal."""

from __future__ import annotations

import random
import subprocess
from decimal import Decimal
from pathlib import Path

from tests.app.venue import tidegate
from tests.liquidity.markets import MAKER_ALONE
from tests.venue_process import VenueProcess
from tidegate.client import (
    Accepted,
    Amend,
    Cancel,
    Client,
    ExecutionReport,
    LogonOptions,
    MassCancel,
    NewOrder,
    OrdType,
    Request,
    Side,
    TimeInForce,
)
from tidegate.engine.events import Event
from tidegate.journal import LogFollower, OsStorage
from tidegate.model.orders import EXEC_TRADE, TAKER
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.tapes.rows import TapeInstrument
from tidegate.venue.effects import RefusalNote, SessionNote
from tidegate.venue.machine import Venue
from tidegate.venue.observing import VenueObserver
from tidegate.wire.message import Message

CONFIG = MAKER_ALONE
BTC = TapeInstrument(symbol="BTC/USD", tick=Decimal("0.1"), price_decimals=1)
ORDERS = "time_ns,symbol,action,side,price,size,order_id\n"

Trade = tuple[str, int, int, int]
"""Symbol, price, lots, and the side of the order that came."""


class _Trades(VenueObserver):
    def __init__(self) -> None:
        self.found: list[Trade] = []

    def reported(self, event: Event, exec_number: int) -> None:
        if event.exec_type == EXEC_TRADE and event.liquidity == TAKER:
            order = event.order
            trade = (order.instrument.symbol, event.last_price, event.last_lots, order.side)
            self.found.append(trade)

    def refused(self, note: RefusalNote, message: Message) -> None: ...

    def session_noted(self, note: SessionNote) -> None: ...

    def applied(self) -> None: ...


def trades_of(data: Path) -> list[Trade]:
    """All trades in a journal, in order."""
    trades = _Trades()
    _replay(data, trades)
    return trades.found


def orders_entered(data: Path) -> int:
    """How many orders the venue of a journal has taken, whether it runs or not."""
    return _replay(data, _Trades()).engine.next_order_number - 1


def _replay(data: Path, observer: VenueObserver) -> Venue:
    venue = Venue()
    venue.observe(observer)
    follower = LogFollower(data / JOURNAL_DIRECTORY, storage=OsStorage())
    while batches := follower.read(1 << 20):
        for batch in batches:
            venue.replay(batch.payload, batch.payload_position)
    follower.close()
    return venue


def tape(venue: VenueProcess, file: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return tidegate("tape", file, "--data", venue.directory, *arguments)


class _Desk:
    """A client that does what a seeded draw says, one request after the other."""

    def __init__(self, client: Client, draw: random.Random, *, icebergs: bool) -> None:
        self.client = client
        self._draw = draw
        self._icebergs = icebergs
        self._open: dict[str, ExecutionReport] = {}

    async def step(self) -> None:
        await self.client.request(self._request())
        await self.client.synchronize()

    def note(self) -> None:
        for event in self.client.take_events():
            if isinstance(event, ExecutionReport):
                self._open[event.order_id] = event
                if event.is_over or event.price is None:
                    del self._open[event.order_id]

    def _request(self) -> Request:
        draw = self._draw
        self.note()
        what = draw.random()
        if self._open and what < 0.3:
            order = draw.choice(list(self._open.values()))
            if what < 0.12:
                return Cancel(symbol="BTC/USD", side=order.side, order_id=order.order_id)
            assert order.cum_qty is not None
            return Amend(
                symbol="BTC/USD",
                side=order.side,
                order_id=order.order_id,
                orig_cl_ord_id=order.cl_ord_id,
                order_qty=order.cum_qty + self._qty(),
                price=draw.choice((order.price, self._price())),
                display_qty=draw.choice((None, Decimal("0.05"), Decimal("0.2")))
                if order.display_qty
                else None,
            )
        market = what > 0.92
        iceberg = self._icebergs and 0.6 < what < 0.75
        if 0.55 < what < 0.6:
            return self._stop()
        return NewOrder(
            symbol="BTC/USD",
            side=draw.choice((Side.BUY, Side.SELL)),
            order_qty=self._qty() * (10 if iceberg else 1),
            price=None if market else self._price(),
            ord_type=OrdType.MARKET if market else OrdType.LIMIT,
            time_in_force=TimeInForce.IOC if 0.85 < what < 0.92 else TimeInForce.GTC,
            display_qty=Decimal("0.1") if iceberg else None,
            self_trade_prevention=draw.choice((None, 0, 1, 2)),
        )

    def _stop(self) -> NewOrder:
        """An order that waits, and is on a tape once it is in the book."""
        return NewOrder(
            symbol="BTC/USD",
            side=self._draw.choice((Side.BUY, Side.SELL)),
            order_qty=self._qty(),
            ord_type=OrdType.STOP_LOSS_LIMIT,
            stop_px=self._price(),
            price=self._price(),
        )

    def _price(self) -> Decimal:
        return Decimal(84000) + self._draw.randint(-15, 15) / Decimal(10)

    def _qty(self) -> Decimal:
        return self._draw.randint(1, 40) / Decimal(100)


async def meet_within_one_record(venue: VenueProcess) -> None:
    """An order trades, rests with what is left, and is met by one that its trade has released."""
    options = LogonOptions(reset_seq_num=True)
    acme, beta = venue.client("ACME", options), venue.client("BETA", options)
    await acme.connect()
    await beta.connect()
    stop = NewOrder(
        symbol="BTC/USD", side=Side.BUY, order_qty="0.31", ord_type=OrdType.STOP_LOSS_LIMIT,
        stop_px="84001", price="84001.4",
    )  # fmt: skip
    bid = NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.13", price="84001.5")
    ask = NewOrder(symbol="BTC/USD", side=Side.SELL, order_qty="0.17", price="84001")
    low = NewOrder(symbol="BTC/USD", side=Side.SELL, order_qty="0.1", price="83990")
    high = NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.1", price="83990")
    for client, order in ((beta, low), (acme, high), (acme, stop), (acme, bid), (beta, ask)):
        assert isinstance(await client.place(order), Accepted)
    for client in (acme, beta):
        await client.mass_cancel(MassCancel())
        await client.close()


async def trade_at_random(
    venue: VenueProcess, seed: int, count: int, *, icebergs: bool = True
) -> None:
    draw = random.Random(seed)
    options = LogonOptions(reset_seq_num=True)
    desks = [
        _Desk(venue.client(firm, options), draw, icebergs=icebergs) for firm in ("ACME", "BETA")
    ]
    for desk in desks:
        await desk.client.connect()
    for _ in range(count):
        await draw.choice(desks).step()
        for desk in desks:
            assert await desk.client.synchronize()
    for desk in desks:
        await desk.client.close()
