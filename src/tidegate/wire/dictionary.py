"""The dialect as one table: fields, header, trailer, messages, groups.

Validation, the QuickFIX dictionary and `explain` are all made from it, so they cannot differ. What
a field needs beyond presence, type and listed values (a limit order's Price, a GTD order's
ExpireTime) is a business rule and stands in another room.
"""

from __future__ import annotations

from typing import Final

from tidegate.wire.dictionary_fields import (
    FIELD_ROWS,
    FIX44_MSG_TYPES,
    FIX44_TAG_HOLES,
    FIX44_TAG_MAX,
)
from tidegate.wire.dictionary_market_data import (
    INCREMENTAL_ENTRY_ROWS,
    LISTED_INSTRUMENT_ROWS,
    MARKET_DATA_ROWS,
    REQUESTED_SYMBOL_ROWS,
    SNAPSHOT_ENTRY_ROWS,
)

# Presence of a field in a message
REQUIRED: Final = "Y"
CONDITIONAL: Final = "C"  # required by the value of another field, or by who sends the message
OPTIONAL: Final = "N"

# What a session is for. Messages of another kind of session are known to it by name only.
ANY_SESSION: Final = 0
TRADING: Final = 1
MARKET_DATA: Final = 2
DROP_COPY: Final = 3  # of which clients send session messages alone


class Field:
    """A field of the dialect. `type` is FIX 4.4's name of the data type (or `TEXT`), `values` maps
    each allowed value to its meaning and is empty where any value of the type will do."""

    def __init__(self, tag: int, name: str, type_: str, values: dict[str, str]) -> None:
        self.tag = tag
        self.name = name
        self.type = type_
        self.values = values


class Member:
    """A field's place in a message, header, trailer or group. `members` are those of one entry of
    the repeating group that this field counts, delimiter first; it is empty for other fields."""

    def __init__(self, field: Field, presence: str, members: list[Member]) -> None:
        self.field = field
        self.presence = presence
        self.members = members


class MessageType:
    """A message of the dialect, without header and trailer. `from_client` says whether the venue
    takes it; `admin` whether it belongs to the session layer; `application` in which sessions it
    has a place. `lone_tag` is the member of a group of one field that may stand for a group of one
    entry, without its counter; `roaming_tag` the counter of a group that may also stand among the
    entries of another one. 0 where there is none."""

    def __init__(
        self,
        msg_type: bytes,
        name: str,
        members: list[Member],
        *,
        admin: bool,
        from_client: bool,
        application: int,
        lone_tag: int,
        roaming_tag: int,
    ) -> None:
        self.msg_type = msg_type
        self.name = name
        self.members = members
        self.admin = admin
        self.from_client = from_client
        self.application = application
        self.lone_tag = lone_tag
        self.roaming_tag = roaming_tag

    def has_place_in(self, application: int) -> bool:
        """Whether sessions of that kind know the message."""
        return self.application == ANY_SESSION or self.application == application


_GROUP_ROWS: Final[dict[str, list[tuple[str, str]]]] = {
    "NoAllocs": [("AllocAccount", "Y")],
    "NoMiscFees": [
        ("MiscFeeAmt", "Y"),
        ("MiscFeeCurr", "N"),
        ("MiscFeeType", "N"),
        ("MiscFeeBasis", "N"),
    ],
    "NoMDEntryTypes": [("MDEntryType", "Y")],
    "NoMDEntries": INCREMENTAL_ENTRY_ROWS,
    "NoRelatedSym": LISTED_INSTRUMENT_ROWS,
}

# Groups that have other members in one message.
_GROUP_ROWS_OF: Final[dict[bytes, dict[str, list[tuple[str, str]]]]] = {
    b"V": {"NoRelatedSym": REQUESTED_SYMBOL_ROWS},
    b"W": {"NoMDEntries": SNAPSHOT_ENTRY_ROWS},
}

# Some clients of a MarketDataRequest send a Symbol without NoRelatedSym, and some have that group
# within the one of MDEntryType, as the dialect's list of fields can be read.
_LONE_MEMBERS: Final[dict[bytes, str]] = {b"V": "Symbol"}
_ROAMING_GROUPS: Final[dict[bytes, str]] = {b"V": "NoRelatedSym"}

_FROM_VENUE: Final = (b"8", b"W", b"X", b"Y", b"y", b"h")

_HEADER_ROWS: Final[list[tuple[str, str]]] = [
    ("BeginString", "Y"),
    ("BodyLength", "Y"),
    ("MsgType", "Y"),
    ("MsgSeqNum", "Y"),
    ("SenderCompID", "Y"),
    ("TargetCompID", "Y"),
    ("SendingTime", "Y"),
    ("PossDupFlag", "N"),
    ("OrigSendingTime", "C"),
    ("SenderSubID", "N"),
    ("PossResend", "N"),
]

