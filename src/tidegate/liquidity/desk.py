"""The maker and the taker at work: two FIX clients, one step of a market after the other.

One request is under way at a time, and no more a second than allowed: a modest client. After every
logon the maker cancels whatever it may still have in the book and begins anew, so it need not know
how the last line, the last process or the last venue ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import structlog

from tidegate.client import (
    Accepted,
    Amend,
    Cancel,
    Client,
    ConnectFailed,
    ExecutionReport,
    LoggedOn,
    LogonRefused,
    MassCancel,
    MassCanceled,
    MassCancelType,
    NewOrder,
    NotLoggedOn,
    Outcome,
    Refused,
    Request,
    Side,
    TimeInForce,
)
from tidegate.config.liquidity import LiquiditySettings, MarketMaking, lots_text, price_text
from tidegate.liquidity.changes import Change, changes
from tidegate.liquidity.own_orders import OwnOrders
from tidegate.liquidity.plan import (
    Quote,
    Reference,
    advanced,
    first_reference,
    wanted_quotes,
    wanted_trade,
)
from tidegate.model.rejects import UNKNOWN_ORDER
from tidegate.waiting import wait_at_most

RETRY_S: Final = 1.0  # after a first logon that failed
REFUSED_S: Final = 5.0  # of the steps' clock, that a side which was refused is left alone
REST_S: Final = 0.25  # the longest sleep: events are taken away at least that often
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000

_log = structlog.get_logger("tidegate.liquidity")


class FillRefused(Exception):
    """The taker's order did not trade; the text says why."""


class Market:
    """A market being made: its settings, and where its walk is. A side that the venue does not take
    (no money, no status for it) is left alone for a while, so that neither the journal nor the line
    fills with refusals."""

    def __init__(self, settings: MarketMaking, now_ns: int) -> None:
        self.settings = settings
        self.reference: Reference = first_reference(settings)
        self.due_ns = now_ns
        self.refused = ""  # why, until the venue takes a quote again
        self.taker_refused = ""
        self._rests_until_ns: dict[Side, int] = {}

    def refuse(self, side: Side, reason: str, now_ns: int) -> None:
        """Whether that is news: each reason is told once."""
        self._rests_until_ns[side] = now_ns + int(REFUSED_S * NS_PER_S)
        if reason != self.refused:
            self.refused = reason
            symbol = self.settings.symbol
            _log.warning("quote_refused", symbol=symbol, side=side.name.lower(), reason=reason)

    def accept(self, side: Side) -> None:
        """The venue takes quotes of that side."""
        self._rests_until_ns.pop(side, None)
        if not self._rests_until_ns:
            self.refused = ""

    def rests(self, side: Side, now_ns: int) -> bool:
        """Whether nothing is to be sent for that side now."""
        return now_ns < self._rests_until_ns.get(side, 0)

    def try_again(self) -> None:
        """An operator has changed something: leave nothing alone."""
        self._rests_until_ns.clear()
        self.refused = ""


