"""Rules of rate limits: a file of their own, in the same form, and the tiers that it names.

`[rates]` names the file; accounts name tiers. Without a file the rules are those of the dialect.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from tidegate.config import convert
from tidegate.config.builtin import NO_RATE_TIER
from tidegate.config.lines import KeyPath, Lines
from tidegate.config.problems import Findings
from tidegate.config.rules import convertible
from tidegate.config.schema import REQUIRED, DecimalText, Name
from tidegate.config.shape import walk_table
from tidegate.model.rates import AgeCost, RateRules, RateTier, built_in_rates

RATES_BYTES_MAX: Final = 1024 * 1024
ROWS_MAX: Final = 100  # of ages, and of tiers


class AgeTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[age]]`: what requests cost beside their fixed part for an order younger than that."""

    below_s: Annotated[int, Meta(ge=1, le=86_400), REQUIRED] = 1
    amend: DecimalText = "0"
    cancel: DecimalText = "0"


class TierTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[tier]]`: points that decay in a second, points there may be, open orders in one pair (0:
    no bound)."""

    name: Annotated[Name, REQUIRED] = ""
    decay_per_s: Annotated[DecimalText, REQUIRED] = ""
    threshold: Annotated[DecimalText, REQUIRED] = ""
    open_orders_per_pair: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class RatesFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file. Points have two decimals."""

    add: DecimalText = "1"
    amend: DecimalText = "1"
    domain_factor: Annotated[int, Meta(ge=1, le=1_000)] = 5
    age: list[AgeTable] = []
    tier: list[TierTable] = []


def read_rates(name: str, base: Path) -> tuple[RateRules | None, list[str]]:
    """The rules in the file `name`, a path relative to `base`, or what is wrong with it. An empty
    name gives the dialect's own."""
    if not name:
        return built_in_rates(), []
    try:
        with (base / name).open("rb") as file:
            data = file.read(RATES_BYTES_MAX + 1)
        if len(data) > RATES_BYTES_MAX:
            return None, [f"more than {RATES_BYTES_MAX} bytes"]
        text = data.decode("utf-8-sig")
        tree = tomllib.loads(text)
    except OSError as error:
        return None, [f"cannot be read: {error.strerror}"]
    except UnicodeDecodeError:
        return None, ["is not UTF-8 text"]
    except (RecursionError, ValueError) as error:
        return None, [f"is not TOML: {error}"]
    findings = Findings(Lines(text))
    table = msgspec.convert(walk_table(RatesFile, tree, (), findings), RatesFile)
    _check(table, findings)
    problems = [str(problem) for problem in findings.in_order()]
    return (None, problems) if problems else (_rules(table), [])


def _check(table: RatesFile, findings: Findings) -> None:
    for name in ("add", "amend"):
        _check_points(findings, (name,), getattr(table, name))
    for kind, rows in (("age", len(table.age)), ("tier", len(table.tier))):
        if rows > ROWS_MAX:
            findings.add((kind,), f"{kind} must have at most {ROWS_MAX} rows, not {rows}")
    if not table.tier and findings.sound(("tier",)):
        findings.add((), "tier is missing: there must be at least one [[tier]]")
    below_s = 0
    for index, age in enumerate(table.age):
        path: KeyPath = ("age", index)
        if age.below_s <= below_s and findings.sound((*path, "below_s")):
            findings.add((*path, "below_s"), "below_s must be above that of the row before")
        below_s = age.below_s
        for name in ("amend", "cancel"):
            _check_points(findings, (*path, name), getattr(age, name))
    names: set[str] = {NO_RATE_TIER}
    for index, tier in enumerate(table.tier):
        path = ("tier", index)
        if tier.name in names:
            findings.add((*path, "name"), f"name {tier.name} is taken")
        names.add(tier.name)
        _check_points(findings, (*path, "decay_per_s"), tier.decay_per_s)
        place = (*path, "threshold")
        if _check_points(findings, place, tier.threshold) and not convert.centi(tier.threshold):
            findings.add(place, f'threshold must be above 0; rate_tier "{NO_RATE_TIER}" has none')


def _check_points(findings: Findings, path: KeyPath, text: str) -> bool:
    """Whether a number of points is one. What is missing has been told."""
    return bool(text) and findings.sound(path) and convertible(findings, path, text, convert.centi)


def _rules(table: RatesFile) -> RateRules:
    return RateRules(
        add_centi=convert.centi(table.add),
        amend_centi=convert.centi(table.amend),
        ages=[
            AgeCost(row.below_s, convert.centi(row.amend), convert.centi(row.cancel))
            for row in table.age
        ],
        domain_factor=table.domain_factor,
        tiers=[
            RateTier(
                name=row.name,
                decay_centi=convert.centi(row.decay_per_s),
                threshold_centi=convert.centi(row.threshold),
                open_orders_per_pair=row.open_orders_per_pair,
            )
            for row in table.tier
        ],
    )


class TierNames:
    """The names that `rate_tier` may have; any while the file of the rules is not looked at, or
    has mistakes of its own."""

    def __init__(self, rules: RateRules | None) -> None:
        self._known = None if rules is None else [tier.name for tier in rules.tiers]

    def check(self, findings: Findings, path: KeyPath, name: str) -> None:
        if self._known is None or name in (NO_RATE_TIER, *self._known) or not findings.sound(path):
            return
        known = ", ".join((*self._known, NO_RATE_TIER))
        findings.add(path, f'{path[-1]} must be one of {known}, not "{name}"')


def check_rates(name: str, default: str, findings: Findings, base: Path | None) -> TierNames:
    """`[rates]`. The file is looked at only where `base`, its directory, is known."""
    rules: RateRules | None = None
    path: KeyPath = ("rates", "file")
    if (base is not None or not name) and findings.sound(path):
        rules, problems = read_rates(name, base or Path())
        for problem in problems:
            findings.add(path, f'file "{name}" {problem}')
    names = TierNames(rules)
    names.check(findings, ("rates", "default_tier"), default)
    return names
