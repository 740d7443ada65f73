"""Who may log on for drop copies: by the keys of the file, and by those that operators add while
the venue runs, which the replica learns of from the journal, and their secrets from the file."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import structlog
from msgspec.structs import replace

from tidegate.config import convert
from tidegate.config.values import ApiKey, SessionAccess, SessionId
from tidegate.feeds.dropcopy.options import CopySession
from tidegate.gateway.access import opens_drop_copy
from tidegate.model.settings import SessionSettings
from tidegate.provision import ProvisionError, open_secrets
from tidegate.venue.machine import Venue

_log = structlog.get_logger("tidegate.feeds")


class CopyAccess:
    """`sessions` and `keys` are what the gateway checks. A name of the configuration is its own:
    what is added under it is left aside."""

    def __init__(self, directory: Path, configured_keys: Iterable[str]) -> None:
        self.sessions: dict[SessionId, SessionAccess] = {}
        self.keys: dict[str, ApiKey] = {}
        self._directory = directory
        self._configured = frozenset(configured_keys)
        self._lost: set[str] = set()  # told of once

    def add(self, one: CopySession, settings: SessionSettings) -> SessionId:
        """A session of the file, with its keys."""
        for key in one.keys:
            secret = base64.b64decode(key.secret)
            self.keys[key.name] = ApiKey(
                name=key.name, secret=secret, firm=one.firm, account=key.account, sessions=()
            )
        access = SessionAccess(
            firm=one.firm,
            account=one.account,
            market=one.market,
            role="drop_copy",
            sender_comp_id=settings.sender_comp_id,
            target_comp_id=settings.target_comp_id,
            service=one.service,
            port=one.port,
            broker=False,
            enabled=True,  # the session's settings say whether it is
            networks=tuple(convert.network(text) for text in one.networks),
            key_names=tuple(key.name for key in one.keys),
            nonce_window_ms=one.nonce_window_ms,
            tls=one.tls,
        )
        self.sessions[access.session_id] = access
        return access.session_id

    def adopt(self, venue: Venue) -> None:
        """Operators have added keys, or whose account is of which firm has changed."""
        for name, account in venue.operated.keys.items():
            if name in self._configured:
                continue
            for session_id, access in self.sessions.items():
                is_open = opens_drop_copy(venue.settings, account, access)
                if is_open and name not in self.keys and not self._learn(venue, name, account):
                    break
                names = tuple(known for known in access.key_names if known != name)
                if is_open:
                    names += (name,)
                self.sessions[session_id] = replace(access, key_names=names)

    def _learn(self, venue: Venue, name: str, account: str) -> bool:
        """Take a key's secret from the file; whether it is there."""
        secret = None
        try:
            secret = open_secrets(self._directory).added_key(name)
        except ProvisionError as error:
            _log.warning("secrets_unreadable", reason=str(error))
        if secret is None:
            if name not in self._lost:
                self._lost.add(name)
                _log.warning("added_name_left_out", name=f"key {name}")
            return False
        known = venue.directory.account_by_name[account.encode()]
        self.keys[name] = ApiKey(
            name=name, secret=secret, firm=known.settings.firm, account=account, sessions=()
        )
        return True
