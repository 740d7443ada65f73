"""Rate limits of order entry as data: what a request costs, by kind and age of its order.

The rules that a venue starts with are those of the dialect; a configuration may bring others.
Points are counted in hundredths, so that decay like 2.34 a second is exact.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.time import NS_PER_S


class AgeCost:
    """What a request costs beside its fixed part while its order is younger than `below_s`."""

    def __init__(self, below_s: int, amend_centi: int, cancel_centi: int) -> None:
        self.below_s = below_s
        self.amend_centi = amend_centi
        self.cancel_centi = cancel_centi


class RateTier:
    """What an account of the tier has: decay in hundredths a second, threshold in hundredths, and
    the open orders it may have in one pair."""

    def __init__(
        self, *, name: str, decay_centi: int, threshold_centi: int, open_orders_per_pair: int
    ) -> None:
        self.name = name
        self.decay_centi = decay_centi
        self.threshold_centi = threshold_centi
        self.open_orders_per_pair = open_orders_per_pair


class RateRules:
    """The whole table. `ages` rise; a domain has `domain_factor` times what its master has."""

    def __init__(
        self,
        *,
        add_centi: int,
        amend_centi: int,
        ages: list[AgeCost],
        domain_factor: int,
        tiers: list[RateTier],
    ) -> None:
        self.add_centi = add_centi
        self.amend_centi = amend_centi
        self.ages = ages
        self.domain_factor = domain_factor
        self.tiers = tiers

    def age_cost(self, age_ns: int) -> AgeCost | None:
        """The row of an order's age; None for one that is past all ages."""
        for row in self.ages:
            if age_ns < row.below_s * NS_PER_S:
                return row
        return None

    def tier(self, name: str) -> RateTier | None:
        for tier in self.tiers:
            if tier.name == name:
                return tier
        return None

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.add_centi)
        encoder.uint(self.amend_centi)
        encoder.uint(len(self.ages))
        for row in self.ages:
            encoder.uint(row.below_s)
            encoder.uint(row.amend_centi)
            encoder.uint(row.cancel_centi)
        encoder.uint(self.domain_factor)
        encoder.uint(len(self.tiers))
        for tier in self.tiers:
            encoder.text(tier.name)
            encoder.uint(tier.decay_centi)
            encoder.uint(tier.threshold_centi)
            encoder.uint(tier.open_orders_per_pair)

    @staticmethod
    def load(decoder: Decoder) -> RateRules:
        return RateRules(
            add_centi=decoder.uint(),
            amend_centi=decoder.uint(),
            ages=[
                AgeCost(decoder.uint(), decoder.uint(), decoder.uint())
                for _ in range(decoder.uint())
            ],
            domain_factor=decoder.uint(),
            tiers=[
                RateTier(
                    name=decoder.text(),
                    decay_centi=decoder.uint(),
                    threshold_centi=decoder.uint(),
                    open_orders_per_pair=decoder.uint(),
                )
                for _ in range(decoder.uint())
            ],
        )


# seconds below which it holds, amend, cancel; in points
_AGES: Final = [(5, 3, 8), (10, 2, 6), (15, 1, 5), (45, 0, 4), (90, 0, 2), (300, 0, 1)]

# name, hundredths of decay a second, threshold in points, open orders in a pair
_TIERS: Final = [
    ("starter", 100, 60, 60),
    ("intermediate", 234, 125, 80),
    ("pro", 375, 180, 225),
]


def built_in_rates() -> RateRules:
    """The dialect's own table."""
    return RateRules(
        add_centi=100,
        amend_centi=100,
        ages=[AgeCost(age, amend * 100, cancel * 100) for age, amend, cancel in _AGES],
        domain_factor=5,
        tiers=[
            RateTier(
                name=name,
                decay_centi=decay_centi,
                threshold_centi=threshold * 100,
                open_orders_per_pair=open_orders,
            )
            for name, decay_centi, threshold, open_orders in _TIERS
        ],
    )
