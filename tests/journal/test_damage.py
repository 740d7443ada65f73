"""Damaged, foreign and unknown files: refuse with the position and change nothing, or cut what
nobody saw.

The expectation is computed here, apart from the code: a broken batch at P is damage if, and only
if, something behind it was written when a position above P had been promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest

from tidegate.journal import (
    Durability,
    Journal,
    JournalDamaged,
    JournalForeign,
    JournalFormatUnknown,
)
from tidegate.journal.layout import encode_batch, encode_segment_header
from tidegate.lab.sim.storage import Crashed, FaultyStorage

LOG = Path("/data/journal")
HEADER_BYTES = 48


@dataclass
class Made:
    """A journal on the disk and what was noted when it was made."""

    storage: FaultyStorage
    payloads: list[bytes]
    positions: list[int]
    promised: list[int]
    tail_position: int

    def segments(self) -> dict[int, bytes]:
        return {int(Path(p).stem): c for p, c in self.storage.contents().items()}


def make(steps: str, durability: Durability) -> Made:
    """a appends, s syncs, r rolls."""
    storage = FaultyStorage()
    journal = Journal.open(LOG, storage=storage, segment_bytes_max=10_000, durability=durability)
    made = Made(storage, [], [], [], 0)
    for step in steps:
        if step == "s":
            journal.sync()
        elif step == "r":
            journal.roll()
        else:
            payload = b"payload %d" % len(made.payloads)
            promised = journal.durable_position
            position = journal.append(payload, 1) - HEADER_BYTES
            made.payloads.append(payload)
            made.positions.append(position)
            made.promised.append(position if durability == "process" else promised)
    made.tail_position = journal.tail_position
    return made


def open_with(
    segments: dict[int, bytes], *, start_position: int = 0, start_sequence: int = 1
) -> tuple[Journal, FaultyStorage]:
    """Open a log of these segments; whenever it is refused, check that nothing was changed."""
    storage = FaultyStorage()
    for base_position, content in segments.items():
        storage.put(LOG / f"{base_position:020d}.log", content)
    before = storage.contents()
    try:
        journal = Journal.open(
            LOG,
            storage=storage,
            segment_bytes_max=10_000,
            start_position=start_position,
            start_sequence=start_sequence,
        )
    except (JournalDamaged, JournalForeign, JournalFormatUnknown):
        assert storage.contents() == before
        assert storage.open_files == 0
        assert not [c for c in storage.calls if c.split()[0] in ("write", "truncate", "unlink")]
        raise
    return journal, storage


CASES: list[tuple[str, Durability]] = [
    ("aaaa", "process"),
    ("aaraara", "process"),
    ("asasas", "disk"),
    ("aasaa", "disk"),
    ("asaraasaraa", "disk"),
    ("aaraa", "disk"),
]


@pytest.mark.parametrize(("steps", "durability"), CASES)
def test_flip_every_byte(steps: str, durability: Durability) -> None:
    made = make(steps, durability)
    segments = made.segments()
    cuts = 0
    for base_position, content in segments.items():
        for offset in range(len(content)):
            position = base_position + offset
            index = max((i for i, p in enumerate(made.positions) if p <= position), default=0)
            is_header = offset < HEADER_BYTES
            broken_position = base_position if is_header else made.positions[index]
            promised_behind = max(
                (
                    q
                    for p, q in zip(made.positions, made.promised, strict=True)
                    if p > broken_position
                ),
                default=0,
            )
            for mask in (0x01, 0x80, 0xFF, content[offset]):
                if mask == 0:
                    continue
                damaged = bytearray(content)
                damaged[offset] ^= mask
                # A header that ends in a zero may be one whose writing was cut short.
                may_be_torn = not is_header or (offset == 47 and mask == content[offset])
                if not may_be_torn or promised_behind > broken_position:
                    with pytest.raises(JournalDamaged) as caught:
                        open_with({**segments, base_position: bytes(damaged)})
                    assert caught.value.position == broken_position
                    assert caught.value.path == LOG / f"{base_position:020d}.log"
                    assert str(broken_position) in str(caught.value)
                    continue
                journal, _ = open_with({**segments, base_position: bytes(damaged)})
                assert journal.repair is not None
                assert journal.repair.position == broken_position
                assert journal.repair.bytes_cut == made.tail_position - broken_position
                kept = sum(p < broken_position for p in made.positions)
                whole_behind = len(made.positions) - kept - (not is_header)
                assert journal.repair.batches_cut == whole_behind
                assert [b.payload for b in journal.batches(0)] == made.payloads[:kept]
                cuts += 1
    assert cuts > 0
    if durability == "process" or steps == "asasas":
        last_batch_bytes = made.tail_position - made.positions[-1]
        assert cuts <= 4 * last_batch_bytes, "only damage in the last batch may be cut"


def test_cut_every_file_at_every_length() -> None:
    made = make("aaraaraa", "process")
    segments = made.segments()
    last_base_position = max(segments)
    for base_position, content in segments.items():
        for length in range(len(content)):
            shorter = {**segments, base_position: content[:length]}
            if base_position != last_base_position:
                with pytest.raises(JournalDamaged) as caught:
                    open_with(shorter)
                assert base_position <= caught.value.position <= base_position + length
                continue
            journal, _ = open_with(shorter)
            end_position = base_position + length
            ends = [*made.positions[1:], made.tail_position]
            # `ends` takes a batch to end where the next begins, which is late for a segment's last.
            whole = max(4, sum(end <= end_position for end in ends))
            assert [b.payload for b in journal.batches(0)] == made.payloads[:whole]


@pytest.mark.parametrize("zero_bytes", [1, 47, 48, 100, 5000])
def test_a_tail_of_zeros_is_torn(zero_bytes: int) -> None:
    made = make("aara", "process")
    segments = made.segments()
    base_position = max(segments)
    journal, storage = open_with(
        {**segments, base_position: segments[base_position] + bytes(zero_bytes)}
    )
    assert journal.repair is not None
    assert journal.repair.position == made.tail_position
    assert journal.repair.bytes_cut == zero_bytes
    assert [b.payload for b in journal.batches(0)] == made.payloads
    assert storage.contents() == made.storage.contents()


@pytest.mark.parametrize("content", [b"", b"TDG", b"TDGTLOG\n\0\0", bytes(48), bytes(5000)])
def test_a_new_segment_cut_short_is_removed(content: bytes) -> None:
    made = make("aa", "process")
    journal, storage = open_with({**made.segments(), made.tail_position: content})
    assert journal.repair is not None
    assert journal.repair.position == made.tail_position
    assert journal.repair.bytes_cut == len(content)
    assert storage.contents() == made.storage.contents()
    journal.roll()
    journal.append(b"more", 1)
    assert [b.payload for b in journal.batches(0)] == [*made.payloads, b"more"]


def test_the_very_first_segment_cut_short_gives_an_empty_log() -> None:
    journal, storage = open_with({0: b"TDGTLOG\n\0"})
    assert journal.repair is not None
    assert (journal.tail_position, journal.next_sequence) == (0, 1)
    assert storage.contents() == {}


def test_a_segment_without_a_header_is_kept_when_its_batches_were_promised() -> None:
    made = make("aaraa", "process")
    segments = made.segments()
    base_position = max(segments)
    with pytest.raises(JournalDamaged) as caught:
        open_with({**segments, base_position: bytes(48) + segments[base_position][48:]})
    assert caught.value.position == base_position


def test_an_oldest_segment_without_a_header_is_kept() -> None:
    with pytest.raises(JournalDamaged, match="oldest segment has no header"):
        open_with({500: b""}, start_position=500, start_sequence=9)


# Missing, renamed, foreign and unknown files.


def test_missing_segments_are_damage() -> None:
    made = make("aaraaraa", "process")
    segments = made.segments()
    first, second, third = sorted(segments)
    for missing, position in ((first, 0), (second, second)):
        with pytest.raises(JournalDamaged) as caught:
            open_with({b: c for b, c in segments.items() if b != missing})
        assert caught.value.position == position
    # A missing end cannot be seen from the log alone, but a snapshot behind it tells.
    start = {"start_position": made.tail_position, "start_sequence": len(made.payloads) + 1}
    open_with(segments, **start)
    with pytest.raises(JournalDamaged, match="before the start position") as caught:
        open_with({first: segments[first], second: segments[second]}, **start)
    assert caught.value.position == third
    with pytest.raises(JournalDamaged, match="no segments"):
        open_with({}, **start)


def test_a_wrong_start_is_refused() -> None:
    made = make("aaraa", "process")
    segments = made.segments()
    second = max(segments)
    for position, sequence in (
        (second, 2),
        (second + 48, 4),
        (made.positions[3], 3),
        (made.positions[1], 1),
        (second + 20, 3),
        (made.tail_position + 1, 5),
        (second, 4),
        (made.tail_position, 2),
    ):
        with pytest.raises(JournalDamaged):
            open_with(segments, start_position=position, start_sequence=sequence)
    for index, position in enumerate([*made.positions, made.tail_position]):
        journal, _ = open_with(segments, start_position=position, start_sequence=index + 1)
        assert journal.next_sequence == 5


def test_damage_before_the_start_is_seen_when_the_headers_tell_and_when_it_is_read() -> None:
    made = make("aaraaraa", "process")
    segments = made.segments()
    first, second, third = sorted(segments)
    shorter = {**segments, first: segments[first][:-1]}
    with pytest.raises(JournalDamaged, match="should end where the next begins") as caught:
        open_with(shorter, start_position=third, start_sequence=5)
    assert caught.value.position == second - 1
    without_header = {**segments, second: bytes(48) + segments[second][48:]}
    for start_position, start_sequence in ((third, 5), (made.positions[3], 4)):
        with pytest.raises(JournalDamaged) as caught:
            open_with(without_header, start_position=start_position, start_sequence=start_sequence)
        assert caught.value.path == LOG / f"{second:020d}.log"
    # A payload before the start is not looked at, until it is asked for.
    flipped = bytearray(segments[first])
    flipped[-1] ^= 1
    journal, _ = open_with(
        {**segments, first: bytes(flipped)}, start_position=third, start_sequence=5
    )
    assert [b.payload for b in journal.batches(third)] == made.payloads[4:]
    walking = journal.batches(0)
    assert next(walking).payload == made.payloads[0]
    with pytest.raises(JournalDamaged, match="does not have the crc") as caught:
        next(walking)
    assert caught.value.position == made.positions[1]


def test_a_whole_batch_of_the_wrong_sequence_is_seen_when_it_is_read() -> None:
    header = encode_segment_header(base_position=0, first_sequence=1, promised_position=0, salt=1)
    batches = [
        encode_batch(
            b"x",
            record_count=1,
            first_sequence=sequence,
            position=48 + 49 * index,
            promised_position=0,
            salt=1,
        )
        for index, sequence in enumerate((1, 5, 6))
    ]
    content = header + b"".join(batches)
    with pytest.raises(JournalDamaged, match="sequence 5, expected is 2"):
        open_with({0: content})
    journal, _ = open_with({0: content}, start_position=48 + 49 * 2, start_sequence=6)
    with pytest.raises(JournalDamaged, match="sequence 5 follows, expected is 2"):
        list(journal.batches(0))


def test_a_header_with_the_right_crc_and_the_wrong_magic_is_not_ours() -> None:
    fields = b"TDGTLOG2" + bytes(36)
    with pytest.raises(JournalDamaged, match="header is broken"):
        open_with({0: fields + crc32(fields).to_bytes(4, "big")})


def test_the_header_alone_of_a_later_segment_proves_what_was_promised() -> None:
    made = make("aaraa", "process")
    segments = made.segments()
    first, second = sorted(segments)
    with pytest.raises(JournalDamaged) as caught:
        open_with({first: segments[first][:-1], second: segments[second][:48]})
    assert caught.value.position == made.positions[1]
    # Nothing had been promised when this one was written, so the two of them are a torn tail.
    made = make("aaraa", "disk")
    segments = made.segments()
    journal, _ = open_with({first: segments[first][:-1], second: segments[second][:48]})
    assert [b.payload for b in journal.batches(0)] == made.payloads[:1]


def test_renamed_and_overlapping_segments_are_damage() -> None:
    made = make("aaraa", "process")
    segments = made.segments()
    first, second = sorted(segments)
    with pytest.raises(JournalDamaged, match="renamed"):
        open_with({first: segments[first], second + 1: segments[second]})
    with pytest.raises(JournalDamaged, match="goes on here") as caught:
        open_with({first: segments[first] + b"x", second: segments[second]})
    assert caught.value.position == second


def test_a_segment_of_another_log_is_damage() -> None:
    """Everything in it is whole, and still it does not continue this log."""
    made = make("aaraa", "process")
    segments = made.segments()
    second = max(segments)
    header = encode_segment_header(
        base_position=second, first_sequence=7, promised_position=second, salt=1
    )
    with pytest.raises(JournalDamaged, match="begins with sequence 7, expected is 3"):
        open_with({**segments, second: header})
    batch = encode_batch(
        b"x",
        record_count=1,
        first_sequence=9,
        position=second + 48,
        promised_position=second + 48,
        salt=1,
    )
    header = encode_segment_header(
        base_position=second, first_sequence=3, promised_position=second, salt=1
    )
    with pytest.raises(JournalDamaged, match="begins with sequence 9, expected is 3"):
        open_with({**segments, second: header + batch})


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "1.log",
        "00000000000000000000.log.tmp",
        "00000000000000000000.snap",
        "99999999999999999999.log",
        "0000000000000000000\u0661.log",
    ],
)
def test_foreign_files_are_refused(name: str) -> None:
    made = make("aa", "process")
    made.storage.put(LOG / name, b"mine")
    before = made.storage.contents()
    with pytest.raises(JournalForeign) as caught:
        Journal.open(LOG, storage=made.storage, segment_bytes_max=10_000)
    assert caught.value.path == LOG / name
    assert made.storage.contents() == before


def test_somebody_elses_file_under_our_name_is_not_removed() -> None:
    for content in (b"2026-11-21 server started\n", b"x" * 500, b"\0" * 47 + b"x"):
        with pytest.raises(JournalDamaged, match="header is broken"):
            open_with({0: content})


@pytest.mark.parametrize("version", [0, 1, 77])
def test_an_unknown_format_version_is_refused(version: int) -> None:
    made = make("aaraa", "process")
    segments = made.segments()
    for base_position, content in segments.items():
        fields = content[:8] + version.to_bytes(4, "big") + content[12:44]
        other = fields + crc32(fields).to_bytes(4, "big") + content[48:]
        with pytest.raises(JournalFormatUnknown, match=f"version {version} is unknown") as caught:
            open_with({**segments, base_position: other})
        assert caught.value.version == version
        assert caught.value.path == LOG / f"{base_position:020d}.log"


def test_the_format_of_version_2_is_frozen() -> None:
    """The bytes of a small journal, written out: logs of this version must stay readable."""
    content = bytes.fromhex(
        "544447544c4f470a"
        "00000002"
        "0000000000000000"
        "0000000000000001"
        "0000000000000000"
        "5a17000000000001"
        "773c9af0"
        "b7544742"
        "00000005"
        "00000002"
        "0000000000000001"
        "0000000000000030"
        "0000000000000030"
        "5a17000000000001"
        "0b18c3f2"
        "68656c6c6f"
    )
    storage = FaultyStorage()
    journal = Journal.open(LOG, storage=storage, segment_bytes_max=10_000)
    journal.append(b"hello", 2)
    assert next(iter(storage.contents().values())).hex(" ", 4) == content.hex(" ", 4)


# Bytes from strangers.


def torn_with(*, salt: int) -> tuple[Journal, bytes]:
    """Crash in the middle of writing a batch whose payload holds something like a promised
    batch."""
    storage = FaultyStorage()
    journal = Journal.open(LOG, storage=storage, segment_bytes_max=10_000)
    journal.append(b"before", 1)
    forged_position = journal.tail_position + HEADER_BYTES + 10
    forged = encode_batch(
        b"forged",
        record_count=1,
        first_sequence=2,
        position=forged_position,
        promised_position=forged_position,
        salt=salt,
    )
    storage.crash_at = len(storage.calls)
    storage.crash_portion = 0.9
    with pytest.raises(Crashed):
        journal.append(bytes(10) + forged + bytes(100), 1)
    return Journal.open(LOG, storage=storage.restarted(), segment_bytes_max=10_000), forged


def test_a_batch_forged_inside_a_payload_does_not_stop_the_start() -> None:
    journal, _ = torn_with(salt=0)
    assert journal.repair is not None
    assert [b.payload for b in journal.batches(0)] == [b"before"]


def test_the_forged_batch_would_do_harm_if_the_salt_were_known() -> None:
    """Shows that the test above tests the salt and nothing else."""
    with pytest.raises(JournalDamaged):
        torn_with(salt=0x5A17_0000_0000_0001)


def test_a_journal_inside_a_payload_does_not_stop_the_start() -> None:
    made = make("aaaa", "process")
    inner = made.segments()[0]
    storage = FaultyStorage()
    journal = Journal.open(LOG, storage=storage, segment_bytes_max=10_000)
    journal.append(b"before", 1)
    storage.crash_at = len(storage.calls)
    storage.crash_portion = 0.99
    with pytest.raises(Crashed):
        journal.append(inner + bytes(200), 1)
    again = Journal.open(LOG, storage=storage.restarted(), segment_bytes_max=10_000)
    assert [b.payload for b in again.batches(0)] == [b"before"]
