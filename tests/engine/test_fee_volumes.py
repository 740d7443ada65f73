"""Volumes of thirty days against sums of all trades, and the tiers that follow from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenario.settings import venue_settings
from tidegate.engine.events import Event, trade_event
from tidegate.engine.fee_volumes import FeeVolumes
from tidegate.engine.order import Order
from tidegate.engine.spot import SpotEngine
from tidegate.model import orders as fix
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.fees import CRYPTO, FX, FeeSchedule, FeeTier, built_in_fee_schedules
from tidegate.model.instruments import Instrument, built_in_instruments
from tidegate.model.settings import Deposit, VenueSettings
from tidegate.model.time import NS_PER_S, S_PER_DAY

DAY_NS = S_PER_DAY * NS_PER_S
TODAY_NS = 20_000 * DAY_NS
DOLLAR = 10**10
PAIRS = {pair.symbol: pair for pair in built_in_instruments()}


class Volumes:
    """Fee volumes with the engine whose prices they take."""

    def __init__(self, settings: VenueSettings | None = None) -> None:
        self.settings = settings or venue_settings()
        self.engine = SpotEngine()
        for pair in self.settings.instruments:
            self.engine.add_instrument(pair)
        self.fees = FeeVolumes(self.engine)
        self.fees.adopt(self.settings)

    def trade(self, account: int, money: int, time_ns: int, symbol: str = "BTC/USD") -> None:
        self.fees.traded(trade(account, PAIRS[symbol], money, time_ns))

    def volume(self, account: int, time_ns: int) -> int:
        return self.fees.volume_money(account, time_ns)

    def saved(self) -> bytes:
        encoder = Encoder()
        self.fees.save(encoder)
        return encoder.value()

    def reload(self) -> None:
        before = self.saved()
        self.fees = FeeVolumes(self.engine)
        self.fees.adopt(self.settings)
        decoder = Decoder(before)
        self.fees.load(decoder)
        assert decoder.at_end()
        assert self.saved() == before


def trade(account: int, pair: Instrument, money: int, time_ns: int) -> Event:
    order = Order(
        number=1, account=account, session=0, epoch=1, instrument=pair, side=fix.BUY,
        ord_type=fix.LIMIT, time_in_force=fix.GTC, price=1, qty_lots=1, post_only=False,
        stp_mode=fix.STP_CANCEL_NEWEST, stp_group=b"", cl_ord_id=b"1", symbol=pair.symbol_text,
        exec_inst=b"", alloc_account=b"", maker_rate=0, taker_rate=0, entered_ns=time_ns,
    )  # fmt: skip
    event = trade_event(order, time_ns)
    event.last_money = money
    return event


def test_the_window_is_the_day_and_the_29_before_it() -> None:
    volumes = Volumes()
    volumes.trade(0, 5, TODAY_NS + DAY_NS - 1)
    volumes.trade(0, 7, TODAY_NS + DAY_NS)
    assert volumes.volume(0, TODAY_NS + DAY_NS) == 12
    assert volumes.volume(0, TODAY_NS + 30 * DAY_NS - 1) == 12
    assert volumes.volume(0, TODAY_NS + 30 * DAY_NS) == 7
    assert volumes.volume(0, TODAY_NS + 31 * DAY_NS) == 0
    assert volumes.volume(1, TODAY_NS) == 0
    volumes.trade(0, 1, TODAY_NS + 30 * DAY_NS)
    assert volumes.volume(0, TODAY_NS + 30 * DAY_NS) == 8


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),  # account
            st.one_of(st.integers(0, 3), st.integers(0, 70)),  # days since the trade before
            st.integers(0, 10**14),
        ),
        max_size=40,
    ),
    st.integers(0, 40),
)
def test_against_the_sum_of_all_trades(trades: list[tuple[int, int, int]], later: int) -> None:
    volumes = Volumes()
    told: list[tuple[int, int, int]] = []
    day = 20_000
    for account, passed, money in trades:
        day += passed
        told.append((account, day, money))
        volumes.trade(account, money, day * DAY_NS + passed)
        volumes.reload()
        for place in range(3):
            for asked in (day, day + later):
                expected = sum(m for a, d, m in told if a == place and asked - 30 < d <= asked)
                assert volumes.volume(place, asked * DAY_NS) == expected


def test_other_quotes_are_worth_their_last_trade_else_index_else_setting_else_nothing() -> None:
    settings = venue_settings()
    settings.usd_prices = [Deposit(asset="EUR", amount=11 * 10**9)]
    volumes = Volumes(settings)

    def volume_of(money: int) -> int:
        before = volumes.volume(0, TODAY_NS)
        volumes.trade(0, money, TODAY_NS, "BTC/EUR")
        return volumes.volume(0, TODAY_NS) - before

    assert volume_of(100 * DOLLAR) == 110 * DOLLAR
    state = volumes.engine.market_state("EUR/USD")
    state.index_price = 120_000
    assert volume_of(100 * DOLLAR) == 120 * DOLLAR
    state.last_price = 105_001
    assert volume_of(100 * DOLLAR) == 1050010 * DOLLAR // 10**4
    assert volume_of(1) == 1  # rounded down
    volumes.trade(1, DOLLAR, TODAY_NS, "BTC/USDT")
    assert volumes.volume(1, TODAY_NS) == 0


def test_tiers_begin_at_their_volume() -> None:
    volumes = Volumes()
    bitcoin, euro = PAIRS["BTC/USD"], PAIRS["EUR/USD"]

    def rates(pair: Instrument) -> tuple[int, int]:
        tier = volumes.fees.tier(0, pair, TODAY_NS)
        assert tier is not None
        return tier.maker_rate, tier.taker_rate

    assert rates(bitcoin) == (2_500, 4_000)
    volumes.trade(0, 10_000 * DOLLAR - 1, TODAY_NS)
    assert rates(bitcoin) == (2_500, 4_000)
    volumes.trade(0, 1, TODAY_NS)
    assert rates(bitcoin) == (2_000, 3_500)
    assert rates(euro) == (2_000, 2_000)
    volumes.trade(0, 10**9 * DOLLAR, TODAY_NS)
    assert (rates(bitcoin), rates(euro)) == ((0, 1_000), (0, 50))


def test_a_schedule_that_there_is_not_gives_no_tier() -> None:
    settings = venue_settings()
    settings.fee_schedules = [
        FeeSchedule(name="own", tiers=[FeeTier(volume_money=0, maker_rate=1, taker_rate=2)])
    ]
    volumes = Volumes(settings)
    assert volumes.fees.tier(0, PAIRS["BTC/USD"], TODAY_NS) is None


@pytest.mark.parametrize("schedule", built_in_fee_schedules(), ids=lambda one: one.name)
def test_built_in_schedules_rise_from_zero_and_get_no_dearer(schedule: FeeSchedule) -> None:
    volumes = [tier.volume_money for tier in schedule.tiers]
    assert volumes[0] == 0
    assert volumes == sorted(set(volumes))
    for name in ("maker_rate", "taker_rate"):
        rates = [getattr(tier, name) for tier in schedule.tiers]
        assert rates == sorted(rates, reverse=True)


def test_pairs_name_a_schedule_by_their_base() -> None:
    names = {symbol: pair.fee_schedule for symbol, pair in PAIRS.items()}
    assert {symbol for symbol, name in names.items() if name == FX} == {
        "EUR/USD",
        "USDT/USD",
        "USDC/USD",
    }
    assert set(names.values()) == {CRYPTO, FX}
