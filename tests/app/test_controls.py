"""Controls of a running venue: done when durable, refused at once, failed with the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.app.in_process import Disk, Running, run
from tidegate.journal import Durability, JournalError
from tidegate.recovery import recover
from tidegate.venue.controls import (
    DROP_SESSION,
    MUTE_HEARTBEATS,
    SKIP_NUMBER,
    ControlRefused,
    DropSession,
    MuteHeartbeats,
    SkipNumber,
)

MUTE = MuteHeartbeats(on=True).encode()


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_control_is_done_when_it_is_in_the_journal(
    tmp_path: Path, durability: Durability
) -> None:
    async def play(running: Running) -> None:
        history = running.venue.histories[0]
        control = running.service.control
        first = control(SKIP_NUMBER, 0, SkipNumber(2).encode())
        second = control(MUTE_HEARTBEATS, 1, MUTE)
        assert history.last_number == 0, "published before its turn had ended"
        await first
        assert history.last_number == 2
        await second
        await control(SKIP_NUMBER, 0, SkipNumber(1).encode())
        assert history.last_number == 3

    asyncio.run(run(tmp_path, durability, play))
    again = recover(tmp_path, durability="process")
    again.journal.close()
    assert again.venue.sessions[0].next_outgoing == 4
    assert again.venue.sessions[1].muted


async def until_a_sync_waits(disk: Disk) -> None:
    while not disk.waiting.is_set():
        await asyncio.sleep(0)
    disk.waiting.clear()


def test_with_disk_durability_a_control_waits_for_its_sync(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        disk = running.disk
        disk.one_by_one = True
        first = asyncio.ensure_future(running.service.control(MUTE_HEARTBEATS, 0, MUTE))
        await until_a_sync_waits(disk)
        second = asyncio.ensure_future(running.service.control(MUTE_HEARTBEATS, 1, MUTE))
        for _turn in range(100):
            await asyncio.sleep(0)
        assert (first.done(), second.done()) == (False, False)
        disk.may_sync.release()
        await first
        await until_a_sync_waits(disk)
        assert not second.done(), "its turn was appended behind the start of the first sync"
        disk.may_sync.release()
        await second
        disk.one_by_one = False

    asyncio.run(run(tmp_path, "disk", play))


def test_a_control_fails_with_the_disk(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        running.disk.one_by_one = running.disk.broken = True
        waiting = running.service.control(MUTE_HEARTBEATS, 0, MUTE)
        await until_a_sync_waits(running.disk)
        of_next_turn = running.service.control(MUTE_HEARTBEATS, 1, MUTE)
        running.disk.may_sync.release()
        for control in (waiting, of_next_turn):
            with pytest.raises(JournalError, match="Input/output error"):
                await control
        assert len(running.failures) == 1

    asyncio.run(run(tmp_path, "disk", play))


def test_a_sync_that_ends_after_the_failure_publishes_nothing(tmp_path: Path) -> None:
    """A write fails while the sync of an earlier turn is under way."""

    async def play(running: Running) -> None:
        raised: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        disk = running.disk
        disk.one_by_one = True
        waiting = running.service.control(SKIP_NUMBER, 0, SkipNumber(2).encode())
        await until_a_sync_waits(disk)
        running.service.stop_for(JournalError("the disk is full"))
        with pytest.raises(JournalError, match="full"):
            await waiting
        disk.one_by_one = False
        disk.may_sync.release()
        await running.service.stop(b"done", 0)
        for _turn in range(100):
            await asyncio.sleep(0)
        assert raised == []
        assert running.venue.histories[0].last_number == 0

    asyncio.run(run(tmp_path, "disk", play))


def test_a_control_that_can_not_be_done_is_refused_at_once(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        with pytest.raises(ControlRefused, match="not logged on"):
            running.service.control(DROP_SESSION, 0, DropSession().encode())
        assert running.venue.turn_records == 0

    asyncio.run(run(tmp_path, "process", play))


def test_a_venue_that_stops_takes_no_control(tmp_path: Path) -> None:
    async def play(running: Running) -> None:
        await running.service.stop(b"done", 0)
        with pytest.raises(ControlRefused, match="stopping"):
            running.service.control(MUTE_HEARTBEATS, 0, MUTE)

    asyncio.run(run(tmp_path, "process", play))
