"""A storage in memory which crashes, loses power and fails on demand.

What it models, so that what the tests show is known:

- *process crash*: at call k nothing more happens. A write may have happened in part (any prefix),
  every other call wholly or not at all. Everything that was written stays, synced or not.
- *power loss*: content that was not synced may be there, be missing, or read as zeros, write by
  write and in any order; cuts likewise. Names that were not synced with their directory may be
  missing; names change in the order the calls were made, as a journaling file system does it.
- *errors*: any call may fail with an errno; writes may be short; the disk may be full. After a
  sync that failed the system has forgotten what was to be written, as real ones do: a second sync
  succeeds, and the bytes are not on the disk. The next process does not see them either.

What it does not model: a disk that loses what it acknowledged as synced.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple


class Crashed(BaseException):
    """The process died here. Not an Exception: no handler of the code under test may swallow it."""


class Write(NamedTuple):
    """A write that is not synced yet."""

    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A cut that is not synced yet."""

    size: int


@dataclass
class Content:
    """A file's bytes: as the process sees them, as they are on the disk, and what lies between."""

    seen: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)
    forgotten: bool = False  # the system has dropped writes, because a sync failed
    goes_on_at: int = -1  # where a write that was short is expected to go on

    def add(self, change: Write) -> None:
        """A write that is not synced. One that goes on with a short one is a part of it: the system
        writes pages back as they are, and never has the end of a write on the disk without its
        beginning."""
        last = self.pending[-1] if self.pending else None
        if isinstance(last, Write) and self.goes_on_at == change.offset:
            self.pending[-1] = Write(last.offset, last.data + change.data)
        else:
            self.pending.append(change)


@dataclass
class Names:
    """A directory's names: as the process sees them, on the disk, and each state between."""

    seen: dict[str, Content] = field(default_factory=dict)
    durable: dict[str, Content] = field(default_factory=dict)
    pending: list[dict[str, Content]] = field(default_factory=list)


Loss = Literal[
    "all",
    "nothing",
    "all but last",
    "all but first",
    "zeros",
    "first zeros",
    "second halves zeros",
    "random",
]
"""What a power loss takes from the unsynced writes of a file."""

LOSSES: tuple[Loss, ...] = (
    "all",
    "nothing",
    "all but last",
    "all but first",
    "zeros",
    "first zeros",
    "second halves zeros",
)


def apply(content: bytearray, change: Write | Truncate) -> None:
    """Apply one change to the bytes of a file."""
    if isinstance(change, Truncate):
        del content[change.size :]
        return
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


