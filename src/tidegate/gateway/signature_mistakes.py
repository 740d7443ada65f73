"""Which well-known mistake makes a wrong signature: each is made here with the right secret, and
what comes out compared with what the client sent.

A mistake is a change of the recipe by which a signature is made. They are tried alone, then in
pairs: who does not decode the secret may well hash to hexadecimal, too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import Final

SPOT_TARGET: Final = b"KRAKEN-TRD"  # what the published samples sign, whatever the session
KEYS_TRIED_MAX: Final = 1_000
_NUMBERS_TRIED: Final = 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a signature is made; the right way, but for what is replaced. `secret` is decoded.

    The signed text is `fields`, each ended by `end`, the last one by `last_end`, with `nonce`
    behind `before_nonce`. `digest` is what is taken of it, `mac` how that is signed, `encode` how
    the result is written.
    """

    secret: bytes
    msg_seq_num: bytes
    sender_comp_id: bytes
    target_comp_id: bytes
    api_key: bytes
    nonce: bytes
    order: tuple[int, ...] = (0, 1, 2, 3, 4)
    end: bytes = b"\x01"
    last_end: bytes | None = None  # as the others
    before_nonce: bytes = b""
    after_nonce: bytes = b""
    nonce_first: bool = False
    digest: Callable[[bytes], bytes] = lambda text: hashlib.sha256(text).digest()
    mac: str = "sha512"
    encode: Callable[[bytes], bytes] = base64.b64encode

    def password(self) -> bytes:
        """Password (554) as this recipe has it."""
        fields = (
            b"35=A", b"34=" + self.msg_seq_num, b"49=" + self.sender_comp_id,
            b"56=" + self.target_comp_id, b"553=" + self.api_key,
        )  # fmt: skip
        last_end = self.end if self.last_end is None else self.last_end
        text = self.end.join(fields[index] for index in self.order) + last_end
        nonce = self.before_nonce + self.nonce + self.after_nonce
        text = nonce + text if self.nonce_first else text + nonce
        return self.encode(hmac.digest(self.secret, self.digest(text), self.mac))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One way to get it wrong. Two of the same `part` do not go together."""

    part: str
    text: str
    make: Callable[[Recipe], Recipe]


def _hex_digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _url_safe_secret(right: Recipe) -> bytes:
    """What a decoder for the URL-safe alphabet makes of the secret's text: it skips `+` and `/`."""
    text = base64.b64encode(right.secret).translate(None, b"+/=")
    return base64.b64decode(text + b"=" * (-len(text) % 4) if len(text) % 4 != 1 else text[:-1])


def _in_lines(mac: bytes) -> bytes:
    """Base64 as `openssl base64` writes it, without its last line end."""
    text = base64.b64encode(mac)
    return b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))


