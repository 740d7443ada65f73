"""Rules of fees: fixed rows, schedules by volume, and what dollars are worth."""

from __future__ import annotations

from typing import Final

from tidegate.config import convert
from tidegate.config.builtin import FEES_BY_VOLUME, fee_ladder
from tidegate.config.lines import KeyPath
from tidegate.config.problems import Findings
from tidegate.config.rules import (
    assets_of,
    check_amounts,
    convertible,
    merged_instruments,
    quotes_of,
)
from tidegate.config.schema import ConfigFile, FeeStepTable
from tidegate.model.fees import FeeSchedule, FeeTier, built_in_fee_schedules
from tidegate.model.limits import FEE_TIERS_MAX

_PERCENTS: Final = ("maker_percent", "taker_percent")


def fee_tiers(file: ConfigFile) -> dict[str, tuple[str, str]]:
    """The fixed rows that an account may name: name to maker and taker percent."""
    own = {name: (tier.maker_percent, tier.taker_percent) for name, tier in file.fees.tiers.items()}
    return {**fee_ladder(), **own}


def fee_schedules(file: ConfigFile) -> list[FeeSchedule]:
    """The built-in schedules as a file without mistakes replaces them, then its own."""
    schedules = {schedule.name: schedule for schedule in built_in_fee_schedules()}
    for name, steps in file.fees.schedules.items():
        schedules[name] = FeeSchedule(
            name=name,
            tiers=[
                FeeTier(
                    volume_money=convert.money(step.volume_usd),
                    maker_rate=convert.rate(step.maker_percent),
                    taker_rate=convert.rate(step.taker_percent),
                )
                for step in steps
            ],
        )
    return list(schedules.values())


def check_fee_tier(file: ConfigFile, findings: Findings, path: KeyPath, name: str) -> None:
    """The name of a fixed row, or the word for fees by volume."""
    known = list(dict.fromkeys((FEES_BY_VOLUME, *fee_tiers(file))))
    if name not in known and findings.sound(path):
        findings.add(path, f'{path[-1]} must be one of {", ".join(known)}, not "{name}"')


def check_fees(file: ConfigFile, findings: Findings) -> None:
    """`[fees]`: percentages, the order of volumes, and names that go nowhere."""
    fees = file.fees
    check_fee_tier(file, findings, ("fees", "default_tier"), fees.default_tier)
    for name, tier in fees.tiers.items():
        path: KeyPath = ("fees", "tiers", name)
        if name == FEES_BY_VOLUME:
            findings.add(path, f'"{name}" stands for fees by volume and can not name a row')
        for field in _PERCENTS:
            _check_rate(findings, (*path, field), getattr(tier, field))
    for name, steps in fees.schedules.items():
        _check_schedule(findings, ("fees", "schedules", name), name, steps)
    _check_usd_prices(file, findings)
    _check_references(file, findings)


def _check_usd_prices(file: ConfigFile, findings: Findings) -> None:
    """Volume is counted in the quote asset of what was traded: no other asset needs a price."""
    prices = file.fees.usd_prices
    assets = assets_of(file)
    check_amounts(findings, ("fees", "usd_prices"), prices, assets)
    quotes = quotes_of(file)
    for asset in prices:
        path: KeyPath = ("fees", "usd_prices", asset)
        if asset == "USD":
            findings.add(path, "USD is what the prices are in and needs none")
        elif asset in assets and asset not in quotes:
            findings.add(path, f"{asset} needs no price: no instrument is quoted in it")


def _check_schedule(
    findings: Findings, path: KeyPath, name: str, steps: list[FeeStepTable]
) -> None:
    if not findings.sound(path):
        return
    if not 1 <= len(steps) <= FEE_TIERS_MAX:
        findings.add(path, f"{name} must have 1 to {FEE_TIERS_MAX} steps, not {len(steps)}")
    before = -1
    for index, step in enumerate(steps):
        for field in _PERCENTS:
            _check_rate(findings, (*path, index, field), getattr(step, field))
        place: KeyPath = (*path, index, "volume_usd")
        if not step.volume_usd or not convertible(findings, place, step.volume_usd, convert.money):
            return
        volume = convert.money(step.volume_usd)
        if index == 0 and volume:
            findings.add(place, f"volume_usd of the first step must be 0, not {step.volume_usd}")
        elif volume <= before:
            findings.add(place, "volume_usd must be above that of the step before")
        before = volume


def _check_rate(findings: Findings, path: KeyPath, percent: str) -> None:
    if percent and findings.sound(path):
        convertible(findings, path, percent, convert.rate)


def _check_references(file: ConfigFile, findings: Findings) -> None:
    """Each pair names a schedule that there is."""
    known = [schedule.name for schedule in built_in_fee_schedules()]
    known += [name for name in file.fees.schedules if name not in known]
    for pair, index in merged_instruments(file):
        if pair is not None and index is not None and pair.fee_schedule not in known:
            findings.add(
                ("instrument", index, "fee_schedule"),
                f'fee_schedule must be one of {", ".join(known)}, not "{pair.fee_schedule}"',
            )
