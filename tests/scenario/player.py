"""Plays a script against a venue, whatever the venue is made of."""

from __future__ import annotations

import re
from typing import Protocol

from tests.scenario.script import Script, Step, duration_ns, fields_of
from tests.scenario.settings import MARKET_DATA_TARGET, TARGET
from tidegate.model.scaled import MONEY_DECIMALS, from_text
from tidegate.model.time import utc_timestamp

_TIMED_TYPES = {"D", "F", "G", "q"}  # messages with a required TransactTime (60)
_HEADER = {"34", "49", "56", "52", "50"}


class VenueUnderTest(Protocol):
    """What the two levels, the bare core and real sockets, have in common. `receive` waits where
    there is something to wait for, `receive_now` gives what has come."""

    now_ns: int

    def connect(self, label: str) -> None: ...
    def send(self, label: str, data: bytes) -> None: ...
    def receive(self, label: str) -> bytes | None: ...
    def receive_now(self, label: str) -> bytes | None: ...
    def is_cut(self, label: str) -> bool: ...
    def cut(self, label: str) -> None: ...
    def control(self, session: str, words: list[str]) -> None: ...


class ScriptFailed(AssertionError):
    """A step of a script did not find what it expects."""


def field_pairs(frame: bytes) -> list[tuple[str, str]]:
    """The fields of a whole frame, in order."""
    return fields_of(frame.decode().replace("\x01", "|"))


def uuid_at(time_ns: int, tail: int) -> str:
    """A COMB UUID of that time."""
    digits = f"{time_ns // 10_000:012x}"
    return f"{digits[:8]}-{digits[8:]}-4abc-9def-{tail:012x}"


