"""Rules of firms: accounts, API keys and sessions, and how they refer to each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tidegate.config import convert
from tidegate.config.lines import KeyPath
from tidegate.config.problems import Findings, suggestion
from tidegate.config.rules import assets_of, check_amounts, check_nonce_window, convertible
from tidegate.config.rules_fees import check_fee_tier
from tidegate.config.rules_rates import TierNames
from tidegate.config.schema import (
    ConfigFile,
    FirmTable,
    HolderTable,
    KeyTable,
    SessionItems,
    SessionTable,
)
from tidegate.config.services import DROP_COPY, MARKET_DATA_ROLES, TRADING, service_of

PRODUCTION_SECRET_BYTES_MIN: Final = 16

# What a session may say of its orders, and of nothing else.
_OF_ORDERS: Final = (
    "broker", "stp_group", "cancel_on_disconnect", "disconnect_grace_s", "cancel_on_logout",
    "cancel_on_rollover", "open_orders_max", "token_bucket_points", "token_bucket_refill_per_s",
    "cl_ord_id_policy", "cancel_scope", "mass_cancel_scope",
)  # fmt: skip


class Holder(NamedTuple):
    """An account or sub-account with its place in the file."""

    path: KeyPath
    table: HolderTable
    parent: HolderTable | None


def holders(firm: FirmTable, path: KeyPath) -> Iterator[Holder]:
    """The accounts of a firm, each followed by its sub-accounts."""
    for index, account in enumerate(firm.account):
        account_path: KeyPath = (*path, "account", index)
        yield Holder(account_path, account, None)
        for position, sub_account in enumerate(account.sub_account):
            yield Holder((*account_path, "sub_account", position), sub_account, account)


def account_of(firm: FirmTable, account: str | None) -> str | None:
    """The account a key or session means: the one it names, or the firm's only one."""
    if account is not None:
        return account
    return firm.account[0].id if len(firm.account) == 1 else None


def trading_sessions(firm: FirmTable) -> list[SessionTable]:
    """Those that the core knows."""
    return [session for session in firm.session if session.role == TRADING]


def key_sessions(firm: FirmTable) -> list[SessionTable]:
    """Those whose account gets a generated key where it has none."""
    return [
        session
        for session in firm.session
        if session.role == TRADING or (session.role == DROP_COPY and session.keys is None)
    ]


def is_firm_wide(firm: FirmTable, session: SessionTable) -> bool:
    """Whether a drop copy is of all accounts of its firm, those of later included."""
    return session.role == DROP_COPY and session.account is None


def is_broker_session(firm: FirmTable, session: SessionTable) -> bool:
    return firm.broker if session.broker is None else session.broker


