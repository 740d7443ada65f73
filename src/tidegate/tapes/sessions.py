"""A session that a tape is played over: what it has under way, and what became of its orders."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from tidegate.client import (
    BusinessReject,
    Client,
    ClientEvent,
    Disconnected,
    ExecutionReport,
    LoggedOut,
    Request,
    SessionReject,
)
from tidegate.tapes.requests import STEP_WAIT_S, Window


class TapeStopped(Exception):
    """The venue ended a session, or answered no more; the text says which and why."""


@dataclass(slots=True)
class PlayedOrder:
    """An order of the tape, by the tape's own `name`, as the venue's latest report has it; a
    `KnownOrder`."""

    name: str = ""
    order_id: str = ""
    cl_ord_id: str = ""
    side: str = ""
    price: Decimal | None = None
    qty: Decimal = Decimal(0)
    cum_qty: Decimal = Decimal(0)
    display_qty: Decimal | None = None
    is_over: bool = False
    is_busy: bool = False  # a request about it has no answer yet


@dataclass(slots=True)
class Summary:
    """What came of a tape. `rejects` are counted by their text; `overtaken` are events of orders
    that were over already or of before the tape began, or that change nothing; trades and
    quantity are those of the session that takes. `unanswered` are requests whose fate is not known,
    because the venue went away."""

    events: int = 0
    sent: Counter[str] = field(default_factory=Counter)  # by MsgType (35)
    rejects: Counter[str] = field(default_factory=Counter)
    overtaken: int = 0
    unanswered: int = 0
    trades: int = 0
    traded_qty: Decimal = Decimal(0)
    seconds: float = 0.0


class TapeOrders:
    """The orders of a tape that are not over, by the tape's own names: those alone, for a tape may
    have any number of others."""

    def __init__(self) -> None:
        self._by_name: dict[str, PlayedOrder] = {}

    def add(self, name: str) -> PlayedOrder:
        """A new one; an older one of that name is known no more."""
        order = self._by_name[name] = PlayedOrder(name=name)
        return order

    def get(self, name: str) -> PlayedOrder | None:
        """None for one that is over, and one that never was."""
        return self._by_name.get(name)

    def forget(self, order: PlayedOrder) -> None:
        """It is over, or the tape is done with it. Its name may be another's by now."""
        if self._by_name.get(order.name) is order:
            del self._by_name[order.name]


class TapeSession:
    """One client and the requests it has under way. `played` are the tape's orders."""

    def __init__(
        self, client: Client, window: Window, summary: Summary, played: TapeOrders, *, takes: bool
    ) -> None:
        self.client = client
        self._played = played
        self._window = window
        self._summary = summary
        self._takes = takes
        self._is_served = True
        self._under_way: dict[str, PlayedOrder | None] = {}  # by ClOrdID
        self._orders: dict[str, PlayedOrder] = {}  # by OrderID

    async def send(self, request: Request, order: PlayedOrder | None) -> None:
        """The window has been entered for it."""
        cl_ord_id = self.client.core.cl_ord_ids.make(time.time_ns())
        self._under_way[cl_ord_id] = order  # before the answer can come
        if order is not None:
            order.is_busy = True
        self._summary.sent[request.msg_type.decode()] += 1
        await self.client.send(request, cl_ord_id=cl_ord_id)

    async def serve(self) -> None:
        """Take events until cancelled, or the session ends."""
        try:
            while (event := await self.client.next_event()) is not None:
                self._take(event)
        finally:
            self._is_served = False
        raise TapeStopped(f"{self._name} lost its line")

    async def settled(self) -> None:
        """All that the venue had to say to what was sent, on either session, is taken. Raises
        `TimeoutError`."""
        if not await self.client.synchronize(timeout_s=STEP_WAIT_S):
            raise TimeoutError
        while self.client.has_events and self._is_served:
            await asyncio.sleep(0)

    @property
    def unanswered(self) -> int:
        """Requests without an answer."""
        return len(self._under_way)

    @property
    def _name(self) -> str:
        return f"session {self.client.core.credentials.sender_comp_id}"

    def _take(self, event: ClientEvent) -> None:
        if isinstance(event, ExecutionReport):
            self._report(event)
        elif isinstance(event, BusinessReject):
            self._reject(event.business_reject_ref_id, event.text)
        elif isinstance(event, SessionReject):
            self._reject(event.cl_ord_id, event.text)
        elif isinstance(event, LoggedOut):
            raise TapeStopped(f"{self._name} was logged out: {event.text or 'no reason given'}")
        elif isinstance(event, Disconnected):
            raise TapeStopped(f"{self._name} lost its line: {event.reason}")

    def _report(self, report: ExecutionReport) -> None:
        if report.is_trade and self._takes:
            self._summary.trades += 1
            self._summary.traded_qty += report.last_qty or Decimal(0)
        is_answer = report.cl_ord_id in self._under_way
        answered = self._under_way.pop(report.cl_ord_id, None)
        if answered is not None and not answered.order_id:
            answered.order_id = report.order_id
            self._orders[report.order_id] = answered
        order = self._orders.get(report.order_id)
        if order is not None:
            order.cl_ord_id = report.cl_ord_id
            order.side = report.side
            order.price = report.price
            order.qty = report.order_qty or Decimal(0)
            order.cum_qty = report.cum_qty or Decimal(0)
            order.display_qty = report.display_qty
            order.is_over = report.is_over
            if order.is_over:
                del self._orders[report.order_id]
                self._played.forget(order)
        if is_answer:
            self._finish(answered)

    def _reject(self, cl_ord_id: str, text: str) -> None:
        self._summary.rejects[text] += 1
        if cl_ord_id in self._under_way:
            order = self._under_way.pop(cl_ord_id)
            if order is not None and not order.order_id:
                order.is_over = True  # it was never there
                self._played.forget(order)
            self._finish(order)

    def _finish(self, order: PlayedOrder | None) -> None:
        if order is not None:
            order.is_busy = False
        self._window.leave()
