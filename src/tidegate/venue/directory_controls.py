"""Controls of who may trade: firms, accounts, sessions and API keys, added and disabled while the
venue runs.

What is disabled loses its open orders in the same record, or in the ticks behind it where there are
many; what the configuration disables does so when the process starts. A session that is logged on
is told why and ends. A key is a name here: whether its signature is right, the gateway says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import API_KEY_BYTES_MAX, NAME_BYTES_MAX, OPERATED_NAMES_MAX
from tidegate.model.rejects import CANCELED_DISABLED
from tidegate.model.scaled import RATE_UNIT
from tidegate.model.settings import AccountSettings, SessionSettings
from tidegate.oes.directory import Account
from tidegate.session.machine import Session
from tidegate.session.reasons import KEY_DISABLED, SESSION_DISABLED
from tidegate.venue.control import (
    Control,
    ControlRefused,
    check_no_session,
    check_range,
    check_text,
    checked_session,
)
from tidegate.venue.operated import key_of

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue

_SECONDS_PER_HOUR: Final = 3_600


class _Enable(Control):
    """Disables what has the name, or takes that back."""

    def __init__(self, name: str, *, on: bool) -> None:
        self.name = name
        self.on = on

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.name)
        encoder.flag(value=self.on)
        return encoder.value()


class AddFirm(Control):
    """A firm that may be given accounts."""

    def __init__(self, firm: str) -> None:
        self.firm = firm

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.firm)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return AddFirm(decoder.text())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        check_text("firm", self.firm, NAME_BYTES_MAX)
        if self.firm in firms_of(venue):
            raise ControlRefused(f"firm {self.firm} is there already")
        _check_room("firms", len(venue.operated.firms))

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.operated.firms.append(self.firm)


class EnableFirm(_Enable):
    """Disables a firm, which is all its accounts and sessions, or takes that back."""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        name = decoder.text()
        return EnableFirm(name, on=decoder.flag())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        disabled = self.name in venue.operated.disabled_firms
        if not disabled and self.name not in firms_of(venue):
            raise ControlRefused(f"firm must be the name of one, not {self.name!r}")
        _check_change(f"firm {self.name}", disabled=disabled, on=self.on)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        _switch(venue.operated.disabled_firms, self.name, on=self.on)
        _adopt(venue, time_ns)


class AddAccount(Control):
    """An account or, with a parent, a sub-account. It begins with no money; one of that name that
    there was before gets its own back."""

    def __init__(self, settings: AccountSettings) -> None:
        self.settings = settings

    def encode(self) -> bytes:
        encoder = Encoder()
        self.settings.save(encoder)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return AddAccount(AccountSettings.load(decoder))

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        settings = self.settings
        name = settings.account
        check_text("account", name, NAME_BYTES_MAX)
        if settings_of_account(venue, name) is not None:
            raise ControlRefused(f"account {name} is there already")
        if settings.firm not in firms_of(venue):
            raise ControlRefused(f"firm must be the name of one, not {settings.firm!r}")
        if settings.parent:
            self._check_parent(venue)
        check_range("maker_rate", settings.maker_rate, 0, RATE_UNIT)
        check_range("taker_rate", settings.taker_rate, 0, RATE_UNIT)
        if settings.rate_tier and venue.settings.rates.tier(settings.rate_tier) is None:
            known = ", ".join(tier.name for tier in venue.settings.rates.tiers)
            raise ControlRefused(f"rate_tier must be one of {known}, not {settings.rate_tier!r}")
        if settings.deposits:
            raise ControlRefused("deposits must be none: an account begins with no money")
        _check_room("accounts", len(venue.operated.accounts))

    def _check_parent(self, venue: Venue) -> None:
        parent = settings_of_account(venue, self.settings.parent)
        if parent is None:
            raise ControlRefused(
                f"parent must be the name of an account, not {self.settings.parent!r}"
            )
        if parent.parent:
            raise ControlRefused(f"parent {parent.account} is a sub-account itself")
        if parent.firm != self.settings.firm:
            raise ControlRefused(
                f"parent {parent.account} is an account of firm {parent.firm}, not of firm "
                f"{self.settings.firm}"
            )

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.operated.accounts[self.settings.account] = self.encode()
        venue.adopt_again()


class EnableAccount(_Enable):
    """Disables an account with its sub-accounts: requests are refused and open orders cancelled.
    Or takes that back."""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        name = decoder.text()
        return EnableAccount(name, on=decoder.flag())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        disabled = self.name in venue.operated.disabled_accounts
        if not disabled and settings_of_account(venue, self.name) is None:
            raise ControlRefused(f"account must be the name of one, not {self.name!r}")
        _check_change(f"account {self.name}", disabled=disabled, on=self.on)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        _switch(venue.operated.disabled_accounts, self.name, on=self.on)
        _adopt(venue, time_ns)


class AddSession(Control):
    """A FIX session of an account. One of its CompIDs that there was before goes on with that
    one's numbers."""

    def __init__(self, settings: SessionSettings) -> None:
        self.settings = settings

    def encode(self) -> bytes:
        encoder = Encoder()
        self.settings.save(encoder)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return AddSession(SessionSettings.load(decoder))

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        settings = self.settings
        check_text("sender_comp_id", settings.sender_comp_id, NAME_BYTES_MAX)
        check_text("target_comp_id", settings.target_comp_id, NAME_BYTES_MAX)
        if settings.stp_group:
            check_text("stp_group", settings.stp_group, NAME_BYTES_MAX)
        key = key_of(settings)
        if any(key_of(known) == key for known in venue.settings.sessions):
            raise ControlRefused(
                f"session {settings.sender_comp_id} {settings.target_comp_id} is there already"
            )
        if settings_of_account(venue, settings.account) is None:
            raise ControlRefused(f"account must be the name of one, not {settings.account!r}")
        accounts = venue.settings.accounts
        if settings.broker and all(a.parent != settings.account for a in accounts):
            raise ControlRefused(
                f"account {settings.account} has no sub-accounts, which a broker session needs"
            )
        least = settings.heartbeat_min_s
        check_range("heartbeat_min_s", least, 1, _SECONDS_PER_HOUR)
        check_range("heartbeat_max_s", settings.heartbeat_max_s, least, _SECONDS_PER_HOUR)
        if (settings.token_bucket_points == 0) != (settings.token_bucket_refill_per_s == 0):
            raise ControlRefused(
                "token_bucket_points and token_bucket_refill_per_s must be both 0 or both above 0"
            )
        _check_room("sessions", len(venue.operated.sessions))

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.operated.sessions[key_of(self.settings)] = self.encode()
        venue.adopt_again()


