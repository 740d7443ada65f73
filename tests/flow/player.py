"""Plays a tape through the FIX port: a client per firm, kill -9 of the venue in between.

One request an order is under way at a time, many orders are. After a kill every request without
an answer must find one: the replay holds it, or the venue asks for its number again, which says
that it never took it, and then it is sent anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tests.flow.tape import SYMBOL
from tests.flow.witness import BookedOrder, Witness
from tests.venue_process import VenueProcess
from tidegate.client import (
    Accepted,
    BusinessReject,
    Client,
    ClientEvent,
    Disconnected,
    ExecutionReport,
    GapFilled,
    LoggedOut,
    LogonOptions,
    NewOrder,
    NotLoggedOn,
    Request,
    SessionReject,
    StatusRequest,
)
from tidegate.tapes.events import TapeEvent
from tidegate.tapes.requests import Window, request_of

RESTING_FIRMS = ("ACME", "BETA")
AGGRESSOR_FIRM = "PRIME"  # a broker: its orders name one of two sub-accounts in turn
SUB_ACCOUNTS = ("PRIME-1-A", "PRIME-1-B")

WINDOW = 256  # actions that are not finished
STEP_WAIT_S = 30.0
DEAF_EVENTS = 60  # before a kill one firm stops reading: what it is answered is lost,
CUT_EVENTS = 20  # then its line is cut and the venue frozen: what the others send is never read

# Cancels cross fills more often than a person's would, because the day is played in seconds.
VENUE_CONFIG = "[session_defaults]\nerrors_per_second_max = 100000\n"

# A cancel or amend that meets an order which has just been filled
EXPECTED_REFUSALS = {"EOrder:Unknown order"}


@dataclass(slots=True)
class Played:
    """An order of the tape. `booked` comes with its first report; `over` without one means that
    the venue refused it."""

    event: TapeEvent
    account: str = ""
    booked: BookedOrder | None = None
    refused: bool = False
    busy: bool = False
    waiting: deque[TapeEvent] = field(default_factory=deque)


@dataclass(slots=True)
class Action:
    """One event of the tape and the order it is about."""

    event: TapeEvent
    order: Played


class Trader:
    """One firm: its client, its witness, and the actions it has under way."""

    def __init__(self, firm: str, venue: VenueProcess, window: Window) -> None:
        options = LogonOptions(heart_bt_int_s=30, cancel_orders_on_disconnect=False, rollover_s=-1)
        self.firm = firm
        self.client: Client = venue.client(firm, options)
        self.witness = Witness(venue.session(firm).account)
        self.counts: Counter[str] = Counter()
        self._window = window
        self._by_tape_id: dict[str, Played] = {}
        self._under_way: dict[str, Action] = {}  # by ClOrdID
        self._stalled: list[Action] = []  # to be sent when there is a session again
        self._can_send = False

    # --- the line -------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log on with continued numbers, take the replay, send what was never taken."""
        await self.client.connect()
        assert await self.client.synchronize(timeout_s=STEP_WAIT_S), "the venue answers"
        await self.take_events()
        unsettled = set(self.client.core.pending)
        assert not unsettled, f"neither replayed nor asked for: {sorted(unsettled)[:5]}"
        self._can_send = True
        stalled, self._stalled = self._stalled, []
        for action in stalled:
            await self._start(action)

    def stop_reading(self) -> None:
        """What the venue answers from now on stays in the line. The client has no such wish of its
        own, hence the private way."""
        writer = self.client._writer
        assert writer is not None
        writer.transport.pause_reading()  # type: ignore[attr-defined]

    def line_lost(self) -> None:
        self._can_send = False

    async def serve(self) -> None:
        """Take events until cancelled."""
        while True:
            event = await self.client.next_event()
            if event is None:
                return
            await self._take(event)

    async def take_events(self) -> None:
        for event in self.client.take_events():
            await self._take(event)

    # --- actions --------------------------------------------------------------------------------

    async def play(self, event: TapeEvent) -> None:
        """Take up an event of the tape; the window has been entered for it."""
        if event.action in ("A", "T"):
            order = Played(event)
            if self.firm == AGGRESSOR_FIRM:
                order.account = SUB_ACCOUNTS[self.counts["T"] % len(SUB_ACCOUNTS)]
            if event.action == "A":
                self._by_tape_id[event.order] = order
        else:
            order = self._by_tape_id[event.order]
        self.counts[event.action] += 1
        if order.busy:
            order.waiting.append(event)
            return
        await self._start(Action(event, order))

    async def _start(self, action: Action) -> None:
        """Send an action, or let it be where the order's end has overtaken it."""
        order = action.order
        order.busy = True
        if not self._can_send:
            self._stalled.append(action)
            return
        request = self._request(action)
        if request is None:
            self.counts["overtaken"] += 1
            await self._finish(action)
            return
        cl_ord_id = self.client.core.cl_ord_ids.make(time.time_ns())
        self._under_way[cl_ord_id] = action  # before the answer can come
        try:
            await self.client.send(request, cl_ord_id=cl_ord_id)
        except NotLoggedOn:
            del self._under_way[cl_ord_id]
            self._stalled.append(action)

    def _request(self, action: Action) -> Request | None:
        order = action.order
        if order.refused:
            return None
        request = request_of(action.event, order.booked)
        if order.account and isinstance(request, NewOrder):
            return replace(request, alloc_account=order.account)
        return request

    async def _finish(self, action: Action) -> None:
        order = action.order
        order.busy = False
        self._window.leave()
        if order.waiting:
            await self._start(Action(order.waiting.popleft(), order))

    # --- events ---------------------------------------------------------------------------------

    async def _take(self, event: ClientEvent) -> None:
        if isinstance(event, ExecutionReport):
            await self._report(event)
        elif isinstance(event, BusinessReject):
            await self._reject(event)
        elif isinstance(event, GapFilled):
            for cl_ord_id in event.cl_ord_ids:
                self.client.core.forget(cl_ord_id)
                self._stalled.append(self._under_way.pop(cl_ord_id))
                self.counts["sent_anew"] += 1
        elif isinstance(event, SessionReject):
            raise AssertionError(f"{self.firm}: {event}")
        elif isinstance(event, LoggedOut) and event.text:
            raise AssertionError(f"{self.firm} was logged out: {event.text}")
        elif isinstance(event, LoggedOut | Disconnected):
            self._can_send = False

    async def _report(self, report: ExecutionReport) -> None:
        if not self.witness.book(report):
            return
        action = self._under_way.pop(report.cl_ord_id, None)
        if action is None:
            return
        if action.order.booked is None:
            action.order.booked = self.witness.orders[report.order_id]
        await self._finish(action)

    async def _reject(self, reject: BusinessReject) -> None:
        action = self._under_way.pop(reject.business_reject_ref_id, None)
        assert action is not None, f"{self.firm}: a reject of nothing under way: {reject}"
        assert reject.text in EXPECTED_REFUSALS, f"{self.firm}: {reject}"
        self.counts[f"refused {reject.text}"] += 1
        if action.event.action in ("A", "T"):
            action.order.refused = True
        await self._finish(action)

    async def check_status(self, most: int) -> int:
        """Ask the venue about open orders (35=H), `most` of them; the number asked."""
        asked = self.witness.open_orders[-most:]
        for order in asked:
            request = StatusRequest(symbol=SYMBOL, order_id=order.order_id)
            outcome = await self.client.status(request, order.cl_ord_id)
            assert isinstance(outcome, Accepted), f"{order}: {outcome}"
            report = outcome.report
            told = (report.order_qty, report.price, report.cum_qty)
            assert told == (order.qty, order.price, order.cum_qty), f"{order}: {report}"
        return len(asked)


