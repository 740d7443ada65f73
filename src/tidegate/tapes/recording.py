"""`tidegate record`: from a data directory to a file, until its end or until it is told to stop.

A signal is looked at between two pieces of the journal, never within one, so that whatever ends a
recording in good order leaves a whole file.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

from msgspec import Struct

from tidegate.tapes.events import TapeError
from tidegate.tapes.output import TapeFile, create_tape
from tidegate.tapes.recorder import FROM_START, JournalTape, TapeRow

FOLLOW_S: Final = 0.2  # between two looks at the journal


class RecordOptions(Struct, frozen=True, kw_only=True):
    """`symbol` is the one pair to record, or empty; `since_ns` a time, `FROM_START` or `FROM_NOW`;
    with `follow` it goes on until it is interrupted."""

    path: Path
    data: Path
    symbol: str = ""
    since_ns: int = FROM_START
    follow: bool = False


class Readable(Protocol):
    """What `JournalTape` is here."""

    def read(self) -> Iterator[list[TapeRow]]:
        """Rows up to the end there is now."""


class Interrupt:
    """Whether a signal has come."""

    def __init__(self) -> None:
        self.came = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """What the signal calls."""
        self.came = True


class Recorded(Struct, frozen=True, kw_only=True):
    """What was written, and whether a signal ended it."""

    rows: int
    was_interrupted: bool


def record(options: RecordOptions) -> Recorded:
    """Raises `TapeError` for a tape that can not begin, of which no file is left, and for one that
    can not be written; `ReplicaRefused`, `JournalError`. What was written before is whole."""
    journal = JournalTape(options.data, options.symbol, options.since_ns)
    try:
        with _interruptible() as interrupt:
            tape = create_tape(options.path)
            try:
                rows = copy_rows(journal, tape, interrupt, follow=options.follow)
            except OSError as error:
                raise _can_not_write(options.path, error) from None
            finally:
                _close(tape, options.path)
    finally:
        journal.close()
    if not journal.has_begun and not options.follow:
        options.path.unlink()
        raise TapeError("the journal ends before the time that --since says")
    return Recorded(rows=rows, was_interrupted=interrupt.came)


def copy_rows(journal: Readable, tape: TapeFile, interrupt: Interrupt, *, follow: bool) -> int:
    """Up to the journal's end, or the interrupt; with `follow` up to its end at the first look
    after the interrupt. How many rows that are."""
    count = 0
    while True:
        was_interrupted = interrupt.came
        for rows in journal.read():
            if rows:
                tape.write(rows)
                count += len(rows)
            if interrupt.came and not was_interrupted:
                return count
        if was_interrupted or not follow:
            return count
        time.sleep(FOLLOW_S)


def _close(tape: TapeFile, path: Path) -> None:
    try:
        tape.close()
    except OSError as error:
        raise _can_not_write(path, error) from None


def _can_not_write(path: Path, error: OSError) -> TapeError:
    return TapeError(f"{path}: {error.strerror or error}")


@contextmanager
def _interruptible() -> Iterator[Interrupt]:
    """While this holds, Ctrl-C and SIGTERM are noted and do nothing else."""
    interrupt = Interrupt()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt.note) for number in numbers]
    try:
        yield interrupt
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
