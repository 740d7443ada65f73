"""Processes beside the venue: both ends of the pipe that ties them to it.

`ChildProcess` is the venue's end: it starts the process, and again when it ends, in a thread of its
own, which waits and does nothing else. Whatever becomes of that process, trading does not notice.
`Parent` is the other end: the first line of standard input says what is to be done, and the pipe
stays open for as long as the venue lives.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from typing import Final

import msgspec
import structlog

RESTART_MIN_S: Final = 1.0
RESTART_MAX_S: Final = 60.0
STOP_WAIT_S: Final = 6.0  # it has five seconds for what is left

_log = structlog.get_logger("tidegate.children")


class ChildProcess:
    """Runs `python -m tidegate.NAME` from `start` to `stop`, with `options` as its first line."""

    def __init__(self, name: str, options: msgspec.Struct) -> None:
        self._name = name
        self._line = _line(options)
        self._command = (sys.executable, "-m", f"tidegate.{name}")
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name=f"tidegate-{name}", daemon=True)

    def start(self) -> None:
        """Return at once; the process comes."""
        self._thread.start()

    def give(self, options: msgspec.Struct) -> None:
        """What the process is told when it has to be started again."""
        with self._lock:
            self._line = _line(options)

    def stop(self) -> None:
        """Let it do what is left, for a bounded time, and end it: the history wants the journal
        written to its end before. Waits: not for the event loop's thread."""
        with self._lock:
            self._stopping.set()
            process = self._process
            if process is not None and process.stdin is not None:
                process.stdin.close()
        if process is not None:
            try:
                process.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                _log.warning(f"{self._name}_unfinished", reason=f"not done in {STOP_WAIT_S:g} s")
                process.kill()
        self._thread.join()

    def _keep(self) -> None:
        delay_s = RESTART_MIN_S
        while True:
            launched_s = time.monotonic()
            process = self._launch()
            if process is not None:
                code = process.wait()
                if self._stopping.is_set():
                    return
                if time.monotonic() - launched_s > RESTART_MAX_S:
                    delay_s = RESTART_MIN_S
                _log.warning(f"{self._name}_process_ended", code=code, restart_in_s=delay_s)
            if self._stopping.wait(delay_s):
                return
            delay_s = min(2 * delay_s, RESTART_MAX_S)

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
            except OSError as error:
                _log.warning(f"{self._name}_process_failed", reason=str(error))
                return None
            self._process = process
            assert process.stdin is not None
            # It may have ended already: `wait` tells.
            with contextlib.suppress(OSError):
                process.stdin.write(self._line)
                process.stdin.flush()
        return process


class Parent:
    """The other end of standard input: there while the venue lives."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.is_gone = False

    def first_line(self) -> bytes:
        """What stands before the first line's end."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._file, 1)
            if not byte:
                break
            line += byte
        return line

    def wait(self, seconds: float) -> None:
        """Return when the time has passed, or the parent is gone."""
        deadline = time.monotonic() + seconds
        while not self.is_gone:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self._file], [], [], max(0.0, left))
            if not readable:
                return
            self.is_gone = os.read(self._file, 4096) == b""


def _line(options: msgspec.Struct) -> bytes:
    return msgspec.json.encode(options) + b"\n"
