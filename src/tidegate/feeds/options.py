"""What the venue's process tells the one that serves market data."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.config import VenueConfig
from tidegate.feeds.dropcopy.options import CopySession, copy_sessions
from tidegate.model.codec import Encoder
from tidegate.provision import TlsFiles


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """From where and how the SenderCompID of a configured trading session may log on."""

    sender_comp_id: str
    target_comp_id: str
    networks: list[str]
    tls: Literal["required", "any"]


class OwnSession(Admission, frozen=True, kw_only=True):
    """A market-data session of the configuration's own. `settings` are `SessionSettings`, as
    hexadecimal of their canonical bytes."""

    service: str
    firm: str
    enabled: bool
    settings: str


class FeedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`sockets` are listening sockets by service, `bell` is the reader's end of the doorbell: all
    of them descriptors that the process inherits. Without `certificate` and `key` links are in
    clear text. `key_names` are all API keys of the configuration."""

    data: str
    sockets: dict[str, int]
    bell: int
    certificate: str
    key: str
    tls: Literal["1.3", "1.2"]
    virtual_clock: bool
    logon_timeout_s: int
    logons_per_second_max: int
    trading: list[Admission]
    own: list[OwnSession]
    drop_copies: list[CopySession]
    key_names: list[str]
    log_format: str
    log_level: str


def feed_options(
    config: VenueConfig,
    directory: Path,
    *,
    tls: TlsFiles | None,
    sockets: dict[str, socket.socket],
    bell: int,
    log_format: str,
    log_level: str,
) -> FeedOptions:
    """What a configuration comes to for that process; without `tls` it serves clear text."""
    trading = [
        Admission(
            sender_comp_id=access.sender_comp_id,
            target_comp_id=access.target_comp_id,
            networks=[str(network) for network in access.networks],
            tls=access.tls,
        )
        for access in config.sessions.values()
    ]
    own = []
    for session in config.market_data:
        encoder = Encoder()
        session.settings.save(encoder)
        own.append(
            OwnSession(
                sender_comp_id=session.access.sender_comp_id,
                target_comp_id=session.access.target_comp_id,
                networks=[str(network) for network in session.access.networks],
                tls=session.access.tls,
                service=session.access.service,
                firm=session.access.firm,
                enabled=session.access.enabled,
                settings=encoder.value().hex(),
            )
        )
    return FeedOptions(
        data=str(directory),
        sockets={name: bound.fileno() for name, bound in sockets.items()},
        bell=bell,
        certificate=str(tls.certificate) if tls is not None else "",
        key=str(tls.key) if tls is not None else "",
        tls=config.tls.minimum,
        virtual_clock=config.clock == "virtual",
        logon_timeout_s=config.logon_timeout_s,
        logons_per_second_max=config.logons_per_second_max,
        trading=trading,
        own=own,
        drop_copies=copy_sessions(config),
        key_names=list(config.keys),
        log_format=log_format,
        log_level=log_level,
    )
