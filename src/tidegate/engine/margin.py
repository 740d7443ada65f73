"""Margin: what an order with borrowed money needs, may do, and does to its account's position.

An order *closes* with what the account's resting orders that trade before it (`closing_queue`)
leave of the opposite position; with the rest of its leaves it *opens*. What opens holds, at the
order's hold price x,

    ceil(lots * x * (1 / leverage + fee rate))      in the quote asset,

what closes holds nothing. So what an order holds follows from the position and the orders in the
line for it, and `refresh` brings it about again when these have changed. Until then, while an order
goes through the line, each fill takes what it has opened off the order's `opening_lots`: one that
closes frees nothing. An order never opens more than that, because no more can have traded before
it than was counted. A fill that opens n lots for money m
needs `floor(m / leverage)` of margin and `floor(m * rate)` of fee; as m is at most n * x for a buy,
and exactly so for a resting sell, the hold of those n lots covers both, because
`ceil(a + b) - ceil(b) >= floor(a)`. A sell that trades at once for more than its price needs more
than its hold price says: `Reach` tells by how much, and the order is admitted with that.

What a fill takes, it takes in this order: margin from what is available; losses and fees from what
is available, then from the position's margin, then from the HOUSE. A step never takes more than
there is, so no balance of a client goes below zero, whatever the market does.
"""

from __future__ import annotations

from tidegate.engine.closing_queue import BACK, Queued, count_before, queued
from tidegate.engine.ledger import FEE, FEES, HOUSE, LENDER, MARGIN_RESULT, Ledger
from tidegate.engine.margin_needs import Need, Walk, margin_asset, margin_hold
from tidegate.engine.open_orders import OpenOrders
from tidegate.engine.order import Order
from tidegate.engine.positions import Loans, Position, Positions
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.market_state import MarketState
from tidegate.model.orders import BUY, LIVE, MARKET
from tidegate.model.rejects import (
    CANNOT_OPEN_OPPOSING,
    CANNOT_OPEN_POSITION,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_MARGIN,
    MARGIN_ALLOWANCE,
    MARGIN_LEVEL,
    POSITION_SIZE,
    POSITIONS_LIMIT,
    REDUCE_ONLY_NO_POSITION,
    REDUCE_ONLY_NON_PC,
    Rule,
)
from tidegate.model.scaled import LOT_MONEY, RATE_UNIT
from tidegate.model.settings import AccountSettings, Deposit


