"""A venue in a process of its own: started, killed, started again on the same data and port.

The one wait is for `ready.json`: a bounded poll that ends as well when the process does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tidegate.client import Client, Credentials, Endpoint, LogonOptions
from tidegate.demo import config_without_rollover, free_port_offset

READY_WAIT_S = 30.0
STOP_WAIT_S = 15.0
_POLL_S = 0.02
_START_TRIES = 5

SOURCE = Path(__file__).resolve().parent.parent / "src"


class VenueDidNotStart(Exception):
    """The process ended or was not ready in time; the text is its log."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as `ready.json` names it."""

    firm: str
    account: str
    market: str
    role: str
    sender_comp_id: str
    target_comp_id: str
    port: int
    api_key: str
    api_secret: str

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.sender_comp_id, self.target_comp_id, self.api_key, self.api_secret)


class VenueProcess:
    """`python -m tidegate up` on one data directory. Use as a context manager: it is killed at the
    end, whatever happened. `config` is TOML to add to the built-in configuration, after its table
    `[venue]`; `arguments` are further ones of the command line."""

    def __init__(
        self,
        directory: Path,
        *,
        plain: bool = True,
        config: str = "",
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.directory = directory
        self.log_path = directory.with_name(directory.name + ".log")
        self.port_offset = -1  # chosen at the first start and then kept
        self.ready: dict[str, Any] = {}
        self._plain = plain
        self._config = config
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it is ready. Raises `VenueDidNotStart`."""
        assert not self.is_running
        if self.port_offset >= 0:
            self._start_once()
            return
        for attempt in range(_START_TRIES):
            self.port_offset = free_port_offset()
            try:
                self._start_once()
            except VenueDidNotStart as error:
                # Somebody else took the port between the look and the start.
                if "already in use" not in str(error).lower() or attempt == _START_TRIES - 1:
                    raise
                continue
            return

    def _start_once(self) -> None:
        command = [
            sys.executable, "-m", "tidegate", "up", "--data", str(self.directory),
            "--port-offset", str(self.port_offset), "--log-level", "warning", *self._arguments,
            *self._config_arguments(),
        ]  # fmt: skip
        if self._plain:
            command.append("--plain")
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.ready = self._wait_ready()

    def _config_arguments(self) -> list[str]:
        """Unless a test brings its own: the built-in configuration, the rollover far away, and
        no history, no market data and no market maker but where a test asks for it."""
        if "--config" in self._arguments:
            return []
        path = self.directory.with_name(self.directory.name + ".toml")
        if not path.exists():
            off = "" if "history" in self._config else 'history = "off"\n'
            off += "" if "market_data" in self._config else "market_data = false\n"
            still = "" if "liquidity" in self._config else "liquidity.enabled = false\n"
            venue = config_without_rollover(time.time()) + off
            path.write_text(still + venue + self._config)
        return ["--config", str(path)]

    def _wait_ready(self) -> dict[str, Any]:
        path = self.directory / "ready.json"
        deadline = time.monotonic() + READY_WAIT_S
        while time.monotonic() < deadline:
            ready = _read_json(path)
            if ready.get("pid") == self.pid:  # a killed venue leaves its file behind
                return ready
            if not self.is_running:
                raise VenueDidNotStart(self.log_path.read_text(errors="replace"))
            time.sleep(_POLL_S)
        self.kill()
        raise VenueDidNotStart(
            f"not ready within {READY_WAIT_S:g} s\n{self.log_path.read_text(errors='replace')}"
        )

    def kill(self) -> None:
        """kill -9, and wait for the end."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_WAIT_S)

    def freeze(self) -> None:
        """Stop the process where it is (SIGSTOP), until `kill`: lines stay up, nothing is read."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def terminate(self) -> int:
        """Ask it to stop (SIGTERM); its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_WAIT_S)

    def restart(self) -> None:
        """Start again on the same data and the same port."""
        self.start()

    @property
    def sessions(self) -> list[SessionInfo]:
        return [SessionInfo(**session) for session in self.ready["sessions"]]

    def session(self, firm: str) -> SessionInfo:
        """The first session of a firm: ACME, BETA, or the broker PRIME."""
        return next(session for session in self.sessions if session.firm == firm)

    @property
    def endpoint(self) -> Endpoint:
        ca_file = self.ready["ca_file"]
        return Endpoint(
            self.ready["host"],
            self.ready["ports"]["spot_trading"],
            tls=not self._plain,
            ca_file=None if self._plain or ca_file is None else Path(ca_file),
        )

    def client(self, firm: str, options: LogonOptions | None = None, **rest: Any) -> Client:
        """A client of a firm's session, not connected; `rest` goes to `Client`."""
        return Client(self.endpoint, self.session(firm).credentials, options, **rest)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return content
