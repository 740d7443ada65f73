"""What the venue tells the process of its market maker: where to log on, as whom, and what to make.

It holds secrets, so it goes over the pipe alone.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tidegate.config import VenueConfig
from tidegate.config.liquidity import LIQUIDITY_FIRM, MAKER, TAKER, LiquiditySettings
from tidegate.model.settings import ROLLOVER_NEVER
from tidegate.provision.tls import TlsFiles, certified_name

_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class MakerSession(Struct, frozen=True, kw_only=True):
    """A session to log on."""

    sender_comp_id: str
    target_comp_id: str
    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return f"MakerSession({self.sender_comp_id!r})"


class MakerOptions(Struct, frozen=True, kw_only=True):
    """The first line. `certificate` is the file of the venue's certificate, the only one to trust,
    and empty for plain TCP; `server_name` is a name that it is for; `rollover_s` is -1 for never;
    `virtual_clock` is whether the venue's time must be asked for."""

    data: str
    host: str
    port: int
    certificate: str
    server_name: str
    maker: MakerSession
    taker: MakerSession
    rollover_s: int
    virtual_clock: bool
    settings: LiquiditySettings
    log_format: str
    log_level: str


def maker_options(
    config: VenueConfig,
    directory: Path,
    *,
    tls: TlsFiles | None,
    log_format: str,
    log_level: str,
) -> MakerOptions | None:
    """None where the maker is off. Without `tls` it connects in plain."""
    if config.liquidity is None:
        return None
    sessions = {one.sender_comp_id: one for one in config.sessions.values()}
    rollover = config.settings.rollover_policy != ROLLOVER_NEVER
    return MakerOptions(
        data=str(directory),
        host=_LOOPBACK_OF.get(config.host, config.host),
        port=sessions[MAKER].port,
        # Not by the authority: a certificate of the operator's own need not be for this address,
        # nor its authority known on this machine.
        certificate="" if tls is None else str(tls.certificate.absolute()),
        server_name="" if tls is None else certified_name(tls),
        maker=_session(config, MAKER),
        taker=_session(config, TAKER),
        rollover_s=config.settings.rollover_s if rollover else -1,
        virtual_clock=config.clock == "virtual",
        settings=config.liquidity,
        log_format=log_format,
        log_level=log_level,
    )


def _session(config: VenueConfig, sender_comp_id: str) -> MakerSession:
    (access,) = [s for s in config.sessions.values() if s.sender_comp_id == sender_comp_id]
    key = config.keys[access.key_names[0]]
    return MakerSession(
        sender_comp_id=sender_comp_id,
        target_comp_id=access.target_comp_id,
        api_key=key.name,
        api_secret=base64.b64encode(key.secret).decode(),
    )


def with_local_maker(config: VenueConfig, sockets: Mapping[str, socket.socket]) -> VenueConfig:
    """The configuration with the maker's sessions admitted from where its process connects: this
    machine, by the very address that the venue listens on."""
    if config.liquidity is None:
        return config
    sessions = {}
    for session_id, access in config.sessions.items():
        if access.firm == LIQUIDITY_FIRM:
            address = ipaddress.ip_address(sockets[access.service].getsockname()[0])
            own = ipaddress.ip_network(address)
            access = replace(access, networks=(*access.networks, own))
        sessions[session_id] = access
    return msgspec.structs.replace(config, sessions=sessions)
