"""The running venue as faults see it. What changes its state are controls: records of its journal,
so that a replay does the same."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable
from contextlib import suppress

from tidegate.config.convert import decimal
from tidegate.config.rules_faults import FaultRefused
from tidegate.config.schema import FaultTable
from tidegate.engine.order import Order
from tidegate.gateway.port import TurnWatch
from tidegate.model.orders import order_number
from tidegate.model.rejects import LAYER_NAMES
from tidegate.model.scaled import LOT_DECIMALS, to_text
from tidegate.service import VenueService
from tidegate.venue import controls
from tidegate.venue.controls import Control, ControlRefused


class VenueTarget:
    """Implements `lab.faults.FaultTarget`."""

    def __init__(self, service: VenueService) -> None:
        self._service = service
        self._newest: Awaitable[None] | None = None

    def sender_comp_ids(self) -> list[str]:
        return [session.settings.sender_comp_id for session in self._service.venue.sessions]

    def next_numbers(self, session: int) -> tuple[int, int]:
        found = self._service.venue.sessions[session]
        return found.next_outgoing, found.next_incoming

    def now_ns(self) -> int:
        return self._service.now_ns()

    def watch_turns(self, watch: TurnWatch | None) -> None:
        self._service.watch_turns(watch)

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def settled(self) -> None:
        newest = self._newest
        if newest is not None:
            await asyncio.shield(newest)  # others may wait for it, too

    def inject(self, session: int, fault: FaultTable, order: bytes) -> None:
        if fault.kind == "skip":
            self._control(controls.SKIP_NUMBER, session, controls.SkipNumber(1))
        elif fault.kind == "mute_heartbeats":
            self._control(controls.MUTE_HEARTBEATS, session, controls.MuteHeartbeats(on=True))
        elif fault.kind == "reject_next":
            assert fault.layer is not None
            rejected = controls.RejectNext(fault.layer, 1)
            self._control(controls.REJECT_NEXT, session, rejected)
        elif fault.kind == "cancel":
            found = self._open_order(session, order)
            self._control(controls.CANCEL_ORDER, session, controls.CancelOrder(found.order_id))
        else:
            assert fault.kind == "fill"
            found = self._open_order(session, order)
            qty_lots = found.leaves_lots if fault.qty is None else decimal(fault.qty, LOT_DECIMALS)
            if qty_lots > found.leaves_lots:
                left = to_text(found.leaves_lots, LOT_DECIMALS)
                raise FaultRefused(f"qty must be at most {left}, what is left, not {fault.qty}")
            filled = controls.FillOrder(found.order_id, qty_lots)
            self._control(controls.FILL_ORDER, session, filled)

    def unmute(self, session: int) -> None:
        if self._service.venue.sessions[session].muted:
            unmuted = controls.MuteHeartbeats(on=False)
            with suppress(FaultRefused):  # the venue is stopping: the next start does it
                self._control(controls.MUTE_HEARTBEATS, session, unmuted)

    def accept_again(self, session: int, layer: int) -> None:
        if self._service.venue.trading.injected.count(session, layer):
            nothing = controls.RejectNext(layer, 0)
            with suppress(FaultRefused):  # as above
                self._control(controls.REJECT_NEXT, session, nothing)

    def take_back(self) -> None:
        """End what the faults of an earlier process have left in the venue's state."""
        for session in range(len(self._service.venue.sessions)):
            self.unmute(session)
            for layer in LAYER_NAMES:
                self.accept_again(session, layer)

    def _control(self, kind: int, session: int, control: Control) -> None:
        try:
            self._newest = self._service.control(kind, session, control.encode())
        except ControlRefused as error:
            raise FaultRefused(str(error)) from None

    def _open_order(self, session: int, name: bytes) -> Order:
        """The session's open order of that OrderID, or else ClOrdID."""
        engine = self._service.venue.engine
        order = engine.order(order_number(name))
        if order is not None and order.session == session:
            return order
        for order in engine.session_orders(session):
            if order.cl_ord_id == name:
                return order
        raise FaultRefused(
            f"order must be the ClOrdID or OrderID of an open order of the session, "
            f'not "{name.decode("latin-1")}"'
        )
