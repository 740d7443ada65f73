"""What a client can know of orders, as an independent count: nothing but the requests that came in
and the reports that went out.

Each ExecutionReport must follow from those before it. Quantities are in 1e-8 of the base asset or,
where an order was entered so (18=v), in 1e-10 of the quote asset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.lab.sim.violation import require
from tidegate.lab.sim.waiting import (
    LIVE,
    MONEY_DECIMALS,
    SCHEDULED,
    Wait,
    amount_of,
    units_of,
)

NEW, CANCELED, REPLACED, TRADE, STATUS = b"0", b"4", b"5", b"F", b"I"
PENDING_NEW, EXPIRED, RESTATED = b"A", b"C", b"D"
FILLED = b"2"
BUY = b"1"
LOTS_DECIMALS = 8
_RISING = bytes.maketrans(b"234567", b"[]^_`a")  # base 32 has its digits behind its letters


def fields_of(frame: bytes) -> dict[bytes, bytes]:
    """The fields of a frame by tag; the last one of a tag that occurs twice."""
    return dict(field.split(b"=", 1) for field in frame.split(b"\x01")[:-1] if b"=" in field)


def lots_of(text: bytes) -> int:
    """A quantity in 1e-8."""
    return units_of(text, LOTS_DECIMALS)


def money_of(price: bytes, lots: int) -> int:
    """Price times quantity in 1e-10 of the quote asset, rounded down (docs/decisions/0006)."""
    whole, _, part = price.partition(b".")
    shift = MONEY_DECIMALS - LOTS_DECIMALS - len(part)
    product = int(whole + part) * lots
    return product * int(10**shift) if shift >= 0 else product // int(10**-shift)


@dataclass(slots=True)
class Entry:
    """What was asked for with a NewOrderSingle: by whom, who must not trade with whom, in which
    asset the quantity is, and what the order waits for."""

    account: bytes
    group: bytes
    in_quote: bool
    wait: Wait


@dataclass(slots=True)
class KnownOrder:
    """An order as the requests and the reports tell it."""

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

    @property
    def name(self) -> str:
        return self.order_id.decode()

    def quantity_of(self, text: bytes) -> int:
        """A quantity of its reports, in its own unit."""
        return amount_of(text) if self.entry.in_quote else lots_of(text)


class Orders:
    """All orders of the venue. `house` is what the house gave for fills that no order made, by
    asset, in 1e-10 of it; `last_price` the latest trade of each symbol, in 1e-10."""

    def __init__(self) -> None:
        self.by_id: dict[bytes, KnownOrder] = {}
        self.open: dict[bytes, KnownOrder] = {}
        self.reports = 0
        self.house: Counter[str] = Counter()
        self.last_price: Counter[bytes] = Counter()
        self.index_price: Counter[bytes] = Counter()
        self._last_exec_id = b""
        self._maker: tuple[KnownOrder, bytes, int] | None = None  # of a trade that lacks its taker

    def report(
        self,
        fields: dict[bytes, bytes],
        session: int,
        epoch: int,
        entry: Entry | None,
        time_ns: int,
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
        order = self.by_id.get(order_id)
        if exec_type == PENDING_NEW or (exec_type == NEW and order is None):
            require(order is None, "order_doubled", f"{said}: it exists")
            require(entry is not None, "order_from_nowhere", f"{said}: nobody entered it")
            assert entry is not None
            return self._entered(fields, session, epoch, entry, time_ns, said)
        require(order is not None, "order_lost", f"{said}: nothing is known of it")
        assert order is not None
        require(order.session == session, "wrong_session", f"{said} on session {session}")
        require(exec_type == TRADE or not by_house, "control", f"{said}: a fill was asked for")
        cum, leaves = order.quantity_of(fields[b"14"]), order.quantity_of(fields[b"151"])
        if exec_type == TRADE:
            last = self._fill(order, fields, cum, leaves, said)
            if by_house:
                self._paid_by_house(order, fields[b"31"], last)
            else:
                self._side(order, fields[b"1003"], last, said)
                self._traded(order.symbol, amount_of(fields[b"31"]))
        else:
            require(cum == order.cum, "quantities", f"{said}: CumQty {cum}, known {order.cum}")
        if exec_type == STATUS:
            right = (order.is_open, order.leaves) == (True, leaves)
            require(right, "quantities", f"{said}: LeavesQty {leaves}, known {order.leaves}")
            return order
        require(order.is_open, "order_reopened", f"{said}: it is closed")
        self._changed(order, fields, cum, leaves, time_ns, said)
        order.leaves = leaves
        if leaves == 0:
            order.is_open = False
            del self.open[order_id]
        return order

    def _entered(
        self,
        fields: dict[bytes, bytes],
        session: int,
        epoch: int,
        entry: Entry,
        time_ns: int,
        said: str,
    ) -> KnownOrder:
        order = KnownOrder(fields[b"37"], session, epoch, entry, fields[b"55"], fields[b"54"], 0)
        qty, cum = order.quantity_of(fields[b"38"]), order.quantity_of(fields[b"14"])
        order.qty = order.leaves = order.quantity_of(fields[b"151"])
        require(
            cum == 0 and order.leaves == qty > 0, "quantities", f"{said}: {cum}, {order.leaves}"
        )
        wait = entry.wait
        if fields[b"150"] == PENDING_NEW:
            wait.stage = SCHEDULED
            require(wait.effective_ns > time_ns, "times", f"{said}: its time has come")
        else:
            require(wait.effective_ns == 0, "fired_early", f"{said}: it is a scheduled order")
            self._start(order)
        self.by_id[order.order_id] = self.open[order.order_id] = order
        return order

    def _changed(
        self,
        order: KnownOrder,
        fields: dict[bytes, bytes],
        cum: int,
        leaves: int,
        time_ns: int,
        said: str,
    ) -> None:
        """What a report other than the first, that is no answer to a status request, says."""
        exec_type = fields[b"150"]
        wait = order.entry.wait
        if exec_type == NEW:
            require(wait.stage == SCHEDULED, "fired_twice", f"{said}: it is {wait.stage}")
            require(wait.effective_ns <= time_ns, "fired_early", f"{said}: before its time")
            alive = wait.expire_ns == 0 or wait.expire_ns > time_ns
            require(alive, "fired_late", f"{said}: it has expired")
            self._start(order)
        elif exec_type == RESTATED:
            wait.fire(amount_of(fields[b"1102"]), said)
            require(fields[b"40"] in (b"1", b"2"), "times", f"{said}: it is still a trigger order")
        elif exec_type == EXPIRED:
            require(0 < wait.expire_ns <= time_ns, "fired_early", f"{said}: before its time")
        if exec_type in (CANCELED, EXPIRED):
            require(leaves == 0, "quantities", f"{said}: LeavesQty {leaves}")
        elif exec_type == REPLACED:
            qty = order.quantity_of(fields[b"38"])
            require(cum + leaves == qty, "quantities", f"{said}: {cum} + {leaves} is not {qty}")
            order.qty = qty
            if b"99" in fields:
                wait.stop = amount_of(fields[b"99"])

    def _start(self, order: KnownOrder) -> None:
        prices = self.index_price if order.entry.wait.by_index else self.last_price
        order.entry.wait.start(prices[order.symbol])

    def _traded(self, symbol: bytes, price: int) -> None:
        """The two sides of a trade say the same price: the second changes nothing."""
        self.last_price[symbol] = price
        self._seen(symbol, price, by_index=False)

    def see_index(self, symbol: bytes) -> None:
        """The index of a market that trades may have a new price."""
        if self.index_price[symbol]:
            self._seen(symbol, self.index_price[symbol], by_index=True)

    def _seen(self, symbol: bytes, price: int, *, by_index: bool) -> None:
        for order in self.open.values():
            if order.symbol == symbol and order.entry.wait.by_index == by_index:
                order.entry.wait.see(price)

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
        wait = order.entry.wait
        require(wait.stage == LIVE, "fired_early", f"{said}: it is {wait.stage}")
        require(last > 0, "quantities", f"{said}: LastQty {last}")
        taken = amount_of(fields[b"118"]) if order.entry.in_quote else last
        right = cum == order.cum + taken
        require(right, "quantities", f"{said}: {order.cum} + {taken} is not {cum}")
        # What an amount leaves over when it does not buy one more lot is not filled.
        rounded = order.entry.in_quote and fields[b"39"] == FILLED and cum <= order.qty
        right = rounded or cum + leaves == order.qty
        require(right, "quantities", f"{said}: {cum} + {leaves}: {order.qty}")
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
