"""Which order of the taker fills a given resting order, and what stands before it."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from msgspec import Struct

from tidegate.config import convert
from tidegate.config.liquidity import lots_text
from tidegate.config.schema import REQUIRED, DecimalText
from tidegate.control.operators import sessions_named
from tidegate.control.protocol import ControlError
from tidegate.engine.order import Order
from tidegate.model.orders import BUY, order_number
from tidegate.model.scaled import to_text
from tidegate.venue.machine import Venue


class FillParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`order` is an OrderID (37) or the order's latest ClOrdID (11); `session` a SenderCompID (49),
    needed where several have an order of that ClOrdID. Without `qty` all that is left. `through`
    trades with what stands before the order, too."""

    order: Annotated[str, REQUIRED] = ""
    session: str | None = None
    qty: DecimalText | None = None
    through: bool = False


class FillTarget(NamedTuple):
    """The order, how much of it is wanted, and how much of others trades before it."""

    order: Order
    lots: int
    ahead_lots: int

    def request(self) -> dict[str, Any]:
        """What the taker's process is asked for."""
        instrument = self.order.instrument
        return {
            "symbol": instrument.symbol,
            "side": "2" if self.order.side == BUY else "1",
            "price": to_text(self.order.price, instrument.price_decimals),
            "qty": lots_text(self.lots + self.ahead_lots),
        }


def find_target(venue: Venue, parameters: FillParameters) -> FillTarget:
    """Raises `ControlError` where there is no such order in the book, where more is wanted than is
    left, and, unless `through`, where others stand before it."""
    order = _found(venue, parameters)
    if not order.resting:
        raise ControlError("order must be in the book; this one waits for its time or trigger")
    lots = order.leaves_lots
    if parameters.qty is not None:
        lots = _lots(parameters.qty)
        if not 0 < lots <= order.leaves_lots:
            left = lots_text(order.leaves_lots)
            raise ControlError(f"qty must be above 0 and at most {left}, what is left")
    ahead_lots, count = _ahead(venue, order)
    if ahead_lots and not parameters.through:
        raise ControlError(
            f"{lots_text(ahead_lots)} of {count} other orders stand before it, at better prices or "
            f"earlier; with through they are taken, too"
        )
    return FillTarget(order, lots, ahead_lots)


def _found(venue: Venue, parameters: FillParameters) -> Order:
    sessions: list[int] | None = None
    if parameters.session is not None:
        sessions = sessions_named(venue, parameters.session, None)
    name = parameters.order.encode()
    by_id = venue.engine.order(order_number(name))
    if by_id is not None and (sessions is None or by_id.session in sessions):
        return by_id
    found = [
        order
        for order in venue.engine.open_orders()
        if order.cl_ord_id == name and (sessions is None or order.session in sessions)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ControlError(f"order {parameters.order} is open {len(found)} times; name its session")
    raise ControlError(
        f"order must be the OrderID or ClOrdID of an open order, not {parameters.order[:64]!r}"
    )


def _ahead(venue: Venue, order: Order) -> tuple[int, int]:
    """Lots and number of the orders that an order against this one meets first. Of an iceberg that
    is earlier at the same price, what it shows: the rest of it goes behind."""
    lots = count = 0
    book = venue.engine.book(order.instrument.symbol)
    assert book is not None, "the order rests there"
    for level in book.side(order.side):
        for other in level:
            if other is order:
                return lots, count
            hidden = other.hidden_lots if level.price == order.price else 0
            lots += other.leaves_lots - hidden
            count += 1
    raise AssertionError("a resting order is in its book")


def _lots(text: str) -> int:
    try:
        return convert.lots(text)
    except ValueError as error:
        raise ControlError(f"qty {error}") from None
