"""The logon doctor: why a logon failed, for the person who has to make it work.

On the wire a failed logon gets the dialect's few words, which rightly tell a stranger nothing. In
the uat profile the venue's own log and control socket say the rest: which check failed, what was to
be signed, how far the clocks are apart, and which well-known mistake makes the signature that came.
Never a secret. The production profile has no doctor.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog

from tidegate.config.services import SERVICES
from tidegate.config.values import ApiKey, SessionAccess, SessionId
from tidegate.gateway import authentication as checks
from tidegate.gateway.authentication import CHECKS, Verdict
from tidegate.gateway.port import Consulted
from tidegate.gateway.signature_mistakes import Recipe, found_mistake
from tidegate.model.time import NS_PER_MS, parse_utc_timestamp, shown_time
from tidegate.session.logon import FAILED_NOT_YET, LogonRequest
from tidegate.wire.signature import signed_text

FAILURES_KEPT_MAX: Final = 100
THOROUGH_PER_SECOND_MAX: Final = 10  # a thorough look takes a few milliseconds of the loop
TEXT_MAX: Final = 256  # of anything that a client sent

SESSION: Final = "session"  # what the session itself checks, once the gateway has let a logon in
ALL_CHECKS: Final = (*CHECKS, SESSION)
UNSIGNED_CHECKS: Final = (*CHECKS[: CHECKS.index(checks.API_KEY)], SESSION)

_log = structlog.get_logger("tidegate.gateway")


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """`outcome` is `passed`, `failed` or `not reached`; `detail` says what was wrong."""

    check: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first byte in which the password differs from the right one, counted from 1, as
    characters; one of them is empty where a password ends earlier."""

    position: int
    expected: str
    received: str


@dataclass(frozen=True, slots=True)
class SignatureFinding:
    """`signed` is the text whose SHA-256 is to be signed, with `|` for SOH. `mistake` is what makes
    the password that came, empty where it is right or no known mistake makes it."""

    signed: str
    right: bool
    expected_bytes: int
    received_bytes: int
    first_difference: Difference | None
    mistake: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A logon that failed, at `time_ns` of the venue, nanoseconds since 1970 UTC. `answer` is what
    the wire says, empty where the line was closed without a word; `api_key` is Username (553).
    Offsets are the client's time less the venue's, None where it gave none. `signature` is None
    where nothing can be said about it: without a known key."""

    time_ns: int
    address: str
    sender_comp_id: str
    target_comp_id: str
    api_key: str
    answer: str
    reason: str
    checks: tuple[CheckOutcome, ...] = ()
    nonce_offset_ms: int | None = None
    sending_time_offset_ms: int | None = None
    signature: SignatureFinding | None = None

    def document(self) -> dict[str, Any]:
        """For JSON; `at` is the time for a person."""
        return {"at": shown_time(self.time_ns), **asdict(self)}

    def line(self) -> dict[str, Any]:
        """For one line of the log, which goes further than the answers to the operator: it names no
        API key."""
        line: dict[str, Any] = {
            "address": self.address,
            "sender_comp_id": self.sender_comp_id,
            "target_comp_id": self.target_comp_id,
            "answer": self.answer,
            "reason": self.reason,
            "failed": next((c.check for c in self.checks if c.outcome == "failed"), ""),
            "nonce_offset_ms": self.nonce_offset_ms,
            "sending_time_offset_ms": self.sending_time_offset_ms,
        }
        if self.signature is not None:
            to_sign = self.signature.signed.replace(f"|553={self.api_key}|", "|553=*|")
            line |= {"to_sign": to_sign, "signature_right": self.signature.right}
            difference = self.signature.first_difference
            if difference is not None:
                line |= {
                    "differs_at": difference.position,
                    "expected": difference.expected,
                    "received": difference.received,
                }
        return line


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to know about one logon: the request, the outcome of the gateway's checks, the
    session and key it names, and the times of the moment. `places` are services elsewhere that have
    that TargetCompID; `signed` says whether there are credentials to check."""

    request: LogonRequest
    verdict: Verdict
    address: str
    now_ns: int
    wall_ns: int
    access: SessionAccess | None
    other_targets: tuple[str, ...]  # of sessions with that SenderCompID
    key: ApiKey | None
    last_nonce: int
    other_secrets: tuple[bytes, ...]
    key_enabled: bool = True
    places: tuple[str, ...] = ()
    signed: bool = True


