"""The taker: a client that trades with the maker's quotes, and with anybody's order on request."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tidegate.client import (
    Client,
    ExecutionReport,
    NewOrder,
    NotLoggedOn,
    Outcome,
    Refused,
    TimeInForce,
)


class FillRefused(Exception):
    """The taker's order did not trade; the text says why."""


class Taker:
    """One order is under way at a time, so that what comes meanwhile is about that one."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._busy = asyncio.Lock()

    @property
    def is_logged_on(self) -> bool:
        return self.client.is_logged_on

    async def settled(self) -> None:
        """Return when each order that was wanted before has its answer, or is given up for."""
        async with self._busy:
            pass

    def take_events(self) -> None:
        """All that has come: events that nobody takes would stop the line."""
        if not self._busy.locked():
            self.client.take_events()

    async def trade(self, symbol: str, side: str, price: str, qty: str) -> Outcome | None:
        """Trade up to `qty` at `price` or better, now; None where the taker is not logged on."""
        async with self._busy:
            self.client.take_events()
            return await self._place(symbol, side, price, qty)

    async def fill(self, symbol: str, side: str, price: str, qty: str) -> str:
        """The same; what it traded. Raises `FillRefused`."""
        if not self.is_logged_on:
            raise FillRefused("the taker is not logged on; it tries again by itself")
        async with self._busy:
            self.client.take_events()
            outcome = await self._place(symbol, side, price, qty)
            if isinstance(outcome, Refused):
                raise FillRefused(f"the venue refused the taker's order: {outcome.text}")
            if outcome is None or not await self._has_heard_all():
                raise FillRefused("the taker lost its line; what it traded is not known")
            return format(
                sum(
                    (
                        event.last_qty or Decimal(0)
                        for event in self.client.take_events()
                        if isinstance(event, ExecutionReport) and event.is_trade
                    ),
                    Decimal(0),
                ),
                "f",
            )

    async def _has_heard_all(self) -> bool:
        """What an order traded is among the events."""
        try:
            return await self.client.synchronize()
        except NotLoggedOn:
            return False

    async def _place(self, symbol: str, side: str, price: str, qty: str) -> Outcome | None:
        order = NewOrder(
            symbol=symbol, side=side, order_qty=qty, price=price, time_in_force=TimeInForce.IOC
        )
        try:
            return await self.client.place(order)
        except NotLoggedOn:
            return None
