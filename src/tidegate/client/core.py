"""A trading session as a pure machine: requests go out, and their answers are told from the rest.

    core.submit(request, now)          an order, cancel, amend, ...
    core.take_answers()                the first answers to them

and what every session has (`client.session_core`).

What it does about a gap: the venue replays what we missed, because numbers go on over reconnects.
What the venue missed of us is gap-filled and never resent, so nothing is entered twice. Messages of
the present line are left out of a gap fill for an older one: they are on their way and arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import (
    AnswersLost,
    BusinessReject,
    ExecType,
    ExecutionReport,
    SessionReject,
    business_reject,
    execution_report,
    session_reject,
)
from tidegate.client.orders import ClOrdIDs, Request, StatusRequest, write_request
from tidegate.client.session_core import NotLoggedOn, Numbers, SessionCore
from tidegate.session.machine import Session
from tidegate.session.states import ACTIVE
from tidegate.wire import tags
from tidegate.wire.message import Message

PENDING_REQUESTS_MAX: Final = 100_000  # without an answer; more are refused before they are sent

Answer = ExecutionReport | BusinessReject | SessionReject


class TooManyPending(Exception):
    """`PENDING_REQUESTS_MAX` requests are without an answer; nothing was sent."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that has no answer yet. `msg_seq_num` is its number in the life of the session
    that `epoch` counts."""

    cl_ord_id: str
    request: Request
    msg_seq_num: int
    epoch: int
    sent_ns: int


class ClientCore(SessionCore):
    """See the module. `pending` holds every request without an answer, in the order of sending;
    loss of the line does not empty it, for unknown is not failed; a reset of the numbers does, for
    then no answer can come any more (`AnswersLost`). Its keys are ClOrdIDs (11), for
    an OrderStatusRequest, which has none of its own, the OrderID (37): one that follows another
    takes its place, and the next answer about the order is the answer to both. A mass cancel has no
    answer but a refusal: whoever sends one sends a `barrier` behind it and then calls `forget`."""

    def __init__(
        self,
        credentials: Credentials,
        options: LogonOptions | None = None,
        numbers: Numbers | None = None,
        *,
        trace: Callable[[bool, bytes], None] | None = None,
    ) -> None:
        super().__init__(credentials, options, numbers, trace=trace)
        self.cl_ord_ids = ClOrdIDs(numbers.cl_ord_id if numbers is not None else 0)
        self.pending: dict[str, PendingRequest] = {}
        self._pending_by_number: dict[int, str] = {}
        self._answers: list[tuple[str, Answer]] = []

    @property
    def numbers(self) -> Numbers:
        """For the next start of the client; take it when the session has ended."""
        return replace(super().numbers, cl_ord_id=self.cl_ord_ids.last)

    def take_answers(self) -> list[tuple[str, Answer]]:
        """The first answers that came since the last call, with the keys of their requests in
        `pending`. The same messages are among the events."""
        answers = self._answers
        self._answers = []
        return answers

    # --- requests -------------------------------------------------------------------------------

    def submit(self, request: Request, time_ns: int, cl_ord_id: str = "") -> str:
        """Send a request; returns its ClOrdID (11), made here unless given. It is pending until
        its first answer.

        Raises `NotLoggedOn` or `TooManyPending` or, for a ClOrdID that is pending or a value that
        can not be sent, `ValueError` or `TypeError`; nothing was sent then.
        """
        session = self._session
        if session.state != ACTIVE:
            raise NotLoggedOn("no session to send on")
        if len(self.pending) >= PENDING_REQUESTS_MAX:
            raise TooManyPending(f"{len(self.pending)} requests have no answer")
        is_status = isinstance(request, StatusRequest)
        if not cl_ord_id:
            if is_status:
                raise ValueError("ClOrdID (11) is empty: a status request has that of its order")
            cl_ord_id = self.cl_ord_ids.make(time_ns)
        key = pending_key(request, cl_ord_id)
        if key in self.pending and not is_status:
            raise ValueError(f"ClOrdID (11) is {key!r}: a request with it has no answer yet")
        number = session.next_outgoing
        write_request(session.begin(request.msg_type, time_ns), request, cl_ord_id, time_ns)
        if is_status:
            self.forget(key)
        self.pending[key] = PendingRequest(cl_ord_id, request, number, session.epoch, time_ns)
        self._pending_by_number[number] = key
        session.finish(time_ns)
        return cl_ord_id

    def forget(self, key: str) -> PendingRequest | None:
        """Strike a request off `pending`: its owner knows what became of it."""
        request = self.pending.pop(key, None)
        if request is not None and self._pending_by_number.get(request.msg_seq_num) == key:
            del self._pending_by_number[request.msg_seq_num]
        return request

    def was_reset(self, session: Session) -> None:
        self._pending_by_number.clear()
        if self.pending:
            lost = tuple(request.cl_ord_id for request in self.pending.values())
            self.pending.clear()
            self._events.append(AnswersLost(lost))

    # --- answers --------------------------------------------------------------------------------

    def _take(self, message: Message, msg_type: bytes, time_ns: int) -> bool:
        answer: Answer
        if msg_type == b"8":
            answer = execution_report(message)
            is_status = answer.exec_type == ExecType.ORDER_STATUS
            key = answer.order_id if is_status else answer.cl_ord_id
        elif msg_type == b"j":
            answer = business_reject(message)
            key = answer.business_reject_ref_id
            if answer.ref_msg_type == "H":
                key = self._status_key(key)
        elif msg_type == b"3":
            number = message.integer(tags.REF_SEQ_NUM)
            key = self._pending_by_number.get(number, "")
            request = self.pending.get(key)
            answer = session_reject(message, request.cl_ord_id if request is not None else "")
        else:
            return False
        self._events.append(answer)
        if self.forget(key) is not None:
            self._answers.append((key, answer))
        return True

    def _status_key(self, cl_ord_id: str) -> str:
        for key, request in self.pending.items():
            if request.cl_ord_id == cl_ord_id and isinstance(request.request, StatusRequest):
                return key
        return ""

    def _requests_between(self, begin: int, end: int) -> tuple[str, ...]:
        return tuple(  # still pending: a replay may hold the answer to one of them
            request.cl_ord_id
            for request in self.pending.values()
            if request.epoch == self._session.epoch and begin <= request.msg_seq_num <= end
        )


def pending_key(request: Request, cl_ord_id: str) -> str:
    """The key of a request in `ClientCore.pending`."""
    return request.order_id if isinstance(request, StatusRequest) else cl_ord_id
