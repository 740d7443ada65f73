"""How a process that follows the log learns that there is more of it: a page of memory and a bell.

The writer of the log shows how far the log may be told of, and rings only where its reader has said
that it sleeps. So a reader that is busy, or dead, costs the writer two stores into memory.

The page is a file that both have mapped; the bell is a descriptor that the reader inherits. A page
is written anew, under its name, by each process that writes the log: a reader of the old one sees
nothing any more, and ends with its writer.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from pathlib import Path
from typing import Final

DOORBELL_NAME: Final = "doorbell"
PAGE_BYTES: Final = 4096

# Words of eight bytes, each read and written whole.
_POSITION: Final = 0
_TIME: Final = 1
_ASLEEP: Final = 2

_RING: Final = (1).to_bytes(8, sys.byteorder)
_RINGS_READ_BYTES: Final = 4096


def make_bell() -> tuple[int, int]:
    """A bell: the descriptor to wait for and the one to ring, neither of which blocks. They are
    the same where the system has a cheaper thing than a pipe."""
    if sys.platform == "linux":
        bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        return bell, bell
    heard, rung = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(rung, False)
    return heard, rung


class Doorbell:
    """The writer's end. Raises `OSError` where the page can not be made, and later never: who does
    not hear the bell looks at the page now and then."""

    def __init__(self, directory: Path, bell: int) -> None:
        path = directory / DOORBELL_NAME
        aside = path.with_name(DOORBELL_NAME + ".new")
        file = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            os.ftruncate(file, PAGE_BYTES)
            page = mmap.mmap(file, PAGE_BYTES)
        finally:
            os.close(file)
        os.replace(aside, path)  # an older page stays with those who have mapped it
        self._words = memoryview(page).cast("q")
        self._bell = bell
        self._fence = threading.Lock()

    def show(self, log_position: int, time_ns: int) -> None:
        """Everything before that log position may be told of; it is `time_ns` for the venue. Wake
        the reader if it sleeps."""
        words = self._words
        if log_position <= words[_POSITION]:
            return
        words[_TIME] = time_ns
        words[_POSITION] = log_position
        with self._fence:  # a full barrier: the position is seen before the flag is looked at
            pass
        if words[_ASLEEP]:
            words[_ASLEEP] = 0
            self.ring()

    def show_time(self, time_ns: int) -> None:
        """It is `time_ns` for the venue. Nobody is woken for that."""
        self._words[_TIME] = time_ns

    def ring(self) -> None:
        """Wake the reader."""
        try:
            os.write(self._bell, _RING)
        except OSError:
            return  # full of rings that nobody has heard


class DoorbellReader:
    """The reader's end; `bell` becomes readable when the log has grown while the reader slept.
    Raises `OSError` where there is no page."""

    def __init__(self, directory: Path, bell: int) -> None:
        file = os.open(directory / DOORBELL_NAME, os.O_RDWR)
        try:
            page = mmap.mmap(file, PAGE_BYTES)
        finally:
            os.close(file)
        self._words = memoryview(page).cast("q")
        self._fence = threading.Lock()
        self.bell = bell

    @property
    def log_position(self) -> int:
        """Up to where the log may be told of; 0 where nothing of it is durable yet."""
        return self._words[_POSITION]

    @property
    def time_ns(self) -> int:
        """What time it was for the venue when it last said so."""
        return self._words[_TIME]

    def sleep_at(self, log_position: int) -> bool:
        """Have the bell rung for whatever comes behind that position. False where something has
        come already: then it is not going to be."""
        words = self._words
        words[_ASLEEP] = 1
        with self._fence:
            pass
        if words[_POSITION] > log_position:
            words[_ASLEEP] = 0
            return False
        return True

    def heard(self) -> None:
        """Take the rings, so that the next one is heard anew."""
        try:
            os.read(self.bell, _RINGS_READ_BYTES)
        except BlockingIOError:
            return
