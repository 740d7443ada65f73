"""Margin in the reference model: positions, what margin orders need, and who may open."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from tests.engine.reference_money import Money
from tests.engine.reference_order import FEES, HOUSE, LENDER, Order, Pair
from tidegate.model import orders as fix
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
    """`lots` below zero are a short position; `margin` is what it holds."""

    account: int
    pair: Pair
    lots: int = 0
    cost: int = 0
    margin: int = 0

    def against(self, order: Order) -> int:
        """Lots that the order can close."""
        return max(0, -self.lots if order.buys else self.lots)

    @property
    def result(self) -> int:
        """Unrealised."""
        if not self.pair.mark:
            return 0
        worth = self.pair.money(self.pair.mark, abs(self.lots))
        return worth - self.cost if self.lots > 0 else self.cost - worth


@dataclass(eq=False)
class Need:
    """What an order needs for `opens` lots that it may open; `loan` is of what it pays with."""

    opens: int = 0
    leverage: int = 0
    price: int = 0
    hold: int = 0
    loan: int = 0


@dataclass(eq=False)
class Walked:
    """What an order that trades at once would open on its way."""

    lots: int = 0
    money: int = 0
    fee: int = 0


@dataclass(eq=False)
class Margin(Money):
    """`changed` are positions whose orders are still to follow them."""

    terms: dict[int, Terms] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)
    changed: list[Position] = field(default_factory=list)

    def position(self, order: Order) -> Position:
        for one in self.positions:
            if one.account == order.account and one.pair is order.pair:
                return one
        self.positions.append(Position(order.account, order.pair))
        return self.positions[-1]

    def touch(self, position: Position) -> None:
        if position not in self.changed:
            self.changed.append(position)

    def margin_orders(self, account: int, pair: Pair) -> list[Order]:
        found = [o for o in self.open if o.margin and o.account == account and o.pair is pair]
        return sorted(found, key=lambda o: o.number)

    def leverage(self, order: Order) -> int:
        terms = self.terms.get(order.account, Terms())
        return min(terms.leverage, order.pair.leverage_max)

    # --- what an order needs ---------------------------------------------------------------------

    def need(self, order: Order, price: int, walked: Walked | None = None) -> Need:
        """Margin and fee of what it opens: at the prices of its trades as far as it trades at once,
        the rest at a price; the rest of a market order (price 0) needs nothing."""
        opens, leverage = self.opens(order), self.leverage(order)
        need = self.priced(order, opens, price, leverage, walked.lots if walked else 0)
        if walked and need.leverage:
            need.hold += walked.money // need.leverage + walked.fee
            need.loan += walked.money if order.buys else walked.lots * 100
        return need

    def opens(self, order: Order) -> int:
        """Lots beyond what the orders that trade before it leave of the opposite position."""
        if order.reduce_only:
            return 0
        left = self.position(order).against(order)
        if order.stage == fix.LIVE and order.ord_type != fix.MARKET:
            others = self.margin_orders(order.account, order.pair)
            left -= sum(self.ahead(other, order) for other in others)
        return order.leaves - min(order.leaves, max(0, left))

    def ahead(self, other: Order, order: Order) -> int:
        """Lots of another resting order that may trade before all of the order has."""
        if other is order or not other.arrival or other.side != order.side:
            return 0
        if other.price != order.price:
            return other.leaves if (other.price > order.price) == order.buys else 0
        if order.display:
            return other.leaves
        return other.shown if not order.arrival or other.arrival < order.arrival else 0

    def priced(self, order: Order, opens: int, price: int, leverage: int, but: int = 0) -> Need:
        need = Need(opens, leverage, price)
        lots = need.opens - but
        if lots > 0 and price and leverage:
            rate = Fraction(max(order.maker_rate, order.taker_rate), 10**6)
            need.hold = ceil(order.pair.cost(price, lots) * (Fraction(1, leverage) + rate))
            need.loan = order.pair.money(price, lots) if order.buys else lots * 100
        return need

    def rest_need(self, order: Order) -> Need:
        """What it needs as it waits or rests, with the price and leverage it was admitted with."""
        return self.priced(order, self.opens(order), order.hold_price, order.leverage)

    def bind(self, order: Order, need: Need) -> None:
        order.leverage, order.hold_price = need.leverage, need.price
        order.loan, order.opens = need.loan, need.opens
        self.reserve(order, need.hold)

    def margin_refusal(self, order: Order, need: Need, *, amended: bool) -> Rule | None:
        if order.reduce_only:
            return self.reduce_only_refusal(order) if order.stage == fix.LIVE else None
        if not need.opens:
            return None
        if not need.leverage:
            return rejects.CANNOT_OPEN_POSITION
        if amended and need.hold <= order.held and need.loan <= order.loan:
            return None
        terms = self.terms[order.account]
        if self.position(order).against(order) and not terms.opposing:
            return rejects.CANNOT_OPEN_OPPOSING
        if self.adds_a_position(order) and self.pairs_in_use(order) >= terms.positions_max:
            return rejects.POSITIONS_LIMIT
        if self.is_too_large(order):
            return rejects.POSITION_SIZE
        asset = order.pair.quote if order.buys else order.pair.base
        more = need.loan - order.loan
        if self.loans(asset, order.account) + more > terms.allowance.get(asset, 10**40):
            return rejects.MARGIN_ALLOWANCE
        if self.loans(asset) + more > self.pools.get(asset, 10**40):
            return rejects.INSUFFICIENT_MARGIN
        if not self.affords(order, need.hold):
            return rejects.INSUFFICIENT_FUNDS
        quote = order.pair.quote
        more = need.hold - order.held
        if self.equity(order.account, quote) < self.used(order.account, quote) + more:
            return rejects.MARGIN_LEVEL
        return None

    def reduce_only_refusal(self, order: Order) -> Rule | None:
        position = self.position(order)
        if position.against(order):
            return None
        return rejects.REDUCE_ONLY_NON_PC if position.lots else rejects.REDUCE_ONLY_NO_POSITION

    def may_open(self, account: int, pair: Pair, but: Order) -> bool:
        orders = self.margin_orders(account, pair)
        return any(o is not but and not o.reduce_only for o in orders)

    def in_use(self, order: Order, pair: Pair) -> bool:
        """Whether the account has a position in the pair, or another order that may open one."""
        there = [p for p in self.positions if p.account == order.account and p.pair is pair]
        return any(p.lots for p in there) or self.may_open(order.account, pair, order)

    def adds_a_position(self, order: Order) -> bool:
        return not self.in_use(order, order.pair)

    def pairs_in_use(self, order: Order) -> int:
        return sum(self.in_use(order, pair) for pair in self.pairs)

    def is_too_large(self, order: Order) -> bool:
        limit = order.pair.long_max if order.buys else order.pair.short_max
        lots = self.position(order).lots
        size = order.leaves + (lots if order.buys else -lots)
        for other in self.margin_orders(order.account, order.pair):
            if other is not order and other.side == order.side and not other.reduce_only:
                size += other.leaves
        return limit > 0 and size > limit

    def loans(self, asset: str, account: int | None = None) -> int:
        """What positions owe and open orders may borrow."""
        owed = 0
        for one in self.positions:
            if account in {None, one.account}:
                owed += one.cost if one.lots > 0 and one.pair.quote == asset else 0
                owed -= one.lots * 100 if one.lots < 0 and one.pair.base == asset else 0
        for order in self.open:
            if order.margin and account in {None, order.account}:
                pays = order.pair.quote if order.buys else order.pair.base
                owed += order.loan if pays == asset else 0
        return owed

    def used(self, account: int, quote: str) -> int:
        used = sum(p.margin for p in self.quoted(account, quote))
        orders = [o for o in self.open if o.margin and o.account == account]
        return used + sum(o.held for o in orders if o.pair.quote == quote)

    def quoted(self, account: int, quote: str) -> list[Position]:
        return [p for p in self.positions if p.account == account and p.pair.quote == quote]

    def equity(self, account: int, quote: str) -> int:
        positions = self.quoted(account, quote)
        orders = [o for o in self.open if o.account == account and o.asset == quote]
        held = sum(p.margin for p in positions) + sum(o.held for o in orders)
        return self.free(account, quote) + held + sum(p.result for p in positions if p.lots)

    def margin_held(self) -> dict[tuple[int, str], int]:
        held: dict[tuple[int, str], int] = {}
        for one in self.positions:
            key = (one.account, one.pair.quote)
            held[key] = held.get(key, 0) + one.margin
        return held

    # --- what a trade does -----------------------------------------------------------------------

    def traded(self, order: Order, lots: int, money: int, fee: int) -> None:
        """Profit and freed margin first; then the margin of what it opens; then loss and fee, from
        what is available, else from the position's margin, else from the house. What an order that
        rests opens is in its hold."""
        position = self.position(order)
        self.touch(position)
        account, quote = order.account, order.pair.quote
        size = position.against(order)
        closing = min(lots, size)
        opening_money = money * (lots - closing) // lots
        sign = 1 if order.buys else -1
        loss = 0
        if closing:
            cost, margin = position.cost * closing // size, position.margin * closing // size
            result = (opening_money - money + cost) * sign
            position.lots += sign * closing
            position.cost -= cost
            position.margin -= margin
            loss = max(0, -result)
            self.move(account, quote, margin + max(0, result))
            self.move(LENDER, quote, -max(0, result))
        if closing < lots:
            position.lots += sign * (lots - closing)
            position.cost += opening_money
        order.opens = min(order.leaves, max(0, order.opens - (lots - closing)))
        rest = self.priced(order, order.opens, order.hold_price, order.leverage)
        self.reserve(order, min(rest.hold, order.held))
        order.loan = min(rest.loan, order.loan)
        if closing < lots:
            margin = opening_money // order.leverage
            assert not order.arrival or margin <= self.free(account, quote)
            margin = min(margin, self.free(account, quote))
            self.move(account, quote, -margin)
            position.margin += margin
        self.charge(position, LENDER, loss)
        self.charge(position, FEES, fee)

    def charge(self, position: Position, receiver: int, amount: int) -> None:
        account, quote = position.account, position.pair.quote
        freed = min(max(0, amount - self.free(account, quote)), position.margin)
        position.margin -= freed
        self.move(account, quote, freed)
        paid = min(amount, self.free(account, quote))
        self.move(account, quote, -paid)
        self.move(HOUSE, quote, paid - amount)
        self.move(receiver, quote, amount)
