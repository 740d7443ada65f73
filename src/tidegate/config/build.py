"""From tables without mistakes to the values the venue runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from tidegate.config import convert
from tidegate.config.build_accounts import account_settings, amounts
from tidegate.config.problems import ConfigError, ConfigProblem
from tidegate.config.rules import instrument_of, merged_instruments
from tidegate.config.rules_fees import fee_schedules
from tidegate.config.rules_firms import (
    account_of,
    is_broker_session,
    is_firm_wide,
    key_sessions,
    trading_sessions,
)
from tidegate.config.rules_liquidity import liquidity_settings
from tidegate.config.rules_rates import read_rates
from tidegate.config.schema import ConfigFile, FirmTable, KeyTable, SessionTable
from tidegate.config.services import DROP_COPY, TRADING, served_ports, service_of
from tidegate.config.values import (
    ApiKey,
    DropCopySession,
    MarketDataSession,
    SecretSource,
    SessionAccess,
    SessionId,
    TlsPolicy,
    VenueConfig,
)
from tidegate.model import settings as core

_DUPLICATE_LOGON: Final = {"reject": core.DUPLICATE_REJECT, "displace": core.DUPLICATE_DISPLACE}
_CL_ORD_ID_POLICY: Final = {
    "increasing": core.CL_ORD_ID_INCREASING,
    "timed": core.CL_ORD_ID_TIMED,
}
_ROLLOVER: Final = {"daily": core.ROLLOVER_DAILY, "never": core.ROLLOVER_NEVER}


def build(file: ConfigFile, secrets: SecretSource, base: Path | None) -> VenueConfig:
    """The configuration of `file`. File names in it are relative to `base`."""
    venue = file.venue
    keys: dict[str, ApiKey] = {}
    sessions: dict[SessionId, SessionAccess] = {}
    market_data: list[MarketDataSession] = []
    drop_copies: list[DropCopySession] = []
    for firm in file.firm:
        firm_keys = _firm_keys(firm, secrets)
        for session in firm.session:
            access = session_access(file, firm, session, firm_keys)
            if session.role == TRADING:
                sessions[access.session_id] = access
            elif session.role == DROP_COPY:
                settings = session_settings(firm, session)
                drop_copies.append(DropCopySession(access=access, settings=settings))
            else:
                own = MarketDataSession(access=access, settings=session_settings(firm, session))
                market_data.append(own)
        for name, (account, secret) in firm_keys.items():
            keys[name] = ApiKey(
                name=name,
                secret=secret,
                firm=firm.name,
                account=account,
                sessions=tuple(
                    session_id
                    for session_id, access in sessions.items()
                    if name in access.key_names
                ),
            )
    return VenueConfig(
        profile=venue.profile,
        host=venue.host,
        ports=served_ports(
            venue.port_offset, market_data=venue.market_data, drop_copy=bool(drop_copies)
        ),
        tls=_tls_policy(file, base),
        durability=venue.durability or ("process" if venue.profile == "uat" else "disk"),
        clock=venue.clock,
        snapshot_every_records=venue.snapshot_every_records,
        busy_poll_us=venue.busy_poll_us,
        history=venue.history,
        segment_bytes=venue.segment_bytes,
        logon_timeout_s=venue.logon_timeout_s,
        logons_per_second_max=venue.logons_per_second_max,
        settings=_venue_settings(file, base),
        sessions=sessions,
        keys=keys,
        faults=tuple(file.fault),
        market_data=tuple(market_data),
        drop_copies=tuple(drop_copies),
        template=msgspec.structs.replace(file, firm=[], fault=[]),
        liquidity=liquidity_settings(file),
    )


def _firm_keys(firm: FirmTable, secrets: SecretSource) -> dict[str, tuple[str, bytes]]:
    """Key name to account and secret. An account that sessions use and no key is bound to gets a
    generated one."""
    keys: dict[str, tuple[str, bytes]] = {}
    for key in firm.key:
        account = _known(account_of(firm, key.account))
        if key.name is None:
            name, secret = secrets.key(account)
        else:
            name, secret = key.name, _secret_of(key, key.name, secrets)
        keys[name] = (account, secret)
    for session in key_sessions(firm):
        account = _known(account_of(firm, session.account))
        if account not in {bound for bound, _ in keys.values()}:
            name, secret = secrets.key(account)
            keys[name] = (account, secret)
    return keys


def _secret_of(key: KeyTable, name: str, secrets: SecretSource) -> bytes:
    return secrets.secret(name) if key.secret is None else convert.secret(key.secret)


def session_access(
    file: ConfigFile,
    firm: FirmTable,
    session: SessionTable,
    firm_keys: dict[str, tuple[str, bytes]],
) -> SessionAccess:
    service = service_of(session.market, session.role)
    account = "" if is_firm_wide(firm, session) else _known(account_of(firm, session.account))
    key_names = session.keys
    if session.role not in (TRADING, DROP_COPY):
        key_names = []
    elif key_names is None:
        own = account or account_of(firm, None)  # of the whole firm: it has one account now
        key_names = [name for name, (bound, _) in firm_keys.items() if bound == own]
    return SessionAccess(
        firm=firm.name,
        account=account,
        market=session.market,
        role=session.role,
        sender_comp_id=session.sender_comp_id,
        target_comp_id=session.target_comp_id or service.target_comp_id,
        service=service.name,
        port=service.port + file.venue.port_offset,
        broker=is_broker_session(firm, session),
        enabled=session.enabled,
        networks=tuple(convert.network(text) for text in session.networks),
        key_names=tuple(key_names),
        nonce_window_ms=(
            file.venue.nonce_window_ms
            if session.nonce_window_ms is None
            else session.nonce_window_ms
        ),
        tls=session.tls,
    )


def _tls_policy(file: ConfigFile, base: Path | None) -> TlsPolicy:
    directory = base or Path()
    venue = file.venue
    return TlsPolicy(
        minimum=venue.tls,
        certificate=directory / venue.tls_certificate if venue.tls_certificate else None,
        key=directory / venue.tls_key if venue.tls_key else None,
        ca=directory / venue.tls_ca if venue.tls_ca else None,
        names=tuple(venue.tls_names),
    )


def _venue_settings(file: ConfigFile, base: Path | None) -> core.VenueSettings:
    accounts: list[core.AccountSettings] = []
    sessions: list[core.SessionSettings] = []
    for firm in file.firm:
        accounts += account_settings(file, firm)
        sessions += [session_settings(firm, session) for session in trading_sessions(firm)]
    rates, problems = read_rates(file.rates.file, base or Path())
    if rates is None:
        raise ConfigError(
            [ConfigProblem(0, "rates.file", f'file "{file.rates.file}" {p}') for p in problems]
        )
    return core.VenueSettings(
        rollover_policy=_ROLLOVER[file.venue.rollover],
        rollover_s=convert.second_of_day(file.venue.rollover_at),
        rollover_length_s=file.venue.rollover_length_s,
        instruments=[
            instrument_of(pair) for pair, _ in merged_instruments(file) if pair is not None
        ],
        accounts=accounts,
        sessions=sessions,
        rates=rates,
        fee_schedules=fee_schedules(file),
        usd_prices=amounts(file.fees.usd_prices),
        margin_pools=amounts(file.margin.pools),
    )


def session_settings(firm: FirmTable, session: SessionTable) -> core.SessionSettings:
    service = service_of(session.market, session.role)
    return core.SessionSettings(
        sender_comp_id=session.sender_comp_id,
        target_comp_id=session.target_comp_id or service.target_comp_id,
        account="" if is_firm_wide(firm, session) else _known(account_of(firm, session.account)),
        broker=is_broker_session(firm, session),
        enabled=session.enabled,
        heartbeat_min_s=session.heartbeat_min_s,
        heartbeat_max_s=session.heartbeat_max_s,
        sending_time_tolerance_s=session.sending_time_tolerance_s,
        cancel_on_disconnect=session.cancel_on_disconnect,
        disconnect_grace_s=session.disconnect_grace_s,
        cancel_on_logout=session.cancel_on_logout,
        cancel_on_rollover=session.cancel_on_rollover,
        duplicate_logon=_DUPLICATE_LOGON[session.duplicate_logon],
        errors_per_second_max=session.errors_per_second_max,
        token_bucket_points=session.token_bucket_points,
        token_bucket_refill_per_s=session.token_bucket_refill_per_s,
        open_orders_max=session.open_orders_max,
        cl_ord_id_policy=_CL_ORD_ID_POLICY[session.cl_ord_id_policy],
        cancel_scope_comp_id=session.cancel_scope == "comp_id",
        mass_cancel_account=session.mass_cancel_scope == "account",
        stp_group=session.stp_group,
    )


def _known(account: str | None) -> str:
    """An account that `check` has found to exist."""
    assert account is not None
    return account
