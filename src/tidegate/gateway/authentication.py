"""Who may log on: CompIDs, source address, key, nonce, signature, in this order.

The first check that fails is the answer. What the wire says is the dialect's text; the log gets the
same text and the CompID, never a secret or a signature.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tidegate.config.values import ApiKey, SessionAccess, SessionId
from tidegate.gateway.port import CredentialDirectory, SessionDirectory
from tidegate.session.logon import (
    FAILED_COMP_ID,
    FAILED_CREDENTIALS,
    FAILED_DISABLED,
    FAILED_NETWORK,
    FAILED_NONCE_ORDER,
    FAILED_NONCE_WINDOW,
    FAILED_TLS,
    LogonRequest,
    logon_fault,
)
from tidegate.wire.dictionary import TRADING
from tidegate.wire.signature import logon_password

PASSWORD_FIELD: Final = b"\x01554="
_PASSWORD: Final = re.compile(rb"\x01554=[^\x01]+")
# The checks, in their order, by name.
COMP_IDS: Final = "comp_ids"
ADDRESS: Final = "address"
TLS: Final = "tls"
ENABLED: Final = "enabled"
FIELDS: Final = "fields"
API_KEY: Final = "api_key"
NONCE: Final = "nonce"
NONCE_WINDOW: Final = "nonce_window"
NONCE_ORDER: Final = "nonce_order"
SIGNATURE: Final = "signature"
CHECKS: Final = (
    COMP_IDS, ADDRESS, TLS, ENABLED, FIELDS, API_KEY, NONCE, NONCE_WINDOW, NONCE_ORDER, SIGNATURE,
)  # fmt: skip

NONCE_DIGITS_MAX: Final = 15  # milliseconds: good for the next 30,000 years


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of the checks. `text` is empty where the logon may go to the core, otherwise
    `failed` is the check that it comes from; `session` is -1 where the CompIDs name none."""

    session: int
    text: bytes
    failed: str = ""
    api_key: bytes = b""
    nonce: int = 0


def without_password(frame: bytes) -> bytes:
    """A frame of a session with any Password (554) in it masked. It does not belong there, but a
    client that sends a second Logon has signed it, and no secret may reach the journal. The field
    stays, so that the session refuses the message as it would have."""
    if PASSWORD_FIELD not in frame:
        return frame
    masked = _PASSWORD.sub(PASSWORD_FIELD + b"*", frame[:-7])
    begin, _, rest = masked.partition(b"\x019=")
    body = rest.partition(b"\x01")[2]
    data = b"%s\x019=%d\x01%s" % (begin, len(body), body)
    return b"%s10=%03d\x01" % (data, sum(data) & 255)


class LogonCheck(Protocol):
    """Says whether a Logon may go to the core. `application` is what its sessions are for, as the
    dictionary has it."""

    application: int

    def verify(self, request: LogonRequest, address: str, *, tls: bool) -> Verdict:
        """`address` is the peer's IP address, `tls` whether the link is encrypted."""


class SessionCheck:
    """Checks Logons of one service (listener) that carry no credentials: CompIDs and source address
    are what lets them in. `sessions` may grow meanwhile."""

    def __init__(
        self,
        directory: SessionDirectory,
        service: str,
        sessions: Mapping[SessionId, SessionAccess],
        application: int = TRADING,
    ) -> None:
        self.application = application
        self._directory = directory
        self._service = service
        self._sessions = sessions

    def verify(self, request: LogonRequest, address: str, *, tls: bool) -> Verdict:
        """See `LogonCheck.verify`."""
        return self.verify_session(self.access(request), request, address, tls=tls)

    def access(self, request: LogonRequest) -> SessionAccess | None:
        """The session that the Logon names."""
        sender = request.sender_comp_id.decode("latin-1")
        return self._sessions.get((sender, request.target_comp_id.decode("latin-1")))

    def verify_session(
        self, access: SessionAccess | None, request: LogonRequest, address: str, *, tls: bool
    ) -> Verdict:
        """The checks before those of the credentials."""
        directory = self._directory
        session = directory.session_index(request.sender_comp_id, request.target_comp_id)
        if access is None or access.service != self._service or session < 0:
            return Verdict(-1, FAILED_COMP_ID, COMP_IDS)
        if not access.admits(address):
            return Verdict(session, FAILED_NETWORK, ADDRESS)
        if access.tls == "required" and not tls:
            return Verdict(session, FAILED_TLS, TLS)
        if not access.enabled or not directory.session_enabled(session):
            return Verdict(session, FAILED_DISABLED, ENABLED)
        fault = logon_fault(request, *directory.heartbeat_limits_s(session))
        return Verdict(session, fault, FIELDS if fault else "")


class Authenticator(SessionCheck):
    """Checks Logons of one service whose clients sign. `sessions` and `keys` may grow meanwhile."""

    def __init__(
        self,
        venue: CredentialDirectory,
        service: str,
        sessions: Mapping[SessionId, SessionAccess],
        keys: Mapping[str, ApiKey],
        application: int = TRADING,
    ) -> None:
        super().__init__(venue, service, sessions, application)
        self._venue = venue
        self._keys = keys

    def verify(self, request: LogonRequest, address: str, *, tls: bool) -> Verdict:
        """See `LogonCheck.verify`."""
        access = self.access(request)
        verdict = self.verify_session(access, request, address, tls=tls)
        if access is None or verdict.text:
            return verdict
        return self._verify_key(request, access, verdict.session)

    def _verify_key(self, request: LogonRequest, access: SessionAccess, session: int) -> Verdict:
        key = self._keys.get(request.username.decode("latin-1"))
        is_bound = key is not None and key.name in access.key_names
        if key is None or not is_bound or not self._venue.key_enabled(request.username):
            return Verdict(session, FAILED_CREDENTIALS, API_KEY)
        text = request.nonce
        if not text.isdigit() or len(text) > NONCE_DIGITS_MAX:
            return Verdict(session, FAILED_CREDENTIALS, NONCE)
        nonce = int(text)
        if abs(nonce - self._venue.wall_ns() // 1_000_000) > access.nonce_window_ms:
            return Verdict(
                session, FAILED_NONCE_WINDOW % (access.nonce_window_ms // 1000), NONCE_WINDOW
            )
        if nonce <= self._venue.last_nonce(request.username):
            return Verdict(session, FAILED_NONCE_ORDER, NONCE_ORDER)
        password = logon_password(
            secret=key.secret,
            msg_seq_num=request.msg_seq_num_text,
            sender_comp_id=request.sender_comp_id,
            target_comp_id=request.target_comp_id,
            api_key=request.username,
            nonce=text,
        )
        if not hmac.compare_digest(password, request.password):
            return Verdict(session, FAILED_CREDENTIALS, SIGNATURE)
        return Verdict(session, b"", api_key=request.username, nonce=nonce)
