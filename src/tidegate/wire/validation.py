"""A message's fields against the dictionary: the first layer of refusals.

The dictionary becomes one table of bytes per message type, indexed by tag: the tag's *slot* in that
message, 0 where the message has no such field. A pass over the fields then needs a bit per slot to
know duplicates and what is missing, and a second pass judges values. Nothing is allocated unless
there is a fault.

Order of the rules: structure in the order of the frame (order, unknown, duplicate, groups), then
missing fields in the order of the dictionary, then values in the order of the frame. Whether a
field is required by the value of another one is a business rule and not judged here, nor are the
values of BeginString, CompIDs, MsgSeqNum and SendingTime, which belong to the session.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from tidegate.model.build import COMPILED
from tidegate.model.limits import FIELDS_MAX
from tidegate.wire import dictionary, formats
from tidegate.wire.dictionary import (
    DROP_COPY,
    FIELDS,
    HEADER,
    IDLE_HEADER_TAGS,
    IDLE_LOGON_RANGES,
    IDLE_LOGON_TAGS,
    MARKET_DATA,
    MESSAGES,
    REQUIRED,
    TRADING,
    TRAILER,
    Member,
    MessageType,
    field_name,
)
from tidegate.wire.dictionary_fields import REFUSED_BY_REQUESTS
from tidegate.wire.message import (
    FIELD_UNENDED,
    FIELD_WITHOUT_VALUE,
    SCANNED,
    TAG_MALFORMED,
    TOO_MANY_FIELDS,
    Message,
    digits,
)

# SessionRejectReason (373), as far as this file gives them
INVALID_TAG: Final = 0
REQUIRED_TAG_MISSING: Final = 1
TAG_NOT_DEFINED_FOR_MESSAGE: Final = 2
UNDEFINED_TAG: Final = 3
TAG_WITHOUT_VALUE: Final = 4
VALUE_OUT_OF_RANGE: Final = 5
BAD_FORMAT: Final = 6
INVALID_MSG_TYPE: Final = 11
TAG_TWICE: Final = 13
TAG_OUT_OF_ORDER: Final = 14
GROUP_OUT_OF_ORDER: Final = 15
GROUP_COUNT: Final = 16
OTHER: Final = 99

_TEXTS: Final[dict[int, str]] = {
    INVALID_TAG: "Invalid tag number",
    REQUIRED_TAG_MISSING: "Missing mandatory field",
    TAG_NOT_DEFINED_FOR_MESSAGE: "Tag not defined for this message type",
    UNDEFINED_TAG: "Undefined tag",
    TAG_WITHOUT_VALUE: "Tag specified without a value",
    BAD_FORMAT: "Incorrect data format for value",
    TAG_TWICE: "Tag appears more than once",
    TAG_OUT_OF_ORDER: "Tag specified out of required order",
    GROUP_OUT_OF_ORDER: "Repeating group fields out of order",
    GROUP_COUNT: "Incorrect NumInGroup count for repeating group",
}

# How a value is judged
_STRING: Final = 1
_DECIMAL: Final = 2
_CHAR: Final = 3
_TIMESTAMP: Final = 4
_UNSIGNED: Final = 5
_INT: Final = 6
_BOOLEAN: Final = 7
_MULTIPLE: Final = 8
_TEXT: Final = 9
_MD_TIME: Final = 10

_KINDS: Final[dict[str, int]] = {
    "STRING": _STRING,
    "CURRENCY": _STRING,
    "TEXT": _TEXT,
    "CHAR": _CHAR,
    "BOOLEAN": _BOOLEAN,
    "INT": _INT,
    "LENGTH": _UNSIGNED,
    "SEQNUM": _UNSIGNED,
    "NUMINGROUP": _UNSIGNED,
    "PRICE": _DECIMAL,
    "QTY": _DECIMAL,
    "AMT": _DECIMAL,
    "UINT32": _UNSIGNED,
    "UTCTIMESTAMP": _TIMESTAMP,
    "MDTIME": _MD_TIME,
    "MULTIPLEVALUESTRING": _MULTIPLE,
}

_TABLE_TAGS: Final = 10_000  # tags above every one of the dialect's are unknown without a look
_SLOTS_MAX: Final = 62  # slots are bits of one unboxed integer
_ROW: Final = 128  # codes in a row of listed one-character values
_HEADER_SLOT_LAST: Final = 11
_TRAILER_SLOT: Final = 12
_CHECK_SUM: Final = 10
_YES: Final = 89
_NO: Final = 78


# The bit of each slot. A table, because the compiler writes `1 << slot` as a shift of C's 32-bit
# `1`, which is wrong from slot 31 on.
_BITS: Final[vec[i64]] = vec[i64]([2**slot for slot in range(_SLOTS_MAX)])


class Fault:
    """Why a message is refused: SessionRejectReason (373), RefTagID (371; 0 where no tag is to
    blame) and Text (58)."""

    def __init__(self, reason: int, ref_tag: int, text: bytes) -> None:
        self.reason = reason
        self.ref_tag = ref_tag
        self.text = text


class _Layout:
    """One message type as tables. `slots` is indexed by tag, the rest by slot; `required` has a bit
    per slot. Slots from `group_slot_first` on are counters and members of groups; `lone_slot` is
    that of a member that may stand without its counter, whose slot is `lone_counter_slot`;
    `roaming_tag` is the counter of a group that may stand among the entries of another."""

    def __init__(self, *, open_body: bool) -> None:
        self.slots: bytes = b""
        self.kinds: bytes = b""
        self.rows: bytes = b""
        self.tags: list[int] = []
        self.required: i64 = 0
        self.group_slot_first: i64 = _SLOTS_MAX
        self.lone_slot: i64 = 0
        self.lone_counter_slot: i64 = 0
        self.roaming_tag: i64 = 0
        self.groups: list[list[int]] = []  # the counter's tag, then the members' in their order
        self.open_body = open_body  # a type the venue does not know: any body will do
        self.takes_idle = False  # the fields that a drop copy takes and makes nothing of
        self.is_logon = False


def _value_rows() -> tuple[bytes, dict[int, int]]:
    """The listed one-character values of all fields: a row of 128 flags each (their types let no
    other code through), and the row of each tag. Row 0 says that values are not judged here."""
    rows = bytearray(_ROW)
    row_of: dict[int, int] = {}
    for tag, field in FIELDS.items():
        if not field.values or field.name in REFUSED_BY_REQUESTS:
            continue
        row = bytearray(_ROW)
        for value in field.values:
            if len(value) == 1:
                row[ord(value)] = 1
        row_of[tag] = len(rows) // _ROW
        rows += row
    return bytes(rows), row_of


_VALUES: Final[tuple[bytes, dict[int, int]]] = _value_rows()
_ROWS: Final[bytes] = _VALUES[0]
_ROW_OF: Final[dict[int, int]] = _VALUES[1]


def _layout_of(message: MessageType | None) -> _Layout:
    """The tables of a message type; of `None`, those of header and trailer alone."""
    layout = _Layout(open_body=message is None)
    slots = bytearray(_TABLE_TAGS)
    kinds = bytearray(1)
    rows = bytearray(1)
    tags = [0]
    required: i64 = 0
    members = message.members if message is not None else []
    plain = [member for member in members if not member.members]
    grouped = [member for member in members if member.members]
    ordered = [*HEADER, *TRAILER, *plain]
    inner_members: list[Member] = []
    for member in grouped:
        ordered += [member, *member.members]
        inner_members += member.members
        layout.groups.append([member.field.tag, *(inner.field.tag for inner in member.members)])
    for place, member in enumerate(ordered):
        field = member.field
        slot = place + 1
        if grouped and member is grouped[0]:
            layout.group_slot_first = slot
        slots[field.tag] = slot
        kinds.append(_KINDS[field.type])
        rows.append(_ROW_OF.get(field.tag, 0))
        tags.append(field.tag)
        # A group's members are required of its entries, not of the message.
        if member.presence == REQUIRED and member not in inner_members:
            required |= _BITS[slot]
    for member in grouped:
        if message is not None and message.lone_tag == member.members[0].field.tag:
            layout.lone_slot = slots[message.lone_tag]
            layout.lone_counter_slot = slots[member.field.tag]
    layout.roaming_tag = message.roaming_tag if message is not None else 0
    assert len(HEADER) == _HEADER_SLOT_LAST
    assert slots[_CHECK_SUM] == _TRAILER_SLOT
    assert len(ordered) < _SLOTS_MAX
    layout.slots = bytes(slots)
    layout.kinds = bytes(kinds)
    layout.rows = bytes(rows)
    layout.tags = tags
    layout.required = required
    return layout


_UNKNOWN: Final[_Layout] = _layout_of(None)


def _layouts(application: int) -> list[_Layout]:
    """Layouts by the code of a one-character type: all of the dialect's types have one. What has
    no place in a session is unknown there."""
    layouts = [_UNKNOWN] * _ROW
    for msg_type, message in MESSAGES.items():
        assert len(msg_type) == 1
        if message.has_place_in(application):
            layout = _layout_of(message)
            layout.takes_idle = application == DROP_COPY
            layout.is_logon = msg_type == b"A"
            layouts[msg_type[0]] = layout
    return layouts


_TRADING_LAYOUTS: Final[list[_Layout]] = _layouts(TRADING)
_MARKET_DATA_LAYOUTS: Final[list[_Layout]] = _layouts(MARKET_DATA)
_DROP_COPY_LAYOUTS: Final[list[_Layout]] = _layouts(DROP_COPY)


def is_fix44_type(msg_type: bytes) -> bool:
    """Whether FIX 4.4 has this MsgType (35). Others are refused by SessionRejectReason 11."""
    return dictionary.is_fix44_type(msg_type)


def is_supported_type(msg_type: bytes, application: int = TRADING) -> bool:
    """Whether the venue takes this MsgType (35) from a client in a session of that kind. The rest
    of FIX 4.4's types are refused by BusinessRejectReason 3."""
    return dictionary.is_supported_type(msg_type, application)


