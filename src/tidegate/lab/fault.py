"""One installed fault: when it fires, and for which messages."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from tidegate.config.rules_faults import KINDS
from tidegate.config.schema import FAULT_SEED_MAX, FaultTable
from tidegate.lab.taps import Hit, Passing

LINE_KINDS: Final = ("drop", "stop_reading", "stop_writing", "half_open")  # need no message
ORDER_KINDS: Final = ("fill", "cancel")
_OPEN_ORD_STATUSES: Final = (b"0", b"1", b"5", b"A")


@dataclass(frozen=True, slots=True)
class Injection:
    """One time that a fault fired. `msg_seq_num` is 0 where no message was concerned, `seed` is
    None without chances, `note` says what came of it where that is not plain."""

    time_ns: int
    fault: int
    kind: str
    session: str
    trigger: str
    msg_seq_num: int
    seed: int | None
    note: str


class Fault:
    """An installed fault. `remaining` is how often it may still fire, None without a limit."""

    def __init__(self, number: int, table: FaultTable, sessions: tuple[int, ...]) -> None:
        self.number = number
        self.table = table
        self.sessions = sessions
        self.seed: int | None = None
        self._random: random.Random | None = None
        self.remaining: int | None = table.count or 1
        if table.probability is not None:
            self.seed = table.seed
            if self.seed is None:
                self.seed = random.SystemRandom().randint(0, FAULT_SEED_MAX)
            self._random = random.Random(self.seed)
            self.remaining = table.count
        self.injected = 0
        self._reached = False  # its message number

    @property
    def over(self) -> bool:
        return self.remaining == 0

    @property
    def told_seed(self) -> dict[str, int]:
        """The seed, for the log; nothing without chances."""
        return {} if self.seed is None else {"seed": self.seed}

    @property
    def hit(self) -> Hit:
        return Hit(self.number, self.table.kind, self.table.ms or 0)

    def fires(self, number: int, *, eligible: bool) -> bool:
        """Whether it fires for a message of this number. One that is not `eligible` can not be
        hit, but its number may be the one that is waited for."""
        table = self.table
        if self.remaining == 0:
            return False
        if table.at is not None and not self._reached:
            self._reached = number == table.at
            if not self._reached:
                return False
        if not eligible:
            return False
        if self._random is not None and table.probability is not None:
            if self._random.random() >= table.probability:
                return False
        self.spend()
        return True

    def spend(self) -> None:
        """It has fired."""
        self.injected += 1
        if self.remaining is not None:
            self.remaining -= 1


def looks_at(table: FaultTable, way: str) -> bool:
    """Whether a fault looks at messages that the venue has `sent` or `received`."""
    if table.kind == "refuse_logons":  # there is no line yet
        return False
    if table.kind in LINE_KINDS and table.trigger == "now":
        return False
    counted = KINDS[table.kind].counted
    return way == (table.direction or "sent" if counted == "either" else counted)


def can_be_hit(table: FaultTable, message: Passing) -> bool:
    """Whether a message of the venue is one that the fault is about."""
    if table.kind == "hold_reports":
        return message.msg_type == b"8"
    if table.kind in ORDER_KINDS and table.order is None:
        return message.msg_type == b"8" and message.field(b"39") in _OPEN_ORD_STATUSES
    return True


def order_of(table: FaultTable, message: Passing | None) -> bytes:
    """The order a fault acts on: the one it names, or the one that the message tells of."""
    if table.order is not None or message is None:
        return (table.order or "").encode()
    return message.field(b"37")
