"""FIX text for people: what `tidegate decode` shows.

Takes what a log, a mail or a terminal gives: frames with SOH, `|`, `^A` or another mark between the
fields, log text before `8=FIX` and behind the checksum. Names and meanings come from the
dictionary. Nothing here raises, whatever the input, and no credential comes out.
"""

from __future__ import annotations

from typing import Final

from tidegate.wire.dictionary import FIELDS, MESSAGES, Member, field_name, meaning, message_name
from tidegate.wire.framing import byte_sum

HIDDEN: Final = "(hidden)"
_SECRET_TAGS: Final = (553, 554, 5025)
_SECRET_NUMBERS: Final = (b"553", b"554", b"5025")
_SECRET_TEXTS: Final = (b"553=", b"554=", b"5025=")
_BEGIN: Final = b"8=FIX"
_BEGIN_CHARACTERS: Final = b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BEGIN_BYTES_MAX: Final = 16
_SEPARATOR_BYTES_MAX: Final = 8
_KNOWN_SEPARATORS: Final = (b"\x01", b"|", b"^A")
_PREFIX_CHARACTERS_MAX: Final = 200
_DIGITS: Final = b"0123456789"


class ExplainedField:
    """One field. `tag` is 0 where the piece is no `tag=value`; `name` and `meaning` are empty where
    the dictionary has none; `depth` is 1 within a repeating group; `note` says what is wrong."""

    def __init__(self, *, tag: int, name: str, value: str, meaning: str, depth: int) -> None:
        self.tag = tag
        self.name = name
        self.value = value
        self.meaning = meaning
        self.depth = depth
        self.note = ""


