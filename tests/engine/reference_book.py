"""A slow, plain model of the Spot engine: a list sorted at each use, money in fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tidegate.model import orders as fix
from tidegate.model import rejects

FEES = -2


@dataclass(eq=False)
class Order:
    number: int
    account: int
    base: str
    quote: str
    price_decimals: int
    side: int
    ord_type: int
    time_in_force: int
    price: int
    qty: int
    post_only: bool
    stp_mode: int
    stp_group: bytes
    cl_ord_id: bytes
    maker_rate: int
    taker_rate: int
    orig_cl_ord_id: bytes = b""
    cum: int = 0
    value: int = 0
    gross: int = 0
    fee: int = 0
    held: int = 0
    arrival: int = 0  # place in the queue: later is behind

    @property
    def buys(self) -> bool:
        return self.side == fix.BUY

    @property
    def leaves(self) -> int:
        return self.qty - self.cum

    @property
    def asset(self) -> str:
        return self.quote if self.buys else self.base

    def cost(self, price: int, lots: int) -> Fraction:
        """Quote money, in 1e-10, not rounded."""
        return Fraction(price * lots, 10 ** (self.price_decimals + 8)) * 10**10

    def accepts(self, price: int) -> bool:
        within = price <= self.price if self.buys else price >= self.price
        return within or self.ord_type == fix.MARKET

    def hold_for(self, price: int, lots: int) -> int:
        cost = self.cost(price, lots) if self.buys else Fraction(lots * 100)
        return ceil(cost * (1 + Fraction(max(self.maker_rate, self.taker_rate), 10**6)))


@dataclass(eq=False)
class Reference:
    open: list[Order] = field(default_factory=list)
    available: dict[tuple[int, str], int] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    trades: int = 0
    arrivals: int = 0

    def move(self, account: int, asset: str, amount: int) -> None:
        self.available[account, asset] = self.available.get((account, asset), 0) + amount

    def reserve(self, order: Order, hold: int) -> None:
        self.move(order.account, order.asset, order.held - hold)
        order.held = hold

    def tell(self, order: Order, exec_type: int, status: int, leaves: int, *rest: Any) -> None:
        row = [chr(exec_type), chr(status), order.number, order.cl_ord_id, order.orig_cl_ord_id]
        row += [leaves, order.price, order.qty, order.cum, order.value, order.gross, order.fee]
        self.events.append((*row, *(rest if len(rest) > 1 else (*rest, 0, 0, 0, 0, "", 0, 0, 0))))

    def queue(self, order: Order) -> list[Order]:
        """Resting orders that the order would take, first to last."""
        found = [o for o in self.open if o.side != order.side and order.accepts(o.price)]
        return sorted(found, key=lambda o: (o.price if order.buys else -o.price, o.arrival))

    def plan(self, order: Order) -> tuple[int, int]:
        """Lots the order would fill at once and their cost for a buyer."""
        wanted, cost = order.leaves, 0
        for maker in self.queue(order):
            if maker.stp_group == order.stp_group:
                if order.stp_mode == fix.STP_CANCEL_OLDEST:
                    continue
                break
            lots = min(wanted, maker.leaves)
            money = floor(order.cost(maker.price, lots))
            cost += money + money * order.taker_rate // 10**6
            wanted -= lots
        return order.leaves - wanted, cost

    def submit(self, order: Order, text: bytes) -> str:
        filled, cost = self.plan(order)
        market, fok = order.ord_type == fix.MARKET, order.time_in_force == fix.FOK
        kill = fok and filled < order.qty
        hold = order.hold_for(order.price, order.qty)
        if market and order.buys:
            hold = cost
            if fok and order.qty > sum(maker.leaves for maker in self.queue(order)):
                hold = 0
        if hold > self.available.get((order.account, order.asset), 0):
            return "insufficient_funds"
        if order.post_only and self.queue(order):
            return "post_only"
        self.reserve(order, 0 if kill and market and order.buys else hold)
        self.tell(order, fix.EXEC_NEW, fix.STATUS_NEW, order.leaves, text)
        alive = kill or self.match(order)
        if alive and market:
            self.close(order, rejects.CANCELED_NO_LIQUIDITY)
        elif alive and order.time_in_force == fix.GTC:
            self.rest(order)
        elif alive:
            self.close(order, rejects.CANCELED_FOK if fok else rejects.CANCELED_IOC)
        return ""

    def match(self, order: Order) -> bool:
        while order.leaves and (queue := self.queue(order)):
            maker = queue[0]
            if maker.stp_group != order.stp_group:
                self.trade(maker, order)
                continue
            if order.stp_mode != fix.STP_CANCEL_NEWEST:
                self.close(maker, rejects.CANCELED_SELF_TRADE)
            if order.stp_mode != fix.STP_CANCEL_OLDEST:
                self.close(order, rejects.CANCELED_SELF_TRADE)
                return False
        return order.leaves > 0

    def trade(self, maker: Order, taker: Order) -> None:
        lots, price = min(maker.leaves, taker.leaves), maker.price
        money = floor(maker.cost(price, lots))
        self.trades += 1
        for order, other, rate, liquidity in (
            (maker, taker, maker.maker_rate, fix.MAKER),
            (taker, maker, taker.taker_rate, fix.TAKER),
        ):
            paid = money if order.buys else lots * 100
            fee = paid * rate // 10**6
            order.cum += lots
            hold = order.hold_for(order.price, order.leaves)
            if order.ord_type == fix.MARKET and order.buys:
                hold = order.held - paid - fee
            self.reserve(order, hold)
            for account, gets in ((order.account, -paid - fee), (other.account, paid), (FEES, fee)):
                self.move(account, order.asset, gets)
            order.value, order.gross = order.value + price * lots, order.gross + money
            order.fee += fee
            status = fix.STATUS_PARTIALLY_FILLED if order.leaves else fix.STATUS_FILLED
            facts = (price, lots, money, fee, order.asset, liquidity, self.trades, self.trades)
            self.tell(order, fix.EXEC_TRADE, status, order.leaves, b"", *facts)
        self.open = [o for o in self.open if o.leaves]

    def rest(self, order: Order) -> None:
        self.arrivals += 1
        order.arrival = self.arrivals
        self.open.append(order)

    def close(self, order: Order, text: bytes) -> None:
        self.open = [o for o in self.open if o is not order]
        self.reserve(order, 0)
        self.tell(order, fix.EXEC_CANCELED, fix.STATUS_CANCELED, 0, text)

    def cancel(self, order: Order, cl_ord_id: bytes, text: bytes) -> None:
        if cl_ord_id:
            order.orig_cl_ord_id, order.cl_ord_id = order.cl_ord_id, cl_ord_id
        self.close(order, text)

    def amend(self, order: Order, cl_ord_id: bytes, qty: int, price: int, post_only: bool) -> str:
        if qty <= order.cum:
            order.qty = order.cum
            self.cancel(order, cl_ord_id, rejects.CANCELED_BY_AMEND)
            return ""
        hold = order.hold_for(price, qty - order.cum)
        if hold - order.held > self.available.get((order.account, order.asset), 0):
            return "insufficient_funds"
        old_price, order.price = order.price, price
        if post_only and self.queue(order):
            order.price = old_price
            return "post_only"
        if price != old_price or qty > order.qty:
            self.open = [o for o in self.open if o is not order]
        order.qty = qty
        self.reserve(order, hold)
        order.orig_cl_ord_id, order.cl_ord_id = order.cl_ord_id, cl_ord_id
        self.tell(order, fix.EXEC_REPLACED, fix.STATUS_REPLACED, order.leaves, b"")
        if order not in self.open and self.match(order):
            self.rest(order)
        return ""
