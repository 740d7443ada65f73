"""What services have in common: what the gateway asks of the sessions at a port, and waiting for
their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from tidegate.config.values import SessionId
from tidegate.feeds.times import FeedTime
from tidegate.model.time import utc_timestamp
from tidegate.session.logon import LogonRequest, refusal_frame
from tidegate.session.machine import Session

LOGOUT_LOOK_S: Final = 0.02


@mypyc_attr(allow_interpreted_subclasses=True)
class SessionPort:
    """A part of `gateway.port.LinkHost`. `sessions` are all of a desk, `indexes` says which of them
    are at this port."""

    behind = False  # nothing waits for a disk

    def __init__(self, sessions: list[Session], time: FeedTime) -> None:
        self.indexes: dict[SessionId, int] = {}
        self._sessions = sessions
        self._time = time

    def now_ns(self) -> int:
        return self._time.now_ns()

    def session_index(self, sender_comp_id: bytes, target_comp_id: bytes) -> int:
        session_id = (sender_comp_id.decode("latin-1"), target_comp_id.decode("latin-1"))
        return self.indexes.get(session_id, -1)

    def heartbeat_limits_s(self, session: int) -> tuple[int, int]:
        settings = self._sessions[session].settings
        return settings.heartbeat_min_s, settings.heartbeat_max_s

    def refused_logon(self, session: int, request: LogonRequest, text: bytes) -> bytes:
        number = 1 if session < 0 else self._sessions[session].next_outgoing
        return refusal_frame(request, number, utc_timestamp(self.now_ns()), text)


async def wait_for_end(is_over: Callable[[], bool], wait_s: float) -> None:
    """Return when it is over, or after so many seconds: clients answer a Logout, or do not."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + wait_s
    while loop.time() < end_s and not is_over():
        await asyncio.sleep(LOGOUT_LOOK_S)
