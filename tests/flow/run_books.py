"""`python -m tests.flow.run_books [--events N]`: the recorded day and all market data of it.

Exit code 0 only if each message of each depth is the engine's book at that moment.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import uvloop

from tests.feeds.wire_truth import agree
from tests.flow.listener import Listener
from tests.flow.player import VENUE_CONFIG, Player
from tests.flow.tape import read_tape, tape_path
from tests.venue_process import VenueProcess


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=0, help="play so many events; 0 for all")
    parser.add_argument("--thinned", action="store_true", help="a smaller opening book")
    options = parser.parse_args()
    path = tape_path()
    if not path.exists():
        sys.stderr.write(f"no recorded day at {path}\n")
        return 2
    tape = list(islice(read_tape(path, thinned=options.thinned), options.events or None))
    with tempfile.TemporaryDirectory(prefix="tidegate-books-") as directory:
        data = Path(directory) / "data"
        config = f"market_data = true\n{VENUE_CONFIG}"
        with VenueProcess(data, config=config) as venue:
            started = time.perf_counter()
            listener = Listener(venue, Path(directory))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(Player(venue).play(listener.told_of(tape)))
            lines = listener.finish()
            _say(f"{len(tape)} events in {time.perf_counter() - started:.1f} s")
            if venue.terminate() != 0:
                return 1
        started = time.perf_counter()
        told = agree(data, lines)
    for line in lines:
        _say(f"{line.name}: {dict(line.counts)}")
    _say(
        f"every message agrees with the engine: {dict(told)}, {time.perf_counter() - started:.1f} s"
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
