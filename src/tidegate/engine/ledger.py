"""Who owns what: balances per account and asset, moved in double entry.

Every operation takes from one place what it gives to another, so the balances of an asset always
add up to zero over all accounts: what clients and fees own is what EXTERNAL owes.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from tidegate.model.codec import Decoder, Encoder

EXTERNAL: Final = -1  # the other side of deposits and withdrawals; goes below zero
FEES: Final = -2  # what the venue earned
HOUSE: Final = -3  # the other side of fills that no order of a client made; bears losses
LENDER: Final = -4  # what margin positions have borrowed (below zero) and bought

# What a posting is for
DEPOSIT: Final = "deposit"
WITHDRAWAL: Final = "withdrawal"
TRADE: Final = "trade"
FEE: Final = "fee"
MARGIN_RESULT: Final = "margin result"


@mypyc_attr(acyclic=True)
class Posting:
    """What a movement of money did to one account: `amount` is above zero where it got some.
    `trade_number` is 0 for what is not of a trade. The postings of a movement follow each other,
    and per asset they add up to zero."""

    def __init__(self, asset: str, account: int, amount: int, kind: str, trade_number: int) -> None:
        self.asset = asset
        self.account = account
        self.amount = amount
        self.kind = kind
        self.trade_number = trade_number


class Balance:
    """Money of one account in one asset, in 1e-10 of the asset. `held` is bound to open orders."""

    def __init__(self) -> None:
        self.available = 0
        self.held = 0


class Ledger:
    """Accounts are the client's indexes from 0 up, and EXTERNAL, FEES, HOUSE and LENDER. Amounts
    are in 1e-10 of the asset. An operation that would overdraw a client is a broken invariant and
    raises `AssertionError`: callers check `available` first.

    Who wants to know of every movement between accounts sets `postings` to a list, which then
    grows; it is no state. Holds and releases stay within an account and are no movements."""

    def __init__(self) -> None:
        self._accounts: dict[int, dict[str, Balance]] = {}
        self.postings: list[Posting] | None = None

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
        if self.postings is not None:
            self._post(asset, EXTERNAL, account, amount, DEPOSIT, 0)

    def withdraw(self, account: int, asset: str, amount: int) -> None:
        """Takes available money out of the venue."""
        balance = self._balance(account, asset)
        assert account >= 0
        assert 0 <= amount <= balance.available
        balance.available -= amount
        self._balance(EXTERNAL, asset).available += amount
        if self.postings is not None:
            self._post(asset, account, EXTERNAL, amount, WITHDRAWAL, 0)

    def hold(self, account: int, asset: str, amount: int) -> None:
        """Binds available money to an order."""
        balance = self._balance(account, asset)
        assert amount >= 0
        assert amount <= balance.available or account == HOUSE  # which bears losses
        balance.available -= amount
        balance.held += amount

    def release(self, account: int, asset: str, amount: int) -> None:
        """Frees money that an order no longer needs."""
        balance = self._balance(account, asset)
        assert 0 <= amount <= balance.held
        balance.held -= amount
        balance.available += amount

    def settle(
        self,
        asset: str,
        payer: int,
        receiver: int,
        *,
        freed: int,
        amount: int,
        payer_fee: int,
        receiver_fee: int,
        trade_number: int,
    ) -> None:
        """One leg of a trade. Of the `freed` part of the payer's hold `amount` goes to the
        receiver, who pays `receiver_fee` of it, and `payer_fee` comes on top; the rest becomes
        available to the payer again. LENDER pays what it does not have."""
        change = freed - amount - payer_fee
        paying = self._balance(payer, asset)
        assert change >= 0 or payer == LENDER
        assert 0 <= receiver_fee <= amount
        assert payer_fee >= 0
        assert freed <= paying.held
        paying.held -= freed
        paying.available += change
        self._balance(receiver, asset).available += amount - receiver_fee
        fee = payer_fee + receiver_fee
        if fee != 0:
            self._balance(FEES, asset).available += fee
        if self.postings is not None:
            self._post(asset, payer, receiver, amount, TRADE, trade_number)
            self._post(asset, payer, FEES, payer_fee, FEE, trade_number)
            self._post(asset, receiver, FEES, receiver_fee, FEE, trade_number)

    def transfer(
        self, asset: str, payer: int, receiver: int, amount: int, kind: str, trade_number: int
    ) -> None:
        """Moves available money. LENDER and HOUSE pay what they do not have."""
        paying = self._balance(payer, asset)
        assert amount >= 0
        assert amount <= paying.available or payer < 0
        paying.available -= amount
        self._balance(receiver, asset).available += amount
        if self.postings is not None:
            self._post(asset, payer, receiver, amount, kind, trade_number)

    def _post(
        self, asset: str, giver: int, taker: int, amount: int, kind: str, trade_number: int
    ) -> None:
        """Tells a movement of money to the observer."""
        if amount != 0 and self.postings is not None:
            self.postings.append(Posting(asset, giver, -amount, kind, trade_number))
            self.postings.append(Posting(asset, taker, amount, kind, trade_number))

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
