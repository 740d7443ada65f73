"""Crash at every write of the running venue, and again in the recovery, and compare.

For each workload one run without a crash is the reference: its turns, and the state after each.
Every disk that a crash at any call of journal, snapshot or turn-over could have left is recovered.
What must be there: exactly the reference's first turns, byte for byte; no fewer than were promised
when it crashed, so all that was published is among them; and the state that the reference had after
that turn. The recovery itself is interrupted at each of its calls, and what that leaves is held to
the same. Some of the recovered venues then go on: clients reconnect and get what they missed.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.crash.disks import DATA, WatchedStorage, power_losses
from tests.crash.workloads import WORKLOADS, Workload, scenario, settings
from tidegate.journal import Durability
from tidegate.lab.sim.audit import JournalView
from tidegate.lab.sim.run import listening
from tidegate.lab.sim.storage import FaultyStorage
from tidegate.lab.sim.world import World
from tidegate.model.time import NS_PER_S
from tidegate.recovery import JOURNAL_DIRECTORY, recover, verify
from tidegate.venue.machine import Venue

GO_ON_EVERY = 25  # of the recovered disks, so many go on for each that does


@dataclass
class Crash:
    """A disk that a crash left, and how many turns were promised by then."""

    disk: FaultyStorage
    promised: int


@dataclass
class Reference:
    """The run without a crash. `digests` are those of the state after so many turns."""

    turns: list[bytes] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)


def played(workload: Workload, durability: Durability) -> Reference:
    reference = Reference()
    world: World

    def seen(disk: FaultyStorage) -> None:
        auditor = world.machine.auditor
        auditor.advance(world.machine.storage)
        if auditor.fold.turns >= workload.turns_passed:
            reference.crashes.append(Crash(disk, auditor.fold.turns))

    storage = WatchedStorage(lambda disk: seen(disk))
    calm = scenario(durability, **workload.changes)
    world = World(calm, storage=storage, settings=settings(calm))
    world.begin()
    workload.play(world)
    assert world.process is not None
    world.process.kill()

    venue = Venue()
    reference.digests.append(venue.digest())
    view = JournalView(DATA / JOURNAL_DIRECTORY, synced_only=False)
    while (payload := view.next_payload(world.machine.storage)) is not None:
        reference.turns.append(payload)
        venue.replay(payload, view.position - len(payload))
        reference.digests.append(venue.digest())
    return reference


def recovered_turns(reference: Reference, disk: FaultyStorage, promised: int, name: str) -> int:
    """Recover a disk and hold what comes out against the reference; how many turns it has."""
    found = recover(
        DATA, durability="disk", segment_bytes_max=1_500 if name == "segments" else 262_144,
        storage=disk,
    )  # fmt: skip
    turns = [batch.payload for batch in found.journal.batches(0)]
    assert turns == reference.turns[: len(turns)]
    assert len(turns) >= promised, "something promised is gone"
    assert found.venue.digest() == reference.digests[len(turns)]
    assert found.venue.histories_complete()
    assert found.damaged_snapshots == ()
    found.journal.close()
    return len(turns)


def goes_on(disk: FaultyStorage, workload: Workload, durability: Durability) -> None:
    """The venue serves again from that disk; clients get everything, and a replay agrees."""
    changes = {**workload.changes, "start_s": workload.changes.get("start_s", 3_600) + 20}
    calm = scenario(durability, **changes)
    world = World(calm, storage=disk.restarted(), settings=settings(calm))
    world.machine.auditor.advance(world.machine.storage)
    for client in world.clients:
        client.restart(reset=True)
    world.begin()
    world.run_for(3 * NS_PER_S)
    assert all(client.core.is_logged_on and client.core.is_in_sequence for client in world.clients)
    assert world.process is not None
    world.process.kill()
    verify(DATA, storage=world.machine.storage)


def _check_all(
    reference: Reference,
    workload: Workload,
    name: str,
    durability: Durability,
) -> None:
    seen: set[object] = set()
    points = 0

    def check(disk: FaultyStorage, promised: int) -> list[FaultyStorage]:
        """Recover; the states in which a crash in this recovery leaves the disk."""
        nonlocal points
        key = (disk.state(), promised)
        if key in seen:
            return []
        seen.add(key)
        points += 1
        left: list[FaultyStorage] = []
        watched = WatchedStorage(left.append).watching_copy_of(disk)
        recovered_turns(reference, watched, promised, name)
        if points % GO_ON_EVERY == 0:
            goes_on(watched, workload, durability)
        return left

    def each_loss(disk: FaultyStorage) -> list[FaultyStorage]:
        loses_power = durability == "disk" and workload.interrupt_recovery
        return [disk, *power_losses(disk)] if loses_power else [disk]

    for crash in reference.crashes:
        for disk in each_loss(crash.disk):
            interrupted = check(disk, crash.promised)
            for again in interrupted if workload.interrupt_recovery else ():
                for twice in each_loss(again):
                    check(twice, crash.promised)
    sys.stdout.write(f"{name}, {durability}: {len(reference.crashes)} crashes, {points} disks\n")
    assert points > len(reference.turns)


@pytest.mark.parametrize("durability", ["process", "disk"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_every_crash_leaves_what_was_promised(name: str, durability: Durability) -> None:
    """Slow because it recovers some thousand disks."""
    workload = WORKLOADS[name]
    if durability == "disk" and not workload.interrupt_recovery:
        pytest.skip("long, and without power losses the same as with the other durability")
    with listening(Counter()):
        reference = played(workload, durability)
        _check_all(reference, workload, name, durability)