def check(message: Message, msg_type: bytes, application: int = TRADING) -> Fault | None:
    """The first fault of a framed and scanned message of that type, `None` where there is none.

    Any type of the dialect that has a place in a session of that kind (`TRADING`, `MARKET_DATA`,
    `DROP_COPY`) is judged, whoever sends it. Of another FIX 4.4 type only header and trailer are; a
    type that FIX 4.4 lacks is itself the fault.
    """
    layouts = _TRADING_LAYOUTS
    if application == MARKET_DATA:
        layouts = _MARKET_DATA_LAYOUTS
    elif application == DROP_COPY:
        layouts = _DROP_COPY_LAYOUTS
    code: i64 = _ROW
    if len(msg_type) == 1:
        code = msg_type[0]
    layout = layouts[code] if code < _ROW else _UNKNOWN
    if layout.open_body and not dictionary.is_fix44_type(msg_type):
        return Fault(INVALID_MSG_TYPE, 35, b"Invalid MsgType")
    fault = _structure_fault(message, layout)
    if fault is not None:
        return fault
    return _value_fault(message, layout)


def _structure_fault(message: Message, layout: _Layout) -> Fault | None:
    """Order, unknown and doubled tags, groups, then what is missing."""
    tags = message.tags
    count = message.count
    slots = layout.slots
    bits = _BITS
    group_slot_first = layout.group_slot_first
    preamble = _preamble_fault(message)
    if preamble is not None:
        return preamble
    seen: i64 = 14  # slots 1, 2 and 3: BeginString, BodyLength, MsgType
    in_body = False
    index: i64 = 3
    while index < count:
        tag = tags[index]
        slot: i64 = slots[tag] if tag < _TABLE_TAGS else 0
        if slot == 0:
            if layout.takes_idle and int(tag) in IDLE_HEADER_TAGS:
                if in_body:
                    return _fault(TAG_OUT_OF_ORDER, tag)
            elif layout.open_body or (layout.takes_idle and _is_idle(layout, tag)):
                in_body = True
            else:
                return _unknown_tag(tag)
            index += 1
            continue
        bit = bits[slot]
        if slot >= group_slot_first:
            if slot == layout.lone_slot:
                bit = bits[layout.lone_counter_slot]
            if seen & bit != 0:
                return _fault(TAG_TWICE, tag)
            in_body = True
            seen |= bit
            if slot == layout.lone_slot:
                index += 1
                continue
            entries_end = _group_end(message, layout, index)
            if entries_end < 0:
                return _group_fault(message, entries_end)
            if layout.roaming_tag != 0 and tag != layout.roaming_tag:
                roaming = _roaming_bit(message, layout, index, entries_end)
                if seen & roaming != 0:
                    return _fault(TAG_TWICE, layout.roaming_tag)
                seen |= roaming
            index = entries_end
            continue
        if seen & bit != 0:
            return _fault(TAG_TWICE, tag)
        if slot > _HEADER_SLOT_LAST:
            in_body = True
            if slot == _TRAILER_SLOT and index != count - 1:
                return _fault(TAG_OUT_OF_ORDER, tag)
        elif in_body:
            return _fault(TAG_OUT_OF_ORDER, tag)
        seen |= bit
        index += 1
    missing = layout.required & ~seen
    return _missing_fault(layout, missing) if missing != 0 else None


