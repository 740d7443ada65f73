"""The orders that a client has in the book, by market, from its execution reports alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tidegate.client import ExecType, ExecutionReport, Side
from tidegate.config.liquidity import MarketMaking
from tidegate.liquidity.changes import OpenQuote
from tidegate.model.scaled import LOT_DECIMALS


class OwnOrders:
    """Reports are to be taken in the order of their numbers, replays included: the last word on an
    order counts."""

    def __init__(self) -> None:
        self._by_symbol: dict[str, dict[str, OpenQuote]] = {}

    def clear(self) -> None:
        """Nothing is open: everything was cancelled."""
        self._by_symbol.clear()

    def of(self, symbol: str) -> list[OpenQuote]:
        """Oldest first."""
        return list(self._by_symbol.get(symbol, {}).values())

    def take(self, report: ExecutionReport, markets: Mapping[str, MarketMaking]) -> None:
        """Book a report. One of a market that is not made is not looked at."""
        market = markets.get(report.symbol)
        if market is None or report.exec_type == ExecType.ORDER_STATUS:
            return
        orders = self._by_symbol.setdefault(report.symbol, {})
        if report.is_over or report.price is None:
            orders.pop(report.order_id, None)
            return
        orders[report.order_id] = OpenQuote(
            order_id=report.order_id,
            cl_ord_id=report.cl_ord_id,
            side=Side(report.side),
            price=_units(report.price, market.price_decimals),
            cum_lots=_units(report.cum_qty, LOT_DECIMALS),
            leaves_lots=_units(report.leaves_qty, LOT_DECIMALS),
        )


def _units(value: Decimal | None, decimals: int) -> int:
    return 0 if value is None else int(value.scaleb(decimals))
