"""The checks of a logon: their order, their texts, and the signature's published vectors."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field, replace

import pytest

from tests.peers.socket_peer import framed
from tidegate.config.values import ApiKey, SessionAccess
from tidegate.gateway.authentication import CHECKS, Authenticator, Verdict
from tidegate.session.logon import LogonRequest, read_logon, without_credentials
from tidegate.wire.signature import logon_password

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
V1 = "MwX+M7nvuHXxD5aGI/TFpghXxg2iblxXYyz7lRzLCPMA4UJYI3osNrUKWCiI3fDnOLkEQ5WKSK58Mp3nvu1Klw=="
V2 = "pv1TLbxEIUyAbI+gjeyRrcTAbjl+pVxdHNLvq1V1o6/dCkAIZZjEBAPTfBfgGUhSYcIEoNNun0IkkDmsRx5MfA=="
V2_42 = "ONxPsrUAu7Z2LKWDVRFPZ6JwW4Zj9Xvy784atW5GzKl7mDmpEK22DIVgt/HMudVR3wjuTYm+1BAUdn4OMCGM4w=="
V3 = "6NSZV+pEgWZwWb13qW2mRswo9tmVJxRIw7aeYjlgDnPnkjGLHv/DwpPfnXjsfRyJF58TgVLhQpjif6nXAx1LiQ=="
V4 = "MfVSL8B8zqIo9xn7yIgqH1Iq1JNQ4vsiGxFtidqHr6EiQVYU8fAEToQMhrpqujglo1k0j9NBZqk0yWeaCLY/Vw=="
KEY = "kFIXTESTKEY0001"
NONCE = "1775572321000"


@pytest.mark.parametrize(
    ("key", "secret", "number", "sender", "target", "nonce", "expected"),
    [
        ("APIKEY", "c2VjcmV0", 7, "CLIENT", "KRAKEN-TRD", "1724512345678", V1),
        (KEY, SECRET, 1, "ACMEFIRM1", "KRAKEN-TRD", NONCE, V2),
        (KEY, SECRET, 42, "ACMEFIRM1", "KRAKEN-TRD", NONCE, V2_42),
        (KEY, SECRET, 1, "ACMEFIRM1-DRV", "KRAKEN-DRV-TRD", NONCE, V3),
        (KEY, SECRET, 1, "ACMEFIRM1-DRV", "KRAKEN-TRD", NONCE, V4),
    ],
    ids=["V1", "V2", "V2 with 34=42", "V3", "V4"],
)
def test_published_vectors(
    key: str, secret: str, number: int, sender: str, target: str, nonce: str, expected: str
) -> None:
    password = logon_password(
        secret=base64.b64decode(secret),
        msg_seq_num=b"%d" % number,
        sender_comp_id=sender.encode(),
        target_comp_id=target.encode(),
        api_key=key.encode(),
        nonce=nonce.encode(),
    )
    assert password.decode() == expected


class Port:
    """The part of a venue that the checks ask."""

    def __init__(
        self, now_ms: int, last_nonce: int, *, session_enabled: bool, disabled_keys: tuple[str, ...]
    ) -> None:
        self._now_ms = now_ms
        self._last_nonce = last_nonce
        self._session_enabled = session_enabled
        self._disabled_keys = disabled_keys

    def wall_ns(self) -> int:
        return self._now_ms * 1_000_000

    def session_index(self, sender: bytes, target: bytes) -> int:
        known = {(b"ACMEFIRM1", b"KRAKEN-TRD"): 3, (b"GONE", b"KRAKEN-TRD"): -1}
        return known.get((sender, target), -1)

    def heartbeat_limits_s(self, session: int) -> tuple[int, int]:
        assert session == 3
        return 5, 300

    def last_nonce(self, api_key: bytes) -> int:
        return self._last_nonce if api_key == KEY.encode() else 0

    def session_enabled(self, session: int) -> bool:
        assert session == 3
        return self._session_enabled

    def key_enabled(self, api_key: bytes) -> bool:
        return api_key.decode() not in self._disabled_keys


@dataclass(frozen=True)
class Logon:
    """A logon that passes every check, to break in one place after the other."""

    sender: str = "ACMEFIRM1"
    begin_string: str = "FIX.4.4"
    encrypt_method: str = "0"
    heart_bt_int: str = "30"
    number: str = "1"
    key: str = KEY
    nonce: str = NONCE
    password: str = V2
    address: str = "192.0.2.7"
    tls: bool = True
    enabled: bool = True
    now_ms: int = int(NONCE)
    last_nonce: int = int(NONCE) - 1
    nonce_window_ms: int = 5_000
    key_names: tuple[str, ...] = field(default=(KEY,))
    session_enabled: bool = True  # by operators
    disabled_keys: tuple[str, ...] = ()

    def verify(self) -> Verdict:
        access = SessionAccess(
            firm="ACME", account="ACME-1", market="spot", role="trading",
            sender_comp_id="ACMEFIRM1", target_comp_id="KRAKEN-TRD", service="spot_trading",
            port=4001, broker=False, enabled=self.enabled,
            networks=(ipaddress.ip_network("192.0.2.0/24"),), key_names=self.key_names,
            nonce_window_ms=self.nonce_window_ms, tls="required",
        )  # fmt: skip
        elsewhere = replace_access(access, sender_comp_id="OTHER", service="spot_market_data_l2")
        gone = replace_access(access, sender_comp_id="GONE")
        sessions = {a.session_id: a for a in (access, elsewhere, gone)}
        keys = {
            name: ApiKey(
                name=name, secret=base64.b64decode(SECRET), firm="ACME", account="ACME-1",
                sessions=(access.session_id,),
            )
            for name in (KEY, "another key")
        }  # fmt: skip
        port = Port(
            self.now_ms,
            self.last_nonce,
            session_enabled=self.session_enabled,
            disabled_keys=self.disabled_keys,
        )
        authenticator = Authenticator(port, "spot_trading", sessions, keys)  # type: ignore[arg-type]
        return authenticator.verify(self.request(), self.address, tls=self.tls)

    def request(self) -> LogonRequest:
        body = (
            f"35=A|34={self.number}|49={self.sender}|56=KRAKEN-TRD|52=20260407-14:32:01.000"
            f"|98={self.encrypt_method}|108={self.heart_bt_int}|553={self.key}"
            f"|554={self.password}|5025={self.nonce}|"
        )
        frame = framed(body.replace("|", "\x01").encode())
        request = read_logon(frame.replace(b"8=FIX.4.4", b"8=%s" % self.begin_string.encode()))
        assert request is not None
        return request


def replace_access(access: SessionAccess, **changes: object) -> SessionAccess:
    import msgspec

    return msgspec.structs.replace(access, **changes)


def test_a_good_logon_passes() -> None:
    verdict = Logon().verify()
    assert verdict == Verdict(3, b"", api_key=KEY.encode(), nonce=int(NONCE))


# In the order of the checks: what to break, what is said of it, and the check's name.
FAULTS: list[tuple[dict[str, object], str, str]] = [
    ({"sender": "NOBODY"}, "Logon failed: unknown CompID", "comp_ids"),
    ({"address": "198.51.100.1"}, "Logon failed: IP not whitelisted", "address"),
    ({"tls": False}, "Logon failed: TLS required", "tls"),
    ({"enabled": False}, "Logon failed: session disabled", "enabled"),
    ({"begin_string": "FIX.4.2"}, "Logon failed: Incorrect BeginString (8)", "fields"),
    ({"encrypt_method": "1"}, "Logon failed: EncryptMethod (98) must be 0", "fields"),
    ({"heart_bt_int": "301"}, "Logon failed: HeartBtInt (108) must be 5 to 300 seconds", "fields"),
    ({"key_names": ("another key",)}, "Logon failed: invalid credentials", "api_key"),
    (
        {"now_ms": int(NONCE) + 5_001},
        "Logon failed: nonce outside 5 seconds window",
        "nonce_window",
    ),
    ({"last_nonce": int(NONCE)}, "Logon failed: nonce not increasing", "nonce_order"),
    ({"password": V1}, "Logon failed: invalid credentials", "signature"),
]


@pytest.mark.parametrize("place", range(len(FAULTS)))
def test_the_first_check_that_fails_is_the_answer(place: int) -> None:
    """This one alone, and this one with everything after it."""
    broken, text, check = FAULTS[place]
    everything: dict[str, object] = {}
    for later, _, _ in reversed(FAULTS[place:]):
        everything.update(later)
    for change in (broken, everything):
        verdict = replace(Logon(), **change).verify()  # type: ignore[arg-type]
        assert (verdict.text.decode(), verdict.failed) == (text, check)


def test_the_names_of_the_checks_are_in_their_order() -> None:
    tried = [check for _, _, check in FAULTS]
    assert tried == sorted(tried, key=CHECKS.index)
    assert set(CHECKS) - set(tried) == {"nonce"}  # has no place of its own among the texts


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sender": "OTHER"}, "unknown CompID"),  # of another service
        ({"sender": "GONE"}, "unknown CompID"),  # the gateway knows it, the venue does not
        ({"address": "::ffff:198.51.100.1"}, "IP not whitelisted"),
        ({"session_enabled": False}, "session disabled"),
        ({"disabled_keys": (KEY,)}, "invalid credentials"),
        ({"heart_bt_int": "4"}, "HeartBtInt (108) must be 5 to 300 seconds"),
        ({"heart_bt_int": "-30"}, "HeartBtInt (108) must be 5 to 300 seconds"),
        ({"heart_bt_int": "x"}, "HeartBtInt (108) must be 5 to 300 seconds"),
        ({"key": "unknown"}, "invalid credentials"),
        ({"nonce": "-1775572321000"}, "invalid credentials"),
        ({"nonce": "1775572321000.0"}, "invalid credentials"),
        ({"nonce": "\u0661\u0662"}, "invalid credentials"),  # digits, but not of ASCII
        ({"nonce": "9" * 40}, "invalid credentials"),
        ({"now_ms": int(NONCE) - 5_001}, "nonce outside 5 seconds window"),
        (
            {"now_ms": int(NONCE) + 60_001, "nonce_window_ms": 60_000},
            "nonce outside 60 seconds window",
        ),
        ({"last_nonce": int(NONCE) + 1}, "nonce not increasing"),
        ({"number": "01"}, "invalid credentials"),  # the text of 34 is signed, not its value
        ({"password": V2[:-1]}, "invalid credentials"),
        ({"password": "\xe9"}, "invalid credentials"),
    ],
)
def test_refusals_in_detail(change: dict[str, object], text: str) -> None:
    verdict = replace(Logon(), **change).verify()  # type: ignore[arg-type]
    assert verdict.text.decode() == f"Logon failed: {text}"


@pytest.mark.parametrize(
    "change",
    [
        {"address": "::ffff:192.0.2.200"},
        {"heart_bt_int": "5"},
        {"heart_bt_int": "300"},
        {"now_ms": int(NONCE) + 5_000},
        {"now_ms": int(NONCE) - 5_000},
        {"number": "42", "password": V2_42},
        {"disabled_keys": ("another key",)},
    ],
)
def test_limits_belong_to_what_passes(change: dict[str, object]) -> None:
    assert replace(Logon(), **change).verify().text == b""  # type: ignore[arg-type]


def test_credentials_are_taken_out_of_the_frame() -> None:
    frame = framed(
        b"35=A\x0134=1\x0149=A\x0156=B\x0152=20260407-14:32:01.000\x01553=k\x01554=p\x01"
        b"5025=1\x01108=30\x01554=again\x01"
    )
    kept = without_credentials(frame)
    assert kept == framed(b"35=A\x0134=1\x0149=A\x0156=B\x0152=20260407-14:32:01.000\x01108=30\x01")
