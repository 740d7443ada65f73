"""What clients of a simulated world ask for: good requests, and one of each kind of bad ones."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any, Final

from tidegate.client.orders import DiscretionInst, NewOrder
from tidegate.lab.sim.scenario import SYMBOLS
from tidegate.model.time import NS_PER_MS, NS_PER_S, utc_timestamp

GTD: Final = "6"

PRICES: Final = {  # middle and tick
    "BTC/USD": (Decimal("50000.0"), Decimal("0.1")),
    "ETH/USD": (Decimal("3000.00"), Decimal("0.01")),
    "ETH/BTC": (Decimal("0.060000"), Decimal("0.000001")),
}
SUB_ACCOUNTS: Final = ("PRIME-1-A", "PRIME-1-B")

# Bodies of refused NewOrderSingles: what differs from a good one.
BAD_ORDERS: Final = (
    {"55": "NO/PAIR"},
    {"59": "6"},  # no ExpireTime
    {"59": "6", "126": "20200101-00:00:00"},
    {"59": "1", "126": "20991231-00:00:00"},
    {"168": "20200101-00:00:00"},
    {"62": "20200101-00:00:00"},
    {"40": "3"},  # no StopPx
    {"40": "3", "99": "0"},
    {"40": "3", "99": "80000.01"},
    {"40": "3", "99": "80000", "59": "3"},
    {"40": "4", "99": "80000", "44": None},
    {"99": "80000"},
    {"388": "1"},
    {"40": "U", "99": "10", "388": "2"},
    {"40": "3", "99": "50010", "54": "2"},  # mostly reached already
    {"18": "E"},
    {"18": "P", "59": "3"},
    {"18": "P", "40": "1"},
    {"18": "f q"},
    {"18": "s f"},
    {"18": "v"},
    {"18": "X"},
    {"18": "P P"},
    {"5001": "1", "18": "f"},
    {"5001": "1", "18": "v", "40": "1"},
    {"5001": "2"},
    {"1138": "0.0001"},
    {"1138": "1"},
    {"1138": "0.001", "59": "3"},
    {"44": "50000.05"},
    {"44": "0"},
    {"44": None},
    {"44": "900000"},
    {"38": "0"},
    {"38": "0.00000001"},
    {"38": "0.0001", "44": "1.0"},
    {"79": "BETA-1", "78": "1"},
    {"79": "PRIME-1-C", "78": "1"},
    {"79": "PRIME-1-C", "78": "1", "44": "49999.0"},
    {"38": "5000"},
    {"11": "1"},
    {"11": "007"},
    {"11": "00000000-0000-4000-8000-000000000000"},
    {"54": "9"},
    {"40": None},
    {"38": "x"},
)


def good_order(random: Random, time_ns: int, *, broker: bool) -> NewOrder:
    """An order that order entry lets pass, near the middle of a market: most are plain, some of
    each other type, with instructions and times that may stand together."""
    symbol = random.choice(SYMBOLS)
    kind = random.choices(_KINDS, _KIND_WEIGHTS)[0]
    fields = kind(random, *PRICES[symbol])
    if random.random() < (_SCHEDULED_AMOUNTS if kind is _quote_qty else _SCHEDULED):
        effective_ns = time_ns + random.randint(1, 8_000) * NS_PER_MS
        fields["effective_time_ns"] = max(effective_ns, fields.get("effective_time_ns", 0))
    if fields.get("time_in_force") == GTD:
        start_ns = fields.get("effective_time_ns", time_ns)
        expire_ms = random.choice((random.randint(1, 500), random.randint(100, 15_000)))
        fields["expire_time_ns"] = start_ns + expire_ms * NS_PER_MS
    if random.random() < _WITH_DEADLINE:
        fields["valid_until_time_ns"] = time_ns + random.choice((2, 5, 60)) * NS_PER_S
    return NewOrder(
        symbol=symbol,
        self_trade_prevention=random.choice((None, 0, 1, 2)),
        sender_sub_id=random.choice(("", "", "", "DESK", "ALGO")),
        alloc_account=random.choice(SUB_ACCOUNTS) if broker else "",
        **fields,
    )


def _sided(random: Random) -> dict[str, Any]:
    qty = Decimal(random.choice((1, 2, 3, 5, 10, 40))) / Decimal(100)
    return {"side": random.choice("12"), "order_qty": qty}


def _near(random: Random, middle: Decimal, tick: Decimal) -> Decimal:
    return middle + tick * random.randint(-12, 12)


def _limit(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    tif = random.choice("111111346")
    insts = [random.choice(("f", "q", "s"))] if random.random() < 0.15 else []
    if tif in "16" and random.random() < 0.15:
        insts.append("P")
    price = _near(random, middle, tick)
    return {
        **_sided(random),
        "price": price,
        "time_in_force": tif,
        "exec_inst": " ".join(insts),
    }


def _market(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    return {**_sided(random), "ord_type": "1", "time_in_force": random.choice("134")}


def _quote_qty(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    amount = (middle * random.randint(1, 40) / 100).quantize(Decimal("0.00000001"))
    tif = random.choice("1134")
    return {
        "side": "1", "order_qty": amount, "ord_type": "1", "time_in_force": tif, "exec_inst": "v",
    }  # fmt: skip


def _iceberg(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    fields = _sided(random)
    display = fields["order_qty"] / random.choice((1, 2, 5, 10))
    return {
        **fields, "price": _near(random, middle, tick), "display_qty": display,
        "time_in_force": random.choice("116"),
    }  # fmt: skip


def _trigger(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    ord_type = random.choice("34RT")
    fields = _sided(random) | {"ord_type": ord_type, "stop_px": _near(random, middle, tick)}
    if ord_type in "4T":
        fields["price"] = _near(random, middle, tick)
    return _referring(random, fields, "134" if ord_type in "4T" else "1")


def _trailing(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    ord_type = random.choice("UV")
    fields = _sided(random) | {"ord_type": ord_type, "stop_px": tick * random.randint(1, 10)}
    if ord_type == "V":
        fields["price"] = tick * random.randint(1, 5)
    return _referring(random, fields, "134" if ord_type == "V" else "1")


def _referring(random: Random, fields: dict[str, Any], tifs: str) -> dict[str, Any]:
    if random.random() < 0.25:
        fields["discretion_inst"] = DiscretionInst.INDEX
    return fields | {"time_in_force": random.choice((tifs[0], tifs[0], GTD, random.choice(tifs)))}


def _margin(random: Random, middle: Decimal, tick: Decimal) -> dict[str, Any]:
    fields = random.choice((_limit, _limit, _market, _iceberg, _trigger))(random, middle, tick)
    if "display_qty" not in fields and random.random() < 0.3:
        fields["order_qty"] *= 4  # more than there is to close
    insts = [inst for inst in fields.get("exec_inst", "").split() if inst == "P"]
    if random.random() < 0.5:
        insts.append("E")
    return fields | {"leverage": True, "exec_inst": " ".join(insts)}


_KINDS: Final = (_limit, _market, _quote_qty, _iceberg, _trigger, _trailing, _margin)
_KIND_WEIGHTS: Final = (55, 10, 3, 6, 7, 5, 14)
_SCHEDULED: Final = 0.06  # so many of all ...
_SCHEDULED_AMOUNTS: Final = 0.5  # ... but of these, which are open only then, so many
_WITH_DEADLINE: Final = 0.03


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
