"""What the core must know of a venue's configuration: instruments, accounts, sessions.

Settings reach the core as one record and are part of its state, so that a replay needs no
configuration file. Secrets and source addresses are not here: the gateway keeps those.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.limits import OPEN_ORDERS_PER_SESSION

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
    """Money an account is opened with. `amount` is in 1e-10 of the asset."""

    def __init__(self, *, asset: str, amount: int) -> None:
        self.asset = asset
        self.amount = amount


class AccountSettings:
    """An account holds balances. `parent` names the broker account whose sub-account this is."""

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
    ) -> None:
        self.account = account
        self.firm = firm
        self.parent = parent
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate
        self.enabled = enabled
        self.deposits = deposits

    def save(self, encoder: Encoder) -> None:
        encoder.text(self.account)
        encoder.text(self.firm)
        encoder.text(self.parent)
        encoder.uint(self.maker_rate)
        encoder.uint(self.taker_rate)
        encoder.flag(value=self.enabled)
        encoder.uint(len(self.deposits))
        for deposit in self.deposits:
            encoder.text(deposit.asset)
            encoder.uint(deposit.amount)

    @staticmethod
    def load(decoder: Decoder) -> AccountSettings:
        return AccountSettings(
            account=decoder.text(),
            firm=decoder.text(),
            parent=decoder.text(),
            maker_rate=decoder.uint(),
            taker_rate=decoder.uint(),
            enabled=decoder.flag(),
            deposits=[
                Deposit(asset=decoder.text(), amount=decoder.uint()) for _ in range(decoder.uint())
            ],
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
    at all."""

    def __init__(
        self,
        *,
        rollover_s: int,
        rollover_length_s: int,
        instruments: list[Instrument],
        accounts: list[AccountSettings],
        sessions: list[SessionSettings],
        rollover_policy: int = ROLLOVER_DAILY,
    ) -> None:
        self.rollover_policy = rollover_policy
        self.rollover_s = rollover_s
        self.rollover_length_s = rollover_length_s
        self.instruments = instruments
        self.accounts = accounts
        self.sessions = sessions

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
        )