# What the dialect has no use for. On a drop copy, whose page allows for FIX 4.4's whole header and
# Logon, a client may say it, and it counts for nothing: the rest of the header (627 counts a group
# of 628 to 630), of the Logon (384 counts one of 372 and 385), and the ranges of the Logon's custom
# fields.
IDLE_HEADER_TAGS: Final = frozenset(
    (57, 90, 91, 115, 116, 128, 129, 142, 143, 144, 145, 212, 213, 347, 369, 627, 628, 629, 630)
)
IDLE_LOGON_TAGS: Final = frozenset((95, 96, 372, 383, 384, 385, 464, 789))
IDLE_LOGON_RANGES: Final = ((5_000, 5_099), (9_000, 9_999))

_TRAILER_ROWS: Final[list[tuple[str, str]]] = [("CheckSum", "Y")]

# The session layer. RefMsgType (372) is conditional: where the type itself is what could not be
# read there is none to name, and no client's Reject shall be refused for lacking it.
_ADMIN_ROWS: Final[list[tuple[bytes, list[tuple[str, str]]]]] = [
    (b"0", [("TestReqID", "C")]),
    (b"1", [("TestReqID", "Y")]),
    (b"2", [("BeginSeqNo", "Y"), ("EndSeqNo", "Y")]),
    (
        b"3",
        [
            ("RefSeqNum", "Y"),
            ("RefTagID", "C"),
            ("RefMsgType", "C"),
            ("SessionRejectReason", "N"),
            ("Text", "N"),
        ],
    ),
    (b"4", [("NewSeqNo", "Y"), ("GapFillFlag", "N")]),
    (b"5", [("Text", "N")]),
    (
        b"A",
        [
            ("EncryptMethod", "Y"),
            ("HeartBtInt", "Y"),
            ("ClientID", "N"),
            ("ResetSeqNumFlag", "N"),
            ("Username", "C"),
            ("Password", "C"),
            ("Nonce", "C"),
            ("CancelOrdersOnDisconnect", "N"),
            ("ForceResetClOrdID", "N"),
            ("Rebased", "N"),
        ],
    ),
]

_APPLICATION_ROWS: Final[list[tuple[bytes, list[tuple[str, str]]]]] = [
    (
        b"D",
        [
            ("ClOrdID", "Y"),
            ("Symbol", "Y"),
            ("Side", "Y"),
            ("OrdType", "Y"),
            ("OrderQty", "Y"),
            ("Price", "C"),
            ("StopPx", "C"),
            ("TimeInForce", "Y"),
            ("TransactTime", "Y"),
            ("ExpireTime", "C"),
            ("EffectiveTime", "N"),
            ("ExecInst", "C"),
            ("DisplayQty", "N"),
            ("DiscretionInst", "N"),
            ("Leverage", "N"),
            ("SelfTradePrevention", "N"),
            ("NoAllocs", "C"),
            ("ValidUntilTime", "N"),
        ],
    ),
    (
        b"F",
        [
            ("ClOrdID", "Y"),
            ("OrderID", "C"),
            ("OrigClOrdID", "C"),
            ("Side", "Y"),
            ("Symbol", "Y"),
            ("TransactTime", "Y"),
        ],
    ),
    (
        b"G",
        [
            ("ClOrdID", "Y"),
            ("OrderID", "Y"),
            ("OrigClOrdID", "Y"),
            ("Side", "Y"),
            ("Symbol", "Y"),
            ("OrdType", "Y"),
            ("TimeInForce", "Y"),
            ("TransactTime", "Y"),
            ("OrderQty", "Y"),
            ("Price", "C"),
            ("StopPx", "C"),
            ("DisplayQty", "N"),
            ("ExecInst", "N"),
            ("ValidUntilTime", "N"),
        ],
    ),
    (
        b"q",
        [
            ("ClOrdID", "Y"),
            ("MassCancelRequestType", "Y"),
            ("Symbol", "C"),
            ("TransactTime", "Y"),
        ],
    ),
    (b"H", [("ClOrdID", "Y"), ("OrderID", "Y"), ("Symbol", "Y")]),
    (
        b"8",
        [
            ("AvgPx", "Y"),
            ("ClOrdID", "Y"),
            ("CumQty", "Y"),
            ("ExecID", "Y"),
            ("ExecInst", "N"),
            ("LastPx", "C"),
            ("LastQty", "C"),
            ("OrderID", "Y"),
            ("OrigClOrdID", "C"),
            ("Symbol", "Y"),
            ("Side", "Y"),
            ("OrdType", "Y"),
            ("Price", "C"),
            ("StopPx", "C"),
            ("TimeInForce", "Y"),
            ("OrderQty", "Y"),
            ("OrdStatus", "Y"),
            ("Text", "N"),
            ("TransactTime", "Y"),
            ("NoAllocs", "C"),
            ("NetMoney", "C"),
            ("NoMiscFees", "C"),
            ("ExecType", "Y"),
            ("LeavesQty", "Y"),
            ("ExecRestatementReason", "C"),
            ("GrossTradeAmt", "N"),
            ("SecondaryExecID", "C"),
            ("TradeID", "C"),
            ("TriggerPrice", "C"),
            ("DisplayQty", "C"),
            ("LiquidityInd", "C"),
        ],
    ),
    (
        # BusinessRejectRefID (379) is conditional: a message of an unsupported type may have none.
        b"j",
        [
            ("RefSeqNum", "Y"),
            ("RefMsgType", "Y"),
            ("BusinessRejectRefID", "C"),
            ("BusinessRejectReason", "Y"),
            ("Text", "N"),
        ],
    ),
]

