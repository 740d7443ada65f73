"""Drop copies in the event loop of the feeds: links on one side, the desk, the log behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from tidegate.feeds.delivery import Outputs
from tidegate.feeds.dropcopy.access import CopyAccess
from tidegate.feeds.dropcopy.desk import CopyDesk
from tidegate.feeds.dropcopy.marks import Mark
from tidegate.feeds.dropcopy.options import CopySession
from tidegate.feeds.dropcopy.outbound import CopyWriter
from tidegate.feeds.dropcopy.owners import Reach
from tidegate.feeds.dropcopy.reports import ReportLog
from tidegate.feeds.dropcopy.seat import CopySeat
from tidegate.feeds.dropcopy.state import StateFile
from tidegate.feeds.follower import Follower
from tidegate.feeds.hosts import SessionPort, wait_for_end
from tidegate.feeds.lines import SessionEvent
from tidegate.feeds.settings_text import settings_of
from tidegate.feeds.times import FeedTime
from tidegate.gateway.outbound import LinkWriter
from tidegate.gateway.port import LinkOutput, LinkTransport
from tidegate.gateway.shares import Shares
from tidegate.journal import OsStorage
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.session.reasons import KEY_DISABLED, SESSION_DISABLED
from tidegate.session.states import DISCONNECTED
from tidegate.venue.rollover import ROLLOVER_TEXT

TICK_S: Final = 0.05
ASK_S: Final = 0.2  # between two questions whether what was sent was read

_WORTH_A_WARNING: Final = ("begins_anew", "unreadable")

_log = structlog.get_logger("tidegate.feeds")


class Place(NamedTuple):
    """A session's part that is no desk's matter."""

    options: CopySession
    nonce_floor: int  # milliseconds; what came before is not known


class DropCopyService(SessionPort):
    """A `gateway.port.LinkHost` and `CredentialDirectory`; `access` is what the gateway checks.
    `fail` is called, once, where the process must end."""

    def __init__(
        self,
        sessions: list[CopySession],
        configured_keys: Iterable[str],
        data: Path,
        follower: Follower,
        feed_time: FeedTime,
        fail: Callable[[Exception], None],
    ) -> None:
        self.desk = CopyDesk()
        super().__init__(self.desk.sessions, feed_time)
        self.outputs = Outputs()
        self.access = CopyAccess(data, configured_keys)
        self.places: list[Place] = []
        self._follower = follower
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._log = ReportLog(
            data / JOURNAL_DIRECTORY, OsStorage(), follower.venue.directory, follower.sequence
        )
        self._settings = follower.venue.settings
        self._key_count = 0  # of those that operators have added
        self._rolling_over = follower.rollover.is_on
        self._pumping = False
        self._stopping = False
        self._failed = False  # `fail` was called
        self._saving: asyncio.Task[None] | None = None
        self._unsaved: dict[int, str] = {}  # why marks of sessions could not be saved, as was told
        self._timers: list[asyncio.TimerHandle] = []
        self._look_at_log()
        for one in sessions:
            self._add(one, data)

    def start(self) -> None:
        """Listeners may accept."""
        self._adopt_settings()
        self._timers = [
            self._loop.call_later(TICK_S, self._tick),
            self._loop.call_later(ASK_S, self._ask),
        ]

    async def stop(self, text: bytes, wait_s: float) -> None:
        """Log everybody out, wait for the answers, and keep what is to be kept: of each session
        that it can be kept of."""
        self._stopping = True
        self._guarded(lambda: self.desk.log_out_all(text, self.now_ns()))
        self.pump()
        await wait_for_end(lambda: self._failed or self.desk.is_quiet, wait_s)
        for timer in self._timers:
            timer.cancel()
        self.desk.cut_all(self.now_ns())  # before what is kept says that nobody is up
        self._write()
        if self._saving is not None:
            await self._saving
        for seat in self.desk.seats:
            try:
                seat.settle()
            except OSError as error:
                self._not_saved(seat, error)

    def _add(self, one: CopySession, data: Path) -> None:
        settings = settings_of(one.settings)
        session_id = self.access.add(one, settings)
        venue = self._follower.venue
        file = StateFile(data, session_id)
        restored = file.restore(
            self.desk.end.sequence, venue.now_ns, venue.rollover.at_ns, self.wall_ns()
        )
        nonce_floor = 0
        if restored.damage:
            _log.warning(
                "drop_copy_begins_anew", sender_comp_id=session_id[0], reason=restored.damage
            )
            # A nonce of before the damage is too old from then on.
            nonce_floor = self.wall_ns() // 1_000_000 + one.nonce_window_ms
        reach = Reach(one.firm, one.account)
        index = self.desk.add_session(settings, reach, self._log, restored.state, file)
        self.places.append(Place(one, nonce_floor))
        self.indexes[session_id] = index

    def _look_at_log(self) -> None:
        """It may be told of as far as the replica is, where orders may wait to be cancelled."""
        follower = self._follower
        self.desk.end = Mark(follower.position, follower.sequence, follower.sequence)
        self.desk.is_settled = not follower.venue.trading.cancels.pending

    # --- LinkHost and CredentialDirectory ---------------------------------------------------------

    def wall_ns(self) -> int:
        return time.time_ns()

    def session_enabled(self, session: int) -> bool:
        """By the file, and by operators, who may disable its firm. (An account that is disabled
        has reports still, as its trading sessions do.)"""
        if self.places[session].options.firm in self._follower.venue.operated.disabled_firms:
            return False
        return self.desk.sessions[session].settings.enabled

    def key_enabled(self, api_key: bytes) -> bool:
        return api_key.decode("latin-1") not in self._follower.venue.operated.disabled_keys

    def last_nonce(self, api_key: bytes) -> int:
        """Of any session: of trading as far as the journal has told, of drop copies by files. A
        file that was damaged may have had a nonce of a key that opens its session, and of no
        other."""
        name = api_key.decode("latin-1")
        newest = self._follower.venue.last_nonces.get(api_key, 0)
        for session_id, index in self.indexes.items():
            newest = max(newest, self.desk.seats[index].state.nonces.get(name, 0))
            if name in self.access.sessions[session_id].key_names:
                newest = max(newest, self.places[index].nonce_floor)
        return newest

    def logons_refused(self) -> bool:
        return self._stopping or self._follower.rollover.is_on

    def logon(
        self, session: int, output: LinkOutput, api_key: bytes, nonce: int, frame: bytes
    ) -> int:
        """Raises `OSError`, which ends the link."""
        key = api_key.decode("latin-1")
        link = self.desk.logon(session, frame, key, nonce, self.now_ns())
        self.outputs.add(link, output)
        self.schedule()  # not at once: the link is not ready to write
        return link

    def logon_refusal(self, link: int) -> bytes:
        return b""  # nobody explains logons here

    def writer(
        self, session: int, link: int, transport: LinkTransport, shares: Shares
    ) -> LinkWriter:
        return CopyWriter(transport, link, self)

    def frames(self, session: int, link: int, frames: list[bytes]) -> None:
        self._guarded(lambda: self.desk.frames(session, link, frames, self.now_ns()))
        self.schedule()

    def link_down(self, session: int, link: int) -> None:
        self.outputs.remove(link)
        self.desk.link_down(session, link, self.now_ns())
        self.schedule()

    def full(self, link: int) -> None:
        """See `RoomWatch`."""
        self.desk.full(link)

    def drained(self, link: int) -> None:
        """See `RoomWatch`."""
        self.desk.drained(link)
        self.schedule()

    # --- turns ------------------------------------------------------------------------------------

    def advanced(self) -> None:
        """The replica has replayed a turn."""
        venue = self._follower.venue
        if venue.settings is not self._settings or len(venue.operated.keys) != self._key_count:
            self._adopt_settings()
        if self._follower.rollover.is_on != self._rolling_over:
            self._rolling_over = not self._rolling_over
            self._roll_over()
        self.schedule()

    def _roll_over(self) -> None:
        if self._rolling_over:
            self.desk.log_out_all(ROLLOVER_TEXT, self.now_ns())
            return
        self.desk.reset_all(self.now_ns())
        for seat in self.desk.seats:
            seat.state.rollover_ns = self._follower.rollover.at_ns

    def schedule(self) -> None:
        """Have the desk go on at the end of this turn of the loop."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self.pump)

    def pump(self) -> None:
        """Give links what the desk has for them, and room permitting more."""
        self._pumping = False
        self._look_at_log()
        more = self._guarded(lambda: self.desk.step(self.now_ns()))
        if self._failed:
            return
        self._write()
        if more:
            self.schedule()

    def _guarded(self, work: Callable[[], bool | None]) -> bool:
        """Do what may use up numbers, and say whether there is more. Where they can not be reserved
        the process must end, and nothing more is done: the next one begins with what the files
        say."""
        if self._failed:
            return False
        try:
            return bool(work())
        except Exception as error:
            self._failed = True
            self._fail(error)
            return False

    def _write(self) -> None:
        self.outputs.give(self.desk.take())
        for event in self.desk.events:
            self._tell(event)
        self.desk.events.clear()

    def _tell(self, event: SessionEvent) -> None:
        tell = _log.warning if event.happening in _WORTH_A_WARNING else _log.info
        tell(
            "drop_copy_" + event.happening,
            service=self.places[event.index].options.service,
            sender_comp_id=self.desk.sessions[event.index].settings.sender_comp_id,
            link=event.link,
            reason=event.reason,
        )

    def _tick(self) -> None:
        self._timers[0] = self._loop.call_later(TICK_S, self._tick)
        if self._time.may_pass(self.desk.sessions):
            self._guarded(lambda: self.desk.tick(self.now_ns()))
        self._guarded(self._expel_by_key)
        self.schedule()

    def _ask(self) -> None:
        self._timers[1] = self._loop.call_later(ASK_S, self._ask)
        self._guarded(lambda: self.desk.ask_all(self.now_ns()))
        self.schedule()
        if self._saving is None and any(seat.dirty for seat in self.desk.seats):
            self._saving = self._loop.create_task(self._save())

    async def _save(self) -> None:
        """Marks to the disk, which is slow, beside the loop. An old mark costs repetition alone:
        where it can not be written, that is told, and tried again."""
        for seat in self.desk.seats:
            if not seat.dirty:
                continue
            seat.dirty = False
            try:
                await asyncio.to_thread(seat.file.save, *seat.file.content(seat.state))
                self._unsaved.pop(seat.session.index, None)
            except OSError as error:
                seat.dirty = True
                self._not_saved(seat, error)
        self._saving = None

    def _not_saved(self, seat: CopySeat, error: OSError) -> None:
        """Told once, for as long as it is the same."""
        reason = str(error)
        if self._unsaved.get(seat.session.index) != reason:
            self._unsaved[seat.session.index] = reason
            sender_comp_id = seat.session.settings.sender_comp_id
            _log.warning("drop_copy_not_saved", sender_comp_id=sender_comp_id, reason=reason)

    # --- what operators do ------------------------------------------------------------------------

    def _adopt_settings(self) -> None:
        """Whoever may not be there any more is logged out."""
        venue = self._follower.venue
        self._log.seen.look(self._follower.sequence)
        self._settings = venue.settings
        self._key_count = len(venue.operated.keys)
        self.access.adopt(venue)
        self._look_at_log()
        for index, session in enumerate(self.desk.sessions):
            if session.state != DISCONNECTED and not self.session_enabled(index):
                self.desk.expel(index, SESSION_DISABLED, self.now_ns())

    def _expel_by_key(self) -> None:
        """Who has logged on by a key that is disabled now, or opens the session no more."""
        self._look_at_log()  # as far as keys are looked at
        for session_id, index in self.indexes.items():
            api_key = self.desk.api_key(index)
            if not api_key:
                continue
            opens = api_key in self.access.sessions[session_id].key_names
            if not opens or not self.key_enabled(api_key.encode("latin-1")):
                self.desk.expel(index, KEY_DISABLED, self.now_ns())
