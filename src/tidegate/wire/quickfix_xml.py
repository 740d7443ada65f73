"""The dialect as a QuickFIX data dictionary, for firms whose engine is one of that family."""

from __future__ import annotations

from typing import Final

from tidegate.wire.dictionary import (
    FIELDS,
    HEADER,
    MESSAGES,
    REQUIRED,
    TRAILER,
    Field,
    Member,
)

# Types that QuickFIX does not know by our name. Its INT has 32 bits with the sign, and one field is
# of one type, so times of market data that may have a date are texts.
_TYPES: Final[dict[str, str]] = {"TEXT": "STRING", "UINT32": "STRING", "MDTIME": "UTCTIMEONLY"}
_TYPES_WITH_DATES: Final[dict[str, str]] = {**_TYPES, "MDTIME": "STRING"}

_ESCAPES: Final[list[tuple[str, str]]] = [("&", "&amp;"), ("<", "&lt;"), ("'", "&apos;")]


def quickfix_dictionary(*, l3_timestamps: bool = False) -> str:
    """The whole dictionary as XML that QuickFIX, QuickFIX/J and QuickFIX/n load. It fits both
    directions, so a field that only one side must send is optional in it, and so is one that is
    required by the value of another. With `l3_timestamps` it also fits a venue that writes
    MDEntryTime (273) of single orders as date and time."""
    types = _TYPES_WITH_DATES if l3_timestamps else _TYPES
    lines = ["<fix type='FIX' major='4' minor='4' servicepack='0'>", " <header>"]
    _write_members(lines, HEADER, 2)
    lines += [" </header>", " <messages>"]
    for message in MESSAGES.values():
        category = "admin" if message.admin else "app"
        opening = f"name='{message.name}' msgtype='{message.msg_type.decode()}'"
        lines.append(f"  <message {opening} msgcat='{category}'>")
        _write_members(lines, message.members, 3)
        lines.append("  </message>")
    lines += [" </messages>", " <trailer>"]
    _write_members(lines, TRAILER, 2)
    lines += [" </trailer>", " <components/>", " <fields>"]
    for tag in sorted(FIELDS):
        _write_field(lines, FIELDS[tag], types)
    lines += [" </fields>", "</fix>", ""]
    return "\n".join(lines)


def _write_members(lines: list[str], members: list[Member], depth: int) -> None:
    indent = " " * depth
    for member in members:
        required = "Y" if member.presence == REQUIRED else "N"
        attributes = f"name='{member.field.name}' required='{required}'"
        if not member.members:
            lines.append(f"{indent}<field {attributes}/>")
            continue
        lines.append(f"{indent}<group {attributes}>")
        _write_members(lines, member.members, depth + 1)
        lines.append(f"{indent}</group>")


def _write_field(lines: list[str], field: Field, types: dict[str, str]) -> None:
    type_ = types.get(field.type, field.type)
    values = field.values
    if field.name == "MsgType":
        values = {message.msg_type.decode(): message.name for message in MESSAGES.values()}
    opening = f"  <field number='{field.tag}' name='{field.name}' type='{type_}'"
    if not values:
        lines.append(f"{opening}/>")
        return
    lines.append(f"{opening}>")
    for value, meaning in values.items():
        lines.append(f"   <value enum='{_escaped(value)}' description='{_constant(meaning)}'/>")
    lines.append("  </field>")


def _constant(meaning: str) -> str:
    """A meaning as QuickFIX's code generators want it: `STOP_LOSS`."""
    return _escaped(meaning.replace(" ", "_").upper())


def _escaped(text: str) -> str:
    for character, entity in _ESCAPES:
        text = text.replace(character, entity)
    return text
