"""Market data to many subscribers, and what it costs trading: part of `make bench`.

    python -m benchmarks.fanout [--quick] [--subscribers 200] [--rate 400] [--json FILE]

Method. Venues run at once and take turns: without market data, with the market-data process and
nobody at it, with so many subscribers, and with as many of whom some do not read. Each subscriber
has the books of five pairs at one depth (10, 25 or 100 levels) and their trades; the subscribers
are connections of four processes in C. The flow (`flow.py`) first builds the recorded book; then
each round plays a stretch at a given rate, while a session of its own sends an order every
millisecond whose round trips are what is compared, and a stretch as fast as the venue answers.

- lag: from the moment at which the taker has the report of a trade to the moment at which a
  subscriber has the message with that trade; one clock, over all subscribers and trades
- updates/s: incremental refreshes that subscribers have read, to the last one of the stretch
- CPU of a process: its share of one core meanwhile, from /proc

The subscribers' processes are as nice as the market-data process: they would be elsewhere. The
peer is a C++ program on QuickFIX that sends the very messages one subscriber got to as many
sessions, as fast as it can (`quickfix_fanout/`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks import build, fanout_report
from benchmarks.fanout_report import Figures
from benchmarks.flow import SYMBOLS, FlowPlayer, Played, flow, flow_name
from benchmarks.loadgen import LoadClient, Run, RunFailedError, Usage, usage
from benchmarks.targets import (
    HOST,
    PEER_COMP_ID,
    Running,
    Session,
    Target,
    TargetFailedError,
    TidegateVenue,
    free_port,
    venue_command,
)
from benchmarks.workload import Login, frame, logon_frame, resting_orders, timestamp
from tidegate.feeds.status import FeedsUnreachable, ask
from tidegate.tapes.events import TapeEvent

OFF: Final = "no market data"
NOBODY: Final = "nobody"
SUBSCRIBERS: Final = "subscribers"
SLEEPERS: Final = "some asleep"

DEPTHS: Final = (10, 25, 100)
READER_PROCESSES: Final = 4
READER_NICE: Final = 5  # as the market-data process
PING_FIRM: Final = "PING"
PING_INTERVAL_US: Final = 1_000
BOOK_EVENTS: Final = 10_000 * len(SYMBOLS)  # the book that the recording begins with, and a while
DRAINED_S: Final = 0.5  # without an update: then all are there
DRAIN_WAIT_S: Final = 120.0
PEER_FRAMES: Final = 2_000  # that the peer sends to everybody
TARGET_COMP_ID: Final = "KRAKEN-MD"

_BALANCES: Final = ", ".join(
    f'{asset} = "1000000000000"' for asset in ("USD", "USDT", "BTC", "ETH", "SOL", "XRP", "LTC")
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is played. `rate` is events by the second; `asleep` of how many do not read."""

    rounds: int
    subscribers: int
    asleep: int
    rate: float
    paced_events: int
    fast_events: int
    pings: int


def config(subscribers: int, *, market_data: bool) -> str:
    """Three firms that trade, one that looks on."""
    text = f'history = "off"\nmarket_data = {str(market_data).lower()}\n'
    text += "[session_defaults]\nerrors_per_second_max = 1000000\n"
    for firm in ("ACME", "BETA", PING_FIRM):
        text += f'[[firm]]\nname = "{firm}"\n'
        text += f'account = [{{ id = "{firm}-1", balances = {{ {_BALANCES} }} }}]\n'
        text += f'[[firm.session]]\nsender_comp_id = "{firm}"\n'
    if subscribers:
        text += '[[firm]]\nname = "SCREENS"\naccount = [{ id = "SCREENS-1" }]\n'
        for name in names(subscribers):
            text += f'[[firm.session]]\nsender_comp_id = "{name}"\nrole = "market_data_l2"\n'
    return text


def names(count: int) -> list[str]:
    """CompIDs of subscribers."""
    return [f"SCREEN-{number:03}" for number in range(count)]


def subscription(name: str, depth: int) -> bytes:
    """A MarketDataRequest (35=V) for books and trades of all pairs."""
    pairs = "".join(f"55={symbol}\x01" for symbol in SYMBOLS)
    return frame(
        f"35=V\x0134=2\x0149={name}\x0156={TARGET_COMP_ID}\x0152={timestamp(time.time())}\x01"
        f"262=BENCH\x01263=1\x01264={depth}\x01267=3\x01269=0\x01269=1\x01269=2\x01"
        f"146={len(SYMBOLS)}\x01{pairs}"
    )


