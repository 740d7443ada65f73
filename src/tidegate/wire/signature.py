"""The signature of a Logon: Password (554) from the API secret and five fields of the message.

    input    = "35=A" SOH "34=" n SOH "49=" sender SOH "56=" target SOH "553=" key SOH
    password = base64(HMAC-SHA-512(base64-decoded secret, SHA-256(input + nonce)))

The fields stand in this order whatever their order on the wire, each with its SOH; the nonce
follows without a tag; the inner digest is raw bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def logon_password(
    *,
    secret: bytes,
    msg_seq_num: bytes,
    sender_comp_id: bytes,
    target_comp_id: bytes,
    api_key: bytes,
    nonce: bytes,
) -> bytes:
    """Tag 554. `secret` is the decoded API secret, `msg_seq_num` the text of tag 34 and `nonce`
    that of tag 5025 (milliseconds since 1970)."""
    signed = signed_text(
        msg_seq_num=msg_seq_num,
        sender_comp_id=sender_comp_id,
        target_comp_id=target_comp_id,
        api_key=api_key,
        nonce=nonce,
    )
    digest = hashlib.sha256(signed).digest()
    return base64.b64encode(hmac.new(secret, digest, hashlib.sha512).digest())


def signed_text(
    *,
    msg_seq_num: bytes,
    sender_comp_id: bytes,
    target_comp_id: bytes,
    api_key: bytes,
    nonce: bytes,
) -> bytes:
    """What the inner digest is of: the five fields and the nonce."""
    return b"35=A\x0134=%s\x0149=%s\x0156=%s\x01553=%s\x01%s" % (
        msg_seq_num, sender_comp_id, target_comp_id, api_key, nonce,
    )  # fmt: skip
