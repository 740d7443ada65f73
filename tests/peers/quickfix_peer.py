"""QuickFIX as the client: an engine with rules of its own, which validates every message it gets by
the dictionary the venue writes, and answers with 35=3 or 35=j what it finds wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import quickfix

from tests.peers.socket_peer import Login, Nonces, utc_now

WAIT_S = 20.0
Fields = dict[int, str]

SETTINGS = """\
[DEFAULT]
ConnectionType=initiator
NonStopSession=Y
ReconnectInterval=1
HeartBtInt=30
FileStorePath={directory}/store
FileLogPath={directory}/log
UseDataDictionary=Y
DataDictionary={dictionary}
ValidateFieldsOutOfOrder=Y
ValidateFieldsHaveValues=Y
ValidateUserDefinedFields=Y
ValidateLengthAndChecksum=Y
AllowUnknownMsgFields=N
CheckCompID=Y
CheckLatency=Y
MaxLatency=120
PersistMessages=Y
ResetOnLogon=N
ResetOnLogout=N
ResetOnDisconnect=N
CertificationAuthoritiesFile={ca_file}
CertificateVerifyLevel=1

[SESSION]
BeginString=FIX.4.4
SenderCompID={login.sender_comp_id}
TargetCompID={login.target_comp_id}
SocketConnectHost={login.host}
SocketConnectPort={login.port}
"""


def fields_of(message: Any) -> list[tuple[int, str]]:
    parts = message.toString().rstrip("\x01").split("\x01")
    return [(int(tag), value) for tag, _, value in (part.partition("=") for part in parts)]


class _Application(quickfix.Application):  # type: ignore[misc]
    """Signs logons and puts what happens into queues. Runs in QuickFIX's threads, so what `read`
    wants of a message it takes there."""

    def __init__(self, login: Login, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.login = login
        self._read = read
        self.states: queue.Queue[str] = queue.Queue()
        self.app: queue.Queue[Any] = queue.Queue()
        self.admin: queue.Queue[list[tuple[int, str]]] = queue.Queue()
        self.sent: list[list[tuple[int, str]]] = []
        self.faults: queue.Queue[BaseException] = queue.Queue()

    def onCreate(self, session: Any) -> None:  # noqa: N802 (QuickFIX's names)
        self.session = session

    def onLogon(self, session: Any) -> None:  # noqa: N802
        self.states.put("logon")

    def onLogout(self, session: Any) -> None:  # noqa: N802
        self.states.put("logout")

    def toAdmin(self, message: Any, session: Any) -> None:  # noqa: N802
        try:
            if dict(fields_of(message))[35] == "A" and self.login.api_key:
                self._sign(message)
            self.sent.append(fields_of(message))
        except BaseException as error:
            self.faults.put(error)

    def toApp(self, message: Any, session: Any) -> None:  # noqa: N802
        self.sent.append(fields_of(message))

    def fromAdmin(self, message: Any, session: Any) -> None:  # noqa: N802
        self.admin.put(fields_of(message))

    def fromApp(self, message: Any, session: Any) -> None:  # noqa: N802
        try:
            self.app.put(self._read(message))
        except BaseException as error:
            self.faults.put(error)

    def _sign(self, message: Any) -> None:
        login = self.login
        nonce = Nonces.next()
        number = dict(fields_of(message))[34]
        text = (
            f"35=A\x0134={number}\x0149={login.sender_comp_id}\x0156={login.target_comp_id}"
            f"\x01553={login.api_key}\x01{nonce}"
        )
        secret = base64.b64decode(login.api_secret)
        digest = hashlib.sha256(text.encode()).digest()
        signature = base64.b64encode(hmac.new(secret, digest, hashlib.sha512).digest()).decode()
        for tag, value in ((553, login.api_key), (554, signature), (5025, nonce), (8674, "1")):
            message.setField(quickfix.StringField(tag, value))


class QuickFixPeer:
    """One QuickFIX initiator with one session; its store outlives it, as that of a real engine."""

    def __init__(
        self,
        login: Login,
        directory: Path,
        dictionary: Path,
        read: Callable[[Any], Any] = fields_of,
    ) -> None:
        (directory / "log").mkdir(parents=True, exist_ok=True)
        self._directory = directory
        path = directory / "settings.cfg"
        ca_file = login.ca_file or ""
        path.write_text(
            SETTINGS.format(
                login=login, directory=directory, dictionary=dictionary, ca_file=ca_file
            )
        )
        self.application = _Application(login, read)
        self._settings = quickfix.SessionSettings(str(path))
        self._store = quickfix.FileStoreFactory(self._settings)
        self._log = quickfix.FileLogFactory(self._settings)
        kind = quickfix.SSLSocketInitiator if login.ca_file else quickfix.SocketInitiator
        self._initiator = kind(self.application, self._store, self._settings, self._log)
        self._last_id = int(time.time() * 1_000_000)

    def __enter__(self) -> Self:
        self._initiator.start()
        self.expect_state("logon")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session = quickfix.Session.lookupSession(self.application.session)
        if session.isLoggedOn():
            session.logout()
            if kind is None:
                self.expect_state("logout")
        self._initiator.stop()
        # QuickFIX keeps sessions in a table of the process: this one has to leave it before another
        # of the same name is made.
        del self._initiator

    def expect_state(self, state: str) -> None:
        assert self.application.states.get(timeout=WAIT_S) == state

    def report(self, **wanted: str) -> Fields:
        """The next application message; `t150="0"` and the like say what it must be."""
        fields = dict(self.application.app.get(timeout=WAIT_S))
        found = {name: fields.get(int(name[1:]), "") for name in wanted}
        assert found == wanted, fields
        return fields

    def admin(self, msg_type: str) -> Fields:
        """The next administrative message of a type."""
        while True:
            fields = dict(self.application.admin.get(timeout=WAIT_S))
            if fields[35] == msg_type:
                return fields

    def send(self, msg_type: str, fields: dict[int, str | float | int]) -> None:
        message = quickfix.Message()
        message.getHeader().setField(quickfix.MsgType(msg_type))
        for tag, value in fields.items():
            message.setField(quickfix.StringField(tag, str(value)))
        assert quickfix.Session.sendToTarget(message, self.application.session)

    def next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    def order(self, side: int, price: str, qty: str, **more: str) -> str:
        """A limit order on BTC/USD; its ClOrdID."""
        cl_ord_id = self.next_id()
        fields: dict[int, str | float | int] = {
            11: cl_ord_id, 55: "BTC/USD", 54: side, 40: 2, 44: price, 38: qty, 59: 1,
            60: utc_now(),
        }  # fmt: skip
        fields.update({int(name[1:]): value for name, value in more.items()})
        self.send("D", {tag: value for tag, value in fields.items() if value != ""})
        return cl_ord_id

    def sent_types(self) -> list[str]:
        return [dict(fields)[35] for fields in self.application.sent]

    def require_content(self) -> None:
        """QuickFIX has found nothing wrong with what it got, and no callback has failed."""
        assert self.application.faults.empty(), self.application.faults.get()
        assert "3" not in self.sent_types(), self.application.sent
        assert "j" not in self.sent_types(), self.application.sent
        events = "".join(path.read_text() for path in (self._directory / "log").glob("*event*"))
        for word in ("eject", "nvalid", "Problem", "too low", "garbled"):
            assert word not in events, events
