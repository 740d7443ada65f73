"""What the times in a header must be: SendingTime (52) and OrigSendingTime (122)."""

from __future__ import annotations

from tidegate.model.time import NS_PER_S, parse_utc_timestamp
from tidegate.session.reasons import SENDING_TIME_PROBLEM
from tidegate.wire import tags
from tidegate.wire.message import Message
from tidegate.wire.validation import Fault


def sending_time_wrong(message: Message, tolerance_s: int, time_ns: int) -> bool:
    """Whether SendingTime is readable and further than that from the venue's time. A missing or
    malformed one is an ordinary field fault."""
    sent_ns = parse_utc_timestamp(message.get(tags.SENDING_TIME))
    return sent_ns >= 0 and abs(time_ns - sent_ns) > tolerance_s * NS_PER_S


def duplicate_fault(message: Message) -> Fault | None:
    """What is wrong with OrigSendingTime of a duplicate: it must be there, and not after
    SendingTime."""
    original = message.get(tags.ORIG_SENDING_TIME)
    if not original:
        return Fault(1, tags.ORIG_SENDING_TIME, b"Missing mandatory field: OrigSendingTime (122)")
    original_ns = parse_utc_timestamp(original)
    if original_ns > parse_utc_timestamp(message.get(tags.SENDING_TIME)):
        return Fault(10, tags.ORIG_SENDING_TIME, SENDING_TIME_PROBLEM)
    return None
