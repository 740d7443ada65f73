"""How `tidegate watch` gets to a venue: from the data directory's `ready.json`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.client import Credentials, Endpoint
from tidegate.config.liquidity import LIQUIDITY_FIRM, TAPE_FIRM
from tidegate.control.client import PatientClock, VenueUnreachable, ask
from tidegate.control.protocol import ControlError
from tidegate.feeds.status import FeedsUnreachable
from tidegate.feeds.status import ask as told

_ROLES = {2: "market_data_l2", 3: "market_data_l3"}
# Whose names are taken first, so that those of clients stay free for them
_OWN_FIRMS = (TAPE_FIRM, LIQUIDITY_FIRM)


class WatchFailed(Exception):
    """Nothing can be shown; the text is the one line that says why."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where market data is served, and who may log on there, in the order to try."""

    endpoint: Endpoint
    credentials: tuple[Credentials, ...]


def access_of(data: Path, level: int, comp_id: str = "") -> Access:
    """For Spot at that level, as anybody whose session is down: where a second logon displaces the
    first, nobody is to lose his line. With `comp_id` as that SenderCompID, whatever it does. Raises
    `WatchFailed`."""
    ready = _ready(data)
    role = _ROLES[level]
    sessions = [
        session
        for session in ready.get("market_data_sessions", [])
        if (session["market"], session["role"]) == ("spot", role)
    ]
    sessions.sort(key=lambda session: session["firm"] not in _OWN_FIRMS)
    if not sessions:
        raise WatchFailed(f"the venue on {data} serves no market data of Level {level}")
    if comp_id:
        senders = ", ".join(session["sender_comp_id"] for session in sessions)
        sessions = [session for session in sessions if session["sender_comp_id"] == comp_id]
        if not sessions:
            raise WatchFailed(f"no session of SenderCompID {comp_id}; there are {senders}")
    else:
        sessions = _not_in_use(sessions, data, ready["ports"])
    ca_file = ready["ca_file"]
    endpoint = Endpoint(
        ready["host"],
        sessions[0]["port"],
        tls=ready["tls"],
        ca_file=None if ca_file is None else Path(ca_file),
    )
    return Access(
        endpoint,
        tuple(
            Credentials(session["sender_comp_id"], session["target_comp_id"])
            for session in sessions
            if session["port"] == endpoint.port
        ),
    )


def _not_in_use(
    sessions: list[dict[str, Any]], data: Path, ports: dict[str, int]
) -> list[dict[str, Any]]:
    """Those that are down. Raises `WatchFailed` where none is."""
    try:
        up = {(ports.get(one["service"]), one["sender_comp_id"]) for one in told(data)["sessions"]}
    except FeedsUnreachable:
        return sessions  # the logon will tell
    free = [one for one in sessions if (one["port"], one["sender_comp_id"]) not in up]
    if not free:
        names = ", ".join(one["sender_comp_id"] for one in sessions)
        raise WatchFailed(f"every SenderCompID is in use already ({names})")
    return free


def clock_of(data: Path) -> Callable[[], int]:
    """The machine's clock, or that of the venue where it goes by one of its own."""
    try:
        if ask(data, "clock")["kind"] == "virtual":
            return PatientClock(data)
    except (VenueUnreachable, ControlError, TimeoutError):
        pass  # whoever may read the market needs no control; and a venue that is gone is told of
    return time.time_ns


def _ready(data: Path) -> dict[str, Any]:
    path = data / "ready.json"
    try:
        ready = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise WatchFailed(f"no venue runs on {data}: there is no {path}") from None
    except OSError as error:
        raise WatchFailed(f"{path}: {error.strerror}") from None
    except ValueError:
        raise WatchFailed(f"{path} is no JSON") from None
    if not isinstance(ready, dict):
        raise WatchFailed(f"{path} is no JSON object")
    return ready
