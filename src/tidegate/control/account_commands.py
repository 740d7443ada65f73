"""Commands about accounts' money, `deposit`, `withdraw`, `balances`, `positions`, and fees: `fees`,
`fees-account`, `fees-schedule`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Struct

from tidegate.config.convert import PERCENT_DECIMALS
from tidegate.config.schema import REQUIRED
from tidegate.control.operators import (
    LIST_ROWS,
    Limit,
    account_named,
    bounded,
    decimal_of,
    do,
    money_of,
    rate_of,
)
from tidegate.control.protocol import ControlError, Handler, NoParameters, parameters_in_words
from tidegate.engine.positions import Position
from tidegate.model.fees import FeeSchedule, FeeTier
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, to_text
from tidegate.model.settings import AccountSettings
from tidegate.oes.directory import Account
from tidegate.service import VenueService
from tidegate.venue.controls import (
    DEPOSIT_MONEY,
    SET_ACCOUNT_FEES,
    SET_FEE_SCHEDULE,
    WITHDRAW_MONEY,
    DepositMoney,
    SetAccountFees,
    SetFeeSchedule,
    WithdrawMoney,
)
from tidegate.venue.machine import Venue
from tidegate.venue.money_controls import FEES_BY_VOLUME, FEES_DEFAULT, FEES_FIXED

_SOURCES: Final = {"default": FEES_DEFAULT, "by-volume": FEES_BY_VOLUME, "fixed": FEES_FIXED}


class AmountParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`amount` is a decimal of the asset."""

    account: Annotated[str, REQUIRED] = ""
    asset: Annotated[str, REQUIRED] = ""
    amount: Annotated[str, REQUIRED] = ""


class BalancesParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """Of one account, or of all."""

    account: str | None = None
    limit: Limit = LIST_ROWS


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


def account_commands(service: VenueService) -> dict[str, Handler]:
    """The commands about money and fees."""
    venue = service.venue

    async def deposit(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, AmountParameters)
        account = account_named(venue, parameters.account)
        amount = money_of("amount", parameters.amount)
        control = DepositMoney(parameters.account, parameters.asset, amount)
        await do(service, DEPOSIT_MONEY, control)
        return _balance(venue, account, parameters.asset)

    async def withdraw(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, AmountParameters)
        account = account_named(venue, parameters.account)
        amount = money_of("amount", parameters.amount)
        control = WithdrawMoney(parameters.account, parameters.asset, amount)
        await do(service, WITHDRAW_MONEY, control)
        return _balance(venue, account, parameters.asset)

    async def balances(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, BalancesParameters)
        accounts = venue.directory.accounts
        if parameters.account is not None:
            accounts = [account_named(venue, parameters.account)]
        rows = [
            _balance(venue, account, asset)
            for account in accounts
            for asset in venue.engine.ledger.assets(account.index)
        ]
        return bounded(rows, parameters.limit)

    async def positions(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, BalancesParameters)
        found = venue.engine.margin.positions.all()
        if parameters.account is not None:
            account = account_named(venue, parameters.account)
            found = venue.engine.margin.positions.of_account(account.index)
        return bounded([_position(venue, position) for position in found], parameters.limit)

    async def fees(given: dict[str, Any]) -> dict[str, Any]:
        parameters_in_words(given, NoParameters)
        return {
            "accounts": [account_fees(venue, account.settings) for account in _traded(venue)],
            "schedules": [_schedule(venue, known) for known in venue.settings.fee_schedules],
        }

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

    return {
        "deposit": deposit,
        "withdraw": withdraw,
        "balances": balances,
        "positions": positions,
        "fees": fees,
        "fees-account": fees_account,
        "fees-schedule": fees_schedule,
    }


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


def _traded(venue: Venue) -> list[Account]:
    """Accounts that the settings name, or an operator has added."""
    return [venue.directory.account_by_name[a.account.encode()] for a in venue.settings.accounts]


def _balance(venue: Venue, account: Account, asset: str) -> dict[str, Any]:
    ledger = venue.engine.ledger
    return {
        "account": account.settings.account,
        "asset": asset,
        "available": to_text(ledger.available(account.index, asset), MONEY_DECIMALS),
        "held": to_text(ledger.held(account.index, asset), MONEY_DECIMALS),
    }


def _position(venue: Venue, position: Position) -> dict[str, Any]:
    """A margin position: `quantity` is below 0 for a short; money is in the quote asset. `unrealised`
    is at the last trade, or the index where there was none."""
    instrument = venue.instruments[position.symbol]
    mark_price = venue.engine.market_state(position.symbol).mark_price
    worth = instrument.money(mark_price, abs(position.lots))
    return {
        "account": venue.directory.accounts[position.account].settings.account,
        "symbol": position.symbol,
        "quantity": to_text(position.lots, LOT_DECIMALS),
        "cost": to_text(position.cost_money, MONEY_DECIMALS),
        "margin": to_text(position.margin_money, MONEY_DECIMALS),
        "unrealised": to_text(position.result(worth), MONEY_DECIMALS) if mark_price else None,
    }


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
