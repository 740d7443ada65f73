"""Listeners: bound early, so that a port in use is found before anything else is touched."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Final

import structlog

from tidegate.gateway.authentication import LogonCheck
from tidegate.gateway.doctor import LogonDoctor
from tidegate.gateway.link import Link, Links
from tidegate.gateway.outbound import CLOSE_WAIT_S
from tidegate.gateway.port import Laboratory, LinkHost
from tidegate.gateway.shares import Shares

BACKLOG: Final = 512
STRANGERS_MAX: Final = 512  # connections of one listener that have not logged on
ACCEPTS_PER_TURN: Final = 16  # few: who is turned away gives the descriptor back a turn later
# What the system keeps of one connection before it is read: a flood waits with its sender.
RECEIVE_BUFFER_BYTES: Final = 128 * 1024
ACCEPT_PAUSE_S: Final = 0.1  # where the system has no descriptor left for one more connection

_log = structlog.get_logger("tidegate.gateway")


class PortInUse(OSError):
    """A port can not be bound; the text names host, port and reason."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the port. It listens, because only that tells of a port in use, but nobody
    is accepted before `Listener.start`. Raises `PortInUse`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortInUse(f"can not listen on {host}: {error.strerror or error}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise PortInUse(
            f"can not listen on {host} port {port}: {error.strerror or error}"
        ) from error
    return bound


class Listener:
    """Accepts links of one service. `system_bytes_max` is what the system may take of a link before
    it can send it; None leaves that to the system, which takes megabytes."""

    def __init__(
        self,
        venue: LinkHost,
        authenticator: LogonCheck,
        *,
        tls: ssl.SSLContext | None,
        logon_timeout_s: float,
        logons_per_second_max: int,
        shares: Shares,
        strangers_max: int = STRANGERS_MAX,
        laboratory: Laboratory | None = None,
        doctor: LogonDoctor | None = None,
        system_bytes_max: int | None = None,
    ) -> None:
        self._venue = venue
        self._laboratory = laboratory
        self._authenticator = authenticator
        self._tls = tls
        self._doctor = doctor
        self._links = Links(
            strangers_max=strangers_max,
            logon_timeout_s=logon_timeout_s,
            logons_per_second_max=logons_per_second_max,
            shares=shares,
            doctor=doctor,
        )
        self._logon_timeout_s = logon_timeout_s
        self._system_bytes_max = system_bytes_max
        self._loop = asyncio.get_running_loop()
        self._bound: socket.socket | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._openings: dict[int, asyncio.Task[None]] = {}  # by stranger's number

    def start(self, bound: socket.socket) -> None:
        """Accept on a bound socket from now on."""
        bound.setblocking(False)
        self._bound = bound
        self._loop.add_reader(bound.fileno(), self._accept)

    def _accept(self) -> None:
        """Take new connections. They count as strangers from here on, before any TLS: the limit is
        there to keep descriptors for those who have logged on, and for the journal."""
        self._resume = None
        if self._bound is None:
            return
        for _ in range(ACCEPTS_PER_TURN):
            try:
                accepted, address = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.warning("accept_failed", reason=error.strerror)
                self._loop.remove_reader(self._bound.fileno())
                self._resume = self._loop.call_later(ACCEPT_PAUSE_S, self._accept_again)
                return
            accepted.setblocking(False)
            self._tune(accepted)
            self._open(accepted, str(address[0]))

    def _tune(self, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._system_bytes_max is not None:
            # Here and not before: who waits in line may have come before the bound socket had it.
            with contextlib.suppress(OSError):  # a sandbox may not know it
                accepted.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self._system_bytes_max
                )

    def _accept_again(self) -> None:
        if self._bound is not None:
            self._loop.add_reader(self._bound.fileno(), self._accept)
            self._accept()

    def _open(self, accepted: socket.socket, address: str) -> None:
        number = self._links.admit(address)
        task = self._loop.create_task(self._establish(accepted, number, address))
        self._links.strangers[number] = task.cancel
        self._openings[number] = task

    async def _establish(self, accepted: socket.socket, number: int, address: str) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._new_link(number),
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._logon_timeout_s if self._tls else None,
                ssl_shutdown_timeout=CLOSE_WAIT_S if self._tls else None,
            )
        except (OSError, asyncio.CancelledError) as error:  # TLS and time-out errors among them
            self._links.strangers.pop(number, None)
            accepted.close()
            reason = str(error) or type(error).__name__
            _log.info("link_not_opened", reason=reason)
            if self._doctor is not None and isinstance(error, ssl.SSLError):
                self._doctor.closed(address, f"TLS: {reason}")
        finally:
            del self._openings[number]

    def _new_link(self, number: int) -> Link:
        return Link(
            self._venue,
            self._authenticator,
            self._links,
            number,
            tls=self._tls is not None,
            laboratory=self._laboratory,
        )

    def stop_accepting(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        if self._bound is not None:
            self._loop.remove_reader(self._bound.fileno())
            self._bound.close()
            self._bound = None

    def abort_links(self) -> None:
        for task in list(self._openings.values()):
            task.cancel()
        for link in list(self._links.all.values()):
            link.abort()
