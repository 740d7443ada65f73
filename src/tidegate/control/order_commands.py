"""`orders`: what is open, in every stage. A question, which changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from msgspec import Struct

from tidegate.control.operators import (
    LIST_ROWS,
    Limit,
    account_named,
    instrument_named,
    sessions_named,
)
from tidegate.control.protocol import Handler, parameters_in_words
from tidegate.engine.holds import held_asset
from tidegate.engine.order import Order
from tidegate.model.orders import (
    BUY,
    INDEX_PRICE,
    LIVE,
    SCHEDULED,
    UNTRIGGERED,
)
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, to_text
from tidegate.model.time import shown_time
from tidegate.service import VenueService
from tidegate.venue.machine import Venue

SHARE: Final = 20_000  # orders that are looked at before others get their turn

STAGE_NAMES: Final = {SCHEDULED: "scheduled", UNTRIGGERED: "untriggered", LIVE: "live"}


class OrdersParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """Each one that is given narrows the list; `session` is a SenderCompID (49)."""

    account: str | None = None
    session: str | None = None
    symbol: str | None = None
    limit: Limit = LIST_ROWS


def order_commands(service: VenueService) -> dict[str, Handler]:
    """The command about orders."""
    venue = service.venue

    async def orders(given: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_in_words(given, OrdersParameters)
        account = -1
        sessions: list[int] = []
        symbol = ""
        if parameters.account is not None:
            account = account_named(venue, parameters.account).index
        if parameters.session is not None:
            sessions = sessions_named(venue, parameters.session, None)
        if parameters.symbol is not None:
            symbol = instrument_named(venue, parameters.symbol).symbol
        candidates = venue.engine.open_orders()
        if account >= 0:
            candidates = venue.engine.account_orders(account)
        total = 0
        rows: list[dict[str, Any]] = []
        for start in range(0, len(candidates), SHARE):
            if start:
                await asyncio.sleep(0)
            for order in candidates[start : start + SHARE]:
                if (sessions and order.session not in sessions) or (
                    symbol and order.instrument.symbol != symbol
                ):
                    continue
                if start and venue.engine.order(order.number) is not order:
                    continue  # closed meanwhile
                total += 1
                if len(rows) < parameters.limit:
                    rows.append(_described(venue, order))
        return {"total": total, "limit": parameters.limit, "rows": rows}

    return {"orders": orders}


def _described(venue: Venue, order: Order) -> dict[str, Any]:
    """An order, by stable names. Numbers are decimal texts; None where there is no such thing.
    `hidden` is what an iceberg does not show now; `hold` is what the account has bound for it."""
    decimals = order.instrument.price_decimals
    trigger = order.trigger
    return {
        "order_id": order.order_id.decode(),
        "cl_ord_id": order.cl_ord_id.decode("latin-1"),
        "account": venue.directory.accounts[order.account].settings.account,
        "session": _sender(venue, order),
        "symbol": order.instrument.symbol,
        "side": "buy" if order.side == BUY else "sell",
        "ord_type": chr(order.ord_type),
        "time_in_force": chr(order.time_in_force),
        "exec_inst": order.exec_inst.decode("latin-1") or None,
        "margin": order.margin,
        "stage": STAGE_NAMES[order.stage],
        "price": _text(order.price, decimals),
        "trigger_price": _text(trigger.stop_price, decimals) if trigger else None,
        "trigger_distance": _text(trigger.distance, decimals) if trigger else None,
        "limit_distance": _text(trigger.limit_distance, decimals) if trigger else None,
        "trigger_reference": _reference(trigger.reference) if trigger else None,
        "quantity": to_text(order.qty_lots, LOT_DECIMALS),
        "filled": to_text(order.cum_lots, LOT_DECIMALS),
        "open": to_text(order.leaves_lots, LOT_DECIMALS),
        "quote_amount": _text(order.quote_money, MONEY_DECIMALS),  # of 18=v
        "display": _text(order.display_lots, LOT_DECIMALS),
        "hidden": _text(order.hidden_lots, LOT_DECIMALS),
        "hold": {"asset": held_asset(order), "amount": to_text(order.held_money, MONEY_DECIMALS)},
        "entered": shown_time(order.entered_ns),
        "effective": shown_time(order.effective_ns) if order.effective_ns else None,
        "expires": shown_time(order.expire_ns) if order.expire_ns else None,
    }


def _sender(venue: Venue, order: Order) -> str:
    return venue.sessions[order.session].settings.sender_comp_id


def _reference(reference: int) -> str:
    return "index" if reference == INDEX_PRICE else "last"


def _text(number: int, decimals: int) -> str | None:
    return to_text(number, decimals) if number else None
