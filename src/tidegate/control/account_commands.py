"""Commands about accounts' money: `deposit`, `withdraw`, `balances`, `positions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Struct

from tidegate.config.schema import REQUIRED
from tidegate.control.operators import (
    LIST_ROWS,
    Limit,
    account_named,
    bounded,
    do,
    money_of,
)
from tidegate.control.protocol import Handler, parameters_in_words
from tidegate.engine.positions import Position
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, to_text
from tidegate.oes.directory import Account
from tidegate.service import VenueService
from tidegate.venue.controls import (
    DEPOSIT_MONEY,
    WITHDRAW_MONEY,
    Control,
    DepositMoney,
    WithdrawMoney,
)
from tidegate.venue.machine import Venue


class AmountParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`amount` is a decimal of the asset."""

    account: Annotated[str, REQUIRED] = ""
    asset: Annotated[str, REQUIRED] = ""
    amount: Annotated[str, REQUIRED] = ""


class BalancesParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """Of one account, or of all."""

    account: str | None = None
    limit: Limit = LIST_ROWS


def account_commands(service: VenueService) -> dict[str, Handler]:
    """The commands about money."""
    venue = service.venue

    def moving(kind: int, control: Callable[[str, str, int], Control]) -> Handler:
        async def move(given: dict[str, Any]) -> dict[str, Any]:
            parameters = parameters_in_words(given, AmountParameters)
            account = account_named(venue, parameters.account)
            amount = money_of("amount", parameters.amount)
            await do(service, kind, control(parameters.account, parameters.asset, amount))
            return _balance(venue, account, parameters.asset)

        return move

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

    return {
        "deposit": moving(DEPOSIT_MONEY, DepositMoney),
        "withdraw": moving(WITHDRAW_MONEY, WithdrawMoney),
        "balances": balances,
        "positions": positions,
    }


def _balance(venue: Venue, account: Account, asset: str) -> dict[str, Any]:
    ledger = venue.engine.ledger
    return {
        "account": account.settings.account,
        "asset": asset,
        "available": to_text(ledger.available(account.index, asset), MONEY_DECIMALS),
        "held": to_text(ledger.held(account.index, asset), MONEY_DECIMALS),
    }


def _position(venue: Venue, position: Position) -> dict[str, Any]:
    """A margin position: `quantity` is below 0 for a short; money is in the quote asset, and
    `unrealised` at the last trade, or the index where there was none."""
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
