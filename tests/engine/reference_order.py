"""What the reference model keeps: pairs and orders, as docs/spot-orders.md has them.

Prices are whole numbers of the pair's price unit, quantities lots of 1e-8, money 1e-10 of its
asset. Exact amounts are fractions, rounded where the venue rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from tidegate.model import market_state as market
from tidegate.model import orders as fix

FEES = -2
HOUSE = -3
LENDER = -4

LIMIT_TYPES = {
    fix.LIMIT,
    fix.STOP_LOSS_LIMIT,
    fix.TAKE_PROFIT_LIMIT,
    fix.TRAILING_STOP_LIMIT,
}
TRAILING_TYPES = {fix.TRAILING_STOP, fix.TRAILING_STOP_LIMIT}
STOP_LOSSES = {fix.STOP_LOSS, fix.STOP_LOSS_LIMIT}


@dataclass(eq=False)
class Pair:
    base: str
    quote: str
    price_decimals: int
    band: int = 0  # millionths, 0 for none
    leverage_max: int = 0
    long_max: int = 0
    short_max: int = 0
    status: int = market.ONLINE
    halted: bool = False
    index: int = 0
    last: int = 0
    trades: int = 0

    def cost(self, price: int, lots: int) -> Fraction:
        """Quote money, not rounded."""
        return Fraction(price * lots, 10 ** (self.price_decimals + 8)) * 10**10

    def money(self, price: int, lots: int) -> int:
        return floor(self.cost(price, lots))

    @property
    def releases(self) -> bool:
        """Whether anything but cancels and expiry happens."""
        closed = {market.CANCEL_ONLY, market.MAINTENANCE, market.HIDDEN, market.DELISTED}
        return not self.halted and self.status not in closed

    @property
    def mark(self) -> int:
        return self.last or self.index


@dataclass(eq=False)
class Order:
    """`ord_type` is the type it has now and `kind` the one it was entered with. `price` and `stop`
    are as entered, distances of trailing orders; when a trigger has fired `price` is what the order
    trades at. `arrival` is its place in the queue: later is behind."""

    number: int
    account: int
    pair: Pair
    side: int
    kind: int
    time_in_force: int
    price: int
    qty: int
    post_only: bool
    stp_mode: int
    stp_group: bytes
    cl_ord_id: bytes
    maker_rate: int
    taker_rate: int
    stop: int = 0
    by_index: bool = False
    display: int = 0
    quote_money: int = 0
    fee_in_base: bool = False
    margin: bool = False
    reduce_only: bool = False
    effective: int = 0
    expire: int = 0
    valid_until: int = 0
    text: bytes = b""
    ord_type: int = 0
    stage: int = fix.LIVE
    orig_cl_ord_id: bytes = b""
    amended: bool = False
    cum: int = 0
    value: int = 0
    gross: int = 0
    fee: int = 0
    held: int = 0
    hold_price: int = 0
    shown: int = 0
    arrival: int = 0
    best: int = 0  # the best reference a trailing order has seen, 0 for none
    fired: int = 0  # the reference that fired it
    leverage: int = 0  # these two of margin orders: what it was admitted with, and its loan
    loan: int = 0
    opens: int = 0  # what of its leaves it holds margin for
    unfit: bool = False  # a trailing sell whose distances are not below the first reference
    bound: int | None = None  # the worst price a market order trades at

    def __post_init__(self) -> None:
        self.ord_type = self.kind

    @property
    def buys(self) -> bool:
        return self.side == fix.BUY

    @property
    def leaves(self) -> int:
        return self.qty - self.cum

    @property
    def asset(self) -> str:
        """What it holds."""
        return self.pair.quote if self.buys or self.margin else self.pair.base

    @property
    def pays(self) -> str:
        """What it gives in a trade."""
        return self.pair.quote if self.buys else self.pair.base

    @property
    def fee_asset(self) -> str:
        return self.pair.base if self.fee_in_base and not self.margin else self.pair.quote

    @property
    def reference(self) -> int:
        return self.pair.index if self.by_index else self.pair.last

    @property
    def triggers(self) -> bool:
        return self.kind not in {fix.MARKET, fix.LIMIT}

    @property
    def trails(self) -> bool:
        return self.kind in TRAILING_TYPES

    @property
    def waits_for_rise(self) -> bool:
        """Whether a rising price reaches its trigger price, or a falling one."""
        stops = self.kind in STOP_LOSSES or self.trails
        return stops == self.buys

    @property
    def status(self) -> str:
        """OrdStatus (39) of an open order."""
        if self.stage == fix.SCHEDULED:
            return "E" if self.amended else "A"
        return "5" if self.amended else "1" if self.cum else "0"

    def trigger_price(self, best: int) -> int:
        """The price that fires it; `best` matters to trailing orders."""
        if not self.trails:
            return self.stop
        return best + self.stop if self.buys else best - self.stop

    def limit_from(self, trigger_price: int) -> int:
        """What Price (44) becomes when it fires; 0 for the market types."""
        if self.kind != fix.TRAILING_STOP_LIMIT:
            return self.price
        return trigger_price + self.price if self.buys else trigger_price - self.price

    def reached(self, price: int) -> bool:
        trigger = self.trigger_price(self.best)
        return price >= trigger if self.waits_for_rise else price <= trigger

    def accepts(self, price: int) -> bool:
        """Whether it trades at a price."""
        limit = self.bound if self.ord_type == fix.MARKET else self.price
        if limit is None:
            return True
        return price <= limit if self.buys else price >= limit

    def hold_for(self, price: int, lots: int) -> int:
        """What it holds for lots at a price: their cost, and the fee where it is paid on top."""
        amount = self.pair.cost(price, lots) if self.buys else Fraction(lots * 100)
        if self.quote_money:
            amount = Fraction(lots)
        rate = Fraction(max(self.maker_rate, self.taker_rate), 10**6)
        return ceil(amount * (1 + rate) if self.fee_asset == self.asset else amount)
