"""`ready.json`: how to reach a running venue, for programs; and the same as a table, for people."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidegate.config import VenueConfig
from tidegate.config.liquidity import LIQUIDITY_FIRM
from tidegate.config.market_data import market_data_sessions
from tidegate.provision.files import SECRET_FILE_MODE, sync_directory, write_atomically
from tidegate.provision.tls import TlsFiles

FILE_NAME: Final = "ready.json"

_LOOPBACK_OF: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def ready_document(
    config: VenueConfig, tls: TlsFiles, pid: int, *, control: Path, plain: bool = False
) -> dict[str, Any]:
    """What `ready.json` says.

    `host` is where a client on this machine connects: loopback where the venue listens on every
    address, since no certificate is for that. `tls` tells whether the ports speak TLS; `ca_file`
    is null where they do not, and where clients verify with what their system trusts. A session
    that is not enabled, or whose account is not, is left out, as are those of the internal market
    maker; of several keys it shows the first. `market_data_sessions` are who may log on for market
    data, without a key; `drop_copy_sessions` have no account where they are of a whole firm.
    `control` is the path of the control socket.
    """
    enabled_accounts = {account.account for account in config.settings.accounts if account.enabled}
    sessions = []
    for session in config.sessions.values():
        is_internal = config.liquidity is not None and session.firm == LIQUIDITY_FIRM
        if is_internal or not session.enabled or session.account not in enabled_accounts:
            continue
        key = config.keys[session.key_names[0]]
        sessions.append(
            {
                "firm": session.firm,
                "account": session.account,
                "market": session.market,
                "role": session.role,
                "sender_comp_id": session.sender_comp_id,
                "target_comp_id": session.target_comp_id,
                "port": session.port,
                "api_key": key.name,
                "api_secret": base64.b64encode(key.secret).decode(),
            }
        )
    return {
        "pid": pid,
        "profile": config.profile,
        "host": _LOOPBACK_OF.get(config.host, config.host),
        "tls": not plain,
        "ca_file": str(tls.ca.absolute()) if tls.ca is not None and not plain else None,
        "ports": dict(config.ports),
        "sessions": sessions,
        "market_data_sessions": [
            {
                "firm": access.firm,
                "market": access.market,
                "role": access.role,
                "sender_comp_id": access.sender_comp_id,
                "target_comp_id": access.target_comp_id,
                "port": access.port,
            }
            for access in market_data_sessions(config)
            if access.enabled and access.account in enabled_accounts
        ],
        "drop_copy_sessions": _drop_copies(config, enabled_accounts),
        "control": str(control.absolute()),
    }


def _drop_copies(config: VenueConfig, enabled_accounts: set[str]) -> list[dict[str, Any]]:
    found = []
    for access in (one.access for one in config.drop_copies):
        if not access.enabled or (access.account and access.account not in enabled_accounts):
            continue
        key = config.keys[access.key_names[0]]
        found.append(
            {
                "firm": access.firm,
                "account": access.account or None,
                "market": access.market,
                "sender_comp_id": access.sender_comp_id,
                "target_comp_id": access.target_comp_id,
                "port": access.port,
                "api_key": key.name,
                "api_secret": base64.b64encode(key.secret).decode(),
            }
        )
    return found


def write_ready(directory: Path, document: dict[str, Any]) -> Path:
    """Writes the document where waiting programs look for it; call it once every port listens.
    The file holds secrets and is for the owner alone. Raises `OSError`."""
    path = directory / FILE_NAME
    data = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    write_atomically(path, data, SECRET_FILE_MODE)
    return path


def remove_ready(directory: Path) -> None:
    """Takes it away: before the first listener opens, since a killed venue leaves its file, and
    before the last one closes. Raises `OSError`; a file that is not there is none."""
    path = directory / FILE_NAME
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_directory(directory)


def sub_accounts(config: VenueConfig) -> dict[str, list[str]]:
    """The sub-accounts of each broker's account: what its orders name in AllocAccount (79)."""
    found: dict[str, list[str]] = {}
    for account in config.settings.accounts:
        if account.parent:
            found.setdefault(account.parent, []).append(account.account)
    return found


def print_ready(
    directory: Path,
    document: dict[str, Any],
    console: Console | None = None,
    *,
    brokers: dict[str, list[str]] | None = None,
) -> None:
    """Prints ports, sessions and where the rest is; `brokers` is what `sub_accounts` gives. Keys
    stand on lines of their own, so that they can be copied whole; secrets are not printed, because
    terminals and logs keep what they see."""
    console = console or Console()
    _print_line(console, "Tidegate", f"{document['profile']} on {document['host']}")
    services = Table()
    services.add_column("service")
    services.add_column("port", justify="right")
    for name, port in document["ports"].items():
        services.add_row(name, str(port))
    sessions = Table()
    for heading in ("firm", "account", "SenderCompID", "TargetCompID", "port"):
        sessions.add_column(heading, overflow="fold")
    for session in document["sessions"]:
        names = ("firm", "account", "sender_comp_id", "target_comp_id", "port")
        # Text, because a CompID may have brackets in it, which are markup in a plain cell.
        sessions.add_row(*(Text(str(session[name])) for name in names))
    console.print(services)
    console.print(sessions)
    _print_market_data(console, document["market_data_sessions"])
    for session in document["drop_copy_sessions"]:
        of = session["account"] or f"all accounts of {session['firm']}"
        label = f"drop copy of {of}, port {session['port']}, TargetCompID"
        _print_line(console, f"{label} {session['target_comp_id']}", session["sender_comp_id"])
    for account, names_of_subs in (brokers or {}).items():
        _print_line(console, f"AllocAccount (79) of {account}", ", ".join(names_of_subs))
    for session in document["sessions"]:
        _print_line(console, f"API key of {session['sender_comp_id']}", session["api_key"])
    _print_line(console, "API secrets", str(directory / FILE_NAME))
    if document["tls"]:
        _print_line(console, "TLS, CA file", document["ca_file"] or "that of your system")
    else:
        _print_line(console, "TLS", "off (--plain)")


def _print_market_data(console: Console, sessions: list[dict[str, Any]]) -> None:
    """Who may log on where, a line for each port: mostly everybody, everywhere. The market maker's
    own are for programs of the venue."""
    names: dict[tuple[str, int, str], list[str]] = {}
    for session in sessions:
        if session["firm"] == LIQUIDITY_FIRM:
            continue
        key = (session["role"], session["port"], session["target_comp_id"])
        names.setdefault(key, []).append(session["sender_comp_id"])
    for (role, port, target), senders in names.items():
        label = f"{role}, port {port}, TargetCompID {target}, no key"
        _print_line(console, label, ", ".join(senders))


def _print_line(console: Console, label: str, value: str) -> None:
    # A path is no markup, and a line broken to the width of the terminal is no path.
    console.print(f"{label}: {value}", markup=False, highlight=False, soft_wrap=True)
