"""How much money an order needs, and what a fill costs. Money in 1e-10 of its asset.

A buyer pays in the quote asset and receives the base asset, a seller the other way round. Either
pays its fee in one of the two (`Order.fee_in_base`; FIX dialect: in quote for buys, in base for
sells, unless 18=f or 18=q says otherwise). A fee in the asset that the side pays with is *on top*:
it is held with the rest. A fee in the asset that it receives is taken from the proceeds of each
trade, and nothing is held for it.

A resting or arriving limit order holds what its leaves cost at its own price and its higher rate
(0 if the fee is not on top), rounded up once: `hold(L) = ceil(x * L)`, where x is the exact cost
of one lot. A fill of l lots takes `money = floor(price * l)` (a sell: the lots, which are whole
money) and, on top, `fee = floor(money * rate)`. The hold always covers it:

- `hold(L) - hold(L - l) >= floor(x * l)`, because `ceil(a + b) >= floor(a) + ceil(b)`;
- money is whole, so `money + fee = floor(money * (1 + rate)) <= floor(x * l)`, as the price of a
  fill is never worse than the order's and its rate never higher than the hold's.

So after a fill the hold shrinks to `hold(L - l)`, the cost is taken from the difference, and what
is left of the difference (price improvement, maker rate, rounding) becomes available again: no
balance can go below zero by trading. Nor can proceeds: a rate is at most 1, so a fee is at most
what it is taken from.
"""

from __future__ import annotations

from tidegate.engine.order import Order
from tidegate.model.instruments import Instrument
from tidegate.model.orders import BUY
from tidegate.model.scaled import LOT_MONEY, RATE_UNIT, ceil_div


def fee_money(amount: int, rate: int) -> int:
    """The fee on `amount` at `rate` millionths, rounded down."""
    # Split at whole units of the rate: the same value, but the products stay unboxed integers.
    whole = amount // RATE_UNIT
    return whole * rate + (amount - whole * RATE_UNIT) * rate // RATE_UNIT


def buy_hold(instrument: Instrument, price: int, lots: int, rate: int) -> int:
    """Quote money for `lots` at `price` with a fee of `rate`, rounded up once."""
    exact = price * instrument.money_factor * lots  # money times the divisor
    unit = instrument.money_divisor * RATE_UNIT
    factor = RATE_UNIT + rate
    whole = exact // unit  # split as above
    return whole * factor + ceil_div((exact - whole * unit) * factor, unit)


def amount_hold(amount: int, rate: int) -> int:
    """An amount and a fee of `rate` on top of it, rounded up."""
    whole = amount // RATE_UNIT
    return amount + whole * rate + ceil_div((amount - whole * RATE_UNIT) * rate, RATE_UNIT)


def sell_hold(lots: int, rate: int) -> int:
    """Base money for `lots` with a fee of `rate`, rounded up."""
    return amount_hold(lots * LOT_MONEY, rate)


def fee_is_on_top(order: Order) -> bool:
    """Whether the order pays its fee in the asset that it pays with."""
    return order.fee_in_base != (order.side == BUY)


def fee_asset(order: Order) -> str:
    """The asset that the order pays its fee in."""
    return order.instrument.base if order.fee_in_base else order.instrument.quote


def order_hold(order: Order, price: int, lots: int) -> int:
    """What the order holds for `lots` open at `price`; the price does not matter to a sell. An
    order with 18=v holds what is left of its amount and the fee on it, whatever it buys with it:
    the sum of its fills and fees, each rounded down, is never more than that rounded up."""
    rate = 0
    if fee_is_on_top(order):
        rate = order.taker_rate
        if order.maker_rate > rate:  # an odd fee schedule must not break the proof above
            rate = order.maker_rate
    if order.side == BUY:
        if order.quote_money:
            return amount_hold(order.quote_money - order.gross_money, rate)
        return buy_hold(order.instrument, price, lots, rate)
    return sell_hold(lots, rate)


def held_asset(order: Order) -> str:
    """The asset that the order pays with, and holds."""
    return order.instrument.quote if order.side == BUY else order.instrument.base