class FaultyStorage:
    """`tidegate.journal.Storage` in memory; `calls` lists every call made, in order."""

    def __init__(self) -> None:
        self.directories: dict[str, Names] = {}
        self.durable_directories: set[str] = set()
        self.calls: list[str] = []
        self.crash_at: int | None = None
        self.crash_portion = 0.0
        self.errors: dict[int, int] = {}
        self.failing: dict[str, int] = {}  # by the call's name: the next one fails, once
        self.write_bytes_max: int | None = None
        self.read_bytes_max: int | None = None
        self.free_bytes: int | None = None
        self.salt = 0
        self._is_dead = False
        self._files: dict[int, tuple[str, Content]] = {}
        self._next_file = 3

    # What the tests do with it.

    def restarted(self) -> FaultyStorage:
        """Return the disk as the next process finds it after a crash of this one. Independent of
        it."""
        storage = FaultyStorage()
        storage.salt = self.salt
        copies: dict[int, Content] = {}

        def copied(names: dict[str, Content]) -> dict[str, Content]:
            for content in names.values():
                if id(content) in copies:
                    continue
                seen = content.durable if content.forgotten else content.seen
                pending = [] if content.forgotten else list(content.pending)
                copies[id(content)] = Content(bytearray(seen), content.durable, pending)
            return {name: copies[id(content)] for name, content in names.items()}

        storage.durable_directories = set(self.durable_directories)
        for directory, names in self.directories.items():
            storage.directories[directory] = Names(
                copied(names.seen), copied(names.durable), [copied(n) for n in names.pending]
            )
        return storage

    def after_power_loss(self, loss: Loss, *, keep_names: bool, random: Random) -> FaultyStorage:
        """Return the disk as the next process finds it after a power loss."""
        storage = FaultyStorage()
        storage.salt = self.salt
        for directory, names in self.directories.items():
            if directory not in self.durable_directories and not keep_names:
                continue
            storage.durable_directories.add(directory)
            states = [names.durable, *names.pending]
            chosen = states[-1] if keep_names else states[0]
            if loss == "random":
                chosen = random.choice(states)
            kept: dict[str, Content] = {}
            for name, content in chosen.items():
                data = _survivors(content, loss, random)
                kept[name] = Content(bytearray(data), data)
            storage.directories[directory] = Names(kept, dict(kept))
        return storage

    def state(self) -> tuple[object, ...]:
        """Return the whole disk as a value: equal states behave equally from here on."""
        return tuple(
            (
                directory,
                tuple(
                    (n, bytes(c.seen), c.durable, tuple(c.pending)) for n, c in names.seen.items()
                ),
                tuple((n, c.durable) for n, c in names.durable.items()),
                len(names.pending),
                directory in self.durable_directories,
            )
            for directory, names in self.directories.items()
        )

    def contents(self) -> dict[str, bytes]:
        """Return every file the process sees, by path."""
        return {
            f"{directory}/{name}": bytes(content.seen)
            for directory, names in self.directories.items()
            for name, content in names.seen.items()
        }

    def put(self, path: Path, data: bytes) -> None:
        """Place a file on the disk, durable, as somebody else would."""
        self.make_directory_quietly(path.parent)
        self.durable_directories.add(str(path.parent))
        names = self.directories[str(path.parent)]
        content = Content(bytearray(data), data)
        names.seen[path.name] = content
        names.durable[path.name] = content

    def make_directory_quietly(self, directory: Path) -> None:
        """Create a directory without this being a call."""
        self.directories.setdefault(str(directory), Names())

    @property
    def is_dead(self) -> bool:
        """Whether the process that used it died in a call."""
        return self._is_dead

    @property
    def open_files(self) -> int:
        """Number of files not given back."""
        return len(self._files)

    # The port.

    def make_directory(self, directory: Path) -> None:
        is_last = self._call(f"make_directory {directory.name}")
        self.make_directory_quietly(directory)
        self._die_if(is_last)

    def list_directory(self, directory: Path) -> list[str]:
        is_last = self._call(f"list_directory {directory.name}")
        if str(directory) not in self.directories:
            raise FileNotFoundError(errno.ENOENT, "missing", str(directory))
        names = list(self.directories[str(directory)].seen)
        self._die_if(is_last)
        return names

    def create(self, path: Path) -> int:
        is_last = self._call(f"create {path.name}")
        names = self.directories[str(path.parent)]
        if path.name in names.seen:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        names.seen[path.name] = Content()
        names.pending.append(dict(names.seen))
        self._die_if(is_last)
        return self._hand_out(path)

    def open(self, path: Path, *, writable: bool) -> int:
        is_last = self._call(f"open {path.name}")
        if path.name not in self.directories[str(path.parent)].seen:
            raise FileNotFoundError(errno.ENOENT, "missing", str(path))
        self._die_if(is_last)
        return self._hand_out(path)

    def size(self, file: int) -> int:
        name, content = self._files[file]
        self._die_if(self._call(f"size {name}"))
        return len(content.seen)

    def write(self, file: int, offset: int, data: bytes) -> int:
        name, content = self._files[file]
        is_last = self._call(f"write {name} {offset}+{len(data)}")
        length = len(data)
        if self.write_bytes_max is not None:
            length = min(length, self.write_bytes_max)
        if self.free_bytes is not None:
            if self.free_bytes == 0:
                raise OSError(errno.ENOSPC, "no space left on device", name)
            length = min(length, self.free_bytes)
            self.free_bytes -= length
        if is_last:
            length = round(length * self.crash_portion)
        if length > 0:
            change = Write(offset, data[:length])
            apply(content.seen, change)
            content.add(change)
            content.goes_on_at = offset + length if length < len(data) else -1
        self._die_if(is_last)
        return length

    def pread(self, file: int, offset: int, length: int) -> bytes:
        name, content = self._files[file]
        self._die_if(self._call(f"pread {name} {offset}+{length}"))
        if self.read_bytes_max is not None:
            length = min(length, self.read_bytes_max)
        return bytes(content.seen[offset : offset + length])

    def truncate(self, file: int, size: int) -> None:
        name, content = self._files[file]
        is_last = self._call(f"truncate {name} {size}")
        change = Truncate(size)
        apply(content.seen, change)
        content.pending.append(change)
        self._die_if(is_last)

    def fdatasync(self, file: int) -> None:
        name, content = self._files[file]
        try:
            is_last = self._call(f"fdatasync {name}")
        except OSError:
            content.pending.clear()  # never on the disk, whatever a second call says
            content.forgotten = True
            raise
        durable = bytearray(content.durable)
        for change in content.pending:
            apply(durable, change)
        content.durable = bytes(durable)
        content.pending.clear()
        self._die_if(is_last)

    def fsync_directory(self, directory: Path) -> None:
        is_last = self._call(f"fsync_directory {directory.name}")
        self.durable_directories.update(
            made for made in self.directories if Path(made).parent == directory
        )
        names = self.directories.get(str(directory))
        if names is not None:
            names.durable = dict(names.seen)
            names.pending.clear()
        self._die_if(is_last)

    def rename(self, source: Path, target: Path) -> None:
        is_last = self._call(f"rename {source.name} {target.name}")
        names = self.directories[str(source.parent)]
        names.seen[target.name] = names.seen.pop(source.name)
        names.pending.append(dict(names.seen))
        self._die_if(is_last)

    def unlink(self, path: Path) -> None:
        is_last = self._call(f"unlink {path.name}")
        names = self.directories[str(path.parent)]
        del names.seen[path.name]
        names.pending.append(dict(names.seen))
        self._die_if(is_last)

    def close(self, file: int) -> None:
        if self._is_dead:
            raise Crashed
        del self._files[file]

    def random_bytes(self, count: int) -> bytes:
        self.salt += 1
        return (0x5A17_0000_0000_0000 + self.salt).to_bytes(count, "big")

    def _call(self, text: str) -> bool:
        """Count a call; tell whether the process dies in it after what it does was done."""
        if self._is_dead:
            raise Crashed
        number = len(self.calls)
        self.calls.append(text)
        if number in self.errors:
            code = self.errors[number]
            raise OSError(code, os.strerror(code), text)
        if self.failing:
            failed = self.failing.pop(text.partition(" ")[0], 0)
            if failed:
                raise OSError(failed, os.strerror(failed), text)
        if number != self.crash_at:
            return False
        is_write = text.startswith("write ")
        if not is_write and self.crash_portion < 1.0:
            self._die_if(True)
        return True

    def _die_if(self, is_last: bool) -> None:
        if is_last:
            self._is_dead = True
            raise Crashed

    def _hand_out(self, path: Path) -> int:
        file = self._next_file
        self._next_file += 1
        self._files[file] = (path.name, self.directories[str(path.parent)].seen[path.name])
        return file


def _survivors(content: Content, loss: Loss, random: Random) -> bytes:
    """Return the bytes of a file that a power loss leaves."""
    data = bytearray(content.durable)
    count = len(content.pending)
    for number, change in enumerate(content.pending):
        fate = "kept"
        if loss == "all":
            fate = "lost"
        elif loss == "all but last":
            fate = "kept" if number == count - 1 else "lost"
        elif loss == "all but first":
            fate = "kept" if number == 0 else "lost"
        elif loss == "zeros" or (loss == "first zeros" and number == 0):
            fate = "zeros"
        elif loss == "second halves zeros":
            fate = "half"
        elif loss == "random":
            fate = random.choice(("kept", "lost", "zeros", "part"))
        if fate == "lost":
            continue
        if isinstance(change, Write) and fate == "zeros":
            change = Write(change.offset, bytes(len(change.data)))
        if isinstance(change, Write) and fate == "half":
            kept = change.data[: len(change.data) // 2]
            change = Write(change.offset, kept.ljust(len(change.data), b"\0"))
        if isinstance(change, Write) and fate == "part":
            change = Write(change.offset, change.data[: random.randrange(len(change.data) + 1)])
        apply(data, change)
    return bytes(data)
