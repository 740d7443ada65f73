"""What the process of the feeds is told of drop copies."""

from __future__ import annotations

import base64
from typing import Literal

import msgspec

from tidegate.config import VenueConfig
from tidegate.config.values import ApiKey, DropCopySession
from tidegate.feeds.settings_text import settings_text


class CopyKey(msgspec.Struct, frozen=True):
    """A key that may log on. A printed one does not show its secret."""

    name: str
    secret: str  # base64
    account: str

    def __repr__(self) -> str:
        return f"CopyKey(name={self.name!r})"


class CopySession(msgspec.Struct, frozen=True, kw_only=True):
    """A drop-copy session. `account` is empty where it is of its whole firm; `settings` are its
    `settings_text`."""

    service: str
    port: int
    market: str
    firm: str
    account: str
    networks: list[str]
    tls: Literal["required", "any"]
    nonce_window_ms: int
    keys: list[CopyKey]
    settings: str


def copy_sessions(config: VenueConfig) -> list[CopySession]:
    """Those of a configuration."""
    return [_session(one, config.keys) for one in config.drop_copies]


def _session(one: DropCopySession, keys: dict[str, ApiKey]) -> CopySession:
    access = one.access
    return CopySession(
        service=access.service,
        port=access.port,
        market=access.market,
        firm=access.firm,
        account=access.account,
        networks=[str(network) for network in access.networks],
        tls=access.tls,
        nonce_window_ms=access.nonce_window_ms,
        keys=[
            CopyKey(name, base64.b64encode(keys[name].secret).decode(), keys[name].account)
            for name in access.key_names
        ],
        settings=settings_text(one.settings),
    )
