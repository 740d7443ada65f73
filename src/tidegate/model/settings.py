"""What the core must know of a venue's configuration: instruments, accounts, sessions.

Settings reach the core as one record and are part of its state, so that a replay needs no
configuration file. Secrets and source addresses are not here: the gateway keeps those.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.fees import FeeSchedule, built_in_fee_schedules
from tidegate.model.instruments import Instrument
from tidegate.model.limits import OPEN_ORDERS_PER_SESSION, POSITIONS_MAX, SCHEDULED_ORDERS_MAX
from tidegate.model.rates import RateRules, built_in_rates

# ClOrdID policies
CL_ORD_ID_INCREASING: Final = 0  # Kraken's rule: numbers increase, UUIDs are fresh and unique
CL_ORD_ID_TIMED: Final = 1  # also: a number is a time in microseconds within the UUID window

# Policies for a second logon while the first link is alive
DUPLICATE_REJECT: Final = 0
DUPLICATE_DISPLACE: Final = 1

# Policies for the end of the day
ROLLOVER_DAILY: Final = 0
ROLLOVER_NEVER: Final = 1  # sessions and their numbers go on until the client resets them


class Deposit:
    """An amount of an asset, in 1e-10 of it: what an account is opened with, or may borrow."""

    def __init__(self, *, asset: str, amount: int) -> None:
        self.asset = asset
        self.amount = amount


def save_amounts(amounts: list[Deposit], encoder: Encoder) -> None:
    encoder.uint(len(amounts))
    for amount in amounts:
        encoder.text(amount.asset)
        encoder.uint(amount.amount)


def load_amounts(decoder: Decoder) -> list[Deposit]:
    return [Deposit(asset=decoder.text(), amount=decoder.uint()) for _ in range(decoder.uint())]


class AccountSettings:
    """An account holds balances. `parent` names the broker account whose sub-account this is.

    `fees_by_volume` takes rates from the instrument's fee schedule in place of the two here.
    `rate_tier` names a row of the rate rules, empty for none. `leverage` 0 allows no margin orders;
    `margin_allowance` is the most it may borrow, without an entry for an asset there is no bound.
    """

    def __init__(
        self,
        *,
        account: str,
        firm: str,
        parent: str,
        maker_rate: int,
        taker_rate: int,
        enabled: bool,
        deposits: list[Deposit],
        fees_by_volume: bool = False,
        rate_tier: str = "",
        scheduled_orders_max: int = SCHEDULED_ORDERS_MAX,
        leverage: int = 0,
        positions_max: int = POSITIONS_MAX,
        opposing_positions: bool = True,
        margin_allowance: list[Deposit] | None = None,
    ) -> None:
        self.account = account
        self.firm = firm
        self.parent = parent
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate
        self.enabled = enabled
        self.deposits = deposits
        self.fees_by_volume = fees_by_volume
        self.rate_tier = rate_tier
        self.scheduled_orders_max = scheduled_orders_max
        self.leverage = leverage
        self.positions_max = positions_max
        self.opposing_positions = opposing_positions
        self.margin_allowance: list[Deposit] = margin_allowance or []

    def save(self, encoder: Encoder) -> None:
        encoder.text(self.account)
        encoder.text(self.firm)
        encoder.text(self.parent)
        encoder.uint(self.maker_rate)
        encoder.uint(self.taker_rate)
        encoder.flag(value=self.enabled)
        save_amounts(self.deposits, encoder)
        encoder.flag(value=self.fees_by_volume)
        encoder.text(self.rate_tier)
        encoder.uint(self.scheduled_orders_max)
        encoder.uint(self.leverage)
        encoder.uint(self.positions_max)
        encoder.flag(value=self.opposing_positions)
        save_amounts(self.margin_allowance, encoder)

    @staticmethod
    def load(decoder: Decoder) -> AccountSettings:
        return AccountSettings(
            account=decoder.text(),
            firm=decoder.text(),
            parent=decoder.text(),
            maker_rate=decoder.uint(),
            taker_rate=decoder.uint(),
            enabled=decoder.flag(),
            deposits=load_amounts(decoder),
            fees_by_volume=decoder.flag(),
            rate_tier=decoder.text(),
            scheduled_orders_max=decoder.uint(),
            leverage=decoder.uint(),
            positions_max=decoder.uint(),
            opposing_positions=decoder.flag(),
            margin_allowance=load_amounts(decoder),
        )


class SessionSettings:
    """One FIX session as the core sees it. `stp_group` is the self-trade prevention group where
    an order names none in SenderSubID (50); empty means the account. `disconnect_grace_s` is how
    long cancel-on-disconnect waits for the session to come back."""

    def __init__(
        self,
        *,
        sender_comp_id: str,
        target_comp_id: str,
        account: str,
        broker: bool,
        enabled: bool,
        heartbeat_min_s: int,
        heartbeat_max_s: int,
        sending_time_tolerance_s: int,
        cancel_on_disconnect: bool,
        cancel_on_logout: bool,
        cancel_on_rollover: bool,
        duplicate_logon: int,
        errors_per_second_max: int,
        token_bucket_points: int,
        token_bucket_refill_per_s: int,
        cl_ord_id_policy: int,
        cancel_scope_comp_id: bool,
        mass_cancel_account: bool,
        stp_group: str,
        open_orders_max: int = OPEN_ORDERS_PER_SESSION,
        disconnect_grace_s: int = 0,
    ) -> None:
        self.sender_comp_id = sender_comp_id
        self.target_comp_id = target_comp_id
        self.account = account
        self.broker = broker
        self.enabled = enabled
        self.heartbeat_min_s = heartbeat_min_s
        self.heartbeat_max_s = heartbeat_max_s
        self.sending_time_tolerance_s = sending_time_tolerance_s
        self.cancel_on_disconnect = cancel_on_disconnect
        self.cancel_on_logout = cancel_on_logout
        self.cancel_on_rollover = cancel_on_rollover
        self.duplicate_logon = duplicate_logon
        self.errors_per_second_max = errors_per_second_max
        self.token_bucket_points = token_bucket_points
        self.token_bucket_refill_per_s = token_bucket_refill_per_s
        self.cl_ord_id_policy = cl_ord_id_policy
        self.cancel_scope_comp_id = cancel_scope_comp_id
        self.mass_cancel_account = mass_cancel_account
        self.stp_group = stp_group
        self.open_orders_max = open_orders_max
        self.disconnect_grace_s = disconnect_grace_s

    def save(self, encoder: Encoder) -> None:
        encoder.text(self.sender_comp_id)
        encoder.text(self.target_comp_id)
        encoder.text(self.account)
        encoder.flag(value=self.broker)
        encoder.flag(value=self.enabled)
        encoder.uint(self.heartbeat_min_s)
        encoder.uint(self.heartbeat_max_s)
        encoder.uint(self.sending_time_tolerance_s)
        encoder.flag(value=self.cancel_on_disconnect)
        encoder.flag(value=self.cancel_on_logout)
        encoder.flag(value=self.cancel_on_rollover)
        encoder.uint(self.duplicate_logon)
        encoder.uint(self.errors_per_second_max)
        encoder.uint(self.token_bucket_points)
        encoder.uint(self.token_bucket_refill_per_s)
        encoder.uint(self.cl_ord_id_policy)
        encoder.flag(value=self.cancel_scope_comp_id)
        encoder.flag(value=self.mass_cancel_account)
        encoder.text(self.stp_group)
        encoder.uint(self.open_orders_max)
        encoder.uint(self.disconnect_grace_s)

    @staticmethod
    def load(decoder: Decoder) -> SessionSettings:
        return SessionSettings(
            sender_comp_id=decoder.text(),
            target_comp_id=decoder.text(),
            account=decoder.text(),
            broker=decoder.flag(),
            enabled=decoder.flag(),
            heartbeat_min_s=decoder.uint(),
            heartbeat_max_s=decoder.uint(),
            sending_time_tolerance_s=decoder.uint(),
            cancel_on_disconnect=decoder.flag(),
            cancel_on_logout=decoder.flag(),
            cancel_on_rollover=decoder.flag(),
            duplicate_logon=decoder.uint(),
            errors_per_second_max=decoder.uint(),
            token_bucket_points=decoder.uint(),
            token_bucket_refill_per_s=decoder.uint(),
            cl_ord_id_policy=decoder.uint(),
            cancel_scope_comp_id=decoder.flag(),
            mass_cancel_account=decoder.flag(),
            stp_group=decoder.text(),
            open_orders_max=decoder.uint(),
            disconnect_grace_s=decoder.uint(),
        )


class VenueSettings:
    """All of it. `rollover_s` is the second of the UTC day at which sessions roll over (79,200 is
    22:00), `rollover_length_s` how long logons are refused then, `rollover_policy` whether they do
    at all. `usd_prices` is what a unit of an asset is worth (1e-10 of a US dollar) where no market
    tells, for the volume that fees go by; `margin_pools` what the venue has to lend of an asset,
    without an entry as much as it likes."""

    def __init__(
        self,
        *,
        rollover_s: int,
        rollover_length_s: int,
        instruments: list[Instrument],
        accounts: list[AccountSettings],
        sessions: list[SessionSettings],
        rollover_policy: int = ROLLOVER_DAILY,
        rates: RateRules | None = None,
        fee_schedules: list[FeeSchedule] | None = None,
        usd_prices: list[Deposit] | None = None,
        margin_pools: list[Deposit] | None = None,
    ) -> None:
        self.rollover_policy = rollover_policy
        self.rollover_s = rollover_s
        self.rollover_length_s = rollover_length_s
        self.instruments = instruments
        self.accounts = accounts
        self.sessions = sessions
        self.rates: RateRules = rates or built_in_rates()
        self.fee_schedules: list[FeeSchedule] = fee_schedules or built_in_fee_schedules()
        self.usd_prices: list[Deposit] = usd_prices or []
        self.margin_pools: list[Deposit] = margin_pools or []

    def encode(self) -> bytes:
        """The canonical bytes: equal settings give equal bytes."""
        encoder = Encoder()
        encoder.uint(self.rollover_policy)
        encoder.uint(self.rollover_s)
        encoder.uint(self.rollover_length_s)
        encoder.uint(len(self.instruments))
        for instrument in self.instruments:
            instrument.save(encoder)
        encoder.uint(len(self.accounts))
        for account in self.accounts:
            account.save(encoder)
        encoder.uint(len(self.sessions))
        for session in self.sessions:
            session.save(encoder)
        self.rates.save(encoder)
        encoder.uint(len(self.fee_schedules))
        for schedule in self.fee_schedules:
            schedule.save(encoder)
        save_amounts(self.usd_prices, encoder)
        save_amounts(self.margin_pools, encoder)
        return encoder.value()

    @staticmethod
    def decode(data: bytes) -> VenueSettings:
        decoder = Decoder(data)
        return VenueSettings(
            rollover_policy=decoder.uint(),
            rollover_s=decoder.uint(),
            rollover_length_s=decoder.uint(),
            instruments=[Instrument.load(decoder) for _ in range(decoder.uint())],
            accounts=[AccountSettings.load(decoder) for _ in range(decoder.uint())],
            sessions=[SessionSettings.load(decoder) for _ in range(decoder.uint())],
            rates=RateRules.load(decoder),
            fee_schedules=[FeeSchedule.load(decoder) for _ in range(decoder.uint())],
            usd_prices=load_amounts(decoder),
            margin_pools=load_amounts(decoder),
        )
