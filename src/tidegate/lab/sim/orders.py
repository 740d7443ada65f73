"""What a client can know of orders, as an independent count: nothing but the reports that went out.

Each ExecutionReport must follow from those before it. Quantities are in 1e-8 of the base asset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.lab.sim.violation import require

NEW, CANCELED, REPLACED, TRADE, STATUS = b"0", b"4", b"5", b"F", b"I"
BUY = b"1"
LOTS_DECIMALS = 8
MONEY_DECIMALS = 10
_RISING = bytes.maketrans(b"234567", b"[]^_`a")  # base 32 has its digits behind its letters


def fields_of(frame: bytes) -> dict[bytes, bytes]:
    """The fields of a frame by tag; the last one of a tag that occurs twice."""
    return dict(field.split(b"=", 1) for field in frame.split(b"\x01")[:-1] if b"=" in field)


def lots_of(text: bytes) -> int:
    whole, _, part = text.partition(b".")
    return int(whole + part.ljust(LOTS_DECIMALS, b"0"))


def money_of(price: bytes, lots: int) -> int:
    """Price times quantity in 1e-10 of the quote asset, rounded down (docs/decisions/0006)."""
    whole, _, part = price.partition(b".")
    shift = MONEY_DECIMALS - LOTS_DECIMALS - len(part)
    product = int(whole + part) * lots
    return product * int(10**shift) if shift >= 0 else product // int(10**-shift)


@dataclass(slots=True)
class Entry:
    """What was asked for with a NewOrderSingle: by whom, and who must not trade with whom."""

    account: bytes
    group: bytes


@dataclass(slots=True)
class KnownOrder:
    """An order as the reports tell it."""

    order_id: bytes
    session: int
    epoch: int
    entry: Entry
    symbol: bytes
    side: bytes
    qty: int
    cum: int = 0
    leaves: int = 0
    is_open: bool = True


class Orders:
    """All orders of the venue. `house` is what the house gave for fills that no order made, by
    asset, in 1e-10 of it."""

    def __init__(self) -> None:
        self.by_id: dict[bytes, KnownOrder] = {}
        self.open: dict[bytes, KnownOrder] = {}
        self.reports = 0
        self.house: Counter[str] = Counter()
        self._last_exec_id = b""
        self._maker: tuple[KnownOrder, bytes, int] | None = None  # of a trade that lacks its taker

    def report(
        self,
        fields: dict[bytes, bytes],
        session: int,
        epoch: int,
        entry: Entry | None,
        *,
        by_house: bool,
    ) -> KnownOrder:
        """Take the next report of the venue. `entry` is the request with its ClOrdID, if any;
        `by_house` says that it must be a fill whose other side is the house."""
        self.reports += 1
        exec_type = fields[b"150"]
        order_id = fields[b"37"]
        said = f"report {fields[b'17'].decode()} ({exec_type.decode()}) of {order_id.decode()}"
        exec_id = fields[b"17"].translate(_RISING)
        require(exec_id > self._last_exec_id, "exec_id", f"{said} does not follow the one before")
        self._last_exec_id = exec_id
        qty, cum = lots_of(fields[b"38"]), lots_of(fields[b"14"])
        leaves = lots_of(fields[b"151"])
        order = self.by_id.get(order_id)
        if exec_type == NEW:
            require(order is None, "order_doubled", f"{said}: it exists")
            require(entry is not None, "order_from_nowhere", f"{said}: nobody entered it")
            assert entry is not None
            require(cum == 0 and leaves == qty > 0, "quantities", f"{said}: {cum} and {leaves}")
            order = KnownOrder(
                order_id, session, epoch, entry, fields[b"55"], fields[b"54"], qty, leaves=leaves
            )
            self.by_id[order_id] = self.open[order_id] = order
            return order
        require(order is not None, "order_lost", f"{said}: nothing is known of it")
        assert order is not None
        require(order.session == session, "wrong_session", f"{said} on session {session}")
        require(exec_type == TRADE or not by_house, "control", f"{said}: a fill was asked for")
        if exec_type == TRADE:
            last = self._fill(order, fields, cum, leaves, said)
            if by_house:
                self._paid_by_house(order, fields[b"31"], last)
            else:
                self._side(order, fields[b"1003"], last, said)
        else:
            require(cum == order.cum, "quantities", f"{said}: CumQty {cum}, known {order.cum}")
        if exec_type == STATUS:
            right = (order.is_open, order.leaves) == (True, leaves)
            require(right, "quantities", f"{said}: LeavesQty {leaves}, known {order.leaves}")
            return order
        require(order.is_open, "order_reopened", f"{said}: it is closed")
        if exec_type == CANCELED:
            require(leaves == 0, "quantities", f"{said}: LeavesQty {leaves}")
        elif exec_type == REPLACED:
            require(cum + leaves == qty, "quantities", f"{said}: {cum} + {leaves} is not {qty}")
            order.qty = qty
        order.leaves = leaves
        if leaves == 0:
            order.is_open = False
            del self.open[order_id]
        return order

    def _paid_by_house(self, order: KnownOrder, price: bytes, last: int) -> None:
        base, _, quote = order.symbol.decode().partition("/")
        if order.side == BUY:
            self.house[base] += last * 10 ** (MONEY_DECIMALS - LOTS_DECIMALS)
        else:
            self.house[quote] += money_of(price, last)

    def _fill(
        self, order: KnownOrder, fields: dict[bytes, bytes], cum: int, leaves: int, said: str
    ) -> int:
        last = lots_of(fields[b"32"])
        require(last > 0, "quantities", f"{said}: LastQty {last}")
        require(cum == order.cum + last, "quantities", f"{said}: {order.cum} + {last} is not {cum}")
        require(cum + leaves == order.qty, "quantities", f"{said}: {cum} + {leaves}: {order.qty}")
        order.cum = cum
        return last

    def _side(self, order: KnownOrder, trade_id: bytes, last: int, said: str) -> None:
        """One of the two sides of a trade; the maker's comes first."""
        if self._maker is None:
            self._maker = (order, trade_id, last)
            return
        maker, maker_trade_id, maker_last = self._maker
        self._maker = None
        require(
            trade_id == maker_trade_id and last == maker_last and order.symbol == maker.symbol,
            "trade_sides", f"{said}: the other side says {maker_trade_id!r} and {maker_last}",
        )  # fmt: skip
        require(order.side != maker.side, "trade_sides", f"{said}: both sides are the same")
        require(
            (order.entry.account, order.entry.group) != (maker.entry.account, maker.entry.group),
            "self_trade", f"{said} with {maker.order_id.decode()} of the same account and group",
        )  # fmt: skip

    def end_turn(self) -> None:
        require(self._maker is None, "trade_sides", "a trade has one side")

    def open_of(self, session: int, epoch: int) -> Iterator[KnownOrder]:
        for order in self.open.values():
            if order.session == session and order.epoch == epoch:
                yield order
