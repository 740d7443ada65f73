"""The money of a trade: what each side pays, gets and holds from then on.

A trade has two legs. In the base leg the seller pays lots to the buyer, in the quote leg the buyer
pays money to the seller; each leg is one movement of the ledger, with the fees that are paid in
its asset.
"""

from __future__ import annotations

from tidegate.engine.holds import fee_is_on_top, fee_money, order_hold
from tidegate.engine.ledger import HOUSE, LENDER, Ledger
from tidegate.engine.margin import Margin
from tidegate.engine.order import Order
from tidegate.model.instruments import Instrument
from tidegate.model.orders import BUY, MARKET
from tidegate.model.scaled import LOT_MONEY


class SideMoney:
    """What a trade means to one of its sides. `payer` is the account that gives, of whose hold
    `freed` is freed for it, and `receiver` the one that gets. `fee` is what the side pays: on top,
    of its proceeds, or, with margin, apart."""

    def __init__(self) -> None:
        self.payer = 0
        self.receiver = 0
        self.freed = 0
        self.fee = 0
        self.fee_on_top = 0  # in the asset of the leg in which the side pays
        self.fee_of_proceeds = 0  # in the asset of the other leg


class Settlement:
    """Settles trades in a ledger. `maker` and `taker` tell of the latest one."""

    def __init__(self, ledger: Ledger, margin: Margin) -> None:
        self._ledger = ledger
        self._margin = margin
        self.maker = SideMoney()
        self.taker = SideMoney()

    def trade(self, number: int, maker: Order, taker: Order, lots: int, money: int) -> None:
        """A trade of two orders, whose leaves are still those before it."""
        self._settle_side(self.maker, maker, lots, money, maker.maker_rate)
        self._settle_side(self.taker, taker, lots, money, taker.taker_rate)
        if maker.side == BUY:
            self._legs(number, maker.instrument, self.maker, self.taker, lots, money)
        else:
            self._legs(number, maker.instrument, self.taker, self.maker, lots, money)
        if maker.margin:
            self._margin.traded(maker, lots, money, self.maker.fee, number)
        if taker.margin:
            self._margin.traded(taker, lots, money, self.taker.fee, number)

    def by_house(self, number: int, maker: Order, lots: int, money: int) -> None:
        """A trade whose other side is the house, which is given exactly what it pays and pays no
        fee."""
        instrument = maker.instrument
        house = self.taker
        house.payer = HOUSE
        house.receiver = HOUSE
        house.fee_on_top = 0
        house.fee_of_proceeds = 0
        house.freed = lots * LOT_MONEY if maker.side == BUY else money
        asset = instrument.base if maker.side == BUY else instrument.quote
        self._ledger.deposit(HOUSE, asset, house.freed)
        self._ledger.hold(HOUSE, asset, house.freed)
        self._settle_side(self.maker, maker, lots, money, maker.maker_rate)
        if maker.side == BUY:
            self._legs(number, instrument, self.maker, house, lots, money)
        else:
            self._legs(number, instrument, house, self.maker, lots, money)
        if maker.margin:
            self._margin.traded(maker, lots, money, self.maker.fee, number)

    def _settle_side(self, side: SideMoney, order: Order, lots: int, money: int, rate: int) -> None:
        """What the trade means to an order's side, by the kind of the order: an order without
        margin pays from what it holds and gets for its account, one with margin pays and gets for
        the LENDER. The order's own figures move on."""
        lots_money = lots * LOT_MONEY
        fee = fee_money(lots_money if order.fee_in_base else money, rate)
        side.fee = fee
        order.gross_money += money
        order.fee_money += fee
        if order.margin:
            side.payer = LENDER
            side.receiver = LENDER
            side.freed = 0
            side.fee_on_top = 0
            side.fee_of_proceeds = 0
            return
        cost = money if order.side == BUY else lots_money
        if fee_is_on_top(order):
            side.fee_on_top = fee
            side.fee_of_proceeds = 0
            cost += fee
        else:
            side.fee_on_top = 0
            side.fee_of_proceeds = fee
        side.payer = order.account
        side.receiver = order.account
        hold = _hold_after(order, lots, cost)
        side.freed = order.held_money - hold
        order.held_money = hold

    def _legs(
        self,
        number: int,
        instrument: Instrument,
        buyer: SideMoney,
        seller: SideMoney,
        lots: int,
        money: int,
    ) -> None:
        self._ledger.settle(
            instrument.base,
            seller.payer,
            buyer.receiver,
            freed=seller.freed,
            amount=lots * LOT_MONEY,
            payer_fee=seller.fee_on_top,
            receiver_fee=buyer.fee_of_proceeds,
            trade_number=number,
        )
        self._ledger.settle(
            instrument.quote,
            buyer.payer,
            seller.receiver,
            freed=buyer.freed,
            amount=money,
            payer_fee=buyer.fee_on_top,
            receiver_fee=seller.fee_of_proceeds,
            trade_number=number,
        )


def _hold_after(order: Order, lots: int, cost: int) -> int:
    """What the order holds after a fill of `lots` that takes `cost`."""
    leaves = order.leaves_lots - lots
    if leaves == 0:
        return 0
    if order.ord_type == MARKET and order.side == BUY:
        return order.held_money - cost  # it holds the cost of all its fills
    return order_hold(order, order.price, leaves)
