"""The maker and the taker at work: two FIX clients, one step of a market after the other.

One request is under way at a time, and no more a second than allowed: a modest client. After every
logon the maker cancels whatever it may still have in the book and begins anew, so it need not know
how the last line, the last process or the last venue ended.

A step goes by the settings that it began with and ends where there are others: whoever has set them
and waits for `Desk.settled` sees nothing more of the ones before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
    Refused,
    Request,
    Side,
)
from tidegate.config.liquidity import LiquiditySettings, MarketMaking, lots_text, price_text
from tidegate.liquidity.bands import BandOf
from tidegate.liquidity.changes import Change, changes
from tidegate.liquidity.market import Market
from tidegate.liquidity.own_orders import OwnOrders
from tidegate.liquidity.plan import Quote, wanted_quotes, wanted_trade
from tidegate.liquidity.taker import Taker
from tidegate.model.rejects import UNKNOWN_ORDER
from tidegate.model.time import NS_PER_S
from tidegate.waiting import wait_at_most

RETRY_S: Final = 1.0  # after a first logon that failed
REST_S: Final = 0.25  # the longest sleep: events are taken away at least that often

_log = structlog.get_logger("tidegate.liquidity")


class Desk:
    """Runs until it is cancelled. Steps go by `clock_ns`, which never goes back."""

    def __init__(
        self,
        maker: Client,
        taker: Client,
        settings: LiquiditySettings,
        clock_ns: Callable[[], int],
        band_of: BandOf,
    ) -> None:
        self.taker = Taker(taker)
        self._maker = maker
        self._under_way = asyncio.Lock()  # held while a request of the maker waits for its answer
        self._clock_ns = clock_ns
        self._band_of = band_of
        self._orders = OwnOrders()
        self._changed = asyncio.Event()
        self._is_fresh = True  # nothing of an earlier line can be in the book
        self._next_send_s = 0.0
        self._settings = settings
        self._markets: dict[str, Market] = {}
        self.set(settings)

    def set(self, settings: LiquiditySettings) -> None:
        """Go by these settings from now on. A market whose price and way of walking are the same
        goes on from where it is, unless a new epoch begins."""
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

    async def settled(self) -> None:
        """Return when what was on its way to the venue as the settings were given has its answer,
        or is given up for. Nothing of earlier settings comes after that."""
        async with self._under_way:
            pass
        await self.taker.settled()

    def status(self) -> list[dict[str, Any]]:
        """Each market: what its quotes stand around, and how many are open."""
        self._take_events()
        return [
            {
                "symbol": symbol,
                "reference_price": price_text(
                    market.settings, _on_tick(market.settings, market.around.price)
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
        return self._maker.is_logged_on and self.taker.is_logged_on

    async def run(self) -> None:
        """Log on, then step each market when it is due. The maker needs no taker."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_connected(self.taker.client))
            await _connected(self._maker)
            _log.info("liquidity_up", markets=[*self._markets])
            while True:
                await self._turn()

    async def _turn(self) -> None:
        self._take_events()
        if self._maker.is_logged_on and not self._is_fresh:
            await self._begin_anew()
        if self._maker.is_logged_on and self._is_fresh:
            settings = self._settings
            for market in self._markets.values():
                if market.is_due(self._clock_ns()):
                    await self._step(market, settings)
                if self._settings is not settings:  # nor are these the markets any more
                    break
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
            async with self._under_way:
                outcome = await self._maker.mass_cancel(request)
        except NotLoggedOn:
            return
        self._take_events()
        if isinstance(outcome, MassCanceled):
            self._orders.clear()
            self._is_fresh = True

    def _take_events(self) -> None:
        """All that has come: events that nobody takes would stop the line."""
        self.taker.take_events()
        markets = {symbol: market.settings for symbol, market in self._markets.items()}
        for event in self._maker.take_events():
            if isinstance(event, ExecutionReport):
                self._orders.take(event, markets)
            elif isinstance(event, LoggedOn):
                self._is_fresh = False

    # --- one step ---------------------------------------------------------------------------------

    async def _step(self, market: Market, settings: LiquiditySettings) -> None:
        making = market.settings
        market.advance(settings.seed, self._clock_ns())
        band = await self._band_of(making) if market.asks_band else None
        if self._settings is not settings:
            return
        market.hold(band)
        wanted = wanted_quotes(making, settings.seed, market.around)
        for change in changes(wanted, self._orders.of(making.symbol)):
            if not market.rests(_side(change), self._clock_ns()):
                if not await self._send(market, change, settings):
                    return
        self._take_events()
        trade = wanted_trade(making, settings.seed, market.around)
        if trade is not None and self.taker.is_logged_on:
            await self._trade(market, trade, settings)

    async def _send(self, market: Market, change: Change, settings: LiquiditySettings) -> bool:
        """Whether the step may go on."""
        if not await self._may_send(settings):
            return False
        try:
            async with self._under_way:
                outcome = await self._maker.request(_request(market.settings, change))
        except NotLoggedOn:
            return False
        if self._settings is not settings:
            return False  # what the venue said was about other quotes
        if isinstance(outcome, Accepted):
            market.accept(_side(change))
        # An order that was filled meanwhile can not be changed: the next step sees that.
        elif isinstance(outcome, Refused) and outcome.text != UNKNOWN_ORDER.text.decode():
            market.refuse(_side(change), outcome.text, self._clock_ns())
        return True

    async def _trade(self, market: Market, trade: Quote, settings: LiquiditySettings) -> None:
        if not await self._may_send(settings):
            return
        making = market.settings
        price, qty = price_text(making, trade.price), lots_text(trade.lots)
        outcome = await self.taker.trade(making.symbol, trade.side, price, qty)
        if isinstance(outcome, Refused | Accepted):
            market.answer_taker(outcome.text if isinstance(outcome, Refused) else "")

    async def _may_send(self, settings: LiquiditySettings) -> bool:
        """Wait for a message's turn. False where there are other settings by then."""
        await self._pace()
        return self._settings is settings

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._next_send_s = max(self._next_send_s + 1 / self._settings.messages_per_second, now_s)
        await asyncio.sleep(self._next_send_s - now_s)


async def _connected(client: Client) -> None:
    """Log on for the first time, however long that takes; later the client does it by itself."""
    told = ""
    while True:
        try:
            await client.connect()
        except (ConnectFailed, LogonRefused) as error:
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
