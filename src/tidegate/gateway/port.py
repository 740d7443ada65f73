"""What the gateway needs of the venue behind it."""

from __future__ import annotations

from typing import Protocol

from tidegate.session.logon import LogonRequest


class FrameSource(Protocol):
    """Outgoing messages that are durable, by session and number."""

    def life(self, session: int) -> int:
        """Which life of the session it is in: another one after its numbers were reset."""

    def read(self, session: int, number: int) -> bytes:
        """The frame that was sent as `number`."""

    def comp_ids(self, session: int) -> bytes:
        """`49=...|56=...|` of what the venue sends on the session, ready with SOH."""


class VenuePort(FrameSource, Protocol):
    """The running venue: its one loop, with the journal behind it."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""

    def wall_ns(self) -> int:
        """The machine's clock, which a client's nonce is compared with. `now_ns` may differ from
        it for a while after that clock was set back."""

    def session_index(self, sender_comp_id: bytes, target_comp_id: bytes) -> int:
        """The session of two CompIDs as the client writes them, -1 where there is none."""

    def heartbeat_limits_s(self, session: int) -> tuple[int, int]:
        """The least and the greatest HeartBtInt a session may log on with."""

    def last_nonce(self, api_key: bytes) -> int:
        """The last nonce that was accepted from a key, 0 before the first."""

    def logons_refused(self) -> bool:
        """Whether the rollover is going on."""

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

    def frames(self, session: int, link: int, frames: list[bytes]) -> None:
        """Frames of a link, in order of arrival."""

    def link_down(self, session: int, link: int) -> None:
        """The link broke or was closed by the peer."""


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
