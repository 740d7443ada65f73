"""What a desk remembers of its sessions, of what they have subscribed to, and of their links."""

from __future__ import annotations

from tidegate.feeds.lines import Line
from tidegate.marketdata.requests import SecurityListRequest
from tidegate.marketdata.shapes import Shape
from tidegate.session.machine import Session
from tidegate.wire.shared import OwnFields


class Subscription:
    """One symbol of one MarketDataRequest: its book, its trades, or both, with the shape first that
    a full refresh is of. `own` is what each of its messages says of it: CompIDs, Symbol (55) and
    MDReqID (262).

    `waits` while its next message is a full refresh: at the start, and after its link was full.
    Updates pass it by until then, for the refresh holds them.
    """

    def __init__(
        self,
        number: int,
        session: Session,
        line: FeedLine,
        md_req_id: bytes,
        symbol: bytes,
        shapes: list[Shape],
    ) -> None:
        self.number = number
        self.session = session
        self.line = line
        self.shapes = shapes
        self.own = OwnFields(session.comp_ids, b"55=%s\x01262=%s\x01" % (symbol, md_req_id))
        self.waits = True


class FeedLine(Line):
    """The link of a session: while it is full, only what the session itself has to say is written.
    `refreshes` are subscriptions that wait."""

    def __init__(self, number: int, seat: Seat) -> None:
        super().__init__(number)
        self.seat = seat
        self.refreshes: dict[int, Subscription] = {}


class Seat:
    """A session at one port, with what it gets. `level` and `market` are those of the port.
    Subscriptions are by MDReqID (262), `lists`, of instruments, by SecurityReqID (320). `held` are
    requests that wait until there are books."""

    def __init__(self, session: Session, level: int, market: str) -> None:
        self.session = session
        self.level = level
        self.market = market
        self.subscriptions: dict[bytes, list[Subscription]] = {}
        self.symbol_count = 0
        self.lists: dict[bytes, SecurityListRequest] = {}
        self.status_id: bytes = b""  # TradSesReqID (335) of who is told of changes
        self.held: list[bytes] = []
        self.held_bytes = 0
        self.refresh_count = 0  # full refreshes after its link was full
