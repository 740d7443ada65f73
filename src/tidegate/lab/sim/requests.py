"""What clients of a simulated world ask for: good requests, and one of each kind of bad ones."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Final

from tidegate.client.orders import NewOrder
from tidegate.lab.sim.scenario import SYMBOLS
from tidegate.model.time import NS_PER_S, utc_timestamp

PRICES: Final = {  # middle and tick
    "BTC/USD": (Decimal("50000.0"), Decimal("0.1")),
    "ETH/USD": (Decimal("3000.00"), Decimal("0.01")),
    "ETH/BTC": (Decimal("0.060000"), Decimal("0.000001")),
}
SUB_ACCOUNTS: Final = ("PRIME-1-A", "PRIME-1-B")

# Bodies of refused NewOrderSingles: what differs from a good one.
BAD_ORDERS: Final = (
    {"55": "NO/PAIR"},
    {"40": "3", "99": "80000"},
    {"59": "6"},
    {"18": "E"},
    {"18": "P", "59": "3"},
    {"5001": "1"},
    {"5001": "2"},
    {"5001": "3"},
    {"1138": "0.1"},
    {"44": "50000.05"},
    {"44": "0"},
    {"44": None},
    {"38": "0"},
    {"38": "0.00000001"},
    {"38": "0.0001", "44": "1.0"},
    {"79": "BETA-1", "78": "1"},
    {"79": "PRIME-1-C", "78": "1"},
    {"38": "5000"},
    {"11": "1"},
    {"11": "007"},
    {"11": "00000000-0000-4000-8000-000000000000"},
    {"54": "9"},
    {"40": None},
    {"38": "x"},
)


def good_order(random: Random, *, broker: bool) -> NewOrder:
    """An order that the checks before the engine let pass, near the middle of a market."""
    symbol = random.choice(SYMBOLS)
    middle, tick = PRICES[symbol]
    is_market = random.random() < 0.12
    qty = Decimal(random.choice((1, 2, 3, 5, 10, 40))) / Decimal(100)
    tif = random.choice("1111134") if not is_market else random.choice("134")
    return NewOrder(
        symbol=symbol,
        side=random.choice("12"),
        order_qty=qty,
        price=None if is_market else middle + tick * random.randint(-12, 12),
        ord_type="1" if is_market else "2",
        time_in_force=tif,
        exec_inst="P" if not is_market and tif == "1" and random.random() < 0.15 else "",
        self_trade_prevention=random.choice((None, 0, 1, 2)),
        alloc_account=random.choice(SUB_ACCOUNTS) if broker else "",
    )


def order_fields(cl_ord_id: str, time_ns: int, changes: dict[str, str | None]) -> bytes:
    """The body of a NewOrderSingle with some fields changed, added or (None) left out."""
    fields: dict[str, str | None] = {
        "11": cl_ord_id, "38": "0.01", "40": "2", "44": "50000.0", "54": "1",
        "55": "BTC/USD", "59": "1", "60": utc_timestamp(time_ns).decode(),
    }  # fmt: skip
    fields.update(changes)
    if "78" in fields:  # a group: its count stands before its member
        fields["79"] = fields.pop("79")
    return body(fields)


def body(fields: dict[str, str | None]) -> bytes:
    return b"".join(
        f"{tag}={value}\x01".encode() for tag, value in fields.items() if value is not None
    )


def comb_uuid(time_ns: int, random: Random) -> str:
    """A ClOrdID in the other form: a UUID that begins with the time."""
    head = f"{time_ns // 10_000:012x}"
    tail = f"{random.getrandbits(80):020x}"
    return f"{head[:8]}-{head[8:]}-{tail[:4]}-{tail[4:8]}-{tail[8:]}"


def bad_order(random: Random, cl_ord_id: str, time_ns: int) -> bytes:
    """The body of an order that some check refuses (which one depends on the session, too)."""
    if random.random() < 0.1:
        late_ns = time_ns - 300 * NS_PER_S
        return order_fields(comb_uuid(late_ns, random), time_ns, {})
    changes = dict(random.choice(BAD_ORDERS))
    if random.random() < 0.3:
        changes.setdefault("78", "1")
        changes.setdefault("79", "PRIME-1-A")
    return order_fields(cl_ord_id, time_ns, changes)