class FirmRules:
    """Looks at every firm, and remembers the names that must not come twice."""

    def __init__(self, file: ConfigFile, findings: Findings, tiers: TierNames) -> None:
        self._file = file
        self._findings = findings
        self._rate_tiers = tiers
        self._production = file.venue.profile == "production"
        self._assets = assets_of(file)
        self._first_paths: dict[tuple[str, ...], KeyPath] = {}
        self._account_firms: dict[str, str] = {}
        self._key_firms: dict[str, str] = {}
        for firm in file.firm:
            for holder in holders(firm, ()):
                self._account_firms.setdefault(holder.table.id, firm.name)
            for key in firm.key:
                self._key_firms.setdefault(key.name or "", firm.name)

    def check(self) -> None:
        if self._production and not self._file.firm and self._findings.sound(("firm",)):
            self._findings.add((), "the production profile needs at least one [[firm]]")
        self._check_items(self._file.session_defaults, ("session_defaults",))
        for index, firm in enumerate(self._file.firm):
            path: KeyPath = ("firm", index)
            self._check_once((*path, "name"), "firm name", firm.name)
            if not firm.account and self._findings.sound((*path, "account")):
                self._findings.add(path, "account is missing: a firm needs at least one")
            for holder in holders(firm, path):
                self._check_holder(firm, holder)
            nameless: set[str | None] = set()
            for position, key in enumerate(firm.key):
                self._check_key(firm, key, (*path, "key", position), nameless)
            for position, session in enumerate(firm.session):
                self._check_session(firm, session, (*path, "session", position))

    def _check_once(self, path: KeyPath, what: str, *names: str) -> None:
        """`names` together must be new among all of this kind."""
        if not all(names):
            return
        first = self._first_paths.setdefault((what, *names), path)
        if first != path:
            line = self._findings.lines.line(first)
            self._findings.add(
                path, f"{what} {' -> '.join(names)} is used twice, first in line {line}"
            )

    def _check_holder(self, firm: FirmTable, holder: Holder) -> None:
        findings, table, path = self._findings, holder.table, holder.path
        self._check_once((*path, "id"), "account id", table.id)
        if holder.parent is not None and not firm.broker:
            findings.add(path, f"sub_account is for brokers: set broker = true in firm {firm.name}")
        self._check_fees(table, path)
        check_amounts(findings, (*path, "balances"), table.balances, self._assets)
        check_amounts(
            findings, (*path, "margin_allowance"), table.margin_allowance or {}, self._assets
        )
        if table.rate_tier is not None:
            self._rate_tiers.check(findings, (*path, "rate_tier"), table.rate_tier)

    def _check_fees(self, table: HolderTable, path: KeyPath) -> None:
        findings = self._findings
        percents = {"maker_percent": table.maker_percent, "taker_percent": table.taker_percent}
        given = [name for name, text in percents.items() if text is not None]
        tier_path = (*path, "fee_tier")
        if table.fee_tier is not None and given:
            findings.add(tier_path, f"fee_tier and {given[0]} exclude each other")
        elif len(given) == 1 and findings.sound(*((*path, name) for name in percents)):
            (missing,) = set(percents) - set(given)
            findings.add((*path, given[0]), f"{given[0]} needs {missing} beside it")
        if table.fee_tier is not None:
            check_fee_tier(self._file, findings, tier_path, table.fee_tier)
        for name, text in percents.items():
            if text is not None:
                convertible(findings, (*path, name), text, convert.rate)

    def _check_account_reference(
        self, firm: FirmTable, account: str | None, path: KeyPath
    ) -> str | None:
        """The account meant by a key or session of `firm`, or None after a problem."""
        findings = self._findings
        place: KeyPath = (*path, "account")
        if not findings.sound(place, path[:2], (*path[:2], "account")):
            return None
        meant = account_of(firm, account)
        if meant is None:
            findings.add(path, f"account is missing, and firm {firm.name} has more than one")
            return None
        own = [holder.table.id for holder in holders(firm, ())]
        if meant in own:
            return meant or None
        if meant in self._account_firms:
            findings.add(
                place, f"account {meant} belongs to another firm, {self._account_firms[meant]}"
            )
        else:
            findings.add(
                place,
                f"account {meant} is not an account of firm {firm.name}{suggestion(meant, own)}",
            )
        return None

    def _check_key(
        self, firm: FirmTable, key: KeyTable, path: KeyPath, nameless: set[str | None]
    ) -> None:
        findings = self._findings
        account = self._check_account_reference(firm, key.account, path)
        if key.name is not None:
            self._check_once((*path, "name"), "key name", key.name)
        elif findings.sound((*path, "name")):
            self._check_nameless_key(key, account, path, nameless)
        if key.secret is None:
            if self._production and findings.sound((*path, "secret")):
                findings.add(path, "secret is missing: the production profile generates none")
            return
        place: KeyPath = (*path, "secret")
        if not convertible(findings, place, key.secret, convert.secret):
            return
        length = len(convert.secret(key.secret))
        if self._production and length < PRODUCTION_SECRET_BYTES_MIN:
            findings.add(
                place,
                f"secret must be at least {PRODUCTION_SECRET_BYTES_MIN} bytes in the production "
                f"profile, not {length}",
            )

    def _check_nameless_key(
        self, key: KeyTable, account: str | None, path: KeyPath, nameless: set[str | None]
    ) -> None:
        if self._production:
            self._findings.add(path, "name is missing: the production profile generates none")
        elif key.secret is not None:
            self._findings.add((*path, "secret"), "secret needs name beside it")
        elif account is not None and account in nameless:
            self._findings.add(
                path, f"name is missing: account {account} has a key with a generated name already"
            )
        nameless.add(account)

    def _check_session(self, firm: FirmTable, session: SessionTable, path: KeyPath) -> None:
        findings = self._findings
        service = service_of(session.market, session.role)
        served = service.served and findings.sound((*path, "market"), (*path, "role"))
        if not service.served:
            name = "market" if session.market != "spot" else "role"
            value = session.market if name == "market" else session.role
            findings.add((*path, name), f"{name} {value} is not served by this version")
        elif session.role in MARKET_DATA_ROLES and not self._file.venue.market_data:
            findings.add((*path, "role"), f"role {session.role} needs market_data = true")
        target_comp_id = session.target_comp_id or service.target_comp_id
        # L2 and L3 have the same CompIDs, at ports of their own, and take no credentials. Where
        # those count no two have the same: a Logon that is good for one is signed for no other.
        role = (session.role,) if session.role in MARKET_DATA_ROLES else ()
        self._check_once(
            (*path, "sender_comp_id"), "session", session.sender_comp_id, target_comp_id, *role
        )
        if session.role == DROP_COPY:
            self._check_drop_copy(firm, session, path)
            self._check_items(session, path)
            return
        account = self._check_account_reference(firm, session.account, path)
        if role:
            self._check_orderless(path, "market data")
        if role and session.keys is not None:
            findings.add((*path, "keys"), "keys is for trading: market data takes no credentials")
        elif account is not None and not role:
            self._check_broker(firm, session, account, path)
            if served:
                self._check_keys(firm, session, account, path)
        self._check_items(session, path)

    def _check_drop_copy(self, firm: FirmTable, session: SessionTable, path: KeyPath) -> None:
        """Of an account, by that account's keys; of the whole firm, by keys that it names."""
        findings = self._findings
        self._check_orderless(path, "a drop copy")
        if session.account is not None:
            account = self._check_account_reference(firm, session.account, path)
            if account is not None:
                self._check_keys(firm, session, account, path)
            return
        only = account_of(firm, None)
        if session.keys is None and only is None and findings.sound((*path, "account")):
            findings.add(
                path,
                f"keys is missing: a drop copy of all accounts of firm {firm.name} names the keys "
                f"that may log on (or account, for one of them)",
            )
        elif only is not None or session.keys is not None:
            self._check_keys(firm, session, only, path)

    def _check_orderless(self, path: KeyPath, what: str) -> None:
        """Nothing is said that would have no effect. (What is of sessions' defaults may be.)"""
        findings = self._findings
        for name in _OF_ORDERS:
            place: KeyPath = (*path, name)
            if findings.lines.given(place) and findings.sound(place):
                findings.add(place, f"{name} is for trading: {what} enters no orders")

    def _check_broker(
        self, firm: FirmTable, session: SessionTable, account: str, path: KeyPath
    ) -> None:
        findings = self._findings
        if not is_broker_session(firm, session):
            return
        if not firm.broker:
            findings.add((*path, "broker"), f"broker is true, but firm {firm.name} is not a broker")
            return
        has_sub_accounts = any(
            holder.parent is not None and holder.parent.id == account
            for holder in holders(firm, ())
        )
        if not has_sub_accounts:
            findings.add(
                (*path, "account"),
                f"account {account} has no sub-accounts, which a broker session needs",
            )

    def _check_keys(
        self, firm: FirmTable, session: SessionTable, account: str | None, path: KeyPath
    ) -> None:
        """Keys of that account; without one, of any account of the firm."""
        findings = self._findings
        place: KeyPath = (*path, "keys")
        own = {key.name: key for key in firm.key if key.name is not None}
        if session.keys is None:
            bound = [key for key in firm.key if account_of(firm, key.account) == account]
            if self._production and not bound:
                findings.add(path, f"account {account} has no [[firm.key]]: nobody could log on")
            return
        if not session.keys and findings.sound(place):
            findings.add(place, "keys is empty: nobody could log on")
        for index, name in enumerate(session.keys):
            if name in own:
                other = account_of(firm, own[name].account)
                if account is not None and other not in (None, account):
                    findings.add(
                        (*place, index),
                        f"keys names {name}, which is bound to account {other}, not to {account}",
                    )
            elif name in self._key_firms and name:
                findings.add(
                    (*place, index),
                    f"keys names {name}, which belongs to another firm, {self._key_firms[name]}",
                )
            elif name:
                findings.add(
                    (*place, index),
                    f"keys names {name}, which is not a key of firm {firm.name}"
                    f"{suggestion(name, own)}",
                )

    def _check_items(self, items: SessionItems, path: KeyPath) -> None:
        """What sessions and their defaults share. A value that a session takes from the defaults
        is a problem there and not in every session again."""
        findings = self._findings
        given = findings.lines.given
        if given((*path, "networks")):
            self._check_networks(items, (*path, "networks"))
        if given((*path, "nonce_window_ms")):
            check_nonce_window(
                self._file, findings, (*path, "nonce_window_ms"), items.nonce_window_ms
            )
        low, high = (*path, "heartbeat_min_s"), (*path, "heartbeat_max_s")
        if (
            (given(low) or given(high))
            and findings.sound(low, high)
            and items.heartbeat_min_s > items.heartbeat_max_s
        ):
            findings.add(
                low if given(low) else high,
                f"heartbeat_min_s {items.heartbeat_min_s} must not be above heartbeat_max_s "
                f"{items.heartbeat_max_s}",
            )
        points, refill = (*path, "token_bucket_points"), (*path, "token_bucket_refill_per_s")
        if (
            (given(points) or given(refill))
            and findings.sound(points, refill)
            and bool(items.token_bucket_points) != bool(items.token_bucket_refill_per_s)
        ):
            findings.add(
                points if given(points) else refill,
                "token_bucket_points and token_bucket_refill_per_s must be both 0 or both above 0",
            )

    def _check_networks(self, items: SessionItems, path: KeyPath) -> None:
        findings = self._findings
        if not items.networks and findings.sound(path):
            findings.add(path, "networks is empty: nobody could connect")
        for index, text in enumerate(items.networks):
            place: KeyPath = (*path, index)
            if not findings.sound(place):
                continue
            try:
                convert.network(text)
            except ValueError as error:
                findings.add(place, f"networks[{index}] {error}")
