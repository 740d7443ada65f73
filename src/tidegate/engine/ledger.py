"""Who owns what: balances per account and asset, moved in double entry.

Every operation takes from one place what it gives to another, so the balances of an asset always
add up to zero over all accounts: what clients and fees own is what EXTERNAL owes.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder

EXTERNAL: Final = -1  # the other side of deposits; the only account that goes below zero
FEES: Final = -2  # what the venue earned
HOUSE: Final = -3  # the other side of fills that no order of a client made; bears losses
LENDER: Final = -4  # what margin positions have borrowed (below zero) and bought


class Balance:
    """Money of one account in one asset, in 1e-10 of the asset. `held` is bound to open orders."""

    def __init__(self) -> None:
        self.available = 0
        self.held = 0


class Ledger:
    """Accounts are the client's indexes from 0 up, and EXTERNAL, FEES and HOUSE. Amounts are in
    1e-10 of the asset. An operation that would overdraw a client is a broken invariant and raises
    `AssertionError`: callers check `available` first."""

    def __init__(self) -> None:
        self._accounts: dict[int, dict[str, Balance]] = {}

    def _balance(self, account: int, asset: str) -> Balance:
        balances = self._accounts.get(account)
        if balances is None:
            balances = {}
            self._accounts[account] = balances
        balance = balances.get(asset)
        if balance is None:
            balance = Balance()
            balances[asset] = balance
        return balance

    def available(self, account: int, asset: str) -> int:
        balances = self._accounts.get(account)
        if balances is None:
            return 0
        balance = balances.get(asset)
        return 0 if balance is None else balance.available

    def held(self, account: int, asset: str) -> int:
        balances = self._accounts.get(account)
        if balances is None:
            return 0
        balance = balances.get(asset)
        return 0 if balance is None else balance.held

    def accounts(self) -> list[int]:
        """Every account with a balance that is not zero, in rising order."""
        return [account for account in sorted(self._accounts) if self.assets(account)]

    def assets(self, account: int) -> list[str]:
        """The assets in which the account's balance is not zero, in alphabetical order."""
        balances = self._accounts.get(account)
        if balances is None:
            return []
        names: list[str] = []
        for asset in sorted(balances):
            balance = balances[asset]
            if balance.available != 0 or balance.held != 0:
                names.append(asset)
        return names

    def totals(self) -> dict[str, int]:
        """Per asset the sum over all accounts: zero everywhere, or money was made or lost."""
        sums: dict[str, int] = {}
        for balances in self._accounts.values():
            for asset, balance in balances.items():
                sums[asset] = sums.get(asset, 0) + balance.available + balance.held
        return {asset: sums[asset] for asset in sorted(sums)}

    def deposit(self, account: int, asset: str, amount: int) -> None:
        assert account >= 0 or account == HOUSE
        assert amount >= 0
        self._balance(EXTERNAL, asset).available -= amount
        self._balance(account, asset).available += amount

    def hold(self, account: int, asset: str, amount: int) -> None:
        """Binds available money to an order."""
        balance = self._balance(account, asset)
        assert 0 <= amount <= balance.available
        balance.available -= amount
        balance.held += amount

    def release(self, account: int, asset: str, amount: int) -> None:
        """Frees money that an order no longer needs."""
        balance = self._balance(account, asset)
        assert 0 <= amount <= balance.held
        balance.held -= amount
        balance.available += amount

    def settle(
        self, asset: str, payer: int, receiver: int, freed: int, amount: int, fee: int
    ) -> None:
        """One leg of a trade: of the `freed` part of the payer's hold `amount` goes to the
        receiver and `fee` to FEES; the rest becomes available to the payer again."""
        change = freed - amount - fee
        paying = self._balance(payer, asset)
        assert change >= 0
        assert amount >= 0
        assert fee >= 0
        assert freed <= paying.held
        paying.held -= freed
        paying.available += change
        self._balance(receiver, asset).available += amount
        if fee != 0:
            self._balance(FEES, asset).available += fee

    def save(self, encoder: Encoder) -> None:
        """Canonical: sorted, and without zero balances, so that equal ledgers give equal bytes
        whatever was asked of them on the way."""
        accounts = self.accounts()
        encoder.uint(len(accounts))
        for account in accounts:
            assets = self.assets(account)
            encoder.sint(account)
            encoder.uint(len(assets))
            for asset in assets:
                balance = self._accounts[account][asset]
                encoder.text(asset)
                encoder.sint(balance.available)
                encoder.uint(balance.held)

    def load(self, decoder: Decoder) -> None:
        """Fills a fresh ledger with what `save` wrote. Raises `CodecError`."""
        assert not self._accounts
        for _ in range(decoder.uint()):
            account = decoder.sint()
            for _ in range(decoder.uint()):
                balance = self._balance(account, decoder.text())
                balance.available = decoder.sint()
                balance.held = decoder.uint()
