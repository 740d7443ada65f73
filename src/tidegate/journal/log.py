"""The durable log of one venue: batches appended to segment files, synced from a writer thread.

Threads: one thread, the loop's, calls `append`, `read`, `batches` and `roll`; any one other thread
may call `sync` meanwhile. `close` is called when both are done. Nothing in `append` waits for
`sync`.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NoReturn

from tidegate.journal.errors import (
    JournalClosed,
    JournalDamaged,
    JournalError,
    JournalFailed,
    JournalLimitExceeded,
    JournalPositionUnknown,
)
from tidegate.journal.layout import (
    BATCH_HEADER_BYTES,
    FIRST_SEQUENCE,
    PAYLOAD_BYTES_MAX,
    RECORD_COUNT_MAX,
    SALT_BYTES,
    SEGMENT_HEADER_BYTES,
    encode_batch,
    encode_segment_header,
    segment_name,
)
from tidegate.journal.recovery import Recovered, Repair, recover
from tidegate.journal.scan import Batch, BatchWalk, Broken
from tidegate.journal.storage import Storage, read_fully, write_fully

Durability = Literal["process", "disk"]
"""When a batch counts as promised: "process" once it is written, "disk" once it is synced."""

SEGMENT_BYTES_MAX: Final = 256 * 1024 * 1024
"""A usual length at which a segment ends, in bytes."""

READ_FILES_MAX: Final = 16
"""Most segments kept open for reading at once; the one opened first is closed for the next."""


class Journal:
    """An append-only log of batches. A batch is whole or it never happened.

    Positions are log positions: 64-bit byte offsets over all segments, segment headers included.
    After any failed system call the journal is poisoned: that call and every later one raise
    JournalFailed, whatever thread they come from. Nothing is tried twice.
    """

    def __init__(
        self,
        directory: Path,
        recovered: Recovered,
        *,
        storage: Storage,
        segment_bytes_max: int,
        durability: Durability,
    ) -> None:
        """For `Journal.open` only."""
        self._directory = directory
        self._storage = storage
        self._segment_bytes_max = segment_bytes_max
        self._is_promised_by_write = durability == "process"
        self._repair = recovered.repair
        self._tail_position = recovered.tail_position
        self._durable_position = recovered.tail_position
        self._next_sequence = recovered.next_sequence
        self._refusal: JournalError | None = None

        # All segments in the order of the log, as parallel lists for bisection.
        self._base_positions = [s.base_position for s in recovered.segments]
        self._salts = [s.header.salt for s in recovered.segments if s.header is not None]
        assert len(self._salts) == len(self._base_positions), "recovery leaves whole headers only"

        self._writing_file: int | None = None
        self._writing_base_position = 0
        self._writing_salt = 0
        self._roll_is_wanted = False
        # Files that may hold unsynced bytes, oldest first; the last is the one written. `append`
        # adds at the right, `sync` takes from the left.
        self._unsynced_files: deque[int] = deque()
        self._created_count = 0
        self._created_synced_count = 0
        self._sync_lock = threading.Lock()
        self._read_files: dict[int, int] = {}

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        storage: Storage,
        segment_bytes_max: int,
        durability: Durability = "process",
        start_position: int = 0,
        start_sequence: int = FIRST_SEQUENCE,
    ) -> Journal:
        """Recover the log in `directory` and return it ready for appending.

        Checks the headers of all segments and every batch from `start_position` to the tail, cuts a
        torn tail (see `repair`) and syncs what it found, so all of it may be published.

        Args:
            directory: holds the segments and nothing else; created when missing.
            storage: the system calls.
            segment_bytes_max: a segment ends before it would grow beyond this many bytes; a batch
                that is longer by itself gets a segment of its own.
            durability: when a batch counts as promised. With "disk" the caller publishes a batch
                only when `sync` has returned a position at or behind the batch's end.
            start_position: where the batches not yet in a snapshot begin; 0 for the whole log.
            start_sequence: sequence number of the first record at `start_position`.

        Raises:
            JournalDamaged, JournalForeign, JournalFormatUnknown: nothing on the disk was changed.
            JournalFailed: a system call failed.
        """
        if segment_bytes_max <= SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES:
            raise JournalLimitExceeded(f"segment_bytes_max {segment_bytes_max} holds no batch")
        try:
            storage.make_directory(directory)
            storage.fsync_directory(directory.parent)
            recovered = recover(
                storage, directory, start_position=start_position, start_sequence=start_sequence
            )
            journal = cls(
                directory,
                recovered,
                storage=storage,
                segment_bytes_max=segment_bytes_max,
                durability=durability,
            )
            journal._continue_last_segment()
        except OSError as error:
            raise JournalFailed(f"{directory}: opening failed: {error}") from error
        return journal

    @property
    def directory(self) -> Path:
        """The directory that holds the segments."""
        return self._directory

    @property
    def repair(self) -> Repair | None:
        """The torn tail cut by `open`, None when there was none."""
        return self._repair

    @property
    def oldest_position(self) -> int:
        """Log position where the oldest segment begins; the tail when there is none yet."""
        return self._base_positions[0] if self._base_positions else self._tail_position

    @property
    def tail_position(self) -> int:
        """Log position behind the last byte written, in bytes."""
        return self._tail_position

    @property
    def durable_position(self) -> int:
        """Log position before which everything survives a power loss, in bytes."""
        return self._durable_position

    @property
    def next_sequence(self) -> int:
        """Sequence number the next record will get."""
        return self._next_sequence

    def append(self, payload: bytes | bytearray | memoryview, record_count: int) -> int:
        """Write one batch and return the log position of the payload's first byte.

        The batch survives the death of the process when this returns, and a power loss when `sync`
        has returned a position behind it.

        Args:
            payload: 1 to `PAYLOAD_BYTES_MAX` bytes, opaque to the journal.
            record_count: number of records in it, at least 1; `next_sequence` rises by it.

        Raises:
            JournalLimitExceeded: nothing was written, the journal stays usable.
            JournalFailed: the write failed, or an earlier call did.
            JournalClosed: after `close`.
        """
        self._require_usable()
        payload_bytes = len(payload)
        if not 0 < payload_bytes <= PAYLOAD_BYTES_MAX:
            raise JournalLimitExceeded(f"a payload of {payload_bytes} bytes is outside the limits")
        if not 0 < record_count <= RECORD_COUNT_MAX:
            raise JournalLimitExceeded(f"{record_count} records are outside the limits")
        try:
            position = self._tail_position
            file = self._writing_file
            segment_header = b""
            if file is None or self._must_roll(payload_bytes):
                file, segment_header = self._begin_segment()
                position += SEGMENT_HEADER_BYTES
            batch = encode_batch(
                payload,
                record_count=record_count,
                first_sequence=self._next_sequence,
                position=position,
                promised_position=(
                    position if self._is_promised_by_write else self._durable_position
                ),
                salt=self._writing_salt,
            )
            offset = self._tail_position - self._writing_base_position
            write_fully(self._storage, file, offset, segment_header + batch)
            # The tail moves last: `sync` in its thread reads it first, and so promises only what
            # was wholly written before it began.
            self._next_sequence += record_count
            self._tail_position = position + BATCH_HEADER_BYTES + payload_bytes
        except BaseException as error:
            self._fail("append", error)
        return position + BATCH_HEADER_BYTES

    def roll(self) -> None:
        """Let the next batch begin a new segment, for instance at the end of the day.

        Raises JournalFailed, JournalClosed.
        """
        self._require_usable()
        self._roll_is_wanted = True

    def sync(self) -> int:
        """Make durable what was appended before this call; return the position that is durable now.

        May be called from another thread while the loop appends. Costs milliseconds on a real disk,
        and nothing when there is nothing to sync.

        Raises:
            JournalFailed: the sync failed, or an earlier call did. It is never tried again.
            JournalClosed: after `close`.
        """
        with self._sync_lock:
            self._require_usable()
            # Order matters: the tail first, then the files. A batch below this tail is in one of
            # the files seen after it, because `append` adds the file before it moves the tail.
            target_position = self._tail_position
            if target_position == self._durable_position:
                return target_position
            created_count = self._created_count
            files = tuple(self._unsynced_files)
            try:
                for file in files:
                    self._storage.fdatasync(file)
                if created_count != self._created_synced_count:
                    self._storage.fsync_directory(self._directory)
                    self._created_synced_count = created_count
                # The last one may be written on; the others are full and never written again.
                for file in files[:-1]:
                    self._unsynced_files.popleft()
                    self._storage.close(file)
            except BaseException as error:
                self._fail("sync", error)
            self._require_usable()  # an append that failed meanwhile takes the promise back
            self._durable_position = target_position
            return target_position

    def read(self, position: int, length: int) -> bytes:
        """Return `length` bytes of the log at `position`, which may lie in any segment.

        The bytes come as they are on the disk, segment and batch headers included, and no crc is
        checked; a part of a payload lies in one segment and holds no header.

        Raises:
            JournalPositionUnknown: the log does not hold all of it.
            JournalDamaged: the file is shorter than it was.
            JournalFailed, JournalClosed.
        """
        self._require_usable()
        self._check_range(position, length)
        parts: list[bytes] = []
        while length > 0:
            index = bisect_right(self._base_positions, position) - 1
            wanted_bytes = min(length, self._end_position(index) - position)
            base_position = self._base_positions[index]
            try:
                file = self._file_for_reading(index)
                data = read_fully(self._storage, file, position - base_position, wanted_bytes)
            except BaseException as error:
                self._fail("read", error)
            if len(data) < wanted_bytes:
                path = self._directory / segment_name(base_position)
                raise JournalDamaged(path, position + len(data), "the file became shorter")
            parts.append(data)
            position += wanted_bytes
            length -= wanted_bytes
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def segment_position(self, position: int) -> int:
        """Return the log position at which the segment begins that holds `position`.

        Raises JournalPositionUnknown when the log does not hold it.
        """
        self._check_range(position, 0)
        return self._base_positions[max(0, bisect_right(self._base_positions, position) - 1)]

    def batches(self, start_position: int) -> Iterator[Batch]:
        """Yield the batches from `start_position` to the tail as it is now, every crc checked.

        `start_position` is a batch's `position`, an earlier `tail_position`, or 0.

        Raises:
            JournalPositionUnknown: the log does not hold the position.
            JournalDamaged: a batch is broken, or no batch begins at `start_position`.
            JournalFailed, JournalClosed.
        """
        self._require_usable()
        self._check_range(start_position, self._tail_position - start_position)
        return self._walk(start_position, self._tail_position)

    def close(self) -> None:
        """Sync, unless poisoned, and give all files back. A second call does nothing.

        Raises JournalFailed when the sync fails; the files are given back all the same.
        """
        if isinstance(self._refusal, JournalClosed):
            return
        try:
            if self._refusal is None:
                self.sync()
        finally:
            if self._refusal is None:
                self._refusal = JournalClosed(f"{self._directory}: the journal is closed")
            files = [*self._unsynced_files, *self._read_files.values()]
            self._unsynced_files.clear()
            self._read_files.clear()
            self._writing_file = None
            for file in files:
                self._storage.close(file)

    def _continue_last_segment(self) -> None:
        if self._base_positions:
            base_position = self._base_positions[-1]
            path = self._directory / segment_name(base_position)
            file = self._storage.open(path, writable=True)
            self._writing_file = file
            self._writing_base_position = base_position
            self._writing_salt = self._salts[-1]
            self._unsynced_files.append(file)

    def _must_roll(self, payload_bytes: int) -> bool:
        written_bytes = self._tail_position - self._writing_base_position
        if written_bytes <= SEGMENT_HEADER_BYTES:
            return False
        return (
            self._roll_is_wanted
            or written_bytes + BATCH_HEADER_BYTES + payload_bytes > self._segment_bytes_max
        )

    def _begin_segment(self) -> tuple[int, bytes]:
        """Create the segment at the tail; return its file, and its header for the caller to write.

        Header and first batch go out in one write, so a segment without a batch exists only where a
        crash cut that write. The segment before is not synced here: that would stop the loop for
        milliseconds, and recovery copes with any part of unsynced segments missing.
        """
        base_position = self._tail_position
        salt = int.from_bytes(self._storage.random_bytes(SALT_BYTES), "big")
        file = self._storage.create(self._directory / segment_name(base_position))
        self._created_count += 1
        self._unsynced_files.append(file)
        self._base_positions.append(base_position)
        self._salts.append(salt)
        self._writing_file = file
        self._writing_base_position = base_position
        self._writing_salt = salt
        self._roll_is_wanted = False
        return file, encode_segment_header(
            base_position=base_position,
            first_sequence=self._next_sequence,
            promised_position=(
                base_position if self._is_promised_by_write else self._durable_position
            ),
            salt=salt,
        )

    def _walk(self, start_position: int, end_position: int) -> Iterator[Batch]:
        position = start_position
        next_sequence: int | None = None
        while position < end_position:
            index = bisect_right(self._base_positions, position) - 1
            base_position = self._base_positions[index]
            path = self._directory / segment_name(base_position)
            segment_end_position = min(self._end_position(index), end_position)
            position = max(position, base_position + SEGMENT_HEADER_BYTES)
            walk: BatchWalk | None = None
            while position < segment_end_position:
                self._require_usable()
                try:
                    # The file is asked for again at each step: between two steps the caller may
                    # read elsewhere, and the table of open files may have closed this one.
                    file = self._file_for_reading(index)
                    if walk is None:
                        walk = BatchWalk(
                            self._storage,
                            file,
                            base_position=base_position,
                            salt=self._salts[index],
                            position=position,
                            end_position=segment_end_position,
                        )
                    walk.file = file
                    batch = walk.next_batch()
                except BaseException as error:
                    self._fail("read", error)
                if batch is None or isinstance(batch, Broken):
                    reason = "the log ends early" if batch is None else batch.reason
                    raise JournalDamaged(path, position, reason)
                if next_sequence is not None and batch.first_sequence != next_sequence:
                    reason = f"sequence {batch.first_sequence} follows, expected is {next_sequence}"
                    raise JournalDamaged(path, position, reason)
                next_sequence = batch.first_sequence + batch.record_count
                position = batch.payload_position + len(batch.payload)
                yield batch

    def _end_position(self, index: int) -> int:
        if index + 1 < len(self._base_positions):
            return self._base_positions[index + 1]
        return self._tail_position

    def _check_range(self, position: int, length: int) -> None:
        if length < 0 or position + length > self._tail_position:
            reason = (
                f"{length} bytes from here are not in the log, which ends at {self._tail_position}"
            )
            raise JournalPositionUnknown(position, reason)
        if position < self.oldest_position:
            reason = f"older than the oldest segment, which begins at {self.oldest_position}"
            raise JournalPositionUnknown(position, reason)

    def _file_for_reading(self, index: int) -> int:
        base_position = self._base_positions[index]
        file = self._read_files.get(base_position)
        if file is None:
            while len(self._read_files) >= READ_FILES_MAX:
                oldest_base_position = next(iter(self._read_files))
                self._storage.close(self._read_files.pop(oldest_base_position))
            path = self._directory / segment_name(base_position)
            file = self._storage.open(path, writable=False)
            self._read_files[base_position] = file
        return file

    def _fail(self, action: str, error: BaseException) -> NoReturn:
        """Poison the journal and raise: JournalFailed for a system error, else the error itself."""
        failure = JournalFailed(
            f"{self._directory}: {action} failed: {error}; the process must stop"
        )
        self._refusal = failure
        if isinstance(error, OSError):
            raise failure from error
        raise error

    def _require_usable(self) -> None:
        # Asked by a call each time: another thread may set it between two questions of one method.
        refusal = self._refusal
        if refusal is not None:
            raise type(refusal)(*refusal.args)
