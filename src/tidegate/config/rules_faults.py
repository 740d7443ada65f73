"""Faults that a venue of the uat profile can be given: the table of kinds, and their rules.

The configuration file and the control socket share this table. What a fault does is in `lab`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec

from tidegate.config import convert
from tidegate.config.lines import KeyPath, Lines
from tidegate.config.problems import Findings, suggestion
from tidegate.config.rules_firms import trading_sessions
from tidegate.config.schema import ConfigFile, FaultKind, FaultTable
from tidegate.config.shape import walk_table
from tidegate.model.scaled import LOT_DECIMALS

ALL_SESSIONS: Final = "*"
FAULTS_MAX: Final = 256  # installed at a time

Counted = Literal["sent", "received", "either", "turns"]


class KindRules(NamedTuple):
    """What goes with a kind. `counted` is whose messages `at` and `probability` look at: those the
    venue sends on the session or receives, either of them by `direction`, or turns of the venue.
    `journaled` kinds change the venue's state, so they are records of its journal."""

    counted: Counted
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    journaled: bool = False


KINDS: Final[dict[FaultKind, KindRules]] = {
    "drop": KindRules("either", takes=("direction",)),
    "stop_reading": KindRules("received", takes=("ms",)),
    "stop_writing": KindRules("sent", takes=("ms",)),
    "half_open": KindRules("either", takes=("direction", "ms")),
    "delay": KindRules("sent", needs=("ms",)),
    "hold_reports": KindRules("sent", takes=("ms",)),
    "skip": KindRules("sent", journaled=True),
    "repeat": KindRules("sent"),
    "reorder": KindRules("sent"),
    "corrupt_checksum": KindRules("sent"),
    "corrupt_length": KindRules("sent"),
    "mute_heartbeats": KindRules("sent", takes=("ms",), journaled=True),
    "refuse_logons": KindRules("received"),
    "reject_next": KindRules("received", needs=("layer",), journaled=True),
    "fill": KindRules("sent", takes=("order", "qty"), journaled=True),
    "cancel": KindRules("sent", takes=("order",), journaled=True),
    "crash": KindRules("turns", takes=("point",)),
}

COUNT_AT_ONCE_MAX: Final = 1000

_PARAMETERS: Final = ("direction", "ms", "layer", "order", "qty", "point")
_ONE_SESSION: Final = ("fill", "cancel")  # kinds that act on an order, which one session has
_IN_ONE_GO: Final = ("skip", "mute_heartbeats")  # at once: as often as `count` says, there and then
_NOT_AT_START: Final = (*_ONE_SESSION, "crash")


class FaultRefused(Exception):
    """A fault can not be taken as it is given; the text names the field and the rule."""


def read_fault(given: dict[str, Any]) -> FaultTable:
    """The fault that a program or a person has asked for. Raises `FaultRefused` with every mistake
    in it."""
    findings = Findings(Lines(""))
    fitting = walk_table(FaultTable, given, (), findings)
    if not findings.in_order():
        table = msgspec.convert(fitting, FaultTable)
        for field, rule in broken_rules(table):
            findings.add((field,), rule)
    problems = findings.in_order()
    if problems:
        raise FaultRefused("; ".join(problem.rule for problem in problems))
    return msgspec.convert(fitting, FaultTable)


def broken_rules(table: FaultTable) -> Iterator[tuple[str, str]]:
    """Field and rule of each mistake beyond types and ranges."""
    rules = KINDS[table.kind]
    if table.at is not None and table.probability is not None:
        yield "probability", "probability and at exclude each other"
    if table.seed is not None and table.probability is None:
        yield "seed", "seed goes with probability only"
    for name in _PARAMETERS:
        given = getattr(table, name) is not None
        if given and name not in rules.needs + rules.takes:
            yield name, f"{name} does not go with {table.kind}"
        elif not given and name in rules.needs:
            yield "kind", f"{name} is missing: {table.kind} needs it"
    if table.kind in _ONE_SESSION:
        if table.session == ALL_SESSIONS:
            yield "session", f"session must be one session for {table.kind}"
        if table.order is None and table.at is None and table.probability is None:
            yield "kind", f"order is missing: {table.kind} needs it to act at once"
    if table.qty is not None:
        try:
            if convert.decimal(table.qty, LOT_DECIMALS) == 0:
                yield "qty", "qty must be above 0"
        except ValueError as error:
            yield "qty", f"qty {error}"
    triggered = table.at is not None or table.probability is not None
    if table.kind in _IN_ONE_GO and not triggered and table.count is not None:
        # The venue does nothing else meanwhile.
        if table.session == ALL_SESSIONS and table.count > 1:
            yield "count", f"count goes with one session only where {table.kind} acts at once"
        elif table.count > COUNT_AT_ONCE_MAX:
            most = f"count must be at most {COUNT_AT_ONCE_MAX}"
            yield "count", f"{most} where {table.kind} acts at once, not {table.count}"
    if table.kind == "crash" and table.point == "now" and triggered:
        yield "point", "point now goes without at and probability: those look at turns"


def check_faults(file: ConfigFile, findings: Findings) -> None:
    """`[[fault]]`: nothing of the kind in production, sessions that exist, and the kind's rules."""
    if len(file.fault) > FAULTS_MAX:
        findings.add(("fault", FAULTS_MAX), f"there must be at most {FAULTS_MAX} [[fault]]")
    sessions = [s.sender_comp_id for firm in file.firm for s in trading_sessions(firm)]
    for index, table in enumerate(file.fault):
        path: KeyPath = ("fault", index)
        if file.venue.profile == "production":
            findings.add(path, "[[fault]] is for the uat profile: production injects none")
            continue
        if table.session and table.session != ALL_SESSIONS and table.session not in sessions:
            findings.add((*path, "session"), unknown_session(table.session, sessions))
        if not findings.sound((*path, "kind")):
            continue
        if table.trigger == "now" and table.kind in _NOT_AT_START:
            findings.add(path, f"{table.kind} needs at or probability where the start installs it")
        for field, rule in broken_rules(table):
            place = (*path, field) if findings.lines.given((*path, field)) else path
            if findings.sound(place):
                findings.add(place, rule)


def unknown_session(name: str, sessions: list[str]) -> str:
    """The rule that a name broke which no session has."""
    return f'session must be "*" or the SenderCompID of a session, not "{name}"' + suggestion(
        name, sessions
    )
