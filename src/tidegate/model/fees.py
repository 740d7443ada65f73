"""Fee schedules: rates by the volume of thirty days, as data.

A venue has schedules by name (docs/spot-orders.md); an instrument names the one it goes by.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder

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
