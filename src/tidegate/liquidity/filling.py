"""Which order of the taker fills a given resting order, and what of others it trades with, too."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any, NamedTuple

from msgspec import Struct

from tidegate.config import convert
from tidegate.config.liquidity import lots_text
from tidegate.config.schema import REQUIRED, DecimalText
from tidegate.control.operators import sessions_named
from tidegate.control.protocol import ControlError
from tidegate.engine.book import PriceLevel
from tidegate.engine.order import Order
from tidegate.model.orders import BUY, order_number
from tidegate.model.scaled import to_text
from tidegate.venue.machine import Venue


class FillParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`order` is an OrderID (37) or the order's latest ClOrdID (11); `session` a SenderCompID (49),
    needed where several have an order of that ClOrdID. Without `qty` all that is left. `through`
    trades with what others have before the order, too, or before what it hides."""

    order: Annotated[str, REQUIRED] = ""
    session: str | None = None
    qty: DecimalText | None = None
    through: bool = False


class FillTarget(NamedTuple):
    """The order, how much of it is wanted, and how much of others trades before that is done."""

    order: Order
    lots: int
    others_lots: int

    def request(self) -> dict[str, Any]:
        """What the taker's process is asked for."""
        instrument = self.order.instrument
        return {
            "symbol": instrument.symbol,
            "side": "2" if self.order.side == BUY else "1",
            "price": to_text(self.order.price, instrument.price_decimals),
            "qty": lots_text(self.lots + self.others_lots),
        }


def find_target(venue: Venue, parameters: FillParameters) -> FillTarget:
    """Raises `ControlError` where there is no such order in the book, where more is wanted than is
    left, and, unless `through`, where others would trade first."""
    order = _found(venue, parameters)
    if not order.resting:
        raise ControlError("order must be in the book; this one waits for its time or trigger")
    lots = order.leaves_lots
    if parameters.qty is not None:
        lots = _lots(parameters.qty)
        if not 0 < lots <= order.leaves_lots:
            left = lots_text(order.leaves_lots)
            raise ControlError(f"qty must be above 0 and at most {left}, what is left")
    others_lots, count = _others(venue, order, lots)
    if others_lots and not parameters.through:
        raise ControlError(
            f"{lots_text(others_lots)} of {count} other orders stand before it, at better prices, "
            f"earlier, or before what it hides; --through takes them, too"
        )
    return FillTarget(order, lots, others_lots)


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


def _others(venue: Venue, order: Order, lots: int) -> tuple[int, int]:
    """Lots of other orders that trade before `lots` of this one have, and the number of those
    orders: all at better prices, then at its own what has its turn first."""
    others_lots = count = 0
    book = venue.engine.book(order.instrument.symbol)
    assert book is not None, "the order rests there"
    for level in book.side(order.side):
        if level.price == order.price:
            at_level, count_at_level = _turns_before(level, order, lots)
            return others_lots + at_level, count + count_at_level
        others_lots += sum(other.leaves_lots for other in level)
        count += level.count
    raise AssertionError("a resting order is in its book")


def _turns_before(level: PriceLevel, order: Order, lots: int) -> tuple[int, int]:
    """The same at the order's price. Each order has its turn with what it shows; what an iceberg
    hides, this order's too, goes behind the others and shows again there."""
    queue = deque((one, one.leaves_lots - one.hidden_lots, one.hidden_lots) for one in level)
    others_lots = 0
    others: set[int] = set()
    while True:
        one, shown, hidden = queue.popleft()
        if one is order:
            if shown >= lots:
                return others_lots, len(others)
            lots -= shown
        else:
            others_lots += shown
            others.add(one.number)
        if hidden:
            shows = min(one.display_lots, hidden)
            queue.append((one, shows, hidden - shows))


def _lots(text: str) -> int:
    try:
        return convert.lots(text)
    except ValueError as error:
        raise ControlError(f"qty {error}") from None
