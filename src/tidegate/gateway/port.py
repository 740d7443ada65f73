"""What the gateway needs of the venue behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tidegate.session.logon import LogonRequest

if TYPE_CHECKING:
    from tidegate.gateway.outbound import LinkWriter
    from tidegate.gateway.shares import Shares


class FrameSource(Protocol):
    """Outgoing messages that are durable, by session and number."""

    def life(self, session: int) -> int:
        """Which life of the session it is in: another one after its numbers were reset."""

    def read(self, session: int, number: int) -> bytes:
        """The frame that was sent as `number`."""

    def comp_ids(self, session: int) -> bytes:
        """`49=...|56=...|` of what the venue sends on the session, ready with SOH."""


class SessionDirectory(Protocol):
    """Which sessions there are, and what a Logon of theirs has to keep to."""

    def session_index(self, sender_comp_id: bytes, target_comp_id: bytes) -> int:
        """The session of two CompIDs as the client writes them, -1 where there is none."""

    def heartbeat_limits_s(self, session: int) -> tuple[int, int]:
        """The least and the greatest HeartBtInt a session may log on with."""

    def session_enabled(self, session: int) -> bool:
        """Whether the session may log on: by its settings, and by the operators."""


class LinkHost(SessionDirectory, Protocol):
    """What links need of the sessions behind them."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""

    def logons_refused(self) -> bool:
        """Whether nobody may log on now: the rollover is going on, or the process is stopping."""

    def refused_logon(self, session: int, request: LogonRequest, text: bytes) -> bytes:
        """The Logout frame that answers a refused Logon."""

    @property
    def behind(self) -> bool:
        """Whether so much waits for the disk that links should stop reading for a while."""

    def logon(
        self, session: int, output: LinkOutput, api_key: bytes, nonce: int, frame: bytes
    ) -> int:
        """A verified Logon without its credentials; gives the number of its link."""

    def logon_refusal(self, link: int) -> bytes:
        """Why the session refused a logon that was given to it just now; empty where it did not."""

    def writer(
        self, session: int, link: int, transport: LinkTransport, shares: Shares
    ) -> LinkWriter:
        """The writing half of a link that has logged on."""

    def frames(self, session: int, link: int, frames: list[bytes]) -> None:
        """Frames of a link, in order of arrival."""

    def link_down(self, session: int, link: int) -> None:
        """The link broke or was closed by the peer."""


class CredentialDirectory(SessionDirectory, Protocol):
    """What Logons that are signed are checked against, beside keys."""

    def wall_ns(self) -> int:
        """The machine's clock, which a client's nonce is compared with. `now_ns` may differ from
        it for a while after that clock was set back."""

    def key_enabled(self, api_key: bytes) -> bool:
        """Whether operators let an API key be used."""

    def last_nonce(self, api_key: bytes) -> int:
        """The last nonce that was accepted from a key, 0 before the first."""


class Consulted(Protocol):
    """What explaining a failed Logon takes; parts of `LinkHost` and `CredentialDirectory`."""

    def now_ns(self) -> int: ...

    def wall_ns(self) -> int: ...

    def key_enabled(self, api_key: bytes) -> bool: ...

    def last_nonce(self, api_key: bytes) -> int: ...


class LinkOutput(Protocol):
    """What the venue does to a link, once its cause is durable."""

    def write(self, first: int, last: int, data: bytes) -> None:
        """Transmit messages `first` to `last`, which are `data`."""

    def sweep(self, first: int, last: int) -> None:
        """Transmit messages `first` to `last` once more, as duplicates."""

    def skip(self, first: int, last: int) -> None:
        """Messages `first` to `last` are never to be transmitted: only their numbers are gone."""

    def cut(self) -> None:
        """Close the link once everything before is written."""

    def answer(self, data: bytes) -> None:
        """Transmit a frame that is not the session's, and close."""


class LinkTransport(Protocol):
    """What a link asks of its transport; asyncio's and uvloop's can do it."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def is_closing(self) -> bool: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int, low: int) -> None: ...

    def get_write_buffer_size(self) -> int: ...


class Tap(LinkTransport, Protocol):
    """What a laboratory puts between a link and its transport. To the link it is the transport.
    What it does happens to the line: the venue behind the link knows nothing of it."""

    def received(self, frames: list[bytes]) -> None:
        """Frames of the peer, in order: the tap hands on (`TapPlace.take`) what it lets pass."""

    def pause_writing(self) -> None:
        """The buffer of the transport behind the tap is full."""

    def resume_writing(self) -> None:
        """It has room again."""


class TapPlace(Protocol):
    """A link, as a laboratory sees it."""

    def insert(self, tap_on: Callable[[LinkTransport], Tap]) -> None:
        """Put a tap between the link and its transport, for the rest of the link's life."""

    def take(self, frames: list[bytes]) -> None:
        """Frames of the peer for the venue, past the tap."""

    def pause_source(self) -> None:
        """The tap holds enough: hand it no more."""

    def resume_source(self) -> None:
        """The tap has room again."""


class Laboratory(Protocol):
    """Who puts taps on links. A venue that is no test's has none."""

    def refuses_logon(self, session: int, msg_seq_num: int) -> bool:
        """Whether a verified Logon is to be closed without a word."""

    def linked(self, session: int, link: TapPlace) -> None:
        """A link has logged on; its Logon is not answered yet."""

    def unlinked(self, session: int, link: TapPlace) -> None:
        """The link is gone."""


class TurnWatch(Protocol):
    """Who is told of every turn, between what the venue does with it."""

    def before_append(self) -> None:
        """It is about to be appended to the journal."""

    def after_append(self) -> None:
        """It was, and nothing of it is published yet."""
