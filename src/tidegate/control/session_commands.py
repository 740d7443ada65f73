"""Commands about sessions. Questions, which change nothing: `sessions`, what each one and its link
are about; `failed-logons`, why the latest logons failed. `drop` closes a session's link, which the
journal has as a control."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from tidegate.control.operators import sessions_named
from tidegate.control.protocol import ControlError, Handler, parameters_of
from tidegate.gateway.doctor import LogonDoctor
from tidegate.gateway.link import Link
from tidegate.model.rejects import LAYER_NAMES
from tidegate.model.time import NS_PER_MS
from tidegate.service import VenueService
from tidegate.venue.controls import DROP_SESSION, ControlRefused, DropSession
from tidegate.venue.machine import Venue
from tidegate.venue.overview import SessionOverview, session_overview

NO_DOCTOR: Final = "failed logons are explained in the uat profile only; this venue is production"
_MS_PER_S: Final = 1000


class SessionsParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`sender_comp_id` (49) picks the sessions of one client."""

    sender_comp_id: str | None = None


class DropParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`sender_comp_id` (49) names the client whose links are closed."""

    sender_comp_id: str


def session_commands(service: VenueService, doctor: LogonDoctor | None) -> dict[str, Handler]:
    """The commands about sessions; `doctor` is None in the production profile."""

    async def sessions(given: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = parameters_of(given, SessionsParameters).sender_comp_id
        found = session_overview(service.venue)
        if wanted is not None:
            found = _sessions_of(service.venue, wanted)
        return [_described(service, session) for session in found]

    async def why(given: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = parameters_of(given, SessionsParameters).sender_comp_id
        if doctor is None:
            raise ControlError(NO_DOCTOR)
        return [failure.document() for failure in doctor.failures(wanted)]

    async def drop(given: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = parameters_of(given, DropParameters).sender_comp_id
        dropped = [session for session in _sessions_of(service.venue, wanted) if session.link]
        if not dropped:
            raise ControlError(f"sender_comp_id: no session of {wanted!r} is logged on")
        for session in dropped:
            try:
                await service.control(DROP_SESSION, session.index, DropSession().encode())
            except ControlRefused as refused:  # it has ended while the one before was dropped
                raise ControlError(str(refused)) from refused
        return [{"target_comp_id": s.target_comp_id, "link": s.link} for s in dropped]

    return {"sessions": sessions, "failed-logons": why, "drop": drop}


def _sessions_of(venue: Venue, sender_comp_id: str) -> list[SessionOverview]:
    indexes = sessions_named(venue, sender_comp_id, None)
    return [session for session in session_overview(venue) if session.index in indexes]


def _described(service: VenueService, session: SessionOverview) -> dict[str, Any]:
    """One session, by stable names. Times that have passed, or are to come, are in seconds; numbers
    are those of the next message each way; what there is only with a link is None without."""
    now_ns = service.now_ns()
    is_up = session.link != 0
    return {
        "sender_comp_id": session.sender_comp_id,
        "target_comp_id": session.target_comp_id,
        "account": session.account,
        "enabled": session.enabled,
        "state": session.state,
        "link": session.link,
        "epoch": session.epoch,
        "next_outgoing": session.next_outgoing,
        "next_incoming": session.next_incoming,
        "hole": _hole(session),
        "heart_bt_int_s": session.heart_bt_int_s if is_up else None,
        "test_request_pending": session.test_request_pending,
        "last_received_s": _seconds(now_ns - session.last_received_ns) if is_up else None,
        "last_sent_s": _seconds(now_ns - session.last_sent_ns) if is_up else None,
        "open_orders": session.open_order_count,
        "cancel_on_disconnect": session.cancel_on_disconnect,
        "grace_left_s": (
            _seconds(session.grace_until_ns - now_ns) if session.grace_until_ns else None
        ),
        "muted": session.muted,
        "rejects_pending": {LAYER_NAMES[k]: n for k, n in session.rejects_pending.items() if n},
        **_link(service, session.link),
    }  # fmt: skip


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


def _hole(session: SessionOverview) -> dict[str, int] | None:
    """What is missing of the client's messages; None where nothing is. `until` is the newest number
    that was asked for, `held` how many messages behind the hole wait for their turn."""
    if not session.hole_until:
        return None
    return {
        "from": session.hole_from, "until": session.hole_until, "held": session.held_count
    }  # fmt: skip


def _seconds(duration_ns: int) -> float:
    return duration_ns // NS_PER_MS / _MS_PER_S
