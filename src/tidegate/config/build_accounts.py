"""Accounts of a file without mistakes as the core's settings.

A sub-account has what its account has, unless it says otherwise; balances alone are its own.
"""

from __future__ import annotations

from typing import TypeVar

from tidegate.config import convert
from tidegate.config.builtin import FEES_BY_VOLUME, NO_RATE_TIER
from tidegate.config.rules_fees import fee_tiers
from tidegate.config.rules_firms import Holder, holders
from tidegate.config.schema import ConfigFile, FirmTable, HolderTable
from tidegate.model.limits import POSITIONS_MAX, SCHEDULED_ORDERS_MAX
from tidegate.model.settings import AccountSettings, Deposit

_Value = TypeVar("_Value")


def amounts(texts: dict[str, str]) -> list[Deposit]:
    """Sorted: the order of lines in a file is no fact about the venue."""
    return [
        Deposit(asset=asset, amount=convert.money(amount))
        for asset, amount in sorted(texts.items())
    ]


def account_settings(file: ConfigFile, firm: FirmTable) -> list[AccountSettings]:
    """The accounts of a firm, each followed by its sub-accounts."""
    return [_settings(file, firm, holder) for holder in holders(firm, ())]


def _settings(file: ConfigFile, firm: FirmTable, holder: Holder) -> AccountSettings:
    table, parent = holder.table, holder.parent
    chain = [table] if parent is None else [table, parent]
    maker_rate, taker_rate, by_volume = _fees(file, chain)
    rate_tier = _said([one.rate_tier for one in chain], file.rates.default_tier)
    allowance: dict[str, str] = _said([one.margin_allowance for one in chain], {})
    return AccountSettings(
        account=table.id,
        firm=firm.name,
        parent="" if parent is None else parent.id,
        maker_rate=maker_rate,
        taker_rate=taker_rate,
        enabled=all(one.enabled for one in chain),
        deposits=[deposit for deposit in amounts(table.balances) if deposit.amount > 0],
        fees_by_volume=by_volume,
        rate_tier="" if rate_tier == NO_RATE_TIER else rate_tier,
        scheduled_orders_max=_said(
            [one.scheduled_orders_max for one in chain], SCHEDULED_ORDERS_MAX
        ),
        leverage=_said([one.leverage for one in chain], 0),
        positions_max=_said([one.positions_max for one in chain], POSITIONS_MAX),
        opposing_positions=_said([one.opposing_positions for one in chain], True),
        margin_allowance=amounts(allowance),
    )


def _said(chain: list[_Value | None], otherwise: _Value) -> _Value:
    """What the account says, else what its master says, else the default."""
    return next((value for value in chain if value is not None), otherwise)


def _fees(file: ConfigFile, chain: list[HolderTable]) -> tuple[int, int, bool]:
    """Maker and taker rate in millionths, and whether those of the volume go before them; then they
    are what the first row says, for pairs whose schedule the settings have lost."""
    name = file.fees.default_tier
    for table in chain:
        if table.maker_percent is not None and table.taker_percent is not None:
            return convert.rate(table.maker_percent), convert.rate(table.taker_percent), False
        if table.fee_tier is not None:
            name = table.fee_tier
            break
    by_volume = name == FEES_BY_VOLUME
    maker, taker = fee_tiers(file)["0" if by_volume else name]
    return convert.rate(maker), convert.rate(taker), by_volume
