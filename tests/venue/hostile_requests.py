"""Requests with every field that a client may fill in, most of them good, as lines of a script.

The good orders are those of the simulation (`tidegate.lab.sim.requests`), so are the bad ones; the
rest is drawn of the venue's own open orders.
"""

from __future__ import annotations

from random import Random

from tidegate.client.orders import NewOrder, write_request
from tidegate.engine.order import Order
from tidegate.lab.sim.requests import PRICES, bad_order, good_order
from tidegate.model.scaled import LOT_DECIMALS, to_text
from tidegate.venue.machine import Venue
from tidegate.wire.dictionary import MESSAGES
from tidegate.wire.render import FrameWriter

TAGS = sorted(
    {
        field.tag
        for msg_type in (b"D", b"F", b"G", b"q", b"H")
        for member in MESSAGES[msg_type].members
        for field in (member.field, *(inner.field for inner in member.members))
    }
    | {50, 58, 432, 9999}
)
"""Of all of them, of the header, and some that they may not have."""


ABSURD = (
    "", "", "0", "-0", "-1", "1", "2", "5", "6", "7", "A", "J", "K", "P", "Q", "X", "P P", "E v",
    "P E v f q s", "f q", "00000000000000001", "999999999999999999", "9999999999999999999",
    "0.00000001", "0.000000001", "99999999999.99999999", "1e5", "NaN", ".5", "5.", "+5", "x",
    "\u00e9", "y" * 300, "$now", "$now-5s", "$now+1s", "$now+3s", "$now+744h", "$now+745h",
    "20200101-00:00:00", "20261131-00:00:00", "99991231-23:59:60", "BTC/USD", "XBT/USD", "DOGE/USD",
    "OAAAAA-AAAAA-AAAAA7", "PRIME-1-A", "PRIME-1",
)  # fmt: skip


def request_line(venue: Venue, name: str, random: Random, now_ns: int) -> str:
    """What a client asks for next: most of it good, a few fields of the rest anything."""
    kind = random.choice("DDDDDDGGGFqHB")
    index = venue.directory.session_index(name.encode(), b"KRAKEN-TRD")
    epoch = venue.sessions[index].epoch  # orders of earlier ones are out of reach
    orders = [order for order in venue.engine.session_orders(index) if order.epoch == epoch]
    if not orders or random.random() < 0.05:
        orders = venue.engine.open_orders()
    if kind == "D" or not orders:
        kind = "D"
        fields = _order_fields(good_order(random, now_ns, broker=name == "PRIME"), now_ns)
    elif kind == "B":
        kind = "D"
        fields = _pairs(bad_order(random, "1", now_ns))
    else:
        fields = _of_order(kind, random.choice(orders), random)
    if kind != "H":
        fields["11"] = "$next"
    if random.random() < 0.2:
        for _ in range(random.randint(1, 3)):
            fields[str(random.choice(TAGS))] = random.choice(ABSURD)
    given = "|".join(f"{tag}={value}" for tag, value in fields.items() if value)
    return f"send {name} 35={kind}|{given}"


def _order_fields(order: NewOrder, now_ns: int) -> dict[str, str]:
    writer = FrameWriter()
    writer.begin(b"D", 1, b"", b"")
    write_request(writer, order, "1", now_ns)
    fields = _pairs(writer.finish())
    for tag in ("8", "9", "35", "34", "52", "10"):
        del fields[tag]
    return fields


def _of_order(kind: str, order: Order, random: Random) -> dict[str, str]:
    if kind == "q":
        symbol = {"55": random.choice(list(PRICES))}
        return {"530": "1", **symbol} if random.random() < 0.7 else {"530": random.choice("67")}
    fields = {
        "37": order.order_id.decode(), "41": order.cl_ord_id.decode(), "54": chr(order.side),
        "55": order.symbol.decode(),
    }  # fmt: skip
    if kind == "H":
        return {"11": order.cl_ord_id.decode(), "37": fields["37"], "55": fields["55"]}
    if kind == "F" and random.random() < 0.5:
        del fields[random.choice(("37", "41"))]
    return fields | _amended(order, random) if kind == "G" else fields


def _amended(order: Order, random: Random) -> dict[str, str]:
    instrument = order.instrument
    qty = order.qty_lots * random.choice((1, 2)) // random.choice((1, 2, 4))
    qty = random.choice((qty, qty, order.cum_lots or qty, order.qty_lots))
    fields = {
        "38": to_text(qty, LOT_DECIMALS), "40": chr(order.ord_type), "59": chr(order.time_in_force)
    }  # fmt: skip
    trigger = order.trigger
    price, stop = order.price, 0
    if trigger is not None and trigger.fired_price == 0:
        stop = trigger.distance or trigger.stop_price
        price = trigger.limit_distance if trigger.distance else price
    for tag, units in (("44", price), ("99", stop)):
        if units:
            moved = units + random.choice((0, 0, 1, -1, 20, -20)) * instrument.tick_units
            fields[tag] = str(moved) if moved < 0 else to_text(moved, instrument.price_decimals)
    if random.random() < (0.5 if order.display_lots else 0.03):
        fields["1138"] = to_text(qty // random.choice((1, 2, 4, 15)), LOT_DECIMALS)
    if random.random() < 0.3:
        fields["18"] = "P"
    if random.random() < 0.1:
        fields["62"] = random.choice(("$now+2s", "$now+60s", "$now+1s"))
    return fields


def _pairs(data: bytes) -> dict[str, str]:
    parts = data.decode().split("\x01")[:-1]
    return dict(part.split("=", 1) for part in parts)