class ExplainedMessage:
    """One message. `prefix` is the log text before it on its line. Lengths and sums are -1 where
    they are not stated (or no numbers)."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.msg_type = ""
        self.name = ""
        self.fields: list[ExplainedField] = []
        self.body_length_stated = -1
        self.body_length_computed = -1
        self.check_sum_stated = -1
        self.check_sum_computed = -1
        self.faults: list[str] = []  # what is wrong with the frame, in words


def explain(data: bytes) -> list[ExplainedMessage]:
    """The messages found in any bytes, in order; none where there is no `8=FIX`. Linear in the
    bytes given."""
    messages: list[ExplainedMessage] = []
    behind = 0  # where the message before ended
    start = _next_start(data, 0)
    while start >= 0:
        following = _next_start(data, start + len(_BEGIN))
        limit = following if following >= 0 else len(data)
        separator = _separator(data, start, limit)
        end = _message_end(data, start, limit, separator)
        line_start = data.rfind(b"\n", behind, start) + 1
        message = ExplainedMessage(_prefix(data[max(behind, line_start) : start]))
        _fill(message, data[start:end], separator)
        messages.append(message)
        behind = end
        start = following
    return messages


def render_text(messages: list[ExplainedMessage]) -> str:
    """Plain lines, the columns of one message under each other, an empty line between messages."""
    blocks: list[str] = []
    for message in messages:
        title = f"{message.name} ({message.msg_type})" if message.name else message.msg_type
        lines = [message.prefix] if message.prefix else []
        lines.append(title or "no MsgType (35)")
        tag_width = max([len(str(f.tag)) + 2 * f.depth for f in message.fields], default=0)
        name_width = max([len(f.name) for f in message.fields], default=0)
        value_width = max([len(f.value) for f in message.fields if f.meaning or f.note], default=0)
        for field in message.fields:
            tag = "  " * field.depth + (str(field.tag) if field.tag else "?")
            line = f"  {tag:<{tag_width}}  {field.name:<{name_width}}  {field.value:<{value_width}}"
            if field.meaning:
                line += f"  {field.meaning}"
            if field.note:
                line += f"  <-- {field.note}"
            lines.append(line.rstrip())
        lines += [f"  ! {fault}" for fault in message.faults]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _next_start(data: bytes, position: int) -> int:
    """The next `8=FIX` that starts a message, -1 where there is none."""
    while True:
        found = data.find(_BEGIN, position)
        if found < 0 or not _is_inside_field(data, found):
            return found
        position = found + 1


def _is_inside_field(data: bytes, at: int) -> bool:
    """Whether an `8=FIX` is the end of a tag (`108=FIX`) or a value (`58=8=FIX`). A log's own
    `message=8=FIX` is neither: before its `=` stands no number."""
    if at == 0:
        return False
    before = data[at - 1]
    if before in _DIGITS:
        return True
    return before == 61 and at > 1 and data[at - 2] in _DIGITS


def _separator(data: bytes, start: int, limit: int) -> bytes:
    """What stands between the fields: what is between BeginString and `9=`. Where BodyLength does
    not follow, a known separator that does. Empty where none is found."""
    position = start + len(_BEGIN)
    while position < min(limit, start + _BEGIN_BYTES_MAX) and data[position] in _BEGIN_CHARACTERS:
        position += 1
    behind = data[position : min(limit, position + _SEPARATOR_BYTES_MAX + 2)]
    at = behind.find(b"9=")
    if at > 0 and b"\n" not in behind[:at]:
        return behind[:at]
    for known in _KNOWN_SEPARATORS:
        if behind.startswith(known):
            return known
    return b""


def _message_end(data: bytes, start: int, limit: int, separator: bytes) -> int:
    """Behind the separator that ends CheckSum; where there is no CheckSum, at the end of the line.
    With another separator than SOH a message stays on its line."""
    line_end = data.find(b"\n", start, limit)
    if line_end < 0:
        line_end = limit
    if not separator:
        return line_end
    reach = limit if separator == b"\x01" else line_end
    trailer = data.find(separator + b"10=", start, reach)
    if trailer < 0:
        return line_end
    value = trailer + len(separator) + 3
    end = value
    while end < reach and end < value + 3 and data[end] in _DIGITS:
        end += 1
    if data.startswith(separator, end):
        return end + len(separator)
    # The last separator is often lost by those who copy; one that was cut (`| ` to `|`) too.
    stripped = separator.strip()
    if stripped and data.startswith(stripped, end):
        return end + len(stripped)
    return end


def _fill(message: ExplainedMessage, text: bytes, separator: bytes) -> None:
    """Fields, names, depths, and the two checks of the frame."""
    pieces = text.split(separator) if separator else [text]
    last = pieces.pop().rstrip(b"\r\n")
    mark = separator.strip()
    if mark and last.endswith(mark):
        last = last[: -len(mark)]
    if last:
        pieces.append(last)
    inside: list[Member] = []
    for piece in pieces:
        field = _field(piece, message.fields[-1] if message.fields else None)
        if field.tag == 35 and not message.msg_type:
            message.msg_type = field.value
            message.name = message_name(field.value.encode(errors="replace"))
        if not _is_member(inside, field.tag):
            inside = _members_of(message.msg_type, field.tag)
        else:
            field.depth = 1
        message.fields.append(field)
    if not separator:
        message.faults.append("no separator between the fields is recognised")
    _check_frame(message, pieces)


def _field(piece: bytes, before: ExplainedField | None) -> ExplainedField:
    tag_text, equals, value = piece.partition(b"=")
    if not equals or not tag_text.isdigit() or len(tag_text) > 9:
        shown = _shown(piece)
        for secret in _SECRET_NUMBERS:
            if secret in piece:
                shown = HIDDEN
        if before is not None and before.value == HIDDEN:
            shown = HIDDEN  # the rest of a credential that holds the separator
        field = ExplainedField(tag=0, name="", value=shown, meaning="", depth=0)
        field.note = "not a field"
        return field
    tag = int(tag_text)
    shown = HIDDEN if tag in _SECRET_TAGS else _shown(value)
    meant = "" if shown == HIDDEN else meaning(tag, shown)
    field = ExplainedField(tag=tag, name=field_name(tag), value=shown, meaning=meant, depth=0)
    known = FIELDS.get(tag)
    if not value:
        field.note = "no value"
    elif known is not None and known.values and not meant and known.type != "NUMINGROUP":
        field.note = "value not listed"
    return field


def _is_member(members: list[Member], tag: int) -> bool:
    return tag in [member.field.tag for member in members]


def _members_of(msg_type: str, tag: int) -> list[Member]:
    """The members of the group that the tag counts in that message, none where it counts none."""
    message = MESSAGES.get(msg_type.encode(errors="replace"))
    if message is not None:
        for member in message.members:
            if member.field.tag == tag:
                return member.members
    return []


def _check_frame(message: ExplainedMessage, pieces: list[bytes]) -> None:
    """BodyLength and CheckSum, as if the separator had been SOH."""
    fields = message.fields
    frame = b"\x01".join(pieces) + b"\x01"
    has_sum = len(fields) > 0 and fields[-1].tag == 10
    summed = len(frame) - (len(pieces[-1]) + 1 if has_sum else 0)
    if len(fields) > 1 and fields[1].tag == 9:
        stated = pieces[1].partition(b"=")[2]
        message.body_length_stated = _number(stated)
        message.body_length_computed = summed - len(pieces[0]) - len(pieces[1]) - 2
        if message.body_length_stated != message.body_length_computed:
            fields[1].note = f"bad: computed {message.body_length_computed}"
            message.faults.append(
                f"BodyLength says {_shown(stated)}, counted are {message.body_length_computed}"
            )
    else:
        message.faults.append("BodyLength (9) is not the second field")
    if not has_sum:
        message.faults.append("no CheckSum (10): the message is cut short")
        return
    stated = pieces[-1].partition(b"=")[2]
    message.check_sum_stated = _number(stated) if len(stated) == 3 else -1
    message.check_sum_computed = byte_sum(frame, 0, summed)
    if message.check_sum_stated != message.check_sum_computed:
        fields[-1].note = f"bad: computed {message.check_sum_computed:03d}"
        message.faults.append(
            f"CheckSum says {_shown(stated)}, computed is {message.check_sum_computed:03d}"
        )


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= 9 else -1


def _prefix(text: bytes) -> str:
    return _shown(text.strip())[-_PREFIX_CHARACTERS_MAX:]  # cut last, lest it cuts a tag away


def _shown(value: bytes) -> str:
    """A value that a terminal can take: control characters escaped. What may hold a credential
    (fields run together, a stray separator) is hidden whole."""
    for secret in _SECRET_TEXTS:
        if secret in value:
            return HIDDEN
    text = value.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else f"\\x{ord(c):02x}" for c in text])
