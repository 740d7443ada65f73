"""Clients that mean no good: one with a session of its own, and strangers without one.

What they are told is not checked, only that nobody else suffers and the venue's own rules hold.
"""

from __future__ import annotations

import base64
from collections import Counter
from random import Random

from tidegate.client.credentials import Credentials
from tidegate.lab.sim.clients import Trader, World
from tidegate.lab.sim.network import Line
from tidegate.lab.sim.requests import body, order_fields
from tidegate.lab.sim.scenario import SESSIONS, TARGET, key_of
from tidegate.model.time import NS_PER_MS, utc_timestamp
from tidegate.wire.render import frame_of


class Hostile(Trader):
    """Logs on like the others, and then makes every mistake there is."""

    strict = False

    def __init__(self, world: World, name: str, random: Random, counts: Counter[str]) -> None:
        super().__init__(world, name, random, counts)
        self.sent: list[bytes] = []
        self.is_stubborn = False  # answers no resend request, and says nothing new

    def act(self) -> None:
        """One step: a good one now and then, or nothing would be there to be spoilt."""
        if not self.core.is_logged_on:
            self.is_stubborn = False
        if self.is_stubborn or not self.core.is_logged_on:
            return
        if self.random.random() < 0.4:
            super().act()
            return
        attack = self.random.choice(_ATTACKS)
        self.counts["attack " + attack.__name__.strip("_")] += 1
        attack(self)
        self.pump()

    def _frame(
        self, msg_type: bytes, fields: bytes, *, number: int | None = None, header: bytes = b"",
        sender: str = "", time_ns: int | None = None,
    ) -> bytes:  # fmt: skip
        """A frame with any number; None is the next one, which it uses up."""
        if number is None:
            number = self.core.numbers.next_outgoing
        time = utc_timestamp(self.world.now_ns if time_ns is None else time_ns)
        comp_ids = b"49=%s\x0156=%s\x01" % ((sender or self.name).encode(), TARGET.encode())
        return frame_of(
            b"35=%s\x0134=%d\x01%s52=%s\x01%s%s"
            % (msg_type, number, comp_ids, time, header, fields)
        )

    def _odd_resend(self) -> None:
        ranges = ((0, 0), (10**6, 0), (5, 2), (1, 10**9), (1, 0), (-1, 3))
        begin, end = self.random.choice(ranges)
        self._raw(b"2", body({"7": str(begin), "16": str(end)}))

    def _many_resends(self) -> None:
        for _ in range(self.random.randrange(2, 400)):
            self._raw(b"2", b"7=1\x0116=0\x01")

    def _raw(self, msg_type: bytes, fields: bytes) -> None:
        if self.core.is_logged_on:
            self.core.send_raw(msg_type, fields, self.world.now_ns)

    def _reset_numbers(self) -> None:
        new = self.random.choice((1, 2, self.core.numbers.next_outgoing + 5, 10**6, 0))
        fill = self.random.choice((b"", b"123=N\x01", b"123=Y\x01"))
        self._raw(b"4", b"%s36=%d\x01" % (fill, new))

    def _too_low(self) -> None:
        dup = self.random.choice((b"", b"43=Y\x01", b"43=Y\x01122=20200101-00:00:00\x01"))
        self._write(self._frame(b"0", b"", number=1, header=dup))

    def _ahead(self) -> None:
        number = self.core.numbers.next_outgoing + self.random.randrange(1, 1_500)
        msg_type, fields = self.random.choice(
            ((b"0", b""), (b"2", b"7=1\x0116=0\x01"), (b"D", self._order_body()), (b"5", b""))
        )
        self._write(self._frame(msg_type, fields, number=number))

    def _never_answer(self) -> None:
        self._write(self._frame(b"0", b"", number=self.core.numbers.next_outgoing + 2))
        self.is_stubborn = True

    def _order_body(self) -> bytes:
        now_ns = self.world.now_ns
        return order_fields(self.core.cl_ord_ids.make(now_ns), now_ns, {})

    def _wrong_comp_id(self) -> None:
        self._write(self._frame(b"0", b"", sender="ACME"))

    def _wrong_time(self) -> None:
        self._write(self._frame(b"0", b"", time_ns=0))

    def _damaged(self) -> None:
        frame = bytearray(self._frame(b"D", self._order_body()))
        frame[self.random.randrange(len(frame))] ^= 1 << self.random.randrange(8)
        self._write(bytes(frame))

    def _no_number(self) -> None:
        self._write(frame_of(b"35=0\x0149=EVIL\x0156=%s\x01" % TARGET.encode()))

    def _wrong_begin_string(self) -> None:
        self._write(self._frame(b"0", b"").replace(b"8=FIX.4.4", b"8=FIX.4.2"))

    def _logon_again(self) -> None:
        self._raw(b"A", b"98=0\x01108=5\x01")

    def _replay_of_mine(self) -> None:
        for frame in self.sent[-3:]:
            self._write(frame)

    def _write(self, data: bytes) -> None:
        self.sent = [*self.sent[-7:], data]
        if self.is_stubborn and b"\x0135=4\x01" in data:
            return
        super()._write(data)

    def _flood(self) -> None:
        number = self.core.numbers.next_outgoing
        flood = b"".join(self._frame(b"1", b"112=f\x01", number=number + n) for n in range(300))
        super()._write(flood)
        self.core.send_raw(b"4", b"123=Y\x0136=%d\x01" % (number + 301), self.world.now_ns)
        self._hang_up()


