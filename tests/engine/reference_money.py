"""The money of the reference model: balances, holds, and what a trade moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.engine.reference_order import FEES, LENDER, Order, Pair
from tidegate.model import orders as fix

NO_TRADE = (0, 0, 0, 0, "", 0, 0, 0)


@dataclass(eq=False)
class Money:
    """`open` has every open order in whatever stage; `events` what was told, as plain rows;
    `deposits` what came in less what went out, by asset."""

    pairs: list[Pair] = field(default_factory=list)
    open: list[Order] = field(default_factory=list)
    available: dict[tuple[int, str], int] = field(default_factory=dict)
    deposits: dict[str, int] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    now: int = 0
    trades: int = 0
    arrivals: int = 0

    def free(self, account: int, asset: str) -> int:
        return self.available.get((account, asset), 0)

    def move(self, account: int, asset: str, amount: int) -> None:
        self.available[account, asset] = self.free(account, asset) + amount

    def deposit(self, account: int, asset: str, amount: int) -> None:
        self.move(account, asset, amount)
        self.deposits[asset] = self.deposits.get(asset, 0) + amount

    def reserve(self, order: Order, hold: int) -> None:
        self.move(order.account, order.asset, order.held - hold)
        order.held = hold

    def affords(self, order: Order, hold: int) -> bool:
        return hold - order.held <= self.free(order.account, order.asset)

    def tell(
        self,
        order: Order,
        exec_type: int,
        status: int,
        leaves: int,
        text: bytes = b"",
        trade: tuple[Any, ...] = NO_TRADE,
    ) -> None:
        row = [chr(exec_type), chr(status), order.number, order.cl_ord_id, order.orig_cl_ord_id]
        row += [chr(order.ord_type), order.price, order.stop, order.fired, order.display]
        row += [leaves, order.qty, order.cum, order.value, order.gross, order.fee]
        self.events.append((self.now, *row, text, *trade))

    def pay(self, order: Order, other: Order, price: int, lots: int, liquidity: int) -> int:
        """One side of a trade pays the other; the LENDER pays and gets for margin orders. The fee
        is told; a margin order's is still to be paid."""
        money = order.pair.money(price, lots)
        rate = order.maker_rate if liquidity == fix.MAKER else order.taker_rate
        in_base = order.fee_asset == order.pair.base
        fee = (lots * 100 if in_base else money) * rate // 10**6
        asset, amount = (order.pair.quote, money) if order.buys else (order.pair.base, lots * 100)
        order.cum += money if order.quote_money else lots
        order.value, order.gross = order.value + price * lots, order.gross + money
        order.fee += fee
        order.amended = False
        self.move(LENDER if order.margin else order.account, asset, -amount)
        self.move(LENDER if other.margin else other.account, asset, amount)
        if order.margin:
            return fee
        hold = order.held - amount - (fee if order.fee_asset == asset else 0)
        if order.ord_type == fix.LIMIT or not order.buys or order.quote_money:
            hold = order.hold_for(order.price, order.leaves)
        self.reserve(order, hold)
        self.move(order.account, order.fee_asset, -fee)
        self.move(FEES, order.fee_asset, fee)
        return fee

    def tell_trade(
        self, order: Order, price: int, lots: int, fee: int, liquidity: int, *, last: bool
    ) -> None:
        """`last` is whether nothing of the order is left to trade."""
        status = fix.STATUS_FILLED if last else fix.STATUS_PARTIALLY_FILLED
        money = order.pair.money(price, lots)
        trade = (price, lots, money, fee, order.fee_asset, liquidity)
        numbers = (self.trades, order.pair.trades)
        left = 0 if last else order.leaves
        self.tell(order, fix.EXEC_TRADE, status, left, b"", (*trade, *numbers))
