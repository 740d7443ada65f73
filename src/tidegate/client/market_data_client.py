"""Market data on a socket: `MarketDataCore` on a `Connection`.

    client = MarketDataClient(Endpoint("127.0.0.1", 4000, ca_file=path),
                              Credentials("ACME", "KRAKEN-MD"))
    await client.connect()
    (bitcoin,) = client.subscribe(["BTC/USD"], depth=10, trades=True)
    async for update in client:
        if isinstance(update, BookUpdate):
            print(update.subscription.book.best(MDEntryType.BID, 1))

Everything runs in one event loop; nothing here is safe to call from another thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from tidegate.client.connection import EVENTS_MAX, RECONNECT_DELAYS_S, Connection, Endpoint
from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import LoggedOn
from tidegate.client.market_data_core import MarketDataCore
from tidegate.client.market_data_messages import Instrument
from tidegate.client.market_data_updates import MarketDataUpdate, Subscription


class MarketDataClient:
    """See the module; `core` and `line` are its two halves.

    A lost line is connected again by itself and everything is subscribed anew, unless
    `reconnect_delays_s` is empty. Updates wait in a queue of `events_max`; when it is full nothing
    more is read. Tidegate then leaves out what comes meanwhile, trades too, and goes on with full
    refreshes when there is room again: whoever falls behind gets the book as it is instead of old
    news. It cuts whoever reads next to nothing for ten seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        options: LogonOptions | None = None,
        *,
        events_max: int = EVENTS_MAX,
        reconnect_delays_s: Sequence[float] = RECONNECT_DELAYS_S,
        clock_ns: Callable[[], int] = time.time_ns,
        trace: Callable[[bool, bytes], None] | None = None,
    ) -> None:
        self.core = MarketDataCore(credentials, options, trace=trace)
        self.line = Connection(
            endpoint,
            self.core,
            events_max=events_max,
            reconnect_delays_s=reconnect_delays_s,
            clock_ns=clock_ns,
        )
        self._clock_ns = clock_ns
        self._updates: deque[MarketDataUpdate] = deque()

    @property
    def is_logged_on(self) -> bool:
        return self.core.is_logged_on

    @property
    def instruments(self) -> dict[str, Instrument]:
        """By symbol, as far as the updates that were taken told of them."""
        return self.core.instruments

    @property
    def session_status(self) -> str:
        """A `TradSesStatus`, as the last update told; empty while it is not known."""
        return self.core.session_status

    async def connect(self) -> LoggedOn:
        """Open the line and log on. Raises as `Connection.connect`; it does not try again."""
        return await self.line.connect()

    async def close(self) -> None:
        """Log out and close the line."""
        await self.line.close()

    def subscribe(
        self,
        symbols: Iterable[str],
        *,
        depth: int = 10,
        level: int = 2,
        book: bool = True,
        trades: bool = False,
    ) -> list[Subscription]:
        """As `MarketDataCore.subscribe`."""
        wanted = self.core.subscribe(
            symbols, self._clock_ns(), depth=depth, level=level, book=book, trades=trades
        )
        self.line.pump()
        return wanted

    def unsubscribe(self, subscription: Subscription) -> None:
        """As `MarketDataCore.unsubscribe`."""
        self.core.unsubscribe(subscription, self._clock_ns())
        self.line.pump()

    async def next_update(self) -> MarketDataUpdate | None:
        """The next update, its book as of then; None when the line is gone, none is left and no
        reconnect will come."""
        while not self._updates:
            event = await self.line.next_event()
            if event is None:
                return None
            self._updates.extend(self.core.apply(event, self._clock_ns()))
            self.line.pump()
        return self._updates.popleft()

    def take_updates(self) -> list[MarketDataUpdate]:
        """The updates that wait now; the books are then as of the last of them."""
        for event in self.line.take_events():
            self._updates.extend(self.core.apply(event, self._clock_ns()))
        self.line.pump()
        updates = list(self._updates)
        self._updates.clear()
        return updates

    async def __aiter__(self) -> AsyncIterator[MarketDataUpdate]:
        while (update := await self.next_update()) is not None:
            yield update
