"""How market data and drop copies go, for `tidegate ctl feeds`: who connects to a socket in the
data directory is told all of it as one line of JSON, and the connection is closed."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from tidegate.feeds.dropcopy.seat import CopySeat
from tidegate.feeds.dropcopy.service import DropCopyService, Place
from tidegate.feeds.ports import FeedPorts
from tidegate.feeds.seats import Seat
from tidegate.feeds.service import FeedService
from tidegate.gateway.link import Link
from tidegate.gateway.port import LinkOutput
from tidegate.provision.local_socket import listen_in, socket_address
from tidegate.session.machine import Session
from tidegate.session.states import DISCONNECTED, STATE_NAMES

SOCKET_NAME: Final = "feeds.sock"
ANSWER_S_MAX: Final = 10.0


class FeedsUnreachable(Exception):
    """Nobody serves market data from a data directory, or does not answer; the text says which."""


class StatusServer:
    """Answers in the loop of the service, whose lock of the directory is its parent's."""

    def __init__(self, directory: Path, service: FeedService, ports: FeedPorts) -> None:
        self._directory = directory
        self._service = service
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._answers: set[asyncio.Task[None]] = set()  # under way: the loop itself keeps none

    def start(self) -> None:
        """Listen. Raises `OSError`."""
        self._listening = listen_in(self._directory, SOCKET_NAME)
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def stop(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None
            (self._directory / SOCKET_NAME).unlink(missing_ok=True)

    def _accept(self) -> None:
        assert self._listening is not None
        with suppress(OSError):
            accepted, _ = self._listening.accept()
            accepted.setblocking(False)
            answer = self._loop.create_task(self._tell(accepted))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _tell(self, accepted: socket.socket) -> None:
        with accepted, suppress(OSError, TimeoutError):
            answer = msgspec.json.encode(overview(self._service, self._ports)) + b"\n"
            await asyncio.wait_for(self._loop.sock_sendall(accepted, answer), ANSWER_S_MAX)


def overview(service: FeedService, ports: FeedPorts) -> dict[str, Any]:
    """Positions are bytes of the journal. Market-data sessions that are down are counted alone;
    drop copies are all there, because what they have not read waits for them. `ready` is false
    while sessions get nothing, because the process catches up."""
    copies = ports.copies
    durable = service.follower.doorbell.log_position
    seats = list(zip(service.places, service.desk.seats, strict=True))
    return {
        "pid": os.getpid(),
        "log_position": service.follower.position,
        "ready": service.is_open,
        "behind_bytes": max(0, durable - service.follower.position),
        "subscriptions": service.desk.subscription_count,
        "sessions_down": sum(seat.session.state == DISCONNECTED for _, seat in seats),
        "sessions": [
            _described(service, name, comp_ids, seat)
            for (name, comp_ids), seat in seats
            if seat.session.state != DISCONNECTED
        ],
        "drop_copies": []
        if copies is None
        else [
            _copy(copies, place, seat)
            for place, seat in zip(copies.places, copies.desk.seats, strict=True)
        ],
        "failed_logons": [
            failure.document() for doctor in ports.doctors for failure in doctor.failures()
        ],
    }


def _described(
    service: FeedService, name: str, comp_ids: tuple[str, str], seat: Seat
) -> dict[str, Any]:
    return {
        "service": name,
        **_session(seat.session, comp_ids),
        "symbols": seat.symbol_count,
        **_line(service.outputs.get(seat.session.link)),
        "refreshes": seat.refresh_count,
    }


def _copy(copies: DropCopyService, place: Place, seat: CopySeat) -> dict[str, Any]:
    """`cursor` is the journal's position before which everything is confirmed, null before the
    first logon; `unconfirmed` counts what was sent on this line."""
    session = seat.session
    cursor = seat.cursor
    return {
        "service": place.options.service,
        **_session(session, (session.settings.sender_comp_id, session.settings.target_comp_id)),
        "firm": place.options.firm,
        "account": place.options.account or None,
        "cursor": cursor.position if cursor is not None else None,
        "behind_bytes": copies.desk.end.position - cursor.position if cursor is not None else None,
        "unconfirmed": seat.report_count - max(0, seat.confirmed_count) if session.link else 0,
        **_line(copies.outputs.get(session.link)),
    }


def _session(session: Session, comp_ids: tuple[str, str]) -> dict[str, Any]:
    return {
        "sender_comp_id": comp_ids[0],
        "target_comp_id": comp_ids[1],
        "state": STATE_NAMES[session.state],
        "next_outgoing": session.next_outgoing,
        "next_incoming": session.next_incoming,
    }


def _line(link: LinkOutput | None) -> dict[str, Any]:
    outbound = link.outbound if isinstance(link, Link) else None
    return {
        "peer": link.peer if isinstance(link, Link) else None,
        "unsent_bytes": outbound.unsent_bytes if outbound is not None else 0,
        "stalled": outbound is not None and outbound.paused,
    }


def ask(data: Path) -> dict[str, Any]:
    """The overview of the process that serves a data directory. Raises `FeedsUnreachable`."""
    received = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(ANSWER_S_MAX)
            with socket_address(data.absolute(), SOCKET_NAME) as address:
                asking.connect(address)
            while not received.endswith(b"\n"):
                piece = asking.recv(65_536)
                if not piece:
                    raise FeedsUnreachable("market data went away before it answered")
                received += piece
    except OSError as error:
        raise FeedsUnreachable(f"nobody serves market data from {data} ({error})") from None
    answer: dict[str, Any] = msgspec.json.decode(bytes(received))
    return answer
