"""What one firm's client knows: its own books, made of acknowledgements alone.

Every report is booked once, by its ExecID; a replay of it must say the same. From reports alone
follow the state of every order and the change of every balance.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tidegate.client import ExecType, ExecutionReport, OrdType, Side, TimeInForce

ZERO = Decimal(0)
SCHEDULED, UNTRIGGERED, LIVE = "scheduled", "untriggered", "live"
PLAIN_TYPES = (OrdType.MARKET, OrdType.LIMIT)
PRICED_TYPES = (
    OrdType.LIMIT, OrdType.STOP_LOSS_LIMIT, OrdType.TAKE_PROFIT_LIMIT, OrdType.TRAILING_STOP_LIMIT,
)  # fmt: skip


@dataclass(slots=True)
class BookedOrder:
    """An order as the last report told it. `stage` is what it waits for; `entered_as` the ClOrdID
    that it came with."""

    order_id: str
    account: str
    side: str
    cl_ord_id: str
    price: Decimal | None
    qty: Decimal
    stage: str
    entered_as: str
    ord_type: str
    stop_px: Decimal | None
    cum_qty: Decimal = ZERO
    fee: Decimal = ZERO
    display_qty: Decimal | None = None
    is_over: bool = False


@dataclass(slots=True)
class Witness:
    """`changes` is, by account and asset, what trading did to the balance. `exec_ids` are in the
    order in which the reports came first."""

    own_account: str
    orders: dict[str, BookedOrder] = field(default_factory=dict)
    exec_ids: list[str] = field(default_factory=list)
    changes: defaultdict[tuple[str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    replayed: int = 0
    trades: int = 0
    _seen: dict[str, ExecutionReport] = field(default_factory=dict)

    def book(self, report: ExecutionReport) -> bool:
        """Take a report; False where it was booked before."""
        bare = replace(report, poss_dup=False, frame=b"")
        before = self._seen.get(report.exec_id)
        if before is not None:
            assert before == bare, f"execution {report.exec_id} changed: {before} / {bare}"
            assert report.poss_dup, f"execution {report.exec_id} came twice, unmarked"
            return False
        self._seen[report.exec_id] = bare
        self.exec_ids.append(report.exec_id)
        self.replayed += report.poss_dup
        if report.exec_type == ExecType.ORDER_STATUS:
            return True
        order = self.orders.get(report.order_id)
        if order is None:
            order = self._new(report)
        self._update(order, report)
        return True

    def _new(self, report: ExecutionReport) -> BookedOrder:
        assert report.exec_type in (ExecType.NEW, ExecType.PENDING_NEW), f"not first: {report}"
        assert report.order_qty is not None
        order = BookedOrder(
            order_id=report.order_id,
            account=report.alloc_account or self.own_account,
            side=report.side,
            cl_ord_id=report.cl_ord_id,
            price=report.price,
            qty=report.order_qty,
            stage=SCHEDULED,
            entered_as=report.cl_ord_id,
            ord_type=report.ord_type,
            stop_px=report.stop_px,
        )
        self.orders[report.order_id] = order
        return order

    def _update(self, order: BookedOrder, report: ExecutionReport) -> None:
        assert not order.is_over, f"a report after the order's end: {report}"
        self._move_on(order, report)
        assert (report.price is not None) == (report.ord_type in PRICED_TYPES), report
        assert report.order_qty is not None
        assert report.cum_qty is not None
        if report.exec_type == ExecType.TRADE:
            self._trade(order, report)
        assert report.cum_qty == order.cum_qty, f"CumQty is not the sum of the fills: {report}"
        order.cl_ord_id = report.cl_ord_id
        order.price = report.price
        order.qty = report.order_qty
        order.display_qty = report.display_qty
        order.is_over = report.is_over
        open_qty = ZERO if order.is_over else order.qty - order.cum_qty
        assert report.leaves_qty == open_qty, f"LeavesQty does not add up: {report}"

    @staticmethod
    def _move_on(order: BookedOrder, report: ExecutionReport) -> None:
        """From stage to stage an order goes once, and trades in the last."""
        said = f"it is {order.stage}: {report}"
        if report.exec_type == ExecType.NEW:
            assert order.stage == SCHEDULED, said
            order.stage = LIVE if report.ord_type in PLAIN_TYPES else UNTRIGGERED
        elif report.exec_type == ExecType.RESTATED:
            assert order.stage == UNTRIGGERED, said
            assert report.ord_type in PLAIN_TYPES, report
            order.stage = LIVE
        elif report.exec_type == ExecType.TRADE:
            assert order.stage == LIVE, said
        elif report.exec_type == ExecType.EXPIRED:
            assert report.time_in_force == TimeInForce.GTD, report
        order.ord_type = report.ord_type
        order.stop_px = report.stop_px

    def _trade(self, order: BookedOrder, report: ExecutionReport) -> None:
        assert report.last_qty is not None
        assert report.net_money is not None
        self.trades += 1
        order.cum_qty += report.last_qty
        total_fee = report.misc_fee_amt if report.misc_fee_amt is not None else order.fee
        fee = total_fee - order.fee  # the report tells the order's total
        order.fee = total_fee
        sign = 1 if order.side == Side.BUY else -1
        self.changes[order.account, "BTC"] += sign * report.last_qty
        self.changes[order.account, "USD"] -= sign * report.net_money
        fee_asset = report.misc_fee_curr or "USD"
        self.changes[order.account, fee_asset] -= fee

    @property
    def open_orders(self) -> list[BookedOrder]:
        return [order for order in self.orders.values() if not order.is_over]