class LogonDoctor:
    """Explains failed logons in the log and keeps the newest `FAILURES_KEPT_MAX`. `ports` are the
    numbers of all services, those of other doctors too; `signed` is false where Logons carry no
    credentials."""

    def __init__(
        self,
        venue: Consulted,
        sessions: Mapping[SessionId, SessionAccess],
        keys: Mapping[str, ApiKey],
        ports: Mapping[str, int],
        *,
        signed: bool = True,
    ) -> None:
        self._venue = venue
        self._sessions = sessions
        self._keys = keys
        self._ports = ports
        self._signed = signed
        self._failures: deque[Failure] = deque(maxlen=FAILURES_KEPT_MAX)
        self._second = 0
        self._thorough_in_second = 0

    def failures(self, sender_comp_id: str | None = None) -> list[Failure]:
        """Those kept, of one client if it is named, newest first."""
        return [
            failure
            for failure in reversed(self._failures)
            if sender_comp_id in (None, failure.sender_comp_id)
        ]

    def closed(self, address: str, reason: str, request: LogonRequest | None = None) -> None:
        """A link was closed without a word before its Logon was looked at."""
        sender = target = ""
        if request is not None:
            sender, target = _text(request.sender_comp_id), _text(request.target_comp_id)
        now_ns = self._venue.now_ns()
        self._failures.append(Failure(now_ns, address, sender, target, "", "", reason))

    def refused(self, request: LogonRequest, verdict: Verdict, address: str) -> None:
        """The gateway refused a Logon."""
        self._note(diagnose(self._case(request, verdict, address), thorough=self._has_time()))

    def ended(self, request: LogonRequest, verdict: Verdict, address: str, reason: bytes) -> None:
        """The gateway let a Logon in, and the session refused it."""
        case = self._case(request, verdict, address)
        self._note(diagnose(case, session_reason=reason, thorough=False))

    def _note(self, failure: Failure) -> None:
        self._failures.append(failure)
        _log.warning("logon_explained", **failure.line())

    def _has_time(self) -> bool:
        """Whether this second has room for one more thorough look: a storm of wrong logons is not
        to cost the others their time."""
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._thorough_in_second = 0
        self._thorough_in_second += 1
        return self._thorough_in_second <= THOROUGH_PER_SECOND_MAX

    def _case(self, request: LogonRequest, verdict: Verdict, address: str) -> Case:
        sender = request.sender_comp_id.decode("latin-1")
        name = request.username.decode("latin-1")
        key = self._keys.get(name)
        return Case(
            request=request,
            verdict=verdict,
            address=address,
            now_ns=self._venue.now_ns(),
            wall_ns=self._venue.wall_ns(),
            access=self._sessions.get((sender, request.target_comp_id.decode("latin-1"))),
            other_targets=tuple(target for own, target in self._sessions if own == sender),
            key=key,
            last_nonce=self._venue.last_nonce(request.username) if key is not None else 0,
            other_secrets=tuple(other.secret for n, other in self._keys.items() if n != name),
            key_enabled=self._venue.key_enabled(request.username),
            places=self._places(request.target_comp_id.decode("latin-1")),
            signed=self._signed,
        )

    def _places(self, target_comp_id: str) -> tuple[str, ...]:
        """Where a client with that TargetCompID should have gone, unless it is right here."""
        here = {access.service for access in self._sessions.values()}
        found = [one for one in SERVICES if one.target_comp_id == target_comp_id]
        if any(service.name in here for service in found):
            return ()
        names = [service.name for service in found if service.name in self._ports]
        return tuple(f"port {self._ports[name]} ({name})" for name in names)


def diagnose(case: Case, *, session_reason: bytes = b"", thorough: bool = True) -> Failure:
    """What is wrong with a logon. `session_reason` is why the session refused what the gateway had
    let in. Without `thorough` the table of mistakes is not gone through."""
    request, verdict = case.request, case.verdict
    failed = verdict.failed or SESSION
    own_checks = ALL_CHECKS if case.signed else UNSIGNED_CHECKS
    reached = own_checks.index(failed)
    detail = session_reason.decode("latin-1") if failed == SESSION else _detail(case, failed)
    outcomes = tuple(
        CheckOutcome(check, "passed")
        if place < reached
        else CheckOutcome(check, "failed", detail)
        if place == reached
        else CheckOutcome(check, "not reached")
        for place, check in enumerate(own_checks)
    )
    finding = _signature(case, thorough=thorough)
    if finding is not None and finding.mistake:
        detail = finding.mistake
    nonce = request.nonce
    readable = nonce.isdigit() and len(nonce) <= checks.NONCE_DIGITS_MAX
    sent_ns = parse_utc_timestamp(request.sending_time)
    return Failure(
        time_ns=case.now_ns,
        address=case.address,
        sender_comp_id=_text(request.sender_comp_id),
        target_comp_id=_text(request.target_comp_id),
        api_key=_text(request.username),
        answer=(verdict.text or session_reason).decode("latin-1"),
        reason=detail,
        checks=outcomes,
        nonce_offset_ms=int(nonce) - case.wall_ns // NS_PER_MS if readable else None,
        sending_time_offset_ms=(
            (sent_ns - case.now_ns) // NS_PER_MS if sent_ns >= 0 else None
        ),
        signature=finding,
    )  # fmt: skip


