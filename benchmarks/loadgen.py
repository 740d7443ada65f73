"""Runs the C load client against one server; reads the server's CPU time and memory around it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.workload import Login, Order, render

CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Below the heartbeat interval: a prepared stream has no room for an answer to a TestRequest.
RUN_TIMEOUT_S = 50


class RunFailedError(Exception):
    """The load client stopped: a refusal, a lost connection or a timeout."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far: CPU seconds (user and system) and resident bytes."""

    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the load client's own JSON, and what the server used for it."""

    result: dict[str, Any]
    cpu_s: float
    rss_before_bytes: int
    rss_after_bytes: int

    @property
    def elapsed_s(self) -> float:
        """From the first byte sent to the last expected report, in seconds."""
        return float(self.result["elapsed_ns"]) / 1e9


def usage(pid: int) -> Usage:
    """CPU time of all threads (/proc/<pid>/stat, resolution 1/CLK_TCK) and VmRSS (status)."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    # The name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
    fields = stat.rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    rss_kb = next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line)
    return Usage(cpu_s, rss_kb * 1024)


class LoadClient:
    """The compiled client and a folder for the prepared frames."""

    def __init__(self, program: Path, folder: Path) -> None:
        """`folder` must exist; files in it are overwritten with every run."""
        self._program = program
        self._folder = folder

    def run(
        self,
        mode: str,
        pid: int,
        parts: list[tuple[Login, list[Order]]],
        window: int,
        interval_us: int = 0,
    ) -> Run:
        """Play one workload: `pipelined` and `pingpong` take one part, `crossing` maker and taker.

        `window` is the number of orders without their last report, 0 for no bound; `interval_us`
        lies between two orders of `pingpong` at least. `pid` is the server's process. Raises
        RunFailedError with the load client's words.
        """
        command = [str(self._program), "--mode", mode, "--host", parts[0][0].host]
        command += ["--window", str(window), "--timeout", str(RUN_TIMEOUT_S)]
        command += ["--interval", str(interval_us)]
        for number, (login, orders) in enumerate(parts):
            suffix = "" if number == 0 else "2"
            path = self._folder / f"frames{suffix}.bin"
            path.write_bytes(render(login, orders))
            command += [f"--port{suffix}", str(login.port), f"--frames{suffix}", str(path)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as client:
            try:
                return self._converse(client, pid)
            finally:
                client.kill()

    @staticmethod
    def _converse(client: subprocess.Popen[str], pid: int) -> Run:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        if client.stdout.readline().strip() != "ready":
            raise RunFailedError(
                client.stderr.read().strip() or "the load client ended before its run"
            )
        before = usage(pid)
        client.stdin.write("go\n")
        client.stdin.flush()
        line = client.stdout.readline()
        if not line:
            raise RunFailedError(client.stderr.read().strip())
        after = usage(pid)
        client.stdin.close()
        if client.wait() != 0:
            raise RunFailedError(client.stderr.read().strip())
        return Run(json.loads(line), after.cpu_s - before.cpu_s, before.rss_bytes, after.rss_bytes)
