"""What a drop-copy session must not forget, in a small file of its own in the data directory.

A file that can not be read costs redelivery and a moment without logons, and loses nothing. Its
name says whose it is as far as names of files can, and a digest of the CompIDs makes it its own.
"""

from __future__ import annotations

import os
import re
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from zlib import crc32

import msgspec
from msgspec.structs import replace

from tidegate.config.values import SessionId
from tidegate.feeds.dropcopy.holdings import Holdings
from tidegate.feeds.dropcopy.marks import Mark
from tidegate.provision.files import DIRECTORY_MODE, SECRET_FILE_MODE, write_atomically

DIRECTORY: Final = "drop_copy"
FORMAT: Final = 2

_CRC_DIGITS: Final = 8
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9-]")
_READABLE_MAX: Final = 100
_DIGEST_DIGITS: Final = 16
_NS_PER_NUMBER: Final = 1_000


class CopyState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`mark` is what the client has confirmed, None before the first logon; `holdings` say whose
    reports are as of there. Records below `sent` may have been sent to it; while `is_up` so may
    whatever is in the log. Numbers from `reserved` on were never used; the rollover of
    `rollover_ns` begins them anew. `nonces` are the newest by key, `lines` counts logons."""

    format: int = FORMAT
    mark: Mark | None = None
    holdings: Holdings = msgspec.field(default_factory=Holdings)
    sent: int = 0
    is_up: bool = False
    reserved: int = 1
    rollover_ns: int = 0
    lines: int = 0
    nonces: dict[str, int] = {}

    def with_values(self, **values: Any) -> CopyState:
        """Another one, with these in the place of its own."""
        return replace(self, **values)


class StateDamaged(Exception):
    """The file is there and can not be read; the text says where and why."""


class Restored(msgspec.Struct, frozen=True):
    """What a process begins with. `damage` says what is wrong with the file, empty if nothing."""

    state: CopyState
    damage: str


class StateFile:
    """The file of one session. `save` may be called in any thread."""

    def __init__(self, data: Path, session_id: SessionId) -> None:
        readable = _NOT_IN_NAMES.sub("_", "-".join(session_id))[:_READABLE_MAX]
        digest = sha256(" ".join(session_id).encode()).hexdigest()  # CompIDs have no spaces
        self.path = data / DIRECTORY / f"{readable}.{digest[:_DIGEST_DIGITS]}"
        # Names of versions that did not keep all apart.
        self._former = "~".join(quote(comp_id, safe="") for comp_id in session_id)
        self._lock = threading.Lock()
        self._made = 0  # how many contents there were
        self._saved = 0  # which of them the file has

    def load(self) -> CopyState:
        """A fresh one where there is no file. Raises `StateDamaged`."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            if self._former in _names_in(self.path.parent):
                former = self.path.with_name(self._former)
                raise StateDamaged(f"{former} is of an earlier version") from None
            return CopyState()
        except OSError as error:
            raise StateDamaged(f"{self.path} cannot be read: {error.strerror}") from error
        content = data[_CRC_DIGITS:]
        if data[:_CRC_DIGITS] != b"%08x" % crc32(content):
            raise StateDamaged(f"{self.path} is damaged")
        try:
            state = msgspec.json.decode(content, type=CopyState)
        except msgspec.DecodeError as error:
            raise StateDamaged(f"{self.path} is of another version: {error}") from None
        if state.format != FORMAT:
            raise StateDamaged(f"{self.path} has format {state.format}, not {FORMAT}")
        return state

    def restore(
        self, end_sequence: int, time_ns: int, next_rollover_ns: int, wall_ns: int
    ) -> Restored:
        """What is known of the session by a process whose log ends before that record, with the
        venue's time and its next rollover there; `wall_ns` is the machine's time. Where it is not
        known what was sent, all there is may have been."""
        damage = ""
        try:
            state = self.load()
        except StateDamaged as error:
            damage = str(error)
            # As many as there were microseconds: no session has used its numbers up so fast.
            state = CopyState(is_up=True, reserved=wall_ns // _NS_PER_NUMBER)
        if state.is_up:  # the process before was killed
            state.sent = max(state.sent, end_sequence)
            state.is_up = False
        # One that was planned, and is not any more though its time has come, was held meanwhile.
        if 0 < state.rollover_ns <= time_ns and next_rollover_ns > state.rollover_ns:
            state.reserved = 1
        state.rollover_ns = next_rollover_ns
        return Restored(state, damage)

    def content(self, state: CopyState) -> tuple[int, bytes]:
        """What `save` takes: which content it is, and its bytes."""
        self._made += 1
        content = msgspec.json.encode(state)
        return self._made, b"%08x" % crc32(content) + content

    def save(self, number: int, content: bytes) -> None:
        """Put it in its place, durably, unless a later one is there. Raises `OSError`."""
        with self._lock:
            if number > self._saved:
                self.path.parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
                write_atomically(self.path, content, SECRET_FILE_MODE)
                self._saved = number


def _names_in(directory: Path) -> list[str]:
    """Empty where it is not there yet."""
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
