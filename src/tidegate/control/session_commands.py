"""`sessions`: what each FIX session and its link are about, for a look that changes nothing."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from tidegate.control.protocol import ControlError, Handler, parameters_of
from tidegate.gateway.link import Link
from tidegate.model.time import NS_PER_MS
from tidegate.service import VenueService
from tidegate.session.gap import Gap
from tidegate.session.machine import Session
from tidegate.session.states import DISCONNECTED, STATE_NAMES

_MS_PER_S: Final = 1000


class SessionsParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`sender_comp_id` (49) picks the sessions of one client."""

    sender_comp_id: str | None = None


def session_commands(service: VenueService) -> dict[str, Handler]:
    """The commands about sessions."""

    async def sessions(given: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = parameters_of(given, SessionsParameters).sender_comp_id
        picked = [
            session
            for session in service.venue.sessions
            if wanted in (None, session.settings.sender_comp_id)
        ]
        if wanted is not None and not picked:
            raise ControlError(f"sender_comp_id: no session has {wanted!r}")
        return [_described(service, session) for session in picked]

    return {"sessions": sessions}


def _described(service: VenueService, session: Session) -> dict[str, Any]:
    """One session, by stable names. Times that have passed are seconds; numbers are those of the
    next message each way."""
    venue = service.venue
    settings = session.settings
    is_up = session.state != DISCONNECTED
    life = venue.lives[session.index]
    on_disconnect = life.cancel_on_disconnect if is_up else settings.cancel_on_disconnect
    return {
        "sender_comp_id": settings.sender_comp_id,
        "target_comp_id": settings.target_comp_id,
        "account": settings.account,
        "enabled": settings.enabled,
        "state": STATE_NAMES[session.state],
        "link": session.link,
        "next_outgoing": session.next_outgoing,
        "next_incoming": session.next_incoming,
        "gap": _gap(session.gap, session.next_incoming),
        "heart_bt_int_s": session.heart_bt_int_s if is_up else None,
        "test_request_pending": session.test_request_ns > 0,
        "last_received_s": _passed_s(service, session.last_received_ns) if is_up else None,
        "last_sent_s": _passed_s(service, session.last_sent_ns) if is_up else None,
        "open_orders": venue.engine.session_order_count(session.index),
        "cancel_on_disconnect": on_disconnect,
        **_link(service, session.link),
    }


def _link(service: VenueService, number: int) -> dict[str, Any]:
    """The far end, and what waits for it. `following` is a peer that is behind, so that it is
    served from the log."""
    link = service.output(number) if number else None
    if not isinstance(link, Link) or link.outbound is None:
        return {"peer": None, "queue": None}
    outbound = link.outbound
    queue = {
        "unsent_bytes": outbound.unsent_bytes,
        "following": outbound.following,
        "resends_pending": outbound.resends_pending,
    }
    return {"peer": link.peer, "queue": queue}


def _gap(gap: Gap, next_incoming: int) -> dict[str, int] | None:
    """What is missing of the peer's messages; None where nothing is. `until` is the newest number
    that was asked for, `held` how many of those in between wait for their turn."""
    if not gap.until:
        return None
    return {"from": next_incoming, "until": gap.until, "held": len(gap.held)}


def _passed_s(service: VenueService, then_ns: int) -> float:
    return (service.now_ns() - then_ns) // NS_PER_MS / _MS_PER_S
