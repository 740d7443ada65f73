"""Commands about who may trade: firms, accounts, sessions and API keys are listed, added, disabled
and enabled again while the venue runs. Each change is a control of the journal.

What belongs to an added session or key and must not be in the journal, source networks and secrets,
is kept in the file of secrets, and is there first: who dies between the two leaves something that
nobody is told of and that counts for nothing, and the same command can be given again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from tidegate.config.additions import added_account, added_session, with_defaults
from tidegate.config.schema import (
    REQUIRED,
    AccountTable,
    CompId,
    KeyName,
    Name,
    SessionTable,
)
from tidegate.config.values import ApiKey, VenueConfig
from tidegate.control.fee_commands import account_fees
from tidegate.control.operators import (
    ListParameters,
    account_named,
    bounded,
    do,
    sessions_named,
)
from tidegate.control.protocol import ControlError, Handler, parameters_in_words
from tidegate.gateway.access import AccessBook, opens_drop_copy
from tidegate.model.settings import AccountSettings
from tidegate.oes.directory import Account
from tidegate.provision.secrets import AddedSession, Secrets, SecretsError, new_key_name
from tidegate.service import VenueService
from tidegate.venue import controls
from tidegate.venue.controls import NO_SESSION, Control, ControlRefused
from tidegate.venue.directory_controls import firms_of, settings_of_account
from tidegate.venue.machine import Venue
from tidegate.venue.operated import key_of

_NOT_FOR_SESSIONS: Final = ("keys", "market", "role", "enabled")
_NOT_FOR_ACCOUNTS: Final = ("id", "sub_account", "balances", "enabled")


T = TypeVar("T")


class FirmParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    firm: Annotated[Name, REQUIRED] = ""


class AccountParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    account: Annotated[str, REQUIRED] = ""


class AddAccountParameters(AccountTable, forbid_unknown_fields=True, kw_only=True):
    """What `[[firm.account]]` may have, its name as `account`. `parent` makes it a sub-account.
    Without fees of its own it pays as its parent, or the default of the configuration."""

    account: Annotated[Name, REQUIRED] = ""
    firm: Annotated[Name, REQUIRED] = ""
    parent: Name | None = None
    rate_tier: str | None = None


class SessionParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`target_comp_id` is needed where the client has several sessions."""

    sender_comp_id: Annotated[CompId, REQUIRED] = ""
    target_comp_id: CompId | None = None


class AddKeyParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """A `key` that is not named gets a name."""

    account: Annotated[str, REQUIRED] = ""
    key: KeyName | None = None


class KeyParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    key: Annotated[KeyName, REQUIRED] = ""


