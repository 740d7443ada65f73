"""`python -m tidegate` in processes of their own, with everything a test may want to do to them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.socket_peer import Login, Peer

SOURCE = Path(__file__).resolve().parents[2] / "src"
WAIT_S = 30.0
_POLL_S = 0.01
_FIRST_PORT = 4001  # Spot trading, before the offset


def environment(**more: str) -> dict[str, str]:
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200", **more}


def tidegate(
    *arguments: str | Path, given: bytes = b"", more: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tidegate", *map(str, arguments)],
        input=given,
        capture_output=True,
        timeout=WAIT_S,
        env=environment(**(more or {})),
        check=False,
    )


def wait_for(found: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    """A bounded poll; each look takes its own time."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
    raise AssertionError("not in time")


def free_offset() -> int:
    """A port offset whose Spot trading port is free now, below the ports that the system gives to
    outgoing connections, so that it stays free between a stop and a start."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port - _FIRST_PORT


class VenueFailed(Exception):
    """The process ended before it was ready."""


def copied(data: Path, target: Path) -> Path:
    """A copy of a data directory. The sockets that a killed venue leaves behind are no files."""
    ignored = shutil.ignore_patterns("*.sock")
    return Path(shutil.copytree(data, target, ignore=ignored))


def without_rollover(config: str) -> str:
    """The configuration with the rollover far from now, unless it sets its own: a test that runs
    at 22:00 UTC is not to be logged out. Two times of day are enough, and a later start on the
    same data will mostly find the same one. Nor does anybody follow the journal, for a history or
    for market data, or make a market, unless it says so."""
    line = ""
    if "rollover_at" not in config:
        line += f'rollover_at = "{"04" if time.gmtime().tm_hour >= 12 else "16"}:00:00"\n'
    if "history" not in config:
        line += 'history = "off"\n'
    if "market_data" not in config:
        line += "market_data = false\n"
    if "liquidity" not in config:
        config += "\n[liquidity]\nenabled = false\n"
    if "[venue]\n" in config:
        return config.replace("[venue]\n", f"[venue]\n{line}", 1)
    return f"[venue]\n{line}{config}"


def without_rate_limits(config: str) -> str:
    """The configuration with no tier for accounts that name none, unless it says something of rate
    limits: tests send more, and faster, than a client may."""
    return config if "rates" in config else f'{config}\n[rates]\ndefault_tier = "none"\n'


class Venue:
    """A venue on one data directory; killed at the end of the `with` block."""

    def __init__(
        self,
        data: Path,
        *,
        plain: bool = True,
        config: str | None = None,
        arguments: Sequence[str] = (),
        script: str | None = None,
        before_exec: Callable[[], None] | None = None,
        more_environment: dict[str, str] | None = None,
    ) -> None:
        """`script` is Python to run before the command line, `before_exec` runs in the child."""
        self.data = data
        self.log = data.with_name(data.name + ".log")
        self.out = data.with_name(data.name + ".out")
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.arguments = list(arguments)
        self._plain = plain
        self._script = script
        self._before_exec = before_exec
        self._environment = environment(**(more_environment or {}))
        self._offset: int | None = None
        self._config = config

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> Self:
        """Start and wait until it accepts logons; on another port where one is taken."""
        for _ in range(5):
            self.launch()
            try:
                return self._wait_ready()
            except VenueFailed as error:
                if "already in use" not in str(error):
                    raise
                self._offset = None
        raise AssertionError("no free port found")

    def configure(self, config: str) -> None:
        """What the next start finds in the file."""
        self._config = config

    def launch(self) -> None:
        assert self.process is None or self.process.poll() is not None
        if self._offset is None:
            self._offset = free_offset()
        up = [
            "up", "--data", str(self.data), "--port-offset", str(self._offset), *self.arguments
        ]  # fmt: skip
        if self._plain:
            up.append("--plain")
        path = self.data.with_name(self.data.name + ".toml")
        path.write_text(without_rate_limits(without_rollover(self._config or "")))
        up += ["--config", str(path)]
        command = [sys.executable, "-m", "tidegate", *up]
        if self._script is not None:
            main = f"{self._script}\nfrom tidegate.cli import main\nmain()"
            command = [sys.executable, "-c", main, *up]
        with self.log.open("ab") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=self._environment,
                preexec_fn=self._before_exec,
            )

    def _wait_ready(self) -> Self:
        assert self.process is not None
        path = self.data / "ready.json"
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            try:
                ready = json.loads(path.read_bytes())
            except FileNotFoundError:
                ready = {}
            if ready.get("pid") == self.process.pid:  # a killed venue leaves its file behind
                self.ready = ready
                return self
            if ended:
                raise VenueFailed(self.log_text())
            time.sleep(_POLL_S)
        self.kill()
        raise AssertionError(f"not ready in {WAIT_S} s\n{self.log_text()}")

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(WAIT_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(WAIT_S)

    def rss_bytes(self) -> int:
        """Memory of the process that is its own now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024

    def login(self, sender_comp_id: str) -> Login:
        session = next(s for s in self.ready["sessions"] if s["sender_comp_id"] == sender_comp_id)
        return Login(
            port=session["port"],
            sender_comp_id=sender_comp_id,
            target_comp_id=session["target_comp_id"],
            api_key=session["api_key"],
            api_secret=session["api_secret"],
            ca_file=self.ready["ca_file"],
            host=self.ready["host"],
        )

    def peer(
        self, sender_comp_id: str, *, next_out: int = 1, receive_bytes: int | None = None
    ) -> Peer:
        """A connection that has not logged on."""
        login = self.login(sender_comp_id)
        return Peer(login, next_out=next_out, receive_bytes=receive_bytes)

    def silent(self) -> socket.socket:
        """A TCP connection that says nothing, not even TLS."""
        return socket.create_connection((self.ready["host"], self.ready["ports"]["spot_trading"]))