class Readers:
    """Processes of subscribers. With `port` of the venue they subscribe; those of the peer just
    log on."""

    def __init__(
        self, program: Path, folder: Path, port: int, count: int, *, asleep: int = 0, peer: bool
    ) -> None:
        """Return when everybody has its books. Raises RunFailedError."""
        self._processes: list[subprocess.Popen[str]] = []
        self._samples: list[Path] = []
        self.capture = folder / "captured.bin"
        everybody = names(count)
        target = PEER_COMP_ID if peer else TARGET_COMP_ID
        for place in range(READER_PROCESSES):
            frames = b""
            for number in range(place, count, READER_PROCESSES):
                login = Login(HOST, port, everybody[number], target)
                frames += logon_frame(login, time.time())
                if not peer:
                    frames += subscription(login.sender_comp_id, DEPTHS[number % len(DEPTHS)])
            path = folder / f"readers-{place}.bin"
            path.write_bytes(frames)
            samples = folder / f"samples-{place}.bin"
            self._samples.append(samples)
            command = ["nice", "-n", str(READER_NICE), str(program), "--host", HOST]
            command += ["--port", str(port), "--frames", str(path), "--samples", str(samples)]
            command += ["--refreshes", str(0 if peer else len(SYMBOLS))]
            command += ["--sleepers", str(_share(asleep, place))]
            if place == 0:
                command += ["--capture", str(self.capture)]
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for process in self._processes:
            if _line_of(process) != "ready":
                self.kill()
                raise RunFailedError("a subscriber was not served")

    def tell(self, word: str) -> dict[str, int]:
        """`count`, `sleep` or `wake`: sums of what came, and when the newest of it did."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(word + "\n")
            process.stdin.flush()
        answers: list[dict[str, int]] = [json.loads(_line_of(p)) for p in self._processes]
        total = {key: sum(answer[key] for answer in answers) for key in answers[0]}
        total["newest_ns"] = max(answer["newest_ns"] for answer in answers)
        return total

    def drained(self) -> dict[str, int]:
        """The counts once nothing more comes. Raises RunFailedError."""
        deadline = time.monotonic() + DRAIN_WAIT_S
        while time.monotonic() < deadline:
            counts = self.tell("count")
            if time.monotonic_ns() - counts["newest_ns"] > DRAINED_S * 1e9:
                return counts
            time.sleep(DRAINED_S / 5)
        raise RunFailedError("market data did not come to an end")

    def cpu_s(self) -> float:
        return sum(usage(process.pid).cpu_s for process in self._processes)

    def finish(self) -> list[tuple[int, int]]:
        """End them; when which trade was told to somebody. Raises RunFailedError."""
        told: list[tuple[int, int]] = []
        for process, path in zip(self._processes, self._samples, strict=True):
            assert process.stdin is not None
            process.stdin.close()
            if process.wait() != 0:
                raise RunFailedError("a subscriber missed something")
            words = array("q", path.read_bytes())
            told += zip(words[::2], words[1::2], strict=True)
        return told

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def _share(asleep: int, place: int) -> int:
    return len(range(place, asleep, READER_PROCESSES))


def _line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RunFailedError("the process of subscribers ended")
    return line


@dataclass(slots=True)
class Stretch:
    """One stretch of the flow at one venue."""

    played: Played
    seconds: float
    updates: int = 0
    updates_s: float = 0.0  # from its begin to the last update
    byte_count: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)  # by process


class Bench:
    """One venue with its flow and its subscribers, through all rounds."""

    def __init__(self, name: str, plan: Plan, command: list[str], extra: list[str]) -> None:
        self.name = name
        self.plan = plan
        self.has_market_data = name != OFF
        self.subscribers = plan.subscribers if name in (SUBSCRIBERS, SLEEPERS) else 0
        self.asleep = plan.asleep if name == SLEEPERS else 0
        more = config(self.subscribers, market_data=self.has_market_data)
        self.venue = TidegateVenue(command, extra, more)
        self.readers: Readers | None = None
        self.paced: list[Stretch] = []
        self.fast: list[Stretch] = []
        self.pings: list[Run] = []
        self.idle: dict[str, Usage] = {}
        self.subscribed: dict[str, Usage] = {}
        self.told: list[tuple[int, int]] = []
        self._events: Iterator[TapeEvent] = iter(())
        self._pids: dict[str, int] = {}

    def begin(self, running: Running, folder: Path, program: Path) -> None:
        """Log everybody on; the book is there, and nobody has anything left to do."""
        self._pids["venue"] = running.pid
        self._player = FlowPlayer(running.maker, running.taker)
        self._ping = self.venue.login(PING_FIRM)
        self._events = flow()
        self._player.play(list(islice(self._events, BOOK_EVENTS)), rate=0)
        if self.has_market_data:
            self._pids["market data"] = _caught_up(folder / "data")
        self.idle = self._usage()
        if self.subscribers:
            port = self.venue.ready["ports"]["spot_market_data_l2"]
            self.readers = Readers(
                program, folder, port, self.subscribers, asleep=self.asleep, peer=False
            )
            if self.asleep:
                self.readers.tell("sleep")

    def round(self, client: LoadClient) -> None:
        """One stretch at the rate, beside it the orders that are timed; then one at full speed."""
        runs: list[Run] = []
        errors: list[Exception] = []

        def ping() -> None:
            orders = resting_orders(self.plan.pings)
            try:
                pid = self._pids["venue"]
                runs.append(
                    client.run("pingpong", pid, [(self._ping, orders)], 1, PING_INTERVAL_US)
                )
            except RunFailedError as error:
                errors.append(error)

        pinging = threading.Thread(target=ping)
        pinging.start()
        self.paced.append(self._stretch(self.plan.paced_events, self.plan.rate))
        pinging.join()
        if errors:
            raise errors[0]
        self.pings += runs
        self.fast.append(self._stretch(self.plan.fast_events, 0))
        self.subscribed = self._usage()

    def end(self) -> None:
        if self.readers is not None:
            if self.asleep:
                self.readers.tell("wake")
                self.readers.drained()
            self.told = self.readers.finish()

    def _stretch(self, count: int, rate: float) -> Stretch:
        events = list(islice(self._events, count))
        if len(events) < count:
            raise RunFailedError("the flow is at its end: play less")
        readers = self.readers
        before = readers.drained() if readers is not None else {}
        used = self._cpu()
        started_s = time.monotonic()
        played = self._player.play(events, rate)
        stretch = Stretch(played, time.monotonic() - started_s)
        if readers is not None:
            after = readers.drained()
            stretch.updates = after["updates"] - before["updates"]
            stretch.byte_count = after["bytes"] - before["bytes"]
            stretch.updates_s = (after["newest_ns"] - played.started_ns) / 1e9
        stretch.cpu_s = {name: cpu - used[name] for name, cpu in self._cpu().items()}
        return stretch

    def _usage(self) -> dict[str, Usage]:
        return {name: usage(pid) for name, pid in self._pids.items()}

    def _cpu(self) -> dict[str, float]:
        found = {name: used.cpu_s for name, used in self._usage().items()}
        if self.readers is not None:
            found["subscribers"] = self.readers.cpu_s()
        return found


def _caught_up(data: Path) -> int:
    """The market-data process' id, once it is where the journal is. Raises RunFailedError."""
    deadline = time.monotonic() + DRAIN_WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(FeedsUnreachable):  # it may not be there yet
            overview = ask(data)
            if overview["behind_bytes"] == 0:
                return int(overview["pid"])
        time.sleep(0.1)
    raise RunFailedError("market data does not catch up")


