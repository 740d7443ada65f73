"""What has changed in the markets, on its way to those who asked to be told of it.

Each change is encoded once, however many get it; only header, request id, SecurityResponseID (322)
and CheckSum are each receiver's own. Sessions are told in turn, some in each step of the desk, so
that nobody else waits for all of them. A session that says something meanwhile is told first: no
answer comes before what has changed before it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from tidegate.feeds.seats import Seat
from tidegate.marketdata.listing import (
    ListedInstrument,
    ResponseIds,
    selects,
    session_status_tail,
    single_instrument_tail,
)
from tidegate.session.states import ACTIVE
from tidegate.wire.framing import byte_sum
from tidegate.wire.shared import OwnFields, SharedMessage

if TYPE_CHECKING:
    from tidegate.feeds.desk import Desk

MESSAGES_PER_STEP: Final = 256  # then others get their turn; a session is told in one piece
CHANGES_MAX: Final = 64  # on their way; behind these the first one is told to the end

NO_STATUS: Final = -1  # the status of trading is what it was


class MarketNews:
    """Of one market: the instruments that have changed, and TradSesStatus (340), `NO_STATUS` where
    that has not."""

    def __init__(self, instruments: list[ListedInstrument], status: int) -> None:
        self.instruments = [
            (one, _Shared(b"y", single_instrument_tail(one))) for one in instruments
        ]
        self.status: _Shared | None = None
        if status != NO_STATUS:
            self.status = _Shared(b"h", session_status_tail(status))


class _Shared:
    """A message but for what is each receiver's own, ready for one time after the other."""

    def __init__(self, msg_type: bytes, tail: bytes) -> None:
        self._msg_type = msg_type
        self._tail = tail
        self._tail_sum = byte_sum(tail, 0, len(tail))
        self._sending_time: bytes = b""
        self._message: SharedMessage | None = None

    def message(self, sending_time: bytes) -> SharedMessage:
        message = self._message
        if message is None or sending_time != self._sending_time:
            message = SharedMessage(self._msg_type, sending_time, self._tail, self._tail_sum)
            self._message = message
            self._sending_time = sending_time
        return message


class _Change:
    """What one change was, by market, and who is still to be told, the next one last."""

    def __init__(self, news: dict[str, MarketNews], untold: dict[int, Seat]) -> None:
        self.news = news
        self.untold = untold


class News:
    """The changes that are on their way, the oldest first."""

    def __init__(self, response_ids: ResponseIds) -> None:
        self._response_ids = response_ids
        self._changes: deque[_Change] = deque()

    @property
    def is_told(self) -> bool:
        """Whether everybody knows everything."""
        return not self._changes

    def add(self, desk: Desk, news: dict[str, MarketNews], time_ns: int) -> None:
        """Begin to tell what is new, by market."""
        untold = {
            seat.session.index: seat
            for seat in reversed(desk.seats)
            if (seat.lists or seat.status_id) and seat.market in news
        }
        if not untold:
            return
        if len(self._changes) == CHANGES_MAX:
            oldest = self._changes.popleft()
            while oldest.untold:
                self._tell_next(desk, oldest, time_ns)
        self._changes.append(_Change(news, untold))

    def step(self, desk: Desk, time_ns: int) -> None:
        """Tell some of those who do not know yet."""
        changes = self._changes
        count = 0
        while changes and count < MESSAGES_PER_STEP:
            oldest = changes[0]
            if oldest.untold:
                count += 1 + self._tell_next(desk, oldest, time_ns)
            else:
                changes.popleft()

    def tell(self, desk: Desk, seat: Seat, time_ns: int) -> None:
        """Tell one session all that it does not know yet."""
        for change in self._changes:
            if change.untold.pop(seat.session.index, None) is not None:
                self._tell(desk, seat, change.news[seat.market], time_ns)

    def _tell_next(self, desk: Desk, change: _Change, time_ns: int) -> int:
        _, seat = change.untold.popitem()
        return self._tell(desk, seat, change.news[seat.market], time_ns)

    def _tell(self, desk: Desk, seat: Seat, news: MarketNews, time_ns: int) -> int:
        """Gives the number of messages."""
        session = seat.session
        if session.state != ACTIVE:
            return 0
        count = 0
        sending_time = desk.tools.timestamps.text(time_ns)
        if seat.status_id and news.status is not None:
            own = OwnFields(session.comp_ids, b"335=%s\x01" % seat.status_id)
            desk.tell(seat, news.status.message(sending_time), own, time_ns)
            count += 1
        for request in seat.lists.values():
            for one, shared in news.instruments:
                if selects(request, one):
                    ids = b"320=%s\x01322=%s\x01" % (
                        request.security_req_id, self._response_ids.take(time_ns),
                    )  # fmt: skip
                    own = OwnFields(session.comp_ids, ids)
                    desk.tell(seat, shared.message(sending_time), own, time_ns)
                    count += 1
        return count
