"""A follower of the log that must not be ahead of what is durable."""

from __future__ import annotations

from pathlib import Path

from tidegate.journal import Journal, LogFollower, OsStorage

EVERYTHING = 1 << 20


def journal_of(directory: Path, payloads: list[bytes], *, roll_behind: int = -1) -> list[int]:
    """Where each batch ends."""
    journal = Journal.open(
        directory, storage=OsStorage(), segment_bytes_max=1 << 20, durability="process"
    )
    ends = []
    for number, payload in enumerate(payloads):
        journal.append(payload, 1)
        ends.append(journal.tail_position)
        if number == roll_behind:
            journal.roll()
    journal.close()
    return ends


def test_a_follower_reads_up_to_the_end_it_is_given(tmp_path: Path) -> None:
    ends = journal_of(tmp_path, [b"a", b"bb", b"ccc"])
    follower = LogFollower(tmp_path, storage=OsStorage())
    assert follower.read(EVERYTHING, 0) == []
    assert [batch.payload for batch in follower.read(EVERYTHING, ends[1])] == [b"a", b"bb"]
    assert follower.position == ends[1]
    assert follower.read(EVERYTHING, ends[1]) == []
    assert follower.read(EVERYTHING, ends[0]) == [], "an end behind it is no way back"
    assert [batch.payload for batch in follower.read(EVERYTHING, ends[2])] == [b"ccc"]
    follower.close()


def test_the_end_may_lie_in_a_later_segment(tmp_path: Path) -> None:
    ends = journal_of(tmp_path, [b"a", b"bb", b"ccc", b"d"], roll_behind=1)
    follower = LogFollower(tmp_path, storage=OsStorage())
    found = follower.read(EVERYTHING, ends[2])
    assert [batch.payload for batch in found] == [b"a", b"bb", b"ccc"]
    follower.close()
    follower = LogFollower(tmp_path, storage=OsStorage())
    assert [batch.payload for batch in follower.read(EVERYTHING, ends[1])] == [b"a", b"bb"]
    assert [batch.payload for batch in follower.read(EVERYTHING)] == [b"ccc", b"d"]
    follower.close()


def test_what_is_not_durable_may_be_half_written(tmp_path: Path) -> None:
    ends = journal_of(tmp_path, [b"a", b"bb"])
    (segment,) = tmp_path.glob("*.log")
    data = segment.read_bytes()
    segment.write_bytes(data[:-1])  # the second batch lacks its last byte
    follower = LogFollower(tmp_path, storage=OsStorage())
    assert [batch.payload for batch in follower.read(EVERYTHING, ends[0])] == [b"a"]
    segment.write_bytes(data)
    assert [batch.payload for batch in follower.read(EVERYTHING, ends[1])] == [b"bb"]
    follower.close()
