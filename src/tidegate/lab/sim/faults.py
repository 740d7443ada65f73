"""What goes wrong in a simulated world, each by its name in `scenario.FAULTS`."""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tidegate.lab.sim.control import control
from tidegate.lab.sim.storage import LOSSES, FaultyStorage
from tidegate.model.time import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from tidegate.lab.sim.world import World

CALLS_AHEAD_MAX = 40  # a crash in a call comes within so many calls
CLOCK_JUMP_S_MAX = 100  # within what SendingTime may be off: further, and nobody can log on


def cut(world: World, random: Random) -> bool:
    lines = [line for line in world.lines if line.is_up]
    if lines:
        random.choice(lines).cut()
    return bool(lines)


def half_open(world: World, random: Random) -> bool:
    lines = [line for line in world.lines if line.is_up]
    if lines:
        random.choice(lines).go_silent()
    return bool(lines)


def slow_reader(world: World, random: Random) -> bool:
    lines = [line for line in world.lines if line.is_up]
    if lines:
        random.choice(lines).slow_reader(random.randrange(50, 5_000) * NS_PER_MS)
    return bool(lines)


def storm(world: World, random: Random) -> bool:
    world.storm(random.randrange(100, 3_000) * NS_PER_MS)
    return True


def abandon(world: World, random: Random) -> bool:
    clients = [client for client in world.clients if client.core.is_logged_on]
    if clients:
        random.choice(clients).abandon()
    return bool(clients)


def client_crash(world: World, random: Random) -> bool:
    clients = [client for client in world.clients if client.line is not None]
    if clients:
        client = random.choice(clients)
        assert client.line is not None
        client.line.hang_up()
        client.line = None
        client.core.link_lost(world.now_ns)
        client.pump()
        client.restart(reset=False)
    return bool(clients)


def kill(world: World, random: Random) -> bool:
    return world.kill()


def _crash_soon(world: World, random: Random) -> None:
    storage = world.machine.storage
    storage.crash_at = len(storage.calls) + random.randrange(CALLS_AHEAD_MAX)
    storage.crash_portion = random.choice((0.0, 0.3, 0.9, 1.0))


def kill_in_call(world: World, random: Random) -> bool:
    if world.serving:
        _crash_soon(world, random)
    return world.serving


def kill_in_recovery(world: World, random: Random) -> bool:
    world.crash_next_recovery = True
    return world.kill()


def after_power_loss(storage: FaultyStorage, random: Random) -> FaultyStorage:
    loss = random.choice((*LOSSES, "random", "random"))
    return storage.after_power_loss(loss, keep_names=random.random() < 0.5, random=random)


def power_loss(world: World, random: Random) -> bool:
    world.loses_power = world.serving
    return world.kill()


def power_loss_in_call(world: World, random: Random) -> bool:
    if world.serving:
        world.loses_power = True
        _crash_soon(world, random)
    return world.serving


def restart(world: World, random: Random) -> bool:
    return world.restart()


def write_error(world: World, random: Random) -> bool:
    if world.serving:
        world.machine.storage.failing["write"] = random.choice((errno.EIO, errno.EDQUOT))
    return world.serving


def sync_error(world: World, random: Random) -> bool:
    if world.serving:
        world.machine.storage.failing[random.choice(("fdatasync", "fsync_directory"))] = errno.EIO
    return world.serving


def no_space(world: World, random: Random) -> bool:
    if world.serving:
        world.machine.storage.free_bytes = random.randrange(4_000)
    return world.serving


def short_writes(world: World, random: Random) -> bool:
    world.machine.storage.write_bytes_max = random.choice((None, 1, 7, 100, 4_000))
    return True


def short_reads(world: World, random: Random) -> bool:
    world.machine.storage.read_bytes_max = random.choice((None, 5, 100, 4_000))
    return True


def clock_forward(world: World, random: Random) -> bool:
    world.skew_ns = random.randrange(CLOCK_JUMP_S_MAX * NS_PER_S)
    world.after(random.randrange(1, 20) * NS_PER_S, world.set_clock_right)
    return True


def clock_back(world: World, random: Random) -> bool:
    world.skew_ns = -random.randrange(CLOCK_JUMP_S_MAX * NS_PER_S)
    world.after(random.randrange(1, 20) * NS_PER_S, world.set_clock_right)
    return True


def long_downtime(world: World, random: Random) -> bool:
    was_up = world.kill() if random.random() < 0.5 else world.restart()
    if was_up:
        world.leap_at_restart_s = random.choice((60, 3_600, 30_000, 100_000))
    return was_up


def idle(world: World, random: Random) -> bool:
    world.idle(random.randrange(1, 12) * NS_PER_S)
    return True


ALL: dict[str, Callable[[World, Random], bool]] = {
    function.__name__: function
    for function in (
        cut, half_open, slow_reader, storm, abandon, client_crash, kill, kill_in_call,
        kill_in_recovery, power_loss, power_loss_in_call, restart, write_error, sync_error,
        no_space, short_writes, short_reads, clock_forward, clock_back, long_downtime, idle,
        control,
    )
}  # fmt: skip
"""Each does it and tells whether there was anything to do it to."""
