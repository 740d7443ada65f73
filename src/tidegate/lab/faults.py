"""Faults on demand: which are installed, when they fire, and what was injected.

A fault is installed for a session, or for all, and stays over reconnects. It fires at once, at a
message number, or by the chances of a random source of its own, made from its seed: the same seed
and the same traffic give the same injections. What it does happens to the line (`lab.taps`), to a
logon, to the process, or, where it changes the venue's state, by a record of the journal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from tidegate.config.rules_faults import (
    ALL_SESSIONS,
    FAULTS_MAX,
    KINDS,
    FaultRefused,
    unknown_session,
)
from tidegate.config.schema import FaultTable
from tidegate.gateway.port import LinkTransport, TapPlace, TurnWatch
from tidegate.lab.fault import (
    LINE_KINDS,
    ORDER_KINDS,
    Fault,
    Injection,
    can_be_hit,
    looks_at,
    order_of,
)
from tidegate.lab.taps import MS_PER_S, Hit, LineTap, Passing

HISTORY_MAX: Final = 10_000  # injections that are remembered, the newest
ABANDONED_MAX: Final = 64  # lines that half-open faults keep although the venue gave them up

_log = structlog.get_logger("tidegate.lab")


class FaultTarget(Protocol):
    """The running venue, as faults see it. Sessions are named by their index."""

    def sender_comp_ids(self) -> list[str]:
        """SenderCompIDs, by session."""

    def next_numbers(self, session: int) -> tuple[int, int]:
        """The next MsgSeqNum of the session, outgoing and incoming."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""

    def inject(self, session: int, fault: FaultTable, order: bytes) -> None:
        """Do a journaled fault. `order` is a ClOrdID or OrderID. Raises `FaultRefused` where the
        venue can not do it."""

    def unmute(self, session: int) -> None:
        """End a `mute_heartbeats`, if there is one."""

    def accept_again(self, session: int, layer: int) -> None:
        """End a `reject_next` that no order has used up, if there is one."""

    async def settled(self) -> None:
        """Wait until what was injected is durable and published."""

    def watch_turns(self, watch: TurnWatch | None) -> None:
        """Have each turn told from now on."""

    def die(self) -> None:
        """End the process as `kill -9` does."""


@dataclass(slots=True)
class _Line:
    session: int
    link: TapPlace
    tap: LineTap | None = None


