"""What margin orders need: the figures alone, of one order at one moment."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.engine.holds import fee_money
from tidegate.engine.order import Order
from tidegate.engine.positions import Positions
from tidegate.model.instruments import Instrument
from tidegate.model.orders import BUY
from tidegate.model.scaled import RATE_UNIT, ceil_div


def margin_hold(instrument: Instrument, price: int, lots: int, leverage: int, rate: int) -> int:
    """Margin and fee for opening `lots` at `price`, rounded up once."""
    exact = price * lots * instrument.money_factor * (RATE_UNIT + rate * leverage)
    return ceil_div(exact, instrument.money_divisor * RATE_UNIT * leverage)


def margin_asset(order: Order) -> str:
    """The asset that the order borrows: what it pays with."""
    return order.instrument.quote if order.side == BUY else order.instrument.base


@mypyc_attr(acyclic=True)
class Need:
    """What an order would need: `hold_money` of the quote asset, `borrowed_money` of the asset that
    it pays with, for `opening_lots` at `price` with `leverage`."""

    def __init__(self, *, leverage: int, price: int, opening_lots: int) -> None:
        self.leverage = leverage
        self.price = price
        self.opening_lots = opening_lots
        self.hold_money = 0
        self.borrowed_money = 0


class Walk:
    """Positions as they would move while an order goes through a book: what reduce-only orders may
    trade then, and what the arriving order opens, fees included."""

    def __init__(self, positions: Positions, symbol: str) -> None:
        self._positions = positions
        self._symbol = symbol
        self._lots: dict[int, int] = {}  # by account
        self.opened_lots = 0
        self.opened_money = 0
        self.fee_money = 0

    def closable(self, order: Order) -> int:
        """How many lots the order could close there."""
        lots = self._lots.get(order.account)
        if lots is None:
            lots = self._positions.lots(order.account, self._symbol)
            self._lots[order.account] = lots
        return max(0, -lots if order.side == BUY else lots)

    def lots(self, maker: Order, lots: int) -> int:
        """How many of these lots the resting order may trade."""
        return min(lots, self.closable(maker)) if maker.reduce_only else lots

    def trade(self, taker: Order, maker: Order, lots: int, money: int) -> None:
        """They trade them."""
        if maker.margin:
            self._move(maker, lots)
        if taker.margin:
            opened = max(0, lots - self.closable(taker))
            opened_money = money * opened // lots
            self.opened_lots += opened
            self.opened_money += opened_money
            self.fee_money += fee_money(opened_money, taker.taker_rate)
            self._move(taker, lots)

    def _move(self, order: Order, lots: int) -> None:
        self.closable(order)
        self._lots[order.account] += lots if order.side == BUY else -lots
