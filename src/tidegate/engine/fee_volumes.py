"""What each account has traded in thirty days, in US dollars, and the rates that follow from it.

The window is the UTC day of the question and the 29 days before it. Both sides of a trade count it,
in quote money; a quote asset other than the dollar is worth what its pair with the dollar traded at
last (or that pair's index), else what the settings say, else nothing.
"""

from __future__ import annotations

from typing import Final

from tidegate.engine.events import Event
from tidegate.engine.spot import SpotEngine
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.fees import VOLUME_DAYS, FeeSchedule, FeeTier
from tidegate.model.instruments import Instrument
from tidegate.model.scaled import MONEY_DECIMALS, POWERS_OF_TEN
from tidegate.model.settings import VenueSettings
from tidegate.model.time import NS_PER_S, S_PER_DAY

_DAY_NS: Final = S_PER_DAY * NS_PER_S
_MONEY_UNIT: Final = POWERS_OF_TEN[MONEY_DECIMALS]
_DOLLAR: Final = "USD"


class _AccountVolume:
    """One account's days in a ring: the place of a day is its number modulo the window's length.
    `day` is the newest one with a trade, `total` the window that ends with it."""

    def __init__(self) -> None:
        self.day = 0
        self.total = 0
        self.days: list[int] = [0] * VOLUME_DAYS

    def add(self, day: int, money: int) -> None:
        """A trade; days do not go back."""
        if day > self.day:
            self.total = self.at(day)
            for passed in range(max(self.day, day - VOLUME_DAYS) + 1, day + 1):
                self.days[passed % VOLUME_DAYS] = 0
            self.day = day
        place = self.day % VOLUME_DAYS
        self.days[place] = self.days[place] + money  # `+=` on an item would be done boxed
        self.total += money

    def at(self, day: int) -> int:
        """The volume of the window that ends with a day, which may have no trade yet."""
        if day <= self.day:
            return self.total
        if day - self.day >= VOLUME_DAYS:
            return 0
        left = self.total
        for passed in range(self.day + 1, day + 1):
            left -= self.days[passed % VOLUME_DAYS]
        return left


class FeeVolumes:
    """The volumes of all accounts, by account index, and the schedules, by name."""

    def __init__(self, engine: SpotEngine) -> None:
        self._engine = engine
        self._schedules: dict[str, FeeSchedule] = {}
        self._dollar_pairs: dict[str, Instrument] = {}  # by base asset
        self._dollar_prices: dict[str, int] = {}
        self._accounts: list[_AccountVolume] = []

    def adopt(self, settings: VenueSettings) -> None:
        """Take schedules and prices. What was traded before keeps the value that it had then."""
        self._schedules = {schedule.name: schedule for schedule in settings.fee_schedules}
        self._dollar_pairs = {
            instrument.base: instrument
            for instrument in settings.instruments
            if instrument.quote == _DOLLAR
        }
        self._dollar_prices = {price.asset: price.amount for price in settings.usd_prices}

    def traded(self, event: Event) -> None:
        """One side of a trade."""
        order = event.order
        quote = order.instrument.quote
        money = event.last_money
        self._volume_of(order.account).add(
            event.time_ns // _DAY_NS, money if quote == _DOLLAR else self._in_dollars(quote, money)
        )

    def volume_money(self, account: int, now_ns: int) -> int:
        """The account's volume of thirty days, in 1e-10 of a US dollar."""
        if account >= len(self._accounts):
            return 0
        return self._accounts[account].at(now_ns // _DAY_NS)

    def tier(self, account: int, instrument: Instrument, now_ns: int) -> FeeTier | None:
        """The account's tier of the schedule that the instrument names; None where there is no
        such schedule."""
        schedule = self._schedules.get(instrument.fee_schedule)
        return None if schedule is None else schedule.tier(self.volume_money(account, now_ns))

    def _volume_of(self, account: int) -> _AccountVolume:
        while account >= len(self._accounts):
            self._accounts.append(_AccountVolume())
        return self._accounts[account]

    def _in_dollars(self, asset: str, money: int) -> int:
        pair = self._dollar_pairs.get(asset)
        if pair is not None:
            price = self._engine.market_state(pair.symbol).mark_price
            if price:
                return money * price // POWERS_OF_TEN[pair.price_decimals]
        return money * self._dollar_prices.get(asset, 0) // _MONEY_UNIT

    def save(self, encoder: Encoder) -> None:
        """Accounts that have traded, with the days of their window from the newest back."""
        traded = [index for index, volume in enumerate(self._accounts) if volume.day > 0]
        encoder.uint(len(traded))
        for index in traded:
            volume = self._accounts[index]
            encoder.uint(index)
            encoder.uint(volume.day)
            for back in range(VOLUME_DAYS):
                encoder.uint(volume.days[(volume.day - back) % VOLUME_DAYS])

    def load(self, decoder: Decoder) -> None:
        self._accounts = []
        for _ in range(decoder.uint()):
            volume = self._volume_of(decoder.uint())
            volume.day = decoder.uint()
            for back in range(VOLUME_DAYS):
                money = decoder.uint()
                volume.days[(volume.day - back) % VOLUME_DAYS] = money
                volume.total += money
