"""Positions: what an account has bought or sold with borrowed money, per instrument.

A position of an account in a pair has a signed quantity of lots (above zero: long), what those lots
cost in the quote asset, and the margin that stays held for them. An account has one position in a
pair: a trade on the other side closes of it first and opens the other way with what is left.

- Opening adds lots and cost; the margin that comes with them is given by the caller.
- Closing l of n lots takes `floor(cost * l / n)` of the cost and `floor(margin * l / n)` of the
  margin away; the last lot takes all that is left. The result is what the closed lots brought (a
  long's proceeds, or a short's cost) less what they were bought for.

Nothing is lost by these roundings, because cost is only ever moved: the LENDER pays what a long
costs and gets it back when the long is closed, so in a pair's quote asset it is always owed the
cost of the longs and owes the cost of the shorts, and in the base asset it has the lots. What a
closing trade brings beyond or below the cost taken away is the account's result. Hence per asset

    LENDER = lots of positions in it - cost of longs quoted in it + cost of shorts quoted in it
"""

from __future__ import annotations

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.orders import BUY
from tidegate.model.scaled import LOT_MONEY


class Closed:
    """What a closed part of a position had cost, and the margin that it frees."""

    def __init__(self, cost_money: int, margin_money: int) -> None:
        self.cost_money = cost_money
        self.margin_money = margin_money


class Position:
    """`lots` is above zero for a long, below for a short, zero without a position; cost and margin
    are in 1e-10 of the quote asset and never below zero."""

    def __init__(self, *, account: int, symbol: str, base: str, quote: str) -> None:
        self.account = account
        self.symbol = symbol
        self.base = base
        self.quote = quote
        self.lots = 0
        self.cost_money = 0
        self.margin_money = 0
        self.changed = False  # since the account's resting orders were last looked at

    def closable(self, side: int) -> int:
        """How many lots an order of that side can close."""
        lots = -self.lots if side == BUY else self.lots
        return lots if lots > 0 else 0

    def open(self, side: int, lots: int, cost_money: int, margin_money: int) -> None:
        """Adds to a position of that side, or opens one where there is none."""
        assert self.closable(side) == 0
        self.lots += lots if side == BUY else -lots
        self.cost_money += cost_money
        self.margin_money += margin_money

    def close(self, side: int, lots: int) -> Closed:
        """Closes so much by a trade of that side."""
        size = self.closable(side)
        assert 0 < lots <= size
        closed = Closed(self.cost_money * lots // size, self.margin_money * lots // size)
        self.lots += lots if side == BUY else -lots
        self.cost_money -= closed.cost_money
        self.margin_money -= closed.margin_money
        return closed

    def result(self, value_money: int) -> int:
        """The unrealised result where the position is worth `value_money`."""
        if self.lots > 0:
            return value_money - self.cost_money
        return self.cost_money - value_money

    @property
    def borrowed_asset(self) -> str:
        """What a long owes is money, what a short owes is the base asset."""
        return self.quote if self.lots > 0 else self.base

    @property
    def borrowed_money(self) -> int:
        return self.cost_money if self.lots > 0 else -self.lots * LOT_MONEY

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.account)
        encoder.text(self.symbol)
        encoder.sint(self.lots)
        encoder.uint(self.cost_money)
        encoder.uint(self.margin_money)


class Positions:
    """The positions of all accounts. One that was closed keeps its place, empty, so there are never
    more places than accounts times instruments."""

    def __init__(self) -> None:
        self._accounts: dict[int, dict[str, Position]] = {}

    def find(self, account: int, symbol: str) -> Position | None:
        positions = self._accounts.get(account)
        return None if positions is None else positions.get(symbol)

    def lots(self, account: int, symbol: str) -> int:
        position = self.find(account, symbol)
        return 0 if position is None else position.lots

    def closable(self, account: int, symbol: str, side: int) -> int:
        position = self.find(account, symbol)
        return 0 if position is None else position.closable(side)

    def place(self, account: int, symbol: str, base: str, quote: str) -> Position:
        """The account's position in a pair, made where there was none yet."""
        positions = self._accounts.get(account)
        if positions is None:
            positions = {}
            self._accounts[account] = positions
        position = positions.get(symbol)
        if position is None:
            position = Position(account=account, symbol=symbol, base=base, quote=quote)
            positions[symbol] = position
        return position

    def of_account(self, account: int) -> list[Position]:
        """What is open of the account, by symbol in alphabetical order."""
        positions = self._accounts.get(account)
        if positions is None:
            return []
        return [positions[symbol] for symbol in sorted(positions) if positions[symbol].lots != 0]

    def all(self) -> list[Position]:
        """Every open position, by account and symbol."""
        found: list[Position] = []
        for account in sorted(self._accounts):
            found.extend(self.of_account(account))
        return found

    def save(self, encoder: Encoder) -> None:
        """Canonical: sorted, and without what is closed."""
        positions = self.all()
        encoder.uint(len(positions))
        for position in positions:
            assert not position.changed
            position.save(encoder)

    def load(self, decoder: Decoder, assets: dict[str, tuple[str, str]]) -> None:
        """Fills a fresh table with what `save` wrote; `assets` gives base and quote of each symbol.
        Raises `CodecError`."""
        assert not self._accounts
        for _ in range(decoder.uint()):
            account = decoder.uint()
            symbol = decoder.text()
            base, quote = assets[symbol]
            position = self.place(account, symbol, base, quote)
            position.lots = decoder.sint()
            position.cost_money = decoder.uint()
            position.margin_money = decoder.uint()


class Loans:
    """How much is lent, by account and asset and in all: what positions have borrowed, and what
    open orders may still borrow. Amounts in 1e-10 of the asset."""

    def __init__(self) -> None:
        self._accounts: dict[int, dict[str, int]] = {}
        self._all: dict[str, int] = {}

    def of_account(self, account: int, asset: str) -> int:
        loans = self._accounts.get(account)
        return 0 if loans is None else loans.get(asset, 0)

    def of_all(self, asset: str) -> int:
        return self._all.get(asset, 0)

    def change(self, account: int, asset: str, amount: int) -> None:
        """Adds an amount, which may be below zero."""
        loans = self._accounts.get(account)
        if loans is None:
            loans = {}
            self._accounts[account] = loans
        loans[asset] = loans.get(asset, 0) + amount
        self._all[asset] = self._all.get(asset, 0) + amount
        assert loans[asset] >= 0