class FaultPlan:
    """Implements `gateway.port.Laboratory`, and `TurnWatch` while a crash waits for its turn."""

    def __init__(self, target: FaultTarget) -> None:
        self._target = target
        self._names = target.sender_comp_ids()
        self._last_number = 0
        self._lines: list[_Line] = []
        self._turn_numbers: list[tuple[int, int]] = []  # by session, as of the last turn
        self._dies_after_append = False
        self._watching = False
        self._loop = asyncio.get_running_loop()
        self._unmute_timers: dict[int, list[asyncio.TimerHandle]] = {}  # by fault
        self.faults: dict[int, Fault] = {}
        self.history: deque[Injection] = deque(maxlen=HISTORY_MAX)

    # --- commands --------------------------------------------------------------------------------

    def add(self, table: FaultTable) -> Fault:
        """Install a fault, which may fire at once. Raises `FaultRefused`; nothing is installed
        then."""
        sessions = self._sessions(table.session)
        self._make_room()
        fault = Fault(self._last_number + 1, table, sessions)
        if table.kind in ORDER_KINDS and table.trigger == "now":
            self._target.inject(sessions[0], table, order_of(table, None))
        self._last_number = fault.number
        self.faults[fault.number] = fault
        _log.warning("fault_added", fault=fault.number, **table.given() | fault.told_seed)
        for line in self._lines:
            if line.session in sessions:
                self._tap(line)
        self._begin(fault)
        self._watch()
        return fault

    def clear(self, number: int | None = None) -> list[Fault]:
        """Take a fault away, or all, and end what it still does. Raises `FaultRefused`."""
        if number is not None and number not in self.faults:
            raise FaultRefused(f"id must be that of an installed fault, not {number}")
        cleared = [self.faults[n] for n in ([number] if number is not None else self.faults)]
        for fault in cleared:
            del self.faults[fault.number]
            fault.remaining = 0
            for tap in self._taps(fault.sessions):
                tap.lift(fault.number)
            if fault.table.kind == "mute_heartbeats":
                self._end_mute(fault)
            elif fault.table.layer is not None:
                for session in fault.sessions:
                    self._target.accept_again(session, fault.table.layer)
        self._watch()
        return cleared

    def close(self) -> None:
        """The process stops: nothing fires, and nothing keeps a line, any more."""
        self.faults.clear()
        self._watch()
        for line in self._lines:
            if line.tap is not None:
                line.tap.lift_all()

    async def settled(self) -> None:
        """Wait until what was injected into the venue is durable and published."""
        await self._target.settled()

    def release(self, session: str = ALL_SESSIONS) -> int:
        """Let go what is held back on a session's lines; how many messages. Raises
        `FaultRefused`."""
        return sum(tap.release() for tap in self._taps(self._sessions(session)))

    def _sessions(self, name: str) -> tuple[int, ...]:
        if name == ALL_SESSIONS:
            return tuple(range(len(self._names)))
        found = tuple(index for index, own in enumerate(self._names) if own == name)
        if not found:
            raise FaultRefused(unknown_session(name, self._names))
        return found

    def _make_room(self) -> None:
        """Faults that are over make room for new ones."""
        if len(self.faults) < FAULTS_MAX:
            return
        over = next((fault for fault in self.faults.values() if fault.over), None)
        if over is None:
            raise FaultRefused(f"there are {FAULTS_MAX} faults, and none is over: clear some")
        self.clear(over.number)

    # --- gateway.port.Laboratory -----------------------------------------------------------------

    def refuses_logon(self, session: int, msg_seq_num: int) -> bool:
        refused = False
        for fault in self._of(session):
            if fault.table.kind == "refuse_logons" and fault.fires(msg_seq_num, eligible=True):
                self._record(fault, session, msg_seq_num)
                refused = True
        return refused

    def linked(self, session: int, link: TapPlace) -> None:
        line = _Line(session, link)
        self._lines.append(line)
        if any(session in fault.sessions for fault in self.faults.values()):
            self._tap(line)
        for fault in self._of(session):
            if fault.table.kind in LINE_KINDS and fault.table.trigger == "now":
                self._hit_line(fault, line)
        self._bound_abandoned()

    def unlinked(self, session: int, link: TapPlace) -> None:
        for line in self._lines:
            if line.link is link and line.tap is not None:
                line.tap.ended()
        self._lines = [line for line in self._lines if line.link is not link]

    def _tap(self, line: _Line) -> None:
        if line.tap is None:
            line.link.insert(_TapOn(line, _SessionJudge(self, line.session)))

    def _taps(self, sessions: tuple[int, ...]) -> list[LineTap]:
        lines = [line for line in self._lines if line.session in sessions]
        return [line.tap for line in lines if line.tap is not None]

    def _bound_abandoned(self) -> None:
        abandoned = [line.tap for line in self._lines if line.tap is not None]
        abandoned = [tap for tap in abandoned if tap.abandoned]
        for tap in abandoned[: max(len(abandoned) - ABANDONED_MAX, 0)]:
            tap.lift_all()

    # --- what fires at once ----------------------------------------------------------------------

    def _begin(self, fault: Fault) -> None:
        table = fault.table
        if table.trigger == "now":
            if table.kind in LINE_KINDS:
                self._hit_lines(fault)
            elif table.kind in ORDER_KINDS:
                self._fired(fault, fault.sessions[0])
            elif table.kind == "crash" and table.point in (None, "now"):
                self._fired(fault, fault.sessions[0])
                self._target.die()
            elif table.kind in ("skip", "mute_heartbeats"):
                for session in fault.sessions:
                    for _ in range(table.count or 1):
                        fault.spend()
                        self._inject(fault, session, 0, None)
                fault.remaining = 0
        elif table.kind == "skip":
            for session in fault.sessions:  # the number may be the next one already
                number = self._target.next_numbers(session)[0]
                if fault.fires(number, eligible=number == table.at):
                    self._inject(fault, session, number, None)

    def _hit_lines(self, fault: Fault) -> None:
        """All the session's lines there are; where a count is given or there is none yet, those
        that come later, too."""
        lines = [line for line in self._lines if line.session in fault.sessions]
        if fault.table.count is None and lines:
            fault.remaining = len(lines)
        for line in lines:
            self._hit_line(fault, line)

    def _hit_line(self, fault: Fault, line: _Line) -> None:
        if fault.over or line.tap is None:
            return
        self._fired(fault, line.session)
        if fault.table.kind == "drop":
            line.tap.abort()
        else:
            line.tap.stop(fault.hit)

    def _fired(self, fault: Fault, session: int) -> None:
        fault.spend()
        self._record(fault, session, 0)

    # --- what messages set off -------------------------------------------------------------------

    def sent(self, session: int, message: Passing, *, reordering: bool) -> list[Hit]:
        """What hits a message of the venue: see `lab.taps.Judge`."""
        hits: list[Hit] = []
        for fault in self._of(session):
            table = fault.table
            if not looks_at(table, "sent") or (table.kind == "reorder" and reordering):
                continue
            # What is skipped is the number behind the newest message.
            number = message.number + 1 if table.kind == "skip" else message.number
            if fault.fires(number, eligible=can_be_hit(table, message)):
                self._note(fault, session, number, hits)
        return hits

    def received(self, session: int, message: Passing) -> list[Hit]:
        """What hits a message of the peer: see `lab.taps.Judge`."""
        hits: list[Hit] = []
        for fault in self._of(session):
            table = fault.table
            if table.kind == "skip" and table.at is not None:
                # The number may be the next one before anything with the one before it is sent.
                if fault.fires(self._target.next_numbers(session)[0], eligible=True):
                    hits.append(fault.hit)
                continue
            eligible = table.kind != "reject_next" or message.msg_type == b"D"
            if looks_at(table, "received") and fault.fires(message.number, eligible=eligible):
                self._note(fault, session, message.number, hits)
        return hits

    def _note(self, fault: Fault, session: int, number: int, hits: list[Hit]) -> None:
        if not KINDS[fault.table.kind].journaled:  # those are recorded with what came of them
            self._record(fault, session, number)
        hits.append(fault.hit)

    def act(self, session: int, hit: Hit, message: Passing) -> None:
        """Do a journaled fault that a message has set off."""
        self._inject(self.faults[hit.fault], session, message.number, message)

    def _inject(
        self, fault: Fault, session: int, msg_seq_num: int, message: Passing | None
    ) -> None:
        note = ""
        if fault.table.kind == "skip":
            msg_seq_num = self._target.next_numbers(session)[0]
        try:
            order = order_of(fault.table, message)
            self._target.inject(session, fault.table, order)
        except FaultRefused as error:
            note = str(error)
        self._record(fault, session, msg_seq_num, note)
        if fault.table.kind == "mute_heartbeats" and fault.table.ms is not None:
            timer = self._loop.call_later(fault.table.ms / MS_PER_S, self._target.unmute, session)
            self._unmute_timers.setdefault(fault.number, []).append(timer)

    def _end_mute(self, fault: Fault) -> None:
        for timer in self._unmute_timers.pop(fault.number, []):
            timer.cancel()
        for session in fault.sessions:
            self._target.unmute(session)

    def _of(self, session: int) -> Iterator[Fault]:
        """The faults of a session that may fire, in the order in which they were installed."""
        for fault in list(self.faults.values()):
            if not fault.over and session in fault.sessions:
                yield fault

    # --- turns -----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look at turns as long as a crash waits for one."""
        wanted = any(f.table.kind == "crash" and not f.over for f in self.faults.values())
        if wanted and not self._watching:
            self._turn_numbers = self._numbers()
        if wanted != self._watching:
            self._watching = wanted
            self._target.watch_turns(self if wanted else None)

    def _numbers(self) -> list[tuple[int, int]]:
        return [self._target.next_numbers(session) for session in range(len(self._names))]

    def before_append(self) -> None:
        before, self._turn_numbers = self._turn_numbers, self._numbers()
        for session, (was, now) in enumerate(zip(before, self._turn_numbers, strict=True)):
            if was == now:
                continue  # the turn is none of this session's
            for fault in self._of(session):
                table = fault.table
                at = table.at if table.at is not None and was[0] <= table.at < now[0] else 0
                if table.kind == "crash" and fault.fires(at, eligible=True):
                    self._record(fault, session, at)
                    if table.point == "before-append":
                        self._target.die()
                    self._dies_after_append = True

    def after_append(self) -> None:
        if self._dies_after_append:
            self._target.die()

    # --- history ---------------------------------------------------------------------------------

    def _record(self, fault: Fault, session: int, msg_seq_num: int, note: str = "") -> None:
        table = fault.table
        injection = Injection(
            time_ns=self._target.now_ns(),
            fault=fault.number,
            kind=table.kind,
            session=self._names[session],
            trigger=table.trigger,
            msg_seq_num=msg_seq_num,
            seed=fault.seed,
            note=note,
        )
        self.history.append(injection)
        _log.warning(
            "fault_injected",
            fault=injection.fault,
            kind=injection.kind,
            session=injection.session,
            trigger=injection.trigger,
            msg_seq_num=msg_seq_num,
            note=note,
            **fault.told_seed,
        )


class _TapOn:
    """Puts a tap on a line and remembers it there."""

    def __init__(self, line: _Line, judge: _SessionJudge) -> None:
        self._line = line
        self._judge = judge

    def __call__(self, transport: LinkTransport) -> LineTap:
        self._line.tap = LineTap(transport, self._line.link, self._judge)
        return self._line.tap


class _SessionJudge:
    """Implements `lab.taps.Judge` for the lines of one session."""

    def __init__(self, plan: FaultPlan, session: int) -> None:
        self._plan = plan
        self._session = session

    def sent(self, message: Passing, *, reordering: bool) -> list[Hit]:
        return self._plan.sent(self._session, message, reordering=reordering)

    def received(self, message: Passing) -> list[Hit]:
        return self._plan.received(self._session, message)

    def act(self, hit: Hit, message: Passing) -> None:
        self._plan.act(self._session, hit, message)