class Margin:
    """All accounts' margin business. Accounts are indexes; times do not matter here."""

    def __init__(self, ledger: Ledger, open_orders: OpenOrders) -> None:
        self.positions = Positions()
        self.loans = Loans()
        self.changed: list[Position] = []  # whose resting orders are to be looked at
        self._ledger = ledger
        self._open_orders = open_orders
        self._accounts: list[AccountSettings] = []
        self._allowances: list[dict[str, int]] = []
        self._pools: dict[str, int] = {}
        self._instruments: dict[str, Instrument] = {}
        self._states: dict[str, MarketState] = {}

    def adopt(self, accounts: list[AccountSettings], pools: list[Deposit]) -> None:
        """Take what accounts may do, by index, and what the venue has to lend. Settings are no
        state of the engine; who saves them adopts them again."""
        self._accounts = accounts
        self._allowances = [
            {limit.asset: limit.amount for limit in settings.margin_allowance}
            for settings in accounts
        ]
        self._pools = {pool.asset: pool.amount for pool in pools}

    def add_instrument(self, instrument: Instrument, state: MarketState) -> None:
        self._instruments[instrument.symbol] = instrument
        self._states[instrument.symbol] = state

    # --- what an order needs ----------------------------------------------------------------------

    def leverage(self, account: int, instrument: Instrument) -> int:
        """The account's in that pair; 0 where it may not open positions."""
        if account >= len(self._accounts):
            return 0
        return min(self._accounts[account].leverage, instrument.leverage_max)

    def closable(self, order: Order) -> int:
        """How many lots the order can close."""
        return self.positions.closable(order.account, order.instrument.symbol, order.side)

    def need(self, order: Order, price: int, lots: int, walk: Walk | None = None) -> Need:
        """What the order needs with `lots` open at the hold price `price`. `walk` has gone where
        an order goes that trades at once: the prices there count for what it opens on the way. The
        rest of a market order (price 0) does not live on and needs nothing."""
        open_lots = self._opening(order, price, lots)
        need = Need(
            leverage=self.leverage(order.account, order.instrument),
            price=price,
            opening_lots=open_lots,
        )
        if need.leverage == 0:
            return need
        if walk is None:
            self._price(order, need, open_lots)
            return need
        self._price(order, need, open_lots - walk.opened_lots)
        need.hold_money += walk.opened_money // need.leverage + walk.fee_money
        need.borrowed_money += (
            walk.opened_money if order.side == BUY else walk.opened_lots * LOT_MONEY
        )
        return need

    def _opening(self, order: Order, price: int, lots: int) -> int:
        """What the order opens with `lots` open at `price`. One that waits counts on the whole
        position: it has no place in the line yet. Nor has a market order, which trades at once."""
        if order.reduce_only:
            return 0
        closable = self.closable(order)
        if closable == 0 or order.stage != LIVE or order.ord_type == MARKET:
            return max(0, lots - closable)
        others: list[Order] = []
        in_line = lots
        for other in self._open_orders.margin_orders(order.account, order.instrument.symbol):
            if other.resting and other.side == order.side and other is not order:
                others.append(other)
                in_line += other.leaves_lots
        if in_line <= closable:
            return 0
        queue = [queued(other) for other in others]
        keeps_place = order.resting and price == order.price and lots <= order.leaves_lots
        own = Queued(order, price, lots, order.place if keeps_place else BACK)
        queue.append(own)
        count_before(queue)
        return own.opening_lots(closable)

    def opening_alone(self, order: Order) -> int:
        """What an open order opens that stands in no line."""
        return 0 if order.reduce_only else max(0, order.leaves_lots - self.closable(order))

    def line(self, position: Position, orders: list[Order]) -> list[Queued]:
        """Of the account's margin orders in the pair those that rest to close its position, first
        to last. Where there is room for all of them only those that had none, in any order."""
        closing: list[Order] = []
        lots = 0
        for order in orders:
            if order.resting and position.closable(order.side) > 0:
                closing.append(order)
                lots += order.leaves_lots
        if lots <= abs(position.lots):
            return [queued(order) for order in closing if order.opening_lots > 0]
        line = [queued(order) for order in closing]
        count_before(line)
        return line

    def _price(self, order: Order, need: Need, lots: int) -> None:
        """Margin, fee and loan of `lots` at the need's price and leverage."""
        if lots <= 0 or need.price == 0:
            return
        rate = max(order.taker_rate, order.maker_rate)
        need.hold_money = margin_hold(order.instrument, need.price, lots, need.leverage, rate)
        if order.side == BUY:
            need.borrowed_money = order.instrument.money(need.price, lots)
        else:
            need.borrowed_money = lots * LOT_MONEY

    def refusal(self, order: Order, need: Need, lots: int, *, amended: bool = False) -> Rule | None:
        """The checks of an order that is entered, activated, triggered or `amended` and then has
        `lots` open: the first rule that fires. An amend that needs no more than before may always
        be made; an order that waits on is as good as amended. Changes nothing."""
        if order.reduce_only:
            return self.reduce_only_refusal(order) if order.stage == LIVE else None
        if need.opening_lots == 0:
            return None
        if need.leverage == 0:
            return CANNOT_OPEN_POSITION
        if (
            amended
            and need.hold_money <= order.held_money
            and need.borrowed_money <= order.borrowed_money
        ):
            return None
        account = order.account
        settings = self._accounts[account]
        if self.closable(order) > 0 and not settings.opposing_positions:
            return CANNOT_OPEN_OPPOSING
        if self._other_positions(order) >= settings.positions_max:
            return POSITIONS_LIMIT
        if self._is_too_large(order, lots):
            return POSITION_SIZE
        asset = margin_asset(order)
        more = need.borrowed_money - order.borrowed_money
        allowance = self._allowances[account].get(asset)
        if allowance is not None and self.loans.of_account(account, asset) + more > allowance:
            return MARGIN_ALLOWANCE
        pool = self._pools.get(asset)
        if pool is not None and self.loans.of_all(asset) + more > pool:
            return INSUFFICIENT_MARGIN
        quote = order.instrument.quote
        more = need.hold_money - order.held_money
        if more > self._ledger.available(account, quote):
            return INSUFFICIENT_FUNDS
        if self.equity(account, quote) < self.used(account, quote) + more:
            return MARGIN_LEVEL
        return None

    def reduce_only_refusal(self, order: Order) -> Rule | None:
        """What speaks against a reduce-only order that is about to trade or rest."""
        if self.closable(order) > 0:
            return None
        lots = self.positions.lots(order.account, order.instrument.symbol)
        return REDUCE_ONLY_NO_POSITION if lots == 0 else REDUCE_ONLY_NON_PC

    def _other_positions(self, order: Order) -> int:
        """In how many pairs the account has a position, or an order that may open one, besides
        the order: -1 where the order's own pair is one of them, so that it adds none."""
        account = order.account
        symbol = order.instrument.symbol
        if self.positions.lots(account, symbol) != 0 or self._may_open(order, symbol):
            return -1
        count = len(self.positions.of_account(account))
        for other in self._open_orders.margin_symbols(account):
            if self.positions.lots(account, other) == 0 and self._may_open(order, other):
                count += 1
        return count

    def _may_open(self, order: Order, symbol: str) -> bool:
        """Whether another order of the account may open a position in the pair."""
        for other in self._open_orders.margin_orders(order.account, symbol):
            if not other.reduce_only and other is not order:
                return True
        return False

    def _is_too_large(self, order: Order, lots: int) -> bool:
        """Whether the position would pass the pair's limit if the order and all open orders of its
        side were filled."""
        instrument = order.instrument
        limit = instrument.long_max_lots if order.side == BUY else instrument.short_max_lots
        if limit == 0:
            return False
        position = self.positions.lots(order.account, instrument.symbol)
        size = lots + (position if order.side == BUY else -position)
        for other in self._open_orders.margin_orders(order.account, instrument.symbol):
            if other.side == order.side and not other.reduce_only and other is not order:
                size += other.leaves_lots
        return size > limit

    # --- what an order holds ----------------------------------------------------------------------

    def bind(self, order: Order, need: Need) -> None:
        """Gives an admitted order what it needs."""
        order.leverage = need.leverage
        order.margin_price = need.price
        self._hold(order, need)

    def release(self, order: Order) -> None:
        """Takes everything from an order that ends. Where it stands in the line for a position,
        that position's orders are to be looked at."""
        if order.resting and self.closable(order) > 0:
            self.touch(order)
        self._hold(order, Need(leverage=0, price=0, opening_lots=0))

    def refresh(self, order: Order, opening_lots: int) -> Rule | None:
        """Gives an open order what it needs to open so much. Refused, it still holds what it
        held."""
        need = self._need_to_open(order, opening_lots)
        if opening_lots > 0 and need.leverage == 0:
            return CANNOT_OPEN_POSITION
        quote = order.instrument.quote
        if need.hold_money - order.held_money > self._ledger.available(order.account, quote):
            return INSUFFICIENT_FUNDS
        self._hold(order, need)
        return None

    def touch(self, order: Order) -> Position:
        """The position of the order's account, whose open orders are to be looked at."""
        instrument = order.instrument
        position = self.positions.place(
            order.account, instrument.symbol, instrument.base, instrument.quote
        )
        if not position.changed:
            position.changed = True
            self.changed.append(position)
        return position

    def _need_to_open(self, order: Order, lots: int) -> Need:
        """What the order needs for so much, with price and leverage that it was admitted with."""
        need = Need(leverage=order.leverage, price=order.margin_price, opening_lots=lots)
        if need.leverage:
            self._price(order, need, lots)
        return need

    def _hold(self, order: Order, need: Need) -> None:
        more = need.hold_money - order.held_money
        if more > 0:
            self._ledger.hold(order.account, order.instrument.quote, more)
        elif more < 0:
            self._ledger.release(order.account, order.instrument.quote, -more)
        order.held_money = need.hold_money
        order.opening_lots = need.opening_lots
        more = need.borrowed_money - order.borrowed_money
        if more != 0:
            self.loans.change(order.account, margin_asset(order), more)
            order.borrowed_money = need.borrowed_money

    # --- what a fill does -------------------------------------------------------------------------

    def traded(self, order: Order, lots: int, money: int, fee: int, trade_number: int) -> None:
        """A fill, of which the LENDER has paid what the order pays and got what it gets. The
        order's leaves are still those before it."""
        instrument = order.instrument
        account = order.account
        quote = instrument.quote
        position = self.touch(order)
        self.loans.change(account, position.borrowed_asset, -position.borrowed_money)
        closing = min(lots, position.closable(order.side))
        opening_money = money * (lots - closing) // lots
        loss = 0
        if closing > 0:
            loss = self._close(position, order.side, closing, money - opening_money, trade_number)
        if closing < lots:
            position.open(order.side, lots - closing, opening_money, 0)
        self.loans.change(account, position.borrowed_asset, position.borrowed_money)
        still_opening = max(0, order.opening_lots - (lots - closing))
        rest = self._need_to_open(order, min(order.leaves_lots - lots, still_opening))
        rest.hold_money = min(rest.hold_money, order.held_money)
        rest.borrowed_money = min(rest.borrowed_money, order.borrowed_money)
        self._hold(order, rest)
        if closing < lots:
            margin = opening_money // max(order.leverage, 1)
            # A resting order has freed that much just now. One that trades at once may have freed
            # it with an earlier fill (a market order, a sell for more than its price), and the
            # loss of what it closed on its way may have taken it.
            margin = min(margin, self._ledger.available(account, quote))
            self._ledger.hold(account, quote, margin)
            position.margin_money += margin
        if loss > 0:
            self._charge(position, LENDER, loss, MARGIN_RESULT, trade_number)
        self._charge(position, FEES, fee, FEE, trade_number)

    def _close(
        self, position: Position, side: int, lots: int, money: int, trade_number: int
    ) -> int:
        """Closes lots for that money and pays out a profit. Gives the loss, which is still to be
        charged."""
        was_long = position.lots > 0
        closed = position.close(side, lots)
        self._ledger.release(position.account, position.quote, closed.margin_money)
        result = money - closed.cost_money if was_long else closed.cost_money - money
        if result < 0:
            return -result
        self._ledger.transfer(
            position.quote, LENDER, position.account, result, MARGIN_RESULT, trade_number
        )
        return 0

    def _charge(
        self, position: Position, receiver: int, amount: int, kind: str, trade_number: int
    ) -> None:
        """The account pays from what is available, then from the position's margin; the HOUSE pays
        the rest."""
        ledger = self._ledger
        account = position.account
        quote = position.quote
        available = ledger.available(account, quote)
        if amount > available and position.margin_money > 0:
            margin = min(amount - available, position.margin_money)
            ledger.release(account, quote, margin)
            position.margin_money -= margin
            available += margin
        paid = min(amount, available)
        ledger.transfer(quote, account, receiver, paid, kind, trade_number)
        ledger.transfer(quote, HOUSE, receiver, amount - paid, kind, trade_number)

    # --- how an account stands --------------------------------------------------------------------

    def used(self, account: int, quote: str) -> int:
        """Margin in use: what the positions quoted in that asset and the open margin orders
        hold."""
        used = 0
        for position in self.positions.of_account(account):
            if position.quote == quote:
                used += position.margin_money
        for symbol in self._open_orders.margin_symbols(account):
            if self._instruments[symbol].quote == quote:
                for order in self._open_orders.margin_orders(account, symbol):
                    used += order.held_money
        return used

    def result(self, position: Position) -> int:
        """The unrealised result at the last trade, or the index; 0 where there is neither."""
        price = self._states[position.symbol].mark_price
        if price == 0:
            return 0
        value = self._instruments[position.symbol].money(price, abs(position.lots))
        return position.result(value)

    def equity(self, account: int, quote: str) -> int:
        """The account's balance of an asset with the unrealised results of its positions."""
        equity = self._ledger.available(account, quote) + self._ledger.held(account, quote)
        for position in self.positions.of_account(account):
            if position.quote == quote:
                equity += self.result(position)
        return equity

    def level(self, account: int, quote: str) -> int | None:
        """Equity by used margin in millionths, rounded down; None where no margin is in use."""
        used = self.used(account, quote)
        return None if used == 0 else self.equity(account, quote) * RATE_UNIT // used

    # --- state ------------------------------------------------------------------------------------

    def save(self, encoder: Encoder) -> None:
        """The positions. Loans follow from them and from the open orders."""
        assert not self.changed
        self.positions.save(encoder)

    def load(self, decoder: Decoder, orders: list[Order]) -> None:
        """Fills a fresh object with what `save` wrote; `orders` are all open orders. Raises
        `CodecError`."""
        assets = {
            symbol: (instrument.base, instrument.quote)
            for symbol, instrument in self._instruments.items()
        }
        self.positions.load(decoder, assets)
        for position in self.positions.all():
            self.loans.change(position.account, position.borrowed_asset, position.borrowed_money)
        for order in orders:
            if order.margin:
                self.loans.change(order.account, margin_asset(order), order.borrowed_money)
