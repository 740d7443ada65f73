"""What the commands of operators have in common: texts as the core's numbers, names as the core's
objects, and a control done when it is durable. Errors name the parameter and the rule."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from tidegate.config import convert
from tidegate.config.problems import suggestion
from tidegate.control.protocol import ControlError
from tidegate.model.instruments import Instrument
from tidegate.model.scaled import MONEY_DECIMALS
from tidegate.oes.directory import Account
from tidegate.service import VenueService
from tidegate.venue.controls import NO_SESSION, Control, ControlRefused
from tidegate.venue.machine import Venue

LIST_ROWS_MAX: Final = 10_000
LIST_ROWS: Final = 500

Limit = Annotated[int, Meta(ge=1, le=LIST_ROWS_MAX)]
"""How many rows a list has at most; how many there are is told beside it."""


class ListParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """Of lists that can not be narrowed."""

    limit: Limit = LIST_ROWS


async def do(service: VenueService, kind: int, control: Control, session: int = NO_SESSION) -> None:
    """Have a control done, and wait until it is durable. Raises `ControlError`."""
    try:
        await service.control(kind, session, control.encode())
    except ControlRefused as refused:
        raise ControlError(str(refused)) from None


def account_named(venue: Venue, name: str) -> Account:
    found = venue.directory.account_by_name.get(name.encode())
    if found is None:
        known = [account.settings.account for account in venue.directory.accounts]
        raise ControlError(f"account {_shown(name)} is not known{suggestion(name, known)}")
    return found


def instrument_named(venue: Venue, symbol: str) -> Instrument:
    """By its symbol or an alias; one that the settings no longer name will do."""
    found = venue.directory.instrument_by_symbol.get(symbol.encode())
    found = found or venue.instruments.get(symbol)
    if found is None:
        near = suggestion(symbol, list(venue.instruments))
        raise ControlError(f"symbol {_shown(symbol)} is not known{near}")
    return found


def sessions_named(venue: Venue, sender_comp_id: str, target_comp_id: str | None) -> list[int]:
    """The indexes of a client's sessions, with one or with every TargetCompID."""
    found = [
        session.index
        for session in venue.sessions
        if session.settings.sender_comp_id == sender_comp_id
        and target_comp_id in (None, session.settings.target_comp_id)
    ]
    if not found:
        known = [session.settings.sender_comp_id for session in venue.sessions]
        near = suggestion(sender_comp_id, known)
        raise ControlError(f"sender_comp_id {_shown(sender_comp_id)} has no session here{near}")
    return found


def money_of(name: str, text: str) -> int:
    """An amount above 0, in 1e-10 of its asset."""
    money = decimal_of(name, text, MONEY_DECIMALS)
    if money == 0:
        raise ControlError(f"{name} must be above 0")
    return money


def decimal_of(name: str, text: str, decimals: int) -> int:
    try:
        return convert.decimal(text, decimals)
    except ValueError as error:
        raise ControlError(f"{name} {_cut(str(error))}") from None


def rate_of(name: str, text: str) -> int:
    """A percentage in millionths."""
    try:
        return convert.rate(text)
    except ValueError as error:
        raise ControlError(f"{name} {_cut(str(error))}") from None


def bounded(rows: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A list that says how long it would be."""
    return {"total": len(rows), "limit": limit, "rows": rows[:limit]}


def _shown(text: str) -> str:
    return repr(text[:64])


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."
