"""The one canonical workload, rendered as complete FIX 4.4 frames for a session.

Resting: limit orders on both sides of BTC/USD that never cross, spread over `LEVELS` price levels
of one tick. Crossing: sells that rest in the gap between those sides and buys that take exactly one
sell each. They come from two sessions of two firms, because a venue with self-trade prevention
rightly cancels what one account would trade with itself.

The same orders go to every target in the same frames; only CompIDs and logon differ. Prices are in
ticks of 0.1 USD, quantities in lots of 0.0001 BTC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

SYMBOL = "BTC/USD"
MID_TICKS = 840_000
TICKS_PER_UNIT = 10
LOTS_PER_UNIT = 10_000
LEVELS = 200
GAP_LEVELS = 50
HEARTBEAT_S = 60

BUY = 1
SELL = 2

SOH = "\x01"


@dataclass(frozen=True, slots=True)
class Order:
    """One limit order, good till cancelled."""

    side: int
    price_ticks: int
    qty_lots: int


@dataclass(frozen=True, slots=True)
class Login:
    """Where and as whom a connection logs on. A secret (base64) makes the logon signed."""

    host: str
    port: int
    sender_comp_id: str
    target_comp_id: str
    api_key: str = ""
    api_secret: str = ""


def _qty_lots(i: int) -> int:
    # 0.0010 .. 0.0019 BTC: small enough for any balance, not all the same text
    return 10 + i % 10


def resting_orders(count: int) -> list[Order]:
    """`count` orders, buys and sells in turn; none crosses another or enters the gap."""
    half = LEVELS // 2
    orders = []
    for i in range(count):
        # 37 and the number of levels share no divisor: every level is visited, not in order
        depth = (i // 2 * 37) % half
        if i % 2 == 0:
            orders.append(Order(BUY, MID_TICKS - 1 - depth, _qty_lots(i)))
        else:
            orders.append(Order(SELL, MID_TICKS + GAP_LEVELS + depth, _qty_lots(i)))
    return orders


def crossing_orders(pairs: int) -> tuple[list[Order], list[Order]]:
    """Sells that rest in the gap, and the buys that take them one by one in price-time order."""
    sells = [Order(SELL, MID_TICKS + i % GAP_LEVELS, _qty_lots(i)) for i in range(pairs)]
    # A stable sort by price is price-time priority, so each buy meets the sell of its own size.
    buys = [
        Order(BUY, sell.price_ticks, sell.qty_lots)
        for sell in sorted(sells, key=lambda order: order.price_ticks)
    ]
    return sells, buys


def decimal(units: int, per_unit: int) -> str:
    """Shortest decimal text of `units / per_unit` (`per_unit` a power of ten)."""
    whole, rest = divmod(units, per_unit)
    if rest == 0:
        return str(whole)
    digits = len(str(per_unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")


def timestamp(epoch_s: float) -> str:
    """UTC timestamp with milliseconds, as in SendingTime (52)."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def frame(body: str) -> bytes:
    """A complete frame around `body` (from `35=` to its last SOH)."""
    data = body.encode("ascii")
    head = b"8=FIX.4.4\x019=%d\x01" % len(data) + data
    return head + b"10=%03d\x01" % (sum(head) % 256)


def signature(login: Login, seq: str, nonce: str) -> str:
    """Logon password: HMAC-SHA-512 (key: decoded secret) over SHA-256 of fields and nonce."""
    fields = (
        ("35", "A"),
        ("34", seq),
        ("49", login.sender_comp_id),
        ("56", login.target_comp_id),
        ("553", login.api_key),
    )
    text = "".join(f"{tag}={value}{SOH}" for tag, value in fields) + nonce
    digest = hashlib.sha256(text.encode()).digest()
    key = base64.b64decode(login.api_secret)
    return base64.b64encode(hmac.new(key, digest, hashlib.sha512).digest()).decode()


def _header(login: Login, msg_type: str, seq: int, stamp: str) -> str:
    return (
        f"35={msg_type}{SOH}34={seq}{SOH}49={login.sender_comp_id}{SOH}"
        f"56={login.target_comp_id}{SOH}52={stamp}{SOH}"
    )


def logon_frame(login: Login, epoch_s: float) -> bytes:
    """Logon with number 1 and a reset of both numberings; 8674=1: a lost line cancels nothing."""
    body = _header(login, "A", 1, timestamp(epoch_s)) + (
        f"98=0{SOH}108={HEARTBEAT_S}{SOH}141=Y{SOH}"
    )
    if login.api_secret:
        nonce = str(int(epoch_s * 1000))
        password = signature(login, "1", nonce)
        body += f"8674=1{SOH}553={login.api_key}{SOH}554={password}{SOH}5025={nonce}{SOH}"
    return frame(body)


def order_frame(login: Login, order: Order, seq: int, cl_ord_id: int, stamp: str) -> bytes:
    """NewOrderSingle (35=D) for one limit order."""
    return frame(
        _header(login, "D", seq, stamp)
        + f"11={cl_ord_id}{SOH}55={SYMBOL}{SOH}54={order.side}{SOH}40=2{SOH}"
        + f"44={decimal(order.price_ticks, TICKS_PER_UNIT)}{SOH}"
        + f"38={decimal(order.qty_lots, LOTS_PER_UNIT)}{SOH}59=1{SOH}60={stamp}{SOH}"
    )


def render(login: Login, orders: Sequence[Order]) -> bytes:
    """All frames of one connection: logon, orders, logout, numbered from 1 and stamped with now.

    ClOrdIDs count up from the current time in microseconds. Rendering an order takes longer than a
    microsecond, so the ids of a later connection are higher, as increasing ids have to be.
    """
    now_s = time.time()
    stamp = timestamp(now_s)
    first_id = int(now_s * 1_000_000)
    frames = [
        order_frame(login, order, i + 2, first_id + i, stamp) for i, order in enumerate(orders)
    ]
    logout = frame(_header(login, "5", len(orders) + 2, stamp))
    # The logon is rendered last: its nonce has to be fresh when it is sent.
    return b"".join([logon_frame(login, time.time()), *frames, logout])
