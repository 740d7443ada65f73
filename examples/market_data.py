"""Market data with Tidegate's own client: `python examples/market_data.py [SYMBOL] [DATA]`.

DATA is the data directory of a running venue (default `tidegate-data`); its `ready.json` says where
market data is served and who may log on. Prints the best prices after every change, and trades.
"""

import asyncio
import json
import sys
from pathlib import Path

from tidegate.client import (
    BookUpdate,
    ConnectFailed,
    Credentials,
    Endpoint,
    LogonRefused,
    MarketDataClient,
    SubscriptionLost,
    SubscriptionRefused,
    TradesUpdate,
)


def client_of(data: Path) -> MarketDataClient:
    ready = json.loads((data / "ready.json").read_text())
    session = next(s for s in ready["market_data_sessions"] if s["role"] == "market_data_l2")
    ca_file = Path(ready["ca_file"]) if ready["ca_file"] else None
    return MarketDataClient(
        Endpoint(ready["host"], session["port"], tls=ready["tls"], ca_file=ca_file),
        Credentials(session["sender_comp_id"], session["target_comp_id"]),  # no key is needed
    )


async def main(symbol: str, data: Path) -> None:
    client = client_of(data)
    await client.connect()
    (subscription,) = client.subscribe([symbol], depth=10, trades=True)
    book = subscription.book
    assert book is not None
    async for update in client:  # goes on over reconnects, everything subscribed anew
        match update:
            case BookUpdate():
                bid, ask = book.bids[:1], book.asks[:1]
                print(f"{symbol} bid {bid} ask {ask} checksum {book.is_verified}")
            case TradesUpdate(trades=trades):
                for trade in trades:
                    print(f"{symbol} traded {trade.size} at {trade.price}")
            case SubscriptionLost(reason=reason):
                print(f"{symbol} the book was wrong: {reason}; a new one was asked for")
            case SubscriptionRefused(text=text):
                sys.exit(f"refused: {text}")


arguments = [*sys.argv[1:], *("BTC/USD", "tidegate-data")[len(sys.argv) - 1 :]]
try:
    asyncio.run(main(arguments[0], Path(arguments[1])))
except KeyboardInterrupt:
    pass
except (OSError, ConnectFailed, LogonRefused) as error:  # no venue has been there, or runs there
    sys.exit(str(error))
