"""What operators have added, disabled and set while the venue ran, on top of its settings.

Every start may bring settings of a file; what an operator did stays until an operator undoes it
(docs/decisions/0023). A name in the file wins over an added one: it is then the file's, and is gone
when the file drops it. Key names are here, their secrets are not: the gateway keeps those.
"""

from __future__ import annotations

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.fees import FeeSchedule
from tidegate.model.settings import AccountSettings, SessionSettings, VenueSettings
from tidegate.oes.directory import session_key


class AccountFees:
    """An account's own rates in millionths, or those of its volume."""

    def __init__(self, maker_rate: int, taker_rate: int, *, by_volume: bool) -> None:
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate
        self.by_volume = by_volume


class Operated:
    """Names keep the order in which they were added. Added accounts and sessions are kept as their
    settings' bytes, by name and by `session_key`; keys as the account that they are bound to."""

    def __init__(self) -> None:
        self.firms: list[str] = []
        self.accounts: dict[str, bytes] = {}
        self.sessions: dict[bytes, bytes] = {}
        self.keys: dict[str, str] = {}
        self.disabled_firms: dict[str, bool] = {}
        self.disabled_accounts: dict[str, bool] = {}
        self.disabled_sessions: dict[bytes, bool] = {}
        self.disabled_keys: dict[str, bool] = {}
        self.account_fees: dict[str, AccountFees] = {}
        self.fee_schedules: dict[str, FeeSchedule] = {}

    def amend(self, settings: VenueSettings) -> None:
        """Make settings of a file, fresh from their bytes, the ones that are in force."""
        self._take_over(settings)
        for data in self.accounts.values():
            settings.accounts.append(AccountSettings.load(Decoder(data)))
        for data in self.sessions.values():
            settings.sessions.append(SessionSettings.load(Decoder(data)))
        settings.fee_schedules = [
            self.fee_schedules.get(schedule.name, schedule) for schedule in settings.fee_schedules
        ]
        firms: dict[str, str] = {}  # by account
        for account in settings.accounts:
            firms[account.account] = account.firm
            fees = self.account_fees.get(account.account)
            if fees is not None:
                account.fees_by_volume = fees.by_volume
                if not fees.by_volume:
                    account.maker_rate = fees.maker_rate
                    account.taker_rate = fees.taker_rate
            if self._disables(account):
                account.enabled = False
        for session in settings.sessions:
            firm = firms.get(session.account)
            key = key_of(session)
            if firm is None or firm in self.disabled_firms or key in self.disabled_sessions:
                session.enabled = False

    def _take_over(self, settings: VenueSettings) -> None:
        """The file names what an operator had added."""
        for account in settings.accounts:
            self.accounts.pop(account.account, None)
        for session in settings.sessions:
            self.sessions.pop(key_of(session), None)

    def _disables(self, account: AccountSettings) -> bool:
        return (
            account.account in self.disabled_accounts
            or account.parent in self.disabled_accounts
            or account.firm in self.disabled_firms
        )

    def save(self, encoder: Encoder) -> None:
        encoder.uint(len(self.firms))
        for firm in self.firms:
            encoder.text(firm)
        encoder.uint(len(self.accounts))
        for name, data in self.accounts.items():
            encoder.text(name)
            encoder.blob(data)
        encoder.uint(len(self.sessions))
        for key, data in self.sessions.items():
            encoder.blob(key)
            encoder.blob(data)
        encoder.uint(len(self.keys))
        for name, account in self.keys.items():
            encoder.text(name)
            encoder.text(account)
        _save_names(self.disabled_firms, encoder)
        _save_names(self.disabled_accounts, encoder)
        _save_names(self.disabled_keys, encoder)
        encoder.uint(len(self.disabled_sessions))
        for key in sorted(self.disabled_sessions):
            encoder.blob(key)
        encoder.uint(len(self.account_fees))
        for name in sorted(self.account_fees):
            fees = self.account_fees[name]
            encoder.text(name)
            encoder.uint(fees.maker_rate)
            encoder.uint(fees.taker_rate)
            encoder.flag(value=fees.by_volume)
        encoder.uint(len(self.fee_schedules))
        for name in sorted(self.fee_schedules):
            self.fee_schedules[name].save(encoder)

    def load(self, decoder: Decoder) -> None:
        """Fills a fresh one with what `save` wrote. Raises `CodecError`."""
        assert not self.firms
        self.firms = [decoder.text() for _ in range(decoder.uint())]
        for _ in range(decoder.uint()):
            name = decoder.text()
            self.accounts[name] = decoder.blob()
        for _ in range(decoder.uint()):
            key = decoder.blob()
            self.sessions[key] = decoder.blob()
        for _ in range(decoder.uint()):
            name = decoder.text()
            self.keys[name] = decoder.text()
        _load_names(self.disabled_firms, decoder)
        _load_names(self.disabled_accounts, decoder)
        _load_names(self.disabled_keys, decoder)
        for _ in range(decoder.uint()):
            self.disabled_sessions[decoder.blob()] = True
        for _ in range(decoder.uint()):
            name = decoder.text()
            maker_rate = decoder.uint()
            taker_rate = decoder.uint()
            self.account_fees[name] = AccountFees(maker_rate, taker_rate, by_volume=decoder.flag())
        for _ in range(decoder.uint()):
            schedule = FeeSchedule.load(decoder)
            self.fee_schedules[schedule.name] = schedule


def key_of(session: SessionSettings) -> bytes:
    """By what a session is known."""
    return session_key(session.sender_comp_id.encode(), session.target_comp_id.encode())


def _save_names(names: dict[str, bool], encoder: Encoder) -> None:
    encoder.uint(len(names))
    for name in sorted(names):
        encoder.text(name)


def _load_names(names: dict[str, bool], decoder: Decoder) -> None:
    for _ in range(decoder.uint()):
        names[decoder.text()] = True
