"""`python -m tests.flow.run_flow [--events N] [--kills K]`: the recorded day through the FIX port.

Exit code 0 only if every order, execution and balance reconciles with the venue's books.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import uvloop

from tests.flow.player import VENUE_CONFIG, Player
from tests.flow.reconcile import reconcile
from tests.flow.tape import read_tape, tape_path
from tests.venue_process import VenueProcess


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=0, help="play so many events; 0 for all")
    parser.add_argument("--kills", type=int, default=3, help="kill -9 so many times on the way")
    parser.add_argument("--thinned", action="store_true", help="a smaller opening book")
    options = parser.parse_args()
    path = tape_path()
    if not path.exists():
        sys.stderr.write(f"no recorded day at {path}\n")
        return 2
    tape = list(islice(read_tape(path, thinned=options.thinned), options.events or None))
    kills = [len(tape) * (n + 1) // (options.kills + 1) for n in range(options.kills)]
    with tempfile.TemporaryDirectory(prefix="tidegate-flow-") as directory:
        data = Path(directory) / "data"
        with VenueProcess(data, config=VENUE_CONFIG) as venue:
            started = time.perf_counter()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

                async def play() -> Player:
                    player = Player(venue, kills)
                    await player.play(tape)
                    return player

                player = runner.run(play())
            seconds = time.perf_counter() - started
            code = venue.terminate()
            if code != 0:
                sys.stderr.write(f"the venue stopped with exit code {code}\n")
                return 1
        digest = reconcile(player, data)
    _print(player, seconds, len(kills), digest)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _print(player: Player, seconds: float, kills: int, digest: str) -> None:
    counts: Counter[str] = Counter()
    for firm, trader in player.traders.items():
        witness = trader.witness
        counts.update(trader.counts)
        _say(
            f"{firm}: {len(witness.orders)} orders, {len(witness.exec_ids)} reports "
            f"({witness.replayed} of them replayed), {witness.trades} fills, "
            f"{len(witness.open_orders)} open"
        )
    _say(f"{player.played} events in {seconds:.1f} s, {kills} kills: {dict(counts)}")
    _say(f"{player.status_asked} orders asked for by 35=H")
    _say(f"reconciled; state digest {digest}")


if __name__ == "__main__":
    sys.exit(main())
