"""ClOrdID (11): its two forms, and the rule that none is used twice.

A number of up to 18 digits that rises from request to request, or a UUID whose first 48 bits are
the time in units of 10 microseconds. Rising numbers need one watermark; UUIDs need to be
remembered only as long as their own time lets them pass, so memory is bounded by time, not by the
length of the day.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import (
    CL_ORD_ID_DIGITS_MAX,
    CL_ORD_IDS_REMEMBERED_MAX,
    UUID_WINDOW_S,
)
from tidegate.model.rejects import (
    CL_ORD_ID_FORM,
    CL_ORD_ID_IN_USE,
    CL_ORD_ID_NOT_INCREASING,
    CL_ORD_ID_TIME,
    RATE_LIMIT,
    Rule,
)
from tidegate.model.settings import CL_ORD_ID_TIMED
from tidegate.model.time import NS_PER_S
from tidegate.wire.message import ZERO, digits

_UUID_BYTES: Final = 36
_UUID_UNIT_NS: Final = 10_000  # 10 microseconds
_WINDOW_NS: Final = UUID_WINDOW_S * NS_PER_S
_HEX: Final = b"0123456789abcdef"


def number_of(cl_ord_id: bytes) -> int:
    """The number a ClOrdID is, 0 where it is none: digits without a leading zero."""
    length = len(cl_ord_id)
    if length == 0 or length > CL_ORD_ID_DIGITS_MAX or cl_ord_id[0] == ZERO:
        return 0
    number = digits(cl_ord_id, 0, length)
    return number if number > 0 else 0


def uuid_time_ns(cl_ord_id: bytes) -> int:
    """The time in a COMB UUID, -1 where the text has not the layout of a UUID (8-4-4-4-12)."""
    if len(cl_ord_id) != _UUID_BYTES:
        return -1
    lower = cl_ord_id.lower()
    for place in range(_UUID_BYTES):
        code = lower[place]
        if place in (8, 13, 18, 23):
            if code != 45:
                return -1
        elif code not in _HEX:
            return -1
    return int(lower[0:8] + lower[9:13], 16) * _UUID_UNIT_NS


def has_form(cl_ord_id: bytes) -> bool:
    """Whether a text has one of the two forms."""
    return number_of(cl_ord_id) > 0 or uuid_time_ns(cl_ord_id) >= 0


class ClOrdIds:
    """What one session remembers of the ids it has seen."""

    def __init__(self) -> None:
        self.watermark = 0
        self._uuid_expiry_ns: dict[bytes, int] = {}  # in order of arrival

    def check(self, cl_ord_id: bytes, policy: int, time_ns: int) -> Rule | None:
        """Take the id of a request into use, or say why it can not be. An id that passes is used
        up, whatever becomes of its request."""
        number = number_of(cl_ord_id)
        if number:
            if policy == CL_ORD_ID_TIMED and abs(number * 1000 - time_ns) > _WINDOW_NS:
                return CL_ORD_ID_TIME
            if number <= self.watermark:
                return CL_ORD_ID_NOT_INCREASING
            self.watermark = number
            return None
        uuid_ns = uuid_time_ns(cl_ord_id)
        if uuid_ns < 0:
            return CL_ORD_ID_FORM
        if abs(uuid_ns - time_ns) > _WINDOW_NS:
            return CL_ORD_ID_TIME
        return self._remember(cl_ord_id.lower(), uuid_ns + _WINDOW_NS, time_ns)

    def was_used(self, cl_ord_id: bytes) -> bool:
        """Whether a request with this id has been seen: what PossResend (97) asks."""
        number = number_of(cl_ord_id)
        if number:
            return number <= self.watermark
        return cl_ord_id.lower() in self._uuid_expiry_ns

    def _remember(self, uuid: bytes, expiry_ns: int, time_ns: int) -> Rule | None:
        remembered = self._uuid_expiry_ns
        # One comes, up to two that are out of date go. They stand in order of arrival, not of
        # expiry, so one with a time ahead may keep others a while: two windows at most.
        for _ in range(2):
            oldest = next(iter(remembered), b"")
            if not oldest or remembered[oldest] >= time_ns:
                break
            del remembered[oldest]
        if uuid in remembered:
            return CL_ORD_ID_IN_USE
        if len(remembered) >= CL_ORD_IDS_REMEMBERED_MAX:
            return RATE_LIMIT
        remembered[uuid] = expiry_ns
        return None

    def forget_uuids(self) -> None:
        """Numbers were reset: uniqueness is asked for within one life of the session. The
        watermark stays; ForceResetClOrdID (5030) or the rollover lowers it."""
        self._uuid_expiry_ns = {}

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.watermark)
        encoder.uint(len(self._uuid_expiry_ns))
        for uuid, expiry_ns in self._uuid_expiry_ns.items():
            encoder.blob(uuid)
            encoder.uint(expiry_ns)

    def load(self, decoder: Decoder) -> None:
        self.watermark = decoder.uint()
        self._uuid_expiry_ns = {}
        for _ in range(decoder.uint()):
            uuid = decoder.blob()
            self._uuid_expiry_ns[uuid] = decoder.uint()
