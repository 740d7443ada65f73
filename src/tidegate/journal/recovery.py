"""Finding the end of the log at start: what is whole, what is a torn tail, what is damage.

Torn tail or damage? A batch may be thrown away only if nobody was ever told about it. So the
question at a broken batch at position P is: was anything from P on *promised* before the crash?
Every batch and every segment header says in `promised_position` what had been promised when it was
written. The scan therefore looks for any whole batch or header after P which names a promised
position above P. If there is one, bytes that others rely on are gone: JournalDamaged, nothing is
changed, a person decides. If there is none, the log is cut at P.

Worked example, durability "process" (a batch is promised once written, so promised = own position):

    A at 48, promised 48 | B at 148, promised 148 | C at 248, promised 248

    C is cut short by kill -9: P = 248, nothing after it. Torn tail, cut at 248.
    One bit of B flips on the disk: P = 148, later C is whole and names 248 > 148. So B had been
    written and published before C began; cutting at 148 would forget it. Damage at 148.

Worked example, durability "disk". The writer thread syncs A, meanwhile B, C and D are written:

    A at 48, promised 0 | B at 148, promised 0 | C at 248, promised 0 | D at 348, promised 148

    Power is lost before the next sync ends. The kernel writes pages in the order it likes: B's page
    is lost and reads as zeros, C and D arrived. P = 148. C and D are whole, but the most they name
    is 148, not above P. Nobody was told of B, C or D, hence a torn tail, cut at 148. Taking the
    mere presence of C for damage would make an ordinary power loss stop the start; and keeping C
    without B would invent a history that never was.
    The same with one more batch, E at 448, promised 448, written after the sync of B to D: E proves
    that B was durable, so its loss is damage at 148.

What cannot be told apart: a batch which rotted on the disk after its sync, when nothing at all was
written since. It reads like a torn tail and is cut; `Repair` reports it. The crc stands in no other
place.

Segments: a new segment is created under its final name, its header and first batch in one write. No
name aside and no rename: a rename would save nothing, because without a sync before it
(milliseconds inside the loop) a renamed file can be empty after a power loss all the same. A
segment whose header is missing is treated as a broken batch at the segment's base: cut, that is
removed, unless something in or after it proves that it had been promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tidegate.journal.errors import JournalDamaged, JournalForeign, JournalFormatUnknown
from tidegate.journal.layout import (
    FORMAT_VERSION,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    decode_segment_header,
    segment_base_position,
    segment_may_be_torn,
    whole_batches_in,
)
from tidegate.journal.scan import BatchWalk, Broken
from tidegate.journal.storage import Storage, read_fully


@dataclass(frozen=True, slots=True)
class Repair:
    """A torn tail was cut at start.

    Attributes:
        position: log position where the log ends now.
        bytes_cut: bytes removed from there on, all segments together.
        batches_cut: whole batches among them; written, yet never promised to anybody, and standing
            behind a broken one. More than 0 only after a power loss with durability "disk".
    """

    position: int
    bytes_cut: int
    batches_cut: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file on the disk; `header` is None when the making of the file was cut short."""

    path: Path
    base_position: int
    end_position: int
    header: SegmentHeader | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` found: the whole segments, the end of the log, and what had to be cut."""

    segments: list[Segment]
    tail_position: int
    next_sequence: int
    repair: Repair | None


def recover(
    storage: Storage, directory: Path, *, start_position: int, start_sequence: int
) -> Recovered:
    """Check the log from `start_position` on, cut a torn tail and make what remains durable.

    Raises:
        JournalForeign, JournalFormatUnknown, JournalDamaged: nothing was changed.
        OSError: a system call failed.
    """
    segments = find_segments(storage, directory)
    start_index = _locate_start(directory, segments, start_position, start_sequence)
    tail_position, next_sequence, broken = _walk(
        storage, segments, start_index, start_position, start_sequence
    )
    repair = None
    if broken is not None:
        repair = _judge(storage, segments, broken)
        segments = _cut(storage, segments, broken.position)
    # What was found may so far live in the page cache only. It is about to be applied and
    # published, and a cut that is undone by a power loss could bring old batches back behind new
    # ones.
    for segment in segments[start_index:]:
        file = storage.open(segment.path, writable=True)
        storage.fdatasync(file)
        storage.close(file)
    storage.fsync_directory(directory)
    return Recovered(segments, tail_position, next_sequence, repair)


def find_segments(storage: Storage, directory: Path) -> list[Segment]:
    """Return all segments in the order of the log, every header checked.

    Raises:
        JournalForeign: something in the directory is not a segment.
        JournalFormatUnknown: a segment is of another format version.
        JournalDamaged: a header is broken and no crash can have left it so.
    """
    names = sorted(storage.list_directory(directory))
    for name in names:
        if segment_base_position(name) is None:
            raise JournalForeign(directory / name, expected="segments named by 20 digits and .log")
    segments = [_read_segment(storage, directory / name) for name in names]
    for segment, following in pairwise(segments):
        if segment.end_position > following.base_position:
            reason = "the segment goes on here, yet the next segment begins here"
            raise JournalDamaged(segment.path, following.base_position, reason)
    return segments


def _read_segment(storage: Storage, path: Path) -> Segment:
    base_position = segment_base_position(path.name)
    assert base_position is not None
    file = storage.open(path, writable=False)
    try:
        file_bytes = storage.size(file)
        data = read_fully(storage, file, 0, SEGMENT_HEADER_BYTES)
    finally:
        storage.close(file)
    header = decode_segment_header(data)
    if header is None and not segment_may_be_torn(data):
        raise JournalDamaged(path, base_position, "the segment header is broken")
    if header is not None and header.version != FORMAT_VERSION:
        raise JournalFormatUnknown(path, header.version, known_version=FORMAT_VERSION)
    if header is not None and header.base_position != base_position:
        reason = f"the header belongs to a segment at {header.base_position}; the file was renamed"
        raise JournalDamaged(path, base_position, reason)
    return Segment(path, base_position, base_position + file_bytes, header)


def _locate_start(
    directory: Path, segments: list[Segment], start_position: int, start_sequence: int
) -> int:
    """Return the index of the segment to walk first; check that the log holds the start at all."""
    if not segments:
        if start_position != 0:
            raise JournalDamaged(directory, 0, f"no segments, yet the start is {start_position}")
        return 0
    if segments[0].base_position > start_position:
        reason = f"the segments before {segments[0].base_position} are missing"
        raise JournalDamaged(directory, start_position, reason)
    if segments[0].header is None and segments[0].base_position > 0:
        # Removing it would leave an empty directory, which says nothing of where the log stood.
        raise JournalDamaged(
            segments[0].path, segments[0].base_position, "the oldest segment has no header"
        )
    index = max(i for i, s in enumerate(segments) if s.base_position <= start_position)
    for segment, following in pairwise(segments[: index + 1]):
        if segment.header is None or segment.end_position != following.base_position:
            reason = f"the segment should end where the next begins, at {following.base_position}"
            raise JournalDamaged(segment.path, segment.end_position, reason)
    segment = segments[index]
    if start_position > max(segment.end_position, segment.base_position):
        reason = f"the log ends here, before the start position {start_position}"
        raise JournalDamaged(segment.path, segment.end_position, reason)
    if segment.base_position < start_position < segment.base_position + SEGMENT_HEADER_BYTES:
        reason = "the start position is inside a segment header"
        raise JournalDamaged(segment.path, start_position, reason)
    if segment.header is not None and (
        segment.header.first_sequence > start_sequence
        or (
            start_position <= segment.base_position + SEGMENT_HEADER_BYTES
            and segment.header.first_sequence != start_sequence
        )
    ):
        reason = (
            f"the segment begins with sequence {segment.header.first_sequence}, "
            f"the start is said to be {start_sequence}"
        )
        raise JournalDamaged(segment.path, start_position, reason)
    if segment.header is None and start_position > segment.base_position:
        reason = f"the segment has no header, yet the start position is {start_position}"
        raise JournalDamaged(segment.path, segment.base_position, reason)
    return index


def _walk(
    storage: Storage,
    segments: list[Segment],
    start_index: int,
    start_position: int,
    start_sequence: int,
) -> tuple[int, int, Broken | None]:
    """Walk to the first broken place or the end: tail position, next sequence, the broken place."""
    position = start_position
    next_sequence = start_sequence
    for segment in segments[start_index:]:
        if segment.base_position > position:
            return position, next_sequence, Broken(position, "the file ends before the next begins")
        if segment.header is None:
            reason = "the segment has no header"
            return segment.base_position, next_sequence, Broken(segment.base_position, reason)
        if segment.base_position == position and segment.header.first_sequence != next_sequence:
            reason = (
                f"the segment begins with sequence {segment.header.first_sequence}, "
                f"expected is {next_sequence}"
            )
            raise JournalDamaged(segment.path, position, reason)
        position = max(position, segment.base_position + SEGMENT_HEADER_BYTES)
        file = storage.open(segment.path, writable=False)
        try:
            walk = BatchWalk(
                storage,
                file,
                base_position=segment.base_position,
                salt=segment.header.salt,
                position=position,
                end_position=segment.end_position,
            )
            while (batch := walk.next_batch()) is not None:
                if isinstance(batch, Broken):
                    return position, next_sequence, batch
                if batch.first_sequence != next_sequence:
                    # The crc is right, so this is no torn write but a mixed-up log or snapshot.
                    reason = (
                        f"the batch begins with sequence {batch.first_sequence}, "
                        f"expected is {next_sequence}"
                    )
                    raise JournalDamaged(segment.path, position, reason)
                next_sequence += batch.record_count
                position = batch.payload_position + len(batch.payload)
        finally:
            storage.close(file)
    return position, next_sequence, None


def _judge(storage: Storage, segments: list[Segment], broken: Broken) -> Repair:
    """Decide between torn tail and damage by the rule at the top of this file."""
    position = broken.position
    bytes_cut = 0
    batches_cut = 0
    for segment in segments:
        begin_position = max(position, segment.base_position)
        if begin_position >= segment.end_position and segment.base_position < position:
            continue
        if (
            segment.header is not None
            and segment.base_position > position
            and segment.header.promised_position > position
        ):
            raise _damaged(segments, broken, segment.path, segment.header.promised_position)
        length = segment.end_position - begin_position
        file = storage.open(segment.path, writable=False)
        try:
            data = read_fully(storage, file, begin_position - segment.base_position, length)
        finally:
            storage.close(file)
        salt = None if segment.header is None else segment.header.salt
        for batch in whole_batches_in(data, data_position=begin_position, salt=salt):
            if batch.promised_position > position:
                raise _damaged(segments, broken, segment.path, batch.promised_position)
            batches_cut += 1
        bytes_cut += length
    return Repair(position, bytes_cut, batches_cut)


def _damaged(
    segments: list[Segment], broken: Broken, witness_path: Path, promised_position: int
) -> JournalDamaged:
    holder = [s for s in segments if s.base_position <= broken.position][-1]
    reason = (
        f"{broken.reason}; {witness_path.name} proves that everything before "
        f"{promised_position} had been promised"
    )
    return JournalDamaged(holder.path, broken.position, reason)


def _cut(storage: Storage, segments: list[Segment], position: int) -> list[Segment]:
    """Remove everything from `position` on and return the segments that remain.

    The caller makes it durable. A crash or power loss in between, whichever steps it undoes, leaves
    a log that is broken at the same place with nothing promised behind it: the next start judges
    and cuts the same way.
    """
    remaining = list(segments)
    while remaining and (
        remaining[-1].base_position > position
        or (remaining[-1].base_position == position and remaining[-1].header is None)
    ):
        storage.unlink(remaining.pop().path)
    if remaining and remaining[-1].end_position > position:
        last = remaining[-1]
        file = storage.open(last.path, writable=True)
        storage.truncate(file, position - last.base_position)
        storage.close(file)
        remaining[-1] = Segment(last.path, last.base_position, position, last.header)
    return remaining