MISTAKES: Final = (
    Mistake(
        "key",
        "the API secret was used as its base64 text; it is to be decoded first",
        lambda right: replace(right, secret=base64.b64encode(right.secret)),
    ),
    Mistake(
        "key",
        "the API secret was used as its base64 text, with a line end behind it",
        lambda right: replace(right, secret=base64.b64encode(right.secret) + b"\n"),
    ),
    Mistake(
        "key",
        "the API secret was decoded as URL-safe base64; it is in standard base64",
        lambda right: replace(right, secret=_url_safe_secret(right)),
    ),
    Mistake(
        "key",
        "the API key was used in the place of the API secret",
        lambda right: replace(right, secret=right.api_key),
    ),
    Mistake(
        "digest",
        "the SHA-256 digest was signed as hexadecimal text; its 32 raw bytes are to be signed",
        lambda right: replace(right, digest=_hex_digest),
    ),
    Mistake(
        "digest",
        "the SHA-256 digest was signed as upper-case hexadecimal text; sign its 32 raw bytes",
        lambda right: replace(right, digest=lambda text: _hex_digest(text).upper()),
    ),
    Mistake(
        "digest",
        "the SHA-256 digest was signed as base64 text; its 32 raw bytes are to be signed",
        lambda right: replace(
            right, digest=lambda text: base64.b64encode(hashlib.sha256(text).digest())
        ),
    ),
    Mistake(
        "digest",
        "the text itself was signed, without the SHA-256 digest of it",
        lambda right: replace(right, digest=lambda text: text),
    ),
    Mistake(
        "digest",
        "the inner digest is SHA-512; it is to be SHA-256",
        lambda right: replace(right, digest=lambda text: hashlib.sha512(text).digest()),
    ),
    Mistake(
        "mac",
        "the signature is HMAC-SHA-256; it is to be HMAC-SHA-512",
        lambda right: replace(right, mac="sha256"),
    ),
    Mistake(
        "mac",
        "the signature is HMAC-SHA-384; it is to be HMAC-SHA-512",
        lambda right: replace(right, mac="sha384"),
    ),
    Mistake(
        "encoding",
        "the signature is in URL-safe base64; it is to be in standard base64",
        lambda right: replace(right, encode=base64.urlsafe_b64encode),
    ),
    Mistake(
        "encoding",
        "the signature is base64 without padding; it ends with ==",
        lambda right: replace(right, encode=lambda mac: base64.b64encode(mac).rstrip(b"=")),
    ),
    Mistake(
        "encoding",
        "the signature is URL-safe base64 without padding; it is to be standard base64",
        lambda right: replace(right, encode=lambda mac: base64.urlsafe_b64encode(mac).rstrip(b"=")),
    ),
    Mistake(
        "encoding",
        "the signature is hexadecimal; it is to be base64",
        lambda right: replace(right, encode=lambda mac: mac.hex().encode()),
    ),
    Mistake(
        "encoding",
        "the signature is upper-case hexadecimal; it is to be base64",
        lambda right: replace(right, encode=lambda mac: mac.hex().upper().encode()),
    ),
    Mistake(
        "encoding",
        "the signature's base64 is broken into lines",
        lambda right: replace(right, encode=_in_lines),
    ),
    Mistake(
        "encoding",
        "the signature's base64 is broken into lines",
        lambda right: replace(right, encode=base64.encodebytes),
    ),
    Mistake(
        "encoding",
        "the signature has a line end behind it",
        lambda right: replace(right, encode=lambda mac: base64.b64encode(mac) + b"\n"),
    ),
    Mistake(
        "ends",
        "the SOH behind the last field (553) is missing in the signed text",
        lambda right: replace(right, last_end=b""),
    ),
    Mistake(
        "ends",
        "the signed text has no SOH behind its fields",
        lambda right: replace(right, end=b""),
    ),
    Mistake(
        "ends",
        'the fields of the signed text end with "|"; they are to end with SOH (0x01)',
        lambda right: replace(right, end=b"|"),
    ),
    Mistake(
        "ends",
        'the fields of the signed text end with "^A" as two characters; SOH is one byte (0x01)',
        lambda right: replace(right, end=b"^A"),
    ),
    Mistake(
        "nonce",
        "the nonce was signed with its tag (5025=); it follows bare",
        lambda right: replace(right, before_nonce=b"5025="),
    ),
    Mistake(
        "nonce",
        "the nonce was signed as a field (5025=... and SOH); it follows bare",
        lambda right: replace(right, before_nonce=b"5025=", after_nonce=b"\x01"),
    ),
    Mistake(
        "nonce",
        "the nonce was signed with a SOH behind it; it stands bare",
        lambda right: replace(right, after_nonce=b"\x01"),
    ),
    Mistake(
        "nonce",
        "the nonce was signed with a line end behind it; it stands bare",
        lambda right: replace(right, after_nonce=b"\n"),
    ),
    Mistake(
        "nonce",
        "the nonce was signed with a separator before it; it follows the last SOH at once",
        lambda right: replace(right, before_nonce=b"\x01"),
    ),
    Mistake(
        "nonce",
        "the nonce stands in front of the fields in the signed text; it follows them",
        lambda right: replace(right, nonce_first=True),
    ),
    Mistake(
        "nonce",
        "the nonce is missing in the signed text",
        lambda right: replace(right, nonce=b""),
    ),
    Mistake(
        "target",
        "56=KRAKEN-TRD was signed, as in the published samples; sign the TargetCompID of the"
        " session",
        lambda right: replace(right, target_comp_id=SPOT_TARGET),
    ),
    Mistake(
        "target",
        "SenderCompID and TargetCompID were exchanged in the signed text",
        lambda right: replace(
            right, sender_comp_id=right.target_comp_id, target_comp_id=right.sender_comp_id
        ),
    ),
    Mistake(
        "order",
        "35=A is missing in the signed text",
        lambda right: replace(right, order=(1, 2, 3, 4)),
    ),
    Mistake(
        "order",
        "553 is missing in the signed text",
        lambda right: replace(right, order=(0, 1, 2, 3)),
    ),
)


def found_mistake(
    right: Recipe, password: bytes, other_secrets: Sequence[bytes], *, pairs: bool
) -> str:
    """What the client did wrong, where one of the table (or two, with `pairs`) gives the very
    password it sent; empty where none does. `other_secrets` are those of further keys."""
    if password == base64.b64encode(right.secret):
        return "the API secret itself was sent as the password: change it, it was on the wire"
    for text, recipe in _single(right, other_secrets):
        if recipe.password() == password:
            return text
    if not pairs:
        return ""
    for first, second in combinations(MISTAKES, 2):
        if first.part == second.part:
            continue
        if second.make(first.make(right)).password() == password:
            return f"two mistakes: {first.text}; and {second.text}"
    return ""


def _single(right: Recipe, other_secrets: Sequence[bytes]) -> Iterator[tuple[str, Recipe]]:
    for mistake in MISTAKES:
        yield mistake.text, mistake.make(right)
    for text in _other_numbers(right.msg_seq_num):
        said = f"34={text.decode()} was signed, but 34={right.msg_seq_num.decode('latin-1')} sent"
        yield said, replace(right, msg_seq_num=text)
    tags = ("35", "34", "49", "56", "553")
    for order in permutations(range(5)):
        said = f"the fields were signed in the order {', '.join(tags[index] for index in order)}"
        yield f"{said}; it is to be {', '.join(tags)}", replace(right, order=order)
    for secret in other_secrets[:KEYS_TRIED_MAX]:
        yield "the secret of another API key was used", replace(right, secret=secret)


def _other_numbers(text: bytes) -> list[bytes]:
    """Texts of MsgSeqNum (34) that may have been signed in the place of the one that was sent."""
    if not text.isdigit() or len(text) > 18:
        return []
    number = int(text)
    others = [b"%d" % number, b"%09d" % number, b"%08d" % number, b"%06d" % number]
    others += [b"%d" % other for other in (number - 1, number + 1) if other >= 0]
    others += [b"%d" % other for other in range(_NUMBERS_TRIED)]
    return [other for other in others if other != text]
