"""What a seed means: which faults there are, how often, and what the venue is like.

Swarm testing: each seed takes a random part of everything that can happen, at random rates. A world
in which everything goes wrong at once seldom gets far enough for the interesting things.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from tidegate.config.values import ApiKey, SessionAccess, SessionId
from tidegate.journal import Durability
from tidegate.model.fees import FeeSchedule, FeeTier
from tidegate.model.instruments import Instrument, built_in_instruments
from tidegate.model.rates import RateRules, RateTier, built_in_rates
from tidegate.model.scaled import MONEY_DECIMALS, from_text
from tidegate.model.settings import (
    ROLLOVER_DAILY,
    ROLLOVER_NEVER,
    AccountSettings,
    Deposit,
    SessionSettings,
    VenueSettings,
)
from tidegate.model.time import NS_PER_S

TARGET: Final = "KRAKEN-TRD"
ROLLOVER_S: Final = 79_200
DAY_START_NS: Final = 1_772_409_600 * NS_PER_S  # 2026-03-02

# Each may be on or off; the rate is how often it happens in a hundred steps.
FAULTS: Final = {
    "cut": 4.0,
    "half_open": 0.7,
    "slow_reader": 1.5,
    "storm": 0.5,  # the network splits and delays more than usual, for a while
    "abandon": 4.0,  # a client takes a new line while the old one still has bytes under way
    "client_crash": 0.7,
    "kill": 1.0,
    "kill_in_call": 1.0,
    "kill_in_recovery": 0.5,
    "power_loss": 1.0,
    "power_loss_in_call": 1.0,
    "restart": 0.6,
    "write_error": 0.3,
    "sync_error": 1.0,
    "no_space": 0.3,
    "short_writes": 0.5,
    "short_reads": 0.3,
    "clock_forward": 0.4,
    "clock_back": 0.4,
    "long_downtime": 0.3,
    "control": 3.0,  # an operator does one thing to the venue
    "idle": 1.0,  # nothing happens for longer than a heartbeat
}
# In `process` durability a disk that loses what was written is not promised to be survived.
ON_DISK_ONLY: Final = ("power_loss", "power_loss_in_call", "sync_error")
CLIENTS_MAX: Final = 6


@dataclass(frozen=True)
class Scenario:
    """Everything drawn from a seed before the world begins. `rates` are of the faults that are on,
    in a hundred steps."""

    seed: int
    steps: int
    clients: int
    hostile: bool
    strangers: bool
    durability: Durability
    rates: dict[str, float]
    segment_bytes_max: int
    snapshot_every_records: int
    sync_us: int
    step_us: int  # between two steps, on average
    jitter: float
    split: float
    buffer_bytes: int
    start_s: int  # second of the day
    rollover_length_s: int
    settings_seed: int

    def without(self, fault: str) -> Scenario:
        """The same without one kind of fault."""
        return replace(self, rates={f: r for f, r in self.rates.items() if f != fault})


def draw(seed: int, steps: int) -> Scenario:
    """The scenario of a seed."""
    random = Random(f"scenario {seed}")
    durability: Durability = random.choice(("process", "disk"))
    rates = {
        fault: rate * random.choice((0.5, 1.0, 2.0))
        for fault, rate in FAULTS.items()
        if random.random() < 0.45 and (durability == "disk" or fault not in ON_DISK_ONLY)
    }
    return Scenario(
        seed=seed,
        steps=steps,
        clients=random.randint(2, CLIENTS_MAX),
        hostile=random.random() < 0.4,
        strangers=random.random() < 0.4,
        durability=durability,
        rates=rates,
        segment_bytes_max=random.choice((4_096, 32_768, 262_144)),
        snapshot_every_records=random.choice((50, 200, 1_000, 10_000)),
        sync_us=random.choice((100, 5_000, 100_000)),
        step_us=random.choice((200, 5_000, 50_000)),
        jitter=random.choice((0.0, 0.02, 0.2)),
        split=random.choice((0.0, 0.2, 0.8)),
        buffer_bytes=random.choice((2_048, 16_384, 262_144)),
        # Often shortly before the rollover, so that many worlds pass it.
        start_s=random.choice((3_600, ROLLOVER_S - 1, ROLLOVER_S - 5, ROLLOVER_S - 20)),
        rollover_length_s=random.choice((0, 3, 30)),
        settings_seed=random.randrange(1 << 30),
    )


# --- the venue's configuration --------------------------------------------------------------------

_SCHEDULE: Final = "sim"
_TIER: Final = "sim"
SYMBOLS: Final = ("BTC/USD", "ETH/USD", "ETH/BTC")
_ACCOUNTS: Final = {  # account: (parent, balances, enabled)
    "ACME-1": ("", "USD=300000 BTC=6 ETH=60", True),
    "BETA-1": ("", "USD=300000 BTC=6 ETH=60", True),
    "EVIL-1": ("", "USD=50000 BTC=1 ETH=10", True),
    "PRIME-1": ("", "", True),
    "PRIME-1-A": ("PRIME-1", "USD=200000 BTC=4 ETH=40", True),
    "PRIME-1-B": ("PRIME-1", "USD=200000 BTC=4 ETH=40", True),
    "PRIME-1-C": ("PRIME-1", "USD=1000", False),
}
SESSIONS: Final = {  # client: account; two of them share one
    "ACME": "ACME-1",
    "BETA": "BETA-1",
    "PRIME": "PRIME-1",
    "ACME-2": "ACME-1",
    "BETA-2": "BETA-1",
    "PRIME-2": "PRIME-1",
    "EVIL": "EVIL-1",
}


def sim_instruments(random: Random) -> list[Instrument]:
    """Pairs with bounds that the clients' orders run into, in some worlds."""
    instruments = [i for i in built_in_instruments() if i.symbol in SYMBOLS]
    for instrument in instruments:
        instrument.fee_schedule = _SCHEDULE
        instrument.band = random.choice((0, 0, 100, 20_000))
        instrument.leverage_max = random.choice((0, 2, 5, 5, 5, 5))
        size_max = random.choice((0, 0, 30_000_000))
        instrument.long_max_lots = instrument.short_max_lots = size_max
    return instruments


