"""`python -m tests.overload.prober PORT FIRST COUNT`: the sessions that behave.

Logs on `COUNT` sessions from number `FIRST` on and keeps them. For each line `SECONDS` on standard
input it takes round trips on some of them in turn, one at a time: an order in, its New report out,
then the cancel of it in the same way. It answers with one line of JSON: the nanoseconds of each.
"""

from __future__ import annotations

import json
import re
import sys
import time

from tests.overload.sessions import Line
from tests.peers.socket_peer import utc_now

PROBED = 16
WARM_UP_S = 0.25  # of each phase, not counted
_ORDER_ID = re.compile(rb"\x0137=([^\x01]+)\x01")
_PAUSE_S = 0.0005  # between round trips: orders come one by one


def round_trips(line: Line) -> tuple[int, int]:
    """An order and its cancel; the nanoseconds each took."""
    order = line.order()
    began_ns = time.perf_counter_ns()
    line.socket.sendall(order)
    report = line.await_types(b"8", 1)
    entered_ns = time.perf_counter_ns() - began_ns
    found = _ORDER_ID.search(report)
    assert found is not None, report
    line.last_id += 1
    cancel = line.message(
        "F", f"11={line.last_id}|37={found[1].decode()}|54=1|55=BTC/USD|60={utc_now()}"
    )
    began_ns = time.perf_counter_ns()
    line.socket.sendall(cancel)
    line.await_types(b"8", 1)
    return entered_ns, time.perf_counter_ns() - began_ns


def main() -> None:
    port, first, count = map(int, sys.argv[1:])
    lines = [Line(port, number) for number in range(first, first + count)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for request in sys.stdin:
        counted_from_s = time.monotonic() + WARM_UP_S
        end_s = counted_from_s + float(request)
        trips: list[int] = []
        turn = 0
        while time.monotonic() < end_s:
            taken = round_trips(lines[turn % PROBED])
            if time.monotonic() >= counted_from_s:
                trips += taken
            turn += 1
            time.sleep(_PAUSE_S)
        sys.stdout.write(json.dumps(trips) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
