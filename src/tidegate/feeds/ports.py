"""The listeners of the process that serves market data and drop copies, on sockets that it has
inherited."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from tidegate.config.services import drop_copy_names
from tidegate.feeds.dropcopy.service import DropCopyService
from tidegate.feeds.follower import Follower
from tidegate.feeds.logons import FeedCheck, feed_doctor
from tidegate.feeds.options import FeedOptions
from tidegate.feeds.outbound import SYSTEM_BYTES
from tidegate.feeds.service import FeedService
from tidegate.feeds.times import FeedTime
from tidegate.gateway.authentication import Authenticator, LogonCheck
from tidegate.gateway.doctor import LogonDoctor
from tidegate.gateway.listener import Listener
from tidegate.gateway.port import LinkHost
from tidegate.gateway.shares import Shares
from tidegate.provision import TlsFiles, server_context
from tidegate.wire.dictionary import DROP_COPY


class FeedPorts:
    """`doctors` explain failed logons, where the venue wants that; `copies` is what serves drop
    copies, None before they may log on and where there are none."""

    def __init__(self, service: FeedService, options: FeedOptions) -> None:
        self.doctors: list[LogonDoctor] = []
        self.copies: DropCopyService | None = None
        self._service = service
        self._options = options
        self._shares = Shares()
        self._listeners: list[Listener] = []
        self._tls: ssl.SSLContext | None = None
        self._names = [name for name in options.sockets if name not in drop_copy_names()]
        if options.certificate:
            files = TlsFiles(certificate=Path(options.certificate), key=Path(options.key), ca=None)
            self._tls = server_context(files, options.tls)

    def listen(self) -> None:
        """For market data."""
        ports = [self._service.port(name) for name in self._names]
        for port in ports:
            doctor = None
            if self._options.explain_logons:
                others = [other for other in ports if other is not port]
                doctor = feed_doctor(self._service, port, others, self._options.ports)
                self.doctors.append(doctor)
            self._listen(port.service, port, FeedCheck(self._service, port), doctor)

    def listen_for_copies(self, follower: Follower, fail: Callable[[Exception], None]) -> None:
        """For drop copies, where there are any; `follower` is up to date."""
        options = self._options
        if not options.drop_copies:
            return
        virtual = options.virtual_clock
        copies = DropCopyService(
            options.drop_copies,
            options.key_names,
            Path(options.data),
            follower,
            FeedTime(follower.doorbell, follower.venue.now_ns, virtual=virtual),
            fail,
        )
        self._service.advanced = copies.advanced
        copies.start()
        self.copies = copies
        for name in options.sockets:
            if name in drop_copy_names():
                access = copies.access
                check = Authenticator(copies, name, access.sessions, access.keys, DROP_COPY)
                self._listen(name, copies, check, None)

    def _listen(
        self, name: str, host: LinkHost, check: LogonCheck, doctor: LogonDoctor | None
    ) -> None:
        listener = Listener(
            host,
            check,
            tls=self._tls,
            logon_timeout_s=self._options.logon_timeout_s,
            logons_per_second_max=self._options.logons_per_second_max,
            shares=self._shares,
            doctor=doctor,
            system_bytes_max=SYSTEM_BYTES,
        )
        listener.start(socket.socket(fileno=self._options.sockets[name]))
        self._listeners.append(listener)

    def stop_accepting(self) -> None:
        for listener in self._listeners:
            listener.stop_accepting()

    def abort_links(self) -> None:
        for listener in self._listeners:
            listener.abort_links()
