"""The running venue: one loop around the pure machine, with its journal.

    receive -> apply -> append -> durable -> publish

Links call in at any time within a turn of the event loop. At the end of the turn everything that
came in and went out is appended to the journal as one batch; what it says is published when the
batch is durable: at once in `process` durability (the write has happened), after the sync in `disk`
durability, where a thread syncs while the loop goes on and many turns share one sync.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from tidegate.clock import Clock
from tidegate.gateway.outbound import LinkWriter, Outbound
from tidegate.gateway.port import LinkOutput, LinkTransport, TurnWatch
from tidegate.gateway.shares import Shares
from tidegate.journal import Doorbell, Journal, JournalError
from tidegate.model.limits import TURN_BYTES_MAX
from tidegate.model.rejects import LAYER_NAMES
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.recovery import Snapshots, read_outgoing, snapshot_body
from tidegate.session.logon import LogonRequest
from tidegate.session.states import DISCONNECTED
from tidegate.venue.controls import ControlRefused
from tidegate.venue.effects import ANSWER, CUT, SKIP, SWEEP, WRITE, Dispatch
from tidegate.venue.machine import Venue
from tidegate.workers import Workers

TICK_S: Final = 0.05
LONE_TURN_RECORDS_MAX: Final = 3  # an order and its reports, not a batch
UNSYNCED_BYTES_MAX: Final = 32 * 1024 * 1024  # in `disk` durability: then reading waits for it
REFUSALS_LOGGED_PER_TURN_MAX: Final = 32
CLOCK_AHEAD_TOLD_NS: Final = 1_000_000_000

_log = structlog.get_logger("tidegate.venue")


class VenueService:
    """The `LinkHost`, `CredentialDirectory` and `FrameSource` of `gateway.port`. Runs in one event
    loop and one thread, but for syncs and snapshots, which `workers` do. `fail` is called, once,
    when the journal failed: the process must stop then. `doorbell` is told how far the journal is
    published."""

    def __init__(
        self,
        venue: Venue,
        journal: Journal,
        snapshots: Snapshots,
        *,
        durability: str,
        snapshot_every_records: int,
        busy_poll_us: int,
        clock: Clock,
        workers: Workers,
        fail: Callable[[BaseException], None],
        doorbell: Doorbell | None = None,
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._snapshots = snapshots
        self._disk = durability == "disk"
        self._snapshot_every_records = snapshot_every_records
        self._records_since_snapshot = 0
        self._rollover_at_ns = venue.rollover_at_ns
        self._clock = clock
        self._workers = workers
        self._fail = fail
        self._doorbell = doorbell  # of a process that follows the journal
        self._failed = False
        self._loop = asyncio.get_running_loop()
        self._outputs: dict[int, LinkOutput] = {}  # by link number
        self._turn_scheduled = False
        self._unpublished: deque[tuple[int, int]] = deque()  # payload position, batch end
        self._controls: list[asyncio.Future[None]] = []  # those of the turn that is going on
        self._unpublished_controls: deque[tuple[int, asyncio.Future[None]]] = deque()  # batch end
        self._busy_poll_ns = busy_poll_us * 1_000
        self._busy_poll_until_ns = 0  # of the monotonic clock
        self._busy_polling = False
        self._going_on = False  # the next share of a long piece of work is scheduled
        self._closed = False  # nothing comes in any more
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None
        self._turn_watch: TurnWatch | None = None

    def start(self, settings: bytes) -> None:
        """Tell the venue that a process has started, and its settings if they are new ones; then
        begin ticking, and syncing where asked for."""
        if self._clock.ahead_ns() > CLOCK_AHEAD_TOLD_NS:
            _log.warning("journal_ahead_of_clock", seconds=self._clock.ahead_ns() // NS_PER_S)
        now_ns = self._clock.now_ns()
        is_first_start = not self._venue.settings_bytes
        if settings != self._venue.settings_bytes:
            self._venue.configure(settings, now_ns)
            self._rollover_at_ns = self._venue.rollover_at_ns  # set anew: no day has ended
        # Cancel-on-disconnect of what the last process left behind: a record for each session, so
        # that no turn holds the orders of all of them.
        for session in self._venue.sessions:
            if session.link:
                self._venue.link_down(session.index, session.link, now_ns)
                self._bound_turn()
        self._venue.start(now_ns)
        self._end_turn()
        if is_first_start:
            # A journal that gets lost later is missed: without any snapshot, a directory without
            # a journal would look like that of a first start, and be given new money.
            self._save_now()
        if self._disk:
            self._workers.start_syncing(self._journal.sync, self._publish_until, self.stop_for)
        self._timer = self._loop.call_later(TICK_S, self._tick)

    # --- questions --------------------------------------------------------------------------------

    @property
    def venue(self) -> Venue:
        """The machine, to look at. What changes it goes through the service."""
        return self._venue

    def output(self, link: int) -> LinkOutput | None:
        """The link of that number, if it is up."""
        return self._outputs.get(link)

    @property
    def is_quiet(self) -> bool:
        """Whether everything that came in is applied, durable and published."""
        return not (self._venue.turn_records or self._unpublished or self._venue.has_more_to_do)

    @property
    def is_closed(self) -> bool:
        """Whether nothing comes in any more: the venue has stopped, or its journal failed."""
        return self._closed

    # --- the gateway's questions ------------------------------------------------------------------

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def wall_ns(self) -> int:
        return self._clock.wall_ns()

    def session_index(self, sender_comp_id: bytes, target_comp_id: bytes) -> int:
        return self._venue.directory.session_index(sender_comp_id, target_comp_id)

    def heartbeat_limits_s(self, session: int) -> tuple[int, int]:
        settings = self._venue.directory.sessions[session]
        return settings.heartbeat_min_s, settings.heartbeat_max_s

    def session_enabled(self, session: int) -> bool:
        return self._venue.directory.sessions[session].enabled

    def key_enabled(self, api_key: bytes) -> bool:
        return api_key.decode("latin-1") not in self._venue.operated.disabled_keys

    def last_nonce(self, api_key: bytes) -> int:
        return self._venue.last_nonces.get(api_key, 0)

    def logons_refused(self) -> bool:
        return self._stopping or self._venue.logons_refused(self.now_ns())

    def refused_logon(self, session: int, request: LogonRequest, text: bytes) -> bytes:
        return self._venue.refused_logon(session, request, text, utc_timestamp(self.now_ns()))

    def life(self, session: int) -> int:
        return self._venue.sessions[session].epoch

    def read(self, session: int, number: int) -> bytes:
        position = self._venue.histories[session].position(number)
        try:
            return read_outgoing(self._journal, position)
        except JournalError as error:
            self.stop_for(error)
            raise

    def comp_ids(self, session: int) -> bytes:
        return self._venue.sessions[session].comp_ids

    @property
    def behind(self) -> bool:
        if not self._unpublished:
            return False
        unsynced_bytes = self._journal.tail_position - self._unpublished[0][0]
        return unsynced_bytes >= UNSYNCED_BYTES_MAX

    # --- the gateway's inputs ---------------------------------------------------------------------

    def logon(
        self, session: int, output: LinkOutput, api_key: bytes, nonce: int, frame: bytes
    ) -> int:
        link = self._venue.last_link + 1
        if self._closed:
            return link  # nobody listens any more; the link is about to be closed
        self._outputs[link] = output
        self._venue.logon(session, link, api_key, nonce, frame, self._clock.now_ns())
        self._schedule_turn()  # not at once, however large it is: the link is not ready to write
        return link

    def logon_refusal(self, link: int) -> bytes:
        for note in reversed(self._venue.session_notes):
            if note.link == link and note.happening != b"logon":
                return note.reason
        return b""

    def writer(
        self, session: int, link: int, transport: LinkTransport, shares: Shares
    ) -> LinkWriter:
        return Outbound(transport, self, session, self.now_ns, shares)

    def frames(self, session: int, link: int, frames: list[bytes]) -> None:
        if self._closed:
            return
        self._venue.frames(session, link, frames, self._clock.now_ns())
        self._bound_turn()
        self._schedule_turn()

    def link_down(self, session: int, link: int) -> None:
        self._outputs.pop(link, None)
        if self._closed:
            return
        self._venue.link_down(session, link, self._clock.now_ns())
        self._bound_turn()
        self._schedule_turn()

    def control(self, kind: int, session: int, data: bytes) -> Awaitable[None]:
        """Do what an operator or a test asks for (`venue.controls`). Raises `ControlRefused` at
        once where it can not be done. The awaitable is done when the control is durable and what it
        caused is published; it raises the journal's error where that fails."""
        if self._closed or self._stopping:
            raise ControlRefused("the venue is stopping")
        self._venue.control(kind, session, data, self._clock.now_ns())
        done: asyncio.Future[None] = self._loop.create_future()
        self._controls.append(done)
        self._schedule_turn()
        return done

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self.tick()

    def _go_on(self) -> None:
        """Work that was cut into shares: the next one, after others have had their turn."""
        self._going_on = False
        self.tick()

    def tick(self) -> None:
        """Let the venue do what is due by now. The service calls this by itself; who moves the
        clock calls it as well."""
        if self._closed:
            return
        now_ns = self._clock.now_ns()
        if self._doorbell is not None:
            self._doorbell.show_time(now_ns)
        self._venue.tick(now_ns)
        self._schedule_turn()

    # --- the turn ---------------------------------------------------------------------------------

    def _schedule_turn(self) -> None:
        if not self._turn_scheduled and self._venue.turn_records:
            self._turn_scheduled = True
            self._loop.call_soon(self._end_turn)

    def _bound_turn(self) -> None:
        """A turn that has grown large ends now, not at the end of the loop's turn."""
        if self._venue.turn_bytes >= TURN_BYTES_MAX:
            self._end_turn()

    def _end_turn(self) -> None:
        """Append what happened since the last turn and publish it when it is durable."""
        self._turn_scheduled = False
        record_count = self._venue.turn_records
        if record_count == 0 or self._failed:
            return
        if self._venue.has_more_to_do and not self._going_on:
            self._going_on = True
            self._loop.call_soon(self._go_on)
        payload = self._venue.take_turn()
        watch = self._turn_watch
        if watch is not None:
            watch.before_append()
        try:
            position = self._journal.append(payload, record_count)
        except JournalError as error:
            self.stop_for(error)
            return
        if watch is not None:
            watch.after_append()
        self._records_since_snapshot += record_count
        if self._controls:
            end = self._journal.tail_position
            self._unpublished_controls.extend([(end, done) for done in self._controls])
            self._controls.clear()
        if self._disk:
            self._unpublished.append((position, self._journal.tail_position))
            self._workers.want_sync()
        else:
            self._publish(position)
            if self._doorbell is not None:
                self._doorbell.show(self._journal.tail_position, self._venue.now_ns)
            self._stay_awake(record_count)
        self._log_notes()
        if self._venue.rollover_at_ns != self._rollover_at_ns:
            self._turn_over()
        elif self._records_since_snapshot >= self._snapshot_every_records:
            self._snapshot()

    def _stay_awake(self, record_count: int) -> None:
        """Who sends one message at a time sends the next one soon: looking for it is faster than
        being woken. What comes in batches is better left to gather."""
        if record_count > LONE_TURN_RECORDS_MAX:
            self._busy_poll_until_ns = 0
            return
        self._busy_poll_until_ns = time.monotonic_ns() + self._busy_poll_ns
        if self._busy_poll_ns and not self._busy_polling:
            self._busy_polling = True
            self._loop.call_soon(self._busy_poll)

    def _busy_poll(self) -> None:
        # A callback that is ready keeps the loop from sleeping in its next look at the sockets.
        if time.monotonic_ns() < self._busy_poll_until_ns:
            self._loop.call_soon(self._busy_poll)
        else:
            self._busy_polling = False

    def _turn_over(self) -> None:
        """A day has ended: its segment is closed, and a snapshot begins the next one."""
        self._rollover_at_ns = self._venue.rollover_at_ns
        self._journal.roll()
        self._records_since_snapshot = self._snapshot_every_records  # if not now, then next turn
        self._snapshot()

    def _publish(self, payload_position: int) -> None:
        outputs = self._outputs
        for dispatch in self._venue.commit(payload_position):
            output = outputs.get(dispatch.link)
            if output is not None:
                _perform(dispatch, output)
                if dispatch.kind >= CUT:
                    outputs.pop(dispatch.link, None)
        if self._unpublished_controls:
            self._tell_controls()
        if self._idle is not None and self._is_idle():
            self._idle.set()

    def _tell_controls(self) -> None:
        """Those whose turns are published are done."""
        waiting = self._unpublished_controls
        turns = self._unpublished
        while waiting and (not turns or waiting[0][0] < turns[0][1]):
            _, done = waiting.popleft()
            if not done.cancelled():
                done.set_result(None)

    # --- disk durability --------------------------------------------------------------------------

    def _publish_until(self, durable_position: int) -> None:
        """What a sync has made durable, unless the service has failed while it went on: whoever
        waits for a turn has been told so then."""
        unpublished = self._unpublished
        while unpublished and not self._failed and unpublished[0][1] <= durable_position:
            position, _ = unpublished.popleft()
            self._publish(position)
        if self._doorbell is not None and not self._failed:
            self._doorbell.show(durable_position, self._venue.now_ns)

    # --- snapshots --------------------------------------------------------------------------------

    def _snapshot(self) -> None:
        """Take the state here, between two turns, and write it in another thread."""
        if self._workers.snapshot_under_way:
            return
        if self._unpublished:
            # Histories cover published turns only. One sync inside the loop, once in a long while,
            # is better than a snapshot that never finds a quiet moment.
            try:
                self._publish_until(self._journal.sync())
            except JournalError as error:
                self.stop_for(error)
                return
        if self._venue.turn_records:
            return  # publishing cut a link, which already is part of the next turn
        self._records_since_snapshot = 0
        body = snapshot_body(self._venue)
        position = self._journal.tail_position
        sequence = self._journal.next_sequence
        self._workers.write_snapshot(
            lambda: self._snapshots.write(self._journal, body, position, sequence), self.stop_for
        )

    # --- the end ----------------------------------------------------------------------------------

    def watch_turns(self, watch: TurnWatch | None) -> None:
        """Have a test told of every turn, or of none any more."""
        self._turn_watch = watch

    async def stop(self, text: bytes, wait_s: float) -> None:
        """Log everybody out, wait for the answers, take a last snapshot. Links are closed by the
        listeners."""
        self._stopping = True
        if self._timer is not None and not self._failed:
            self._venue.log_out_all(text, self._clock.now_ns())
            self._schedule_turn()
            self._idle = asyncio.Event()
            if not self._is_idle():
                try:
                    await asyncio.wait_for(self._idle.wait(), wait_s)
                except TimeoutError:
                    _log.warning("logout_unanswered", wait_s=wait_s)
        self._end_turn()
        self._closed = True  # from here on nothing comes in: what is saved below is the end
        if self._timer is not None:
            self._timer.cancel()
        await self._workers.finish()  # not earlier: the answers to Logouts need syncs
        try:
            self._save_now()
        except JournalError as error:
            self.stop_for(error)

    def _save_now(self) -> None:
        if self._failed:
            return
        self._publish_until(self._journal.sync())
        body = snapshot_body(self._venue)
        self._snapshots.write(
            self._journal, body, self._journal.tail_position, self._journal.next_sequence
        )

    def _is_idle(self) -> bool:
        return not self._unpublished and all(
            session.state == DISCONNECTED for session in self._venue.sessions
        )

    def stop_for(self, error: BaseException) -> None:
        """The journal failed, or an invariant is broken: nothing is appended or published any more,
        and nothing is tried again."""
        if not self._failed:
            self._failed = True
            self._closed = True
            for done in [*self._controls, *(done for _, done in self._unpublished_controls)]:
                if not done.done():
                    done.set_exception(error)
            self._fail(error)

    # --- the log ----------------------------------------------------------------------------------

    def _log_notes(self) -> None:
        venue = self._venue
        for note in venue.session_notes:
            settings = venue.directory.sessions[note.session]
            _log.info(
                "session_" + note.happening.decode(),
                sender_comp_id=settings.sender_comp_id,
                link=note.link,
                reason=note.reason.decode("latin-1"),
            )
        venue.session_notes.clear()
        refusals = venue.refusals
        for refusal in refusals[:REFUSALS_LOGGED_PER_TURN_MAX]:
            _log.info(
                "refused",
                sender_comp_id=venue.directory.sessions[refusal.session].sender_comp_id,
                layer=LAYER_NAMES[refusal.layer],
                rule=refusal.rule.decode(),
                text=refusal.text.decode("latin-1"),
                msg_type=refusal.msg_type.decode("latin-1"),
                msg_seq_num=refusal.msg_seq_num,
                cl_ord_id=refusal.cl_ord_id.decode("latin-1"),
            )
        if len(refusals) > REFUSALS_LOGGED_PER_TURN_MAX:
            _log.warning("refusals_not_logged", count=len(refusals) - REFUSALS_LOGGED_PER_TURN_MAX)
        refusals.clear()


def _perform(dispatch: Dispatch, output: LinkOutput) -> None:
    kind = dispatch.kind
    if kind == WRITE:
        output.write(dispatch.first, dispatch.last, dispatch.data)
    elif kind == SWEEP:
        output.sweep(dispatch.first, dispatch.last)
    elif kind == SKIP:
        output.skip(dispatch.first, dispatch.last)
    elif kind == CUT:
        output.cut()
    else:
        assert kind == ANSWER
        output.answer(dispatch.data)
