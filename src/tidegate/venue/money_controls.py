"""Controls of accounts' money: deposits, withdrawals, fees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.fees import FeeSchedule
from tidegate.model.limits import FEE_TIERS_MAX
from tidegate.model.scaled import MONEY_DECIMALS, RATE_UNIT, to_text
from tidegate.oes.directory import Account
from tidegate.venue.control import Control, ControlRefused, check_no_session, check_range
from tidegate.venue.operated import AccountFees

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue

MONEY_MAX: Final[int] = 10 ** (18 + MONEY_DECIMALS)  # 18 digits before the point

# Where an account's fees come from
FEES_DEFAULT: Final = 0  # as the settings have them
FEES_FIXED: Final = 1
FEES_BY_VOLUME: Final = 2


class _MoneyMoved(Control):
    """Money between an account and the world outside. `amount` is in 1e-10 of the asset."""

    def __init__(self, account: str, asset: str, amount: int) -> None:
        self.account = account
        self.asset = asset
        self.amount = amount

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.account)
        encoder.text(self.asset)
        encoder.uint(self.amount)
        return encoder.value()

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        account = checked_account(venue, self.account)
        _check_asset(venue, account, self.asset)
        check_range("amount", self.amount, 1, MONEY_MAX)


class DepositMoney(_MoneyMoved):
    """Money comes in from outside."""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        account = decoder.text()
        asset = decoder.text()
        return DepositMoney(account, asset, decoder.uint())

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        account = checked_account(venue, self.account)
        venue.engine.ledger.deposit(account.index, self.asset, self.amount)


class WithdrawMoney(_MoneyMoved):
    """Money that is available goes out."""

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        account = decoder.text()
        asset = decoder.text()
        return WithdrawMoney(account, asset, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        super().check(venue, session_index)
        account = checked_account(venue, self.account)
        available = venue.engine.ledger.available(account.index, self.asset)
        if self.amount > available:
            raise ControlRefused(
                f"amount must be at most the {to_text(available, MONEY_DECIMALS)} {self.asset} "
                f"that account {self.account} has available"
            )

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        account = checked_account(venue, self.account)
        venue.engine.ledger.withdraw(account.index, self.asset, self.amount)


class SetAccountFees(Control):
    """The fees of orders that an account enters from now on: two rates in millionths, or those of
    its volume, or again what its settings say."""

    def __init__(self, account: str, source: int, maker_rate: int = 0, taker_rate: int = 0) -> None:
        self.account = account
        self.source = source
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate

    def encode(self) -> bytes:
        encoder = Encoder()
        encoder.text(self.account)
        encoder.uint(self.source)
        encoder.uint(self.maker_rate)
        encoder.uint(self.taker_rate)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        account = decoder.text()
        source = decoder.uint()
        maker_rate = decoder.uint()
        return SetAccountFees(account, source, maker_rate, decoder.uint())

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        checked_account(venue, self.account)
        check_range("source", self.source, FEES_DEFAULT, FEES_BY_VOLUME)
        most = RATE_UNIT if self.source == FEES_FIXED else 0
        check_range("maker_rate", self.maker_rate, 0, most)
        check_range("taker_rate", self.taker_rate, 0, most)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        fees = venue.operated.account_fees
        if self.source == FEES_DEFAULT:
            fees.pop(self.account, None)
        else:
            by_volume = self.source == FEES_BY_VOLUME
            fees[self.account] = AccountFees(self.maker_rate, self.taker_rate, by_volume=by_volume)
        venue.adopt_again()


class SetFeeSchedule(Control):
    """The tiers of a fee schedule, for orders that are entered from now on; without tiers again
    what the settings say."""

    def __init__(self, schedule: FeeSchedule) -> None:
        self.schedule = schedule

    def encode(self) -> bytes:
        encoder = Encoder()
        self.schedule.save(encoder)
        return encoder.value()

    @staticmethod
    def decode(decoder: Decoder) -> Control:
        return SetFeeSchedule(FeeSchedule.load(decoder))

    def check(self, venue: Venue, session_index: int) -> None:
        check_no_session(session_index)
        name = self.schedule.name
        known = [schedule.name for schedule in venue.settings.fee_schedules]
        if name not in known:
            there_are = ", ".join(known) or "none"
            raise ControlRefused(f"schedule must be one of {there_are}, not {name!r}")
        check_range("number of tiers", len(self.schedule.tiers), 0, FEE_TIERS_MAX)
        volume_money = -1
        for tier in self.schedule.tiers:
            if volume_money < 0 and tier.volume_money != 0:
                raise ControlRefused("tiers must begin with volume 0")
            if tier.volume_money <= volume_money:
                raise ControlRefused("tiers must be in the order of rising volumes")
            volume_money = tier.volume_money
            check_range("maker_rate", tier.maker_rate, 0, RATE_UNIT)
            check_range("taker_rate", tier.taker_rate, 0, RATE_UNIT)

    def apply(self, venue: Venue, session_index: int, time_ns: int) -> None:
        schedules = venue.operated.fee_schedules
        if self.schedule.tiers:
            schedules[self.schedule.name] = self.schedule
        else:
            schedules.pop(self.schedule.name, None)
        venue.adopt_again()


def checked_account(venue: Venue, name: str) -> Account:
    """Any account that has ever been: one that the settings no longer name keeps its money."""
    account = venue.directory.account_by_name.get(name.encode())
    if account is None:
        raise ControlRefused(f"account must be the name of one, not {name!r}")
    return account


def _check_asset(venue: Venue, account: Account, asset: str) -> None:
    for instrument in venue.instruments.values():
        if asset == instrument.base or asset == instrument.quote:
            return
    if asset not in venue.engine.ledger.assets(account.index):
        raise ControlRefused(f"asset must be one of those that are traded here, not {asset!r}")
