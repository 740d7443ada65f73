"""A slow, plain model of matching: a list sorted at each use, money in fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from tests.engine.reference_margin import Margin, Walked
from tests.engine.reference_order import Order, Pair
from tidegate.model import orders as fix
from tidegate.model import rejects


@dataclass(eq=False)
class Slice:
    """What a walk through the book would meet: a resting order's shown part and all of it."""

    maker: Order
    shown: int
    leaves: int


@dataclass(eq=False)
class Plan:
    """What an order would trade on arrival. `whole` is whether it would be filled; `cost` is a
    buyer's; `too_dear` whether what would be left of an amount buys no lot."""

    lots: int = 0
    cost: int = 0
    whole: bool = False
    too_dear: bool = False
    opened: Walked = field(default_factory=Walked)


@dataclass(eq=False)
class Book(Margin):
    def queue(self, order: Order) -> list[Order]:
        """Resting orders that the order would take, first to last."""
        found = [o for o in self.open if o.arrival and o.pair is order.pair]
        found = [o for o in found if o.side != order.side and order.accepts(o.price)]
        return sorted(found, key=lambda o: (o.price if order.buys else -o.price, o.arrival))

    def lots_at(self, order: Order, price: int, left: int) -> int:
        """How many lots the order wants at a price; `left` is its open quantity. An amount buys
        the most lots whose money, rounded down, it pays for."""
        if not order.quote_money:
            return left
        return ceil((left + 1) / order.pair.cost(price, 1)) - 1

    def plan(self, order: Order, opened_max: int = 10**40) -> Plan:
        """What the order would do if it arrived now; looked at no further than it opens for."""
        left, plan = order.leaves, Plan()
        most = self.room(order, {})
        moved: dict[int, int] = {}  # positions on the way, by account
        queue = [Slice(maker, maker.shown, maker.leaves) for maker in self.queue(order)]
        while left and queue and plan.opened.money <= opened_max:
            first = queue.pop(0)
            price = first.maker.price
            if not (wanted := self.lots_at(order, price, left)):
                plan.too_dear = True
                break
            if first.maker.stp_group == order.stp_group:
                if order.stp_mode != fix.STP_CANCEL_OLDEST:
                    break
                continue
            if plan.lots == most:
                break
            lots = min(wanted, first.shown, most - plan.lots, self.room(first.maker, moved))
            if not lots:
                continue
            money = order.pair.money(price, lots)
            self.walk(plan.opened, order, first.maker, lots, money, moved)
            plan.lots += lots
            plan.cost += money
            if order.fee_asset == order.pays:
                plan.cost += money * order.taker_rate // 10**6
            left -= money if order.quote_money else lots
            if not self.lots_at(order, price, left):
                plan.too_dear = order.quote_money > 0
                break
            first.leaves -= lots
            first.shown -= lots
            if first.shown:
                queue.insert(0, first)
            elif first.leaves:
                first.shown = min(first.maker.display, first.leaves)
                behind = [i for i, one in enumerate(queue) if one.maker.price == price]
                queue.insert(behind[-1] + 1 if behind else 0, first)
        plan.whole = left == 0 or (plan.lots > 0 and plan.too_dear)
        return plan

    def lots_on_the_way(self, order: Order, moved: dict[int, int]) -> int:
        """What the order could close, where positions have moved."""
        lots = moved.get(order.account, self.position(order).lots)
        return max(0, -lots if order.buys else lots)

    def room(self, order: Order, moved: dict[int, int]) -> int:
        """How many lots an order may trade: a reduce-only one what it can close."""
        return self.lots_on_the_way(order, moved) if order.reduce_only else 10**20

    def walk(
        self,
        opened: Walked,
        taker: Order,
        maker: Order,
        lots: int,
        money: int,
        moved: dict[int, int],
    ) -> None:
        """A trade on the way: positions move, and the taker may open."""
        opens = 0
        for order in (maker, taker):
            if order.margin:
                opens = max(0, lots - self.lots_on_the_way(order, moved))
                lots_now = moved.get(order.account, self.position(order).lots)
                moved[order.account] = lots_now + (lots if order.buys else -lots)
        if taker.margin:
            paid = money * opens // lots
            opened.lots += opens
            opened.money += paid
            opened.fee += paid * taker.taker_rate // 10**6

    def levels(self, pair: Pair, *, buys: bool) -> list[tuple[int, int, list[int]]]:
        """A side of the book, best price first: the price, what is shown there, whose orders."""
        resting = [o for o in self.open if o.arrival and o.pair is pair and o.buys == buys]
        found = []
        for price in sorted({o.price for o in resting}, reverse=buys):
            there = sorted((o for o in resting if o.price == price), key=lambda o: o.arrival)
            found.append((price, sum(o.shown for o in there), [o.number for o in there]))
        return found

    def beyond_band(self, order: Order, price: int) -> bool:
        bound = self.band_price(order)
        return bound is not None and (price > bound if order.buys else price < bound)

    def band_price(self, order: Order) -> int | None:
        """The worst price that the band allows, none where there is no band or no reference."""
        band, mark = order.pair.band, order.pair.mark
        if not band or not mark:
            return None
        if order.buys:
            return floor(Fraction(mark * (10**6 + band), 10**6))
        return ceil(Fraction(mark * (10**6 - band), 10**6))

    def arrive(self, order: Order) -> None:
        """A live order trades; what is left rests or is canceled. A fill-or-kill order that would
        not fill, and an amount that is too small for a lot, do nothing at all."""
        fok = order.time_in_force == fix.FOK
        plan = self.plan(order)
        kill = (fok and not plan.whole) or (plan.too_dear and not plan.lots)
        if kill or self.match(order):
            self.keep_or_close(order)
        self.met_the_book(order)

    def met_the_book(self, order: Order) -> None:
        """For orders that follow positions."""

    def keep_or_close(self, order: Order) -> None:
        """What has not traded."""
        market, fok = order.ord_type == fix.MARKET, order.time_in_force == fix.FOK
        if market:
            self.close(order, rejects.CANCELED_NO_LIQUIDITY)
        elif order.time_in_force in {fix.GTC, fix.GTD}:
            self.rest(order)
        else:
            self.close(order, rejects.CANCELED_FOK if fok else rejects.CANCELED_IOC)

    def match(self, order: Order) -> bool:
        """Whether something is left that lives on. What an order may close is what there is to
        close when it comes: its own account's orders open again what it closes with them."""
        most = order.cum + self.room(order, {})
        while order.leaves and (queue := self.queue(order)):
            maker = queue[0]
            if maker.stp_group == order.stp_group:
                if order.stp_mode != fix.STP_CANCEL_NEWEST:
                    self.close(maker, rejects.CANCELED_SELF_TRADE)
                if order.stp_mode != fix.STP_CANCEL_OLDEST:
                    self.close(order, rejects.CANCELED_SELF_TRADE)
                    return False
                continue
            if order.cum == most:
                self.close(order, rejects.CANCELED_POSITION_CLOSED)
                return False
            if not self.room(maker, {}):
                self.close(maker, rejects.CANCELED_POSITION_CLOSED)
                continue
            if self.trade(maker, order, most - order.cum):
                self.end(order)
                return False
        return order.leaves > 0

    def trade(self, maker: Order, taker: Order, most: int) -> bool:
        """A match of so many lots at most; whether the taker is filled."""
        price = maker.price
        lots = min(maker.shown, self.lots_at(taker, price, taker.leaves))
        lots = min(lots, most, self.room(maker, {}))
        money = maker.pair.money(price, lots)
        self.trades += 1
        maker.pair.trades += 1
        maker.pair.last = price
        maker.shown -= lots
        fees = [
            self.pay(maker, taker, price, lots, fix.MAKER),
            self.pay(taker, maker, price, lots, fix.TAKER),
        ]
        for order, fee in zip((maker, taker), fees, strict=True):
            if order.margin:
                self.traded(order, lots, money, fee)
        if not maker.leaves:
            self.end(maker)
        elif not maker.shown:
            self.rest(maker)
        filled = self.is_spent(taker, price) if taker.quote_money else not taker.leaves
        self.tell_trade(maker, price, lots, fees[0], fix.MAKER, last=not maker.leaves)
        self.tell_trade(taker, price, lots, fees[1], fix.TAKER, last=filled)
        self.saw_trade(maker.pair, price)
        return filled

    def is_spent(self, order: Order, price: int) -> bool:
        """Whether what is left of an amount of money buys no lot at the price of the last trade, or
        at the next one. Orders that self-trade prevention would take out of the way do not tell
        it."""
        left = order.leaves
        if not self.lots_at(order, price, left):
            return True
        for maker in self.queue(order):
            if not self.lots_at(order, maker.price, left):
                return True
            own = maker.stp_group == order.stp_group
            if not own or order.stp_mode != fix.STP_CANCEL_OLDEST:
                return False
        return False

    def saw_trade(self, pair: Pair, price: int) -> None:
        """For triggers."""

    def rest(self, order: Order) -> None:
        """To the back of its price, with as much shown as it shows at a time."""
        self.arrivals += 1
        order.arrival = self.arrivals
        order.shown = min(order.display or order.leaves, order.leaves)
        if order not in self.open:
            self.open.append(order)

    def end(self, order: Order) -> None:
        """It is filled or closed: gone, and it holds nothing. Where it stood in the line for a
        position, others may close more now."""
        if order.margin and order.arrival and self.position(order).against(order):
            self.touch(self.position(order))
        self.open = [o for o in self.open if o is not order]
        order.arrival = 0
        order.loan = order.opens = 0
        self.reserve(order, 0)

    def close(self, order: Order, text: bytes) -> None:
        self.end(order)
        self.tell(order, fix.EXEC_CANCELED, fix.STATUS_CANCELED, 0, text)
