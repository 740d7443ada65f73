"""Nothing is told before it is durable, by a real service and a disk that is held back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.app.in_process import Disk, Running, run
from tidegate.feeds.follower import Follower
from tidegate.journal import (
    Doorbell,
    DoorbellReader,
    JournalError,
    LogFollower,
    OsStorage,
    make_bell,
)
from tidegate.marketdata.fold import MarketData
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue.controls import SET_HALTED
from tidegate.venue.market_controls import SetHalted

HALT = SetHalted(halted=True).encode()
NOBODY = -1
WHATEVER_IT_TAKES_S = 60.0  # so that a step ends where everything is replayed, not by the clock


async def until_a_sync_waits(disk: Disk) -> None:
    while not disk.waiting.is_set():
        await asyncio.sleep(0)
    disk.waiting.clear()


def test_with_disk_durability_nothing_is_told_before_the_sync(tmp_path: Path) -> None:
    heard, rung = make_bell()
    doorbell = Doorbell(tmp_path, rung)
    turns: list[int] = []

    async def play(running: Running) -> None:
        await running.service.control(SET_HALTED, NOBODY, SetHalted(halted=False).encode())
        reader = DoorbellReader(tmp_path, heard)
        follower = Follower(tmp_path, reader, MarketData())
        while follower.step(lambda: turns.append(follower.position)):
            pass
        turns.clear()
        begin = follower.position
        assert begin == running.journal.tail_position
        disk = running.disk
        disk.one_by_one = True
        waiting = asyncio.ensure_future(running.service.control(SET_HALTED, NOBODY, HALT))
        await until_a_sync_waits(disk)
        log = LogFollower(
            tmp_path / JOURNAL_DIRECTORY, storage=OsStorage(), position=begin,
            sequence=running.journal.next_sequence - 1,
        )  # fmt: skip
        assert log.read(1 << 20), "it is in the file, for whoever does not ask"
        log.close()
        assert not follower.step(lambda: turns.append(follower.position), WHATEVER_IT_TAKES_S)
        assert (turns, follower.venue.engine.market_state("BTC/USD").halted) == ([], False)
        disk.may_sync.release()
        await waiting
        assert not follower.step(lambda: turns.append(follower.position), WHATEVER_IT_TAKES_S)
        assert turns == [running.journal.tail_position]
        assert follower.venue.engine.market_state("BTC/USD").halted
        disk.one_by_one = False
        follower.close()

    asyncio.run(run(tmp_path, "disk", play, doorbell=doorbell))


def test_a_failed_sync_is_never_told(tmp_path: Path) -> None:
    heard, rung = make_bell()
    doorbell = Doorbell(tmp_path, rung)

    async def play(running: Running) -> None:
        await running.service.control(SET_HALTED, NOBODY, SetHalted(halted=False).encode())
        durable = DoorbellReader(tmp_path, heard).log_position
        running.disk.one_by_one = running.disk.broken = True
        waiting = running.service.control(SET_HALTED, NOBODY, HALT)
        running.disk.may_sync.release()
        with pytest.raises(JournalError, match="Input/output error"):
            await waiting
        assert len(running.failures) == 1
        assert DoorbellReader(tmp_path, heard).log_position == durable

    asyncio.run(run(tmp_path, "disk", play, doorbell=doorbell))


def test_the_follower_is_rung_for_each_turn_that_it_slept_through(tmp_path: Path) -> None:
    heard, rung = make_bell()
    doorbell = Doorbell(tmp_path, rung)

    async def play(running: Running) -> None:
        reader = DoorbellReader(tmp_path, heard)
        follower = Follower(tmp_path, reader, MarketData())
        assert not follower.step(lambda: None, WHATEVER_IT_TAKES_S)
        rings = asyncio.Event()
        asyncio.get_running_loop().add_reader(heard, rings.set)
        for halted in (True, False):
            control = SetHalted(halted=halted).encode()
            await running.service.control(SET_HALTED, NOBODY, control)
            await asyncio.wait_for(rings.wait(), 10)
            reader.heard()
            rings.clear()
            assert not follower.step(lambda: None, WHATEVER_IT_TAKES_S)
            assert follower.venue.engine.market_state("BTC/USD").halted == halted
        asyncio.get_running_loop().remove_reader(heard)
        follower.close()

    asyncio.run(run(tmp_path, "process", play, doorbell=doorbell))