class Player:
    """The whole run. `kills` are the numbers of played events after which the venue is killed."""

    def __init__(self, venue: VenueProcess, kills: Iterable[int] = ()) -> None:
        self.venue = venue
        self.window = Window(WINDOW)
        self.traders = {
            firm: Trader(firm, venue, self.window) for firm in (*RESTING_FIRMS, AGGRESSOR_FIRM)
        }
        self.played = 0
        self.status_asked = 0
        self._kills = set(kills)
        self._servers: list[asyncio.Task[None]] = []

    async def play(self, tape: Iterable[TapeEvent], *, status_most: int = 50) -> None:
        """Play, let everything finish, check open orders by 35=H, log out."""
        try:
            await self._connect()
            for event in tape:
                await self.window.enter()
                await self._trader(event).play(event)
                self.played += 1
                if self.played + DEAF_EVENTS in self._kills:
                    self.traders[RESTING_FIRMS[0]].stop_reading()
                if self.played + CUT_EVENTS in self._kills:
                    await self._cut()
                if self.played in self._kills:
                    await self._kill()
            await self._finish()
            for trader in self.traders.values():
                self.status_asked += await trader.check_status(status_most)
                await trader.client.close()
            await asyncio.gather(*self._servers)
        finally:
            for server in self._servers:
                server.cancel()
            for trader in self.traders.values():
                await trader.client.drop()

    async def _finish(self) -> None:
        """Wait for the end of every action, and of what the last ones did to others."""
        await self.window.empty()
        for trader in self.traders.values():
            assert await trader.client.synchronize(timeout_s=STEP_WAIT_S)

    def _server_ended(self, server: asyncio.Task[None]) -> None:
        if not server.cancelled() and (error := server.exception()) is not None:
            self.window.fail(error)

    def _trader(self, event: TapeEvent) -> Trader:
        if event.action == "T":
            return self.traders[AGGRESSOR_FIRM]
        return self.traders[RESTING_FIRMS[int(event.order) % len(RESTING_FIRMS)]]

    async def _connect(self) -> None:
        for trader in self.traders.values():
            await trader.connect()
        self._servers = [asyncio.create_task(t.serve()) for t in self.traders.values()]
        for server in self._servers:
            server.add_done_callback(self._server_ended)

    async def _cut(self) -> None:
        """Cut the line of the firm that does not read, once the venue has answered it, and freeze
        the venue."""
        deaf, other = (self.traders[firm] for firm in RESTING_FIRMS)
        for _ in range(2):
            assert await other.client.synchronize(timeout_s=STEP_WAIT_S)
        await deaf.client.drop()
        self.venue.freeze()

    async def _kill(self) -> None:
        """kill -9 with requests under way; start again; go on."""
        self.venue.kill()
        await asyncio.gather(*self._servers)  # each ends with its line
        for trader in self.traders.values():
            trader.line_lost()
        await asyncio.to_thread(self.venue.restart)
        await self._connect()
