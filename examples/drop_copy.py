"""A drop copy with Tidegate's own client: `python examples/drop_copy.py [FILE] [DATA] [NAME]`.

Books every execution report once in the SQLite file FILE (default `reports.sqlite`), and prints it.
DATA is the data directory of a running venue (default `tidegate-data`); NAME is the SenderCompID of
a session with `role = "drop_copy"` (default: the first one). It may be killed at any time.
"""

import asyncio
import json
import sys
from pathlib import Path

from tidegate.client import (
    ConnectFailed,
    Credentials,
    DropCopyClient,
    Endpoint,
    ExecutionReport,
    LogonRefused,
    OtherReportBooked,
    SqliteReports,
)


def client_of(data: Path, name: str, store: SqliteReports) -> DropCopyClient:
    ready = json.loads((data / "ready.json").read_text())
    session = next(
        (s for s in ready["drop_copy_sessions"] if name in ("", s["sender_comp_id"])), None
    )
    if session is None:
        sys.exit(f"no drop-copy session {name} in {data}/ready.json")
    ca_file = Path(ready["ca_file"]) if ready["ca_file"] else None
    return DropCopyClient(
        Endpoint(ready["host"], session["port"], tls=ready["tls"], ca_file=ca_file),
        Credentials(
            session["sender_comp_id"],
            session["target_comp_id"],
            session["api_key"],
            session["api_secret"],
        ),
        store,
    )


async def main(file: Path, data: Path, name: str) -> None:
    client = client_of(data, name, SqliteReports(file))
    await client.connect()
    async for event in client:  # goes on over reconnects; what was missed comes first
        if isinstance(event, ExecutionReport):  # each once
            print(
                f"{event.exec_id} {event.symbol} order {event.order_id} {event.exec_type} "
                f"{event.last_qty or ''} {event.last_px or ''}",
                flush=True,
            )


arguments = [*sys.argv[1:], *("reports.sqlite", "tidegate-data", "")[len(sys.argv) - 1 :]]
try:
    asyncio.run(main(Path(arguments[0]), Path(arguments[1]), arguments[2]))
except KeyboardInterrupt:
    pass
except (OSError, ConnectFailed, LogonRefused, OtherReportBooked) as error:
    sys.exit(str(error))  # no venue has been there, or runs there; or FILE is another venue's
