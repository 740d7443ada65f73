"""Which request an event of a tape comes to, and a bound on what is under way."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final, Protocol

from tidegate.client import Amend, Cancel, NewOrder, Request, TimeInForce
from tidegate.tapes.events import ADD, CANCEL, TRADE, TapeEvent

STEP_WAIT_S: Final = 30.0  # that an answer may take


class KnownOrder(Protocol):
    """An order that the venue has answered, as its latest report has it."""

    @property
    def order_id(self) -> str: ...
    @property
    def cl_ord_id(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def cum_qty(self) -> Decimal: ...
    @property
    def display_qty(self) -> Decimal | None: ...
    @property
    def is_over(self) -> bool: ...


def request_of(event: TapeEvent, known: KnownOrder | None) -> Request | None:
    """A new order that rests for A, or one that trades at once for T; for C and M what becomes of
    the order `known`. None where it is over, or is as wanted already."""
    if event.action in (ADD, TRADE):
        return NewOrder(
            symbol=event.symbol,
            side=event.side,
            order_qty=event.qty,
            price=event.price,
            time_in_force=TimeInForce.GTC if event.action == ADD else TimeInForce.IOC,
            display_qty=event.display,
        )
    if known is None or known.is_over:
        return None
    if event.action == CANCEL:
        return Cancel(symbol=event.symbol, side=known.side, order_id=known.order_id)
    qty = known.cum_qty + event.qty  # a tape says what is left to trade
    is_shown_so = event.display is None or event.display == known.display_qty
    if qty == known.qty and event.price == known.price and is_shown_so:
        return None
    return Amend(
        symbol=event.symbol,
        side=known.side,
        order_id=known.order_id,
        orig_cl_ord_id=known.cl_ord_id,
        order_qty=qty,
        price=event.price,
        display_qty=event.display,
    )


class Window:
    """Bounds the actions under way and tells when none is. For one waiter."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._count = 0
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None

    async def enter(self) -> None:
        """Raises `TimeoutError`, or what `fail` was given."""
        await self._below(self._size)
        self._count += 1

    async def empty(self) -> None:
        """As `enter`."""
        await self._below(1)

    def leave(self) -> None:
        self._count -= 1
        self._changed.set()

    def fail(self, failure: BaseException) -> None:
        """Nothing will leave any more: tell the waiter why."""
        self._failure = failure
        self._changed.set()

    async def _below(self, limit: int) -> None:
        if self._count < limit and self._failure is None:
            return
        async with asyncio.timeout(STEP_WAIT_S):
            while self._count >= limit or self._failure is not None:
                if self._failure is not None:
                    raise self._failure
                self._changed.clear()
                await self._changed.wait()