# --- the peer -------------------------------------------------------------------------------------


class QuickFixFanout(Target):
    """The C++ program that sends files of messages to everybody."""

    name = "quickfix"

    def __init__(self, build_dir: Path, clients: list[str]) -> None:
        """Compiles the program; raises MissingPackageError when that is impossible."""
        super().__init__()
        self._program = build.quickfix_program("fanout", build_dir)
        self._clients = clients

    def start(self, folder: Path) -> Running:
        """See Target."""
        port = free_port()
        command = [str(self._program), str(port), PEER_COMP_ID, *self._clients]
        self._spawn(command, folder, stdout_to_file=False)
        self._wait_for_ready_line(folder)
        return self._peer_running(port)

    def send_all(self, path: Path) -> None:
        """Have the frames of a file sent to everybody."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        if not _line_of(self._process).startswith("done"):
            raise TargetFailedError("the QuickFIX peer did not send")


def play_peer(
    peer: QuickFixFanout, program: Path, folder: Path, frames: Path, count: int
) -> Figures:
    """Messages by the second, and CPU for each, of the peer."""
    with Session(peer, folder) as running:
        readers = Readers(program, folder, running.maker.port, count, peer=True)
        try:
            before, used = readers.drained(), usage(running.pid)
            started_ns = time.monotonic_ns()
            peer.send_all(frames)
            after, cpu_s = readers.drained(), usage(running.pid).cpu_s - used.cpu_s
        finally:
            readers.kill()
    updates = after["updates"] - before["updates"]
    return {
        "updates_per_s": updates / ((after["newest_ns"] - started_ns) / 1e9),
        "cpu_us_per_update": cpu_s * 1e6 / updates,
    }


def _shorten(path: Path, count: int) -> None:
    """Leave so many frames of a file."""
    begin = b"8=FIX.4.4\x01"
    frames = path.read_bytes().split(begin)[1 : count + 1]
    path.write_bytes(begin + begin.join(frames))


# --- a run ----------------------------------------------------------------------------------------


def measure(
    plan: Plan, command: list[str], extra: list[str], build_dir: Path, *, with_peer: bool
) -> fanout_report.Result:
    """All rounds. Raises MissingPackageError, BuildFailedError, TargetFailedError and
    RunFailedError."""
    program = build.c_program("feedreaders", build_dir)
    load = build.c_program("loadclient", build_dir)
    peer = QuickFixFanout(build_dir, names(plan.subscribers)) if with_peer else None
    kinds = (OFF, NOBODY, SUBSCRIBERS, *([SLEEPERS] if plan.asleep else []))
    benches = [Bench(name, plan, command, extra) for name in kinds]
    peers: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="tidegate-fanout-") as name, ExitStack() as stack:
        folder = Path(name)
        client = LoadClient(load, folder)
        for number, bench in enumerate(benches):
            place = folder / f"venue-{number}"
            running = stack.enter_context(Session(bench.venue, place))
            bench.begin(running, place, program)
            if bench.readers is not None:
                stack.callback(bench.readers.kill)
        for number in range(plan.rounds):
            print(f"fan-out, round {number + 1} of {plan.rounds}", file=sys.stderr)
            for bench in benches if number % 2 == 0 else reversed(benches):
                bench.round(client)
        for bench in benches:
            bench.end()
        if peer is not None:
            captured = next(b.readers.capture for b in benches if b.readers is not None)
            _shorten(captured, PEER_FRAMES)
            peers = [
                play_peer(peer, program, folder / f"peer-{number}", captured, plan.subscribers)
                for number in range(plan.rounds)
            ]
    return fanout_report.result(flow_name(), plan, benches, peers)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: measured; 1: something failed; 2: something to install is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--quick", action="store_true", help="one short round, to see that everything works")
    add("--rounds", type=int, help="rounds")
    add("--subscribers", type=int, default=200, help="how many (200)")
    add("--asleep", type=int, default=10, help="of whom do not read, in a venue of their own (10)")
    add("--rate", type=float, default=400, help="events of the flow by the second (400)")
    add("--without-quickfix", action="store_true", help="leave the C++ peer out")
    add("--venue-command", metavar="TEXT", help="instead of the installed `tidegate`")
    add("--venue-arg", metavar="ARG", action="append", default=[], help="added to `tidegate up`")
    add("--build-dir", metavar="DIR", type=Path, default=build.DEFAULT_BUILD_DIR)
    add("--json", metavar="FILE", type=Path, help="also write all figures to FILE")
    arguments = parser.parse_args(argv)
    plan = make_plan(
        quick=arguments.quick,
        rounds=arguments.rounds,
        subscribers=arguments.subscribers,
        asleep=arguments.asleep,
        rate=arguments.rate,
    )
    try:
        found = measure(
            plan,
            venue_command(arguments.venue_command),
            arguments.venue_arg,
            arguments.build_dir,
            with_peer=not arguments.without_quickfix,
        )
    except build.MissingPackageError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except (build.BuildFailedError, TargetFailedError, RunFailedError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print("\n".join(fanout_report.lines(found)))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def make_plan(
    *,
    quick: bool,
    rounds: int | None = None,
    subscribers: int = 200,
    asleep: int = 10,
    rate: float = 400.0,
) -> Plan:
    """The plan that is asked for; `rounds` None for the usual number."""
    seconds = 2 if quick else 5
    return Plan(
        rounds=rounds or (1 if quick else 5),
        subscribers=subscribers,
        asleep=min(asleep, subscribers),
        rate=rate,
        paced_events=int(rate * seconds),
        fast_events=2_000 if quick else 4_000,
        pings=seconds * 900,
    )


if __name__ == "__main__":
    sys.exit(main())
