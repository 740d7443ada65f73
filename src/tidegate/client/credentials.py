"""Who logs on, and how: what a Logon (35=A) is made of."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from tidegate.wire.signature import logon_password

ROLLOVER_S = 79_200  # 22:00 UTC


@dataclass(frozen=True, slots=True)
class Credentials:
    """The CompIDs of a session and its API key. `api_secret` is base64 as handed out; it is never
    shown by `repr`. Without a key (market data) a Logon carries no signature.

    Raises `ValueError` for a secret that is no base64.
    """

    sender_comp_id: str
    target_comp_id: str
    api_key: str = ""
    api_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        try:
            base64.b64decode(self.api_secret, validate=True)
        except ValueError:  # of its digits, or for what is not ASCII
            raise ValueError("api_secret is not base64") from None  # without the text of it

    def fields(self, msg_seq_num: int, nonce_ms: int) -> bytes:
        """Username (553), Password (554) and Nonce (5025), signed for that MsgSeqNum (34)."""
        if not self.api_key:
            return b""
        nonce = b"%d" % nonce_ms
        api_key = self.api_key.encode()
        password = logon_password(
            secret=base64.b64decode(self.api_secret),
            msg_seq_num=b"%d" % msg_seq_num,
            sender_comp_id=self.sender_comp_id.encode(),
            target_comp_id=self.target_comp_id.encode(),
            api_key=api_key,
            nonce=nonce,
        )
        return b"553=%s\x01554=%s\x015025=%s\x01" % (api_key, password, nonce)


@dataclass(frozen=True, slots=True)
class LogonOptions:
    """What a session asks for at each logon, and how patient it is.

    Attributes:
        heart_bt_int_s: HeartBtInt (108); a heartbeat is sent after half of it, because the venue
            has been seen to close sessions whose heartbeat came exactly at its end.
        reset_seq_num: ResetSeqNumFlag (141) on the first logon: both sides restart at 1, and
            nothing of before is replayed. Later logons continue, or they would lose reports.
        reset_each_logon: the same on every logon; sessions of market data and drop copies do that
            whatever it says, since none of theirs is replayed.
        cancel_orders_on_disconnect: CancelOrdersOnDisconnect (8674): True cancels this session's
            orders when the line drops, False leaves them; None leaves it to the venue.
        force_reset_cl_ord_id: ForceResetClOrdID (5030); for emergencies.
        client_id: ClientID (109), which ties connections together; 0 sends none.
        logon_timeout_s: how long the answer to a Logon may take.
        sending_time_tolerance_s: how far SendingTime (52) of the venue may be from our time.
        rollover_s: second of the UTC day at which sequence numbers restart; -1 for never.
    """

    heart_bt_int_s: int = 60
    reset_seq_num: bool = False
    reset_each_logon: bool = False
    cancel_orders_on_disconnect: bool | None = None
    force_reset_cl_ord_id: bool = False
    client_id: int = 0
    logon_timeout_s: int = 10
    sending_time_tolerance_s: int = 120
    rollover_s: int = ROLLOVER_S

    def fields(self, *, reset: bool) -> bytes:
        """The body of a Logon without credentials. `reset` is whether this logon resets."""
        parts = [b"98=0\x01108=%d\x01" % self.heart_bt_int_s]
        if self.client_id:
            parts.append(b"109=%d\x01" % self.client_id)
        parts.append(b"141=Y\x01" if reset else b"141=N\x01")
        if self.force_reset_cl_ord_id:
            parts.append(b"5030=Y\x01")
        if self.cancel_orders_on_disconnect is not None:
            # Named for what it cancels, yet 0 cancels and 1 leaves.
            parts.append(b"8674=0\x01" if self.cancel_orders_on_disconnect else b"8674=1\x01")
        return b"".join(parts)