FIELDS: Final[dict[int, Field]] = {
    row[0]: Field(row[0], row[1], row[2], row[3]) for row in FIELD_ROWS
}

_BY_NAME: Final[dict[str, Field]] = {field.name: field for field in FIELDS.values()}

_HOLES: Final = frozenset(FIX44_TAG_HOLES)


def _members(rows: list[tuple[str, str]], msg_type: bytes) -> list[Member]:
    own_groups = _GROUP_ROWS_OF.get(msg_type, {})
    members: list[Member] = []
    for name, presence in rows:
        group = own_groups.get(name, _GROUP_ROWS.get(name, []))
        members.append(Member(_BY_NAME[name], presence, _members(group, msg_type)))
    return members


def _messages() -> dict[bytes, MessageType]:
    messages: dict[bytes, MessageType] = {}
    for application, table in (
        (ANY_SESSION, _ADMIN_ROWS),
        (TRADING, _APPLICATION_ROWS),
        (MARKET_DATA, MARKET_DATA_ROWS),
    ):
        for msg_type, rows in table:
            lone = _LONE_MEMBERS.get(msg_type)
            roaming = _ROAMING_GROUPS.get(msg_type)
            messages[msg_type] = MessageType(
                msg_type,
                FIX44_MSG_TYPES[msg_type],
                _members(rows, msg_type),
                admin=application == ANY_SESSION,
                # A client has no execution to report. Its business rejects are taken (and never
                # answered, lest two sides refuse each other's refusals for ever).
                from_client=msg_type not in _FROM_VENUE,
                application=ANY_SESSION if msg_type == b"j" else application,
                lone_tag=_BY_NAME[lone].tag if lone is not None else 0,
                roaming_tag=_BY_NAME[roaming].tag if roaming is not None else 0,
            )
    return messages


HEADER: Final[list[Member]] = _members(_HEADER_ROWS, b"")
TRAILER: Final[list[Member]] = _members(_TRAILER_ROWS, b"")
MESSAGES: Final[dict[bytes, MessageType]] = _messages()


def is_fix44_tag(tag: int) -> bool:
    """Whether FIX 4.4 defines the tag at all, in whatever message: 1 to 956 with 44 holes."""
    return 1 <= tag <= FIX44_TAG_MAX and tag not in _HOLES


def is_fix44_type(msg_type: bytes) -> bool:
    """Whether FIX 4.4 has this MsgType (35). Others are refused by SessionRejectReason 11."""
    return msg_type in FIX44_MSG_TYPES


def is_supported_type(msg_type: bytes, application: int = TRADING) -> bool:
    """Whether the venue takes this MsgType (35) from a client in a session of that kind. The rest
    of FIX 4.4's types are refused by BusinessRejectReason 3."""
    message = MESSAGES.get(msg_type)
    return message is not None and message.from_client and message.has_place_in(application)


def field_name(tag: int) -> str:
    """The field's name in the dialect, empty for other fields."""
    field = FIELDS.get(tag)
    return field.name if field is not None else ""


def message_name(msg_type: bytes) -> str:
    """The message type's name in FIX 4.4, empty where it has none."""
    return FIX44_MSG_TYPES.get(msg_type, "")


def meaning(tag: int, value: str) -> str:
    """What a listed value means, empty where it is not listed. Multiple values give their
    meanings joined by commas; RefTagID and RefMsgType give the name they refer to."""
    field = FIELDS.get(tag)
    if field is None:
        return ""
    if field.name in ("MsgType", "RefMsgType"):
        return message_name(value.encode(errors="replace"))
    if field.name == "RefTagID":
        plain = value.isascii() and value.isdigit() and len(value) < 6
        return field_name(int(value)) if plain else ""
    if field.type == "MULTIPLEVALUESTRING":
        return ", ".join(field.values.get(part, "unknown") for part in value.split(" "))
    return field.values.get(value, "")
