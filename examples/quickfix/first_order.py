"""A first order with QuickFIX: `python examples/quickfix/first_order.py [DATA]`.

DATA is the data directory of a running venue (default `tidegate-data`). Needs QuickFIX for Python
with TLS: `pip install quickfix-tls` (or `quickfix`, against a venue started with `--plain`).

All that is special about the dialect is in `toAdmin`: the signed Logon. ResetOnLogon is on because
this program forgets its numbers when it ends; an engine that keeps its store leaves it off, and
gets what it missed after a reconnection.
"""

import base64
import hashlib
import hmac
import json
import queue
import sys
import tempfile
import time
from pathlib import Path

import quickfix

from tidegate.wire.quickfix_xml import quickfix_dictionary

SOH = "\x01"

SETTINGS = """
[DEFAULT]
ConnectionType=initiator
HeartBtInt=30
ReconnectInterval=5
StartTime=00:00:00
EndTime=00:00:00
NonStopSession=Y
FileStorePath={store}
ResetOnLogon=Y
UseDataDictionary=Y
DataDictionary={dictionary}
ValidateUserDefinedFields=Y
SocketNodelay=Y
SSLProtocol=TLSv1_3
CertificationAuthoritiesFile={ca_file}

[SESSION]
BeginString=FIX.4.4
SenderCompID={sender_comp_id}
TargetCompID={target_comp_id}
SocketConnectHost={host}
SocketConnectPort={port}
"""


class FirstOrder(quickfix.Application):
    """Logs on and hands every report to a queue."""

    def __init__(self, session):
        super().__init__()
        self.api_key = session["api_key"]
        self.api_secret = base64.b64decode(session["api_secret"])
        self.received = queue.Queue()
        self.reason = "no reason given"

    def onCreate(self, session_id):
        self.session_id = session_id

    def onLogon(self, session_id):
        self.received.put("logged on")

    def onLogout(self, session_id):
        self.received.put("logged out: " + self.reason)

    def toAdmin(self, message, session_id):
        if message.getHeader().getField(35) == "A":
            self.sign(message)

    def sign(self, message):
        """Username (553), Password (554) and Nonce (5025) of the dialect's Logon."""
        header = message.getHeader()
        nonce = str(time.time_ns() // 1_000_000)
        fields = [("35", "A")] + [(tag, header.getField(int(tag))) for tag in ("34", "49", "56")]
        fields.append(("553", self.api_key))
        signed = "".join(f"{tag}={value}{SOH}" for tag, value in fields) + nonce
        digest = hashlib.sha256(signed.encode()).digest()
        password = base64.b64encode(hmac.new(self.api_secret, digest, hashlib.sha512).digest())
        message.setField(553, self.api_key)
        message.setField(554, password.decode())
        message.setField(5025, nonce)

    def fromAdmin(self, message, session_id):
        if message.getHeader().getField(35) == "5" and message.isSetField(58):
            self.reason = message.getField(58)

    def toApp(self, message, session_id):
        pass

    def fromApp(self, message, session_id):
        self.received.put(message.toString().replace(SOH, "|"))


def new_order():
    now = time.time_ns()
    order = quickfix.Message()
    order.getHeader().setField(35, "D")
    order.setField(11, str(now // 1_000))  # ClOrdID: ever increasing, at most 18 digits
    order.setField(55, "BTC/USD")
    order.setField(54, "1")
    order.setField(40, "2")
    order.setField(44, "84000.5")
    order.setField(38, "0.1")
    order.setField(59, "1")
    seconds, fraction = divmod(now // 1_000_000, 1_000)
    stamp = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(seconds))
    order.setField(60, f"{stamp}.{fraction:03d}")
    return order


def main(data):
    ready = json.loads((data / "ready.json").read_text())
    session = ready["sessions"][0]
    with tempfile.TemporaryDirectory() as folder:
        dictionary = Path(folder) / "tidegate.xml"
        dictionary.write_text(quickfix_dictionary())
        settings = Path(folder) / "initiator.cfg"
        settings.write_text(
            SETTINGS.format(
                store=folder,
                dictionary=dictionary,
                host=ready["host"],
                ca_file=ready["ca_file"] or "",
                **session,
            )
        )
        run(FirstOrder(session), settings, tls=ready["tls"])


def run(application, settings_file, *, tls):
    settings = quickfix.SessionSettings(str(settings_file))
    store = quickfix.FileStoreFactory(settings)
    kind = quickfix.SSLSocketInitiator if tls else quickfix.SocketInitiator
    initiator = kind(application, store, settings)
    initiator.start()
    try:
        first = application.received.get(timeout=10)
        if first != "logged on":
            sys.exit(first + "; does the venue run?")
        print(first)
        quickfix.Session.sendToTarget(new_order(), application.session_id)
        print(application.received.get(timeout=10))
    except queue.Empty:
        sys.exit("no answer within 10 seconds")
    finally:
        initiator.stop()


try:
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tidegate-data"))
except OSError as error:  # no venue has been there
    sys.exit(str(error))