def _is_idle(layout: _Layout, tag: i64) -> bool:
    """Whether the message may have the field in its body, though nothing is made of it."""
    if not layout.is_logon:
        return False
    number = int(tag)
    custom = [first for first, last in IDLE_LOGON_RANGES if first <= number <= last]
    return number in IDLE_LOGON_TAGS or bool(custom)


def _preamble_fault(message: Message) -> Fault | None:
    """8, 9 and 35 stand first. (Framing has made sure of the first two; FIX calls a frame without
    a third garbled, and the session ignores it before it comes here.)"""
    tags = message.tags
    count = message.count
    if count > 2 and tags[0] == 8 and tags[1] == 9 and tags[2] == 35:
        return None
    for place, tag in enumerate((8, 9, 35)):
        if place >= count or tags[place] != tag:
            missing = message.find(tag) < 0
            return _fault(REQUIRED_TAG_MISSING if missing else TAG_OUT_OF_ORDER, tag)
    return None


# `_group_end` gives a position, or minus one of these times `_PACK` minus the field's index.
_PACK: Final = 1_000


def _group_end(message: Message, layout: _Layout, index: i64) -> i64:
    """The index behind the group whose counter stands at `index`. Every entry starts with the
    group's first field, and the others follow in the dictionary's order. A roaming group, one at a
    time, may stand between them."""
    tags = message.tags
    counter = tags[index]
    members: list[int] = []
    for group in layout.groups:
        if group[0] == counter:
            members = group
    if not members:
        return -(GROUP_OUT_OF_ORDER * _PACK + index)  # a member without its counter before it
    entries: i64 = 0
    place_before = 0
    roamed = False
    position = index + 1
    while position < message.count:
        place = _place(members, tags[position])
        if place == 0:
            if tags[position] != layout.roaming_tag or counter == layout.roaming_tag or roamed:
                break
            position = _group_end(message, layout, position)
            if position < 0:
                return position
            roamed = True
            continue
        roamed = False
        if place == 1:
            entries += 1
        elif entries == 0 or place <= place_before:
            return -(GROUP_OUT_OF_ORDER * _PACK + position)
        place_before = place
        position += 1
    stated = digits(message.data, message.starts[index], message.ends[index])
    if stated >= 0 and stated != entries:  # where it is no number, the value is at fault
        return -(GROUP_COUNT * _PACK + index)
    return position


