"""`python -m tests.overload.misbehaving KIND PORT FIRST COUNT`: the sessions that do not behave.

`flood` sends as fast as the venue takes it: orders that rest, cancels of nothing, and messages that
are well framed and make no sense. `garbage` sends bytes that are no messages. `slow` are sessions
with much to get, for which they ask again and again: every other one reads a little at a time, the
rest nothing at all. All log on and say `ready`; the first line on standard input sets them off.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import threading
import time

from tests.overload.sessions import Line

BATCH = 500  # frames rendered at a time
HISTORY = 200  # reports a slow reader has to get, every time it asks
RESENDS_ASKED = 200  # each of them: fewer than the venue has patience for
SLOW_READ_BYTES = 2048
SLOW_READ_PAUSE_S = 0.02
RECEIVE_BYTES = 4096
SEND_BYTES = 32 * 1024


def flood(line: Line) -> None:
    """The answers are read by a thread: who does not read is another kind."""

    def discard() -> None:
        while line.socket.recv(1 << 18):
            pass

    threading.Thread(target=discard, daemon=True).start()
    while True:
        frames = []
        for number in range(BATCH):
            kind = number % 4
            if kind == 0:
                frames.append(line.order(rests=False))
            elif kind == 1:
                line.last_id += 1
                frames.append(line.message("F", f"11={line.last_id}|37=O-NONE|54=1|55=BTC/USD"))
            elif kind == 2:
                frames.append(line.message("D", "11=x|44=-|7=7|7=7"))
            else:
                frames.append(line.message("z", "1=2"))
        line.socket.sendall(b"".join(frames))


def garbage(line: Line, seed: int = 1) -> None:
    """Noise, half of it beginning like a message."""
    noise = random.Random(seed).randbytes(1 << 16)
    pieces = [noise[at : at + 100] for at in range(0, len(noise), 200)]
    block = b"8=FIX.4.4\x019=200\x0135=D\x01".join(pieces) + noise
    while True:
        line.socket.sendall(block)


def make_history(line: Line) -> None:
    """Orders that come and go, each with two reports, read as they come."""
    orders = HISTORY // 2
    line.socket.sendall(b"".join(line.order(rests=False) for _ in range(orders)))
    line.await_types(b"8", 2 * orders)


def slow(lines: list[Line]) -> None:
    for line in lines:
        line.socket.sendall(b"".join(line.message("2", "7=1|16=0") for _ in range(RESENDS_ASKED)))
    sockets = [line.socket for line in lines[::2]]
    while True:
        ready, _, _ = select.select(sockets, [], [], 1)
        for one in ready:
            if not one.recv(SLOW_READ_BYTES):
                raise ConnectionError("a slow reader was cut")
        time.sleep(SLOW_READ_PAUSE_S)


def main() -> None:
    kind = sys.argv[1]
    port, first, count = map(int, sys.argv[2:])
    lines = [Line(port, number) for number in range(first, first + count)]
    if kind == "slow":
        for line in lines:
            make_history(line)
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    for line in lines:  # so that a stopped process is soon silent
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if kind == "flood":
        flood(lines[0])
    elif kind == "garbage":
        garbage(lines[0])
    else:
        slow(lines)


if __name__ == "__main__":
    main()
