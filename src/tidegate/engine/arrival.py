"""What an order would do on arrival: the walk through the book that changes nothing.

It goes as `Matcher.match` would, order by order, with the refills of icebergs and self-trade
prevention, to the lot and to the last unit of money. So a market buy holds exactly what it will
pay, fill-or-kill is decided before anything happens, and an amount to spend (18=v) becomes lots.
"""

from __future__ import annotations

from typing import Final

from tidegate.engine.book import PriceLevel
from tidegate.engine.holds import fee_is_on_top, fee_money, order_hold
from tidegate.engine.margin_needs import Walk
from tidegate.engine.market import Market, price_limit
from tidegate.engine.order import Order
from tidegate.model.orders import BUY, FOK, MARKET, STP_CANCEL_OLDEST

COST_LIMIT: Final = 10**60  # above every cost: for a walk that is about lots alone


class Reach:
    """How many lots an order would fill, and what they would cost a buyer, with the fee if it is
    on top, in 1e-10 of the quote asset. Of an order with 18=v `spent` tells that what would be
    left of its amount does not buy a lot, `too_small` that it would not buy a first one. `walk`
    tells of margin orders on the way, if there are any."""

    def __init__(self, market: Market, order: Order, wanted: int, cost_max: int) -> None:
        self.filled_lots = 0
        self.cost_money = 0
        self.spent = False
        self.too_small = False
        self.walk = Walk(market.positions, market.instrument.symbol)
        self._instrument = market.instrument
        self._order = order
        self._wanted = wanted
        self._cost_max = cost_max
        self._rate = order.taker_rate if fee_is_on_top(order) else 0
        self._by_amount = order.quote_money != 0
        self._left_money = order.quote_money - order.gross_money  # where it goes by amount

    def level(self, level: PriceLevel) -> bool:
        """Takes what is at one price. False where the walk ends here."""
        order = self._order
        if self._by_amount and self._instrument.lots_for(level.price, self._left_money) == 0:
            self.spent = self.filled_lots > 0
            self.too_small = not self.spent
            return False
        refilled: list[Order] = []
        for maker in level:
            if maker.stp_group == order.stp_group:
                if order.stp_mode == STP_CANCEL_OLDEST:
                    continue
                return False
            if not self._take(maker, level.price, maker.leaves_lots - maker.hidden_lots):
                return False
            if maker.hidden_lots:
                refilled.append(maker)
        return not refilled or self._refills(level.price, refilled)

    def _refills(self, price: int, makers: list[Order]) -> bool:
        """Takes what icebergs show again: each in turn, as they went to the back of the price."""
        hidden = [maker.hidden_lots for maker in makers]
        more = True
        while more:
            more = False
            for place, maker in enumerate(makers):
                shown = min(maker.display_lots, hidden[place])
                if shown == 0:
                    continue
                if not self._take(maker, price, shown):
                    return False
                hidden[place] -= shown
                if hidden[place] > 0:
                    more = True
        return True

    def _take(self, maker: Order, price: int, shown: int) -> bool:
        """One trade. False where it is the last one."""
        lots = min(self._wanted - self.filled_lots, shown)
        with_margin = maker.margin or self._order.margin
        if with_margin:
            lots = self.walk.lots(maker, lots)
            if lots == 0:
                return True
        if self._by_amount:
            lots = min(lots, self._instrument.lots_for(price, self._left_money))
        money = self._instrument.money(price, lots)
        if with_margin:
            self.walk.trade(self._order, maker, lots, money)
        self.filled_lots += lots
        self.cost_money += money + fee_money(money, self._rate)
        if self._by_amount:
            self._left_money -= money
            self.spent = self._instrument.lots_for(price, self._left_money) == 0
            return not self.spent
        return self.filled_lots < self._wanted and not self.too_dear

    @property
    def too_dear(self) -> bool:
        """Whether the walk has ended because of its cost: a margin order pays for what it opens."""
        cost = self.walk.opened_money if self._order.margin else self.cost_money
        return cost > self._cost_max


def reach(market: Market, order: Order, cost_max: int, price: int = 0, lots: int = 0) -> Reach:
    """Walks the book for the order, or for the order that it would be with another price and leaves
    of `lots`. It goes no further once the cost is above `cost_max`: whoever can not pay does not
    make the venue look through a whole book."""
    limit = price or price_limit(market, order)
    opposite = market.book.opposite(order.side)
    wanted = lots or order.leaves_lots
    if order.quote_money:
        wanted = opposite.total_lots + 1  # more than there is
    if order.reduce_only:
        symbol = market.instrument.symbol
        wanted = min(wanted, market.positions.closable(order.account, symbol, order.side))
    reached = Reach(market, order, wanted, cost_max)
    if wanted == 0:
        return reached
    for level in opposite:
        if not opposite.within(level.price, limit) or not reached.level(level):
            break
    return reached


class Arrival:
    """What an order that is a market order or fill-or-kill needs to hold as it arrives, and
    whether it `kills`: may not trade at all, and is canceled at once."""

    def __init__(self, hold_money: int, *, kills: bool) -> None:
        self.hold_money = hold_money
        self.kills = kills


def plan_arrival(market: Market, order: Order, available: int) -> Arrival:
    """The plan for an order that arrives now, whose account has so much `available` of the asset
    it pays with. A hold above `available` means that it can not pay. An order with 18=v gets the
    lots that its amount buys as its quantity here, one more where the book has too few."""
    if order.quote_money:
        return _plan_amount(market, order, available)
    fok = order.time_in_force == FOK
    kills = fok and order.leaves_lots > market.book.opposite(order.side).total_lots
    if order.ord_type != MARKET or order.side != BUY:
        hold = order_hold(order, order.price, order.leaves_lots)
        if fok and not kills and hold <= available:
            kills = reach(market, order, COST_LIMIT).filled_lots < order.leaves_lots
        return Arrival(hold, kills=kills)
    if kills:
        return Arrival(0, kills=True)
    reached = reach(market, order, available)
    if fok and reached.cost_money <= available and reached.filled_lots < order.leaves_lots:
        return Arrival(0, kills=True)
    return Arrival(reached.cost_money, kills=False)


def _plan_amount(market: Market, order: Order, available: int) -> Arrival:
    """Fill-or-kill means that the whole amount can be spent."""
    hold = order_hold(order, 0, 0)
    if hold > available:
        return Arrival(hold, kills=False)
    reached = reach(market, order, COST_LIMIT)
    order.qty_lots = reached.filled_lots if reached.spent else reached.filled_lots + 1
    kills = reached.too_small or (order.time_in_force == FOK and not reached.spent)
    return Arrival(hold, kills=kills)
