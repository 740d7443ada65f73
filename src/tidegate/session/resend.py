"""Sending again what was sent: the answer to a ResendRequest (35=2).

Application messages and session rejects go out as they were, marked as duplicates; a run of other
administrative messages is replaced by one SequenceReset-GapFill. The stored frames are read one by
one by whoever holds the history, so a sweep over a day of traffic needs the memory of one message.
"""

from __future__ import annotations

from typing import Final

from tidegate.wire import tags
from tidegate.wire.render import frame_of
from tidegate.wire.validation import VALUE_OUT_OF_RANGE, Fault

# Heartbeat, TestRequest, ResendRequest, SequenceReset, Logout, Logon: facts of a moment that has
# passed. A session reject (35=3) is an answer the peer may be waiting for, so FIX has it resent.
_GAP_FILLED_TYPES: Final = b"01245A"

_MSG_TYPE_FIELD: Final = b"\x0135="
_SENDING_TIME_FIELD: Final = b"\x0152="


def range_fault(begin: int, end: int, last: int) -> Fault | None:
    """What is wrong with a request for `begin` to `end` (0: the end) where `last` is the newest
    number that was sent. An end beyond it is none: it means the end."""
    if begin < 1 or begin > last:
        text = b"BeginSeqNo (7) is not a number that was sent"
        return Fault(VALUE_OUT_OF_RANGE, tags.BEGIN_SEQ_NO, text)
    if end != 0 and end < begin:
        text = b"EndSeqNo (16) is below BeginSeqNo (7)"
        return Fault(VALUE_OUT_OF_RANGE, tags.END_SEQ_NO, text)
    return None


def is_gap_filled(frame: bytes) -> bool:
    """Whether a stored frame is left out of a resend."""
    start = frame.find(_MSG_TYPE_FIELD) + len(_MSG_TYPE_FIELD)
    return frame[start + 1] == 1 and frame[start] in _GAP_FILLED_TYPES


def resent(frame: bytes, sending_time: bytes) -> bytes:
    """A stored frame as it is sent again: PossDupFlag (43) Y, OrigSendingTime (122) its first
    SendingTime, SendingTime (52) now; every other field, MsgSeqNum included, is untouched."""
    body_start = frame.find(_MSG_TYPE_FIELD) + 1
    time_start = frame.find(_SENDING_TIME_FIELD, body_start) + len(_SENDING_TIME_FIELD)
    time_end = frame.find(b"\x01", time_start)
    body = b"".join(
        (
            frame[body_start:time_start],
            sending_time,
            b"\x0143=Y\x01122=",
            frame[time_start:time_end],
            frame[time_end:-7],  # up to the SOH before the checksum
        )
    )
    return frame_of(body)


def gap_fill(comp_ids: bytes, number: int, new_number: int, sending_time: bytes) -> bytes:
    """SequenceReset-GapFill that stands for messages `number` to `new_number - 1`."""
    return frame_of(
        b"35=4\x0134=%d\x01%s52=%s\x0143=Y\x01122=%s\x01123=Y\x0136=%d\x01"
        % (number, comp_ids, sending_time, sending_time, new_number)
    )


class Sweep:
    """One pass over messages `begin` to `end`, both included.

    Give the stored frames in order to `step`; each call returns what to write (often nothing, for
    a run of administrative messages is still growing). `finish` closes the last run.
    """

    def __init__(self, comp_ids: bytes, begin: int, end: int) -> None:
        assert 1 <= begin <= end
        self.comp_ids = comp_ids
        self.next_number = begin
        self.end = end
        self._gap_start = 0  # first number of the open run; 0 = none is open

    def step(self, frame: bytes, sending_time: bytes) -> bytes:
        """The stored frame of `next_number`."""
        number = self.next_number
        assert number <= self.end
        self.next_number = number + 1
        if is_gap_filled(frame):
            if self._gap_start == 0:
                self._gap_start = number
            return b""
        return self._close_gap(number, sending_time) + resent(frame, sending_time)

    def finish(self, sending_time: bytes) -> bytes:
        assert self.next_number == self.end + 1
        return self._close_gap(self.next_number, sending_time)

    def _close_gap(self, new_number: int, sending_time: bytes) -> bytes:
        if self._gap_start == 0:
            return b""
        frame = gap_fill(self.comp_ids, self._gap_start, new_number, sending_time)
        self._gap_start = 0
        return frame
