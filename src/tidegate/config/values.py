"""What a configuration comes to: the core's settings, and what the shells keep for themselves."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tidegate.config.convert import Network
from tidegate.config.liquidity import LiquiditySettings
from tidegate.config.schema import ConfigFile, FaultTable
from tidegate.config.services import served_ports
from tidegate.model.settings import SessionSettings, VenueSettings

SessionId = tuple[str, str]
"""SenderCompID and TargetCompID as the client writes them."""


class SecretSource(Protocol):
    """Where generated keys and secrets come from. The same question gets the same answer."""

    def key(self, account: str) -> tuple[str, bytes]:
        """Name and secret of the key generated for `account`."""

    def secret(self, name: str) -> bytes:
        """The secret generated for the key `name` that the file gives no secret for."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key. `secret` is decoded; `sessions` are those it may log on. A printed key does not
    show its secret, so that it stays out of logs and tracebacks."""

    name: str
    secret: bytes
    firm: str
    account: str
    sessions: tuple[SessionId, ...]

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, account={self.account!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name), ("account", self.account)]


class SessionAccess(Struct, frozen=True, kw_only=True):
    """What the gateway checks before it gives a logon to the core. `tls` is `required`, or `any`
    for a session that may also come in clear text, where the venue runs with `--plain`."""

    firm: str
    account: str
    market: str
    role: str
    sender_comp_id: str
    target_comp_id: str
    service: str
    port: int
    broker: bool
    enabled: bool
    networks: tuple[Network, ...]
    key_names: tuple[str, ...]
    nonce_window_ms: int
    tls: Literal["required", "any"]

    @property
    def session_id(self) -> SessionId:
        return (self.sender_comp_id, self.target_comp_id)

    def admits(self, address: str) -> bool:
        """Whether the peer's IP address is in one of the session's networks. An IPv4 address in
        IPv6 clothes, as a dual-stack listener reports it, counts as the IPv4 address."""
        peer = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self.networks)


class MarketDataSession(Struct, frozen=True, kw_only=True):
    """A market-data session of the file: what the gateway checks, and what its session goes by.
    The core knows nothing of it."""

    access: SessionAccess
    settings: SessionSettings


class DropCopySession(MarketDataSession, frozen=True, kw_only=True):
    """A drop copy of `access.account`, or of all accounts of its firm where that is empty."""


class TlsPolicy(Struct, frozen=True, kw_only=True):
    """TLS of the listeners. Own files are either a certificate and its key, or neither; then the
    venue makes a certificate for `host`, `names` and this machine's loopback names."""

    minimum: Literal["1.3", "1.2"]
    certificate: Path | None
    key: Path | None
    ca: Path | None
    names: tuple[str, ...]


class VenueConfig(Struct, frozen=True, kw_only=True):
    """A whole configuration without mistakes.

    `settings` go to the core and hold no secret and no network. Everything else stays in the
    shells. `ports` are TCP ports by service name, offset included; `sessions`, `keys` and `faults`
    are in the order of the file. `market_data` are market-data sessions of the file's own; every
    trading session has some anyway (`config.market_data`). `drop_copies` are all there are.
    `template` is the file without firms and faults: what is added while the venue runs is built
    from it. `liquidity` is None where the internal maker is off.
    """

    profile: Literal["uat", "production"]
    host: str
    ports: dict[str, int]
    tls: TlsPolicy
    durability: Literal["process", "disk"]
    clock: Literal["system", "virtual"]
    snapshot_every_records: int
    busy_poll_us: int
    history: str
    segment_bytes: int
    logon_timeout_s: int
    logons_per_second_max: int
    settings: VenueSettings
    sessions: dict[SessionId, SessionAccess]
    keys: dict[str, ApiKey]
    faults: tuple[FaultTable, ...]
    market_data: tuple[MarketDataSession, ...]
    drop_copies: tuple[DropCopySession, ...]
    template: ConfigFile
    liquidity: LiquiditySettings | None

    def with_port_offset(self, port_offset: int) -> VenueConfig:
        """The same with every port at Kraken's number plus `port_offset`."""
        ports = {
            name: port for name, port in served_ports(port_offset).items() if name in self.ports
        }
        return replace(
            self,
            ports=ports,
            market_data=tuple(
                replace(own, access=replace(own.access, port=ports.get(own.access.service, 0)))
                for own in self.market_data
            ),
            drop_copies=tuple(
                replace(own, access=replace(own.access, port=ports[own.access.service]))
                for own in self.drop_copies
            ),
            sessions={
                session_id: replace(access, port=ports[access.service])
                for session_id, access in self.sessions.items()
            },
        )