class DirectoryCommands:
    """One addition at a time: what was looked at before secrets are written still holds after."""

    def __init__(
        self, service: VenueService, config: VenueConfig, book: AccessBook, secrets: Secrets
    ) -> None:
        self._service = service
        self._config = config
        self._book = book
        self._secrets = secrets
        self._adding = asyncio.Lock()

    @property
    def _venue(self) -> Venue:
        return self._service.venue

    def handlers(self) -> dict[str, Handler]:
        return {
            "firms": self.firms,
            "firm-add": self.add_firm,
            "firm-disable": self._firm_switch(on=False),
            "firm-enable": self._firm_switch(on=True),
            "accounts": self.accounts,
            "account-add": self.add_account,
            "account-disable": self._account_switch(on=False),
            "account-enable": self._account_switch(on=True),
            "session-add": self.add_session,
            "session-disable": self._session_switch(on=False),
            "session-enable": self._session_switch(on=True),
            "keys": self.keys,
            "key-add": self.add_key,
            "key-disable": self._key_switch(on=False),
            "key-enable": self._key_switch(on=True),
        }

    # --- lists -----------------------------------------------------------------------------------

    async def firms(self, given: dict[str, Any]) -> dict[str, Any]:
        limit = parameters_in_words(given, ListParameters).limit
        venue = self._venue
        counts: dict[str, int] = {}
        for account in venue.settings.accounts:
            counts[account.firm] = counts.get(account.firm, 0) + 1
        rows = [
            {
                "firm": firm,
                "accounts": counts.get(firm, 0),
                "enabled": firm not in venue.operated.disabled_firms,
            }
            for firm in firms_of(venue)
        ]
        return bounded(rows, limit)

    async def accounts(self, given: dict[str, Any]) -> dict[str, Any]:
        limit = parameters_in_words(given, ListParameters).limit
        rows = [self._account(account) for account in self._venue.directory.accounts[:limit]]
        total = len(self._venue.directory.accounts)
        return {"total": total, "limit": limit, "rows": rows}

    async def keys(self, given: dict[str, Any]) -> dict[str, Any]:
        limit = parameters_in_words(given, ListParameters).limit
        rows = [self._key(key) for key in self._book.keys.values()]
        return bounded(rows, limit)

    # --- firms -----------------------------------------------------------------------------------

    async def add_firm(self, given: dict[str, Any]) -> dict[str, Any]:
        firm = parameters_in_words(given, FirmParameters).firm
        await do(self._service, controls.ADD_FIRM, controls.AddFirm(firm))
        return {"firm": firm, "enabled": True}

    def _firm_switch(self, *, on: bool) -> Handler:
        async def switch(given: dict[str, Any]) -> dict[str, Any]:
            firm = parameters_in_words(given, FirmParameters).firm
            await do(self._service, controls.ENABLE_FIRM, controls.EnableFirm(firm, on=on))
            return {"firm": firm, "enabled": on}

        return switch

    # --- accounts --------------------------------------------------------------------------------

    async def add_account(self, given: dict[str, Any]) -> dict[str, Any]:
        _refuse_names(given, _NOT_FOR_ACCOUNTS, "an account")
        named = {"id": given.get("account", "")}
        parameters = parameters_in_words(named | given, AddAccountParameters)
        settings = self._account_settings(parameters)
        await do(self._service, controls.ADD_ACCOUNT, controls.AddAccount(settings))
        return self._account(account_named(self._venue, parameters.account))

    def _account_settings(self, parameters: AddAccountParameters) -> AccountSettings:
        try:
            settings = added_account(self._config, parameters.firm, parameters)
        except ValueError as error:
            raise ControlError(str(error)) from None
        settings.parent = parameters.parent or ""
        if parameters.rate_tier is not None:
            settings.rate_tier = parameters.rate_tier
        parent = settings_of_account(self._venue, settings.parent)
        pays_as_parent = parameters.maker_percent is None and parameters.fee_tier is None
        if parent is not None and pays_as_parent:
            settings.maker_rate, settings.taker_rate = parent.maker_rate, parent.taker_rate
            settings.fees_by_volume = parent.fees_by_volume
        return settings

    def _account_switch(self, *, on: bool) -> Handler:
        async def switch(given: dict[str, Any]) -> dict[str, Any]:
            name = parameters_in_words(given, AccountParameters).account
            account = account_named(self._venue, name)
            control = controls.EnableAccount(name, on=on)
            await do(self._service, controls.ENABLE_ACCOUNT, control)
            return self._account(account)

        return switch

    # --- sessions --------------------------------------------------------------------------------

    async def add_session(self, given: dict[str, Any]) -> dict[str, Any]:
        _refuse_names(given, _NOT_FOR_SESSIONS, "a session")
        table = parameters_in_words(with_defaults(self._config, given), SessionTable)
        if table.account is None:
            raise ControlError("account is missing")
        account = account_named(self._venue, table.account)
        table = msgspec.structs.replace(table, broker=bool(table.broker), enabled=True)
        try:
            addition = added_session(self._config, account.settings.firm, table)
        except ValueError as error:
            raise ControlError(str(error)) from None
        access = addition.access
        kept = AddedSession(
            sender_comp_id=access.sender_comp_id,
            target_comp_id=access.target_comp_id,
            networks=list(addition.networks),
            nonce_window_ms=access.nonce_window_ms,
            tls=access.tls,
        )
        control = controls.AddSession(addition.settings)

        async def add() -> None:
            self._check(controls.ADD_SESSION, control)
            self._secrets.add_session(kept)
            await self._save_secrets()
            await do(self._service, controls.ADD_SESSION, control)
            self._book.add_session(access)

        await self._one_by_one(add)
        return {
            "sender_comp_id": access.sender_comp_id,
            "target_comp_id": access.target_comp_id,
            "account": access.account,
            "port": access.port,
            "networks": list(addition.networks),
            "keys": list(self._book.sessions[access.session_id].key_names),
        }

    def _session_switch(self, *, on: bool) -> Handler:
        async def switch(given: dict[str, Any]) -> dict[str, Any]:
            parameters = parameters_in_words(given, SessionParameters)
            sender, target = parameters.sender_comp_id, parameters.target_comp_id
            found = sessions_named(self._venue, sender, target)
            if len(found) > 1:
                raise ControlError(f"target_comp_id is missing: {sender} has several sessions")
            control = controls.EnableSession(on=on)
            await do(self._service, controls.ENABLE_SESSION, control, found[0])
            settings = self._venue.sessions[found[0]].settings
            return {
                "sender_comp_id": settings.sender_comp_id,
                "target_comp_id": settings.target_comp_id,
                "enabled": settings.enabled,
            }

        return switch

    # --- keys ------------------------------------------------------------------------------------

    async def add_key(self, given: dict[str, Any]) -> dict[str, Any]:
        """The answer is the only one that ever has the secret."""
        parameters = parameters_in_words(given, AddKeyParameters)
        account = account_named(self._venue, parameters.account)
        name = parameters.key or new_key_name()
        control = controls.AddKey(name, parameters.account)

        async def add() -> str:
            if self._book.has_configured_key(name):
                raise ControlError(f"key {name} is there already, in the configuration")
            self._check(controls.ADD_KEY, control)
            secret = self._secrets.add_key(name)
            await self._save_secrets()
            await do(self._service, controls.ADD_KEY, control)
            key = added_api_key(self._secrets, account, name)
            assert key is not None
            self._book.add_key(key)
            return secret

        secret = await self._one_by_one(add)
        return self._key(self._book.keys[name]) | {"api_secret": secret}

    def _key_switch(self, *, on: bool) -> Handler:
        async def switch(given: dict[str, Any]) -> dict[str, Any]:
            name = parameters_in_words(given, KeyParameters).key
            if name not in self._book.keys and name not in self._venue.operated.keys:
                raise ControlError(f"key {name} is not known")
            await do(self._service, controls.ENABLE_KEY, controls.EnableKey(name, on=on))
            return {"key": name, "enabled": on}

        return switch

    # --- inner works -----------------------------------------------------------------------------

    async def _one_by_one(self, add: Callable[[], Awaitable[T]]) -> T:
        """An addition that has begun comes to its end, though its asker may go away meanwhile."""

        async def alone() -> T:
            async with self._adding:
                return await add()

        addition = asyncio.ensure_future(alone())
        addition.add_done_callback(_look_at)
        return await asyncio.shield(addition)

    def _check(self, kind: int, control: Control) -> None:
        try:
            self._venue.check_control(kind, NO_SESSION, control.encode())
        except ControlRefused as refused:
            raise ControlError(str(refused)) from None

    async def _save_secrets(self) -> None:
        """In a thread: the loop is not to wait for the disk."""
        try:
            await asyncio.to_thread(self._secrets.save)
        except SecretsError as error:
            raise ControlError(str(error)) from None

    def _account(self, account: Account) -> dict[str, Any]:
        """`enabled` is what is in force, by the configuration and by operators."""
        settings = account.settings
        fees = account_fees(self._venue, settings)
        return {
            "account": settings.account,
            "firm": settings.firm,
            "parent": settings.parent or None,
            "enabled": settings.enabled,
            "disabled_by_operator": settings.account in self._venue.operated.disabled_accounts,
            "added": settings.account in self._venue.operated.accounts,
            "rate_tier": settings.rate_tier or None,
            "fees": fees["source"],
            "maker_percent": fees["maker_percent"],
            "taker_percent": fees["taker_percent"],
            "open_orders": len(self._venue.engine.account_orders(account.index)),
        }

    def _key(self, key: ApiKey) -> dict[str, Any]:
        return {
            "key": key.name,
            "account": key.account,
            "enabled": key.name not in self._venue.operated.disabled_keys,
            "added": not self._book.has_configured_key(key.name),
            "sessions": [sender for sender, _ in key.sessions],
            "drop_copies": self._drop_copies(key),
        }

    def _drop_copies(self, key: ApiKey) -> list[str]:
        """The SenderCompIDs of the drop copies that it opens."""
        settings = self._venue.settings
        return [
            copy.access.sender_comp_id
            for copy in self._config.drop_copies
            if key.name in copy.access.key_names
            or (
                not self._book.has_configured_key(key.name)
                and opens_drop_copy(settings, key.account, copy.access)
            )
        ]


