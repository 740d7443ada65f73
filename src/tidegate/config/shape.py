"""Names, types and ranges of a parsed file against the schema: every mistake, not the first.

`msgspec` converts a tree in one go and stops at its first error, so the tree is walked here and
`msgspec` judges the leaves. What has a mistake is left out of the tree that comes back (or, inside
a list, replaced, so that indices stay right), and the remaining rules see a default in its place.
"""

from __future__ import annotations

import datetime
import json
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from tidegate.config.lines import KeyPath
from tidegate.config.problems import Findings, suggestion
from tidegate.config.schema import TABLES

Tree = dict[str, Any]


def walk_table(table: type[Struct], value: object, path: KeyPath, findings: Findings) -> Tree:
    """The part of `value` that fits `table`; mistakes go to `findings`."""
    if not isinstance(value, dict):
        findings.add(path, f"{_name(path)} must be a table, not {_shown(value)}")
        return {}
    fields = {field.name: field for field in msgspec.structs.fields(table)}
    for key in value:
        if key not in fields:
            findings.add((*path, key), _unknown_key(key, list(fields), path))
    fitting: Tree = {}
    for name, field in fields.items():
        place = (*path, name)
        if name in value:
            good, part = _walk_value(field.type, value[name], place, findings)
            if good:
                fitting[name] = part
        elif _extra(field.type, "required"):
            findings.add(place, f"{name} is missing")
    return fitting


def _walk_value(
    annotation: Any, value: object, path: KeyPath, findings: Findings
) -> tuple[bool, object]:
    """Whether `value` can be used, and what of it."""
    kind = _bare(annotation)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return isinstance(value, dict), walk_table(kind, value, path, findings)
    if get_origin(kind) is list:
        return _walk_list(get_args(kind)[0], value, path, findings)
    if get_origin(kind) is dict:
        return _walk_dict(get_args(kind)[1], value, path, findings)
    if isinstance(value, datetime.time) and _extra(annotation, "time_of_day"):
        value = value.isoformat()
    try:
        return True, msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        shown = "" if _extra(annotation, "secret") else f", not {_shown(value)}"
        findings.add(path, f"{_name(path)} must be {wanted(annotation)}{shown}")
        return False, None


def _walk_list(item: Any, value: object, path: KeyPath, findings: Findings) -> tuple[bool, object]:
    of_tables = isinstance(item, type) and issubclass(item, Struct)
    if not isinstance(value, list):
        form = f"written as [[{_header(path)}]]" if of_tables else "a list"
        findings.add(path, f"{_name(path)} must be {form}, not {_shown(value)}")
        return False, None
    parts: list[object] = []
    for index, element in enumerate(value):
        good, part = _walk_value(item, element, (*path, index), findings)
        parts.append(part if good or of_tables else "")
    return True, parts


def _walk_dict(item: Any, value: object, path: KeyPath, findings: Findings) -> tuple[bool, object]:
    if not isinstance(value, dict):
        findings.add(path, f"{_name(path)} must be a table, not {_shown(value)}")
        return False, None
    parts: Tree = {}
    for key, element in value.items():
        good, part = _walk_value(item, element, (*path, key), findings)
        if good:
            parts[key] = part
    return True, parts


def wanted(annotation: Any) -> str:
    """What a field takes, in words: `a whole number from 5 to 300`."""
    description = next((meta.description for meta in _metas(annotation) if meta.description), None)
    if description is not None:
        return description
    kind = _bare(annotation)
    if kind is int:
        low = next((meta.ge for meta in _metas(annotation) if meta.ge is not None), None)
        high = next((meta.le for meta in _metas(annotation) if meta.le is not None), None)
        return f"a whole number from {low} to {high}"
    if kind is bool:
        return "true or false"
    if get_origin(kind) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(kind))
    return "a text in quotes"


def _unknown_key(key: str, known: list[str], path: KeyPath) -> str:
    rule = f"{key} is not a known key"
    near = suggestion(key, known)
    if near or not path:
        return rule + near
    homes = [
        header
        for header, table in TABLES.items()
        if key in {field.name for field in msgspec.structs.fields(table)}
    ]
    return f"{rule} here; it belongs in {' or '.join(homes)}" if homes else rule


def _bare(annotation: Any) -> Any:
    """The type behind `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        (kind,) = (part for part in get_args(annotation) if part is not NoneType)
        return _bare(kind)
    return annotation


def _metas(annotation: Any) -> list[Meta]:
    if get_origin(annotation) is Annotated:
        kind, *metas = get_args(annotation)
        return [meta for meta in metas if isinstance(meta, Meta)] + _metas(kind)
    if get_origin(annotation) in (Union, UnionType):
        return [meta for part in get_args(annotation) for meta in _metas(part)]
    return []


def _extra(annotation: Any, mark: str) -> bool:
    return any(meta.extra is not None and mark in meta.extra for meta in _metas(annotation))


def _name(path: KeyPath) -> str:
    """The last key of `path`, with the index behind it if there is one: `networks[1]`."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"{_name(path[:-1])}[{path[-1]}]"
    return path[-1]


def _header(path: KeyPath) -> str:
    return ".".join(step for step in path if isinstance(step, str))


def _shown(value: object) -> str:
    """A value as TOML has it, cut to a length that fits a message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