class Player:
    """One run of one script."""

    def __init__(self, script: Script, venue: VenueUnderTest) -> None:
        self.script = script
        self.venue = venue
        self.variables: dict[str, str] = {}
        self.next_numbers: dict[str, int] = {}
        self.lines: list[str] = []
        self.last_cl_ord_id = 0
        self.now_ns = 0  # the venue's time as the step began: one `$now` in all its fields

    def run(self) -> None:
        for step in self.script.steps:
            self.now_ns = self.venue.now_ns
            try:
                self._play(step)
            except ScriptFailed as failure:
                raise ScriptFailed(f"{self.script.name}:{step.line}: {failure}") from None
        for label in self.lines:
            left = self.venue.receive_now(label)
            if left is not None:
                raise ScriptFailed(f"{self.script.name}: at the end {label} got {_shown(left)}")

    # --- steps -----------------------------------------------------------------------------------

    def _play(self, step: Step) -> None:
        verb = step.verb
        venue = self.venue
        if verb == "connect":
            self._connect(step.target)
        elif verb == "logon":
            self._logon(step)
        elif verb == "send":
            self._send(step.target, fields_of(step.rest))
        elif verb == "raw":
            venue.send(step.target, self._raw(step.rest))
        elif verb == "expect":
            self._match(self._next(step), fields_of(step.rest))
        elif verb == "exact":
            self._match_exactly(self._next(step), fields_of(step.rest))
        elif verb == "expect-none":
            left = venue.receive_now(step.target)
            if left is not None:
                raise ScriptFailed(f"{step.target} got {_shown(left)}")
        elif verb == "expect-cut":
            self._expect_cut(step.target)
        elif verb == "cut":
            venue.cut(step.target)
        elif verb == "next":
            self.next_numbers[step.target] = int(self._value(step.rest))
        elif verb == "let":
            self._let(step)
        elif verb == "control":
            venue.control(step.target, [self._value(word) for word in step.rest.split()])
        else:
            self._play_on_core(step)

    def _play_on_core(self, step: Step) -> None:
        """Steps of the bare core."""
        from tests.scenario.core_venue import CoreVenue

        venue = self.venue
        assert isinstance(venue, CoreVenue)
        verb = step.verb
        if verb == "given":
            venue.given(step.target, step.rest)
        elif verb == "configure":
            venue.configure(step.target, step.rest)
        elif verb == "advance":
            venue.advance(duration_ns(step.target))
        elif verb == "jump":
            venue.jump(duration_ns(step.target))
        elif verb == "restart":
            venue.restart(duration_ns(step.target) if step.target else 0)
        elif verb == "log-out-all":
            venue.log_out_all(f"{step.target} {step.rest}".strip())
        else:
            assert verb == "balance", verb
            self._balance(venue.balance(step.target, step.rest.split()[0]), step.rest.split()[1:])

    def _balance(self, got: tuple[int, int], wanted: list[str]) -> None:
        amounts = [from_text(text, MONEY_DECIMALS) for text in wanted]
        if amounts != list(got[: len(amounts)]):
            raise ScriptFailed(f"balance is {got}, not {amounts}")

    def _connect(self, label: str) -> None:
        self.venue.connect(label)
        if label not in self.lines:
            self.lines.append(label)

    def _logon(self, step: Step) -> None:
        self._connect(step.target)
        given = dict(fields_of(step.rest))
        fields = {"35": "A", "98": "0", "108": "30", "141": "Y", **given}
        if fields["141"] == "Y" and "34" not in given:
            self.next_numbers[_session(step.target)] = 1
        self._send(step.target, list(fields.items()))
        self._match(self._next(step), [("35", "A"), ("98", "0"), ("108", fields["108"])])

    def _let(self, step: Step) -> None:
        value = step.rest.removeprefix("=").strip()
        if value.startswith("uuid"):
            offset = value.removeprefix("uuid").strip()
            time_ns = self.now_ns + (duration_ns(offset) if offset else 0)
            value = uuid_at(time_ns, len(self.variables) + 1)
        self.variables[step.target] = self._value(value)

    # --- sending ---------------------------------------------------------------------------------

    def _send(self, label: str, given: list[tuple[str, str]]) -> None:
        session = _session(label)
        values = dict(given)
        number = self.next_numbers.setdefault(session, 1)
        defaults = {
            "34": str(number),
            "49": session.partition("@")[0],
            "56": MARKET_DATA_TARGET if "@" in session else TARGET,
            "52": utc_timestamp(self.now_ns).decode(),
        }
        body = [(tag, value) for tag, value in given if tag not in _HEADER and tag != "35"]
        if values["35"] in _TIMED_TYPES and "60" not in values:
            body.append(("60", "$now"))
        head = [("35", values["35"])]
        head += [(tag, values.get(tag, default)) for tag, default in defaults.items()]
        head += [(tag, value) for tag, value in given if tag == "50"]
        text = "".join(
            f"{tag}={self._value(value, tag)}\x01" for tag, value in head + body if value != "-"
        )
        if self._value(values.get("34", str(number))) == str(number):
            self.next_numbers[session] = number + 1
        self.venue.send(label, framed(text.encode()))

    def _raw(self, text: str) -> bytes:
        values = [self._raw_field(part.strip()) for part in text.split("|")]
        data = ("\x01".join(values) + "\x01").encode()
        if b"\x019=$len\x01" in data:
            head, rest = data.split(b"\x019=$len\x01", 1)
            length = rest.rfind(b"10=")
            data = head + b"\x019=%d\x01" % length + rest
        summed = data[: data.rfind(b"10=")]
        return data.replace(b"10=$sum\x01", b"10=%03d\x01" % (sum(summed) % 256))

    def _raw_field(self, part: str) -> str:
        tag, equals, value = part.partition("=")
        return tag + equals + self._value(value, tag)

    def _value(self, text: str, tag: str = "") -> str:
        """A value with its variables put in."""
        if text in ("$len", "$sum") or not text.startswith("$"):
            return text
        moment = re.fullmatch(r"\$now([+-]\d+\w+)?", text)
        if moment:
            offset = duration_ns(moment[1]) if moment[1] else 0
            return utc_timestamp(self.now_ns + offset).decode()
        name = text[1:]
        if name not in self.variables:
            if tag != "11":
                raise ScriptFailed(f"{text} has no value")
            self.last_cl_ord_id = max(self.last_cl_ord_id + 1, self.now_ns // 1000)
            self.variables[name] = str(self.last_cl_ord_id)
        return self.variables[name]

    # --- receiving -------------------------------------------------------------------------------

    def _next(self, step: Step) -> list[tuple[str, str]]:
        frame = self.venue.receive(step.target)
        if frame is None:
            raise ScriptFailed(f"{step.target} got nothing, expected {step.rest or 'a Logon'}")
        return field_pairs(frame)

    def _match(self, got: list[tuple[str, str]], wanted: list[tuple[str, str]]) -> None:
        values = dict(got)
        for tag, pattern in wanted:
            self._match_value(tag, values.get(tag), pattern, got)

    def _match_exactly(self, got: list[tuple[str, str]], wanted: list[tuple[str, str]]) -> None:
        left = [pair for pair in got if pair[0] not in ("8", "9", "10")]
        if [tag for tag, _ in left] != [tag for tag, _ in wanted]:
            raise ScriptFailed(f"got the fields {_text(left)}")
        for (tag, value), (_, pattern) in zip(left, wanted, strict=True):
            self._match_value(tag, value, pattern, got)

    def _match_value(
        self, tag: str, value: str | None, pattern: str, got: list[tuple[str, str]]
    ) -> None:
        if pattern == "-":
            fits = value is None
        elif value is None:
            fits = False
        elif pattern == "*":
            fits = True
        elif pattern.startswith("~"):
            fits = pattern[1:] in value
        elif re.fullmatch(r"\$[a-z]\w*", pattern) and not pattern.startswith("$now"):
            fits = self.variables.setdefault(pattern[1:], value) == value
        else:
            fits = self._value(pattern) == value
        if not fits:
            raise ScriptFailed(f"{tag} is {value}, expected {pattern}, in {_text(got)}")

    def _expect_cut(self, label: str) -> None:
        left = self.venue.receive(label)
        if left is not None:
            raise ScriptFailed(f"before the end {label} got {_shown(left)}")
        if not self.venue.is_cut(label):
            raise ScriptFailed(f"the line of {label} is still open")


def _session(label: str) -> str:
    """The session of a line: what stands before the colon."""
    return label.partition(":")[0]


def framed(body: bytes, begin_string: bytes = b"FIX.4.4") -> bytes:
    """A frame built without the code under test."""
    head = b"8=%s\x019=%d\x01%s" % (begin_string, len(body), body)
    return b"%s10=%03d\x01" % (head, sum(head) % 256)


def _text(pairs: list[tuple[str, str]]) -> str:
    return "|".join(f"{tag}={value}" for tag, value in pairs)


def _shown(frame: bytes) -> str:
    return _text(field_pairs(frame))
