"""Clients of a simulated world: each with a session, a memory of its own, and bad habits.

A `Trader` is a sans-IO client core with a ledger beside it. The ledger remembers everything the
venue has told it, over every broken line and restart of either side; what it is told must be what
the journal holds, once and in order.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Protocol

from tidegate.client.core import ClientCore
from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import (
    BusinessReject,
    ClientEvent,
    Disconnected,
    ExecutionReport,
    LoggedOn,
    LoggedOut,
    SessionReject,
)
from tidegate.client.orders import Amend, Cancel, MassCancel, StatusRequest
from tidegate.client.session_core import NotLoggedOn
from tidegate.lab.sim.audit import essence_of
from tidegate.lab.sim.fold import SessionFold
from tidegate.lab.sim.network import Line
from tidegate.lab.sim.requests import PRICES, bad_order, body, comb_uuid, good_order, order_fields
from tidegate.lab.sim.scenario import TARGET, key_of
from tidegate.lab.sim.violation import require
from tidegate.model.time import NS_PER_MS

RECONNECT_MS = 400
RECONNECT_MS_MAX = 6_400  # after failures the client waits longer each time
TOO_LOW = "MsgSeqNum too low"  # a number of the venue's, as the client sees it
LOGONS_REFUSED_MAX = 3  # in a row; then the client gives its numbers up (141=Y)


class World(Protocol):
    """What clients ask of the world they live in."""

    @property
    def now_ns(self) -> int:
        """The true time of the day, in nanoseconds since 1970 UTC."""

    def after(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Let something happen later."""

    def connect(self, client: Trader) -> Line | None:
        """A new line to the venue; None where it is not there."""

    def told(self, name: str) -> SessionFold:
        """What the venue has promised on a session so far."""

    def trace(self, what: str, data: bytes = b"") -> None:
        """Note that something happened."""