def _detail(case: Case, failed: str) -> str:
    """What is wrong, in the check that failed."""
    request, access = case.request, case.access
    if failed == checks.COMP_IDS:
        return _comp_ids_detail(case)
    if failed == checks.ADDRESS and access is not None:
        networks = ", ".join(map(str, access.networks))
        return f"{case.address} is in none of the session's networks: {networks}"
    if failed == checks.TLS:
        return "the session wants TLS, and the venue runs with --plain"
    if failed == checks.ENABLED:
        if access is not None and access.enabled:
            return "an operator has disabled the session"
        return "the session has enabled = false in the configuration"
    if failed == checks.API_KEY:
        if case.key is None:
            return "there is no API key of the name in Username (553)"
        if not case.key_enabled:
            return "an operator has disabled the API key in Username (553)"
        return "the session is not bound to the API key in Username (553)"
    if failed == checks.NONCE:
        return f"Nonce (5025) {_text(request.nonce)!r} is no number of milliseconds"
    if failed == checks.NONCE_WINDOW and access is not None:
        offset_ms = int(request.nonce) - case.wall_ns // NS_PER_MS
        return (
            f"Nonce (5025) is {offset_ms:+} ms from the venue's clock, "
            f"{access.nonce_window_ms} ms are allowed"
        )
    if failed == checks.NONCE_ORDER:
        return f"Nonce (5025) {int(request.nonce)} is not above {case.last_nonce}, the last one"
    if failed == checks.SIGNATURE:
        return "Password (554) is not the signature; no well-known mistake makes it"
    return case.verdict.text.decode("latin-1")


def _comp_ids_detail(case: Case) -> str:
    request = case.request
    sender, target = _text(request.sender_comp_id), _text(request.target_comp_id)
    if case.access is not None:
        return f"{sender} to {target} logs on at port {case.access.port} ({case.access.service})"
    if case.verdict.text == FAILED_NOT_YET:
        return "market data has just started and does not know yet whom operators have added"
    if case.places:
        return f"TargetCompID (56) {target} is that of {' and '.join(case.places)}"
    if case.other_targets:
        return f"{sender} is known, with TargetCompID (56) {', '.join(case.other_targets)}"
    return f"no session has SenderCompID (49) {sender!r}"


def _signature(case: Case, *, thorough: bool) -> SignatureFinding | None:
    """The password against the right one; None without a key, or without anything signed."""
    request, key = case.request, case.key
    if key is None or not request.password:
        return None
    recipe = Recipe(
        secret=key.secret,
        msg_seq_num=request.msg_seq_num_text,
        sender_comp_id=request.sender_comp_id,
        target_comp_id=request.target_comp_id,
        api_key=request.username,
        nonce=request.nonce,
    )
    signed = signed_text(
        msg_seq_num=request.msg_seq_num_text,
        sender_comp_id=request.sender_comp_id,
        target_comp_id=request.target_comp_id,
        api_key=request.username,
        nonce=request.nonce,
    )
    expected, received = recipe.password(), request.password
    right = expected == received
    mistake = ""
    if not right:
        mistake = found_mistake(recipe, received, case.other_secrets, pairs=thorough)
    return SignatureFinding(
        signed=signed.replace(b"\x01", b"|").decode("latin-1")[: 4 * TEXT_MAX],
        right=right,
        expected_bytes=len(expected),
        received_bytes=len(received),
        first_difference=None if right else first_difference(expected, received),
        mistake=mistake,
    )


def first_difference(expected: bytes, received: bytes) -> Difference:
    """Of two passwords that are not the same."""
    assert expected != received
    place = 0
    while expected[place : place + 1] == received[place : place + 1]:
        place += 1
    shown = [text[place : place + 1].decode("latin-1") for text in (expected, received)]
    return Difference(place + 1, shown[0], shown[1])


def _text(data: bytes) -> str:
    return data.decode("latin-1")[:TEXT_MAX]
