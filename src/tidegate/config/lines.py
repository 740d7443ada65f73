"""Where in a TOML text a key stands.

The standard library's parser gives values without positions. This is a second, smaller pass over a
text which that parser has already accepted: it understands just enough of TOML to walk past every
value, and notes the line of each key, table and array element on the way.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import Final

KeyPath = tuple[str | int, ...]
"""Keys and array indices from the root: `("firm", 0, "session", 1, "networks")`."""

_BLANK: Final = re.compile(r"[ \t\r]*")
_BLANK_LINES: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[^\s=.\[\]{}",#\']+')
_TEXT: Final = re.compile(
    # Long forms first. A long text may end in one or two quotes of its own, hence 3 to 5 of them.
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE: Final = re.compile(r"[^,\[\]{}#\n]+")


class _UnreadableError(Exception):
    """A form this pass does not know; positions found until then stay good."""


class Lines:
    """The line of every key of a TOML text, counted from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._table_counts: dict[KeyPath, int] = {}
        try:
            self._scan()
        except (_UnreadableError, RecursionError):
            # A line number is a courtesy: a wrong guess would be worse than a coarser one.
            return

    def given(self, path: KeyPath) -> bool:
        """Whether the text itself names `path`, as opposed to a default taking its place."""
        return path in self._lines

    def line(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest table or array around it, or else 1."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1

    def paths(self) -> list[KeyPath]:
        """Every path found, in the order of the text."""
        return list(self._lines)

    def _scan(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_BLANK_LINES)
            if self._position == len(self._text):
                return
            if self._take("[["):
                table = self._array_table()
            elif self._take("["):
                table = self._table()
            else:
                self._pair(table)

    def _array_table(self) -> KeyPath:
        line = self._line_here()
        keys = self._dotted_key()
        self._require("]]")
        array = (*self._open_tables(keys[:-1], line), keys[-1])
        index = self._table_counts.get(array, 0)
        self._table_counts[array] = index + 1
        self._lines.setdefault(array, line)
        self._lines[(*array, index)] = line
        return (*array, index)

    def _table(self) -> KeyPath:
        line = self._line_here()
        keys = self._dotted_key()
        self._require("]")
        path = self._open_tables(keys, line)
        # A header of its own says more than an earlier `[a.b]` which only implied `a`.
        self._lines[path] = line
        return path

    def _open_tables(self, keys: list[str], line: int) -> KeyPath:
        """The path of `keys`, where an array of tables stands for its last element so far."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            self._lines.setdefault(path, line)
            if path in self._table_counts:
                path = (*path, self._table_counts[path] - 1)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line_here()
        path = table
        for key in self._dotted_key():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._require("=")
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        else:
            pattern = _TEXT if self._text[self._position : self._position + 1] in "\"'" else _BARE
            match = pattern.match(self._text, self._position)
            if match is None:
                raise _UnreadableError
            self._position = match.end()

    def _array(self, path: KeyPath) -> None:
        index = 0
        while True:
            self._skip(_BLANK_LINES)
            if self._take("]"):
                return
            self._lines[(*path, index)] = self._line_here()
            self._value((*path, index))
            index += 1
            self._skip(_BLANK_LINES)
            self._take(",")

    def _inline_table(self, path: KeyPath) -> None:
        while True:
            self._skip(_BLANK_LINES)
            if self._take("}"):
                return
            self._pair(path)
            self._skip(_BLANK_LINES)
            self._take(",")

    def _dotted_key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_BLANK)
            match = _KEY.match(self._text, self._position)
            if match is None:
                raise _UnreadableError
            self._position = match.end()
            keys.append(_plain_key(match.group()))
            self._skip(_BLANK)
            if not self._take("."):
                return keys

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._position)
        if match is not None:
            self._position = match.end()

    def _take(self, token: str) -> bool:
        if self._text.startswith(token, self._position):
            self._position += len(token)
            return True
        return False

    def _require(self, token: str) -> None:
        if not self._take(token):
            raise _UnreadableError

    def _line_here(self) -> int:
        return bisect_left(self._newlines, self._position) + 1


def _plain_key(text: str) -> str:
    """A key as it is meant: without quotes, escapes resolved."""
    if text.startswith("'"):
        return text[1:-1]
    if not text.startswith('"'):
        return text
    try:
        return str(tomllib.loads(f"key = {text}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise _UnreadableError from error
