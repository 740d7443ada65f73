"""Crash at every call, in every portion, and then again in the recovery that follows.

The rules checked after each crash: what is recovered is a prefix of what was appended, byte for
byte; it holds every batch that was promised (process crash: every append that returned; power loss:
everything below a position that `sync` returned); a second start finds the same and repairs
nothing; the log can be continued.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.journal import (
    Durability,
    Journal,
    JournalDamaged,
    load_latest_snapshot,
    write_snapshot,
)
from tidegate.lab.sim.storage import LOSSES, Crashed, FaultyStorage, Loss

LOG = Path("/data/journal")
SNAPSHOTS = Path("/data/snapshots")
SEGMENT_BYTES_MAX = 330
PORTIONS = (0.0, 0.2, 0.4, 0.8, 1.0)

WORKLOADS = {
    "append only": "aaa",
    "sync each": "asasas",
    "group sync": "aaasaa",
    "roll by size": "aaaaaasaa",
    "roll unsynced": "aarara",
    "roll by wish": "asrasa",
    "snapshot": "aasnaa",
    "snapshot at a roll": "asnrasnasn",
    "snapshots are pruned": "asnasnasnasn",
}


def payload_of(number: int) -> bytes:
    return b"payload %d " % number * (1 + number * 5 % 9)


@dataclass
class Ledger:
    """What a witness outside the process remembers."""

    attempted: list[bytes] = field(default_factory=list)
    written: int = 0
    synced: int = 0


def start(storage: FaultyStorage, durability: Durability) -> Journal:
    """Start as the venue does: the latest snapshot, then the tail of the log."""
    snapshot = load_latest_snapshot(SNAPSHOTS, storage=storage).snapshot
    options = {}
    if snapshot is not None:
        options = {
            "start_position": snapshot.log_position,
            "start_sequence": snapshot.next_sequence,
        }
    journal = Journal.open(
        LOG,
        storage=storage,
        segment_bytes_max=SEGMENT_BYTES_MAX,
        durability=durability,
        **options,
    )
    if snapshot is not None:
        before = sum(1 for b in journal.batches(0) if b.position < snapshot.log_position)
        assert before == int(snapshot.body), "the snapshot is of this log"
    return journal


def play(storage: FaultyStorage, steps: str, durability: Durability, ledger: Ledger) -> None:
    """Play a workload: a appends, s syncs, n writes a snapshot, r rolls. Ends with Crashed or
    not."""
    journal = start(storage, durability)
    for step in steps:
        if step == "a":
            payload = payload_of(len(ledger.attempted))
            ledger.attempted.append(payload)
            journal.append(payload, 1 + len(payload) % 3)
            ledger.written += 1
        elif step == "s":
            count = ledger.written
            assert journal.sync() == journal.tail_position
            ledger.synced = count
        elif step == "r":
            journal.roll()
        else:
            write_snapshot(
                SNAPSHOTS,
                storage=storage,
                log_position=journal.tail_position,
                next_sequence=journal.next_sequence,
                durable_position=journal.durable_position,
                body=b"%d" % ledger.written,
            )


def crashed_runs(steps: str, durability: Durability) -> Iterator[tuple[FaultyStorage, Ledger]]:
    """Yield the disk and the ledger after a crash at every call and portion, and after no crash."""
    whole = FaultyStorage()
    ledger = Ledger()
    play(whole, steps, durability, ledger)
    yield whole, ledger
    for number in range(len(whole.calls)):
        for portion in PORTIONS if whole.calls[number].startswith("write") else (0.0, 1.0):
            storage = FaultyStorage()
            storage.crash_at, storage.crash_portion = number, portion
            ledger = Ledger()
            with pytest.raises(Crashed):
                play(storage, steps, durability, ledger)
            yield storage, ledger


def check_recovery(
    storage: FaultyStorage, ledger: Ledger, durability: Durability, *, promised: int
) -> None:
    """Recover twice, check what is there, continue the log, and recover again."""
    journal = start(storage, durability)
    recovered = [b.payload for b in journal.batches(0)]
    assert recovered == ledger.attempted[: len(recovered)]
    assert len(recovered) >= promised
    assert journal.durable_position == journal.tail_position
    next_sequence = journal.next_sequence
    assert next_sequence == 1 + sum(b.record_count for b in journal.batches(0))

    again = start(storage.restarted(), durability)
    assert again.repair is None
    assert (again.tail_position, again.next_sequence) == (journal.tail_position, next_sequence)

    # What was recovered is published at once, so the worst power loss must leave it.
    lost = storage.after_power_loss("all", keep_names=False, random=Random(0))
    after_loss = start(lost, durability)
    assert after_loss.repair is None
    assert [b.payload for b in after_loss.batches(0)] == recovered

    journal.append(b"continued", 1)
    journal.sync()
    continued = start(storage.restarted(), durability)
    assert [b.payload for b in continued.batches(0)] == [*recovered, b"continued"]
    assert continued.next_sequence == next_sequence + 1
    journal.close()
    assert storage.open_files == 0


def crash_in_recovery(storage: FaultyStorage, durability: Durability) -> Iterator[FaultyStorage]:
    """Yield the disk after a crash at every call of the recovery of `storage`."""
    whole = storage.restarted()
    start(whole, durability)
    for number in range(len(whole.calls)):
        for portion in (0.0, 1.0):
            crashed = storage.restarted()
            crashed.crash_at, crashed.crash_portion = number, portion
            with pytest.raises(Crashed):
                start(crashed, durability)
            yield crashed


def power_losses(storage: FaultyStorage) -> Iterator[FaultyStorage]:
    """Yield the disk after each kind of power loss, each result once."""
    seen = set()
    losses: tuple[Loss, ...] = (*LOSSES, "random", "random", "random")
    for seed, loss in enumerate(losses):
        for keep_names in (False, True):
            lost = storage.after_power_loss(loss, keep_names=keep_names, random=Random(seed))
            if lost.state() not in seen:
                seen.add(lost.state())
                yield lost


@pytest.mark.parametrize("durability", ["process", "disk"])
@pytest.mark.parametrize("steps", WORKLOADS.values(), ids=WORKLOADS)
def test_process_crash_at_every_call_and_again_in_recovery(
    steps: str, durability: Durability
) -> None:
    seen = set()
    for storage, ledger in crashed_runs(steps, durability):
        crashed = storage.restarted()
        key = (crashed.state(), ledger.written)
        if key in seen:
            continue
        seen.add(key)
        check_recovery(crashed.restarted(), ledger, durability, promised=ledger.written)
        for twice in crash_in_recovery(crashed, durability):
            if twice.restarted().state() != crashed.state():
                check_recovery(twice.restarted(), ledger, durability, promised=ledger.written)
    assert len(seen) > len(steps)


@pytest.mark.parametrize("steps", WORKLOADS.values(), ids=WORKLOADS)
def test_power_loss_at_every_call_and_again_in_recovery(steps: str) -> None:
    seen = set()
    for storage, ledger in crashed_runs(steps, "disk"):
        for lost in power_losses(storage):
            key = (lost.state(), ledger.synced)
            if key in seen:
                continue
            seen.add(key)
            check_recovery(lost.restarted(), ledger, "disk", promised=ledger.synced)
            for twice in crash_in_recovery(lost, "disk"):
                for lost_twice in power_losses(twice):
                    key = (lost_twice.state(), ledger.synced)
                    if key not in seen:
                        seen.add(key)
                        check_recovery(lost_twice, ledger, "disk", promised=ledger.synced)
    assert len(seen) > len(steps)


@pytest.mark.parametrize("steps", WORKLOADS.values(), ids=WORKLOADS)
def test_power_loss_with_durability_process_gives_a_prefix_or_refuses(steps: str) -> None:
    """Power loss is not promised to be survived here, but wrong data is promised never to be
    read."""
    for storage, ledger in crashed_runs(steps, "process"):
        for lost in power_losses(storage):
            before = lost.contents()
            try:
                check_recovery(lost, ledger, "process", promised=ledger.synced)
            except JournalDamaged:
                assert {p: c for p, c in lost.contents().items() if p in before} == before


@settings(deadline=None)
@given(
    steps=st.text("aaaasnr", min_size=1, max_size=14).map(lambda s: s.replace("n", "sn")),
    call=st.integers(0, 120),
    portion=st.floats(0, 1),
    loss=st.sampled_from([*LOSSES, "random"]),
    keep_names=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_power_loss_anywhere_in_any_workload(
    steps: str, call: int, portion: float, loss: Loss, keep_names: bool, seed: int
) -> None:
    storage = FaultyStorage()
    storage.crash_at, storage.crash_portion = call, portion
    ledger = Ledger()
    with suppress(Crashed):
        play(storage, steps, "disk", ledger)
    lost = storage.after_power_loss(loss, keep_names=keep_names, random=Random(seed))
    check_recovery(lost, ledger, "disk", promised=ledger.synced)