def _roaming_bit(message: Message, layout: _Layout, start: i64, end: i64) -> i64:
    """The bit of a roaming group's counter where it stands between those two fields, or 0."""
    index = start
    while index < end:
        if message.tags[index] == layout.roaming_tag:
            return _BITS[layout.slots[layout.roaming_tag]]
        index += 1
    return 0


def _place(members: list[int], tag: i64) -> int:
    """The tag's place among a group's members, from 1; 0 where it is not one of them."""
    for place in range(1, len(members)):
        if members[place] == tag:
            return place
    return 0


def _group_fault(message: Message, packed: i64) -> Fault:
    return _fault(int(-packed // _PACK), message.tags[-packed % _PACK])


def _missing_fault(layout: _Layout, missing: i64) -> Fault:
    """The first missing field in the order of the dictionary."""
    slot: i64 = 1
    while missing & _BITS[slot] == 0:
        slot += 1
    return _fault(REQUIRED_TAG_MISSING, layout.tags[slot])


def _unknown_tag(tag: i64) -> Fault:
    defined = dictionary.is_fix44_tag(tag) or int(tag) in FIELDS
    return _fault(TAG_NOT_DEFINED_FOR_MESSAGE if defined else UNDEFINED_TAG, tag)


def _value_fault(message: Message, layout: _Layout) -> Fault | None:
    """The first value that is not of its type or not listed. The trailer's was verified by
    framing, as were those of 8 and 9; that of 35 chose the layout."""
    data = message.data
    tags = message.tags
    starts = message.starts
    ends = message.ends
    slots = layout.slots
    kinds = layout.kinds
    rows = layout.rows
    last = message.count - 1
    index: i64 = 3
    while index < last:
        tag = tags[index]
        slot: i64 = 0
        if tag < _TABLE_TAGS:
            slot = slots[tag]
        if slot != 0:
            row: i64 = rows[slot]
            reason = _judge(data, starts[index], ends[index], kinds[slot], row, tag)
            if reason != 0:
                return _fault(reason, tag)
        index += 1
    return None


def _judge(data: bytes, start: i64, end: i64, kind: i64, row: i64, tag: i64) -> int:
    """0 for a good value, or the reason why it is not."""
    if COMPILED:
        good = _is_typed_bytes(data, start, end, kind)
    else:
        good = _is_typed_searching(data[start:end], kind)
    if not good:
        return BAD_FORMAT
    if row == 0 or kind == _BOOLEAN:
        return 0
    if kind == _MULTIPLE:
        return _judge_multiple(data, start, end, row)
    return _judge_listed(data, start, end, row, tag)


def _is_typed_bytes(data: bytes, start: i64, end: i64, kind: i64) -> bool:
    """Whether a value is of its type: for the compiled core, the commonest types first."""
    if kind == _CHAR:
        return end - start == 1 and formats.string_bytes(data, start, end)
    if kind == _STRING:
        return formats.string_bytes(data, start, end)
    if kind == _DECIMAL:
        return formats.decimal_bytes(data, start, end)
    if kind == _TIMESTAMP:
        return formats.timestamp_bytes(data, start, end)
    if kind == _UNSIGNED:
        return formats.unsigned_bytes(data, start, end)
    if kind == _MULTIPLE:
        return formats.multiple_bytes(data, start, end)
    if kind == _INT:
        return formats.int_bytes(data, start, end)
    if kind == _MD_TIME:
        return formats.time_only_bytes(data, start, end) or formats.timestamp_bytes(
            data, start, end
        )
    if kind == _BOOLEAN:
        return end - start == 1 and (data[start] == _YES or data[start] == _NO)
    return formats.text_bytes(data, start, end)


def _is_typed_searching(text: bytes, kind: i64) -> bool:
    """The same for the interpreted core."""
    if kind == _CHAR:
        return len(text) == 1 and formats.string_searching(text)
    if kind == _STRING:
        return formats.string_searching(text)
    if kind == _DECIMAL:
        return formats.decimal_searching(text)
    if kind == _TIMESTAMP:
        return formats.timestamp_searching(text)
    if kind == _UNSIGNED:
        return formats.unsigned_searching(text)
    if kind == _MULTIPLE:
        return formats.multiple_searching(text)
    if kind == _INT:
        return formats.int_searching(text)
    if kind == _MD_TIME:
        return formats.time_only_searching(text) or formats.timestamp_searching(text)
    if kind == _BOOLEAN:
        return text in (b"Y", b"N")
    return formats.text_searching(text)


def _judge_listed(data: bytes, start: i64, end: i64, row: i64, tag: i64) -> int:
    """A value among those the dictionary lists, letter by letter: `01` is not `1`."""
    if end - start == 1:
        code: i64 = data[start]
        return 0 if _ROWS[row * _ROW + code] == 1 else VALUE_OUT_OF_RANGE
    listed = data[start:end].decode() in FIELDS[tag].values
    return 0 if listed else VALUE_OUT_OF_RANGE


def _judge_multiple(data: bytes, start: i64, end: i64, row: i64) -> int:
    """Listed characters with a space between each two (the form was judged before)."""
    position = start
    while position < end:
        code: i64 = data[position]
        if _ROWS[row * _ROW + code] == 0:
            return VALUE_OUT_OF_RANGE
        position += 2
    return 0


def _named(tag: int) -> str:
    """`Side (54)`, or the bare number of a field that is not the dialect's."""
    name = field_name(tag)
    return f"{name} ({tag})" if name else str(tag)


def _fault(reason: int, tag: i64) -> Fault:
    number = int(tag)
    if reason == VALUE_OUT_OF_RANGE:
        text = f"Invalid value for tag {number}: {field_name(number)}"
    else:
        text = f"{_TEXTS[reason]}: {_named(number)}"
    return Fault(reason, number, text.encode())


def fields_fault(
    message: Message, scan_result: int, msg_type: bytes, application: int
) -> Fault | None:
    """The first fault of a framed message, whatever its scan gave."""
    if scan_result != SCANNED:
        return scan_fault(message, scan_result)
    return check(message, msg_type, application)


def scan_fault(message: Message, scan_result: int) -> Fault:
    """The fault of a frame whose scan stopped (`Message.scan` gave anything but `SCANNED`).
    The text never quotes the frame: what stands where a tag should be may be a secret's rest."""
    tag_text = message.fault_tag
    tag = int(tag_text) if len(tag_text) <= 9 and tag_text.isdigit() else 0
    if scan_result == TAG_MALFORMED:
        return Fault(INVALID_TAG, 0, _TEXTS[INVALID_TAG].encode())
    if scan_result == FIELD_WITHOUT_VALUE:
        return _fault(TAG_WITHOUT_VALUE, tag)
    if scan_result == TOO_MANY_FIELDS:
        return Fault(OTHER, 0, b"Too many fields: more than %d" % FIELDS_MAX)
    assert scan_result == FIELD_UNENDED
    return Fault(BAD_FORMAT, tag, b"Field without a value: no = behind the tag")
