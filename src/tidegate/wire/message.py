"""One frame's fields: found once, decoded only where used.

`Message.scan` walks a frame and notes where each field lies; nothing is copied. Two bodies do it:
a loop over the bytes for the compiled core, searches of the standard library for the interpreted
one. They are held equal by tests.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, u8

from tidegate.model.build import COMPILED
from tidegate.model.limits import FIELDS_MAX, NUMBER_DIGITS_MAX

SOH: Final = 1
EQUALS: Final = 61
ZERO: Final = 48
POINT: Final = 46
MINUS: Final = 45

# What `scan` finds
SCANNED: Final = 0
TAG_MALFORMED: Final = 1  # not a number, or one with a leading zero, or of more than nine digits
FIELD_WITHOUT_VALUE: Final = 2  # `44=` directly followed by SOH
TOO_MANY_FIELDS: Final = 3
FIELD_UNENDED: Final = 4  # bytes before the trailer that are no `tag=value` at all

_LAST_BITS: Final = 255  # of a tag: by them it is found without a search, mostly

# What `scaled` gives for numbers that are no scaled integer
NUMBER_NEGATIVE: Final = -1
NUMBER_TOO_PRECISE: Final = -2  # has more decimals than the instrument
NUMBER_TOO_LARGE: Final = -3
NUMBER_MALFORMED: Final = -4


class Message:
    """The fields of one frame, in the order of the frame. Reused from frame to frame.

    `count` fields are known after `scan`; the value of field `i` is `data[starts[i]:ends[i]]`.
    Where a scan stops, `count` fields before that place can be read, and `fault_tag` is the text of
    the tag that stopped it.

    `_places` has, for the last bits of a tag, the index of the first field with such a tag. It is
    never cleared: a place says something about this frame only where such a field stands there.
    """

    def __init__(self) -> None:
        self.data: bytes = b""
        self.tags: vec[i64] = vec[i64]([0] * FIELDS_MAX)
        self.starts: vec[i64] = vec[i64]([0] * FIELDS_MAX)
        self.ends: vec[i64] = vec[i64]([0] * FIELDS_MAX)
        self.count: i64 = 0
        self._places: vec[u8] = vec[u8]([0] * (_LAST_BITS + 1))  # FIELDS_MAX of them fit
        self.fault_tag: bytes = b""  # the tag's text, where a scan stopped

    def scan(self, frame: bytes) -> int:
        """Note the fields of a framed message (`wire.framing` found its limits and verified its
        checksum). Gives `SCANNED` or one of the reasons above."""
        if COMPILED:
            return self.scan_bytes(frame)
        return self.scan_searching(frame)

    def scan_bytes(self, frame: bytes) -> int:
        """Byte by byte: for the compiled core."""
        self.data = frame
        self.count = 0
        tags = self.tags
        starts = self.starts
        ends = self.ends
        places = self._places
        count: i64 = 0
        position: i64 = 0
        length: i64 = len(frame)
        while position < length:
            if count == FIELDS_MAX:
                self.count = count
                return TOO_MANY_FIELDS
            tag_start = position
            tag: i64 = 0
            while position < length:
                code: i64 = frame[position]
                if code < ZERO or code > 57:
                    break
                tag = tag * 10 + (code - ZERO)
                position += 1
                if position - tag_start > 9:
                    break
            digits_seen = position - tag_start
            if (
                digits_seen == 0
                or digits_seen > 9
                or position == length
                or frame[position] != EQUALS
                or frame[tag_start] == ZERO
            ):
                self.count = count
                return self._malformed(frame, tag_start)
            position += 1
            value_start = position
            while position < length and frame[position] != SOH:
                position += 1
            if position == length:
                self.count = count
                self.fault_tag = b"%d" % tag
                return FIELD_UNENDED
            if position == value_start:
                self.count = count
                self.fault_tag = b"%d" % tag
                return FIELD_WITHOUT_VALUE
            slot = tag & _LAST_BITS
            place = i64(places[slot])
            if place >= count or tags[place] & _LAST_BITS != slot:
                places[slot] = u8(count)
            tags[count] = tag
            starts[count] = value_start
            ends[count] = position
            count += 1
            position += 1
        self.count = count
        return SCANNED

    def scan_searching(self, frame: bytes) -> int:
        """By searches in C: for the interpreted core."""
        self.data = frame
        self.count = 0
        position = 0
        length = len(frame)
        count = 0
        while position < length:
            if count == FIELDS_MAX:
                self.count = count
                return TOO_MANY_FIELDS
            end = frame.find(b"\x01", position)
            equals = frame.find(b"=", position, end if end >= 0 else length)
            tag_text = frame[position:equals] if equals >= 0 else b""
            if not tag_text.isdigit() or len(tag_text) > 9 or tag_text[0] == ZERO:
                self.count = count
                return self._malformed(frame, position)
            if end < 0 or end == equals + 1:
                self.count = count
                self.fault_tag = tag_text
                return FIELD_UNENDED if end < 0 else FIELD_WITHOUT_VALUE
            tag = int(tag_text)
            slot = tag & _LAST_BITS
            place = int(self._places[slot])
            if place >= count or self.tags[place] & _LAST_BITS != slot:
                self._places[slot] = count
            self.tags[count] = tag
            self.starts[count] = equals + 1
            self.ends[count] = end
            count += 1
            position = end + 1
        self.count = count
        return SCANNED

    def _malformed(self, frame: bytes, position: int) -> int:
        end = frame.find(b"\x01", position)
        piece = frame[position : end if end >= 0 else len(frame)]
        self.fault_tag = piece[: piece.find(b"=")] if b"=" in piece else piece
        return TAG_MALFORMED if b"=" in piece else FIELD_UNENDED

    def find(self, tag: i64) -> i64:
        """The index of the first field of that tag, -1 where there is none."""
        slot = tag & _LAST_BITS
        index = i64(self._places[slot])
        count = self.count
        if index >= count:
            return -1
        tags = self.tags
        if tags[index] == tag:
            return index
        if tags[index] & _LAST_BITS != slot:
            return -1
        while index < count:  # another tag with these last bits came first
            if tags[index] == tag:
                return index
            index += 1
        return -1

    def has(self, tag: i64) -> bool:
        return self.find(tag) >= 0

    def value(self, index: i64) -> bytes:
        """The value of field `index`."""
        return self.data[self.starts[index] : self.ends[index]]

    def get(self, tag: i64) -> bytes:
        """The value of a tag, empty where it is absent (no FIX value is empty)."""
        index = self.find(tag)
        if index < 0:
            return b""
        return self.data[self.starts[index] : self.ends[index]]

    def says(self, tag: i64, value: bytes) -> bool:
        """Whether the tag is there with exactly this value; nothing is copied to know."""
        index = self.find(tag)
        if index < 0:
            return False
        if not COMPILED:
            return self.value(index) == value
        start = self.starts[index]
        length: i64 = len(value)
        if self.ends[index] - start != length:
            return False
        data = self.data
        place: i64 = 0
        while place < length:
            if data[start + place] != value[place]:
                return False
            place += 1
        return True

    def char(self, tag: i64) -> int:
        """The code of a one-character value; 0 where it is absent or longer."""
        index = self.find(tag)
        if index < 0 or self.ends[index] - self.starts[index] != 1:
            return 0
        return self.data[self.starts[index]]

    def flag(self, tag: i64) -> bool:
        """Whether a Boolean field is there and says Y."""
        return self.char(tag) == 89

    def integer(self, tag: i64) -> int:
        """A non-negative integer; -1 where it is absent, no plain number, or above 18 digits."""
        index = self.find(tag)
        if index < 0:
            return -1
        return digits(self.data, self.starts[index], self.ends[index])

    def scaled(self, tag: i64, decimals: i64) -> int:
        """A decimal number as a scaled integer, or one of the negative `NUMBER_` reasons.
        Absent fields give `NUMBER_MALFORMED`."""
        index = self.find(tag)
        if index < 0:
            return NUMBER_MALFORMED
        return scaled(self.data, self.starts[index], self.ends[index], decimals)


def digits(data: bytes, start: i64, end: i64) -> int:
    """The non-negative integer in `data[start:end]`, -1 where it is none or above 18 digits.
    Leading zeros are allowed (FIX's int has them)."""
    if end - start > NUMBER_DIGITS_MAX or end == start:
        return -1
    if not COMPILED:
        text = data[start:end]
        return int(text) if text.isdigit() else -1
    number: i64 = 0
    position = start
    while position < end:
        code: i64 = data[position]
        if code < ZERO or code > 57:
            return -1
        number = number * 10 + (code - ZERO)
        position += 1
    return number


def scaled(data: bytes, start: i64, end: i64, decimals: i64) -> int:
    """The decimal number in `data[start:end]` times `10**decimals`.

    Trailing zeros beyond the decimals are no precision (`0.10` is `0.1`), leading ones no size. A
    minus sign gives `NUMBER_NEGATIVE` whatever follows, unless the number is malformed.
    """
    if not COMPILED:
        return scaled_searching(data[start:end], decimals)
    position = start
    negative = False
    if position < end and data[position] == MINUS:
        negative = True
        position += 1
    number: i64 = 0
    significant: i64 = 0  # digits in `number`, leading zeros not counted
    fraction: i64 = -1  # decimals taken so far; -1 before the point
    seen: i64 = 0
    too_precise = False
    too_large = False
    while position < end:
        code: i64 = data[position]
        position += 1
        if code == POINT:
            if fraction >= 0:
                return NUMBER_MALFORMED
            fraction = 0
            continue
        if code < ZERO or code > 57:
            return NUMBER_MALFORMED
        seen += 1
        if fraction >= decimals:
            if code != ZERO:
                too_precise = True
            continue
        if fraction >= 0:
            fraction += 1
        if significant > 0 or code != ZERO:
            significant += 1
        if significant > NUMBER_DIGITS_MAX:
            too_large = True
            continue
        number = number * 10 + (code - ZERO)
    if seen == 0:
        return NUMBER_MALFORMED
    if negative:
        return NUMBER_NEGATIVE
    if too_precise:
        return NUMBER_TOO_PRECISE
    if fraction < 0:
        fraction = 0
    while fraction < decimals:
        fraction += 1
        if number != 0:
            significant += 1
            if significant > NUMBER_DIGITS_MAX:
                too_large = True
                break
            number *= 10
    if too_large:
        return NUMBER_TOO_LARGE
    return number


def scaled_searching(text: bytes, decimals: int) -> int:
    """`scaled` by the standard library's searches: for the interpreted core."""
    negative = text[:1] == b"-"
    body = text[1:] if negative else text
    whole, _, rest = body.partition(b".")
    joined = whole + rest
    if not joined.isdigit():
        return NUMBER_MALFORMED
    if negative:
        return NUMBER_NEGATIVE
    rest = rest.rstrip(b"0")
    if len(rest) > decimals:
        return NUMBER_TOO_PRECISE
    kept = (whole + rest + b"0" * (decimals - len(rest))).lstrip(b"0")
    if len(kept) > NUMBER_DIGITS_MAX:
        return NUMBER_TOO_LARGE
    return int(kept or b"0")
