"""The journal read by somebody else: what its records say must make sense on its own.

The fold knows the rules that clients are promised and none of the venue's code but the layout of
its records. It takes only turns that are promised: written in `process` durability, synced in
`disk`; so what it has not taken must not have left the venue.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tidegate.lab.sim.control import CONTROL_NAMES, VENUE_CANCEL_TEXT, ControlFold
from tidegate.lab.sim.days import Days
from tidegate.lab.sim.operators import OperatorFold
from tidegate.lab.sim.orders import Entry, KnownOrder, Orders, fields_of, lots_of
from tidegate.lab.sim.violation import Violation, require
from tidegate.lab.sim.waiting import Wait, check_times
from tidegate.model.limits import CANCELS_PER_RECORD
from tidegate.model.settings import SessionSettings, VenueSettings
from tidegate.model.time import NS_PER_S
from tidegate.venue import records
from tidegate.venue.controls import FILL_ORDER, MUTE_HEARTBEATS, SKIP_NUMBER
from tidegate.venue.records import Record, read_records

DISCONNECT_TEXT = b"Order canceled on disconnect"
LOGOUT_TEXT = b"Order canceled on logout"
ROLLOVER_TEXT = b"Order canceled on rollover"
# Logouts of the venue that end a session in good order; an answer to the client's has no text.
ORDERLY_LOGOUTS = (b"", b"Session rollover", b"Venue is stopping")
# How a session may end after such a Logout and still be in order: other reasons are expulsions.
ORDERLY_ENDS = (b"Logged out", b"Link lost", b"Logout not answered", b"Link dropped on demand")
KIND_NAMES = {
    getattr(records, name): name.lower()
    for name in ("CONFIGURE", "START", "LOGON", "FRAME", "LINK_DOWN", "TICK", "LOGOUT_ALL",
                 "CONTROL")
}  # fmt: skip


@dataclass
class SessionFold:
    """One session. `lives` are its outgoing messages by epoch, message 1 first."""

    settings: SessionSettings
    link: int = 0
    established: bool = False
    logout_text: bytes | None = None  # of the venue's Logout on this link
    lives: list[list[bytes]] = field(default_factory=lambda: [[]])
    sweep_starts: set[int] = field(default_factory=set)
    cancel_on_disconnect: bool = False
    cancels_due: dict[bytes, KnownOrder] = field(default_factory=dict)
    grace_until_ns: int = 0  # when the orders left behind are cancelled; 0 while no grace runs
    entries: dict[bytes, Entry] = field(default_factory=dict)  # by ClOrdID
    muted: bool = False
    skipped: set[tuple[int, int]] = field(default_factory=set)  # epoch, number: not transmitted

    @property
    def epoch(self) -> int:
        return len(self.lives)

    @property
    def frames(self) -> list[bytes]:
        """What was sent in the present life."""
        return self.lives[-1]


class Fold:
    """See the module. `counts` tells what occurred."""

    def __init__(self) -> None:
        self.sessions: list[SessionFold] = []
        self.by_comp_id: dict[bytes, int] = {}
        self.orders = Orders()
        self.replies: list[bytes] = []
        self.turns = 0
        self.counts: Counter[str] = Counter()
        self._days = Days()
        self._control = ControlFold()
        self.operators = OperatorFold(self.orders)
        self._logon_choice: dict[int, bool] = {}  # by link
        self._started = False
        self._cancelling = False  # this record has to cancel what is due
        self._cancels = 0  # in this record
        self._time_ns = 0  # of this record
        self._due_is_done = True  # by this record

    def turn(self, payload: bytes) -> None:
        """Take the next turn. Raises `Violation`."""
        self.turns += 1
        for record in read_records(payload):
            if record.kind < records.FIRST_OUTPUT:
                self._between_inputs()
                self._input(record)
            else:
                self._output(record)
        self._between_inputs()
        self.orders.end_turn()

    def _between_inputs(self) -> None:
        # A record cancels as many as it may; what remains goes on with the ticks after it.
        share_used = self._cancels >= CANCELS_PER_RECORD
        for session in self.sessions:
            if session.cancels_due and self._cancelling and not share_used:
                name = session.settings.sender_comp_id
                raise Violation(
                    "cancel_on_disconnect", f"{name}: {len(session.cancels_due)} orders stay open"
                )
            if self._started:
                require(session.link == 0, "fence", "a link outlives the process")
        self._started = self._cancelling = False
        self._cancels = 0
        if self._due_is_done and not self.operators.resumed:
            trades = self.operators.trades
            check_times(
                (
                    (order.name, order.entry.wait, trades(order.symbol))
                    for order in self.orders.open.values()
                ),
                self._time_ns,
            )
        self._control.input(None)

    # --- inputs -----------------------------------------------------------------------------------

    def _input(self, record: Record) -> None:
        kind = record.kind
        self.counts["record " + KIND_NAMES[kind]] += 1
        self._time_ns = record.time_ns
        # Lost lines come first: what they cancel is not done as due.
        self._due_is_done = kind not in (records.CONFIGURE, records.LINK_DOWN)
        self.operators.input(record if kind == records.CONTROL else None)
        self._days.input(record)
        self._end_graces(record)
        if kind == records.CONFIGURE:
            self._configure(VenueSettings.decode(record.data))
        elif kind == records.START:
            self._started = True
        elif kind == records.TICK:
            self._cancelling = True
        elif kind == records.CONTROL:
            self._control.input(record)
            self.counts["control record " + CONTROL_NAMES[record.number]] += 1
            if record.number == MUTE_HEARTBEATS:
                self.sessions[record.session].muted = self._control.on
        elif kind == records.LOGON:
            self.counts["in A"] += 1
            fields = fields_of(record.data[1 + record.data[0] :])
            session = self.sessions[record.session]
            choice = fields.get(b"8674")
            default = session.settings.cancel_on_disconnect
            self._logon_choice[record.link] = default if choice is None else choice == b"0"
        elif kind == records.LINK_DOWN:
            session = self.sessions[record.session]
            require(session.link == record.link, "fence", f"link {record.link} went down, again")
        elif kind == records.FRAME:
            session = self.sessions[record.session]
            require(
                session.link == record.link, "fence",
                f"{session.settings.sender_comp_id}: a frame of link {record.link} was taken, "
                f"the session's is {session.link}",
            )  # fmt: skip
            self._request(session, record.data)

    def _configure(self, settings: VenueSettings) -> None:
        for index, session in enumerate(settings.sessions):
            if index == len(self.sessions):
                self.sessions.append(SessionFold(session))
                self.by_comp_id[session.sender_comp_id.encode()] = index
            self.sessions[index].settings = session

    def _end_graces(self, record: Record) -> None:
        """Grace times end with a tick, a start or a logon of the session once they have passed, and
        with the rollover however much is left."""
        for index, session in enumerate(self.sessions):
            if session.grace_until_ns == 0:
                continue
            asked = record.kind in (records.START, records.TICK) or (
                record.kind == records.LOGON and record.session == index
            )
            passed = asked and record.time_ns >= session.grace_until_ns
            if passed or self._days.begins:
                self.counts["grace passed" if passed else "grace ended by rollover"] += 1
                self._cancel_now(session, index)

    def _cancel_now(self, session: SessionFold, index: int) -> None:
        """Everything open that was entered in the session's present life is to be cancelled."""
        due = self.orders.open_of(index, session.epoch)
        session.cancels_due.update({order.order_id: order for order in due})
        session.grace_until_ns = 0
        self._cancelling = True

    def _request(self, session: SessionFold, frame: bytes) -> None:
        msg_type = frame.split(b"\x01", 3)[2]
        if len(msg_type) == len(b"35=D"):
            self.counts["in " + msg_type[3:].decode("latin-1")] += 1
        if msg_type != b"35=D":
            return
        fields = fields_of(frame)
        account = fields.get(b"79") or session.settings.account.encode()
        group = fields.get(b"50") or session.settings.stp_group.encode()
        # A held message comes in once more by its resend: the first one counts.
        session.entries.setdefault(
            fields.get(b"11", b""),
            Entry(account, group, b"v" in fields.get(b"18", b"").split(b" "), Wait.of(fields)),
        )

    # --- outputs ----------------------------------------------------------------------------------

    def _output(self, record: Record) -> None:
        kind = record.kind
        if kind == records.REPLY:
            self.replies.append(record.data)
            return
        session = self.sessions[record.session]
        if kind == records.SENT:
            self._sent(session, record)
        elif kind == records.CLOSE:
            self._close(session, record)
        elif kind == records.RESET:
            require(
                record.number == session.epoch + 1, "numbers",
                f"life {record.number} follows {session.epoch}",
            )  # fmt: skip
            session.lives.append([])
            session.entries.clear()
        elif kind == records.RESEND:
            last = int.from_bytes(record.data, "little")
            sane = 1 <= record.number <= last <= len(session.frames)
            session.sweep_starts.add(record.number)
            require(sane, "resend", f"{record.number} to {last} of {len(session.frames)}")

    def _sent(self, session: SessionFold, record: Record) -> None:
        name = session.settings.sender_comp_id
        fields = fields_of(record.data)
        expected = len(session.frames) + 1
        require(
            record.number == expected and int(fields[b"34"]) == expected, "numbers",
            f"{name}: message {record.number} (34={fields[b'34'].decode()}) follows {expected - 1}",
        )  # fmt: skip
        session.frames.append(record.data)
        msg_type = fields[b"35"]
        self.counts["out " + msg_type.decode()] += 1
        if record.link == 0 and (session.link != 0 or self._control.kind == SKIP_NUMBER):
            self._control.skipped(msg_type, f"{name}: message {expected}")
            session.skipped.add((session.epoch, expected))
            return
        if session.muted:
            require(msg_type not in (b"0", b"1"), "muted", f"{name}: {record.data!r}")
        if record.link != session.link:
            known = session.link == 0 and record.link in self._logon_choice
            require(known, "fence", f"{name}: sent to link {record.link}, not {session.link}")
            session.link = record.link
            session.logout_text = None
        if msg_type == b"A":
            session.established = True
            self.counts["grace kept"] += session.grace_until_ns != 0
            session.grace_until_ns = 0
            session.cancel_on_disconnect = self._logon_choice[record.link]
        elif msg_type == b"5":
            session.logout_text = fields.get(b"58", b"")
        elif msg_type == b"8":
            self._report(session, record.session, fields, record.time_ns)

    def _report(
        self, session: SessionFold, index: int, fields: dict[bytes, bytes], time_ns: int
    ) -> None:
        entry = session.entries.get(fields[b"11"])
        by_house = self._control.kind == FILL_ORDER
        order = self.orders.report(fields, index, session.epoch, entry, time_ns, by_house=by_house)
        said = f"{session.settings.sender_comp_id}: {order.order_id.decode()}"
        if by_house:
            self._control.filled(order.order_id, lots_of(fields.get(b"32", b"0")), said)
        exec_type = fields[b"150"].decode()
        self.counts[f"report {exec_type}"] += 1
        self.counts[f"order type {fields[b'40'].decode()}"] += exec_type == "0"
        due = None if order.is_open else session.cancels_due.pop(order.order_id, None)
        if exec_type != "4":
            return
        text = fields.get(b"58", b"")
        self.counts["cancel " + text.decode()] += 1
        self._cancels += 1
        said += f" ({text.decode()})"
        if text == VENUE_CANCEL_TEXT:
            self._control.canceled(order.order_id, said)
        elif text == DISCONNECT_TEXT:
            require(due is not None, "cancel_on_disconnect", f"{said} was not due")
        elif text == LOGOUT_TEXT:
            require(session.settings.cancel_on_logout, "cancel_on_disconnect", f"{said} not asked")
        elif text == ROLLOVER_TEXT:
            require(
                session.settings.cancel_on_rollover, "cancel_on_disconnect", f"{said} not asked"
            )

    def _close(self, session: SessionFold, record: Record) -> None:
        if record.link != session.link and session.link != 0:
            raise Violation("fence", f"link {record.link} closed, the session's is {session.link}")
        orderly = session.logout_text in ORDERLY_LOGOUTS and record.data in ORDERLY_ENDS
        self.counts["end orderly" if orderly else "end disorderly"] += 1
        self.counts[f"close {record.data.decode('latin-1')}"] += 1
        if session.established and not orderly and session.cancel_on_disconnect:
            grace_ns = session.settings.disconnect_grace_s * NS_PER_S
            if grace_ns and not self._days.is_rolling_over:
                session.grace_until_ns = record.time_ns + grace_ns
            else:
                self._cancel_now(session, record.session)
        session.link = 0
        session.established = False
        session.logout_text = None
