"""Market-data sessions as one machine: frames, updates and times in, bytes for links out.

It is pure, and it is the host of its sessions. Nothing here lasts: numbers live as long as the
process and the day, subscriptions as long as the line, and a ResendRequest is answered by one gap
fill. What goes to whom is collected within a step and given by `take`, all of a link in one piece.

A message that many get is encoded once (`marketdata.shapes.Update`, `wire.shared`): only header,
MDReqID and CheckSum are each subscriber's own.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter

from tidegate.feeds.answers import Answers
from tidegate.feeds.delivery import Delivery
from tidegate.feeds.lines import END, LOGON, LineDesk
from tidegate.feeds.seats import FeedLine, Seat, Subscription
from tidegate.marketdata.fold import MarketData
from tidegate.marketdata.shapes import Shape, Update
from tidegate.model.settings import DUPLICATE_DISPLACE, SessionSettings
from tidegate.session.machine import Session
from tidegate.session.reasons import DISPLACED, SESSION_DISABLED
from tidegate.session.resend import gap_fill
from tidegate.session.states import ACTIVE, DISCONNECTED
from tidegate.wire.dictionary import MARKET_DATA
from tidegate.wire.message import Message
from tidegate.wire.shared import OwnFields, SharedMessage

REFRESH_BYTES_PER_STEP: Final = 256 * 1024  # of one link, before others get their turn


class Desk(LineDesk[FeedLine]):
    """See the module. `seats` are by the index of their sessions."""

    def __init__(self, market_data: MarketData, answers: Answers) -> None:
        super().__init__()
        self.market_data = market_data
        self.answers = answers
        self.seats: list[Seat] = []
        self.subscription_count = 0
        self._subscribers: dict[Shape, dict[int, Subscription]] = {}
        self._last_subscription = 0

    # --- sessions --------------------------------------------------------------------------------

    def add_session(self, settings: SessionSettings, level: int, market: str) -> int:
        """The index of a new session at a port of that level and market."""
        session = self._new_session(settings, MARKET_DATA)
        self.seats.append(Seat(session, level, market))
        return session.index

    def adopt(self, index: int, settings: SessionSettings, time_ns: int) -> None:
        """Take new settings; a session that may not be any more ends."""
        session = self.sessions[index]
        session.adopt(settings)
        if not settings.enabled:
            session.expel(SESSION_DISABLED, time_ns)

    # --- inputs ----------------------------------------------------------------------------------

    def logon(self, index: int, frame: bytes, time_ns: int) -> int:
        """A Logon that the gateway has let in; gives the number of its link."""
        seat = self.seats[index]
        session = seat.session
        self.last_link += 1
        link = self.last_link
        line = FeedLine(link, seat)
        if session.state != DISCONNECTED:
            if session.settings.duplicate_logon != DUPLICATE_DISPLACE:
                self._refuse_logon(line, session, frame, time_ns)
                return link
            session.expel(DISPLACED, time_ns)
        self._lines[link] = line
        session.logon(link, frame, time_ns)
        return link

    def refusal(self, link: int) -> bytes:
        """Why a link that has just logged on is not its session's; empty where it is."""
        for event in self.events:
            if event.link == link and event.happening != LOGON:
                return event.reason.encode("latin-1")
        return b""

    def frames(self, index: int, link: int, frames: list[bytes], time_ns: int) -> None:
        """Framed messages of a link, in order; those of a link that is not the session's (any more)
        count for nothing."""
        session = self.sessions[index]
        for frame in frames:
            if session.link != link:
                return
            self.answers.news.tell(self, self.seats[index], time_ns)
            session.receive(frame, time_ns)

    def log_out_all(self, text: bytes, time_ns: int) -> None:
        """Ask every session to log out. Nobody gets market data any more."""
        for seat in self.seats:
            self._unsubscribe_all(seat)
        super().log_out_all(text, time_ns)

    # --- market data -----------------------------------------------------------------------------

    def open(self, time_ns: int) -> None:
        """There are books from now on: see `Answers`."""
        self.answers.open(self, time_ns)

    def publish(self, updates: list[Update], time_ns: int) -> None:
        """Send updates of the fold to whoever gets them."""
        sending_time = self.tools.timestamps.text(time_ns)
        for update in updates:
            subscribers = self._subscribers.get(update.shape)
            if subscribers is None:
                continue
            message = SharedMessage(b"X", sending_time, update.tail, update.tail_sum)
            for subscription in subscribers.values():
                if not subscription.waits:
                    self._put(message, subscription, time_ns)

    def stall(self, link: int) -> None:
        """The link's transport is full. Its subscriptions stop: each goes on with a full refresh
        once there is room."""
        line = self._lines.get(link)
        if line is None or line.full:
            return
        line.full = True
        seat = line.seat
        if seat.session.link != link:
            return
        for subscriptions in seat.subscriptions.values():
            for subscription in subscriptions:
                if not subscription.waits:
                    subscription.waits = True
                    seat.refresh_count += 1
                    line.refreshes[subscription.number] = subscription

    def drained(self, link: int) -> None:
        """The link's transport has room again."""
        line = self._lines.get(link)
        if line is not None:
            line.full = False
            self._touch(line)

    def subscribe(self, seat: Seat, md_req_id: bytes, symbol: bytes, shapes: list[Shape]) -> None:
        """One more symbol for a session; its full refresh comes first."""
        self._last_subscription += 1
        number = self._last_subscription
        line = self._lines[seat.session.link]
        subscription = Subscription(number, seat.session, line, md_req_id, symbol, shapes)
        seat.subscriptions.setdefault(md_req_id, []).append(subscription)
        seat.symbol_count += 1
        self.subscription_count += 1
        for shape in shapes:
            self.market_data.watch(shape)
            self._subscribers.setdefault(shape, {})[number] = subscription
        line.refreshes[number] = subscription
        self._touch(line)

    def unsubscribe(self, seat: Seat, md_req_id: bytes) -> None:
        """End what a request has begun; nothing happens where it has not."""
        for subscription in seat.subscriptions.pop(md_req_id, []):
            subscription.line.refreshes.pop(subscription.number, None)
            seat.symbol_count -= 1
            self.subscription_count -= 1
            for shape in subscription.shapes:
                self.market_data.unwatch(shape)
                subscribers = self._subscribers[shape]
                del subscribers[subscription.number]
                if not subscribers:
                    del self._subscribers[shape]

    def tell_markets(self, time_ns: int) -> None:
        """Instruments, or the status of their markets, may have changed."""
        self.answers.tell_markets(self, time_ns)

    def tell(self, seat: Seat, message: SharedMessage, own: OwnFields, time_ns: int) -> None:
        """Send a session that is up a message that others get, too."""
        line = self._lines[seat.session.link]
        message.put(line.writer, seat.session.take_number(time_ns), own)
        self._touch(line)

    # --- outputs ---------------------------------------------------------------------------------

    def take(self, time_ns: int) -> list[Delivery]:
        """What is to be written now. Call again at once while `has_more`."""
        self.answers.news.step(self, time_ns)
        touched = self._touched
        self._touched = []
        deliveries: list[Delivery] = []
        for line in touched:
            line.touched = False
            self._refresh(line, time_ns)
            data = line.writer.getvalue()
            if data or line.cut:
                deliveries.append(Delivery(line.number, data, cut=line.cut, answer=line.answered))
                line.writer = BytesWriter()  # a new one: the old may have grown by a whole book
            if line.cut:
                self._lines.pop(line.number, None)
            elif line.refreshes and not line.full:
                self._touch(line)
        return deliveries

    @property
    def has_more(self) -> bool:
        """Whether there is something to `take`."""
        return bool(self._touched) or not self.answers.news.is_told

    def _refresh(self, line: FeedLine, time_ns: int) -> None:
        """Full refreshes for subscriptions that wait, up to a bound."""
        refreshes = line.refreshes
        sending_time = self.tools.timestamps.text(time_ns)
        while refreshes and not line.full and len(line.writer) < REFRESH_BYTES_PER_STEP:
            subscription = refreshes.pop(next(iter(refreshes)))
            subscription.waits = False
            tail, tail_sum = self.market_data.snapshot(subscription.shapes[0])
            message = SharedMessage(b"W", sending_time, tail, tail_sum)
            self._put(message, subscription, time_ns)

    def _put(self, message: SharedMessage, subscription: Subscription, time_ns: int) -> None:
        line = subscription.line
        number = subscription.session.take_number(time_ns)
        message.put(line.writer, number, subscription.own)
        self._touch(line)

    # --- what sessions ask of their host ----------------------------------------------------------

    def send(self, session: Session, number: int, frame: bytes) -> None:
        line = self._lines.get(session.link)
        if line is not None:
            self._write(line, frame)

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        line = self._lines.get(session.link)
        if line is not None:
            sending_time = self.tools.timestamps.text(time_ns)
            self._write(line, gap_fill(session.comp_ids, begin, end + 1, sending_time))
        session.resend_budget.spent = 0  # it costs the same, whatever is asked for

    def deliver(self, session: Session, message: Message, time_ns: int) -> None:
        if session.state == ACTIVE:  # whoever is asked to log out begins nothing any more
            self.answers.answer(self, self.seats[session.index], message, time_ns)

    def established(self, session: Session, time_ns: int) -> None:
        self._note(session, session.link, LOGON, "")

    def was_reset(self, session: Session) -> None:
        return  # subscriptions belong to the line, not to the numbers

    def ended(
        self, session: Session, link: int, reason: bytes, time_ns: int, *, orderly: bool
    ) -> None:
        seat = self.seats[session.index]
        self._unsubscribe_all(seat)
        seat.lists = {}
        seat.status_id = b""
        seat.held = []
        seat.held_bytes = 0
        line = self._lines.get(link)
        if line is not None:
            line.cut = True
            line.refreshes.clear()
            self._touch(line)
        self._note(session, link, END, reason.decode("latin-1"))

    # --- inner works -----------------------------------------------------------------------------

    def _unsubscribe_all(self, seat: Seat) -> None:
        for md_req_id in list(seat.subscriptions):
            self.unsubscribe(seat, md_req_id)
