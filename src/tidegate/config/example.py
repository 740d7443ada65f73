"""A configuration file with every option in it."""

from __future__ import annotations

from typing import Final

_EXAMPLE: Final = """\
# A Tidegate venue, with every option there is. Values in [venue], [market_data] and
# [session_defaults] are the defaults. Times are UTC. Amounts, prices and percentages are decimal
# numbers in quotes.

[venue]
profile = "uat"                  # "uat" generates keys; "production" wants every key given
host = "127.0.0.1"               # address or name to listen on
port_offset = 0                  # added to every port: Spot trading is 4001 + port_offset
tls = "1.3"                      # lowest TLS version; "1.2" lets older clients in
# tls_certificate = "venue.pem"  # own certificate (chain) in PEM; default: the venue makes one
# tls_key = "venue.key"          # its private key in PEM
# tls_ca = "ca.pem"              # what clients verify it with; default: what their system trusts
tls_names = []                   # more host names and addresses for the certificate made here
# durability = "process"         # "process" survives kill -9, "disk" also a loss of power;
                                 # default: "process" for uat, "disk" for production
clock = "system"                 # "virtual" stands still until `tidegate ctl clock` moves it; uat
snapshot_every_records = 1_000_000 # journal records between snapshots: bounds the time of a restart
busy_poll_us = 50                # after a lone message, look for the next one so many
                                 # microseconds before sleeping
segment_bytes = 67_108_864       # size in bytes at which the journal starts a new file
rollover = "daily"               # "never": sessions and their numbers go on until clients reset
                                 # them, and the journal's files end by their size alone
rollover_at = "22:00:00"         # time of day at which sessions end and numbers start again
rollover_length_s = 30           # seconds for which logons are refused then
nonce_window_ms = 5000           # a logon's nonce may differ from the venue's clock by so many
                                 # milliseconds; at most 5000 in production, 60000 in uat
logon_timeout_s = 10             # seconds a new connection has for its logon
logons_per_second_max = 100      # logons that one address may try for one session in a second,
                                 # over ten seconds
built_in_instruments = true      # fifteen well-known pairs, from BTC/USD to LTC/USD
market_data = true               # serve market data, to every trading session's SenderCompID too
history = "sqlite"               # where orders, fills and postings can be queried: "sqlite" is
                                 # history.db in the data directory; "off"; or a database URL,
                                 # "postgresql://user:password@host/name"

# Market data, where clients of the dialect differ (docs/market-data.md).
[market_data]
l3_entry_time = "time"           # MDEntryTime (273) of single orders: "time" is HH:MM:SS.mmm,
                                 # "timestamp" is YYYYMMDD-HH:MM:SS.uuuuuu
lone_symbol = true               # a request for one market may name it without NoRelatedSym (146);
                                 # false refuses that

# What a session has unless it says otherwise. Everything here may stand in a session too.
[session_defaults]
networks = ["127.0.0.0/8", "::1/128"] # addresses that may log on, in CIDR form
heartbeat_min_s = 5              # shortest HeartBtInt (108) in seconds
heartbeat_max_s = 300            # longest, in seconds
cancel_on_disconnect = true      # for logons without CancelOrdersOnDisconnect (8674)
disconnect_grace_s = 0           # seconds in which a session that comes back keeps its orders
cancel_on_logout = false         # also after an orderly logout
cancel_on_rollover = false       # also at the daily rollover
errors_per_second_max = 100      # rejected messages in one second before the session is ended
open_orders_max = 100000          # open orders entered on one session
token_bucket_points = 0          # size of the session's own rate limit, in points; 0: none
token_bucket_refill_per_s = 0    # points that come back in a second
# nonce_window_ms = 5000         # default: that of [venue]
tls = "any"                      # "required" refuses logons where the venue runs with --plain
duplicate_logon = "reject"       # a second logon: "reject" it, or "displace" the first
cl_ord_id_policy = "increasing"  # "timed" also wants numbers to be the time in microseconds
cancel_scope = "session"         # reach of a cancel: "session" until its numbers start again, or
                                 # "comp_id" for all that the SenderCompID has open
mass_cancel_scope = "comp_id"    # reach of the widest mass cancel: "comp_id" or "account"
sending_time_tolerance_s = 120   # seconds that SendingTime (52) may differ from the venue's clock
enabled = true                   # false refuses logons; open orders are cancelled at the start

# What accounts pay that say nothing: "volume", the rates of a pair's schedule by what the account
# has traded in 30 days; or the name of a row, whose rates are the same always.
[fees]
default_tier = "volume"

# Rows to add to the fixed ones, which are the steps of the schedule "crypto": "0" (0.25 / 0.40
# percent), "10k", "50k", "100k", "250k", "500k", "1M", "2.5M", "5M" and "10M". The name of one of
# them replaces it.
[fees.tiers."friends"]
maker_percent = "0"
taker_percent = "0.05"

# A schedule to add to the built-in ones, "crypto" and "fx", or to put in the place of one. Each
# step says from which volume on it holds.
[[fees.schedules."desks"]]
volume_usd = "0"                 # of the first step 0, then rising
maker_percent = "0.1"
taker_percent = "0.2"

[[fees.schedules."desks"]]
volume_usd = "1000000"
maker_percent = "0"
taker_percent = "0.1"

[fees.usd_prices]                # dollars for one of an asset that has no pair with the dollar, or
EUR = "1.08"                     # none that has traded; without a line its trades count no volume

# Rate limits of order entry: counters per account and pair.
[rates]
# file = "rates.toml"            # rules of another venue; default: those of the dialect, with the
                                 # tiers "starter", "intermediate" and "pro"
default_tier = "pro"             # of accounts that say nothing; "none" does not limit them

[margin.pools]                   # the most that all accounts together may borrow of an asset;
USD = "50000000"                 # without a line there is no bound

# Another pair. For a built-in one, only what shall be different.
[[instrument]]
symbol = "XMR/USD"
price_decimals = 2               # decimals of a price, 0 to 10
tick = "0.01"                    # smallest step of a price, in the second asset
qty_min = "0.03"                 # smallest order, in the first asset (8 decimals)
cost_min = "0.5"                 # smallest value of an order, in the second asset (10 decimals)
fee_schedule = "desks"           # default: "fx" where the first asset is EUR, USDT or USDC, else
                                 # "crypto"
band_percent = "5"               # how far a price may be from the last trade; default: "0", no
                                 # bound
leverage_max = 5                 # highest leverage of margin orders; default of new pairs: 0, none
long_max = "400"                 # largest position of an account, in the first asset; default of
short_max = "300"                # new pairs: "0", no bound

[[instrument]]
symbol = "BTC/USD"
qty_min = "0.0001"

# The internal market maker: a client like any other, with accounts of its own (docs/liquidity.md).
[liquidity]
# enabled = true                 # default: in the uat profile, unless the clock is virtual
seed = 1                         # of everything it draws: the same seed gives the same quotes
main_pairs = true                # BTC/USD, ETH/USD, SOL/USD, BTC/USDT and ETH/BTC without a word
messages_per_second = 50         # the most it sends, over all markets

[[liquidity.market]]             # another pair, or another value for a main one
symbol = "XMR/USD"
profile = "one-sided"            # "empty", "thin" (default), "deep", "one-sided" or "volatile"
price = "160"                    # the reference price, where its walk begins; main pairs have one
walk = "random"                  # "fixed" stays there
step_percent = "0.01"            # a usual step of the walk; default of this and the rest: the
                                 # profile's
interval_ms = 2000               # milliseconds from step to step, 50 to 3600000
levels = 4                       # prices a side, 1 to 100
size = "25"                      # about the quantity at each; default: 100 smallest orders
spread_percent = "0.2"           # between the best bid and ask, at least
side = "buy"                     # of "one-sided": which side there is; default: "buy"
trades_per_minute = 2            # orders of the taker, for last prices to live; one a step at most

# Firms. A uat file without any gets the firms ACME and BETA and the broker PRIME, with balances.
[[firm]]
name = "NORTHWIND"
broker = false                   # true: its accounts may have sub-accounts

[[firm.account]]
id = "NORTHWIND-1"
enabled = true                   # false refuses its orders, those of its sub-accounts as well,
                                 # and cancels open ones at the start
fee_tier = "100k"                # a fixed row, or "volume"; default: that of [fees]
rate_tier = "intermediate"       # a tier of the rate limits, or "none"; default: that of [rates]
scheduled_orders_max = 500       # open orders that wait for their EffectiveTime (168)
leverage = 5                     # of margin orders, 0 to 100; default: 0, no margin orders
positions_max = 1000             # margin positions at a time
opposing_positions = true        # false: no order may turn a position into one of the other side
margin_allowance = { USD = "100000" } # the most it may borrow; default: no bound

[firm.account.balances]          # deposited once, when the venue first sees the account
USD = "250000"
BTC = "12.5"

[[firm.account]]
id = "NORTHWIND-2"
maker_percent = "0.01"           # or percentages of its own, both of them, in place of fee_tier
taker_percent = "0.02"
balances = { EUR = "1000000" }

[[firm.key]]
name = "northwind-desk"          # what the client sends as Username (553); default: generated
# secret = "c2l4dGVlbiBieXRlcyBvciBtb3Jl"  # base64; default: generated once and kept
account = "NORTHWIND-1"          # may be left out when the firm has one account

[[firm.key]]                     # generated name and secret, in the data directory's secrets.json
account = "NORTHWIND-2"

[[firm.session]]
sender_comp_id = "NORTHWIND"     # SenderCompID (49) of the client
target_comp_id = "KRAKEN-TRD"    # default: what the market and role have
market = "spot"                  # the one market of this version
role = "trading"                 # or "market_data_l2", "market_data_l3", "drop_copy"
account = "NORTHWIND-1"          # may be left out when the firm has one account
keys = ["northwind-desk"]        # default: all keys of the account
networks = ["127.0.0.0/8", "10.20.0.0/16", "2001:db8:20::/48"]
stp_group = "northwind-desk"     # orders of one group of an account never trade with each other;
                                 # default: the whole account is one group

[[firm.session]]
sender_comp_id = "NORTHWIND-ALGO"
account = "NORTHWIND-2"
duplicate_logon = "displace"
cancel_on_disconnect = false

# Market data needs no session of its own: with a trading session's SenderCompID a client may log on
# there too, from the same networks. This is one that may do nothing else.
[[firm.session]]
sender_comp_id = "NORTHWIND-SCREENS"
role = "market_data_l2"
account = "NORTHWIND-1"
networks = ["10.30.0.0/16"]

# A drop copy gets every ExecutionReport of its account, whatever session placed the order; without
# account those of all accounts of the firm, by the keys that it names. It has a port of its own.
[[firm.session]]
sender_comp_id = "NORTHWIND-BACKOFFICE"
role = "drop_copy"
account = "NORTHWIND-1"
keys = ["northwind-desk"]

[[firm]]
name = "HARBOUR"
broker = true

[[firm.account]]
id = "HARBOUR-1"
fee_tier = "friends"

[[firm.account.sub_account]]     # named in AllocAccount (79)
id = "HARBOUR-1-ANNA"
enabled = true
fee_tier = "50k"                 # default of this and of what follows: as the account
rate_tier = "none"
scheduled_orders_max = 10
leverage = 2
positions_max = 3
opposing_positions = false
margin_allowance = { USD = "10000" }
balances = { USD = "100000" }

[[firm.account.sub_account]]
id = "HARBOUR-1-BERT"
balances = { USD = "100000", ETH = "20" }

[[firm.session]]
sender_comp_id = "HARBOUR"
broker = true                    # orders name a sub-account; default: as the firm

# Faults to inject from the start on; uat profile only. What each kind does, and which parameters go
# with it, is in docs/faults.md. Without `at` and `probability` a fault fires at once.
[[fault]]
kind = "corrupt_checksum"
session = "NORTHWIND-ALGO"       # SenderCompID, or "*" for all sessions
probability = 0.01               # chance of each message to be hit, above 0 and up to 1
count = 20                       # how often; default: once, or without end with a probability
seed = 7                         # of the chances; default: a new one, which is told

[[fault]]
kind = "hold_reports"
session = "NORTHWIND"
at = 50                          # MsgSeqNum (34) of the message that is hit
ms = 1500                        # milliseconds: how long

[[fault]]
kind = "half_open"
session = "NORTHWIND"
at = 100
direction = "received"           # `at` counts messages "sent" by the venue (default) or "received"

[[fault]]
kind = "reject_next"
session = "NORTHWIND"
at = 12
layer = 3                        # 1: session (35=3), 2: order entry, 3: engine (35=j)

[[fault]]
kind = "fill"                    # an execution that nobody on the other side asked for
session = "NORTHWIND"
at = 200
order = "20"                     # ClOrdID or OrderID; default: the order that message tells of
qty = "0.5"                      # default: all that is left

[[fault]]
kind = "crash"
session = "*"
at = 100000
point = "before-append"          # the turn is lost; "after-append": it is kept, nobody was told
"""


def example() -> str:
    """A complete TOML file with a comment on every option: its unit, and its default."""
    return _EXAMPLE
