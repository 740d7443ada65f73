"""One TCP connection of a FIX client.

Before its Logon a link is nobody: it may send one frame within a time limit. After it, it is the
one link of its session until the venue cuts it or it breaks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import structlog

from tidegate.gateway.authentication import PASSWORD_FIELD, LogonCheck, without_password
from tidegate.gateway.doctor import LogonDoctor
from tidegate.gateway.logon_rate import LogonRates
from tidegate.gateway.outbound import LinkWriter
from tidegate.gateway.port import Laboratory, LinkHost, LinkTransport, Tap
from tidegate.gateway.shares import AT_ONCE, LONG_SHARE_S, Shares
from tidegate.session.logon import FAILED_TOO_MANY, LogonRequest, read_logon, without_credentials
from tidegate.wire.framing import Framer

# A read of more than this waits for its share, see `gateway.shares`.
LONE_BYTES_MAX: Final = 4 * 1024
LONE_FRAMES_MAX: Final = 4
FRAMES_PER_SHARE: Final = 128  # of one link, before other links get theirs
BYTES_PER_PIECE: Final = 1024  # to look for frames in, for each message of a share's piece
CALM_AFTER_S: Final = 1.0  # without more: then what a link sends singly counts as lone again
DISK_WAIT_S: Final = 0.002  # before looking again whether the disk has caught up
GARBLED_BYTES_BEFORE_LOGON_MAX: Final = 16 * 1024

_NO_SESSION: Final = -1

_log = structlog.get_logger("tidegate.gateway")


class Links:
    """The links of one listener, counted so that strangers can not use up all descriptors.
    `strangers` are the connections that have not logged on, oldest first, and how to end them."""

    def __init__(
        self,
        *,
        strangers_max: int,
        logon_timeout_s: float,
        logons_per_second_max: int,
        shares: Shares,
        doctor: LogonDoctor | None = None,
    ) -> None:
        self.doctor = doctor
        self.strangers_max = strangers_max
        self.rates = LogonRates(logons_per_second_max)
        self.shares = shares
        self.logon_timeout_s = logon_timeout_s
        self.strangers: dict[int, Callable[[], object]] = {}
        self.all: dict[int, Link] = {}  # by id(link): a registry without an order that matters
        self._last_number = 0

    def admit(self, address: str) -> int:
        """The number of a new stranger. Where there are too many, the one that has been silent for
        longest goes: a client that means to log on does so at once."""
        while len(self.strangers) >= self.strangers_max:
            end = self.strangers.pop(next(iter(self.strangers)))
            self.closed("", "too many logons pending", new=address)
            end()
        self._last_number += 1
        return self._last_number

    def closed(
        self, address: str, reason: str, request: LogonRequest | None = None, *, new: str = ""
    ) -> None:
        """Tell of a link that is closed without a word; `new` is who it makes room for."""
        if new:
            _log.warning("link_closed", new=new, reason=reason)
        else:
            _log.warning("link_closed", address=address, reason=reason)
        if self.doctor is not None:
            self.doctor.closed(address, reason, request)


class Link(asyncio.Protocol):
    """Reads frames and hands them on; `LinkOutput` of its session."""

    def __init__(
        self,
        venue: LinkHost,
        authenticator: LogonCheck,
        links: Links,
        stranger: int,
        *,
        tls: bool,
        laboratory: Laboratory | None = None,
    ) -> None:
        self._venue = venue
        self._laboratory = laboratory
        self._tap: Tap | None = None
        self._authenticator = authenticator
        self._links = links
        self._shares = links.shares
        self._tls = tls
        self._framer = Framer()
        self._unread: bytes = b""  # received, no frames looked for in it yet
        self._frames: deque[bytes] = deque()
        self._waiting = False  # for a share of the loop; nothing more is read meanwhile
        self._lost = False  # the connection is; what arrived before comes first
        self._calm_at_s = 0.0  # of the stopwatch; 0 where the link is calm
        self._session = _NO_SESSION
        self._link = 0
        self._refused = False
        self._stranger = stranger  # its number among the links that have not logged on
        self._address = ""
        self._port = 0
        self._transport: LinkTransport | None = None
        self._outbound: LinkWriter | None = None
        self._logon_timer: asyncio.TimerHandle | None = None

    @property
    def peer(self) -> str:
        """Address and port of the other end."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"{host}:{self._port}"

    @property
    def outbound(self) -> LinkWriter | None:
        """The writing half; None before the logon."""
        return self._outbound

    # --- the connection --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports by what they can do, not by their class.
        self._transport = cast(LinkTransport, transport)
        peer = transport.get_extra_info("peername")
        self._address, self._port = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        self._links.all[id(self)] = self
        self._links.strangers[self._stranger] = self.abort
        loop = asyncio.get_running_loop()
        self._logon_timer = loop.call_later(self._links.logon_timeout_s, self._logon_overdue)

    def connection_lost(self, exc: Exception | None) -> None:
        self._links.all.pop(id(self), None)
        self._end_logon_phase()
        if self._session != _NO_SESSION:
            # What arrived before the end was sent before it: a flood may not have had its turn yet.
            self._lost = True
            self._shares.not_lone(self._link)
            if not self._waiting:
                self._down()

    def _down(self) -> None:
        self._venue.link_down(self._session, self._link)
        if self._laboratory is not None:
            self._laboratory.unlinked(self._session, self)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._session == _NO_SESSION:
            self._frames.extend(self._framer.feed(data))
            if self._logged_on() and self._frames:
                self._wait()
            return
        is_much = len(data) > LONE_BYTES_MAX and self._shares.is_crowded
        if self._waiting or is_much or self._venue.behind:
            self._unread += data
            self._wait()
            return
        frames = self._framed(data)
        if len(frames) > LONE_FRAMES_MAX:
            self._more(frames)
            return
        if self._calm_at_s and self._shares.stopwatch_s() >= self._calm_at_s:
            self._calm_at_s = 0.0
        if frames and not self._calm_at_s:
            self._shares.lone(self._link)
        self._hand(frames)  # the usual case, at once

    def _framed(self, data: bytes) -> list[bytes]:
        # A second Logon does not belong here, but its secret must not go further either.
        return [without_password(f) if PASSWORD_FIELD in f else f for f in self._framer.feed(data)]

    def eof_received(self) -> bool:
        return False  # the peer has closed its side: so do we

    def pause_writing(self) -> None:
        if self._tap is not None:
            self._tap.pause_writing()
        else:
            self.pause_source()

    def resume_writing(self) -> None:
        if self._tap is not None:
            self._tap.resume_writing()
        else:
            self.resume_source()

    def abort(self) -> None:
        """Close at once: the process stops."""
        if self._transport is not None:
            self._transport.abort()

    # --- logon -----------------------------------------------------------------------------------

    def _logon_overdue(self) -> None:
        self._links.closed(self._address, "no logon in time")
        self.abort()

    def _end_logon_phase(self) -> None:
        self._links.strangers.pop(self._stranger, None)
        if self._logon_timer is not None:
            self._logon_timer.cancel()
            self._logon_timer = None

    def _logged_on(self) -> bool:
        """Take the first frame as a Logon; whether the link is a session's now."""
        if not self._frames:
            if self._framer.garbled_bytes > GARBLED_BYTES_BEFORE_LOGON_MAX:
                self._close_silently("no FIX")
            return False
        frame = self._frames.popleft()
        request = read_logon(frame, self._authenticator.application)
        if request is None or self._venue.logons_refused():
            self._close_silently("not a Logon" if request is None else "rollover", request)
            return False
        if not request.sender_comp_id or not request.target_comp_id:
            self._close_silently("no CompIDs", request)  # nobody to address an answer to
            return False
        if not self._within_the_rate(request):
            return False
        verdict = self._authenticator.verify(request, self._address, tls=self._tls)
        if verdict.text:
            if self._links.doctor is not None:  # before the answer: whoever has it may ask why
                self._links.doctor.refused(request, verdict, self._address)
            self._refuse(verdict.session, request, verdict.text)
            return False
        assert self._transport is not None
        if self._laboratory is not None and self._laboratory.refuses_logon(
            verdict.session, request.msg_seq_num
        ):
            self._close_silently("refuse_logons, a fault on demand", request)
            return False
        self._end_logon_phase()
        self._session = verdict.session
        self._link = self._venue.logon(
            verdict.session, self, verdict.api_key, verdict.nonce, without_credentials(frame)
        )
        if self._links.doctor is not None:
            refusal = self._venue.logon_refusal(self._link)
            if refusal:
                self._links.doctor.ended(request, verdict, self._address, refusal)
        # After the logon, which may have begun a new life of the session.
        self._outbound = self._venue.writer(
            verdict.session, self._link, self._transport, self._shares
        )
        self._frames = deque(map(without_password, self._frames))
        if self._laboratory is not None:
            self._laboratory.linked(verdict.session, self)
        return True

    def _within_the_rate(self, request: LogonRequest) -> bool:
        """Logons beyond the rate are refused before anything is computed, and told of once a
        second."""
        session = self._venue.session_index(request.sender_comp_id, request.target_comp_id)
        rates = self._links.rates
        now_s = asyncio.get_running_loop().time()
        if rates.admit(session, self._address, now_s):
            return True
        told = rates.is_news(session, self._address, now_s)
        if told and self._links.doctor is not None:
            self._links.doctor.closed(self._address, FAILED_TOO_MANY.decode(), request)
        self._refuse(session, request, FAILED_TOO_MANY, told=told)
        return False

    def _refuse(
        self, session: int, request: LogonRequest, text: bytes, *, told: bool = True
    ) -> None:
        if told:
            _log.warning(
                "logon_refused",
                address=self._address,
                sender_comp_id=request.sender_comp_id.decode("latin-1"),
                target_comp_id=request.target_comp_id.decode("latin-1"),
                layer="gateway",
                reason=text.decode(),
            )
        self._refused = True
        assert self._transport is not None
        self._transport.write(self._venue.refused_logon(session, request, text))
        self._transport.close()

    def _close_silently(self, reason: str, request: LogonRequest | None = None) -> None:
        self._links.closed(self._address, reason, request)
        self._refused = True
        self.abort()

    # --- frames in -------------------------------------------------------------------------------

    def _hand(self, frames: list[bytes]) -> None:
        if self._tap is None:
            self._venue.frames(self._session, self._link, frames)
        else:
            self._tap.received(frames)

    def _more(self, frames: list[bytes]) -> None:
        """More than a few messages: at once where nobody else has anything to do."""
        self._frames.extend(frames)
        self._is_batch()
        if not self._shares.is_crowded:
            self._hand_on(self._shares.stopwatch_s() + LONG_SHARE_S, AT_ONCE)
            if not self._frames:
                return
        self._wait()

    def _is_batch(self) -> None:
        """What the link sent singly before was part of this, and so is what it sends next."""
        self._calm_at_s = self._shares.stopwatch_s() + CALM_AFTER_S
        self._shares.not_lone(self._link)

    def _wait(self) -> None:
        """Who sends a flood, or a few messages that are much work, waits for himself alone."""
        self._is_batch()
        if not self._waiting:
            self._waiting = True
            assert self._transport is not None
            self._transport.pause_reading()
            self._shares.add(self._share)

    def _hand_on(self, end_s: float, at_once: int) -> None:
        """Hand messages on until the stopwatch shows `end_s`, in pieces of `at_once`."""
        frames = self._frames
        venue = self._venue
        stopwatch_s = self._shares.stopwatch_s
        room = FRAMES_PER_SHARE
        while room > 0 and (frames or self._unread) and not venue.behind:
            if frames:
                batch = [frames.popleft() for _ in range(min(len(frames), at_once))]
                self._hand(batch)
                room -= len(batch)
            else:
                piece = self._unread[: BYTES_PER_PIECE * at_once]
                self._unread = self._unread[len(piece) :]
                frames.extend(self._framed(piece))
            if stopwatch_s() >= end_s:
                break

    def _share(self, end_s: float, at_once: int) -> None:
        """As `shares.Work`."""
        self._hand_on(end_s, at_once)
        venue = self._venue
        if venue.behind:
            asyncio.get_running_loop().call_later(DISK_WAIT_S, self._shares.add, self._share)
        elif self._frames or self._unread:
            self._shares.add(self._share)
        else:
            self._waiting = False
            assert self._transport is not None
            if self._lost:
                self._down()
            elif not self._transport.is_closing():
                self._transport.resume_reading()

    # --- what a laboratory asks -------------------------------------------------------------------

    def insert(self, tap_on: Callable[[LinkTransport], Tap]) -> None:
        assert self._transport is not None
        assert self._outbound is not None
        tap = tap_on(self._transport)
        self._tap = tap
        self._transport = tap
        self._outbound.through(tap)
        if self._waiting:
            tap.pause_reading()
        if self._outbound.paused:
            tap.pause_writing()

    def take(self, frames: list[bytes]) -> None:
        self._venue.frames(self._session, self._link, frames)

    def pause_source(self) -> None:
        if self._outbound is not None:
            self._outbound.pause()

    def resume_source(self) -> None:
        if self._outbound is not None:
            self._outbound.resume()

    # --- what the venue asks ----------------------------------------------------------------------

    def write(self, first: int, last: int, data: bytes) -> None:
        assert self._outbound is not None
        self._outbound.write(first, last, data)

    def sweep(self, first: int, last: int) -> None:
        assert self._outbound is not None
        if not self._outbound.sweep(first, last):
            _log.warning("link_cut", session=self._session, reason="too many resend requests")
            self.abort()

    def skip(self, first: int, last: int) -> None:
        assert self._outbound is not None
        self._outbound.skip(first, last)

    def cut(self) -> None:
        assert self._outbound is not None
        self._outbound.cut()

    def answer(self, data: bytes) -> None:
        assert self._transport is not None
        self._refused = True
        self._transport.write(data)
        self._transport.close()
