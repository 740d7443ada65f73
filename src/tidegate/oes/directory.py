"""Who and what there is: accounts, instruments and sessions of the settings, found by name."""

from __future__ import annotations

from tidegate.model.codec import Decoder
from tidegate.model.instruments import Instrument, symbol_aliases
from tidegate.model.settings import AccountSettings, SessionSettings, VenueSettings


class Account:
    """An account and its place in the ledger (`index`, given once and never again)."""

    def __init__(self, index: int, settings: AccountSettings) -> None:
        self.index = index
        self.name: bytes = settings.account.encode()
        self.settings = settings


class Directory:
    """Indexes only grow: an account or session that the settings no longer name keeps its index
    and is disabled, because orders and history refer to it."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.account_by_name: dict[bytes, Account] = {}
        self._account_by_text: dict[str, Account] = {}  # the same, as settings name them
        self.sessions: list[SessionSettings] = []
        self.session_by_comp_ids: dict[bytes, int] = {}
        self.instruments: list[Instrument] = []
        self.instrument_by_symbol: dict[bytes, Instrument] = {}

    def adopt(self, settings: VenueSettings) -> None:
        for known in self.accounts:
            known.settings.enabled = False
        for account_settings in settings.accounts:
            self._adopt_account(account_settings)
        for session in self.sessions:
            session.enabled = False
        for session in settings.sessions:
            self._adopt_session(session)
        self.instruments = settings.instruments
        self.instrument_by_symbol = {}
        for instrument in settings.instruments:
            self.instrument_by_symbol[instrument.symbol_text] = instrument
        for instrument in settings.instruments:
            for alias in symbol_aliases(instrument):
                self.instrument_by_symbol.setdefault(alias.encode(), instrument)

    def load_accounts(self, decoder: Decoder) -> None:
        """Accounts of a snapshot, those included that the settings no longer name."""
        for _ in range(decoder.uint()):
            self._adopt_account(AccountSettings.load(decoder))

    def load_session(self, decoder: Decoder) -> None:
        self._adopt_session(SessionSettings.load(decoder))

    def _adopt_account(self, settings: AccountSettings) -> None:
        name = settings.account.encode()
        known = self.account_by_name.get(name)
        if known is not None:
            known.settings = settings
            return
        account = Account(len(self.accounts), settings)
        self.accounts.append(account)
        self.account_by_name[name] = account
        self._account_by_text[settings.account] = account

    def _adopt_session(self, settings: SessionSettings) -> None:
        key = session_key(settings.sender_comp_id.encode(), settings.target_comp_id.encode())
        known = self.session_by_comp_ids.get(key, -1)
        if known >= 0:
            self.sessions[known] = settings
            return
        self.session_by_comp_ids[key] = len(self.sessions)
        self.sessions.append(settings)

    def session_index(self, sender_comp_id: bytes, target_comp_id: bytes) -> int:
        """The index of the session of two CompIDs as the client writes them, -1 if unknown."""
        return self.session_by_comp_ids.get(session_key(sender_comp_id, target_comp_id), -1)

    def session_account(self, session: SessionSettings) -> Account:
        return self._account_by_text[session.account]

    def trading_accounts(self, session: SessionSettings) -> list[Account]:
        """The accounts whose orders a session may enter: its own, or a broker's sub-accounts."""
        own = self.session_account(session)
        if not session.broker:
            return [own]
        return [a for a in self.accounts if a.settings.parent == own.settings.account]


def session_key(sender_comp_id: bytes, target_comp_id: bytes) -> bytes:
    return sender_comp_id + b"\x01" + target_comp_id
