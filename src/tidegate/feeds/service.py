"""Market data in one event loop: links on one side, the desk in the middle, the replica behind.

What comes in within a turn of the loop is answered at its end, with all that a link gets in one
write. The replica is brought on in bounded steps, so that neither side waits long for the other. A
write costs more than a message, so where there is much to do a step lasts as long as the writing
of the one before: then more messages share one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

import structlog

from tidegate.config.values import SessionAccess, SessionId
from tidegate.feeds.delivery import Outputs
from tidegate.feeds.desk import Desk
from tidegate.feeds.follower import STEP_S, Follower
from tidegate.feeds.hosts import SessionPort, wait_for_end
from tidegate.feeds.outbound import FeedWriter
from tidegate.feeds.roster import Entry, Roster
from tidegate.feeds.times import FeedTime
from tidegate.gateway.outbound import LinkWriter
from tidegate.gateway.port import LinkOutput, LinkTransport
from tidegate.gateway.shares import Shares
from tidegate.venue.rollover import ROLLOVER_TEXT

TICK_S: Final = 0.05
EAGER_S: Final = 1.0  # of replaying before anybody is let in: mostly the replica is there by then
STEP_S_MAX: Final = 0.01  # of replaying, where links needed as long: less than fills one of them

_log = structlog.get_logger("tidegate.feeds")


class FeedService:
    """Runs in one loop and one thread. `fail` is called, once, where the journal can not be
    followed any more: the process must end then."""

    def __init__(
        self,
        desk: Desk,
        follower: Follower,
        roster: Roster,
        time: FeedTime,
        fail: Callable[[Exception], None],
    ) -> None:
        self.desk = desk
        self.follower = follower
        self._roster = roster
        self.time = time
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._ports: dict[str, FeedPort] = {}
        self.places: list[tuple[str, SessionId]] = []  # service and CompIDs, by session index
        self.outputs = Outputs()
        self._scheduled = False
        self._following = False  # the next step of the replica is scheduled
        self._stepped_s = 0.0  # when the last one was over, of the stopwatch
        self._timer: asyncio.TimerHandle | None = None
        self._rolling_over = False
        self._stopping = False
        self._failed = False
        self.opened = asyncio.Event()  # the replica has caught up
        self.advanced: Callable[[], None] | None = None  # told behind each turn that was replayed

    def port(self, service: str) -> FeedPort:
        """What the links of a service's listener have behind them."""
        port = self._ports.get(service)
        if port is None:
            port = FeedPort(self, service)
            self._ports[service] = port
        return port

    def start(self) -> None:
        """Begin to follow; listeners may accept. Where the replica has far to go, sessions are
        those of the configuration until it is there, and get no market data."""
        self._take_roster(self._roster.configured(), self.now_ns())
        self._loop.add_reader(self.follower.doorbell.bell, self._rung)
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self._step(EAGER_S)

    async def stop(self, text: bytes, wait_s: float) -> None:
        """Log everybody out and wait for the answers."""
        self._stopping = True
        self.desk.log_out_all(text, self.now_ns())
        self.schedule()
        await wait_for_end(lambda: self.desk.is_quiet, wait_s)
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.follower.doorbell.bell)

    def now_ns(self) -> int:
        return self.time.now_ns()

    @property
    def is_open(self) -> bool:
        """Whether sessions are those that there are, and get market data."""
        return self.opened.is_set()

    def logons_refused(self) -> bool:
        """Also when the rollover has lasted long enough, until the journal says that it is over:
        then everybody is cut."""
        return self._stopping or self._rolling_over

    # --- links ------------------------------------------------------------------------------------

    def logon(self, session: int, output: LinkOutput, frame: bytes) -> int:
        link = self.desk.logon(session, frame, self.now_ns())
        self.outputs.add(link, output)
        self.schedule()  # not at once: the link is not ready to write
        return link

    def frames(self, session: int, link: int, frames: list[bytes]) -> None:
        self.desk.frames(session, link, frames, self.now_ns())
        self.schedule()

    def link_down(self, session: int, link: int) -> None:
        self.outputs.remove(link)
        self.desk.link_down(session, link, self.now_ns())
        self.schedule()

    def full(self, link: int) -> None:
        """See `RoomWatch`."""
        self.desk.stall(link)

    def drained(self, link: int) -> None:
        """See `RoomWatch`."""
        self.desk.drained(link)
        self.schedule()

    # --- turns ------------------------------------------------------------------------------------

    def schedule(self) -> None:
        """Have what the desk holds written at the end of this turn of the loop."""
        if not self._scheduled and (self.desk.has_more or self.desk.events):
            self._scheduled = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._scheduled = False
        self.outputs.give(self.desk.take(self.now_ns()))
        self._log_events()
        self.schedule()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self._follow()  # who does not hear the bell looks now and then
        if self.time.may_pass(self.desk.sessions):
            self.desk.tick(self.now_ns())
        self.schedule()

    def _rung(self) -> None:
        self.follower.doorbell.heard()
        self._follow()

    def _follow(self) -> None:
        if not self._following:
            self._step(STEP_S)

    def _go_on(self) -> None:
        others_s = monotonic() - self._stepped_s
        self._step(min(max(others_s, STEP_S), STEP_S_MAX))

    def _step(self, step_s: float) -> None:
        """Bring the replica on, and go on with that after others have had their turn."""
        self._following = False
        if self._failed:
            return
        try:
            more = self.follower.step(self._applied, step_s)
        except Exception as error:
            self._failed = True
            self._fail(error)
            return
        if more:
            self._following = True
            self._stepped_s = monotonic()
            self._loop.call_soon(self._go_on)
        self.schedule()

    def _open(self, now_ns: int) -> None:
        """The replica is where the venue was at the start."""
        self.opened.set()
        self._take_roster(self._roster.entries(self.follower.venue), now_ns)
        self.desk.open(now_ns)

    def _applied(self) -> None:
        """The replica has caught up, or a turn of the venue was replayed."""
        follower = self.follower
        now_ns = self.now_ns()
        if not self.is_open:
            self._open(now_ns)
        updates = follower.observer.take()
        if updates:
            self.desk.publish(updates, now_ns)
        if follower.observer.sessions_are_new:
            follower.observer.sessions_are_new = False
            self._take_roster(self._roster.entries(follower.venue), now_ns)
        if follower.observer.markets_are_new:
            follower.observer.markets_are_new = False
            self.desk.tell_markets(now_ns)
        is_on = follower.rollover.is_on
        if is_on != self._rolling_over:
            self._rolling_over = is_on
            if is_on:
                self.desk.log_out_all(ROLLOVER_TEXT, now_ns)
            else:
                self.desk.reset_all(now_ns)
        if self.advanced is not None:
            self.advanced()

    # --- sessions ---------------------------------------------------------------------------------

    def _take_roster(self, found: list[Entry], now_ns: int) -> None:
        """Who may log on now. What has not changed is the same entry as before."""
        entries = {entry.place: entry for entry in found}
        for index, place in enumerate(self.places):
            entry = entries.pop(place, None)
            if entry is None:
                self._remove(index, place, now_ns)
            elif self.port(entry.service).sessions.get(entry.access.session_id) is not entry.access:
                self._admit(entry, index)
                self.desk.adopt(index, entry.settings, now_ns)
        for entry in entries.values():
            index = self.desk.add_session(entry.settings, entry.level, entry.access.market)
            self.places.append(entry.place)
            self._admit(entry, index)

    def _admit(self, entry: Entry, index: int) -> None:
        port = self.port(entry.service)
        port.sessions[entry.access.session_id] = entry.access
        port.indexes[entry.access.session_id] = index

    def _remove(self, index: int, place: tuple[str, SessionId], now_ns: int) -> None:
        service, session_id = place
        self.port(service).sessions.pop(session_id, None)
        settings = self.desk.sessions[index].settings
        settings.enabled = False
        self.desk.adopt(index, settings, now_ns)

    def _log_events(self) -> None:
        for event in self.desk.events:
            service, (sender_comp_id, _) = self.places[event.index]
            _log.info(
                "session_" + event.happening,
                service=service,
                sender_comp_id=sender_comp_id,
                link=event.link,
                reason=event.reason,
            )
        self.desk.events.clear()


class FeedPort(SessionPort):
    """The sessions of one service, as `gateway.port.LinkHost`. L2 and L3 have the same CompIDs, at
    ports of their own. `sessions` are what the gateway checks."""

    def __init__(self, feeds: FeedService, service: str) -> None:
        super().__init__(feeds.desk.sessions, feeds.time)
        self._feeds = feeds
        self.service = service
        self.sessions: dict[SessionId, SessionAccess] = {}

    def session_enabled(self, session: int) -> bool:
        return self._sessions[session].settings.enabled

    def logons_refused(self) -> bool:
        return self._feeds.logons_refused()

    def logon(
        self, session: int, output: LinkOutput, api_key: bytes, nonce: int, frame: bytes
    ) -> int:
        return self._feeds.logon(session, output, frame)

    def logon_refusal(self, link: int) -> bytes:
        return self._feeds.desk.refusal(link)

    def writer(
        self, session: int, link: int, transport: LinkTransport, shares: Shares
    ) -> LinkWriter:
        return FeedWriter(transport, link, self._feeds)

    def frames(self, session: int, link: int, frames: list[bytes]) -> None:
        self._feeds.frames(session, link, frames)

    def link_down(self, session: int, link: int) -> None:
        self._feeds.link_down(session, link)
