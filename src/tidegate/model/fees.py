"""Fee schedules: rates by the volume of thirty days, as data.

A venue has schedules by name (docs/spot-orders.md); an instrument names the one it goes by.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.scaled import MONEY_DECIMALS, POWERS_OF_TEN

VOLUME_DAYS: Final = 30


class FeeTier:
    """Rates in millionths from a volume on, which is in 1e-10 of a US dollar."""

    def __init__(self, *, volume_money: int, maker_rate: int, taker_rate: int) -> None:
        self.volume_money = volume_money
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate


class FeeSchedule:
    """Tiers by rising volume; the first is from 0 on."""

    def __init__(self, *, name: str, tiers: list[FeeTier]) -> None:
        self.name = name
        self.tiers = tiers

    def tier(self, volume_money: int) -> FeeTier:
        """The tier of a volume."""
        found = self.tiers[0]
        for tier in self.tiers:
            if tier.volume_money > volume_money:
                break
            found = tier
        return found

    def save(self, encoder: Encoder) -> None:
        encoder.text(self.name)
        encoder.uint(len(self.tiers))
        for tier in self.tiers:
            encoder.uint(tier.volume_money)
            encoder.uint(tier.maker_rate)
            encoder.uint(tier.taker_rate)

    @staticmethod
    def load(decoder: Decoder) -> FeeSchedule:
        return FeeSchedule(
            name=decoder.text(),
            tiers=[
                FeeTier(
                    volume_money=decoder.uint(),
                    maker_rate=decoder.uint(),
                    taker_rate=decoder.uint(),
                )
                for _ in range(decoder.uint())
            ],
        )


# US dollars of volume; maker and taker in millionths
_CRYPTO: Final = [
    (0, 2_500, 4_000),
    (10_000, 2_000, 3_500),
    (50_000, 1_400, 2_400),
    (100_000, 1_200, 2_200),
    (250_000, 1_000, 2_000),
    (500_000, 800, 1_800),
    (1_000_000, 600, 1_600),
    (2_500_000, 400, 1_400),
    (5_000_000, 200, 1_200),
    (10_000_000, 0, 1_000),
]

# Pairs whose base asset is a currency or stands for one. No numbers are public; these are ours.
_FX: Final = [
    (0, 2_000, 2_000),
    (50_000, 1_600, 1_600),
    (100_000, 1_200, 1_200),
    (250_000, 800, 800),
    (500_000, 400, 400),
    (1_000_000, 200, 200),
    (5_000_000, 0, 100),
    (10_000_000, 0, 50),
]

CRYPTO: Final = "crypto"
FX: Final = "fx"


def built_in_fee_schedules() -> list[FeeSchedule]:
    """The dialect's ladder, and the one for pairs of currencies."""
    return [
        FeeSchedule(
            name=name,
            tiers=[
                FeeTier(
                    volume_money=dollars * POWERS_OF_TEN[MONEY_DECIMALS],
                    maker_rate=maker_rate,
                    taker_rate=taker_rate,
                )
                for dollars, maker_rate, taker_rate in rows
            ],
        )
        for name, rows in ((CRYPTO, _CRYPTO), (FX, _FX))
    ]
