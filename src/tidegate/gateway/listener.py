"""Listeners: bound early, so that a port in use is found before anything else is touched."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Final

from tidegate.gateway.authentication import Authenticator
from tidegate.gateway.link import Link, Links
from tidegate.gateway.port import VenuePort

BACKLOG: Final = 512
STRANGERS_MAX: Final = 512  # links of one listener that have not logged on


class PortInUse(OSError):
    """A port can not be bound; the text names host, port and reason."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the port, not listening yet. Raises `PortInUse`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortInUse(f"can not listen on {host}: {error.strerror or error}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise PortInUse(
            f"can not listen on {host} port {port}: {error.strerror or error}"
        ) from error
    return bound


def tls_context(certificate: Path, key: Path, *, minimum: str) -> ssl.SSLContext:
    """A server's TLS: 1.3, or from 1.2 on where the configuration says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if minimum == "1.2" else ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


class Listener:
    """Accepts links of one service."""

    def __init__(
        self,
        venue: VenuePort,
        authenticator: Authenticator,
        *,
        tls: ssl.SSLContext | None,
        logon_timeout_s: float,
    ) -> None:
        self._venue = venue
        self._authenticator = authenticator
        self._tls = tls
        self._links = Links(strangers_max=STRANGERS_MAX, logon_timeout_s=logon_timeout_s)
        self._logon_timeout_s = logon_timeout_s
        self._server: asyncio.Server | None = None

    async def start(self, bound: socket.socket) -> None:
        """Accept on a bound socket from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._new_link,
            sock=bound,
            ssl=self._tls,
            ssl_handshake_timeout=self._logon_timeout_s if self._tls else None,
            backlog=BACKLOG,
        )

    def _new_link(self) -> Link:
        return Link(self._venue, self._authenticator, self._links, tls=self._tls is not None)

    def stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close()

    def abort_links(self) -> None:
        for link in list(self._links.all.values()):
            link.abort()
