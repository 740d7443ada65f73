"""Reading a Logon (35=A): what it says, and what is wrong with it before any secret is asked.

The gateway reads the first frame of a link with this, then checks source, signature and nonce, and
hands the frame on without the credentials, so that no secret reaches the journal.
"""

from __future__ import annotations

from typing import Final

from tidegate.wire import tags
from tidegate.wire.dictionary import TRADING
from tidegate.wire.message import SCANNED, Message
from tidegate.wire.render import frame_of
from tidegate.wire.validation import check

LOGON: Final = b"A"

FAILED_CREDENTIALS: Final = b"Logon failed: invalid credentials"
FAILED_NONCE_WINDOW: Final = b"Logon failed: nonce outside %d seconds window"
FAILED_NONCE_ORDER: Final = b"Logon failed: nonce not increasing"
FAILED_NETWORK: Final = b"Logon failed: IP not whitelisted"
FAILED_COMP_ID: Final = b"Logon failed: unknown CompID"
FAILED_BEGIN_STRING: Final = b"Logon failed: Incorrect BeginString (8)"
FAILED_ENCRYPTION: Final = b"Logon failed: EncryptMethod (98) must be 0"
FAILED_HEARTBEAT: Final = b"Logon failed: HeartBtInt (108) must be %d to %d seconds"
FAILED_DISABLED: Final = b"Logon failed: session disabled"
FAILED_TOO_MANY: Final = b"Logon failed: too many logons"
FAILED_TLS: Final = b"Logon failed: TLS required"
FAILED_NOT_YET: Final = b"Logon failed: market data is not available yet"
_CREDENTIALS: Final = (tags.USERNAME, tags.PASSWORD, tags.NONCE)

ALREADY_ACTIVE: Final = b"Session already active"
NO_MSG_SEQ_NUM: Final = b"Missing mandatory field: MsgSeqNum (34)"
WRONG_MSG_SEQ_NUM: Final = b"Invalid value for tag 34: MsgSeqNum"
RESET_NOT_FROM_1: Final = b"ResetSeqNumFlag (141) is Y, so MsgSeqNum (34) must be 1, not %d"
RESET_IS_NO_DUPLICATE: Final = b"ResetSeqNumFlag (141) and PossDupFlag (43) contradict each other"


class LogonRequest:
    """A Logon's fields. Texts are as on the wire; absent ones are empty, numbers -1."""

    def __init__(self, message: Message, application: int = TRADING) -> None:
        self.msg_type = message.get(tags.MSG_TYPE)
        self.begin_string = message.get(tags.BEGIN_STRING)
        self.msg_seq_num_text = message.get(tags.MSG_SEQ_NUM)
        self.msg_seq_num = message.integer(tags.MSG_SEQ_NUM)
        self.sender_comp_id = message.get(tags.SENDER_COMP_ID)
        self.target_comp_id = message.get(tags.TARGET_COMP_ID)
        self.sending_time = message.get(tags.SENDING_TIME)
        self.encrypt_method = message.get(tags.ENCRYPT_METHOD)
        self.heart_bt_int_s = message.integer(tags.HEART_BT_INT)
        self.username = message.get(tags.USERNAME)
        self.password = message.get(tags.PASSWORD)
        self.nonce = message.get(tags.NONCE)
        self.fault = check(message, LOGON, application)  # of the fields, whatever they say


def read_logon(frame: bytes, application: int = TRADING) -> LogonRequest | None:
    """The Logon in a frame, for a session of that kind (see the dictionary); None where the frame
    is no scannable Logon with MsgType in third place, which is answered by closing the link without
    a word."""
    message = Message()
    if message.scan(frame) != SCANNED or message.count < 3 or message.tags[2] != tags.MSG_TYPE:
        return None
    request = LogonRequest(message, application)
    return request if request.msg_type == LOGON else None


def logon_fault(request: LogonRequest, heartbeat_min_s: int, heartbeat_max_s: int) -> bytes:
    """What is wrong with BeginString, EncryptMethod, HeartBtInt and any other field, as the text
    of a Logout; empty if nothing. These come before the credentials in the order of checks.
    (BeginString can only be judged here: `without_credentials` makes it anew.)"""
    if request.begin_string != b"FIX.4.4":
        return FAILED_BEGIN_STRING
    if request.encrypt_method != b"0":
        return FAILED_ENCRYPTION
    if not heartbeat_min_s <= request.heart_bt_int_s <= heartbeat_max_s:
        return FAILED_HEARTBEAT % (heartbeat_min_s, heartbeat_max_s)
    fault = request.fault
    if fault is None or fault.ref_tag in _CREDENTIALS:  # what is wrong with those is not told
        return b""
    return fault.text


def msg_seq_num_fault(message: Message) -> bytes:
    """Why a message has no MsgSeqNum from 1 on, of 18 digits at most: the text of a Logout."""
    return WRONG_MSG_SEQ_NUM if message.has(tags.MSG_SEQ_NUM) else NO_MSG_SEQ_NUM


def logon_contradiction(message: Message, msg_seq_num: int) -> bytes:
    """What keeps a Logon of sound fields from being taken, as the text of a Logout; empty if
    nothing: a number that is none, and a wish to start anew that contradicts itself. A reset throws
    the history away, and with it what the client has not read: it is not done for somebody who says
    two things at once."""
    if msg_seq_num < 1:
        return msg_seq_num_fault(message)
    if not message.flag(tags.RESET_SEQ_NUM_FLAG):
        return b""
    if message.flag(tags.POSS_DUP_FLAG):
        return RESET_IS_NO_DUPLICATE
    return RESET_NOT_FROM_1 % msg_seq_num if msg_seq_num != 1 else b""


def without_credentials(frame: bytes) -> bytes:
    """The same Logon without Username, Password and Nonce: what the journal keeps."""
    message = Message()
    scanned = message.scan(frame)
    assert scanned == SCANNED
    kept: list[bytes] = []
    for index in range(2, message.count):  # without BeginString and BodyLength ...
        tag = message.tags[index]
        if tag in _CREDENTIALS or tag == tags.CHECK_SUM:
            continue
        kept.append(b"%d=%s\x01" % (tag, message.value(index)))
    return frame_of(b"".join(kept))  # ... which are made anew here


def refusal_frame(
    request: LogonRequest, msg_seq_num: int, sending_time: bytes, text: bytes
) -> bytes:
    """The Logout that answers a refused Logon. It carries the next number of the session without
    using it up: no session was there, and whoever is refused must not move a session's numbers."""
    body = b"35=5\x0134=%d\x0149=%s\x0156=%s\x0152=%s\x0158=%s\x01" % (
        msg_seq_num, request.target_comp_id, request.sender_comp_id, sending_time, text,
    )  # fmt: skip
    return frame_of(body)
