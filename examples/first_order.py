"""A first order with Tidegate's own client: `python examples/first_order.py [DATA]`.

DATA is the data directory of a running venue (default `tidegate-data`); its `ready.json` says where
the venue listens and holds keys of the firms.
"""

import asyncio
import json
import sys
from pathlib import Path

from tidegate.client import (
    Accepted,
    Client,
    ConnectFailed,
    Credentials,
    Endpoint,
    LogonOptions,
    LogonRefused,
    NewOrder,
    Side,
)


async def main(data: Path) -> None:
    ready = json.loads((data / "ready.json").read_text())
    session = ready["sessions"][0]
    ca_file = Path(ready["ca_file"]) if ready["ca_file"] else None
    client = Client(
        Endpoint(ready["host"], session["port"], tls=ready["tls"], ca_file=ca_file),
        Credentials(
            sender_comp_id=session["sender_comp_id"],
            target_comp_id=session["target_comp_id"],
            api_key=session["api_key"],
            api_secret=session["api_secret"],
        ),
        LogonOptions(reset_seq_num=True),  # this program forgets its numbers when it ends
    )
    await client.connect()
    order = NewOrder(symbol="BTC/USD", side=Side.BUY, order_qty="0.1", price="84000.5")
    match await client.place(order):
        case Accepted(report):
            print(f"{report.order_id}: {report.text}")
        case refused_or_unknown:
            print(refused_or_unknown)
    await client.close()


try:
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "tidegate-data")))
except (OSError, ConnectFailed, LogonRefused) as error:  # no venue has been there, or runs there
    sys.exit(str(error))
