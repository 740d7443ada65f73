"""Reading a log that another process writes, or nobody any more, without touching it.

`Journal` owns a log and repairs it; a `LogFollower` only reads. It gives batches that are whole and
stops at the first place that is not: there the writer is at work, or a start will cut it off. Only
where a later segment proves that the log went on behind such a place is it damage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tidegate.journal.errors import (
    JournalDamaged,
    JournalFailed,
    JournalFormatUnknown,
    JournalPositionUnknown,
)
from tidegate.journal.layout import (
    BATCH_HEADER_BYTES,
    FIRST_SEQUENCE,
    FORMAT_VERSION,
    SEGMENT_HEADER_BYTES,
    BatchHeader,
    decode_batch_header,
    decode_segment_header,
    segment_base_position,
    segment_name,
)
from tidegate.journal.scan import Batch, BatchWalk, Broken
from tidegate.journal.storage import Storage, read_fully

LOG_END: Final = 1 << 62  # behind every log


class LogFollower:
    """Reads batches in order from a log position on, as they come to be whole.

    `position` and `sequence` are those of the next batch. Raises `JournalFailed` where the system
    can not read, and nothing is spoilt by it: the same call may be made again.
    """

    def __init__(
        self,
        directory: Path,
        *,
        storage: Storage,
        position: int = 0,
        sequence: int = FIRST_SEQUENCE,
    ) -> None:
        self.position = position
        self.sequence = sequence
        self._directory = directory
        self._storage = storage
        self._file: int | None = None
        self._base_position = 0
        self._salt = 0

    def read(self, bytes_max: int, end_position: int = LOG_END) -> list[Batch]:
        """The next whole batches, of `bytes_max` bytes together or one more; none where there are
        none yet. What stands at `end_position` or behind it is not there yet: the end of a batch,
        for a reader who must not be ahead of what is durable.

        Raises:
            JournalPositionUnknown: the segment that holds the position is gone.
            JournalDamaged: no whole batch stands where one must, or another log's does.
            JournalFormatUnknown: a segment is of another format version.
            JournalFailed: a system call failed.
        """
        try:
            return self._read(bytes_max, end_position)
        except OSError as error:
            self.close()
            raise JournalFailed(f"{self._directory}: reading failed: {error}") from error

    def sync(self) -> None:
        """Have what was read on the disk, so that a power loss does not take it back: for a reader
        who must not be ahead of the log. Raises `JournalFailed`."""
        try:
            if self._file is not None:
                self._storage.fdatasync(self._file)
                self._storage.fsync_directory(self._directory)
        except OSError as error:
            raise JournalFailed(f"{self._directory}: sync failed: {error}") from error

    def close(self) -> None:
        """Give the file back. Reading again opens it again."""
        if self._file is not None:
            self._storage.close(self._file)
            self._file = None

    def _read(self, bytes_max: int, end_position: int) -> list[Batch]:
        if self.position >= end_position:
            return []
        # The names first: a segment that has a successor now was whole before it is read below.
        bases = segment_positions(self._storage, self._directory)
        batches: list[Batch] = []
        taken = 0
        while taken < bytes_max:
            walk = self._walk(bases, end_position)
            if walk is None:
                break
            found = self._take(walk, bases, bytes_max - taken, batches)
            if found == 0:
                break
            taken += found
        return batches

    def _take(self, walk: BatchWalk, bases: list[int], bytes_max: int, batches: list[Batch]) -> int:
        """Adds the batches of one segment; how many bytes they have, 0 where it does not go on."""
        start = self.position
        while self.position - start < bytes_max:
            batch = walk.next_batch()
            if batch is None:
                break
            if isinstance(batch, Broken):
                if bases[-1] > self._base_position:
                    raise JournalDamaged(self._path(), batch.position, batch.reason)
                break
            if batch.first_sequence != self.sequence:
                reason = f"sequence {batch.first_sequence} follows, expected is {self.sequence}"
                raise JournalDamaged(self._path(), batch.position, reason)
            batches.append(batch)
            self.sequence += batch.record_count
            self.position = batch.payload_position + len(batch.payload)
        return self.position - start

    def _walk(self, bases: list[int], limit: int) -> BatchWalk | None:
        """A walk of the segment that holds the position; None where nothing is behind it yet."""
        if not bases:
            if self.position > 0:
                raise JournalPositionUnknown(self.position, "the log has no segments")
            return None
        if bases[0] > self.position:
            reason = f"older than the oldest segment, which begins at {bases[0]}"
            raise JournalPositionUnknown(self.position, reason)
        base_position = max(base for base in bases if base <= self.position)
        if self._file is None or base_position != self._base_position:
            if not self._open(base_position):
                return None
        file = self._file
        assert file is not None
        end_position = base_position + self._storage.size(file)
        later = [base for base in bases if base > base_position]
        if later and end_position != later[0]:
            reason = f"the segment should end where the next begins, at {later[0]}"
            raise JournalDamaged(self._path(), min(end_position, later[0]), reason)
        start = max(self.position, base_position + SEGMENT_HEADER_BYTES)
        if end_position < start:
            # The tail that was read is gone: only a power loss does that.
            raise JournalPositionUnknown(self.position, f"the log ends at {end_position}")
        end_position = max(start, min(end_position, limit))
        return BatchWalk(
            self._storage,
            file,
            base_position=base_position,
            salt=self._salt,
            position=start,
            end_position=end_position,
        )

    def _open(self, base_position: int) -> bool:
        """Open a segment; False where its header is not written yet."""
        self.close()
        self._base_position = base_position
        file = self._storage.open(self._path(), writable=False)
        data = read_fully(self._storage, file, 0, SEGMENT_HEADER_BYTES)
        header = decode_segment_header(data)
        if header is None or header.version != FORMAT_VERSION:
            self._storage.close(file)
            if header is None:
                return False
            raise JournalFormatUnknown(self._path(), header.version, known_version=FORMAT_VERSION)
        self._file = file
        self._salt = header.salt
        return True

    def _path(self) -> Path:
        return self._directory / segment_name(self._base_position)


def segment_positions(storage: Storage, directory: Path) -> list[int]:
    """Where the segments begin that a directory holds, in rising order; none where there is no
    directory. Raises `OSError`."""
    try:
        names = storage.list_directory(directory)
    except FileNotFoundError:
        return []
    positions: list[int] = []
    for name in names:
        position = segment_base_position(name)
        if position is not None:
            positions.append(position)
    positions.sort()
    return positions


def read_batch(storage: Storage, directory: Path, position: int) -> Batch | None:
    """The whole batch at a log position; None where none stands there, or it is gone. Raises
    `JournalFailed`."""
    try:
        bases = [base for base in segment_positions(storage, directory) if base <= position]
        if not bases:
            return None
        base_position = bases[-1]
        file = storage.open(directory / segment_name(base_position), writable=False)
        try:
            header = decode_segment_header(read_fully(storage, file, 0, SEGMENT_HEADER_BYTES))
            end_position = base_position + storage.size(file)
            start = max(position, base_position + SEGMENT_HEADER_BYTES)
            if header is None or start >= end_position:
                return None
            walk = BatchWalk(
                storage,
                file,
                base_position=base_position,
                salt=header.salt,
                position=start,
                end_position=end_position,
            )
            batch = walk.next_batch()
        finally:
            storage.close(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalFailed(f"{directory}: reading failed: {error}") from error
    return batch if isinstance(batch, Batch) else None


def oldest_batch(storage: Storage, directory: Path) -> Batch | None:
    """The first batch that is still there. Raises `JournalFailed`."""
    try:
        bases = segment_positions(storage, directory)
    except OSError as error:
        raise JournalFailed(f"{directory}: reading failed: {error}") from error
    return read_batch(storage, directory, bases[0] + SEGMENT_HEADER_BYTES) if bases else None


def batch_mark(storage: Storage, directory: Path, position: int) -> bytes | None:
    """The header of the batch at a log position, which no other batch of any log shares: it holds
    the segment's salt and the content's checksum. None where no batch stands there.

    Raises `JournalFailed`.
    """
    try:
        bases = [base for base in segment_positions(storage, directory) if base <= position]
        if not bases:
            return None
        base_position = bases[-1]
        file = storage.open(directory / segment_name(base_position), writable=False)
        try:
            data = read_fully(storage, file, position - base_position, BATCH_HEADER_BYTES)
        finally:
            storage.close(file)
    except OSError as error:
        raise JournalFailed(f"{directory}: reading failed: {error}") from error
    if len(data) < BATCH_HEADER_BYTES:
        return None
    header = decode_batch_header(data, 0, position=position, salt=None)
    return data if isinstance(header, BatchHeader) else None


def log_end(storage: Storage, directory: Path) -> int:
    """Where the log ends by the length of its last segment: what is there to be read, but for a
    batch that is being written. Raises `JournalFailed`."""
    try:
        bases = segment_positions(storage, directory)
        if not bases:
            return 0
        file = storage.open(directory / segment_name(bases[-1]), writable=False)
        try:
            return bases[-1] + storage.size(file)
        finally:
            storage.close(file)
    except OSError as error:
        raise JournalFailed(f"{directory}: reading failed: {error}") from error
