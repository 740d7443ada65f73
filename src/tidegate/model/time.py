"""Time as nanoseconds since 1970 UTC, and FIX's text forms of it, by arithmetic alone.

The core never reads a clock: every time here came with a record.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
S_PER_DAY: Final = 86_400
NEVER_NS: Final = 1 << 61  # a time that does not come

DASH: Final = 45
POINT: Final = 46
COLON: Final = 58

_UNBOXED_S: Final = 8_000_000_000  # in 2223: nanoseconds of 2263 no longer fit 63 bits
_DAYS_TO_EPOCH: Final = 719_468  # from 0000-03-01 to 1970-01-01


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number since 1970-01-01 (proleptic Gregorian calendar)."""
    shifted = days + _DAYS_TO_EPOCH
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_shifted + 2) // 5 + 1
    month = month_shifted + 3 if month_shifted < 10 else month_shifted - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year, month, day


def days_from_civil(year: i64, month: i64, day: i64) -> i64:
    """The day number since 1970-01-01; the inverse of `civil_from_days`."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - _DAYS_TO_EPOCH


def days_in_month(year: i64, month: i64) -> i64:
    if month == 2:
        leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def utc_timestamp(time_ns: int) -> bytes:
    """FIX `UTCTimestamp` with milliseconds: `20261103-09:15:00.000`. Times are cut, not rounded."""
    milliseconds = time_ns // NS_PER_MS
    seconds, millisecond = divmod(milliseconds, 1000)
    days, second_of_day = divmod(seconds, S_PER_DAY)
    year, month, day = civil_from_days(days)
    hour, rest = divmod(second_of_day, 3600)
    minute, second = divmod(rest, 60)
    return b"%04d%02d%02d-%02d:%02d:%02d.%03d" % (
        year, month, day, hour, minute, second, millisecond,
    )  # fmt: skip


def utc_time_only(time_ns: int) -> bytes:
    """FIX `UTCTimeOnly` with milliseconds: `09:15:00.000`. Times are cut, not rounded."""
    seconds, millisecond = divmod(time_ns // NS_PER_MS, 1000)
    hour, rest = divmod(seconds % S_PER_DAY, 3600)
    minute, second = divmod(rest, 60)
    return b"%02d:%02d:%02d.%03d" % (hour, minute, second, millisecond)


def utc_timestamp_us(time_ns: int) -> bytes:
    """FIX `UTCTimestamp` with microseconds: `20261103-09:15:00.000000`. Times are cut, not
    rounded."""
    return b"%s%03d" % (utc_timestamp(time_ns), time_ns // 1_000 % 1_000)


def iso_timestamp(time_ns: int) -> bytes:
    """ISO 8601 in UTC with nanoseconds: `2026-11-03T09:15:00.000000000Z`."""
    seconds, nanosecond = divmod(time_ns, NS_PER_S)
    days, second_of_day = divmod(seconds, S_PER_DAY)
    year, month, day = civil_from_days(days)
    hour, rest = divmod(second_of_day, 3600)
    minute, second = divmod(rest, 60)
    return b"%04d-%02d-%02dT%02d:%02d:%02d.%09dZ" % (
        year, month, day, hour, minute, second, nanosecond,
    )  # fmt: skip


class TimestampCache:
    """`utc_timestamp` that keeps the text of the millisecond it was asked for last: a burst of
    messages shares one."""

    def __init__(self) -> None:
        self._millisecond = -1
        self._text = b""

    def text(self, time_ns: int) -> bytes:
        millisecond = time_ns // NS_PER_MS
        if millisecond != self._millisecond:
            self._text = utc_timestamp(time_ns)
            self._millisecond = millisecond
        return self._text


def parse_utc_timestamp(text: bytes) -> int:
    """Nanoseconds of a FIX `UTCTimestamp`, with none to nine decimals of a second; -1 where the
    text is not one (wrong shape, no such day, hour above 23, second above 60) or lies before
    1970."""
    length: i64 = len(text)
    if length < 17 or text[8] != DASH or text[11] != COLON or text[14] != COLON:
        return -1
    date = _digits(text, 0, 8)
    hour = _digits(text, 9, 11)
    minute = _digits(text, 12, 14)
    second = _digits(text, 15, 17)
    if date < 0 or hour < 0 or minute < 0 or second < 0:
        return -1
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    if month < 1 or month > 12 or day < 1 or day > days_in_month(year, month):
        return -1
    if year < 1970 or hour > 23 or minute > 59 or second > 60:
        return -1
    fraction_ns: i64 = 0
    if length > 17:
        fraction_ns = _digits(text, 18, length) if text[17] == POINT and length <= 27 else -1
        if length == 18 or fraction_ns < 0:
            return -1
        for _ in range(27 - length):
            fraction_ns *= 10
    seconds = days_from_civil(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second
    if seconds < _UNBOXED_S:
        return seconds * NS_PER_S + fraction_ns
    later: int = seconds  # a Python integer, which has no end
    return later * NS_PER_S + int(fraction_ns)


def _digits(text: bytes, start: i64, end: i64) -> i64:
    """The number in `text[start:end]`, -1 where one byte is no digit."""
    number: i64 = 0
    position = start
    while position < end:
        code: i64 = text[position]
        if code < 48 or code > 57:
            return -1
        number = number * 10 + (code - 48)
        position += 1
    return number


def shown_time(time_ns: int) -> str:
    """UTC with milliseconds, for a person."""
    text = utc_timestamp(time_ns).decode()
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[9:]}"
