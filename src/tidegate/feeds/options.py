"""What the venue's process tells the one that serves market data and drop copies."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.config import VenueConfig
from tidegate.feeds.dropcopy.options import CopySession, copy_sessions
from tidegate.feeds.settings_text import settings_text
from tidegate.provision import TlsFiles


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """From where and how the SenderCompID of a trading session may log on, and for which market."""

    market: str
    sender_comp_id: str
    target_comp_id: str
    networks: list[str]
    tls: Literal["required", "any"]


class TradingSession(Admission, frozen=True, kw_only=True):
    """A trading session of the configuration. `settings` are its `settings_text`."""

    settings: str


class OwnSession(TradingSession, frozen=True, kw_only=True):
    """A market-data session of the configuration's own."""

    service: str
    firm: str


class FeedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`ports` are the numbers of all services, `sockets` listening sockets of this process', `bell`
    is the reader's end of the doorbell: these are descriptors that the process inherits. Without
    `certificate` and `key` links are in clear text. `l3_timestamps` and `lone_symbol` are
    `[market_data]` of the configuration, `key_names` all its API keys."""

    data: str
    ports: dict[str, int]
    sockets: dict[str, int]
    bell: int
    certificate: str
    key: str
    tls: Literal["1.3", "1.2"]
    virtual_clock: bool
    logon_timeout_s: int
    logons_per_second_max: int
    explain_logons: bool
    l3_timestamps: bool
    lone_symbol: bool
    trading: list[TradingSession]
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
    settings = {(one.sender_comp_id, one.target_comp_id): one for one in config.settings.sessions}
    trading = [
        TradingSession(
            market=access.market,
            sender_comp_id=access.sender_comp_id,
            target_comp_id=access.target_comp_id,
            networks=[str(network) for network in access.networks],
            tls=access.tls,
            settings=settings_text(settings[session_id]),
        )
        for session_id, access in config.sessions.items()
    ]
    own = [
        OwnSession(
            market=session.access.market,
            sender_comp_id=session.access.sender_comp_id,
            target_comp_id=session.access.target_comp_id,
            networks=[str(network) for network in session.access.networks],
            tls=session.access.tls,
            service=session.access.service,
            firm=session.access.firm,
            settings=settings_text(session.settings),
        )
        for session in config.market_data
    ]
    rules = config.template.market_data
    return FeedOptions(
        data=str(directory),
        ports=config.ports,
        sockets={name: bound.fileno() for name, bound in sockets.items()},
        bell=bell,
        certificate=str(tls.certificate) if tls is not None else "",
        key=str(tls.key) if tls is not None else "",
        tls=config.tls.minimum,
        virtual_clock=config.clock == "virtual",
        logon_timeout_s=config.logon_timeout_s,
        logons_per_second_max=config.logons_per_second_max,
        explain_logons=config.profile == "uat",
        l3_timestamps=rules.l3_entry_time == "timestamp",
        lone_symbol=rules.lone_symbol,
        trading=trading,
        own=own,
        drop_copies=copy_sessions(config),
        key_names=list(config.keys),
        log_format=log_format,
        log_level=log_level,
    )
