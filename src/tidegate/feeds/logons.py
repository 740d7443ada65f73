"""Logons for market data: who is let in, and why somebody was not."""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Mapping

from tidegate.feeds.service import FeedPort, FeedService
from tidegate.gateway.authentication import COMP_IDS, SessionCheck, Verdict
from tidegate.gateway.doctor import LogonDoctor
from tidegate.session.logon import FAILED_NOT_YET, LogonRequest
from tidegate.wire.dictionary import MARKET_DATA


class FeedCheck(SessionCheck):
    """While the replica catches up, CompIDs that the configuration does not name are not known to
    be wrong: they may be a session's that operators have added."""

    def __init__(self, feeds: FeedService, port: FeedPort) -> None:
        super().__init__(port, port.service, port.sessions, MARKET_DATA)
        self._feeds = feeds

    def verify(self, request: LogonRequest, address: str, *, tls: bool) -> Verdict:
        """See `LogonCheck.verify`."""
        verdict = super().verify(request, address, tls=tls)
        if verdict.failed == COMP_IDS and not self._feeds.is_open:
            return Verdict(-1, FAILED_NOT_YET, COMP_IDS)
        return verdict


class _Keyless:
    """What a doctor asks of a venue, where nobody signs."""

    def __init__(self, feeds: FeedService) -> None:
        self._feeds = feeds

    def now_ns(self) -> int:
        return self._feeds.now_ns()

    def wall_ns(self) -> int:
        return time.time_ns()

    def key_enabled(self, api_key: bytes) -> bool:
        return False

    def last_nonce(self, api_key: bytes) -> int:
        return 0


def feed_doctor(
    feeds: FeedService, port: FeedPort, others: list[FeedPort], ports: Mapping[str, int]
) -> LogonDoctor:
    """The doctor of one port. `others` are market data's other ports, whose sessions it knows, too;
    `ports` are the numbers of all services."""
    sessions = ChainMap(port.sessions, *(other.sessions for other in others))
    return LogonDoctor(_Keyless(feeds), sessions, {}, ports, signed=False)
