"""Codec and core alone: operations a second in one thread, no socket and no disk.

`python -m benchmarks.core` prints a table, `--json` one object `{name: operations per second}`.
Each figure is the best of several passes over limit orders like those of the canonical workload,
which rest, or every other one of which trades with the one before. With `TIDEGATE_PURE=1` the same
measures the interpreted core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Final

from tidegate.config import load
from tidegate.model.build import COMPILED
from tidegate.model.time import utc_timestamp
from tidegate.venue.machine import Venue
from tidegate.wire.framing import Framer
from tidegate.wire.message import Message
from tidegate.wire.render import frame_of
from tidegate.wire.validation import check

ORDERS: Final = 20_000
PASSES: Final = 5
READ_BYTES: Final = 16_384  # what one read of a socket may bring
NOW_NS: Final = 1_793_697_301_000_000_000
NOW_TEXT: Final = utc_timestamp(NOW_NS)


class _NoSecrets:
    def key(self, account: str) -> tuple[str, bytes]:
        return account, b"secret"

    def secret(self, name: str) -> bytes:
        return b"secret"


def _frame(number: int, msg_type: bytes, body: bytes, sender: bytes = b"ACME") -> bytes:
    return frame_of(
        b"35=%s\x0134=%d\x0149=%s\x0156=KRAKEN-TRD\x0152=%s\x01%s"
        % (msg_type, number, sender, NOW_TEXT, body)
    )


def _orders(count: int) -> list[bytes]:
    """Resting limit orders on both sides, over 200 prices."""
    frames = []
    for place in range(count):
        buying = place % 2 == 0
        tenths = 839_000 - place % 200 if buying else 841_000 + place % 200
        frames.append(
            _frame(
                place + 2,
                b"D",
                b"11=%d\x0155=BTC/USD\x0154=%d\x0140=2\x0144=%d.%d\x0138=0.001\x0159=1\x0160=%s\x01"
                % (place + 1, 1 if buying else 2, tenths // 10, tenths % 10, NOW_TEXT),
            )
        )
    return frames


def _crossing(count: int, sender: bytes, side: int) -> list[bytes]:
    """Orders of one firm, all at one price."""
    return [
        _frame(
            place + 2,
            b"D",
            b"11=%d\x0155=BTC/USD\x0154=%d\x0140=2\x0144=84000\x0138=0.001\x0159=1\x0160=%s\x01"
            % (place + 1, side, NOW_TEXT),
            sender,
        )
        for place in range(count)
    ]


def _venue() -> Venue:
    """A venue with two sessions logged on."""
    venue = Venue()
    venue.configure(load('rates.default_tier = "none"', _NoSecrets()).settings.encode(), NOW_NS)
    venue.start(NOW_NS)
    for session, sender in enumerate((b"ACME", b"BETA")):
        body = b"98=0\x01108=60\x01"
        venue.logon(session, session + 1, b"key", 1, _frame(1, b"A", body, sender), NOW_NS)
    venue.take_turn()
    venue.commit(0)
    return venue


def _best(count: int, run: Callable[[], None]) -> float:
    best_s = min(_seconds(run) for _ in range(PASSES))
    return count / best_s


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(orders: int = ORDERS) -> dict[str, float]:
    """Operations a second by name."""
    frames = _orders(orders)
    stream = b"".join(frames)
    chunks = [stream[at : at + READ_BYTES] for at in range(0, len(stream), READ_BYTES)]
    message = Message()

    def framing() -> None:
        framer = Framer()
        for chunk in chunks:
            framer.feed(chunk)

    def scanning() -> None:
        for frame in frames:
            message.scan(frame)

    def validating() -> None:
        for frame in frames:
            message.scan(frame)
            check(message, b"D")

    def core() -> None:
        venue = _venue()
        framer = Framer()
        position = 0
        for chunk in chunks:
            venue.frames(0, 1, framer.feed(chunk), NOW_NS)
            turn = venue.take_turn()
            venue.commit(position)
            position += len(turn)
        assert venue.engine.open_order_count == orders

    half = orders // 2
    pairs = list(zip(_crossing(half, b"ACME", 1), _crossing(half, b"BETA", 2), strict=True))

    def crossing() -> None:
        venue = _venue()
        position = 0
        for buy, sell in pairs:
            venue.frames(0, 1, [buy], NOW_NS)
            venue.frames(1, 2, [sell], NOW_NS)
            turn = venue.take_turn()
            venue.commit(position)
            position += len(turn)
        assert venue.engine.open_order_count == 0

    return {
        "frames found": _best(orders, framing),
        "frames scanned": _best(orders, scanning),
        "frames scanned and validated": _best(orders, validating),
        "resting orders, bytes in to bytes out": _best(orders, core),
        "orders that trade in pairs, bytes in to bytes out": _best(2 * half, crossing),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args()
    figures = measure(ORDERS if COMPILED else ORDERS // 4)
    if options.json:
        json.dump(figures, sys.stdout)
        return
    print(f"core {'compiled' if COMPILED else 'interpreted'}, best of {PASSES} passes")
    for name, figure in figures.items():
        print(f"{name:<52}{figure:>14,.0f} /s")


if __name__ == "__main__":
    main()
