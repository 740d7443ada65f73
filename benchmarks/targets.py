"""The servers under measurement: how each is started, who logs on to it, how it is stopped."""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks import build
from benchmarks.workload import Login

HOST = "127.0.0.1"
ROOT = build.HERE.parent
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0

MAKER_FIRM = "ACME"
TAKER_FIRM = "BETA"
# As long as the venue's own, so that the frames of all targets have the same length.
PEER_COMP_ID = "BENCH-PEER"

# The venue's listeners start at 4000; the offsets tried keep clear of the ephemeral ports.
VENUE_PORTS = range(4000, 4006)
PORT_OFFSETS = range(11_000, 27_000, 200)


class TargetFailedError(Exception):
    """A server did not start or did not keep to the contract."""


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def free_port_offset() -> int:
    """An offset at which all FIX ports of the venue are free."""
    for offset in PORT_OFFSETS:
        try:
            for port in VENUE_PORTS:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((HOST, port + offset))
        except OSError:
            continue
        return offset
    raise TargetFailedError("no free range of ports for the venue")


@dataclass(frozen=True, slots=True)
class Running:
    """A started server: its process id and its two log-ins (the taker only for crossing)."""

    pid: int
    maker: Login
    taker: Login


class Target(ABC):
    """One server, started anew for every round so that each round begins with an empty book."""

    name: str

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._process: subprocess.Popen[str] | None = None

    @abstractmethod
    def start(self, folder: Path) -> Running:
        """Start with `folder` as the place for its data; return when it accepts logons."""

    def stop(self) -> None:
        """End the process: standard input closes, then SIGTERM, then SIGKILL."""
        process = self._process
        self._process = None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _spawn(self, command: list[str], folder: Path, *, stdout_to_file: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(
            part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part
        )
        with open(folder / "output.txt", "w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output if stdout_to_file else subprocess.PIPE,
                stderr=output,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": path},
            )

    def _failure(self, what: str, folder: Path) -> TargetFailedError:
        said = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
        return TargetFailedError(f"{self.name} {what}:\n{said[-2000:]}")

    def _wait_for_ready_line(self, folder: Path) -> str:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        line = process.stdout.readline().strip() if readable else ""
        if not line.startswith("ready"):
            raise self._failure("did not become ready", folder)
        return line

    def _peer_running(self, port: int) -> Running:
        assert self._process is not None
        return Running(
            self._process.pid,
            Login(HOST, port, MAKER_FIRM, PEER_COMP_ID),
            Login(HOST, port, TAKER_FIRM, PEER_COMP_ID),
        )


class Session:
    """`with Session(target, folder) as running`: starts and always stops."""

    def __init__(self, target: Target, folder: Path) -> None:
        """Nothing is started before the block is entered."""
        self._target = target
        self._folder = folder

    def __enter__(self) -> Running:
        """Start the target."""
        try:
            return self._target.start(self._folder)
        except BaseException:
            self._target.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the target."""
        self._target.stop()


class QuickFixPeer(Target):
    """The C++ acceptor on Debian's QuickFIX."""

    name = "quickfix"

    def __init__(self, build_dir: Path) -> None:
        """Compiles the acceptor; raises MissingPackageError when that is impossible."""
        super().__init__()
        self._program = build.quickfix_program("acceptor", build_dir)

    def start(self, folder: Path) -> Running:
        """See Target."""
        port = free_port()
        command = [str(self._program), str(port), str(build.DICTIONARY), PEER_COMP_ID]
        self._spawn([*command, MAKER_FIRM, TAKER_FIRM], folder, stdout_to_file=False)
        self._wait_for_ready_line(folder)
        return self._peer_running(port)


class FixcorePeer(Target):
    """The pure Python acceptor on `fixcore-engine`."""

    name = "fixcore"

    def start(self, folder: Path) -> Running:
        """See Target."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.fixcore_acceptor", str(port), PEER_COMP_ID]
        self._spawn([*command, MAKER_FIRM, TAKER_FIRM], folder, stdout_to_file=False)
        self._wait_for_ready_line(folder)
        return self._peer_running(port)


class NullServer(Target):
    """The C server with one canned answer, for the load client's own speed."""

    name = "null"

    def __init__(self, build_dir: Path) -> None:
        """Compiles the server."""
        super().__init__()
        self._program = build.c_program("nullserver", build_dir)

    def start(self, folder: Path) -> Running:
        """See Target."""
        self._spawn([str(self._program), PEER_COMP_ID, MAKER_FIRM], folder, stdout_to_file=False)
        return self._peer_running(int(self._wait_for_ready_line(folder).split()[1]))


def venue_command(override: str | None) -> list[str]:
    """The venue's command: the given one, else `tidegate` beside this Python, else the module."""
    if override is not None:
        return shlex.split(override)
    beside = Path(sys.executable).with_name("tidegate")
    if beside.exists():
        return [str(beside)]
    found = shutil.which("tidegate")
    return [found] if found else [sys.executable, "-m", "tidegate"]


def rollover_far_away(more: str = "") -> str:
    """A configuration whose daily rollover does not fall into the measurement, and that does not
    limit how many orders a client sends, nor makes a market of its own; `more` are further lines of
    its table `venue`, and tables behind it."""
    hour = "04" if time.gmtime().tm_hour >= 12 else "16"
    return (
        f'liquidity.enabled = false\n[rates]\ndefault_tier = "none"\n'
        f'[venue]\nrollover_at = "{hour}:00:00"\n{more}'
    )


class TidegateVenue(Target):
    """The venue itself, as a user starts it: plain TCP, UAT profile, its journal on disk."""

    name = "tidegate"

    def __init__(self, command: list[str], extra_args: list[str], more_config: str = "") -> None:
        """`command` runs the venue's command line; `extra_args` are added to `up`, `more_config`
        to its configuration, see `rollover_far_away`."""
        super().__init__()
        self.ready: dict[str, Any] = {}
        self._command = command
        self._extra_args = extra_args
        self._more_config = more_config

    def start(self, folder: Path) -> Running:
        """See Target."""
        data = folder / "data"
        offset = free_port_offset()
        command = [*self._command, "up", "--plain", "--data", str(data)]
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "venue.toml"
        config.write_text(rollover_far_away(self._more_config))
        command += ["--port-offset", str(offset), "--config", str(config), *self._extra_args]
        self._spawn(command, folder, stdout_to_file=True)
        ready = self.ready = self._wait_for_ready_file(data / "ready.json", folder)
        if ready["tls"]:
            raise TargetFailedError(
                "tidegate listens with TLS although it was started with --plain"
            )
        return Running(
            int(ready["pid"]),
            self.login(MAKER_FIRM),
            self.login(TAKER_FIRM),
        )

    def _wait_for_ready_file(self, path: Path, folder: Path) -> dict[str, Any]:
        assert self._process is not None
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            try:
                ready: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return ready
            except (OSError, ValueError):
                # Not written yet, or only half of it.
                pass
            if self._process.poll() is not None:
                raise self._failure("ended before it accepted logons", folder)
            time.sleep(0.02)
        raise self._failure(f"wrote no {path.name} within {START_TIMEOUT_S:.0f} s", folder)

    def login(self, firm: str) -> Login:
        """The first Spot trading session of a firm; the venue is started."""
        ready = self.ready
        for session in ready["sessions"]:
            spot = str(session["market"]).lower().startswith("spot")
            trading = str(session["role"]).lower() in ("trd", "trading", "trade")
            if session["firm"] == firm and spot and trading:
                return Login(
                    str(ready["host"]),
                    int(session["port"]),
                    session["sender_comp_id"],
                    session["target_comp_id"],
                    session["api_key"],
                    session["api_secret"],
                )
        raise TargetFailedError(f"ready.json names no spot trading session of {firm}")
