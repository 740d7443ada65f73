"""Commands about fees: `fees` lists them, `fees-account` and `fees-schedule` set them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Struct

from tidegate.config.convert import PERCENT_DECIMALS
from tidegate.config.schema import REQUIRED
from tidegate.control.operators import (
    ListParameters,
    account_named,
    bounded,
    decimal_of,
    do,
    rate_of,
)
from tidegate.control.protocol import ControlError, Handler, parameters_in_words
from tidegate.model.fees import FeeSchedule, FeeTier
from tidegate.model.scaled import MONEY_DECIMALS, to_text
from tidegate.model.settings import AccountSettings
from tidegate.service import VenueService
from tidegate.venue.controls import (
    SET_ACCOUNT_FEES,
    SET_FEE_SCHEDULE,
    SetAccountFees,
    SetFeeSchedule,
)
from tidegate.venue.machine import Venue
from tidegate.venue.money_controls import FEES_BY_VOLUME, FEES_DEFAULT, FEES_FIXED

_SOURCES: Final = {"default": FEES_DEFAULT, "by-volume": FEES_BY_VOLUME, "fixed": FEES_FIXED}


class AccountFeesParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`source` is `fixed`, with both percentages, or `by-volume`, or `default`, which is what the
    configuration says."""

    account: Annotated[str, REQUIRED] = ""
    source: Annotated[str, REQUIRED] = ""
    maker_percent: str | None = None
    taker_percent: str | None = None


class TierParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """From this volume on, in US dollars of thirty days."""

    volume: Annotated[str, REQUIRED] = ""
    maker_percent: Annotated[str, REQUIRED] = ""
    taker_percent: Annotated[str, REQUIRED] = ""


class ScheduleParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """Without tiers again what the configuration says."""

    schedule: Annotated[str, REQUIRED] = ""
    tiers: list[TierParameters] = []


def fee_commands(service: VenueService) -> dict[str, Handler]:
    """The commands about fees."""
    venue = service.venue

    async def fees(given: dict[str, Any]) -> dict[str, Any]:
        """Accounts that the settings name or an operator has added, and every schedule."""
        limit = parameters_in_words(given, ListParameters).limit
        rows = [account_fees(venue, account) for account in venue.settings.accounts]
        schedules = [_schedule(venue, known) for known in venue.settings.fee_schedules]
        return bounded(rows, limit) | {"schedules": schedules}

    async def fees_account(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, AccountFeesParameters)
        account = account_named(venue, parameters.account)
        await do(service, SET_ACCOUNT_FEES, _account_fees(parameters))
        return account_fees(venue, account.settings)

    async def fees_schedule(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, ScheduleParameters)
        tiers = [
            FeeTier(
                volume_money=decimal_of("volume", tier.volume, MONEY_DECIMALS),
                maker_rate=rate_of("maker_percent", tier.maker_percent),
                taker_rate=rate_of("taker_percent", tier.taker_percent),
            )
            for tier in parameters.tiers
        ]
        wanted = FeeSchedule(name=parameters.schedule, tiers=tiers)
        await do(service, SET_FEE_SCHEDULE, SetFeeSchedule(wanted))
        known = next(s for s in venue.settings.fee_schedules if s.name == parameters.schedule)
        return _schedule(venue, known)

    return {"fees": fees, "fees-account": fees_account, "fees-schedule": fees_schedule}


def account_fees(venue: Venue, settings: AccountSettings) -> dict[str, Any]:
    """What an account pays, in percent; the rates are None where they are those of its volume."""
    fixed = not settings.fees_by_volume
    return {
        "account": settings.account,
        "source": "fixed" if fixed else "by-volume",
        "maker_percent": to_text(settings.maker_rate, PERCENT_DECIMALS) if fixed else None,
        "taker_percent": to_text(settings.taker_rate, PERCENT_DECIMALS) if fixed else None,
        "set_by_operator": settings.account in venue.operated.account_fees,
    }


def _account_fees(parameters: AccountFeesParameters) -> SetAccountFees:
    source = _SOURCES.get(parameters.source)
    if source is None:
        known = ", ".join(_SOURCES)
        raise ControlError(f"source must be one of {known}, not {parameters.source[:64]!r}")
    maker, taker = parameters.maker_percent, parameters.taker_percent
    if source != FEES_FIXED:
        if maker is not None or taker is not None:
            raise ControlError("maker_percent and taker_percent go with source fixed alone")
        return SetAccountFees(parameters.account, source)
    if maker is None or taker is None:
        raise ControlError("source fixed needs maker_percent and taker_percent")
    maker_rate, taker_rate = rate_of("maker_percent", maker), rate_of("taker_percent", taker)
    return SetAccountFees(parameters.account, source, maker_rate, taker_rate)


def _schedule(venue: Venue, schedule: FeeSchedule) -> dict[str, Any]:
    return {
        "schedule": schedule.name,
        "set_by_operator": schedule.name in venue.operated.fee_schedules,
        "tiers": [
            {
                "volume": to_text(tier.volume_money, MONEY_DECIMALS),
                "maker_percent": to_text(tier.maker_rate, PERCENT_DECIMALS),
                "taker_percent": to_text(tier.taker_rate, PERCENT_DECIMALS),
            }
            for tier in schedule.tiers
        ],
    }