class EnableSession(Control):
    """Disables a session: its orders of every life are cancelled, then it gets a Logout and ends.
    Or takes that back."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.flag(value=self.on)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return EnableSession(on=decoder.flag())

    def check(self, venue: Venue, session_index: int) -> None:
        settings = checked_session(venue, session_index).settings
        disabled = key_of(settings) in venue.operated.disabled_sessions
        name = f"session {settings.sender_comp_id} {settings.target_comp_id}"
        _check_change(name, disabled=disabled, on=self.on)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        key = key_of(venue.sessions[session_index].settings)
        if self.on:
            venue.operated.disabled_sessions.pop(key, None)
        else:
            venue.operated.disabled_sessions[key] = True
        _adopt(venue, time_ns)


class AddKey(Control):
    """An API key by which every session of an account may log on. The gateway has its secret."""

    def __init__(self, key: str, account: str) -> None:
        self.key = key
        self.account = account

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.key)
        encoder.text(self.account)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        key = decoder.text()
        return AddKey(key, decoder.text())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        check_text("key", self.key, API_KEY_BYTES_MAX)
        if self.key in venue.operated.keys:
            raise ControlRefused(f"key {self.key} is there already")
        if settings_of_account(venue, self.account) is None:
            raise ControlRefused(f"account must be the name of one, not {self.account!r}")
        _check_room("keys", len(venue.operated.keys))

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        venue.operated.keys[self.key] = self.account


class EnableKey(_Enable):
    """Disables an API key: sessions that have logged on by it end, as if the line were lost. Or
    takes that back. The name may be that of any key, since those of the configuration are known to
    the gateway alone."""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        name = decoder.text()
        return EnableKey(name, on=decoder.flag())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        check_text("key", self.name, API_KEY_BYTES_MAX)
        disabled = self.name in venue.operated.disabled_keys
        _check_change(f"key {self.name}", disabled=disabled, on=self.on)
        _check_room("disabled keys", len(venue.operated.disabled_keys) if not self.on else 0)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        _switch(venue.operated.disabled_keys, self.name, on=self.on)
        if self.on:
            return
        for session in venue.sessions:
            if venue.disconnects.lives[session.index].api_key == self.name.encode():
                session.expel(KEY_DISABLED, time_ns)


def firms_of(venue: Venue) -> list[str]:
    """The names of all firms: those of accounts, in their order, then those without."""
    firms: dict[str, bool] = {}
    for account in venue.settings.accounts:
        firms[account.firm] = True
    for firm in venue.operated.firms:
        firms[firm] = True
    return list(firms)


def settings_of_account(venue: Venue, name: str) -> AccountSettings | None:
    """Those in force; None for an account that there is not, or not any more."""
    for account in venue.settings.accounts:
        if account.account == name:
            return account
    return None


def _adopt(venue: Venue, time_ns: int) -> None:
    """Put in force what an operator has disabled or enabled."""
    accounts_on = [account for account in venue.directory.accounts if account.settings.enabled]
    sessions_on = [session for session in venue.sessions if session.settings.enabled]
    venue.adopt_again()
    _cancel_of_disabled(venue, accounts_on, sessions_on, time_ns)
    for session in sessions_on:  # not earlier: what becomes of its orders, a session is still told
        if not session.settings.enabled:
            session.expel(SESSION_DISABLED, time_ns)


def cancel_of_disabled(venue: Venue, time_ns: int) -> None:
    """A process has started: what its configuration disables, or names no longer, loses its open
    orders as what an operator disables does."""
    _cancel_of_disabled(venue, venue.directory.accounts, venue.sessions, time_ns)


def _cancel_of_disabled(
    venue: Venue, accounts: list[Account], sessions: list[Session], time_ns: int
) -> None:
    """The open orders of those among them that are disabled."""
    for account in accounts:
        if not account.settings.enabled:
            orders = venue.engine.account_orders(account.index)
            venue.trading.cancel_orders(venue.sessions, orders, CANCELED_DISABLED, time_ns)
    for session in sessions:
        if not session.settings.enabled:
            orders = venue.engine.session_orders(session.index)
            venue.trading.cancel_orders(venue.sessions, orders, CANCELED_DISABLED, time_ns)


def _switch(disabled: dict[str, bool], name: str, *, on: bool) -> None:
    if on:
        disabled.pop(name, None)
    else:
        disabled[name] = True


def _check_change(name: str, *, disabled: bool, on: bool) -> None:
    if disabled and not on:
        raise ControlRefused(f"{name} is disabled already")
    if on and not disabled:
        raise ControlRefused(f"{name} is not disabled by an operator")


def _check_room(what: str, count: int) -> None:
    if count >= OPERATED_NAMES_MAX:
        raise ControlRefused(f"there are {OPERATED_NAMES_MAX} {what} already, which is the most")