_ATTACKS = (
    Hostile._odd_resend, Hostile._many_resends, Hostile._reset_numbers, Hostile._too_low,
    Hostile._ahead, Hostile._wrong_comp_id, Hostile._wrong_time, Hostile._damaged,
    Hostile._no_number, Hostile._wrong_begin_string, Hostile._logon_again,
    Hostile._replay_of_mine, Hostile._flood, Hostile._never_answer,
)  # fmt: skip

_BAD_LOGONS: tuple[dict[str, str | None], ...] = (
    {"554": "wrong"},
    {"5025": "1"},
    {"5025": "x"},
    {"553": "nobody"},
    {"49": "NOBODY"},
    {"49": ""},
    {"98": "1"},
    {"108": "0"},
    {"108": "100000"},
    {"108": None},
    {"35": "0"},
    {"141": "maybe"},
    {"34": "0"},
    {},  # a good one: the session may be in use
)


class Stranger:
    """Connects, tries one wrong logon or sends noise, and goes."""

    def __init__(self, world: World, random: Random, counts: Counter[str]) -> None:
        self.world = world
        self.random = random
        self.counts = counts

    def received(self, line: Line, data: bytes) -> None:
        """A refusal: nothing to learn from."""

    def lost(self, line: Line) -> None:
        """Turned away."""

    def visit(self, line: Line) -> None:
        """One try over a new line."""
        kind = self.random.choice(("noise", "logon", "logon", "logon", "silence"))
        self.counts["stranger " + kind] += 1
        if kind == "noise":
            line.send(self.random.randbytes(self.random.choice((10, 100, 40_000))))
        elif kind == "logon":
            line.send(self._logon())
        if self.random.random() < 0.7:
            self.world.after(self.random.randrange(8_000) * NS_PER_MS, line.hang_up)

    def _logon(self) -> bytes:
        name = self.random.choice(list(SESSIONS))
        key = key_of(name)
        credentials = Credentials(name, TARGET, key.name, base64.b64encode(key.secret).decode())
        now_ns = self.world.now_ns
        number = self.random.choice((1, 1, 50))
        signed = credentials.fields(number, now_ns // NS_PER_MS)
        fields: dict[str, str | None] = {
            "35": "A", "34": str(number), "49": name, "56": TARGET,
            "52": utc_timestamp(now_ns).decode(), "98": "0", "108": "5",
        }  # fmt: skip
        for part in signed.decode().split("\x01")[:-1]:
            tag, _, value = part.partition("=")
            fields[tag] = value
        changes = self.random.choice(_BAD_LOGONS)
        # The good one would use up numbers of a client that knows nothing of it.
        fields.update(changes or {"49": "EVIL"})
        return frame_of(body(fields))