def _refuse_names(given: dict[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in names:
        if name in given:
            raise ControlError(f"{name} is not for {what} that is added")


def _look_at(addition: asyncio.Future[Any]) -> None:
    """What it failed with is the asker's, who may be gone: it is nobody else's failure."""
    if not addition.cancelled():
        addition.exception()


def added_api_key(secrets: Secrets, account: Account, name: str) -> ApiKey | None:
    """A key that an operator has added; None where its secret was lost."""
    secret = secrets.added_key(name)
    if secret is None:
        return None
    return ApiKey(
        name=name,
        secret=secret,
        firm=account.settings.firm,
        account=account.settings.account,
        sessions=(),
    )


def access_book(
    config: VenueConfig, venue: Venue, secrets: Secrets
) -> tuple[AccessBook, list[str]]:
    """Who may log on at a start: by the configuration, and by what operators have added, which the
    venue's state names. Beside it the names of what is left out: its secrets or networks are lost,
    or may not be used any more."""
    book = AccessBook(config.sessions, config.keys)
    lost: list[str] = []
    for name, account_name in venue.operated.keys.items():
        account = account_named(venue, account_name)
        key = added_api_key(secrets, account, name)
        if key is None:
            lost.append(f"key {name}")
        else:
            book.add_key(key)
    for settings in venue.settings.sessions:
        if key_of(settings) not in venue.operated.sessions:
            continue
        kept = secrets.added_session(settings.sender_comp_id, settings.target_comp_id)
        if kept is None:
            lost.append(f"session {settings.sender_comp_id} {settings.target_comp_id}")
            continue
        table = SessionTable(
            sender_comp_id=settings.sender_comp_id,
            target_comp_id=settings.target_comp_id,
            account=settings.account,
            broker=settings.broker,
            networks=kept.networks,
            nonce_window_ms=kept.nonce_window_ms,
            tls=kept.tls,
        )
        firm = account_named(venue, settings.account).settings.firm
        try:
            book.add_session(added_session(config, firm, table).access)
        except ValueError as error:  # profile or drop copies are others now
            lost.append(f"session {settings.sender_comp_id} {settings.target_comp_id}: {error}")
    return book, lost
