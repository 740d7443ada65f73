"""The process that follows a venue's journal: gentle, never in the way, ended with its parent.

`tidegate up` starts it (`children`). What keeps the history from being written is told once and
tried again; nothing of it reaches the venue.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from pathlib import Path
from typing import Final, Literal

import msgspec
import structlog

from tidegate.children import Parent
from tidegate.history.access import FOLLOWER_LOCK, try_lock
from tidegate.history.projector import Projector
from tidegate.history.store import HistoryError, HistoryMoved, HistoryUnavailable, Store
from tidegate.history.target import open_store
from tidegate.journal import JournalError
from tidegate.logs import configure_logging

POLL_S: Final = 0.1  # between two looks at the journal: one transaction takes what came meanwhile
RETRY_S: Final = 1.0  # after a store could not be used
REFUSED_RETRY_S: Final = 5.0  # after history and journal did not fit: somebody must do something
END_S: Final = 5.0  # for what is left when the venue has ended
NICE: Final = 19

_log = structlog.get_logger("tidegate.history")


class FollowOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent says in its first line. `target` is that of `[venue] history`; it may hold a
    password, so it is in no argument and no environment."""

    data: str
    target: str
    durability: Literal["process", "disk"]
    log_format: str
    log_level: str


class Following:
    """A projector that is opened again after whatever befell it."""

    def __init__(self, data_directory: Path, target: str, *, sync: bool) -> None:
        self._directory = data_directory
        self._target = target
        self._sync = sync
        self._store: Store | None = None
        self._projector: Projector | None = None
        self._told = ""

    def step(self) -> float:
        """One step of the projection; how many seconds to wait before the next one."""
        try:
            more = self._opened().step()
        except HistoryMoved:
            self._close_all()  # a rebuilt history has taken the place of this one
            return 0.0
        except HistoryUnavailable as error:
            self._tell("history_unavailable", str(error))
            self._close_store()
            return RETRY_S
        except (HistoryError, JournalError) as error:
            self._tell("history_refused", str(error))
            self._close_all()
            return REFUSED_RETRY_S
        if self._told:
            _log.info("history_goes_on", position=self._opened().position)
            self._told = ""
        return 0.0 if more else POLL_S

    def finish(self, seconds: float) -> None:
        """The venue has ended: what is left, for so long."""
        deadline = time.monotonic() + seconds
        while self.step() == 0.0 and time.monotonic() < deadline:
            pass
        try:
            if self._projector is not None and self._store is not None:
                self._projector.write()
        except (HistoryError, JournalError) as error:
            self._tell("history_unfinished", str(error))
        self._close_all()

    def _opened(self) -> Projector:
        if self._store is None:
            self._store = open_store(self._directory, self._target)
            if self._projector is not None:
                self._projector.use(self._store)
        if self._projector is None:
            self._projector = Projector(self._directory, self._store, sync=self._sync)
            _log.info("history_follows", position=self._projector.position)
        return self._projector

    def _tell(self, event: str, reason: str) -> None:
        """Once, until it is another reason or has passed."""
        if reason != self._told:
            self._told = reason
            _log.warning(event, reason=reason)

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _close_all(self) -> None:
        self._close_store()
        if self._projector is not None:
            self._projector.close()
            self._projector = None


def main(file: int) -> int:
    """Follow until the parent is gone; the process' exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the venue: its end is this one's, too
    parent = Parent(file)
    options = parent.options(FollowOptions)
    if options is None:
        return 0
    configure_logging(form=options.log_format, level=options.log_level)
    os.nice(NICE)
    gc.freeze()
    directory = Path(options.data)
    while not parent.is_gone:
        with try_lock(directory / FOLLOWER_LOCK) as is_held:
            if is_held:
                _follow(parent, options)
                return 0
        parent.wait(RETRY_S)  # a query, or the follower of a venue that was killed, has it
    return 0


def _follow(parent: Parent, options: FollowOptions) -> None:
    following = Following(Path(options.data), options.target, sync=options.durability == "disk")
    while not parent.is_gone:
        parent.wait(following.step())
    following.finish(END_S)
