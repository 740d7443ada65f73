"""The processes that `tidegate up` runs beside the venue."""

from __future__ import annotations

from typing import Final

from tidegate.children import ChildProcess
from tidegate.control.protocol import Handler
from tidegate.feeds.options import feed_options
from tidegate.history.follow import FollowOptions
from tidegate.history.target import OFF
from tidegate.liquidity.commands import liquidity_commands
from tidegate.liquidity.options import maker_options
from tidegate.preparation import Prepared
from tidegate.service import VenueService

HISTORY_STOP_WAIT_S: Final = 6.0  # it has five seconds for what is left
MAKER_STOP_WAIT_S: Final = 6.0  # it takes its quotes along
FEEDS_STOP_WAIT_S: Final = 4.0  # its clients have two to answer a Logout

Commands = dict[str, Handler]


def feeds_process(prepared: Prepared) -> ChildProcess | None:
    """The process that serves market data and drop copies, started; None without either."""
    if prepared.doorbell is None:
        return None
    options = prepared.options
    process = ChildProcess(
        "tidegate.feeds",
        feed_options(
            prepared.config,
            prepared.directory,
            tls=None if options.plain else prepared.tls,
            sockets=prepared.feeds_sockets,
            bell=prepared.bell,
            log_format=options.log_format,
            log_level=options.log_level,
        ),
        stop_wait_s=FEEDS_STOP_WAIT_S,
        files=(prepared.bell, *(s.fileno() for s in prepared.feeds_sockets.values())),
    )
    process.start()
    return process


def history_process(prepared: Prepared) -> ChildProcess | None:
    """The process that follows the journal, started; None where the history is off."""
    config = prepared.config
    if config.history == OFF:
        return None
    process = ChildProcess(
        "tidegate.history",
        FollowOptions(
            data=str(prepared.directory),
            target=config.history,
            durability=config.durability,
            log_format=prepared.options.log_format,
            log_level=prepared.options.log_level,
        ),
        stop_wait_s=HISTORY_STOP_WAIT_S,
    )
    process.start()
    return process


def maker_process(
    prepared: Prepared, service: VenueService
) -> tuple[ChildProcess | None, Commands]:
    """The process of the internal market maker, not started, and the commands about it; None where
    it is off."""
    options = maker_options(
        prepared.config,
        prepared.directory,
        tls=None if prepared.options.plain else prepared.tls,
        log_format=prepared.options.log_format,
        log_level=prepared.options.log_level,
    )
    process = (
        None
        if options is None
        else ChildProcess("tidegate.liquidity", options, stop_wait_s=MAKER_STOP_WAIT_S)
    )
    return process, liquidity_commands(service, prepared.config, options, process)
