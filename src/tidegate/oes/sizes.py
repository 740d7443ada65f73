"""Quantities, prices and times of an order: precision, minimums, how far ahead."""

from __future__ import annotations

from typing import Final

from tidegate.model.instruments import Instrument
from tidegate.model.limits import (
    DEADLINE_MAX_S,
    DEADLINE_MIN_S,
    ICEBERG_PARTS_MAX,
    ORDER_DAYS_AHEAD_MAX,
)
from tidegate.model.orders import MARKET, PRICED_TYPES, TRAILING_STOP_LIMIT
from tidegate.model.rejects import (
    COST_MINIMUM,
    EFFECTIVE_TIME,
    EXPIRE_TIME,
    ICEBERG_SIZE,
    ORDER_MINIMUM,
    PRICE_INVALID,
    QTY_INVALID,
    TICK_SIZE,
    VALID_UNTIL_TIME,
    Rule,
)
from tidegate.model.scaled import LOT_DECIMALS, LOT_MONEY
from tidegate.model.time import NS_PER_S, S_PER_DAY, parse_utc_timestamp
from tidegate.oes.instructions import (
    HAS_DISPLAY_QTY,
    HAS_EFFECTIVE_TIME,
    HAS_EXPIRE_TIME,
    HAS_STOP_PX,
    HAS_VALID_UNTIL_TIME,
    QUOTE_QTY,
)
from tidegate.oes.requests import Amend, AmendTarget, NewOrder
from tidegate.wire import tags
from tidegate.wire.message import NUMBER_TOO_PRECISE, Message

_AHEAD_MAX_NS: Final = ORDER_DAYS_AHEAD_MAX * S_PER_DAY * NS_PER_S


def fill_sizes(order: NewOrder, message: Message, rare: int, exec_inst: int) -> Rule | None:
    """OrderQty (38), Price (44), StopPx (99) and DisplayQty (1138): precision, then minimums."""
    instrument = order.instrument
    quantity = message.scaled(tags.ORDER_QTY, LOT_DECIMALS)
    if quantity <= 0:
        return QTY_INVALID
    if exec_inst & QUOTE_QTY:
        # An amount of the quote asset has as many decimals as any other quantity.
        order.quote_money = quantity * LOT_MONEY
        return COST_MINIMUM if order.quote_money < instrument.cost_min_money else None
    order.qty_lots = quantity
    if order.ord_type in PRICED_TYPES:
        order.price = message.scaled(tags.PRICE, instrument.price_decimals)
        rule = price_rule(order.price, instrument)
        if rule is not None:
            return rule
    if rare & HAS_STOP_PX:
        order.stop_price = message.scaled(tags.STOP_PX, instrument.price_decimals)
        rule = price_rule(order.stop_price, instrument)
        if rule is not None:
            return rule
    if rare & HAS_DISPLAY_QTY:
        order.display_lots = message.scaled(tags.DISPLAY_QTY, LOT_DECIMALS)
        rule = display_rule(order.display_lots, quantity)
        if rule is not None:
            return rule
    return _minimum_rule(order.ord_type, instrument, order.price, quantity)


def fill_amend_sizes(
    change: Amend, target: AmendTarget, message: Message, rare: int
) -> Rule | None:
    """The same of an amend. A quantity that is executed already ends the order, so neither its
    display nor a minimum is asked for then."""
    instrument = target.instrument
    change.qty_lots = message.scaled(tags.ORDER_QTY, LOT_DECIMALS)
    if change.qty_lots <= 0:
        return QTY_INVALID
    if target.ord_type in PRICED_TYPES:
        change.price = message.scaled(tags.PRICE, instrument.price_decimals)
        rule = price_rule(change.price, instrument)
        if rule is not None:
            return rule
    if rare & HAS_STOP_PX:
        change.stop_price = message.scaled(tags.STOP_PX, instrument.price_decimals)
        rule = price_rule(change.stop_price, instrument)
        if rule is not None:
            return rule
    left = change.qty_lots - target.cum_lots
    if left <= 0:
        return None
    if rare & HAS_DISPLAY_QTY:
        change.display_lots = message.scaled(tags.DISPLAY_QTY, LOT_DECIMALS)
        rule = display_rule(change.display_lots, left)
        if rule is not None:
            return rule
    elif target.display_lots and target.display_lots * ICEBERG_PARTS_MAX < left:
        return ICEBERG_SIZE
    return _minimum_rule(target.ord_type, instrument, change.price, change.qty_lots)


def price_rule(price: int, instrument: Instrument) -> Rule | None:
    """Of what `Message.scaled` gave for a price or a distance of prices: positive, of sane size
    and on the tick."""
    if price == NUMBER_TOO_PRECISE:
        return TICK_SIZE
    if price <= 0:
        return PRICE_INVALID
    return TICK_SIZE if price % instrument.tick_units != 0 else None


def display_rule(display_lots: int, qty_lots: int) -> Rule | None:
    """Of what `Message.scaled` gave for DisplayQty (1138)."""
    if display_lots == NUMBER_TOO_PRECISE:
        return QTY_INVALID
    if display_lots <= 0 or display_lots > qty_lots:
        return ICEBERG_SIZE
    return ICEBERG_SIZE if display_lots * ICEBERG_PARTS_MAX < qty_lots else None


def _minimum_rule(ord_type: int, instrument: Instrument, price: int, qty_lots: int) -> Rule | None:
    """The cost is known where the order has a price of its own, not a distance."""
    if qty_lots < instrument.qty_min_lots:
        return ORDER_MINIMUM
    if ord_type == MARKET or price == 0 or ord_type == TRAILING_STOP_LIMIT:
        return None
    return COST_MINIMUM if instrument.money(price, qty_lots) < instrument.cost_min_money else None


def fill_times(order: NewOrder, message: Message, rare: int, now_ns: int) -> Rule | None:
    """EffectiveTime (168), ExpireTime (126) and ValidUntilTime (62)."""
    if rare & HAS_EFFECTIVE_TIME:
        order.effective_ns = parse_utc_timestamp(message.get(tags.EFFECTIVE_TIME))
        if not now_ns < order.effective_ns <= now_ns + _AHEAD_MAX_NS:
            return EFFECTIVE_TIME
    if rare & HAS_EXPIRE_TIME:
        order.expire_ns = parse_utc_timestamp(message.get(tags.EXPIRE_TIME))
        if not now_ns < order.expire_ns <= now_ns + _AHEAD_MAX_NS:
            return EXPIRE_TIME
        if order.expire_ns <= order.effective_ns:
            return EFFECTIVE_TIME
    if rare & HAS_VALID_UNTIL_TIME:
        order.valid_until_ns = parse_utc_timestamp(message.get(tags.VALID_UNTIL_TIME))
        return deadline_rule(order.valid_until_ns, message)
    return None


def deadline_rule(valid_until_ns: int, message: Message) -> Rule | None:
    """ValidUntilTime (62) counts from SendingTime (52): the client's clock against itself."""
    ahead_ns = valid_until_ns - parse_utc_timestamp(message.get(tags.SENDING_TIME))
    if DEADLINE_MIN_S * NS_PER_S <= ahead_ns <= DEADLINE_MAX_S * NS_PER_S:
        return None
    return VALID_UNTIL_TIME