def _account(name: str, random: Random) -> AccountSettings:
    parent, balances, enabled = _ACCOUNTS[name]
    pairs = [pair.partition("=") for pair in balances.split()]
    return AccountSettings(
        account=name,
        firm=name.partition("-")[0],
        parent=parent,
        maker_rate=random.choice((0, 1_000, 2_500)),
        taker_rate=random.choice((0, 1_800, 4_000)),
        enabled=enabled,
        deposits=[
            Deposit(asset=asset, amount=from_text(amount, MONEY_DECIMALS))
            for asset, _, amount in pairs
        ],
        fees_by_volume=random.random() < 0.3,
        rate_tier=random.choice(("", "", "", _TIER)),
        scheduled_orders_max=random.choice((1, 500)),
        leverage=random.choice((0, 3, 3, 10, 10, 10)),
        positions_max=random.choice((1, 1_000)),
        opposing_positions=random.random() < 0.2,
        margin_allowance=_amounts(random, "USD=3000 BTC=0.2"),
    )


def _amounts(random: Random, pairs: str) -> list[Deposit]:
    """Amounts that bound what margin orders may borrow, in some worlds."""
    if random.random() < 0.7:
        return []
    return [
        Deposit(asset=asset, amount=from_text(amount, MONEY_DECIMALS))
        for asset, _, amount in (pair.partition("=") for pair in pairs.split())
    ]


def _rates(random: Random) -> RateRules:
    """A tier that a world's clients get to the end of; in some worlds a domain has no more than its
    master would have alone."""
    rates = built_in_rates()
    rates.domain_factor = random.choice((1, 5))
    rates.tiers.append(
        RateTier(name=_TIER, decay_centi=100, threshold_centi=1_500, open_orders_per_pair=20)
    )
    return rates


def _schedule(random: Random) -> FeeSchedule:
    """Volumes that a world reaches."""
    rates = [(0, 2_500, 4_000), (5_000, 1_000, 2_000), (50_000, 0, random.choice((0, 500)))]
    tiers = [
        FeeTier(volume_money=usd * 10**MONEY_DECIMALS, maker_rate=maker, taker_rate=taker)
        for usd, maker, taker in rates
    ]
    return FeeSchedule(name=_SCHEDULE, tiers=tiers)


def _session(name: str, account: str, random: Random) -> SessionSettings:
    limited = random.random() < 0.2
    return SessionSettings(
        sender_comp_id=name,
        target_comp_id=TARGET,
        account=account,
        broker=account == "PRIME-1",
        enabled=True,
        heartbeat_min_s=1,
        heartbeat_max_s=60,
        sending_time_tolerance_s=120,
        cancel_on_disconnect=random.random() < 0.6,
        cancel_on_logout=random.random() < 0.3,
        cancel_on_rollover=random.random() < 0.3,
        duplicate_logon=random.randrange(2),
        errors_per_second_max=random.choice((5, 100)),
        token_bucket_points=20 if limited else 0,
        token_bucket_refill_per_s=10 if limited else 0,
        cl_ord_id_policy=random.randrange(2),
        cancel_scope_comp_id=random.random() < 0.3,
        mass_cancel_account=random.random() < 0.3,
        stp_group=random.choice(("", "", "DESK")),
        open_orders_max=random.choice((3, 100, 100)),
        disconnect_grace_s=random.choice((0, 0, 0, 1, 5, 60)),
    )


def venue_settings(scenario: Scenario) -> VenueSettings:
    random = Random(f"settings {scenario.settings_seed}")
    return VenueSettings(
        rollover_policy=ROLLOVER_NEVER if random.random() < 0.15 else ROLLOVER_DAILY,
        rollover_s=ROLLOVER_S,
        rollover_length_s=scenario.rollover_length_s,
        instruments=sim_instruments(random),
        accounts=[_account(name, random) for name in _ACCOUNTS],
        sessions=[_session(name, account, random) for name, account in SESSIONS.items()],
        fee_schedules=[_schedule(random)],
        margin_pools=_amounts(random, "USD=500 BTC=0.02 ETH=0.2"),
        rates=_rates(random),
    )


def key_of(name: str) -> ApiKey:
    """The API key of a session."""
    return ApiKey(
        name=f"key-{name}",
        secret=b"secret of " + name.encode(),
        firm=name.partition("-")[0],
        account=SESSIONS[name],
        sessions=((name, TARGET),),
    )


def keys() -> dict[str, ApiKey]:
    return {f"key-{name}": key_of(name) for name in SESSIONS}


def accesses() -> dict[SessionId, SessionAccess]:
    """What the gateway checks of each session: one asks for TLS, which links of a world have."""
    return {
        (name, TARGET): SessionAccess(
            firm=name.partition("-")[0],
            account=account,
            market="spot",
            role="trading",
            sender_comp_id=name,
            target_comp_id=TARGET,
            service="spot",
            port=0,
            broker=account == "PRIME-1",
            enabled=True,
            networks=(ipaddress.ip_network("127.0.0.0/8"),),
            key_names=(f"key-{name}",),
            nonce_window_ms=5_000,
            tls="required" if name == "BETA" else "any",
        )
        for name, account in SESSIONS.items()
    }
