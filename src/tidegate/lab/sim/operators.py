"""What operators of a simulated world do to markets and money, and what a reader of the journal
knows of it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Final

from tidegate.lab.sim.orders import Orders
from tidegate.lab.sim.requests import PRICES
from tidegate.lab.sim.scenario import SESSIONS, SYMBOLS
from tidegate.model.codec import Decoder
from tidegate.model.market_state import (
    BAND_OF_INSTRUMENT,
    CANCEL_ONLY,
    LIMIT_ONLY,
    MAINTENANCE,
    ONLINE,
    POST_ONLY,
    REDUCE_ONLY,
)
from tidegate.model.scaled import MONEY_DECIMALS
from tidegate.model.time import NS_PER_MS
from tidegate.venue.controls import (
    DEPOSIT_MONEY,
    NO_SESSION,
    SET_ACCOUNT_FEES,
    SET_BAND,
    SET_HALTED,
    SET_INDEX,
    SET_STATUS,
    WITHDRAW_MONEY,
    Control,
    DepositMoney,
    SetAccountFees,
    SetBand,
    SetHalted,
    SetIndex,
    SetStatus,
    WithdrawMoney,
)
from tidegate.venue.money_controls import FEES_BY_VOLUME, FEES_DEFAULT, FEES_FIXED
from tidegate.venue.records import Record

if TYPE_CHECKING:
    from tidegate.lab.sim.world import World

OPERATIONS: Final = (
    DEPOSIT_MONEY, WITHDRAW_MONEY, SET_STATUS, SET_HALTED, SET_INDEX, SET_INDEX, SET_BAND,
    SET_ACCOUNT_FEES,
)  # fmt: skip
_CLOSED: Final = (CANCEL_ONLY, POST_ONLY, LIMIT_ONLY, REDUCE_ONLY, MAINTENANCE)
_CLOSED_MS_MAX: Final = 4_000
_RETRY_MS: Final = 500
_ASSETS: Final = ("USD", "BTC", "ETH")
_UNIT: Final = 10**MONEY_DECIMALS


def operation(world: World, random: Random) -> bool:
    """One thing that an operator does. Tells whether it was accepted."""
    kind = random.choice(OPERATIONS)
    symbol = random.choice(SYMBOLS)
    if kind == SET_STATUS:
        done = world.control(kind, NO_SESSION, SetStatus(symbol, random.choice(_CLOSED)).encode())
        if done:
            _later(world, random, kind, SetStatus(symbol, ONLINE))
        return done
    if kind == SET_HALTED:
        done = world.control(kind, NO_SESSION, SetHalted(halted=True).encode())
        if done:
            _later(world, random, kind, SetHalted(halted=False))
        return done
    return world.control(kind, NO_SESSION, _drawn(kind, symbol, random).encode())


def _later(world: World, random: Random, kind: int, control: Control) -> None:
    """Take it back after a while, for certain: the venue may be down at first."""

    def take_back() -> None:
        if not world.control(kind, NO_SESSION, control.encode()):
            world.after(_RETRY_MS * NS_PER_MS, take_back)

    world.after(random.randrange(_CLOSED_MS_MAX) * NS_PER_MS, take_back)


def _drawn(kind: int, symbol: str, random: Random) -> Control:
    if kind == SET_INDEX:
        middle, tick = PRICES[symbol]
        price = middle + tick * random.randint(-12, 12)
        return SetIndex(symbol, int(price.scaleb(-int(tick.as_tuple().exponent))))
    if kind == SET_BAND:
        return SetBand(symbol, random.choice((BAND_OF_INSTRUMENT, 0, 100, 20_000)))
    account = random.choice(list(SESSIONS.values()))
    if kind == SET_ACCOUNT_FEES:
        source = random.choice((FEES_DEFAULT, FEES_FIXED, FEES_BY_VOLUME))
        rates = (1_000, 2_000) if source == FEES_FIXED else (0, 0)
        return SetAccountFees(account, source, *rates)
    asset = random.choice(_ASSETS)
    if kind == DEPOSIT_MONEY:
        return DepositMoney(account, asset, random.randint(1, 3) * _UNIT)
    # Now and then more than there is.
    return WithdrawMoney(account, asset, random.choice((1, _UNIT, 10**8 * _UNIT)))


class OperatorFold:
    """Markets and money as the journal's controls make them. `moved` is what came in by controls
    less what went out, by asset, in 1e-10 of it; `resumed` whether the present record let markets
    trade again, so that what waited is due with the next."""

    def __init__(self, orders: Orders) -> None:
        self.moved: Counter[str] = Counter()
        self.resumed = False
        self._orders = orders
        self._status: dict[bytes, int] = {}
        self._halted = False

    def trades(self, symbol: bytes) -> bool:
        closed = self._status.get(symbol, ONLINE) in (CANCEL_ONLY, MAINTENANCE)
        return not self._halted and not closed

    def input(self, record: Record | None) -> None:
        """The next control; None for another input."""
        self.resumed = False
        if record is None:
            return
        decoder = Decoder(record.data)
        kind = record.number
        if kind in (DEPOSIT_MONEY, WITHDRAW_MONEY):
            decoder.text()
            asset = decoder.text()
            amount = decoder.uint()
            self.moved[asset] += amount if kind == DEPOSIT_MONEY else -amount
        elif kind in (SET_STATUS, SET_HALTED):
            traded = {symbol.encode(): self.trades(symbol.encode()) for symbol in SYMBOLS}
            if kind == SET_STATUS:
                changed = decoder.text().encode()
                self._status[changed] = decoder.uint()
            else:
                self._halted = decoder.flag()
            for symbol, before in traded.items():
                if not before and self.trades(symbol):
                    self.resumed = True
                    self._orders.see_index(symbol)
        elif kind == SET_INDEX:
            symbol_text = decoder.text()
            tick = PRICES[symbol_text][1]
            price = Decimal(decoder.uint()).scaleb(int(tick.as_tuple().exponent))
            self._orders.index_price[symbol_text.encode()] = int(price * _UNIT)
            if self.trades(symbol_text.encode()):
                self._orders.see_index(symbol_text.encode())