class Desk:
    """Runs until it is cancelled. Steps go by `clock_ns`, which never goes back."""

    def __init__(
        self,
        maker: Client,
        taker: Client,
        settings: LiquiditySettings,
        clock_ns: Callable[[], int],
    ) -> None:
        self._maker = maker
        self._taker = taker
        self._clock_ns = clock_ns
        self._orders = OwnOrders()
        self._taker_busy = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_fresh = True  # nothing of an earlier line can be in the book
        self._next_send_s = 0.0
        self._settings = settings
        self._markets: dict[str, Market] = {}
        self.set(settings)

    def set(self, settings: LiquiditySettings) -> None:
        """Go by these settings from the next step on. A market whose price, or whose way of
        walking, is the same goes on from where it is, unless a new epoch begins."""
        now_ns = self._clock_ns()
        is_same_epoch = settings.epoch == self._settings.epoch
        markets: dict[str, Market] = {}
        for wanted in settings.markets:
            market = self._markets.get(wanted.symbol)
            if market is None or not is_same_epoch or _is_moved(market.settings, wanted):
                market = Market(wanted, now_ns)
            market.settings = wanted
            market.due_ns = now_ns
            market.try_again()
            markets[wanted.symbol] = market
        self._markets = markets
        self._settings = settings
        self._changed.set()

    def status(self) -> list[dict[str, Any]]:
        """Each market: where its reference is, and how many quotes are open."""
        self._take_events()
        return [
            {
                "symbol": symbol,
                "reference_price": price_text(
                    market.settings, _on_tick(market.settings, market.reference.price)
                ),
                "step": market.reference.step,
                "open_quotes": len(self._orders.of(symbol)),
                "refused": market.refused or None,
                "taker_refused": market.taker_refused or None,
            }
            for symbol, market in self._markets.items()
        ]

    @property
    def is_logged_on(self) -> bool:
        return self._maker.is_logged_on and self._taker.is_logged_on

    async def run(self) -> None:
        """Log on, then step each market when it is due. The maker needs no taker."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_connected(self._taker))
            await _connected(self._maker)
            _log.info("liquidity_up", markets=[*self._markets])
            while True:
                await self._turn()

    async def _turn(self) -> None:
        self._take_events()
        if self._maker.is_logged_on and not self._is_fresh:
            await self._begin_anew()
        if self._maker.is_logged_on and self._is_fresh:
            for market in list(self._markets.values()):
                if market.due_ns <= self._clock_ns() and not market.settings.paused:
                    await self._step(market)
        await self._rest()

    async def _rest(self) -> None:
        now_ns = self._clock_ns()
        due = [m.due_ns for m in self._markets.values() if not m.settings.paused]
        seconds = min(max((min(due, default=now_ns) - now_ns) / NS_PER_S, 0.001), REST_S)
        if not due or not self._maker.is_logged_on or not self._is_fresh:
            seconds = REST_S
        self._changed.clear()
        await wait_at_most(self._changed, seconds)

    async def _begin_anew(self) -> None:
        """Cancel whatever is in the book, of this line or an earlier one."""
        request = MassCancel(mass_cancel_request_type=MassCancelType.COMP_ID)
        try:
            outcome = await self._maker.mass_cancel(request)
        except NotLoggedOn:
            return
        self._take_events()
        if isinstance(outcome, MassCanceled):
            self._orders.clear()
            self._is_fresh = True

    def _take_events(self) -> None:
        """All that has come: events that nobody takes would stop the line. Nobody else takes the
        maker's; the taker's are another's while its order is under way."""
        if not self._taker_busy.locked():
            self._taker.take_events()
        markets = {symbol: market.settings for symbol, market in self._markets.items()}
        for event in self._maker.take_events():
            if isinstance(event, ExecutionReport):
                self._orders.take(event, markets)
            elif isinstance(event, LoggedOn):
                self._is_fresh = False

    # --- one step ---------------------------------------------------------------------------------

    async def _step(self, market: Market) -> None:
        settings = market.settings
        market.reference = advanced(settings, self._settings.seed, market.reference)
        # Steps that were missed, because the clock was moved say, are not made up for.
        market.due_ns = self._clock_ns() + settings.interval_ms * NS_PER_MS
        wanted = wanted_quotes(settings, self._settings.seed, market.reference)
        for change in changes(wanted, self._orders.of(settings.symbol)):
            if not self._maker.is_logged_on or market.settings is not settings:
                return
            if not market.rests(_side(change), self._clock_ns()):
                await self._send(market, change)
        self._take_events()
        trade = wanted_trade(settings, self._settings.seed, market.reference)
        if trade is not None and self._taker.is_logged_on:
            await self._trade(market, trade)

    async def _trade(self, market: Market, trade: Quote) -> None:
        await self._pace()
        settings = market.settings
        price, qty = price_text(settings, trade.price), lots_text(trade.lots)
        async with self._taker_busy:
            self._taker.take_events()
            outcome = await self._take(settings.symbol, trade.side, price, qty)
        if isinstance(outcome, Refused | Accepted):
            market.taker_refused = outcome.text if isinstance(outcome, Refused) else ""

    async def _send(self, market: Market, change: Change) -> None:
        await self._pace()
        try:
            outcome = await self._maker.request(_request(market.settings, change))
        except NotLoggedOn:
            return
        if isinstance(outcome, Accepted):
            market.accept(_side(change))
        # An order that was filled meanwhile can not be changed: the next step sees that.
        elif isinstance(outcome, Refused) and outcome.text != UNKNOWN_ORDER.text.decode():
            market.refuse(_side(change), outcome.text, self._clock_ns())

    async def _pace(self) -> None:
        """Wait for this message's turn."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._next_send_s = max(self._next_send_s + 1 / self._settings.messages_per_second, now_s)
        await asyncio.sleep(self._next_send_s - now_s)

    # --- the taker --------------------------------------------------------------------------------

    async def fill(self, symbol: str, side: str, price: str, qty: str) -> str:
        """Have the taker trade up to `qty` at `price` or better, now; what it traded. Raises
        `FillRefused`."""
        if not self._taker.is_logged_on:
            raise FillRefused("the taker is not logged on; it tries again by itself")
        async with self._taker_busy:
            self._taker.take_events()
            outcome = await self._take(symbol, side, price, qty)
            if isinstance(outcome, Refused):
                raise FillRefused(f"the venue refused the taker's order: {outcome.text}")
            if outcome is None or not await self._taker.synchronize():
                raise FillRefused("the taker lost its line; what it traded is not known")
            return format(
                sum(
                    (
                        event.last_qty or Decimal(0)
                        for event in self._taker.take_events()
                        if isinstance(event, ExecutionReport) and event.is_trade
                    ),
                    Decimal(0),
                ),
                "f",
            )

    async def _take(self, symbol: str, side: str, price: str, qty: str) -> Outcome | None:
        order = NewOrder(
            symbol=symbol, side=side, order_qty=qty, price=price, time_in_force=TimeInForce.IOC
        )
        try:
            return await self._taker.place(order)
        except NotLoggedOn:
            return None


async def _connected(client: Client) -> None:
    """Log on for the first time, however long that takes; later the client does it by itself."""
    told = ""
    while True:
        try:
            await client.connect()
        except (ConnectFailed, LogonRefused, OSError) as error:
            if str(error) != told:
                told = str(error)
                _log.warning(
                    "liquidity_waits", session=client.core.credentials.sender_comp_id, reason=told
                )
            await asyncio.sleep(RETRY_S)
        else:
            return


def _side(change: Change) -> Side:
    """Of what is changed."""
    if change.wanted is not None:
        return change.wanted.side
    assert change.order is not None, "a change has one of the two"
    return change.order.side


def _request(settings: MarketMaking, change: Change) -> Request:
    order, wanted = change.order, change.wanted
    if order is None:
        assert wanted is not None
        return NewOrder(
            symbol=settings.symbol,
            side=wanted.side,
            order_qty=lots_text(wanted.lots),
            price=price_text(settings, wanted.price),
        )
    if wanted is None:
        return Cancel(symbol=settings.symbol, side=order.side, order_id=order.order_id)
    return Amend(
        symbol=settings.symbol,
        side=order.side,
        order_id=order.order_id,
        orig_cl_ord_id=order.cl_ord_id,
        order_qty=lots_text(order.cum_lots + wanted.lots),
        price=price_text(settings, wanted.price),
    )


def _is_moved(before: MarketMaking, after: MarketMaking) -> bool:
    return (before.price, before.walks) != (after.price, after.walks)


def _on_tick(settings: MarketMaking, price: int) -> int:
    return price // settings.tick_units * settings.tick_units
