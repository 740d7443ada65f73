"""Margin in the reference model: positions, what margin orders hold, and who may open."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from tests.engine.reference_money import Money
from tests.engine.reference_order import HOUSE, LENDER, Order, Pair
from tidegate.model import rejects
from tidegate.model.rejects import Rule


@dataclass(eq=False)
class Terms:
    """What an account may do on margin."""

    leverage: int = 0
    positions_max: int = 1_000
    opposing: bool = True
    allowance: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False)
class Position:
    """`lots` below zero are a short position."""

    account: int
    pair: Pair
    leverage: int
    lots: int = 0
    cost: int = 0

    @property
    def held(self) -> int:
        return ceil(Fraction(self.cost, self.leverage))

    @property
    def result(self) -> int:
        """Unrealised."""
        worth = self.pair.money(self.pair.mark, abs(self.lots))
        return worth - self.cost if self.lots > 0 else self.cost - worth


@dataclass(eq=False)
class Margin(Money):
    terms: dict[int, Terms] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)

    def leverage(self, order: Order) -> int:
        terms = self.terms.get(order.account)
        return min(terms.leverage, order.pair.leverage_max) if terms else 0

    def position(self, account: int, pair: Pair) -> Position | None:
        for one in self.positions:
            if one.account == account and one.pair is pair:
                return one
        return None

    def closes(self, order: Order) -> int:
        """Lots of the position that the order works against."""
        one = self.position(order.account, order.pair)
        if one is None or (one.lots > 0) == order.buys:
            return 0
        return abs(one.lots)

    def margin_hold(self, order: Order, price: int, lots: int) -> int:
        opens = max(0, lots - self.closes(order))
        rate = Fraction(max(order.maker_rate, order.taker_rate), 10**6)
        margin = order.pair.cost(price, opens) / self.leverage(order)
        return ceil(margin + order.pair.cost(price, lots) * rate)