class Ledger:
    """What the venue has told a client, in the order of hearing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.exec_ids: dict[str, int] = {}
        self.reports: dict[str, ExecutionReport] = {}  # the newest of each order
        self.open: dict[str, ExecutionReport] = {}
        self._epoch = 0
        self._first = 1
        self.heard: Counter[tuple[bytes, ...]] = Counter()

    def follow(self, told: SessionFold, first: int) -> None:
        """A logon: from `first` on the client knows of the session's present life. One that was
        away while the numbers began anew may take later numbers for those of the old life."""
        if told.epoch != self._epoch:
            self._epoch = told.epoch
            self._first = first

    def hear(self, event: ClientEvent, told: SessionFold) -> None:
        """Raises `Violation` where the venue never said that, or says it again."""
        if not isinstance(event, ExecutionReport | BusinessReject | SessionReject):
            return
        essence = essence_of(event.frame)
        number = event.msg_seq_num
        require(
            any(
                len(life) >= number and essence_of(life[number - 1]) == essence
                for life in reversed(told.lives)
            ),
            "heard_wrong", f"{self.name}: nothing promised says {event.frame!r}",
        )  # fmt: skip
        self.heard[essence] += 1
        if not isinstance(event, ExecutionReport):
            return
        require(event.exec_id not in self.exec_ids, "heard_twice", f"{self.name}: {event.exec_id}")
        self.exec_ids[event.exec_id] = number
        self.reports[event.order_id] = event
        if event.is_over:
            self.open.pop(event.order_id, None)
        else:
            self.open[event.order_id] = event

    def check_complete(self, told: SessionFold) -> None:
        """Everything said in the present life of the session was heard, since the client knows."""
        for number, frame in enumerate(told.frames, 1):
            if number >= self._first and frame.split(b"\x01", 3)[2] in (b"35=8", b"35=j", b"35=3"):
                require(
                    self.heard[essence_of(frame)] > 0, "never_heard",
                    f"{self.name}: message {number}, {frame!r}",
                )  # fmt: skip


class Trader:
    """A client that means well, most of the time."""

    strict = True  # its ledger is checked

    def __init__(self, world: World, name: str, random: Random, counts: Counter[str]) -> None:
        self.world = world
        self.name = name
        self.random = random
        self.counts = counts
        self.ledger = Ledger(name)
        self.line: Line | None = None
        self.wants_session = True
        self.is_broker = name.startswith("PRIME")
        key = key_of(name)
        self.credentials = Credentials(
            name, TARGET, key.name, base64.b64encode(key.secret).decode()
        )
        self.core = ClientCore(self.credentials, self._options(reset=False))
        self._refused = 0
        self._failures = 0
        self._resetting = False  # it has given its numbers up and the venue has not agreed yet
        self._reconnect_due_ns = 0

    def _options(self, *, reset: bool) -> LogonOptions:
        return LogonOptions(
            heart_bt_int_s=self.random.choice((1, 2, 5)),
            reset_seq_num=reset,
            cancel_orders_on_disconnect=self.random.choice((None, True, False)),
            force_reset_cl_ord_id=self.random.random() < 0.03,
            logon_timeout_s=5,
        )

    # --- the line ---------------------------------------------------------------------------------

    def received(self, line: Line, data: bytes) -> None:
        """See `ClientEnd.received`."""
        if line is self.line:
            self.core.receive(data, self.world.now_ns)
            self.pump()

    def lost(self, line: Line) -> None:
        """See `ClientEnd.lost`."""
        if line is self.line:
            self.line = None
            self.core.link_lost(self.world.now_ns)
            self.pump()

    def pump(self) -> None:
        """Do what the core asks: write, tell the ledger, hang up."""
        self._write(self.core.take_output())
        for event in self.core.take_events():
            self.counts["heard " + type(event).__name__] += 1
            if isinstance(event, LoggedOn):
                self._refused = self._failures = 0
                self._resetting = False
                first = event.replay_from or self.core.numbers.next_incoming - 1
                self.ledger.follow(self.world.told(self.name), first)
            elif isinstance(event, LoggedOut) and not event.was_logged_on:
                self._refused += 1
            elif isinstance(event, Disconnected) and event.reason.startswith(TOO_LOW):
                # The venue's numbers began anew while it was away. Later ones would fit again, and
                # what was said before them would be missed: so the numbers are given up at once.
                self._refused = LOGONS_REFUSED_MAX
            if self.strict:
                self.ledger.hear(event, self.world.told(self.name))
        if self.core.is_cut and self.line is not None:
            self.line.hang_up()
            self.line = None

    def _write(self, data: bytes) -> None:
        if data and self.line is not None:
            self.world.trace(self.name, data)
            self.line.send(data)

    def pulse(self) -> None:
        """Time has passed: heartbeats, timeouts, and connecting again."""
        now_ns = self.world.now_ns
        if self.core.is_connected:
            if now_ns >= self.core.deadline_ns():
                self.core.tick(now_ns)
                self.pump()
        elif self.wants_session and now_ns >= self._reconnect_due_ns:
            self.connect()

    def connect(self) -> None:
        """Log on over a new line."""
        delay_ms = self.random.randrange(1, min(RECONNECT_MS << self._failures, RECONNECT_MS_MAX))
        self._failures = min(self._failures + 1, 8)
        self._reconnect_due_ns = self.world.now_ns + delay_ms * NS_PER_MS
        line = self.world.connect(self)
        if line is None:
            return
        self.line = line
        if self._refused >= LOGONS_REFUSED_MAX:
            self._refused = 0
            self.restart(reset=True)
        elif self.random.random() < 0.3:
            self.restart(reset=self.random.random() < 0.05)
        self.core.connect(self.world.now_ns)
        self.pump()

    def restart(self, *, reset: bool) -> None:
        """The client's process starts anew, with the numbers it has kept."""
        reset = self._resetting = reset or self._resetting
        self.counts["client reset" if reset else "client restart"] += 1
        self.core = ClientCore(self.credentials, self._options(reset=reset), self.core.numbers)

    def abandon(self) -> None:
        """Take a new line while the old one still has bytes under way."""
        if self.line is None:
            return
        self.line.to_venue.hold()
        old = self.line
        for _ in range(3):
            self._order()
        self._write(self.core.take_output())
        # Often just when the venue has taken the new line and not yet cut the old one.
        late_ns = self.random.choice((NS_PER_MS, 5 * NS_PER_MS, 300 * NS_PER_MS))
        self.world.after(self.random.randrange(late_ns), old.to_venue.go_on)
        self.line = None
        self.core.link_lost(self.world.now_ns)
        self.pump()
        self._reconnect_due_ns = 0
        self.pulse()

    # --- what it does -----------------------------------------------------------------------------

    def act(self) -> None:
        """One step."""
        if not self.core.is_logged_on:
            return
        action = self.random.choices(_ACTIONS, _WEIGHTS)[0]
        self.counts["act " + action.__name__.strip("_")] += 1
        try:
            action(self)
        except NotLoggedOn:
            return
        self.pump()

    def _order(self) -> None:
        now_ns = self.world.now_ns
        cl_ord_id = comb_uuid(now_ns, self.random) if self.random.random() < 0.1 else ""
        order = good_order(self.random, now_ns, broker=self.is_broker)
        self.core.submit(order, now_ns, cl_ord_id)

    def _burst(self) -> None:
        for _ in range(self.random.randrange(2, 12)):
            self._order()

    def _known(self) -> ExecutionReport | None:
        known = self.ledger.open if self.random.random() < 0.9 else self.ledger.reports
        return known[self.random.choice(list(known))] if known else None

    def _cancel(self) -> None:
        order = self._known()
        if order is not None:
            by_id = self.random.random() < 0.6
            request = Cancel(
                symbol=order.symbol,
                side=order.side,
                order_id=order.order_id if by_id else "",
                orig_cl_ord_id=order.cl_ord_id,
            )
            self.core.submit(request, self.world.now_ns)

    def _amend(self) -> None:
        order = self._known()
        if order is None or order.order_qty is None:
            return
        _, tick = PRICES[order.symbol]
        price = order.price
        if price is not None:
            price += tick * self.random.choice((0, 0, 1, -1, 20, -20))
        qty = order.order_qty * self.random.choice((1, 2)) / self.random.choice((1, 2, 4))
        if order.cum_qty and self.random.random() < 0.5:
            qty = order.cum_qty  # what is executed already: the order ends
        side = order.side if self.random.random() < 0.95 else "1"
        stop_px = order.stop_px
        if stop_px is not None:
            stop_px += tick * self.random.choice((0, 1, -1, 5, -5))
        display_qty = order.display_qty
        if self.random.random() < (0.03 if display_qty is None else 0.5):
            display_qty = qty / self.random.choice((1, 2, 4, 15))
        request = Amend(
            symbol=order.symbol,
            side=side,
            order_id=order.order_id,
            orig_cl_ord_id=order.cl_ord_id,
            order_qty=qty,
            price=price,
            stop_px=stop_px,
            display_qty=display_qty,
            ord_type=order.ord_type,
            time_in_force=order.time_in_force,
            exec_inst=self.random.choice(("", "", "P")),
        )
        self.core.submit(request, self.world.now_ns)

    def _mass_cancel(self) -> None:
        reach = self.random.choice("167")
        symbol = self.random.choice(list(PRICES)) if reach == "1" else ""
        request = MassCancel(mass_cancel_request_type=reach, symbol=symbol)
        self.core.forget(self.core.submit(request, self.world.now_ns))

    def _status(self) -> None:
        order = self._known()
        if order is not None:
            request = StatusRequest(symbol=order.symbol, order_id=order.order_id)
            self.core.submit(request, self.world.now_ns, order.cl_ord_id)

    def _bad(self) -> None:
        now_ns = self.world.now_ns
        cl_ord_id = self.core.cl_ord_ids.make(now_ns)
        self.core.send_raw(b"D", bad_order(self.random, cl_ord_id, now_ns), now_ns)

    def _used_cl_ord_id(self) -> None:
        order = self._known()
        if order is not None:
            now_ns = self.world.now_ns
            changes = {"79": order.alloc_account, "78": "1"} if order.alloc_account else {}
            self.core.send_raw(b"D", order_fields(order.cl_ord_id, now_ns, dict(changes)), now_ns)

    def _other_type(self) -> None:
        now_ns = self.world.now_ns
        self.core.send_raw(*self.random.choice(_OTHER_MESSAGES), now_ns)

    def _resend(self) -> None:
        begin = self.random.randrange(1, self.core.numbers.next_incoming + 1)
        end = self.random.choice((0, begin, begin + self.random.randrange(50)))
        fields = body({"7": str(begin), "16": str(end)})
        self.core.send_raw(b"2", fields, self.world.now_ns)

    def _poss_resend(self) -> None:
        now_ns = self.world.now_ns
        order = self._known()
        cl_ord_id = order.cl_ord_id if order else self.core.cl_ord_ids.make(now_ns)
        fields = order_fields(cl_ord_id, now_ns, {})
        self.core.send_raw(b"D", b"97=Y\x01" + fields, now_ns)

    def _test_request(self) -> None:
        self.core.barrier(self.world.now_ns)

    def _logout(self) -> None:
        self.core.logout(self.world.now_ns)

    def _hang_up(self) -> None:
        if self.line is not None:
            self.line.hang_up()
            line, self.line = self.line, None
            del line
            self.core.link_lost(self.world.now_ns)

    def _garbage(self) -> None:
        noise = self.random.randbytes(self.random.randrange(1, 60))
        self._write(self.random.choice((noise, b"8=FIX.4.4\x019=5\x01" + noise, b"8=FIX")))


_OTHER_MESSAGES = (
    (b"AF", b"584=1\x01"),
    (b"V", b"262=1\x01263=1\x01264=1\x01"),
    (b"j", b"45=1\x01372=D\x01380=0\x01"),
    (b"3", b"45=1\x01"),
    (b"ZZ", b""),
    (b"0", b"112=x\x01"),
)
_CHOICES: tuple[tuple[Callable[[Trader], None], int], ...] = (
    (Trader._order, 40),
    (Trader._burst, 4),
    (Trader._cancel, 14),
    (Trader._amend, 10),
    (Trader._mass_cancel, 2),
    (Trader._status, 4),
    (Trader._bad, 7),
    (Trader._used_cl_ord_id, 2),
    (Trader._other_type, 1),
    (Trader._resend, 3),
    (Trader._poss_resend, 1),
    (Trader._test_request, 3),
    (Trader._logout, 1),
    (Trader._hang_up, 1),
    (Trader._garbage, 1),
)
_ACTIONS = [action for action, _ in _CHOICES]
_WEIGHTS = [weight for _, weight in _CHOICES]
