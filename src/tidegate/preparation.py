"""From a configuration and a data directory to a venue that may accept logons.

Nothing on the disk is touched before everything that can be wrong outside of it was looked at: the
configuration, then the ports, then the data directory and its lock.
"""

from __future__ import annotations

import fcntl
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from tidegate.config import ConfigError, VenueConfig, load, load_file
from tidegate.config.convert import is_loopback
from tidegate.config.services import followers_names
from tidegate.gateway.listener import PortInUse, bind
from tidegate.journal import DirectoryInUse, DirectoryLock, Doorbell, JournalError, make_bell
from tidegate.journal.lock import LOCK_NAME
from tidegate.liquidity.options import with_local_maker
from tidegate.provision import (
    ProvisionError,
    Secrets,
    TlsFiles,
    data_directory,
    open_secrets,
    provide_tls,
)
from tidegate.recovery import Recovered, recover
from tidegate.venue.machine import ReplayMismatch, SettingsRefused


class StartRefused(Exception):
    """The venue can not start as asked; the text says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the command line says; None leaves it to the configuration."""

    data: Path
    config: Path | None = None
    host: str | None = None
    port_offset: int | None = None
    plain: bool = False
    durability: Literal["process", "disk"] | None = None
    clock: Literal["system", "virtual"] | None = None
    log_format: str = "console"
    log_level: str = "info"


# What keeps a venue from starting through no fault of its own code. (A port in use is an OSError.)
REFUSALS: Final = (
    StartRefused,
    ConfigError,
    ProvisionError,
    SettingsRefused,
    JournalError,
    ReplayMismatch,
    OSError,
)


class _NoSecrets:
    """Stands in for the kept secrets while a configuration is only looked at."""

    def key(self, account: str) -> tuple[str, bytes]:
        return account, b""

    def secret(self, name: str) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A venue that may accept links now. `bell` is the end that is waited for; it is there with a
    doorbell."""

    directory: Path
    config: VenueConfig
    options: UpOptions
    tls: TlsFiles
    sockets: dict[str, socket.socket]  # of trading
    feeds_sockets: dict[str, socket.socket]
    bell: int
    doorbell: Doorbell | None
    recovered: Recovered
    secrets: Secrets


def prepare(options: UpOptions, stack: ExitStack) -> Prepared:
    """Everything up to the point where the venue may accept links; `stack` gives back what it
    takes. Raises one of `REFUSALS`."""
    looked_at = _overridden(_load(options, _NoSecrets()), options)
    if looked_at.clock == "virtual" and looked_at.profile == "production":
        raise StartRefused("--clock virtual is for the uat profile only; this is production")
    if options.plain and not is_loopback(looked_at.host):
        raise StartRefused(
            f"--plain serves without TLS and is for loopback addresses only; host is "
            f"{looked_at.host}"
        )
    if looked_at.tls.certificate is not None:
        provide_tls(options.data, looked_at.host, looked_at.tls)  # only looks at configured files
    sockets = _bind(options.data, looked_at, stack)
    directory = data_directory(options.data)
    stack.enter_context(DirectoryLock.acquire(directory))
    secrets = open_secrets(directory)
    config = with_local_maker(_overridden(_load(options, secrets), options), sockets)
    recovered = recover(
        directory, durability=config.durability, segment_bytes_max=config.segment_bytes
    )
    stack.callback(recovered.journal.close)
    recovered.venue.check_settings(config.settings.encode())
    tls = provide_tls(directory, config.host, config.tls)
    secrets.save()
    feeds = {name: sockets.pop(name) for name in followers_names() if name in sockets}
    heard, doorbell = (-1, None) if not feeds else _make_doorbell(directory)
    return Prepared(
        directory, config, options, tls, sockets, feeds, heard, doorbell, recovered, secrets
    )


def _make_doorbell(directory: Path) -> tuple[int, Doorbell]:
    """What tells another process that the journal has grown, and the end that it hears."""
    heard, rung = make_bell()
    return heard, Doorbell(directory, rung)


def _load(options: UpOptions, secrets: Any) -> VenueConfig:
    """The file's configuration, or the built-in one. Main pairs live in the uat profile: but not by
    a clock that somebody moves, where nothing is to happen that was not asked for."""
    living = options.clock != "virtual"
    if options.config is not None:
        return load_file(options.config, secrets, living=living)
    return load("", secrets, living=living)


def _overridden(config: VenueConfig, options: UpOptions) -> VenueConfig:
    """The configuration with what the command line says in its place."""
    if options.host is not None:
        config = msgspec.structs.replace(config, host=options.host)
    if options.durability is not None:
        config = msgspec.structs.replace(config, durability=options.durability)
    if options.clock is not None:
        config = msgspec.structs.replace(config, clock=options.clock)
    if options.port_offset is not None:
        config = config.with_port_offset(options.port_offset)
    return config


def _bind(data: Path, config: VenueConfig, stack: ExitStack) -> dict[str, socket.socket]:
    """Bind every port. Where that fails because the same venue runs already, say so."""
    sockets: dict[str, socket.socket] = {}
    for service, port in config.ports.items():
        try:
            sockets[service] = stack.enter_context(bind(config.host, port))
        except PortInUse:
            _require_unlocked(data)
            raise
    return sockets


def _require_unlocked(data: Path) -> None:
    """Raises `DirectoryInUse` where a venue holds the data directory; changes nothing."""
    try:
        with (data / LOCK_NAME).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read(32).strip()
                raise DirectoryInUse(data, pid=int(text) if text.isdigit() else None) from None
    except (FileNotFoundError, NotADirectoryError):
        return
