"""Sessions and accounts that operators add while the venue runs, built as those of the file are."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tidegate.config import convert
from tidegate.config.build import session_access, session_settings
from tidegate.config.build_accounts import account_settings
from tidegate.config.builtin import FEES_BY_VOLUME
from tidegate.config.rules import PRODUCTION_NONCE_WINDOW_MS_MAX
from tidegate.config.rules_fees import fee_tiers
from tidegate.config.schema import AccountTable, FirmTable, SessionItems, SessionTable
from tidegate.config.values import SessionAccess, VenueConfig
from tidegate.model.settings import AccountSettings, SessionSettings


class SessionAddition(Struct, frozen=True):
    """What the core gets of a session, and what the gateway keeps. `networks` are those of
    `access`, as texts."""

    settings: SessionSettings
    access: SessionAccess
    networks: tuple[str, ...]


def with_defaults(config: VenueConfig, given: dict[str, object]) -> dict[str, object]:
    """A session's table with `[session_defaults]` for what it leaves out."""
    defaults = config.template.session_defaults
    return {name: getattr(defaults, name) for name in SessionItems.__struct_fields__} | given


def added_session(config: VenueConfig, firm: str, table: SessionTable) -> SessionAddition:
    """Raises `ValueError` whose text names field and rule."""
    if not table.networks:
        raise ValueError("networks is empty: nobody could connect")
    for index, text in enumerate(table.networks):
        try:
            convert.network(text)
        except ValueError as error:
            raise ValueError(f"networks[{index}] {error}") from None
    window_ms = table.nonce_window_ms
    if config.profile == "production" and (window_ms or 0) > PRODUCTION_NONCE_WINDOW_MS_MAX:
        raise ValueError(
            f"nonce_window_ms must be at most {PRODUCTION_NONCE_WINDOW_MS_MAX} in the production "
            f"profile, not {window_ms}"
        )
    owner = FirmTable(name=firm, session=[table])
    access = session_access(config.template, owner, table, {})
    if any(copy.access.session_id == access.session_id for copy in config.drop_copies):
        # Their Logons would be good for it, too.
        raise ValueError(
            f"sender_comp_id and target_comp_id are those of a drop copy of the configuration: "
            f"{access.sender_comp_id} -> {access.target_comp_id}"
        )
    return SessionAddition(
        settings=session_settings(owner, table),
        access=msgspec.structs.replace(access, port=config.ports[access.service]),
        networks=tuple(table.networks),
    )


def added_account(config: VenueConfig, firm: str, table: AccountTable) -> AccountSettings:
    """An account without money. Raises `ValueError` whose text names field and rule."""
    maker, taker = table.maker_percent, table.taker_percent
    if (maker is None) != (taker is None):
        raise ValueError("maker_percent and taker_percent go together")
    if table.fee_tier is not None:
        known = (FEES_BY_VOLUME, *fee_tiers(config.template))
        if table.fee_tier not in known:
            raise ValueError(f"fee_tier must be one of {', '.join(known)}, not {table.fee_tier!r}")
        if maker is not None:
            raise ValueError("fee_tier and maker_percent exclude each other")
    for name, text in (("maker_percent", maker), ("taker_percent", taker)):
        try:
            convert.rate(text or "0")
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    (settings,) = account_settings(config.template, FirmTable(name=firm, account=[table]))
    return settings
