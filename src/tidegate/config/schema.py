"""The configuration file as typed tables: names, types, ranges and defaults.

Rules that need more than one value, or a parser of their own, are in the modules named `rules`.
A field that has to be given carries `REQUIRED` and an empty default, so that a file with a mistake
in one place can still be examined everywhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from tidegate.config.services import PORT_OFFSET_MAX

REQUIRED: Final = Meta(extra={"required": True})
SECRET: Final = Meta(extra={"secret": True})  # never repeated in a message
TIME_OF_DAY: Final = Meta(extra={"time_of_day": True})  # a bare TOML time will do as well

FAULT_MS_MAX: Final = 3_600_000
FAULT_COUNT_MAX: Final = 1_000_000
FAULT_SEED_MAX: Final = (1 << 53) - 1  # what every program that reads JSON keeps exactly
LEVERAGE_MAX: Final = 100
NONCE_WINDOW_MS_MAX: Final = 60_000  # beyond it a captured logon stays good for too long

CompId = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{1,64}$",
        description="a text of 1 to 64 printable ASCII characters without spaces",
    ),
]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$",
        description="a text of 1 to 64 letters, digits, dots, colons, dashes and underscores",
    ),
]
KeyName = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{1,128}$",
        description="a text of 1 to 128 printable ASCII characters without spaces",
    ),
]
SelfTradeGroup = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{0,64}$",
        description="a text of at most 64 printable ASCII characters without spaces",
    ),
]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
OrderCount = Annotated[int, Meta(ge=0, le=1_000_000)]
Leverage = Annotated[int, Meta(ge=0, le=LEVERAGE_MAX)]
NonceWindow = Annotated[int, Meta(ge=1, le=NONCE_WINDOW_MS_MAX)]
Heartbeat = Annotated[int, Meta(ge=1, le=3_600)]
HistoryTarget = Annotated[
    str,
    Meta(
        pattern=r"^(sqlite|off|postgres(ql)?://.+)$",
        description='"sqlite" or "off" or a URL that begins with postgresql://',
    ),
    SECRET,
]
LiquiditySeed = Annotated[int, Meta(ge=0, le=FAULT_SEED_MAX)]
DecimalText = Annotated[str, Meta(description='a plain decimal number in quotes, such as "0.5"')]

FaultKind = Literal[
    "drop",
    "stop_reading",
    "stop_writing",
    "half_open",
    "delay",
    "hold_reports",
    "skip",
    "repeat",
    "reorder",
    "corrupt_checksum",
    "corrupt_length",
    "mute_heartbeats",
    "refuse_logons",
    "reject_next",
    "fill",
    "cancel",
    "crash",
]


class VenueTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[venue]`: what there is one of."""

    profile: Literal["uat", "production"] = "uat"
    host: str = "127.0.0.1"
    port_offset: Annotated[int, Meta(ge=0, le=PORT_OFFSET_MAX)] = 0
    tls: Literal["1.3", "1.2"] = "1.3"
    tls_certificate: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    tls_names: list[str] = []
    durability: Literal["process", "disk"] | None = None
    clock: Literal["system", "virtual"] = "system"
    snapshot_every_records: Annotated[int, Meta(ge=100, le=1_000_000_000)] = 1_000_000
    busy_poll_us: Annotated[int, Meta(ge=0, le=10_000)] = 50
    segment_bytes: Annotated[int, Meta(ge=1 << 16, le=1 << 32)] = 64 << 20
    rollover: Literal["daily", "never"] = "daily"
    rollover_at: Annotated[str, TIME_OF_DAY] = "22:00:00"
    rollover_length_s: Annotated[int, Meta(ge=0, le=3_600)] = 30
    nonce_window_ms: NonceWindow = 5_000
    logon_timeout_s: Annotated[int, Meta(ge=1, le=300)] = 10
    logons_per_second_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    built_in_instruments: bool = True
    history: HistoryTarget = "sqlite"
    market_data: bool = True


class MarketDataTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[market_data]`: where clients of the dialect differ."""

    l3_entry_time: Literal["time", "timestamp"] = "time"
    lone_symbol: bool = True


class InstrumentTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[instrument]]`: a new pair, or another value for some field of a built-in one."""

    symbol: Annotated[str, REQUIRED] = ""
    price_decimals: Annotated[int, Meta(ge=0, le=10)] | None = None
    tick: DecimalText | None = None
    qty_min: DecimalText | None = None
    cost_min: DecimalText | None = None
    fee_schedule: str | None = None
    band_percent: DecimalText | None = None
    leverage_max: Leverage | None = None
    long_max: DecimalText | None = None
    short_max: DecimalText | None = None


class FeeTierTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """One row of the fee ladder, in percent of the traded value."""

    maker_percent: Annotated[DecimalText, REQUIRED] = ""
    taker_percent: Annotated[DecimalText, REQUIRED] = ""


class FeeStepTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """One step of a schedule: the rates from a 30-day volume on."""

    volume_usd: Annotated[DecimalText, REQUIRED] = ""
    maker_percent: Annotated[DecimalText, REQUIRED] = ""
    taker_percent: Annotated[DecimalText, REQUIRED] = ""


class FeesTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[fees]`: what accounts pay that say nothing; fixed rows, and schedules by volume, to add to
    the built-in ones or to put in their place; dollars per unit of assets without a market."""

    default_tier: str = "volume"
    tiers: dict[str, FeeTierTable] = {}
    schedules: dict[str, list[FeeStepTable]] = {}
    usd_prices: dict[str, DecimalText] = {}


class RatesTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[rates]`: another venue's rate limits, from a file of their own, and the tier of accounts
    that say nothing."""

    file: str = ""
    default_tier: str = "pro"


class MarginTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[margin]`: what there is to lend of an asset; without a line as much as is asked for."""

    pools: dict[str, DecimalText] = {}


class SessionItems(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[session_defaults]`: what every session has and a session may set for itself."""

    networks: list[str] = field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    heartbeat_min_s: Heartbeat = 5
    heartbeat_max_s: Heartbeat = 300
    cancel_on_disconnect: bool = True
    disconnect_grace_s: Annotated[int, Meta(ge=0, le=3_600)] = 0
    cancel_on_logout: bool = False
    cancel_on_rollover: bool = False
    errors_per_second_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    open_orders_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 100_000
    token_bucket_points: Count = 0
    token_bucket_refill_per_s: Count = 0
    nonce_window_ms: NonceWindow | None = None
    tls: Literal["required", "any"] = "any"
    duplicate_logon: Literal["reject", "displace"] = "reject"
    cl_ord_id_policy: Literal["increasing", "timed"] = "increasing"
    cancel_scope: Literal["session", "comp_id"] = "session"
    mass_cancel_scope: Literal["comp_id", "account"] = "comp_id"
    sending_time_tolerance_s: Annotated[int, Meta(ge=1, le=86_400)] = 120
    enabled: bool = True


class SessionTable(SessionItems, forbid_unknown_fields=True, kw_only=True):
    """`[[firm.session]]`: one FIX session."""

    sender_comp_id: Annotated[CompId, REQUIRED] = ""
    target_comp_id: CompId | None = None
    market: Literal["spot", "derivatives"] = "spot"
    role: Literal["trading", "market_data_l2", "market_data_l3", "drop_copy"] = "trading"
    account: str | None = None
    broker: bool | None = None
    keys: list[str] | None = None
    stp_group: SelfTradeGroup = ""


class KeyTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[firm.key]]`: an API key. What is left out is generated once and kept."""

    name: KeyName | None = None
    secret: Annotated[str, SECRET] | None = None
    account: str | None = None


class HolderTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """What accounts and sub-accounts share."""

    id: Annotated[Name, REQUIRED] = ""
    enabled: bool = True
    fee_tier: str | None = None
    maker_percent: DecimalText | None = None
    taker_percent: DecimalText | None = None
    balances: dict[str, DecimalText] = {}
    rate_tier: str | None = None
    scheduled_orders_max: OrderCount | None = None
    leverage: Leverage | None = None
    positions_max: OrderCount | None = None
    opposing_positions: bool | None = None
    margin_allowance: dict[str, DecimalText] | None = None


class SubAccountTable(HolderTable, forbid_unknown_fields=True, kw_only=True):
    """`[[firm.account.sub_account]]`: what a broker's order names in AllocAccount (79)."""


class AccountTable(HolderTable, forbid_unknown_fields=True, kw_only=True):
    """`[[firm.account]]`: balances and fees."""

    sub_account: list[SubAccountTable] = []


class FirmTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[firm]]`: who accounts, keys and sessions belong to."""

    name: Annotated[Name, REQUIRED] = ""
    broker: bool = False
    account: list[AccountTable] = []
    key: list[KeyTable] = []
    session: list[SessionTable] = []


class FaultTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[fault]]`: one fault. Without `at` and `probability` it fires at once."""

    kind: Annotated[FaultKind, REQUIRED] = "drop"
    session: Annotated[CompId, REQUIRED] = ""
    at: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    probability: (
        Annotated[float, Meta(gt=0, le=1, description="a number above 0 and not above 1")] | None
    ) = None
    count: Annotated[int, Meta(ge=1, le=FAULT_COUNT_MAX)] | None = None
    seed: Annotated[int, Meta(ge=0, le=FAULT_SEED_MAX)] | None = None
    ms: Annotated[int, Meta(ge=1, le=FAULT_MS_MAX)] | None = None
    direction: Literal["sent", "received"] | None = None
    layer: Annotated[int, Meta(ge=1, le=3)] | None = None
    order: CompId | None = None
    qty: DecimalText | None = None
    point: Literal["now", "before-append", "after-append"] | None = None

    @property
    def trigger(self) -> str:
        """When it fires, in words: `now`, `at 12`, `probability 0.05`."""
        if self.at is not None:
            return f"at {self.at}"
        return "now" if self.probability is None else f"probability {self.probability:g}"

    def given(self) -> dict[str, Any]:
        """What was said of it, by name; what was left out is left out."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value is not None}


class LiquidityMarketTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[liquidity.market]]`: a market that the internal maker makes. What is left out is as the
    profile has it."""

    symbol: Annotated[str, REQUIRED] = ""
    profile: Literal["empty", "thin", "deep", "one-sided", "volatile"] = "thin"
    price: DecimalText | None = None
    walk: Literal["random", "fixed"] = "random"
    step_percent: DecimalText | None = None
    interval_ms: Annotated[int, Meta(ge=50, le=3_600_000)] | None = None
    levels: Annotated[int, Meta(ge=1, le=100)] | None = None
    size: DecimalText | None = None
    spread_percent: DecimalText | None = None
    side: Literal["buy", "sell"] | None = None
    trades_per_minute: Annotated[int, Meta(ge=0, le=1_200)] | None = None


class LiquidityTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """`[liquidity]`: the internal market maker. `main_pairs` are a few that it knows by itself.
    `enabled` is said by `load` where the file does not say it."""

    enabled: bool | None = None
    seed: LiquiditySeed = 1
    main_pairs: bool = True
    messages_per_second: Annotated[int, Meta(ge=1, le=10_000)] = 50
    market: list[LiquidityMarketTable] = []


class ConfigFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    venue: VenueTable = field(default_factory=VenueTable)
    market_data: MarketDataTable = field(default_factory=MarketDataTable)
    instrument: list[InstrumentTable] = []
    fees: FeesTable = field(default_factory=FeesTable)
    rates: RatesTable = field(default_factory=RatesTable)
    margin: MarginTable = field(default_factory=MarginTable)
    session_defaults: SessionItems = field(default_factory=SessionItems)
    firm: list[FirmTable] = []
    fault: list[FaultTable] = []
    liquidity: LiquidityTable = field(default_factory=LiquidityTable)


TABLES: Final[dict[str, type[Struct]]] = {
    "[venue]": VenueTable,
    "[market_data]": MarketDataTable,
    "[[instrument]]": InstrumentTable,
    "[fees]": FeesTable,
    "[fees.tiers]": FeeTierTable,
    "[[fees.schedules]]": FeeStepTable,
    "[rates]": RatesTable,
    "[margin]": MarginTable,
    "[session_defaults]": SessionItems,
    "[[firm]]": FirmTable,
    "[[firm.account]]": AccountTable,
    "[[firm.account.sub_account]]": SubAccountTable,
    "[[firm.key]]": KeyTable,
    "[[firm.session]]": SessionTable,
    "[[fault]]": FaultTable,
    "[liquidity]": LiquidityTable,
    "[[liquidity.market]]": LiquidityMarketTable,
}
