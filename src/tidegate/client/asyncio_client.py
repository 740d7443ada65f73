"""The client on a socket: `ClientCore` with TLS, timers and answers that can be awaited.

    client = Client(Endpoint("127.0.0.1", 4001, ca_file=path), credentials)
    await client.connect()
    outcome = await client.place(NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.1",
                                          price="84000.5"))
    async for event in client: ...
    await client.close()

Everything runs in one event loop; nothing here is safe to call from another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tidegate.client.connection import ANSWER_TIMEOUT_S, EVENTS_MAX, Connection, Endpoint
from tidegate.client.core import Answer, ClientCore, pending_key
from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import ClientEvent, ExecType, ExecutionReport
from tidegate.client.orders import (
    Amend,
    Cancel,
    MassCancel,
    NewOrder,
    Request,
    StatusRequest,
)
from tidegate.client.outcomes import Accepted, MassCanceled, Outcome, Refused, Unknown
from tidegate.client.session_core import Numbers


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Somebody who waits for what becomes of a request."""

    cl_ord_id: str
    outcome: asyncio.Future[Outcome]

    def end(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Client(Connection):
    """See the module, and `Connection` for the line, reconnects and the queue of events: of those
    none is dropped, because reports are money. Whoever wants only awaited answers takes the events
    away all the same. Numbers continue over reconnects, and the venue replays what was missed.
    """

    core: ClientCore

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        options: LogonOptions | None = None,
        numbers: Numbers | None = None,
        *,
        events_max: int = EVENTS_MAX,
        reconnect_delays_s: Sequence[float] = (),
        clock_ns: Callable[[], int] = time.time_ns,
        trace: Callable[[bool, bytes], None] | None = None,
    ) -> None:
        super().__init__(
            endpoint,
            ClientCore(credentials, options, numbers, trace=trace),
            events_max=events_max,
            reconnect_delays_s=reconnect_delays_s,
            clock_ns=clock_ns,
        )
        self._waiting: dict[str, list[_Waiting]] = {}  # by key in `core.pending`
        self._canceled_sinks: list[list[ExecutionReport]] = []

    # --- requests -------------------------------------------------------------------------------

    async def send(self, request: Request, *, cl_ord_id: str = "") -> str:
        """Send a request without waiting for its answer, which comes as an event; returns its
        ClOrdID (11). Raises as `ClientCore.submit`; waits where the line is full."""
        cl_ord_id = self.core.submit(request, self._clock_ns(), cl_ord_id)
        self.pump()
        await self._drain()
        return cl_ord_id

    async def request(
        self, request: Request, *, cl_ord_id: str = "", timeout_s: float = ANSWER_TIMEOUT_S
    ) -> Outcome:
        """Send a request and wait for its first answer. `Unknown` when the deadline passes or the
        line is lost first; what became of it is then seen from the events. Raises as
        `ClientCore.submit`."""
        cl_ord_id = self.core.submit(request, self._clock_ns(), cl_ord_id)
        with self._wait(pending_key(request, cl_ord_id), cl_ord_id) as answered:
            try:
                self.pump()
                async with asyncio.timeout(timeout_s):
                    await self._drain()
                    return await answered
            except TimeoutError:
                return Unknown(cl_ord_id, f"no answer within {timeout_s:g} s")

    async def place(self, order: NewOrder, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Outcome:
        """35=D; the first answer is its New report (150=0), or a refusal."""
        return await self.request(order, timeout_s=timeout_s)

    async def cancel(self, cancel: Cancel, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Outcome:
        """35=F; the answer is the Canceled report (150=4), or a refusal."""
        return await self.request(cancel, timeout_s=timeout_s)

    async def amend(self, amend: Amend, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Outcome:
        """35=G; the answer is the Replaced report (150=5), or a refusal: then the order stays as
        it was."""
        return await self.request(amend, timeout_s=timeout_s)

    async def status(
        self, request: StatusRequest, cl_ord_id: str, *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> Outcome:
        """35=H with the order's own ClOrdID (11); the answer has ExecType (150) I. Several at once
        about one order all get the first answer that comes."""
        return await self.request(request, cl_ord_id=cl_ord_id, timeout_s=timeout_s)

    async def mass_cancel(
        self, request: MassCancel, *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> MassCanceled | Refused | Unknown:
        """35=q, and the reports it brings. The dialect has no answer for the request as such, so a
        TestRequest (35=1) behind it shows the end: exact where the venue answers in sequence."""
        now_ns = self._clock_ns()
        cl_ord_id = self.core.submit(request, now_ns)
        passed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        barrier = self.core.barrier(now_ns)
        canceled: list[ExecutionReport] = []
        self._barriers[barrier] = passed
        self._canceled_sinks.append(canceled)
        with self._wait(cl_ord_id, cl_ord_id) as refused:
            try:
                self.pump()
                async with asyncio.timeout(timeout_s):
                    await self._drain()
                    # A refusal comes before the barrier, so the barrier alone is waited for; a lost
                    # line ends it too.
                    await passed
            except TimeoutError:
                return Unknown(cl_ord_id, f"no answer within {timeout_s:g} s")
            finally:
                self._barriers.pop(barrier, None)
                self._canceled_sinks.remove(canceled)
        if refused.done():
            outcome = refused.result()
            assert not isinstance(outcome, Accepted), "no report has a mass cancel's ClOrdID"
            return outcome
        self.core.forget(cl_ord_id)
        return MassCanceled(cl_ord_id, tuple(canceled))

    @contextmanager
    def _wait(self, key: str, cl_ord_id: str) -> Iterator[asyncio.Future[Outcome]]:
        """What becomes of the request with that key in `core.pending`, while it is waited for."""
        waiting = _Waiting(cl_ord_id, asyncio.get_running_loop().create_future())
        others = self._waiting.setdefault(key, [])
        others.append(waiting)
        try:
            yield waiting.outcome
        finally:
            others.remove(waiting)
            if not others:
                del self._waiting[key]

    # --- between core and loop ------------------------------------------------------------------

    def _take_events(self) -> None:
        answers = self.core.take_answers()
        for key, answer in answers:
            for waiting in self._waiting.get(key, ()):
                waiting.end(_outcome(answer))
        answered = {id(answer) for _, answer in answers}
        for event in self.core.take_events():
            self._on_event(event)
            if id(event) not in answered:
                self._note_canceled(event)

    def _note_canceled(self, event: ClientEvent) -> None:
        if isinstance(event, ExecutionReport) and event.exec_type == ExecType.CANCELED:
            for sink in self._canceled_sinks:
                sink.append(event)

    def _on_end(self, reason: str, error: Exception) -> None:
        """Whoever waits for an answer gets to know that it is not known."""
        super()._on_end(reason, error)
        for one_request in self._waiting.values():
            for waiting in one_request:
                waiting.end(Unknown(waiting.cl_ord_id, reason))


def _outcome(answer: Answer) -> Outcome:
    return Accepted(answer) if isinstance(answer, ExecutionReport) else Refused(answer)
