"""What a client process writes down of its session: a file that only grows.

A line is one letter and a message. A request is written before it is sent, a report before it is
acted on, so whatever kills the client, its ledger holds at least all that the world has seen of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SENT = "S"
RECEIVED = "R"
REFUSED = "X"  # a Logout in answer to a Logon: it has no place in the session's numbers
CONNECTED = "C"  # a line is open; no message
ENDED = "E"  # the line is gone; no message


class Entry(NamedTuple):
    kind: str
    raw: bytes


class LedgerWriter:
    """Appends; nothing is kept in the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, raw: bytes = b"") -> None:
        assert b"\n" not in raw
        line = kind.encode() + raw + b"\n"
        assert os.write(self._file, line) == len(line)


class LedgerReader:
    """Reads on from where the last reading ended; a line that is not whole yet waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def more(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield Entry(chr(line[0]), line[1:-1])
