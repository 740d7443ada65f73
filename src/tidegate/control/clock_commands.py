"""The venue's time (`clock`), and moving it (`clock-set`, `-advance`, `-run`, `-stop`).

Moving is for a venue with a clock of its own; the steady clock of a machine only tells the time.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from tidegate.clock import Clock
from tidegate.control.protocol import ControlError, Handler, NoParameters, parameters_of
from tidegate.lab.clock import SETTLE_S, SETTLE_S_MAX, ClockRefused, ClockWalker, Walk
from tidegate.model.time import (
    NS_PER_S,
    S_PER_DAY,
    parse_utc_timestamp,
    shown_time,
    utc_timestamp,
)

NOT_VIRTUAL: Final = (
    "this venue goes by the clock of its machine; start it with --clock virtual (uat profile)"
)
_UNITS_NS: Final = {
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": S_PER_DAY * NS_PER_S,
}
_PART: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?(ms|s|m|h|d)", re.ASCII)
_TIME_OF_DAY: Final = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?", re.ASCII)
_DATE_AND_TIME: Final = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T -]([0-9:]{8}(?:\.[0-9]{1,9})?)Z?", re.ASCII
)

Settle = Annotated[float, Meta(ge=0, le=SETTLE_S_MAX)]


class SetParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`time` is UTC: a date and a time, or a time of day, which then is the next one."""

    time: str
    settle_s: Settle = SETTLE_S


class AdvanceParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`duration` is such as `30s`, `1h30m` or `2d`."""

    duration: str
    settle_s: Settle = SETTLE_S


class RunParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`speed` is in seconds of the clock a second."""

    speed: float = 1.0
    settle_s: Settle = SETTLE_S


def clock_commands(clock: Clock, walker: ClockWalker | None) -> dict[str, Handler]:
    """The commands about time; `walker` is None for a venue that goes by its machine's clock."""

    def movable() -> ClockWalker:
        if walker is None:
            raise ControlError(NOT_VIRTUAL)
        return walker

    def described() -> dict[str, Any]:
        return {
            "kind": "system" if walker is None else "virtual",
            "now": shown_time(clock.now_ns()),
            "now_ns": clock.now_ns(),
            "speed": 1.0 if walker is None else walker.speed,
            "ahead_s": clock.ahead_ns() / NS_PER_S,
        }

    async def show(given: dict[str, Any]) -> dict[str, Any]:
        parameters_of(given, NoParameters)
        return described()

    async def set_time(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_of(given, SetParameters)
        time_ns = time_of(parameters.time, clock.now_ns())
        try:
            return _walked(await movable().set(time_ns, parameters.settle_s))
        except ClockRefused as error:
            raise ControlError(f"time: {error}; it is {shown_time(clock.now_ns())} now") from None

    async def advance(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_of(given, AdvanceParameters)
        duration_ns = duration_of(parameters.duration)
        try:
            return _walked(await movable().advance(duration_ns, parameters.settle_s))
        except ClockRefused as error:
            raise ControlError(f"duration: {error}") from None

    async def run(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_of(given, RunParameters)
        try:
            await movable().run(parameters.speed, parameters.settle_s)
        except ClockRefused as error:
            raise ControlError(f"speed: {error}") from None
        return described()

    async def stop(given: dict[str, Any]) -> dict[str, Any]:
        parameters_of(given, NoParameters)
        await movable().stop()
        return described()

    return {
        "clock": show,
        "clock-set": set_time,
        "clock-advance": advance,
        "clock-run": run,
        "clock-stop": stop,
    }


def time_of(text: str, now_ns: int) -> int:
    """Nanoseconds of a text such as `2026-11-03 21:59:59`, `20261103-21:59:59.5` or `21:59:59`,
    which is the next such time of day. Raises `ControlError`."""
    if _TIME_OF_DAY.fullmatch(text):
        day = utc_timestamp(now_ns)[:9].decode()
        time_ns = parse_utc_timestamp((day + text).encode())
        if 0 <= time_ns < now_ns:
            time_ns += S_PER_DAY * NS_PER_S
    else:
        match = _DATE_AND_TIME.fullmatch(text)
        year, month, day, time = match.groups() if match is not None else ("", "", "", "")
        time_ns = parse_utc_timestamp(f"{year}{month}{day}-{time}".encode())
    if time_ns < 0:
        raise ControlError(
            f'time: {text[:64]!r} is no UTC time such as "2026-11-03 21:59:59" or "21:59:59"'
        )
    return time_ns


def duration_of(text: str) -> int:
    """Nanoseconds of a text such as `90s`, `1h30m` or `0.5s`. Raises `ControlError`."""
    position = 0
    total_ns = 0
    while match := _PART.match(text, position):
        whole, fraction, unit = match.groups()
        total_ns += int(whole) * _UNITS_NS[unit]
        if fraction:
            total_ns += int(fraction) * _UNITS_NS[unit] // 10 ** len(fraction)
        position = match.end()
    if position == 0 or position != len(text):
        raise ControlError(f'duration: {text[:64]!r} is none such as "30s", "1h30m" or "2d"')
    return total_ns


def _walked(walk: Walk) -> dict[str, Any]:
    return {
        "from": shown_time(walk.from_ns),
        "to": shown_time(walk.to_ns),
        "to_ns": walk.to_ns,
        "steps": walk.steps,
        "ended": list(walk.ended),
    }
