"""Every disk that a crash can leave: the state before each call, and within each write.

A process that dies in a call leaves the disk as it was before the call, or after it, or, where it
was a write, with any part of it. All of them are seen in one run: a copy is taken at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from tidegate.lab.sim.storage import LOSSES, FaultyStorage, Loss, Write, apply

READS = ("list_directory", "open", "size", "pread")  # leave the disk as it was

Seen = Callable[[FaultyStorage], None]


class WatchedStorage(FaultyStorage):
    """Shows each state that a crash could leave to `seen`, as the next process would find it."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def _call(self, text: str) -> bool:
        if text.partition(" ")[0] not in READS:
            self.seen(self.restarted())
        return super()._call(text)

    def write(self, file: int, offset: int, data: bytes) -> int:
        name, content = self._files[file]
        for length in sorted({1, len(data) // 3, len(data) - 30, len(data) - 1}):
            if 0 < length < len(data):
                torn = self.restarted()
                for directory, names in self.directories.items():
                    if names.seen.get(name) is content:
                        other = torn.directories[directory].seen[name]
                        change = Write(offset, data[:length])
                        apply(other.seen, change)
                        other.pending.append(change)
                self.seen(torn)
        return super().write(file, offset, data)

    def watching_copy_of(self, disk: FaultyStorage) -> WatchedStorage:
        """A disk in that state, watched as this one."""
        copy = WatchedStorage(self.seen)
        found = disk.restarted()
        copy.directories, copy.salt = found.directories, found.salt
        copy.durable_directories = found.durable_directories
        return copy


def power_losses(disk: FaultyStorage) -> Iterator[FaultyStorage]:
    """The disk after each kind of power loss."""
    losses: tuple[Loss, ...] = (*LOSSES, "random", "random")
    for seed, loss in enumerate(losses):
        for keep_names in (False, True):
            yield disk.after_power_loss(loss, keep_names=keep_names, random=Random(seed))


DATA = Path("/data")
